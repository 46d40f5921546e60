//! Conditions: CEL expressions that say yes or no.
//!
//! An expression is parsed and checked once. The checks bound what evaluating it may cost: its length and depth, one level
//! of `all`, `exists`, `filter` and `map` over at most 10,000 items, patterns that are written out, and no more than a few
//! operations that make values longer.

pub(super) mod bounds;
mod check;
mod flat;

use std::collections::HashMap;
use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, OnceLock};

use cel::common::ast::IdedExpr;
use cel::{Context, Env, ExecutionError};
use serde_json::Value;

use super::Scope;
use super::names::{self, Refusal, Root, Visible};
use super::of_run::{self, RUN};
use crate::diagnostic::Code;

pub use bounds::PARTS_MAX;
pub use check::{ADDITIONS_MAX, DEPTH_MAX, NESTING_MAX, OPERATORS_MAX, PATTERN_BYTES_MAX, PATTERNS_MAX};

/// The longest expression.
pub const CONDITION_BYTES_MAX: usize = 4096;
/// The most items that `all`, `exists`, `filter` and `map` go through.
pub const ITEMS_MAX: usize = 10_000;
/// How many of them may stand in each other.
pub const COMPREHENSIONS_MAX: usize = 1;
const REASON_CHARACTERS_MAX: usize = 1024;
/// Bound on a value that an expression gives, counted roughly as its JSON text.
const VALUE_BYTES_MAX: usize = super::binding::RESOLVED_BYTES_MAX;

/// A CEL expression, compiled.
#[derive(Clone)]
pub struct Condition {
    text: Arc<str>,
    expression: Arc<IdedExpr>,
    /// What each stands for, and whether it may be null although what it names is not.
    variables: Arc<[(String, Root, bool)]>,
}

impl fmt::Debug for Condition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Condition").field(&self.text).finish()
    }
}

/// Why a condition gave no answer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ConditionError {
    /// The expression met a value it cannot work with.
    #[error("condition `{text}` could not be evaluated: {reason}")]
    Failed {
        /// The expression.
        text: String,
        /// What went wrong, at most 1,024 characters.
        reason: String,
    },
    /// The expression gave something else than true or false.
    #[error("condition `{text}` gave {found} instead of true or false")]
    NotABool {
        /// The expression.
        text: String,
        /// The type of what it gave.
        found: String,
    },
}

impl Condition {
    /// The expression as it stands in the document.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.text
    }

    /// The variables it reads.
    pub fn variables(&self) -> impl Iterator<Item = &str> {
        self.variables.iter().map(|(name, ..)| name.as_str())
    }

    /// The tree of the expression.
    pub(crate) fn expression(&self) -> &IdedExpr {
        &self.expression
    }

    /// What a variable stands for, and whether it may be null although what it names is not.
    pub(crate) fn root(&self, variable: &str) -> Option<(Root, bool)> {
        self.variables
            .iter()
            .find(|(name, ..)| name == variable)
            .map(|(_, root, nullable)| (*root, *nullable))
    }

    /// The answer. A node without an output is null.
    ///
    /// # Errors
    /// [`ConditionError`] when the values at hand do not fit the expression.
    pub fn evaluate(&self, scope: &dyn Scope) -> Result<bool, ConditionError> {
        match self.resolve(scope)? {
            cel::Value::Bool(answer) => Ok(answer),
            other => Err(ConditionError::NotABool {
                text: self.text.to_string(),
                found: other.type_of().to_string(),
            }),
        }
    }

    /// The value that the expression gives, as JSON.
    ///
    /// # Errors
    /// [`ConditionError::Failed`] when the values at hand do not fit the expression, or it gives something that JSON has no
    /// word for, or too much.
    pub fn value(&self, scope: &dyn Scope) -> Result<Value, ConditionError> {
        let mut left = VALUE_BYTES_MAX;
        from_cel(&self.resolve(scope)?, &mut left).map_err(|reason| self.failed(reason))
    }

    fn failed(&self, reason: &str) -> ConditionError {
        let reason = reason.chars().take(REASON_CHARACTERS_MAX).collect();
        ConditionError::Failed { text: self.text.to_string(), reason }
    }

    fn resolve(&self, scope: &dyn Scope) -> Result<cel::Value, ConditionError> {
        // A panic in the library is a failed condition, not the end of the run's actor.
        let result = catch_unwind(AssertUnwindSafe(|| {
            let mut context = Context::with_env(environment().clone());
            for (name, root, _) in &*self.variables {
                let of_run = match root {
                    Root::Run(fact) => scope.fact(*fact),
                    Root::Error(node, field) => Some(of_run::error_of(scope, *node, *field)),
                    Root::Input | Root::Context | Root::Node(_) | Root::Local(_) => None,
                };
                let value = match root {
                    Root::Run(_) | Root::Error(..) => of_run.as_ref(),
                    Root::Input => Some(scope.input()),
                    Root::Context => Some(scope.context()),
                    Root::Node(node) => scope.output(*node),
                    Root::Local(local) => scope.local(*local),
                };
                context.add_variable_from_value(name.as_str(), value.map_or(cel::Value::Null, to_cel));
            }
            context.resolve(&self.expression).map_err(|error| explain(&error))
        }));
        match result {
            Ok(Ok(value)) => Ok(value),
            Ok(Err(reason)) => Err(self.failed(&reason)),
            Err(_) => Err(self.failed("the evaluator gave up")),
        }
    }

    pub(crate) fn compile(text: &str, visible: &dyn Visible) -> Result<Self, Vec<Refusal>> {
        let mut expression = check::parse(text).map_err(|refusal| vec![refusal])?;
        let facts = check::check(&expression).map_err(|refusal| vec![refusal])?;
        let (mut variables, mut refusals) = (Vec::new(), Vec::new());
        if facts.variables.contains(RUN) {
            flat::flatten(&mut expression, visible, &mut variables, &mut refusals);
        }
        for name in facts.variables.into_iter().filter(|name| name != RUN) {
            match names::resolve(&name, visible) {
                Ok((root, nullable)) => variables.push((name, root, nullable)),
                Err(refusal) => refusals.push(refusal),
            }
        }
        if !refusals.is_empty() {
            return Err(refusals);
        }
        let expression = bounds::bound(expression);
        Ok(Self { text: text.into(), expression: Arc::new(expression), variables: variables.into() })
    }
}

