//! The journal on files: the rules of every journal, opening and refusing, damage, and disks that fail.

use std::collections::HashMap;
use std::path::PathBuf;

use ghostlight_world::sim::{Fault, SimWorld};
use ghostlight_world::{File, Files, OpenMode};
use tempfile::TempDir;

use super::super::conformance::{assert_chains, assert_same, check_all, part, random_append, shared, stream};
use super::super::memory::MemoryJournal;
use super::super::segment::{FrameReader, SegmentInfo};
use super::super::verify;
use super::*;
use crate::record::{AppendError, Corruption};

fn options(segment_bytes: u64, threads: bool) -> JournalOptions {
    JournalOptions { segment_bytes, threads, ..JournalOptions::default() }
}

fn open_in(dir: &Path, segment_bytes: u64) -> Result<FileJournal, OpenError> {
    FileJournal::open(&World::real(), dir, &options(segment_bytes, true))
}

/// A journal without threads on a simulated disk.
struct Sim {
    world: SimWorld,
    dir: PathBuf,
}

impl Sim {
    fn new(seed: u64) -> Self {
        Self { world: SimWorld::new(seed), dir: PathBuf::from("/data/store") }
    }

    fn open(&self) -> Result<FileJournal, OpenError> {
        FileJournal::open(&self.world.world(), &self.dir, &options(8 << 10, false))
    }

    /// Ends the process without a word. The cache of the disk survives.
    fn kill(&self, journal: FileJournal) {
        self.world.files.stop();
        drop(journal);
        self.world.files.kill();
    }

    /// Cuts the power.
    fn cut(&self, journal: FileJournal, seed: u64) {
        self.world.files.stop();
        drop(journal);
        self.world.files.restart(seed);
    }

    fn segment(&self, number: u64) -> Box<dyn File> {
        let path = self.dir.join(format!("journal/{number:010}.seg"));
        self.world.files.open(&path, OpenMode::Write).expect("the segment is there")
    }
}

fn put(journal: &FileJournal, append: Append) -> super::super::AppendResult {
    let answer = journal.append(append);
    journal.drive();
    answer.wait()
}

fn one(number: u64, name: &str, expected: u64, body: &str) -> Append {
    Append::one(u128::from(number).to_le_bytes(), part(&stream(name), expected, &[body]))
}

fn head_in(journal: &dyn Journal) -> impl Fn(&StreamName) -> u64 {
    |name| journal.head_of(name).expect("reads").map_or(0, |head| head.sequence)
}

#[test]
fn the_journal_on_files_keeps_the_rules_of_every_journal() {
    let dirs: std::cell::RefCell<Vec<TempDir>> = Default::default();
    check_all(|| {
        let dir = TempDir::new().expect("a folder");
        let journal = open_in(dir.path(), 1 << 20).expect("opens");
        dirs.borrow_mut().push(dir);
        shared(journal)
    });
}

#[test]
fn the_rules_hold_when_every_few_appends_begin_a_new_segment() {
    let dirs: std::cell::RefCell<Vec<TempDir>> = Default::default();
    check_all(|| {
        let dir = TempDir::new().expect("a folder");
        let journal = open_in(dir.path(), 4 << 10).expect("opens");
        dirs.borrow_mut().push(dir);
        shared(journal)
    });
}

#[test]
fn the_journal_in_memory_keeps_the_rules_of_every_journal() {
    check_all(|| shared(MemoryJournal::new()));
}

#[test]
fn journals_on_files_and_in_memory_answer_every_question_alike_over_restarts() {
    for seed in 0..6 {
        let (sim, memory) = (Sim::new(seed), MemoryJournal::new());
        let mut rng = fastrand::Rng::with_seed(seed);
        let mut journal = sim.open().expect("opens");
        for number in 0..150 {
            let append = random_append(&mut rng, number, head_in(&memory));
            let expected = memory.append(append.clone()).wait().expect("commits");
            let committed = put(&journal, append).expect("commits");
            assert_eq!(committed.records(), expected.records());
            if rng.u32(..20) == 0 {
                drop(journal);
                // Sidecars are a cache: some are lost, some damaged.
                for name in sim.world.files.list(&sim.dir.join("index")).expect("lists") {
                    let path = sim.dir.join("index").join(name);
                    match rng.u32(..6) {
                        0 => sim.world.files.remove(&path).expect("removes"),
                        1 => {
                            let file = sim.world.files.open(&path, OpenMode::Write).expect("opens");
                            let at = rng.u64(..file.len().expect("has a length"));
                            let mut byte = [0];
                            file.read_exact_at(&mut byte, at).expect("reads");
                            file.write_all_at(&[byte[0] ^ 16], at).expect("writes");
                        }
                        _ => {}
                    }
                }
                journal = sim.open().expect("opens");
            }
            if rng.u32(..10) == 0 {
                assert_same(&journal, &memory, &mut rng);
            }
        }
        assert!(journal.stats().segments > 5, "seed {seed}");
        assert_chains(&journal.read_all(0, 10_000).expect("reads"));
        drop(journal);
        let report = verify(&*sim.world.files, &sim.dir).expect("verifies");
        assert!(report.is_sound(), "{report:?}");
        assert_eq!((report.records, report.torn_bytes), (memory.head(), 0));
    }
}

