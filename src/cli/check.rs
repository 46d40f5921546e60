//! `check`: mistakes in workflow and agent files, with their places, without a daemon.

use std::path::PathBuf;

use ghostlight_actors::documents::agent_file;
use ghostlight_model::diagnostic::{Code, Diagnostic, Severity, render};
use ghostlight_model::ids::Name;
use ghostlight_model::language::{self, AgentFile, Format, KnownAgent, Source};
use ghostlight_model::{agent, language::document, template};
use owo_colors::OwoColorize;
use serde_json::{Value, json};

use super::Context;
use super::arguments::{self, Document};
use super::exit::{CliError, Exit};
use super::folder;
use crate::output;

/// Look for mistakes in workflow and agent files
///
/// A file that has `nodes` is a workflow, or with `parameters` a template; one that has `kind` is an agent. Exits with 2 when there is an error.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Example:\n  ghostlight check config/workflows/*.yaml config/agents/*.yaml\n  ghostlight check config --agents config/agents"
)]
pub(crate) struct CheckArgs {
    /// The files (.yaml, .yml, .json, .toml), or folders: all such files in them that are workflows, templates or agents
    #[arg(required = true, value_name = "FILE")]
    files: Vec<PathBuf>,

    /// Also check that every agent exists, as a built-in one or in this folder, and that what is read and given fits its schemas
    #[arg(long, value_name = "DIR")]
    agents: Option<PathBuf>,
}

pub(super) fn run(args: &CheckArgs, context: &Context) -> Result<Exit, CliError> {
    let documents = documents(&args.files)?;
    let known = args.agents.as_ref().map(known_agents).transpose()?;
    // Of single files nobody knows what else there is.
    let is_folder = args.files.iter().any(|path| path.is_dir());
    let workflows = is_folder.then(|| workflows(&documents));
    let checked: Vec<(Document, Vec<Diagnostic>)> = documents
        .into_iter()
        .map(|document| {
            let diagnostics = diagnostics(&document, known.as_ref(), workflows.as_deref());
            (document, diagnostics)
        })
        .collect();
    let all = || checked.iter().flat_map(|(_, diagnostics)| diagnostics);
    let errors = all().filter(|diagnostic| diagnostic.severity == Severity::Error).count();
    let warnings = all().count() - errors;

    let listed: Vec<Value> = checked
        .iter()
        .flat_map(|(document, diagnostics)| diagnostics.iter().map(|diagnostic| row(document, diagnostic)))
        .collect();
    context.print(&Value::Array(listed), || {
        let drawn = checked.iter().map(|(document, diagnostics)| {
            coloured(&render(&document.file.display().to_string(), &document.text, diagnostics))
        });
        let summary = match (errors, warnings) {
            (0, 0) => format!("{} {}: no mistakes", "✓".green(), count(checked.len(), "file")),
            (0, _) => {
                format!("{} {}: {}", "✓".green(), count(checked.len(), "file"), count(warnings, "warning"))
            }
            _ => {
                let found = format!("{}, {}", count(errors, "error"), count(warnings, "warning"));
                format!("{} {}: {found}", "✗".red(), count(checked.len(), "file"))
            }
        };
        drawn.collect::<String>() + &summary
    });
    if known.is_none() && checked.iter().any(|(document, _)| !is_agent(document)) {
        output::note(
            "whether the agents exist was not looked at: name the folder of their files with `--agents DIR`",
        );
    }
    Ok(if errors == 0 { Exit::Done } else { Exit::Usage })
}

/// The files, and in place of folders what is in them.
fn documents(given: &[PathBuf]) -> Result<Vec<Document>, CliError> {
    let mut documents = Vec::new();
    for path in given {
        if !path.is_dir() {
            documents.push(arguments::document(path)?);
            continue;
        }
        let mut found = Vec::new();
        for file in folder::files(path)? {
            let document = arguments::document(&file)?;
            // A file that does not say what it is may be anything; one that cannot be read is told of.
            if is_ours(&document) {
                found.push(document);
            }
        }
        if found.is_empty() {
            let message = format!("{} has no workflow, template or agent in it", path.display());
            return Err(CliError::usage(message));
        }
        documents.append(&mut found);
    }
    Ok(documents)
}

/// Whether a file in a folder is one of ours, as far as it says so.
fn is_ours(document: &Document) -> bool {
    let (root, _) = document::parse(&document.text, document.format);
    root.is_none_or(|root| ["ghostlight", "nodes"].iter().any(|key| root.entry(key).is_some()))
}

fn count(number: usize, what: &str) -> String {
    format!("{number} {what}{}", if number == 1 { "" } else { "s" })
}

/// Everything that is wrong with one file, whichever kind it is.
fn diagnostics(document: &Document, known: Option<&Known>, workflows: Option<&[Name]>) -> Vec<Diagnostic> {
    let source = Source { text: &document.text, format: document.format };
    if is_agent(document) {
        return agent::compile(&source).diagnostics;
    }
    if has(document, "parameters") {
        return template::read(&source).diagnostics;
    }
    let mut compiled = language::compile(&source);
    compiled.check_agents(known.map(|known| &known.agents[..]));
    compiled.point_to_files(|| known.map(|known| known.with_mistakes.clone()).unwrap_or_default());
    if let Some(names) = workflows {
        compiled.check_children(names);
    }
    compiled.diagnostics
}

