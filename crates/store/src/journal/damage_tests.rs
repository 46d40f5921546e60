//! Damage in the middle of a journal: it is never taken for what was written, it hits the streams that it hits and no other,
//! and where nobody can tell which these are the journal does not open.
//!
//! `GHOSTLIGHT_SIM_FLIPS` sets the number of bits that are flipped.

use std::collections::BTreeMap;
use std::path::PathBuf;

use bytes::Bytes;
use ghostlight_world::sim::{Fault, SimWorld};
use ghostlight_world::{Files, OpenMode};

use super::super::conformance::{part, random_append, stream};
use super::super::frame::{AppendHead, FrameHeader};
use super::super::salvage::{NOT_ACCOUNTED, ONLY_THE_FRAME};
use super::super::segment::{SegmentInfo, scan};
use super::super::{VerifyReport, WalkError, WholeJournal, verify};
use super::*;
use crate::record::AppendError;

pub(super) fn dir() -> &'static Path {
    Path::new("/data/store")
}

pub(super) fn open_with(sim: &SimWorld, segment_bytes: u64) -> Result<FileJournal, OpenError> {
    let options = JournalOptions { segment_bytes, threads: false, ..JournalOptions::default() };
    FileJournal::open(&sim.world(), dir(), &options)
}

pub(super) fn open(sim: &SimWorld) -> Result<FileJournal, OpenError> {
    open_with(sim, 64 << 10)
}

pub(super) fn put(journal: &FileJournal, append: Append) -> Result<Vec<Record>, AppendError> {
    let answer = journal.append(append);
    journal.drive();
    answer.wait().map(|committed| committed.records().to_vec())
}

pub(super) fn one(number: u64, name: &str, expected: u64, body: &str) -> Append {
    Append::one(u128::from(number).to_le_bytes(), part(&stream(name), expected, &[body]))
}

pub(super) fn kill(sim: &SimWorld, journal: FileJournal) {
    sim.files.stop();
    drop(journal);
    sim.files.kill();
}

fn verified(sim: &SimWorld) -> VerifyReport {
    verify(&*sim.files, dir()).expect("there is a store")
}

pub(super) fn segment_path(number: u64) -> PathBuf {
    dir().join(format!("journal/{number:010}.seg"))
}

fn bytes_of(files: &dyn Files, path: &Path) -> Vec<u8> {
    let file = files.open(path, OpenMode::Read).expect("is there");
    let mut bytes = vec![0; usize::try_from(file.len().expect("has a length")).expect("is small")];
    file.read_exact_at(&mut bytes, 0).expect("reads");
    bytes
}

pub(super) fn change(sim: &SimWorld, segment: u64, at: u64, change: impl FnOnce(&mut [u8]), len: usize) {
    let file = sim.files.open(&segment_path(segment), OpenMode::Write).expect("is there");
    let mut bytes = vec![0; len];
    file.read_exact_at(&mut bytes, at).expect("reads");
    change(&mut bytes);
    file.write_all_at(&bytes, at).expect("writes");
}

/// The files of a store, of which copies are made.
struct Master(Vec<(PathBuf, Vec<u8>)>);

impl Master {
    fn of(sim: &SimWorld) -> Self {
        let mut all = Vec::new();
        for folder in [dir().to_owned(), dir().join("journal"), dir().join("index")] {
            for name in sim.files.list(&folder).expect("lists") {
                let path = folder.join(name);
                all.push((path.clone(), bytes_of(&*sim.files, &path)));
            }
        }
        Self(all)
    }

    fn copy(&self, seed: u64) -> SimWorld {
        let sim = SimWorld::new(seed);
        for (path, bytes) in &self.0 {
            sim.files.create_dir_all(path.parent().expect("has a folder")).expect("is made");
            let file = sim.files.open(path, OpenMode::CreateNew).expect("is made");
            file.write_all_at(bytes, 0).expect("writes");
        }
        sim
    }
}

