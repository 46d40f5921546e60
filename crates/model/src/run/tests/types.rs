//! Each type of node, each kind of join and each way on after an error.

use super::*;
use crate::event::{PauseReason, RunResult};
use crate::workflow::MergeWord;

fn file(nodes: &str) -> String {
    format!("ghostlight: 1\nname: w\n{nodes}")
}

fn ids(bench: &Bench) -> Vec<String> {
    bench.running().iter().map(ToString::to_string).collect()
}

const EACH: &str = "nodes:
  each: { type: map, over: $input.list, max_parallel: 2, node: { type: agent_call, agent: reader, input: { of: $item, at: $index } } }
  after: { type: transform, needs: [each], value: $each }
output: $after
";

#[test]
fn a_map_does_so_many_items_at_once_and_its_output_is_in_the_order_of_the_list() {
    let mut bench = Bench::start(&file(EACH), json!({"list": ["x", "y", "z"]}));
    assert_eq!(ids(&bench), ["each.0@1", "each.1@1"]);
    let input = bench.run.attempt(bench.run.find(&path("each.1")).unwrap()).unwrap().input.clone();
    assert_eq!(**input.value().unwrap(), json!({"of": "y", "at": 1}));
    bench.completes("each.1@1", json!("Y"));
    assert_eq!(ids(&bench), ["each.0@1", "each.2@1"]);
    bench.crash();
    bench.give(Command::Recover).unwrap();
    assert_eq!(ids(&bench), ["each.0@2", "each.2@2"], "a read that was cut off is made again");
    bench.completes("each.2@2", json!("Z"));
    assert_eq!(bench.status("each"), StepStatus::Running);
    bench.completes("each.0@2", json!("X"));
    assert_eq!((bench.run.status, bench.output()), (RunStatus::Completed, json!(["X", "Y", "Z"])));
}

#[test]
fn a_map_over_nothing_completes_at_once_and_one_over_no_list_fails() {
    let bench = Bench::start(&file(EACH), json!({"list": []}));
    assert_eq!((bench.run.status, bench.output()), (RunStatus::Completed, json!([])));
    let bench = Bench::start(&file(EACH), json!({"list": 3}));
    assert_eq!(bench.run.failure.as_ref().unwrap().1.code, "list_expected");
    let many: Vec<u32> = (0..10_001).collect();
    let bench = Bench::start(&file(EACH), json!({"list": many}));
    assert_eq!(bench.run.failure.as_ref().unwrap().1.code, "too_many_items");
}

#[test]
fn an_item_that_fails_stops_no_other_and_is_tried_again_alone() {
    let mut bench = Bench::start(&file(EACH), json!({"list": [1, 2, 3]}));
    bench.fails("each.0@1", ErrorClass::Data, Happened::Yes);
    assert_eq!(ids(&bench), ["each.1@1", "each.2@1"]);
    bench.completes("each.1@1", json!("b"));
    bench.completes("each.2@1", json!("c"));
    let (step, failure) = bench.run.failure.clone().unwrap();
    assert_eq!((step, failure.message.as_str()), (Some(path("each")), "each.0 failed: it broke"));
    assert!(bench.run.walk().all(|(_, _, step)| step.state.has_ended()), "nothing is left pending");
    bench.give(Command::Retry).unwrap();
    assert_eq!(ids(&bench), ["each.0@2"], "what is done stays done");
    bench.completes("each.0@2", json!("a"));
    assert_eq!(bench.output(), json!(["a", "b", "c"]));
}

#[test]
fn items_that_may_fail_are_null_or_what_stands_for_them_and_make_the_run_partial() {
    for (on_error, stands) in [("continue", json!(null)), ("{ default: 7 }", json!(7))] {
        let each = EACH.replace("agent: reader,", &format!("agent: reader, on_error: {on_error},"));
        let mut bench = Bench::start(&file(&each), json!({"list": [1, 2]}));
        bench.fails("each.0@1", ErrorClass::Data, Happened::Yes);
        bench.completes("each.1@1", json!("b"));
        assert_eq!((bench.output(), bench.run.result), (json!([stands, "b"]), Some(RunResult::Partial)));
        assert_eq!(bench.run.left_undone(), [path("each.0")]);
    }
}

