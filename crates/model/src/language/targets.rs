//! Whom a workflow calls, and whether they exist.
//!
//! Which agents there are is not known when a workflow is compiled; who knows them asks here.

use crate::diagnostic::{Code, Diagnostic, Span};
use crate::failure::EffectClass;
use crate::ids::Name;
use crate::workflow::{Aside, Call, Node, NodeKind, Target, Workflow};

use super::outline::Outline;
use super::reader::{DIAGNOSTICS_MAX, nearest, quoted};
use super::schema::Schema;
use super::{supervision, types};

/// An agent or a tool that is registered and enabled.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KnownAgent {
    /// Its name.
    pub name: Name,
    /// What it offers.
    pub capabilities: Vec<Name>,
    /// What calling it twice does.
    pub effect: EffectClass,
    /// What an input must look like.
    pub input_schema: Option<Schema>,
    /// What an output must look like.
    pub output_schema: Option<Schema>,
}

/// A file with an agent that is not among those that are known.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AgentFile {
    /// Its name within its folder.
    pub file: String,
    /// The agent, by what the file says, or by how it is called.
    pub agent: Name,
    /// What the agent offers; nothing is known of that where the file has mistakes.
    pub capabilities: Vec<Name>,
    /// Whether the file can be used as it is.
    pub is_usable: bool,
}

/// A call of a workflow.
#[derive(Debug, Clone, Copy)]
pub struct CallAt<'w> {
    /// The node that calls.
    pub node: &'w Node,
    /// Whom it calls.
    pub call: &'w Call,
    /// In how many maps and loops it stands.
    pub depth: usize,
    /// As what it stands beside another call.
    pub aside: Option<Aside>,
}

impl CallAt<'_> {
    /// Where in the document it names its target.
    #[must_use]
    pub fn pointer(&self) -> String {
        let aside = self.aside.map_or("", Aside::pointer);
        pointer(&format!("/nodes/{}{}{aside}", self.node.id, "/node".repeat(self.depth)), self.call)
    }

    /// Its name, for messages: `restart`, `restart.verify`.
    #[must_use]
    pub fn name(&self) -> String {
        match self.aside {
            None => self.node.id.to_string(),
            Some(aside) => format!("{}.{}", self.node.id, aside.as_str()),
        }
    }
}

impl Workflow {
    /// The calls of the workflow, those inside of maps and loops and beside others included, in topological order.
    pub fn targets(&self) -> impl Iterator<Item = CallAt<'_>> {
        self.nodes.iter().flat_map(calls)
    }
}

/// The calls of a node, those inside of it and beside it included.
pub(super) fn calls(node: &Node) -> impl Iterator<Item = CallAt<'_>> {
    let innermost = std::iter::successors(Some(node), |node| node.kind.body());
    let (depth, node) = innermost.enumerate().last().unwrap_or((0, node));
    let beside = node.asides().map(|(aside, node)| (Some(aside), node));
    std::iter::once((None, node)).chain(beside).filter_map(move |(aside, node)| match &node.kind {
        NodeKind::Call(call) => Some(CallAt { node, call, depth, aside }),
        _ => None,
    })
}

/// Whom a call of a document names, and where.
#[derive(Debug)]
pub(super) struct Named {
    pub target: Target,
    /// Whether it is named as a tool.
    pub tool: bool,
    pub span: Span,
}

/// Says which calls name an agent or a capability that nobody of `known` is or offers, which of them may write although
/// the workflow's strategy would cut them off, and where what is read or given is not what the agents' schemas declare. The
/// diagnostics know their JSON pointer; [`super::Compiled::check_agents`] knows their places in the text too.
#[must_use]
pub fn check_targets(workflow: &Workflow, known: &[KnownAgent]) -> Vec<Diagnostic> {
    let named = workflow.targets().map(|at| (at.pointer(), &at.call.target, at.call.tool));
    let mut diagnostics = check_names(named, known);
    diagnostics.extend(check_outline(&Outline::of(workflow), Some(known)));
    diagnostics
}

/// Which of these names nobody has: where they stand, whom they mean, and whether they mean a tool.
pub(super) fn check_names<'n>(
    named: impl Iterator<Item = (String, &'n Target, bool)>,
    known: &[KnownAgent],
) -> Vec<Diagnostic> {
    let unknown = |(path, target, tool): (String, &'n Target, bool)| {
        let diagnostic = match target {
            Target::Agent(name) if known.iter().any(|agent| agent.name == *name) => return None,
            Target::Agent(name) => {
                let what = if tool { "tool" } else { "agent" };
                let names = known.iter().map(|agent| agent.name.as_str());
                let message = format!("no {what} `{name}` is registered");
                suggest(Diagnostic::new(Code::UnknownAgent, Span::default(), message), name, names)
            }
            Target::Capability(name) if known.iter().any(|agent| agent.capabilities.contains(name)) => {
                return None;
            }
            Target::Capability(name) => {
                let mut names: Vec<&str> =
                    known.iter().flat_map(|agent| &agent.capabilities).map(Name::as_str).collect();
                names.sort_unstable();
                names.dedup();
                let message = format!("no registered agent offers the capability `{name}`");
                suggest(Diagnostic::new(Code::UnknownCapability, Span::default(), message), name, names)
            }
        };
        Some(Diagnostic { path, ..diagnostic })
    };
    named.filter_map(unknown).take(DIAGNOSTICS_MAX).collect()
}

/// What the agents' definitions say against what is known of a document; without agents, what it has to declare itself.
pub(super) fn check_outline(outline: &Outline<'_>, known: Option<&[KnownAgent]>) -> Vec<Diagnostic> {
    let mut diagnostics = supervision::check_agents(outline, known);
    diagnostics.extend(known.map(|known| types::check::check(outline, known)).unwrap_or_default());
    diagnostics
}

/// Whether a diagnostic says that somebody who is called is not known.
pub(super) fn is_unknown(diagnostic: &Diagnostic) -> bool {
    matches!(diagnostic.code, Code::UnknownAgent | Code::UnknownCapability)
}

/// What to do about somebody who is not known and whom one of these files defines: that a file is there explains more than a name
/// that is near.
pub(super) fn help_of_files(target: &Target, files: &[AgentFile]) -> Option<String> {
    let found = files.iter().find(|file| match target {
        Target::Agent(name) => file.agent == *name,
        Target::Capability(name) => file.capabilities.contains(name),
    });
    let AgentFile { file, is_usable, .. } = found?;
    Some(match is_usable {
        true => format!("the file `{file}` defines it and is not loaded yet: `ghostlight agents reload`"),
        false => format!("the file `{file}` is to define it and has mistakes: `ghostlight check` tells them"),
    })
}

fn suggest<'n>(
    diagnostic: Diagnostic,
    name: &Name,
    known: impl IntoIterator<Item = &'n str> + Clone,
) -> Diagnostic {
    match nearest(name.as_str(), known.clone()) {
        Some(near) => diagnostic.help(format!("did you mean `{near}`?")),
        None => {
            let known = quoted(known);
            diagnostic.help(if known.is_empty() {
                "there is none at all".to_owned()
            } else {
                format!("there are {known}")
            })
        }
    }
}

/// Where in the document a call of the node at this JSON pointer names its target.
pub(super) fn pointer(node: &str, call: &Call) -> String {
    let key = match (&call.target, call.tool) {
        (Target::Capability(_), _) => "capability",
        (Target::Agent(_), true) => "tool",
        (Target::Agent(_), false) => "agent",
    };
    format!("{node}/{key}")
}
