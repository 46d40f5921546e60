//! The state of a run: the fold of its events.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, LazyLock};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::place::StepAt;
pub use super::status::{RunStatus, StepStatus};
use crate::event::{ChildRun, Decision, ParentStep, PauseReason, RunResult, SkipCause, Usage, WaitReason};
use crate::failure::{EffectClass, Failure, Happened};
use crate::ids::{ApprovalId, AttemptId, DefinitionHash, Name, NodeId, RunId, StepPath};
use crate::payload::Payload;
use crate::priority::Priority;
use crate::workflow::{Aside, Node, NodeIndex, NodeKind, Risk, Signal, Wait, Workflow};

/// One execution of a step, from its `step.started` on.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Attempt {
    /// From 1 over the life of the step.
    pub number: u32,
    /// Part of the idempotency key.
    pub iteration: u32,
    /// The store's epoch in which it began.
    pub epoch: u64,
    /// Who is called.
    pub agent: Name,
    /// Content hash of the agent's definition.
    pub agent_version: DefinitionHash,
    /// What calling twice does.
    pub effect: EffectClass,
    /// What the agent gets.
    pub input: Payload,
    /// Its longest time, in milliseconds.
    pub timeout_ms: u64,
    /// When it began.
    pub started_at: Timestamp,
}

/// What came out of an attempt, before it is the output of its step.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Made {
    /// The attempt.
    pub attempt: u32,
    /// What it brought.
    pub output: Payload,
}

/// How an attempt ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AttemptEnd {
    /// Its own result was taken.
    Reported,
    /// It was cut off before it could report.
    Lost,
}

/// Where a step stands, each state with just the data valid in it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "state")]
pub enum StepState {
    /// Its dependencies have not ended.
    Pending,
    /// Ready, but no slot is free.
    Scheduled,
    /// Ready to run again after an interruption.
    Ready,
    /// An attempt is under way.
    Running {
        /// The attempt.
        attempt: Box<Attempt>,
    },
    /// Its items or passes are under way.
    Open,
    /// It waits for a time.
    AwaitingTime {
        /// Which.
        until: Timestamp,
    },
    /// It waits for a signal.
    AwaitingSignal {
        /// How long at most.
        until: Option<Timestamp>,
    },
    /// It waits for the end of a run that it started.
    AwaitingChild {
        /// Which run, of which workflow.
        child: ChildRun,
    },
    /// A person is asked.
    AwaitingApproval {
        /// The question.
        approval: ApprovalId,
        /// What came out of the attempt about which the person is asked; none when a gate asks.
        about: Option<Box<Made>>,
    },
    /// Somebody has to say whether what came out is good enough.
    AwaitingVerdict {
        /// What came out, and of which attempt.
        made: Box<Made>,
    },
    /// Nobody knows whether a write happened.
    AwaitingReconcile {
        /// The attempt in question.
        attempt: u32,
        /// How it ended.
        failure: Failure,
    },
    /// The next attempt has its time.
    Retrying {
        /// When.
        retry_at: Timestamp,
        /// How the last attempt failed.
        failure: Failure,
    },
    /// Ended with its output.
    Completed {
        /// What came out.
        output: Payload,
    },
    /// Ended without.
    Failed {
        /// Why.
        failure: Failure,
    },
    /// Was not needed or could not start.
    Skipped {
        /// Why.
        cause: SkipCause,
    },
    /// Ended with its run.
    Cancelled,
}

impl StepState {
    /// The status that people see, and what it waits for.
    #[must_use]
    pub fn status(&self) -> (StepStatus, Option<WaitReason>) {
        match self {
            Self::Pending => (StepStatus::Pending, None),
            Self::Scheduled => (StepStatus::Waiting, Some(WaitReason::Slot)),
            Self::Ready => (StepStatus::Ready, None),
            Self::Running { .. } | Self::Open => (StepStatus::Running, None),
            Self::AwaitingTime { .. } => (StepStatus::Waiting, Some(WaitReason::Time)),
            Self::AwaitingSignal { .. } => (StepStatus::Waiting, Some(WaitReason::Signal)),
            Self::AwaitingChild { .. } => (StepStatus::Waiting, Some(WaitReason::Child)),
            Self::AwaitingApproval { .. } => (StepStatus::Waiting, Some(WaitReason::Approval)),
            Self::AwaitingVerdict { .. } => (StepStatus::Waiting, Some(WaitReason::Verdict)),
            Self::AwaitingReconcile { .. } => (StepStatus::Waiting, Some(WaitReason::Reconcile)),
            Self::Retrying { .. } => (StepStatus::Retrying, None),
            Self::Completed { .. } => (StepStatus::Completed, None),
            Self::Failed { .. } => (StepStatus::Failed, None),
            Self::Skipped { .. } => (StepStatus::Skipped, None),
            Self::Cancelled => (StepStatus::Cancelled, None),
        }
    }