/// A commit of a segment, and its parts: where they lie, and whose they are.
pub(super) struct Commit {
    pub at: std::ops::Range<u64>,
    pub parts: Vec<(std::ops::Range<u64>, StreamName, std::ops::Range<u64>)>,
}

pub(super) fn commits(sim: &SimWorld, segment: u64) -> Vec<Commit> {
    let path = segment_path(segment);
    let file = sim.files.open(&path, OpenMode::Read).expect("is there");
    let info = SegmentInfo::read(&*file, &path, segment).expect("reads").expect("is a segment");
    let mut commits = Vec::new();
    let tell = |offset: u64, _: &FrameHeader, bytes: &Bytes, appends: Vec<AppendHead>| {
        let parts = appends.iter().flat_map(|append| &append.parts);
        let parts = parts.map(|part| {
            let at = offset + u64::from(part.offset);
            (at..at + u64::from(part.len), part.stream.clone(), part.sequences())
        });
        commits.push(Commit { at: offset..offset + bytes.len() as u64, parts: parts.collect() });
    };
    assert!(scan(&info, &*file, None, tell).is_ok());
    commits
}

/// All that can be read of a journal in the order of its sequences, and what cannot.
pub(super) fn read_around(journal: &FileJournal) -> (Vec<Record>, Vec<Corruption>) {
    let (mut records, mut damages, mut after) = (Vec::new(), Vec::new(), 0);
    loop {
        match journal.read_all(after, 500) {
            Ok(page) if page.is_empty() => return (records, damages),
            Ok(page) => {
                after = page.last().map_or(after, |last| last.sequence);
                records.extend(page);
            }
            Err(ReadError::Corrupt(corruption)) => {
                let behind = journal.damage_behind(after).expect("is told");
                after = behind.filter(|behind| *behind > after).expect("there is an end of it");
                damages.push(corruption);
            }
            Err(other) => panic!("{other}"),
        }
    }
}

fn streams_of(records: &[Record]) -> BTreeMap<StreamName, Vec<Record>> {
    let mut streams: BTreeMap<StreamName, Vec<Record>> = BTreeMap::new();
    records.iter().for_each(|it| streams.entry(it.stream.clone()).or_default().push(it.clone()));
    streams
}

fn flips() -> u64 {
    std::env::var("GHOSTLIGHT_SIM_FLIPS").ok().and_then(|flips| flips.parse().ok()).unwrap_or(300)
}

#[derive(Debug, Default)]
struct Seen {
    refused: u64,
    torn: u64,
    around_records: u64,
    named: u64,
}

/// Some segments, most of it in the last one, in which many streams lie.
fn busy_journal() -> (SimWorld, Vec<Record>) {
    let sim = SimWorld::new(7);
    let mut rng = fastrand::Rng::with_seed(7);
    for (segment_bytes, numbers) in [(8 << 10, 0..30), (128 << 10, 30..150)] {
        let journal = open_with(&sim, segment_bytes).expect("opens");
        for number in numbers {
            let head = |name: &StreamName| journal.head_of(name).expect("reads").map_or(0, |it| it.sequence);
            let answers: Vec<_> = match number % 5 {
                // Some commits hold several appends.
                0 => (0..3).map(|n| one(number * 9 + n, &format!("n{number}-{n}"), 0, "alone")).collect(),
                _ => vec![random_append(&mut rng, number, head)],
            };
            let answers: Vec<_> = answers.into_iter().map(|append| journal.append(append)).collect();
            journal.drive();
            answers.into_iter().for_each(|answer| drop(answer.wait().expect("commits")));
        }
        // So that the next one begins another segment, in which there is room.
        if segment_bytes < 128 << 10 {
            drop(journal);
        } else {
            let (records, damages) = read_around(&journal);
            assert!(damages.is_empty() && journal.stats().segments > 3);
            kill(&sim, journal);
            return (sim, records);
        }
    }
    unreachable!("the last one returns")
}

