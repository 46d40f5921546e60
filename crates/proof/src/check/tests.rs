//! The checker is checked: a good history of a real daemon passes, and each way of spoiling it is rejected by its own rule.

mod dropped;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::LazyLock;

use fastrand::Rng;
use serde_json::json;

use super::{RULES, Violation, check};
use crate::history::{Entry, Fault, History, Op, Outcome, What};
use crate::journal::{Archives, Journal, Record};

/// What a daemon left that was killed eight times.
static GOOD: LazyLock<Good> = LazyLock::new(|| {
    let history = History::read(include_str!("../../fixtures/history.jsonl")).unwrap();
    let journal = Journal::read(&include_bytes!("../../fixtures/archive.jsonl")[..]).unwrap();
    Good { history, journal, archives: Archives::new() }
});

/// A history, the journal that is left of it, and the archives of what was dropped, in which all is well.
#[derive(Clone)]
struct Good {
    history: History,
    journal: Journal,
    archives: Archives,
}

impl Good {
    fn with(&self, seed: u64) -> Spoiled {
        let Self { history, journal, archives } = self.clone();
        Spoiled { history, journal, archives, random: Rng::with_seed(seed) }
    }

    fn violations(&self) -> Vec<Violation> {
        check(&self.history, &self.journal, &self.archives)
    }
}

/// Each way is tried so often, at other places.
const TIMES: u64 = 12;

struct Spoiled {
    history: History,
    journal: Journal,
    archives: Archives,
    random: Rng,
}

/// A way to spoil a history: what it is, the rule that has to see it, and how it is done.
type Way = (&'static str, &'static str, fn(&mut Spoiled) -> Option<()>);

impl Spoiled {
    /// A place in the journal of which this holds.
    fn record(&mut self, fits: impl Fn(&Record) -> bool) -> Option<usize> {
        let fitting = self.journal.records.iter().enumerate().filter(|(_, record)| fits(record));
        let places: Vec<usize> = fitting.map(|(at, _)| at).collect();
        self.random.choice(places)
    }

    /// A place in the history of which this holds.
    fn entry(&mut self, fits: impl Fn(&What) -> bool) -> Option<usize> {
        let fitting = self.history.entries.iter().enumerate().filter(|(_, entry)| fits(&entry.what));
        let places: Vec<usize> = fitting.map(|(at, _)| at).collect();
        self.random.choice(places)
    }

    fn of_kind(&mut self, kind: &str) -> Option<usize> {
        self.record(|record| record.kind == kind)
    }

    /// Takes the record at `from` out and puts it in at `to`, as if it had always been there.
    fn move_record(&mut self, from: usize, to: usize) {
        let record = self.journal.records.remove(from);
        self.journal.records.insert(to, record);
        self.renumber();
    }

    /// Numbers everything as if the journal had always been like this.
    fn renumber(&mut self) {
        let mut streams: BTreeMap<String, u64> = BTreeMap::new();
        for (record, sequence) in self.journal.records.iter_mut().zip(1..) {
            let last = streams.entry(record.stream.clone()).or_default();
            *last += 1;
            (record.sequence, record.stream_sequence) = (sequence, *last);
        }
        self.history.entries.retain(|entry| !matches!(entry.what, What::Found { .. }));
    }

    fn what(&mut self, at: usize) -> &mut What {
        &mut self.history.entries[at].what
    }

    /// Puts an entry in behind another one, at the same time.
    fn insert(&mut self, behind: usize, what: What) {
        let at = self.history.entries[behind].at;
        self.history.entries.insert(behind + 1, Entry { at, what });
    }
}

fn is_call(what: &What, of: &str) -> bool {
    matches!(what, What::Call { agent, .. } if agent == of)
}

/// A decision that somebody made.
fn by_somebody(record: &Record) -> bool {
    record.kind == "approval.decided" && matches!(record.text("decision"), "approved" | "rejected")
}

