//! Times that were measured one by one, and what is said of them. All are kept, so that a percentile is one of them.

use std::time::Duration;

/// Measured times.
#[derive(Default, Clone)]
pub struct Latencies {
    nanos: Vec<u64>,
}

impl Latencies {
    /// Adds one.
    pub fn push(&mut self, time: Duration) {
        self.nanos.push(u64::try_from(time.as_nanos()).unwrap_or(u64::MAX));
    }

    /// Adds all of `other`.
    pub fn extend(&mut self, other: Self) {
        self.nanos.extend(other.nanos);
    }

    /// How many there are.
    pub fn count(&self) -> usize {
        self.nanos.len()
    }

    /// The time that `percent` of a hundred do not exceed (nearest rank); zero when there are none.
    pub fn percentile(&mut self, percent: usize) -> Duration {
        self.nanos.sort_unstable();
        let rank = (self.nanos.len() * percent).div_ceil(100).max(1);
        Duration::from_nanos(self.nanos.get(rank - 1).copied().unwrap_or(0))
    }

    /// `p50` and `p99` in milliseconds, as text.
    pub fn shown(&mut self) -> String {
        let [p50, p99] = [50, 99].map(|percent| milliseconds(self.percentile(percent)));
        format!("p50 {p50} ms, p99 {p99} ms")
    }
}

/// Milliseconds with as many digits as say something.
pub fn milliseconds(time: Duration) -> String {
    let ms = time.as_secs_f64() * 1e3;
    match ms {
        ..1.0 => format!("{ms:.3}"),
        1.0..100.0 => format!("{ms:.2}"),
        _ => format!("{ms:.0}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_measured_times() {
        let mut latencies = Latencies::default();
        (1..=200).rev().for_each(|ms| latencies.push(Duration::from_millis(ms)));
        assert_eq!(latencies.percentile(50), Duration::from_millis(100));
        assert_eq!(latencies.percentile(99), Duration::from_millis(198));
        assert_eq!(latencies.percentile(100), Duration::from_millis(200));
        assert_eq!(latencies.shown(), "p50 100 ms, p99 198 ms");
        assert_eq!(Latencies::default().percentile(50), Duration::ZERO);
    }

    #[test]
    fn small_times_keep_their_digits() {
        assert_eq!(milliseconds(Duration::from_micros(123)), "0.123");
        assert_eq!(milliseconds(Duration::from_micros(1_230)), "1.23");
    }
}
