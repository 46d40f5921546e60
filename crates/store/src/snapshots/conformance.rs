//! What every implementation of [`Snapshots`] has to do while nothing goes wrong. Each check gets a fresh backend,
//! and `settle`, which makes the backend write what it holds in memory.

#![allow(clippy::unwrap_used)]

use super::*;

type Check<S> = fn(&S, &dyn Fn(&S));

/// Runs every check, each on a backend of its own.
pub(crate) fn check_all<S: Snapshots>(mut fresh: impl FnMut() -> S, settle: impl Fn(&S)) {
    let checks: [Check<S>; 4] = [
        the_last_snapshot_of_a_stream_is_found,
        any_size_up_to_the_limit_comes_back_whole,
        another_format_is_as_good_as_none,
        a_forgotten_snapshot_is_gone,
    ];
    for check in checks {
        check(&fresh(), &settle);
    }
}

pub(crate) fn snapshot(sequence: u64, bytes: impl Into<Bytes>) -> Snapshot {
    Snapshot { format: 3, sequence, chain_hash: [sequence as u8; 32], bytes: bytes.into() }
}

fn the_last_snapshot_of_a_stream_is_found<S: Snapshots>(snapshots: &S, settle: &dyn Fn(&S)) {
    assert_eq!(snapshots.get("run/default/1", 3), None);
    for sequence in [64, 128] {
        snapshots.put("run/default/1", snapshot(sequence, "state")).unwrap();
        settle(snapshots);
    }
    snapshots.put("run/default/10", snapshot(1, "another")).unwrap();
    assert_eq!(snapshots.get("run/default/1", 3), Some(snapshot(128, "state")));
}

fn any_size_up_to_the_limit_comes_back_whole<S: Snapshots>(snapshots: &S, settle: &dyn Fn(&S)) {
    // Growing and shrinking, around the sizes at which a value could be split.
    let sizes = [0, 1, 3999, 4096, 4097, 100_000, SNAPSHOT_BYTES_MAX, 8192, 10];
    for (sequence, size) in (1..).zip(sizes) {
        let bytes: Vec<u8> = (0..size).map(|at| (at % 251) as u8).collect();
        snapshots.put("s", snapshot(sequence, bytes.clone())).unwrap();
        settle(snapshots);
        assert_eq!(snapshots.get("s", 3), Some(snapshot(sequence, bytes)), "{size} bytes");
    }
    let too_large = snapshot(99, vec![0; SNAPSHOT_BYTES_MAX + 1]);
    assert_eq!(snapshots.put("s", too_large), Err(NotKept::TooLarge));
    assert_eq!(snapshots.get("s", 3).map(|kept| kept.sequence), Some(sizes.len() as u64));
}

fn another_format_is_as_good_as_none<S: Snapshots>(snapshots: &S, settle: &dyn Fn(&S)) {
    snapshots.put("s", snapshot(1, "state")).unwrap();
    assert_eq!(snapshots.get("s", 4), None);
    settle(snapshots);
    assert_eq!(snapshots.get("s", 4), None);
}

fn a_forgotten_snapshot_is_gone<S: Snapshots>(snapshots: &S, settle: &dyn Fn(&S)) {
    for size in [10, 20_000] {
        snapshots.put("s", snapshot(1, vec![1; size])).unwrap();
        settle(snapshots);
        snapshots.forget("s");
        assert_eq!(snapshots.get("s", 3), None);
        settle(snapshots);
        assert_eq!(snapshots.get("s", 3), None);
    }
}
