//! What nodes do: one type for each type of node.

use std::collections::BTreeMap;
use std::time::Duration;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::{Node, NodeIndex};
use crate::ids::{Name, NodeId};
use crate::language::binding::Bound;
use crate::language::condition::Condition;
use crate::language::schema::Schema;
use crate::language::text::Text;

/// What a node does.
#[derive(Debug)]
pub enum NodeKind {
    /// Calls an agent or a tool.
    Call(Call),
    /// Asks a person.
    Gate(Gate),
    /// Decides: true completes, false skips.
    Condition(Condition),
    /// Chooses: the targets of the first true case are taken, those of the others skipped.
    Cases(Vec<Case>),
    /// Opens branches; completes at once.
    Parallel(Parallel),
    /// Waits for its parents as `require` says and gathers their outputs.
    Join(Join),
    /// Does the same for every item of a list.
    Map(Box<Map>),
    /// Does the same again until a condition holds.
    Loop(Box<Loop>),
    /// Runs another workflow and waits for it.
    Workflow(ChildWorkflow),
    /// Waits for a time or a signal.
    Wait(Wait),
    /// Writes an event for whoever listens.
    Emit(Emit),
    /// Makes a value.
    Transform(Transform),
}

impl NodeKind {
    /// The type as it stands in files and in the API.
    #[must_use]
    pub fn type_name(&self) -> &'static str {
        match self {
            Self::Call(Call { tool: false, .. }) => "agent_call",
            Self::Call(Call { tool: true, .. }) => "tool_call",
            Self::Gate(_) => "human_gate",
            Self::Condition(_) | Self::Cases(_) => "condition",
            Self::Parallel(_) => "parallel",
            Self::Join(_) => "join",
            Self::Map(_) => "map",
            Self::Loop(_) => "loop",
            Self::Workflow(_) => "workflow",
            Self::Wait(_) => "wait",
            Self::Emit(_) => "emit",
            Self::Transform(_) => "transform",
        }
    }

    /// The node that a map or a loop does for each item or pass.
    #[must_use]
    pub fn body(&self) -> Option<&Node> {
        match self {
            Self::Map(map) => Some(&map.body),
            Self::Loop(repeat) => Some(&repeat.body),
            Self::Call(_)
            | Self::Gate(_)
            | Self::Condition(_)
            | Self::Cases(_)
            | Self::Parallel(_)
            | Self::Join(_)
            | Self::Workflow(_)
            | Self::Wait(_)
            | Self::Emit(_)
            | Self::Transform(_) => None,
        }
    }
}

/// A call of an agent or a tool.
#[derive(Debug)]
pub struct Call {
    /// Whom to call.
    pub target: Target,
    /// Whether it stands as `tool_call` in the document.
    pub tool: bool,
}

/// Whom a call names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Target {
    /// This agent or tool.
    Agent(Name),
    /// The least busy enabled agent that offers this capability.
    Capability(Name),
}

/// A call that stands beside the one of its node, and is made when something asks for it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Aside {
    /// Says whether what came out is good enough.
    Judge,
    /// Finds out whether an interrupted write happened.
    Verify,
    /// Makes good what was done, when the run is cancelled.
    Compensate,
}

impl Aside {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Judge, Self::Verify, Self::Compensate];

    /// The word, as it stands in files and in paths of steps.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Judge => "judge",
            Self::Verify => "verify",
            Self::Compensate => "compensate",
        }
    }

    /// Where it stands in its node, as a JSON pointer.
    #[must_use]
    pub fn pointer(self) -> &'static str {
        match self {
            Self::Judge => "/success/judge",
            Self::Verify => "/verify",
            Self::Compensate => "/compensate",
        }
    }
}

/// What has to be true of what comes out of a call.
#[derive(Debug)]
pub struct Success {
    /// What it must look like.
    pub schema: Option<Schema>,
    /// What must hold of it.
    pub assertions: Vec<Assertion>,
    /// Who says whether it is good enough.
    pub judge: Option<Node>,
    /// How often it is done again when it is not.
    pub redo: u32,
    /// What becomes of the step then.
    pub on_reject: OnReject,
}

/// What must hold of what comes out of a call.
#[derive(Debug)]
pub struct Assertion {
    /// The condition; it reads `output`.
    pub that: Condition,
    /// What it means when it does not hold, for people.
    pub message: Option<String>,
}

/// What becomes of a step whose output is not good enough, however often it was made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OnReject {
    /// It fails.
    Fail,
    /// A person decides.
    Escalate,
}

/// A question to a person.
#[derive(Debug)]
pub struct Gate {
    /// What will be done.
    pub action: Text,
    /// What that means.
    pub impact: Option<Text>,
    /// How dangerous it is.
    pub risk: Risk,
    /// How long the question stands; none: until somebody answers.
    pub timeout: Option<Duration>,
    /// What happens when the time is over.
    pub on_timeout: OnTimeout,
    /// What changes an approver may make.
    pub form: Option<Schema>,
}

