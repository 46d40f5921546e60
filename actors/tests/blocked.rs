//! A worker thread that an actor blocks for seconds: everything else goes on, what lived there is made anew from the journal on a
//! fresh thread, and what the old actors still write when they come to does no harm.

#![cfg(feature = "chaos")]
#![allow(clippy::unwrap_used, reason = "a test says by panicking what is wrong")]

mod house;

use std::path::Path;
use std::time::Duration;

use ghostlight_actors::Caller;
use ghostlight_actors::retention::StoreCare;
use ghostlight_actors::runs::{Accepted, CommandError, Definition, RunCommand, StartRun};
use ghostlight_actors::runtime::{self, Ghostlight, House, Settings};
use ghostlight_model::ids::RunId;
use ghostlight_model::language::Format;
use ghostlight_model::run::{Rejection, RunStatus};
use ghostlight_supervision::TreeNode;
use ghostlight_world::World;
use house::{Seen, count, ended, read};
use serde_json::{Map, json};
use tokio::time::Instant;

const WORKFLOW: &str = "
ghostlight: 1
name: blocked
nodes:
  before: { type: agent_call, agent: noop }
  ask: { type: human_gate, action: 'Go on?', risk: low, needs: [before] }
  after: { type: agent_call, agent: noop, needs: [ask] }
";
const CHAIN: &str = "
ghostlight: 1
name: chain
nodes:
  a: { type: agent_call, agent: noop }
  b: { type: agent_call, agent: noop, needs: [a] }
";
/// Longer than it takes until the thread is given up, and until the run has gone on elsewhere.
const BLOCKED: Duration = Duration::from_secs(12);

async fn open(folder: &Path) -> (Ghostlight, House) {
    let settings = Settings {
        data: folder.join("data"),
        agents: folder.join("agents"),
        workflows: folder.join("workflows"),
        program: std::env::current_exe().unwrap(),
        slots: 4,
        workers: 2,
        allow_api_command: false,
        sled_cache_bytes: 16 << 20,
        store_care: StoreCare::default(),
        segment_bytes: 4 << 20,
        room: ghostlight_model::storage::Marks::default(),
    };
    runtime::open(settings, World::real(), |_| Vec::new()).await.unwrap()
}

async fn close(ghostlight: Ghostlight, house: House) {
    let tree = ghostlight.tree.clone();
    house.shutdown(Duration::from_secs(5)).await.unwrap();
    assert_eq!(tree.live(), 0, "nothing of the tree is left alive");
}