/// Ways to spoil a history, and the rule that has to see each.
const WAYS: &[Way] = &[
    ("a kind of request is never done", "H0", |spoiled| {
        spoiled
            .history
            .entries
            .retain(|entry| !matches!(entry.what, What::Invoke { op: Op::Cancel { .. }, .. }));
        Some(())
    }),
    ("nobody was killed", "H0", |spoiled| {
        let kill = What::Nemesis { fault: Fault::Kill };
        spoiled.history.entries.retain(|entry| entry.what != kill);
        Some(())
    }),
    ("an acknowledged signal is lost", "H1", |spoiled| {
        let at = spoiled.of_kind("signal.received")?;
        spoiled.journal.records.remove(at);
        spoiled.renumber();
        Some(())
    }),
    ("an acknowledged start is lost", "H1", |spoiled| {
        let at = spoiled.of_kind("run.created")?;
        let stream = spoiled.journal.records[at].stream.clone();
        spoiled.journal.records.retain(|record| record.stream != stream);
        spoiled.renumber();
        Some(())
    }),
    ("what was refused was done", "H1", |spoiled| {
        let done = |what: &What| matches!(what, What::Invoke { op: Op::Cancel { .. }, .. });
        let at = spoiled.entry(done)?;
        let What::Invoke { id: of, .. } = *spoiled.what(at) else { return None };
        let answer = |what: &What| matches!(what, What::Return { id, outcome: Outcome::Ok { sequence: 1.., .. } } if *id == of);
        let answer = spoiled.entry(answer)?;
        let outcome = Outcome::Refused { status: 409, code: "conflict".to_owned() };
        *spoiled.what(answer) = What::Return { id: of, outcome };
        Some(())
    }),
    ("a cancel that was decided with others is lost", "H1", |spoiled| {
        // Beside it stands what else was decided; the answer names that.
        let at = spoiled.record(|record| record.kind == "run.cancel_requested")?;
        let record = &mut spoiled.journal.records[at];
        record.kind = "step.scheduled".to_owned();
        Some(())
    }),
    ("an answer names another record", "H1", |spoiled| {
        let at = spoiled.entry(|what| {
            matches!(
                what,
                What::Return { outcome: Outcome::Ok { sequence: 30.., run: Some(_), status: None }, .. }
            )
        })?;
        if let What::Return { outcome: Outcome::Ok { sequence, .. }, .. } = spoiled.what(at) {
            // The beginning of the journal is about workflows.
            *sequence = 2;
        }
        Some(())
    }),
    ("a run that nobody started", "H2", |spoiled| {
        let at = spoiled.of_kind("run.created")?;
        spoiled.journal.records[at].body["input"]["json"]["nonce"] = json!("nobody");
        Some(())
    }),
    ("a decision that nobody made", "H2", |spoiled| {
        let at = spoiled.record(by_somebody)?;
        spoiled.journal.records[at].body["comment"]["json"] = json!("nobody");
        Some(())
    }),
    ("a record is missing", "H3", |spoiled| {
        let at = spoiled.record(|_| true)?;
        spoiled.journal.records.remove(at);
        Some(())
    }),
    ("a sequence is shifted", "H3", |spoiled| {
        let at = spoiled.record(|_| true)?;
        spoiled.journal.records[at].sequence += 1;
        Some(())
    }),
    ("what was found after a kill is not the beginning", "H3", |spoiled| {
        let head = spoiled.history.entries.iter().filter_map(|entry| match entry.what {
            What::Found { head, .. } => Some(head),
            _ => None,
        });
        let head = usize::try_from(head.max()?).ok()?;
        let at = spoiled.random.usize(..head);
        spoiled.journal.records[at].chain.push('0');
        Some(())
    }),
    ("a read of what never was", "H4", |spoiled| {
        let at = spoiled.entry(|what| {
            matches!(what, What::Return { outcome: Outcome::Ok { status: Some(status), .. }, .. } if status == "completed")
        })?;
        if let What::Return { outcome: Outcome::Ok { status, .. }, .. } = spoiled.what(at) {
            *status = Some("failed".to_owned());
        }
        Some(())
    }),
    ("a read of what no longer is", "H4", |spoiled| {
        let last = |what: &What| matches!(what, What::Invoke { client: 0, op: Op::Get { .. }, .. });
        let at = spoiled.entry(last)?;
        let What::Invoke { id: of, .. } = *spoiled.what(at) else { return None };
        let at = spoiled.entry(|what| matches!(what, What::Return { id, .. } if *id == of))?;
        if let What::Return { outcome: Outcome::Ok { status, .. }, .. } = spoiled.what(at) {
            *status = Some("pending".to_owned());
        }
        Some(())
    }),
    ("a step ends twice", "H5", |spoiled| {
        let at = spoiled.of_kind("step.completed")?;
        let again = spoiled.journal.records[at].clone();
        spoiled.journal.records.insert(at + 1, again);
        spoiled.renumber();
        Some(())
    }),
    ("something happens after the end", "H5", |spoiled| {
        let at = spoiled.of_kind("run.completed")?;
        let stream = spoiled.journal.records[at].stream.clone();
        let from = spoiled.record(|record| record.stream == stream && record.kind == "step.completed")?;
        spoiled.move_record(from, at);
        Some(())
    }),
    ("an attempt is left out", "H5", |spoiled| {
        let at = spoiled.record(|record| record.kind == "step.started" && record.number("attempt") == 2)?;
        spoiled.journal.records[at].body["attempt"] = json!(3);
        Some(())
    }),
    ("a step is tried for ever", "H5", |spoiled| {
        let at = spoiled.of_kind("step.retrying")?;
        for _ in 0..4 {
            let again = spoiled.journal.records[at].clone();
            spoiled.journal.records.insert(at, again);
        }
        spoiled.renumber();
        Some(())
    }),
    ("a call has another key", "H6", |spoiled| {
        let at = spoiled.entry(|what| matches!(what, What::Call { .. }))?;
        if let What::Call { key, .. } = spoiled.what(at) {
            key.push('0');
        }
        Some(())
    }),
    ("a call has another input than the one before", "H6", |spoiled| {
        let at = spoiled.entry(|what| matches!(what, What::Call { attempt: 2.., .. }))?;
        if let What::Call { input, .. } = spoiled.what(at) {
            input.push('0');
        }
        Some(())
    }),
    ("a write is done twice", "H6", |spoiled| {
        let at = spoiled.entry(|what| is_call(what, "writer"))?;
        let What::Call { key, agent, attempt, input } = spoiled.what(at).clone() else { return None };
        let again = What::Call { key: key.clone(), agent, attempt: attempt + 1, input };
        spoiled.insert(at, again);
        let done = What::Done { key, attempt: attempt + 1, output: Some("again".to_owned()) };
        spoiled.insert(at + 1, done);
        Some(())
    }),
    ("an output that no agent gave", "H6", |spoiled| {
        let at = spoiled.record(|record| {
            record.kind == "step.completed"
                && record.body["output"]["json"]["answer"].is_string()
                && record.step() != "c"
                && record.step() != "b"
        })?;
        spoiled.journal.records[at].body["output"]["json"]["answer"] = json!("mine");
        Some(())
    }),
    ("a step begins before what it needs", "H7", |spoiled| {
        let at = spoiled.record(|record| record.kind == "step.started" && record.step() == "b")?;
        let stream = spoiled.journal.records[at].stream.clone();
        let first = spoiled.record(|record| record.stream == stream && record.kind == "plan.created")?;
        spoiled.move_record(at, first + 1);
        Some(())
    }),
    ("a run completes without a step", "H7", |spoiled| {
        let at = spoiled.of_kind("run.completed")?;
        let stream = spoiled.journal.records[at].stream.clone();
        let at = spoiled.record(|record| record.stream == stream && record.kind == "step.completed")?;
        spoiled.journal.records.remove(at);
        spoiled.renumber();
        Some(())
    }),
    ("a gate opens after a no", "H7", |spoiled| {
        let at = spoiled
            .record(|record| record.kind == "approval.decided" && record.text("decision") == "approved")?;
        spoiled.journal.records[at].body["decision"] = json!("rejected");
        Some(())
    }),
    ("a decision is another one than was acknowledged", "H8", |spoiled| {
        let at = spoiled.record(by_somebody)?;
        let turned =
            if spoiled.journal.records[at].text("decision") == "approved" { "rejected" } else { "approved" };
        spoiled.journal.records[at].body["decision"] = json!(turned);
        Some(())
    }),
    ("a question is decided twice", "H8", |spoiled| {
        let at = spoiled.of_kind("approval.decided")?;
        let again = spoiled.journal.records[at].clone();
        spoiled.journal.records.insert(at + 1, again);
        spoiled.renumber();
        Some(())
    }),
    ("a step begins after the cancel", "H9", |spoiled| {
        let at = spoiled.of_kind("run.cancel_requested")?;
        let stream = spoiled.journal.records[at].stream.clone();
        let from = spoiled.record(|record| record.stream == stream && record.kind == "step.started")?;
        spoiled.move_record(from, at);
        Some(())
    }),
    ("a reader is not shown a record", "H10", |spoiled| {
        let at = spoiled.entry(|what| matches!(what, What::Frame { .. }))?;
        spoiled.history.entries.remove(at);
        Some(())
    }),
    ("a reader is shown a record twice", "H10", |spoiled| {
        let at = spoiled.entry(|what| matches!(what, What::Frame { .. }))?;
        let again = spoiled.what(at).clone();
        spoiled.insert(at, again);
        Some(())
    }),
    ("a reader is shown something else", "H10", |spoiled| {
        let at = spoiled.entry(|what| matches!(what, What::Frame { .. }))?;
        if let What::Frame { body, .. } = spoiled.what(at) {
            body.push('0');
        }
        Some(())
    }),
    ("a reader is shown what was lost", "H10", |spoiled| {
        let at = spoiled.entry(|what| matches!(what, What::Frame { .. }))?;
        if let What::Frame { sequence, .. } = spoiled.what(at) {
            *sequence += 100_000;
        }
        Some(())
    }),
    ("a reader is left behind", "H10", |spoiled| {
        let last = spoiled.journal.records.len() as u64 - 20;
        spoiled.history.entries.retain(
            |entry| !matches!(entry.what, What::Frame { reader: 1, sequence, .. } if sequence > last),
        );
        Some(())
    }),
    ("a key stands for two runs", "H11", |spoiled| {
        let at =
            spoiled.entry(|what| matches!(what, What::Invoke { op: Op::Start { key: Some(_), .. }, .. }))?;
        let What::Invoke { id: of, client, op } = spoiled.what(at).clone() else { return None };
        spoiled
            .entry(|what| matches!(what, What::Return { id, outcome: Outcome::Ok { .. } } if *id == of))?;
        let outcome = Outcome::Ok { run: Some("another".to_owned()), sequence: 0, status: None };
        spoiled.insert(at, What::Return { id: u64::MAX, outcome });
        spoiled.insert(at, What::Invoke { id: u64::MAX, client, op });
        Some(())
    }),
    ("one start makes two runs", "H11", |spoiled| {
        let (one, other) = (spoiled.of_kind("run.created")?, spoiled.of_kind("run.created")?);
        let nonce = spoiled.journal.records[one].body["input"].clone();
        let same = spoiled.journal.records[other].body["input"] == nonce;
        spoiled.journal.records[other].body["input"] = nonce;
        (!same).then_some(())
    }),
    ("a time is not waited for", "H13", |spoiled| {
        let at = spoiled.record(|record| record.kind == "step.completed" && record.step() == "wait")?;
        let stream = spoiled.journal.records[at].stream.clone();
        let began = spoiled.record(|record| record.stream == stream && record.kind == "step.waiting")?;
        spoiled.journal.records[at].time_us = spoiled.journal.records[began].time_us + 100_000;
        Some(())
    }),
    ("an agent has more to do than it may", "H14", |spoiled| {
        let at = spoiled.entry(|what| is_call(what, "narrow"))?;
        // One more than its limit: the call that is there may be one that was given up.
        for number in 0..3 {
            let (key, agent) = (format!("{number}"), "narrow".to_owned());
            spoiled.insert(at, What::Call { key, agent, attempt: 1, input: String::new() });
        }
        Some(())
    }),
    ("an epoch goes back", "H15", |spoiled| {
        let at = spoiled.record(|record| record.epoch > 2)?;
        let last = spoiled.journal.records.len() - 1;
        spoiled.journal.records[at.min(last - 1)].epoch = 1;
        Some(())
    }),
    ("an attempt says another epoch", "H15", |spoiled| {
        let at = spoiled.of_kind("step.started")?;
        spoiled.journal.records[at].body["epoch"] = json!(99);
        Some(())
    }),
    ("a run never ends", "live", |spoiled| {
        let at =
            spoiled.record(|record| matches!(record.kind.as_str(), "run.completed" | "run.cancelled"))?;
        spoiled.journal.records.remove(at);
        spoiled.renumber();
        Some(())
    }),
    ("a timer is lost", "live", |spoiled| {
        let at = spoiled.record(|record| record.kind == "step.completed" && record.step() == "wait")?;
        let stream = spoiled.journal.records[at].stream.clone();
        let mut place = 0;
        spoiled.journal.records.retain(|record| {
            place += 1;
            place <= at || record.stream != stream
        });
        spoiled.renumber();
        Some(())
    }),
];

