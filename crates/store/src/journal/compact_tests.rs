//! Compaction: what stays, what goes, and that a machine that stops at any call loses nothing and brings nothing back.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicBool, Ordering};

use bytes::Bytes;
use ghostlight_world::sim::{Fault, SimWorld};
use ghostlight_world::{Files, OpenMode};

use super::super::compact::Going;
use super::super::conformance::stream;
use super::super::restore::{Place, Restored};
use super::super::{WholeJournal, verify};
use super::*;
use crate::record::{AppendError, NewRecord, StreamAppend, Wake};

const SEGMENT_BYTES: u64 = 4 << 10;

pub(super) fn dir() -> &'static Path {
    Path::new("/data/store")
}

pub(super) fn open(sim: &SimWorld) -> Result<FileJournal, OpenError> {
    open_with(sim, SEGMENT_BYTES)
}

fn open_with(sim: &SimWorld, segment_bytes: u64) -> Result<FileJournal, OpenError> {
    let options = JournalOptions { segment_bytes, threads: false, ..JournalOptions::default() };
    FileJournal::open(&sim.world(), dir(), &options)
}

pub(super) fn append(name: &StreamName, expected: u64, text: &str, wake: Wake) -> Append {
    let body = Bytes::from(format!("{text} {}", "x".repeat(200)));
    let record = NewRecord { kind: 1, version: 1, time_us: 1_000, body };
    let part = StreamAppend {
        stream: name.clone(),
        expected,
        records: vec![record; 2],
        wake,
        route: "deploy".into(),
        aliases: Vec::new(),
    };
    let id = blake3::hash(format!("{name} {expected} {text}").as_bytes());
    Append::one(id.as_bytes()[..16].try_into().expect("16 bytes"), part)
}

pub(super) fn put(journal: &FileJournal, append: Append) -> Result<Vec<Record>, AppendError> {
    let answer = journal.append(append);
    journal.drive();
    answer.wait().map(|committed| committed.records().to_vec())
}

pub(super) fn head(journal: &FileJournal, name: &StreamName) -> u64 {
    journal.head_of(name).expect("reads").map_or(0, |head| head.sequence)
}

/// Writes to these streams in turn, so that each lies in many segments.
pub(super) fn fill(journal: &FileJournal, names: &[StreamName], rounds: usize) {
    for round in 0..rounds {
        for name in names {
            put(journal, append(name, head(journal, name), &format!("{round}"), Wake::Idle))
                .expect("commits");
        }
    }
}

fn drop_stream(journal: &FileJournal, name: &StreamName) -> Result<Vec<Record>, AppendError> {
    put(journal, append(name, head(journal, name), "the end", Wake::Dropped))
}

pub(super) fn all(journal: &FileJournal) -> Vec<Record> {
    let mut all = Vec::new();
    loop {
        let after = all.last().map_or(0, |record: &Record| record.sequence);
        let page = journal.read_all(after, 7).expect("reads");
        if page.is_empty() {
            return all;
        }
        all.extend(page);
    }
}

pub(super) fn is_sound(sim: &SimWorld) -> super::super::VerifyReport {
    let report = verify(&*sim.files, dir()).expect("there is a store");
    assert!(report.is_sound(), "{report:?}");
    report
}

fn names(count: usize) -> Vec<StreamName> {
    (0..count).map(|number| stream(&format!("s{number}"))).collect()
}

/// A journal of ten streams in many segments, of which the odd ones are dropped.
pub(super) fn half_dropped(sim: &SimWorld) -> (FileJournal, Vec<StreamName>, Vec<StreamName>) {
    let journal = open(sim).expect("opens");
    let names = names(10);
    fill(&journal, &names, 6);
    let (kept, dropped): (Vec<_>, Vec<_>) = names.into_iter().enumerate().partition(|(at, _)| at % 2 == 0);
    let of = |names: Vec<(usize, StreamName)>| names.into_iter().map(|(_, name)| name).collect::<Vec<_>>();
    let (kept, dropped) = (of(kept), of(dropped));
    for name in &dropped {
        drop_stream(&journal, name).expect("commits");
    }
    // So that the segment with the last end is sealed too.
    fill(&journal, &kept, 4);
    (journal, kept, dropped)
}

