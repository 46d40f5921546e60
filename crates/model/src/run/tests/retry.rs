//! Opening a failed run again with another version, with another input, and what that would do a second time.

use super::types::{file, ids};
use super::*;

const THREE: &str = "nodes:
  a: { type: agent_call, agent: reader, input: { n: $input.n } }
  b: { type: agent_call, agent: reader, needs: [a], input: { n: $input.n, m: $input.m } }
  c: { type: agent_call, agent: reader, needs: [b], input: $b }
output: $c
";

fn version(number: u64, nodes: &str) -> Retry {
    let next = workflow(&file(nodes));
    Retry { revision: Some(Revision { version: number, next }), ..Retry::default() }
}

fn input(value: Value) -> Retry {
    Retry { input: Some(value), ..Retry::default() }
}

fn retried(bench: &mut Bench, retry: &Retry) -> Result<Vec<&'static str>, Rejection> {
    bench.give(Command::Retry(Box::new(retry.clone())))
}

fn paths(paths: &[StepPath]) -> Vec<&str> {
    paths.iter().map(StepPath::as_str).collect()
}

/// A run of which `a` has completed and `b` failed.
fn half_done() -> Bench {
    let mut bench = Bench::start(&file(THREE), json!({ "n": 1, "m": 1 }));
    bench.completes("a@1", json!(1));
    bench.fails("b@1", ErrorClass::Data, Happened::No);
    assert_eq!(bench.run.status, RunStatus::Failed);
    bench
}

/// Shows S1-4.1g.
#[test]
fn what_is_done_again_may_be_otherwise_in_another_version_and_what_is_kept_keeps_its_output() {
    let mut bench = half_done();
    let mended = THREE
        .replace("b: { type: agent_call, agent: reader,", "b: { type: agent_call, agent: keyed,")
        .replace("  c: { type: agent_call, agent: reader, needs: [b], input: $b }", "  look: { type: agent_call, agent: reader, needs: [a] }\n  c: { type: transform, needs: [b, look], value: [$b, $look, $a] }");
    assert_eq!(
        retried(&mut bench, &version(2, &mended)).unwrap(),
        ["plan.revised", "run.reopened", "step.started", "step.started"]
    );
    assert_eq!(ids(&bench), ["b@2", "look@1"]);
    assert_eq!(bench.run.version, 2);
    bench.crash();
    bench.give(Command::Recover).unwrap();
    bench.completes("b@3", json!(2));
    bench.completes("look@2", json!(3));
    assert_eq!(bench.output(), json!([2, 3, 1]));
    assert!(bench.run.key(bench.run.workflow.find("b").unwrap()).ends_with("/b/2"));
}

#[test]
fn what_has_finished_has_to_be_as_it_was_and_all_that_is_not_is_told() {
    let mut bench = half_done();
    let refused = |bench: &mut Bench, nodes: &str| match retried(bench, &version(2, nodes)) {
        Err(Rejection::NotEditable { violations }) => {
            violations.into_iter().map(|violation| violation.path).collect::<Vec<_>>()
        }
        other => panic!("{other:?}"),
    };
    let other =
        THREE.replace("a: { type: agent_call, agent: reader,", "a: { type: agent_call, agent: keyed,");
    assert_eq!(refused(&mut bench, &other), ["/nodes/a"]);
    let without = "context: { x: 1 }\nnodes:\n  b: { type: agent_call, agent: reader }\n";
    assert_eq!(refused(&mut bench, without), ["/context", "/nodes/a"]);
    let behind = THREE.replace(
        "nodes:\n",
        "edges: [{ from: z, to: a }]\nnodes:\n  z: { type: agent_call, agent: reader }\n",
    );
    assert_eq!(refused(&mut bench, &behind), ["/nodes/a"]);
    assert_eq!(bench.run.status, RunStatus::Failed, "nothing has changed");
}

/// It would begin with the key and the attempts that it had, and what is known of its writes would be forgotten.
#[test]
fn a_step_that_had_begun_and_was_left_out_does_not_come_back_under_its_id() {
    let write = THREE.replace("agent: reader, needs: [a]", "agent: writer, needs: [a]");
    let mut bench = Bench::start(&file(&write), json!({ "n": 1, "m": 1 }));
    bench.completes("a@1", json!(1));
    bench.fails("b@1", ErrorClass::Data, Happened::Yes);
    let without = "nodes:
  a: { type: agent_call, agent: reader, input: { n: $input.n } }
  d: { type: agent_call, agent: reader, needs: [a] }
";
    retried(&mut bench, &version(2, without)).unwrap();
    bench.crash();
    bench.give(Command::Recover).unwrap();
    assert!(bench.run.may_have_changed_something(), "what was left out has still happened");
    bench.fails("d@2", ErrorClass::Data, Happened::No);
    match retried(&mut bench, &version(3, &write)) {
        Err(Rejection::NotEditable { violations }) => assert_eq!(violations[0].path, "/nodes/b"),
        other => panic!("{other:?}"),
    }
    let renamed =
        write.replace("  b: {", "  b2: {").replace("needs: [b], input: $b", "needs: [b2], input: $b2");
    retried(&mut bench, &version(4, &renamed)).unwrap();
}

