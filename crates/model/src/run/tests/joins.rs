//! Joins, merges, cases, and the ways on after an error.

use super::types::{file, ids};
use super::*;
use crate::event::{PauseReason, RunResult};
use crate::workflow::MergeWord;

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

#[test]
fn a_race_that_everybody_loses_fails_the_run() {
    for require in ["any", "first_success", "{ quorum: 1 }"] {
        let mut bench = Bench::start(
            &format!(
                "ghostlight: 1\nname: race\nnodes:\n  a: {{ type: agent_call, agent: reader }}\n  b: {{ type: agent_call, agent: reader }}\n  \
                 j: {{ type: join, needs: [a, b], require: {require} }}\n"
            ),
            empty(),
        );
        bench.fails("a@1", ErrorClass::Data, Happened::No);
        bench.fails("b@1", ErrorClass::Data, Happened::No);
        assert_eq!(bench.run.status, RunStatus::Failed, "{require}");
    }
}

#[test]
fn a_soft_child_that_did_not_begin_has_taken_no_failure() {
    let mut bench = Bench::start(
        "
ghostlight: 1
name: soft
nodes:
  a: { type: agent_call, agent: reader }
  b: { type: agent_call, agent: reader, needs: [{ node: a, kind: soft }], when: input.care }
",
        json!({ "care": false }),
    );
    bench.fails("a@1", ErrorClass::Data, Happened::No);
    assert_eq!(bench.run.status, RunStatus::Failed);
}

/// Found by the simulator: the other steps of the same decision began all the same.
#[test]
fn a_failure_that_pauses_the_run_lets_nothing_else_begin_in_the_same_decision() {
    let text = "ghostlight: 1\nname: w\nnodes:\n  a: { type: agent_call, agent: nobody, on_error: pause }\n  b: { type: agent_call, agent: reader }\n";
    let mut bench = Bench::start(text, empty());
    assert_eq!((bench.run.status, bench.status("b")), (RunStatus::Paused, StepStatus::Pending));
    bench.give(Command::Resume).unwrap();
    assert_eq!((bench.run.status, bench.status("b")), (RunStatus::Paused, StepStatus::Pending), "and again");
}

#[test]
fn a_call_that_cannot_be_made_pauses_the_run_where_the_file_says_so() {
    let mut bench = Bench::start(&one("nobody", ", on_error: pause"), empty());
    assert_eq!((bench.run.status, bench.status("a")), (RunStatus::Paused, StepStatus::Retrying));
    bench.agents = Arc::new(AgentDirectory::new([entry("nobody", EffectClass::Read)]));
    bench.give(Command::Resume).unwrap();
    bench.completes("a@1", empty());
    assert_eq!(bench.run.status, RunStatus::Completed);
}

const BRANCHES: &str = "
ghostlight: 1
name: branches
context: { team: shop }
nodes:
  fan: { type: parallel, branches: { left: [l1, l2], right: [r1] } }
  l1: { type: agent_call, agent: reader }
  l2: { type: agent_call, agent: reader, input: { team: $context.team } }
  r1: { type: agent_call, agent: reader, input: { team: $context.team } }
  both: { type: join, require: all, needs: [l2, r1] }
";

/// What a branch could see of another: a node of it, which is refused when the document is compiled, and a context that
/// another branch has changed, which nothing can.
/// Shows S1-4.3d.
#[test]
fn a_branch_sees_nothing_of_another_before_the_join() {
    for read in ["$l1", "$l2.x"] {
        let text = BRANCHES.replace(
            "r1: { type: agent_call, agent: reader, input: { team: $context.team } }",
            &format!("r1: {{ type: agent_call, agent: reader, input: {{ x: {read} }} }}"),
        );
        let compiled = language::compile(&Source { text: &text, format: Format::Yaml });
        assert!(compiled.workflow.is_none() && text != BRANCHES, "{read}");
        let codes: Vec<_> = compiled.diagnostics.iter().map(|found| found.code).collect();
        assert!(codes.contains(&crate::diagnostic::Code::NotUpstream), "{codes:?}");
    }
    let mut bench = Bench::start(BRANCHES, empty());
    let before = bench.run.context.clone();
    bench.completes("l1@1", json!({ "team": "mine", "context": { "team": "mine" } }));
    bench.completes("r1@1", json!({ "team": "also mine" }));
    assert_eq!(bench.run.context, before);
    let l2 = bench.run.step(bench.run.workflow.find("l2").unwrap()).input.clone().unwrap();
    assert_eq!(**l2.value().unwrap(), json!({ "team": "shop" }));
}

/// Shows S1-4.3g.
#[test]
fn each_branch_is_counted_by_the_statuses_of_its_steps() {
    let mut bench = Bench::start(BRANCHES, empty());
    bench.fails("r1@1", ErrorClass::Data, Happened::No);
    let name = |node: &NodeIndex| bench.run.path(*node).to_string();
    let seen: Vec<_> = branches(&bench.run)
        .map(|now| {
            let nodes: Vec<String> = now.branch.nodes.iter().map(name).collect();
            (name(&now.parallel), now.branch.name.to_string(), nodes.join(" "), now.counts, now.done)
        })
        .collect();
    let counts = |counts: &[(StepStatus, u32)]| counts.iter().copied().collect::<Counts>();
    let left = counts(&[(StepStatus::Pending, 1), (StepStatus::Running, 1)]);
    let right = counts(&[(StepStatus::Failed, 1)]);
    let fan = || "fan".to_owned();
    let left = (fan(), "left".to_owned(), "l1 l2".to_owned(), left, false);
    assert_eq!(seen, [left, (fan(), "right".to_owned(), "r1".to_owned(), right, true)]);
}