#[test]
fn what_was_dropped_goes_and_everything_else_stays_where_it_was() {
    let sim = SimWorld::new(1);
    let (journal, kept, dropped) = half_dropped(&sim);
    let before = all(&journal);
    let size = journal.stats().file_bytes;
    let stays = |record: &&Record| {
        let is_end = record.body.starts_with(b"the end");
        kept.contains(&record.stream) || is_end
    };
    let expected: Vec<_> = before.iter().filter(stays).cloned().collect();
    let done = journal.compact(&Compaction::of_all_dropped()).expect("compacts");
    assert!(done.segments > 3, "{done:?}");
    assert_eq!(done.records as usize, before.len() - expected.len());
    assert_eq!(journal.stats().file_bytes, size - done.bytes);
    let again = journal.compact(&Compaction::of_all_dropped()).expect("compacts");
    assert_eq!(again, Compacted::default(), "there is nothing more to do");

    let check = |journal: &FileJournal| {
        assert_eq!(all(journal), expected);
        assert_eq!(journal.head(), before.len() as u64);
        for record in &expected {
            let found = journal.read_all(record.sequence - 1, 1).expect("reads");
            assert_eq!(found.first(), Some(record), "from any place on");
        }
        for name in &kept {
            let of_it: Vec<_> = expected.iter().filter(|record| record.stream == *name).cloned().collect();
            assert_eq!(journal.read(name, 1, 1_000).expect("reads"), of_it);
            assert_eq!(journal.read(name, 5, 3).expect("reads"), of_it[4..7]);
        }
        for name in &dropped {
            let head = journal.head_of(name).expect("reads").expect("it is known");
            assert_eq!((head.wake, head.sequence), (Wake::Dropped, 14));
            let left = journal.read(name, 1, 1_000).expect("reads");
            assert_eq!(left.iter().map(|record| record.stream_sequence).collect::<Vec<_>>(), [13, 14]);
        }
    };
    check(&journal);
    drop(journal);
    let report = is_sound(&sim);
    assert_eq!((report.dropped_streams, report.gone_count), (5, done.records));
    assert_eq!(report.compacted_segments, done.segments);
    check(&open(&sim).expect("opens"));
    // And once more with every index built from its segment.
    for name in sim.files.list(&dir().join("index")).expect("lists") {
        sim.files.remove(&dir().join("index").join(name)).expect("removes");
    }
    check(&open(&sim).expect("opens"));
}

/// A run and the key that it was started under are written together; the key serves longer than the run is kept.
#[test]
fn what_was_written_together_with_what_was_dropped_stays() {
    let sim = SimWorld::new(1);
    let journal = open(&sim).expect("opens");
    let (runs, keys) = (names(20), (0..20).map(|number| stream(&format!("k{number}"))).collect::<Vec<_>>());
    for (run, key) in runs.iter().zip(&keys) {
        let mut both = append(run, 0, "begins", Wake::Idle);
        both.parts.extend(append(key, 0, "stands for it", Wake::Done).parts);
        put(&journal, both).expect("commits");
    }
    runs.iter().for_each(|run| drop(drop_stream(&journal, run).expect("commits")));
    fill(&journal, &[stream("other")], 20);
    let compacted = journal.compact(&Compaction::of_all_dropped()).expect("compacts");
    assert!(compacted.records >= 30, "{compacted:?}");
    let check = |journal: &FileJournal| {
        for key in &keys {
            assert_eq!(journal.read(key, 1, 10).expect("reads").len(), 2, "{key} was to stay");
        }
    };
    check(&journal);
    drop(journal);
    check(&open(&sim).expect("opens"));
    is_sound(&sim);
}

#[test]
fn a_stream_that_was_dropped_takes_nothing_more_and_wakes_nobody() {
    let sim = SimWorld::new(1);
    let (journal, kept, dropped) = half_dropped(&sim);
    let refused = || drop_stream(&journal, &dropped[0]);
    assert!(matches!(refused(), Err(AppendError::Dropped)));
    journal.compact(&Compaction::of_all_dropped()).expect("compacts");
    assert!(matches!(refused(), Err(AppendError::Dropped)));
    let from_the_start = put(&journal, append(&dropped[1], 0, "again", Wake::Idle));
    assert!(matches!(from_the_start, Err(AppendError::Dropped)), "it does not begin anew either");
    assert_eq!(journal.waking(i64::MAX, None, 100).expect("reads"), []);
    put(&journal, append(&kept[0], head(&journal, &kept[0]), "on", Wake::Idle)).expect("others go on");
}