#[test]
fn maps_stand_in_maps_and_see_their_own_items() {
    let nested = "nodes:
  all: { type: map, over: $input.rows, node: { type: map, over: $item, node: { type: transform, expression: item * 10 + index } } }
";
    let bench = Bench::start(&file(nested), json!({"rows": [[1, 2], [], [3]]}));
    assert_eq!(bench.output(), json!({"all": [[10, 21], [], [30]]}));
    assert_eq!(bench.run.path(bench.run.find(&path("all.0.1")).unwrap()), path("all.0.1"));
}

const AGAIN: &str = "nodes:
  again: { type: loop, until: last.good, max: 3, node: { type: agent_call, agent: patient, input: { before: $last, pass: $iteration } } }
output: $again
";

#[test]
fn a_loop_goes_round_until_its_condition_holds_and_hands_on_what_came_before() {
    let mut bench = Bench::start(&file(AGAIN), empty());
    assert_eq!(ids(&bench), ["again.1@1"]);
    bench.completes("again.1@1", json!({"good": false, "n": 1}));
    assert_eq!(ids(&bench), ["again.2@1"]);
    let input = bench.run.attempt(bench.run.find(&path("again.2")).unwrap()).unwrap().input.clone();
    assert_eq!(**input.value().unwrap(), json!({"before": {"good": false, "n": 1}, "pass": 2}));
    bench.crash();
    bench.give(Command::Recover).unwrap();
    bench.completes("again.2@2", json!({"good": true}));
    assert_eq!(bench.output(), json!({"iterations": 2, "last": {"good": true}}));
}

#[test]
fn a_loop_ends_after_so_many_passes_and_fails_with_the_pass_that_failed() {
    let mut bench = Bench::start(&file(AGAIN), empty());
    for pass in 1..=3 {
        bench.completes(&format!("again.{pass}@1"), json!({"good": false}));
    }
    assert_eq!(bench.output(), json!({"iterations": 3, "last": {"good": false}}));
    let mut bench = Bench::start(&file(AGAIN), empty());
    bench.completes("again.1@1", json!({"good": false}));
    bench.fails("again.2@1", ErrorClass::Data, Happened::Yes);
    assert_eq!(bench.run.failure.as_ref().unwrap().1.message, "again.2 failed: it broke");
    bench.give(Command::Retry).unwrap();
    assert_eq!(ids(&bench), ["again.2@2"], "the first pass stays as it is");
}

#[test]
fn a_long_loop_that_calls_nobody_is_done_in_portions() {
    let text = "nodes:\n  count: { type: loop, until: last >= 990, max: 1000, node: { type: transform, expression: 'iteration' } }\n";
    let mut bench = Bench::start(&file(text), empty());
    for _ in 0..10 {
        if bench.run.status.is_terminal() {
            break;
        }
        let agents = bench.agents.clone();
        let context = bench.context(&agents);
        let events = decide(&bench.run, Command::Tick, context).unwrap();
        assert!(!events.is_empty() && events.len() <= 1_100, "{}", events.len());
        bench.append(events);
    }
    assert_eq!(bench.output(), json!({"count": {"iterations": 990, "last": 990}}));
}

const CHILD: &str = "nodes:
  sub: { type: workflow, workflow: other, version: 2, input: { n: $input.n } }
  after: { type: transform, needs: [sub], value: $sub.m }
output: $after
";

fn child(bench: &Bench) -> crate::event::ChildRun {
    let effects = outstanding(&bench.run);
    let found = effects.into_iter().find_map(|effect| match effect {
        Effect::Child { child, .. } | Effect::StopChild { child, .. } => Some(child),
        _ => None,
    });
    found.unwrap()
}

fn ended(bench: &Bench, outcome: Result<Value, Failure>) -> Command {
    let (step, child) = (path("sub"), child(bench).run);
    Command::ChildEnded {
        step,
        child,
        outcome: outcome.map(Arc::new),
        usage: Usage { input_tokens: 5, output_tokens: 1 },
    }
}

#[test]
fn a_step_starts_a_run_of_another_workflow_and_ends_with_it() {
    let mut bench = Bench::start(&file(CHILD), json!({"n": 4}));
    let wanted = child(&bench);
    assert_eq!((wanted.workflow.as_str(), wanted.version), ("other", Some(2)));
    assert_eq!((bench.status("sub"), wake(&bench.run)), (StepStatus::Waiting, Wake::Now));
    bench.crash();
    bench.give(Command::Recover).unwrap();
    assert_eq!(child(&bench), wanted, "the same run after a crash");
    let end = ended(&bench, Ok(json!({"m": 8})));
    bench.give(end.clone()).unwrap();
    assert_eq!((bench.output(), bench.run.usage().input_tokens), (json!(8), 5));
    assert_eq!(bench.give(end).unwrap(), Vec::<&str>::new(), "said twice counts once");
}

