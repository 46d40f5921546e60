//! The demo: a real outage of a real service, found, investigated, repaired and verified by agents, in under a minute.
//!
//! Nothing here is pretended. The shop is a process of its own with an ordinary bug; customers check out until its pool of
//! connections is dry; the monitor is a workflow that asks its health check; what the agents find stands in its log and
//! its metrics. The daemon is the one that `serve` runs, in this process; everything is told from its public API and feed.
//!
//! Promises: nothing is left running, however it ends; a demo that is killed leaves a data folder on which `serve` goes on
//! with the run. Leaves to others: how the shop breaks ([`crate::shop`]), and what a step's line looks like.

mod incident;
mod outage;
mod screen;
mod stage;

use std::path::PathBuf;
use std::time::Duration;

use crate::cli::watch::Answers;
use crate::cli::{CliError, Exit};
use crate::client::Client;
use crate::daemon::{self, Daemon};

use outage::Outage;
use screen::Screen;
use stage::Stage;

/// How long what is under way may take to end.
const DEADLINE: Duration = Duration::from_secs(10);

/// How the demo is run.
#[derive(Debug, Clone)]
pub(crate) struct DemoOptions {
    /// Who approves the restart.
    pub answers: Answers,
    /// The folder for everything that is written; none: a fresh one for temporary files.
    pub dir: Option<PathBuf>,
    /// Where the daemon listens; none: the default address, or a free one when that is taken.
    pub listen: Option<std::net::SocketAddr>,
}

/// Runs the demo. Done when the shop is proved healthy again, failed when it is not.
pub(crate) async fn run(options: DemoOptions) -> Result<Exit, CliError> {
    let stage = Stage::set(options.dir, options.listen)?;
    daemon::log_to_file(&stage.config.log, stage.log_file()?);
    let mut daemon = Daemon::start(stage.daemon()).await?;
    let client = daemon.client().await?;
    let mut screen = Screen::new();
    screen.opening(&stage, &daemon.url());
    let ended = tokio::select! {
        ended = play(&stage, &client, &options.answers, &mut screen) => ended,
        stopped = daemon.ended_or_signal() => stopped.map(|_| {
            screen.interrupted();
            Exit::Failed
        }),
    };
    screen.quiet();
    // The daemon first: a restart that is under way would start the shop again behind our back. The shop is ended even when
    // the daemon was told twice.
    let down = daemon.stop(DEADLINE).await;
    let shop = stage.stop_shop().await;
    screen.closing(&stage);
    down?;
    shop?;
    ended
}

/// The play in three acts: the outage, the incident, the proof.
async fn play(
    stage: &Stage,
    client: &Client,
    answers: &Answers,
    screen: &mut Screen,
) -> Result<Exit, CliError> {
    let mut outage = Outage::begin(stage, screen).await?;
    let looks = outage.watch_until_sick(client, screen).await?;
    screen.sick(&looks);
    let incident = incident::handle(client, &outage.input(), answers, screen).await?;
    let is_healthy = outage.is_healthy().await;
    let customers = outage.end().await?;
    screen.outcome(&incident, &looks, customers, is_healthy);
    let is_done = is_healthy && incident.run.status == "completed";
    Ok(if is_done { Exit::Done } else { Exit::Failed })
}
