//! What follows by itself: which steps are ready, which are skipped, what starts, and when the run has ended.

use std::time::Duration;

use jiff::Timestamp;
use serde_json::{Map, Value, json};

use super::decide::{Context, Rejection, join_violations};
use super::directory::AgentEntry;
use super::evolve::evolve;
use super::state::{Run, RunScope, RunStatus, StepState};
use crate::event::{
    ApprovalDecided, ApprovalRequested, Decision, Event, RunCancelled, RunCompleted, RunFailed, RunResult,
    SkipCause, StepCancelled, StepCompleted, StepFailed, StepScheduled, StepSkipped, StepStarted,
    StepWaiting, Usage, WaitReason,
};
use crate::failure::{EffectClass, ErrorClass, Failure, Happened};
use crate::ids::{ApprovalId, Name, StepPath};
use crate::language::condition::Condition;
use crate::payload::Payload;
use crate::workflow::{
    Call, Dependency, DependencyKind, Gate, Node, NodeIndex, NodeKind, OnError, OnTimeout,
};

/// Attempts that one decision starts at most, so that its events fit into one append whatever their inputs are. Whoever
/// carries the run decides again right after.
pub const STARTS_AT_ONCE: usize = 64;
/// Questions that one decision asks at most.
pub const QUESTIONS_AT_ONCE: usize = 128;

/// A decision in the making: a copy of the run that looks ahead, and the events so far.
pub(super) struct Draft<'a> {
    pub(super) run: Run,
    pub(super) context: Context<'a>,
    events: Vec<Event>,
    started: usize,
    asked: usize,
}

/// What the parents of a step say.
enum Verdict {
    Wait,
    Go,
    Skip(SkipCause),
    Cancel,
}

/// What one parent says.
enum ParentEnd {
    Open,
    Satisfied,
    /// Skipped by a condition at the root.
    Skipped(SkipCause),
    Failed(SkipCause),
    Cancelled,
}

impl<'a> Draft<'a> {
    pub(super) fn new(run: Run, context: Context<'a>) -> Self {
        Self { run, context, events: Vec::new(), started: 0, asked: 0 }
    }

    pub(super) fn emit(&mut self, event: impl Into<Event>) {
        let event = event.into();
        evolve(&mut self.run, &event, self.context.now, self.context.by);
        self.events.push(event);
    }

    pub(super) fn into_events(self) -> Vec<Event> {
        self.events
    }

    pub(super) fn find(&self, step: &StepPath) -> Result<NodeIndex, Rejection> {
        self.run.find(step).ok_or_else(|| Rejection::UnknownStep(step.clone()))
    }

    /// The time after `wait`; the end of time when that is beyond it.
    pub(super) fn after(&self, wait: Duration) -> Timestamp {
        jiff::SignedDuration::try_from(wait)
            .ok()
            .and_then(|wait| self.context.now.checked_add(wait).ok())
            .unwrap_or(Timestamp::MAX)
    }

    /// Does everything that follows without asking anyone. One pass is enough: parents stand before their children.
    pub(super) fn advance(&mut self) {
        if self.run.status.is_terminal() {
            return;
        }
        if self.run.cancel_requested {
            return self.wind_down();
        }
        if self.run.status == RunStatus::Paused {
            return;
        }
        let workflow = self.run.workflow.clone();
        for (at, node) in workflow.nodes.iter().enumerate() {
            let index = NodeIndex(u32::try_from(at).unwrap_or(u32::MAX));
            match &self.run.step(index).state {
                StepState::Pending => match self.judge(node) {
                    Verdict::Wait => {}
                    Verdict::Go => self.begin(index, node),
                    Verdict::Skip(cause) => self.skip(index, cause),
                    Verdict::Cancel => self.cancel(index),
                },
                StepState::Scheduled | StepState::Ready => self.start(index, node),
                StepState::Retrying { retry_at, .. } if *retry_at <= self.context.now => {
                    self.start(index, node)
                }
                StepState::Retrying { .. }
                | StepState::Running { .. }
                | StepState::AwaitingApproval { .. }
                | StepState::AwaitingReconcile { .. }
                | StepState::Completed { .. }
                | StepState::Failed { .. }
                | StepState::Skipped { .. }
                | StepState::Cancelled => {}
            }
        }
        if self.run.steps.iter().all(|step| step.state.has_ended()) {
            self.conclude();
        }
    }

