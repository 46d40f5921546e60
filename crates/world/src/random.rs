//! Randomness for ids, salts and jitter.

use std::cell::RefCell;

use uuid::Uuid;

use crate::Clock;

/// A source of random bytes. The real one is fit for secrets; a simulated one repeats itself from a seed.
pub trait Random: Send + Sync {
    /// Overwrites `bytes` with random ones.
    fn fill(&self, bytes: &mut [u8]);

    /// A random number over the whole range.
    fn next_u64(&self) -> u64 {
        let mut bytes = [0; 8];
        self.fill(&mut bytes);
        u64::from_le_bytes(bytes)
    }
}

/// The operating system's generator. Each thread fetches some bytes ahead, so that an id does not cost a system call; none is
/// given out twice, and what was given out is overwritten.
#[derive(Debug, Clone, Copy, Default)]
pub struct RealRandom;

/// How many bytes a thread fetches ahead.
const AHEAD: usize = 512;

/// Bytes that were fetched ahead; those from `next` on have not been given out.
struct Ahead {
    bytes: [u8; AHEAD],
    next: usize,
}

thread_local! {
    static FETCHED: RefCell<Ahead> = const { RefCell::new(Ahead { bytes: [0; AHEAD], next: AHEAD }) };
}

fn fetch(bytes: &mut [u8]) {
    getrandom::fill(bytes).expect("the operating system provides randomness");
}

impl Random for RealRandom {
    /// # Panics
    /// When the operating system has no randomness to give. Going on with predictable ids and secrets would be
    /// worse than stopping.
    fn fill(&self, bytes: &mut [u8]) {
        if bytes.len() > AHEAD / 8 {
            return fetch(bytes);
        }
        FETCHED.with_borrow_mut(|ahead| {
            if ahead.next + bytes.len() > AHEAD {
                fetch(&mut ahead.bytes);
                ahead.next = 0;
            }
            let given = &mut ahead.bytes[ahead.next..ahead.next + bytes.len()];
            bytes.copy_from_slice(given);
            given.fill(0);
            ahead.next += bytes.len();
        });
    }
}

/// A version 7 UUID: milliseconds of the wall clock, then 74 random bits. Ids made later sort later, apart from
/// those of one millisecond and from a clock that was turned back.
pub fn uuid_v7(clock: &dyn Clock, random: &dyn Random) -> Uuid {
    let mut bytes = [0; 10];
    random.fill(&mut bytes);
    let millis = u64::try_from(clock.now().as_millisecond()).unwrap_or(0);
    uuid::Builder::from_unix_timestamp_millis(millis, &bytes).into_uuid()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sim::{SimClock, SimRandom};

    #[test]
    fn ids_sort_by_time_and_repeat_from_a_seed() {
        let (clock, random) = (SimClock::new(), SimRandom::new(7));
        let first = uuid_v7(&clock, &random);
        clock.advance(std::time::Duration::from_millis(1));
        let second = uuid_v7(&clock, &random);
        assert!(first < second);
        assert_eq!(first.get_version_num(), 7);
        assert_eq!(first, uuid_v7(&SimClock::new(), &SimRandom::new(7)));
    }

    #[test]
    fn real_randomness_differs_from_call_to_call_and_from_thread_to_thread() {
        let draw = || (0..1_000).map(|_| RealRandom.next_u64()).collect::<Vec<_>>();
        let mut all = std::thread::spawn(draw).join().unwrap();
        all.extend(draw());
        let mut large = [0; 4 * AHEAD];
        RealRandom.fill(&mut large);
        all.extend(large.chunks_exact(8).map(|bytes| u64::from_le_bytes(bytes.try_into().unwrap())));
        let count = all.len();
        all.sort_unstable();
        all.dedup();
        assert_eq!(all.len(), count);
    }
}
