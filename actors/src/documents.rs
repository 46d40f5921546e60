//! Documents on their way to being definitions: compiled, and checked against the agents that there are.
//!
//! Compiling is pure and may take a while, so it is done beside the arbiters.

use std::sync::Arc;

use ghostlight_model::agent;
use ghostlight_model::diagnostic::Diagnostic;
use ghostlight_model::ids::Name;
use ghostlight_model::language::{self, AgentFile, Format, KnownAgent, Source, document};
use ghostlight_model::run::AgentDirectory;
use ghostlight_model::workflow::Workflow;

/// A document that was checked and not saved.
#[derive(Debug, Clone)]
pub struct Checked {
    /// The compiled form; none when there are errors.
    pub workflow: Option<Arc<Workflow>>,
    /// Everything that is to be said about it.
    pub diagnostics: Vec<Diagnostic>,
}

/// Compiles a workflow and checks that every agent it names exists and every capability is offered, and that what it reads and
/// gives is what their schemas declare. One that is disabled
/// exists: it may be enabled again before the workflow runs. `files` are asked for only when somebody is missing: they hold agents
/// that are not among the known ones. Where `workflows` are given, one that a node runs and that is none of them is a warning.
#[must_use]
pub fn check_workflow(
    text: &str,
    format: Format,
    known: &[KnownAgent],
    files: impl FnOnce() -> Vec<AgentFile>,
    workflows: Option<&[Name]>,
) -> Checked {
    let mut compiled = language::compile(&Source { text, format });
    compiled.check_agents(Some(known));
    compiled.point_to_files(files);
    if let Some(workflows) = workflows {
        compiled.check_children(workflows);
    }
    Checked { workflow: compiled.workflow, diagnostics: compiled.diagnostics }
}

/// Compiles a workflow, whatever agents there are.
#[must_use]
pub fn compiled(text: &str, format: Format) -> Checked {
    let compiled = language::compile(&Source { text, format });
    Checked { workflow: compiled.workflow, diagnostics: compiled.diagnostics }
}

/// What a file with an agent would define, as far as it says so.
#[must_use]
pub fn agent_file(file: &str, text: &str, format: Format) -> Option<AgentFile> {
    if let Some(agent) = agent::compile(&Source { text, format }).agent {
        return Some(AgentFile {
            file: file.to_owned(),
            agent: agent.name.clone(),
            capabilities: agent.capabilities.to_vec(),
            is_usable: true,
        });
    }
    let (root, _) = document::parse(text, format);
    let said = root.as_ref().and_then(|root| root.entry("name")?.value.as_text()?.parse().ok());
    let stem = || file.rsplit_once('.').and_then(|(stem, _)| stem.parse().ok());
    let agent: Name = said.or_else(stem)?;
    Some(AgentFile { file: file.to_owned(), agent, capabilities: Vec::new(), is_usable: false })
}

/// The agents of a directory, as a document is checked against them.
#[must_use]
pub fn known(agents: &AgentDirectory) -> Vec<KnownAgent> {
    agents
        .iter()
        .map(|agent| KnownAgent {
            name: agent.name.clone(),
            capabilities: agent.capabilities.iter().cloned().collect(),
            effect: agent.effect,
            input_schema: agent.input_schema.clone(),
            output_schema: agent.output_schema.clone(),
        })
        .collect()
}
