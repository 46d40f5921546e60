//! What the tests of definitions share: a journal and a world in memory.

use std::sync::Arc;

use ghostlight_store::MemoryJournal;
use ghostlight_store::blobs::MemoryBlobs;
use ghostlight_world::sim::SimWorld;

use crate::caller::Caller;
use crate::ledger::Ledger;

/// A ledger in memory, and the screws of its world.
pub fn ledger() -> (Ledger, SimWorld) {
    let sim = SimWorld::new(7);
    let ledger = Ledger {
        journal: Arc::new(MemoryJournal::new()),
        blobs: Arc::new(MemoryBlobs::new(64 << 20)),
        world: sim.world(),
    };
    (ledger, sim)
}

/// Somebody at the machine.
pub fn local() -> Caller {
    Caller { subject: Some("local".into()), ..Caller::default() }
}
