//! Runs that steps of a run start: each is started once, watched until it ends, and cancelled when nobody wants it any more.
//!
//! The id of a child is chosen by the decision that starts it, so that starting it twice starts it once. Nothing of this is
//! remembered: after a crash the new workflow actor starts what is missing, and finds what has ended meanwhile in the journal.

use std::collections::BTreeMap;
use std::time::Duration;

use actix::{ActorFutureExt, AsyncContext, WrapFuture};
use ghostlight_model::event::{ChildRun, ParentStep, Usage};
use ghostlight_model::failure::{ErrorClass, Failure, Happened};
use ghostlight_model::ids::{RunId, StepPath};
use ghostlight_model::payload::Payload;
use ghostlight_model::run::Command;
use ghostlight_model::selection::LABELS_RESERVED;
use ghostlight_supervision::Context;
use serde_json::Value;
use tokio::sync::watch;

use super::child_runs::{Birth, ChildOutcome, ChildRuns, ChildWish, Guidance, StartChild};
use super::families::FAMILY_MAX;
use super::words::{CommandError, StartError};
use super::workflow::WorkflowActor;

/// Pause before something that was not possible is tried again; doubles up to the maximum.
const AGAIN: Duration = Duration::from_millis(50);
const AGAIN_MAX: Duration = Duration::from_secs(5);
/// How long one wait for a child's end takes at most, before the journal is looked at again.
const WAIT: Duration = Duration::from_secs(60);

impl WorkflowActor {
    /// Sees to it that a child exists and that its end is heard.
    pub(super) fn ensure_child(
        &mut self,
        step: StepPath,
        child: ChildRun,
        input: Option<Payload>,
        ctx: &mut Context<Self>,
    ) {
        if self.children.contains_key(&child.run) || self.start_nothing || self.services().is_draining() {
            return;
        }
        let Some(runs) = self.services().child_runs.get().cloned() else { return };
        let generation = 1 + self.run.parent.as_ref().map_or(0, |parent| parent.generation);
        let root = self.run.parent.as_ref().map_or(self.place.id, |parent| parent.root);
        let parent = ParentStep { run: self.place.id, step: step.clone(), root, generation };
        let Some(member) = self.services().families.enter(root) else {
            let outcome = Err(too_many(&child));
            self.give_itself(Command::ChildEnded {
                step,
                child: child.run,
                outcome,
                usage: Usage::default(),
            });
            return self.process(ctx);
        };
        let start = StartChild {
            run: child.run,
            workflow: child.workflow,
            version: child.version,
            input: input.as_ref().and_then(Payload::value).map_or(Value::Null, |value| (**value).clone()),
            labels: handed_on(&self.run.labels),
            priority: self.run.priority,
            parent,
        };
        let guidance = Guidance { wish: ChildWish::Output, priority: self.run.priority };
        let (guide, guided) = watch::channel(guidance);
        self.children.insert(child.run, guide);
        // Who was loaded does not know whether an earlier life had told its children how urgent it has become.
        let tells_again = self.run.was_reprioritised;
        let ended = async move { see_to(&*runs, &start, guided, tells_again).await };
        let told = ended.into_actor(self).map(move |outcome, actor, ctx: &mut Context<Self>| {
            drop(member);
            // If the store does not take it, it is found out again.
            actor.children.remove(&child.run);
            let usage = Usage::default();
            actor.give_itself(Command::ChildEnded { step, child: child.run, outcome, usage });
            actor.process(ctx);
        });
        ctx.spawn(told);
    }

    /// Nobody waits for this child any more.
    pub(super) fn stop_child(&self, run: RunId, kill: bool) {
        let wish = if kill { ChildWish::Kill } else { ChildWish::Cancel };
        if let Some(child) = self.children.get(&run) {
            child.send_if_modified(|before| {
                let more = wish > before.wish;
                before.wish = wish.max(before.wish);
                more
            });
        }
    }

