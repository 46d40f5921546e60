//! The history while it is being written.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use crate::history::{Entry, Fault, History, Op, Outcome, What};

/// Where everybody writes down what he sees. Cheap to clone.
#[derive(Clone)]
pub struct Log(Arc<Shared>);

struct Shared {
    began: Instant,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    entries: Vec<Entry>,
    requests: u64,
}

impl Log {
    pub fn new() -> Self {
        Self(Arc::new(Shared { began: Instant::now(), state: Mutex::default() }))
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Writes something down. The time is taken under the lock, so that entries stand in the order of their times.
    pub fn push(&self, what: What) {
        let mut state = self.state();
        let at = u64::try_from(self.0.began.elapsed().as_micros()).unwrap_or(u64::MAX);
        state.entries.push(Entry { at, what });
    }

    /// A client begins to ask; returns the number of the request.
    pub fn invoke(&self, client: u32, op: Op) -> u64 {
        let id = {
            let mut state = self.state();
            state.requests += 1;
            state.requests
        };
        self.push(What::Invoke { id, client, op });
        id
    }

    /// It was answered.
    pub fn answered(&self, id: u64, outcome: Outcome) {
        self.push(What::Return { id, outcome });
    }

    /// Something is done to the daemon.
    pub fn fault(&self, fault: Fault) {
        self.push(What::Nemesis { fault });
    }

    /// Everything so far.
    pub fn history(&self) -> History {
        History { entries: self.state().entries.clone() }
    }
}