#[test]
fn a_run_that_failed_fails_the_step_that_started_it_and_is_started_anew_by_a_retry() {
    let mut bench = Bench::start(&file(CHILD), json!({"n": 4}));
    let first = child(&bench).run;
    let failure =
        Failure::new(ErrorClass::Data, "child_failed", "the run failed: it broke", Happened::Unknown);
    let end = ended(&bench, Err(failure));
    bench.give(end).unwrap();
    assert_eq!(bench.run.failure.as_ref().unwrap().1.code, "child_failed");
    bench.give(Command::Retry).unwrap();
    assert_ne!(child(&bench).run, first);
}

#[test]
fn a_child_is_cancelled_with_its_parent_or_left_to_itself() {
    let mut bench = Bench::start(&file(CHILD), json!({"n": 4}));
    bench.give(Command::Cancel { reason: String::new() }).unwrap();
    assert!(matches!(outstanding(&bench.run)[..], [Effect::StopChild { .. }]));
    assert_eq!(bench.run.status, RunStatus::Running, "it waits for the child");
    let cancelled = Failure::new(ErrorClass::Cancelled, "child_cancelled", "cancelled", Happened::Unknown);
    let end = ended(&bench, Err(cancelled));
    bench.give(end).unwrap();
    assert_eq!(bench.run.status, RunStatus::Cancelled);
    let abandoned = CHILD.replace("version: 2,", "on_parent_cancel: abandon,");
    let mut bench = Bench::start(&file(&abandoned), json!({"n": 4}));
    bench.give(Command::Cancel { reason: String::new() }).unwrap();
    assert_eq!((bench.run.status, outstanding(&bench.run)), (RunStatus::Cancelled, Vec::new()));
}

#[test]
fn children_of_children_come_to_an_end() {
    let mut bench = Bench::start(&file(CHILD), json!({"n": 4}));
    let step = path("sub");
    bench.run.parent =
        Some(crate::event::ParentStep { run: bench.run.id, step, generation: GENERATIONS_MAX });
    bench.run.steps[0] = Arc::default();
    bench.give(Command::Tick).unwrap();
    assert_eq!(bench.run.failure.as_ref().unwrap().1.code, "child_too_deep");
}

#[test]
fn a_wait_ends_when_its_time_has_come() {
    let text =
        "nodes:\n  nap: { type: wait, for: 90s }\n  then: { type: wait, until: $input.at, needs: [nap] }\n";
    let mut bench = Bench::start(&file(text), json!({"at": "2023-11-14T23:00:00Z"}));
    assert_eq!(wake(&bench.run), Wake::At(bench.now + SignedDuration::from_secs(90)));
    assert!(bench.pass(Duration::from_secs(89)).is_empty());
    bench.crash();
    assert_eq!(bench.pass(Duration::from_secs(1)), ["step.completed", "step.waiting"]);
    let (status, reason) = bench.run.step(bench.run.workflow.find("then").unwrap()).state.status();
    assert_eq!((status, reason), (StepStatus::Waiting, Some(crate::event::WaitReason::Time)));
    bench.pass(Duration::from_secs(3_600));
    assert_eq!(bench.output(), json!({"then": {"at": "2023-11-14T23:00:00Z"}}));
    let bench = Bench::start(&file(text), json!({"at": "soon"}));
    assert_eq!(bench.run.failure, None, "it is looked at when it is read");
}

const SIGNAL: &str = "nodes:
  first: { type: agent_call, agent: reader }
  go: { type: wait, needs: [first], signal: { name: go, timeout: 1m, schema: { type: object, required: [ok] } } }
output: $go.ok
";

fn signal(payload: Value) -> Command {
    Command::Signal { name: name("go"), payload }
}

#[test]
fn a_signal_is_taken_by_who_waits_for_it_even_when_it_came_before() {
    let mut bench = Bench::start(&file(SIGNAL), empty());
    assert_eq!(bench.give(signal(json!({"ok": 1}))).unwrap(), ["signal.received"]);
    bench.give(signal(json!({"ok": 2}))).unwrap();
    bench.crash();
    assert_eq!(
        bench.completes("first@1", json!(null)),
        ["step.completed", "step.completed", "run.completed"]
    );
    assert_eq!((bench.output(), bench.run.signals.len()), (json!(1), 1), "each is taken once");
    let mut bench = Bench::start(&file(SIGNAL), empty());
    bench.completes("first@1", json!(null));
    assert_eq!(bench.status("go"), StepStatus::Waiting);
    assert_eq!(
        bench.give(signal(json!({"ok": 3}))).unwrap(),
        ["signal.received", "step.completed", "run.completed"]
    );
    assert!(matches!(bench.give(signal(json!({"ok": 3}))), Err(Rejection::RunIs { .. })));
}

