//! Whole runs through the real house: a store in a folder, the supervision tree, and the agents that are built in.

#![allow(clippy::unwrap_used, reason = "a test says by panicking what is wrong")]

use std::path::Path;
use std::time::Duration;

use ghostlight_actors::Caller;
use ghostlight_actors::runs::{Definition, RunCommand, StartRun};
use ghostlight_actors::runtime::{self, Ghostlight, House, Settings};
use ghostlight_model::ids::RunId;
use ghostlight_model::language::Format;
use ghostlight_model::run::{RunStatus, StepStatus};
use ghostlight_world::World;
use serde_json::{Map, Value, json};

fn settings(folder: &Path) -> Settings {
    Settings {
        data: folder.join("data"),
        agents: folder.join("agents"),
        workflows: folder.join("workflows"),
        program: std::env::current_exe().unwrap(),
        slots: 4,
        workers: 2,
        allow_api_command: false,
        sled_cache_bytes: 16 << 20,
        segment_bytes: 4 << 20,
    }
}

async fn open(folder: &Path) -> (Ghostlight, House) {
    runtime::open(settings(folder), World::real(), |_| Vec::new()).await.unwrap()
}

async fn close(ghostlight: Ghostlight, house: House) {
    let tree = ghostlight.tree.clone();
    house.shutdown(Duration::from_secs(5)).await.unwrap();
    assert_eq!(tree.live(), 0, "nothing of the tree is left alive");
}

fn start(yaml: &str, input: Value) -> StartRun {
    StartRun {
        definition: Definition::Own { source: yaml.to_owned(), format: Format::Yaml },
        input,
        context: Map::new(),
        labels: Default::default(),
        key: None,
    }
}

async fn ended(ghostlight: &Ghostlight, run: RunId) -> ghostlight_actors::runs::RunRead {
    assert!(ghostlight.runs.wait(run, Duration::from_secs(20)).await.unwrap(), "the run ends");
    ghostlight.runs.read(run).await.unwrap().unwrap()
}

const CHAIN: &str = "
ghostlight: 1
name: chain
nodes:
  a: { type: agent_call, agent: noop, input: { n: $input.n } }
  b: { type: agent_call, agent: noop, needs: [a], input: $a }
  c: { type: agent_call, agent: noop, needs: [b], input: $b }
output: $c
";

/// The no-op agent goes through the same actors and events as any other: nine records a run.
#[test]
fn a_chain_of_three_completes_with_nine_records() {
    let folder = tempfile::tempdir().unwrap();
    actix::System::new().block_on(async {
        let (ghostlight, house) = open(folder.path()).await;
        let started =
            ghostlight.runs.start(start(CHAIN, json!({ "n": 1 })), Caller::runtime()).await.unwrap();
        let read = ended(&ghostlight, started.run).await;
        assert_eq!(read.run.status, RunStatus::Completed);
        assert_eq!(**read.run.output.as_ref().unwrap().value().unwrap(), json!({ "n": 4 }));
        assert_eq!(read.events.len(), 9);
        close(ghostlight, house).await;
    });
}

#[test]
fn a_hundred_runs_at_once_share_the_slots_and_all_complete() {
    let folder = tempfile::tempdir().unwrap();
    actix::System::new().block_on(async {
        let (ghostlight, house) = open(folder.path()).await;
        let starts =
            (0..100).map(|n| ghostlight.runs.start(start(CHAIN, json!({ "n": n })), Caller::runtime()));
        let started = futures::future::join_all(starts).await;
        for (n, started) in started.into_iter().enumerate() {
            let read = ended(&ghostlight, started.unwrap().run).await;
            assert_eq!(**read.run.output.as_ref().unwrap().value().unwrap(), json!({ "n": n + 3 }));
        }
        assert_eq!(ghostlight.runs.slots().used, 0);
        close(ghostlight, house).await;
    });
}

const GATED: &str = "
ghostlight: 1
name: gated
nodes:
  before: { type: agent_call, agent: noop }
  ask: { type: human_gate, needs: [before], action: 'Go on?', risk: low }
  after: { type: agent_call, agent: noop, needs: [ask], input: { said: $ask.decision } }
";

/// S1-4.4a: a gate survives a restart of the daemon, in memory or not.
#[test]
fn a_gate_waits_over_a_restart_and_the_answer_goes_on() {
    let folder = tempfile::tempdir().unwrap();
    let (run, approval) = actix::System::new().block_on(async {
        let (ghostlight, house) = open(folder.path()).await;
        let started = ghostlight.runs.start(start(GATED, json!({})), Caller::runtime()).await.unwrap();
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
        ghostlight.runs.answer(approval, true, comment.clone(), None, caller.clone()).await.unwrap();
        let read = ended(&ghostlight, run).await;
        assert_eq!(read.run.status, RunStatus::Completed);
        assert_eq!(
            **read.run.output.as_ref().unwrap().value().unwrap(),
            json!({ "after": { "said": "approved" } })
        );
        let again = ghostlight.runs.answer(approval, false, None, None, caller).await;
        assert!(again.is_err(), "a second answer is refused");
        close(ghostlight, house).await;
    });
}

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
        let started = ghostlight.runs.start(start(sleeper, json!({})), Caller::runtime()).await.unwrap();
        let cancel = RunCommand::Cancel { reason: "enough".into() };
        ghostlight.runs.command(started.run, cancel, Caller::runtime()).await.unwrap();
        let read = ended(&ghostlight, started.run).await;
        assert_eq!(read.run.status, RunStatus::Cancelled);
        assert!(read.run.iter().all(|(_, _, step)| step.state.status().0 == StepStatus::Cancelled));
        close(ghostlight, house).await;
    });
}

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
        let started = ghostlight.runs.start(start(nap, json!({})), Caller::runtime()).await.unwrap();
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
