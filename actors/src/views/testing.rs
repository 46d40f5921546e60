//! What the tests of views and feed share: a journal in memory with runs in it.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use bytes::Bytes;
use ghostlight_model::event::{
    ApprovalDecided, ApprovalRequested, Attribution, Decision, Event, RunCompleted, RunCreated, RunFailed,
    RunResult, StepCancelled, StepCompleted, StepFailed, StepStarted, Usage,
};
use ghostlight_model::failure::{EffectClass, ErrorClass, Failure, Happened};
use ghostlight_model::ids::{ApprovalId, DefinitionHash, Name, RunId, StepPath};
use ghostlight_model::workflow::Risk;
use ghostlight_store::journal::{FileJournal, JournalOptions, MemoryJournal};
use ghostlight_store::{Append, NewRecord, Reply, SharedJournal, StreamAppend, StreamName, Wake};
use ghostlight_world::World;
use jiff::Timestamp;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::{codec, streams};

/// The time of the first millisecond of the tests' ids.
pub const START_MS: i64 = 1_763_650_000_000;

/// A journal in memory.
#[derive(Clone)]
pub struct Log {
    pub journal: SharedJournal,
}

impl Log {
    pub fn new() -> Self {
        Self { journal: Arc::new(MemoryJournal::new()) }
    }

    /// A journal on files in which a bit of the first place was flipped where `word` stands, after `write` had filled it.
    pub fn damaged(dir: &Path, word: &str, write: impl FnOnce(&Self)) -> Self {
        let open = || {
            let journal = FileJournal::open(&World::real(), dir, &JournalOptions::default()).unwrap();
            Self { journal: Arc::new(journal) }
        };
        let whole = open();
        write(&whole);
        whole.journal.close();
        let segment = dir.join("journal/0000000001.seg");
        let mut bytes = std::fs::read(&segment).unwrap();
        let at = bytes.windows(word.len()).position(|at| at == word.as_bytes()).unwrap();
        bytes[at] ^= 2;
        std::fs::write(&segment, bytes).unwrap();
        open()
    }

    /// Appends events to a run, each a second after the one before in its stream, and says the last sequence.
    pub fn run(&self, run: RunId, route: &str, events: &[Event]) -> u64 {
        self.run_to(run, route, events, Wake::Idle)
    }

    /// Appends an event to a run, so many milliseconds after the first run began.
    pub fn run_at(&self, run: RunId, route: &str, event: &Event, ms: i64) -> u64 {
        self.events(run, route, std::slice::from_ref(event), Wake::Idle, |_| START_MS + ms)
    }

    /// As [`Log::run`], and what a restart should do with the run then.
    pub fn run_to(&self, run: RunId, route: &str, events: &[Event], wake: Wake) -> u64 {
        self.events(run, route, events, wake, |sequence| run_ms(run) + 1_000 * (sequence - 1))
    }

    fn events(
        &self,
        run: RunId,
        route: &str,
        events: &[Event],
        wake: Wake,
        ms_of: impl Fn(i64) -> i64,
    ) -> u64 {
        let stream = streams::run(run);
        let expected = self.journal.head_of(&stream).unwrap().map_or(0, |head| head.sequence);
        let by = Attribution { by: Some("local".into()), ..Attribution::default() };
        let encode = |(at, event): (i64, &Event)| {
            let time = Timestamp::from_millisecond(ms_of(expected as i64 + at)).unwrap();
            codec::encode(std::slice::from_ref(event), &by, time).remove(0)
        };
        let records = (1..).zip(events).map(encode).collect();
        self.append(stream, route, expected, records, wake)
    }

    /// Appends a record with this body.
    pub fn raw(&self, stream: StreamName, kind: u16, body: &'static str) -> u64 {
        let expected = self.journal.head_of(&stream).unwrap().map_or(0, |head| head.sequence);
        let record = NewRecord { kind, version: 1, time_us: 0, body: Bytes::from_static(body.as_bytes()) };
        self.append(stream, "", expected, vec![record], Wake::Idle)
    }