    /// Whether the step has ended.
    #[must_use]
    pub fn has_ended(&self) -> bool {
        match self {
            Self::Completed { .. } | Self::Failed { .. } | Self::Skipped { .. } | Self::Cancelled => true,
            Self::Pending
            | Self::Scheduled
            | Self::Ready
            | Self::Running { .. }
            | Self::Open
            | Self::AwaitingTime { .. }
            | Self::AwaitingSignal { .. }
            | Self::AwaitingChild { .. }
            | Self::AwaitingApproval { .. }
            | Self::AwaitingVerdict { .. }
            | Self::AwaitingReconcile { .. }
            | Self::Retrying { .. } => false,
        }
    }
}

/// A step of a run. What is as it was at the beginning takes no room in a snapshot: most of what most steps could say.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Step {
    /// Where it stands.
    pub state: StepState,
    /// From 1; a re-run or a retry by a person raises it.
    pub iteration: u32,
    /// Attempts begun so far.
    #[serde(skip_serializing_if = "is_zero")]
    pub attempts: u32,
    /// Attempts of this iteration that failed by themselves.
    #[serde(skip_serializing_if = "is_zero")]
    pub failed: u32,
    /// How each attempt ended that has.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub ends: BTreeMap<u32, AttemptEnd>,
    /// Late results that were recorded as discarded.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub discarded: Vec<u32>,
    /// When its first attempt began, or it began to wait.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub started_at: Option<Timestamp>,
    /// When it ended.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ended_at: Option<Timestamp>,
    /// Since when it is in its state.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub since: Option<Timestamp>,
    /// What its attempts used.
    #[serde(skip_serializing_if = "Usage::is_nothing")]
    pub usage: Usage,
    /// Who was called last.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub agent: Option<Name>,
    /// What the last attempt got; of a map the list that it goes over.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub input: Option<Payload>,
    /// Whether it was cancelled because another branch was faster.
    #[serde(skip_serializing_if = "is_false")]
    pub lost_race: bool,
    /// How often it was done again because what came out was not good enough, in this round.
    #[serde(skip_serializing_if = "is_zero")]
    pub redone: u32,
    /// Whether its effect happened although it was cancelled, as far as anybody knows.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub happened: Option<Happened>,
    /// Whether what it did was made good.
    #[serde(skip_serializing_if = "is_false")]
    pub compensated: bool,
    /// The highest class of its attempts, of all iterations.
    #[serde(default)]
    pub effect: Option<EffectClass>,
    /// Of its attempts that may change something and have ended without an output, of all iterations: the worst that is known.
    #[serde(default)]
    pub known: Option<Happened>,
    /// The run that it started last.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub child: Option<ChildRun>,
    /// The items of a map, the passes of a loop.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub items: Vec<Arc<Step>>,
    /// Items and passes from before it began anew, by place. Those that take their places count on from them, so that no attempt and
    /// no key stands for two things.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub former: BTreeMap<u32, Arc<Step>>,
    /// What stands beside it, as far as that was asked for.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub beside: BTreeMap<Aside, Arc<Step>>,
}

fn is_zero(number: &u32) -> bool {
    *number == 0
}

fn is_false(flag: &bool) -> bool {
    !flag
}

impl Default for Step {
    fn default() -> Self {
        Self {
            state: StepState::Pending,
            iteration: 1,
            attempts: 0,
            failed: 0,
            ends: BTreeMap::new(),
            discarded: Vec::new(),
            started_at: None,
            ended_at: None,
            since: None,
            usage: Usage::default(),
            agent: None,
            input: None,
            lost_race: false,
            redone: 0,
            happened: None,
            compensated: false,
            effect: None,
            known: None,
            child: None,
            items: Vec::new(),
            former: BTreeMap::new(),
            beside: BTreeMap::new(),
        }
    }
}

/// A signal that came and that nobody has taken yet.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ReceivedSignal {
    /// Its name.
    pub name: Name,
    /// What it says.
    pub payload: Payload,
}

/// A question to a person.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Approval {
    /// The gate.
    pub step: StepPath,
    /// What will be done.
    pub action: Payload,
    /// What that means.
    pub impact: Option<Payload>,
    /// How dangerous it is.
    pub risk: Risk,
    /// Hash of what is shown.
    pub shown: String,
    /// When it was asked.
    pub requested_at: Timestamp,
    /// When it runs out.
    pub expires_at: Option<Timestamp>,
    /// How it ended, when, and who said so.
    pub decided: Option<(Decision, Timestamp, Option<String>)>,
}

