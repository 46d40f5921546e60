//! `cargo xtask bench peers`: the same work for Ghostlight and for its peers, in the same run, on the same machine and disk.
//!
//! Each peer is installed as its users install it, with durability as it comes or as it can be had (`settings`), and is given
//! the same work: chains and a fan-out in a closed loop, runs that wait for a person, and a kill with one of these
//! approved afterwards. A peer that cannot be had here is said and left out; a part that it fails is a gap in the table.
//! Supervision is measured beside Erlang by a benchmark of its own, whose figures are taken from it.

mod figures;
mod ghostlight;
mod group;
mod install;
mod library;
mod restate;
mod script;
mod supervision;

use std::fmt::Write as _;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, ensure};

use self::figures::{Column, Unit};
use self::group::{Group, Roots};
use super::Where;
use super::daemon::Place;
use super::latencies::Latencies;
use crate::workspace::Workspace;

/// How much to measure.
#[derive(clap::Args)]
pub struct Options {
    #[command(flatten)]
    pub(super) place: Where,
    /// How long each load lasts, in seconds
    #[arg(long, default_value_t = 10)]
    seconds: u64,
    /// How many runs wait for a person
    #[arg(long, default_value_t = 1_000)]
    waiting: usize,
    /// Measure beside these peers only
    #[arg(long, value_enum, value_delimiter = ',')]
    only: Vec<Which>,
}

/// A peer.
#[derive(Clone, Copy, PartialEq, clap::ValueEnum)]
enum Which {
    /// Restate, with its TypeScript SDK
    Restate,
    /// LangGraph, with SQLite
    Langgraph,
    /// DBOS, with PostgreSQL
    Dbos,
    /// Prefect, with its server and SQLite
    Prefect,
    /// Erlang/OTP: supervision alone
    Erlang,
}

impl Options {
    fn wants(&self, which: Which) -> bool {
        self.only.is_empty() || self.only.contains(&which)
    }
}

/// What runs do.
#[derive(Clone, Copy)]
enum Work {
    /// Three durable steps that do nothing, one after another.
    Chain,
    /// Ten of them at once, and a join.
    FanOut,
}

/// The loads, with how many runs are in flight.
const LOADS: [(Work, usize); 4] =
    [(Work::Chain, 1), (Work::Chain, 64), (Work::Chain, 256), (Work::FanOut, 16)];

impl Work {
    fn title(self) -> &'static str {
        match self {
            Self::Chain => "chain of 3",
            Self::FanOut => "fan-out of 10 with join",
        }
    }
}

/// What a while of load came to.
struct Loaded {
    runs: usize,
    took: Duration,
    p50: Duration,
    p99: Duration,
}

impl Loaded {
    fn of(mut latencies: Latencies, took: Duration) -> Self {
        let (runs, p50, p99) = (latencies.count(), latencies.percentile(50), latencies.percentile(99));
        Self { runs, took, p50, p99 }
    }
}

/// Ghostlight or a peer of it, on a folder of its own.
trait Peer {
    /// Its name and version.
    fn name(&self) -> String;

    /// What makes its runs durable, who loads it, and what counts as its own.
    fn settings(&self) -> String;

    /// Forgets everything that is stored. It is not running.
    fn forget(&mut self) -> anyhow::Result<()>;

    /// Starts it on what is stored, and waits until it can be given work. With `traced`, its syncs are counted.
    fn start(&mut self, traced: bool) -> anyhow::Result<()>;

    /// Its processes.
    fn group(&mut self) -> &mut Group;

    /// Keeps `slots` runs in flight for `duration`.
    fn load(&mut self, work: Work, slots: usize, duration: Duration) -> anyhow::Result<Loaded>;

    /// Starts `count` runs that wait for an approval; returns what tells them apart. It may be fewer when they take long.
    fn wait(&mut self, count: usize) -> anyhow::Result<Vec<String>>;

    /// Says yes to one of them, and waits until it has ended.
    fn approve(&mut self, id: &str) -> anyhow::Result<()>;

    /// Bytes that were written to its files, as far as they hold what is stored.
    fn stored(&mut self) -> anyhow::Result<u64>;

    /// Its own count of syncs until now, where it has one.
    fn own_syncs(&mut self) -> anyhow::Result<Option<f64>> {
        Ok(None)
    }

