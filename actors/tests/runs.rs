//! Whole runs through the real house: how they go, wait, end, and survive crashes.

#![allow(clippy::unwrap_used, reason = "a test says by panicking what is wrong")]

mod house;

use std::time::Duration;

use ghostlight_actors::Caller;
use ghostlight_actors::runs::RunCommand;
use ghostlight_actors::runtime::Ghostlight;
use ghostlight_model::ids::RunId;
use ghostlight_model::run::{Retry, RunStatus, StepStatus};
#[cfg(feature = "chaos")]
use ghostlight_supervision::Fault;
use house::{CHAIN, GATED, close, ended, given, open};
use serde_json::json;

/// The no-op agent goes through the same actors and events as any other: nine records a run.
/// Shows S1-4.1a, S1-4.1c, S3-3d.
#[test]
fn a_chain_of_three_completes_with_nine_records() {
    let folder = tempfile::tempdir().unwrap();
    actix::System::new().block_on(async {
        let (ghostlight, house) = open(folder.path()).await;
        let started =
            ghostlight.runs.start(given(CHAIN, json!({ "n": 1 })), Caller::runtime()).await.unwrap();
        let read = ended(&ghostlight, started.run).await;
        assert_eq!(read.run.status, RunStatus::Completed);
        assert_eq!(**read.run.output.as_ref().unwrap().value().unwrap(), json!({ "n": 4 }));
        assert_eq!(read.events.len(), 9);
        close(ghostlight, house).await;
    });
}

/// S1-4.4a, S3-3h, S3-10c: a gate survives a restart of the daemon, in memory or not.
#[test]
fn a_gate_waits_over_a_restart_and_the_answer_goes_on() {
    let folder = tempfile::tempdir().unwrap();
    let (run, approval) = actix::System::new().block_on(async {
        let (ghostlight, house) = open(folder.path()).await;
        let started = ghostlight.runs.start(given(GATED, json!({})), Caller::runtime()).await.unwrap();
        let approval = loop {
            let read = ghostlight.runs.read(started.run).await.unwrap().unwrap();
            if let Some(approval) = read.run.approvals.keys().next() {
                break *approval;
            }
            tokio::task::yield_now().await;
        };
        close(ghostlight, house).await;
        (started.run, approval)
    });
    actix::System::new().block_on(async {
        let (ghostlight, house) = open(folder.path()).await;
        let caller = Caller { subject: Some("someone".into()), ..Caller::default() };
        let comment = Some("fine".to_owned());
        ghostlight.runs.answer(approval, true, comment.clone(), None, None, caller.clone()).await.unwrap();
        let read = ended(&ghostlight, run).await;
        assert_eq!(read.run.status, RunStatus::Completed);
        assert_eq!(
            **read.run.output.as_ref().unwrap().value().unwrap(),
            json!({ "after": { "said": "approved" } })
        );
        let again = ghostlight.runs.answer(approval, false, None, None, None, caller).await;
        assert!(again.is_err(), "a second answer is refused");
        close(ghostlight, house).await;
    });
}

/// Shows S3-3c, S3-8e.
#[test]
fn a_cancelled_run_stops_what_is_under_way() {
    let folder = tempfile::tempdir().unwrap();
    actix::System::new().block_on(async {
        let (ghostlight, house) = open(folder.path()).await;
        let sleeper = "
ghostlight: 1
name: sleeper
nodes:
  long: { type: agent_call, agent: sleep, input: { for: 60s } }
  never: { type: agent_call, agent: noop, needs: [long] }
";
        let started = ghostlight.runs.start(given(sleeper, json!({})), Caller::runtime()).await.unwrap();
        let cancel = RunCommand::Cancel { reason: "enough".into(), kill: false };
        ghostlight.runs.command(started.run, cancel, None, Caller::runtime()).await.unwrap();
        let read = ended(&ghostlight, started.run).await;
        assert_eq!(read.run.status, RunStatus::Cancelled);
        assert!(read.run.iter().all(|(_, _, step)| step.state.status().0 == StepStatus::Cancelled));
        close(ghostlight, house).await;
    });
}

/// Shows S1-4.1f.
#[test]
fn an_attempt_that_the_shutdown_cuts_off_runs_again_after_the_start() {
    let folder = tempfile::tempdir().unwrap();
    let nap = "
ghostlight: 1
name: nap
nodes:
  nap: { type: agent_call, agent: sleep, input: { for: 1s } }
";
    let run = actix::System::new().block_on(async {
        let (ghostlight, house) = open(folder.path()).await;
        let started = ghostlight.runs.start(given(nap, json!({})), Caller::runtime()).await.unwrap();
        let tree = ghostlight.tree.clone();
        house.shutdown(Duration::ZERO).await.unwrap();
        assert_eq!(tree.live(), 0);
        started.run
    });
    actix::System::new().block_on(async {
        let (ghostlight, house) = open(folder.path()).await;
        let read = ended(&ghostlight, run).await;
        assert_eq!(read.run.status, RunStatus::Completed);
        let names: Vec<_> = read.events.iter().map(|event| event.recorded.event.name()).collect();
        assert!(names.contains(&"step.interrupted"), "{names:?}");
        close(ghostlight, house).await;
    });
}