/// A run.
///
/// Cheap to clone: the steps are shared until they change, so that a decision can look ahead on a copy.
#[derive(Debug, Clone)]
pub struct Run {
    /// What it runs.
    pub workflow: Arc<Workflow>,
    /// Its id.
    pub id: RunId,
    /// Version of the workflow; 0 for a definition of its own.
    pub version: u64,
    /// Where it stands.
    pub status: RunStatus,
    /// Why it is paused.
    pub pause: Option<PauseReason>,
    /// More about why it is paused, for people.
    pub pause_message: Option<Arc<str>>,
    /// Whether somebody asked to cancel it.
    pub cancel_requested: bool,
    /// Why, for people.
    pub cancel_reason: Option<Arc<str>>,
    /// Whether nothing is compensated then.
    pub killed: bool,
    /// What it was given.
    pub input: Payload,
    /// The context it was given, over the workflow's defaults.
    pub context: Payload,
    /// Labels.
    pub labels: Arc<BTreeMap<String, String>>,
    /// Its steps, by [`NodeIndex`].
    pub steps: Vec<Arc<Step>>,
    /// Its questions.
    pub approvals: BTreeMap<ApprovalId, Arc<Approval>>,
    /// Signals that nobody has taken yet, in the order in which they came.
    pub signals: Vec<Arc<ReceivedSignal>>,
    /// How many items and passes have been opened in it.
    pub inside: usize,
    /// The steps that had begun and that its plan does not have any more.
    pub left_out: BTreeMap<NodeId, Arc<Step>>,
    /// What its values take, in bytes of JSON: inputs and outputs of all attempts and steps so far.
    pub bytes: u64,
    /// How many attempts are made at the same time; the workflow's own number unless somebody changed it.
    pub max_parallel: Option<u32>,
    /// How urgent it is.
    pub priority: Priority,
    /// How urgent the run whose step started it made it last; somebody else may have said otherwise since.
    pub inherited: Option<Priority>,
    /// Whether its priority was ever changed. As long as it was not, runs that its steps started know it from their beginning.
    pub was_reprioritised: bool,
    /// The run whose step started it.
    pub parent: Option<ParentStep>,
    /// When it was created.
    pub created_at: Option<Timestamp>,
    /// When it ended.
    pub ended_at: Option<Timestamp>,
    /// Its output.
    pub output: Option<Payload>,
    /// Whether the output has everything.
    pub result: Option<RunResult>,
    /// Why it failed.
    pub failure: Option<(Option<StepPath>, Failure)>,
    /// Sequence of the last event folded, within the run.
    pub sequence: u64,
    /// Sequence of the event that says what it runs: its first one, until its plan is changed.
    pub planned_at: u64,
}

impl Run {
    /// A run of `workflow` before its first event.
    #[must_use]
    pub fn new(id: RunId, workflow: Arc<Workflow>) -> Self {
        let fresh = Arc::new(Step::default());
        Self {
            steps: vec![fresh; workflow.nodes.len()],
            max_parallel: workflow.max_parallel,
            priority: workflow.priority,
            inherited: None,
            was_reprioritised: false,
            workflow,
            id,
            version: 0,
            status: RunStatus::Pending,
            pause: None,
            pause_message: None,
            cancel_requested: false,
            cancel_reason: None,
            killed: false,
            input: Payload::inline(Value::Null),
            context: Payload::inline(Value::Object(serde_json::Map::new())),
            labels: Arc::default(),
            approvals: BTreeMap::new(),
            signals: Vec::new(),
            inside: 0,
            left_out: BTreeMap::new(),
            bytes: 0,
            parent: None,
            created_at: None,
            ended_at: None,
            output: None,
            result: None,
            failure: None,
            sequence: 0,
            planned_at: 1,
        }
    }

    /// The step at this place; a fresh one where the run has not got to.
    ///
    /// # Panics
    /// If the place is in another workflow.
    #[must_use]
    pub fn step(&self, at: impl Into<StepAt>) -> &Step {
        static FRESH: LazyLock<Step> = LazyLock::new(Step::default);
        let at = at.into();
        let top: &Step = &self.steps[at.node.at()];
        let mut step = top;
        for item in at.items() {
            match step.items.get(*item as usize).or_else(|| step.former.get(item)) {
                Some(inner) => step = inner,
                None => return &FRESH,
            }
        }
        match at.aside() {
            None => step,
            Some(aside) => step.beside.get(&aside).map_or(&FRESH, |beside| beside),
        }
    }

    /// The step of that path, if the run has got to it.
    #[must_use]
    pub fn find(&self, path: &StepPath) -> Option<StepAt> {
        let at = self.workflow.locate(path)?;
        let mut step: &Step = self.steps.get(at.node.at())?;
        for item in at.items() {
            step = step.items.get(*item as usize)?;
        }
        match at.aside() {
            Some(aside) if !step.beside.contains_key(&aside) => None,
            _ => Some(at),
        }
    }

