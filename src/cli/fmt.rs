//! `fmt`: workflow and agent files in their canonical form, in place.

use std::io::{Read, Write};
use std::path::{Path, PathBuf};

use ghostlight_model::language::document::TEXT_BYTES_MAX;
use ghostlight_model::language::format::{Formatted, Style, format};
use ghostlight_model::language::{Format, Source};
use serde_json::json;

use super::arguments::{self, Document};
use super::exit::{CliError, Exit};
use super::{Context, check};
use crate::output;

/// The folders that are formatted when no file is named.
const FOLDERS: [&str; 2] = ["config/workflows", "config/agents"];

/// Write workflow and agent files in their canonical form
///
/// Files are changed in place; `-` reads stdin and writes stdout. Without a file, those of config/workflows and
/// config/agents. Comments stay, and a workflow's hash never changes. What cannot be kept, as anchors and aliases, is refused.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  ghostlight fmt config/workflows/*.yaml\n  ghostlight fmt --check\n  \
                        ghostlight fmt hello.yaml --to json > hello.json")]
pub(crate) struct FmtArgs {
    /// The files (.yaml, .yml, .json), or `-`
    #[arg(value_name = "FILE")]
    files: Vec<PathBuf>,

    /// Change nothing: name the files that would change, and exit with 2 if there are any
    #[arg(long)]
    check: bool,

    /// Write one file to stdout as yaml or json, and leave it as it is
    #[arg(long, value_name = "FORMAT", conflicts_with = "check")]
    to: Option<To>,

    /// Leave comments out where the format has none
    #[arg(long, requires = "to")]
    drop_comments: bool,
}

/// What is written.
#[derive(Debug, Clone, Copy, clap::ValueEnum)]
enum To {
    /// YAML.
    Yaml,
    /// JSON, which has no comments.
    Json,
}

pub(super) fn run(args: &FmtArgs, context: &Context) -> Result<Exit, CliError> {
    if let [file] = args.files.as_slice()
        && (args.to.is_some() || file.as_os_str() == "-")
    {
        return to_stdout(file, args);
    }
    if args.to.is_some() {
        return Err(CliError::usage("`--to` writes one file to stdout").help("name one file, or `-`"));
    }
    let files = if args.files.is_empty() { in_folders()? } else { args.files.clone() };
    let mut changed = Vec::new();
    let mut exit = Exit::Done;
    for file in &files {
        let document = arguments::document(file)?;
        let Some(formatted) = formatted(&document, document.format, false) else {
            exit = Exit::Usage;
            continue;
        };
        if formatted.text == document.text {
            continue;
        }
        if !args.check {
            replace(file, &formatted.text)?;
        }
        changed.push(file.display().to_string());
    }
    if args.check && !changed.is_empty() {
        exit = Exit::Usage;
    }
    context.print(&json!({ "files": files.len(), "changed": changed }), || {
        told(&changed, files.len(), args.check)
    });
    Ok(exit)
}

fn told(changed: &[String], files: usize, check: bool) -> String {
    let verb = if check { "would change" } else { "changed" };
    let lines: String = changed.iter().map(|file| format!("{verb} {file}\n")).collect();
    let all = if files == 1 { "1 file".to_owned() } else { format!("{files} files") };
    format!("{lines}{all}, {} {verb}", changed.len())
}

/// Formats a document. What is wrong with it goes to stderr.
fn formatted(document: &Document, to: Format, drop_comments: bool) -> Option<Formatted> {
    let source = Source { text: &document.text, format: document.format };
    match format(&source, Style { format: to, drop_comments }) {
        Ok(formatted) => Some(formatted),
        Err(diagnostics) => {
            let file = document.file.display().to_string();
            output::note(check::drawn(&file, &document.text, &diagnostics).trim_end());
            None
        }
    }
}

fn to_stdout(file: &Path, args: &FmtArgs) -> Result<Exit, CliError> {
    let document = if file.as_os_str() == "-" { stdin()? } else { arguments::document(file)? };
    let to = match args.to {
        Some(To::Yaml) => Format::Yaml,
        Some(To::Json) => Format::Json,
        None => document.format,
    };
    let Some(formatted) = formatted(&document, to, args.drop_comments) else { return Ok(Exit::Usage) };
    if args.check {
        let same = formatted.text == document.text;
        output::note(if same { "stdin is in its canonical form" } else { "would change stdin" });
        return Ok(if same { Exit::Done } else { Exit::Usage });
    }
    if formatted.comments_dropped > 0 {
        output::warn(&format!("JSON has no comments: {} left out", formatted.comments_dropped));
    }
    // As it is: what stands in a comment is the author's, and nothing of it is taken for a colour. A pipe that nobody reads any
    // more is no mistake.
    let mut stdout = std::io::stdout().lock();
    let _ = stdout.write_all(formatted.text.as_bytes()).and_then(|()| stdout.flush());
    Ok(Exit::Done)
}

/// A document from stdin, whose format its first sign tells.
fn stdin() -> Result<Document, CliError> {
    let mut text = String::new();
    let read = std::io::stdin().lock().take(TEXT_BYTES_MAX as u64 + 1).read_to_string(&mut text);
    read.map_err(|error| CliError::usage(format!("cannot read stdin: {error}")))?;
    let format = if text.trim_start().starts_with('{')
        && serde_json::from_str::<serde::de::IgnoredAny>(&text).is_ok()
    {
        Format::Json
    } else {
        Format::Yaml
    };
    Ok(Document { file: "stdin".into(), text, format })
}

/// The workflow and agent files of the folders where they are kept, in order of their names.
fn in_folders() -> Result<Vec<PathBuf>, CliError> {
    let folders = FOLDERS.iter().filter_map(|folder| std::fs::read_dir(folder).ok());
    let files = folders.flat_map(|entries| entries.flatten().map(|entry| entry.path()));
    let is_ours = |path: &PathBuf| {
        let format = Format::of_file(&path.to_string_lossy());
        path.is_file() && matches!(format, Some(Format::Yaml | Format::Json))
    };
    let mut files: Vec<PathBuf> = files.filter(is_ours).collect();
    files.sort();
    if files.is_empty() {
        let message = format!("there is no file in {}", FOLDERS.join(" and "));
        return Err(CliError::usage(message).help("name the files, or `-` for stdin"));
    }
    Ok(files)
}

/// Puts a new text in place of a file's, at once: whoever reads meanwhile sees the old or the new one.
fn replace(file: &Path, text: &str) -> Result<(), CliError> {
    let failed = |error: std::io::Error| CliError::usage(format!("cannot write {}: {error}", file.display()));
    // Through a link its target is changed, and the link stays.
    let target = file.canonicalize().map_err(failed)?;
    let permissions = target.metadata().map_err(failed)?.permissions();
    let name = target.file_name().unwrap_or_default().to_string_lossy();
    let beside = target.with_file_name(format!(".{name}.{}.fmt", std::process::id()));
    let written = std::fs::write(&beside, text)
        .and_then(|()| std::fs::set_permissions(&beside, permissions))
        .and_then(|()| std::fs::rename(&beside, &target));
    written.map_err(|error| {
        let _ = std::fs::remove_file(&beside);
        failed(error)
    })
}
