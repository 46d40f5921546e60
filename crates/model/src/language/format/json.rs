//! Documents of JSON: the same layout, with the signs of JSON and without comments.

use super::WIDTH_MAX;
use super::tree::{Collection, Node};

/// Writes a document.
pub(super) fn write(root: &Node) -> String {
    let mut out = String::new();
    match root {
        Node::Map(all) if !all.children.is_empty() => broken(&mut out, all, 0, ('{', '}'), true),
        _ => node(&mut out, root, 0, 0, false),
    }
    out.push('\n');
    out
}

/// Writes a value that begins in `column`: on one line where it fits, unless it is always broken.
fn node(out: &mut String, value: &Node, indent: usize, column: usize, is_broken: bool) {
    // A comma may follow.
    let left = WIDTH_MAX.saturating_sub(column + 1);
    if !is_broken && let Some(line) = one_line(value, left) {
        out.push_str(&line);
        return;
    }
    match value {
        Node::Map(all) if !all.children.is_empty() => broken(out, all, indent, ('{', '}'), false),
        Node::List(all) if !all.children.is_empty() => broken(out, all, indent, ('[', ']'), false),
        _ => out.push_str(&one_line(value, usize::MAX).unwrap_or_default()),
    }
}

/// Writes a collection over several lines.
fn broken(out: &mut String, all: &Collection, indent: usize, (open, close): (char, char), is_document: bool) {
    out.push(open);
    let inside = indent + 2;
    for (index, child) in all.children.iter().enumerate() {
        out.push_str(if index == 0 { "\n" } else { ",\n" });
        if child.blank && index > 0 {
            out.push('\n');
        }
        let key = if open == '{' { format!("{}: ", text(&child.key)) } else { String::new() };
        out.push_str(&format!("{:inside$}{key}", ""));
        let is_broken = is_document && matches!(child.key.as_str(), "nodes" | "edges");
        node(out, &child.value, inside, inside + key.chars().count(), is_broken);
    }
    out.push_str(&format!("\n{:indent$}{close}", ""));
}

fn one_line(value: &Node, width: usize) -> Option<String> {
    let spaced = width != usize::MAX && value.is_spaced();
    let line = match value {
        _ if spaced => return None,
        Node::Null => "null".to_owned(),
        Node::Bool(flag) => flag.to_string(),
        Node::Number(number) => number.clone(),
        Node::Text(content) => text(content),
        Node::List(all) | Node::Map(all) => {
            let is_map = matches!(value, Node::Map(_));
            let mut left = width;
            let mut parts = Vec::new();
            for child in &all.children {
                let key = if is_map { format!("{}: ", text(&child.key)) } else { String::new() };
                let part = key + &one_line(&child.value, left)?;
                left = left.checked_sub(part.chars().count())?;
                parts.push(part);
            }
            match (is_map, parts.is_empty()) {
                (true, true) => "{}".to_owned(),
                (true, false) => format!("{{ {} }}", parts.join(", ")),
                (false, _) => format!("[{}]", parts.join(", ")),
            }
        }
    };
    (line.chars().count() <= width).then_some(line)
}

fn text(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}
