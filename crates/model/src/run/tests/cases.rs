//! What happens to small runs, case by case.

use super::*;

/// S1-4.1a, S1-4.1c, S3-3d, S3-5a, S3-10b: nine records in four units.
#[test]
fn a_chain_of_three_is_nine_records_in_four_decisions() {
    let mut bench = Bench::start(CHAIN, json!({ "n": 1 }));
    assert_eq!(names(&bench), ["run.created", "plan.created", "step.started"]);
    assert_eq!(bench.completes("a@1", json!({ "n": 2 })), ["step.completed", "step.started"]);
    assert_eq!(bench.completes("b@1", json!({ "n": 3 })), ["step.completed", "step.started"]);
    assert_eq!(bench.completes("c@1", json!({ "n": 4 })), ["step.completed", "run.completed"]);
    assert_eq!(bench.journal.len(), 9);
    assert_eq!(bench.output(), json!({ "n": 4 }));
    assert!(outstanding(&bench.run).is_empty());
    assert_eq!(wake(&bench.run), Wake::Done);
}

fn names(bench: &Bench) -> Vec<&'static str> {
    bench.journal.iter().map(|(event, _)| event.name()).collect()
}

/// S0-1.3c, S1-4.3e, S3-5b: branches run side by side, and the failure of one does not stop the other.
#[test]
fn a_failed_branch_leaves_its_sibling_alone_and_skips_what_needs_it() {
    let mut bench = Bench::start(
        "
ghostlight: 1
name: diamond
nodes:
  a: { type: agent_call, agent: reader }
  b: { type: agent_call, agent: reader, needs: [a] }
  c: { type: agent_call, agent: reader, needs: [a] }
  d: { type: join, needs: [b, c], require: all }
",
        empty(),
    );
    bench.completes("a@1", empty());
    assert_eq!(bench.running().len(), 2);
    assert_eq!(bench.fails("b@1", ErrorClass::Data, Happened::No), ["step.failed"]);
    assert_eq!(bench.status("c"), StepStatus::Running);
    assert_eq!(bench.completes("c@1", empty()), ["step.completed", "step.skipped", "run.failed"]);
    let cause = &bench.run.step(bench.run.workflow.find("d").unwrap()).state;
    assert!(matches!(cause, StepState::Skipped { cause } if cause.is_failure()));
    assert_eq!(bench.run.failure.as_ref().and_then(|(step, _)| step.clone()), Some(path("b")));
}

/// Shows S3-8c.
#[test]
fn a_join_gathers_its_parents_by_id() {
    let mut bench = Bench::start(
        "
ghostlight: 1
name: gather
nodes:
  a: { type: agent_call, agent: reader }
  b: { type: agent_call, agent: reader }
  skipped: { type: condition, when: 'input.never == true' }
  all: { type: join, needs: [a, b, skipped], require: all }
output: $all
",
        json!({ "never": false }),
    );
    bench.completes("b@1", json!("from b"));
    bench.completes("a@1", json!("from a"));
    assert_eq!(bench.output(), json!({ "a": "from a", "b": "from b" }));
}

/// Shows S3-3i.
#[test]
fn a_condition_that_is_false_skips_what_follows_and_the_run_is_complete() {
    let mut bench = Bench::start(
        "
ghostlight: 1
name: branch
nodes:
  look: { type: agent_call, agent: reader }
  sick: { type: condition, needs: [look], when: '!look.healthy' }
  heal: { type: agent_call, agent: reader, needs: [sick] }
",
        empty(),
    );
    let events = bench.completes("look@1", json!({ "healthy": true }));
    assert_eq!(events, ["step.completed", "step.skipped", "step.skipped", "run.completed"]);
    assert_eq!(bench.run.result, Some(crate::event::RunResult::Complete));
}

/// Shows S3-3b.
#[test]
fn a_failed_attempt_is_tried_again_when_its_time_has_come() {
    let mut bench = Bench::start(&one("patient", ""), empty());
    assert_eq!(bench.fails("a@1", ErrorClass::Transient, Happened::No), ["step.retrying"]);
    assert!(bench.pass(Duration::from_millis(100)).is_empty());
    assert_eq!(bench.pass(Duration::from_secs(1)), ["step.started"]);
    assert_eq!(bench.fails("a@2", ErrorClass::Transient, Happened::No), ["step.retrying"]);
    assert_eq!(bench.pass(Duration::from_secs(60)), ["step.started"]);
    assert_eq!(bench.fails("a@3", ErrorClass::Transient, Happened::No), ["step.failed", "run.failed"]);
}