/// A panic anywhere in a run's actors is contained: the run goes on from the journal, its neighbour notices nothing.
#[cfg(feature = "chaos")]
#[test]
fn a_panic_in_each_actor_of_a_run_is_contained_and_the_run_completes() {
    let folder = tempfile::tempdir().unwrap();
    actix::System::new().block_on(async {
        let (ghostlight, house) = open(folder.path()).await;
        for victim in ["workflow", "executions/", "gates/"] {
            let started = ghostlight.runs.start(given(CAREFUL, json!({})), Caller::runtime()).await.unwrap();
            let neighbour =
                ghostlight.runs.start(given(CAREFUL, json!({})), Caller::runtime()).await.unwrap();
            let path = find_actor(&ghostlight, started.run, victim).await;
            ghostlight.tree.inject(&path, Fault::Panic).unwrap();
            for run in [started.run, neighbour.run] {
                answer_all(&ghostlight, run).await;
                let read = ended(&ghostlight, run).await;
                assert_eq!(read.run.status, RunStatus::Completed, "{victim}: {:?}", read.run.failure);
                let interrupted =
                    read.events.iter().any(|event| event.recorded.event.name() == "step.interrupted");
                assert_eq!(interrupted, run == started.run && victim == "executions/", "{victim}");
            }
        }
        assert!(ghostlight.tree_log.counts().exited_abnormally >= 3);
        close(ghostlight, house).await;
    });
}

/// An attempt whose actor makes no progress minds no time of its own: its run does, ends it and makes it again.
/// Shows S1-4.3n4.
#[cfg(feature = "chaos")]
#[test]
fn an_attempt_that_hangs_is_ended_after_its_time_and_made_again() {
    let folder = tempfile::tempdir().unwrap();
    let nap = "
ghostlight: 1
name: nap
nodes:
  nap: { type: agent_call, agent: sleep, input: { for: 300ms }, timeout: 500ms }
";
    actix::System::new().block_on(async {
        let (ghostlight, house) = open(folder.path()).await;
        let started = ghostlight.runs.start(given(nap, json!({})), Caller::runtime()).await.unwrap();
        let path = find_actor(&ghostlight, started.run, "executions/").await;
        ghostlight.tree.inject(&path, Fault::Hang).unwrap();
        let read = ended(&ghostlight, started.run).await;
        assert_eq!(read.run.status, RunStatus::Completed);
        let names: Vec<_> = read.events.iter().map(|event| event.recorded.event.name()).collect();
        assert_eq!(names.iter().filter(|name| **name == "step.interrupted").count(), 1, "{names:?}");
        close(ghostlight, house).await;
    });
}

#[cfg(feature = "chaos")]
const CAREFUL: &str = "
ghostlight: 1
name: careful
nodes:
  nap: { type: agent_call, agent: sleep, input: { for: 300ms } }
  ask: { type: human_gate, action: 'Go on?', risk: low }
  after: { type: agent_call, agent: noop, needs: [nap, ask] }
";

