//! What the `supervision` of a workflow file means for its runs: strategies, waits between restarts, and what becomes of
//! a run whose supervisor gives up. Actors are made to panic on demand.

#![cfg(feature = "chaos")]
#![allow(clippy::unwrap_used, reason = "a test says by panicking what is wrong")]

mod house;

use std::sync::{Arc, Mutex};
use std::time::Duration;

use futures::StreamExt;
use ghostlight_actors::Caller;
use ghostlight_actors::runs::{RunCommand, RunRead, StartError, supervision};
use ghostlight_model::event::{Event, PauseReason};
use ghostlight_model::run::{RunStatus, StepState, StepStatus};
use ghostlight_model::workflow::{RestartBackoff, RunSupervision};
use ghostlight_supervision::{
    ChildSpec, ChildState, ExitReason, Fault, Flags, Key, StartContext, SupervisorRef, Tree, TreeConfig,
    TreeEvent,
};
use house::{
    actor, alive, approve, attempts, cancel, close, count, crash, ended, is, open, own, read, start, until,
};
use serde_json::json;

/// A long attempt beside a question.
fn beside(supervision: &str) -> String {
    format!(
        "
ghostlight: 1
name: beside
supervision: {{ {supervision} }}
nodes:
  nap: {{ type: agent_call, agent: sleep, input: {{ for: 2s }} }}
  ask: {{ type: human_gate, action: 'Go on?', risk: low }}
  after: {{ type: agent_call, agent: noop, needs: [nap, ask] }}
"
    )
}

/// Kills of the actors of one branch, two in each run, and how many runs are struck at a time.
const STRIKES: usize = 1_000;
const STORMS_AT_ONCE: usize = 4;

/// One branch's actor is killed a thousand times, and every time its sibling comes to its end with the output of a calm run
/// (S0-4.2d).
#[cfg(feature = "chaos")]
#[test]
fn a_thousand_kills_of_one_branch_leave_the_outputs_of_its_sibling_as_they_are() {
    const BRANCHES: &str = "ghostlight: 1
name: branches
nodes:
  left: { type: agent_call, agent: sleep, input: { for: 1h } }
  right: { type: agent_call, agent: noop, input: { n: 1 } }
  after: { type: agent_call, agent: noop, needs: [right], input: { n: $right.n } }
";
    let folder = tempfile::tempdir().unwrap();
    actix::System::new().block_on(async {
        let (ghostlight, house) = open(folder.path()).await;
        let storm = async || {
            let run = start(&ghostlight, BRANCHES).await;
            for attempt in 1..=2 {
                crash(&ghostlight, run, &format!("executions/left@{attempt}"), 1).await;
            }
            let read = until("the sibling's end and both losses", async || {
                let read = read(&ghostlight, run).await;
                let after = read.run.step(read.run.workflow.find("after").unwrap()).state.status().0;
                (after == StepStatus::Completed && count(&read, "step.interrupted") == 2).then_some(read)
            })
            .await;
            cancel(&ghostlight, run).await;
            let after = read.run.step(read.run.workflow.find("after").unwrap());
            let StepState::Completed { output } = &after.state else { panic!("{after:?}") };
            assert_eq!((output.value().unwrap().clone(), after.attempts), (Arc::new(json!({"n": 3})), 1));
        };
        let storms = futures::stream::iter(0..STRIKES / 2).map(|_| storm());
        assert_eq!(storms.buffer_unordered(STORMS_AT_ONCE).count().await, STRIKES / 2);
        close(ghostlight, house).await;
    });
}

