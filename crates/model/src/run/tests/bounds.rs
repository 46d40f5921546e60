//! What a decision, a cause and a run may hold, and what a run goes on with after it was stopped at such a bound.

use super::*;
use crate::payload::{BlobRef, Payload};

fn large() -> Value {
    json!("x".repeat(40_000))
}

/// The bytes of values in each append that follows from a command.
fn appends(bench: &mut Bench, command: Command) -> Vec<usize> {
    let agents = bench.agents.clone();
    let mut sizes = Vec::new();
    let mut command = Some(command);
    while let Some(given) = command.take() {
        let context = bench.context(&agents);
        let events = decide(&bench.run, given, context).unwrap();
        // Larger ones stand beside the record.
        let in_record = |payload: &Payload| (payload.bytes() as usize).min(crate::payload::INLINE_BYTES_MAX);
        sizes.push(events.iter().flat_map(|event| event.payloads()).map(in_record).sum());
        if is_portion(&events) {
            command = Some(Command::Tick);
        }
        bench.append(events);
    }
    sizes
}

#[test]
fn a_decision_stops_where_its_values_fill_an_append_and_the_next_one_goes_on() {
    let mut bench = Bench::start(
        "
ghostlight: 1
name: wide
nodes:
  first: { type: agent_call, agent: reader }
  each: { type: map, over: $input.list, needs: [first], node: { type: transform, value: $input.text } }
  after: { type: transform, needs: [each], expression: size(each) }
output: $after
",
        json!({ "list": vec![0; 300], "text": large() }),
    );
    let done = Command::Report {
        attempt: attempt("first@1"),
        outcome: Ok(Arc::new(empty())),
        usage: Usage::default(),
    };
    let sizes = appends(&mut bench, done);
    assert!(sizes.len() > 2 && sizes.iter().all(|bytes| *bytes < 6 << 20), "{sizes:?}");
    assert_eq!((bench.run.status, bench.output()), (RunStatus::Completed, json!(300)));
}

#[test]
fn many_nodes_with_large_values_and_a_cancelled_multitude_are_done_in_portions_too() {
    let mut yaml = String::from("ghostlight: 1\nname: many\nnodes:\n  first: { type: wait, for: 5s }\n");
    for n in 0..300 {
        yaml.push_str(&format!("  n{n}: {{ type: transform, needs: [first], value: $input.text }}\n"));
    }
    yaml.push_str("output: 1\n");
    let mut bench = Bench::start(&yaml, json!({ "text": large() }));
    bench.now += SignedDuration::from_secs(5);
    let sizes = appends(&mut bench, Command::Tick);
    assert!(sizes.len() > 2 && sizes.iter().all(|bytes| *bytes < 6 << 20), "{sizes:?}");
    assert_eq!(bench.run.status, RunStatus::Completed);

    let waits = "ghostlight: 1\nname: waits\nnodes:\n  each: { type: map, over: $input.list, node: { type: wait, for: 1h } }\n";
    let mut bench = Bench::start(waits, json!({ "list": vec![0; 5_000] }));
    while bench.run.walk().count() > 1
        && bench.run.walk().any(|(_, _, step)| step.state == StepState::Pending)
    {
        bench.give(Command::Tick).unwrap();
    }
    let sizes = appends(&mut bench, Command::Cancel { reason: String::new(), kill: false });
    assert!(sizes.len() > 3, "{sizes:?}");
    assert_eq!(bench.run.status, RunStatus::Cancelled);
}

#[test]
fn a_long_chain_that_is_skipped_names_the_root_and_what_is_near() {
    let mut yaml =
        String::from("ghostlight: 1\nname: long\nnodes:\n  n0: { type: agent_call, agent: reader }\n");
    for n in 1..60 {
        yaml.push_str(&format!("  n{n}: {{ type: agent_call, agent: reader, needs: [n{}] }}\n", n - 1));
    }
    let mut bench = Bench::start(&yaml, empty());
    bench.fails("n0@1", ErrorClass::Data, Happened::No);
    let last = bench.run.find(&path("n59")).unwrap();
    let StepState::Skipped { cause: crate::event::SkipCause::Failed { chain } } = &bench.run.step(last).state
    else {
        panic!()
    };
    let chain: Vec<&str> = chain.iter().map(StepPath::as_str).collect();
    assert_eq!(chain, ["n0", "n52", "n53", "n54", "n55", "n56", "n57", "n58"]);
}

#[test]
fn joins_of_joins_do_not_double_without_end() {
    let mut yaml = String::from(
        "ghostlight: 1\nname: double\nnodes:\n  a0: { type: transform, value: $input.text }\n  b0: { type: transform, value: $input.text }\n",
    );
    for n in 1..20 {
        for side in ["a", "b"] {
            let before = n - 1;
            yaml.push_str(&format!(
                "  {side}{n}: {{ type: join, require: all, needs: [a{before}, b{before}] }}\n"
            ));
        }
    }
    let mut bench = Bench::start(&yaml, json!({ "text": large() }));
    while !bench.run.status.is_terminal() {
        bench.give(Command::Tick).unwrap();
    }
    let (_, failure) = bench.run.failure.clone().unwrap();
    assert_eq!(failure.code, "output_too_large");
}

