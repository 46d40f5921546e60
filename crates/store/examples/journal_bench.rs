//! How fast the journal is beside the disk it stands on, in one run on one disk.
//!
//! ```text
//! cargo run --release -p ghostlight-store --example journal_bench [seconds] [folder]
//! ```
//!
//! The floor is a file, preallocated, into which a loop writes the same number of bytes per event and syncs: once
//! per event, and once per 64. The journal has 64 appends in flight, each of one event of 250 bytes in a stream of
//! its own: as 64 threads that wait, and as 64 chains of callbacks.

use std::error::Error;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use ghostlight_store::{
    Append, FileJournal, JournalOptions, JournalStats, NewRecord, Reply, SharedJournal, StreamAppend,
    StreamName, Wake,
};
use ghostlight_world::{Files, OpenMode, RealFiles, World};

const PRODUCERS: u64 = 64;
const BODY_BYTES: usize = 250;

/// Keeps a journal busy for a while.
type Run = fn(&SharedJournal, Duration);

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let seconds = arguments.next().map_or(Ok(3), |seconds| seconds.parse())?;
    let base = arguments.next().map_or_else(std::env::temp_dir, PathBuf::from);
    let duration = Duration::from_secs(seconds);
    let dir = base.join(format!("ghostlight-journal-bench-{}", std::process::id()));
    RealFiles.create_dir_all(&dir)?;
    let measured = measure(&dir, duration);
    std::fs::remove_dir_all(&dir)?;
    measured
}

fn measure(dir: &Path, duration: Duration) -> Result<(), Box<dyn Error>> {
    let single = floor(&dir.join("floor-1"), 1, duration)?;
    println!("file, a sync per event           {single:>10.0} events/s");
    let grouped = floor(&dir.join("floor-64"), PRODUCERS, duration)?;
    println!("file, a sync per {PRODUCERS} events       {grouped:>10.0} events/s");
    let runs: [(&str, Run); 2] = [("threads", threads), ("callbacks", callbacks)];
    for (name, run) in runs {
        let journal: SharedJournal =
            Arc::new(FileJournal::open(&World::real(), &dir.join(name), &JournalOptions::default())?);
        let (started, cpu_before) = (Instant::now(), cpu_seconds());
        run(&journal, duration);
        let (elapsed, cpu) = (started.elapsed().as_secs_f64(), cpu_seconds() - cpu_before);
        let stats = journal.stats();
        report(name, &stats, elapsed, cpu, single, grouped);
        journal.close();
    }
    Ok(())
}

fn report(name: &str, stats: &JournalStats, elapsed: f64, cpu: f64, single: f64, grouped: f64) {
    let records = stats.records as f64;
    let rate = records / elapsed;
    println!(
        "journal, {PRODUCERS} {name:<16}     {rate:>10.0} events/s   {:.2} x a sync per event, {:.2} x a sync per {PRODUCERS}",
        rate / single,
        rate / grouped
    );
    println!(
        "    {:.1} events/sync   {:.0} bytes/event ({BODY_BYTES} of them body)   {:.2} ms/sync   {:.1} us CPU/event   {} segments",
        records / stats.commits.max(1) as f64,
        stats.bytes as f64 / records,
        stats.sync_us as f64 / 1e3 / stats.commits.max(1) as f64,
        cpu * 1e6 / records,
        stats.segments,
    );
}

/// User and system time of this process; 0 where it cannot be read.
fn cpu_seconds() -> f64 {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    let after_name = stat.rsplit(')').next().unwrap_or_default();
    let ticks = after_name.split_whitespace().skip(11).take(2).filter_map(|ticks| ticks.parse::<f64>().ok());
    ticks.sum::<f64>() / 100.0
}

fn floor(path: &Path, events_per_sync: u64, duration: Duration) -> Result<f64, Box<dyn Error>> {
    const FILE_BYTES: u64 = 256 << 20;
    let file = RealFiles.open(path, OpenMode::CreateNew)?;
    file.preallocate(FILE_BYTES)?;
    file.sync_all()?;
    let block = vec![7; events_per_sync as usize * BODY_BYTES];
    let (started, mut at, mut events) = (Instant::now(), 0, 0);
    while started.elapsed() < duration {
        file.write_all_at(&block, at)?;
        file.sync_data()?;
        at = (at + block.len() as u64) % (FILE_BYTES - block.len() as u64);
        events += events_per_sync;
    }
    Ok(events as f64 / started.elapsed().as_secs_f64())
}

/// The event number `expected + 1` of a producer.
fn append(stream: &StreamName, producer: u64, expected: u64) -> Append {
    let id = (u128::from(producer) << 64 | u128::from(expected)).to_le_bytes();
    let record = NewRecord { kind: 1, version: 1, time_us: 0, body: vec![7; BODY_BYTES].into() };
    let records = vec![record];
    let part = StreamAppend {
        stream: stream.clone(),
        expected,
        records,
        wake: Wake::Now,
        route: "bench".into(),
        aliases: Vec::new(),
    };
    Append::one(id, part)
}

fn stream(producer: u64) -> StreamName {
    StreamName::new("run", "default", &format!("01980c00-0000-7000-8000-{producer:012}"))
        .expect("a valid name")
}

fn threads(journal: &SharedJournal, duration: Duration) {
    let produce = |producer| {
        let (stream, started) = (stream(producer), Instant::now());
        let mut expected = 0;
        while started.elapsed() < duration {
            journal.append(append(&stream, producer, expected)).wait().expect("commits");
            expected += 1;
        }
    };
    let produce = &produce;
    std::thread::scope(|scope| {
        (0..PRODUCERS).for_each(|producer| drop(scope.spawn(move || produce(producer))))
    });
}

/// Each answer submits the next append, on the journal's own thread.
fn callbacks(journal: &SharedJournal, duration: Duration) {
    struct Chain {
        journal: SharedJournal,
        stop: Arc<AtomicBool>,
        running: Arc<AtomicU64>,
        stream: StreamName,
        producer: u64,
    }
    fn next(chain: Chain, expected: u64) {
        let (journal, append) = (chain.journal.clone(), append(&chain.stream, chain.producer, expected));
        let reply = Reply::callback(move |result| {
            result.expect("commits");
            if chain.stop.load(Ordering::Relaxed) {
                chain.running.fetch_sub(1, Ordering::Release);
            } else {
                next(chain, expected + 1);
            }
        });
        journal.submit(append, reply);
    }
    let (stop, running) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicU64::new(PRODUCERS)));
    for producer in 0..PRODUCERS {
        let (journal, stop, running) = (journal.clone(), stop.clone(), running.clone());
        next(Chain { journal, stop, running, stream: stream(producer), producer }, 0);
    }
    std::thread::sleep(duration);
    stop.store(true, Ordering::Relaxed);
    while running.load(Ordering::Acquire) > 0 {
        std::thread::sleep(Duration::from_millis(1));
    }
}
