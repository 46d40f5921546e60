//! What stands beside a call: who says whether its output is good enough, who finds out whether a write happened, and who
//! makes it good when the run is cancelled. Each is a step of its own, `node.judge`, `node.verify`, `node.compensate`, with
//! attempts like any other; it is wanted only while its call asks for it.

use std::sync::Arc;

use serde_json::{Value, json};

use super::advance::{Draft, QUESTIONS_AT_ONCE};
use super::attempts::{join_violations, retry_or_fail};
use super::place::StepAt;
use super::race::is_loser;
use super::scope::RunScope;
use super::state::{AttemptEnd, Made, Run, RunStatus, StepState};
use crate::event::{
    StepCancelled, StepCompensated, StepCompleted, StepFailed, StepJudged, StepReconciled, StepRetrying,
    StepWaiting, Usage, WaitReason,
};
use crate::failure::{EffectClass, ErrorClass, Failure, Happened};
use crate::ids::StepPath;
use crate::payload::Payload;
use crate::workflow::{Aside, Node, OnError, OnReject, Risk, Success};

/// How much of an output a person is shown who has to say whether it will do.
const SHOWN_CHARACTERS_MAX: usize = 2_000;

/// Whether nobody waits for what this step does: the run is being cancelled, another branch has won, or the call beside which
/// it stands does not ask for it any more.
pub(super) fn is_unwanted(run: &Run, lost: &[bool], at: StepAt) -> bool {
    let is_over = run.cancel_requested || is_loser(lost, at.node);
    let call = || &run.step(at.call()).state;
    match at.aside() {
        None => is_over,
        Some(Aside::Judge) => is_over || !matches!(call(), StepState::AwaitingVerdict { .. }),
        // What a run that is cancelled has done has to be known, to be made good.
        Some(Aside::Verify) => {
            let may_ask = if run.cancel_requested { !run.killed } else { !is_loser(lost, at.node) };
            !may_ask || !matches!(call(), StepState::AwaitingReconcile { .. })
        }
        Some(Aside::Compensate) => !run.cancel_requested || run.killed,
    }
}

/// Whether anything stands beside any call of the run's workflow. Most have none, and then nothing of this costs anything.
fn has_asides(run: &Run) -> bool {
    let innermost = |node| std::iter::successors(Some(node), |node: &&Node| node.kind.body()).last();
    run.workflow.nodes.iter().filter_map(innermost).any(|node| node.asides().next().is_some())
}

/// Whether something that stands beside a call is being done.
pub(super) fn is_busy_beside(run: &Run) -> bool {
    let is_busy = |state: &StepState| matches!(state, StepState::Running { .. });
    has_asides(run) && run.walk().any(|(at, _, step)| at.aside().is_some() && is_busy(&step.state))
}

/// One thing that was asked of an output, and how it stood.
struct Criterion {
    criterion: String,
    passed: bool,
    detail: Value,
}

impl Criterion {
    fn evidence(all: &[Self]) -> Payload {
        let entry = |one: &Self| {
            let mut entry = json!({ "criterion": one.criterion, "passed": one.passed });
            if let (false, Some(fields)) = (one.detail.is_null(), entry.as_object_mut()) {
                fields.insert("detail".to_owned(), one.detail.clone());
            }
            entry
        };
        Payload::inline(all.iter().map(entry).collect())
    }
}

/// Holds an output against the schema and the assertions of its step.
fn examine(run: &Run, at: StepAt, success: &Success, output: &Value) -> Vec<Criterion> {
    let mut criteria = Vec::new();
    if let Some(schema) = &success.schema {
        let (passed, detail) = match schema.validate(output) {
            Ok(()) => (true, Value::Null),
            Err(violations) => (false, Value::String(join_violations(&violations))),
        };
        criteria.push(Criterion { criterion: "schema".to_owned(), passed, detail });
    }
    let scope = RunScope::at(run, at).with_output(output);
    criteria.extend(success.assertions.iter().map(|assertion| {
        let (passed, reason) = match assertion.that.evaluate(&scope) {
            Ok(passed) => (passed, None),
            Err(error) => (false, Some(error.to_string())),
        };
        let detail = reason.or_else(|| assertion.message.clone().filter(|_| !passed));
        let detail = detail.map_or(Value::Null, Value::String);
        Criterion { criterion: assertion.that.text().to_owned(), passed, detail }
    }));
    criteria
}