#[test]
fn a_segment_of_which_little_would_go_is_left_alone() {
    let sim = SimWorld::new(1);
    let (journal, ..) = half_dropped(&sim);
    let how = Compaction { percent_min: 99, ..Compaction::of_all_dropped() };
    assert_eq!(journal.compact(&how).expect("looks"), Compacted::default());
    let how = Compaction { goes_on: &|| false, ..Compaction::of_all_dropped() };
    assert_eq!(journal.compact(&how).expect("looks"), Compacted::default());
}

#[test]
fn what_expired_goes_without_a_word_unless_it_was_written_to_again() {
    let sim = SimWorld::new(1);
    let journal = open(&sim).expect("opens");
    let (short, long, kept) = (stream("key-short"), stream("key-long"), stream("run"));
    for name in [&short, &long] {
        put(&journal, append(name, 0, "taken", Wake::Done)).expect("commits");
    }
    fill(&journal, std::slice::from_ref(&kept), 12);
    put(&journal, append(&long, 2, "taken again", Wake::Done)).expect("commits");
    fill(&journal, std::slice::from_ref(&kept), 12);
    let is_key = |name: &StreamName, _: i64| name.id().starts_with("key");
    let never = Compaction { expired: &|_, time_us| time_us > 1_000, ..Compaction::of_all_dropped() };
    assert_eq!(journal.compact(&never).expect("looks"), Compacted::default());
    let how = Compaction { expired: &is_key, ..Compaction::of_all_dropped() };
    let done = journal.compact(&how).expect("compacts");
    assert_eq!((done.segments, done.records), (1, 2), "the one that lies in one segment as a whole");
    assert_eq!(journal.head_of(&short).expect("reads"), None);
    assert_eq!(head(&journal, &long), 4);
    // As if it had never been.
    put(&journal, append(&short, 0, "taken once more", Wake::Done)).expect("commits");
    drop(journal);
    is_sound(&sim);
}

#[test]
fn every_flipped_bit_of_a_compacted_segment_is_noticed() {
    let sim = SimWorld::new(1);
    let (journal, ..) = half_dropped(&sim);
    journal.compact(&Compaction::of_all_dropped()).expect("compacts");
    drop(journal);
    let path = dir().join("journal/0000000002.seg");
    let file = sim.files.open(&path, OpenMode::Write).expect("opens");
    let len = file.len().expect("has a length");
    assert!(len < SEGMENT_BYTES, "it was compacted");
    for at in (0..len).filter(|at| !(12..16).contains(at) && *at < 512 || at % 7 == 0) {
        let mut byte = [0];
        file.read_exact_at(&mut byte, at).expect("reads");
        file.write_all_at(&[byte[0] ^ 4], at).expect("writes");
        let found = verify(&*sim.files, dir());
        assert!(!found.is_ok_and(|report| report.is_sound()), "byte {at}");
        file.write_all_at(&byte, at).expect("writes");
    }
    file.set_len(len - 8).expect("cuts");
    let found = verify(&*sim.files, dir());
    assert!(!found.is_ok_and(|report| report.is_sound()), "the end is missing");
}

#[test]
fn a_stream_of_which_anything_is_missing_that_was_never_dropped_is_damage() {
    let sim = SimWorld::new(1);
    let (journal, kept, _) = half_dropped(&sim);
    // What no compaction does: it takes of a stream that lives on.
    let sealed = journal.shared.state().sealed.clone();
    let going = Going { dropped: [kept[0].clone()].into(), ..Going::default() };
    journal.shared.rewrite(&sealed[1], &going, &mut Compacted::default()).expect("writes");
    let read = journal.read(&kept[0], 1, 1_000);
    assert!(matches!(read, Err(ReadError::Corrupt(_))), "{read:?}");
    drop(journal);
    let report = verify(&*sim.files, dir()).expect("there is a store");
    assert_eq!(report.finding_count, 1);
    assert_eq!(report.findings[0].streams, [kept[0].clone()]);
}

