//! What a run has left outside: what it used, and whether anything may have changed.

use super::state::{Run, Step, StepState};
use crate::event::Usage;
use crate::failure::{EffectClass, Happened};

impl Run {
    /// What all attempts used.
    #[must_use]
    pub fn usage(&self) -> Usage {
        let mut total = Usage::default();
        self.steps.iter().chain(self.left_out.values()).for_each(|step| total.add(step.spent()));
        total
    }

    /// Whether anything of it may have changed something outside.
    #[must_use]
    pub fn may_have_changed_something(&self) -> bool {
        let left_out = self.left_out.values().any(|step| step.and_inside(&Step::may_have_changed_something));
        left_out || self.walk().any(|(_, _, step)| step.may_have_changed_something())
    }
}

impl Step {
    /// What it used, with all that stands or stood inside and beside it.
    #[must_use]
    pub fn spent(&self) -> Usage {
        let mut total = self.usage;
        let inside = self.items.iter().chain(self.former.values()).chain(self.beside.values());
        inside.for_each(|step| total.add(step.spent()));
        total
    }

    /// Whether anything of it has begun, what stood inside of it included.
    pub(super) fn has_done_something(&self) -> bool {
        self.and_inside(&|step: &Step| step.attempts > 0 || step.iteration > 1 || step.child.is_some())
    }

    /// Whether something holds of it, or of what stands or stood inside and beside it.
    fn and_inside(&self, holds: &dyn Fn(&Step) -> bool) -> bool {
        let mut inside = self.items.iter().chain(self.former.values()).chain(self.beside.values());
        holds(self) || inside.any(|step| step.and_inside(holds))
    }

    fn may_have_changed_something(&self) -> bool {
        let calls = self.effect.is_some_and(|effect| effect > EffectClass::Read);
        // Of a run that it started more is known only once that has failed.
        let child = match &self.state {
            StepState::Failed { failure } => failure.happened != Happened::No,
            _ => true,
        };
        let before = self.known.is_some_and(|known| known != Happened::No);
        calls || before || (self.child.is_some() && child)
    }
}
