//! `demo`: the main job on a real outage. What happens stands in [`crate::demo`].

use std::net::SocketAddr;
use std::path::PathBuf;

use super::Context;
use super::exit::{CliError, Exit};
use super::watch::Answers;
use crate::demo::{self, DemoOptions};

/// Watch agents detect, investigate, repair and verify a real outage: nothing to prepare
///
/// Starts the daemon on a fresh data folder, and a small shop in a process of its own, which really breaks under load. A
/// monitor notices; agents read its log, its metrics and what it depends on; you are asked; the shop is restarted and
/// verified. Takes less than a minute. Nothing is left running.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  ghostlight demo\n  ghostlight demo --yes")]
pub(crate) struct DemoArgs {
    /// Approve the restart without asking
    #[arg(long)]
    yes: bool,

    /// The folder for everything the demo writes [default: a fresh one for temporary files]
    #[arg(long, value_name = "DIR")]
    dir: Option<PathBuf>,

    /// Where the daemon listens [default: 127.0.0.1:7070, or a free port when that is taken]
    #[arg(long, value_name = "ADDR")]
    listen: Option<SocketAddr>,
}

pub(super) async fn run(args: DemoArgs, _: &Context) -> Result<Exit, CliError> {
    demo::run(DemoOptions { answers: Answers::of(args.yes), dir: args.dir, listen: args.listen }).await
}