#[test]
fn a_good_history_is_accepted() {
    let violations = GOOD.violations();
    assert!(violations.is_empty(), "{violations:#?}");
}

/// A daemon may decide several commands at once. One of them that changes nothing is answered when the others are durable.
#[test]
fn a_command_that_changed_nothing_beside_one_that_did_is_answered_with_its_place() {
    let journal = &GOOD.journal;
    let mut good = GOOD.with(1);
    let mut cancelled: BTreeMap<u64, String> = BTreeMap::new();
    let mut told = Vec::new();
    for (at, entry) in good.history.entries.iter().enumerate() {
        match &entry.what {
            What::Invoke { id, op: Op::Cancel { run, .. }, .. } => {
                cancelled.insert(*id, run.clone());
            }
            What::Return { id, outcome: Outcome::Ok { sequence: sequence @ 1.., .. } } => {
                told.extend(cancelled.remove(id).map(|run| (at, run, *sequence)));
            }
            _ => {}
        }
    }
    // Of a run that was paused, a resume would have changed something.
    let was_paused = |run: &str| {
        journal.records.iter().any(|record| record.run() == Some(run) && record.kind == "run.paused")
    };
    told.retain(|(_, run, _)| !was_paused(run));
    assert!(!told.is_empty());
    for (at, run, sequence) in told.into_iter().rev() {
        let id = 1_000_000 + at as u64;
        let outcome = Outcome::Ok { run: Some(run.clone()), sequence, status: None };
        good.insert(at, What::Return { id, outcome });
        good.insert(at, What::Invoke { id, client: 99, op: Op::Resume { run } });
    }
    let violations = check(&good.history, &good.journal, &good.archives);
    assert!(violations.is_empty(), "{violations:#?}");
}