#[test]
fn a_failure_that_repeats_itself_is_not_tried_again() {
    let mut bench = Bench::start(&one("patient", ""), empty());
    assert_eq!(bench.fails("a@1", ErrorClass::Data, Happened::No), ["step.failed", "run.failed"]);
}

#[test]
fn a_write_whose_effect_is_unknown_waits_for_a_person() {
    let policy = ", retry: { max_attempts: 3, initial: 1s, max: 1s, backoff: fixed }";
    let mut bench = Bench::start(&one("writer", policy), empty());
    assert_eq!(bench.fails("a@1", ErrorClass::Timeout, Happened::Unknown), ["step.waiting"]);
    assert_eq!(wake(&bench.run), Wake::Idle);
    let no = Command::Reconcile { step: path("a"), attempt: None, happened: false, output: None };
    assert_eq!(bench.give(no.clone()).unwrap(), ["step.reconciled", "step.started"]);
    assert_eq!(bench.give(no), Err(Rejection::StepIs { step: path("a"), status: StepStatus::Running }));
    assert_eq!(bench.fails("a@2", ErrorClass::Transient, Happened::No), ["step.retrying"]);
}

#[test]
fn what_is_said_late_of_a_write_is_not_taken_for_the_attempt_after_it() {
    let policy = ", retry: { max_attempts: 3, initial: 1s, max: 1s, backoff: fixed }";
    let mut bench = Bench::start(&one("writer", policy), empty());
    let no = |attempt| Command::Reconcile { step: path("a"), attempt, happened: false, output: None };
    bench.fails("a@1", ErrorClass::Timeout, Happened::Unknown);
    assert_eq!(bench.give(no(Some(1))).unwrap(), ["step.reconciled", "step.started"]);
    bench.fails("a@2", ErrorClass::Timeout, Happened::Unknown);
    let refused = Rejection::OtherAttempt { step: path("a"), said: 1, waits: 2 };
    assert_eq!(bench.give(no(Some(1))), Err(refused));
    assert_eq!(bench.give(no(Some(2))).unwrap(), ["step.reconciled", "step.started"]);
    bench.fails("a@3", ErrorClass::Timeout, Happened::Unknown);
    // Who names none means the one that waits.
    assert!(bench.give(no(None)).is_ok());
}

#[test]
fn a_write_that_is_said_to_have_happened_completes_with_the_output_given() {
    let mut bench = Bench::start(&one("writer", ""), empty());
    bench.crash();
    assert_eq!(bench.give(Command::Recover).unwrap(), ["step.interrupted", "step.waiting"]);
    let yes = Command::Reconcile { step: path("a"), attempt: None, happened: true, output: Some(json!(7)) };
    assert_eq!(bench.give(yes).unwrap(), ["step.reconciled", "step.completed", "run.completed"]);
    assert_eq!(bench.output(), json!({ "a": 7 }));
}

#[test]
fn a_read_that_was_cut_off_runs_again_with_the_same_key_and_input() {
    let mut bench = Bench::start(CHAIN, json!({ "n": 1 }));
    let before = bench.run.attempt(NodeIndex(0)).unwrap().clone();
    let key = bench.run.key(NodeIndex(0));
    bench.crash();
    assert_eq!(bench.give(Command::Recover).unwrap(), ["step.interrupted", "step.started"]);
    let after = bench.run.attempt(NodeIndex(0)).unwrap();
    assert_eq!((after.number, after.epoch), (2, 2));
    assert_eq!(after.input, before.input);
    assert_eq!(bench.run.key(NodeIndex(0)), key);
}

#[test]
fn a_late_result_is_kept_as_discarded_once_and_changes_nothing() {
    let mut bench = Bench::start(CHAIN, json!({ "n": 1 }));
    bench.crash();
    bench.give(Command::Recover).unwrap();
    assert_eq!(bench.completes("a@1", empty()), ["step.result_discarded"]);
    assert!(bench.completes("a@1", empty()).is_empty());
    assert_eq!(bench.status("a"), StepStatus::Running);
    let stranger =
        Command::Report { attempt: attempt("a@9"), outcome: Ok(Arc::new(empty())), usage: Usage::default() };
    assert_eq!(bench.give(stranger), Err(Rejection::UnknownAttempt(attempt("a@9"))));
}

