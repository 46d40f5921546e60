//! A good outcome passes, and every way to spoil it is found: the proof that no wrong result is a finding and not a blind eye.

use serde_json::{Value, json};

use super::*;

fn asked() -> Asked {
    Asked { run: "r".into(), sort: Sort::Write, n: 7 }
}

fn event(at: usize, kind: &str, data: Value) -> RunEvent {
    let of = |value: Value| serde_json::from_value(value).unwrap();
    of(
        json!({ "sequence": (at * 10).to_string(), "streamsequence": at.to_string(), "type": kind, "data": data }),
    )
}

/// A write that was cut off, set aside, released, reconciled and made again.
fn good() -> Seen {
    let story = [
        ("run.created", json!({})),
        ("plan.created", json!({})),
        ("step.started", json!({ "step": "mark", "attempt": 1 })),
        ("step.interrupted", json!({ "step": "mark", "attempt": 1 })),
        ("step.started", json!({ "step": "mark", "attempt": 2 })),
        ("step.completed", json!({ "step": "mark", "attempt": 2 })),
        ("step.started", json!({ "step": "write", "attempt": 1 })),
        ("run.quarantined", json!({ "message": "gave up on workflow after 3 restarts: killed" })),
        ("run.resumed", json!({})),
        ("step.interrupted", json!({ "step": "write", "attempt": 1 })),
        ("step.waiting", json!({ "step": "write", "attempt": 1 })),
        ("step.reconciled", json!({ "step": "write", "attempt": 1 })),
        ("step.started", json!({ "step": "write", "attempt": 2 })),
        ("step.completed", json!({ "step": "write", "attempt": 2 })),
        ("step.started", json!({ "step": "after", "attempt": 1 })),
        ("step.completed", json!({ "step": "after", "attempt": 1 })),
        ("run.completed", json!({})),
    ];
    let events = story.into_iter().enumerate().map(|(at, (kind, data))| event(at + 1, kind, data)).collect();
    let step = |path: &str| serde_json::from_value(json!({ "path": path, "status": "completed" })).unwrap();
    let run = json!({ "id": "r", "workflow": "chaos-write", "status": "completed", "result": "complete",
        "output": { "n": 8, "mark": "r/mark/1", "write": "r/write/1" } });
    Seen {
        run: serde_json::from_value(run).unwrap(),
        steps: ["mark", "write", "after"].map(step).to_vec(),
        events,
    }
}

#[track_caller]
fn finds(spoil: impl FnOnce(&mut Seen), what: &str) {
    let mut seen = good();
    spoil(&mut seen);
    let wrong = run(&asked(), &seen);
    assert!(wrong.iter().any(|wrong| wrong.what.contains(what)), "{what:?} is not in {wrong:#?}");
    assert!(wrong.iter().all(|wrong| wrong.run.as_deref() == Some("r")));
}

#[test]
fn a_good_outcome_is_found_good_and_counted() {
    assert_eq!(run(&asked(), &good()), []);
    let happened = Happened { retried: 0, interrupted: 2, reconciled: 1, quarantined: 1 };
    assert_eq!(Happened::of(&good().events), happened);
}

#[test]
fn a_planted_wrong_result_is_found() {
    finds(
        |seen| seen.run.output = Some(json!({ "n": 9, "mark": "r/mark/1", "write": "r/write/1" })),
        "its output is",
    );
    finds(|seen| seen.run.output = None, "its output is null");
    finds(|seen| seen.run.status = "failed".into(), "it ended failed");
    finds(|seen| seen.run.result = Some("partial".into()), "with the result partial");
    finds(|seen| seen.steps[1].status = "skipped".into(), "its step write is skipped");
    finds(|seen| drop(seen.steps.pop()), "it has 2 steps");
}

#[test]
fn a_planted_hole_or_disorder_in_the_history_is_found() {
    finds(|seen| drop(seen.events.remove(3)), "its event 4 has the stream sequence 5");
    finds(|seen| seen.events[4].sequence = "7".into(), "has the global sequence 7 behind 40");
    finds(|seen| drop(seen.events.pop()), "does not end once");
    finds(|seen| seen.events[8].kind = "run.failed".into(), "does not end once");
    finds(|seen| seen.events[12].data["attempt"] = json!(3), "attempt 3 of its step write follows on 1");
    finds(
        |seen| seen.events[12] = event(13, "step.completed", json!({ "step": "write" })),
        "completed 2 times",
    );
    finds(
        |seen| seen.events[10] = event(11, "step.retrying", json!({ "step": "write", "attempt": 1 })),
        "has two outcomes",
    );
    finds(
        |seen| seen.events[7].data["message"] = json!("just so"),
        "although its supervisor did not give up",
    );
}

#[test]
fn work_that_was_not_done_or_done_twice_or_for_nobody_is_found() {
    let of = |text: &str| effects(&[asked()], &Effects::of(text));
    assert_eq!(of("r/mark/1 1\nr/mark/1 2\nr/write/1 2\n"), []);
    for (text, what) in [
        ("r/mark/1 1\nr/write/1 1\nr/write/1 2\n", "step write was done 2 times"),
        ("r/mark/1 1\n", "step write was done 0 times"),
        ("r/write/1 1\n", "step mark was done 0 times"),
        ("r/mark/1 1\nr/write/1 1\nx/write/1 1\n", "x/write/1, which no run has"),
    ] {
        let wrong = of(text);
        assert_eq!(wrong.len(), 1, "{wrong:?}");
        assert!(wrong[0].what.contains(what), "{wrong:?}");
    }
}

#[test]
fn a_run_that_is_lost_or_listed_twice_or_that_nobody_asked_for_is_found() {
    let of = |listed: &[&str]| {
        let listed: Vec<String> = listed.iter().map(|run| (*run).to_owned()).collect();
        list(&[asked()], &listed).into_iter().map(|wrong| wrong.what).collect::<Vec<_>>()
    };
    assert_eq!(of(&["r"]), [] as [String; 0]);
    assert_eq!(of(&[]), ["it was started and is lost"]);
    assert_eq!(of(&["r", "r"]), ["it is listed 2 times"]);
    assert_eq!(of(&["r", "s"]), ["nobody asked for it"]);
}
