//! How the steps behind a failure read it.

use super::types::{file, ids};
use super::*;

/// What a call that is under way was given.
fn given(bench: &Bench, id: &str) -> Value {
    let id = attempt(id);
    let at = bench.run.find(&id.step).unwrap();
    let input = &bench.run.attempt(at).unwrap_or_else(|| panic!("{id} is not under way")).input;
    (**input.value().unwrap()).clone()
}

const SOFT: &str = "nodes:
  a: { type: agent_call, agent: reader }
  b: { type: agent_call, agent: reader }
  c: { type: agent_call, agent: reader, needs: [b] }
  all: { type: join, require: collect, needs: [a, c] }
  after:
    type: agent_call
    agent: reader
    needs: [{ node: a, kind: soft }, { node: c, kind: soft }, all]
    when: run.errors.a == null || run.errors.a.class == 'timeout'
    input: { whole: $run.errors.a, above: $run.errors.b.message, none: $run.errors.c.code, value: $a, of: $run.workflow, at: $run.version, id: $run.id }
";

/// The error is that of the step, whoever ends first and however often the process ends in between.
#[test]
fn a_soft_child_reads_how_its_parent_failed_in_whatever_order_they_end() {
    let ends = |order: &[&str], crash: bool| {
        let mut bench = Bench::start(&file(SOFT), empty());
        for id in order {
            if crash {
                bench.crash();
            }
            bench.fails(id, ErrorClass::Timeout, Happened::Unknown);
        }
        bench.crash();
        given(&bench, "after@1")
    };
    let error = json!({"class": "timeout", "code": "broken", "message": "it broke", "happened": "unknown"});
    let id = "01980c00-0000-7000-8000-000000000000";
    let expected = json!({"whole": error, "above": "it broke", "none": null, "value": null, "of": "w", "at": 1, "id": id});
    for (order, crash) in [(["a@1", "b@1"], false), (["b@1", "a@1"], false), (["b@1", "a@1"], true)] {
        assert_eq!(ends(&order, crash), expected, "{order:?}");
    }
}

#[test]
fn what_did_not_fail_has_no_error_and_a_condition_can_ask_for_it() {
    let mut bench = Bench::start(&file(SOFT), empty());
    bench.completes("a@1", json!(7));
    bench.completes("b@1", json!(1));
    bench.completes("c@1", json!(1));
    let input = given(&bench, "after@1");
    assert_eq!((&input["whole"], &input["above"], &input["value"]), (&json!(null), &json!(null), &json!(7)));
    let mut bench = Bench::start(&file(SOFT), empty());
    bench.fails("a@1", ErrorClass::Data, Happened::Yes);
    bench.fails("b@1", ErrorClass::Data, Happened::Yes);
    assert_eq!(bench.status("after"), StepStatus::Skipped, "the class is another one");
}

#[test]
fn who_is_gone_to_reads_why() {
    let text = "nodes:
  a: { type: agent_call, agent: reader, on_error: { goto: mend } }
  mend: { type: agent_call, agent: reader, input: { why: $run.errors.a.code, sure: $run.errors.a.happened } }
  stands: { type: agent_call, agent: reader, on_error: { default: 5 } }
  last_one: { type: transform, needs: [stands], value: [$stands, $run.errors.stands.class] }
output: { why: $run.errors.a.message, last_one: $last_one }
";
    let mut bench = Bench::start(&file(text), empty());
    bench.fails("a@1", ErrorClass::Data, Happened::No);
    assert_eq!(given(&bench, "mend@1"), json!({"why": "broken", "sure": "no"}));
    bench.fails("stands@1", ErrorClass::Budget, Happened::Yes);
    bench.completes("mend@1", json!(1));
    assert_eq!(bench.output(), json!({"why": "it broke", "last_one": [5, "budget"]}));
}

#[test]
fn errors_are_read_inside_of_maps_and_loops_and_of_them() {
    let text = "nodes:
  a: { type: agent_call, agent: reader }
  each:
    type: map
    over: [x, y]
    needs: [{ node: a, kind: soft }]
    node: { type: agent_call, agent: reader, input: { item: $item, why: $run.errors.a.class } }
  again:
    type: loop
    needs: [{ node: each, kind: soft }]
    until: run.errors.each.code == 'broken' || iteration > 1
    max: 3
    node: { type: transform, value: [$iteration, $run.errors.each.message] }
output: $again
";
    let mut bench = Bench::start(&file(text), empty());
    bench.fails("a@1", ErrorClass::RateLimit, Happened::No);
    assert_eq!(ids(&bench), ["each.0@1", "each.1@1"]);
    assert_eq!(given(&bench, "each.1@1"), json!({"item": "y", "why": "rate_limit"}));
    bench.completes("each.0@1", json!(1));
    bench.fails("each.1@1", ErrorClass::Data, Happened::Yes);
    assert_eq!(bench.output()["last"], json!([1, "each.1 failed: it broke"]));
}