#[test]
fn a_signal_that_nobody_knows_or_that_does_not_fit_is_refused_and_one_that_does_not_come_is_a_timeout() {
    let mut bench = Bench::start(&file(SIGNAL), empty());
    let unknown = Command::Signal { name: name("og"), payload: json!(1) };
    let known = vec![name("go")];
    assert_eq!(bench.give(unknown), Err(Rejection::UnknownSignal { name: name("og"), known }));
    assert!(matches!(bench.give(signal(json!({}))), Err(Rejection::Invalid { what: "payload", .. })));
    bench.completes("first@1", json!(null));
    bench.pass(Duration::from_secs(60));
    assert_eq!(bench.run.failure.as_ref().unwrap().1.class, ErrorClass::Timeout);
}

#[test]
fn more_signals_than_anybody_will_take_are_refused() {
    let mut bench = Bench::start(&file(SIGNAL), empty());
    for n in 0..SIGNALS_MAX {
        bench.give(signal(json!({"ok": n}))).unwrap();
    }
    assert_eq!(bench.give(signal(json!({"ok": 1}))), Err(Rejection::TooManySignals));
}

#[test]
fn what_signals_say_in_all_is_bounded_too() {
    let mut bench = Bench::start(&file(SIGNAL), empty());
    let large = || signal(json!({"ok": "x".repeat(1024 * 1024 - 100)}));
    for _ in 0..4 {
        bench.give(large()).unwrap();
    }
    assert_eq!(bench.give(large()), Err(Rejection::TooManySignals));
}

#[test]
fn maps_in_maps_do_not_multiply_beyond_what_a_run_may_have() {
    let text = "nodes:
  all: { type: map, over: $input.list, node: { type: map, over: $input.list, max_parallel: 1, node: { type: agent_call, agent: reader } } }
";
    let list: Vec<u32> = (0..1_000).collect();
    let mut bench = Bench::start(&file(text), json!({ "list": list }));
    for _ in 0..200 {
        if bench.give(Command::Tick).unwrap().is_empty() {
            break;
        }
    }
    assert_eq!(bench.run.inside, 100_000, "{INSIDE_MAX}");
    let refused = bench.run.walk().find_map(|(_, _, step)| match &step.state {
        StepState::Failed { failure } => Some(failure.code.clone()),
        _ => None,
    });
    assert_eq!(refused.as_deref(), Some("too_many_items"));
    bench.crash();
    assert_eq!(bench.run.inside, 100_000);
}

#[test]
fn an_event_is_said_and_a_value_made() {
    let text = "nodes:
  sum: { type: transform, expression: 'input.list.map(n, n * 2)' }
  say: { type: emit, needs: [sum], event: report.ready, data: { doubled: $sum } }
";
    let bench = Bench::start(&file(text), json!({"list": [1, 2]}));
    let said = bench.journal.iter().find_map(|(event, _)| match event {
        Event::EventEmitted(said) => Some(said.clone()),
        _ => None,
    });
    let said = said.unwrap();
    assert_eq!(
        (said.event.as_str(), &**said.data.value().unwrap()),
        ("report.ready", &json!({"doubled": [2, 4]}))
    );
    assert_eq!(bench.output(), json!({"say": {"event": "report.ready"}}));
}

fn race(require: &str) -> String {
    file(&format!(
        "nodes:
  a: {{ type: agent_call, agent: reader }}
  b: {{ type: agent_call, agent: reader }}
  c: {{ type: agent_call, agent: reader }}
  c2: {{ type: agent_call, agent: reader, needs: [c] }}
  won: {{ type: join, needs: [a, b, c2], require: {require} }}
  after: {{ type: agent_call, agent: reader, needs: [won], input: $won }}
output: $won
"
    ))
}

