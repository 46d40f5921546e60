//! What stands beside a call: success with its judge, verify, compensate.

use super::*;

const JUDGED: &str = "
ghostlight: 1
name: judged
nodes:
  write:
    type: agent_call
    agent: reader
    success:
      schema: { type: object, required: [text] }
      assertions: [{ that: 'size(output.text) > 3', message: too short }, 'output.text != input.taboo']
      judge: { type: agent_call, agent: typed, input: { n: $output.score } }
      redo: 1
  publish: { type: agent_call, agent: reader, needs: [write], input: { it: $write } }
";

fn judged() -> Bench {
    Bench::start(JUDGED, json!({ "taboo": "nothing" }))
}

fn evidence(bench: &Bench) -> Vec<Value> {
    let of = |(event, _): &(Event, Timestamp)| match event {
        Event::StepJudged(judged) => judged.evidence.value().map(|value| (**value).clone()),
        _ => None,
    };
    bench.journal.iter().filter_map(of).collect()
}

fn asked(bench: &Bench) -> ApprovalId {
    *bench.run.approvals.iter().find(|(_, approval)| approval.decided.is_none()).unwrap().0
}

fn answer(bench: &mut Bench, approve: bool) -> Vec<&'static str> {
    let approval = asked(bench);
    bench.give(Command::Answer { approval, approve, comment: None, changes: None }).unwrap()
}

/// Shows S4-AC4, S4-T4a, S4-T4b: a step has succeeded when schema, assertions and judge say so, and the verdict is kept with its
/// evidence.
#[test]
fn a_step_completes_when_what_came_out_is_what_it_was_to_bring() {
    let mut bench = judged();
    let events = bench.completes("write@1", json!({ "text": "a good one", "score": 7 }));
    assert_eq!(events, ["step.judged", "step.waiting", "step.started"]);
    assert_eq!(bench.status("write"), StepStatus::Waiting);
    assert_eq!(bench.status("publish"), StepStatus::Pending);
    let judge = bench.run.find(&path("write.judge")).unwrap();
    let given = bench.run.attempt(judge).unwrap().input.value().unwrap();
    assert_eq!(**given, json!({ "n": 7 }));
    assert_eq!(bench.running(), [attempt("write.judge@1")]);
    // The judge's own output has to fit its own schema: then it speaks.
    bench.agents = plain_judge();
    let said = json!({ "passed": true, "reason": "well told" });
    assert_eq!(
        bench.completes("write.judge@1", said.clone())[1..],
        ["step.judged", "step.completed", "step.started"]
    );
    assert_eq!(
        evidence(&bench),
        [
            json!([
                { "criterion": "schema", "passed": true },
                { "criterion": "size(output.text) > 3", "passed": true },
                { "criterion": "output.text != input.taboo", "passed": true },
            ]),
            json!([{ "criterion": "judge", "passed": true, "detail": said }]),
        ]
    );
    bench.completes("publish@1", empty());
    assert_eq!(bench.run.status, RunStatus::Completed);
    assert_eq!(bench.run.result, Some(crate::event::RunResult::Complete));
}

/// Agents among whom `typed` may answer what it likes.
fn plain_judge() -> Arc<AgentDirectory> {
    let mut entries: Vec<AgentEntry> = vec![entry("typed", EffectClass::Read)];
    entries.extend(["reader", "patient"].map(|agent| entry(agent, EffectClass::Read)));
    entries.push(entry("writer", EffectClass::Write));
    Arc::new(AgentDirectory::new(entries))
}

