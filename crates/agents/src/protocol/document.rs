//! The document that a callee gets.

use bytes::Bytes;
use ghostlight_model::ids::{Name, RunId, StepPath};
use serde::Serialize;
use serde_json::Value;

use crate::Call;

/// The version of the protocol.
const PROTOCOL: u8 = 1;

#[derive(Serialize)]
struct Document<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    protocol: Option<u8>,
    run: &'a RunId,
    workflow: &'a Name,
    step: &'a StepPath,
    attempt: u32,
    idempotency_key: &'a str,
    deadline: &'a jiff::Timestamp,
    input: &'a Value,
    context: &'a Value,
    #[serde(skip_serializing_if = "Option::is_none")]
    traceparent: Option<&'a str>,
}

/// For the stdin of a command.
pub(crate) fn command_document(call: &Call) -> Bytes {
    document(call, Some(PROTOCOL))
}

/// For the body of a request; there the version stands in a header.
pub(crate) fn http_document(call: &Call) -> Bytes {
    document(call, None)
}

fn document(call: &Call, protocol: Option<u8>) -> Bytes {
    let document = Document {
        protocol,
        run: &call.run,
        workflow: &call.workflow,
        step: &call.step,
        attempt: call.attempt,
        idempotency_key: &call.idempotency_key,
        deadline: &call.deadline,
        input: &call.input,
        context: &call.context,
        traceparent: call.traceparent.as_deref(),
    };
    serde_json::to_vec(&document).expect("values and texts always serialise into memory").into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing;
    use serde_json::json;

    #[test]
    fn the_document_has_the_fields_of_protocol_version_1() {
        let call = testing::call(json!({"url": "x"}));
        let command: Value = serde_json::from_slice(&command_document(&call)).unwrap();
        assert_eq!(
            command,
            json!({
                "protocol": 1,
                "run": "01980c00-0000-7000-8000-000000000001",
                "workflow": "test",
                "step": "verify",
                "attempt": 2,
                "idempotency_key": "01980c00-0000-7000-8000-000000000001/verify/1",
                "deadline": "2026-01-01T00:00:00Z",
                "input": {"url": "x"},
                "context": {},
                "traceparent": "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
            })
        );
        let http: Value = serde_json::from_slice(&http_document(&call)).unwrap();
        assert_eq!(http.get("protocol"), None);
        assert_eq!(http["attempt"], 2);
    }
}