    /// Whether nothing of it begins until it is resumed. One that is paused and being cancelled goes on to its end: what it has done
    /// is made good, in slots and at times like anything else.
    #[must_use]
    pub fn is_held(&self) -> bool {
        self.status == RunStatus::Paused && !self.cancel_requested
    }

    /// The node of the step at this place.
    #[must_use]
    pub fn node(&self, at: impl Into<StepAt>) -> &Node {
        self.workflow.node_at(at.into())
    }

    /// Every node with its step, in topological order.
    pub fn iter(&self) -> impl Iterator<Item = (NodeIndex, &NodeId, &Step)> {
        self.workflow
            .nodes
            .iter()
            .zip(&self.steps)
            .enumerate()
            .map(|(at, (node, step))| (NodeIndex(u32::try_from(at).unwrap_or(u32::MAX)), &node.id, &**step))
    }

    /// The path of the step at this place.
    #[must_use]
    pub fn path(&self, at: impl Into<StepAt>) -> StepPath {
        self.workflow.path_at(at.into())
    }

    /// What the step's key to the outside is: the same over all attempts of an iteration.
    #[must_use]
    pub fn key(&self, at: impl Into<StepAt>) -> String {
        let at = at.into();
        idempotency_key(self.id, &self.path(at), self.step(at).iteration)
    }

    /// The attempt under way in the step at this place.
    #[must_use]
    pub fn attempt(&self, at: impl Into<StepAt>) -> Option<&Attempt> {
        match &self.step(at).state {
            StepState::Running { attempt } => Some(attempt),
            _ => None,
        }
    }

    /// Whether `id` is the attempt under way.
    #[must_use]
    pub fn is_outstanding(&self, id: &AttemptId) -> bool {
        self.find(&id.step).and_then(|at| self.attempt(at)).is_some_and(|attempt| attempt.number == id.number)
    }

    /// The first signal that came and that this wait would take, by its place in the list.
    #[must_use]
    pub fn signal_for(&self, wait: &Signal) -> Option<usize> {
        self.signals.iter().position(|signal| {
            let fits = |schema: &crate::language::schema::Schema| {
                signal.payload.value().is_some_and(|payload| schema.validate(payload).is_ok())
            };
            signal.name == wait.name && wait.schema.as_ref().is_none_or(fits)
        })
    }

    /// The waits for signals of the workflow, those inside of maps and loops included.
    pub fn waits_for_signals(&self) -> impl Iterator<Item = &Signal> {
        self.workflow.nodes.iter().filter_map(|node| {
            match &std::iter::successors(Some(node), |node| node.kind.body()).last()?.kind {
                NodeKind::Wait(Wait::Signal(signal)) => Some(signal),
                _ => None,
            }
        })
    }

    /// The steps that did not do what they were there for: failed, cancelled, or skipped because of a failure. What a
    /// condition skipped was not needed.
    #[must_use]
    pub fn left_undone(&self) -> Vec<StepPath> {
        self.walk()
            .filter(|(at, _, step)| match &step.state {
                // What stands beside a step serves it, and has no result of its own.
                _ if at.aside().is_some() => false,
                StepState::Failed { .. } => true,
                StepState::Cancelled => !step.lost_race,
                StepState::Skipped { cause } => cause.is_failure(),
                _ => false,
            })
            .map(|(at, _, _)| self.path(at))
            .collect()
    }

    /// The steps that are done again when the run is opened again: what was left undone, inside of others only where these
    /// were left undone too, and of a loop its last pass.
    #[must_use]
    pub fn to_reopen(&self) -> Vec<StepPath> {
        let undone: BTreeSet<StepPath> = self.left_undone().into_iter().collect();
        let is_undone = |at: StepAt| undone.contains(&self.path(at));
        let is_wanted = |at: StepAt| {
            let mut place = at;
            while let Some((around, number)) = place.outside() {
                let passes = self.step(around).items.len();
                let is_last = number as usize + 1 == passes;
                if !is_undone(around) || (matches!(self.node(around).kind, NodeKind::Loop(_)) && !is_last) {
                    return false;
                }
                place = around;
            }
            is_undone(at)
        };
        self.walk().map(|(at, _, _)| at).filter(|at| is_wanted(*at)).map(|at| self.path(at)).collect()
    }
}

/// The key under which the outside knows a step's work: `{run}/{step}/{iteration}`.
#[must_use]
pub fn idempotency_key(run: RunId, step: &StepPath, iteration: u32) -> String {
    format!("{run}/{step}/{iteration}")
}