/// P4.
#[test]
fn no_flipped_bit_is_accepted_in_silence_and_each_hits_its_own_stream_alone() {
    let (sim, truth) = busy_journal();
    let (master, whole) = (Master::of(&sim), streams_of(&truth));
    let last_segment = (1..).take_while(|n| sim.files.exists(&segment_path(*n)).expect("looks")).last();
    let last_segment = last_segment.expect("there are segments");
    let layout: Vec<Vec<Commit>> = (1..=last_segment).map(|number| commits(&sim, number)).collect();
    let seed = fastrand::u64(..);
    println!("flips from seed {seed} on");
    let (mut rng, mut seen) = (fastrand::Rng::with_seed(seed), Seen::default());
    for flip in 0..flips() {
        // Most of them into the segment that is being written.
        let number = if rng.u8(..4) > 0 { last_segment } else { rng.u64(1..=last_segment) };
        let commits = &layout[number as usize - 1];
        let end = commits.last().expect("it holds commits").at.end;
        let (at, bit) = (if rng.u8(..16) == 0 { rng.u64(..512) } else { rng.u64(512..end) }, rng.u32(..8));
        let what = format!("seed {seed}, flip {flip}: segment {number}, byte {at}, bit {bit}");
        let sim = master.copy(flip);
        change(&sim, number, at, |byte| byte[0] ^= 1 << bit, 1);
        if rng.bool() {
            let _ = sim.files.remove(&dir().join(format!("index/{number:010}.idx")));
        }
        let report = verify(&*sim.files, dir());
        let Some(hit) = commits.iter().position(|commit| commit.at.contains(&at)) else {
            // The segment's own header.
            assert!(
                matches!(open(&sim), Err(OpenError::Corrupt(found)) if found.segment == number),
                "{what}"
            );
            assert!(!report.is_ok_and(|report| report.is_sound()), "{what}");
            seen.refused += 1;
            continue;
        };
        let report = report.unwrap_or_else(|error| panic!("{what}: {error}"));
        let journal = open(&sim).unwrap_or_else(|error| panic!("{what}: {error}"));
        if number == last_segment && hit + 1 == commits.len() {
            let kept =
                truth.iter().filter(|it| commits[hit].parts.iter().all(|at| !at.2.contains(&it.sequence)));
            assert_eq!(read_around(&journal).0, kept.cloned().collect::<Vec<_>>(), "{what}");
            assert!(report.torn_bytes > 0, "{what}");
            seen.torn += 1;
            continue;
        }
        assert_eq!(report.finding_count, 1, "{what}: {report:?}");
        let found = &report.findings[0];
        assert_eq!(found.segment, number, "{what}");
        let exported = WholeJournal::at(&*sim.files, dir()).expect("opens").walk(|_| Ok::<_, ()>(()));
        assert!(matches!(&exported, Err(WalkError::Corrupt(told)) if told == found), "{what}: {exported:?}");
        let check = |journal: &FileJournal| {
            let damaged = commits[hit].parts.iter().find(|part| part.0.contains(&at));
            let lost = |record: &Record| damaged.is_some_and(|part| part.2.contains(&record.sequence));
            let (records, damages) = read_around(journal);
            let old: Vec<_> = records.into_iter().filter(|it| it.sequence <= truth.len() as u64).collect();
            let left: Vec<_> = truth.iter().filter(|it| !lost(it)).cloned().collect();
            assert!(old == left, "{what}: what is whole can be read");
            for (name, records) in &whole {
                let read = journal.read(name, 1, 10_000);
                match damaged.filter(|part| part.1 == *name) {
                    None => assert!(read.is_ok_and(|read| read == *records), "{what}: {name} is whole"),
                    Some(part) => {
                        let streams = vec![name.clone()];
                        let is_it = |found: &Corruption| {
                            (found.segment, found.offset, &found.streams) == (number, part.0.start, &streams)
                        };
                        assert!(
                            matches!(&read, Err(ReadError::Corrupt(found)) if is_it(found)),
                            "{what}: {read:?}"
                        );
                        assert!(damages.iter().all(is_it) && damages.len() == 1, "{what}: {damages:?}");
                        let before = records.iter().take_while(|it| !lost(it)).count();
                        assert_eq!(
                            journal.read(name, 1, before).expect("reads"),
                            records[..before],
                            "{what}"
                        );
                    }
                }
            }
            damaged.map(|part| part.1.clone())
        };
        assert_eq!(
            journal.damages(),
            if number == last_segment { &report.findings[..] } else { &[] },
            "{what}"
        );
        match check(&journal) {
            Some(name) => {
                assert_eq!(found.streams, [name], "{what}");
                seen.named += 1;
            }
            None => {
                assert_eq!((found.reason, found.streams.len()), (ONLY_THE_FRAME, 0), "{what}");
                seen.around_records += 1;
            }
        }
        // It goes on, and a reopening finds the same.
        put(&journal, one(1 << 40, "new", 0, "goes on")).unwrap_or_else(|error| panic!("{what}: {error}"));
        kill(&sim, journal);
        let damaged = bytes_of(&*sim.files, &segment_path(number));
        let mut before =
            master.0.iter().find(|(path, _)| *path == segment_path(number)).expect("was there").1.clone();
        before[at as usize] ^= 1 << bit;
        assert!(damaged[..end as usize] == before[..end as usize], "{what}: nothing was written over it");
        let journal = open(&sim).unwrap_or_else(|error| panic!("{what}: again: {error}"));
        check(&journal);
        assert_eq!(journal.read(&stream("new"), 1, 10).expect("reads").len(), 1, "{what}");
        drop(journal);
        assert_eq!(verified(&sim).findings, report.findings, "{what}");
    }
    println!("{seen:?}");
    assert!(seen.named * 2 > flips(), "{seen:?}");
    assert!(flips() < 100 || (seen.refused > 0 && seen.around_records > 0), "{seen:?}");
}

