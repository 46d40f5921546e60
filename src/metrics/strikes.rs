//! How many faults were made to actors on demand, by kind: by requests and by the daemon itself.

use std::sync::atomic::{AtomicU64, Ordering};

use ghostlight_supervision::Fault;

use super::text::Page;

/// The counts.
#[derive(Debug, Default)]
pub struct Strikes {
    panic: AtomicU64,
    kill: AtomicU64,
    hang: AtomicU64,
}

impl Strikes {
    /// One was made.
    pub fn count(&self, fault: Fault) {
        let counter = match fault {
            Fault::Panic => &self.panic,
            Fault::Kill => &self.kill,
            Fault::Hang => &self.hang,
        };
        counter.fetch_add(1, Ordering::Relaxed);
    }

    /// Writes them.
    pub fn write(&self, page: &mut Page) {
        for (kind, counter) in [("panic", &self.panic), ("kill", &self.kill), ("hang", &self.hang)] {
            page.counter(
                "ghostlight_chaos_strikes_total",
                "Faults made to actors on demand.",
                &[("kind", kind)],
                counter.load(Ordering::Relaxed),
            );
        }
    }
}
