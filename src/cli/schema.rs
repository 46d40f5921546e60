//! `schema`: the JSON Schemas of workflow and agent files, which editors complete and check files with.

use ghostlight_model::language::file_schema;

use super::exit::{CliError, Exit};
use crate::output;

/// Print the JSON Schema of workflow or agent files
///
/// Editors complete and check files with it: a file whose first line is `# yaml-language-server: $schema=PATH` names it.
/// The daemon serves the same at /api/v1/schemas/workflow.json and /api/v1/schemas/agent.json.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  ghostlight schema workflow > config/schemas/workflow.json")]
pub(crate) struct SchemaArgs {
    /// Of which files
    kind: Kind,
}

/// A kind of files.
#[derive(Debug, Clone, Copy, clap::ValueEnum)]
enum Kind {
    /// Workflows.
    Workflow,
    /// Agents and tools.
    Agent,
}

pub(super) fn run(args: &SchemaArgs) -> Result<Exit, CliError> {
    let schema = match args.kind {
        Kind::Workflow => file_schema::workflow(),
        Kind::Agent => file_schema::agent(),
    };
    output::print_text(&file_schema::text(&schema));
    Ok(Exit::Done)
}
