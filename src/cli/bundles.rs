//! `workflows export` and `workflows import`: workflows as one file that can be given away.

use std::path::PathBuf;

use owo_colors::OwoColorize;
use serde::Deserialize;
use serde_json::Value;

use super::exit::CliError;
use super::{Context, arguments, check};
use crate::client::{ClientError, ImportItem};
use crate::output::{self, plain, pretty, shortened, table};

/// What goes into a bundle.
#[derive(Debug, clap::Args)]
pub(crate) struct ExportArgs {
    /// Its name
    workflow: String,
    /// All versions, and not the latest ones alone
    #[arg(long)]
    all_versions: bool,
}

/// What is taken in.
#[derive(Debug, clap::Args)]
pub(crate) struct ImportArgs {
    /// The file, as `ghostlight workflows export` wrote it
    file: PathBuf,
    /// Store nothing, and say what would become of each definition
    #[arg(long)]
    dry_run: bool,
}

pub(super) async fn export(args: ExportArgs, context: &Context) -> Result<(), CliError> {
    let bundle = context.client()?.bundle(&args.workflow, args.all_versions).await?;
    // A bundle is a file of JSON, whatever is asked of the other verbs, unless YAML is asked for by name.
    context.print(&bundle, || pretty(&bundle));
    Ok(())
}

pub(super) async fn import(args: ImportArgs, context: &Context) -> Result<(), CliError> {
    let bundle = arguments::read(&args.file)?;
    let imported = match context.client()?.import(bundle, args.dry_run).await {
        Ok(imported) => imported,
        Err(error) => return Err(told(error)),
    };
    for item in imported.value.items.iter().filter(|item| !item.diagnostics.is_empty()) {
        output::note(&format!("{}:\n{}", plain(&item.name), check::listed(&item.diagnostics).trim_end()));
    }
    context.print(&imported.body, || {
        let drawn = list(&imported.value.items);
        if args.dry_run { format!("{drawn}\nnothing was stored: this was a dry run") } else { drawn }
    });
    Ok(())
}

/// A refusal with what would have become of each definition.
fn told(error: ClientError) -> CliError {
    let state = match &error {
        ClientError::Refused(problem) if problem.code == "import_refused" => problem.state.clone(),
        _ => None,
    };
    let items: Vec<ImportItem> =
        state.and_then(|state| Vec::deserialize(&state["items"]).ok()).unwrap_or_default();
    if items.is_empty() {
        return error.into();
    }
    let mut message = format!("{error}\n{}", list(&items));
    for item in items.iter().filter(|item| !item.diagnostics.is_empty()) {
        message.push_str(&format!(
            "\n{}:\n{}",
            plain(&item.name),
            check::listed(&item.diagnostics).trim_end()
        ));
    }
    CliError { message, ..CliError::from(error) }
}

fn list(items: &[ImportItem]) -> String {
    let row = |item: &ImportItem| {
        let outcome = match item.outcome.as_str() {
            "created" | "new_version" => format!("{} {}", "✓".green(), item.outcome.replace('_', " ")),
            "refused" => format!("{} refused", "✗".red()),
            other => format!("{} {}", "○".dimmed(), plain(other)),
        };
        let version = if item.version == 0 { String::new() } else { item.version.to_string() };
        let reason = shortened(item.reason.as_deref().unwrap_or_default(), 100);
        vec![plain(&item.kind), plain(&item.name), outcome, version, reason]
    };
    table(&["kind", "name", "outcome", "version", ""], items.iter().map(row))
}

/// Whether a text is a bundle, for whoever has taken one for a workflow.
pub(super) fn is_bundle(text: &str) -> bool {
    text.trim_start().starts_with('{')
        && serde_json::from_str::<Value>(text).is_ok_and(|value| value.get("ghostlight_bundle").is_some())
}