/// Shows S4-T4e: what will not do is done again as new work, and then fails with what was wanting.
#[test]
fn what_will_not_do_is_done_again_under_a_new_key_and_then_fails_with_the_reasons() {
    let mut bench = judged();
    let first = bench.run.key(bench.run.find(&path("write")).unwrap());
    assert_eq!(
        bench.completes("write@1", json!({ "text": "no" })),
        ["step.judged", "step.retrying", "step.started"]
    );
    let write = bench.run.find(&path("write")).unwrap();
    assert_ne!(first, bench.run.key(write), "new work has a new key");
    assert_eq!(
        bench.completes("write@2", json!({ "text": "nothing" })),
        ["step.judged", "step.failed", "step.skipped", "run.failed"]
    );
    let StepState::Failed { failure } = &bench.run.step(write).state else { panic!() };
    assert_eq!((failure.code.as_str(), failure.happened), ("success_not_met", Happened::Yes));
    assert!(failure.message.contains("output.text != input.taboo"), "{}", failure.message);
    assert_eq!(
        evidence(&bench)[0][1],
        json!({ "criterion": "size(output.text) > 3", "passed": false, "detail": "too short" })
    );
}

#[test]
fn a_judge_that_says_no_has_the_work_done_again_and_is_asked_again() {
    let mut bench = judged();
    bench.agents = plain_judge();
    bench.completes("write@1", json!({ "text": "a poor one", "score": 1 }));
    let no = json!({ "passed": false, "reason": "dull" });
    assert_eq!(
        bench.completes("write.judge@1", no.clone()),
        ["step.completed", "step.judged", "step.retrying", "step.started"]
    );
    bench.crash();
    bench.give(Command::Recover).unwrap();
    bench.completes("write@3", json!({ "text": "a better one", "score": 2 }));
    assert_eq!(bench.running(), [attempt("write.judge@2")]);
    assert_eq!(
        bench.completes("write.judge@2", no),
        ["step.completed", "step.judged", "step.failed", "step.skipped", "run.failed"]
    );
}

#[test]
fn a_judge_that_gives_no_verdict_fails_the_step_and_does_not_have_the_work_done_again() {
    let mut bench = judged();
    bench.completes("write@1", json!({ "text": "a good one", "score": 7 }));
    let events = bench.fails("write.judge@1", ErrorClass::Data, Happened::No);
    assert_eq!(events, ["step.failed", "step.failed", "step.skipped", "run.failed"]);
    let (step, failure) = bench.run.failure.clone().unwrap();
    assert_eq!((step, failure.code.as_str()), (Some(path("write")), "no_verdict"));
    // Somebody tries again: the work is done anew, and is judged anew.
    bench.agents = plain_judge();
    bench.give(Command::Retry(Box::default())).unwrap();
    bench.completes("write@2", json!({ "text": "a good one", "score": 7 }));
    bench.completes("write.judge@2", json!(true));
    assert_eq!(bench.status("write"), StepStatus::Completed);
}

#[test]
fn a_person_decides_where_the_criteria_are_not_met() {
    let yaml = one("writer", ", success: { assertions: ['output.ok'], on_reject: escalate }");
    for (approve, status) in [(true, RunStatus::Completed), (false, RunStatus::Failed)] {
        let mut bench = Bench::start(&yaml, empty());
        assert_eq!(
            bench.completes("a@1", json!({ "ok": false, "n": 3 })),
            ["step.judged", "approval.requested", "step.waiting"]
        );
        bench.crash();
        let approval = bench.run.approvals[&asked(&bench)].clone();
        let impact = approval.impact.as_ref().and_then(|text| text.value()).unwrap().to_string();
        assert!(impact.contains("output.ok") && impact.contains("\\\"n\\\":3"), "{impact}");
        let changes = Some(json!({}));
        let refused = Command::Answer { approval: asked(&bench), approve, comment: None, changes };
        assert!(
            matches!(bench.give(refused), Err(Rejection::Invalid { .. })),
            "it is taken or not, and not changed"
        );
        let events = answer(&mut bench, approve);
        assert_eq!(events[..2], ["approval.decided", "step.judged"]);
        assert_eq!(bench.run.status, status);
        if approve {
            assert_eq!(bench.output(), json!({ "a": { "ok": false, "n": 3 } }));
        }
    }
}

