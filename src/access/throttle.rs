//! How many refused tokens one source may send: enough for typing mistakes, too few for guessing.
//!
//! Only refusals count and only refusals are slowed down: who has a token that is accepted is never locked out by others
//! behind the same address.

use std::collections::HashMap;
use std::net::IpAddr;
use std::time::Duration;

/// Refusals of one source within a window before it is told to wait.
pub const REFUSALS_MAX: u32 = 10;
/// The window.
pub const WINDOW: Duration = Duration::from_secs(60);
/// The most sources that are counted; beyond them all are counted as one.
pub const SOURCES_MAX: usize = 4_096;

/// The counts of all sources.
#[derive(Debug, Default)]
pub struct Throttle {
    began: Duration,
    counts: HashMap<IpAddr, u32>,
    others: u32,
}

impl Throttle {
    /// Counts a refusal of `source` at `now`, a monotonic time.
    ///
    /// # Errors
    /// How long the source has to wait, when it had its share.
    pub fn refused(&mut self, source: IpAddr, now: Duration) -> Result<(), Duration> {
        if now.saturating_sub(self.began) >= WINDOW {
            *self = Self { began: now, ..Self::default() };
        }
        let has_room = self.counts.len() < SOURCES_MAX;
        let count = match self.counts.get_mut(&network(source)) {
            Some(count) => count,
            None if has_room => self.counts.entry(network(source)).or_default(),
            None => &mut self.others,
        };
        *count = count.saturating_add(1);
        if *count <= REFUSALS_MAX { Ok(()) } else { Err(self.began + WINDOW - now) }
    }
}

/// Whoever has one address of IPv6 has 2^64 of them: they count as one.
fn network(source: IpAddr) -> IpAddr {
    match source {
        IpAddr::V4(_) => source,
        IpAddr::V6(address) => match address.to_ipv4_mapped() {
            Some(v4) => IpAddr::V4(v4),
            None => IpAddr::V6((address.to_bits() & !u128::from(u64::MAX)).into()),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn source(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    #[test]
    fn a_source_has_ten_refusals_a_minute_and_others_are_not_concerned() {
        let mut throttle = Throttle::default();
        let start = Duration::from_secs(1000);
        for _ in 0..REFUSALS_MAX {
            assert_eq!(throttle.refused(source("10.0.0.1"), start), Ok(()));
        }
        let later = start + Duration::from_secs(20);
        assert_eq!(throttle.refused(source("10.0.0.1"), later), Err(Duration::from_secs(40)));
        assert_eq!(throttle.refused(source("10.0.0.2"), later), Ok(()));
        assert_eq!(throttle.refused(source("10.0.0.1"), start + WINDOW), Ok(()));
    }

    #[test]
    fn one_network_of_ipv6_is_one_source() {
        let mut throttle = Throttle::default();
        let start = Duration::from_secs(1000);
        let refusals =
            (0..=REFUSALS_MAX).map(|n| throttle.refused(source(&format!("2001:db8::{n:x}")), start));
        assert!(refusals.last().unwrap().is_err());
    }

    #[test]
    fn however_many_sources_there_are_the_memory_is_bounded() {
        let mut throttle = Throttle::default();
        for n in 0..20_000_u32 {
            let _ = throttle.refused(IpAddr::V4(n.into()), Duration::from_secs(1000));
        }
        assert_eq!(throttle.counts.len(), SOURCES_MAX);
    }
}
