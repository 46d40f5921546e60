//! What becomes of damage that is known when more goes wrong.

use ghostlight_world::sim::{Fault, SimWorld};
use ghostlight_world::{Files, OpenMode};

use super::super::conformance::{part, stream};
use super::damage_tests::{
    IN_BODY, change, commits, dir, kill, one, open, open_with, put, segment_path, three_streams,
};
use super::*;
use crate::record::AppendError;

#[test]
fn a_sync_that_fails_after_damage_was_found_begins_a_new_segment_as_ever() {
    let (sim, at) = three_streams(3);
    change(&sim, 1, at[1] + IN_BODY, |byte| byte[0] ^= 1, 1);
    let journal = open(&sim).expect("opens");
    sim.files.fail_at(sim.files.calls() + 2, Fault::InputOutput);
    assert_eq!(put(&journal, one(90, "other", 3, "x")), Err(AppendError::Unavailable));
    put(&journal, one(91, "other", 3, "x")).expect("commits");
    assert_eq!(journal.stats().segments, 2);
    drop(journal);
    let journal = open(&sim).expect("opens");
    assert_eq!(journal.read(&stream("other"), 1, 9).expect("reads").len(), 4);
    assert!(journal.read(&stream("hit"), 1, 9).is_err());
}

/// Changes a segment as a device does that loses what was on it.
fn lose(sim: &SimWorld, at: std::ops::Range<u64>) {
    change(sim, 1, at.start, |bytes| bytes.fill(0), (at.end - at.start) as usize);
    let file = sim.files.open(&segment_path(1), OpenMode::Write).expect("is there");
    file.sync_all().expect("syncs");
}

#[test]
fn what_a_failed_sync_loses_behind_or_within_a_known_damage_is_not_taken_for_that_damage() {
    for what in ["the next commit", "all behind it", "a whole part in it", "nothing"] {
        let (sim, words) = (SimWorld::new(3), "some words of it ".repeat(8));
        let journal = open(&sim).expect("opens");
        for round in 0..3 {
            let both = ["hit", "beside"].map(|name| part(&stream(name), round, &[&words]));
            put(&journal, Append { id: [round as u8; 16], parts: both.into() }).expect("commits");
            put(&journal, one(round + 10, "other", round, &words)).expect("commits");
        }
        kill(&sim, journal);
        let all = commits(&sim, 1);
        let hit: Vec<_> = all.iter().enumerate().filter(|(_, commit)| commit.parts.len() == 2).collect();
        let (at, [of_hit, beside]) = (hit[1].0, [0, 1].map(|part| hit[1].1.parts[part].0.clone()));
        change(&sim, 1, of_hit.start + IN_BODY, |byte| byte[0] ^= 1, 1);
        let journal = open(&sim).expect("opens");
        assert!(journal.read(&stream("beside"), 1, 9).is_ok());
        let end = journal.shared.state().active.end;
        match what {
            "the next commit" => lose(&sim, all[at + 1].at.clone()),
            "all behind it" => lose(&sim, all[at + 1].at.start..end),
            "a whole part in it" => lose(&sim, beside),
            _ => {}
        }
        sim.files.fail_at(sim.files.calls() + 2, Fault::InputOutput);
        let unsynced = put(&journal, one(90, "new", 0, "x"));
        let later: Vec<_> = (91..94).map(|number| put(&journal, one(number, "new", 0, "x"))).collect();
        if what == "nothing" {
            assert_eq!(unsynced, Err(AppendError::Unavailable), "and settled");
            assert!(later[0].is_ok());
            continue;
        }
        assert_eq!(unsynced, Err(AppendError::OutcomeUnknown), "{what}");
        assert!(later.iter().all(|put| *put == Err(AppendError::Unavailable)), "{what}: {later:?}");
    }
}