#[test]
fn a_report_that_is_said_twice_counts_once() {
    let mut bench = Bench::start(CHAIN, json!({ "n": 1 }));
    bench.completes("a@1", empty());
    assert!(bench.completes("a@1", empty()).is_empty());
}

const GATED: &str = "
ghostlight: 1
name: gated
nodes:
  ask: { type: human_gate, action: 'Restart {{ input.service }}', impact: 'it is down', risk: high, timeout: 15m,
         on_timeout: reject }
  act: { type: agent_call, agent: writer, needs: [ask] }
";

fn question(bench: &Bench) -> crate::ids::ApprovalId {
    *bench.run.approvals.keys().next().unwrap()
}

fn answer(bench: &Bench, approve: bool) -> Command {
    Command::Answer { approval: question(bench), approve, comment: Some("because".into()), changes: None }
}

/// Shows S1-4.4a, S3-3h.
#[test]
fn a_gate_asks_once_and_the_first_answer_holds() {
    let mut bench = Bench::start(GATED, json!({ "service": "shop" }));
    assert_eq!(names(&bench)[2..], ["approval.requested", "step.waiting"]);
    let asked = bench.run.approvals.values().next().unwrap();
    assert_eq!(asked.action.value().unwrap().as_str(), Some("Restart shop"));
    let yes = answer(&bench, true);
    assert_eq!(bench.give(yes).unwrap(), ["approval.decided", "step.completed", "step.started"]);
    let no = answer(&bench, false);
    let Err(Rejection::AlreadyDecided { approval }) = bench.give(no) else {
        panic!("a second answer is refused")
    };
    assert_eq!(approval.decided.unwrap().0, crate::event::Decision::Approved);
}

#[test]
fn a_rejected_gate_fails_the_run_with_what_the_person_said() {
    let mut bench = Bench::start(GATED, json!({ "service": "shop" }));
    let no = answer(&bench, false);
    let events = bench.give(no).unwrap();
    assert_eq!(events, ["approval.decided", "step.failed", "step.skipped", "run.failed"]);
    let (_, failure) = bench.run.failure.clone().unwrap();
    assert_eq!((failure.class, failure.message.as_str()), (ErrorClass::Rejected, "because"));
}

#[test]
fn a_question_that_nobody_answers_runs_out_and_takes_no_answer_after_that() {
    let mut bench = Bench::start(GATED, json!({ "service": "shop" }));
    assert!(matches!(wake(&bench.run), Wake::At(_)));
    bench.now += SignedDuration::from_mins(16);
    let yes = answer(&bench, true);
    assert!(matches!(bench.give(yes), Err(Rejection::AlreadyDecided { .. })));
    assert_eq!(
        bench.give(Command::Tick).unwrap(),
        ["approval.decided", "step.failed", "step.skipped", "run.failed"]
    );
}

#[test]
fn changes_need_a_form() {
    let mut bench = Bench::start(GATED, json!({ "service": "shop" }));
    let changed = Command::Answer {
        approval: question(&bench),
        approve: true,
        comment: None,
        changes: Some(json!({ "service": "other" })),
    };
    assert!(matches!(bench.give(changed), Err(Rejection::Invalid { what: "changes", .. })));
}

/// A form that requires something is not passed over by a yes without it.
#[test]
fn a_yes_needs_the_changes_that_the_form_requires() {
    let gated = "ghostlight: 1\nname: gated\nnodes:\n  ask:\n    type: human_gate\n    action: Go on?\n    form: { type: object, required: [note], \
                 properties: { note: { type: string } } }\n";
    let answer = |bench: &Bench, approve, changes| Command::Answer {
        approval: question(bench),
        approve,
        comment: None,
        changes,
    };
    let mut bench = Bench::start(gated, json!({}));
    let plain = answer(&bench, true, None);
    assert!(matches!(bench.give(plain), Err(Rejection::Invalid { what: "changes", .. })));
    let no = answer(&bench, false, None);
    assert!(
        Bench::start(gated, json!({})).run.approvals.len() == 1 && bench.give(no).is_ok(),
        "a no needs none"
    );
    let mut bench = Bench::start(gated, json!({}));
    let full = answer(&bench, true, Some(json!({ "note": "fine" })));
    assert_eq!(bench.give(full).unwrap(), ["approval.decided", "step.completed", "run.completed"]);
}

