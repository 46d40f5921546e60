//! What the tests of definitions share: a journal and a world in memory.

use std::path::Path;
use std::sync::Arc;

use ghostlight_agents::{Egress, EnvAndFiles, Environment, Limits};
use ghostlight_model::ids::Name;
use ghostlight_store::MemoryJournal;
use ghostlight_store::blobs::MemoryBlobs;
use ghostlight_world::sim::SimWorld;

use crate::agents::{AgentRegistry, AgentSettings};
use crate::caller::{Caller, IdempotencyKey};
use crate::definition_files::FileReport;
use crate::ledger::Ledger;

/// A ledger in memory, and the screws of its world.
pub fn ledger() -> (Ledger, SimWorld) {
    let sim = SimWorld::new(7);
    (in_memory_of(Arc::new(MemoryJournal::new()), &sim), sim)
}

/// A ledger over this journal.
pub fn in_memory(journal: Arc<MemoryJournal>) -> Ledger {
    in_memory_of(journal, &SimWorld::new(7))
}

fn in_memory_of(journal: Arc<MemoryJournal>, sim: &SimWorld) -> Ledger {
    Ledger::new(journal, Arc::new(MemoryBlobs::new(64 << 20)), sim.world())
}

/// The same journal as another process has it, which knows nothing of the requests that are under way here.
pub fn elsewhere(ledger: &Ledger) -> Ledger {
    Ledger::new(ledger.journal.clone(), ledger.blobs.clone(), ledger.world.clone())
}

/// A key of a request.
pub fn key(key: &str, fingerprint: &str) -> IdempotencyKey {
    IdempotencyKey { key: key.into(), fingerprint: fingerprint.into() }
}

/// Somebody at the machine.
pub fn local() -> Caller {
    Caller { subject: Some("local".into()), ..Caller::default() }
}

/// A registry without files and with all built-in agents.
pub async fn agents(ledger: &Ledger) -> AgentRegistry {
    open_agents(ledger, None, false).await.0
}

/// A registry over a folder of files.
pub async fn open_agents(
    ledger: &Ledger,
    folder: Option<&Path>,
    allow_api_command: bool,
) -> (AgentRegistry, Vec<FileReport>) {
    let none = std::env::temp_dir();
    let environment = Environment {
        secrets: Arc::new(EnvAndFiles),
        binary: "/proc/self/exe".into(),
        agents_dir: folder.unwrap_or(&none).to_owned(),
        running_dir: none.clone(),
        scratch_dir: none,
        egress: Egress::default(),
        limits: Limits::default(),
    };
    let settings = AgentSettings { folder: folder.map(Path::to_owned), allow_api_command };
    AgentRegistry::open(ledger.clone(), environment, settings).await.unwrap()
}

/// A name.
pub fn name(text: &str) -> Name {
    Name::new(text).unwrap()
}
