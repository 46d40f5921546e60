//! Chaos: actors are struck at random while runs go on, and what comes of the runs is compared with what must.
//!
//! `ghostlight chaos` starts a daemon inside its own process, on a fresh folder, keeps runs of five sorts in flight, strikes
//! actors over the public API, and reports. `serve --chaos RATE` strikes the daemon's own actors while it serves ([`Marksman`]
//! chooses for both).
//!
//! Promises: a wrong result is never overlooked ([`check`](self) is proved on planted ones), nothing is left running, and a
//! folder of ours goes unless something was wrong. With the same seed the same choices are made from the same tree; what is
//! up at which moment is a matter of time, so that a report can be repeated only as far as timing allows. Leaves to others:
//! what a fault does to an actor (`supervision`), and who may ask for one (`http`).

mod append;
mod check;
mod effects;
mod load;
mod marksman;
mod rate;
mod report;
mod screen;
mod sort;
mod stage;
mod target;

use std::cell::RefCell;
use std::path::PathBuf;
use std::time::Duration;

use ghostlight_actors::tree_log::TreeLog;
use ghostlight_world::RealFiles;
use tokio::time::{Instant, MissedTickBehavior};

use crate::cli::{CliError, Exit, with_causes};
use crate::client::{Client, ClientError, TreeNode};
use crate::daemon::{self, Daemon};
use crate::output::{self, Format};

pub use append::{AppendArgs, run_append};
pub use marksman::{Marksman, Strike};
pub use rate::{Rate, RateError};
pub use target::{ActorKind, Kind};

use check::Wrong;
use effects::Effects;
use load::Load;
use report::{Durations, Report, Runs, Setting, Strikes};
use screen::Screen;
use stage::Stage;

/// How long runs have to end after the last strike: longer than anything that brings a run back takes, and that is the
/// minute after which the timers look for runs that are under way and not in memory.
const LIVENESS: Duration = Duration::from_secs(90);
/// How often another actor is chosen when the one before has ended before it was struck.
const TRIES: u32 = 3;
/// How long what is under way may take to end when it is over.
const DEADLINE: Duration = Duration::from_secs(10);

/// How it is done.
#[derive(Debug, Clone)]
pub(crate) struct ChaosOptions {
    /// How long strikes are made.
    pub time: Duration,
    /// How often.
    pub rate: Rate,
    /// With what.
    pub kinds: Vec<Kind>,
    /// How many runs are kept in flight.
    pub runs_in_flight: u64,
    /// The seed of the choices; none: a fresh one.
    pub seed: Option<u64>,
    /// The folder for everything that is written; none: a fresh one for temporary files.
    pub dir: Option<PathBuf>,
    /// How the report is printed.
    pub output: Format,
}

/// Strikes, and reports. Done when nothing is wrong, failed when something is.
pub(crate) async fn run(options: ChaosOptions) -> Result<Exit, CliError> {
    if !cfg!(feature = "chaos") {
        return Err(CliError::usage("this program was built without the feature `chaos`"));
    }
    let seed = options.seed.unwrap_or_else(|| fastrand::u64(..));
    let stage = Stage::set(options.dir.clone())?;
    daemon::log_to_file(&stage.config.log, stage.log_file()?);
    let mut daemon = Daemon::start(stage.daemon()).await?;
    let client = daemon.client().await?;
    let tree_log = daemon.tree_log();
    let screen = Screen::new(&options, seed, &daemon.url());
    let ended = tokio::select! {
        played = play(&stage, client, &options, seed, &screen) => Ok(Some(played)),
        stopped = daemon.ended_or_signal() => stopped.map(|_| None),
    };
    screen.quiet();
    let down = daemon.stop(DEADLINE).await;
    let ended = ended.map_err(|error| error.help(format!("everything is kept in {}", stage.root.display())));
    let Some(played) = ended? else {
        output::note("chaos was interrupted: there is no report");
        stage.clear();
        return Ok(Exit::Failed);
    };
    down?;
    let mut report = judge(&stage, &options, seed, played, &tree_log);
    report.folder = if report.is_right() { stage.clear() } else { Some(stage.root.clone()) };
    let value = serde_json::to_value(&report)
        .map_err(|error| CliError::new(Exit::Failed, format!("the report cannot be written: {error}")))?;
    output::print(options.output, &value, || report.table());
    Ok(if report.is_right() { Exit::Done } else { Exit::Failed })
}

/// What was done, before it is judged.
struct Played {
    load: Load,
    strikes: Strikes,
}