/// S3-3c: nothing new starts after a cancel, and the run ends when what ran has ended.
#[test]
fn a_cancelled_run_waits_for_what_is_under_way_and_starts_nothing() {
    let mut bench = Bench::start(CHAIN, json!({ "n": 1 }));
    let cancel = Command::Cancel { reason: "enough".into(), kill: false };
    assert_eq!(
        bench.give(cancel.clone()).unwrap(),
        ["run.cancel_requested", "step.cancelled", "step.cancelled"]
    );
    assert!(bench.give(cancel.clone()).unwrap().is_empty());
    assert!(matches!(&outstanding(&bench.run)[..], [Effect::StopAttempt { .. }]));
    assert_eq!(
        bench.fails("a@1", ErrorClass::Cancelled, Happened::Unknown),
        ["step.cancelled", "run.cancelled"]
    );
    assert!(bench.give(cancel).unwrap().is_empty());
    assert_eq!(bench.give(Command::Resume), Err(Rejection::RunIs { status: RunStatus::Cancelled }));
}

#[test]
fn a_cancelled_gate_withdraws_its_question() {
    let mut bench = Bench::start(GATED, json!({ "service": "shop" }));
    let events = bench.give(Command::Cancel { reason: String::new(), kill: false }).unwrap();
    let expected =
        ["run.cancel_requested", "approval.decided", "step.cancelled", "step.cancelled", "run.cancelled"];
    assert_eq!(events, expected);
}

#[test]
fn a_paused_run_takes_results_but_starts_nothing_until_it_is_resumed() {
    let mut bench = Bench::start(CHAIN, json!({ "n": 1 }));
    let pause = Command::Pause { reason: crate::event::PauseReason::Operator, message: String::new() };
    assert_eq!(bench.give(pause).unwrap(), ["run.paused"]);
    assert_eq!(bench.completes("a@1", empty()), ["step.completed"]);
    assert_eq!(bench.give(Command::Resume).unwrap(), ["run.resumed", "step.started"]);
}

/// What people said stays as long as it holds, and no longer; a second word that says nothing takes the first one not away.
#[test]
fn why_a_run_is_paused_or_cancelled_stands_in_its_state() {
    let mut bench = Bench::start(CHAIN, json!({ "n": 1 }));
    let pause =
        Command::Pause { reason: crate::event::PauseReason::Operator, message: "the shop is busy".into() };
    bench.give(pause).unwrap();
    assert_eq!(bench.run.pause_message.as_deref(), Some("the shop is busy"));
    bench.give(Command::Resume).unwrap();
    assert_eq!(bench.run.pause_message, None);
    let cancel = |reason: &str, kill| Command::Cancel { reason: reason.into(), kill };
    bench.give(cancel("wrong customer", false)).unwrap();
    bench.give(cancel("", true)).unwrap();
    assert_eq!(bench.run.cancel_reason.as_deref(), Some("wrong customer"));
}

/// Who only looks is told what who asks is told.
#[test]
fn what_would_change_a_run_is_what_changes_it() {
    use crate::event::PauseReason;
    use crate::run::{Steer, would_change};

    let pause = Command::Pause { reason: PauseReason::Operator, message: String::new() };
    let cancel = |kill| Command::Cancel { reason: String::new(), kill };
    let ways = [
        ("running", vec![]),
        ("paused", vec![pause.clone()]),
        ("being cancelled", vec![cancel(false)]),
        ("being killed", vec![cancel(true)]),
        ("paused and being cancelled", vec![pause.clone(), cancel(false)]),
        ("failed", vec![]),
    ];
    for (state, commands) in ways {
        for (steer, command) in [
            (Steer::Pause, pause.clone()),
            (Steer::Resume, Command::Resume),
            (Steer::Cancel { kill: false }, cancel(false)),
            (Steer::Cancel { kill: true }, cancel(true)),
        ] {
            let mut bench = Bench::start(CHAIN, json!({ "n": 1 }));
            for command in &commands {
                bench.give(command.clone()).unwrap();
            }
            if state == "failed" {
                bench.fails("a@1", ErrorClass::Data, Happened::No);
            }
            let would = would_change(&bench.run, steer);
            assert_eq!(would, bench.give(command).map(|events| !events.is_empty()), "{state}, {steer:?}");
        }
    }
}