fn not_met(criteria: &[Criterion]) -> Failure {
    let broken = criteria.iter().filter(|one| !one.passed);
    let texts: Vec<String> = broken
        .take(5)
        .map(|one| match &one.detail {
            Value::String(detail) => format!("{}: {detail}", one.criterion),
            detail => match detail.get("reason").and_then(Value::as_str) {
                Some(reason) => format!("{}: {reason}", one.criterion),
                None => one.criterion.clone(),
            },
        })
        .collect();
    let message = format!("what came out is not what the step is to bring: {}", texts.join("; "));
    Failure::new(ErrorClass::Data, "success_not_met", message, Happened::Yes)
}

impl Draft<'_> {
    /// An attempt has brought this. It is the step's output if it is what the step was to bring.
    pub(super) fn bring(&mut self, at: StepAt, attempt: u32, output: Arc<Value>, usage: Usage) {
        let workflow = self.run.workflow.clone();
        let step = self.run.path(at);
        let Some(success) = &workflow.node_at(at).success else {
            let output = Payload::Inline(output);
            return self.emit(StepCompleted { step, attempt: Some(attempt), output, signal: None, usage });
        };
        let criteria = examine(&self.run, at, success, &output);
        let passed = criteria.iter().all(|one| one.passed);
        if !criteria.is_empty() {
            self.say_judged(at, attempt, &criteria);
        }
        let made = Made { attempt, output: Payload::Inline(output) };
        if self.is_unwanted(at) && (!passed || success.judge.is_some()) {
            let (happened, lost_race) = (Some(Happened::Yes), !self.run.cancel_requested);
            return self.emit(StepCancelled { step, attempt: Some(attempt), happened, lost_race, usage });
        }
        match (passed, &success.judge) {
            (false, _) => self.reject(at, success, made, not_met(&criteria), usage),
            (true, None) => {
                self.emit(StepCompleted {
                    step,
                    attempt: Some(attempt),
                    output: made.output,
                    signal: None,
                    usage,
                });
            }
            (true, Some(_)) => self.emit(StepWaiting {
                attempt: Some(attempt),
                output: Some(made.output),
                usage,
                ..StepWaiting::new(step, WaitReason::Verdict)
            }),
        }
    }

    fn say_judged(&mut self, at: StepAt, attempt: u32, criteria: &[Criterion]) {
        let passed = criteria.iter().all(|one| one.passed);
        let step = self.run.path(at);
        self.emit(StepJudged { step, attempt, passed, evidence: Criterion::evidence(criteria) });
    }

    /// A person has said whether what came out will do.
    pub(super) fn accept(&mut self, at: StepAt, made: Made, accepted: bool, comment: Option<&str>) {
        let criterion = Criterion {
            criterion: "person".to_owned(),
            passed: accepted,
            detail: comment.map_or(Value::Null, |comment| Value::String(comment.to_owned())),
        };
        self.say_judged(at, made.attempt, &[criterion]);
        let (step, attempt, usage) = (self.run.path(at), Some(made.attempt), Usage::default());
        if accepted {
            return self.emit(StepCompleted { step, attempt, output: made.output, signal: None, usage });
        }
        let message = comment.unwrap_or("a person did not accept what came out").to_owned();
        let failure = Failure::new(ErrorClass::Rejected, "output_rejected", message, Happened::Yes);
        self.emit(StepFailed { step, attempt, failure, usage });
    }

    /// What came out will not do: it is made again, a person is asked, or the step fails.
    fn reject(&mut self, at: StepAt, success: &Success, made: Made, why: Failure, usage: Usage) {
        let step = self.run.path(at);
        let attempt = made.attempt;
        // A judge that gave no verdict says nothing about the work: doing that again would not help.
        let is_verdict = why.code == "success_not_met";
        let may_redo = is_verdict && !self.may_write(at) && self.run.step(at).redone < success.redo;
        let pauses =
            self.run.node(at).on_error == OnError::Pause && success.on_reject == OnReject::Fail && !may_redo;
        if may_redo || (pauses && !self.may_write(at)) {
            if pauses {
                return self.pause_for(at, attempt, why, true, usage);
            }
            let retry_at = self.context.now;
            return self.emit(StepRetrying { step, attempt, failure: why, retry_at, redo: true, usage });
        }
        match success.on_reject {
            OnReject::Fail => {
                self.emit(StepFailed { step, attempt: Some(attempt), failure: why, usage });
            }
            OnReject::Escalate => self.escalate(at, made, &why, usage),
        }
    }

    /// Whether the agent that was called last writes, as far as is known: then nothing is made twice.
    fn may_write(&self, at: StepAt) -> bool {
        let agent = self.run.step(at).agent.as_ref();
        let entry = agent.and_then(|agent| self.context.agents.get(agent));
        let declared = self.run.node(at).effect;
        entry.is_none_or(|entry| entry.effect.max(declared.unwrap_or(entry.effect)) == EffectClass::Write)
    }

    fn escalate(&mut self, at: StepAt, made: Made, why: &Failure, usage: Usage) {
        let step = self.run.path(at);
        let shown: String = made
            .output
            .value()
            .map_or_else(String::new, |output| output.to_string())
            .chars()
            .take(SHOWN_CHARACTERS_MAX)
            .collect();
        let action = format!("Accept what `{step}` brought");
        let impact = format!("{}\n\n{shown}", why.message);
        let approval = self.question(at, action, Some(impact), Risk::Medium, None);
        self.emit(StepWaiting {
            approval: Some(approval),
            attempt: Some(made.attempt),
            output: Some(made.output),
            usage,
            ..StepWaiting::new(step, WaitReason::Approval)
        });
    }

    /// Goes on with the judge of a step, and takes the verdict once it is there.
    pub(super) fn judge_output(&mut self, at: StepAt, node: &Node) {
        let StepState::AwaitingVerdict { made } = &self.run.step(at).state else { return };
        let made = (**made).clone();
        let Some(success) = &node.success else { return };
        let Some(judge) = &success.judge else { return };
        let beside = at.beside(Aside::Judge);
        self.step_on(beside, judge);
        if !self.run.step(beside).state.has_ended() || self.asked >= QUESTIONS_AT_ONCE {
            return;
        }
        let verdict = match &self.run.step(beside).state {
            StepState::Completed { output } => read_verdict(output),
            StepState::Failed { failure } => Err(failure.message.clone()),
            _ => Err("it was not asked".to_owned()),
        };
        match verdict {
            Ok((passed, detail)) => {
                let criterion = Criterion { criterion: "judge".to_owned(), passed, detail };
                let why = not_met(std::slice::from_ref(&criterion));
                self.say_judged(at, made.attempt, &[criterion]);
                if passed {
                    let (step, attempt) = (self.run.path(at), Some(made.attempt));
                    let usage = Usage::default();
                    return self.emit(StepCompleted {
                        step,
                        attempt,
                        output: made.output,
                        signal: None,
                        usage,
                    });
                }
                self.reject(at, success, made, why, Usage::default());
            }
            Err(reason) => {
                let message = format!("`{}` gave no verdict: {reason}", self.run.path(beside));
                let why = Failure::new(ErrorClass::Data, "no_verdict", message, Happened::Yes);
                self.reject(at, success, made, why, Usage::default());
            }
        }
        if let StepState::Retrying { .. } = self.run.step(at).state
            && self.run.status == RunStatus::Running
        {
            self.step_on(at, node);
        }
    }

    /// Goes on with finding out whether an interrupted write happened. What it cannot find out is left to a person.
    pub(super) fn verify_write(&mut self, at: StepAt, node: &Node) {
        let StepState::AwaitingReconcile { attempt, failure } = &self.run.step(at).state else { return };
        let (attempt, failure) = (*attempt, failure.clone());
        let Some(verify) = &node.verify else { return };
        let beside = at.beside(Aside::Verify);
        if !self.run.step(beside).state.has_ended() {
            self.step_on(beside, verify);
        }
        let Some((happened, output)) = self.found_out(at) else { return };
        let step = self.run.path(at);
        let says = if happened { Happened::Yes } else { Happened::No };
        self.emit(StepReconciled { step: step.clone(), attempt, happened: says });
        if happened {
            return self.bring(at, attempt, Arc::new(output), Usage::default());
        }
        // An attempt that was cut off did not fail; one that reported a failure has used up one of its tries.
        if self.run.step(at).ends.get(&attempt) != Some(&AttemptEnd::Lost) {
            let failure = Failure { happened: Happened::No, ..failure };
            retry_or_fail(self, at, attempt, failure, Usage::default());
        }
        if !self.run.step(at).state.has_ended() && self.run.status == RunStatus::Running {
            self.step_on(at, node);
        }
    }

    /// Whether the write happened, and its output, as `verify` has found out.
    fn found_out(&self, at: StepAt) -> Option<(bool, Value)> {
        let StepState::Completed { output } = &self.run.step(at.beside(Aside::Verify)).state else {
            return None;
        };
        let found = output.value()?;
        let happened = found.get("happened")?.as_bool()?;
        Some((happened, found.get("output").cloned().unwrap_or(Value::Null)))
    }

    /// Finds out what became of a write before its cancelled run ends. True when nothing more is to be found out.
    pub(super) fn verify_cancelled(&mut self, at: StepAt, node: &Node) -> bool {
        let StepState::AwaitingReconcile { attempt, .. } = self.run.step(at).state else { return true };
        let Some(verify) = node.verify.as_ref().filter(|_| self.run.cancel_requested && !self.run.killed)
        else {
            return true;
        };
        let beside = at.beside(Aside::Verify);
        if !self.run.step(beside).state.has_ended() {
            self.step_on(beside, verify);
        }
        if !self.run.step(beside).state.has_ended() {
            return false;
        }
        if let Some((happened, output)) = self.found_out(at) {
            let step = self.run.path(at);
            let says = if happened { Happened::Yes } else { Happened::No };
            self.emit(StepReconciled { step, attempt, happened: says });
            if happened {
                self.bring(at, attempt, Arc::new(output), Usage::default());
            }
        }
        true
    }

    /// Ends what stands beside calls that do not ask for it any more and is not under way.
    pub(super) fn tidy_beside(&mut self) {
        if !has_asides(&self.run) {
            return;
        }
        let lost = super::race::losers(&self.run);
        let run = &self.run;
        let is_left = |at: StepAt, state: &StepState| {
            let is_idle = !state.has_ended() && !matches!(state, StepState::Running { .. });
            at.aside().is_some() && is_idle && is_unwanted(run, &lost, at)
        };
        let left: Vec<StepAt> =
            run.walk().filter(|(at, _, step)| is_left(*at, &step.state)).map(|(at, _, _)| at).collect();
        for at in left {
            self.cancel(at, false);
        }
    }

    /// Makes good what the run has done, the last first and one after another. True when nothing is left to be done.
    pub(super) fn compensate(&mut self) -> bool {
        if !has_asides(&self.run) {
            return true;
        }
        if !self.run.killed {
            let workflow = self.run.workflow.clone();
            for at in to_compensate(&self.run) {
                let Some(node) = workflow.node_at(at).aside(Aside::Compensate) else { continue };
                let beside = at.beside(Aside::Compensate);
                if !self.run.step(beside).state.has_ended() {
                    self.step_on(beside, node);
                }
                match &self.run.step(beside).state {
                    StepState::Completed { .. } => {
                        let step = self.run.path(at);
                        self.emit(StepCompensated { step });
                    }
                    state if state.has_ended() => {}
                    _ => return false,
                }
            }
        }
        !is_busy_beside(&self.run)
    }
}

