//! Deciders of what is defined rather than run: workflows and templates, agents, idempotency keys, tokens; and how two versions
//! of a workflow differ.
//!
//! Each is a fold over the facts of one stream and a pure `decide`: the state and a command give events or a refusal. A
//! state holds heads of versions only; the documents stay in the journal and are read when somebody asks for them.
//! Uniqueness is not decided here: whoever appends expects the sequence that the state was folded from, and decides
//! again when somebody else was faster.

pub mod agent;
pub mod bundle;
pub mod diff;
mod etag;
pub mod key;
pub mod token;
pub mod workflow;

use jiff::Timestamp;

use crate::event::Event;

pub use etag::{ETag, Precondition};

/// An event together with what its record says about it.
#[derive(Debug, Clone, Copy)]
pub struct Fact<'a> {
    /// What happened.
    pub event: &'a Event,
    /// When.
    pub at: Timestamp,
    /// Who caused it; none: the runtime by itself.
    pub by: Option<&'a str>,
    /// Its place in its stream, from 1.
    pub stream_sequence: u64,
    /// Its place in the journal, from 1.
    pub sequence: u64,
}

/// A state that is folded from the facts of one stream.
pub trait Fold: Default {
    /// Takes one fact in. Total: a fact of another kind of stream changes nothing but the place.
    fn evolve(&mut self, fact: Fact<'_>);

    /// The sequence of the last fact of the stream; 0 when there is none. What an append has to expect.
    fn stream_sequence(&self) -> u64;
}

#[cfg(test)]
pub(crate) mod testing {
    use super::{Fact, Fold};
    use crate::event::Event;
    use jiff::Timestamp;

    /// Folds `events` as if they were appended one after another by `by`.
    pub fn apply<S: Fold>(state: &mut S, events: &[Event], by: Option<&str>) {
        for event in events {
            let sequence = state.stream_sequence() + 1;
            state.evolve(Fact { event, at: Timestamp::UNIX_EPOCH, by, stream_sequence: sequence, sequence });
        }
    }
}