/// The number that a run shows says nothing of a plan that was changed since.
#[test]
fn a_run_whose_plan_was_changed_goes_back_to_the_version_of_its_number() {
    let mut bench = Bench::start(&file(THREE), json!({ "n": 1, "m": 1 }));
    bench.completes("a@1", json!(1));
    let first = bench.run.workflow.hash;
    let edited = THREE.replace("  c: { type: agent_call", "  c: { description: edited, type: agent_call");
    bench.give(Command::Revise { next: workflow(&file(&edited)), reason: String::new() }).unwrap();
    bench.fails("b@1", ErrorClass::Data, Happened::No);
    assert!(bench.run.workflow.hash != first);
    let number = bench.run.version;
    retried(&mut bench, &version(number, THREE)).unwrap();
    assert_eq!(bench.run.workflow.hash, first);
    bench.crash();
}

#[test]
fn a_version_that_says_the_same_is_followed_without_another_definition() {
    let mut bench = half_done();
    let before = bench.run.workflow.hash;
    retried(&mut bench, &version(3, THREE)).unwrap();
    assert_eq!((bench.run.version, bench.run.workflow.hash), (3, before));
    bench.crash();
}

#[test]
fn a_run_that_is_retried_with_another_version_may_fail_and_be_retried_again_and_leave_steps_out() {
    let mut bench = half_done();
    retried(&mut bench, &version(2, &THREE.replace("agent: reader, needs: [a]", "agent: keyed, needs: [a]")))
        .unwrap();
    let failure = Failure::new(ErrorClass::Data, "broken", "it broke", Happened::No);
    let usage = Usage { input_tokens: 7, output_tokens: 1 };
    bench.give(Command::Report { attempt: attempt("b@2"), outcome: Err(failure), usage }).unwrap();
    let short = "nodes:
  a: { type: agent_call, agent: reader, input: { n: $input.n } }
  d: { type: agent_call, agent: reader, needs: [a] }
";
    let told = hazards(&bench.run, &version(3, short)).unwrap();
    assert_eq!((paths(&told.again), paths(&told.kept)), (vec![], vec!["a"]));
    retried(&mut bench, &version(3, short)).unwrap();
    assert_eq!(ids(&bench), ["d@1"]);
    assert_eq!(bench.run.usage(), usage, "what a step has used is not forgotten with it");
    bench.crash();
    bench.give(Command::Recover).unwrap();
    bench.completes("d@2", json!(4));
    assert_eq!(bench.output(), json!({ "d": 4 }));
}

/// Shows S1-4.1g: finished steps keep what they gave, what is done again reads the new input, and the journal has both.
#[test]
fn another_input_is_read_by_what_is_done_again_and_by_nothing_else() {
    let mut bench = half_done();
    let retry = input(json!({ "n": 2, "m": 1 }));
    let told = hazards(&bench.run, &retry).unwrap();
    assert_eq!(paths(&told.again), ["b", "c"]);
    assert_eq!(paths(&told.kept), ["a"]);
    assert_eq!(paths(&told.stale), ["a"], "it has read `n`");
    retried(&mut bench, &retry).unwrap();
    let given = bench.run.attempt(NodeIndex(1)).unwrap().input.clone();
    assert_eq!(**given.value().unwrap(), json!({ "n": 2, "m": 1 }));
    bench.crash();
    assert_eq!(**bench.run.input.value().unwrap(), json!({ "n": 2, "m": 1 }));
    assert!(
        matches!(&bench.journal[0].0, Event::RunCreated(created) if **created.input.value().unwrap() == json!({ "n": 1, "m": 1 }))
    );
}

#[test]
fn a_step_that_is_kept_and_has_read_only_what_stays_is_not_told() {
    let told = hazards(&half_done().run, &input(json!({ "n": 1, "m": 2 }))).unwrap();
    assert_eq!(paths(&told.stale), Vec::<&str>::new());
    let same = hazards(&half_done().run, &input(json!({ "m": 1, "n": 1 }))).unwrap();
    assert_eq!(paths(&same.stale), Vec::<&str>::new());
}