#[test]
fn a_segment_that_is_missing_behind_a_compacted_one_is_named() {
    let sim = SimWorld::new(1);
    let (journal, ..) = half_dropped(&sim);
    journal.compact(&Compaction::of_all_dropped()).expect("compacts");
    let last = journal.shared.state().active.info.number;
    drop(journal);
    for folder_and_end in [("journal", "seg"), ("index", "idx")] {
        let (folder, end) = folder_and_end;
        for number in 3..=last {
            let _ = sim.files.remove(&dir().join(format!("{folder}/{number:010}.{end}")));
        }
    }
    let _ = sim.files.remove(&dir().join("index/0000000002.idx"));
    assert!(matches!(open(&sim), Err(OpenError::Corrupt(corruption)) if corruption.segment == 3));
}

#[test]
fn a_journal_grows_with_what_it_keeps_and_not_with_what_went_through_it() {
    let sim = SimWorld::new(1);
    let journal = open_with(&sim, 32 << 10).expect("opens");
    let mut sizes = Vec::new();
    for generation in 0..20 {
        let names: Vec<_> = (0..6).map(|number| stream(&format!("g{generation}-{number}"))).collect();
        fill(&journal, &names, 24);
        let end = |name: &StreamName| {
            let end = Append::one(
                *uuid::Uuid::new_v4().as_bytes(),
                StreamAppend {
                    records: vec![NewRecord { kind: 2, version: 1, time_us: 0, body: Bytes::new() }],
                    ..append(name, head(&journal, name), "", Wake::Dropped).parts.remove(0)
                },
            );
            put(&journal, end).expect("commits");
        };
        names.iter().for_each(end);
        journal.compact(&Compaction { percent_min: 20, ..Compaction::of_all_dropped() }).expect("compacts");
        sizes.push(journal.stats().file_bytes);
    }
    let written = journal.stats().bytes;
    let (half, last) = (sizes[9], sizes[19]);
    assert!(written > 6 * last, "{written} bytes were written: {sizes:?}");
    assert!(last - half < written / 12, "what stays of a dropped stream is little: {sizes:?}");
    drop(journal);
    is_sound(&sim);
}

#[test]
fn a_journal_that_was_compacted_is_made_again_record_by_record() {
    let sim = SimWorld::new(1);
    let (journal, ..) = half_dropped(&sim);
    journal.compact(&Compaction::of_all_dropped()).expect("compacts");
    let expected = all(&journal);
    drop(journal);
    let whole = WholeJournal::at(&*sim.files, dir()).expect("is there");
    let mut appends = Vec::new();
    let told = whole.walk(|commit| {
        appends.extend(commit.appends);
        Ok::<_, ()>(())
    });
    told.expect("is whole");

    let other = SimWorld::new(2);
    let journal = open(&other).expect("opens");
    for append in &appends {
        let new = |record: &Record| NewRecord {
            kind: record.kind,
            version: record.version,
            time_us: record.time_us,
            body: record.body.clone(),
        };
        let parts = append.parts.iter().map(|part| StreamAppend {
            stream: part.records[0].stream.clone(),
            expected: part.records[0].stream_sequence - 1,
            records: part.records.iter().map(new).collect(),
            wake: part.wake,
            route: part.records[0].route.clone(),
            aliases: part.aliases.clone(),
        });
        let places = append
            .parts
            .iter()
            .map(|part| Place { sequence: part.records[0].sequence, chain_before: Some(part.chain_before) });
        let restored =
            Restored { append: Append { id: append.id, parts: parts.collect() }, places: places.collect() };
        let chains = journal.restore(std::slice::from_ref(&restored)).expect("commits");
        assert_eq!(chains.last(), append.parts[0].records.last().map(|record| &record.chain));
        let twice = journal.restore(&[restored]);
        assert!(matches!(twice, Err(AppendError::Invalid(_))), "sequences rise");
    }
    assert_eq!(all(&journal), expected);
    drop(journal);
    let journal = open(&other).expect("opens");
    assert_eq!(all(&journal), expected);
    fill(&journal, &[stream("s0"), stream("new")], 3);
    drop(journal);
    is_sound(&other);
}

