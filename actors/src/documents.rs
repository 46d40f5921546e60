//! Documents on their way to being definitions: compiled, and checked against the agents that there are.
//!
//! Compiling is pure and may take a while, so it is done beside the arbiters.

use std::sync::Arc;

use ghostlight_agents::builtin::output_schema;
use ghostlight_model::agent::{self, AgentDefinition, AgentKind};
use ghostlight_model::diagnostic::{Diagnostic, any_error};
use ghostlight_model::ids::Name;
use ghostlight_model::language::schema::Schema;
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

/// An agent as a workflow is checked against it: with what the program promises of a built-in's output, unless its file does.
#[must_use]
pub fn known_agent(definition: &AgentDefinition) -> KnownAgent {
    KnownAgent { output_schema: promised_output(definition), ..KnownAgent::from(definition) }
}

/// What an agent's output looks like, by its definition or, of a built-in, by the program.
pub(crate) fn promised_output(definition: &AgentDefinition) -> Option<Schema> {
    let promised = || match &definition.kind {
        AgentKind::Builtin(call) => output_schema(call.builtin),
        AgentKind::Command(_) | AgentKind::Http(_) => None,
    };
    definition.output_schema.clone().or_else(promised)
}

/// Compiles a workflow and checks that every agent it names exists and every capability is offered, and that what it reads and
/// gives is what their schemas declare. One that is disabled
/// exists: it may be enabled again before the workflow runs. `files` are asked for only when somebody is missing: they hold agents that
/// are not among the known ones.
#[must_use]
pub fn check_workflow(
    text: &str,
    format: Format,
    known: &[KnownAgent],
    files: impl FnOnce() -> Vec<AgentFile>,
) -> Checked {
    let mut compiled = language::compile(&Source { text, format });
    let Some(workflow) = compiled.workflow.take() else {
        return Checked { workflow: None, diagnostics: compiled.diagnostics };
    };
    let mut missing = language::check_targets(&workflow, known);
    if missing.iter().any(language::is_unknown_target) {
        language::point_to_files(&workflow, &files(), &mut missing);
    }
    compiled.locate(&mut missing);
    let mut diagnostics = compiled.diagnostics;
    diagnostics.extend(missing);
    let workflow = if any_error(&diagnostics) { None } else { Some(workflow) };
    Checked { workflow, diagnostics }
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