    /// How long it takes until waiting runs cost what they cost in the long run.
    fn settles_in(&self) -> Duration {
        Duration::from_secs(5)
    }
}

/// Measures, and prints the tables. The caller's table with the machine, the date and the commit comes after them.
pub fn measure(workspace: &Workspace, options: &Options, place: &Place) -> anyhow::Result<()> {
    let runs = [Which::Langgraph, Which::Dbos, Which::Restate, Which::Prefect];
    if runs.iter().any(|which| options.wants(*which)) {
        let wanted = runs.into_iter().filter(|which| options.wants(*which));
        print!("{}", beside(workspace, options, place, wanted)?);
    }
    if options.wants(Which::Erlang) {
        match supervision::measure(workspace) {
            Ok(table) => println!("\n{table}"),
            Err(error) => println!("\nErlang: skipped: {error:#}"),
        }
    }
    Ok(())
}

/// Runs, ours and those of the `wanted`: what was measured with which settings, and the figures.
fn beside(
    workspace: &Workspace,
    options: &Options,
    place: &Place,
    wanted: impl Iterator<Item = Which>,
) -> anyhow::Result<String> {
    let mut text = String::new();
    let mut ours = ghostlight::Ghostlight::new(place)?;
    let _ = writeln!(text, "- {}: {}", ours.name(), ours.settings());
    let mut columns = vec![measured(&mut ours, options)];
    for which in wanted {
        match peer(workspace, which, place) {
            Ok(mut peer) => {
                let _ = writeln!(text, "- {}: {}", peer.name(), peer.settings());
                columns.push(measured(peer.as_mut(), options));
            }
            Err(error) => {
                let _ = writeln!(text, "- {}: skipped: {error:#}", name_of(which));
            }
        }
    }
    Ok(format!("\n{text}\n{}", figures::render(&columns)))
}

fn peer(workspace: &Workspace, which: Which, place: &Place) -> anyhow::Result<Box<dyn Peer>> {
    let folder = place.fresh(name_of(which))?.folder;
    Ok(match which {
        Which::Restate => Box::new(restate::Restate::new(workspace, folder)?),
        Which::Langgraph => Box::new(library::langgraph(workspace, folder)?),
        Which::Dbos => Box::new(library::dbos(workspace, folder)?),
        Which::Prefect => Box::new(library::prefect(workspace, folder)?),
        Which::Erlang => anyhow::bail!("Erlang runs no workflows"),
    })
}

fn name_of(which: Which) -> &'static str {
    match which {
        Which::Restate => "restate",
        Which::Langgraph => "langgraph",
        Which::Dbos => "dbos",
        Which::Prefect => "prefect",
        Which::Erlang => "erlang",
    }
}

/// All parts; one that fails is noted, and the next begins with a store of its own.
fn measured(peer: &mut dyn Peer, options: &Options) -> Column {
    let mut column = Column::new(peer.name());
    let duration = Duration::from_secs(options.seconds);
    let mut is_up = false;
    for (work, slots) in LOADS {
        let what = format!("{}, {slots} in flight", work.title());
        let loaded =
            anew_unless(peer, is_up).and_then(|()| under_load(peer, work, slots, duration, &mut column));
        is_up = loaded.is_ok();
        if let Err(error) = loaded {
            column.note(&what, &error);
        }
    }
    if let Err(error) = syncs(peer, duration / 2, &mut column) {
        column.note("syncs", &error);
    }
    if let Err(error) = waiting(peer, options.waiting, &mut column) {
        column.note("waiting runs", &error);
    }
    if let Err(error) = peer.group().kill() {
        column.note("the end", &error);
    }
    column
}

fn anew_unless(peer: &mut dyn Peer, is_up: bool) -> anyhow::Result<()> {
    if !is_up {
        anew(peer, false)?;
    }
    Ok(())
}

/// Starts it with an empty store, whatever it did before.
fn anew(peer: &mut dyn Peer, traced: bool) -> anyhow::Result<()> {
    peer.group().kill()?;
    peer.forget()?;
    peer.start(traced)
}

/// The first runs fill caches and grow tables; they are not what a day looks like.
fn warm_up(peer: &mut dyn Peer, work: Work, slots: usize) -> anyhow::Result<()> {
    peer.load(work, slots.min(16), Duration::from_secs(2)).map(drop)
}

