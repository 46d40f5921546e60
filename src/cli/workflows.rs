//! `workflows`: what is saved, in its versions.

use std::path::PathBuf;

use ghostlight_model::language::Format;
use jiff::Timestamp;
use serde_json::json;

use super::bundles::{self, ExportArgs, ImportArgs};
use super::exit::{CliError, Exit};
use super::graph::{self, CompileArgs, GraphArgs};
use super::runs::next_page;
use super::templates::{self, NewArgs};
use super::{Context, arguments, check, diff, plan};
use crate::client::{Document, Shelf, Version, Workflow};
use crate::output::{self, ago, plain, shortened, status, table};

/// Workflows: list, show, save, graph, compile, versions, diff, rollback, visibility, new, export, import, delete, restore
#[derive(Debug, clap::Subcommand)]
pub(crate) enum WorkflowsVerb {
    /// List saved workflows
    #[command(after_help = "Example:\n  ghostlight workflows list --query incident")]
    List {
        /// Only those whose name holds this
        #[arg(long, value_name = "TEXT")]
        query: Option<String>,
        /// How many at most
        #[arg(long, default_value_t = 50, value_parser = clap::value_parser!(u16).range(1..=200))]
        limit: u16,
        /// Where to go on: the cursor that the last page named
        #[arg(long)]
        cursor: Option<String>,
    },
    /// Show a workflow as it was saved
    #[command(after_help = "Example:\n  ghostlight workflows show incident-response --version 3 > old.yaml")]
    Show {
        /// Its name
        workflow: String,
        /// The version [default: the latest]
        #[arg(long, value_name = "N")]
        version: Option<u64>,
    },
    /// Save a file as the next version of the workflow that it names
    #[command(
        after_help = "Example:\n  ghostlight workflows save incident-response.yaml --message 'ask before restarting'"
    )]
    Save {
        /// The file
        file: PathBuf,
        /// Why, for whoever reads the list of versions
        #[arg(long, value_name = "TEXT")]
        message: Option<String>,
    },
    /// Draw a workflow
    #[command(
        after_help = "Example:\n  ghostlight workflows graph incident-response.yaml\n  ghostlight workflows graph incident-response \
                      --format svg > graph.svg"
    )]
    Graph(GraphArgs),
    /// Show the compiled form of a workflow: order, parents, bindings and the plan
    #[command(after_help = "Example:\n  ghostlight workflows compile incident-response.yaml --output json")]
    Compile(CompileArgs),
    /// List the versions of a workflow, the newest first
    #[command(after_help = "Example:\n  ghostlight workflows versions incident-response")]
    Versions(VersionsArgs),
    /// Show how two versions of a workflow differ
    #[command(after_help = "Example:\n  ghostlight workflows diff incident-response --from 3 --to 5")]
    Diff {
        /// Its name
        workflow: String,
        /// The version to compare with [default: the one before the other]
        #[arg(long, value_name = "N")]
        from: Option<u64>,
        /// The version that is compared [default: the latest]
        #[arg(long, value_name = "N")]
        to: Option<u64>,
    },
    /// Make an earlier version the latest again, as a new version
    #[command(
        after_help = "Example:\n  ghostlight workflows rollback incident-response --to 3 --message 'the gate was lost'"
    )]
    Rollback {
        /// Its name
        workflow: String,
        /// The version to go back to
        #[arg(long, value_name = "N")]
        to: u64,
        /// Why, for whoever reads the list of versions
        #[arg(long, value_name = "TEXT")]
        message: Option<String>,
    },
    /// Say whom a workflow is for: lists can be filtered by it; nobody is kept from anything yet
    #[command(after_help = "Example:\n  ghostlight workflows visibility incident-response public")]
    Visibility(VisibilityArgs),
    /// Make a workflow of a template
    #[command(
        after_help = "Example:\n  ghostlight workflows new release --template approval-chain --param 'what=Release the shop' --save"
    )]
    New(NewArgs),
    /// Print a workflow with all that it names as one JSON document
    #[command(
        after_help = "Example:\n  ghostlight workflows export incident-response --all-versions > incident.json"
    )]
    Export(ExportArgs),
    /// Take in what another daemon has exported, all of it or nothing
    #[command(after_help = "Example:\n  ghostlight workflows import incident.json --dry-run")]
    Import(ImportArgs),
    /// Take no new runs of a workflow; its versions stay
    #[command(after_help = "Example:\n  ghostlight workflows delete old-workflow")]
    Delete {
        /// Its name
        workflow: String,
    },
    /// Take runs of a deleted workflow again
    #[command(after_help = "Example:\n  ghostlight workflows restore old-workflow")]
    Restore {
        /// Its name
        workflow: String,
    },
}

/// Whom it is for.
#[derive(Debug, clap::Args)]
pub(crate) struct VisibilityArgs {
    /// Its name
    name: String,
    /// For its owner, or for everybody
    #[arg(value_parser = ["private", "public"])]
    visibility: String,
}

/// Which versions.
#[derive(Debug, clap::Args)]
pub(crate) struct VersionsArgs {
    /// Its name
    name: String,
    /// How many at most
    #[arg(long, default_value_t = 50, value_parser = clap::value_parser!(u16).range(1..=200))]
    limit: u16,
    /// Where to go on: the cursor that the last page named
    #[arg(long)]
    cursor: Option<String>,
}