/// P4.
#[test]
fn whatever_is_overwritten_each_stream_is_what_it_was_or_an_error_or_the_journal_does_not_open() {
    let (sim, truth) = busy_journal();
    let (master, whole) = (Master::of(&sim), streams_of(&truth));
    let last_segment = (1..).take_while(|n| sim.files.exists(&segment_path(*n)).expect("looks")).last();
    let number = last_segment.expect("there are segments");
    let commits = commits(&sim, number);
    let end = commits.last().expect("it holds commits").at.start;
    let seed = fastrand::u64(..);
    println!("from seed {seed} on");
    let (mut rng, mut refused, mut told) = (fastrand::Rng::with_seed(seed), 0, 0);
    for round in 0..flips() {
        let len = [4, 30, 200, 900][rng.usize(..4)];
        let (at, sim) = (rng.u64(512..end - len), master.copy(round));
        let what = format!("seed {seed}, round {round}: {len} bytes at {at} of segment {number}");
        let before = bytes_of(&*sim.files, &segment_path(number));
        change(
            &sim,
            number,
            at,
            |bytes| if rng.bool() { bytes.fill(0) } else { rng.fill(bytes) },
            len as usize,
        );
        let after = bytes_of(&*sim.files, &segment_path(number));
        let is_changed = |at: &std::ops::Range<u64>| {
            let at = at.start as usize..at.end as usize;
            before[at.clone()] != after[at]
        };
        let journal = match open(&sim) {
            Ok(journal) => journal,
            Err(OpenError::Corrupt(found)) => {
                assert_eq!(found.segment, number, "{what}");
                assert!(!verified(&sim).is_sound(), "{what}");
                refused += 1;
                continue;
            }
            Err(other) => panic!("{what}: {other}"),
        };
        let parts = commits.iter().flat_map(|commit| &commit.parts);
        let hit: Vec<_> = parts.filter(|part| is_changed(&part.0)).map(|part| part.1.clone()).collect();
        for (name, records) in &whole {
            match journal.read(name, 1, 10_000) {
                Ok(read) => assert!(read == *records && !hit.contains(name), "{what}: {name}"),
                Err(_) => assert!(hit.contains(name), "{what}: {name} was not hit"),
            }
        }
        assert!(before == after || !verified(&sim).is_sound(), "{what}");
        told += u64::from(!hit.is_empty());
    }
    println!("{told} told, {refused} refused");
    assert!(flips() < 100 || (told > 0 && refused > 0), "{told} told, {refused} refused");
}