const WRITES: &str = "
ghostlight: 1
name: writes
nodes:
  pay:
    type: tool_call
    tool: writer
    effect: write
    input: { amount: 3 }
    verify: { type: agent_call, agent: reader, input: { key: $key } }
    compensate: { type: tool_call, tool: writer, effect: write, input: { back: $output.id, key: $key } }
  ship:
    type: tool_call
    tool: writer
    effect: write
    needs: [pay]
    compensate: { type: tool_call, tool: writer, effect: write }
  ask: { type: human_gate, action: done, needs: [ship] }
";

#[test]
fn an_interrupted_write_is_looked_after_and_counts_as_what_was_found() {
    let mut bench = Bench::start(WRITES, empty());
    assert_eq!(
        bench.fails("pay@1", ErrorClass::Timeout, Happened::Unknown),
        ["step.waiting", "step.started"]
    );
    let verify = bench.run.find(&path("pay.verify")).unwrap();
    let given = bench.run.attempt(verify).unwrap().input.value().unwrap();
    assert_eq!(**given, json!({ "key": format!("{}/pay/1", bench.run.id) }));
    let found = json!({ "happened": true, "output": { "id": 9 } });
    assert_eq!(
        bench.completes("pay.verify@1", found),
        ["step.completed", "step.reconciled", "step.completed", "step.started"]
    );
    let pay = bench.run.find(&path("pay")).unwrap();
    assert!(
        matches!(&bench.run.step(pay).state, StepState::Completed { output } if **output.value().unwrap() == json!({ "id": 9 }))
    );
}

#[test]
fn a_write_that_did_not_happen_is_made_again_as_its_policy_says() {
    let nothing = json!({ "happened": false });
    // A crash is no failure of the attempt: it is made again.
    let mut bench = Bench::start(WRITES, empty());
    bench.crash();
    assert_eq!(bench.give(Command::Recover).unwrap(), ["step.interrupted", "step.waiting", "step.started"]);
    assert_eq!(
        bench.completes("pay.verify@1", nothing.clone()),
        ["step.completed", "step.reconciled", "step.started"]
    );
    // A timeout is one, and there is no policy.
    bench.fails("pay@2", ErrorClass::Timeout, Happened::Unknown);
    let events = bench.completes("pay.verify@2", nothing);
    assert_eq!(events[..3], ["step.completed", "step.reconciled", "step.failed"]);
    assert_eq!(bench.run.status, RunStatus::Failed);
}

#[test]
fn what_verify_cannot_find_out_waits_for_a_person_whose_word_stops_it() {
    let mut bench = Bench::start(WRITES, empty());
    bench.fails("pay@1", ErrorClass::Timeout, Happened::Unknown);
    assert_eq!(bench.completes("pay.verify@1", json!({ "who": "knows" })), ["step.completed"]);
    assert_eq!(bench.status("pay"), StepStatus::Waiting);
    assert_eq!(bench.pass(Duration::from_secs(60)), [""; 0]);
    let reconcile =
        |happened| Command::Reconcile { step: path("pay"), attempt: None, happened, output: None };
    bench.give(reconcile(false)).unwrap();
    bench.fails("pay@2", ErrorClass::Timeout, Happened::Unknown);
    assert_eq!(bench.running(), [attempt("pay.verify@2")]);
    bench.give(reconcile(true)).unwrap();
    assert_eq!(bench.status("pay"), StepStatus::Completed);
    let stops = |bench: &Bench| {
        outstanding(&bench.run).contains(&Effect::StopAttempt { id: attempt("pay.verify@2") })
    };
    assert!(stops(&bench), "nobody waits for it any more");
    bench.fails("pay.verify@2", ErrorClass::Cancelled, Happened::No);
    assert!(!stops(&bench));
}