/// The words of CEL and the functions that bound what a comprehension costs.
fn environment() -> &'static Arc<Env> {
    static ENVIRONMENT: OnceLock<Arc<Env>> = OnceLock::new();
    ENVIRONMENT.get_or_init(|| {
        let mut env = Env::stdlib().with_optional_support(false);
        bounds::register(&mut env);
        Arc::new(env)
    })
}

fn to_cel(value: &Value) -> cel::Value {
    match value {
        Value::Null => cel::Value::Null,
        Value::Bool(flag) => cel::Value::Bool(*flag),
        Value::Number(number) => match (number.as_i64(), number.as_u64(), number.as_f64()) {
            (Some(number), _, _) => cel::Value::Int(number),
            (_, Some(number), _) => cel::Value::UInt(number),
            (_, _, Some(number)) => cel::Value::Float(number),
            (None, None, None) => cel::Value::Null,
        },
        Value::String(text) => cel::Value::String(Arc::new(text.clone())),
        Value::Array(items) => cel::Value::List(Arc::new(items.iter().map(to_cel).collect())),
        Value::Object(map) => {
            let pairs = map.iter().map(|(key, value)| (cel::objects::Key::from(key.as_str()), to_cel(value)));
            cel::Value::Map(cel::objects::Map { map: Arc::new(pairs.collect::<HashMap<_, _>>()) })
        }
    }
}

/// The value of an expression as JSON, within so many bytes.
fn from_cel(value: &cel::Value, left: &mut usize) -> Result<Value, &'static str> {
    let mut take = |bytes: usize| -> Result<(), &'static str> {
        *left = left.checked_sub(bytes).ok_or("the value is larger than 16 MiB")?;
        Ok(())
    };
    match value {
        cel::Value::Null => take(4).map(|()| Value::Null),
        cel::Value::Bool(flag) => take(5).map(|()| Value::Bool(*flag)),
        cel::Value::Int(number) => take(8).map(|()| Value::from(*number)),
        cel::Value::UInt(number) => take(8).map(|()| Value::from(*number)),
        cel::Value::Float(number) => {
            take(8)?;
            serde_json::Number::from_f64(*number).map(Value::Number).ok_or("the number is not finite")
        }
        cel::Value::String(text) => {
            take(text.len() + 2)?;
            Ok(Value::String(text.to_string()))
        }
        cel::Value::List(items) => {
            take(2 + items.len())?;
            items.iter().map(|item| from_cel(item, left)).collect::<Result<_, _>>().map(Value::Array)
        }
        cel::Value::Map(map) => {
            take(2)?;
            let mut pairs = serde_json::Map::new();
            for (key, value) in map.map.iter() {
                let key = match key {
                    cel::objects::Key::String(text) => text.to_string(),
                    cel::objects::Key::Int(number) => number.to_string(),
                    cel::objects::Key::Uint(number) => number.to_string(),
                    cel::objects::Key::Bool(flag) => flag.to_string(),
                };
                pairs.insert(key, from_cel(value, left)?);
            }
            Ok(Value::Object(pairs))
        }
        _ => Err("the value is of a type that JSON does not have"),
    }
}

/// What went wrong, without the values, which may be large and are nobody else's business.
fn explain(error: &ExecutionError) -> String {
    match error {
        ExecutionError::NoSuchKey(key) => format!("there is no field `{key}`"),
        ExecutionError::NoSuchOverload(overload) => overload.to_string(),
        ExecutionError::UndeclaredReference(name) => format!("there is no `{name}`"),
        ExecutionError::UnexpectedType { got, want } => format!("{got} where {want} was expected"),
        ExecutionError::FunctionError { function, message } => format!("{function}: {message}"),
        ExecutionError::DivisionByZero(_) | ExecutionError::RemainderByZero(_) => {
            "division by zero".to_owned()
        }
        ExecutionError::Overflow(..) => "a number is out of range".to_owned(),
        ExecutionError::IndexOutOfBounds(_) => "the list has no such item".to_owned(),
        ExecutionError::ValuesNotComparable(..) => "the values cannot be compared".to_owned(),
        _ => "the values do not fit the expression".to_owned(),
    }
}

/// Says what is wrong with an expression.
fn refuse(message: impl Into<String>) -> Refusal {
    Refusal::new(Code::BadCondition, message)
}