/// An agent may have become a `write` after the workflow was saved: its attempt does not begin.
#[test]
fn a_write_does_not_begin_under_a_strategy_that_would_cut_it_off() {
    for (strategy, agent, starts) in [
        ("one_for_one", "writer", true),
        ("one_for_all", "writer", false),
        ("rest_for_one", "writer", false),
        ("one_for_all", "keyed", true),
        ("rest_for_one", "reader", true),
    ] {
        let yaml = one(agent, ", effect: read") + &format!("supervision: {{ strategy: {strategy} }}\n");
        let bench = Bench::start(&yaml, empty());
        assert_eq!(bench.running().len(), usize::from(starts), "{strategy} {agent}");
        if let (false, Some((_, failure))) = (starts, &bench.run.failure) {
            assert_eq!((failure.class, &*failure.code), (ErrorClass::Configuration, "strategy_ends_write"));
        }
        assert_eq!(bench.run.status.is_terminal(), !starts);
    }
}

#[test]
fn a_quarantined_run_is_released_by_resume() {
    let mut bench = Bench::start(CHAIN, json!({ "n": 1 }));
    bench.give(Command::Quarantine { message: "its actors kept crashing".into() }).unwrap();
    assert_eq!(bench.run.pause, Some(crate::event::PauseReason::Quarantined));
    bench.crash();
    assert_eq!(bench.give(Command::Recover).unwrap(), ["step.interrupted"]);
    assert_eq!(bench.give(Command::Resume).unwrap(), ["run.resumed", "step.started"]);
}

/// S1-4.1g, S0-3.3b: what had completed is not done again; what is done again has a new key.
#[test]
fn a_failed_run_is_opened_again_from_the_step_that_failed() {
    let mut bench = Bench::start(CHAIN, json!({ "n": 1 }));
    bench.completes("a@1", empty());
    assert_eq!(
        bench.fails("b@1", ErrorClass::Data, Happened::No),
        ["step.failed", "step.skipped", "run.failed"]
    );
    assert_eq!(bench.give(Command::Retry(Box::default())).unwrap(), ["run.reopened", "step.started"]);
    assert_eq!(bench.running(), [attempt("b@2")]);
    assert!(bench.run.key(NodeIndex(1)).ends_with("/b/2"));
    assert_eq!(bench.status("a"), StepStatus::Completed);
}

#[test]
fn a_step_without_a_slot_is_scheduled_and_starts_when_one_is_free() {
    let none = Slots::Granted { of_agent: BTreeMap::new(), others: false };
    let mut bench = Bench::start_with(workflow(CHAIN), json!({ "n": 1 }), none);
    assert_eq!(names(&bench)[2..], ["step.scheduled"]);
    assert!(bench.give(Command::Tick).unwrap().is_empty());
    bench.slots = Slots::Granted { of_agent: BTreeMap::from([(name("reader"), 1)]), others: false };
    assert_eq!(bench.give(Command::Tick).unwrap(), ["step.started"]);
}

/// One that cannot begin is looked at for all of them, and those for whom there are slots begin, the first ones first.
#[test]
fn items_of_a_map_that_wait_for_slots_begin_as_there_are_any() {
    let slots = |count| Slots::Granted { of_agent: BTreeMap::from([(name("reader"), count)]), others: false };
    let text = "
ghostlight: 1
name: items
nodes:
  list: { type: transform, value: [1, 2, 3, 4] }
  each: { type: map, needs: [list], over: $list, node: { type: agent_call, agent: reader, input: { n: $item } } }
";
    let mut bench = Bench::start_with(workflow(text), empty(), slots(1));
    let begun = |bench: &Bench| {
        let mut begun: Vec<String> = bench.running().iter().map(ToString::to_string).collect();
        begun.sort();
        begun
    };
    assert_eq!(begun(&bench), ["each.0@1"]);
    bench.slots = slots(0);
    assert!(bench.give(Command::Tick).unwrap().is_empty());
    bench.slots = slots(2);
    assert_eq!(bench.give(Command::Tick).unwrap(), ["step.started", "step.started"]);
    assert_eq!(begun(&bench), ["each.0@1", "each.1@1", "each.2@1"]);
    bench.slots = slots(5);
    assert_eq!(bench.give(Command::Tick).unwrap(), ["step.started"]);
}