#[cfg(feature = "chaos")]
async fn find_actor(ghostlight: &Ghostlight, run: RunId, part: &str) -> String {
    loop {
        let tree = ghostlight.tree.snapshot().unwrap();
        let wanted = format!("/{run}/{part}");
        let found = tree.flatten().into_iter().find(|node| node.path.contains(&wanted) && node.uptime_ms > 0);
        if let Some(node) = found {
            return node.path.clone();
        }
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
}

#[cfg(feature = "chaos")]
async fn answer_all(ghostlight: &Ghostlight, run: RunId) {
    loop {
        let read = ghostlight.runs.read(run).await.unwrap().unwrap();
        if let Some((approval, _)) =
            read.run.approvals.iter().find(|(_, approval)| approval.decided.is_none())
        {
            ghostlight.runs.answer(*approval, true, None, None, None, Caller::runtime()).await.unwrap();
            return;
        }
        tokio::task::yield_now().await;
    }
}

/// A run whose actors keep crashing is set aside with its state; somebody releases it, and it goes on.
#[cfg(feature = "chaos")]
#[test]
fn a_run_that_keeps_crashing_is_quarantined_and_released_by_resume() {
    let folder = tempfile::tempdir().unwrap();
    actix::System::new().block_on(async {
        let (ghostlight, house) = open(folder.path()).await;
        let started = ghostlight.runs.start(given(CAREFUL, json!({})), Caller::runtime()).await.unwrap();
        let quarantined = loop {
            let read = ghostlight.runs.read(started.run).await.unwrap().unwrap();
            if read.run.status == RunStatus::Paused {
                break read.run;
            }
            let path = find_actor_if_any(&ghostlight, started.run, "workflow");
            // It may be between two lives, or set aside already.
            let _ = path.map(|path| ghostlight.tree.inject(&path, Fault::Panic));
            tokio::time::sleep(Duration::from_millis(5)).await;
        };
        assert_eq!(quarantined.pause, Some(ghostlight_model::event::PauseReason::Quarantined));
        let neighbour =
            ghostlight.runs.start(given(CHAIN, json!({ "n": 1 })), Caller::runtime()).await.unwrap();
        assert_eq!(ended(&ghostlight, neighbour.run).await.run.status, RunStatus::Completed);

        ghostlight.runs.command(started.run, RunCommand::Resume, None, Caller::runtime()).await.unwrap();
        answer_all(&ghostlight, started.run).await;
        assert_eq!(ended(&ghostlight, started.run).await.run.status, RunStatus::Completed);
        close(ghostlight, house).await;
    });
}

#[cfg(feature = "chaos")]
fn find_actor_if_any(ghostlight: &Ghostlight, run: RunId, part: &str) -> Option<String> {
    let tree = ghostlight.tree.snapshot()?;
    let wanted = format!("/{run}/{part}");
    tree.flatten().into_iter().map(|node| node.path.clone()).find(|path| path.ends_with(&wanted))
}

/// A run that waits for a person leaves memory, and comes back when somebody speaks to it (S1-4.4a).
#[test]
fn a_waiting_run_leaves_memory_and_comes_back_for_its_answer() {
    let folder = tempfile::tempdir().unwrap();
    actix::System::new().block_on(async {
        let (ghostlight, house) = open(folder.path()).await;
        let started = ghostlight.runs.start(given(GATED, json!({})), Caller::runtime()).await.unwrap();
        let wanted = started.run.to_string();
        let resident =
            || ghostlight.tree.snapshot().unwrap().flatten().iter().any(|node| node.path.contains(&wanted));
        while ghostlight.runs.read(started.run).await.unwrap().unwrap().run.approvals.is_empty() {
            tokio::task::yield_now().await;
        }
        let patience = tokio::time::Instant::now() + Duration::from_secs(10);
        while resident() {
            assert!(tokio::time::Instant::now() < patience, "a quiet run leaves memory");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        let read = ghostlight.runs.read(started.run).await.unwrap().unwrap();
        let approval = *read.run.approvals.keys().next().unwrap();
        assert!(!resident(), "a read does not wake it");
        ghostlight.runs.answer(approval, true, None, None, None, Caller::runtime()).await.unwrap();
        assert_eq!(ended(&ghostlight, started.run).await.run.status, RunStatus::Completed);
        close(ghostlight, house).await;
    });
}

/// What has ended still answers: with its state, and to a retry by going on.
#[test]
fn a_run_that_has_ended_answers_what_is_asked_of_it() {
    let folder = tempfile::tempdir().unwrap();
    actix::System::new().block_on(async {
        let (ghostlight, house) = open(folder.path()).await;
        let failing = "
ghostlight: 1
name: failing
nodes:
  a: { type: agent_call, agent: fail, input: { class: data } }
";
        let started = ghostlight.runs.start(given(failing, json!({})), Caller::runtime()).await.unwrap();
        assert_eq!(ended(&ghostlight, started.run).await.run.status, RunStatus::Failed);
        for _ in 0..3 {
            let pause = RunCommand::Pause { reason: String::new() };
            let refused = ghostlight.runs.command(started.run, pause, None, Caller::runtime()).await;
            let Err(ghostlight_actors::runs::CommandError::Rejected(rejection)) = refused else {
                panic!("{refused:?}")
            };
            assert_eq!(rejection, ghostlight_model::run::Rejection::RunIs { status: RunStatus::Failed });
        }
        let accepted = ghostlight
            .runs
            .command(started.run, RunCommand::Retry(Retry::default()), None, Caller::runtime())
            .await
            .unwrap();
        assert_eq!(accepted.status, RunStatus::Running);
        let read = ended(&ghostlight, started.run).await;
        assert_eq!(read.run.step(ghostlight_model::workflow::NodeIndex(0)).attempts, 2);
        close(ghostlight, house).await;
    });
}
