//! A mixed day: of a hundred runs eighty are chains, fifteen wait for a person, and five fail twice before they succeed, all
//! of them side by side for minutes. What it shows is that nothing grows that should not.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use super::Where;
use super::client::Client;
use super::counters::Counters;
use super::daemon::{Daemon, Place, disk_bytes};
use super::latencies::Latencies;
use super::load;
use super::starts;
use super::table::{Table, bytes};
use super::workflows::{self, Load};

/// How much.
#[derive(clap::Args)]
pub struct Options {
    #[command(flatten)]
    pub(super) place: Where,
    /// How long the day is, in seconds
    #[arg(long, default_value_t = 600)]
    seconds: u64,
    /// How many runs are in flight
    #[arg(long, default_value_t = 64)]
    in_flight: usize,
}

/// How often memory and disk are looked at.
const LOOKS: u32 = 10;

/// What a run is, and how many of a hundred are.
const KINDS: [(&str, u64); 3] = [("chain of 3", 80), ("gate", 15), ("fails twice", 5)];

/// Measures.
pub fn measure(options: &Options, place: &Place, table: &mut Table) -> anyhow::Result<()> {
    let place = place.fresh("mixed")?;
    let daemon = Daemon::start(&place)?;
    let mut client = daemon.client()?;
    let loads = [workflows::chain(3), workflows::gated(), workflows::failing()];
    loads.iter().try_for_each(|load| load.save(&mut client))?;
    let duration = Duration::from_secs(options.seconds);
    let process = daemon.process();
    let (before, cpu) = (Counters::read(&mut client)?, process.cpu()?);
    let empty = disk_bytes(&place.data())?;

    let number = AtomicU64::new(0);
    let times: [Mutex<Latencies>; 3] = Default::default();
    let is_over = AtomicBool::new(false);
    let started = Instant::now();
    let looks = thread::scope(|scope| {
        let looking = scope.spawn(|| look(&daemon, &place, duration, &is_over));
        let done = load::slots_of(daemon.address, options.in_flight, duration, |client| {
            let kind = kind_of(number.fetch_add(1, Ordering::Relaxed));
            let began = Instant::now();
            work(client, kind, &loads[kind])?;
            times[kind].lock().unwrap_or_else(PoisonError::into_inner).push(began.elapsed());
            Ok(())
        });
        is_over.store(true, Ordering::Relaxed);
        let looks = looking.join().map_err(|_| anyhow::anyhow!("nobody looked"))?;
        done.and(looks)
    })?;
    let took = started.elapsed();
    let cpu = process.cpu()? - cpu;
    // The daemon has closed the connection by now, on which nothing was asked for so long.
    let after = Counters::read(&mut daemon.client()?)?;

    let mut runs = 0;
    for (times, (what, _)) in times.into_iter().zip(KINDS) {
        let mut times = times.into_inner().unwrap_or_else(PoisonError::into_inner);
        runs += times.count();
        table.row(format!("mixed day, {what}"), format!("{} runs, {}", times.count(), times.shown()), "");
    }
    let what = format!("mixed day, {} s, {} in flight", options.seconds, options.in_flight);
    table.row(format!("{what}: runs/s"), format!("{:.0}", runs as f64 / took.as_secs_f64()), "");
    table.row("the same: CPU per run", format!("{:.3} ms", cpu.as_secs_f64() * 1e3 / runs as f64), "");
    for (at, (resident, disk)) in (1..).zip(&looks) {
        let grown = bytes(disk.saturating_sub(empty) as f64);
        let tenth = format!("the same: after {at}/{LOOKS}");
        table.row(tenth, format!("RSS {}, store grown by {grown}", bytes(*resident as f64)), "");
    }
    if let Some(written) = after.since(&before, "ghostlight_journal_bytes_total") {
        table.row("the same: journal per run", bytes(written / runs as f64), "");
    }
    daemon.stop()?;
    Ok(())
}

/// Memory and disk, as often as is said, until all is over.
fn look(
    daemon: &Daemon,
    place: &Place,
    duration: Duration,
    is_over: &AtomicBool,
) -> anyhow::Result<Vec<(u64, u64)>> {
    let mut looks = Vec::new();
    let mut next = Instant::now() + duration / LOOKS;
    while !is_over.load(Ordering::Relaxed) && looks.len() < LOOKS as usize {
        thread::sleep(Duration::from_millis(20));
        if Instant::now() >= next {
            looks.push((daemon.process().memory()?.resident, disk_bytes(&place.data())?));
            next += duration / LOOKS;
        }
    }
    Ok(looks)
}

/// Spread evenly: any hundred runs in a row have as many of each kind as are to be.
fn kind_of(number: u64) -> usize {
    // 37 has no divisor in common with 100, so that all numbers below come once.
    let place = number % 100 * 37 % 100;
    let mut before = 0;
    KINDS
        .iter()
        .position(|(_, share)| {
            before += share;
            place < before
        })
        .unwrap_or(0)
}

fn work(client: &mut Client, kind: usize, load: &Load) -> anyhow::Result<()> {
    if kind != 1 {
        return load.run(client);
    }
    let run = load.start(client)?;
    let approval = starts::approval_of(client, &run)?;
    starts::approve(client, &run, &approval)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn any_hundred_runs_are_as_mixed_as_they_are_to_be() {
        for from in [0, 1, 57, 1_234] {
            let mut counts = [0; 3];
            (from..from + 100).for_each(|number| counts[kind_of(number)] += 1);
            assert_eq!(counts, KINDS.map(|(_, share)| share));
        }
    }
}
