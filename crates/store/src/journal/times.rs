//! How long commits took: counts in buckets that grow with what they count, so that any time is known to a quarter of itself
//! and the whole takes less than a kilobyte.

use std::time::Duration;

/// Parts of each power of two.
const PARTS: u64 = 4;
/// Up to 2^27 µs, which is two minutes; what took longer counts as that.
const BUCKETS: usize = 104;

/// Counts of commits by how long they took.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CommitTimes {
    counts: [u64; BUCKETS],
}

impl Default for CommitTimes {
    fn default() -> Self {
        Self { counts: [0; BUCKETS] }
    }
}

impl CommitTimes {
    /// One took so long.
    pub fn count(&mut self, took: Duration) {
        let micros = u64::try_from(took.as_micros()).unwrap_or(u64::MAX);
        self.counts[bucket_of(micros)] += 1;
    }

    /// What was counted after `before` was.
    #[must_use]
    pub fn since(&self, before: &Self) -> Self {
        let mut counts = self.counts;
        for (count, before) in counts.iter_mut().zip(before.counts) {
            *count = count.saturating_sub(before);
        }
        Self { counts }
    }

    /// The time that this many of a hundred did not take longer than; it is up to a quarter more than that. None where nothing is
    /// counted.
    #[must_use]
    pub fn percentile(&self, percent: u64) -> Option<Duration> {
        let all: u64 = self.counts.iter().sum();
        let wanted = (all * percent.min(100)).div_ceil(100).max(1);
        let mut counted = 0;
        let bucket = self.counts.iter().position(|count| {
            counted += count;
            counted >= wanted
        })?;
        Some(Duration::from_micros(end_of(bucket)))
    }
}

fn bucket_of(micros: u64) -> usize {
    // Below that each number has a bucket of its own.
    if micros < PARTS {
        return usize::try_from(micros).unwrap_or(0);
    }
    let power = u64::from(micros.ilog2());
    let part = (micros >> (power - 2)) & (PARTS - 1);
    usize::try_from((power - 1) * PARTS + part).unwrap_or(usize::MAX).min(BUCKETS - 1)
}

/// The longest time, in microseconds, that counts in this bucket.
fn end_of(bucket: usize) -> u64 {
    let bucket = bucket as u64;
    if bucket < PARTS {
        return bucket;
    }
    let (power, part) = (bucket / PARTS + 1, bucket % PARTS);
    ((PARTS + part + 1) << (power - 2)) - 1
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_time_is_in_a_bucket_that_ends_at_most_a_quarter_behind_it() {
        let times =
            (0..4_000).chain((12..26).flat_map(|power| [(1 << power) - 1, 1 << power, 3 << (power - 1)]));
        for micros in times {
            let end = end_of(bucket_of(micros));
            assert!(end >= micros && end - micros <= micros / 4, "{micros}: {end}");
        }
        assert_eq!(bucket_of(u64::MAX), BUCKETS - 1);
        assert_eq!(end_of(BUCKETS - 1), (1 << 27) - 1);
    }

    #[test]
    fn a_percentile_is_of_what_was_counted_since() {
        let mut times = CommitTimes::default();
        assert_eq!(times.percentile(50), None);
        times.count(Duration::from_secs(3_600));
        let before = times;
        for _ in 0..98 {
            times.count(Duration::from_micros(1_000));
        }
        times.count(Duration::from_millis(50));
        times.count(Duration::from_millis(50));
        let since = times.since(&before);
        assert_eq!(since.percentile(50), Some(Duration::from_micros(1_023)));
        assert_eq!(since.percentile(98), Some(Duration::from_micros(1_023)));
        assert_eq!(since.percentile(99), Some(Duration::from_micros(57_343)));
        assert_eq!(times.percentile(100), Some(Duration::from_micros((1 << 27) - 1)));
    }
}
