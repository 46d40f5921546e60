//! `tail`: what happens, as it happens, without a gap over lost connections and restarts of the daemon.

use jiff::Timestamp;
use jiff::tz::TimeZone;
use owo_colors::OwoColorize;
use serde_json::Value;

use super::Context;
use super::exit::{CliError, Exit};
use super::ids::run_id;
use super::watch::{Story, failure, gist};
use crate::client::{FeedOptions, Frame};
use crate::output::{self, Format, plain};

/// Show what happens, as it happens
///
/// Everything from now on, or one run from its beginning. A lost connection is opened again behind the last event. With
/// `--output json`, one event a line.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Example:\n  ghostlight tail\n  ghostlight tail RUN\n  ghostlight tail --types 'run.*' --output json"
)]
pub(crate) struct TailArgs {
    /// A run's id, or its beginning; without it, everything
    run: Option<String>,

    /// Begin behind this sequence
    #[arg(long, value_name = "SEQUENCE")]
    after: Option<u64>,

    /// Only these types, such as run.*,step.failed
    #[arg(long, value_name = "TYPES")]
    types: Option<String>,

    /// Progress and tokens too
    #[arg(long)]
    live: bool,
}

pub(super) async fn run(args: TailArgs, context: &Context) -> Result<Exit, CliError> {
    let client = context.client()?;
    // Asked before it is followed: a feed waits for a daemon that was there, not for one that never was.
    if !client.is_reached().await {
        return Err(unreached(&client).await);
    }
    let TailArgs { run, after, types, live } = args;
    let run = match run {
        Some(run) => Some(run_id(&client, &run).await?),
        None => None,
    };
    let mut teller = Teller { of_a_run: run.is_some(), story: Story::default() };
    let mut feed = client.feed(FeedOptions { run, after, types, live, tries_max: None });
    loop {
        let frame = tokio::select! {
            frame = feed.next() => frame?,
            _ = tokio::signal::ctrl_c() => return Ok(Exit::Done),
        };
        if frame.kind == "feed.lost" {
            output::warn(&format!("{} does not answer; waiting for it", client.server()));
            continue;
        }
        let text = match context.output {
            Format::Table => teller.line(&frame),
            Format::Json => Some(frame.text.clone()),
            Format::Yaml => {
                let value: Value = serde_json::from_str(&frame.text).unwrap_or_default();
                Some(format!("---\n{}", output::yaml(&value)))
            }
        };
        let is_read = text.is_none_or(|text| output::print_text(&text));
        if !is_read {
            return Ok(Exit::Done);
        }
        if teller.of_a_run && matches!(frame.kind.as_str(), "run.completed" | "run.failed" | "run.cancelled")
        {
            return Ok(Exit::Done);
        }
    }
}

async fn unreached(client: &crate::client::Client) -> CliError {
    match client.runs(&[("limit", "1".to_owned())]).await {
        Err(error) => error.into(),
        Ok(_) => CliError::new(Exit::Unreached, format!("the daemon at {} is not healthy", client.server())),
    }
}

struct Teller {
    of_a_run: bool,
    story: Story,
}

impl Teller {
    fn line(&mut self, frame: &Frame) -> Option<String> {
        if self.of_a_run { self.story.line(frame) } else { Some(line(frame)) }
    }
}

/// An event among those of all runs: when, what, where, and what it says.
fn line(frame: &Frame) -> String {
    let time = frame.time.as_deref().and_then(|time| time.parse::<Timestamp>().ok());
    let clock = time.map(|time| time.to_zoned(TimeZone::system()).strftime("%H:%M:%S%.3f").to_string());
    let said = match frame.data.get("failure") {
        Some(of) => failure(of),
        None => frame.payload("output").map(gist).unwrap_or_else(|| gist(&without_causes(&frame.data))),
    };
    let kind = match frame.kind.rsplit('.').next() {
        Some("completed" | "approved") => frame.kind.green().to_string(),
        Some("failed" | "quarantined" | "gave_up") => frame.kind.red().to_string(),
        Some("retrying" | "waiting" | "requested" | "restarted" | "paused" | "interrupted") => {
            frame.kind.yellow().to_string()
        }
        Some(_) | None => frame.kind.cyan().to_string(),
    };
    let subject = plain(frame.subject.as_deref().unwrap_or_default());
    format!("{} {kind} {subject} {}", clock.unwrap_or_default().dimmed(), said.dimmed())
}

/// The event's own fields.
fn without_causes(data: &Value) -> Value {
    let mut data = data.clone();
    if let Some(fields) = data.as_object_mut() {
        for name in ["cause", "by", "trace", "step"] {
            fields.remove(name);
        }
    }
    data
}
