//! How long requests took, by route and status.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use super::text::Page;

/// Upper bounds of the buckets, in seconds.
const BOUNDS: [f64; 12] = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 5.0, 30.0];
/// The most pairs of route and status. Routes are patterns of ours, so this is never reached; it is a bound all the same.
const SERIES_MAX: usize = 2_000;

/// Counts by route and status.
#[derive(Debug, Default)]
pub struct Requests {
    series: Mutex<BTreeMap<(String, u16), Series>>,
}

#[derive(Debug, Default)]
struct Series {
    buckets: [u64; BOUNDS.len()],
    count: u64,
    sum: f64,
}

impl Requests {
    /// A request was answered.
    pub fn count(&self, route: &str, status: u16, took: Duration) {
        let seconds = took.as_secs_f64();
        let mut all = self.series.lock().unwrap_or_else(PoisonError::into_inner);
        let key = (route.to_owned(), status);
        if all.len() >= SERIES_MAX && !all.contains_key(&key) {
            return;
        }
        let series = all.entry(key).or_default();
        for (bucket, bound) in series.buckets.iter_mut().zip(BOUNDS) {
            *bucket += u64::from(seconds <= bound);
        }
        series.count += 1;
        series.sum += seconds;
    }

    /// Writes them.
    pub fn write(&self, page: &mut Page) {
        let all = self.series.lock().unwrap_or_else(PoisonError::into_inner);
        for ((route, status), series) in all.iter() {
            let status = status.to_string();
            page.histogram(
                "ghostlight_http_request_duration_seconds",
                "How long requests took until the head of their answer.",
                &[("route", route.as_str()), ("status", status.as_str())],
                BOUNDS.into_iter().zip(series.buckets),
                series.count,
                series.sum,
            );
        }
    }
}