/// The steps whose effect happened and was not made good, the last one that ended first.
fn to_compensate(run: &Run) -> Vec<StepAt> {
    let did_happen = |state: &StepState, happened: Option<Happened>| match state {
        StepState::Completed { .. } => true,
        StepState::Cancelled => happened == Some(Happened::Yes),
        _ => false,
    };
    let mut steps: Vec<_> = run
        .walk()
        .filter(|(_, node, step)| node.compensate.is_some() && !step.compensated)
        .filter(|(_, _, step)| did_happen(&step.state, step.happened))
        .map(|(at, _, step)| (step.ended_at, at))
        .collect();
    steps.sort_unstable();
    steps.into_iter().rev().map(|(_, at)| at).collect()
}

/// The steps of a cancelled run that did what nobody has made good although they say how, and the writes of which nobody knows
/// whether they happened.
#[must_use]
pub fn not_compensated(run: &Run) -> Vec<StepPath> {
    let may_have_happened = |state: &StepState, happened: Option<Happened>| match state {
        StepState::Completed { .. } => true,
        StepState::Cancelled => matches!(happened, Some(Happened::Yes | Happened::Unknown)),
        _ => false,
    };
    run.walk()
        .filter(|(_, _, step)| !step.compensated && may_have_happened(&step.state, step.happened))
        .filter(|(_, node, step)| node.compensate.is_some() || matches!(step.state, StepState::Cancelled))
        .map(|(at, _, _)| run.path(at))
        .collect()
}

/// What a judge says: true or false, or a mapping with `passed`; all of it is evidence.
fn read_verdict(output: &Payload) -> Result<(bool, Value), String> {
    let said = output.value().map_or(&Value::Null, |value| value);
    let passed = said.as_bool().or_else(|| said.get("passed")?.as_bool());
    let detail = if said.is_boolean() { Value::Null } else { said.clone() };
    passed.map(|passed| (passed, detail)).ok_or_else(|| {
        "it answers `{passed: true}` or `{passed: false}`, with a `reason` if it likes".to_owned()
    })
}