    /// The run is being cancelled: whatever is not under way ends now, whatever is gets its time to stop.
    fn wind_down(&mut self) {
        for at in 0..self.run.steps.len() {
            let index = NodeIndex(u32::try_from(at).unwrap_or(u32::MAX));
            match &self.run.step(index).state {
                StepState::Pending
                | StepState::Scheduled
                | StepState::Ready
                | StepState::AwaitingReconcile { .. }
                | StepState::Retrying { .. } => self.cancel(index),
                StepState::AwaitingApproval { approval } => {
                    let approval = *approval;
                    self.withdraw(approval, index);
                    self.cancel(index);
                }
                StepState::Running { .. }
                | StepState::Completed { .. }
                | StepState::Failed { .. }
                | StepState::Skipped { .. }
                | StepState::Cancelled => {}
            }
        }
        if self.run.steps.iter().all(|step| step.state.has_ended()) {
            self.emit(RunCancelled {});
        }
    }

    fn withdraw(&mut self, approval: ApprovalId, index: NodeIndex) {
        let shown = self.run.approvals.get(&approval).map(|open| open.shown.clone()).unwrap_or_default();
        let step = self.run.path(index);
        self.emit(ApprovalDecided {
            approval,
            step,
            decision: Decision::Cancelled,
            comment: None,
            changes: None,
            shown,
        });
    }

    fn cancel(&mut self, index: NodeIndex) {
        let step = self.run.path(index);
        let (attempt, happened) = match self.run.step(index).state {
            StepState::AwaitingReconcile { attempt, .. } => (Some(attempt), Some(Happened::Unknown)),
            _ => (None, None),
        };
        self.emit(StepCancelled { step, attempt, happened });
    }

    fn skip(&mut self, index: NodeIndex, cause: SkipCause) {
        let step = self.run.path(index);
        self.emit(StepSkipped { step, why: cause });
    }

    fn fail(&mut self, index: NodeIndex, failure: Failure) {
        let step = self.run.path(index);
        self.emit(StepFailed { step, attempt: None, failure, usage: Usage::default() });
    }

    fn complete(&mut self, index: NodeIndex, output: Value) {
        let step = self.run.path(index);
        self.emit(StepCompleted {
            step,
            attempt: None,
            output: Payload::inline(output),
            usage: Usage::default(),
        });
    }

    fn judge(&self, node: &Node) -> Verdict {
        match node.kind {
            NodeKind::Join(_) => self.judge_join(node),
            NodeKind::Call(_) | NodeKind::Gate(_) | NodeKind::Condition(_) | NodeKind::Parallel => {
                self.judge_dependencies(node)
            }
        }
    }

    fn judge_dependencies(&self, node: &Node) -> Verdict {
        let mut verdict = Verdict::Go;
        for dependency in &node.parents {
            let end = match dependency.kind {
                DependencyKind::Optional => continue,
                DependencyKind::Hard | DependencyKind::Soft => self.parent_end(dependency),
            };
            let soft = dependency.kind == DependencyKind::Soft;
            match end {
                ParentEnd::Open => return Verdict::Wait,
                ParentEnd::Satisfied => {}
                ParentEnd::Skipped(_) | ParentEnd::Failed(_) | ParentEnd::Cancelled if soft => {}
                // The first parent in the order of the document gives the cause, a failure before a condition.
                ParentEnd::Failed(cause) => match verdict {
                    Verdict::Skip(SkipCause::Failed { .. }) => {}
                    _ => verdict = Verdict::Skip(cause),
                },
                ParentEnd::Skipped(cause) => {
                    if matches!(verdict, Verdict::Go) {
                        verdict = Verdict::Skip(cause);
                    }
                }
                ParentEnd::Cancelled => {
                    if matches!(verdict, Verdict::Go) {
                        verdict = Verdict::Cancel;
                    }
                }
            }
        }
        verdict
    }