/// The names of the workflows among the documents, whatever else is wrong with them.
fn workflows(documents: &[Document]) -> Vec<Name> {
    let name = |document: &Document| {
        let (root, _) = document::parse(&document.text, document.format);
        let root = root.filter(|root| root.entry("nodes").is_some())?;
        Name::new(root.entry("name")?.value.as_text()?).ok()
    };
    documents.iter().filter_map(name).collect()
}

/// A document with a `kind` and without `nodes` is an agent's; TOML is for agents only.
fn is_agent(document: &Document) -> bool {
    document.format == Format::Toml || (has(document, "kind") && !has(document, "nodes"))
}

fn has(document: &Document, key: &str) -> bool {
    let (root, _) = document::parse(&document.text, document.format);
    root.is_some_and(|root| root.entry(key).is_some())
}

/// Who can be called.
struct Known {
    /// The built-in agents, and those of the folder.
    agents: Vec<KnownAgent>,
    /// The files of the folder that cannot be used.
    with_mistakes: Vec<AgentFile>,
}

fn known_agents(folder: &PathBuf) -> Result<Known, CliError> {
    let mut with_mistakes = Vec::new();
    let mut known: Vec<KnownAgent> = agent::Builtin::ALL
        .into_iter()
        .map(|builtin| KnownAgent::from(&agent::AgentDefinition::of_builtin(builtin)))
        .collect();
    let entries = std::fs::read_dir(folder)
        .map_err(|error| CliError::usage(format!("cannot read {}: {error}", folder.display())))?;
    for entry in entries.flatten() {
        if Format::of_file(&entry.file_name().to_string_lossy()).is_none() {
            continue;
        }
        let document = arguments::document(&entry.path())?;
        if let Some(agent) = agent::compile(&Source { text: &document.text, format: document.format }).agent {
            known.retain(|other| other.name != agent.name);
            known.push(KnownAgent::from(&*agent));
        } else {
            let name = entry.file_name().to_string_lossy().into_owned();
            with_mistakes.extend(agent_file(&name, &document.text, document.format));
        }
    }
    Ok(Known { agents: known, with_mistakes })
}

fn row(document: &Document, diagnostic: &Diagnostic) -> Value {
    json!({
        "file": document.file.display().to_string(),
        "severity": diagnostic.severity.as_str(),
        "code": diagnostic.code.id(),
        "message": diagnostic.message,
        "path": diagnostic.path,
        "line": diagnostic.line,
        "column": diagnostic.column,
        "end_line": diagnostic.end_line,
        "end_column": diagnostic.end_column,
        "help": diagnostic.help,
    })
}

/// Draws diagnostics for a terminal.
pub(super) fn drawn(file: &str, text: &str, diagnostics: &[Diagnostic]) -> String {
    coloured(&render(file, text, diagnostics))
}

/// The rendered diagnostics with the first word of each in its colour.
fn coloured(text: &str) -> String {
    let colour = |line: &str| {
        if let Some(rest) = line.strip_prefix("error[") {
            format!("{}{rest}", "error[".red().bold())
        } else if let Some(rest) = line.strip_prefix("warning[") {
            format!("{}{rest}", "warning[".yellow().bold())
        } else {
            line.to_owned()
        }
    };
    text.lines().map(|line| colour(line) + "\n").collect()
}

/// A diagnostic as the API sends it, behind the file, line and column that it is about.
pub(super) fn at_its_place(file: &str, diagnostic: &Value) -> String {
    let text = |key: &str| output::plain(diagnostic[key].as_str().unwrap_or_default());
    let number = |key: &str| diagnostic[key].as_u64().unwrap_or(0);
    let (line, column) = (number("line"), number("column"));
    let place = if line > 0 { format!(":{line}:{column}") } else { String::new() };
    let help = text("help");
    let help = if help.is_empty() { String::new() } else { format!("; {help}") };
    format!(
        "{}{place}: {}[{}]: {}{help}",
        output::plain(file),
        text("severity"),
        text("code"),
        text("message")
    )
}

/// Diagnostics as the API sends them, drawn without their source.
pub(super) fn listed(diagnostics: &[Value]) -> String {
    let text = |value: &Value, key: &str| value[key].as_str().unwrap_or_default().to_owned();
    let line = |diagnostic: &Value| {
        let code = text(diagnostic, "code");
        let meaning = Code::find(&code).map_or("", Code::meaning);
        let place = match (diagnostic["line"].as_u64(), diagnostic["column"].as_u64()) {
            (Some(line), Some(column)) if line > 0 => format!("{line}:{column}"),
            _ => text(diagnostic, "path"),
        };
        let message = output::plain(&text(diagnostic, "message"));
        let message = if message.is_empty() { meaning.to_owned() } else { message };
        format!("  {place} {}[{code}]: {message}\n", text(diagnostic, "severity"))
    };
    diagnostics.iter().map(line).collect()
}