pub(super) async fn run(verb: WorkflowsVerb, context: &Context) -> Result<Exit, CliError> {
    let client = context.client()?;
    match verb {
        WorkflowsVerb::Graph(args) => return graph::graph(&args, context).await,
        WorkflowsVerb::Compile(args) => return graph::compile(&args, context).await,
        WorkflowsVerb::List { query, limit, cursor } => {
            let mut asked = vec![("limit", limit.to_string())];
            asked.extend(query.map(|query| ("q", query)));
            asked.extend(cursor.map(|cursor| ("cursor", cursor)));
            let page = client.kept(Shelf::Workflows, &asked).await?;
            context.print(&page.body, || list(Shelf::Workflows, &page.value.items, Timestamp::now()));
            next_page(page.value.next_cursor.as_deref());
        }
        WorkflowsVerb::Show { workflow, version } => {
            let workflow = client.kept_one(Shelf::Workflows, &workflow, version).await?;
            context.print(&workflow.body, || workflow.value.source.clone());
        }
        WorkflowsVerb::Save { file, message } => {
            let document = arguments::document(&file)?;
            if bundles::is_bundle(&document.text) {
                let message = format!("{} is a bundle", file.display());
                return Err(CliError::usage(message).help("take it in with `ghostlight workflows import`"));
            }
            let name = plan::compiled(&document)?.name.to_string();
            save(Shelf::Workflows, &name, document, message.as_deref(), context).await?;
        }
        WorkflowsVerb::Versions(args) => versions(Shelf::Workflows, args, context).await?,
        WorkflowsVerb::Diff { workflow, from, to } => {
            let differs = client.diff(&workflow, from, to).await?;
            context.print(&differs.body, || diff::drawn(&differs.body));
        }
        WorkflowsVerb::Rollback { workflow, to, message } => {
            let saved = client.roll_back(&workflow, to, message.as_deref()).await?;
            context.print(&saved.body, || match saved.value.unchanged {
                true => format!("{workflow} is at that document already, as version {}", saved.value.version),
                false => format!("{workflow} version {} is version {to} again", saved.value.version),
            });
        }
        WorkflowsVerb::Visibility(args) => set_visibility(Shelf::Workflows, args, context).await?,
        WorkflowsVerb::New(args) => templates::make(args, context).await?,
        WorkflowsVerb::Export(args) => bundles::export(args, context).await?,
        WorkflowsVerb::Import(args) => bundles::import(args, context).await?,
        WorkflowsVerb::Delete { workflow } => delete(Shelf::Workflows, &workflow, context).await?,
        WorkflowsVerb::Restore { workflow } => restore(Shelf::Workflows, &workflow, context).await?,
    }
    Ok(Exit::Done)
}

/// Saves a document as the next version of what it names.
pub(super) async fn save(
    shelf: Shelf,
    name: &str,
    document: arguments::Document,
    message: Option<&str>,
    context: &Context,
) -> Result<(), CliError> {
    let sent = Document { text: document.text, is_json: document.format == Format::Json };
    let saved = context.client()?.save(shelf, name, &sent, message).await?;
    if !saved.value.diagnostics.is_empty() {
        output::note(check::listed(&saved.value.diagnostics).trim_end());
    }
    context.print(&saved.body, || {
        let was_there = if saved.value.unchanged { ", which was there already" } else { "" };
        format!("{} version {}{was_there}", saved.value.name, saved.value.version)
    });
    Ok(())
}

pub(super) async fn versions(shelf: Shelf, args: VersionsArgs, context: &Context) -> Result<(), CliError> {
    let mut asked = vec![("limit", args.limit.to_string())];
    asked.extend(args.cursor.map(|cursor| ("cursor", cursor)));
    let page = context.client()?.versions(shelf, &args.name, &asked).await?;
    let now = Timestamp::now();
    let row = |version: &Version| {
        vec![
            version.version.to_string(),
            version.hash.chars().take(12).collect(),
            ago(version.at.as_deref(), now),
            plain(version.author.as_deref().unwrap_or("file")),
            shortened(&version.message, 70),
        ]
    };
    context.print(&page.body, || {
        table(&["version", "hash", "saved", "by", "message"], page.value.items.iter().map(row))
    });
    next_page(page.value.next_cursor.as_deref());
    Ok(())
}

pub(super) async fn set_visibility(
    shelf: Shelf,
    args: VisibilityArgs,
    context: &Context,
) -> Result<(), CliError> {
    let now = context.client()?.set_visibility(shelf, &args.name, &args.visibility).await?;
    let whom = if args.visibility == "public" { "everybody" } else { "its owner" };
    context.print(&now.body, || format!("{} is {}: for {whom}", args.name, args.visibility));
    Ok(())
}

pub(super) async fn delete(shelf: Shelf, name: &str, context: &Context) -> Result<(), CliError> {
    context.client()?.delete(shelf, name).await?;
    let done = json!({ "name": name, "deleted": true });
    context.print(&done, || {
        format!("{name} is deleted; `ghostlight {} restore {name}` brings it back", shelf.path())
    });
    Ok(())
}

pub(super) async fn restore(shelf: Shelf, name: &str, context: &Context) -> Result<(), CliError> {
    let restored = context.client()?.restore(shelf, name).await?;
    context.print(&restored.body, || format!("{name} is back at version {}", restored.value.version));
    Ok(())
}

/// What is kept on a shelf, for people.
pub(super) fn list(shelf: Shelf, kept: &[Workflow], now: Timestamp) -> String {
    let row = |workflow: &Workflow| {
        let of_nobody = if workflow.version == 0 { "built in" } else { "file" };
        let version = if workflow.version == 0 { String::new() } else { workflow.version.to_string() };
        vec![
            plain(&workflow.name),
            version,
            ago(workflow.saved_at.as_deref(), now),
            workflow.saved_by.clone().unwrap_or_else(|| of_nobody.to_owned()),
            workflow.visibility.clone(),
            if workflow.deleted { status("disabled") } else { String::new() },
            shortened(&workflow.description, 70),
        ]
    };
    table(&[shelf.word(), "version", "saved", "by", "for", "", "description"], kept.iter().map(row))
}