/// Shows S3-3c, S3-7x: what was done is made good, the last first, before the run is cancelled.
#[test]
fn cancelling_makes_good_what_was_done_the_last_first() {
    let mut bench = Bench::start(WRITES, empty());
    bench.completes("pay@1", json!({ "id": 9 }));
    bench.now += SignedDuration::from_secs(1);
    bench.completes("ship@1", empty());
    let cancel = || Command::Cancel { reason: "enough".into(), kill: false };
    assert_eq!(
        bench.give(cancel()).unwrap(),
        ["run.cancel_requested", "approval.decided", "step.cancelled", "step.started"]
    );
    assert_eq!(bench.running(), [attempt("ship.compensate@1")]);
    bench.crash();
    bench.give(Command::Recover).unwrap();
    // Nobody knows whether it happened: a person is asked, as for any write.
    let step = path("ship.compensate");
    bench.give(Command::Reconcile { step, attempt: None, happened: true, output: None }).unwrap();
    assert_eq!(bench.running(), [attempt("pay.compensate@1")]);
    let pays = bench.run.find(&path("pay.compensate")).unwrap();
    let given = bench.run.attempt(pays).unwrap().input.value().unwrap();
    assert_eq!(**given, json!({ "back": 9, "key": format!("{}/pay/1", bench.run.id) }));
    assert_eq!(bench.give(cancel()).unwrap(), [""; 0], "said again, nothing changes");
    assert_eq!(
        bench.completes("pay.compensate@1", empty()),
        ["step.completed", "step.compensated", "run.cancelled"]
    );
    let ended = bench.journal.last().unwrap().0.clone();
    assert_eq!(ended, crate::event::RunCancelled::default().into());
}

/// Found by the simulator: it waited for a slot, or for its next try, and nobody knew.
#[test]
fn a_run_that_was_paused_and_is_cancelled_still_waits_for_what_it_has_to_make_good() {
    let mut bench = Bench::start(WRITES, empty());
    bench.completes("pay@1", json!({ "id": 9 }));
    let pause = Command::Pause { reason: crate::event::PauseReason::Operator, message: String::new() };
    bench.give(pause).unwrap();
    bench.fails("ship@1", ErrorClass::Data, Happened::No);
    bench.slots = Slots::Granted { of_agent: BTreeMap::new(), others: false };
    bench.give(Command::Cancel { reason: String::new(), kill: false }).unwrap();
    assert_eq!((bench.run.status, bench.status("pay")), (RunStatus::Paused, StepStatus::Completed));
    assert_eq!((outstanding(&bench.run), wake(&bench.run)), (vec![Effect::Slots(1)], Wake::Now));
    bench.slots = Slots::Unlimited;
    bench.give(Command::Tick).unwrap();
    bench.completes("pay.compensate@1", empty());
    assert_eq!(bench.run.status, RunStatus::Cancelled);
}

/// Found by the simulator: the clock was looked at again and again, for as long as another attempt took to stop.
#[test]
fn a_judge_that_waits_for_its_next_try_ends_with_its_call_and_not_with_the_run() {
    let judged = "type: agent_call, agent: reader, success: { judge: { type: agent_call, agent: patient } }";
    let text = format!(
        "ghostlight: 1\nname: w\nnodes:\n  a: {{ {judged} }}\n  b: {{ type: agent_call, agent: reader }}\n"
    );
    let mut bench = Bench::start(&text, empty());
    bench.completes("a@1", empty());
    bench.fails("a.judge@1", ErrorClass::Transient, Happened::No);
    bench.give(Command::Cancel { reason: String::new(), kill: false }).unwrap();
    assert_eq!(outstanding(&bench.run), [Effect::StopAttempt { id: attempt("b@1") }]);
}