#[test]
fn the_epoch_rises_with_every_opening_even_when_nothing_was_written() {
    let sim = Sim::new(1);
    let mut log_id = None;
    for epoch in 1..=5 {
        let journal = sim.open().expect("opens");
        assert_eq!((journal.epoch(), journal.partitions()), (epoch, 16));
        assert_eq!(*log_id.get_or_insert(journal.log_id()), journal.log_id());
        if epoch % 2 == 0 {
            sim.cut(journal, epoch);
        }
    }
}

#[test]
fn a_second_opening_is_refused_and_changes_nothing() {
    let sim = Sim::new(1);
    let journal = sim.open().expect("opens");
    let calls = sim.world.files.calls();
    assert!(matches!(sim.open(), Err(OpenError::AlreadyOpen(_))));
    assert_eq!(sim.world.files.calls(), calls);
    journal.close();
    assert!(sim.open().is_ok());
}

#[test]
fn a_store_of_a_newer_format_is_refused_whole_and_not_touched() {
    let dir = TempDir::new().expect("a folder");
    std::fs::write(dir.path().join("manifest.json"), r#"{"format": 3, "shape": "unknown"}"#).expect("writes");
    let refused = open_in(dir.path(), 1 << 20);
    assert!(matches!(refused, Err(OpenError::NewerFormat { found: 3, known: 2, .. })));
    let names: Vec<_> = std::fs::read_dir(dir.path()).expect("lists").collect();
    assert_eq!(names.len(), 1, "not even a lock file was made");
}

#[test]
fn a_place_that_cannot_be_a_store_is_a_typed_refusal() {
    let dir = TempDir::new().expect("a folder");
    let file = dir.path().join("file");
    std::fs::write(&file, "x").expect("writes");
    assert!(matches!(open_in(&file.join("store"), 1 << 20), Err(OpenError::Unwritable { .. })));
    assert!(matches!(verify(&ghostlight_world::RealFiles, dir.path()), Err(OpenError::Missing(_))));
}

#[test]
fn a_journal_without_its_manifest_is_never_taken_for_a_new_one() {
    let sim = Sim::new(1);
    drop(sim.open().expect("opens"));
    let manifest = sim.dir.join("manifest.json");
    sim.world.files.remove(&manifest).expect("removes");
    assert!(matches!(sim.open(), Err(OpenError::Manifest(_))));
    let file = sim.world.files.open(&manifest, OpenMode::CreateNew).expect("opens");
    file.write_all_at(b"{", 0).expect("writes");
    assert!(matches!(sim.open(), Err(OpenError::Manifest(_))));
}

#[test]
fn a_missing_segment_is_corruption() {
    for missing in 1..=4 {
        let sim = Sim::new(1);
        let journal = sim.open().expect("opens");
        let mut number = 0;
        while journal.stats().segments < 4 {
            put(&journal, one(number, "a", number, &"x".repeat(500))).expect("commits");
            number += 1;
        }
        drop(journal);
        let path = sim.dir.join(format!("journal/{missing:010}.seg"));
        sim.world.files.remove(&path).expect("removes");
        let refused = sim.open().err();
        assert!(
            matches!(&refused, Some(OpenError::Corrupt(found)) if found.segment == missing),
            "{refused:?}"
        );
    }
}

/// A journal of one segment whose last commits are given back by their end offsets, ended by a kill.
fn written() -> (Sim, Vec<u64>, u64) {
    let sim = Sim::new(3);
    let journal = sim.open().expect("opens");
    let mut ends = vec![journal.shared.state().active.end];
    for (number, body) in ["first", "", "a longer body than the others"].iter().enumerate() {
        put(&journal, one(number as u64, &format!("s{number}"), 0, body)).expect("commits");
        ends.push(journal.shared.state().active.end);
    }
    sim.kill(journal);
    (sim, ends, 3)
}

#[test]
fn a_journal_cut_at_any_byte_keeps_every_commit_before_and_goes_on() {
    let (_, ends, _) = written();
    for cut in ends[0]..=ends[3] + 1 {
        let (sim, ..) = written();
        let file = sim.segment(1);
        file.set_len(cut).expect("cuts");
        drop(file);
        let journal = sim.open().unwrap_or_else(|error| panic!("cut at {cut}: {error}"));
        let whole = ends[1..].iter().filter(|end| **end <= cut).count() as u64;
        assert_eq!(journal.head(), whole, "cut at {cut}");
        let torn = if ends.contains(&cut) { 0 } else { cut - ends[whole as usize] };
        assert!(journal.stats().torn_bytes <= torn, "cut at {cut}");
        put(&journal, one(9, "next", 0, "x")).expect("commits");
        sim.kill(journal);
        let journal = sim.open().expect("opens");
        assert_eq!(journal.head(), whole + 1);
        assert_chains(&journal.read_all(0, 10).expect("reads"));
    }
}

#[test]
fn garbage_behind_the_last_commit_is_cut_and_never_a_failure() {
    let (_, ends, head) = written();
    let garbage: [&[u8]; 4] = [b"GLC1", &[0xff; 700], &[1], b"GLIGHTSG\x01\0\0\0"];
    for (bytes, gap) in garbage.iter().flat_map(|bytes| [0, 1, 8, 1000].map(|gap| (bytes, gap))) {
        let (sim, ..) = written();
        sim.segment(1).write_all_at(bytes, ends[3] + gap).expect("writes");
        let journal = sim.open().expect("opens");
        assert_eq!(journal.head(), head);
        assert!(journal.stats().torn_bytes > 0);
        drop(journal);
        assert_eq!(verify(&*sim.world.files, &sim.dir).expect("verifies").torn_bytes, 0);
    }
}

#[test]
fn a_flipped_bit_is_a_torn_tail_in_the_last_commit_and_damage_of_its_stream_before_it() {
    let (_, ends, head) = written();
    let mut named = 0;
    for offset in 0..ends[3] {
        let (sim, ..) = written();
        let file = sim.segment(1);
        let mut byte = [0];
        file.read_exact_at(&mut byte, offset).expect("reads");
        file.write_all_at(&[byte[0] ^ (1 << (offset % 8))], offset).expect("writes");
        drop(file);
        let report = verify(&*sim.world.files, &sim.dir);
        let opened = sim.open();
        if offset < 512 {
            assert!(
                matches!(opened, Err(OpenError::Corrupt(Corruption { segment: 1, .. }))),
                "offset {offset}"
            );
            continue;
        }
        let journal = opened.unwrap_or_else(|error| panic!("offset {offset}: {error}"));
        let report = report.expect("walks");
        if offset >= ends[2] {
            assert_eq!(journal.head(), head - 1, "offset {offset}");
            assert!(report.is_sound() && report.torn_bytes > 0, "offset {offset}");
            continue;
        }
        assert_eq!((journal.head(), report.finding_count), (head, 1), "offset {offset}");
        let frame = ends.iter().rposition(|end| *end <= offset);
        let streams = &report.findings[0].streams;
        for number in 0..3 {
            let name = stream(&format!("s{number}"));
            let is_named = streams.contains(&name);
            assert_eq!(journal.read(&name, 1, 10).is_err(), is_named, "offset {offset}: {name}");
            assert!(!is_named || frame == Some(number), "offset {offset}: {name}");
            named += u64::from(is_named);
        }
    }
    // All but the flips around the records name whose they are.
    assert!(named > (ends[2] - ends[0]) / 2, "{named} were named");
}

#[test]
fn damage_in_a_sealed_segment_hits_the_reads_of_its_stream_and_no_other() {
    let sim = Sim::new(1);
    let journal = sim.open().expect("opens");
    put(&journal, one(1, "hit", 0, "the body that is hit")).expect("commits");
    let at = journal.shared.state().active.end - 8;
    put(&journal, one(2, "spared", 0, "x")).expect("commits");
    for number in 0..20 {
        put(&journal, one(3 + number, "filler", number, &"x".repeat(700))).expect("commits");
    }
    sim.segment(1).write_all_at(b"!", at).expect("writes");
    let read = journal.read(&stream("hit"), 1, 10);
    let Err(ReadError::Corrupt(found)) = read else { panic!("the damage was not found: {read:?}") };
    assert_eq!((found.segment, found.streams), (1, vec![stream("hit")]));
    assert_eq!(journal.read(&stream("spared"), 1, 10).expect("reads").len(), 1);
    assert!(matches!(journal.read_all(0, 10), Err(ReadError::Corrupt(_))));
    assert!(put(&journal, one(99, "new", 0, "x")).is_ok());
    drop(journal);
    let report = verify(&*sim.world.files, &sim.dir).expect("walks");
    assert_eq!(report.findings[0].streams, [stream("hit")]);
}

#[test]
fn after_a_failed_sync_nothing_is_acknowledged_and_the_log_goes_on_in_a_new_segment() {
    for fault in [Fault::InputOutput, Fault::NoSpace, Fault::NoQuota, Fault::TooLarge] {
        let sim = Sim::new(5);
        let journal = sim.open().expect("opens");
        put(&journal, one(1, "a", 0, "x")).expect("commits");
        // The next calls are the write and its sync.
        sim.world.files.fail_at(sim.world.files.calls() + 2, fault);
        let refused = put(&journal, one(2, "a", 1, "lost")).expect_err("is not acknowledged");
        let is_full = fault != Fault::InputOutput;
        let definite = if is_full { AppendError::Full } else { AppendError::Unavailable };
        assert_eq!(refused, definite);
        assert_eq!((journal.stats().segments, journal.stats().faults), (2, 1));
        assert_eq!(journal.outcome(2_u128.to_le_bytes()).expect("is settled"), None);
        put(&journal, one(3, "a", 1, "y")).expect("commits");
        sim.cut(journal, 0);
        for seed in 1..20 {
            let bodies: Vec<_> = sim
                .open()
                .expect("opens")
                .read_all(0, 10)
                .expect("reads")
                .into_iter()
                .map(|r| r.body)
                .collect();
            assert_eq!(bodies, ["x", "y"], "seed {seed}");
            sim.world.files.restart(seed);
        }
    }
}

#[test]
fn while_a_failed_sync_is_not_settled_the_outcome_is_unknown_and_nothing_is_taken() {
    let sim = Sim::new(5);
    let journal = sim.open().expect("opens");
    put(&journal, one(1, "a", 0, "x")).expect("commits");
    let next = sim.world.files.calls() + 1;
    // The sync, then the first steps of every attempt at a new segment, and the removal of what was begun.
    (next + 1..next + 4).for_each(|call| sim.world.files.fail_at(call, Fault::InputOutput));
    assert_eq!(put(&journal, one(2, "a", 1, "y")), Err(AppendError::OutcomeUnknown));
    assert!(!journal.stats().available);
    assert!(matches!(journal.outcome(2_u128.to_le_bytes()), Err(ReadError::Unavailable)));
    assert_eq!(journal.read(&stream("a"), 1, 10).expect("reads").len(), 1, "reads go on");
    put(&journal, one(3, "a", 1, "z")).expect("is settled by the next append");
    assert!(journal.stats().available);
    assert_eq!(journal.outcome(2_u128.to_le_bytes()).expect("is settled"), None);
}

#[test]
fn a_failed_write_is_taken_back_and_the_segment_goes_on() {
    let sim = Sim::new(5);
    let journal = sim.open().expect("opens");
    for number in 0..20 {
        sim.world.files.fail_at(sim.world.files.calls() + 1, Fault::InputOutput);
        assert_eq!(put(&journal, one(100 + number, "b", 0, "lost")), Err(AppendError::Unavailable));
        put(&journal, one(number, "a", number, "x")).expect("commits");
    }
    assert_eq!(journal.stats().segments, 1);
    sim.cut(journal, 1);
    assert_eq!(sim.open().expect("opens").head(), 20);
}

/// P22.
#[test]
fn a_full_disk_refuses_appends_and_takes_them_again_when_there_is_space() {
    let sim = Sim::new(5);
    let journal = sim.open().expect("opens");
    sim.world.files.set_free_bytes(Some(100));
    let body = "x".repeat(500);
    let mut number = 0;
    let refused = loop {
        match put(&journal, one(number, "a", number, &body)) {
            Ok(_) => number += 1,
            Err(refused) => break refused,
        }
    };
    assert_eq!(refused, AppendError::Full);
    assert!(number > 5, "the reserved space was used");
    assert_eq!(put(&journal, one(number, "a", number, &body)), Err(AppendError::Full));
    assert_eq!(journal.read(&stream("a"), 1, 1_000).expect("reads").len() as u64, number);
    sim.world.files.set_free_bytes(None);
    put(&journal, one(number, "a", number, &body)).expect("commits again");
    assert!(journal.stats().available);
}

#[test]
fn an_unknown_append_of_an_earlier_life_is_found_in_sealed_segments() {
    let sim = Sim::new(5);
    let journal = sim.open().expect("opens");
    for number in 0..40 {
        put(&journal, one(number, "a", number, &"x".repeat(400))).expect("commits");
    }
    assert!(journal.stats().segments > 2);
    drop(journal);
    let journal = sim.open().expect("opens");
    for number in 0..40_u64 {
        let outcome = journal.outcome(u128::from(number).to_le_bytes()).expect("is known");
        assert_eq!(outcome.map(|outcome| outcome.first_sequence), Some(number + 1));
    }
    assert_eq!(journal.outcome([7; 16]).expect("is known"), None);
}

#[test]
fn a_commit_holds_what_waited_while_the_one_before_was_synced() {
    let sim = Sim::new(5);
    let journal = sim.open().expect("opens");
    let syncs = sim.world.files.syncs();
    let mut follow = journal.follow();
    let answers: Vec<_> =
        (0..10).map(|number| journal.append(one(number, &format!("s{number}"), 0, "x"))).collect();
    let conflict = journal.append(one(99, "s3", 0, "x"));
    assert!(journal.drive() && !journal.drive());
    assert_eq!(sim.world.files.syncs(), syncs + 1);
    assert!(answers.into_iter().all(|answer| answer.wait().is_ok()));
    assert!(matches!(conflict.wait(), Err(AppendError::Conflict { actual: 1, .. })));
    let batch = follow.try_next().expect("is there").expect("is open");
    assert_eq!(batch.records.len(), 10);
    let shared_memory = batch.records.windows(2).all(|pair| pair[0].body.as_ptr() < pair[1].body.as_ptr());
    assert!(shared_memory, "all bodies are slices of one buffer");
}

#[test]
fn a_callback_may_panic_and_may_be_the_last_to_hold_the_journal() {
    let dir = TempDir::new().expect("a folder");
    let journal = std::sync::Arc::new(open_in(dir.path(), 1 << 20).expect("opens"));
    journal.submit(one(1, "a", 0, "x"), Reply::callback(|_| panic!("on purpose")));
    journal.append(one(2, "a", 1, "y")).wait().expect("commits all the same");
    let (sender, receiver) = std::sync::mpsc::channel();
    let (held, last) = (journal.clone(), one(3, "a", 2, "z"));
    let (go, wait) = std::sync::mpsc::channel::<()>();
    journal.submit(
        last,
        Reply::callback(move |result| {
            // Until the test has let go of its own.
            let _ = wait.recv();
            drop(held);
            let _ = sender.send(result.map(|committed| committed.last_sequence()));
        }),
    );
    drop(journal);
    drop(go);
    assert_eq!(receiver.recv(), Ok(Ok(3)));
}

/// P4.
#[test]
fn no_flipped_bit_of_what_was_committed_is_accepted_in_silence() {
    let sim = Sim::new(11);
    let journal = sim.open().expect("opens");
    let mut rng = fastrand::Rng::with_seed(11);
    for number in 0..60 {
        put(&journal, random_append(&mut rng, number, head_in(&journal))).expect("commits");
    }
    let mut ends: Vec<u64> = journal.shared.state().sealed.iter().map(|_| 0).collect();
    ends.push(journal.shared.state().active.end);
    sim.kill(journal);
    // Where the commits of a sealed segment end is where its bytes do: nothing failed in this run.
    for (end, number) in ends.iter_mut().zip(1..) {
        if *end == 0 {
            let file = sim.segment(number);
            let mut bytes = vec![0; usize::try_from(file.len().expect("has a length")).expect("small")];
            file.read_exact_at(&mut bytes, 0).expect("reads");
            *end = bytes.iter().rposition(|byte| *byte != 0).expect("is not empty") as u64 + 1;
        }
    }
    assert!(ends.len() > 4);
    let mut named = 0;
    for _ in 0..700 {
        let number = rng.usize(..ends.len());
        let file = sim.segment(number as u64 + 1);
        let (at, bit) = (rng.u64(..ends[number]), rng.u32(..8));
        let mut byte = [0];
        file.read_exact_at(&mut byte, at).expect("reads");
        file.write_all_at(&[byte[0] ^ (1 << bit)], at).expect("writes");
        match verify(&*sim.world.files, &sim.dir) {
            Err(OpenError::Corrupt(found)) => assert_eq!(found.segment, number as u64 + 1),
            Err(other) => panic!("{other}"),
            Ok(report) => {
                let last_commit = number == ends.len() - 1 && report.torn_bytes > 0;
                assert!(last_commit || !report.is_sound(), "segment {}, byte {at}, bit {bit}", number + 1);
                named += usize::from(report.findings.first().is_some_and(|found| !found.streams.is_empty()));
            }
        }
        file.write_all_at(&byte, at).expect("writes back");
    }
    assert!(named > 350, "{named} findings named a stream");
    assert!(verify(&*sim.world.files, &sim.dir).expect("verifies").is_sound());
}

#[test]
fn readers_and_followers_see_a_dense_log_while_segments_come_and_go() {
    const APPENDS: u64 = 1_500;
    let dir = TempDir::new().expect("a folder");
    let journal = open_in(dir.path(), 8 << 10).expect("opens");
    let read_to_the_end = || {
        let mut next = 1;
        while next <= APPENDS {
            for record in journal.read_all(next - 1, 64).expect("reads") {
                assert_eq!(record.sequence, next);
                next += 1;
            }
            let name = stream(&format!("s{:02}", next % 20));
            let known = journal.head_of(&name).expect("reads").map_or(0, |head| head.sequence);
            let own = journal.read(&name, 1, 10_000).expect("reads");
            assert!(own.len() as u64 >= known, "a head never points behind what can be read");
            assert!(own.iter().zip(1..).all(|(record, expected)| record.stream_sequence == expected));
        }
    };
    let mut follow = journal.follow();
    let mut follow_to_the_end = || {
        let mut last = 0;
        while last < APPENDS {
            match follow.wait() {
                Ok(batch) => {
                    assert_eq!(batch.first_sequence, last + 1);
                    last = batch.last_sequence;
                }
                Err(super::super::FollowError::Lagged { resume_after }) => last = resume_after,
                Err(closed) => panic!("{closed}"),
            }
        }
    };
    std::thread::scope(|scope| {
        scope.spawn(&mut follow_to_the_end);
        scope.spawn(read_to_the_end);
        scope.spawn(read_to_the_end);
        let mut heads = HashMap::new();
        for number in 0..APPENDS {
            let name = format!("s{:02}", number % 20);
            let expected = heads.entry(name.clone()).or_insert(0);
            journal
                .append(one(number, &name, *expected, "some words to fill a segment"))
                .wait()
                .expect("commits");
            *expected += 1;
        }
    });
    assert!(journal.stats().segments > 20);
    journal.close();
    assert!(verify(&ghostlight_world::RealFiles, dir.path()).expect("verifies").is_sound());
}

/// Who reads beside the daemon may come in the middle of a write, and takes what is whole a moment later for no damage.
#[test]
fn a_commit_that_was_read_while_it_was_written_is_no_damage() {
    let (sim, ends, _) = written();
    let file = sim.segment(1);
    let salt = SegmentInfo::read(&*file, &sim.dir, 1).expect("reads").expect("is a segment").salt;
    let offset = ends[1];
    let mut bytes = vec![0; 16];
    file.read_exact_at(&mut bytes, offset + 60).expect("reads");
    file.write_all_at(&[0; 16], offset + 60).expect("writes");
    let mut reader = FrameReader::new(&*file, salt, ends[3]);
    assert!(reader.frame_at(offset).expect("reads").is_err());
    assert!(!reader.is_whole_after_all(offset).expect("reads"));
    file.write_all_at(&bytes, offset + 60).expect("writes");
    assert!(reader.is_whole_after_all(offset).expect("reads"));
    assert!(reader.frame_at(offset).expect("reads").is_ok());
}