    fn judge_join(&self, node: &Node) -> Verdict {
        let mut completed = false;
        let mut failed = None;
        let mut skipped = None;
        let mut cancelled = false;
        for dependency in &node.parents {
            match self.parent_end(dependency) {
                ParentEnd::Open => return Verdict::Wait,
                ParentEnd::Satisfied => completed = true,
                ParentEnd::Failed(cause) => failed = failed.or(Some(cause)),
                ParentEnd::Skipped(cause) => skipped = skipped.or(Some(cause)),
                ParentEnd::Cancelled => cancelled = true,
            }
        }
        match (failed, cancelled, completed, skipped) {
            (Some(cause), ..) => Verdict::Skip(cause),
            (None, true, ..) => Verdict::Cancel,
            (None, false, false, Some(cause)) => Verdict::Skip(cause),
            (None, false, ..) => Verdict::Go,
        }
    }

    fn parent_end(&self, dependency: &Dependency) -> ParentEnd {
        let parent = dependency.parent;
        let path = self.run.path(parent);
        let follow = |chain: &[StepPath]| {
            let mut chain = chain.to_vec();
            chain.push(path.clone());
            chain
        };
        match &self.run.step(parent).state {
            StepState::Completed { .. } => self.edge_end(dependency, path),
            StepState::Failed { .. } => match self.run.workflow.node(parent).on_error {
                OnError::Continue => self.edge_end(dependency, path),
                OnError::Fail => ParentEnd::Failed(SkipCause::Failed { chain: vec![path] }),
            },
            StepState::Skipped { cause } => match cause {
                SkipCause::Failed { chain } => ParentEnd::Failed(SkipCause::Failed { chain: follow(chain) }),
                SkipCause::Skipped { chain } => {
                    ParentEnd::Skipped(SkipCause::Skipped { chain: follow(chain) })
                }
                SkipCause::Condition { .. } => ParentEnd::Skipped(SkipCause::Skipped { chain: vec![path] }),
            },
            StepState::Cancelled => ParentEnd::Cancelled,
            StepState::Pending
            | StepState::Scheduled
            | StepState::Ready
            | StepState::Running { .. }
            | StepState::AwaitingApproval { .. }
            | StepState::AwaitingReconcile { .. }
            | StepState::Retrying { .. } => ParentEnd::Open,
        }
    }

    /// The parent is there; the edge may have a condition of its own. One that cannot be read counts as false, with the
    /// reason in the cause: a broken condition must not open a way.
    fn edge_end(&self, dependency: &Dependency, parent: StepPath) -> ParentEnd {
        let Some(condition) = &dependency.when else { return ParentEnd::Satisfied };
        match condition.evaluate(&RunScope(&self.run)) {
            Ok(true) => ParentEnd::Satisfied,
            Ok(false) => ParentEnd::Skipped(SkipCause::Condition { condition: condition.text().to_owned() }),
            Err(error) => ParentEnd::Skipped(SkipCause::Condition {
                condition: format!("{} ({error}, after {parent})", condition.text()),
            }),
        }
    }

    /// The step may start: its dependencies are satisfied.
    fn begin(&mut self, index: NodeIndex, node: &Node) {
        if let Some(condition) = &node.when {
            match self.evaluate(condition) {
                Ok(true) => {}
                Ok(false) => {
                    return self.skip(index, SkipCause::Condition { condition: condition.text().to_owned() });
                }
                Err(failure) => return self.fail(index, failure),
            }
        }
        match &node.kind {
            NodeKind::Call(_) => self.start(index, node),
            NodeKind::Gate(gate) => self.ask(index, gate),
            NodeKind::Condition(condition) => match self.evaluate(condition) {
                Ok(true) => self.complete(index, json!({ "value": true })),
                Ok(false) => {
                    self.skip(index, SkipCause::Condition { condition: condition.text().to_owned() })
                }
                Err(failure) => self.fail(index, failure),
            },
            NodeKind::Parallel => self.complete(index, json!({})),
            NodeKind::Join(_) => {
                let gathered = self.gather(node);
                self.complete(index, gathered);
            }
        }
    }

