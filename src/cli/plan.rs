//! `plan`: what a workflow would do, in which order and how long, without doing it.

use std::sync::Arc;

use ghostlight_model::diagnostic::any_error;
use ghostlight_model::language::plan::{Estimate, Plan, PlannedNode, plan};
use ghostlight_model::language::{self, Source};
use ghostlight_model::workflow::Workflow;
use owo_colors::OwoColorize;
use serde_json::{Value, json};

use super::arguments::{self, Document, WorkflowArgument};
use super::exit::{CliError, Exit};
use super::watch::coloured_risk;
use super::{Context, check};
use crate::output::{self, duration, sheet, table};

/// Show the plan of a workflow without running it
///
/// Order, parallel groups, critical path, estimates and risk. A file is planned here; a name is looked up at the daemon.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  ghostlight plan config/workflows/incident-response.yaml")]
pub(crate) struct PlanArgs {
    /// A file or the name of a saved workflow
    workflow: String,

    /// An input to check against the workflow's schema, as JSON or @FILE
    #[arg(long, value_name = "JSON|@FILE")]
    input: Option<String>,
}

pub(super) async fn run(args: PlanArgs, context: &Context) -> Result<Exit, CliError> {
    let document = match arguments::workflow(&args.workflow)? {
        WorkflowArgument::File(document) => document,
        WorkflowArgument::Name(name) => {
            let saved = context.client()?.workflow(&name, None).await?.value;
            let is_json = saved.source.trim_start().starts_with('{');
            let format = if is_json { language::Format::Json } else { language::Format::Yaml };
            Document { file: name.into(), text: saved.source, format }
        }
    };
    let workflow = compiled(&document)?;
    if let Some(input) = &args.input {
        fits(&workflow, &arguments::json(input)?)?;
    }
    let plan = plan(&workflow, &Estimate::declared);
    let value = serde_json::to_value(&plan).unwrap_or_else(|_| json!({}));
    context.print(&value, || {
        let head = sheet(&[
            ("workflow", workflow.name.to_string()),
            ("description", output::plain_lines(&workflow.description)),
            ("critical path", plan.critical_path.join(" → ")),
            ("takes", takes(&plan)),
            ("by slots", by_slots(&plan)),
            ("at once", at_once(plan.width)),
            ("risk", coloured_risk(value["risk"].as_str().unwrap_or_default())),
        ]);
        let rows = plan.levels.iter().enumerate().flat_map(|(level, ids)| {
            let of_level = ids.iter().filter_map(|id| plan.nodes.iter().find(|node| node.id == *id));
            of_level.map(move |node| row(level, node)).collect::<Vec<_>>()
        });
        format!("{head}\n{}", table(&["level", "step", "after", "by", "estimate"], rows))
    });
    Ok(Exit::Done)
}

/// Nothing when no node declares an estimate: nothing is known then, which is not the same as no time.
fn takes(plan: &Plan) -> String {
    let is_known = plan.nodes.iter().any(|node| node.estimate.p50_ms > 0);
    if is_known { format!("at least {}", duration(plan.makespan_ms)) } else { String::new() }
}

/// How long it takes with one slot, two, and so on, as long as another slot helps.
fn by_slots(plan: &Plan) -> String {
    let helping = plan.makespans.iter().enumerate().filter(|(at, makespan)| {
        let before = at.checked_sub(1).and_then(|before| plan.makespans.get(before));
        before.is_none_or(|before| makespan.ms < before.ms)
    });
    let shown: Vec<_> =
        helping.map(|(_, makespan)| format!("{}: {}", makespan.slots, duration(makespan.ms))).collect();
    // One number says no more than the critical path does.
    if shown.len() < 2 { String::new() } else { shown.join(", ") }
}

fn at_once(width: usize) -> String {
    if width == 1 { "1 step".to_owned() } else { format!("up to {width} steps") }
}

fn row(level: usize, node: &PlannedNode) -> Vec<String> {
    let id = if node.critical { node.id.bold().to_string() } else { node.id.clone() };
    let estimate = match node.estimate.p50_ms {
        0 => String::new(),
        ms => duration(ms),
    };
    vec![level.to_string(), id, node.needs.join(", "), node.agent.clone().unwrap_or_default(), estimate]
}

/// The compiled form of a document; its mistakes as an error otherwise. Warnings go to stderr.
pub(super) fn compiled(document: &Document) -> Result<Arc<Workflow>, CliError> {
    let compiled = language::compile(&Source { text: &document.text, format: document.format });
    let file = document.file.display().to_string();
    let drawn = check::drawn(&file, &document.text, &compiled.diagnostics);
    match compiled.workflow {
        Some(workflow) if !any_error(&compiled.diagnostics) => {
            if !drawn.is_empty() {
                output::note(drawn.trim_end());
            }
            Ok(workflow)
        }
        _ => Err(CliError::usage(format!("{file} cannot be used\n{}", drawn.trim_end()))),
    }
}

/// Checks an input against the workflow's schema.
fn fits(workflow: &Workflow, input: &Value) -> Result<(), CliError> {
    let Some(schema) = &workflow.input else { return Ok(()) };
    schema.validate(input).map_err(|violations| {
        let lines =
            violations.iter().map(|violation| format!("\n  {}: {}", violation.path, violation.message));
        CliError::usage(format!(
            "the input does not fit the workflow{}",
            output::plain_lines(&lines.collect::<String>())
        ))
    })
}