/// An agent that is called over HTTP goes on with a call that its daemon has given up.
#[test]
fn a_call_that_was_given_up_counts_no_more_however_long_its_agent_goes_on() {
    let mut good = GOOD.with(1);
    let over_limit = |good: &Spoiled| {
        let violations = check(&good.history, &good.journal, &good.archives);
        violations.iter().filter(|violation| violation.rule == "H14").count()
    };
    let mut narrow = BTreeSet::new();
    for entry in &good.history.entries {
        if let What::Call { key, agent, .. } = &entry.what {
            narrow.extend((agent == "narrow").then(|| key.clone()));
        }
    }
    good.history
        .entries
        .retain(|entry| !matches!(&entry.what, What::Done { key, .. } if narrow.contains(key)));
    assert_ne!(over_limit(&good), 0, "calls that never end are too many");
    for record in &mut good.journal.records {
        let step = record.step();
        let of_run =
            |key: &&String| record.run().is_some_and(|run| key.starts_with(&format!("{run}/{step}/")));
        if record.kind.starts_with("step.") && narrow.iter().any(|key| of_run(&key)) {
            "step.cancelled".clone_into(&mut record.kind);
        }
    }
    assert_eq!(over_limit(&good), 0);
}

/// PROMISES.md section 5: all mutants are rejected, each by the rule that is there for it.
#[test]
fn every_way_of_spoiling_a_history_is_rejected_by_its_rule() {
    all_are_rejected(&GOOD, WAYS);
}

