//! Agents, as the house sees them: they live outside, do what they do at once when they are called, and say so soon, late, twice or
//! never. What they have done is written down, and held against what may have been done.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use ghostlight_model::event::Usage;
use ghostlight_model::failure::{EffectClass, ErrorClass, Failure, Happened};
use ghostlight_model::ids::{AttemptId, RunId, StepPath};
use ghostlight_model::run::{Command, StepAt};
use ghostlight_model::workflow::Aside;
use ghostlight_supervision::ExitReason;
use ghostlight_world::Bug;
use serde_json::{Value, json};

use crate::house::{Action, House};
use crate::tree::{LifeKey, Role};

/// What an agent says in the end.
pub type Outcome = Result<Arc<Value>, Failure>;

/// Everything that was done outside.
#[derive(Debug, Default)]
pub struct Outside {
    /// How often the write of a key was done.
    writes: BTreeMap<String, u32>,
    /// What each key was called with.
    inputs: BTreeMap<String, Value>,
    /// The key under which each iteration of a step is known.
    keys: BTreeMap<(RunId, StepPath, u32), String>,
    /// The write of an attempt that nobody has heard of yet: whether it was done.
    done: BTreeMap<(RunId, AttemptId), bool>,
}

/// A call under way, at its execution.
#[derive(Debug)]
pub struct Calling {
    outcome: Outcome,
    has_reported: bool,
}

impl Outside {
    /// Whether an attempt did its write.
    pub fn was_done(&self, run: RunId, attempt: &AttemptId) -> bool {
        self.done.get(&(run, attempt.clone())).copied().unwrap_or(false)
    }
}

impl House {
    /// An execution is up: it calls its agent.
    pub(crate) fn execution_is_up(&mut self, run: RunId, attempt: AttemptId, life: LifeKey) {
        if let Some(place) = self.places.get_mut(&run) {
            place.attempts.insert(attempt.clone(), Some(life));
        }
        let Some(state) = self.carriers.get(&run).map(|carrier| carrier.pair.run.clone()) else {
            // It was made for a life of the workflow actor that is over: it calls nobody.
            return self.end_life(life, ExitReason::failed("nobody waits for it"));
        };
        let Some(at) = state.find(&attempt.step).filter(|_| state.is_outstanding(&attempt)) else {
            return self.end_life(life, ExitReason::Normal);
        };
        let Some(made) = state.attempt(at).cloned() else { return };
        let key = match Bug::KeyChanges.is_planted() {
            true => format!("{}/{}", state.key(at), attempt.number),
            false => state.key(at),
        };
        let input = made.input.value().map_or(Value::Null, |input| Value::clone(input));
        self.note_call(run, &attempt, made.iteration, &key, &input);
        let is_write = made.effect == EffectClass::Write;
        let (outcome, is_done) = self.chance_of(at, &attempt, made.agent.as_str(), &input, is_write);
        if is_write {
            self.outside.done.insert((run, attempt.clone()), is_done);
        }
        if is_write && is_done {
            let times = self.outside.writes.entry(key.clone()).or_default();
            *times += 1;
            if *times > 1 {
                self.violated("a_write_is_done_once", Some(run), || format!("{attempt} under {key}"));
            }
        }
        self.will_answer(run, attempt, life, outcome, is_write, is_done);
    }

    fn note_call(&mut self, run: RunId, attempt: &AttemptId, iteration: u32, key: &str, input: &Value) {
        let place = (run, attempt.step.clone(), iteration);
        let known = self.outside.keys.entry(place).or_insert_with(|| key.to_owned());
        if known != key {
            let detail = format!("{attempt} is called under {key}, and was under {known}");
            self.violated("an_iteration_has_one_key", Some(run), || detail);
        }
        let known = self.outside.inputs.entry(key.to_owned()).or_insert_with(|| input.clone());
        if known != input {
            let detail = format!("{attempt}: {input} after {known}");
            self.violated("a_key_stands_for_one_input", Some(run), || detail);
        }
    }

    /// What an agent makes of a call, and whether a write is done by it.
    fn chance_of(
        &mut self,
        at: StepAt,
        attempt: &AttemptId,
        agent: &str,
        input: &Value,
        is_write: bool,
    ) -> (Outcome, bool) {
        let good = |value: Value| Ok(Arc::new(value));
        if at.aside() == Some(Aside::Verify) && !self.rarely(6) {
            let key = input.get("key").and_then(Value::as_str).unwrap_or_default();
            let happened = self.outside.writes.get(key).is_some_and(|times| *times > 0);
            return (good(json!({ "happened": happened, "output": { "step": "found" } })), false);
        }
        let fails = if self.is_calm { self.rng.u8(..20) == 0 } else { self.rng.u8(..3) == 0 };
        if fails {
            let class = ErrorClass::ALL[self.rng.usize(..ErrorClass::ALL.len())];
            self.reached.sometimes("agent", class.as_str());
            let is_done = is_write && self.rng.u8(..3) == 0;
            let happened = match (is_done, self.rng.bool()) {
                (_, false) => Happened::Unknown,
                (true, true) => Happened::Yes,
                (false, true) => Happened::No,
            };
            let mut failure = Failure::new(class, "broken", "it broke", happened);
            if self.rng.u8(..6) == 0 {
                failure = failure.retry_after(Duration::from_secs(self.rng.u64(1..20)));
            }
            return (Err(failure), is_done);
        }
        self.reached.sometimes("agent", "success");
        let output = match (at.aside(), agent) {
            (Some(Aside::Judge), _) if self.rarely(8) => json!("a poem"),
            (Some(Aside::Judge), _) => json!({ "passed": self.rng.u8(..3) > 0, "reason": "it looks so" }),
            (Some(Aside::Verify), _) => json!("who knows"),
            (_, "typed") if self.rarely(3) => json!({ "n": "many" }),
            (_, "typed") => json!({ "n": 7 }),
            _ if self.rarely(9) => json!({ "other": attempt.step }),
            _ => json!({ "step": attempt.step }),
        };
        (good(output), is_write)
    }

