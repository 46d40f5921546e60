//! Maps and loops: their items and passes are steps of their own, and begin and end as others do.

use serde_json::Value;

use super::advance::Draft;
use super::begin::NoStart;
use super::place::{INSIDE_MAX, MAP_ITEMS_MAX, StepAt};
use super::scope::RunScope;
use super::state::{Step, StepState};
use crate::event::StepOpened;
use crate::failure::{ErrorClass, Failure, Happened};
use crate::payload::Payload;
use crate::workflow::{Loop, MapNode, Node, NodeKind, OnError};

/// How an item or a pass stands.
enum Stand {
    Fresh,
    Going,
    Over,
    /// It failed, and nobody said to go on.
    Broken,
}

fn stand(step: &Step, body: &Node) -> Stand {
    match &step.state {
        StepState::Pending => Stand::Fresh,
        StepState::Failed { .. } => match body.on_error {
            OnError::Continue | OnError::Default(_) => Stand::Over,
            OnError::Fail | OnError::Goto(_) | OnError::Pause => Stand::Broken,
        },
        state if state.has_ended() => Stand::Over,
        _ => Stand::Going,
    }
}

fn too_much_inside() -> Failure {
    let message = format!("the run has {INSIDE_MAX} items and passes already, and no more are allowed");
    Failure::new(ErrorClass::Data, "too_many_items", message, Happened::No)
}

