//! A closed loop: so many connections, each of which starts a run, waits until it has ended, and starts the next.
//!
//! The daemon's own CPU, memory and syncs are read around it; what the client itself used is told apart.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, anyhow};

use super::client::Client;
use super::counters::Counters;
use super::daemon::Daemon;
use super::latencies::Latencies;
use super::process::Process;
use super::workflows::Load;

/// What a while of load came to.
pub struct Measured {
    /// Runs that completed.
    pub runs: usize,
    /// For how long.
    pub took: Duration,
    /// Per run, from the request to its answer.
    pub latencies: Latencies,
    /// The daemon's CPU time.
    pub cpu: Duration,
    /// The load generator's CPU time.
    pub own_cpu: Duration,
    /// The daemon's peak of resident memory during the load, in bytes.
    pub peak: u64,
    /// Syncs of the journal, if the daemon counts them.
    pub syncs: Option<f64>,
    /// Seconds that the journal spent in writing and syncing, if the daemon counts them.
    pub sync_seconds: Option<f64>,
    /// Records in the journal, if the daemon counts them.
    pub records: Option<f64>,
    /// Bytes of the journal, if the daemon counts them.
    pub bytes: Option<f64>,
}

impl Measured {
    /// Runs per second.
    pub fn rate(&self) -> f64 {
        self.runs as f64 / self.took.as_secs_f64()
    }

    /// `total` per run.
    pub fn per_run(&self, total: f64) -> f64 {
        total / self.runs.max(1) as f64
    }
}

/// Keeps `slots` runs of `load` in flight for `duration`.
pub fn closed_loop(
    daemon: &Daemon,
    load: &Load,
    slots: usize,
    duration: Duration,
) -> anyhow::Result<Measured> {
    let mut client = daemon.client()?;
    let process = daemon.process();
    process.forget_peak()?;
    let (before, cpu, own_cpu) = (Counters::read(&mut client)?, process.cpu()?, Process::own().cpu()?);
    let started = Instant::now();
    let latencies = slots_of(daemon.address, slots, duration, |client| load.run(client))?;
    let took = started.elapsed();
    let (cpu, own_cpu) = (process.cpu()? - cpu, Process::own().cpu()? - own_cpu);
    let peak = process.memory()?.peak;
    // The daemon closes a connection on which nothing is asked for long.
    let after = Counters::read(&mut daemon.client()?)?;
    let rose = |name| after.since(&before, name);
    Ok(Measured {
        runs: latencies.count(),
        took,
        latencies,
        cpu,
        own_cpu,
        peak,
        syncs: rose("ghostlight_journal_syncs_total"),
        sync_seconds: rose("ghostlight_journal_sync_seconds_total"),
        records: rose("ghostlight_journal_records_total"),
        bytes: rose("ghostlight_journal_bytes_total"),
    })
}

/// Repeats `work` on each of `slots` connections until `duration` is over; returns how long each took. The first error
/// ends all.
pub fn slots_of(
    address: SocketAddr,
    slots: usize,
    duration: Duration,
    work: impl Fn(&mut Client) -> anyhow::Result<()> + Sync,
) -> anyhow::Result<Latencies> {
    let clients = (0..slots).map(|_| Client::connect(address)).collect::<anyhow::Result<Vec<_>>>()?;
    let failed = AtomicBool::new(false);
    let until = Instant::now() + duration;
    let repeat = |mut client: Client| {
        let mut latencies = Latencies::default();
        while Instant::now() < until && !failed.load(Ordering::Relaxed) {
            let before = Instant::now();
            if let Err(error) = work(&mut client) {
                failed.store(true, Ordering::Relaxed);
                return Err(error);
            }
            latencies.push(before.elapsed());
        }
        Ok(latencies)
    };
    thread::scope(|scope| {
        let repeat = &repeat;
        let threads: Vec<_> = clients.into_iter().map(|client| scope.spawn(move || repeat(client))).collect();
        let mut all = Latencies::default();
        for thread in threads {
            let ended = thread.join().map_err(|_| anyhow!("a thread of the load panicked"))?;
            all.extend(ended.context("a slot of the load")?);
        }
        Ok(all)
    })
}

/// Does `work` for each number below `count`, shared among `slots` connections.
pub fn each(
    address: SocketAddr,
    slots: usize,
    count: usize,
    work: impl Fn(&mut Client, usize) -> anyhow::Result<()> + Sync,
) -> anyhow::Result<()> {
    let clients = (0..slots).map(|_| Client::connect(address)).collect::<anyhow::Result<Vec<_>>>()?;
    thread::scope(|scope| {
        let work = &work;
        let threads: Vec<_> = clients
            .into_iter()
            .enumerate()
            .map(|(slot, mut client)| {
                scope.spawn(move || {
                    (slot..count).step_by(slots).try_for_each(|number| work(&mut client, number))
                })
            })
            .collect();
        threads
            .into_iter()
            .try_for_each(|thread| thread.join().map_err(|_| anyhow!("a thread of the load panicked"))?)
    })
}
