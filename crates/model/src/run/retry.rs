//! Opening a failed run again: from where, with which definition and input, and what that would do a second time.
//!
//! What has finished is kept and has to stay as it was; what is done again counts as not begun, and may be otherwise. A map or
//! loop of which something is kept stays as it is; one of which nothing is kept begins anew when its node or the run's input is
//! another one.

use std::collections::BTreeSet;
use std::sync::Arc;

use serde_json::Value;

use super::advance::Draft;
use super::command::Rejection;
use super::place::StepAt;
use super::reads::reads;
use super::revise;
use super::state::{Run, RunStatus, Step, StepState};
use crate::event::{AtHand, PlanRevised, RunReopened};
use crate::failure::{EffectClass, Happened};
use crate::ids::{DefinitionHash, RunId, StepPath};
use crate::payload::Payload;
use crate::workflow::{Node, NodeIndex, NodeKind, Workflow};

/// Writes that a refusal names.
const WRITES_NAMED_MAX: usize = 100;

/// How a failed run is to be opened again.
#[derive(Debug, Clone, Default)]
pub struct Retry {
    /// The saved version of its workflow that it goes on with; its own when none is given.
    pub revision: Option<Revision>,
    /// Its input from now on; what it has when none is given.
    pub input: Option<Value>,
    /// Calls writes again that may have happened.
    pub acknowledge_writes: bool,
}

/// A saved version of a workflow.
#[derive(Debug, Clone)]
pub struct Revision {
    /// Its number.
    pub version: u64,
    /// The definition. Compiled by whoever asks: a large one takes longer than a decision may.
    pub next: Arc<Workflow>,
}

/// What a retry would do.
#[derive(Debug, Clone, PartialEq)]
pub struct Hazards {
    /// The version that the run would follow; 0 for a definition of its own.
    pub version: u64,
    /// Its definition.
    pub definition: DefinitionHash,
    /// The steps that are done again. Of a map or loop that begins anew its items are not listed.
    pub again: Vec<StepPath>,
    /// The steps whose outputs are kept; of what stands inside of others only where these are done again.
    pub kept: Vec<StepPath>,
    /// What of it was attempted before and may change something.
    pub attempted: Vec<Attempted>,
    /// The steps that are kept although they have read a part of the input that is another one now.
    pub stale: Vec<StepPath>,
}

/// A step that is done again and was attempted before.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Attempted {
    /// The step.
    pub step: StepPath,
    /// What calling it twice does. Under a new key `idempotent` holds no more.
    pub effect: EffectClass,
    /// The worst that is known of the earlier attempts.
    pub happened: Happened,
    /// The run that it had started, when it runs another workflow.
    pub child: Option<RunId>,
}

impl Attempted {
    /// Whether doing it again may do for a second time what must be done once.
    #[must_use]
    pub fn may_write_again(&self) -> bool {
        self.effect == EffectClass::Write && self.happened != Happened::No
    }
}

impl Hazards {
    /// The writes that may have happened and would be made again.
    pub fn writes(&self) -> impl Iterator<Item = &Attempted> {
        self.attempted.iter().filter(|attempted| attempted.may_write_again())
    }

    /// Whether the retry is refused unless somebody says that writes may be made again.
    #[must_use]
    pub fn need_acknowledgement(&self) -> bool {
        self.writes().next().is_some()
    }

    /// The refusal of a retry for which nobody has said so; none when there is nothing to say.
    #[must_use]
    pub fn refusal(&self) -> Option<Rejection> {
        let count = self.writes().count();
        let writes = self.writes().take(WRITES_NAMED_MAX).cloned().collect();
        (count > 0).then_some(Rejection::WouldWriteAgain { writes, count })
    }
}

/// What a retry would do. Changes nothing.
///
/// # Errors
/// As the retry itself would be refused, but for writes that may have happened: the answer lists them.
pub fn hazards(run: &Run, retry: &Retry) -> Result<Hazards, Rejection> {
    let undone = Undone::of(run);
    Ok(plan(run, retry, &undone)?.hazards)
}