/// Shows S3-3l, S4-T6e.
#[test]
fn a_step_that_goes_on_after_its_failure_makes_the_run_partial() {
    let mut bench = Bench::start(
        "
ghostlight: 1
name: partial
nodes:
  a: { type: agent_call, agent: reader, on_error: continue }
  b: { type: agent_call, agent: reader, needs: [{ node: a, kind: soft }], input: { from: $a } }
",
        empty(),
    );
    assert_eq!(bench.fails("a@1", ErrorClass::Data, Happened::No), ["step.failed", "step.started"]);
    let input = bench.run.attempt(NodeIndex(1)).unwrap().input.clone();
    assert_eq!(**input.value().unwrap(), json!({ "from": null }));
    bench.completes("b@1", empty());
    assert_eq!(bench.run.result, Some(crate::event::RunResult::Partial));
}

#[test]
fn an_input_that_does_not_fit_is_refused_before_anything_is_recorded() {
    let typed = workflow(
        "
ghostlight: 1
name: typed
input: { type: object, required: [n], properties: { n: { type: integer } } }
nodes:
  a: { type: agent_call, agent: reader }
",
    );
    let create = CreateRun {
        parent: None,
        version: 1,
        document: None,
        input: json!({ "n": "one" }),
        context: Map::new(),
        labels: BTreeMap::new(),
        key: None,
        priority: None,
        makespan_ms: 0,
    };
    let agents = agents();
    let context = Context {
        now: Timestamp::UNIX_EPOCH,
        epoch: 1,
        agents: &agents,
        slots: Slots::Unlimited,
        workload: Workload::default(),
        ids: Ids::from_base(Uuid::nil()),
        jitter: 0,
        by: None,
    };
    let refused = super::super::create(RunId(Uuid::nil()), &typed, create, context);
    assert!(matches!(refused, Err(Rejection::Invalid { what: "input", .. })));
}

/// The value itself is looked at before the attempt, and what came out of it before anything that follows.
/// Shows S0-1.3b.
#[test]
fn a_value_that_an_agent_does_not_take_or_promised_not_to_give_fails_the_step_with_the_field() {
    let call = |n: &str| one("typed", &format!(", input: {{ n: {n} }}"));
    let bench = Bench::start(&call("'one'"), empty());
    assert_eq!(names(&bench)[2..], ["step.failed", "run.failed"], "there was no attempt");
    let (_, failure) = bench.run.failure.as_ref().unwrap();
    assert_eq!(failure.code, "input_schema_mismatch");
    assert!(failure.message.contains("`typed`") && failure.message.contains("/n"), "{}", failure.message);
    let bench = Bench::start(&call("$input.count"), json!({ "count": "one" }));
    let (_, failure) = bench.run.failure.as_ref().unwrap();
    assert!(failure.message.ends_with("(`$input.count` gives `string`)"), "{}", failure.message);

    let mut bench = Bench::start(&call("1"), empty());
    assert_eq!(bench.completes("a@1", json!({ "n": "one" })), ["step.failed", "run.failed"]);
    let (_, failure) = bench.run.failure.as_ref().unwrap();
    assert_eq!((failure.code.as_str(), failure.happened), ("output_schema_mismatch", Happened::Yes));
    assert!(failure.message.contains("/n"), "{}", failure.message);

    let mut bench = Bench::start(&call("1"), empty());
    assert_eq!(bench.completes("a@1", json!({ "n": 2 })), ["step.completed", "run.completed"]);
}

#[test]
fn a_call_of_nobody_fails_the_step_without_an_attempt() {
    let bench = Bench::start(&one("nobody", ""), empty());
    assert_eq!(names(&bench)[2..], ["step.failed", "run.failed"]);
    assert_eq!(bench.run.failure.as_ref().unwrap().1.class, ErrorClass::Capability);
}

