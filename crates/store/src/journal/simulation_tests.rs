//! The journal on a simulated disk that stops, or fails, at every single call.
//!
//! For each seed and each fault, the n-th changing call goes wrong, for n = 1, 2, 3, ... until a run ends without
//! having reached it. After every crash: no acknowledged append is lost, no follower saw what is not there, an append
//! is whole or absent, a refused one is absent, sequences are dense, chains hold, and the journal opens.
//!
//! `GHOSTLIGHT_SIM_SEEDS` sets the number of seeds.

use std::collections::HashMap;
use std::path::Path;

use bytes::Bytes;
use ghostlight_world::sim::{Fault, SimWorld};

use super::conformance::{assert_chains, random_append};
use super::{FileJournal, Follow, Journal, JournalOptions, OpenError, verify};
use crate::record::{Append, AppendError, Record, StreamName};

/// What a run may believe of an append it made.
#[derive(Debug, Clone)]
enum Belief {
    Committed(Vec<Record>),
    Refused,
    Unknown,
}

/// How often interesting things happened: a simulation in which nothing happens proves nothing.
#[derive(Debug, Default)]
struct Seen {
    runs: u64,
    commits: u64,
    conflicts: u64,
    full: u64,
    unavailable: u64,
    unknown: u64,
    unknown_but_committed: u64,
    torn_tails: u64,
    crashes_in_recovery: u64,
    superseded: u64,
    sealed: u64,
}

struct Run<'a> {
    sim: SimWorld,
    rng: fastrand::Rng,
    /// The run in words, for messages: with it a failure is found again.
    name: String,
    seen: &'a mut Seen,
    beliefs: HashMap<u64, (usize, Belief)>,
    followed: Vec<Record>,
    next_number: u64,
}

fn dir() -> &'static Path {
    Path::new("/data/store")
}

fn number_of(record: &Record) -> u64 {
    let text = String::from_utf8_lossy(&record.body);
    text.split(':')
        .next()
        .and_then(|number| number.parse().ok())
        .expect("each body begins with its append's number")
}

impl<'a> Run<'a> {
    fn new(seed: u64, name: String, seen: &'a mut Seen) -> Self {
        seen.runs += 1;
        Self {
            sim: SimWorld::new(seed),
            rng: fastrand::Rng::with_seed(seed),
            name,
            seen,
            beliefs: HashMap::new(),
            followed: Vec::new(),
            next_number: 0,
        }
    }

    fn open(&self) -> Result<FileJournal, OpenError> {
        let options = JournalOptions { segment_bytes: 6 << 10, threads: false, ..JournalOptions::default() };
        FileJournal::open(&self.sim.world(), dir(), &options)
    }

    /// Opens through whatever planned faults are left; ends the attempt when the machine stops.
    fn open_or_crash(&mut self) -> Option<FileJournal> {
        for _ in 0..8 {
            match self.open() {
                Ok(journal) => return Some(journal),
                Err(_) if self.sim.files.has_crashed() => return None,
                // A device that failed once: the next attempt has no fault planned for it.
                Err(OpenError::Device { .. }) => {}
                Err(other) => panic!("{}: the journal does not open: {other}", self.name),
            }
        }
        panic!("{}: the journal does not open", self.name)
    }

    /// Some commits of some appends each, until done or the machine stops.
    fn work(&mut self, journal: &FileJournal, commits: usize) {
        let mut follow = journal.follow();
        for _ in 0..commits {
            let mut answers = Vec::new();
            for _ in 0..self.rng.usize(1..4) {
                let append = self.append(journal);
                let (number, count) = (self.next_number, append.record_count());
                self.next_number += 1;
                self.beliefs.insert(number, (count, Belief::Unknown));
                answers.push((number, journal.append(append)));
            }
            journal.drive();
            for (number, answer) in answers {
                let belief = self.believe(answer.wait());
                self.beliefs.entry(number).and_modify(|known| known.1 = belief);
            }
            self.drain(&mut follow);
            if self.sim.files.has_crashed() {
                return;
            }
            assert_eq!(
                journal.head(),
                journal.read_all(0, 10_000).map_or(0, |all| all.len() as u64),
                "{}",
                self.name
            );
        }
    }

    /// An append whose bodies name it; now and then with an expectation that cannot hold.
    fn append(&mut self, journal: &FileJournal) -> Append {
        let head = |name: &StreamName| journal.head_of(name).ok().flatten().map_or(0, |head| head.sequence);
        let mut append = random_append(&mut self.rng, self.next_number, head);
        for part in &mut append.parts {
            for record in &mut part.records {
                let filler = String::from_utf8_lossy(&record.body).into_owned();
                record.body = Bytes::from(format!("{}:{filler}", self.next_number));
            }
        }
        if self.rng.u32(..8) == 0 {
            append.parts[0].expected += 1;
        }
        append
    }