/// However the actors of one branch end, the run is completed as if nothing had been (S1-4.3n1).
#[cfg(feature = "chaos")]
#[test]
fn a_branch_whose_actors_keep_ending_changes_nothing_for_its_sibling() {
    const BRANCHES: &str = "ghostlight: 1
name: branches
nodes:
  left: { type: agent_call, agent: sleep, input: { for: 300ms } }
  right: { type: agent_call, agent: noop, input: { n: 1 } }
  after: { type: agent_call, agent: noop, needs: [right], input: { n: $right.n } }
  both: { type: join, needs: [left, after], require: all }
output: { left: $left, after: $after.n }
";
    let folder = tempfile::tempdir().unwrap();
    actix::System::new().block_on(async {
        let (ghostlight, house) = open(folder.path()).await;
        let calm = start(&ghostlight, BRANCHES).await;
        let stormy = start(&ghostlight, BRANCHES).await;
        for attempt in 1..=3 {
            crash(&ghostlight, stormy, &format!("executions/left@{attempt}"), 1).await;
        }
        let (calm, stormy) = (ended(&ghostlight, calm).await, ended(&ghostlight, stormy).await);
        assert_eq!((calm.run.status, stormy.run.status), (RunStatus::Completed, RunStatus::Completed));
        let output = |read: &RunRead| read.run.output.as_ref().unwrap().value().unwrap().clone();
        assert_eq!(output(&calm), output(&stormy));
        assert_eq!((attempts(&stormy, "left"), attempts(&stormy, "after")), (4, 1));
        close(ghostlight, house).await;
    });
}

#[test]
fn one_for_one_leaves_an_attempt_alone_when_the_workflow_actor_crashes() {
    let folder = tempfile::tempdir().unwrap();
    actix::System::new().block_on(async {
        let (ghostlight, house) = open(folder.path()).await;
        let run = start(&ghostlight, &beside("strategy: one_for_one")).await;
        let nap = alive(&ghostlight, run, "executions/", 1).await;
        alive(&ghostlight, run, "gates/", 1).await;
        crash(&ghostlight, run, "workflow", 1).await;
        alive(&ghostlight, run, "workflow", 2).await;
        assert_eq!(actor(&ghostlight, run, "executions/").unwrap().path, nap.path, "it goes on");
        assert_eq!(actor(&ghostlight, run, "gates/").unwrap().incarnation, 1);
        approve(&ghostlight, run).await;
        let read = ended(&ghostlight, run).await;
        assert_eq!(read.run.status, RunStatus::Completed);
        assert_eq!((attempts(&read, "nap"), count(&read, "step.interrupted")), (1, 0));
        close(ghostlight, house).await;
    });
}

/// Who minded the question in its first life is not who minds it now.
#[test]
fn a_gate_that_was_restarted_ends_with_its_answer_as_any_other() {
    let folder = tempfile::tempdir().unwrap();
    actix::System::new().block_on(async {
        let (ghostlight, house) = open(folder.path()).await;
        let run = start(&ghostlight, &beside("strategy: one_for_one").replace("2s", "60s")).await;
        crash(&ghostlight, run, "gates/", 1).await;
        alive(&ghostlight, run, "gates/", 2).await;
        approve(&ghostlight, run).await;
        until("the end of the gate", async || actor(&ghostlight, run, "gates/").is_none().then_some(()))
            .await;
        assert!(actor(&ghostlight, run, "executions/").is_some(), "the run goes on");
        cancel(&ghostlight, run).await;
        close(ghostlight, house).await;
    });
}

/// The new workflow actor finds the attempt gone, records it as lost, and makes another one, since it only read.
#[test]
fn one_for_all_ends_attempts_with_the_workflow_actor_and_the_new_one_makes_them_again() {
    let folder = tempfile::tempdir().unwrap();
    actix::System::new().block_on(async {
        let (ghostlight, house) = open(folder.path()).await;
        let run = start(&ghostlight, &beside("strategy: one_for_all")).await;
        let neighbour = start(&ghostlight, &beside("strategy: one_for_all")).await;
        alive(&ghostlight, run, "executions/", 1).await;
        alive(&ghostlight, run, "gates/", 1).await;
        crash(&ghostlight, run, "workflow", 1).await;
        alive(&ghostlight, run, "executions/nap@2", 1).await;
        assert!(
            actor(&ghostlight, run, "executions/nap@1").is_none(),
            "it was ended with the workflow actor"
        );
        assert_eq!(actor(&ghostlight, run, "gates/").unwrap().incarnation, 2, "the gate came back with it");
        for run in [run, neighbour] {
            approve(&ghostlight, run).await;
        }
        let read = ended(&ghostlight, run).await;
        assert_eq!(read.run.status, RunStatus::Completed);
        assert_eq!((attempts(&read, "nap"), count(&read, "step.interrupted")), (2, 1));
        let read = ended(&ghostlight, neighbour).await;
        assert_eq!((read.run.status, attempts(&read, "nap")), (RunStatus::Completed, 1));
        close(ghostlight, house).await;
    });
}

