//! `ghostlight chaos-append`: a command agent whose effect can be counted from outside: each time it is run it appends a
//! line with its idempotency key to a file.
//!
//! It does nothing to make itself idempotent: two lines under one key are the proof that something was done twice. It takes
//! its time before and after, so that it is met in the middle of its work.

use std::fs::OpenOptions;
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use serde::Deserialize;
use serde_json::json;

const DOCUMENT_BYTES_MAX: u64 = 1024 * 1024;
/// Before the line, and again behind it.
const PAUSE: Duration = Duration::from_millis(20);

/// `ghostlight chaos-append`: append a line to a file, as a command agent.
#[derive(Debug, Clone, PartialEq, Eq, clap::Args)]
pub struct AppendArgs {
    /// The file
    #[arg(long, value_name = "FILE")]
    file: PathBuf,
}

/// What is needed of the protocol's document.
#[derive(Debug, Deserialize)]
struct Document {
    idempotency_key: String,
    attempt: u32,
}

/// Reads the document from stdin, appends, and writes the result to stdout.
pub async fn run_append(args: AppendArgs) -> ExitCode {
    let mut document = Vec::new();
    let read = io::stdin().lock().take(DOCUMENT_BYTES_MAX).read_to_end(&mut document);
    let document: Result<Document, String> = match read {
        Ok(_) => serde_json::from_slice(&document).map_err(|error| error.to_string()),
        Err(error) => Err(error.to_string()),
    };
    let document = match document {
        Ok(document) => document,
        Err(message) => return refuse("data", "chaos.bad_document", &message),
    };
    tokio::time::sleep(PAUSE).await;
    if let Err(error) = append(&args.file, &document) {
        return refuse("configuration", "chaos.not_written", &error.to_string());
    }
    tokio::time::sleep(PAUSE).await;
    say(&json!({ "type": "result", "output": { "key": document.idempotency_key } }));
    ExitCode::SUCCESS
}

/// One line in one write, so that lines of several processes do not mix.
fn append(file: &Path, document: &Document) -> io::Result<()> {
    let line = format!("{} {}\n", document.idempotency_key, document.attempt);
    OpenOptions::new().append(true).open(file)?.write_all(line.as_bytes())
}

fn refuse(class: &str, code: &str, message: &str) -> ExitCode {
    say(&json!({ "type": "error", "class": class, "code": code, "message": message, "happened": "no" }));
    ExitCode::FAILURE
}

/// Nobody is left to tell when stdout is closed.
fn say(line: &serde_json::Value) {
    let mut stdout = io::stdout().lock();
    let _ = writeln!(stdout, "{line}").and_then(|()| stdout.flush());
}