/// A write that was under way may have happened: that is found out first.
#[test]
fn cancelling_in_the_middle_of_a_write_finds_out_whether_it_happened_and_makes_it_good() {
    let cancel = || Command::Cancel { reason: String::new(), kill: false };
    for happened in [true, false] {
        let mut bench = Bench::start(WRITES, empty());
        bench.give(cancel()).unwrap();
        assert_eq!(
            bench.fails("pay@1", ErrorClass::Cancelled, Happened::Unknown),
            ["step.waiting", "step.started"]
        );
        assert_eq!(bench.running(), [attempt("pay.verify@1")]);
        bench.crash();
        bench.give(Command::Recover).unwrap();
        bench.completes("pay.verify@2", json!({ "happened": happened, "output": { "id": 9 } }));
        if happened {
            assert_eq!(bench.running(), [attempt("pay.compensate@1")]);
            bench.completes("pay.compensate@1", empty());
        }
        assert_eq!(bench.run.status, RunStatus::Cancelled);
        assert_eq!(not_compensated(&bench.run), []);
    }
    // Nobody can tell: it is named.
    let mut bench = Bench::start(WRITES, empty());
    bench.give(cancel()).unwrap();
    bench.fails("pay@1", ErrorClass::Cancelled, Happened::Unknown);
    bench.completes("pay.verify@1", json!("who knows"));
    assert_eq!((bench.run.status, not_compensated(&bench.run)), (RunStatus::Cancelled, vec![path("pay")]));
}

#[test]
fn what_could_not_be_made_good_is_named_and_the_rest_is() {
    let mut bench = Bench::start(WRITES, empty());
    bench.completes("pay@1", json!({ "id": 9 }));
    bench.now += SignedDuration::from_secs(1);
    bench.completes("ship@1", empty());
    bench.give(Command::Cancel { reason: String::new(), kill: false }).unwrap();
    bench.fails("ship.compensate@1", ErrorClass::Data, Happened::No);
    assert_eq!(bench.running(), [attempt("pay.compensate@1")]);
    bench.completes("pay.compensate@1", empty());
    let ended = bench.journal.last().unwrap().0.clone();
    assert_eq!(ended, crate::event::RunCancelled { not_compensated: vec![path("ship")] }.into());
}

#[test]
fn a_run_that_is_killed_makes_nothing_good_also_when_that_has_begun() {
    let mut bench = Bench::start(WRITES, empty());
    bench.completes("pay@1", json!({ "id": 9 }));
    bench.give(Command::Cancel { reason: String::new(), kill: false }).unwrap();
    // `ship` is under way.
    bench.fails("ship@1", ErrorClass::Cancelled, Happened::Unknown);
    assert_eq!(bench.running(), [attempt("pay.compensate@1")]);
    let kill = Command::Cancel { reason: String::new(), kill: true };
    assert_eq!(bench.give(kill).unwrap(), ["run.cancel_requested"]);
    assert!(matches!(outstanding(&bench.run)[..], [Effect::StopAttempt { .. }]));
    bench.fails("pay.compensate@1", ErrorClass::Cancelled, Happened::No);
    assert_eq!(bench.run.status, RunStatus::Cancelled);
    let ended = bench.journal.last().unwrap().0.clone();
    let both = vec![path("pay"), path("ship")];
    assert_eq!(ended, crate::event::RunCancelled { not_compensated: both }.into());
}

#[test]
fn inside_of_maps_each_item_has_its_own() {
    let mut bench = Bench::start(
        "
ghostlight: 1
name: items
nodes:
  each:
    type: map
    over: [1, 2]
    node:
      type: tool_call
      tool: writer
      effect: write
      success: { assertions: ['output.n == item'] }
      compensate: { type: tool_call, tool: writer, effect: write, input: { back: $item } }
  ask: { type: human_gate, action: done, needs: [each] }
",
        empty(),
    );
    bench.completes("each.0@1", json!({ "n": 1 }));
    bench.now += SignedDuration::from_secs(1);
    bench.completes("each.1@1", json!({ "n": 2 }));
    bench.give(Command::Cancel { reason: String::new(), kill: false }).unwrap();
    assert_eq!(bench.running(), [attempt("each.1.compensate@1")]);
    let at = bench.run.find(&path("each.1.compensate")).unwrap();
    assert_eq!(**bench.run.attempt(at).unwrap().input.value().unwrap(), json!({ "back": 2 }));
    bench.completes("each.1.compensate@1", empty());
    bench.completes("each.0.compensate@1", empty());
    assert_eq!(bench.run.status, RunStatus::Cancelled);
}
