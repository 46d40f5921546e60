//! Runs that come to be: people start them, and steps of other runs, which wait for their end. And what is decided of a run by
//! who does not carry it.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use ghostlight_model::event::{ParentStep, Usage};
use ghostlight_model::failure::{ErrorClass, Failure, Happened};
use ghostlight_model::ids::{Name, RunId, StepPath};
use ghostlight_model::run::{self, Command, CreateRun, Rejection, Run};
use serde_json::Value;

use crate::decisions::{Pair, name_of};
use crate::house::{Action, House};

impl House {
    /// Sees to it that a child exists, if it is still wanted, and that its end is heard.
    pub(crate) fn ensure_child(
        &mut self,
        parent: &Run,
        step: &StepPath,
        child: RunId,
        wanted: Option<(Name, Option<u64>, Value)>,
    ) {
        let id = parent.id;
        let Some(carrier) = self.carriers.get_mut(&id) else { return };
        let is_new = carrier.children.insert(child);
        if self.shown.get(&child).is_some_and(|child| child.status.is_terminal()) {
            return self.tell_parent(child);
        }
        if self.journal.length(child) > 0 {
            if is_new {
                self.give(child, Command::Inherit { priority: parent.priority }, false);
                self.wake_if_needed(child);
            }
            return;
        }
        let Some((workflow, version, input)) = wanted else {
            if self.journal.is_pending(child) {
                return;
            }
            let why =
                Failure::new(ErrorClass::Cancelled, "child_cancelled", "it was not started", Happened::No);
            let command =
                Command::ChildEnded { step: step.clone(), child, outcome: Err(why), usage: Usage::default() };
            return self.give(id, command, false);
        };
        let version = version.unwrap_or_else(|| self.library.latest(&workflow));
        let above = parent.parent.as_ref();
        let link = ParentStep {
            run: id,
            step: step.clone(),
            root: above.map_or(id, |above| above.root),
            generation: 1 + above.map_or(0, |above| above.generation),
        };
        let create = CreateRun {
            version,
            document: None,
            input,
            parent: Some(link),
            context: serde_json::Map::new(),
            labels: BTreeMap::new(),
            key: None,
            priority: Some(parent.priority),
            makespan_ms: 0,
        };
        if !self.journal.is_pending(child)
            && let Err(Some(rejection)) = self.create(child, &workflow, create, None)
        {
            let why =
                Failure::new(ErrorClass::Data, "child_not_started", rejection.to_string(), Happened::No);
            let command =
                Command::ChildEnded { step: step.clone(), child, outcome: Err(why), usage: Usage::default() };
            self.give(id, command, false);
        }
        // It may have been lost, or may not be there yet: somebody looks again.
        if let Some(number) = self.carriers.get(&id).map(|carrier| carrier.number) {
            self.post(Duration::from_secs(3), Action::Clock(id, number));
        }
    }

    /// Starts a run: its first events and its key are one unit.
    pub(crate) fn create(
        &mut self,
        id: RunId,
        workflow: &Name,
        create: CreateRun,
        by: Option<&'static str>,
    ) -> Result<(), Option<Rejection>> {
        let Some(version) = self.library.get(workflow, create.version).cloned() else { return Err(None) };
        let mut pair =
            Pair { run: Run::new(id, version.workflow.clone()), twin: Run::new(id, version.twin.clone()) };
        let key = create.key.clone();
        let mut records = Vec::new();
        match self.decide_creation(&mut pair, &version, create, by, &mut records) {
            Err(rejection) => {
                self.reached.sometimes("refused", "create");
                Err(Some(rejection))
            }
            Ok(_) if !self.append(id, 0, records, key) => Err(None),
            Ok(_) => {
                self.reached.sometimes("accepted", "create");
                self.post(Duration::from_millis(900), Action::Wake(id));
                Ok(())
            }
        }
    }

    /// Decides and appends without an actor, as who sets a run aside does.
    pub(crate) fn decide_alone(&mut self, run: RunId, command: Command) {
        let Some(mut pair) = self.load(run) else { return };
        let (expected, name) = (pair.run.sequence, name_of(&command));
        let mut records = Vec::new();
        match self.decide(&mut pair, command, None, &mut records) {
            Ok(events) if events.is_empty() => self.reached.sometimes("without_effect", name),
            Ok(_) => {
                if self.append(run, expected, records, None) {
                    self.reached.sometimes("accepted", name);
                }
            }
            Err(_) => self.reached.sometimes("refused", name),
        }
        self.post(Duration::from_secs(1), Action::Wake(run));
    }

    /// A run has ended: who waits for that hears how.
    pub(crate) fn tell_parent(&mut self, child: RunId) {
        let Some(ended) = self.shown.get(&child) else { return };
        let Some(parent) = ended.parent.clone() else { return };
        let Some(outcome) = run::child::outcome(ended) else { return };
        let outcome = outcome.map(|output| {
            output.and_then(|output| output.value().cloned()).unwrap_or_else(|| Arc::new(Value::Null))
        });
        let is_awaited =
            self.carriers.get(&parent.run).is_some_and(|carrier| carrier.children.contains(&child));
        if is_awaited {
            let command = Command::ChildEnded { step: parent.step, child, outcome, usage: Usage::default() };
            self.give(parent.run, command, false);
        }
    }
}
