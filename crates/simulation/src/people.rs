//! People: they start runs, also twice under one key, and ask anything of them in any order. When all is calm they do what a run
//! waits for, and nothing else.

use std::time::Duration;

use ghostlight_model::event::PauseReason;
use ghostlight_model::ids::{ApprovalId, AttemptId, RunId, StepPath};
use ghostlight_model::priority::Priority;
use ghostlight_model::run::{Command, CreateRun, Retry, Revision, Run, RunStatus, StepState};
use ghostlight_model::workflow::{NodeKind, Wait};
use serde_json::{Map, Value, json};
use uuid::Uuid;

use crate::house::{Action, House};

/// Runs that people start in one house, those that runs start not counted.
const STARTED_MAX: u64 = 10;

impl House {
    /// A person does something, and another one after a while.
    pub(crate) fn person(&mut self) {
        if self.is_calm {
            self.helps();
            return self.post(Duration::from_secs(1), Action::Person);
        }
        match self.rng.u8(..8) {
            0 | 1 => self.starts(),
            2 | 3 => self.helps(),
            _ => self.asks(),
        }
        let after = Duration::from_millis(self.rng.u64(..3_000));
        self.post(after, Action::Person);
    }

    fn starts(&mut self) {
        let key = match self.rng.u8(..3) {
            0 => None,
            1 if self.next_key > 0 => Some(format!("key-{}", self.rng.u64(..self.next_key))),
            _ => {
                self.next_key += 1;
                Some(format!("key-{}", self.next_key - 1))
            }
        };
        if key.as_ref().is_some_and(|key| self.journal.of_key(key).is_some()) {
            return self.reached.sometimes("load", "key_repeated");
        }
        if self.next_run >= STARTED_MAX {
            return;
        }
        self.next_run += 1;
        let number = u128::from(self.rng.u64(..)) >> 2;
        let run = RunId(Uuid::from_u128((0x0198_0c00_0000_7000_u128 << 64) | (2 << 62) | number));
        let workflow = self.library.started[self.rng.usize(..self.library.started.len())].clone();
        let version = self.rng.u64(1..=self.library.latest(&workflow));
        let input =
            if self.rng.u8(..8) == 0 { json!({}) } else { json!({ "yes": true, "no": false, "n": 3 }) };
        let create = CreateRun {
            version,
            document: None,
            input,
            parent: None,
            context: Map::new(),
            labels: [("of".to_owned(), "simulator".to_owned())].into(),
            key,
            priority: None,
            makespan_ms: 0,
        };
        // A refusal is an answer too.
        let _ = self.create(run, &workflow, create, Some("someone"));
    }

    /// A run that people see, by chance.
    fn any_run(&mut self) -> Option<RunId> {
        let count = self.shown.len();
        if count == 0 { None } else { self.shown.keys().nth(self.rng.usize(..count)).copied() }
    }

    fn any_step(&mut self, run: &Run) -> Option<StepPath> {
        let steps: Vec<StepPath> = run.walk().map(|(at, ..)| run.path(at)).collect();
        if steps.is_empty() { None } else { Some(steps[self.rng.usize(..steps.len())].clone()) }
    }

    fn any_approval(&mut self, run: &Run) -> ApprovalId {
        match run.approvals.len() {
            0 => ApprovalId(Uuid::nil()),
            count => *run.approvals.keys().nth(self.rng.usize(..count)).expect("a place below the count"),
        }
    }

    /// Asks something of a run, whether or not that makes sense.
    fn asks(&mut self) {
        let Some(id) = self.any_run() else { return };
        let Some(run) = self.shown.get(&id).cloned() else { return };
        let kill = self.rng.u8(..3) == 0;
        let command = match self.rng.u8(..32) {
            0..=4 => self.answer(&run),
            5..=6 => Command::Pause { reason: PauseReason::Operator, message: String::new() },
            7..=8 => Command::Resume,
            9..=10 => Command::Cancel { reason: String::new(), kill },
            11..=12 => {
                let Some(step) = self.any_step(&run) else { return };
                self.says_of(&run, step)
            }
            13..=19 => Command::Retry(Box::new(self.retry(&run))),
            20..=22 => self.signal(),
            23..=24 => Command::Adjust {
                max_parallel: Some(self.rng.u32(1..5)),
                priority: serde_json::from_value::<Priority>(json!(self.rng.i8(-5..5))).ok(),
            },
            25..=28 => {
                let next = self.library.get(&run.workflow.name, self.rng.u64(1..3));
                let Some(next) = next.map(|version| version.workflow.clone()) else { return };
                Command::Revise { next, reason: "because".to_owned() }
            }
            29 => {
                let Some(step) = self.any_step(&run) else { return };
                // A report that nobody made.
                let attempt = AttemptId { step, number: 1_000 };
                let outcome = Ok(std::sync::Arc::new(Value::Null));
                Command::Report { attempt, outcome, usage: Default::default() }
            }
            30 => Command::Inherit { priority: run.priority },
            _ => Command::Tick,
        };
        let again = self.rng.u8(..5) == 0;
        if again {
            self.give(id, command.clone(), true);
        }
        self.give(id, command, true);
    }

