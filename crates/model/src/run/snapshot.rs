//! A run as bytes, so that its actor need not fold a long history from the beginning. A cache and never the truth: what does
//! not read, or is of another format or definition, is forgotten and the journal is folded.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::sync::Arc;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::revise;
use super::state::{Approval, ReceivedSignal, Run, RunStatus, Step};
use crate::event::{ParentStep, PauseReason, RunResult, Usage};
use crate::failure::Failure;
use crate::ids::{ApprovalId, DefinitionHash, RunId, StepPath};
use crate::payload::Payload;
use crate::workflow::Workflow;

/// The format that this program writes. Raised with every change of the state.
pub const SNAPSHOT_FORMAT: u32 = 4;

#[derive(Serialize, Deserialize)]
struct Frozen<'a> {
    definition: DefinitionHash,
    /// The definition itself, when it is not the one that the run was created with.
    document: Option<Cow<'a, Value>>,
    version: u64,
    status: RunStatus,
    pause: Option<PauseReason>,
    cancel_requested: bool,
    killed: bool,
    input: Cow<'a, Payload>,
    context: Cow<'a, Payload>,
    labels: Cow<'a, BTreeMap<String, String>>,
    steps: Cow<'a, [Arc<Step>]>,
    approvals: Cow<'a, BTreeMap<ApprovalId, Arc<Approval>>>,
    signals: Cow<'a, [Arc<ReceivedSignal>]>,
    inside: usize,
    left_out: Usage,
    bytes: u64,
    max_parallel: Option<u32>,
    parent: Cow<'a, Option<ParentStep>>,
    created_at: Option<Timestamp>,
    ended_at: Option<Timestamp>,
    output: Cow<'a, Option<Payload>>,
    result: Option<RunResult>,
    failure: Cow<'a, Option<(Option<StepPath>, Failure)>>,
    sequence: u64,
}

/// The state as bytes; `None` when it cannot be written, which values made of JSON always can.
#[must_use]
pub fn freeze(run: &Run) -> Option<Vec<u8>> {
    let frozen = Frozen {
        definition: run.workflow.hash,
        document: run.is_revised.then(|| Cow::Borrowed(&run.workflow.document)),
        version: run.version,
        status: run.status,
        pause: run.pause,
        cancel_requested: run.cancel_requested,
        killed: run.killed,
        input: Cow::Borrowed(&run.input),
        context: Cow::Borrowed(&run.context),
        labels: Cow::Borrowed(&run.labels),
        steps: Cow::Borrowed(&run.steps),
        approvals: Cow::Borrowed(&run.approvals),
        signals: Cow::Borrowed(&run.signals),
        inside: run.inside,
        left_out: run.left_out,
        bytes: run.bytes,
        max_parallel: run.max_parallel,
        parent: Cow::Borrowed(&run.parent),
        created_at: run.created_at,
        ended_at: run.ended_at,
        output: Cow::Borrowed(&run.output),
        result: run.result,
        failure: Cow::Borrowed(&run.failure),
        sequence: run.sequence,
    };
    serde_json::to_vec(&frozen).ok()
}

/// The state that `bytes` hold of a run that was created with `workflow`; `None` when they do not read or belong to another
/// definition.
#[must_use]
pub fn thaw(id: RunId, workflow: &Arc<Workflow>, bytes: &[u8]) -> Option<Run> {
    let frozen: Frozen<'_> = serde_json::from_slice(bytes).ok()?;
    let is_revised = frozen.document.is_some();
    let workflow = match &frozen.document {
        Some(document) => revise::compile(document)?,
        None => workflow.clone(),
    };
    if frozen.definition != workflow.hash || frozen.steps.len() != workflow.nodes.len() {
        return None;
    }
    Some(Run {
        workflow,
        is_revised,
        id,
        version: frozen.version,
        status: frozen.status,
        pause: frozen.pause,
        cancel_requested: frozen.cancel_requested,
        killed: frozen.killed,
        input: frozen.input.into_owned(),
        context: frozen.context.into_owned(),
        labels: Arc::new(frozen.labels.into_owned()),
        steps: frozen.steps.into_owned(),
        approvals: frozen.approvals.into_owned(),
        signals: frozen.signals.into_owned(),
        inside: frozen.inside,
        left_out: frozen.left_out,
        bytes: frozen.bytes,
        max_parallel: frozen.max_parallel,
        parent: frozen.parent.into_owned(),
        created_at: frozen.created_at,
        ended_at: frozen.ended_at,
        output: frozen.output.into_owned(),
        result: frozen.result,
        failure: frozen.failure.into_owned(),
        sequence: frozen.sequence,
    })
}
