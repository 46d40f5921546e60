//! How a step begins, by the type of its node.

use serde_json::{Map, Value, json};

use jiff::Timestamp;

use super::advance::{Draft, QUESTIONS_AT_ONCE, STARTS_AT_ONCE};
use super::attempts::join_violations;
use super::directory::AgentEntry;
use super::judge::{ParentEnd, parent_end};
use super::merge::merge;
use super::place::StepAt;
use super::scope::RunScope;
use super::state::StepState;
use crate::event::{
    ApprovalRequested, ChildRun, EventEmitted, SkipCause, StepCompleted, StepScheduled, StepStarted,
    StepWaiting, Usage, WaitReason,
};
use crate::failure::{EffectClass, ErrorClass, Failure, Happened};
use crate::ids::{ApprovalId, Name, RunId};
use crate::language::binding::{Bound, RESOLVED_BYTES_MAX, Scope, measure};
use crate::language::condition::Condition;
use crate::payload::Payload;
use crate::workflow::{
    Call, Case, ChildWorkflow, Emit, Gate, Join, Node, NodeKind, OnError, OnTimeout, Require, Risk, Signal,
    Target, Transform, Until, Wait,
};

/// What keeps a call that is ready from beginning. Within a decision it does not go by, and it keeps each call of the same node.
#[derive(Debug)]
pub(super) enum NoStart {
    /// The decision has started as many as one may.
    Full,
    /// A limit of the run is reached.
    NoRoom,
    /// This agent, which the node names, has no slot.
    NoSlot(Name),
}

/// What the inputs and outputs of one run take at most, in bytes of JSON: all of them are in memory while it is carried.
pub const RUN_BYTES_MAX: u64 = 256 * 1024 * 1024;
/// How many runs stand above each other at most.
pub const GENERATIONS_MAX: u32 = 8;

fn data(code: &'static str, message: String) -> Failure {
    Failure::new(ErrorClass::Data, code, message, Happened::No)
}

