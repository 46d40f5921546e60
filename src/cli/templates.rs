//! `templates`: workflows with parameters; and `workflows new`, which makes a workflow of one.

use std::path::{Path, PathBuf};

use ghostlight_model::diagnostic::any_error;
use ghostlight_model::language::Source;
use ghostlight_model::template;
use jiff::Timestamp;
use serde_json::{Map, Value, json};

use super::exit::{CliError, Exit};
use super::prompt::Prompt;
use super::runs::next_page;
use super::workflows::{self, VersionsArgs, VisibilityArgs};
use super::{Context, arguments, check};
use crate::client::{Answer, Made, Shelf};
use crate::output::{self, plain, plain_lines, shortened};

/// Templates: list, show, save, from-workflow, versions, visibility, delete, restore
#[derive(Debug, clap::Subcommand)]
pub(crate) enum TemplatesVerb {
    /// List templates, the built-in ones last
    #[command(after_help = "Example:\n  ghostlight templates list --query approval")]
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
    /// Show a template as it was saved
    #[command(after_help = "Example:\n  ghostlight templates show approval-chain > mine.yaml")]
    Show {
        /// Its name
        template: String,
        /// The version [default: the latest]
        #[arg(long, value_name = "N")]
        version: Option<u64>,
    },
    /// Save a file as the next version of the template that it names
    #[command(after_help = "Example:\n  ghostlight templates save mine.yaml --message 'a longer deadline'")]
    Save {
        /// The file
        file: PathBuf,
        /// Why, for whoever reads the list of versions
        #[arg(long, value_name = "TEXT")]
        message: Option<String>,
    },
    /// Make a template of a workflow: values become parameters, and what they are becomes their default
    #[command(
        after_help = "Example:\n  ghostlight templates from-workflow incident-response --param url=/nodes/detect/input/url --name incident --save"
    )]
    FromWorkflow(FromWorkflowArgs),
    /// List the versions of a template, the newest first
    #[command(after_help = "Example:\n  ghostlight templates versions mine")]
    Versions(VersionsArgs),
    /// Say whom a template is for: lists can be filtered by it; nobody is kept from anything yet
    #[command(after_help = "Example:\n  ghostlight templates visibility mine public")]
    Visibility(VisibilityArgs),
    /// Offer a template no more; its versions stay
    #[command(after_help = "Example:\n  ghostlight templates delete mine")]
    Delete {
        /// Its name
        template: String,
    },
    /// Offer a deleted template again
    #[command(after_help = "Example:\n  ghostlight templates restore mine")]
    Restore {
        /// Its name
        template: String,
    },
}

pub(super) async fn run(verb: TemplatesVerb, context: &Context) -> Result<Exit, CliError> {
    let client = context.client()?;
    match verb {
        TemplatesVerb::List { query, limit, cursor } => {
            let mut asked = vec![("limit", limit.to_string())];
            asked.extend(query.map(|query| ("q", query)));
            asked.extend(cursor.map(|cursor| ("cursor", cursor)));
            let page = client.kept(Shelf::Templates, &asked).await?;
            context
                .print(&page.body, || workflows::list(Shelf::Templates, &page.value.items, Timestamp::now()));
            next_page(page.value.next_cursor.as_deref());
        }
        TemplatesVerb::Show { template, version } => {
            let shown = client.kept_one(Shelf::Templates, &template, version).await?;
            context.print(&shown.body, || shown.value.source.clone());
        }
        TemplatesVerb::Save { file, message } => {
            let document = arguments::document(&file)?;
            let name = readable(&document)?;
            workflows::save(Shelf::Templates, &name, document, message.as_deref(), context).await?;
        }
        TemplatesVerb::FromWorkflow(args) => from_workflow(args, context).await?,
        TemplatesVerb::Visibility(args) => {
            workflows::set_visibility(Shelf::Templates, args, context).await?;
        }
        TemplatesVerb::Versions(args) => workflows::versions(Shelf::Templates, args, context).await?,
        TemplatesVerb::Delete { template } => {
            workflows::delete(Shelf::Templates, &template, context).await?;
        }
        TemplatesVerb::Restore { template } => {
            workflows::restore(Shelf::Templates, &template, context).await?;
        }
    }
    Ok(Exit::Done)
}

/// The name of the template in a document; its mistakes as an error otherwise. Warnings go to stderr.
fn readable(document: &arguments::Document) -> Result<String, CliError> {
    let read = template::read(&Source { text: &document.text, format: document.format });
    let file = document.file.display().to_string();
    let drawn = check::drawn(&file, &document.text, &read.diagnostics);
    match read.template {
        Some(template) if !any_error(&read.diagnostics) => {
            if !drawn.is_empty() {
                output::note(drawn.trim_end());
            }
            Ok(template.name.to_string())
        }
        _ => Err(CliError::usage(format!("{file} cannot be used\n{}", drawn.trim_end()))),
    }
}

/// What a workflow is made of a template with.
#[derive(Debug, clap::Args)]
pub(crate) struct NewArgs {
    /// What the workflow is called
    name: String,
    /// The template: `ghostlight templates list` shows them
    #[arg(long, value_name = "NAME")]
    template: String,
    /// The version of the template [default: the latest]
    #[arg(long, value_name = "N")]
    version: Option<u64>,
    /// The value of a parameter, as text or JSON, or @FILE with JSON; may be given several times
    #[arg(long, value_name = "NAME=VALUE")]
    param: Vec<String>,
    /// Write the workflow to this file, which must not exist
    #[arg(long, value_name = "FILE")]
    output_file: Option<PathBuf>,
    /// Save the workflow at the daemon
    #[arg(long)]
    save: bool,
}