#[test]
fn one_for_all_takes_the_workflow_actor_and_attempts_along_when_a_gate_crashes_and_nobody_when_an_attempt_does()
 {
    let folder = tempfile::tempdir().unwrap();
    actix::System::new().block_on(async {
        let (ghostlight, house) = open(folder.path()).await;
        let run = start(&ghostlight, &beside("strategy: one_for_all")).await;
        alive(&ghostlight, run, "gates/", 1).await;
        // An attempt is temporary: its end is for the workflow to answer, by another attempt.
        crash(&ghostlight, run, "executions/nap@1", 1).await;
        alive(&ghostlight, run, "executions/nap@2", 1).await;
        assert_eq!(actor(&ghostlight, run, "workflow").unwrap().incarnation, 1);
        crash(&ghostlight, run, "gates/", 1).await;
        alive(&ghostlight, run, "workflow", 2).await;
        alive(&ghostlight, run, "gates/", 2).await;
        approve(&ghostlight, run).await;
        let read = ended(&ghostlight, run).await;
        assert_eq!(read.run.status, RunStatus::Completed);
        assert!(attempts(&read, "nap") >= 3, "the attempt under way was ended too");
        close(ghostlight, house).await;
    });
}

/// `before` and the gate are begun at once, attempts first; `nap` when the gate is there.
const IN_ORDER: &str = "
ghostlight: 1
name: in-order
supervision: { strategy: rest_for_one }
nodes:
  first: { type: agent_call, agent: sleep, input: { for: 500ms } }
  before: { type: agent_call, agent: sleep, input: { for: 60s } }
  ask: { type: human_gate, action: 'Go on?', risk: low }
  nap: { type: agent_call, agent: sleep, needs: [first], input: { for: 60s } }
";

#[test]
fn rest_for_one_ends_what_was_begun_after_the_actor_that_crashed_and_nothing_before_it() {
    let folder = tempfile::tempdir().unwrap();
    actix::System::new().block_on(async {
        let (ghostlight, house) = open(folder.path()).await;
        let run = start(&ghostlight, IN_ORDER).await;
        alive(&ghostlight, run, "executions/nap@1", 1).await;
        crash(&ghostlight, run, "gates/", 1).await;
        alive(&ghostlight, run, "executions/nap@2", 1).await;
        alive(&ghostlight, run, "gates/", 2).await;
        assert_eq!(actor(&ghostlight, run, "workflow").unwrap().incarnation, 1);
        assert!(actor(&ghostlight, run, "executions/before@1").is_some(), "it is older than the gate");
        let seen = read(&ghostlight, run).await;
        assert_eq!((attempts(&seen, "before"), attempts(&seen, "nap")), (1, 2));

        crash(&ghostlight, run, "workflow", 1).await;
        alive(&ghostlight, run, "executions/before@2", 1).await;
        alive(&ghostlight, run, "gates/", 3).await;
        cancel(&ghostlight, run).await;
        close(ghostlight, house).await;
    });
}

#[test]
fn a_backoff_lets_a_crashed_workflow_actor_wait_and_its_run_goes_on_after_it() {
    let folder = tempfile::tempdir().unwrap();
    actix::System::new().block_on(async {
        let (ghostlight, house) = open(folder.path()).await;
        let waits = "max_restarts: 2, period: 30s, backoff: { initial: 400ms, max: 400ms }";
        let run = start(&ghostlight, &beside(waits)).await;
        alive(&ghostlight, run, "gates/", 1).await;
        // One that is being started when its workflow actor dies is made again.
        alive(&ghostlight, run, "executions/", 1).await;
        let crashed = tokio::time::Instant::now();
        crash(&ghostlight, run, "workflow", 1).await;
        until("the wait", async || {
            actor(&ghostlight, run, "workflow").filter(|node| node.state == ChildState::Restarting)
        })
        .await;
        alive(&ghostlight, run, "workflow", 2).await;
        // Up to half of the wait is left out at random.
        assert!(crashed.elapsed() >= Duration::from_millis(200), "{:?}", crashed.elapsed());
        approve(&ghostlight, run).await;
        let read = ended(&ghostlight, run).await;
        assert_eq!((read.run.status, attempts(&read, "nap")), (RunStatus::Completed, 1));
        close(ghostlight, house).await;
    });
}

