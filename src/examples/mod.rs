//! The agents of the shipped workflows: small programs that do honest work without any model, so that the workflows run
//! anywhere and always give the same.
//!
//! Each is a pure function from its input to its output, in a file of its own; `run_example` is `ghostlight example-agent`,
//! which calls one of them by the command protocol. They are examples to be replaced: a writer of yours would ask a model.
//!
//! - a campaign: `writer` drafts, `seo`, `brand` and `quality` review and mend, `geo` prepares the text for answering
//!   engines; each passes the article on with what it found, a score, and a diff of what it changed;
//! - documents: `documents` reads one, and makes a report of many;
//! - a race: `answer` answers a question out of facts, more quickly or more carefully.
//!
//! Leaves to others: the order of the calls and what is good enough, which the workflows say.

mod answer;
mod article;
mod brand;
mod documents;
mod geo;
mod protocol;
mod quality;
mod review;
mod seo;
mod text;
mod writer;

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use clap::{Args, Subcommand};

use answer::Care;

/// `ghostlight example-agent`: one of the agents of the shipped workflows, as a command agent.
///
/// Reads one document of the command protocol from stdin, and writes the result to stdout.
#[derive(Debug, Clone, PartialEq, Eq, Args)]
pub struct ExampleArgs {
    #[command(subcommand)]
    agent: ExampleAgent,
}

/// Which agent.
#[derive(Debug, Clone, PartialEq, Eq, Subcommand)]
enum ExampleAgent {
    /// Turn a brief into a draft, or mend an earlier draft by what was found in it
    ContentWriter,
    /// Check and mend title, description, headings and keywords
    ContentSeo,
    /// Hold a text to a brand sheet
    ContentBrand,
    /// Measure how a text reads
    ContentQuality,
    /// Prepare a text for answering engines
    ContentGeo,
    /// Read a document
    DocumentReader {
        /// The folder whose files may be read; nothing outside
        #[arg(long, value_name = "DIR")]
        folder: PathBuf,
    },
    /// Make a report of documents that were read
    DocumentReport,
    /// Answer a question out of facts
    Answer {
        /// How words are compared
        #[arg(long, value_enum)]
        care: Care,

        /// How long to wait before, in the place of the way to a provider that is far away
        #[arg(long, value_name = "MS", default_value_t = 0)]
        pause_ms: u64,
    },
}

/// Runs the agent. Fails when it could not answer; an `error` line says why.
pub async fn run_example(args: ExampleArgs) -> ExitCode {
    match args.agent {
        ExampleAgent::ContentWriter => protocol::serve(writer::write),
        ExampleAgent::ContentSeo => protocol::serve(seo::review),
        ExampleAgent::ContentBrand => protocol::serve(brand::review),
        ExampleAgent::ContentQuality => protocol::serve(quality::review),
        ExampleAgent::ContentGeo => protocol::serve(geo::prepare),
        ExampleAgent::DocumentReader { folder } => protocol::serve(|input| documents::read(&folder, input)),
        ExampleAgent::DocumentReport => protocol::serve(documents::report),
        ExampleAgent::Answer { care, pause_ms } => {
            tokio::time::sleep(Duration::from_millis(pause_ms)).await;
            protocol::serve(|input| answer::answer(care, input))
        }
    }
}
