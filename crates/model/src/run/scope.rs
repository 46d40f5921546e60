//! What bindings, conditions and templates of a run may read.

use serde_json::Value;

use super::place::StepAt;
use super::state::{Run, StepState};
use crate::failure::Failure;
use crate::language::binding::Scope;
use crate::language::{Fact, Local};
use crate::workflow::{NodeIndex, NodeKind, OnError};

const NULL: &Value = &Value::Null;

/// A run as it is seen from one of its steps.
pub(super) struct RunScope<'r> {
    run: &'r Run,
    item: Option<&'r Value>,
    index: Value,
    last: Option<&'r Value>,
    iteration: Value,
    /// What came out of the call around the reader.
    output: Option<&'r Value>,
    /// The key of that call.
    key: Option<Value>,
}

impl<'r> RunScope<'r> {
    /// From outside of all items.
    pub fn of(run: &'r Run) -> Self {
        Self {
            run,
            item: None,
            index: Value::Null,
            last: None,
            iteration: Value::Null,
            output: None,
            key: None,
        }
    }

    /// From a step, and so from the items and passes that it stands in: the innermost of each kind.
    pub fn at(run: &'r Run, at: StepAt) -> Self {
        let mut scope = Self::of(run);
        let mut place = at.call();
        if at.aside().is_some() {
            let made = match &run.step(place).state {
                StepState::AwaitingVerdict { made } => made.output.value(),
                StepState::Completed { output } => output.value(),
                _ => None,
            };
            scope.output = Some(made.map_or(NULL, |made| made));
            scope.key = Some(Value::String(run.key(place)));
        }
        while let Some((around, number)) = place.outside() {
            match &run.workflow.node_at(around).kind {
                NodeKind::Map(_) if scope.index.is_null() => scope.enter_item(around, number),
                NodeKind::Loop(_) if scope.iteration.is_null() => scope.enter_pass(around, number),
                _ => {}
            }
            place = around;
        }
        scope
    }

    /// From a loop, after its pass at this place.
    pub fn after_pass(run: &'r Run, at: StepAt, pass: u32) -> Self {
        let mut scope = Self::at(run, at);
        scope.iteration = Value::from(pass + 1);
        scope.last = Some(scope.output_of(at.inside(pass)).unwrap_or(NULL));
        scope
    }

    /// As it is seen when this has come out.
    pub fn with_output(mut self, output: &'r Value) -> Self {
        self.output = Some(output);
        self
    }

    fn enter_item(&mut self, map: StepAt, number: u32) {
        self.index = Value::from(number);
        let list = self.run.step(map).input.as_ref().and_then(|input| input.value());
        self.item = list.and_then(|list| list.get(number as usize));
    }

    fn enter_pass(&mut self, around: StepAt, number: u32) {
        self.iteration = Value::from(number + 1);
        let before = number.checked_sub(1).and_then(|before| self.output_of(around.inside(before)));
        self.last = Some(before.unwrap_or(NULL));
    }

    /// What came out of a step, or what stands for it.
    pub fn output_of(&self, at: StepAt) -> Option<&'r Value> {
        match &self.run.step(at).state {
            StepState::Completed { output } => output.value().map(|value| &**value),
            StepState::Failed { .. } => match &self.run.workflow.node_at(at).on_error {
                OnError::Default(value) => Some(value),
                OnError::Fail | OnError::Continue | OnError::Goto(_) | OnError::Pause => None,
            },
            _ => None,
        }
    }
}

impl Scope for RunScope<'_> {
    fn input(&self) -> &Value {
        self.run.input.value().map_or(NULL, |value| value)
    }

    fn context(&self) -> &Value {
        self.run.context.value().map_or(NULL, |value| value)
    }

    fn local(&self, local: Local) -> Option<&Value> {
        match local {
            Local::Item => self.item,
            Local::Index => Some(&self.index).filter(|index| !index.is_null()),
            Local::Last => self.last,
            Local::Iteration => Some(&self.iteration).filter(|iteration| !iteration.is_null()),
            Local::Output => self.output,
            Local::Key => self.key.as_ref(),
        }
    }

    fn output(&self, node: NodeIndex) -> Option<&Value> {
        self.output_of(node.into())
    }

    fn fact(&self, fact: Fact) -> Option<Value> {
        Some(match fact {
            Fact::Id => Value::from(self.run.id.to_string()),
            Fact::Workflow => Value::from(self.run.workflow.name.as_str()),
            Fact::Version => Value::from(self.run.version),
        })
    }

    fn error(&self, node: NodeIndex) -> Option<&Failure> {
        match &self.run.step(node).state {
            StepState::Failed { failure } => Some(failure),
            _ => None,
        }
    }
}