/// Shows S1-4.3n3: the first success wins, the losers are cancelled, and what they used is not lost.
#[test]
fn the_first_success_wins_and_the_losers_are_cancelled_with_all_that_only_they_needed() {
    let mut bench = Bench::start(&race("first_success"), empty());
    bench.fails("a@1", ErrorClass::Data, Happened::Yes);
    bench.completes("b@1", json!("B"));
    assert_eq!(bench.status("won"), StepStatus::Completed);
    assert_eq!(bench.status("c2"), StepStatus::Cancelled);
    let stopped = outstanding(&bench.run)
        .into_iter()
        .any(|effect| matches!(effect, Effect::StopAttempt { id } if id == attempt("c@1")));
    assert!(stopped, "the attempt of the loser is asked to stop");
    let cancelled = Failure::new(ErrorClass::Cancelled, "cancelled", "told to", Happened::Unknown);
    let used = Usage { input_tokens: 9, output_tokens: 0 };
    bench.give(Command::Report { attempt: attempt("c@1"), outcome: Err(cancelled), usage: used }).unwrap();
    bench.completes("after@1", json!(1));
    let c = bench.run.step(bench.run.workflow.find("c").unwrap());
    assert_eq!((c.state.status().0, c.lost_race, c.usage), (StepStatus::Cancelled, true, used));
    assert_eq!((bench.run.status, bench.output()), (RunStatus::Completed, json!({"b": "B"})));
    assert_eq!(bench.run.left_undone(), [path("a")], "who lost is not missed, who failed is");
}

#[test]
fn with_any_the_others_go_on() {
    let mut bench = Bench::start(&race("any"), empty());
    bench.completes("b@1", json!("B"));
    assert_eq!(ids(&bench), ["a@1", "c@1", "after@1"]);
    for id in ["a@1", "c@1", "c2@1", "after@1"] {
        bench.completes(id, json!(1));
    }
    assert_eq!((bench.run.result, bench.output()), (Some(RunResult::Complete), json!({"b": "B"})));
}

#[test]
fn a_quorum_is_reached_or_out_of_reach() {
    let mut bench = Bench::start(&race("{ quorum: 2 }"), empty());
    bench.completes("b@1", json!("B"));
    assert_eq!(bench.status("won"), StepStatus::Pending);
    bench.fails("a@1", ErrorClass::Data, Happened::Yes);
    bench.completes("c@1", json!(1));
    bench.completes("c2@1", json!("C"));
    assert_eq!(bench.status("won"), StepStatus::Completed);
    bench.completes("after@1", json!(1));
    assert_eq!((bench.run.result, bench.output()), (Some(RunResult::Partial), json!({"b": "B", "c2": "C"})));
    let mut bench = Bench::start(&race("{ quorum: 3 }"), empty());
    bench.fails("a@1", ErrorClass::Data, Happened::Yes);
    assert_eq!(bench.status("won"), StepStatus::Skipped);
}

#[test]
fn to_collect_is_to_wait_for_all_whatever_becomes_of_them() {
    let mut bench = Bench::start(&race("collect"), empty());
    bench.fails("a@1", ErrorClass::Data, Happened::Yes);
    bench.completes("b@1", json!("B"));
    bench.fails("c@1", ErrorClass::Data, Happened::Yes);
    bench.completes("after@1", json!(1));
    assert_eq!((bench.run.status, bench.output()), (RunStatus::Completed, json!({"a": null, "b": "B"})));
}

/// Shows S0-4.2c, S1-4.3c: whatever the order of the results, the merged value is the same.
#[test]
fn what_a_join_merges_does_not_depend_on_who_came_first() {
    let words = ["first", "last", "append", "sum", "deep_merge", "{ n: sum, l: append, k: last }"];
    assert_eq!(
        words.len(),
        1 + [MergeWord::First, MergeWord::Last, MergeWord::Append, MergeWord::Sum, MergeWord::DeepMerge]
            .len()
    );
    for word in words {
        let text = file(&format!(
            "nodes:
  a: {{ type: agent_call, agent: reader }}
  b: {{ type: agent_call, agent: reader }}
  c: {{ type: agent_call, agent: reader }}
  all: {{ type: join, needs: [a, b, c], require: all, merge: {word} }}
output: $all
"
        ));
        let outputs = |order: [&str; 3]| {
            let mut bench = Bench::start(&text, empty());
            for id in order {
                let output = match (id, word) {
                    (_, "sum") => json!({"n": 1}),
                    ("a", _) => json!({"n": 1, "l": [1], "k": "a"}),
                    ("b", _) => json!({"n": 2, "l": [2], "k": "b"}),
                    (_, _) => json!({"n": 3, "l": 3, "k": "c"}),
                };
                bench.completes(&format!("{id}@1"), output);
            }
            bench.output()
        };
        let expected = outputs(["a", "b", "c"]);
        assert_ne!(expected, Value::Null, "{word}");
        for order in [["a", "c", "b"], ["b", "a", "c"], ["b", "c", "a"], ["c", "a", "b"], ["c", "b", "a"]] {
            assert_eq!(outputs(order), expected, "{word}");
        }
    }
}

