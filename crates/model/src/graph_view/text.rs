//! Text for terminals: one line for each node, by level, with what it waits for.

use std::fmt::Write;

use super::Picture;

pub(super) fn write(picture: &Picture) -> String {
    let levels = picture.nodes.iter().map(|node| node.level + 1).max().unwrap_or(0);
    let count = |number: usize, what: &str| format!("{number} {what}{}", if number == 1 { "" } else { "s" });
    let mut out =
        format!("{}: {}, {}", picture.name, count(picture.nodes.len(), "node"), count(levels, "level"));
    // Writing into a text does not fail.
    let _ = writeln!(
        out,
        "{}",
        if picture.description.is_empty() { String::new() } else { format!("\n{}", picture.description) }
    );
    let mut order: Vec<usize> = (0..picture.nodes.len()).collect();
    order.sort_by_key(|at| picture.nodes[*at].level);
    let mut parents: Vec<Vec<String>> = vec![Vec::new(); picture.nodes.len()];
    for edge in &picture.edges {
        let label = match edge.label() {
            label if label.is_empty() => String::new(),
            label => format!(" [{label}]"),
        };
        parents[edge.to].push(format!("{}{label}", picture.nodes[edge.from].id));
    }
    let width = picture.nodes.iter().map(|node| node.id.len()).max().unwrap_or(0);
    let captions: Vec<String> = picture.nodes.iter().map(|node| node.caption(44)).collect();
    let caption_width = captions.iter().map(|caption| caption.chars().count()).max().unwrap_or(0);
    let number_width = levels.saturating_sub(1).to_string().len();
    let mut last = None;
    for at in order {
        let node = &picture.nodes[at];
        let number = if last == Some(node.level) { String::new() } else { node.level.to_string() };
        last = Some(node.level);
        let mark = if node.critical { '*' } else { ' ' };
        let mut line =
            format!("{number:>number_width$} {mark} {:<width$}  {:<caption_width$}", node.id, captions[at]);
        if !parents[at].is_empty() {
            let _ = write!(line, "  <- {}", parents[at].join(", "));
        }
        if let (Some(when), true) = (&node.when, node.kind != "condition") {
            let _ = write!(line, "  when {when}");
        }
        let _ = writeln!(out, "{}", line.trim_end());
    }
    out.push_str("* critical path\n");
    out
}
