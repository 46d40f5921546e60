//! Workflows as pictures: Mermaid, DOT, SVG, and text for terminals.
//!
//! All four are drawn from one `Picture`, which is made of the compiled workflow: its nodes by level, its edges with kind and
//! condition, and the critical path of its plan. Whatever stands in ids, descriptions and conditions, the output is well formed;
//! control characters do not get into it.

mod dot;
mod layout;
mod mermaid;
mod svg;
mod text;

use std::fmt;

use serde_json::Value;

use crate::language::plan::{Estimate, plan};
use crate::workflow::{DependencyKind, Taken, Workflow};

/// The longest condition that is shown at its edge; the whole of it is in the title.
const CONDITION_CHARACTERS_MAX: usize = 40;

/// What a picture is written in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PictureFormat {
    /// For Markdown and wikis.
    Mermaid,
    /// For Graphviz.
    Dot,
    /// For browsers: light and dark, with titles.
    Svg,
    /// For terminals.
    Text,
}

impl PictureFormat {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Mermaid, Self::Dot, Self::Svg, Self::Text];

    /// Its name, as it is asked for.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Mermaid => "mermaid",
            Self::Dot => "dot",
            Self::Svg => "svg",
            Self::Text => "text",
        }
    }

    /// The format of that name.
    #[must_use]
    pub fn find(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|format| format.as_str() == name)
    }
}

impl fmt::Display for PictureFormat {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Draws a workflow. Pure, and bounded by the size of the workflow.
#[must_use]
pub fn draw(workflow: &Workflow, format: PictureFormat) -> String {
    let picture = Picture::of(workflow);
    match format {
        PictureFormat::Mermaid => mermaid::write(&picture),
        PictureFormat::Dot => dot::write(&picture),
        PictureFormat::Svg => svg::write(&picture),
        PictureFormat::Text => text::write(&picture),
    }
}

/// What is drawn.
#[derive(Debug, Clone)]
struct Picture {
    name: String,
    description: String,
    /// In topological order.
    nodes: Vec<Shown>,
    edges: Vec<Line>,
}

/// A node as it is drawn.
#[derive(Debug, Clone)]
struct Shown {
    id: String,
    shape: Shape,
    /// The type, as it stands in files.
    kind: String,
    /// Whom it calls, what it asks or decides.
    detail: String,
    /// The node's own condition.
    when: Option<String>,
    description: String,
    level: usize,
    critical: bool,
}

/// An edge as it is drawn.
#[derive(Debug, Clone)]
struct Line {
    from: usize,
    to: usize,
    kind: DependencyKind,
    /// Whether it is taken when the node before fails: `on_error: {goto: …}`.
    on_error: bool,
    when: Option<String>,
    critical: bool,
}

/// The outline of a node.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Shape {
    /// An agent.
    Round,
    /// A tool, or anything new.
    Box,
    /// Something with work of its own inside: `map`, `loop`, `workflow`.
    Double,
    /// A person.
    Hexagon,
    /// A decision.
    Diamond,
    /// Branches begin.
    Fork,
    /// Branches end.
    Join,
    /// Waiting.
    Pill,
    /// An event.
    Flag,
}

impl Shape {
    fn of(kind: &str) -> Self {
        match kind {
            "agent_call" => Self::Round,
            "human_gate" => Self::Hexagon,
            "condition" => Self::Diamond,
            "parallel" => Self::Fork,
            "join" => Self::Join,
            "map" | "loop" | "workflow" => Self::Double,
            "wait" => Self::Pill,
            "emit" => Self::Flag,
            _ => Self::Box,
        }
    }
}

impl Picture {
    fn of(workflow: &Workflow) -> Self {
        let plan = plan(workflow, &Estimate::declared);
        let place = |id: &String| workflow.find(id).map(|index| index.at());
        let path: Vec<usize> = plan.critical_path.iter().filter_map(place).collect();
        let mut next_on_path = vec![None; workflow.nodes.len()];
        path.windows(2).for_each(|pair| next_on_path[pair[0]] = Some(pair[1]));
        let mut edges = Vec::new();
        let mut nodes = Vec::with_capacity(workflow.nodes.len());
        for (to, (node, planned)) in workflow.nodes.iter().zip(&plan.nodes).enumerate() {
            for parent in &node.parents {
                let from = parent.parent.at();
                edges.push(Line {
                    from,
                    to,
                    kind: parent.kind,
                    on_error: parent.taken == Taken::OnFailure,
                    when: parent.when.as_ref().map(|when| printable(when.text())),
                    critical: next_on_path[from] == Some(to),
                });
            }
            let kind = node.kind.type_name();
            nodes.push(Shown {
                id: node.id.to_string(),
                shape: Shape::of(kind),
                kind: kind.to_owned(),
                detail: printable(&detail(&workflow.document["nodes"][node.id.as_str()])),
                when: node.when.as_ref().map(|when| printable(when.text())),
                description: printable(&node.description),
                level: node.level as usize,
                critical: planned.critical,
            });
        }
        Self { name: workflow.name.to_string(), description: printable(&workflow.description), nodes, edges }
    }
}

/// What a node says about itself in one word or sentence.
fn detail(node: &Value) -> String {
    let text = |key: &str| node[key].as_str().map(str::to_owned);
    let capability = || text("capability").map(|name| format!("any {name}"));
    let own = match node["type"].as_str().unwrap_or_default() {
        "agent_call" => text("agent").or_else(capability),
        "tool_call" => text("tool").or_else(capability),
        "human_gate" => text("action"),
        "condition" => text("when"),
        "join" => text("require"),
        "map" => text("over"),
        "loop" => text("until"),
        "workflow" => text("workflow"),
        "wait" => text("for")
            .or_else(|| text("until"))
            .or_else(|| node["signal"]["name"].as_str().map(str::to_owned)),
        "emit" => text("event"),
        _ => None,
    };
    own.unwrap_or_default()
}

/// A text without line breaks and other control characters.
fn printable(text: &str) -> String {
    let is_hidden = |c: char| {
        c.is_control() || matches!(c, '\u{2028}' | '\u{2029}' | '\u{feff}' | '\u{fffe}' | '\u{ffff}')
    };
    text.chars().map(|c| if is_hidden(c) { ' ' } else { c }).collect()
}

/// At most so many characters.
fn cut(text: &str, characters_max: usize) -> String {
    if text.chars().nth(characters_max).is_none() {
        return text.to_owned();
    }
    text.chars().take(characters_max.saturating_sub(1)).chain(['…']).collect()
}

impl Line {
    /// What stands at it: its kind, unless it is the usual one, and its condition.
    fn label(&self) -> String {
        let kind = match self.kind {
            _ if self.on_error => "on error",
            DependencyKind::Hard => "",
            DependencyKind::Soft => "soft",
            DependencyKind::Optional => "optional",
        };
        let when = self.when.as_deref().map(|when| cut(when, CONDITION_CHARACTERS_MAX));
        match (kind, when) {
            ("", when) => when.unwrap_or_default(),
            (kind, None) => kind.to_owned(),
            (kind, Some(when)) => format!("{kind}: {when}"),
        }
    }
}

impl Shown {
    /// Its second line: type and detail.
    fn caption(&self, characters_max: usize) -> String {
        let whole = if self.detail.is_empty() {
            self.kind.clone()
        } else {
            format!("{} · {}", self.kind, self.detail)
        };
        cut(&whole, characters_max)
    }
}

#[cfg(test)]
mod tests;
