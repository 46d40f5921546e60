//! What a run costs that waits for a person: disk, memory, the time to open, and the time to find one of many.
//!
//! ```text
//! cargo run --release -p ghostlight-store --example journal_waiting [runs] [folder]
//! ```
//!
//! Each run is two appends of about what a workflow with one approval writes: its creation with plan and idempotency
//! key, then the request, with a deadline and the approval's id as an alias. Bodies are 150 to 300 bytes.

use std::error::Error;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use ghostlight_store::{
    Append, AppendError, FileJournal, Journal, JournalOptions, NewRecord, StreamAppend, StreamName, Wake,
};
use ghostlight_world::{Files, RealFiles, World};

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let runs = arguments.next().map_or(Ok(100_000), |runs| runs.parse())?;
    let base = arguments.next().map_or_else(std::env::temp_dir, PathBuf::from);
    let dir = base.join(format!("ghostlight-journal-waiting-{}", std::process::id()));
    // A process of its own writes, so that the memory of this one is that of a daemon after a restart.
    if let Some(dir) = std::env::var_os(WRITER) {
        return write(Path::new(&dir), runs);
    }
    RealFiles.create_dir_all(&dir)?;
    let mut writer = std::process::Command::new(std::env::current_exe()?);
    let written = writer.arg(runs.to_string()).env(WRITER, &dir).status()?;
    let measured = if written.success() { measure(&dir, runs) } else { Err("the writer failed".into()) };
    std::fs::remove_dir_all(&dir)?;
    measured
}

/// Set for the process that writes: where.
const WRITER: &str = "GHOSTLIGHT_BENCH_WRITE_TO";

fn write(dir: &Path, runs: u64) -> Result<(), Box<dyn Error>> {
    let (journal, _) = open(dir)?;
    let started = Instant::now();
    for first in (0..runs).step_by(1_000) {
        let some = first..runs.min(first + 1_000);
        settle(&journal, some.clone().map(create))?;
        settle(&journal, some.map(wait_for_approval))?;
    }
    let stats = journal.stats();
    println!("{runs} runs written in {:.1} s, {} segments", started.elapsed().as_secs_f64(), stats.segments);
    println!("    journal {:.0} bytes a run", stats.bytes as f64 / runs as f64);
    journal.close();
    println!("    index on disk {:.0} bytes a run", bytes_in(&dir.join("index"))? as f64 / runs as f64);
    Ok(())
}

fn measure(dir: &Path, runs: u64) -> Result<(), Box<dyn Error>> {
    let before = resident_bytes();
    let (journal, took) = open(dir)?;
    let stats = journal.stats();
    println!(
        "opened in {:.1} ms; memory over an empty process {:.1} MiB, {:.1} bytes a run",
        took.as_secs_f64() * 1e3,
        (resident_bytes() - before) as f64 / 1048576.0,
        (resident_bytes() - before) as f64 / runs as f64
    );
    println!(
        "    sealed indexes {:.1} MiB, {} streams in the tail",
        stats.index_bytes as f64 / 1048576.0,
        stats.tail_streams
    );

    let mut times = Vec::new();
    for number in (0..100).map(|n| n * 7919 % runs) {
        let started = Instant::now();
        let found = journal.by_alias(alias(number))?.ok_or("the approval is not found")?;
        let head = journal.head_of(&found)?.ok_or("the run is not found")?;
        let records = journal.read(&found, 1, 100)?;
        assert_eq!(records.len() as u64, head.sequence);
        times.push(started.elapsed());
    }
    println!("approval to its run's events: {}", percentiles(&mut times));
    let started = Instant::now();
    let first = journal.waking(i64::MAX, None, 1_000)?;
    println!("the next {} to wake: {:.1} ms", first.len(), started.elapsed().as_secs_f64() * 1e3);
    let mut times = Vec::new();
    for number in runs..runs + 200 {
        let started = Instant::now();
        journal.append(create(number)).wait()?;
        times.push(started.elapsed());
    }
    println!("a new run, one at a time, synced: {}", percentiles(&mut times));
    Ok(())
}

fn open(dir: &Path) -> Result<(FileJournal, Duration), Box<dyn Error>> {
    let started = Instant::now();
    let journal = FileJournal::open(&World::real(), dir, &JournalOptions::default())?;
    Ok((journal, started.elapsed()))
}

fn settle(journal: &FileJournal, appends: impl Iterator<Item = Append>) -> Result<(), AppendError> {
    let waiting: Vec<_> = appends.map(|append| journal.append(append)).collect();
    waiting.into_iter().try_for_each(|answer| answer.wait().map(drop))
}

fn percentiles(times: &mut [Duration]) -> String {
    times.sort_unstable();
    let at = |share: usize| times[(times.len() - 1) * share / 100].as_secs_f64() * 1e3;
    format!("p50 {:.3} ms, p99 {:.3} ms", at(50), at(99))
}

fn alias(run: u64) -> [u8; 16] {
    *scattered(run).as_bytes()
}

/// An id that looks random, as ids do.
fn scattered(run: u64) -> uuid::Uuid {
    uuid::Uuid::from_u128(u128::from(run).wrapping_mul(0x9E37_79B9_7F4A_7C15_F39C_C060_5CED_C835))
}

fn name(kind: &str, run: u64) -> StreamName {
    StreamName::new(kind, "default", &format!("01980c00-0000-7000-8000-{run:012}")).expect("a valid name")
}

fn records(sizes: &[usize]) -> Vec<NewRecord> {
    let record = |size: &usize| NewRecord { kind: 1, version: 1, time_us: 1, body: vec![b'x'; *size].into() };
    sizes.iter().map(record).collect()
}

fn part(stream: StreamName, expected: u64, sizes: &[usize], wake: Wake) -> StreamAppend {
    StreamAppend {
        stream,
        expected,
        records: records(sizes),
        wake,
        route: "deploy".into(),
        aliases: Vec::new(),
    }
}

fn create(run: u64) -> Append {
    let parts = vec![
        part(name("run", run), 0, &[300, 200, 150], Wake::Now),
        part(name("key", run), 0, &[120], Wake::Done),
    ];
    Append { id: u128::from(run).to_le_bytes(), parts }
}

fn wait_for_approval(run: u64) -> Append {
    let deadline = 1_800_000_000_000_000 + i64::try_from(run).unwrap_or(0);
    let mut part = part(name("run", run), 3, &[250], Wake::At(deadline));
    part.aliases.push(alias(run));
    Append::one((u128::from(run) | 1 << 100).to_le_bytes(), part)
}

fn resident_bytes() -> i64 {
    let statm = std::fs::read_to_string("/proc/self/statm").unwrap_or_default();
    statm.split_whitespace().nth(1).and_then(|pages| pages.parse::<i64>().ok()).unwrap_or(0) * 4096
}

fn bytes_in(dir: &Path) -> std::io::Result<u64> {
    std::fs::read_dir(dir)?.map(|entry| Ok(entry?.metadata()?.len())).sum()
}