    fn append(
        &self,
        stream: StreamName,
        route: &str,
        expected: u64,
        records: Vec<NewRecord>,
        wake: Wake,
    ) -> u64 {
        let part = StreamAppend { stream, expected, records, wake, route: route.into(), aliases: vec![] };
        let append = Append::one(Uuid::new_v4().into_bytes(), part);
        let (answer, answered) = std::sync::mpsc::channel();
        self.journal.submit(append, Reply::callback(move |result| answer.send(result).unwrap()));
        answered.recv().unwrap().unwrap().last_sequence()
    }
}

/// The run of this number: newer than those of lower numbers by a second each.
pub fn run(number: u32) -> RunId {
    let ms = (START_MS + 1_000 * i64::from(number)) as u128;
    RunId(Uuid::from_u128(ms << 80 | 0x7000_8000_0000_0000_0000 | u128::from(number)))
}

fn run_ms(run: RunId) -> i64 {
    (run.0.as_u128() >> 80) as i64
}

pub fn approval(number: u32) -> ApprovalId {
    ApprovalId(run(number).0)
}

pub fn step(name: &str) -> StepPath {
    StepPath::new(name).unwrap()
}

pub fn created(workflow: &str, labels: &[(&str, &str)]) -> Event {
    let labels: BTreeMap<_, _> = labels.iter().map(|(key, value)| ((*key).into(), (*value).into())).collect();
    RunCreated {
        parent: None,
        priority: ghostlight_model::priority::Priority::ORDINARY,
        workflow: Name::new(workflow).unwrap(),
        version: 1,
        definition: DefinitionHash::of(b"definition"),
        document: None,
        input: json!({}).into(),
        context: None,
        labels,
        key: None,
    }
    .into()
}

pub fn started(name: &str, attempt: u32) -> Event {
    StepStarted {
        step: step(name),
        attempt,
        iteration: 1,
        epoch: 1,
        agent: Name::new("noop").unwrap(),
        agent_version: DefinitionHash::of(b"agent"),
        effect: EffectClass::Read,
        input: json!({}).into(),
        timeout_ms: 1_000,
    }
    .into()
}

pub fn completed_step(name: &str, attempt: u32) -> Event {
    let usage = Usage { input_tokens: 10, output_tokens: 3 };
    StepCompleted {
        step: step(name),
        attempt: Some(attempt),
        output: json!("done").into(),
        signal: None,
        usage,
    }
    .into()
}

pub fn failure(message: &str) -> Failure {
    Failure::new(ErrorClass::Data, "bad_input", message, Happened::No)
}

pub fn failed_step(name: &str) -> Event {
    StepFailed { step: step(name), attempt: Some(1), failure: failure("no"), usage: Usage::default() }.into()
}

pub fn cancelled_step(name: &str) -> Event {
    let (attempt, happened, usage) = (None, None, Usage::default());
    StepCancelled { step: step(name), attempt, happened, lost_race: false, usage }.into()
}

pub fn failed(name: &str) -> Event {
    RunFailed { step: Some(step(name)), failure: failure("no") }.into()
}

pub fn completed() -> Event {
    RunCompleted { output: Value::Null.into(), result: RunResult::Complete, missing: vec![] }.into()
}

pub fn asked(id: ApprovalId, risk: Risk) -> Event {
    ApprovalRequested {
        approval: id,
        step: step("approve"),
        action: json!("Restart web").into(),
        impact: None,
        risk,
        shown: "00".into(),
        expires_at: None,
    }
    .into()
}

pub fn decided(id: ApprovalId, decision: Decision) -> Event {
    let comment = Some(json!("fine").into());
    ApprovalDecided {
        approval: id,
        step: step("approve"),
        decision,
        comment,
        changes: None,
        shown: "00".into(),
    }
    .into()
}