/// Three streams in one segment, each with some commits of its own; where the parts of `hit` lie.
pub(super) fn three_streams(rounds: u64) -> (SimWorld, Vec<u64>) {
    let sim = SimWorld::new(3);
    let journal = open(&sim).expect("opens");
    for round in 0..rounds {
        for (n, name) in ["hit", "other", "third"].iter().enumerate() {
            let number = round * 3 + n as u64;
            put(&journal, one(number, name, round, &"some words of it ".repeat(8))).expect("commits");
        }
    }
    kill(&sim, journal);
    let of_hit =
        |commit: &Commit| commit.parts.iter().find(|part| part.1 == stream("hit")).map(|part| part.0.start);
    let at = commits(&sim, 1).iter().filter_map(of_hit).collect();
    (sim, at)
}

/// Behind the head of a part of `hit`, in the text of its record.
pub(super) const IN_BODY: u64 = 64 + 32 + "run/default/hit".len() as u64 + "deploy".len() as u64 + 16 + 20;

#[test]
fn what_more_than_one_bit_has_hit_is_told_by_its_head_and_nothing_follows_on_it() {
    let (sim, at) = three_streams(3);
    change(&sim, 1, at[2] + IN_BODY, |body| body.fill(0), 30);
    for _ in 0..2 {
        let journal = open(&sim).expect("opens");
        let read = journal.read(&stream("hit"), 1, 10);
        let Err(ReadError::Corrupt(found)) = read else { panic!("the damage was not found: {read:?}") };
        assert_eq!((found.offset, &found.streams[..]), (at[2], &[stream("hit")][..]));
        let refused = put(&journal, one(90, "hit", 3, "x"));
        assert_eq!(refused, Err(AppendError::Damaged { stream: stream("hit") }));
        for name in ["other", "third"] {
            let last = journal.head_of(&stream(name)).expect("reads").expect("is there").sequence;
            put(&journal, one(91, name, last, "x")).expect("commits");
        }
        drop(journal);
        let report = verified(&sim);
        assert_eq!((report.finding_count, &report.findings[0].streams[..]), (1, &[stream("hit")][..]));
    }
    // Its sidecar says so too, once the segment is sealed.
    let journal = open_with(&sim, 4 << 10).expect("opens");
    let mut last = journal.head_of(&stream("other")).expect("reads").expect("is there").sequence;
    while journal.stats().segments < 4 {
        put(&journal, one(100 + last, "other", last, &"x".repeat(3_000))).expect("commits");
        last += 1;
    }
    drop(journal);
    let journal = open(&sim).expect("opens");
    assert!(!journal.shared.state().sealed[0].is_in_memory());
    assert_eq!(put(&journal, one(99, "hit", 3, "x")), Err(AppendError::Damaged { stream: stream("hit") }));
}

#[test]
fn whose_the_first_records_of_a_stream_were_is_told_by_those_that_follow() {
    let (sim, at) = three_streams(2);
    // Without a chain before it.
    change(&sim, 1, at[0] + IN_BODY - 32, |body| body.fill(0), 30);
    let journal = open(&sim).expect("opens");
    assert!(matches!(journal.read(&stream("hit"), 1, 10), Err(ReadError::Corrupt(_))));
    assert_eq!(journal.read(&stream("hit"), 2, 10).expect("reads").len(), 1);
    drop(journal);
    let report = verified(&sim);
    assert!(report.findings.iter().any(|found| found.streams == [stream("hit")]), "{report:?}");

    let (sim, at) = three_streams(1);
    change(&sim, 1, at[0] + IN_BODY - 32, |body| body.fill(0), 30);
    let refused = open(&sim).err();
    assert!(
        matches!(&refused, Some(OpenError::Corrupt(found)) if found.reason == NOT_ACCOUNTED && found.offset == at[0]),
        "{refused:?}"
    );
    assert!(!verified(&sim).is_sound());
}

