//! What the shop counts, in the text format of Prometheus.
//!
//! The shop does not use the daemon's recorder: it is another program that happens to be in the same binary.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

/// Upper limits of the histogram's buckets, in seconds.
const BUCKETS_SECONDS: [f64; 9] = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5];

/// Requests by path and status, and how long they took.
#[derive(Default)]
pub(super) struct Metrics {
    counted: Mutex<Counted>,
}

#[derive(Default)]
struct Counted {
    /// Bounded: paths are those the shop has, and the statuses are those it answers with.
    requests: BTreeMap<(&'static str, u16), u64>,
    durations: BTreeMap<&'static str, Histogram>,
}

#[derive(Default)]
struct Histogram {
    buckets: [u64; BUCKETS_SECONDS.len()],
    count: u64,
    sum_seconds: f64,
}

impl Metrics {
    /// Counts one answered request.
    pub fn answered(&self, path: &'static str, status: u16, took: Duration) {
        let mut counted = self.counted.lock().unwrap_or_else(PoisonError::into_inner);
        *counted.requests.entry((path, status)).or_default() += 1;
        let histogram = counted.durations.entry(path).or_default();
        let seconds = took.as_secs_f64();
        for (count, limit) in histogram.buckets.iter_mut().zip(BUCKETS_SECONDS) {
            *count += u64::from(seconds <= limit);
        }
        histogram.count += 1;
        histogram.sum_seconds += seconds;
    }

    /// Everything, as text.
    pub fn render(&self, pool_in_use: u32, pool_size: u32) -> String {
        let counted = self.counted.lock().unwrap_or_else(PoisonError::into_inner);
        let mut text = String::new();
        // Writing to a string cannot fail.
        let _ = counted.write_to(&mut text);
        let _ = gauge(&mut text, "shop_pool_in_use", "Connections that are taken.", pool_in_use);
        let _ = gauge(&mut text, "shop_pool_size", "Connections there are.", pool_size);
        text
    }
}

impl Counted {
    fn write_to(&self, text: &mut String) -> std::fmt::Result {
        writeln!(text, "# HELP shop_requests_total Requests answered.")?;
        writeln!(text, "# TYPE shop_requests_total counter")?;
        for ((path, status), count) in &self.requests {
            writeln!(text, "shop_requests_total{{path=\"{path}\",status=\"{status}\"}} {count}")?;
        }
        let name = "shop_request_duration_seconds";
        writeln!(text, "# HELP {name} How long answering took.")?;
        writeln!(text, "# TYPE {name} histogram")?;
        for (path, histogram) in &self.durations {
            for (limit, count) in BUCKETS_SECONDS.iter().zip(histogram.buckets) {
                writeln!(text, "{name}_bucket{{path=\"{path}\",le=\"{limit}\"}} {count}")?;
            }
            writeln!(text, "{name}_bucket{{path=\"{path}\",le=\"+Inf\"}} {}", histogram.count)?;
            writeln!(text, "{name}_sum{{path=\"{path}\"}} {}", histogram.sum_seconds)?;
            writeln!(text, "{name}_count{{path=\"{path}\"}} {}", histogram.count)?;
        }
        Ok(())
    }
}

fn gauge(text: &mut String, name: &str, help: &str, value: u32) -> std::fmt::Result {
    writeln!(text, "# HELP {name} {help}\n# TYPE {name} gauge\n{name} {value}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requests_pool_and_durations_are_rendered() {
        let metrics = Metrics::default();
        metrics.answered("/checkout", 200, Duration::from_millis(7));
        metrics.answered("/checkout", 503, Duration::from_millis(201));
        metrics.answered("/checkout", 503, Duration::from_secs(9));
        let text = metrics.render(8, 8);
        for line in [
            "shop_requests_total{path=\"/checkout\",status=\"200\"} 1",
            "shop_requests_total{path=\"/checkout\",status=\"503\"} 2",
            "shop_pool_in_use 8",
            "shop_pool_size 8",
            "shop_request_duration_seconds_bucket{path=\"/checkout\",le=\"0.005\"} 0",
            "shop_request_duration_seconds_bucket{path=\"/checkout\",le=\"0.01\"} 1",
            "shop_request_duration_seconds_bucket{path=\"/checkout\",le=\"0.25\"} 2",
            "shop_request_duration_seconds_bucket{path=\"/checkout\",le=\"+Inf\"} 3",
            "shop_request_duration_seconds_count{path=\"/checkout\"} 3",
        ] {
            assert!(text.lines().any(|other| other == line), "{line}\nis not in\n{text}");
        }
    }
}