#[test]
fn an_input_has_to_fit_the_definition_that_the_run_then_has() {
    let typed =
        |kind: &str| format!("input: {{ type: object, properties: {{ n: {{ type: {kind} }} }} }}\n{THREE}");
    let mut bench = Bench::start(&file(&typed("integer")), json!({ "n": 1, "m": 1 }));
    bench.completes("a@1", json!(1));
    bench.fails("b@1", ErrorClass::Data, Happened::No);
    let is_invalid = |answer: Result<Vec<&'static str>, Rejection>| {
        matches!(answer, Err(Rejection::Invalid { what: "input", .. }))
    };
    let text = json!({ "n": "one", "m": 1 });
    assert!(is_invalid(retried(&mut bench, &input(text.clone()))));
    assert!(is_invalid(retried(&mut bench, &version(2, &typed("string")))), "the old input does not fit");
    let both = Retry { input: Some(text), ..version(2, &typed("string")) };
    retried(&mut bench, &both).unwrap();
    assert_eq!(ids(&bench), ["b@2"]);
}

const MAP: &str = "nodes:
  each: { type: map, over: $input.list, node: { type: agent_call, agent: reader, input: { it: $item } } }
output: $each
";

#[test]
fn a_map_of_which_items_are_done_keeps_its_list_and_its_node() {
    let mut bench = Bench::start(&file(MAP), json!({ "list": [1, 2] }));
    bench.completes("each.0@1", json!("one"));
    bench.fails("each.1@1", ErrorClass::Data, Happened::No);
    let other = MAP.replace("agent: reader", "agent: keyed");
    let refused = hazards(&bench.run, &version(2, &other)).unwrap_err();
    assert!(matches!(refused, Rejection::NotEditable { violations } if violations[0].path == "/nodes/each"));
    let retry = input(json!({ "list": [3] }));
    let told = hazards(&bench.run, &retry).unwrap();
    assert_eq!((paths(&told.again), paths(&told.kept)), (vec!["each", "each.1"], vec!["each.0"]));
    assert_eq!(paths(&told.stale), ["each"], "its list stays");
    retried(&mut bench, &retry).unwrap();
    bench.completes("each.1@2", json!("two"));
    assert_eq!(bench.output(), json!(["one", "two"]));
}

/// Attempts and keys of the items that are made anew are not those of the items before.
#[test]
fn a_map_of_which_nothing_is_done_begins_anew_and_repeats_no_attempt_and_no_key() {
    let mut bench = Bench::start(&file(MAP), json!({ "list": [1, 2, 3] }));
    for id in ["each.0@1", "each.1@1", "each.2@1"] {
        bench.fails(id, ErrorClass::Data, Happened::No);
    }
    retried(
        &mut bench,
        &Retry {
            input: Some(json!({ "list": [5] })),
            ..version(2, &MAP.replace("agent: reader", "agent: keyed"))
        },
    )
    .unwrap();
    assert_eq!(ids(&bench), ["each.0@2"]);
    bench.crash();
    bench.give(Command::Recover).unwrap();
    bench.fails("each.0@3", ErrorClass::Data, Happened::No);
    assert_eq!(bench.run.status, RunStatus::Failed);
    retried(&mut bench, &input(json!({ "list": [5, 6, 7, 8] }))).unwrap();
    assert_eq!(ids(&bench), ["each.0@4", "each.1@2", "each.2@2", "each.3@1"]);
    let keys: BTreeSet<String> = bench
        .journal
        .iter()
        .filter_map(|(event, _)| match event {
            Event::StepStarted(started) => Some(format!("{}/{}", started.step, started.iteration)),
            _ => None,
        })
        .collect();
    assert_eq!(
        keys.into_iter().collect::<Vec<_>>(),
        ["each.0/1", "each.0/2", "each.0/3", "each.1/1", "each.1/2", "each.2/1", "each.2/2", "each.3/1"]
    );
    bench.crash();
    assert_eq!(bench.run.inside, 4);
}

#[test]
fn a_loop_begins_anew_when_its_only_pass_has_failed() {
    let text = "nodes:
  again: { type: loop, until: iteration >= 2, max: 3, node: { type: agent_call, agent: reader, input: { n: $input.n } } }
";
    let mut bench = Bench::start(&file(text), json!({ "n": 1 }));
    bench.fails("again.1@1", ErrorClass::Data, Happened::No);
    retried(&mut bench, &input(json!({ "n": 2 }))).unwrap();
    assert_eq!(ids(&bench), ["again.1@2"]);
    bench.crash();
    bench.give(Command::Recover).unwrap();
    bench.completes("again.1@3", json!(1));
    bench.completes("again.2@1", json!(2));
    assert_eq!((bench.run.status, bench.run.inside), (RunStatus::Completed, 2));
}

fn write() -> Bench {
    Bench::start(&one("writer", ", effect: write"), empty())
}

fn acknowledged() -> Retry {
    Retry { acknowledge_writes: true, ..Retry::default() }
}

