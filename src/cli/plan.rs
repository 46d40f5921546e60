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
use super::{Context, check, graph};
use crate::output::{self, duration, sheet, table};

/// Show the plan of a workflow without running it
///
/// Order, parallel groups, critical path, estimates and risk. A file is planned here; a name is looked up at the daemon.
///
/// Of a name whose workflow has selectors, it says which rule a start with these labels and this input would follow.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  ghostlight plan incident --label team=shop --input @incident.json")]
pub(crate) struct PlanArgs {
    /// A file or the name of a saved workflow
    workflow: String,

    /// An input to check against the workflow's schema, as JSON or @FILE
    #[arg(long, value_name = "JSON|@FILE")]
    input: Option<String>,

    /// A label that a run would have, for the selectors of a saved workflow; may be given several times
    #[arg(long, value_name = "NAME=VALUE")]
    label: Vec<String>,
}

pub(super) async fn run(args: PlanArgs, context: &Context) -> Result<Exit, CliError> {
    let input = args.input.as_deref().map(arguments::json).transpose()?;
    let labels = Value::Object(arguments::pairs(&args.label)?);
    let (document, dry) = match arguments::workflow(&args.workflow)? {
        WorkflowArgument::File(document) => (document, None),
        WorkflowArgument::Name(name) => {
            let dry = context.client()?.dry_run(&name, input.as_ref(), &labels).await?;
            let selected = &dry["selected"];
            let chosen = selected["workflow"].as_str().unwrap_or(&name);
            let version = selected["version"].as_u64().filter(|version| *version > 0);
            (graph::saved(chosen, version, context).await?, Some(dry))
        }
    };
    let workflow = compiled(&document)?;
    if let Some(input) = &input {
        // Selectors may have given more than the caller did.
        let given = dry.as_ref().map_or(input, |dry| &dry["input"]);
        fits(&workflow, given)?;
    }
    let plan = plan(&workflow, &Estimate::declared);
    let mut value = serde_json::to_value(&plan).unwrap_or_else(|_| json!({}));
    let selected = dry.map(|dry| dry["selected"].clone());
    let selected = selected.filter(|selected| selected["why"].as_array().is_some_and(|why| !why.is_empty()));
    if let Some(selected) = &selected {
        value["selected"] = selected.clone();
    }
    context.print(&value, || {
        let head = sheet(&[
            ("workflow", workflow.name.to_string()),
            ("selected", selected.as_ref().map(why).unwrap_or_default()),
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

/// Which selectors were tried, and what came of each.
fn why(selected: &Value) -> String {
    let text = |value: &Value| output::plain(value.as_str().unwrap_or_default());
    let one = |tried: &Value| {
        let sign =
            if tried["matched"] == true { "✓".green().to_string() } else { "○".dimmed().to_string() };
        let error = tried["error"].as_str().map(|error| format!("  ({})", output::shortened(error, 120)));
        let when = output::shortened(tried["when"].as_str().unwrap_or_default(), 100);
        format!(
            "{sign} rule {} of {}: {when}{}",
            tried["rule"],
            text(&tried["workflow"]),
            error.unwrap_or_default()
        )
    };
    let mut lines: Vec<String> = selected["why"].as_array().into_iter().flatten().map(one).collect();
    let chosen = match selected["rule"].is_null() {
        true => "no rule matched".to_owned(),
        false => format!("{} version {}", text(&selected["workflow"]), selected["version"]),
    };
    lines.push(chosen);
    lines.join("\n")
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
