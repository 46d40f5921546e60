//! More than the daemon can do: runs are asked for at a half, once, twice and five times the rate that it reaches by itself, then at
//! a half again, whether earlier ones have been answered or not.
//!
//! Goodput is what completed within its time, counted from when it was asked for: what was taken has to keep its latency. So many
//! connections ask; when all of them wait, what is due waits for one of them, in a queue of the clients that grows for as long as more
//! is due than can be done, whatever the daemon does. How long it waited there is told beside it, and so is what never got one.

use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::anyhow;

use super::Where;
use super::client::Client;
use super::daemon::{Daemon, Place};
use super::latencies::{Latencies, milliseconds};
use super::load;
use super::table::{Table, bytes};
use super::workflows::{self, Load};

/// How much.
#[derive(clap::Args)]
pub struct Options {
    #[command(flatten)]
    pub(super) place: Where,
    /// How long each rate is kept up, in seconds
    #[arg(long, default_value_t = 20)]
    seconds: u64,
    /// How many connections ask
    #[arg(long, default_value_t = 512)]
    connections: usize,
}

/// In flight while it is measured what the daemon reaches by itself.
const IN_FLIGHT: usize = 64;
/// What is asked for, in hundredths of that.
const SHARES: [u64; 5] = [50, 100, 200, 500, 50];
/// A run that completes later than this is of no use to whoever asked.
const IN_TIME: Duration = Duration::from_secs(5);

/// What came of a rate.
#[derive(Default)]
struct Came {
    /// From when they were asked for until they had completed, of those that completed in time.
    good: Latencies,
    /// From when they were due until they had completed, of the same.
    from_due: Latencies,
    late: u64,
    /// Refused with 429 or 503.
    shed: u64,
}

/// Measures.
pub fn measure(options: &Options, place: &Place, table: &mut Table) -> anyhow::Result<()> {
    let daemon = Daemon::start(&place.fresh("overload")?)?;
    let load = workflows::chain(3);
    load.save(&mut daemon.client()?)?;
    let duration = Duration::from_secs(options.seconds);
    let alone = load::closed_loop(&daemon, &load, IN_FLIGHT, duration)?;
    let capacity = alone.rate();
    table.row(format!("chain of 3, {IN_FLIGHT} in flight"), format!("{capacity:.0} runs/s"), "");
    let mut peak = capacity;
    for share in SHARES {
        let rate = capacity * share as f64 / 100.0;
        daemon.process().forget_peak()?;
        let mut came = at_rate(&daemon, &load, rate, duration, options.connections)?;
        let goodput = came.good.count() as f64 / duration.as_secs_f64();
        peak = goodput.max(peak);
        let due = (rate * duration.as_secs_f64()) as u64;
        let asked = came.good.count() as u64 + came.late + came.shed;
        let aim = if share == 500 { "goodput >= 80 % of the best" } else { "" };
        let told = format!(
            "{goodput:.0} runs/s in time ({:.0} % of the best), p99 {} ms, from when they were due {} ms, {} shed, {} late, {} never asked, peak RSS {}",
            goodput * 100.0 / peak,
            milliseconds(came.good.percentile(99)),
            milliseconds(came.from_due.percentile(99)),
            came.shed,
            came.late,
            due.saturating_sub(asked),
            bytes(daemon.process().memory()?.peak as f64),
        );
        table.row(format!("asked for at {} x that", share as f64 / 100.0), told, aim);
    }
    daemon.stop()?;
    Ok(())
}

/// Asks for runs at this rate for so long.
fn at_rate(
    daemon: &Daemon,
    load: &Load,
    rate: f64,
    duration: Duration,
    connections: usize,
) -> anyhow::Result<Came> {
    let clients = (0..connections).map(|_| daemon.client()).collect::<anyhow::Result<Vec<_>>>()?;
    let (number, began) = (AtomicU64::new(0), Instant::now());
    let ask = |mut client: Client| {
        let mut came = Came::default();
        loop {
            let due = Duration::from_secs_f64(number.fetch_add(1, Ordering::Relaxed) as f64 / rate);
            if due >= duration || began.elapsed() >= duration {
                return Ok::<_, anyhow::Error>(came);
            }
            thread::sleep(due.saturating_sub(began.elapsed()));
            let asked = began.elapsed();
            let completed = load.attempt(&mut client)?;
            let ended = began.elapsed();
            let took = ended.saturating_sub(asked);
            match completed {
                false => came.shed += 1,
                true if took > IN_TIME => came.late += 1,
                true => {
                    came.good.push(took);
                    came.from_due.push(ended.saturating_sub(due));
                }
            }
        }
    };
    thread::scope(|scope| {
        let ask = &ask;
        let threads: Vec<_> = clients.into_iter().map(|client| scope.spawn(move || ask(client))).collect();
        let mut all = Came::default();
        for thread in threads {
            let came = thread.join().map_err(|_| anyhow!("a thread of the load panicked"))??;
            all.good.extend(came.good);
            all.from_due.extend(came.from_due);
            (all.late, all.shed) = (all.late + came.late, all.shed + came.shed);
        }
        Ok(all)
    })
}
