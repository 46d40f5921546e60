//! What a run has left outside: what it used, and whether anything may have changed.

use super::state::{Run, Step, StepState};
use crate::event::Usage;
use crate::failure::{EffectClass, Happened};

impl Run {
    /// What all attempts used.
    #[must_use]
    pub fn usage(&self) -> Usage {
        let mut total = self.left_out;
        self.steps.iter().for_each(|step| total.add(step.spent()));
        total
    }

    /// Whether anything of it may have changed something outside.
    #[must_use]
    pub fn may_have_changed_something(&self) -> bool {
        self.walk().any(|(_, _, step)| step.may_have_changed_something())
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