#[test]
fn a_run_holds_so_many_bytes_of_values_and_no_more() {
    let mut bench = Bench::start(
        "ghostlight: 1\nname: full\nnodes:\n  each: { type: map, over: $input.list, node: { type: transform, value: $input.text } }\n",
        json!({ "list": vec![0; 400], "text": "x".repeat(900_000) }),
    );
    while !bench.run.status.is_terminal() {
        bench.give(Command::Tick).unwrap();
    }
    let (_, failure) = bench.run.failure.clone().unwrap();
    assert_eq!(failure.code, "run_too_large");
    assert!(bench.run.bytes < RUN_BYTES_MAX + (1 << 20));
}

impl Bench {
    /// The process ends, and what comes back has its large values beside it, as in the store.
    fn crash_with_blobs(&mut self) {
        let mut kept: BTreeMap<String, Arc<Value>> = BTreeMap::new();
        for (event, _) in &mut self.journal {
            for payload in event.payloads_mut() {
                let Payload::Inline(value) = &*payload else { continue };
                let text = value.to_string();
                if text.len() > crate::payload::INLINE_BYTES_MAX {
                    let blob =
                        BlobRef { blob: blake3::hash(text.as_bytes()).to_string(), bytes: text.len() as u64 };
                    kept.insert(blob.blob.clone(), value.clone());
                    *payload = Payload::Blob(blob, None);
                }
            }
        }
        let mut again = Run::new(self.run.id, self.run.workflow.clone());
        for (event, at) in &self.journal {
            evolve(&mut again, event, *at, Some("someone"));
        }
        for blob in again.missing_blobs() {
            if let Some(value) = kept.get(&blob.blob) {
                again.provide_blob(&blob, value);
            }
        }
        assert_eq!(again.bytes, self.run.bytes, "what a run holds does not depend on where its values stand");
        self.run = again;
        self.epoch += 1;
    }
}

/// Shows S1-4.1g: large values of what was done stay what they are.
#[test]
fn a_run_that_is_opened_again_has_the_large_values_of_what_was_done() {
    let mut bench = Bench::start(
        "
ghostlight: 1
name: again
nodes:
  each: { type: map, over: $input.list, node: { type: agent_call, agent: reader, input: $item } }
",
        json!({ "list": ["x".repeat(70_000), "y", "z"] }),
    );
    bench.completes("each.0@1", json!("a".repeat(70_000)));
    bench.completes("each.1@1", json!("b"));
    bench.fails("each.2@1", ErrorClass::Data, Happened::No);
    assert_eq!(bench.run.status, RunStatus::Failed);
    bench.crash_with_blobs();
    bench.give(Command::Retry(Box::default())).unwrap();
    assert_eq!(bench.running(), [attempt("each.2@2")]);
    bench.completes("each.2@2", json!("c"));
    assert_eq!(bench.output(), json!({ "each": ["a".repeat(70_000), "b", "c"] }));
}

#[test]
fn a_large_signal_is_taken_once_whoever_reads_the_journal() {
    let mut bench = Bench::start(
        "
ghostlight: 1
name: twice
nodes:
  one: { type: wait, signal: { name: go, schema: { type: object, required: [text] } } }
  two: { type: wait, needs: [one], signal: { name: go, schema: { type: object, required: [text] } } }
",
        empty(),
    );
    let payload = json!({ "text": "x".repeat(100_000) });
    bench.give(Command::Signal { name: name("go"), payload }).unwrap();
    bench.crash_with_blobs();
    assert!(bench.run.signals.is_empty());
    assert_eq!(bench.give(Command::Tick).unwrap(), [""; 0]);
    assert_eq!(bench.status("two"), StepStatus::Waiting);
}

#[test]
fn what_may_fail_inside_of_what_is_done_is_not_opened_again() {
    let mut bench = Bench::start(
        "
ghostlight: 1
name: tolerant
nodes:
  each: { type: map, over: [1, 2], node: { type: agent_call, agent: reader, on_error: continue } }
  then: { type: agent_call, agent: reader, needs: [each] }
",
        empty(),
    );
    bench.fails("each.0@1", ErrorClass::Data, Happened::No);
    bench.completes("each.1@1", empty());
    bench.fails("then@1", ErrorClass::Data, Happened::No);
    bench.give(Command::Retry(Box::default())).unwrap();
    assert_eq!(bench.running(), [attempt("then@2")]);
    bench.completes("then@2", empty());
    assert_eq!(bench.run.result, Some(crate::event::RunResult::Partial), "an item is still missing");
}
