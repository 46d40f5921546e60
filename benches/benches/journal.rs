//! The journal alone on the disk of the temporary folder: one append at a time, and 64 in flight. Every append is synced.
//!
//! `TMPDIR` chooses the disk. The example `journal_bench` of the store measures the same for longer, beside the disk's
//! own limits.

#![allow(missing_docs, clippy::unwrap_used, reason = "a benchmark")]

use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use ghostlight_benches::{own_cpu, shown};
use ghostlight_store::{
    Append, FileJournal, Journal, JournalOptions, NewRecord, StreamAppend, StreamName, Wake,
};
use ghostlight_world::World;

const DURATION: Duration = Duration::from_secs(2);
const BODY_BYTES: usize = 200;

fn main() {
    for producers in [1, 64] {
        let folder = tempfile::tempdir().unwrap();
        let journal = FileJournal::open(&World::real(), folder.path(), &JournalOptions::default()).unwrap();
        measure(&journal, producers);
        journal.close();
    }
}

fn measure(journal: &FileJournal, producers: u64) {
    let (started, cpu, appends) = (Instant::now(), own_cpu(), AtomicU64::new(0));
    thread::scope(|scope| {
        for producer in 0..producers {
            let appends = &appends;
            scope.spawn(move || {
                let mut expected = 0;
                while started.elapsed() < DURATION {
                    journal.append(append(producer, expected)).wait().unwrap();
                    expected += 1;
                }
                appends.fetch_add(expected, Ordering::Relaxed);
            });
        }
    });
    let (took, cpu, appends) = (started.elapsed(), own_cpu() - cpu, appends.into_inner());
    let stats = journal.stats();
    println!(
        "journal, {producers} in flight: {:.0} appends/s, {} each; {:.1} appends a sync, {} a sync, {} bytes an append, {} CPU an append",
        appends as f64 / took.as_secs_f64(),
        shown(took.as_secs_f64() * producers as f64 / appends as f64),
        appends as f64 / stats.syncs.max(1) as f64,
        shown(stats.sync_us as f64 / 1e6 / stats.syncs.max(1) as f64),
        stats.bytes / appends.max(1),
        shown(cpu.as_secs_f64() / appends as f64),
    );
}

fn append(producer: u64, expected: u64) -> Append {
    let id = format!("01980c00-0000-7000-8000-{producer:012}");
    let part = StreamAppend {
        stream: StreamName::new("run", "default", &id).unwrap(),
        expected,
        records: vec![NewRecord { kind: 1, version: 1, time_us: 1, body: vec![7; BODY_BYTES].into() }],
        wake: Wake::Now,
        route: "bench".into(),
        aliases: Vec::new(),
    };
    Append::one((u128::from(producer) << 64 | u128::from(expected)).to_le_bytes(), part)
}
