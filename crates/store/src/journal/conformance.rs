//! What every backend of [`Journal`] must do. A backend's tests call [`check_all`] with a way to make an empty one.

use std::collections::HashMap;
use std::sync::Arc;

use bytes::Bytes;

use super::{FollowError, Journal, Outcome, SharedJournal, Waking};
use crate::record::{
    ALIASES_MAX, Append, AppendError, CHAIN_START, Committed, NewRecord, Record, StreamAppend, StreamName,
    Wake, chain_hash,
};

/// A name for tests: `run/default/{id}`.
pub fn stream(id: &str) -> StreamName {
    StreamName::new("run", "default", id).expect("a valid id")
}

/// A part with one record per body, for tests.
pub fn part(stream: &StreamName, expected: u64, bodies: &[&str]) -> StreamAppend {
    let record = |body: &&str| NewRecord {
        kind: 7,
        version: 1,
        time_us: 1_000,
        body: Bytes::copy_from_slice(body.as_bytes()),
    };
    StreamAppend {
        stream: stream.clone(),
        expected,
        records: bodies.iter().map(record).collect(),
        wake: Wake::Idle,
        route: "deploy".into(),
        aliases: Vec::new(),
    }
}

fn id(number: u64) -> [u8; 16] {
    u128::from(number).to_le_bytes()
}

fn put(journal: &dyn Journal, parts: Vec<StreamAppend>) -> Result<Committed, AppendError> {
    journal.append(Append { id: id(journal.head() + 1), parts }).wait()
}

/// Recomputes the chains of records that begin their streams.
///
/// # Panics
/// When a record does not continue its stream.
pub fn assert_chains(records: &[Record]) {
    let mut heads: HashMap<StreamName, (u64, [u8; 32])> = HashMap::new();
    for (record, sequence) in records.iter().zip(1..) {
        assert_eq!(record.sequence, sequence, "the global sequence has no gap");
        let (last, chain) = heads.get(&record.stream).copied().unwrap_or((0, CHAIN_START));
        let chain =
            chain_hash(&chain, &record.stream, last + 1, sequence, record.time_us, record.kind, &record.body);
        assert_eq!((record.stream_sequence, record.chain), (last + 1, chain), "of {}", record.stream);
        heads.insert(record.stream.clone(), (last + 1, chain));
    }
}

/// Checks a backend; `fresh` makes an empty journal each time it is called.
///
/// # Panics
/// When the backend breaks a rule.
pub fn check_all(mut fresh: impl FnMut() -> SharedJournal) {
    what_is_appended_is_read_back(&*fresh());
    an_append_over_several_streams_is_all_or_nothing(&*fresh());
    an_expectation_that_fails_says_where_the_stream_is(&*fresh());
    reads_begin_anywhere_and_come_in_pages(&*fresh());
    a_follower_misses_nothing_after_its_start(&*fresh());
    heads_and_aliases_are_those_of_the_last_append(&*fresh());
    wakings_come_in_due_order_and_in_pages(&*fresh());
    streams_are_listed_by_name_and_in_pages(&*fresh());
    the_outcome_of_a_recent_append_is_known(&*fresh());
    what_no_journal_takes_is_refused(&*fresh());
    of_racing_writers_one_wins_each_sequence(fresh());
    appends_of_one_thread_keep_their_order(&*fresh());
    a_closed_journal_takes_nothing_and_still_reads(&*fresh());
}

fn what_is_appended_is_read_back(journal: &dyn Journal) {
    assert_eq!((journal.head(), journal.read_all(0, 10).expect("reads")), (0, Vec::new()));
    let (a, b) = (stream("a"), stream("b"));
    let committed = put(journal, vec![part(&a, 0, &["one", ""]), part(&b, 0, &["two"])]).expect("commits");
    assert_eq!((committed.first_sequence(), committed.last_sequence(), journal.head()), (1, 3, 3));
    let all = journal.read_all(0, 10).expect("reads");
    assert_eq!(all, committed.records());
    assert_chains(&all);
    assert_eq!(journal.read(&a, 1, 10).expect("reads"), all[..2]);
    assert_eq!(journal.read(&b, 0, 10).expect("reads"), all[2..]);
    let first = &all[0];
    assert_eq!((&first.body[..], &*first.route, first.kind, first.version), (&b"one"[..], "deploy", 7, 1));
}