#[test]
fn values_that_cannot_be_merged_fail_the_join() {
    let text = file(
        "nodes:
  a: { type: transform, value: { n: 1 } }
  b: { type: transform, value: { n: 2 } }
  all: { type: join, needs: [a, b], require: all, merge: error }
",
    );
    let bench = Bench::start(&text, empty());
    assert_eq!(bench.run.failure.as_ref().unwrap().1.code, "merge_failed");
}

#[test]
fn the_first_case_that_is_true_is_taken_and_the_targets_of_the_others_are_skipped() {
    let text = file(
        "nodes:
  way: { type: condition, cases: [{ when: input.n > 10, to: [high] }, { when: input.n > 5, to: [middle, both] }, { else: true, to: [low, both] }] }
  high: { type: transform, value: high }
  middle: { type: transform, value: middle }
  low: { type: transform, value: low }
  both: { type: transform, value: both }
",
    );
    for (n, expected) in [
        (11, json!({"high": "high"})),
        (6, json!({"middle": "middle", "both": "both"})),
        (1, json!({"low": "low", "both": "both"})),
    ] {
        let bench = Bench::start(&text, json!({"n": n}));
        assert_eq!((bench.output(), bench.run.result), (expected, Some(RunResult::Complete)), "{n}");
    }
}

fn after_an_error(on_error: &str) -> String {
    file(&format!(
        "nodes:
  a: {{ type: agent_call, agent: reader, on_error: {on_error} }}
  b: {{ type: transform, needs: [{{ node: a, kind: hard }}], value: done }}
  c: {{ type: transform, needs: [{{ node: a, kind: soft }}], value: $a }}
  rescue: {{ type: transform, {} value: rescued }}
",
        if on_error.contains("goto") { "" } else { "needs: [b]," }
    ))
}

#[test]
fn a_default_stands_for_the_output_of_what_failed() {
    let mut bench = Bench::start(&after_an_error("{ default: { x: 1 } }"), empty());
    bench.fails("a@1", ErrorClass::Data, Happened::Yes);
    assert_eq!(bench.output(), json!({"c": {"x": 1}, "rescue": "rescued"}));
    assert_eq!((bench.run.status, bench.run.result), (RunStatus::Completed, Some(RunResult::Partial)));
}

/// Shows S3-3l.
#[test]
fn a_goto_is_gone_only_after_a_failure() {
    let mut bench = Bench::start(&after_an_error("{ goto: rescue }"), empty());
    assert_eq!(bench.status("rescue"), StepStatus::Pending, "nothing leads there yet");
    bench.fails("a@1", ErrorClass::Data, Happened::Yes);
    assert_eq!(bench.status("b"), StepStatus::Skipped);
    assert_eq!(bench.output(), json!({"c": null, "rescue": "rescued"}));
    assert_eq!((bench.run.status, bench.run.result), (RunStatus::Completed, Some(RunResult::Partial)));
    let mut bench = Bench::start(&after_an_error("{ goto: rescue }"), empty());
    bench.completes("a@1", json!(1));
    assert_eq!((bench.status("rescue"), bench.run.result), (StepStatus::Skipped, Some(RunResult::Complete)));
}

/// Shows S3-3l.
#[test]
fn a_failure_may_pause_the_run_until_somebody_lets_it_try_again() {
    let mut bench = Bench::start(&after_an_error("pause"), empty());
    assert_eq!(bench.fails("a@1", ErrorClass::Data, Happened::No), ["step.retrying", "run.paused"]);
    assert_eq!((bench.run.status, bench.run.pause), (RunStatus::Paused, Some(PauseReason::Operator)));
    bench.crash();
    bench.give(Command::Recover).unwrap();
    assert!(bench.running().is_empty());
    assert_eq!(bench.give(Command::Resume).unwrap(), ["run.resumed", "step.started"]);
    bench.completes("a@2", json!(1));
    assert_eq!(bench.run.result, Some(RunResult::Complete));
}

const WIDE: &str = "max_parallel: 2
resources: { gpu: 1 }
nodes:
  a: { type: agent_call, agent: reader, resources: [gpu] }
  b: { type: agent_call, agent: reader, resources: [gpu] }
  c: { type: agent_call, agent: reader }
  d: { type: agent_call, agent: reader }
