//! Whom a workflow calls, and whether they exist.
//!
//! Which agents there are is not known when a workflow is compiled; who knows them asks here.

use crate::diagnostic::{Code, Diagnostic, Span};
use crate::failure::EffectClass;
use crate::ids::Name;
use crate::workflow::{Aside, Call, Node, NodeKind, Target, Workflow};

use super::reader::{nearest, quoted};
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
        self.nodes.iter().flat_map(|node| {
            let innermost = std::iter::successors(Some(node), |node| node.kind.body());
            let (depth, node) = innermost.enumerate().last().unwrap_or((0, node));
            let beside = node.asides().map(|(aside, node)| (Some(aside), node));
            std::iter::once((None, node)).chain(beside).filter_map(move |(aside, node)| match &node.kind {
                NodeKind::Call(call) => Some(CallAt { node, call, depth, aside }),
                _ => None,
            })
        })
    }
}

/// Says which calls name an agent or a capability that nobody of `known` is or offers, which of them may write although
/// the workflow's strategy would cut them off, and where what is read or given is not what the agents' schemas declare. The diagnostics know their JSON pointer; [`super::Compiled::locate`] adds
/// the place in the text.
#[must_use]
pub fn check_targets(workflow: &Workflow, known: &[KnownAgent]) -> Vec<Diagnostic> {
    let mut diagnostics = Vec::new();
    for at in workflow.targets() {
        let call = at.call;
        let diagnostic = match &call.target {
            Target::Agent(name) if known.iter().any(|agent| agent.name == *name) => continue,
            Target::Agent(name) => {
                let what = if call.tool { "tool" } else { "agent" };
                let names = known.iter().map(|agent| agent.name.as_str());
                let message = format!("no {what} `{name}` is registered");
                suggest(Diagnostic::new(Code::UnknownAgent, Span::default(), message), name, names)
            }
            Target::Capability(name) if known.iter().any(|agent| agent.capabilities.contains(name)) => {
                continue;
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
        diagnostics.push(Diagnostic { path: at.pointer(), ..diagnostic });
    }
    diagnostics.extend(supervision::check_agents(workflow, Some(known)));
    diagnostics.extend(types::check::check(workflow, known));
    diagnostics
}

/// Says of the targets that [`check_targets`] did not find which of these files would define them, and what to do about it: that a
/// file is there explains more than a name that is near.
pub fn point_to_files(workflow: &Workflow, files: &[AgentFile], diagnostics: &mut [Diagnostic]) {
    for at in workflow.targets() {
        let found = files.iter().find(|file| match &at.call.target {
            Target::Agent(name) => file.agent == *name,
            Target::Capability(name) => file.capabilities.contains(name),
        });
        let Some(AgentFile { file, is_usable, .. }) = found else { continue };
        let (unknown, path) = (is_unknown_target, at.pointer());
        for diagnostic in diagnostics.iter_mut().filter(|it| unknown(it) && it.path == path) {
            diagnostic.help = Some(match is_usable {
                true => {
                    format!("the file `{file}` defines it and is not loaded yet: `ghostlight agents reload`")
                }
                false => format!(
                    "the file `{file}` is to define it and has mistakes: `ghostlight check` tells them"
                ),
            });
        }
    }
}

/// Whether a diagnostic says that somebody who is called is not known.
#[must_use]
pub fn is_unknown_target(diagnostic: &Diagnostic) -> bool {
    matches!(diagnostic.code, Code::UnknownAgent | Code::UnknownCapability)
}

/// The same where no agent is known: says which calls have to declare their effect, because the workflow's strategy would
/// cut them off.
#[must_use]
pub fn check_without_agents(workflow: &Workflow) -> Vec<Diagnostic> {
    supervision::check_agents(workflow, None)
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