    fn evaluate(&self, condition: &Condition) -> Result<bool, Failure> {
        condition.evaluate(&RunScope(&self.run)).map_err(|error| {
            let message = format!("the condition `{}` cannot be read: {error}", condition.text());
            Failure::new(ErrorClass::Data, "condition_failed", message, Happened::No)
        })
    }

    /// The outputs of a join's parents by id; skipped ones are absent, ones that failed and may are null.
    fn gather(&self, node: &Node) -> Value {
        let mut outputs = Map::new();
        for dependency in &node.parents {
            let id = self.run.workflow.node(dependency.parent).id.to_string();
            match &self.run.step(dependency.parent).state {
                StepState::Completed { output } => {
                    if let ParentEnd::Satisfied = self.parent_end(dependency) {
                        outputs.insert(id, output.value().map_or(Value::Null, |value| (**value).clone()));
                    }
                }
                StepState::Failed { .. } => {
                    outputs.insert(id, Value::Null);
                }
                _ => {}
            }
        }
        Value::Object(outputs)
    }

    /// Begins an attempt of a call, or says why not.
    fn start(&mut self, index: NodeIndex, node: &Node) {
        let NodeKind::Call(call) = &node.kind else { return };
        if self.started >= STARTS_AT_ONCE {
            return;
        }
        let (entry, input) = match self.prepare(index, node, call) {
            Ok(prepared) => prepared,
            Err(failure) => return self.fail(index, failure),
        };
        let effect = node.effect.map_or(entry.effect, |own| own.max(entry.effect));
        if effect == EffectClass::Write && self.run.workflow.supervision.strategy.ends_siblings() {
            return self.fail(index, self.would_be_cut_off(&entry.name));
        }
        let step = self.run.path(index);
        if !self.context.slots.take(&entry.name) {
            if !matches!(self.run.step(index).state, StepState::Scheduled) {
                self.emit(StepScheduled { step });
            }
            return;
        }
        let before = self.run.step(index);
        let timeout = node.timeout.map_or(entry.timeout, |own| own.min(entry.timeout));
        let started = StepStarted {
            step,
            attempt: before.attempts + 1,
            iteration: before.iteration,
            epoch: self.context.epoch,
            agent: entry.name.clone(),
            agent_version: entry.version,
            effect,
            input,
            timeout_ms: u64::try_from(timeout.as_millis()).unwrap_or(u64::MAX),
        };
        self.started += 1;
        self.emit(started);
    }

    /// Why a write does not begin under a strategy that ends siblings. Saving the workflow refused that; the agent was
    /// changed since, or was not known then.
    fn would_be_cut_off(&self, agent: &Name) -> Failure {
        let strategy = self.run.workflow.supervision.strategy.as_str();
        let message = format!(
            "agent `{agent}` writes, and under `{strategy}` the crash of another actor would cut it off"
        );
        Failure::new(ErrorClass::Configuration, "strategy_ends_write", message, Happened::No)
    }

    /// Whom to call and with what. All attempts of an iteration get the same input.
    fn prepare(
        &self,
        index: NodeIndex,
        node: &Node,
        call: &Call,
    ) -> Result<(std::sync::Arc<AgentEntry>, Payload), Failure> {
        let entry = self.context.agents.resolve(&call.target)?.clone();
        if let Some(input) = &self.run.step(index).input {
            return Ok((entry, input.clone()));
        }
        let input = node.input.resolve(&RunScope(&self.run)).map_err(|error| {
            Failure::new(
                ErrorClass::Data,
                "binding_failed",
                format!("the input cannot be made: {error}"),
                Happened::No,
            )
        })?;
        if let Some(schema) = &entry.input_schema {
            schema.validate(&input).map_err(|violations| {
                let text = join_violations(&node.input.explain(&input, violations));
                let message = format!("the input does not fit the input_schema of `{}`: {text}", entry.name);
                Failure::new(ErrorClass::Data, "input_schema_mismatch", message, Happened::No)
            })?;
        }
        Ok((entry, Payload::inline(input)))
    }