#[test]
fn the_first_enabled_agent_by_name_that_offers_a_capability_is_called() {
    let yaml = "ghostlight: 1\nname: one\nnodes:\n  a: { type: agent_call, capability: anything }\n";
    let bench = Bench::start(yaml, empty());
    assert_eq!(bench.run.attempt(NodeIndex(0)).unwrap().agent, name("keyed"));
}

#[test]
fn an_attempt_that_is_lost_for_ever_is_given_up() {
    let mut bench = Bench::start(&one("reader", ""), empty());
    for number in 1..=100 {
        let attempt = attempt(&format!("a@{number}"));
        bench.give(Command::Lost { attempt, reason: "panicked".into(), began: true }).unwrap();
        bench.pass(Duration::from_secs(30));
    }
    assert_eq!(bench.run.status, RunStatus::Failed);
}

/// The first loss may be an accident; a step that keeps ending its actors must not keep the processors busy with that.
#[test]
fn from_the_second_loss_in_a_row_on_a_step_waits_longer_and_longer_unless_the_process_ended() {
    let mut bench = Bench::start(&one("reader", ""), empty());
    let mut waits = Vec::new();
    for number in 1..=8 {
        let attempt = attempt(&format!("a@{number}"));
        bench.give(Command::Lost { attempt, reason: "panicked".into(), began: true }).unwrap();
        match &bench.run.step(NodeIndex(0)).state {
            StepState::Retrying { retry_at, .. } => {
                waits.push(retry_at.duration_since(bench.now).as_millis());
                bench.pass(Duration::from_secs(30));
            }
            _ => waits.push(0),
        }
    }
    assert_eq!(waits[0], 0);
    // Drawn from the upper half of 1, 2, 4, 8, 16, 30 and 30 seconds.
    for (wait, full) in waits[1..].iter().zip([1, 2, 4, 8, 16, 30, 30]) {
        assert!((full * 500..=full * 1_000).contains(wait), "{waits:?}");
    }
    bench.completes("a@9", empty());
    assert_eq!(bench.run.status, RunStatus::Completed);
}

#[test]
fn progress_grows_to_one() {
    let mut bench = Bench::start(CHAIN, json!({ "n": 1 }));
    let first = progress(&bench.run, bench.now);
    assert!(first.ratio < 0.01 && first.remaining == Some(Duration::from_secs(3)));
    bench.completes("a@1", empty());
    let second = progress(&bench.run, bench.now);
    assert!((second.ratio - 1.0 / 3.0).abs() < 0.01);
    bench.completes("b@1", empty());
    bench.completes("c@1", empty());
    assert_eq!(progress(&bench.run, bench.now).ratio, 1.0);
}

/// A value in a blob is there again for the next attempt after the journal was read.
#[test]
fn an_input_kept_as_a_blob_is_fetched_again_before_the_next_attempt() {
    let mut bench = Bench::start(&one("patient", ", input: { big: $input.big }"), json!({ "big": "x" }));
    let blob = crate::payload::BlobRef { blob: "ab".into(), bytes: 70_000 };
    for (event, _) in &mut bench.journal {
        if let Event::StepStarted(started) = event {
            started.input = crate::payload::Payload::Blob(blob.clone(), None);
        }
    }
    bench.run = Run::new(bench.run.id, bench.run.workflow.clone());
    for (event, at) in &bench.journal.clone() {
        evolve(&mut bench.run, event, *at, None);
    }
    bench.fails("a@1", ErrorClass::Transient, Happened::No);
    assert_eq!(bench.run.missing_blobs(), std::slice::from_ref(&blob));
    bench.run.provide_blob(&blob, &Arc::new(json!({ "big": "y" })));
    bench.pass(Duration::from_secs(60));
    let input = bench.run.attempt(NodeIndex(0)).unwrap().input.clone();
    assert_eq!(**input.value().unwrap(), json!({ "big": "y" }));
}

#[test]
fn a_wide_run_starts_in_portions_that_fit_into_an_append() {
    let mut yaml = String::from("ghostlight: 1\nname: wide\nnodes:\n");
    (0..100).for_each(|n| yaml.push_str(&format!("  n{n}: {{ type: agent_call, agent: reader }}\n")));
    let mut bench = Bench::start(&yaml, empty());
    assert_eq!(bench.running().len(), STARTS_AT_ONCE);
    bench.give(Command::Tick).unwrap();
    assert_eq!(bench.running().len(), 100);
}