pub(super) fn reopen(draft: &mut Draft<'_>, retry: Retry) -> Result<(), Rejection> {
    let undone = Undone::of(&draft.run);
    let Planned { next, input, anew, hazards } = plan(&draft.run, &retry, &undone)?;
    if let Some(refusal) = hazards.refusal().filter(|_| !retry.acknowledge_writes) {
        return Err(refusal);
    }
    let is_other = |revision: &Revision| next.is_some() || revision.version != draft.run.version;
    if let Some(revision) = retry.revision.filter(is_other) {
        draft.emit(PlanRevised {
            definition: next.as_ref().map(|next| next.hash),
            version: Some(revision.version),
            document: next.as_ref().map(|next| Payload::inline(next.document.clone())),
            reason: format!("retried with version {}", revision.version),
            max_parallel: None,
            priority: next.as_ref().and_then(|next| revise::priority(&draft.run, next)),
            inherited: false,
            plan: AtHand(next),
        });
    }
    draft.emit(RunReopened { steps: hazards.again, anew, input: input.map(Payload::inline) });
    Ok(())
}

/// A retry that is allowed.
struct Planned {
    /// The definition, when it is another one.
    next: Option<Arc<Workflow>>,
    /// The input, when it is another one.
    input: Option<Value>,
    anew: Vec<StepPath>,
    hazards: Hazards,
}

fn plan(run: &Run, retry: &Retry, undone: &Undone) -> Result<Planned, Rejection> {
    if run.status != RunStatus::Failed {
        return Err(Rejection::RunIs { status: run.status });
    }
    let version = retry.revision.as_ref().map_or(run.version, |revision| revision.version);
    let next = match &retry.revision {
        // By what it says and not by its number: the plan of the run may have been changed since.
        Some(revision) => revised(run, &revision.next, undone)?,
        None => None,
    };
    let before = run.input.value().map_or(&Value::Null, |value| value);
    let input = retry.input.clone().filter(|input| input != before);
    let workflow = next.as_deref().unwrap_or(&run.workflow);
    if let Some(schema) = workflow.input.as_ref().filter(|_| next.is_some() || input.is_some()) {
        let given = input.as_ref().unwrap_or(before);
        schema.validate(given).map_err(|violations| Rejection::Invalid { what: "input", violations })?;
    }
    let is_other = |at: StepAt| {
        let id = &run.workflow.node(at.node).id;
        input.is_some() || !revise::is_same_node(&run.workflow, workflow, id)
    };
    let begins_anew = |at: &StepAt| {
        let step = run.step(*at);
        !step.items.is_empty() && is_other(*at) && !undone.keeps_inside(*at, step)
    };
    let anew: BTreeSet<StepAt> = undone.again.iter().copied().filter(begins_anew).collect();
    let is_inside_anew = |at: StepAt| {
        let around = std::iter::successors(at.outside(), |(around, _)| around.outside());
        around.into_iter().any(|(around, _)| anew.contains(&around))
    };
    let is_there = |at: &StepAt| workflow.by_id.contains_key(&run.workflow.node(at.node).id);
    let again: Vec<StepAt> =
        undone.again.iter().copied().filter(|at| is_there(at) && !is_inside_anew(*at)).collect();
    let paths = |places: &[StepAt]| places.iter().map(|at| run.path(*at)).collect::<Vec<_>>();
    let hazards = Hazards {
        version,
        definition: workflow.hash,
        kept: kept(run, undone),
        attempted: attempted(run, workflow, &again, &anew),
        stale: input.as_ref().map(|input| stale(run, undone, before, input)).unwrap_or_default(),
        again: paths(&again),
    };
    let anew: Vec<StepAt> = again.into_iter().filter(|at| anew.contains(at)).collect();
    Ok(Planned { anew: paths(&anew), next, input, hazards })
}

/// The definition of a version, if the run can go on with it; none when it is the run's own.
fn revised(run: &Run, next: &Arc<Workflow>, undone: &Undone) -> Result<Option<Arc<Workflow>>, Rejection> {
    if next.hash == run.workflow.hash {
        return Ok(None);
    }
    let stand = |index: NodeIndex, step: &Step| {
        let at = StepAt::from(index);
        if !undone.again.contains(&at) {
            return revise::Stand::of(step);
        }
        if undone.keeps_inside(at, step) { revise::Stand::HoldsOutputs } else { revise::Stand::Free }
    };
    let violations = revise::problems(run, next, &revise::MAY_CHANGE_ANEW, stand);
    if violations.is_empty() { Ok(Some(next.clone())) } else { Err(Rejection::NotEditable { violations }) }
}

