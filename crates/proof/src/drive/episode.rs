//! One history: a fresh folder, many clients, so many rounds of faults, a quiet end, and the journal that is left.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context, ensure};
use tokio::task::JoinSet;

use super::agents::{self, Effects};
use super::clients::{Client, Shared};
use super::daemon::{Daemon, KEPT, Place};
use super::device::Device;
use super::finish;
use super::log::Log;
use super::reader;
use crate::check::{Violation, check};
use crate::history::{Fault, History, What};
use crate::journal::{Archives, Journal};

/// How long readers of the feed may be behind when all is over.
const PATIENCE: Duration = Duration::from_secs(10);
const READERS: u32 = 2;

/// What is done.
#[derive(Debug, Clone)]
pub struct Settings {
    /// The daemon's program.
    pub program: PathBuf,
    /// Where everything is kept: the folder has to be there, and empty.
    pub folder: PathBuf,
    /// How often the daemon is killed while it serves.
    pub rounds: u32,
    /// How many clients work it.
    pub clients: u32,
    /// Whether the power is cut as it is killed, each other time.
    pub power: bool,
    /// Whether runs that ended are archived, dropped, and their space taken back.
    pub retention: bool,
    /// What all choices follow from. What comes of them is a matter of time too.
    pub seed: u64,
}

/// What came of it.
#[derive(Debug)]
pub struct Outcome {
    /// What is wrong.
    pub violations: Vec<Violation>,
    /// What was counted.
    pub episode: Episode,
}

/// What was counted.
#[derive(Debug, Clone, Copy, Default)]
pub struct Episode {
    /// How often it was killed, while it recovered included.
    pub kills: u64,
    /// How often the power was cut with it.
    pub cuts: u64,
    /// Requests that were acknowledged.
    pub acknowledged: u64,
    /// Requests whose end nobody knows.
    pub unknown: u64,
    /// Runs.
    pub runs: u64,
    /// Calls of agents.
    pub calls: u64,
    /// Records of the journal.
    pub records: u64,
    /// Runs that were archived and dropped.
    pub dropped: u64,
    /// Records that are not in the journal any more.
    pub gone: u64,
    /// Records that readers of the feed were shown.
    pub frames: u64,
}