/// Makes a workflow of a template. Who sits at a terminal is asked for what is missing.
pub(super) async fn make(args: NewArgs, context: &Context) -> Result<(), CliError> {
    let client = context.client()?;
    let template = client.kept_one(Shelf::Templates, &args.template, args.version).await?.value;
    let properties = template.parameters.as_ref().map(|schema| schema["properties"].clone());
    let properties = properties.unwrap_or_default();
    let mut parameters = Map::new();
    for (name, text) in arguments::pairs(&args.param)? {
        let value = value_of(text.as_str().unwrap_or_default(), &properties[&name])?;
        parameters.insert(name, value);
    }
    if Context::is_interactive() {
        ask_for_missing(&properties, &mut parameters).await?;
    }
    let body =
        json!({ "name": args.name, "parameters": parameters, "version": args.version, "save": args.save });
    let made = client.instantiate(&args.template, &body).await?;
    hand_out(&made, args.output_file.as_deref(), context)
}

/// What a template is made of a workflow with.
#[derive(Debug, clap::Args)]
pub(crate) struct FromWorkflowArgs {
    /// The workflow
    workflow: String,
    /// Its version [default: the latest]
    #[arg(long, value_name = "N")]
    version: Option<u64>,
    /// A parameter and the JSON pointer of the value that it stands for; may be given several times
    #[arg(long, value_name = "NAME=POINTER", required = true)]
    param: Vec<String>,
    /// What the template is called [default: as the workflow]
    #[arg(long, value_name = "NAME")]
    name: Option<String>,
    /// Write the template to this file, which must not exist
    #[arg(long, value_name = "FILE")]
    output_file: Option<PathBuf>,
    /// Save the template at the daemon
    #[arg(long)]
    save: bool,
    /// Why, for whoever reads the list of versions
    #[arg(long, value_name = "TEXT", requires = "save")]
    message: Option<String>,
}

async fn from_workflow(args: FromWorkflowArgs, context: &Context) -> Result<(), CliError> {
    let body = json!({
        "workflow": args.workflow, "version": args.version, "parameters": arguments::pairs(&args.param)?,
        "name": args.name, "save": args.save, "message": args.message,
    });
    let made = context.client()?.template_of(&body).await?;
    hand_out(&made, args.output_file.as_deref(), context)
}

/// Shows what was made, or writes it to a file, and says whether it is saved.
fn hand_out(made: &Answer<Made>, file: Option<&Path>, context: &Context) -> Result<(), CliError> {
    if !made.value.diagnostics.is_empty() {
        output::note(check::listed(&made.value.diagnostics).trim_end());
    }
    let saved =
        made.value.saved.as_ref().map(|saved| format!("{} version {} is saved", saved.name, saved.version));
    match file {
        Some(file) => {
            write_new(file, &made.value.source)?;
            context.print(&made.body, || {
                let written = format!("{} is written", file.display());
                saved.into_iter().chain([written]).collect::<Vec<_>>().join("\n")
            });
        }
        None => context.print(&made.body, || saved.unwrap_or_else(|| made.value.source.clone())),
    }
    Ok(())
}

/// A text where the parameter is one, or where it is no JSON; else the JSON.
fn value_of(text: &str, schema: &Value) -> Result<Value, CliError> {
    if text.starts_with('@') {
        return arguments::json(text);
    }
    let as_text = || Value::String(text.to_owned());
    match schema["type"].as_str() {
        Some("string") => Ok(as_text()),
        _ => Ok(serde_json::from_str(text).unwrap_or_else(|_| as_text())),
    }
}

async fn ask_for_missing(properties: &Value, parameters: &mut Map<String, Value>) -> Result<(), CliError> {
    let prompt = Prompt::default();
    for (name, schema) in properties.as_object().into_iter().flatten() {
        if parameters.contains_key(name) || schema.get("default").is_some() {
            continue;
        }
        let about = shortened(schema["description"].as_str().unwrap_or_default(), 100);
        let kind = plain(schema["type"].as_str().unwrap_or("JSON"));
        let Some(line) = prompt.text(&format!("{} ({kind}) {about}:", plain(name))).await else {
            return Err(CliError::usage(format!(
                "nothing was said for the parameter `{}`",
                plain_lines(name)
            )));
        };
        parameters.insert(name.clone(), value_of(line.trim_end(), schema)?);
    }
    Ok(())
}

/// Nothing that is there is overwritten.
fn write_new(file: &Path, text: &str) -> Result<(), CliError> {
    use std::io::Write;
    let failed = |error: std::io::Error| CliError::usage(format!("cannot write {}: {error}", file.display()));
    let mut created = std::fs::File::create_new(file).map_err(failed)?;
    created.write_all(text.as_bytes()).map_err(failed)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_is_a_text_where_the_parameter_is_one_and_json_where_it_can_be() {
        let of = |text: &str, kind: &str| value_of(text, &json!({ "type": kind })).unwrap();
        assert_eq!(of("5", "string"), json!("5"));
        assert_eq!(of("5", "integer"), json!(5));
        assert_eq!(of("[1, 2]", "array"), json!([1, 2]));
        assert_eq!(of("high", "none said"), json!("high"));
    }

    #[test]
    fn a_file_that_is_there_is_not_overwritten() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("new.yaml");
        write_new(&file, "a").unwrap();
        assert!(write_new(&file, "b").unwrap_err().message.starts_with("cannot write"));
        assert_eq!(std::fs::read_to_string(file).unwrap(), "a");
    }
}