fn all_are_rejected(good: &Good, ways: &[Way]) {
    for (way, rule, spoil) in ways {
        let mut spoiled_ones = 0;
        for seed in 0..TIMES {
            let mut spoiled = good.with(seed);
            if spoil(&mut spoiled).is_none() {
                continue;
            }
            spoiled_ones += 1;
            let violations = check(&spoiled.history, &spoiled.journal, &spoiled.archives);
            let seen = violations.iter().any(|violation| violation.rule == *rule);
            assert!(seen, "{way}, seed {seed}: {rule} does not see it, only {violations:#?}");
        }
        assert!(spoiled_ones > 0, "{way}: the good history has no place for it");
    }
}

#[test]
fn every_rule_has_a_way_of_violating_it() {
    for (rule, _) in RULES {
        let has_way = WAYS.iter().chain(dropped::WAYS).any(|(_, of, _)| of == rule);
        assert!(has_way, "{rule}");
    }
}

#[test]
fn an_archive_that_was_cut_short_or_changed_is_refused() {
    let archive = include_str!("../../fixtures/archive.jsonl");
    let cut = &archive[..archive.len() - 200];
    assert!(Journal::read(cut.as_bytes()).is_err());
    let whole_lines: String = archive.lines().take(50).map(|line| format!("{line}\n")).collect();
    assert!(Journal::read(whole_lines.as_bytes()).is_err());
    let changed = archive.replacen("\"a\\\"", "\"b\\\"", 1);
    assert!(changed != *archive && Journal::read(changed.as_bytes()).is_err());
}
