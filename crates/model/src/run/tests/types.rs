//! Each type of node.

use super::*;
use crate::event::RunResult;

pub(super) fn file(nodes: &str) -> String {
    format!("ghostlight: 1\nname: w\n{nodes}")
}

pub(super) fn ids(bench: &Bench) -> Vec<String> {
    bench.running().iter().map(ToString::to_string).collect()
}

pub(super) const EACH: &str = "nodes:
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
    bench.give(Command::Retry(Box::default())).unwrap();
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
    bench.give(Command::Retry(Box::default())).unwrap();
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
    // What the first one has done would be done again.
    let refused = bench.give(Command::Retry(Box::default())).unwrap_err();
    assert!(matches!(refused, Rejection::WouldWriteAgain { writes, .. } if writes[0].child == Some(first)));
    bench.give(Command::Retry(Box::new(Retry { acknowledge_writes: true, ..Retry::default() }))).unwrap();
    assert_ne!(child(&bench).run, first);
}

#[test]
fn a_child_is_cancelled_with_its_parent_or_left_to_itself() {
    let mut bench = Bench::start(&file(CHILD), json!({"n": 4}));
    bench.give(Command::Cancel { reason: String::new(), kill: false }).unwrap();
    assert!(matches!(outstanding(&bench.run)[..], [Effect::StopChild { .. }]));
    assert_eq!(bench.run.status, RunStatus::Running, "it waits for the child");
    let cancelled = Failure::new(ErrorClass::Cancelled, "child_cancelled", "cancelled", Happened::Unknown);
    let end = ended(&bench, Err(cancelled));
    bench.give(end).unwrap();
    assert_eq!(bench.run.status, RunStatus::Cancelled);
    let abandoned = CHILD.replace("version: 2,", "on_parent_cancel: abandon,");
    let mut bench = Bench::start(&file(&abandoned), json!({"n": 4}));
    bench.give(Command::Cancel { reason: String::new(), kill: false }).unwrap();
    assert_eq!((bench.run.status, outstanding(&bench.run)), (RunStatus::Cancelled, Vec::new()));
}

#[test]
fn children_of_children_come_to_an_end() {
    let mut bench = Bench::start(&file(CHILD), json!({"n": 4}));
    let step = path("sub");
    bench.run.parent = Some(crate::event::ParentStep {
        run: bench.run.id,
        root: bench.run.id,
        step,
        generation: GENERATIONS_MAX,
    });
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