/// How dangerous an action is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Risk {
    /// Easily undone.
    Low,
    /// The default.
    Medium,
    /// Hurts when wrong.
    High,
    /// Hurts many when wrong.
    Critical,
}

/// What an approval does when its time is over.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OnTimeout {
    /// Ends the step as rejected.
    Reject,
    /// Goes on as if approved.
    Approve,
    /// Stays open.
    Wait,
}

impl OnTimeout {
    /// The word as it stands in files and in the API.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Reject => "reject",
            Self::Approve => "approve",
            Self::Wait => "wait",
        }
    }
}

/// One way of a `condition` with `cases`.
#[derive(Debug)]
pub struct Case {
    /// When it is taken; none: always.
    pub when: Option<Condition>,
    /// Where it leads.
    pub to: Vec<NodeIndex>,
}

/// Opening of branches.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Parallel {
    /// How many attempts of its branches' nodes are made at the same time.
    pub max_parallel: Option<u32>,
    /// Its branches, in the order of the document.
    pub branches: Vec<Branch>,
}

/// One branch of a `parallel`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Branch {
    /// Its name.
    pub name: NodeId,
    /// Its nodes, one after another.
    pub nodes: Vec<NodeIndex>,
}

/// Gathering of branches.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Join {
    /// How many parents must complete.
    pub require: Require,
    /// How their outputs become one; none: a mapping by parent.
    pub merge: Option<Merge>,
}

/// How many parents of a join must complete.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Require {
    /// Every parent that was not skipped, and at least one.
    All,
    /// The first one; the others go on.
    Any,
    /// The first one; the others are cancelled.
    FirstSuccess,
    /// So many; the others go on.
    Quorum(u32),
    /// None: all have to end, whatever way.
    Collect,
}

/// How the outputs of a join's parents become one value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Merge {
    /// The same for all keys.
    Whole(MergeWord),
    /// Key by key; keys that are not named must not be in two outputs with different values.
    Keys(BTreeMap<String, MergeWord>),
}

/// What becomes of two values of one key. Always in the order of `needs`, never of time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MergeWord {
    /// The join fails, unless they are equal.
    Error,
    /// The first one stays.
    First,
    /// The last one stays.
    Last,
    /// A list of both; lists are joined.
    Append,
    /// Numbers are added.
    Sum,
    /// Mappings are merged in depth; of anything else the last one stays.
    DeepMerge,
}

/// The same node for every item of a list.
#[derive(Debug)]
pub struct Map {
    /// The list.
    pub over: Bound,
    /// How many items are under way at the same time.
    pub max_parallel: Option<u32>,
    /// What is done for each.
    pub body: Node,
}

/// The same node again and again.
#[derive(Debug)]
pub struct Loop {
    /// Read after each pass; true ends the loop.
    pub until: Condition,
    /// The most passes; after them the loop ends as it is.
    pub max: u32,
    /// What is done in each.
    pub body: Node,
}

/// A run of another workflow.
#[derive(Debug)]
pub struct ChildWorkflow {
    /// Which.
    pub workflow: Name,
    /// Its version; none: the latest when the step starts.
    pub version: Option<u64>,
    /// What becomes of it when its parent is cancelled.
    pub on_parent_cancel: OnParentCancel,
}

/// What becomes of a child run when its parent is cancelled.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OnParentCancel {
    /// It is cancelled too, and the parent waits for that.
    Cancel,
    /// It goes on by itself.
    Abandon,
}

/// Waiting for a time or a signal.
#[derive(Debug)]
pub enum Wait {
    /// So long.
    For(Duration),
    /// Until this time.
    Until(Until),
    /// Until somebody sends this signal to the run.
    Signal(Signal),
}

/// A time to wait for.
#[derive(Debug)]
pub enum Until {
    /// Written out.
    At(Timestamp),
    /// A value of the run: a time as RFC 3339 writes it.
    Bound(Bound),
}

/// A signal to wait for.
#[derive(Debug)]
pub struct Signal {
    /// Its name.
    pub name: Name,
    /// What its payload must look like.
    pub schema: Option<Schema>,
    /// After which time the step fails.
    pub timeout: Option<Duration>,
}

/// Writing of an event.
#[derive(Debug)]
pub struct Emit {
    /// Its name.
    pub event: String,
    /// What it says.
    pub data: Bound,
}

/// Making of a value.
#[derive(Debug)]
pub enum Transform {
    /// JSON with bindings.
    Value(Bound),
    /// What a CEL expression gives.
    Expression(Condition),
}
