//! Golden samples: one body of every kind and version ever written. They may be added to and never changed: a journal that
//! holds them must be read for ever.

use std::collections::BTreeSet;

use super::{Attribution, Event, KINDS, event_of_no_run};

/// Kind, version, body.
const SAMPLES: &[(u16, u8, &str)] = &[
    (
        1,
        1,
        r#"{"workflow":"chain","version":3,"definition":"1111111111111111111111111111111111111111111111111111111111111111","input":{"json":{"n":1}},"labels":{"team":"platform"},"key":"order-7"}"#,
    ),
    (
        1,
        1,
        r#"{"workflow":"own","version":0,"definition":"1111111111111111111111111111111111111111111111111111111111111111","document":{"json":{"name":"own"}},"input":{"blob":"22","bytes":70000},"context":{"json":{"a":1}}}"#,
    ),
    (2, 1, r#"{"reason":"operator","message":"lunch"}"#),
    (3, 1, "{}"),
    (4, 1, r#"{"reason":"enough"}"#),
    (4, 1, r#"{"reason":"enough","kill":true}"#),
    (5, 1, "{}"),
    (5, 1, r#"{"not_compensated":["pay"]}"#),
    (6, 1, r#"{"step":"b","failure":{"class":"data","code":"broken","message":"it broke","happened":"no"}}"#),
    (7, 1, r#"{"output":{"json":null},"result":"partial","missing":["b"]}"#),
    (8, 1, r#"{"steps":["b","c"]}"#),
    (8, 1, r#"{"steps":["b","each"],"anew":["each"],"input":{"json":{"n":2}}}"#),
    (9, 1, r#"{"message":"its actors kept crashing"}"#),
    (10, 1, r#"{"status":"completed","file":"runs-2026-11-20T12-00-00Z-1.jsonl"}"#),
    (10, 1, r#"{"status":"failed"}"#),
    (
        20,
        1,
        r#"{"definition":"1111111111111111111111111111111111111111111111111111111111111111","makespan_ms":3000}"#,
    ),
    (
        1,
        1,
        r#"{"workflow":"child","version":1,"definition":"1111111111111111111111111111111111111111111111111111111111111111","input":{"json":{}},"parent":{"run":"01980c00-0000-7000-8000-000000000002","step":"each.2","root":"01980c00-0000-7000-8000-000000000001","generation":2}}"#,
    ),
    (21, 1, r#"{"max_parallel":4}"#),
    (
        21,
        1,
        r#"{"definition":"1111111111111111111111111111111111111111111111111111111111111111","document":{"json":{"name":"w"}},"reason":"one more look"}"#,
    ),
    (
        21,
        1,
        r#"{"definition":"1111111111111111111111111111111111111111111111111111111111111111","version":2,"document":{"json":{"name":"w"}},"reason":"version 2"}"#,
    ),
    (30, 1, r#"{"step":"a"}"#),
    (
        31,
        1,
        r#"{"step":"a","attempt":1,"iteration":1,"epoch":7,"agent":"noop","agent_version":"1111111111111111111111111111111111111111111111111111111111111111","effect":"read","input":{"json":{}},"timeout_ms":60000}"#,
    ),
    (
        32,
        1,
        r#"{"step":"a","reason":"reconcile","attempt":2,"failure":{"class":"timeout","code":"timeout","message":"no answer","happened":"unknown","retry_after_ms":2000}}"#,
    ),
    (32, 1, r#"{"step":"a","reason":"approval","approval":"01980c00-0000-7000-8000-000000000001"}"#),
    (32, 1, r#"{"step":"a","reason":"time","until":"2026-11-20T12:15:00Z"}"#),
    (32, 1, r#"{"step":"a","reason":"signal","until":"2026-11-20T12:15:00Z","signal":"go-on"}"#),
    (
        32,
        1,
        r#"{"step":"a","reason":"child","child":{"run":"01980c00-0000-7000-8000-000000000002","workflow":"child","version":3},"input":{"json":{"n":1}}}"#,
    ),
    (
        33,
        1,
        r#"{"step":"a","attempt":1,"failure":{"class":"transient","code":"x","message":"y","happened":"no"},"retry_at":"2026-11-20T12:00:01Z","usage":{"input_tokens":5}}"#,
    ),
    (
        33,
        1,
        r#"{"step":"a","attempt":1,"failure":{"class":"data","code":"success_not_met","message":"y","happened":"yes"},"retry_at":"2026-11-20T12:00:01Z","redo":true}"#,
    ),
    (
        32,
        1,
        r#"{"step":"a","reason":"verdict","attempt":2,"output":{"json":{"n":1}},"usage":{"input_tokens":5}}"#,
    ),
    (34, 1, r#"{"step":"a","attempt":1,"reason":"process_ended"}"#),
    (35, 1, r#"{"step":"a","attempt":1,"happened":"yes"}"#),
    (36, 1, r#"{"step":"a","attempt":1,"output":{"json":{"n":2}}}"#),
    (36, 1, r#"{"step":"go","output":{"json":{"n":2}},"signal":1}"#),
    (
        37,
        1,
        r#"{"step":"a","failure":{"class":"rejected","code":"approval_rejected","message":"no","happened":"no"}}"#,
    ),
    (38, 1, r#"{"step":"c","why":{"because":"failed","chain":["a","b"]}}"#),
    (38, 1, r#"{"step":"c","why":{"because":"condition","condition":"!a.healthy"}}"#),
    (38, 1, r#"{"step":"c","why":{"because":"skipped","chain":["a"]}}"#),
    (39, 1, r#"{"step":"a","attempt":1,"happened":"unknown"}"#),
    (39, 1, r#"{"step":"b","attempt":1,"happened":"unknown","lost_race":true,"usage":{"input_tokens":5}}"#),
    (40, 1, r#"{"step":"a","attempt":1,"output":{"json":1}}"#),
    (41, 1, r#"{"step":"each","items":2,"input":{"json":[1,2]}}"#),
    (41, 1, r#"{"step":"again"}"#),
    (42, 1, r#"{"step":"say","event":"report.ready","data":{"json":{"pages":3}}}"#),
    (
        43,
        1,
        r#"{"step":"a","attempt":1,"passed":false,"evidence":{"json":[{"criterion":"output.n > 1","passed":false}]}}"#,
    ),
    (44, 1, r#"{"step":"a"}"#),
    (
        50,
        1,
        r#"{"approval":"01980c00-0000-7000-8000-000000000001","step":"ask","action":{"json":"Restart shop"},"impact":{"json":"it is down"},"risk":"high","shown":"ab","expires_at":"2026-11-20T12:15:00Z"}"#,
    ),
    (
        51,
        1,
        r#"{"approval":"01980c00-0000-7000-8000-000000000001","step":"ask","decision":"approved","comment":{"json":"fine"},"changes":{"json":{}},"shown":"ab"}"#,
    ),
    (52, 1, r#"{"name":"go-on","payload":{"json":true}}"#),
    (
        70,
        1,
        r#"{"version":1,"hash":"1111111111111111111111111111111111111111111111111111111111111111","source":{"json":"name: a"},"format":"yaml"}"#,
    ),
    (
        70,
        1,
        r#"{"version":2,"hash":"1111111111111111111111111111111111111111111111111111111111111111","source":{"json":"name: a"},"format":"yaml","message":"why"}"#,
    ),
    (71, 1, "{}"),
    (72, 1, "{}"),
    (72, 1, r#"{"visibility":"public"}"#),
    (
        73,
        1,
        r#"{"hash":"1111111111111111111111111111111111111111111111111111111111111111","definition":{"json":{}},"file":"noop.yaml"}"#,
    ),
    (74, 1, "{}"),
    (75, 1, r#"{"reason":"its file was removed"}"#),
    (90, 1, r#"{"target":"run/default/x","fingerprint":"ab","until":"2026-11-21T12:00:00Z"}"#),
    (
        90,
        1,
        r#"{"target":"workflow/default/x","fingerprint":"ab","until":"2026-11-21T12:00:00Z","outcome":{"at":3,"changed":true}}"#,
    ),
    (91, 1, "{}"),
    (95, 1, r#"{"action":"retry","runs":{"json":["01980c00-0000-7000-8000-000000000001"]}}"#),
    (100, 1, r#"{"action":"tree.stop","object":"runs/p0","allowed":false,"reason":"no right"}"#),
    (110, 1, r#"{"label":"ci","hash":"ab","expires_at":"2027-11-20T12:00:00Z"}"#),
    (111, 1, "{}"),
    (120, 1, r#"{"epoch":7,"version":"0.1.0","clean":true}"#),
    (121, 1, "{}"),
    (122, 1, r#"{"path":"core/planner","incarnation":2,"exit":"panicked"}"#),
    (123, 1, r#"{"path":"runs/p0/runs/x","exit":"workflow: panicked"}"#),
    (124, 1, r#"{"view":"runs","reason":"record 7 does not decode"}"#),
    (125, 1, r#"{"place":"segment 3 at 512","reason":"checksum"}"#),
    (126, 1, r#"{"level":"short","free_bytes":268435455}"#),
    (127, 1, r#"{"segments":2,"records":900,"bytes":1000000,"blobs":1,"blob_bytes":70000}"#),
];

/// Shows S3-4a.
#[test]
fn every_body_ever_written_reads_and_is_written_the_same() {
    for (kind, version, body) in SAMPLES {
        let event = Event::decode(*kind, *version, body.as_bytes())
            .unwrap_or_else(|error| panic!("{body}: {error:?}"));
        assert_eq!(event.kind(), *kind);
        let again = event.encode(&Attribution::default()).unwrap();
        assert_eq!(String::from_utf8(again).unwrap(), *body);
    }
}

/// Shows S3-4a.
#[test]
fn every_kind_has_a_sample() {
    let sampled: BTreeSet<u16> = SAMPLES.iter().map(|(kind, _, _)| *kind).collect();
    let kinds: BTreeSet<u16> = KINDS.iter().map(|(kind, _, _)| *kind).collect();
    assert_eq!(sampled, kinds);
}

/// Each kind is written down once, with those of runs or with the others; that its number says the same is how they are chosen.
#[test]
fn the_kinds_that_are_of_no_run_are_those_from_70_on() {
    for (kind, version, body) in SAMPLES {
        let event = Event::decode(*kind, *version, body.as_bytes()).unwrap();
        assert_eq!(matches!(event, event_of_no_run!()), *kind >= 70, "{}", event.name());
    }
}

/// The shared fields and an event's own stand in one object.
#[test]
fn no_event_has_a_field_that_all_events_have() {
    let everybody = Attribution { cause: Some("c".into()), by: Some("b".into()), trace: Some("t".into()) };
    for (kind, version, body) in SAMPLES {
        let event = Event::decode(*kind, *version, body.as_bytes()).unwrap();
        let joined = event.encode(&everybody).unwrap();
        let again =
            Event::decode(*kind, *version, &joined).unwrap_or_else(|error| panic!("{body}: {error:?}"));
        assert_eq!(again, event);
        assert_eq!(super::attribution(&joined).unwrap(), everybody, "{body}");
    }
}