/// Virtual time: the waits double up to the longest, and the crash after the last restart that is allowed is the end.
#[test]
fn the_waits_between_restarts_double_up_to_the_longest_and_then_the_supervisor_gives_up() {
    let second = Duration::from_secs(1);
    let said = RunSupervision {
        max_restarts: 3,
        period: 60 * second,
        backoff: Some(RestartBackoff { initial: second, max: 3 * second }),
        ..RunSupervision::default()
    };
    actix::System::new().block_on(async move {
        tokio::time::pause();
        let gave_up = Arc::new(Mutex::new(Vec::new()));
        let told = gave_up.clone();
        let observer = move |event: &TreeEvent| {
            if let TreeEvent::SupervisorGaveUp { path, restarts, .. } = event {
                told.lock().unwrap().push((path.to_string(), *restarts));
            }
        };
        let tree = Tree::new(TreeConfig { observer: Some(Arc::new(observer)), seed: 1 });
        let children = move || {
            let work = || {
                let live = |start: StartContext| {
                    let forever = std::future::pending::<Result<(), String>>();
                    std::future::ready(Ok(start.task(forever)))
                };
                vec![ChildSpec::new(Key::id("workflow"), live).transient().significant()]
            };
            let name = SupervisorRef::new();
            vec![ChildSpec::supervisor(Key::id("run"), &name, supervision::flags(&said), work).temporary()]
        };
        tree.permit_faults();
        let root = tree.start("root", Flags::one_for_one(), children).await.unwrap();
        let run = tree.child("run").unwrap();
        for (made, wait) in [(1, second), (2, 2 * second), (3, 3 * second)] {
            let crashed = tokio::time::Instant::now();
            tree.inject("run/workflow", Fault::Panic).unwrap();
            while tree.snapshot_of("run/workflow").unwrap().incarnation <= made {
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
            let waited = crashed.elapsed();
            assert!(waited >= wait / 2 && waited <= wait + second / 100, "restart {made}: {waited:?}");
        }
        tree.inject("run/workflow", Fault::Panic).unwrap();
        let down = run.down().await;
        assert!(matches!(down.reason, ExitReason::GaveUp { restarts: 3, .. }), "{:?}", down.reason);
        assert_eq!(*gave_up.lock().unwrap(), [("run".to_owned(), 3)]);
        root.stop().await;
        assert_eq!(tree.live(), 0);
    });
}

#[test]
fn a_run_that_may_not_be_restarted_at_all_is_set_aside_by_its_first_crash() {
    let folder = tempfile::tempdir().unwrap();
    actix::System::new().block_on(async {
        let (ghostlight, house) = open(folder.path()).await;
        let run = start(&ghostlight, &beside("max_restarts: 0")).await;
        crash(&ghostlight, run, "workflow", 1).await;
        let read = is(&ghostlight, run, RunStatus::Paused).await;
        assert_eq!(read.run.pause, Some(PauseReason::Quarantined));
        close(ghostlight, house).await;
    });
}

/// The run is set aside with its state, which can be read; its neighbours never notice; it stays aside over a restart of
/// the daemon, and goes on from where it was when somebody releases it.
#[test]
fn a_quarantined_run_keeps_its_state_over_a_restart_and_goes_on_when_it_is_released() {
    let folder = tempfile::tempdir().unwrap();
    let run = actix::System::new().block_on(async {
        let (ghostlight, house) = open(folder.path()).await;
        let neighbours = [
            start(&ghostlight, &beside("strategy: one_for_one")).await,
            start(&ghostlight, &beside("strategy: rest_for_one")).await,
        ];
        let kept = "
ghostlight: 1
name: kept
supervision: { max_restarts: 1, period: 60s }
nodes:
  done: { type: agent_call, agent: noop, input: { n: 1 } }
  ask: { type: human_gate, needs: [done], action: 'Go on?', risk: low }
  nap: { type: agent_call, agent: sleep, needs: [done], input: { for: 100ms } }
  after: { type: agent_call, agent: noop, needs: [nap, ask], input: $done }
";
        let run = start(&ghostlight, kept).await;
        alive(&ghostlight, run, "gates/", 1).await;
        crash(&ghostlight, run, "workflow", 1).await;
        crash(&ghostlight, run, "workflow", 2).await;
        let set_aside = is(&ghostlight, run, RunStatus::Paused).await;
        assert_eq!(set_aside.run.pause, Some(PauseReason::Quarantined));
        let said = set_aside.events.iter().find_map(|event| match &event.recorded.event {
            Event::RunQuarantined(quarantined) => Some(quarantined.message.clone()),
            _ => None,
        });
        assert!(
            said.as_ref().is_some_and(|said| said.contains("gave up on workflow after 1 restarts")),
            "{said:?}"
        );
        until("the end of its actors", async || actor(&ghostlight, run, "").is_none().then_some(())).await;
        let read = read(&ghostlight, run).await;
        let done = read.run.step(read.run.workflow.find("done").unwrap());
        assert_eq!(done.state.status().0, StepStatus::Completed, "its steps are there");
        assert_eq!(count(&read, "plan.created"), 1, "and its plan");
        for neighbour in neighbours {
            approve(&ghostlight, neighbour).await;
            let read = ended(&ghostlight, neighbour).await;
            assert_eq!(read.run.status, RunStatus::Completed);
            assert_eq!(count(&read, "step.interrupted"), 0, "a neighbour noticed");
        }
        close(ghostlight, house).await;
        run
    });
    actix::System::new().block_on(async {
        let (ghostlight, house) = open(folder.path()).await;
        let seen = read(&ghostlight, run).await;
        assert_eq!((seen.run.status, seen.run.pause), (RunStatus::Paused, Some(PauseReason::Quarantined)));
        assert!(actor(&ghostlight, run, "").is_none(), "nobody woke it");
        ghostlight.runs.command(run, RunCommand::Resume, None, Caller::runtime()).await.unwrap();
        approve(&ghostlight, run).await;
        let read = ended(&ghostlight, run).await;
        assert_eq!(read.run.status, RunStatus::Completed);
        assert_eq!(attempts(&read, "done"), 1, "what was done is not done again");
        close(ghostlight, house).await;
    });
}

#[test]
fn a_strategy_that_would_cut_off_a_write_is_refused_with_the_agent_that_writes() {
    let folder = tempfile::tempdir().unwrap();
    let hook = "ghostlight: 1\nname: hook\nkind: http\nurl: https://hooks.example/x\n";
    std::fs::create_dir(folder.path().join("agents")).unwrap();
    std::fs::write(folder.path().join("agents/hook.yaml"), hook).unwrap();
    actix::System::new().block_on(async {
        let (ghostlight, house) = open(folder.path()).await;
        let calls = |strategy: &str, agent: &str| {
            own(&format!(
                "ghostlight: 1\nname: w\nsupervision: {{ strategy: {strategy} }}\nnodes: {{ a: {{ type: agent_call, agent: {agent} }} }}\n"
            ))
        };
        for strategy in ["one_for_all", "rest_for_one"] {
            let refused = ghostlight.runs.start(calls(strategy, "hook"), Caller::runtime()).await;
            let Err(StartError::Definition(diagnostics)) = refused else { panic!("{refused:?}") };
            let [diagnostic] = &diagnostics[..] else { panic!("{diagnostics:?}") };
            assert_eq!((diagnostic.code.id(), diagnostic.path.as_str()), ("GL0507", "/nodes/a/agent"));
            assert!(diagnostic.message.contains("`hook`") && diagnostic.line == 4, "{diagnostic:?}");
            let run = ghostlight.runs.start(calls(strategy, "noop"), Caller::runtime()).await.unwrap().run;
            assert_eq!(ended(&ghostlight, run).await.run.status, RunStatus::Completed);
        }
        close(ghostlight, house).await;
    });
}
