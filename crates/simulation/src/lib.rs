//! The simulator: the run machine and the supervision core in one house, on one seed.
//!
//! Runs of random workflows are carried by actors that are supervised by the product's own core, in a process that loses what
//! no sync had reached, among agents that answer late, twice or never and people who ask for anything in any order. Nothing is
//! real but the decisions: time is virtual, and everything follows from the seed. After every step what must hold is held
//! against what is: the named invariants of the model and of the supervision core, and what only the whole can break, such as
//! that a write is done once. Then the faults stop, and everything must end.
//!
//! It leaves the disk to the store's own simulation, and HTTP, real actors and the real process to `ghostlight-proof`.

mod agents;
mod carrier;
mod decisions;
mod episode;
mod families;
mod faults;
mod house;
mod journal;
mod people;
mod reached;
mod scenery;
mod tree;

pub use episode::{Failure, Outcome, Seen, simulate};
pub use house::Violation;
pub use reached::Reached;