    fn believe(&mut self, answer: super::AppendResult) -> Belief {
        match answer {
            Ok(committed) => {
                self.seen.commits += 1;
                Belief::Committed(committed.records().to_vec())
            }
            Err(AppendError::OutcomeUnknown) => {
                self.seen.unknown += 1;
                Belief::Unknown
            }
            Err(refusal) => {
                match refusal {
                    AppendError::Conflict { .. } => self.seen.conflicts += 1,
                    AppendError::Full => self.seen.full += 1,
                    AppendError::Unavailable => self.seen.unavailable += 1,
                    other => panic!("{}: {other}", self.name),
                }
                Belief::Refused
            }
        }
    }

    fn drain(&mut self, follow: &mut Follow) {
        while let Some(Ok(batch)) = follow.try_next() {
            self.followed.extend(batch.records.iter().cloned());
        }
    }

    /// The process ends or the power is cut, perhaps more than once; then the journal opens.
    fn recover(&mut self) -> FileJournal {
        loop {
            // A process that is killed leaves names and commits that look durable and are not.
            let killed = self.rng.u32(..3) == 0;
            if killed {
                self.sim.files.kill();
            } else {
                self.sim.files.restart(self.rng.u64(..));
            }
            self.sim.files.forget_faults();
            let again = self.rng.u32(..3) == 0;
            if again {
                let call = self.sim.files.calls() + self.rng.u64(1..6);
                self.sim.files.fail_at(call, Fault::Crash);
            }
            match self.open_or_crash() {
                Some(journal) if !self.sim.files.has_crashed() => {
                    self.sim.files.forget_faults();
                    return journal;
                }
                _ => self.seen.crashes_in_recovery += 1,
            }
        }
    }

    fn check(&mut self, journal: &FileJournal) {
        let name = self.name.clone();
        let all = journal.read_all(0, 10_000).unwrap_or_else(|error| panic!("{name}: {error}"));
        assert_chains(&all);
        assert_eq!(journal.head(), all.len() as u64, "{name}");
        let mut counts: HashMap<u64, usize> = HashMap::new();
        let mut heads: HashMap<StreamName, u64> = HashMap::new();
        for record in &all {
            *counts.entry(number_of(record)).or_default() += 1;
            heads.insert(record.stream.clone(), record.stream_sequence);
        }
        let at = |record: &Record| all.get(record.sequence as usize - 1);
        for record in &self.followed {
            assert_eq!(at(record), Some(record), "{name}: a follower saw what is not there");
        }
        for (number, (record_count, belief)) in &mut self.beliefs {
            let found = counts.get(number).copied().unwrap_or(0);
            let outcome = journal.outcome(u128::from(*number).to_le_bytes());
            let known = outcome.unwrap_or_else(|error| panic!("{name}: {error}")).is_some();
            assert_eq!(known, found > 0, "{name}: append {number}, its outcome and its records");
            match belief {
                Belief::Committed(records) => {
                    for record in records {
                        assert_eq!(at(record), Some(&*record), "{name}: an acknowledged append is lost");
                    }
                }
                Belief::Refused => assert_eq!(found, 0, "{name}: append {number} was refused and is there"),
                Belief::Unknown => {
                    assert!(found == 0 || found == *record_count, "{name}: append {number} is there in part");
                    // From here on it is settled.
                    self.seen.unknown_but_committed += u64::from(found > 0);
                    let records = all.iter().filter(|record| number_of(record) == *number).cloned().collect();
                    *belief = if found > 0 { Belief::Committed(records) } else { Belief::Refused };
                }
            }
        }
        for (stream, last) in heads {
            let head = journal.head_of(&stream).unwrap_or_else(|error| panic!("{name}: {error}"));
            assert_eq!(head.map(|head| head.sequence), Some(last), "{name}");
        }
        let stats = journal.stats();
        self.seen.torn_tails += u64::from(stats.torn_bytes > 0);
        self.seen.sealed += stats.segments - 1;
    }
}

/// One run with one fault. Says whether the fault was reached.
fn run(seed: u64, fault: Fault, call: u64, seen: &mut Seen) -> bool {
    let mut run = Run::new(seed, format!("seed {seed}, {fault:?} at call {call}"), seen);
    run.sim.files.fail_at(call, fault);
    if fault != Fault::Crash {
        // Faults come in company: what settles the first one fails as well.
        let further = run.rng.u64(0..6);
        (0..further).for_each(|next| run.sim.files.fail_at(call + 1 + next, fault));
    }
    for _ in 0..2 {
        let Some(journal) = run.open_or_crash() else { break };
        run.work(&journal, 8);
        run.seen.superseded += journal.stats().faults;
        // Dropping it says a last word, in which the machine may stop too.
    }
    let reached = run.sim.files.calls() >= call;
    run.sim.files.stop();
    let journal = run.recover();
    run.check(&journal);
    run.work(&journal, 3);
    run.sim.files.stop();
    drop(journal);
    let journal = run.recover();
    run.check(&journal);
    drop(journal);
    let report = verify(&*run.sim.files, dir()).unwrap_or_else(|error| panic!("{}: {error}", run.name));
    assert!(report.is_sound(), "{}: {report:?}", run.name);
    reached
}