#[test]
fn a_copy_holds_what_was_there_when_it_began_whatever_is_compacted_meanwhile() {
    let sim = SimWorld::new(1);
    let journal = open(&sim).expect("opens");
    let names = names(4);
    fill(&journal, &names, 10);
    let expected = all(&journal);
    let whole = WholeJournal::at(&*sim.files, dir()).expect("is there");
    let (mut told, mut compacted) = (Vec::new(), 0);
    let walked = whole.walk(|commit| {
        // With the first commit behind it, all that it has not come to yet is compacted.
        if told.is_empty() && !commit.appends.is_empty() {
            names[1..].iter().for_each(|name| drop(drop_stream(&journal, name).expect("commits")));
            fill(&journal, &names[..1], 10);
            compacted = journal.compact(&Compaction::of_all_dropped()).expect("compacts").segments;
        }
        let parts = commit.appends.into_iter().flat_map(|append| append.parts);
        told.extend(parts.flat_map(|part| part.records));
        Ok::<_, ()>(())
    });
    walked.expect("is whole");
    assert!(compacted > 3, "{compacted} segments");
    assert_eq!(told[..expected.len()], expected, "no tail is without its beginning");
}

/// Readers look places up and then read them: in between a segment may be another one.
#[test]
fn readers_and_a_copy_beside_a_compaction_see_no_damage() {
    let dir = tempfile::TempDir::new().expect("a folder");
    let options = JournalOptions { segment_bytes: SEGMENT_BYTES, ..JournalOptions::default() };
    let journal = FileJournal::open(&World::real(), dir.path(), &options).expect("opens");
    let names = names(8);
    let is_over = AtomicBool::new(false);
    std::thread::scope(|scope| {
        for reader in 0..2 {
            let (journal, names, is_over, dir) = (&journal, &names, &is_over, dir.path());
            scope.spawn(move || {
                while !is_over.load(Ordering::Relaxed) {
                    for name in names {
                        journal.read(name, 1, 100).unwrap_or_else(|error| panic!("{error}"));
                    }
                    is_dense(&all(journal), names);
                    if reader == 1 {
                        let whole = WholeJournal::at(&ghostlight_world::RealFiles, dir).expect("is there");
                        whole.walk(|_| Ok::<_, ()>(())).unwrap_or_else(|error| panic!("{error:?}"));
                        let report = verify(&ghostlight_world::RealFiles, dir).expect("is there");
                        assert!(report.is_sound(), "{report:?}");
                    }
                }
            });
        }
        let _over = Over(&is_over);
        let mut compacted = 0;
        for generation in 0..60 {
            let gone = stream(&format!("gone-{generation}"));
            for _ in 0..4 {
                for name in names.iter().take(2).chain([&gone]) {
                    let next = append(name, head(&journal, name), "on", Wake::Idle);
                    journal.append(next).wait().expect("commits");
                }
            }
            let end = append(&gone, head(&journal, &gone), "the end", Wake::Dropped);
            journal.append(end).wait().expect("commits");
            compacted += journal.compact(&Compaction::of_all_dropped()).expect("compacts").segments;
        }
        assert!(compacted > 20, "{compacted} segments");
    });
}

/// Nothing of what stays was passed over.
fn is_dense(records: &[Record], streams: &[StreamName]) {
    for name in streams {
        let of_stream = records.iter().filter(|record| record.stream == *name);
        for (record, place) in of_stream.zip(1..) {
            assert_eq!(record.stream_sequence, place, "of {name}");
        }
    }
}

/// Tells readers to end, also when the test fails.
struct Over<'a>(&'a AtomicBool);

impl Drop for Over<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// What a run on a disk that stops knows to be so.
#[derive(Default)]
struct Known {
    records: BTreeMap<u64, Record>,
    /// Streams of which the end was acknowledged.
    dropped: BTreeSet<StreamName>,
    /// Streams of which the end may be there.
    perhaps_dropped: BTreeSet<StreamName>,
}

impl Known {
    /// Appends, drops and compacts until the machine stops.
    fn work(&mut self, sim: &SimWorld, journal: &FileJournal, rng: &mut fastrand::Rng) {
        for _ in 0..5 {
            for _ in 0..6 {
                let name = stream(&format!("s{}", rng.u32(..8)));
                if self.perhaps_dropped.contains(&name) {
                    continue;
                }
                let Ok(at) = journal.head_of(&name) else { return };
                let ends = rng.u32(..5) == 0;
                let wake = if ends { Wake::Dropped } else { Wake::Idle };
                if ends {
                    self.perhaps_dropped.insert(name.clone());
                }
                let text = if ends { "the end" } else { "on" };
                let committed = put(journal, append(&name, at.map_or(0, |at| at.sequence), text, wake));
                let Ok(records) = committed else { continue };
                self.records.extend(records.into_iter().map(|record| (record.sequence, record)));
                if ends {
                    self.dropped.insert(name);
                }
            }
            let compacted = journal.compact(&Compaction::of_all_dropped());
            assert!(compacted.is_ok() || sim.files.calls() > 0);
            if sim.files.has_crashed() {
                return;
            }
        }
    }