";

/// Shows S0-4.2b.
#[test]
fn no_more_goes_on_at_the_same_time_than_the_file_allows_and_a_live_run_can_be_told_otherwise() {
    let mut bench = Bench::start(&file(WIDE), empty());
    assert_eq!(ids(&bench), ["a@1", "c@1"], "the resource is held by a");
    assert_eq!(bench.give(Command::Adjust { max_parallel: 3 }).unwrap(), ["plan.revised", "step.started"]);
    assert_eq!(ids(&bench), ["a@1", "c@1", "d@1"]);
    bench.crash();
    assert_eq!(bench.run.max_parallel, Some(3));
    bench.give(Command::Recover).unwrap();
    bench.give(Command::Adjust { max_parallel: 1 }).unwrap();
    for id in ["a@2", "c@2", "d@2"] {
        bench.completes(id, json!(1));
    }
    assert_eq!(ids(&bench), ["b@1"]);
}

/// A time that has come and cannot be used must not be waited for again and again.
#[test]
fn an_attempt_whose_time_has_come_and_that_has_no_room_waits_for_room_and_not_for_its_time() {
    let text = file(
        "max_parallel: 1
nodes:
  a: { type: agent_call, agent: patient }
  b: { type: agent_call, agent: reader }
",
    );
    let mut bench = Bench::start(&text, empty());
    bench.fails("a@1", ErrorClass::Transient, Happened::No);
    assert_eq!(ids(&bench), ["b@1"]);
    bench.pass(Duration::from_secs(60));
    assert_eq!(next_due(&bench.run), None);
    let waits = next(&bench.run).into_iter().find(|next| next.step == path("a")).unwrap().waits;
    assert_eq!(waits, Waits::Limit(Limit::Run(1)));
    bench.completes("b@1", json!(1));
    assert_eq!(ids(&bench), ["a@2"]);
}

/// Shows S1-4.3f: one at a time leads to the same state as all at once.
#[test]
fn one_at_a_time_leads_to_the_same_end_as_all_at_once() {
    let end = |max: u32| {
        let text = file(&format!(
            "max_parallel: {max}\nnodes:\n  each: {{ type: map, over: [1, 2, 3], node: {{ type: agent_call, agent: reader, input: {{ n: $item }} }} }}\n  a: {{ type: agent_call, agent: reader }}\n  all: {{ type: join, needs: [each, a], require: all }}\n"
        ));
        let mut bench = Bench::start(&text, empty());
        while let Some(id) = bench.running().pop() {
            assert!(bench.running().len() <= max as usize);
            bench.completes(&id.to_string(), json!(id.step.to_string()));
        }
        (bench.run.status, bench.output())
    };
    assert_eq!(end(1), end(100));
    assert_eq!(end(1).0, RunStatus::Completed);
}

#[test]
fn the_branches_of_a_parallel_have_a_limit_of_their_own() {
    let text = file(
        "nodes:
  fan: { type: parallel, max_parallel: 1, branches: { x: [a], y: [b] } }
  a: { type: agent_call, agent: reader }
  b: { type: agent_call, agent: reader }
  c: { type: agent_call, agent: reader }
",
    );
    let mut bench = Bench::start(&text, empty());
    assert_eq!(ids(&bench), ["a@1", "c@1"]);
    bench.completes("a@1", json!(1));
    assert_eq!(ids(&bench), ["b@1", "c@1"]);
}

#[test]
fn calls_take_from_the_file_what_they_do_not_say() {
    let text = "timeouts: { long: 10m }
retries: { twice: { max_attempts: 2, initial: 1s } }
defaults: { timeout: long, retry: twice, on_error: continue }
nodes:
  a: { type: agent_call, agent: reader }
  b: { type: agent_call, agent: reader, timeout: 1s, retry: { max_attempts: 1 }, on_error: fail }
";
    let workflow = workflow(&file(text));
    let [a, b] = ["a", "b"].map(|id| workflow.node(workflow.find(id).unwrap()));
    assert_eq!((a.timeout, b.timeout), (Some(Duration::from_secs(600)), Some(Duration::from_secs(1))));
    assert_eq!((a.retry.as_ref().unwrap().max_attempts, b.retry.as_ref().unwrap().max_attempts), (2, 1));
    assert_eq!(
        (&a.on_error, &b.on_error),
        (&crate::workflow::OnError::Continue, &crate::workflow::OnError::Fail)
    );
}

