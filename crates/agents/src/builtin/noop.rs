//! `noop`: returns its input, `n` plus one where there is a number `n`. For trying flows and for measuring what is ours.

use std::sync::Arc;

use futures::FutureExt;
use futures::future::{BoxFuture, ready};
use serde_json::{Number, Value};

use crate::{Agent, Answer, Call, CancelToken, Outcome, ProgressSink};

/// Answers at once: no task, no timer, and no copy of the input but where `n` changes it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Noop;

impl Agent for Noop {
    fn call(&self, call: Call, _: ProgressSink, _: CancelToken) -> BoxFuture<'static, Outcome> {
        ready(Ok(Answer::new(counted(call.input)))).boxed()
    }
}

fn counted(mut input: Arc<Value>) -> Arc<Value> {
    let Some(next) = input.get("n").and_then(Value::as_number).and_then(plus_one) else { return input };
    Arc::make_mut(&mut input)["n"] = Value::Number(next);
    input
}

fn plus_one(n: &Number) -> Option<Number> {
    if let Some(n) = n.as_i64() {
        return n.checked_add(1).map(Number::from);
    }
    if let Some(n) = n.as_u64() {
        return n.checked_add(1).map(Number::from);
    }
    n.as_f64().and_then(|n| Number::from_f64(n + 1.0))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn n_is_counted_and_everything_else_stays() {
        for (input, output) in [
            (json!({"n": 1, "x": [2]}), json!({"n": 2, "x": [2]})),
            (json!({"n": -1}), json!({"n": 0})),
            (json!({"n": 1.5}), json!({"n": 2.5})),
            (json!({"n": i64::MAX}), json!({"n": i64::MAX})),
            (json!({"n": "1"}), json!({"n": "1"})),
            (json!([1]), json!([1])),
            (Value::Null, Value::Null),
        ] {
            assert_eq!(*counted(Arc::new(input)), output);
        }
    }

    #[test]
    fn an_input_without_n_is_not_copied() {
        let input = Arc::new(json!({"x": 1}));
        assert!(Arc::ptr_eq(&counted(input.clone()), &input));
    }
}