fn an_append_over_several_streams_is_all_or_nothing(journal: &dyn Journal) {
    let (a, b) = (stream("a"), stream("b"));
    put(journal, vec![part(&b, 0, &["x"])]).expect("commits");
    let refused = put(journal, vec![part(&a, 0, &["one"]), part(&b, 0, &["two"])]);
    assert_eq!(refused, Err(AppendError::Conflict { stream: b.clone(), expected: 0, actual: 1 }));
    assert_eq!(journal.head_of(&a).expect("reads"), None);
    assert_eq!((journal.head(), journal.read_all(0, 10).expect("reads").len()), (1, 1));
}

fn an_expectation_that_fails_says_where_the_stream_is(journal: &dyn Journal) {
    let a = stream("a");
    let conflict = |expected, actual| Err(AppendError::Conflict { stream: stream("a"), expected, actual });
    assert_eq!(put(journal, vec![part(&a, 3, &["x"])]), conflict(3, 0));
    put(journal, vec![part(&a, 0, &["x", "y"])]).expect("commits");
    assert_eq!(put(journal, vec![part(&a, 0, &["x"])]), conflict(0, 2));
    assert_eq!(put(journal, vec![part(&a, 1, &["x"])]), conflict(1, 2));
    put(journal, vec![part(&a, 2, &["z"])]).expect("commits");
    assert!(journal.stats().conflicts >= 3);
}

fn reads_begin_anywhere_and_come_in_pages(journal: &dyn Journal) {
    let names: Vec<_> = (0..3).map(|n| stream(&format!("s{n}"))).collect();
    for round in 0..40_u64 {
        let parts = names.iter().map(|name| part(name, round * 2, &["first", "second"])).collect();
        put(journal, parts).expect("commits");
    }
    let all = journal.read_all(0, 1_000).expect("reads");
    assert_eq!(all.len(), 240);
    assert_chains(&all);
    for after in [0, 1, 5, 6, 7, 100, 239, 240, 500, u64::MAX] {
        let start = all.len().min(usize::try_from(after).unwrap_or(usize::MAX));
        let expected = &all[start..all.len().min(start.saturating_add(9))];
        assert_eq!(journal.read_all(after, 9).expect("reads"), expected, "after {after}");
    }
    for name in &names {
        let own: Vec<_> = all.iter().filter(|record| record.stream == *name).cloned().collect();
        for from in [1, 2, 3, 40, 79, 80, 81, u64::MAX] {
            let start = own.len().min(usize::try_from(from - 1).unwrap_or(usize::MAX));
            let expected = &own[start..own.len().min(start.saturating_add(7))];
            assert_eq!(journal.read(name, from, 7).expect("reads"), expected, "{name} from {from}");
        }
    }
    assert_eq!(journal.read(&stream("none"), 1, 10).expect("reads"), []);
    assert_eq!(journal.read(&names[0], 1, 0).expect("reads"), []);
}

fn a_follower_misses_nothing_after_its_start(journal: &dyn Journal) {
    let a = stream("a");
    put(journal, vec![part(&a, 0, &["before"])]).expect("commits");
    let mut follow = journal.follow();
    // A follower may still be handed what was acknowledged a moment ago, and says so by its start.
    let start = follow.start();
    assert!(start <= 1);
    for round in 1..=20 {
        put(journal, vec![part(&a, round, &["after"])]).expect("commits");
    }
    let mut seen = Vec::new();
    while start + (seen.len() as u64) < 21 {
        let next = follow.wait().expect("is not closed");
        assert_eq!(next.first_sequence, start + 1 + seen.len() as u64);
        seen.extend(next.records.iter().cloned());
    }
    assert_eq!(seen, journal.read_all(start, 100).expect("reads"));
    journal.close();
    assert_eq!(follow.wait(), Err(FollowError::Closed));
}

fn heads_and_aliases_are_those_of_the_last_append(journal: &dyn Journal) {
    let (a, b) = (stream("a"), stream("b"));
    let with = |part: StreamAppend, wake, aliases: &[u64]| StreamAppend {
        wake,
        route: format!("{wake:?}").into(),
        aliases: aliases.iter().map(|n| id(*n)).collect(),
        ..part
    };
    put(journal, vec![with(part(&a, 0, &["x"]), Wake::Now, &[1, 2])]).expect("commits");
    put(journal, vec![with(part(&a, 1, &["y"]), Wake::At(5), &[3])]).expect("commits");
    let committed = put(journal, vec![with(part(&b, 0, &["z"]), Wake::Done, &[2])]).expect("commits");
    let head = |name| journal.head_of(name).expect("reads").expect("is there");
    assert_eq!((head(&a).sequence, head(&a).wake, &*head(&a).route), (2, Wake::At(5), "At(5)"));
    assert_eq!((head(&b).wake, head(&b).chain), (Wake::Done, committed.records()[0].chain));
    let found = |alias| journal.by_alias(id(alias)).expect("reads");
    assert_eq!([found(1), found(2), found(3), found(4)], [Some(a.clone()), Some(b), Some(a), None]);
}

