//! Whole runs through the real house that want more at once than there are slots.

#![allow(clippy::unwrap_used, reason = "a test says by panicking what is wrong")]

mod house;

use std::time::Duration;

use ghostlight_actors::Caller;
use ghostlight_actors::runs::RunCommand;
use ghostlight_model::run::{RunStatus, StepState, StepStatus};
use house::{CHAIN, close, ended, given, open, open_with_slots};
use serde_json::json;

#[test]
fn a_hundred_runs_at_once_share_the_slots_and_all_complete() {
    let folder = tempfile::tempdir().unwrap();
    actix::System::new().block_on(async {
        let (ghostlight, house) = open_with_slots(folder.path(), 4).await;
        let starts =
            (0..100).map(|n| ghostlight.runs.start(given(CHAIN, json!({ "n": n })), Caller::runtime()));
        let started = futures::future::join_all(starts).await;
        for (n, started) in started.into_iter().enumerate() {
            let read = ended(&ghostlight, started.unwrap().run).await;
            assert_eq!(**read.run.output.as_ref().unwrap().value().unwrap(), json!({ "n": n + 3 }));
        }
        assert_eq!(ghostlight.runs.slots().used, 0);
        close(ghostlight, house).await;
    });
}

const WIDE: &str = "
ghostlight: 1
name: wide
nodes:
  begin: { type: agent_call, agent: noop }
  left: { type: agent_call, agent: sleep, needs: [begin], input: { for: 60s } }
  right: { type: agent_call, agent: sleep, needs: [begin], input: { for: 60s } }
  one: { type: agent_call, agent: sleep, input: { for: 60s } }
  two: { type: agent_call, agent: sleep, input: { for: 60s } }
  three: { type: agent_call, agent: sleep, input: { for: 60s } }
";

/// Branches and steps that need nothing of each other are under way at once: as many as there are slots, and no more.
/// Shows S1-4.3a, S0-4.2a, S1-4.3b, S3-3a.
#[test]
fn what_is_independent_in_a_run_is_under_way_at_once_as_far_as_there_are_slots() {
    let folder = tempfile::tempdir().unwrap();
    actix::System::new().block_on(async {
        let (ghostlight, house) = open_with_slots(folder.path(), 4).await;
        let started = ghostlight.runs.start(given(WIDE, json!({})), Caller::runtime()).await.unwrap();
        let patience = tokio::time::Instant::now() + Duration::from_secs(20);
        loop {
            let read = ghostlight.runs.read(started.run).await.unwrap().unwrap();
            let count =
                |wanted| read.run.iter().filter(|(_, _, step)| step.state.status().0 == wanted).count();
            assert!(count(StepStatus::Running) <= 4, "there are four slots");
            if count(StepStatus::Running) == 4 && count(StepStatus::Completed) == 1 {
                break;
            }
            assert!(tokio::time::Instant::now() < patience, "four of them run at once");
            tokio::task::yield_now().await;
        }
        assert_eq!(ghostlight.runs.slots().used, 4);
        let cancel = RunCommand::Cancel { reason: "seen".into(), kill: false };
        ghostlight.runs.command(started.run, cancel, None, Caller::runtime()).await.unwrap();
        assert_eq!(ended(&ghostlight, started.run).await.run.status, RunStatus::Cancelled);
        close(ghostlight, house).await;
    });
}

/// Every value here is nearly as large as an event takes: what is small on its own must not share an append that is too large.
#[test]
fn a_wide_run_of_values_as_large_as_events_take_completes() {
    let mut yaml = "ghostlight: 1\nname: heavy\nnodes:\n".to_owned();
    for at in 0..160 {
        yaml += &format!("  n{at}: {{ type: agent_call, agent: noop, input: {{ text: $input.text }} }}\n");
    }
    yaml += "output: { last: $n159.text }\n";
    let folder = tempfile::tempdir().unwrap();
    actix::System::new().block_on(async {
        let (ghostlight, house) = open_with_slots(folder.path(), 160).await;
        let input = json!({ "text": "x".repeat(60_000) });
        let started = ghostlight.runs.start(given(&yaml, input), Caller::runtime()).await.unwrap();
        let read = ended(&ghostlight, started.run).await;
        assert_eq!(read.run.status, RunStatus::Completed, "{:?}", read.run.failure);
        close(ghostlight, house).await;
    });
}

/// Calls of a busy agent do not stand in the way of those of another one, however many they are.
#[test]
fn a_multitude_of_calls_of_a_busy_agent_lets_other_calls_begin() {
    let folder = tempfile::tempdir().unwrap();
    let agents = folder.path().join("agents");
    std::fs::create_dir_all(&agents).unwrap();
    std::fs::write(
        agents.join("slow.yaml"),
        "ghostlight: 1\nname: slow\nkind: builtin\nbuiltin: sleep\nlimits: { concurrency: 1 }\n",
    )
    .unwrap();
    let yaml = "
ghostlight: 1
name: busy
nodes:
  each: { type: map, over: $input.list, node: { type: agent_call, agent: slow, input: { for: 1h } } }
  quick: { type: agent_call, agent: noop }
";
    actix::System::new().block_on(async {
        let (ghostlight, house) = open(folder.path()).await;
        let input = json!({ "list": vec![0; 200] });
        let started = ghostlight.runs.start(given(yaml, input), Caller::runtime()).await.unwrap();
        let patience = tokio::time::Instant::now() + Duration::from_secs(20);
        loop {
            let read = ghostlight.runs.read(started.run).await.unwrap().unwrap();
            let status = |id: &str| read.run.step(read.run.workflow.find(id).unwrap()).state.status().0;
            let running =
                read.run.walk().filter(|(_, _, step)| matches!(step.state, StepState::Running { .. }));
            assert!(running.count() <= 2, "one of the slow ones, and the quick one");
            if status("quick") == StepStatus::Completed {
                break;
            }
            assert!(tokio::time::Instant::now() < patience, "it does not wait for two hundred others");
            tokio::task::yield_now().await;
        }
        let cancel = RunCommand::Cancel { reason: "seen".into(), kill: false };
        ghostlight.runs.command(started.run, cancel, None, Caller::runtime()).await.unwrap();
        assert_eq!(ended(&ghostlight, started.run).await.run.status, RunStatus::Cancelled);
        close(ghostlight, house).await;
    });
}