/// Waits for something that comes about on another thread.
async fn until(what: &str, mut true_at_last: impl FnMut() -> bool) {
    let patience = Instant::now() + Duration::from_secs(30);
    while !true_at_last() {
        assert!(Instant::now() < patience, "{what}");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

/// Starts a run; who is told that it was not carried asks again.
async fn start(ghostlight: &Ghostlight, yaml: &str) -> RunId {
    let patience = Instant::now() + Duration::from_secs(30);
    loop {
        let start = StartRun {
            definition: Definition::Own { source: yaml.to_owned(), format: Format::Yaml },
            input: json!({}),
            context: Map::new(),
            labels: Default::default(),
            priority: None,
            key: None,
        };
        match ghostlight.runs.start(start, Caller::runtime()).await {
            Ok(started) => return started.run,
            Err(error) => assert!(Instant::now() < patience, "{error}"),
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// Gives a command until it is carried or refused.
async fn command(ghostlight: &Ghostlight, run: RunId, command: RunCommand) -> Result<Accepted, Rejection> {
    let patience = Instant::now() + Duration::from_secs(30);
    loop {
        match ghostlight.runs.command(run, command.clone(), None, Caller::runtime()).await {
            Ok(accepted) => return Ok(accepted),
            Err(CommandError::Rejected(rejection)) => return Err(rejection),
            Err(error) => assert!(Instant::now() < patience, "{error}"),
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

async fn approve(ghostlight: &Ghostlight, run: RunId) {
    let approval = *read(ghostlight, run).await.run.approvals.keys().next().unwrap();
    let patience = Instant::now() + Duration::from_secs(30);
    while let Err(error) = ghostlight.runs.answer(approval, true, None, None, None, Caller::runtime()).await {
        assert!(Instant::now() < patience, "{error}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

fn workflow_of(ghostlight: &Ghostlight, run: RunId) -> Option<TreeNode> {
    let wanted = format!("/{run}/workflow");
    let tree = ghostlight.tree.snapshot()?;
    tree.flatten().into_iter().find(|node| node.path.ends_with(&wanted) && node.uptime_ms > 0).cloned()
}

/// A run that waits for a person, whose workflow actor blocks its thread when somebody asks for a pause, and goes on with that
/// when it comes to. Answers with the pause, and with the path of the partition.
async fn block(
    ghostlight: &Ghostlight,
) -> (RunId, tokio::task::JoinHandle<Result<Accepted, Rejection>>, String) {
    let run = start(ghostlight, WORKFLOW).await;
    let patience = Instant::now() + Duration::from_secs(30);
    while read(ghostlight, run).await.run.approvals.is_empty() {
        assert!(Instant::now() < patience, "the gate opens");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    until("the run is in memory", || workflow_of(ghostlight, run).is_some()).await;
    let workflow = workflow_of(ghostlight, run).unwrap();
    let partition = workflow.path.split('/').take(2).collect::<Vec<_>>().join("/");
    ghostlight.tree.permit_faults();
    ghostlight.tree.block(&workflow.path, BLOCKED).unwrap();
    let pausing = ghostlight.clone();
    let pause = actix::spawn(async move {
        command(&pausing, run, RunCommand::Pause { reason: "blocked".to_owned() }).await
    });
    (run, pause, partition)
}

fn incarnation(ghostlight: &Ghostlight, partition: &str) -> u32 {
    ghostlight.tree.snapshot_of(partition).map_or(0, |node| node.incarnation)
}

fn names(read: &Seen) -> Vec<&'static str> {
    read.events.iter().map(|event| event.recorded.event.name()).collect()
}

/// The new actors are faster: what the old one still wants to write expects a state that is over, and is refused.
#[test]
fn a_run_whose_actor_blocks_its_thread_completes_elsewhere_and_the_others_go_on() {
    let folder = tempfile::tempdir().unwrap();
    actix::System::new().block_on(async {
        let (ghostlight, house) = open(folder.path()).await;
        let (run, pause, partition) = block(&ghostlight).await;
        let conflicts = ghostlight.journal.stats().conflicts;
        // Others: those on the other thread complete at once, the rest when their partitions are back.
        let begun = Instant::now();
        let others: Vec<_> = (0..16)
            .map(|_| {
                let ghostlight = ghostlight.clone();
                actix::spawn(async move {
                    let run = start(&ghostlight, CHAIN).await;
                    (ended(&ghostlight, run).await.run.status, Instant::now())
                })
            })
            .collect();
        until("the partition is restarted", || incarnation(&ghostlight, &partition) == 2).await;
        let replaced = Instant::now();
        assert!(replaced - begun < BLOCKED);
        approve(&ghostlight, run).await;
        let completed = ended(&ghostlight, run).await;
        assert_eq!(completed.run.status, RunStatus::Completed);
        assert!(!pause.is_finished(), "the old thread is still blocked");
        let mut meanwhile = 0;
        for other in others {
            let (status, at) = other.await.unwrap();
            assert_eq!(status, RunStatus::Completed);
            meanwhile += usize::from(at < replaced);
        }
        assert!(meanwhile > 0, "those on the other thread did not wait");
        // The old actor comes to, and its pause is refused by the journal; who asked for it learns how the run stands.
        let refused = pause.await.unwrap().map(|accepted| accepted.status);
        assert_eq!(refused, Err(Rejection::RunIs { status: RunStatus::Completed }));
        assert!(
            ghostlight.journal.stats().conflicts > conflicts,
            "it was fenced, and not merely too late to try"
        );
        let read = read(&ghostlight, run).await;
        assert_eq!(names(&read), names(&completed), "nothing was written after the end");
        assert_eq!(
            (count(&read, "step.started"), count(&read, "step.completed")),
            (2, 3),
            "{:?}",
            names(&read)
        );
        assert_eq!(count(&read, "run.paused"), 0);
        close(ghostlight, house).await;
    });
}

/// The old actor is faster: what it writes is decided from the state that holds, so it holds, and nobody does it again.
#[test]
fn what_a_blocked_actor_writes_before_anybody_else_counts_and_is_not_done_again() {
    let folder = tempfile::tempdir().unwrap();
    actix::System::new().block_on(async {
        let (ghostlight, house) = open(folder.path()).await;
        let (run, pause, partition) = block(&ghostlight).await;
        until("the partition is restarted", || incarnation(&ghostlight, &partition) == 2).await;
        until("the run is made anew", || workflow_of(&ghostlight, run).is_some()).await;
        // Who asked lost his answer with the old actor, asked again, and finds that there is nothing left to do.
        match pause.await.unwrap() {
            Ok(accepted) => assert_eq!((accepted.status, accepted.sequence), (RunStatus::Paused, 0)),
            Err(rejection) => assert_eq!(rejection, Rejection::RunIs { status: RunStatus::Paused }),
        }
        let paused = read(&ghostlight, run).await;
        assert_eq!(
            (paused.run.status, count(&paused, "run.paused")),
            (RunStatus::Paused, 1),
            "{:?}",
            names(&paused)
        );
        command(&ghostlight, run, RunCommand::Resume).await.unwrap();
        approve(&ghostlight, run).await;
        let read = ended(&ghostlight, run).await;
        assert_eq!(read.run.status, RunStatus::Completed);
        assert_eq!(
            (count(&read, "step.started"), count(&read, "step.completed")),
            (2, 3),
            "{:?}",
            names(&read)
        );
        close(ghostlight, house).await;
    });
}