fn wakings_come_in_due_order_and_in_pages(journal: &dyn Journal) {
    let wakes = [Wake::At(30), Wake::Done, Wake::Now, Wake::Idle, Wake::At(10), Wake::At(10), Wake::At(-5)];
    for round in 0..2 {
        for (n, wake) in wakes.iter().enumerate() {
            // The second round says of each what the first said of its neighbour.
            let wake = if round == 1 { *wake } else { wakes[(n + 1) % wakes.len()] };
            let name = stream(&format!("s{n}"));
            put(journal, vec![StreamAppend { wake, ..part(&name, round, &["x"]) }]).expect("commits");
        }
    }
    let waking = |due_us, n: usize| Waking { due_us, stream: stream(&format!("s{n}")) };
    let expected = [waking(i64::MIN, 2), waking(-5, 6), waking(10, 4), waking(10, 5), waking(30, 0)];
    assert_eq!(journal.waking(i64::MAX, None, 100).expect("reads"), expected);
    assert_eq!(journal.waking(10, None, 100).expect("reads"), expected[..4]);
    assert_eq!(journal.waking(9, None, 100).expect("reads"), expected[..2]);
    let mut paged: Vec<Waking> = Vec::new();
    loop {
        let page = journal.waking(i64::MAX, paged.last(), 2).expect("reads");
        if page.is_empty() {
            break;
        }
        paged.extend(page);
    }
    assert_eq!(paged, expected);
}

fn streams_are_listed_by_name_and_in_pages(journal: &dyn Journal) {
    let mut names: Vec<_> = (0..30).map(|n| stream(&format!("{n:02}"))).collect();
    for name in names.iter().rev() {
        put(journal, vec![part(name, 0, &["x"])]).expect("commits");
        put(journal, vec![part(name, 1, &["x"])]).expect("commits");
    }
    let other = StreamName::new("workflow", "default", "w").expect("valid");
    put(journal, vec![part(&other, 0, &["x"])]).expect("commits");
    let list =
        |prefix, after: Option<&StreamName>, limit| journal.streams(prefix, after, limit).expect("reads");
    assert_eq!(list("run/default/", None, 100), names);
    assert_eq!(list("run/default/1", None, 3), names[10..13]);
    assert_eq!(list("run/default/", Some(&names[27]), 5), names[28..]);
    assert_eq!(list("workflow/", None, 5), std::slice::from_ref(&other));
    assert_eq!(list("x", None, 5), []);
    names.push(other);
    assert_eq!(list("", None, 100), names);
}

fn the_outcome_of_a_recent_append_is_known(journal: &dyn Journal) {
    let a = stream("a");
    put(journal, vec![part(&a, 0, &["x"])]).expect("commits");
    let append = Append::one([9; 16], part(&a, 1, &["y", "z"]));
    journal.append(append).wait().expect("commits");
    let outcome = Outcome { first_sequence: 2, last_sequence: 3 };
    assert_eq!(journal.outcome([9; 16]).expect("is known"), Some(outcome));
    assert_eq!(journal.outcome([8; 16]).expect("is known"), None);
}

fn what_no_journal_takes_is_refused(journal: &dyn Journal) {
    let a = stream("a");
    let invalid = |parts| assert!(matches!(put(journal, parts), Err(AppendError::Invalid(_))));
    invalid(vec![]);
    invalid(vec![part(&a, 0, &[])]);
    invalid(vec![part(&a, 0, &["x"]), part(&a, 1, &["y"])]);
    invalid(vec![StreamAppend { aliases: vec![[0; 16]; ALIASES_MAX + 1], ..part(&a, 0, &["x"]) }]);
    let large = "x".repeat(9 << 20);
    assert!(matches!(put(journal, vec![part(&a, 0, &[&large])]), Err(AppendError::TooLarge { .. })));
    assert_eq!(journal.head(), 0);
}

