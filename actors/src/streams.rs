//! The names of streams: `{kind}/{namespace}/{id}`. One owner decides about each.

use ghostlight_model::ids::{Name, RunId};
use ghostlight_store::StreamName;

/// The namespace of everything, until there are others.
pub const NAMESPACE: &str = "default";

/// The stream of a run.
#[must_use]
pub fn run(id: RunId) -> StreamName {
    named("run", &id.to_string())
}

/// The run whose stream this is.
#[must_use]
pub fn run_of(stream: &StreamName) -> Option<RunId> {
    if stream.kind() == "run" { stream.id().parse().ok() } else { None }
}

/// The stream of a workflow's versions.
#[must_use]
pub fn workflow(name: &Name) -> StreamName {
    named("workflow", name.as_str())
}

/// The stream of a template's versions.
#[must_use]
pub fn template(name: &Name) -> StreamName {
    named("template", name.as_str())
}

/// The stream of an agent's versions.
#[must_use]
pub fn agent(name: &Name) -> StreamName {
    named("agent", name.as_str())
}

/// The stream of an idempotency key. Keys are the callers' texts, so the name holds their hash.
#[must_use]
pub fn key(key: &str) -> StreamName {
    named("key", blake3::hash(key.as_bytes()).to_hex().as_str())
}

/// The stream of what is asked of many runs at once.
#[must_use]
pub fn batch(id: &str) -> StreamName {
    named("batch", id)
}

/// The stream of an access token.
#[must_use]
pub fn token(id: &str) -> StreamName {
    named("token", id)
}

/// The stream of what happens to the store and the tree.
#[must_use]
pub fn system() -> StreamName {
    named("system", "store")
}

/// The stream of a day's audit; `day` as `2026-11-20`.
#[must_use]
pub fn audit(day: &str) -> StreamName {
    named("audit", day)
}

/// The stream in whose place the daemon writes on in this epoch, when nothing can follow on the records of its own stream.
#[must_use]
pub fn instead_of(stream: &StreamName, epoch: u64) -> StreamName {
    named(stream.kind(), &format!("{}.{epoch}", stream.id()))
}

fn named(kind: &str, id: &str) -> StreamName {
    // Ids are uuids, names, hashes and dates of our own making: short, printable and not empty.
    StreamName::new(kind, NAMESPACE, id).expect("ids of our own making are valid parts of a stream's name")
}