    fn answer(&mut self, run: &Run) -> Command {
        let approval = self.any_approval(run);
        let changes = match self.rng.u8(..4) {
            0 => Some(json!({ "n": 1 })),
            1 => Some(json!({ "n": "one" })),
            _ => None,
        };
        let comment = self.rng.bool().then(|| "as it is".to_owned());
        Command::Answer { approval, approve: self.rng.u8(..3) > 0, comment, changes }
    }

    fn signal(&mut self) -> Command {
        let name = ["paid", "shipped", "nothing"][self.rng.usize(..3)];
        let payload = if self.rng.bool() { json!({ "id": 1 }) } else { json!({}) };
        Command::Signal { name: crate::scenery::name(name), payload }
    }

    fn retry(&mut self, run: &Run) -> Retry {
        let version = self.rng.u64(1..3);
        let next = self.library.get(&run.workflow.name, version).map(|version| version.workflow.clone());
        let revision = next.filter(|_| self.rng.bool()).map(|next| Revision { version, next });
        let input = (self.rng.u8(..4) == 0).then(|| json!({ "yes": false, "no": true, "n": 4 }));
        Retry { revision, input, acknowledge_writes: self.rng.bool() }
    }

    /// What people say about a write: they name the attempt that waits, as far as they know, find out what it has done, and say
    /// the truth.
    fn says_of(&self, run: &Run, step: StepPath) -> Command {
        let number = run.find(&step).map_or(0, |at| match &run.step(at).state {
            StepState::AwaitingReconcile { attempt, .. } => *attempt,
            _ => run.step(at).attempts,
        });
        let id = AttemptId { step: step.clone(), number };
        let happened = self.outside.was_done(run.id, &id);
        let output = Some(json!({ "step": "said", "n": 1 }));
        Command::Reconcile { step, attempt: Some(number), happened, output }
    }

    /// What a person says about a write names the attempt that waited when it was looked at, and is true of that one, also
    /// when it arrives late.
    pub(crate) fn as_it_is_now(&self, run: &Run, command: Command) -> Command {
        match command {
            Command::Reconcile { step, attempt: Some(number), output, .. } => {
                let id = AttemptId { step: step.clone(), number };
                let happened = self.outside.was_done(run.id, &id);
                Command::Reconcile { step, attempt: Some(number), happened, output }
            }
            other => other,
        }
    }

    /// Does one thing that each run waits for.
    fn helps(&mut self) {
        let waiting: Vec<RunId> =
            self.shown.iter().filter(|(_, run)| !run.status.is_terminal()).map(|(id, _)| *id).collect();
        for id in waiting {
            let Some(command) = self.shown.get(&id).and_then(|run| self.wanted(run)) else { continue };
            self.give(id, command, true);
        }
    }

    fn wanted(&self, run: &Run) -> Option<Command> {
        if run.status == RunStatus::Paused && !run.cancel_requested {
            return Some(Command::Resume);
        }
        run.walk().find_map(|(at, node, step)| match &step.state {
            StepState::AwaitingApproval { approval, about } => {
                let has_form = matches!(&node.kind, NodeKind::Gate(gate) if gate.form.is_some());
                let changes = (has_form && about.is_none()).then(|| json!({ "n": 1 }));
                Some(Command::Answer { approval: *approval, approve: true, comment: None, changes })
            }
            StepState::AwaitingReconcile { .. } => Some(self.says_of(run, run.path(at))),
            StepState::AwaitingSignal { .. } => match &node.kind {
                NodeKind::Wait(Wait::Signal(signal)) if run.signal_for(signal).is_none() => {
                    Some(Command::Signal { name: signal.name.clone(), payload: json!({ "id": 1 }) })
                }
                _ => None,
            },
            _ => None,
        })
    }
}