fn of_racing_writers_one_wins_each_sequence(journal: SharedJournal) {
    const WRITERS: u64 = 8;
    const EACH: u64 = 25;
    let race = |writer: u64| {
        let (mut wins, mut known) = (0, 0);
        while wins < EACH {
            let parts = vec![part(&stream("contested"), known, &["x"])];
            match journal.append(Append { id: id(writer), parts }).wait() {
                Ok(committed) => {
                    wins += 1;
                    known = committed.records()[0].stream_sequence;
                }
                Err(AppendError::Conflict { actual, expected, .. }) => {
                    assert!(actual != expected);
                    known = actual;
                }
                Err(other) => panic!("{other}"),
            }
        }
    };
    let race = &race;
    std::thread::scope(|scope| {
        (0..WRITERS).for_each(|writer| drop(scope.spawn(move || race(writer))));
    });
    let all = journal.read_all(0, 1_000).expect("reads");
    assert_eq!(all.len() as u64, WRITERS * EACH);
    assert_chains(&all);
}

fn appends_of_one_thread_keep_their_order(journal: &dyn Journal) {
    let a = stream("a");
    let waiting: Vec<_> = (0..300).map(|n| journal.append(Append::one(id(n), part(&a, n, &["x"])))).collect();
    for (answer, n) in waiting.into_iter().zip(1..) {
        assert_eq!(answer.wait().map(|committed| committed.last_sequence()), Ok(n));
    }
}

fn a_closed_journal_takes_nothing_and_still_reads(journal: &dyn Journal) {
    let a = stream("a");
    put(journal, vec![part(&a, 0, &["x"])]).expect("commits");
    assert!(journal.stats().available);
    journal.close();
    journal.close();
    assert_eq!(put(journal, vec![part(&a, 1, &["y"])]), Err(AppendError::Unavailable));
    assert_eq!(journal.read(&a, 1, 10).expect("reads").len(), 1);
    assert!(!journal.stats().available);
}

/// Compares two journals that were given the same appends in the same order, by every question there is.
///
/// # Panics
/// When they answer differently.
pub fn assert_same(left: &dyn Journal, right: &dyn Journal, rng: &mut fastrand::Rng) {
    assert_eq!(left.head(), right.head());
    let names = left.streams("", None, 10_000).expect("reads");
    assert_eq!(names, right.streams("", None, 10_000).expect("reads"));
    for _ in 0..20 {
        let (after, limit) = (rng.u64(..=left.head()), rng.usize(1..50));
        assert_eq!(left.read_all(after, limit).expect("reads"), right.read_all(after, limit).expect("reads"));
        let until = rng.i64(-10..200);
        let cursor = names
            .get(rng.usize(..names.len().max(1)))
            .map(|name| Waking { due_us: rng.i64(-10..200), stream: name.clone() });
        let cursor = cursor.filter(|_| rng.bool());
        let (one, other) =
            (left.waking(until, cursor.as_ref(), limit), right.waking(until, cursor.as_ref(), limit));
        assert_eq!(one.expect("reads"), other.expect("reads"));
        let Some(name) = names.get(rng.usize(..names.len().max(1))) else { continue };
        assert_eq!(left.head_of(name).expect("reads"), right.head_of(name).expect("reads"));
        let from = rng.u64(0..12);
        assert_eq!(
            left.read(name, from, limit).expect("reads"),
            right.read(name, from, limit).expect("reads")
        );
        let prefix = &name.as_str()[..rng.usize(..name.as_str().len())];
        let one = left.streams(prefix, Some(name), limit).expect("reads");
        assert_eq!(one, right.streams(prefix, Some(name), limit).expect("reads"));
        let alias = id(rng.u64(..40));
        assert_eq!(left.by_alias(alias).expect("reads"), right.by_alias(alias).expect("reads"));
    }
}

/// A random append that continues its streams, for workloads: `head` says where a stream is.
pub fn random_append(rng: &mut fastrand::Rng, number: u64, head: impl Fn(&StreamName) -> u64) -> Append {
    let mut streams: Vec<_> = (0..30).map(|n| stream(&format!("s{n:02}"))).collect();
    rng.shuffle(&mut streams);
    streams.truncate(rng.usize(1..4));
    let parts = streams.iter().map(|name| {
        let bodies: Vec<_> = (0..rng.usize(1..4)).map(|_| "b".repeat(rng.usize(..120))).collect();
        let bodies: Vec<_> = bodies.iter().map(String::as_str).collect();
        StreamAppend {
            wake: [Wake::Done, Wake::Idle, Wake::Now, Wake::At(rng.i64(0..150))][rng.usize(..4)],
            aliases: (0..rng.usize(..2)).map(|_| id(rng.u64(..40))).collect(),
            route: ["", "deploy", "research"][rng.usize(..3)].into(),
            ..part(name, head(name), &bodies)
        }
    });
    Append { id: id(number), parts: parts.collect() }
}

/// Shares a journal as [`check_all`] wants it.
pub fn shared(journal: impl Journal + 'static) -> SharedJournal {
    Arc::new(journal)
}