#[test]
fn a_cancelled_map_withdraws_its_questions_and_waits_for_its_attempts() {
    let text = file(
        "nodes:
  ask: { type: map, over: [1, 2], node: { type: human_gate, action: 'Item {{ item }}?' } }
  each: { type: map, over: [1, 2], node: { type: agent_call, agent: reader } }
",
    );
    let mut bench = Bench::start(&text, empty());
    assert_eq!(bench.run.approvals.len(), 2);
    bench.give(Command::Cancel { reason: String::new() }).unwrap();
    assert!(bench.run.approvals.values().all(|approval| approval.decided.is_some()));
    assert_eq!(bench.status("ask"), StepStatus::Cancelled);
    for id in ["each.0@1", "each.1@1"] {
        bench.fails(id, ErrorClass::Cancelled, Happened::Unknown);
    }
    assert_eq!((bench.run.status, bench.status("each")), (RunStatus::Cancelled, StepStatus::Cancelled));
}

#[test]
fn a_large_map_is_begun_in_portions() {
    let list: Vec<u32> = (0..300).collect();
    let text = EACH.replace("max_parallel: 2,", "");
    let mut bench = Bench::start(&file(&text), json!({ "list": list }));
    assert_eq!(bench.running().len(), STARTS_AT_ONCE);
    assert!(is_portion(&bench.journal.iter().map(|(event, _)| event.clone()).collect::<Vec<_>>()));
    while bench.running().len() < 300 {
        assert!(!bench.give(Command::Tick).unwrap().is_empty());
    }
}

const LIVE: &str = "nodes:
  a: { type: agent_call, agent: reader }
  b: { type: agent_call, agent: reader, needs: [a] }
  c: { type: agent_call, agent: reader, needs: [b] }
output: $c
";

fn revise(bench: &mut Bench, nodes: &str) -> Result<Vec<&'static str>, Rejection> {
    let document = workflow(&file(nodes)).document.clone();
    bench.give(Command::Revise { document, reason: "one more look".into() })
}

/// Shows S1-4.1e: what has not begun may be added, changed and left out; what has begun stays as it is.
#[test]
fn the_plan_of_a_live_run_changes_where_nothing_has_begun() {
    let mut bench = Bench::start(&file(LIVE), empty());
    bench.completes("a@1", json!(1));
    let changed = LIVE
        .replace("  c: { type: agent_call, agent: reader, needs: [b] }\n", "  extra: { type: agent_call, agent: reader, needs: [a] }\n  c: { type: transform, needs: [b, extra], value: [$b, $extra] }\n");
    assert_eq!(revise(&mut bench, &changed).unwrap(), ["plan.revised", "step.started"]);
    assert_eq!(ids(&bench), ["b@1", "extra@1"]);
    assert_eq!(revise(&mut bench, &changed).unwrap(), Vec::<&str>::new(), "the same again changes nothing");
    bench.crash();
    bench.give(Command::Recover).unwrap();
    bench.completes("b@2", json!(2));
    bench.completes("extra@2", json!(3));
    assert_eq!((bench.run.status, bench.output()), (RunStatus::Completed, json!([2, 3])));
}

#[test]
fn what_has_begun_is_not_changed_left_out_or_put_behind_something_else_and_all_of_it_is_told() {
    let mut bench = Bench::start(&file(LIVE), empty());
    bench.completes("a@1", json!(1));
    let refused = |bench: &mut Bench, nodes: &str| match revise(bench, nodes) {
        Err(Rejection::NotEditable { violations }) => {
            violations.into_iter().map(|violation| violation.path).collect::<Vec<_>>()
        }
        other => panic!("{other:?}"),
    };
    let other =
        LIVE.replace("a: { type: agent_call, agent: reader }", "a: { type: agent_call, agent: keyed }");
    assert_eq!(refused(&mut bench, &other), ["/nodes/a"]);
    let without = "nodes:\n  c: { type: agent_call, agent: reader }\n";
    assert_eq!(refused(&mut bench, without), ["/nodes/a", "/nodes/b"]);
    let behind = format!("{LIVE}edges: [{{ from: z, to: b }}]\n")
        .replace("nodes:\n", "nodes:\n  z: { type: agent_call, agent: reader }\n");
    assert_eq!(refused(&mut bench, &behind), ["/nodes/b"]);
    let context = format!("context: {{ x: 1 }}\n{LIVE}");
    assert_eq!(refused(&mut bench, &context), ["/context"]);
    assert_eq!(ids(&bench), ["b@1"], "nothing has changed");
}
