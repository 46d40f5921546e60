//! Compaction of a journal that is damaged, and on a disk that does not say that a name is durable.

use ghostlight_world::sim::{Fault, SimWorld};
use ghostlight_world::{Files, OpenMode};

use super::super::conformance::stream;
use super::super::verify;
use super::compact_tests::{all, append, dir, fill, half_dropped, head, is_sound, open, put};
use super::*;
use crate::record::{AppendError, Wake};

#[test]
fn a_damaged_segment_stays_as_it_is_and_those_behind_it_are_compacted() {
    let whole = {
        let sim = SimWorld::new(1);
        let (journal, ..) = half_dropped(&sim);
        journal.compact(&Compaction::of_all_dropped()).expect("compacts")
    };
    let sim = SimWorld::new(1);
    let (journal, kept, _) = half_dropped(&sim);
    let path = dir().join("journal/0000000002.seg");
    let read = || {
        let file = sim.files.open(&path, OpenMode::Read).expect("is there");
        let mut bytes = vec![0; usize::try_from(file.len().expect("has a length")).expect("is small")];
        file.read_exact_at(&mut bytes, 0).expect("reads");
        bytes
    };
    let file = sim.files.open(&path, OpenMode::Write).expect("is there");
    file.write_all_at(&[read()[900] ^ 1], 900).expect("writes");
    let damaged = read();
    let done = journal.compact(&Compaction::of_all_dropped()).expect("goes on");
    assert_eq!((done.damages.len(), done.segments), (1, whole.segments - 1));
    // Who reads the records is told of the same place.
    assert_eq!(done.damages, verify(&*sim.files, dir()).expect("there is a store").findings);
    assert!(done.bytes > 0 && read() == damaged);
    let is_whole = |name: &&StreamName| journal.read(name, 1, 1_000).is_ok_and(|it| it.len() == 20);
    assert!(kept.iter().filter(is_whole).count() >= kept.len() - 1, "one stream at most is hit");
    drop(journal);
    let report = verify(&*sim.files, dir()).expect("there is a store");
    assert!(report.findings.iter().all(|found| found.segment == 2) && !report.is_sound(), "{report:?}");
    assert!(open(&sim).is_ok());
}

/// The folder may not have been synced over the new name: then the old file may be back after a cut of power, and with it what had
/// expired in it.
#[test]
fn what_expired_is_not_taken_again_before_it_is_gone_for_good() {
    let (mut refused, mut taken) = (0, 0);
    // Once, or again when it is tried once more.
    for (call, times) in (1..).flat_map(|call| [(call, 1), (call, 2)]) {
        let sim = SimWorld::new(call);
        let journal = open(&sim).expect("opens");
        let (key, kept) = (stream("key"), stream("kept"));
        put(&journal, append(&key, 0, "taken", Wake::Done)).expect("commits");
        fill(&journal, std::slice::from_ref(&kept), 20);
        let is_key = |name: &StreamName, _: i64| name.id() == "key";
        let how = Compaction { expired: &is_key, ..Compaction::of_all_dropped() };
        let calls = sim.files.calls();
        (0..times).for_each(|more| sim.files.fail_at(calls + call + more, Fault::InputOutput));
        let compacted = journal.compact(&how);
        let is_over = sim.files.calls() < calls + call;
        let again = match head(&journal, &key) {
            0 => put(&journal, append(&key, 0, "taken again", Wake::Done)).map(|_| ()),
            _ => Err(AppendError::Full),
        };
        match &again {
            Ok(()) if compacted.is_err() => taken += 1,
            Ok(()) => {}
            // It is there still.
            Err(AppendError::Full) => {}
            Err(error) => {
                assert_eq!(*error, AppendError::Unavailable, "call {call}");
                refused += 1;
            }
        }
        sim.files.stop();
        drop(journal);
        sim.files.restart(call);
        is_sound(&sim);
        let journal = open(&sim).expect("opens");
        let of_key = all(&journal).into_iter().filter(|record| record.stream == key).count();
        assert!(of_key == 2 || (of_key == 0 && again.is_err()), "call {call}: {of_key} records, {again:?}");
        if is_over {
            break;
        }
    }
    println!("after a compaction that failed: {taken} taken again, {refused} refused");
    assert!(taken > 0 && refused > 0, "the folder is synced again before it is given up");
}
