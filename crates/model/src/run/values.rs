//! The values of a run that stand beside its journal because they are large: which of them a decision may need, and giving them
//! to it.

use std::sync::Arc;

use serde_json::Value;

use super::state::{Run, RunStatus, Step, StepState};
use crate::payload::{BlobRef, Payload};

impl Run {
    /// References whose values a decision or a call may need and that nobody has fetched yet.
    #[must_use]
    pub fn missing_blobs(&self) -> Vec<BlobRef> {
        let may_reopen = self.status == RunStatus::Failed;
        let of_steps = self.steps.iter().flat_map(|step| step.payloads(may_reopen));
        let of_signals = self.signals.iter().map(|signal| &signal.payload);
        [&self.input, &self.context]
            .into_iter()
            .chain(of_steps)
            .chain(of_signals)
            .chain(&self.output)
            .filter_map(|payload| payload.missing())
            .cloned()
            .collect()
    }

    /// Gives the value of a blob to every payload that refers to it.
    pub fn provide_blob(&mut self, blob: &BlobRef, value: &Arc<Value>) {
        self.input.provide(blob, value);
        self.context.provide(blob, value);
        self.output.iter_mut().for_each(|output| output.provide(blob, value));
        let may_reopen = self.status == RunStatus::Failed;
        for step in &mut self.steps {
            if step.payloads(may_reopen).iter().any(|payload| payload.missing() == Some(blob)) {
                Arc::make_mut(step).provide_blob(blob, value, may_reopen);
            }
        }
        for signal in &mut self.signals {
            if signal.payload.missing() == Some(blob) {
                Arc::make_mut(signal).payload.provide(blob, value);
            }
        }
    }
}

impl Step {
    /// The values that a later decision or attempt may need: what came out, and what the attempts get. Of what has ended nothing
    /// from inside, unless it may be opened again.
    fn payloads(&self, may_reopen: bool) -> Vec<&Payload> {
        let is_open = self.is_open(may_reopen);
        let of_state = match &self.state {
            StepState::Completed { output } => Some(output),
            StepState::Running { attempt } => Some(&attempt.input),
            StepState::AwaitingVerdict { made } | StepState::AwaitingApproval { about: Some(made), .. } => {
                Some(&made.output)
            }
            _ => None,
        };
        let mut all: Vec<&Payload> = of_state.into_iter().collect();
        all.extend(self.beside.values().flat_map(|beside| beside.payloads(may_reopen)));
        if is_open {
            all.extend(self.input.as_ref());
            all.extend(self.items.iter().flat_map(|item| item.payloads(may_reopen)));
        }
        all
    }

    /// Whether anything may still go on in it.
    fn is_open(&self, may_reopen: bool) -> bool {
        !self.state.has_ended() || (may_reopen && !matches!(self.state, StepState::Completed { .. }))
    }

    fn provide_blob(&mut self, blob: &BlobRef, value: &Arc<Value>, may_reopen: bool) {
        let ended = !self.is_open(may_reopen);
        let of_state = match &mut self.state {
            StepState::Completed { output } => Some(output),
            StepState::Running { attempt } => Some(&mut attempt.input),
            StepState::AwaitingVerdict { made } | StepState::AwaitingApproval { about: Some(made), .. } => {
                Some(&mut made.output)
            }
            _ => None,
        };
        for payload in of_state.into_iter().chain(self.input.as_mut().filter(|_| !ended)) {
            payload.provide(blob, value);
        }
        let lacks = |item: &Arc<Step>| {
            item.payloads(may_reopen).iter().any(|payload| payload.missing() == Some(blob))
        };
        let lacks_it = |beside: &&mut Arc<Step>| lacks(beside);
        for item in self.items.iter_mut().filter(|item| !ended && lacks(item)) {
            Arc::make_mut(item).provide_blob(blob, value, may_reopen);
        }
        for beside in self.beside.values_mut().filter(lacks_it) {
            Arc::make_mut(beside).provide_blob(blob, value, may_reopen);
        }
    }
}