/// A sealed segment in which a part is damaged, of a stream that began before it and that nothing confirms but what was before.
fn claimed_in_the_second_segment(sim: &SimWorld) -> FileJournal {
    let journal = open_with(sim, 4 << 10).expect("opens");
    let (words, mut fillers) = ("some words of it ".repeat(8), 0);
    for round in 0..2 {
        put(&journal, one(round, "old", round, &words)).expect("commits");
        while journal.stats().segments < round + 2 {
            put(&journal, one(100 + fillers, "filler", fillers, &"x".repeat(1_000))).expect("commits");
            fillers += 1;
        }
    }
    kill(sim, journal);
    let old = |commit: &super::damage_tests::Commit| {
        commit.parts.iter().find(|part| part.1 == stream("old")).map(|part| part.0.start)
    };
    let at = commits(sim, 2).iter().find_map(old).expect("it is there");
    change(sim, 2, at + IN_BODY, |body| body.fill(0), 30);
    sim.files.remove(&dir().join("index/0000000002.idx")).expect("is removed");
    let journal = open_with(sim, 4 << 10).expect("opens");
    assert!(!journal.shared.state().sealed[1].is_in_memory());
    journal
}

#[test]
fn an_index_that_is_damaged_later_is_built_again_with_what_was_known_before_its_segment() {
    let sim = SimWorld::new(3);
    let journal = claimed_in_the_second_segment(&sim);
    let sidecar = sim.files.open(&dir().join("index/0000000002.idx"), OpenMode::Write).expect("is there");
    sidecar.write_all_at(&[0xff; 64], 0).expect("writes");
    for _ in 0..2 {
        let head = journal.head_of(&stream("old")).expect("is told").expect("is there");
        assert_eq!(head.sequence, 2);
        assert_eq!(
            put(&journal, one(90, "old", 2, "x")),
            Err(AppendError::Damaged { stream: stream("old") })
        );
        assert!(matches!(journal.read(&stream("old"), 1, 9), Err(ReadError::Corrupt(_))));
        assert!(journal.read(&stream("filler"), 1, 9).is_ok());
    }
    put(&journal, one(91, "new", 0, "x")).expect("commits");
    assert!(journal.damages().is_empty(), "what is written last is whole");
    assert!(sim.files.exists(&segment_path(3)).expect("looks"));
}

#[test]
fn a_damaged_stretch_is_laid_out_once_for_all_who_come_by_it() {
    let sim = SimWorld::new(3);
    let journal = open_with(&sim, 16 << 20).expect("opens");
    put(&journal, one(1, "hit", 0, &"some words of it ".repeat(8))).expect("commits");
    for number in 0..6 {
        put(&journal, one(2 + number, "filler", number, &"x".repeat(1_000_000))).expect("commits");
    }
    kill(&sim, journal);
    let at = commits(&sim, 1).iter().find_map(|commit| Some(commit.parts.first()?.0.start));
    change(&sim, 1, at.expect("it is there") + IN_BODY, |byte| byte[0] ^= 1, 1);
    let journal = open_with(&sim, 16 << 20).expect("opens");
    let reads = || {
        let before = sim.files.reads();
        assert!(matches!(journal.read_all(0, 9), Err(ReadError::Corrupt(_))));
        assert_eq!(journal.damage_behind(0).expect("is told"), Some(1));
        sim.files.reads() - before
    };
    let (first, second) = (reads(), reads());
    assert!(second < first, "{second} reads after {first}");
    assert_eq!(reads(), second);
}

#[test]
fn what_is_damaged_later_in_a_stretch_that_is_known_is_damage_too() {
    let sim = SimWorld::new(3);
    let journal = open(&sim).expect("opens");
    let words = "some words of it ".repeat(8);
    for round in 0..3 {
        let all = ["hit", "later", "spared"].map(|name| part(&stream(name), round, &[&words]));
        put(&journal, Append { id: [round as u8; 16], parts: all.into() }).expect("commits");
    }
    kill(&sim, journal);
    let all = commits(&sim, 1);
    let parts = &all.iter().filter(|commit| commit.parts.len() == 3).nth(1).expect("it is there").parts;
    change(&sim, 1, parts[0].0.start + IN_BODY, |byte| byte[0] ^= 1, 1);
    let journal = open(&sim).expect("opens");
    let damages = || super::damage_tests::read_around(&journal);
    let (records, found) = damages();
    assert_eq!((records.len(), found.len()), (8, 1));
    change(&sim, 1, parts[1].0.start + IN_BODY, |byte| byte[0] ^= 1, 1);
    for _ in 0..2 {
        let (records, found) = damages();
        let hit: Vec<_> = found.iter().map(|it| (it.offset, it.streams.clone())).collect();
        let is = |part: usize| (parts[part].0.start, vec![parts[part].1.clone()]);
        assert_eq!((records.len(), hit), (7, vec![is(0), is(1)]));
    }
}