fn seeds(default: u64) -> u64 {
    std::env::var("GHOSTLIGHT_SIM_SEEDS").ok().and_then(|seeds| seeds.parse().ok()).unwrap_or(default)
}

fn run_all(fault: Fault, default_seeds: u64) -> Seen {
    let mut seen = Seen::default();
    let first = fastrand::u64(..1 << 40);
    println!("seeds from {first} on, {fault:?}");
    // The first seeds are fixed, so that a run is the same everywhere; the last is fresh.
    let seeds = (0..seeds(default_seeds)).chain([first]);
    for seed in seeds {
        let mut call = 1;
        while run(seed, fault, call, &mut seen) {
            call += 1;
        }
        assert!(call > 50, "seed {seed}: the workload made only {call} calls");
    }
    println!("{seen:?}");
    assert!(seen.commits > 1000 && seen.conflicts > 100 && seen.sealed > 100, "{seen:?}");
    seen
}

/// P1, P2, P3.
#[test]
fn nothing_acknowledged_is_lost_when_the_machine_stops_at_any_call() {
    let seen = run_all(Fault::Crash, 3);
    assert!(seen.torn_tails > 10 && seen.crashes_in_recovery > 10, "{seen:?}");
    assert!(seen.unknown > 10 && seen.unknown_but_committed > 3, "{seen:?}");
}

/// P23.
#[test]
fn nothing_refused_appears_and_nothing_acknowledged_is_lost_when_any_call_fails() {
    let seen = run_all(Fault::InputOutput, 2);
    assert!(seen.unavailable > 10 && seen.superseded > 10 && seen.unknown > 10, "{seen:?}");
}

/// P22. Full for everybody, for this user, and for this file.
#[test]
fn nothing_refused_appears_and_nothing_acknowledged_is_lost_when_any_call_finds_the_disk_full() {
    for fault in [Fault::NoSpace, Fault::NoQuota, Fault::TooLarge] {
        let seen = run_all(fault, 1);
        assert!(seen.full > 10, "{fault:?}: {seen:?}");
    }
}

/// The proof that these tests can fail: with a bug planted, they must find it.
#[cfg(feature = "planted-bugs")]
mod planted {
    use ghostlight_world::Bug;

    /// Runs a test of this program with a bug planted; it has to fail, for one of these reasons.
    #[track_caller]
    fn found_by(bug: Bug, test: &str, reasons: &[&str]) {
        let program = std::env::current_exe().expect("this test has a program");
        let found = std::process::Command::new(program)
            .args(["--exact", test, "--nocapture"])
            .env("GHOSTLIGHT_PLANTED_BUG", bug.name())
            .output()
            .expect("runs");
        let said = String::from_utf8_lossy(&found.stderr);
        assert!(
            !found.status.success(),
            "the planted bug was not found: {}",
            String::from_utf8_lossy(&found.stdout)
        );
        assert!(reasons.iter().any(|reason| said.contains(reason)), "{said}");
    }

    const STOPS: &str =
        "journal::simulation_tests::nothing_acknowledged_is_lost_when_the_machine_stops_at_any_call";
    const LOST: &str = "an acknowledged append is lost";
    const GHOST: &str = "a follower saw what is not there";

    #[test]
    fn planted_bug_of_an_answer_before_the_sync_is_found() {
        found_by(Bug::AckBeforeSync, STOPS, &[LOST, GHOST]);
    }

    #[test]
    fn planted_bug_of_a_folder_that_is_not_synced_is_found() {
        found_by(Bug::NoDirFsync, STOPS, &[LOST, GHOST, "does not open"]);
    }

    #[test]
    fn planted_bug_of_a_feed_that_runs_ahead_is_found() {
        found_by(Bug::FeedBeforeDurable, STOPS, &[GHOST]);
    }

    #[test]
    fn planted_bug_of_an_owner_that_is_stale_is_found() {
        found_by(Bug::StaleOwner, STOPS, &["was refused and is there", "conflicts: 0"]);
    }

    #[test]
    fn planted_bug_of_checksums_that_nobody_looks_at_is_found() {
        let flips = "journal::file::tests::no_flipped_bit_of_what_was_committed_is_accepted_in_silence";
        found_by(Bug::SkipCrc, flips, &[", bit "]);
    }
}