    /// When it says so, and to whom.
    fn will_answer(
        &mut self,
        run: RunId,
        attempt: AttemptId,
        life: LifeKey,
        outcome: Outcome,
        is_write: bool,
        is_done: bool,
    ) {
        let timeout = Duration::from_secs(10);
        let took = match self.rng.u8(..16) {
            _ if self.is_calm => Duration::from_millis(self.rng.u64(..900)),
            0 => Duration::from_secs(3_600),
            1 | 2 => Duration::from_millis(self.rng.u64(8_000..40_000)),
            _ => Duration::from_millis(self.rng.u64(..3_000)),
        };
        let command = Command::Report { attempt: attempt.clone(), outcome: outcome.clone(), usage: usage() };
        let timed_out = took > timeout;
        if timed_out {
            self.reached.sometimes("agent", if took.as_secs() >= 3_600 { "never" } else { "late" });
        }
        // Who is late says it all the same, and some say everything twice.
        let says_itself = if timed_out { took.as_secs() < 3_600 } else { self.rarely(12) };
        if says_itself {
            let again = took + Duration::from_millis(self.rng.u64(..15_000));
            self.post(again, Action::Late(run, Box::new(command)));
        }
        let outcome = match timed_out {
            false => outcome,
            true => {
                let happened = if is_write { Happened::Unknown } else { Happened::No };
                Err(Failure::new(ErrorClass::Timeout, "timeout", "no answer in time", happened))
            }
        };
        self.note(Some(run), |_| {
            format!("{attempt} is called; its write is done: {is_done}; it will say {outcome:?}")
        });
        if let Some(life) = self.lives.get_mut(&life) {
            life.calling = Some(Box::new(Calling { outcome, has_reported: false }));
        }
        self.post(took.min(timeout), Action::Answered(life));
    }

    /// An agent has answered: its execution says so to whoever carries the run, until that is recorded.
    pub(crate) fn answered(&mut self, life: LifeKey) {
        let Some(living) = self.lives.get_mut(&life) else { return };
        let Role::Execution(run, attempt) = living.role.clone() else { return };
        let Some(calling) = living.calling.as_mut() else { return };
        calling.has_reported = true;
        let outcome = calling.outcome.clone();
        self.give(run, Command::Report { attempt, outcome, usage: usage() }, false);
        self.post(Duration::from_secs(1), Action::Repeat(life));
    }

    /// What was not heard is said again; who was heard ends.
    pub(crate) fn repeat(&mut self, life: LifeKey) {
        let Some(Role::Execution(run, attempt)) = self.lives.get(&life).map(|life| life.role.clone()) else {
            return;
        };
        let carrier = self.carriers.get(&run);
        if carrier.is_some_and(|carrier| !carrier.pair.run.is_outstanding(&attempt)) {
            return self.end_life(life, ExitReason::Normal);
        }
        self.reached.sometimes("agent", "duplicate");
        self.answered(life);
    }

    /// An execution is asked to stop: it cancels its agent and says what is known.
    pub(crate) fn stop_call(&mut self, run: RunId, attempt: AttemptId, life: LifeKey) {
        let calling = self.lives.get(&life).and_then(|life| life.calling.as_ref());
        if calling.is_none_or(|calling| calling.has_reported) {
            return;
        }
        let happened = match (self.outside.was_done(run, &attempt), self.rng.bool()) {
            (_, false) => Happened::Unknown,
            (true, true) => Happened::Yes,
            (false, true) => Happened::No,
        };
        let failure = Failure::new(ErrorClass::Cancelled, "cancelled", "it was stopped", happened);
        self.give(run, Command::Report { attempt, outcome: Err(failure), usage: usage() }, false);
    }

    /// An agent says something by itself, long after it was asked or once more.
    pub(crate) fn late(&mut self, run: RunId, command: Command) {
        let epoch = |attempt: &AttemptId| {
            let run = self.shown.get(&run)?;
            run.attempt(run.find(&attempt.step)?).map(|attempt| attempt.epoch)
        };
        if let Command::Report { attempt, .. } = &command
            && epoch(attempt).is_none_or(|epoch| epoch < self.epoch)
        {
            self.reached.sometimes("agent", "before_a_crash");
        }
        self.give(run, command, false);
    }

    pub(crate) fn execution_is_gone(&mut self, run: RunId, attempt: AttemptId, life: LifeKey) {
        if let Some(place) = self.places.get_mut(&run)
            && place.attempts.get(&attempt).is_some_and(|known| known.is_none_or(|known| known == life))
        {
            place.attempts.remove(&attempt);
        }
        let after = self.moment();
        self.post(after, Action::Ended(run, attempt, ExitReason::Killed));
    }
}

fn usage() -> Usage {
    Usage { input_tokens: 2, output_tokens: 1 }
}