#[test]
fn where_nobody_can_tell_whose_records_are_missing_the_journal_does_not_open() {
    for (what, from, len) in
        [("a part", 0, 180), ("the head of a part", 0, 110), ("a commit and more", -80, 700)]
    {
        let (sim, at) = three_streams(5);
        let before = bytes_of(&*sim.files, &segment_path(1));
        change(&sim, 1, at[2].checked_add_signed(from).expect("is there"), |bytes| bytes.fill(0), len);
        let damaged = bytes_of(&*sim.files, &segment_path(1));
        assert_ne!(before, damaged);
        let refused = open(&sim).err();
        assert!(
            matches!(&refused, Some(OpenError::Corrupt(found)) if found.segment == 1 && found.reason == NOT_ACCOUNTED),
            "{what}: {refused:?}"
        );
        assert_eq!(bytes_of(&*sim.files, &segment_path(1)), damaged, "{what}: nothing was changed");
        assert!(!verified(&sim).is_sound(), "{what}");
    }
}

#[test]
fn damages_in_neighbouring_commits_are_each_found() {
    let (sim, at) = three_streams(4);
    let all = commits(&sim, 1);
    let hit = all.iter().position(|commit| commit.at.contains(&at[1])).expect("it is there");
    for commit in &all[hit..hit + 2] {
        change(&sim, 1, commit.parts[0].0.start + IN_BODY, |byte| byte[0] ^= 4, 1);
    }
    let journal = open(&sim).expect("opens");
    for (name, is_damaged) in [("hit", true), ("other", true), ("third", false)] {
        assert_eq!(journal.read(&stream(name), 1, 10).is_err(), is_damaged, "{name}");
    }
    let damages = read_around(&journal).1;
    assert_eq!(
        damages.iter().map(|it| it.streams.clone()).collect::<Vec<_>>(),
        [vec![stream("hit")], vec![stream("other")]]
    );
    drop(journal);
    assert_eq!(verified(&sim).findings, damages);
}

#[test]
fn a_machine_that_stops_while_a_damaged_journal_opens_changes_nothing() {
    let (master, at) = {
        let (sim, at) = three_streams(4);
        (Master::of(&sim), at)
    };
    for call in 1.. {
        let sim = master.copy(call);
        sim.files.sync_dir(dir()).and_then(|()| sim.files.sync_dir(&dir().join("journal"))).expect("syncs");
        for (path, _) in &master.0 {
            sim.files.open(path, OpenMode::Write).and_then(|file| file.sync_all()).expect("syncs");
        }
        change(&sim, 1, at[1] + IN_BODY, |byte| byte[0] ^= 1, 1);
        let file = sim.files.open(&segment_path(1), OpenMode::Write).expect("is there");
        file.sync_all().expect("syncs");
        sim.files.fail_at(sim.files.calls() + call, Fault::Crash);
        let opened = open(&sim).map(|journal| put(&journal, one(90, "other", 4, "x")));
        let is_over = matches!(opened, Ok(Ok(_)));
        sim.files.restart(call);
        let journal = open(&sim).unwrap_or_else(|error| panic!("call {call}: {error}"));
        assert!(
            matches!(journal.read(&stream("hit"), 1, 9), Err(ReadError::Corrupt(found)) if found.offset == at[1])
        );
        assert_eq!(journal.read(&stream("third"), 1, 9).expect("reads").len(), 4, "call {call}");
        assert!(journal.read(&stream("other"), 1, 9).expect("reads").len() >= 4, "call {call}");
        if is_over {
            break;
        }
    }
}

#[test]
fn what_became_of_an_append_is_not_told_where_a_commit_is_damaged() {
    let (sim, at) = three_streams(3);
    change(&sim, 1, at[1] + IN_BODY, |byte| byte[0] ^= 1, 1);
    let journal = open(&sim).expect("opens");
    assert!(journal.outcome(1_u128.to_le_bytes()).expect("is known").is_some());
    // It was in the damaged commit.
    assert!(matches!(journal.outcome(3_u128.to_le_bytes()), Err(ReadError::Corrupt(_))));
}