fn known(bench: &Bench) -> Vec<(String, Happened)> {
    let told = hazards(&bench.run, &Retry::default()).unwrap();
    told.attempted.into_iter().map(|one| (one.step.to_string(), one.happened)).collect()
}

/// Shows S1-4.1g: what may be done twice is told first, and done only when somebody says so.
#[test]
fn a_write_that_happened_and_failed_is_not_made_again_unless_that_is_acknowledged() {
    let mut bench = write();
    bench.fails("a@1", ErrorClass::Data, Happened::Yes);
    assert_eq!(known(&bench), [("a".to_owned(), Happened::Yes)]);
    let refused = retried(&mut bench, &Retry::default()).unwrap_err();
    assert_eq!(refused.to_string(), "the write of step `a` that may have happened would be made again");
    bench.crash();
    assert_eq!(known(&bench), [("a".to_owned(), Happened::Yes)]);
    retried(&mut bench, &acknowledged()).unwrap();
    assert_eq!(ids(&bench), ["a@2"]);
    // That it was refused the second time does not undo the first time.
    bench.fails("a@2", ErrorClass::Data, Happened::No);
    assert_eq!(known(&bench), [("a".to_owned(), Happened::Yes)]);
}

#[test]
fn a_write_that_did_not_happen_is_told_and_made_again_without_asking() {
    let mut bench = write();
    bench.fails("a@1", ErrorClass::Data, Happened::No);
    assert_eq!(known(&bench), [("a".to_owned(), Happened::No)]);
    retried(&mut bench, &Retry::default()).unwrap();
    // A write of which nobody knows still waits until somebody says.
    bench.fails("a@2", ErrorClass::Transient, Happened::Unknown);
    assert_eq!(retried(&mut bench, &acknowledged()), Err(Rejection::RunIs { status: RunStatus::Running }));
    bench.give(Command::Reconcile { step: path("a"), attempt: None, happened: false, output: None }).unwrap();
    assert_eq!(ids(&bench), ["a@3"]);
    bench.fails("a@3", ErrorClass::Data, Happened::No);
    retried(&mut bench, &Retry::default()).unwrap();
    assert_eq!(ids(&bench), ["a@4"]);
}

#[test]
fn a_write_that_another_version_does_not_call_any_more_is_no_hazard() {
    let text = "nodes:\n  a: { type: tool_call, tool: writer, effect: write }\n";
    let mut bench = Bench::start(&file(text), empty());
    bench.fails("a@1", ErrorClass::Data, Happened::Yes);
    let other = version(2, "nodes:\n  a: { type: transform, value: 1 }\n");
    assert!(hazards(&bench.run, &other).unwrap().attempted.is_empty());
    retried(&mut bench, &other).unwrap();
    assert_eq!(bench.output(), json!({ "a": 1 }));
}

#[test]
fn writes_inside_of_a_map_that_begins_anew_are_told_one_by_one() {
    let text = MAP.replace("agent_call, agent: reader", "tool_call, tool: writer, effect: write");
    let mut bench = Bench::start(&file(&text), json!({ "list": [1, 2] }));
    bench.fails("each.0@1", ErrorClass::Data, Happened::Yes);
    bench.fails("each.1@1", ErrorClass::Data, Happened::No);
    let told = hazards(&bench.run, &input(json!({ "list": [2] }))).unwrap();
    assert_eq!(paths(&told.again), ["each"]);
    let attempted: Vec<_> = told.attempted.iter().map(|one| (one.step.as_str(), one.happened)).collect();
    assert_eq!(attempted, [("each.0", Happened::Yes), ("each.1", Happened::No)]);
    assert!(told.need_acknowledgement());
}

#[test]
fn what_is_idempotent_is_told_because_its_next_attempt_has_another_key_and_does_not_keep_anybody() {
    let mut bench = Bench::start(&one("keyed", ""), empty());
    bench.crash();
    bench.give(Command::Recover).unwrap();
    bench.fails("a@2", ErrorClass::Data, Happened::No);
    let told = hazards(&bench.run, &Retry::default()).unwrap();
    assert_eq!(
        (told.attempted[0].effect, told.attempted[0].happened),
        (EffectClass::Idempotent, Happened::Unknown)
    );
    retried(&mut bench, &Retry::default()).unwrap();
}

#[test]
fn a_run_that_only_read_has_done_nothing_that_its_parent_would_do_again() {
    let mut bench = Bench::start(CHAIN, json!({ "n": 1 }));
    bench.fails("a@1", ErrorClass::Data, Happened::Yes);
    let happened = |bench: &Bench| child::outcome(&bench.run).unwrap().unwrap_err().happened;
    assert_eq!(happened(&bench), Happened::No);
    let mut bench = write();
    bench.fails("a@1", ErrorClass::Data, Happened::No);
    assert_eq!(happened(&bench), Happened::Unknown);
}