/// Makes one history and checks it. The history (`history.jsonl`) and the archive of the journal (`archive.jsonl`) stay in the
/// folder, and with them the archives of runs (`archives`).
///
/// # Errors
/// The daemon does not start or end, or its journal cannot be read: what makes a history impossible to judge.
pub async fn run(settings: &Settings) -> anyhow::Result<Outcome> {
    let mut random = fastrand::Rng::with_seed(settings.seed);
    let (log, effects) = (Log::new(), Effects::default());
    let agents = agents::serve(log.clone(), effects.clone(), random.u64(..))?;
    let device = settings.power.then(|| Device::make(&settings.folder.join("power"))).transpose()?;
    let mut place = Place::prepare(&settings.program, &settings.folder, agents, device, settings.retention)?;
    let shared = Shared::new(log.clone(), place.address, effects, settings.retention)?;
    if settings.retention {
        log.push(What::Retains { ended_us: u64::try_from(KEPT.as_micros())? });
    }
    let daemon = place.start(&shared.http).await?;
    log.fault(Fault::Ready);

    let mut seen: Vec<Arc<AtomicU64>> = (0..READERS).map(|_| Arc::default()).collect();
    let mut readers = JoinSet::new();
    for (reader, seen) in (0..).zip(&seen) {
        readers.spawn(reader::read(log.clone(), reader, place.address, seen.clone()));
    }
    let mut clients = JoinSet::new();
    for number in 1..=settings.clients {
        clients.spawn(Client::new(number, shared.clone(), random.u64(..)).work());
    }
    let daemon = rounds(settings, &mut place, &shared, &log, &mut random, daemon).await?;
    log.fault(Fault::Quiet);
    clients.shutdown().await;
    finish::let_everything_end(&mut Client::new(0, shared.clone(), random.u64(..))).await;
    if settings.retention {
        // Who comes late comes by what is gone.
        let late = Arc::<AtomicU64>::default();
        readers.spawn(reader::read(log.clone(), READERS, place.address, late.clone()));
        seen.push(late);
    }

    let head = place.journal(None)?.head();
    let until = Instant::now() + PATIENCE;
    while seen.iter().any(|seen| seen.load(Ordering::Acquire) < head) && Instant::now() < until {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    let ended_well = daemon.end().await?;
    log.fault(Fault::End);
    readers.shutdown().await;
    let history = log.history();
    std::fs::write(settings.folder.join("history.jsonl"), history.write())?;
    let journal = place.journal(Some(&settings.folder.join("archive.jsonl")))?;
    let archives = place.read_archives(&settings.folder.join("archives"))?;
    let mut violations = check(&history, &journal, &archives);
    if !ended_well {
        violations.push(Violation {
            rule: "end",
            what: "the daemon did not end well when it was asked to".to_owned(),
        });
    }
    if let Err(said) = place.verify()? {
        violations.push(Violation { rule: "verify", what: said });
    }
    Ok(Outcome { violations, episode: count(&history, &journal, &archives) })
}

/// Kills the daemon again and again; returns the one that is left.
async fn rounds(
    settings: &Settings,
    place: &mut Place,
    shared: &Shared,
    log: &Log,
    random: &mut fastrand::Rng,
    mut daemon: Daemon,
) -> anyhow::Result<Daemon> {
    for round in 0..settings.rounds {
        // The daemon begins to drop a second after its start, so that most of these kills come while it does.
        let life_ms = if settings.retention && round % 4 != 3 { 900..2_600 } else { 60..600 };
        tokio::time::sleep(Duration::from_millis(random.u64(life_ms))).await;
        if round % 8 == 2 {
            log.fault(Fault::Stop);
            daemon.stand_still();
            tokio::time::sleep(Duration::from_millis(random.u64(100..800))).await;
            daemon.go_on();
            log.fault(Fault::Continue);
            tokio::time::sleep(Duration::from_millis(random.u64(..50))).await;
        }
        if settings.power && round % 2 == 0 {
            place.cut_power(daemon).await?;
            log.fault(Fault::PowerCut);
        } else {
            daemon.kill();
            log.fault(Fault::Kill);
        }
        while round % 5 == 1 || random.u8(..8) == 0 {
            let doomed = place.spawn()?;
            tokio::time::sleep(Duration::from_millis(random.u64(..80))).await;
            doomed.kill();
            log.fault(Fault::KillInRecovery);
            if random.bool() {
                break;
            }
        }
        found(place, log)?;
        daemon =
            place.start(&shared.http).await.with_context(|| format!("start again after round {round}"))?;
        log.fault(Fault::Ready);
    }
    // What was interrupted last is to be seen going on.
    tokio::time::sleep(Duration::from_millis(300)).await;
    Ok(daemon)
}

/// Writes down how far the journal goes while nobody writes it, what of it is gone, and which archives are there.
fn found(place: &Place, log: &Log) -> anyhow::Result<()> {
    let journal = place.journal(None)?;
    let (head, gone) = (journal.head(), journal.gone());
    log.push(What::Found { head, prefix: journal.prefix(head, &gone), gone });
    log.push(What::Shelf { files: place.shelf()? });
    Ok(())
}

fn count(history: &History, left: &Journal, archives: &Archives) -> Episode {
    use crate::history::Outcome::{Ok, Unknown};

    let journal = left.with(archives);
    let mut episode = Episode { records: journal.records.len() as u64, ..Episode::default() };
    episode.runs = journal.runs().len() as u64;
    episode.dropped = journal.records.iter().filter(|record| record.kind == "run.archived").count() as u64;
    episode.gone = episode.records - left.records.len() as u64;
    for entry in &history.entries {
        match &entry.what {
            What::Return { outcome: Ok { .. }, .. } => episode.acknowledged += 1,
            What::Return { outcome: Unknown, .. } => episode.unknown += 1,
            What::Call { .. } => episode.calls += 1,
            What::Frame { .. } => episode.frames += 1,
            What::Nemesis { fault: Fault::Kill | Fault::KillInRecovery } => episode.kills += 1,
            What::Nemesis { fault: Fault::PowerCut } => episode.cuts += 1,
            _ => {}
        }
    }
    episode
}

/// An empty folder of this name in `base`.
///
/// # Errors
/// It cannot be made, or something is in it already.
pub fn fresh(base: &Path, name: &str) -> anyhow::Result<PathBuf> {
    let folder = base.join(name);
    std::fs::create_dir_all(&folder).with_context(|| format!("create {}", folder.display()))?;
    ensure!(std::fs::read_dir(&folder)?.next().is_none(), "{} is not empty", folder.display());
    // The daemon is started in it, and told of what is in it.
    folder.canonicalize().with_context(|| format!("find {}", folder.display()))
}
