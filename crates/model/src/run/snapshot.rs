//! A run as bytes, so that its actor need not fold a long history from the beginning. A cache and never the truth: what does
//! not read, or is of another format or definition, is forgotten and the journal is folded.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::io;
use std::sync::Arc;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::state::{Approval, ReceivedSignal, Run, RunStatus, Step};
use crate::event::{ParentStep, PauseReason, RunResult};
use crate::failure::Failure;
use crate::ids::{ApprovalId, DefinitionHash, NodeId, RunId, StepPath};
use crate::payload::Payload;
use crate::priority::Priority;
use crate::workflow::Workflow;

/// The format that this program writes. Raised with every change of the state.
pub const SNAPSHOT_FORMAT: u32 = 8;

#[derive(Serialize, Deserialize)]
struct Frozen<'a> {
    definition: DefinitionHash,
    version: u64,
    status: RunStatus,
    pause: Option<PauseReason>,
    pause_message: Option<Arc<str>>,
    cancel_requested: bool,
    cancel_reason: Option<Arc<str>>,
    killed: bool,
    input: Cow<'a, Payload>,
    context: Cow<'a, Payload>,
    labels: Cow<'a, BTreeMap<String, String>>,
    steps: Cow<'a, [Arc<Step>]>,
    approvals: Cow<'a, BTreeMap<ApprovalId, Arc<Approval>>>,
    signals: Cow<'a, [Arc<ReceivedSignal>]>,
    inside: usize,
    left_out: Cow<'a, BTreeMap<NodeId, Arc<Step>>>,
    bytes: u64,
    max_parallel: Option<u32>,
    priority: Priority,
    inherited: Option<Priority>,
    was_reprioritised: bool,
    parent: Cow<'a, Option<ParentStep>>,
    created_at: Option<Timestamp>,
    ended_at: Option<Timestamp>,
    output: Cow<'a, Option<Payload>>,
    result: Option<RunResult>,
    failure: Cow<'a, Option<(Option<StepPath>, Failure)>>,
    sequence: u64,
    planned_at: u64,
}

/// The state as bytes; `None` when it takes more than `bytes_max`, which is found out without writing more than that.
#[must_use]
pub fn freeze(run: &Run, bytes_max: usize) -> Option<Vec<u8>> {
    let frozen = Frozen {
        definition: run.workflow.hash,
        version: run.version,
        status: run.status,
        pause: run.pause,
        pause_message: run.pause_message.clone(),
        cancel_requested: run.cancel_requested,
        cancel_reason: run.cancel_reason.clone(),
        killed: run.killed,
        input: Cow::Borrowed(&run.input),
        context: Cow::Borrowed(&run.context),
        labels: Cow::Borrowed(&run.labels),
        steps: Cow::Borrowed(&run.steps),
        approvals: Cow::Borrowed(&run.approvals),
        signals: Cow::Borrowed(&run.signals),
        inside: run.inside,
        left_out: Cow::Borrowed(&run.left_out),
        bytes: run.bytes,
        max_parallel: run.max_parallel,
        priority: run.priority,
        inherited: run.inherited,
        was_reprioritised: run.was_reprioritised,
        parent: Cow::Borrowed(&run.parent),
        created_at: run.created_at,
        ended_at: run.ended_at,
        output: Cow::Borrowed(&run.output),
        result: run.result,
        failure: Cow::Borrowed(&run.failure),
        sequence: run.sequence,
        planned_at: run.planned_at,
    };
    let mut bytes = Bounded { bytes: Vec::new(), bytes_max };
    serde_json::to_writer(&mut bytes, &frozen).ok()?;
    Some(bytes.bytes)
}

/// Bytes up to a bound.
struct Bounded {
    bytes: Vec<u8>,
    bytes_max: usize,
}

impl io::Write for Bounded {
    fn write(&mut self, more: &[u8]) -> io::Result<usize> {
        if self.bytes.len() + more.len() > self.bytes_max {
            return Err(io::ErrorKind::WriteZero.into());
        }
        self.bytes.extend_from_slice(more);
        Ok(more.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// The state that `bytes` hold; `None` when they do not read or belong to another definition. `planned` finds what the run
/// follows by the sequence of the event that says it ([`Run::planned_at`]).
///
/// # Errors
/// What `planned` says.
pub fn thaw<E>(
    id: RunId,
    bytes: &[u8],
    planned: impl FnOnce(u64) -> Result<Option<Arc<Workflow>>, E>,
) -> Result<Option<Run>, E> {
    let Ok(frozen) = serde_json::from_slice::<Frozen<'_>>(bytes) else { return Ok(None) };
    let workflow = planned(frozen.planned_at)?
        .filter(|workflow| frozen.definition == workflow.hash && frozen.steps.len() == workflow.nodes.len());
    Ok(workflow.map(|workflow| frozen.into_run(id, workflow)))
}

impl Frozen<'_> {
    fn into_run(self, id: RunId, workflow: Arc<Workflow>) -> Run {
        Run {
            workflow,
            id,
            version: self.version,
            status: self.status,
            pause: self.pause,
            pause_message: self.pause_message,
            cancel_requested: self.cancel_requested,
            cancel_reason: self.cancel_reason,
            killed: self.killed,
            input: self.input.into_owned(),
            context: self.context.into_owned(),
            labels: Arc::new(self.labels.into_owned()),
            steps: self.steps.into_owned(),
            approvals: self.approvals.into_owned(),
            signals: self.signals.into_owned(),
            inside: self.inside,
            left_out: self.left_out.into_owned(),
            bytes: self.bytes,
            max_parallel: self.max_parallel,
            priority: self.priority,
            inherited: self.inherited,
            was_reprioritised: self.was_reprioritised,
            parent: self.parent.into_owned(),
            created_at: self.created_at,
            ended_at: self.ended_at,
            output: self.output.into_owned(),
            result: self.result,
            failure: self.failure.into_owned(),
            sequence: self.sequence,
            planned_at: self.planned_at,
        }
    }
}