    fn check(&self, name: &str, journal: &FileJournal) -> u64 {
        let found: BTreeMap<u64, Record> =
            all(journal).into_iter().map(|record| (record.sequence, record)).collect();
        let mut gone = 0;
        for (sequence, record) in &self.records {
            match found.get(sequence) {
                Some(there) => assert_eq!(there, record, "{name}"),
                None => {
                    let may_go = self.perhaps_dropped.contains(&record.stream);
                    let is_end = record.body.starts_with(b"the end");
                    assert!(may_go && !is_end, "{name}: {record:?} is lost");
                    gone += 1;
                }
            }
        }
        for stream in &self.dropped {
            let head = journal.head_of(stream).expect("reads").expect("it is known");
            assert_eq!(head.wake, Wake::Dropped, "{name}: {stream} is there again");
        }
        gone
    }
}

/// One run with one fault. Says whether the fault was reached.
fn run(seed: u64, fault: Fault, call: u64, gone: &mut u64, dropped: &mut usize) -> bool {
    let name = format!("seed {seed}, {fault:?} at call {call}");
    let sim = SimWorld::new(seed);
    let mut rng = fastrand::Rng::with_seed(seed);
    let mut known = Known::default();
    sim.files.fail_at(call, fault);
    if let Ok(journal) = open(&sim) {
        known.work(&sim, &journal, &mut rng);
        sim.files.stop();
    }
    let reached = sim.files.calls() >= call;
    for again in [true, false] {
        if rng.bool() {
            sim.files.kill()
        } else {
            sim.files.restart(rng.u64(..))
        }
        sim.files.forget_faults();
        let journal = open(&sim).unwrap_or_else(|error| panic!("{name}: {error}"));
        known.check(&name, &journal);
        if again {
            known.work(&sim, &journal, &mut rng);
            *gone += known.check(&name, &journal);
            sim.files.stop();
        }
        drop(journal);
    }
    *dropped += known.dropped.len();
    let report = verify(&*sim.files, dir()).unwrap_or_else(|error| panic!("{name}: {error}"));
    assert!(report.is_sound(), "{name}: {report:?}");
    reached
}

fn run_all(fault: Fault, seeds: u64) {
    let (mut gone, mut dropped) = (0, 0);
    let first = fastrand::u64(..1 << 40);
    println!("seeds from 0 and {first}, {fault:?}");
    for seed in (0..seeds).chain([first]) {
        let mut call = 1;
        while run(seed, fault, call, &mut gone, &mut dropped) {
            call += 1;
        }
        assert!(call > 60, "seed {seed}: the workload made only {call} calls");
    }
    assert!(gone > 1_000 && dropped > 500, "{gone} records of {dropped} streams went");
}

/// P1, P3.
#[test]
fn a_machine_that_stops_at_any_call_loses_nothing_that_was_to_stay_and_brings_nothing_back() {
    run_all(Fault::Crash, 1);
}

/// P22, P23.
#[test]
fn a_call_that_fails_or_finds_the_disk_full_loses_nothing_that_was_to_stay() {
    run_all(Fault::InputOutput, 1);
    run_all(Fault::NoSpace, 1);
}

/// The proof that these tests can fail.
#[cfg(feature = "planted-bugs")]
#[test]
fn planted_bug_of_a_compaction_that_takes_too_much_is_found() {
    let program = std::env::current_exe().expect("this test has a program");
    let test = "journal::file::compact_tests::what_was_written_together_with_what_was_dropped_stays";
    let found = std::process::Command::new(program)
        .args(["--exact", test, "--nocapture"])
        .env("GHOSTLIGHT_PLANTED_BUG", ghostlight_world::Bug::CompactTooMuch.name())
        .output()
        .expect("runs");
    let said = String::from_utf8_lossy(&found.stderr);
    assert!(!found.status.success() && said.contains("was to stay"), "{said}");
}
