//! The real house for tests of whole runs: a store in a folder, the supervision tree, and the agents that are built in.

#![allow(dead_code, reason = "each test uses its own part")]

use std::ops::Deref;
use std::path::Path;
use std::time::Duration;

use ghostlight_actors::Caller;
use ghostlight_actors::runs::{Definition, EventRead, RunCommand, RunRead, StartRun};
use ghostlight_actors::runtime::{self, Ghostlight, House, Settings};
use ghostlight_model::ids::RunId;
use ghostlight_model::language::Format;
use ghostlight_model::run::RunStatus;
use ghostlight_store::Record;
#[cfg(feature = "chaos")]
use ghostlight_supervision::Fault;
use ghostlight_supervision::TreeNode;
use ghostlight_world::World;
use serde_json::{Map, Value, json};

/// How long is waited for what has to happen.
pub const PATIENCE: Duration = Duration::from_secs(30);

pub const CHAIN: &str = "
ghostlight: 1
name: chain
nodes:
  a: { type: agent_call, agent: noop, input: { n: $input.n } }
  b: { type: agent_call, agent: noop, needs: [a], input: $a }
  c: { type: agent_call, agent: noop, needs: [b], input: $b }
output: $c
";

pub const GATED: &str = "
ghostlight: 1
name: gated
nodes:
  before: { type: agent_call, agent: noop }
  ask: { type: human_gate, needs: [before], action: 'Go on?', risk: low }
  after: { type: agent_call, agent: noop, needs: [ask], input: { said: $ask.decision } }
";

pub async fn open(folder: &Path) -> (Ghostlight, House) {
    open_with_slots(folder, 8).await
}

pub async fn open_with_slots(folder: &Path, slots: u32) -> (Ghostlight, House) {
    let settings = Settings {
        data: folder.join("data"),
        agents: folder.join("agents"),
        workflows: folder.join("workflows"),
        program: std::env::current_exe().unwrap(),
        slots,
        workers: 2,
        allow_api_command: false,
        sled_cache_bytes: 16 << 20,
        segment_bytes: 4 << 20,
        room: ghostlight_model::storage::Marks::default(),
        store_care: ghostlight_actors::retention::StoreCare::default(),
    };
    let (ghostlight, house) = runtime::open(settings, World::real(), |_| Vec::new()).await.unwrap();
    ghostlight.tree.permit_faults();
    (ghostlight, house)
}

/// Shuts down and proves that nothing is left alive.
pub async fn close(ghostlight: Ghostlight, house: House) {
    let tree = ghostlight.tree.clone();
    house.shutdown(Duration::from_secs(5)).await.unwrap();
    assert_eq!(tree.live(), 0, "nothing of the tree is left alive");
}

pub fn own(yaml: &str) -> StartRun {
    given(yaml, json!({}))
}

/// A definition of its own, and what it is given.
pub fn given(yaml: &str, input: Value) -> StartRun {
    StartRun {
        definition: Definition::Own { source: yaml.to_owned(), format: Format::Yaml },
        input,
        context: Map::new(),
        labels: Default::default(),
        priority: None,
        key: None,
    }
}

pub async fn start(ghostlight: &Ghostlight, yaml: &str) -> RunId {
    ghostlight.runs.start(own(yaml), Caller::runtime()).await.unwrap().run
}

/// A run with all its events.
pub struct Seen {
    pub read: RunRead,
    pub events: Vec<EventRead>,
}

impl Deref for Seen {
    type Target = RunRead;

    fn deref(&self) -> &RunRead {
        &self.read
    }
}

pub async fn read(ghostlight: &Ghostlight, run: RunId) -> Seen {
    let read = ghostlight.runs.read(run).await.unwrap().unwrap();
    let wanted = |_: &Record| true;
    let take = |all: &mut Vec<EventRead>, event: &EventRead| all.push(event.clone());
    let events = ghostlight.runs.gather(&read, Vec::new(), wanted, take).await.unwrap();
    assert_eq!(events.len() as u64, read.run.sequence);
    Seen { read, events }
}

/// Looks until something is there.
pub async fn until<T>(what: &str, mut look: impl AsyncFnMut() -> Option<T>) -> T {
    let patience = tokio::time::Instant::now() + PATIENCE;
    loop {
        if let Some(found) = look().await {
            return found;
        }
        assert!(tokio::time::Instant::now() < patience, "{what} did not happen");
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
}

pub async fn ended(ghostlight: &Ghostlight, run: RunId) -> Seen {
    assert!(ghostlight.runs.wait(run, PATIENCE).await.unwrap(), "the run ends");
    read(ghostlight, run).await
}

pub async fn is(ghostlight: &Ghostlight, run: RunId, status: RunStatus) -> Seen {
    until("the status", async || {
        let read = read(ghostlight, run).await;
        (read.run.status == status).then_some(read)
    })
    .await
}

/// The actor of a run at this place of it, if there is one.
pub fn actor(ghostlight: &Ghostlight, run: RunId, part: &str) -> Option<TreeNode> {
    let tree = ghostlight.tree.snapshot()?;
    let wanted = format!("/{run}/{part}");
    tree.flatten().into_iter().find(|node| node.path.contains(&wanted)).cloned()
}

/// The same, once it is up in a life of at least this number.
pub async fn alive(ghostlight: &Ghostlight, run: RunId, part: &str, incarnation: u32) -> TreeNode {
    until(&format!("life {incarnation} of {part}"), async || {
        let running = |node: &TreeNode| node.state == ghostlight_supervision::ChildState::Running;
        actor(ghostlight, run, part).filter(|node| node.incarnation >= incarnation && running(node))
    })
    .await
}

/// Makes an actor panic once it is up.
#[cfg(feature = "chaos")]
pub async fn crash(ghostlight: &Ghostlight, run: RunId, part: &str, incarnation: u32) {
    let node = alive(ghostlight, run, part, incarnation).await;
    ghostlight.tree.inject(&node.path, Fault::Panic).unwrap();
}

/// Says yes to the one question that is open, once there is one.
pub async fn approve(ghostlight: &Ghostlight, run: RunId) {
    let approval = until("a question", async || {
        let read = read(ghostlight, run).await;
        read.run.approvals.iter().find(|(_, open)| open.decided.is_none()).map(|(approval, _)| *approval)
    })
    .await;
    ghostlight.runs.answer(approval, true, None, None, None, Caller::runtime()).await.unwrap();
}

pub async fn cancel(ghostlight: &Ghostlight, run: RunId) {
    let cancel = RunCommand::Cancel { reason: "seen".into(), kill: false };
    ghostlight.runs.command(run, cancel, None, Caller::runtime()).await.unwrap();
    assert_eq!(ended(ghostlight, run).await.run.status, RunStatus::Cancelled);
}

/// How many attempts of a step were begun.
pub fn attempts(read: &RunRead, step: &str) -> u32 {
    read.run.step(read.run.workflow.find(step).unwrap()).attempts
}

/// How many events of this name there are.
pub fn count(read: &Seen, event: &str) -> usize {
    read.events.iter().filter(|seen| seen.recorded.event.name() == event).count()
}