fn under_load(
    peer: &mut dyn Peer,
    work: Work,
    slots: usize,
    duration: Duration,
    column: &mut Column,
) -> anyhow::Result<()> {
    warm_up(peer, work, slots)?;
    let roots = peer.group().roots();
    let (before, own_before) = (roots.cpu(), peer.own_syncs()?);
    let (loaded, peak) = with_peak(&roots, || peer.load(work, slots, duration));
    let (loaded, cpu) = (loaded?, roots.cpu().saturating_sub(before));
    ensure!(loaded.runs > 0, "no run ended");
    let what = format!("{}, {slots} in flight", work.title());
    column.add(format!("{what}: runs"), Unit::PerSecond, loaded.runs as f64 / loaded.took.as_secs_f64());
    column.add(format!("{what}: p50"), Unit::Milliseconds, loaded.p50.as_secs_f64() * 1e3);
    column.add(format!("{what}: p99"), Unit::Milliseconds, loaded.p99.as_secs_f64() * 1e3);
    let cpu = cpu.as_secs_f64() * 1e3 / loaded.runs as f64;
    column.add(format!("{what}: CPU per run"), Unit::Milliseconds, cpu);
    column.add(format!("{what}: peak memory"), Unit::Bytes, peak as f64);
    if let (64, Some(before), Some(after)) = (slots, own_before, peer.own_syncs()?) {
        let syncs = (after - before) / loaded.runs as f64;
        column.add(format!("{what}: syncs per run, its own count"), Unit::Count, syncs);
    }
    Ok(())
}

/// The most memory that was seen while `work` ran, looked at twice a second.
fn with_peak<T>(roots: &Roots, work: impl FnOnce() -> T) -> (T, u64) {
    let over = AtomicBool::new(false);
    thread::scope(|scope| {
        let watcher = scope.spawn(|| {
            let mut peak = roots.memory();
            while !over.load(Ordering::Relaxed) {
                thread::park_timeout(Duration::from_millis(500));
                peak = peak.max(roots.memory());
            }
            peak
        });
        let done = work();
        over.store(true, Ordering::Relaxed);
        watcher.thread().unpark();
        (done, watcher.join().unwrap_or(0))
    })
}

/// In a pass of its own, since what counts them costs time.
fn syncs(peer: &mut dyn Peer, duration: Duration, column: &mut Column) -> anyhow::Result<()> {
    crate::command::ask("strace", &["--version"]).context("strace is not on this machine")?;
    anew(peer, true)?;
    warm_up(peer, Work::Chain, 64)?;
    let before = peer.group().syncs()?;
    let loaded = peer.load(Work::Chain, 64, duration)?;
    let syncs = (peer.group().syncs()? - before) as f64;
    column.add(
        "chain of 3, 64 in flight: syncs per run, under strace",
        Unit::Count,
        syncs / loaded.runs.max(1) as f64,
    );
    Ok(())
}

fn waiting(peer: &mut dyn Peer, count: usize, column: &mut Column) -> anyhow::Result<()> {
    anew(peer, false)?;
    warm_up(peer, Work::Chain, 16)?;
    thread::sleep(Duration::from_secs(5));
    let roots = peer.group().roots();
    let before = (roots.memory(), peer.stored()?);
    let ids = peer.wait(count)?;
    let first = ids.first().context("no run waits")?.clone();
    thread::sleep(peer.settles_in());
    let each = |before: u64, after: u64| after.saturating_sub(before) as f64 / ids.len() as f64;
    column.add("waiting runs", Unit::Given, ids.len() as f64);
    column.add("memory of a waiting run", Unit::Bytes, each(before.0, roots.memory()));
    let stored = peer.stored()?;
    // Files that were tidied meanwhile say nothing of what the runs took.
    if stored > before.1 {
        column.add("disk of a waiting run", Unit::Bytes, each(before.1, stored));
    }
    peer.group().kill()?;
    let started = Instant::now();
    peer.start(false)?;
    peer.approve(&first)?;
    let took = started.elapsed().as_secs_f64() * 1e3;
    column.add("kill -9, start, approve one: until its run is done", Unit::Milliseconds, took);
    Ok(())
}