    /// Children are as urgent as the run that waits for them.
    pub(super) fn hand_priority_on(&self) {
        let priority = self.run.priority;
        for child in self.children.values() {
            child
                .send_if_modified(|guidance| std::mem::replace(&mut guidance.priority, priority) != priority);
        }
    }
}

/// Starts a run, if it is wanted, and waits for its end. Its output, or why there is none.
async fn see_to(
    runs: &dyn ChildRuns,
    start: &StartChild,
    mut guided: watch::Receiver<Guidance>,
    tells_again: bool,
) -> ChildOutcome {
    let mut wait = AGAIN;
    // How urgent the child knows this run to be; none when nobody knows.
    let mut priority = Some(start.priority).filter(|_| !tells_again);
    while guided.borrow().wish == ChildWish::Output {
        match runs.start(start.clone()).await {
            Ok(birth) => {
                if birth == Birth::Now {
                    priority = Some(start.priority);
                }
                break;
            }
            Err(StartError::NotAdmitted(_) | StartError::Store(_) | StartError::Key(_)) => {
                pause(&mut wait).await;
            }
            Err(error) => return Err(not_started(start, &error)),
        }
    }
    let mut told = ChildWish::Output;
    let mut wait = AGAIN;
    loop {
        let Guidance { wish, priority: wanted } = *guided.borrow_and_update();
        if wish > told {
            match runs.cancel(start.run, wish == ChildWish::Kill).await {
                // It has ended, or is being cancelled already.
                Ok(()) | Err(CommandError::Rejected(_)) => told = wish,
                Err(CommandError::UnknownRun(_)) => return Err(never_there(start)),
                Err(_) => {
                    pause(&mut wait).await;
                    // Without its parent nobody wants it to be told again.
                    match guided.has_changed() {
                        Ok(_) => continue,
                        Err(_) => return Err(never_there(start)),
                    }
                }
            }
        }
        if priority != Some(wanted) {
            match runs.inherit(start.run, wanted).await {
                Ok(()) | Err(CommandError::Rejected(_)) => priority = Some(wanted),
                Err(CommandError::UnknownRun(_)) => return Err(never_there(start)),
                // Less matters than its end, which is waited for meanwhile.
                Err(_) => pause(&mut wait).await,
            }
        }
        tokio::select! {
            ended = runs.end(start.run, WAIT) => match ended {
                Some(outcome) => return outcome,
                // Too many wait, or nothing happened for a while.
                None => pause(&mut wait).await,
            },
            changed = guided.changed() => if changed.is_err() {
                // Its parent is gone, and with it who would hear of the end.
                return Err(never_there(start));
            },
        }
    }
}

/// What a child's labels are besides those of its own workflow. What Ghostlight says of its parent is not true of it.
fn handed_on(labels: &BTreeMap<String, String>) -> BTreeMap<String, String> {
    let own = labels.iter().filter(|(name, _)| !name.starts_with(LABELS_RESERVED));
    own.map(|(name, value)| (name.clone(), value.clone())).collect()
}

async fn pause(wait: &mut Duration) {
    tokio::time::sleep(*wait).await;
    *wait = (*wait * 2).min(AGAIN_MAX);
}

/// The family is full: this run would be one of those that multiply without end.
fn too_many(child: &ChildRun) -> Failure {
    let message = format!(
        "a run of `{}` is not started: {FAMILY_MAX} runs have been started below the first one",
        child.workflow
    );
    Failure::new(ErrorClass::Budget, "family_too_large", message, Happened::No)
}

/// Nobody wanted it any more before it was there.
fn never_there(start: &StartChild) -> Failure {
    let message = format!("run {} of `{}` was not started", start.run, start.workflow);
    Failure::new(ErrorClass::Cancelled, "child_cancelled", message, Happened::No)
}

fn not_started(start: &StartChild, error: &StartError) -> Failure {
    let message = format!("a run of `{}` cannot be started: {error}", start.workflow);
    let class = match error {
        StartError::Rejected(_) => ErrorClass::Data,
        _ => ErrorClass::Configuration,
    };
    Failure::new(class, "child_not_started", message, Happened::No)
}
