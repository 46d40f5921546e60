//! `workflows graph` and `workflows compile`: what a workflow looks like, drawn and in its compiled form.

use std::sync::Arc;

use ghostlight_model::compiled_view;
use ghostlight_model::graph_view::{PictureFormat, draw};
use ghostlight_model::language;
use ghostlight_model::workflow::Workflow;

use super::arguments::{self, Document, WorkflowArgument};
use super::exit::{CliError, Exit};
use super::{Context, plan};
use crate::client::Shelf;
use crate::output;

/// What is drawn, and in which form.
#[derive(Debug, clap::Args)]
pub(crate) struct GraphArgs {
    /// A file or the name of a saved workflow
    workflow: String,

    /// The version of a saved workflow [default: the latest]
    #[arg(long, value_name = "N")]
    version: Option<u64>,

    /// mermaid, dot, svg or text
    #[arg(long, value_name = "FORMAT", default_value = "text", value_parser = picture_format)]
    format: PictureFormat,
}

fn picture_format(text: &str) -> Result<PictureFormat, String> {
    let names = PictureFormat::ALL.map(PictureFormat::as_str).join(", ");
    PictureFormat::find(text).ok_or_else(|| format!("it is one of {names}"))
}

pub(super) async fn graph(args: &GraphArgs, context: &Context) -> Result<Exit, CliError> {
    let workflow = workflow(&args.workflow, args.version, context).await?;
    let picture = draw(&workflow, args.format);
    context.print(&serde_json::json!({ "format": args.format.as_str(), "picture": picture }), || {
        picture.clone()
    });
    Ok(Exit::Done)
}

/// The compiled form of a file, or of a saved workflow as the daemon has it.
pub(super) async fn workflow(
    argument: &str,
    version: Option<u64>,
    context: &Context,
) -> Result<Arc<Workflow>, CliError> {
    let document = match arguments::workflow(argument)? {
        WorkflowArgument::File(_) if version.is_some() => {
            return Err(CliError::usage("a file has no versions; leave out `--version`"));
        }
        WorkflowArgument::File(document) => document,
        WorkflowArgument::Name(name) => saved(&name, version, context).await?,
    };
    plan::compiled(&document)
}

/// The document of a saved workflow.
pub(super) async fn saved(name: &str, version: Option<u64>, context: &Context) -> Result<Document, CliError> {
    let saved = context.client()?.kept_one(Shelf::Workflows, name, version).await?.value;
    let is_json = saved.source.trim_start().starts_with('{')
        && serde_json::from_str::<serde::de::IgnoredAny>(&saved.source).is_ok();
    let format = if is_json { language::Format::Json } else { language::Format::Yaml };
    Ok(Document { file: name.into(), text: saved.source, format })
}

/// What is compiled.
#[derive(Debug, clap::Args)]
pub(crate) struct CompileArgs {
    /// A file or the name of a saved workflow
    workflow: String,

    /// The version of a saved workflow [default: the latest]
    #[arg(long, value_name = "N")]
    version: Option<u64>,
}

pub(super) async fn compile(args: &CompileArgs, context: &Context) -> Result<Exit, CliError> {
    let workflow = workflow(&args.workflow, args.version, context).await?;
    let compiled = compiled_view::compiled(&workflow);
    context.print(&compiled, || table(&compiled));
    Ok(Exit::Done)
}

fn table(compiled: &serde_json::Value) -> String {
    let text = |value: &serde_json::Value| match value {
        serde_json::Value::Null => String::new(),
        serde_json::Value::String(text) => output::plain(text),
        other => output::plain(&other.to_string()),
    };
    let parents = |node: &serde_json::Value| {
        let parent = |parent: &serde_json::Value| {
            let kind = match parent["kind"].as_str() {
                Some("hard") | None => String::new(),
                Some(kind) => format!(" ({kind})"),
            };
            let from = match parent["from"].as_str() {
                Some("needs") | None => String::new(),
                Some(from) => format!(" by {from}"),
            };
            let when = parent["when"].as_str().map(|when| format!(" when {when}")).unwrap_or_default();
            output::plain(&format!("{}{kind}{from}{when}", text(&parent["node"])))
        };
        let all: Vec<String> = node["parents"].as_array().into_iter().flatten().map(parent).collect();
        all.join(", ")
    };
    let rows = compiled["nodes"].as_array().into_iter().flatten().map(|node| {
        let reads: Vec<String> = node["reads"].as_array().into_iter().flatten().map(text).collect();
        vec![text(&node["level"]), text(&node["id"]), text(&node["type"]), parents(node), reads.join(", ")]
    });
    let plan = &compiled["plan"];
    let path: Vec<String> = plan["critical_path"].as_array().into_iter().flatten().map(text).collect();
    let head = output::sheet(&[
        ("workflow", text(&compiled["name"])),
        ("hash", text(&compiled["hash"])),
        ("critical path", path.join(" → ")),
        ("risk", text(&plan["risk"])),
    ]);
    format!("{head}\n{}", output::table(&["level", "step", "type", "after", "reads"], rows))
}
