//! What is done to a run while it goes on: its limits and its plan.

use proptest::prelude::*;

use super::types::{EACH, file, ids};
use super::*;
use crate::priority::Priority;

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
    assert_eq!(
        bench.give(Command::Adjust { max_parallel: Some(3), priority: None }).unwrap(),
        ["plan.revised", "step.started"]
    );
    assert_eq!(ids(&bench), ["a@1", "c@1", "d@1"]);
    bench.crash();
    assert_eq!(bench.run.max_parallel, Some(3));
    bench.give(Command::Recover).unwrap();
    bench.give(Command::Adjust { max_parallel: Some(1), priority: None }).unwrap();
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
    bench.give(Command::Cancel { reason: String::new(), kill: false }).unwrap();
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
    let next = workflow(&file(nodes));
    bench.give(Command::Revise { next, reason: "one more look".into() })
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

/// What an edit asks for is compiled by whoever asks. Each compilation makes a value of its own, so that one that is the same was not
/// compiled again: neither by the decision nor when what it decided is folded.
#[test]
fn a_changed_plan_is_the_very_one_that_was_given_and_is_not_compiled_again() {
    let mut bench = Bench::start(&file(LIVE), empty());
    let next = workflow(&file(&LIVE.replace("output: $c", "output: $b")));
    let command = Command::Revise { next: next.clone(), reason: "one look less".into() };
    assert_eq!(bench.give(command).unwrap(), ["plan.revised"]);
    assert!(Arc::ptr_eq(&bench.run.workflow, &next));
    let mut again = Run::new(bench.run.id, workflow(&file(LIVE)));
    bench.journal.iter().for_each(|(event, at)| evolve(&mut again, event, *at, None));
    assert!(Arc::ptr_eq(&again.workflow, &next));
    bench.crash();
    assert!(!Arc::ptr_eq(&bench.run.workflow, &next), "what is read anew is compiled anew");
    assert_eq!(bench.run.workflow.hash, next.hash);
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

/// A step: what it holds, as bits of three resources, whether it needs the step before it, and whether it stumbles once.
type Holder = (u8, bool, bool);

/// Steps, how many may hold each resource, and how many attempts there may be at the same time.
fn crowd() -> impl Strategy<Value = (Vec<Holder>, [u32; 3], Option<u32>)> {
    let steps = proptest::collection::vec((0u8..8, proptest::bool::weighted(0.2), any::<bool>()), 1..10);
    (steps, [1u32..3, 1..3, 1..3], proptest::option::of(1u32..4))
}

proptest! {
    /// Nobody waits for what nobody holds, so that in whatever order the attempts end, and however often they are made again, each step
    /// has its turn and the run its end.
    /// Shows S0-4.2b.
    #[test]
    fn whatever_resources_the_steps_need_none_waits_for_what_is_free_and_each_has_its_turn(
        (steps, limits, max) in crowd(),
        order in proptest::collection::vec(any::<prop::sample::Index>(), 60),
        crash_at in 0usize..30,
    ) {
        let names = ["disk", "gpu", "lock"];
        let held = |bits: u8| names.into_iter().enumerate().filter(move |(bit, _)| bits >> bit & 1 == 1);
        let resources: Vec<String> = names.iter().zip(limits).map(|(name, limit)| format!("{name}: {limit}")).collect();
        let max_parallel = max.map(|max| format!("max_parallel: {max}\n")).unwrap_or_default();
        let mut text = format!("{max_parallel}resources: {{ {} }}\nnodes:\n", resources.join(", "));
        for (at, (bits, needs, _)) in steps.iter().enumerate() {
            let own: Vec<&str> = held(*bits).map(|(_, name)| name).collect();
            let needs = if *needs && at > 0 { format!(", needs: [n{}]", at - 1) } else { String::new() };
            text += &format!("  n{at}: {{ type: agent_call, agent: patient, resources: [{}]{needs} }}\n", own.join(", "));
        }
        let bits_of = |step: &StepPath| steps[step.to_string()[1..].parse::<usize>().unwrap()].0;
        let mut bench = Bench::start(&file(&text), empty());
        let mut turn = 0;
        while bench.run.status == RunStatus::Running {
            let running = bench.running();
            for (bit, limit) in limits.iter().enumerate() {
                let holders = running.iter().filter(|id| bits_of(&id.step) >> bit & 1 == 1).count();
                prop_assert!(holders <= *limit as usize, "{} of {}", holders, names[bit]);
            }
            prop_assert!(max.is_none_or(|max| running.len() <= max as usize));
            let waits = next(&bench.run);
            let is_idle = |waits: &Waits| matches!(waits, Waits::Nothing | Waits::Slot);
            prop_assert!(!waits.iter().any(|next| is_idle(&next.waits)), "somebody waits for what is free: {:?}", waits);
            if turn == crash_at {
                bench.crash();
                bench.give(Command::Recover).unwrap();
            } else if running.is_empty() {
                // Only the time of a next attempt is waited for.
                prop_assert!(next_due(&bench.run).is_some(), "the run stands still: {:?}", waits);
                bench.pass(Duration::from_secs(60));
            } else {
                let id = &running[order[turn % order.len()].index(running.len())];
                let stumbles = steps[id.step.to_string()[1..].parse::<usize>().unwrap()].2;
                if stumbles && id.number == 1 {
                    bench.fails(&id.to_string(), ErrorClass::Transient, Happened::No);
                } else {
                    bench.completes(&id.to_string(), json!(1));
                }
            }
            turn += 1;
            prop_assert!(turn < 200, "the run does not end");
        }
        prop_assert_eq!(bench.run.status, RunStatus::Completed);
    }
}

const PRIORITY: &str = "priority: 5\nnodes:\n  a: { type: wait, signal: { name: go, timeout: 1h } }\n";

fn above() -> crate::event::ParentStep {
    let run = RunId(Uuid::from_u128(7));
    crate::event::ParentStep { run, root: run, step: path("sub"), generation: 1 }
}

/// Shows S4-T4e.
#[test]
fn a_run_is_as_urgent_as_its_file_says_or_its_start_and_a_child_never_less_than_its_parent() {
    let own = |number: i64| Some(Priority::try_from(number).unwrap());
    let urgency = |priority: Option<Priority>, parent: Option<crate::event::ParentStep>| {
        let bench = Bench::create(workflow(&file(PRIORITY)), |create| {
            create.priority = priority;
            create.parent = parent;
        });
        i64::from(bench.run.priority)
    };
    assert_eq!(urgency(None, None), 5);
    assert_eq!(urgency(own(-9), None), -9);
    assert_eq!(urgency(own(9), Some(above())), 9);
    assert_eq!(urgency(own(-9), Some(above())), 5, "as urgent as its own file says");
}

#[test]
fn what_the_run_above_says_twice_changes_nothing_that_somebody_said_of_this_one_since() {
    let priority = |number: i64| Priority::try_from(number).unwrap();
    let adjust = |number: i64| Command::Adjust { max_parallel: None, priority: Some(priority(number)) };
    let inherit = |number: i64| Command::Inherit { priority: priority(number) };
    let mut bench = Bench::start(&file(PRIORITY), empty());
    assert!(!bench.run.was_reprioritised);
    assert_eq!(bench.give(inherit(40)).unwrap(), ["plan.revised"]);
    assert!(bench.give(inherit(40)).unwrap().is_empty(), "it has heard that");
    bench.give(adjust(-7)).unwrap();
    bench.crash();
    assert!(bench.give(inherit(40)).unwrap().is_empty(), "a parent that was loaded again says so once more");
    assert_eq!(bench.run.priority, priority(-7));
    // What it had not heard yet holds.
    assert_eq!(bench.give(inherit(-7)).unwrap(), ["plan.revised"]);
    assert_eq!(bench.run.priority, priority(5), "as urgent as its own file says");
    assert!(bench.give(inherit(-7)).unwrap().is_empty());
}

/// Shows S4-T4e.
#[test]
fn how_urgent_a_live_run_is_can_be_changed_and_an_edit_of_its_file_changes_what_nobody_else_has() {
    let priority = |number: i64| Priority::try_from(number).unwrap();
    let adjust = |number: i64| Command::Adjust { max_parallel: None, priority: Some(priority(number)) };
    let next = |number: i64| Command::Revise {
        next: workflow(&file(&PRIORITY.replace("priority: 5", &format!("priority: {number}")))),
        reason: String::new(),
    };
    let mut bench = Bench::start(&file(PRIORITY), empty());
    bench.give(next(20)).unwrap();
    assert_eq!(bench.run.priority, priority(20));
    assert_eq!(bench.give(adjust(-7)).unwrap(), ["plan.revised"]);
    assert!(bench.give(adjust(-7)).unwrap().is_empty(), "it is so already");
    bench.give(next(30)).unwrap();
    assert_eq!(bench.run.priority, priority(-7), "somebody had said so of this run");
    bench.give(Command::Inherit { priority: priority(-50) }).unwrap();
    assert_eq!(bench.run.priority, priority(30), "as urgent as its own file says");
    bench.crash();
    assert_eq!(bench.run.priority, priority(30));
    assert!(bench.run.was_reprioritised);
    bench.give(Command::Cancel { reason: String::new(), kill: false }).unwrap();
    assert!(bench.give(adjust(1)).is_err());
    assert!(
        bench.give(Command::Inherit { priority: priority(1) }).unwrap().is_empty(),
        "too late, and no matter"
    );
}
