//! `top`: how the daemon is, and its busiest actors, as they change.
//!
//! Everything is read over the public API: the supervision tree and the measurements. What happens per second is the
//! difference of two readings. On a terminal each picture is one write over the one before, and the terminal is given back as
//! it was, whatever ends the verb; elsewhere a picture is text.

mod drawing;
mod reading;
mod terminal;

use std::io::IsTerminal;
use std::time::Duration;

use clap::ValueEnum;
use serde_json::Value;
use tokio::signal::unix::{SignalKind, signal};
use tokio::time::Instant;

use super::Context;
use super::exit::{CliError, Exit};
use crate::client::{Client, ClientError};
use crate::output::{self, Format};
use drawing::Size;
use reading::{Reading, Top};
use terminal::{Keys, Screen};

const LOOK_AGAIN: Duration = Duration::from_secs(1);
/// What a picture is drawn for where there is no terminal to ask.
const SIZE_ELSEWHERE: Size = Size { columns: 80, rows: 24 };

/// Show how the daemon is and its busiest actors, live
///
/// Shown above the actors: how long the daemon is up; runs that are running, waiting (not begun, or paused) and failed;
/// approvals that wait for a person; slots in use; commits and syncs of the journal per second; restarts since the daemon
/// was started; and how many actors are up. `q` or Ctrl-C ends it.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Example:\n  ghostlight top\n  ghostlight top --sort mailbox\n  ghostlight top --once --output json"
)]
pub(crate) struct TopArgs {
    /// Which actors come first: mailbox, handled (per second), restarts or uptime
    #[arg(long, value_enum, default_value_t, value_name = "KEY", hide_possible_values = true)]
    sort: Sort,

    /// How many actors are shown at most [default: as many as fit; with --output json or yaml, all]
    #[arg(long, value_name = "N")]
    limit: Option<usize>,

    /// Show it one time, after one second of looking, and end
    #[arg(long)]
    once: bool,
}

/// Which actors come first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
pub(crate) enum Sort {
    /// With the most messages waiting.
    Mailbox,
    /// That handle the most messages per second.
    #[default]
    Handled,
    /// That were restarted most often.
    Restarts,
    /// That have been up longest.
    Uptime,
}

pub(super) async fn run(args: TopArgs, context: &Context) -> Result<Exit, CliError> {
    let client = context.client()?;
    let first = read(&client).await?;
    if args.once {
        tokio::time::sleep_until(first.at + LOOK_AGAIN).await;
        let top = Top::of(&read(&client).await?, Some(&first), args.sort);
        print(&top, &args, context);
        return Ok(Exit::Done);
    }
    let on_terminal = context.output == Format::Table && std::io::stdout().is_terminal();
    let screen = if on_terminal { Some(Screen::open().map_err(|error| unusable(&error))?) } else { None };
    live(first, &client, &args, context, screen.as_ref()).await
}

/// Draws until somebody ends it. A daemon that does not answer for a while is said so, beside what was seen last.
async fn live(
    first: Reading,
    client: &Client,
    args: &TopArgs,
    context: &Context,
    screen: Option<&Screen>,
) -> Result<Exit, CliError> {
    let mut keys = Keys::listen();
    let listen = |kind| signal(kind).map_err(|error| unusable(&error));
    let mut interrupted = listen(SignalKind::interrupt())?;
    let mut ended = listen(SignalKind::terminate())?;
    let mut resized = listen(SignalKind::window_change())?;
    let mut top = Top::of(&first, None, args.sort);
    let (mut last, mut note) = (first, None);
    let mut next = last.at + LOOK_AGAIN;
    loop {
        let is_seen = match screen {
            Some(screen) => {
                let size = screen.size();
                screen.show(&drawing::draw(&top, size, args.limit, note.as_deref()))
            }
            None => print(&top, args, context),
        };
        if !is_seen {
            return Ok(Exit::Done);
        }
        tokio::select! {
            () = tokio::time::sleep_until(next) => {}
            _ = resized.recv() => continue,
            () = keys.end() => return Ok(Exit::Done),
            _ = interrupted.recv() => return Ok(Exit::Done),
            _ = ended.recv() => return Ok(Exit::Done),
        }
        let reading = tokio::select! {
            reading = read(client) => reading,
            () = keys.end() => return Ok(Exit::Done),
            _ = interrupted.recv() => return Ok(Exit::Done),
            _ = ended.recv() => return Ok(Exit::Done),
        };
        next = Instant::now().max(next) + LOOK_AGAIN;
        match reading {
            Ok(reading) => {
                top = Top::of(&reading, Some(&last), args.sort);
                (last, note) = (reading, None);
            }
            Err(error @ (ClientError::Unreached { .. } | ClientError::TooSlow { .. }))
                if screen.is_some() =>
            {
                note = Some(error.to_string());
            }
            Err(error) => return Err(error.into()),
        }
    }
}

fn unusable(error: &std::io::Error) -> CliError {
    CliError::usage(format!("the terminal cannot be used: {error}")).help("try `ghostlight top --once`")
}

async fn read(client: &Client) -> Result<Reading, ClientError> {
    let (tree, metrics) = futures::join!(client.tree(), client.metrics());
    Ok(Reading::new(Instant::now(), tree?.value, &metrics?))
}

/// Prints a picture where there is no terminal, or a document. Says whether anybody still reads.
fn print(top: &Top, args: &TopArgs, context: &Context) -> bool {
    let document = || {
        let mut top = top.clone();
        top.actors.truncate(args.limit.unwrap_or(usize::MAX));
        serde_json::to_value(&top).unwrap_or(Value::Null)
    };
    output::print_text(&match context.output {
        Format::Table => {
            let size = terminal::size().unwrap_or(SIZE_ELSEWHERE);
            // Text may be as long as whoever asked for so many actors wants it.
            let rows = if args.limit.is_some() { usize::MAX } else { size.rows };
            drawing::draw(top, Size { rows, ..size }, args.limit, None)
        }
        Format::Json if args.once => output::pretty(&document()),
        Format::Json => document().to_string(),
        Format::Yaml => format!("---\n{}", output::yaml(&document())),
    })
}
