//! Mermaid: what Markdown files and wikis draw.

use std::fmt::Write;

use super::{Picture, Shape};
use crate::workflow::DependencyKind;

pub(super) fn write(picture: &Picture) -> String {
    let mut out = String::from("flowchart TD\n");
    // Writing into a text does not fail.
    let _ = writeln!(out, "  accTitle: {}", plain(&picture.name));
    if !picture.description.trim().is_empty() {
        let _ = writeln!(out, "  accDescr: {}", plain(&picture.description));
    }
    for (at, node) in picture.nodes.iter().enumerate() {
        let (open, close) = match node.shape {
            Shape::Round => ("(", ")"),
            Shape::Box => ("[", "]"),
            Shape::Double => ("[[", "]]"),
            Shape::Hexagon => ("{{", "}}"),
            Shape::Diamond => ("{", "}"),
            Shape::Fork => ("[/", "\\]"),
            Shape::Join => ("[\\", "/]"),
            Shape::Pill => ("([", "])"),
            Shape::Flag => (">", "]"),
        };
        let (id, caption) = (escaped(&node.id), escaped(&node.caption(60)));
        // Numbers name the nodes: an id may be a word of Mermaid.
        let _ = writeln!(out, "  n{at}{open}\"{id}<br/>{caption}\"{close}");
    }
    for edge in &picture.edges {
        let arrow = match (edge.kind, edge.critical) {
            _ if edge.on_error => "-.->",
            (DependencyKind::Hard, true) => "==>",
            (DependencyKind::Hard, false) => "-->",
            (DependencyKind::Soft | DependencyKind::Optional, _) => "-.->",
        };
        let label = match edge.label() {
            label if label.is_empty() => String::new(),
            label => format!("|\"{}\"|", escaped(&label)),
        };
        let _ = writeln!(out, "  n{} {arrow}{label} n{}", edge.from, edge.to);
    }
    let critical: Vec<String> = picture
        .nodes
        .iter()
        .enumerate()
        .filter(|(_, node)| node.critical)
        .map(|(at, _)| format!("n{at}"))
        .collect();
    if !critical.is_empty() {
        let _ =
            writeln!(out, "  classDef critical stroke-width:3px\n  class {} critical", critical.join(","));
    }
    out
}

/// Text between quotes: whatever might mean something to Mermaid, HTML or Markdown is written as its number.
fn escaped(text: &str) -> String {
    let mut out = String::new();
    for character in text.chars() {
        if character.is_alphanumeric() || " _-.,:()=+/·…".contains(character) {
            out.push(character);
        } else {
            let _ = write!(out, "#{};", u32::from(character));
        }
    }
    out
}

/// Text of a line of its own, where numbers are not read: without what might end it.
fn plain(text: &str) -> String {
    let kept = text.chars().map(|c| if c.is_alphanumeric() || " _-.,:()=+/".contains(c) { c } else { ' ' });
    kept.collect::<String>().trim().to_owned()
}
