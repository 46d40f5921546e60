//! DOT: what Graphviz draws.

use std::fmt::Write;

use super::{Picture, Shape};
use crate::workflow::DependencyKind;

pub(super) fn write(picture: &Picture) -> String {
    let mut out = format!("digraph {} {{\n", quoted(&picture.name));
    out.push_str("  rankdir=TB;\n  bgcolor=\"transparent\";\n  node [fontname=\"sans-serif\", fontsize=11];\n  edge [fontname=\"sans-serif\", fontsize=9];\n");
    // Writing into a text does not fail.
    if !picture.description.trim().is_empty() {
        let _ = writeln!(out, "  label={};", quoted(&picture.description));
    }
    for (at, node) in picture.nodes.iter().enumerate() {
        let shape = match node.shape {
            Shape::Round => "shape=box, style=rounded",
            Shape::Box => "shape=box",
            Shape::Double => "shape=box, peripheries=2",
            Shape::Hexagon => "shape=hexagon",
            Shape::Diamond => "shape=diamond",
            Shape::Fork => "shape=trapezium",
            Shape::Join => "shape=invtrapezium",
            Shape::Pill => "shape=oval",
            Shape::Flag => "shape=cds",
        };
        let label = format!("{}\\n{}", escaped(&node.id), escaped(&node.caption(60)));
        let width = if node.critical { ", penwidth=2.5" } else { "" };
        let tooltip = if node.description.is_empty() { &node.id } else { &node.description };
        let _ = writeln!(out, "  n{at} [label=\"{label}\", tooltip={}, {shape}{width}];", quoted(tooltip));
    }
    for edge in &picture.edges {
        let style = match edge.kind {
            _ if edge.on_error => "dashed",
            DependencyKind::Hard => "solid",
            DependencyKind::Soft => "dashed",
            DependencyKind::Optional => "dotted",
        };
        let mut attributes = format!("style={style}");
        let label = edge.label();
        if !label.is_empty() {
            let _ = write!(attributes, ", label={}", quoted(&label));
        }
        if edge.critical {
            attributes.push_str(", penwidth=2.5");
        }
        let _ = writeln!(out, "  n{} -> n{} [{attributes}];", edge.from, edge.to);
    }
    out.push_str("}\n");
    out
}

fn quoted(text: &str) -> String {
    format!("\"{}\"", escaped(text))
}

/// Text between quotes: a backslash begins an escape there, also at the end.
fn escaped(text: &str) -> String {
    text.replace('\\', "\\\\").replace('"', "\\\"")
}