impl Draft<'_> {
    /// Whether the run may take more values into memory.
    fn has_room_for_values(&self) -> Result<(), Failure> {
        if self.run.bytes < RUN_BYTES_MAX {
            return Ok(());
        }
        let message = format!("the inputs and outputs of the run take more than {RUN_BYTES_MAX} bytes");
        Err(Failure::new(ErrorClass::Budget, "run_too_large", message, Happened::No))
    }

    /// The step may start: its dependencies are satisfied.
    pub(super) fn begin(&mut self, at: StepAt, node: &Node) {
        // Calls say so themselves, and may pause the run.
        if !matches!(node.kind, NodeKind::Call(_))
            && let Err(failure) = self.has_room_for_values()
        {
            return self.fail(at, failure);
        }
        if let Some(condition) = &node.when {
            match self.evaluate(at, condition) {
                Ok(true) => {}
                Ok(false) => {
                    return self.skip(at, SkipCause::Condition { condition: condition.text().to_owned() });
                }
                Err(failure) => return self.fail(at, failure),
            }
        }
        match &node.kind {
            NodeKind::Call(_) => {
                self.start(at, node);
            }
            NodeKind::Gate(gate) => self.ask(at, gate),
            NodeKind::Condition(condition) => match self.evaluate(at, condition) {
                Ok(true) => self.complete(at, json!({ "value": true })),
                Ok(false) => self.skip(at, SkipCause::Condition { condition: condition.text().to_owned() }),
                Err(failure) => self.fail(at, failure),
            },
            NodeKind::Cases(cases) => self.choose(at, cases),
            NodeKind::Parallel(_) => self.complete(at, json!({})),
            NodeKind::Join(join) => match self.gather(node, join) {
                Ok(gathered) => self.complete(at, gathered),
                Err(failure) => self.fail(at, failure),
            },
            NodeKind::Map(map) => self.open_map(at, node, map),
            NodeKind::Loop(_) => self.open_loop(at, node),
            NodeKind::Workflow(child) => self.start_child(at, node, child),
            NodeKind::Wait(wait) => self.wait(at, wait),
            NodeKind::Emit(emit) => self.say(at, emit),
            NodeKind::Transform(transform) => self.make(at, transform),
        }
    }

    fn evaluate(&self, at: StepAt, condition: &Condition) -> Result<bool, Failure> {
        condition.evaluate(&RunScope::at(&self.run, at)).map_err(|error| {
            data("condition_failed", format!("the condition `{}` cannot be read: {error}", condition.text()))
        })
    }

    pub(super) fn bound(&self, at: StepAt, bound: &Bound, what: &str) -> Result<Value, Failure> {
        bound
            .resolve(&RunScope::at(&self.run, at))
            .map_err(|error| data("binding_failed", format!("{what} cannot be made: {error}")))
    }

    /// Takes the first case that is true.
    fn choose(&mut self, at: StepAt, cases: &[Case]) {
        for (number, case) in cases.iter().enumerate() {
            let is_taken = match &case.when {
                None => Ok(true),
                Some(when) => self.evaluate(at, when),
            };
            match is_taken {
                Ok(false) => {}
                Ok(true) => {
                    let to: Vec<String> =
                        case.to.iter().map(|target| self.run.path(*target).to_string()).collect();
                    return self.complete(at, json!({ "case": number, "to": to }));
                }
                Err(failure) => return self.fail(at, failure),
            }
        }
        self.skip(at, SkipCause::Condition { condition: "no case is true".to_owned() });
    }

    /// Whether values can become one.
    pub(super) fn fits_together<'v>(
        &self,
        values: impl IntoIterator<Item = &'v Value>,
    ) -> Result<(), Failure> {
        let mut left = RESOLVED_BYTES_MAX;
        if values.into_iter().try_for_each(|value| measure(value, &mut left)).is_ok() {
            return Ok(());
        }
        let message = format!("what came out is more than {RESOLVED_BYTES_MAX} bytes together");
        Err(data("output_too_large", message))
    }

    /// The outputs of a join's parents by id; skipped ones are absent, ones that failed and may are null.
    fn gather(&self, node: &Node, join: &Join) -> Result<Value, Failure> {
        let scope = RunScope::of(&self.run);
        let is_counted = |edge| matches!(parent_end(&self.run, edge), ParentEnd::Satisfied);
        let id = |parent| self.run.workflow.node(parent).id.to_string();
        if let Some(rule) = &join.merge {
            let counted = node.parents.iter().filter(|edge| is_counted(edge));
            let outputs = counted.filter_map(|edge| {
                scope.output_of(edge.parent.into()).map(|output| (id(edge.parent), output))
            });
            let outputs: Vec<(String, &Value)> = outputs.collect();
            self.fits_together(outputs.iter().map(|(_, output)| *output))?;
            return merge(rule, &outputs).map_err(|error| data("merge_failed", error.to_string()));
        }
        let parents = node.parents.iter().filter_map(|edge| scope.output_of(edge.parent.into()));
        self.fits_together(parents)?;
        let mut outputs = Map::new();
        for edge in &node.parents {
            match &self.run.step(edge.parent).state {
                StepState::Completed { .. } if !is_counted(edge) => {}
                // Who only needs some of them has no use for those that failed.
                StepState::Failed { .. } if !matches!(join.require, Require::All | Require::Collect) => {}
                StepState::Completed { .. } | StepState::Failed { .. } => {
                    let output = scope.output_of(edge.parent.into()).cloned().unwrap_or(Value::Null);
                    outputs.insert(id(edge.parent), output);
                }
                _ => {}
            }
        }
        Ok(Value::Object(outputs))
    }

    /// Begins an attempt of a call. Answers what keeps it from beginning while it is ready, if that is so.
    pub(super) fn start(&mut self, at: StepAt, node: &Node) -> Option<NoStart> {
        let NodeKind::Call(call) = &node.kind else { return None };
        if self.started >= STARTS_AT_ONCE {
            return Some(NoStart::Full);
        }
        let (entry, input) = match self.prepare(at, node, call) {
            Ok(prepared) => prepared,
            Err(failure) => {
                self.fail_call(at, node, failure);
                return None;
            }
        };
        let effect = node.effect.map_or(entry.effect, |own| own.max(entry.effect));
        if effect == EffectClass::Write && self.run.workflow.supervision.strategy.ends_siblings() {
            self.fail_call(at, node, self.would_be_cut_off(&entry.name));
            return None;
        }
        let step = self.run.path(at);
        if self.load.as_ref().is_some_and(|load| !load.has_room(&self.run, at, node)) {
            // Its time has come, and is not what it waits for any more: nobody is to look at the clock again and again.
            if let StepState::Retrying { .. } = self.run.step(at).state {
                self.emit(StepScheduled { step });
            }
            return Some(NoStart::NoRoom);
        }
        // Counted also when there is no slot for it: whoever finds out which slots there are decides once more, and has to
        // come to the same choice.
        match &call.target {
            Target::Capability(_) => self.context.workload.add(&entry.name),
            Target::Agent(_) => self.context.workload.add_known(&entry.name),
        }
        if !self.context.slots.take(&entry.name) {
            if !matches!(self.run.step(at).state, StepState::Scheduled) {
                self.emit(StepScheduled { step });
            }
            return match &call.target {
                Target::Agent(agent) => Some(NoStart::NoSlot(agent.clone())),
                // Another agent may be chosen for the next one.
                Target::Capability(_) => None,
            };
        }
        if let Some(load) = &mut self.load {
            load.add(&self.run, at, node);
        }
        let before = self.run.step(at);
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
        None
    }

    /// A call that cannot be made: it fails, or the run waits until somebody has mended what is in its way.
    fn fail_call(&mut self, at: StepAt, node: &Node, failure: Failure) {
        if node.on_error == OnError::Pause {
            let attempt = self.run.step(at).attempts;
            return self.pause_for(at, attempt, failure, false, Usage::default());
        }
        self.fail(at, failure);
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
        at: StepAt,
        node: &Node,
        call: &Call,
    ) -> Result<(std::sync::Arc<AgentEntry>, Payload), Failure> {
        let step = self.run.step(at);
        let before = step.agent.as_ref().filter(|_| step.input.is_some());
        // Only who was called before knows the key under which calling twice does it once.
        let keeps_to = before.filter(|name| {
            let own = self.context.agents.get(name).map(|entry| entry.effect);
            own.max(node.effect) == Some(EffectClass::Idempotent)
        });
        let entry = self.context.agents.resolve(&call.target, &self.context.workload, keeps_to)?.clone();
        self.has_room_for_values()?;
        if let Some(input) = step.input.as_ref().filter(|_| before == Some(&entry.name)) {
            return Ok((entry, input.clone()));
        }
        let input = match step.input.as_ref().and_then(Payload::value) {
            Some(input) => Value::clone(input),
            None => self.bound(at, &node.input, "the input")?,
        };
        if let Some(schema) = &entry.input_schema {
            schema.validate(&input).map_err(|violations| {
                let text = join_violations(&node.input.explain(&input, violations));
                let message = format!("the input does not fit the input_schema of `{}`: {text}", entry.name);
                data("input_schema_mismatch", message)
            })?;
        }
        Ok((entry, Payload::inline(input)))
    }

    fn ask(&mut self, at: StepAt, gate: &Gate) {
        if self.asked >= QUESTIONS_AT_ONCE {
            return;
        }
        let scope = RunScope::at(&self.run, at);
        let rendered = gate.action.render(&scope).and_then(|action| {
            let impact = gate.impact.as_ref().map(|text| text.render(&scope)).transpose()?;
            Ok((action, impact))
        });
        let (action, impact) = match rendered {
            Ok(texts) => texts,
            Err(error) => {
                return self
                    .fail(at, data("text_failed", format!("the question cannot be written: {error}")));
            }
        };
        let expires_at = match gate.on_timeout {
            OnTimeout::Reject | OnTimeout::Approve => gate.timeout.map(|timeout| self.after(timeout)),
            OnTimeout::Wait => None,
        };
        drop(scope);
        let approval = self.question(at, action, impact, gate.risk, expires_at);
        let step = self.run.path(at);
        self.emit(StepWaiting { approval: Some(approval), ..StepWaiting::new(step, WaitReason::Approval) });
    }

    /// Puts a question; the step says next that it waits for the answer.
    pub(super) fn question(
        &mut self,
        at: StepAt,
        action: String,
        impact: Option<String>,
        risk: Risk,
        expires_at: Option<Timestamp>,
    ) -> ApprovalId {
        self.asked += 1;
        let approval = ApprovalId(self.context.ids.fresh());
        let step = self.run.path(at);
        let shown = json!([step, action, impact, risk]).to_string();
        self.emit(ApprovalRequested {
            approval,
            step,
            action: Payload::inline(Value::String(action)),
            impact: impact.map(|text| Payload::inline(Value::String(text))),
            risk,
            shown: blake3::hash(shown.as_bytes()).to_hex().to_string(),
            expires_at,
        });
        approval
    }

    /// Starts a run of another workflow: whoever carries this one sees to it that it exists, and says how it ended.
    fn start_child(&mut self, at: StepAt, node: &Node, child: &ChildWorkflow) {
        if self.started >= STARTS_AT_ONCE {
            return;
        }
        let above = self.run.parent.as_ref().map_or(0, |parent| parent.generation);
        if above + 1 > GENERATIONS_MAX {
            let message = format!("more than {GENERATIONS_MAX} runs would stand above `{}`", child.workflow);
            let failure = Failure::new(ErrorClass::Configuration, "child_too_deep", message, Happened::No);
            return self.fail(at, failure);
        }
        let input = match self.bound(at, &node.input, "the input") {
            Ok(input) => Payload::inline(input),
            Err(failure) => return self.fail(at, failure),
        };
        let run = RunId(self.context.ids.fresh());
        let (workflow, version) = (child.workflow.clone(), child.version);
        let step = self.run.path(at);
        self.started += 1;
        self.emit(StepWaiting {
            child: Some(ChildRun { run, workflow, version }),
            input: Some(input),
            ..StepWaiting::new(step, WaitReason::Child)
        });
    }

    fn wait(&mut self, at: StepAt, wait: &Wait) {
        let until = match wait {
            Wait::For(time) => self.after(*time),
            Wait::Until(Until::At(time)) => *time,
            Wait::Until(Until::Bound(bound)) => match self.time(at, bound) {
                Ok(time) => time,
                Err(failure) => return self.fail(at, failure),
            },
            Wait::Signal(signal) => {
                let until = signal.timeout.map(|timeout| self.after(timeout));
                if self.run.signal_for(signal).is_none() {
                    let step = self.run.path(at);
                    let signal = Some(signal.name.clone());
                    self.emit(StepWaiting { until, signal, ..StepWaiting::new(step, WaitReason::Signal) });
                }
                return self.listen(at, signal, until);
            }
        };
        if until <= self.context.now {
            return self.complete(at, json!({ "at": until.to_string() }));
        }
        let step = self.run.path(at);
        self.emit(StepWaiting { until: Some(until), ..StepWaiting::new(step, WaitReason::Time) });
    }

    fn time(&self, at: StepAt, bound: &Bound) -> Result<Timestamp, Failure> {
        let value = self.bound(at, bound, "the time")?;
        let time = value.as_str().and_then(|text| text.parse().ok());
        time.ok_or_else(|| {
            data("time_expected", format!("`until` is a time like `2026-12-24T18:00:00Z`, not {value}"))
        })
    }

    /// Takes the signal if it is there, and gives up waiting for it when the time is over.
    pub(super) fn listen(&mut self, at: StepAt, signal: &Signal, until: Option<Timestamp>) {
        let place = self.run.signal_for(signal);
        let there = place.and_then(|place| Some((place, self.run.signals.get(place)?.payload.clone())));
        if let Some((place, output)) = there {
            let (step, signal, usage) = (self.run.path(at), u32::try_from(place).ok(), Usage::default());
            return self.emit(StepCompleted { step, attempt: None, output, signal, usage });
        }
        if until.is_some_and(|until| until <= self.context.now) {
            let message = format!("nobody sent the signal `{}` in time", signal.name);
            self.fail(at, Failure::new(ErrorClass::Timeout, "signal_timeout", message, Happened::No));
        }
    }

    fn say(&mut self, at: StepAt, emit: &Emit) {
        match self.bound(at, &emit.data, "the data") {
            Ok(data) => {
                let step = self.run.path(at);
                self.emit(EventEmitted { step, event: emit.event.clone(), data: Payload::inline(data) });
                self.complete(at, json!({ "event": emit.event }));
            }
            Err(failure) => self.fail(at, failure),
        }
    }

    fn make(&mut self, at: StepAt, transform: &Transform) {
        let scope = RunScope::at(&self.run, at);
        let made = match transform {
            Transform::Value(bound) => self.bound(at, bound, "the value"),
            Transform::Expression(expression) => {
                let text = |error| format!("the expression `{}` gives no value: {error}", expression.text());
                expression.value(&scope as &dyn Scope).map_err(|error| data("expression_failed", text(error)))
            }
        };
        drop(scope);
        match made {
            Ok(value) => self.complete(at, value),
            Err(failure) => self.fail(at, failure),
        }
    }
}
