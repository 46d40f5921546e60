//! `workflows`: list, show, save, graph, compile.

use std::path::PathBuf;

use ghostlight_model::language::Format;
use jiff::Timestamp;

use super::exit::{CliError, Exit};
use super::graph::{self, CompileArgs, GraphArgs};
use super::runs::next_page;
use super::{Context, arguments, check, plan};
use crate::client::{Document, Workflow};
use crate::output::{self, ago, plain, shortened, status, table};

/// Workflows: list, show, save, graph, compile
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
    #[command(after_help = "Example:\n  ghostlight workflows save incident-response.yaml")]
    Save {
        /// The file
        file: PathBuf,
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
            let page = client.workflows(&asked).await?;
            context.print(&page.body, || list(&page.value.items, Timestamp::now()));
            next_page(page.value.next_cursor.as_deref());
        }
        WorkflowsVerb::Show { workflow, version } => {
            let workflow = client.workflow(&workflow, version).await?;
            context.print(&workflow.body, || workflow.value.source.clone());
        }
        WorkflowsVerb::Save { file } => {
            let document = arguments::document(&file)?;
            let name = plan::compiled(&document)?.name.to_string();
            let sent = Document { text: document.text, is_json: document.format == Format::Json };
            let saved = client.save_workflow(&name, &sent).await?;
            if !saved.value.diagnostics.is_empty() {
                output::note(check::listed(&saved.value.diagnostics).trim_end());
            }
            context.print(&saved.body, || {
                let was_there = if saved.value.unchanged { ", which was there already" } else { "" };
                format!("{} version {}{was_there}", saved.value.name, saved.value.version)
            });
        }
    }
    Ok(Exit::Done)
}

fn list(workflows: &[Workflow], now: Timestamp) -> String {
    let row = |workflow: &Workflow| {
        vec![
            plain(&workflow.name),
            workflow.version.to_string(),
            ago(workflow.saved_at.as_deref(), now),
            workflow.saved_by.clone().unwrap_or_else(|| "file".to_owned()),
            if workflow.deleted { status("disabled") } else { String::new() },
            shortened(&workflow.description, 70),
        ]
    };
    table(&["workflow", "version", "saved", "by", "", "description"], workflows.iter().map(row))
}
