//! What the tests of several files need.

use std::sync::Arc;
use std::time::Duration;

use ghostlight_model::failure::EffectClass;
use ghostlight_model::ids::{Name, StepPath};
use serde_json::{Value, json};

use crate::Call;

/// A call with that input: second attempt, effect `write`, ten seconds.
pub(crate) fn call(input: Value) -> Call {
    Call {
        run: "01980c00-0000-7000-8000-000000000001".parse().unwrap(),
        workflow: Name::new("test").unwrap(),
        step: StepPath::new("verify").unwrap(),
        attempt: 2,
        idempotency_key: "01980c00-0000-7000-8000-000000000001/verify/1".into(),
        effect: EffectClass::Write,
        deadline: "2026-01-01T00:00:00Z".parse().unwrap(),
        timeout: Duration::from_secs(10),
        heartbeat: None,
        input: Arc::new(input),
        context: Arc::new(json!({})),
        traceparent: Some("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01".into()),
    }
}