impl Draft<'_> {
    pub(super) fn open_map(&mut self, at: StepAt, node: &Node, map: &MapNode) {
        let failure = |code, message| Failure::new(ErrorClass::Data, code, message, Happened::No);
        let list = match self.bound(at, &map.over, "the list") {
            Ok(Value::Array(list)) if list.len() <= MAP_ITEMS_MAX => list,
            Ok(Value::Array(list)) => {
                let message =
                    format!("the list has {} items; at most {MAP_ITEMS_MAX} are allowed", list.len());
                return self.fail(at, failure("too_many_items", message));
            }
            Ok(_) => {
                let message = "`over` of a `map` is a list, and this is something else".to_owned();
                return self.fail(at, failure("list_expected", message));
            }
            Err(failure) => return self.fail(at, failure),
        };
        let counted = self.run.step(at).former.len();
        if self.run.inside + list.len().saturating_sub(counted) > INSIDE_MAX {
            return self.fail(at, too_much_inside());
        }
        let items = u32::try_from(list.len()).ok();
        let (step, input) = (self.run.path(at), Some(Payload::inline(Value::Array(list))));
        self.emit(StepOpened { step, items, input });
        self.go_inside(at, node);
    }

    pub(super) fn open_loop(&mut self, at: StepAt, node: &Node) {
        let step = self.run.path(at);
        self.emit(StepOpened { step, items: None, input: None });
        self.go_inside(at, node);
    }

    /// Goes on with what stands inside.
    pub(super) fn go_inside(&mut self, at: StepAt, node: &Node) {
        match &node.kind {
            NodeKind::Map(map) => self.go_over(at, map),
            NodeKind::Loop(repeat) => self.go_round(at, repeat),
            _ => {}
        }
    }

    /// Items are siblings: one that fails does not stop the others, and the map fails with the first of them once all have
    /// ended.
    fn go_over(&mut self, at: StepAt, map: &MapNode) {
        let count = u32::try_from(self.run.step(at).items.len()).unwrap_or(u32::MAX);
        let stands = |draft: &Self, item| stand(draft.run.step(at.inside(item)), &map.body);
        // Those that are under way come before those that are not: one of them may end, and make room.
        self.go_on_with_items(at, map, count);
        let mut going = (0..count).filter(|item| matches!(stands(self, *item), Stand::Going)).count();
        let has_room = |going| map.max_parallel.is_none_or(|max| going < max as usize);
        let (mut fresh, mut broken) = (0, None);
        for item in 0..count {
            if matches!(stands(self, item), Stand::Fresh) && has_room(going) && !self.is_full() {
                self.step_on(at.inside(item), &map.body);
                going += usize::from(matches!(stands(self, item), Stand::Going));
            }
            match stands(self, item) {
                Stand::Fresh => fresh += 1,
                Stand::Broken => broken = broken.or(Some(item)),
                Stand::Going | Stand::Over => {}
            }
        }
        match broken {
            _ if going > 0 || fresh > 0 => {}
            Some(item) => self.break_off(at, item),
            None => {
                let scope = RunScope::of(&self.run);
                let is_unread = |item| match &self.run.step(at.inside(item)).state {
                    StepState::Completed { output } => output.value().is_none(),
                    _ => false,
                };
                if (0..count).any(is_unread) {
                    // Better no list than one with holes where something came out.
                    let message = "the output of an item is not at hand".to_owned();
                    let failure =
                        Failure::new(ErrorClass::Unknown, "value_unavailable", message, Happened::No);
                    return self.fail(at, failure);
                }
                let outputs: Vec<Option<&Value>> =
                    (0..count).map(|item| scope.output_of(at.inside(item))).collect();
                if let Err(failure) = self.fits_together(outputs.iter().copied().flatten()) {
                    return self.fail(at, failure);
                }
                let outputs = outputs.into_iter().map(|output| output.cloned().unwrap_or(Value::Null));
                self.complete(at, outputs.collect());
            }
        }
    }

    /// What keeps one scheduled item from beginning keeps all of them in this decision, since they call alike: no other is looked at, of
    /// which there may be ten thousand.
    fn go_on_with_items(&mut self, at: StepAt, map: &MapNode, count: u32) {
        let mut kept: Option<NoStart> = None;
        for item in 0..count {
            let inner = at.inside(item);
            let step = self.run.step(inner);
            if !matches!(stand(step, &map.body), Stand::Going) || self.is_long() || self.run.is_held() {
                continue;
            }
            match (&step.state, &kept) {
                (StepState::Scheduled, None) => kept = self.start(inner, &map.body),
                (StepState::Scheduled, Some(NoStart::NoSlot(agent))) => {
                    self.context.workload.add_known(agent)
                }
                (StepState::Scheduled, Some(NoStart::Full | NoStart::NoRoom)) => {}
                _ => self.step_on(inner, &map.body),
            }
        }
    }

    fn go_round(&mut self, at: StepAt, repeat: &Loop) {
        while !self.is_full() {
            let passes = u32::try_from(self.run.step(at).items.len()).unwrap_or(u32::MAX);
            if passes == 0 && self.run.inside >= INSIDE_MAX {
                return self.fail(at, too_much_inside());
            }
            let Some(pass) = passes.checked_sub(1) else {
                self.begin(at.inside(0), &repeat.body);
                if self.run.step(at).items.is_empty() {
                    return;
                }
                continue;
            };
            let last = at.inside(pass);
            match stand(self.run.step(last), &repeat.body) {
                Stand::Fresh | Stand::Going => {
                    self.step_on(last, &repeat.body);
                    if !self.run.step(last).state.has_ended() {
                        return;
                    }
                    continue;
                }
                Stand::Broken => return self.break_off(at, pass),
                Stand::Over => {}
            }
            let scope = RunScope::after_pass(&self.run, at, pass);
            let is_over = match repeat.until.evaluate(&scope) {
                Ok(is_over) => is_over || passes >= repeat.max,
                Err(error) => {
                    let message = format!("`until` cannot be read: {error}");
                    let failure = Failure::new(ErrorClass::Data, "condition_failed", message, Happened::No);
                    return self.fail(at, failure);
                }
            };
            if is_over {
                let output = scope.output_of(last).cloned().unwrap_or(Value::Null);
                return self.complete(at, serde_json::json!({ "iterations": passes, "last": output }));
            }
            if self.run.inside >= INSIDE_MAX {
                return self.fail(at, too_much_inside());
            }
            self.begin(at.inside(passes), &repeat.body);
            if self.run.step(at).items.len() == passes as usize {
                // It did not begin: there is no room for it now.
                return;
            }
        }
    }

    /// An item or a pass failed: so does the whole.
    fn break_off(&mut self, at: StepAt, item: u32) {
        let inner = at.inside(item);
        let StepState::Failed { failure } = &self.run.step(inner).state else { return };
        let message = format!("{} failed: {}", self.run.path(inner), failure.message);
        let failure = Failure { message, ..failure.clone() };
        self.fail(at, failure);
    }
}
