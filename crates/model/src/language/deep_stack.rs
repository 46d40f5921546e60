//! Room for the parsers that recurse.
//!
//! The CEL parser takes up to 100 KiB of stack for one bracket in another, more than the threads of the daemon have for what
//! the bounds allow. So a compilation runs on a thread of its own with a large stack, of which only what is used is ever
//! touched. It is also where a panic in a parser ends.

use std::thread;

/// Enough for everything that the bounds allow, several times over, also without optimisation.
const STACK_BYTES: usize = 64 << 20;

/// Why there is no result.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Failed {
    /// The machine gives no thread.
    #[error("the machine has no room for another thread at the moment; try again")]
    NoThread,
    /// The work panicked.
    #[error("the compiler gave up; this is a mistake in Ghostlight, please report it")]
    Panicked,
}

/// Does `work` with a large stack and waits for it.
pub(crate) fn run<T: Send>(work: impl FnOnce() -> T + Send) -> Result<T, Failed> {
    thread::scope(|scope| {
        let thread = thread::Builder::new().name("compile".to_owned()).stack_size(STACK_BYTES);
        let handle = thread.spawn_scoped(scope, work).map_err(|_| Failed::NoThread)?;
        handle.join().map_err(|_| Failed::Panicked)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_panic_becomes_an_answer() {
        assert_eq!(run(|| 1 + 1), Ok(2));
        assert_eq!(run(|| -> u8 { panic!("expected in this test") }), Err(Failed::Panicked));
    }
}