async fn play(stage: &Stage, client: Client, options: &ChaosOptions, seed: u64, screen: &Screen) -> Played {
    let until = Instant::now() + options.time;
    let load = Load::new(client.clone(), stage.effects_file(), until, until + LIVENESS);
    let strikes = RefCell::new(Strikes::new(&options.kinds));
    let striker = strike(&client, options, seed, until, &load, &strikes);
    let lanes = futures::future::join_all((0..options.runs_in_flight).map(|lane| load.lane(lane)));
    tokio::select! {
        _ = async { tokio::join!(striker, lanes) } => {}
        // It only shows, and never ends.
        () = screen.follow(&load, &strikes, until) => {}
    }
    let listed = load.listed().await;
    {
        let mut tally = load.tally();
        let wrong = match listed {
            Ok(listed) => check::list(&tally.asked, &listed),
            Err(wrong) => vec![wrong],
        };
        tally.wrong.extend(wrong);
    }
    Played { load, strikes: strikes.into_inner() }
}

/// Strikes at its rate until the time is over.
async fn strike(
    client: &Client,
    options: &ChaosOptions,
    seed: u64,
    until: Instant,
    load: &Load,
    strikes: &RefCell<Strikes>,
) {
    let mut marksman = Marksman::new(seed, &options.kinds);
    let began = Instant::now();
    let mut ticks = tokio::time::interval(options.rate.pause());
    // A daemon that is too slow for the rate is struck less often, and not for longer.
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    // The first tick comes at once, before there are any runs.
    ticks.tick().await;
    while tokio::time::timeout_at(until, ticks.tick()).await.is_ok() && Instant::now() < until {
        for _ in 0..TRIES {
            let Ok(tree) = client.tree().await else { break };
            let mut up = Vec::new();
            paths_of(&tree.value, &mut up);
            let Some(strike) = marksman.choose(began.elapsed(), up.into_iter()) else { break };
            // Whatever is answered, it may have been made: the run counts as struck.
            if let Some(run) = target::run_of(&strike.path) {
                load.tally().struck.insert(run.to_owned());
            }
            let reason = format!("chaos with the seed {seed}");
            match client.strike(&strike.path, strike.kind.as_str(), &reason).await {
                Ok(()) => {
                    strikes.borrow_mut().count(&strike);
                    break;
                }
                // It has ended by itself in the meantime.
                Err(ClientError::Refused(_)) => strikes.borrow_mut().missed += 1,
                Err(error) => {
                    let what =
                        format!("a strike at {} was not answered: {}", strike.path, with_causes(&error));
                    load.tally().wrong.push(Wrong { run: None, what });
                }
            }
        }
    }
}

/// The paths of those who are up.
fn paths_of<'a>(node: &'a TreeNode, found: &mut Vec<&'a str>) {
    if node.state.as_str() == Some("running") {
        found.push(&node.path);
    }
    node.children.iter().for_each(|child| paths_of(child, found));
}

/// Looks at everything once the daemon is gone: what was left outside, and every record of the journal.
fn judge(stage: &Stage, options: &ChaosOptions, seed: u64, played: Played, tree_log: &TreeLog) -> Report {
    let Played { load, strikes } = played;
    let tally = std::mem::take(&mut *load.tally());
    let mut wrong = tally.wrong;
    match Effects::read(&stage.effects_file()) {
        Ok(effects) => wrong.extend(check::effects(&tally.asked, &effects)),
        Err(error) => wrong.push(Wrong { run: None, what: format!("the file of effects: {error}") }),
    }
    wrong.extend(unsound(stage));
    let (struck, others): (Vec<_>, Vec<_>) =
        tally.took.into_iter().partition(|(run, _)| tally.struck.contains(run));
    let durations =
        |runs: Vec<(String, u64)>| Durations::of(runs.into_iter().map(|(_, took)| took).collect());
    let counts = tree_log.counts();
    Report {
        setting: Setting {
            seed,
            for_ms: u64::try_from(options.time.as_millis()).unwrap_or(u64::MAX),
            rate: options.rate.to_string(),
            runs_in_flight: options.runs_in_flight,
        },
        strikes,
        restarts: counts.restarted,
        quarantines: tally.happened.quarantined,
        quarantines_released: tally.released,
        runs: Runs { started: tally.asked.len() as u64, completed: tally.completed },
        retries: tally.happened.retried,
        interrupted: tally.happened.interrupted,
        reconciled: tally.happened.reconciled,
        with_strikes: durations(struck),
        without_strikes: durations(others),
        wrong_results: wrong.len() as u64,
        wrong,
        folder: None,
    }
}

/// What is damaged in the journal.
fn unsound(stage: &Stage) -> Vec<Wrong> {
    let of_house = |what: String| Wrong { run: None, what };
    match ghostlight_store::journal::verify(&RealFiles, &stage.config.data.dir) {
        Ok(report) => report.findings.iter().map(|finding| of_house(finding.to_string())).collect(),
        Err(error) => vec![of_house(format!("the journal cannot be verified: {}", with_causes(&error)))],
    }
}