/// What is done again when a run is opened again.
struct Undone {
    again: BTreeSet<StepAt>,
}

impl Undone {
    fn of(run: &Run) -> Self {
        Self { again: run.to_reopen().iter().filter_map(|path| run.find(path)).collect() }
    }

    /// Whether anything inside of a step that is done again is kept.
    fn keeps_inside(&self, at: StepAt, step: &Step) -> bool {
        (0..).zip(&step.items).any(|(place, item)| {
            let inside = at.inside(place);
            !self.again.contains(&inside) || self.keeps_inside(inside, item)
        })
    }

    /// Whether a step stands for itself: what is inside of a step that is kept is kept with it.
    fn is_told(&self, at: StepAt) -> bool {
        at.aside().is_none() && at.outside().is_none_or(|(around, _)| self.again.contains(&around))
    }
}

/// The steps that have an output, and keep it.
fn kept(run: &Run, undone: &Undone) -> Vec<StepPath> {
    let has_output = |at: StepAt, step: &Step| {
        undone.is_told(at) && !undone.again.contains(&at) && matches!(step.state, StepState::Completed { .. })
    };
    run.walk().filter(|(at, _, step)| has_output(*at, step)).map(|(at, _, _)| run.path(at)).collect()
}

/// What of the steps that are done again, and of what begins anew inside of them, was attempted before.
fn attempted(run: &Run, next: &Workflow, again: &[StepAt], anew: &BTreeSet<StepAt>) -> Vec<Attempted> {
    let mut found = Vec::new();
    for at in again {
        let node = next.find(run.workflow.node(at.node).id.as_str()).map(|index| next.node(index));
        if node.is_some_and(calls_somebody) {
            let step = run.step(*at);
            let opens_anew = anew.contains(at) || step.items.is_empty();
            find_attempted(run, *at, step, opens_anew, &mut found);
        }
    }
    found
}

fn find_attempted(run: &Run, at: StepAt, step: &Step, with_inside: bool, found: &mut Vec<Attempted>) {
    let child = step.child.as_ref().map(|child| child.run);
    if let Some(effect) = step.effect.filter(|effect| *effect > EffectClass::Read) {
        let happened = step.known.unwrap_or(Happened::No);
        found.push(Attempted { step: run.path(at), effect, happened, child });
    }
    if !with_inside {
        return;
    }
    for (place, item) in (0..).zip(&step.items) {
        find_attempted(run, at.inside(place), item, true, found);
    }
    for (place, item) in &step.former {
        if *place as usize >= step.items.len() {
            find_attempted(run, at.inside(*place), item, true, found);
        }
    }
}

/// Whether a node, or what it does for its items, calls an agent or starts a run.
fn calls_somebody(node: &Node) -> bool {
    let innermost = std::iter::successors(Some(node), |node| node.kind.body()).last();
    innermost.is_some_and(|node| matches!(node.kind, NodeKind::Call(_) | NodeKind::Workflow(_)))
}

/// The steps that stay as they are and have read something that is different in the new input.
fn stale(run: &Run, undone: &Undone, before: &Value, input: &Value) -> Vec<StepPath> {
    let has_read = |at: StepAt, node: &Node, step: &Step| {
        let is_again = undone.again.contains(&at);
        // A map that goes on keeps the list that it was opened with.
        let stays = match &step.state {
            StepState::Completed { .. } => !is_again,
            StepState::Skipped { cause } => !is_again && !cause.is_failure(),
            _ => is_again && undone.keeps_inside(at, step),
        };
        let is_other = |pointer: &String| before.pointer(pointer) != input.pointer(pointer);
        stays && undone.is_told(at) && reads(node, !is_again).iter().any(is_other)
    };
    run.walk().filter(|(at, node, step)| has_read(*at, node, step)).map(|(at, _, _)| run.path(at)).collect()
}