    fn ask(&mut self, index: NodeIndex, gate: &Gate) {
        if self.asked >= QUESTIONS_AT_ONCE {
            return;
        }
        self.asked += 1;
        let rendered = gate.action.render(&RunScope(&self.run)).and_then(|action| {
            let impact = gate.impact.as_ref().map(|text| text.render(&RunScope(&self.run))).transpose()?;
            Ok((action, impact))
        });
        let (action, impact) = match rendered {
            Ok(texts) => texts,
            Err(error) => {
                let message = format!("the question cannot be written: {error}");
                return self
                    .fail(index, Failure::new(ErrorClass::Data, "text_failed", message, Happened::No));
            }
        };
        let approval = ApprovalId(self.context.ids.fresh());
        let step = self.run.path(index);
        let expires_at = match gate.on_timeout {
            OnTimeout::Reject | OnTimeout::Approve => gate.timeout.map(|timeout| self.after(timeout)),
            OnTimeout::Wait => None,
        };
        let shown = blake3::hash(json!([step, action, impact, gate.risk]).to_string().as_bytes())
            .to_hex()
            .to_string();
        self.emit(ApprovalRequested {
            approval,
            step: step.clone(),
            action: Payload::inline(Value::String(action)),
            impact: impact.map(|text| Payload::inline(Value::String(text))),
            risk: gate.risk,
            shown,
            expires_at,
        });
        self.emit(StepWaiting {
            step,
            reason: WaitReason::Approval,
            attempt: None,
            failure: None,
            approval: Some(approval),
        });
    }

    /// Every step has ended, and so has the run.
    fn conclude(&mut self) {
        let fatal = self.run.iter().find_map(|(index, _, step)| match &step.state {
            StepState::Failed { failure } if self.is_fatal(index) => {
                Some((self.run.path(index), failure.clone()))
            }
            _ => None,
        });
        if let Some((step, failure)) = fatal {
            return self.emit(RunFailed { step: Some(step), failure });
        }
        let missing = self.run.left_undone();
        match self.output() {
            Ok(output) => {
                let result = if missing.is_empty() { RunResult::Complete } else { RunResult::Partial };
                self.emit(RunCompleted { output: Payload::inline(output), result, missing });
            }
            Err(failure) => self.emit(RunFailed { step: None, failure }),
        }
    }

    /// Whether the failure of this step fails the run: nobody said to go on, and no soft child took it.
    fn is_fatal(&self, index: NodeIndex) -> bool {
        let node = self.run.workflow.node(index);
        let taken = node.children.iter().any(|child| {
            self.run
                .workflow
                .node(*child)
                .parents
                .iter()
                .any(|dependency| dependency.parent == index && dependency.kind == DependencyKind::Soft)
        });
        node.on_error == OnError::Fail && !taken
    }

    fn output(&self) -> Result<Value, Failure> {
        if let Some(output) = &self.run.workflow.output {
            return output.resolve(&RunScope(&self.run)).map_err(|error| {
                let message = format!("the run's output cannot be made: {error}");
                Failure::new(ErrorClass::Data, "output_failed", message, Happened::No)
            });
        }
        let ends = self.run.iter().filter(|(index, _, _)| self.run.workflow.node(*index).children.is_empty());
        let outputs = ends.filter_map(|(_, id, step)| match &step.state {
            StepState::Completed { output } => {
                Some((id.to_string(), output.value().map_or(Value::Null, |value| (**value).clone())))
            }
            _ => None,
        });
        Ok(Value::Object(outputs.collect()))
    }
}
