//! What in a set of samples looks like trouble.
//!
//! One page is one moment: counters are sums since the start of the service, so their shares are said, not their rates.

use std::collections::BTreeMap;

use serde::Serialize;
use serde_json::Value;

use super::page::{Sample, number};

/// The most findings that are given back.
const FINDINGS_MAX: usize = 50;
/// How many of them the summary names.
const SUMMARY_MAX: usize = 3;
/// From this share of its limit on a resource is worth a word.
const NEARLY_FULL: f64 = 0.9;
/// A quantile of a latency is slow from here on.
const SLOW_SECONDS: f64 = 1.0;
/// Endings of names of what is in use, and of the names of its limit.
const IN_USE: [&str; 5] = ["_in_use", "_active", "_used", "_busy", "_open"];
const LIMITS: [&str; 5] = ["_size", "_max", "_limit", "_capacity", "_total"];

/// What is wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Kind {
    Down,
    Saturated,
    ServerErrors,
    Errors,
    Slow,
}

/// How bad it is, the worst first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Severity {
    Critical,
    Warning,
    Info,
}

/// One sign of trouble.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(super) struct Finding {
    kind: Kind,
    severity: Severity,
    metric: String,
    labels: BTreeMap<String, String>,
    value: Value,
    detail: String,
}

impl Finding {
    fn new(kind: Kind, severity: Severity, sample: &Sample, value: f64, detail: String) -> Self {
        let labels = sample.labels.clone();
        Self { kind, severity, metric: sample.name.clone(), labels, value: number(value), detail }
    }
}

/// The signs of trouble in `samples`, the worst first.
pub(super) fn find(samples: &[Sample]) -> Vec<Finding> {
    let mut findings = Vec::new();
    findings.extend(samples.iter().filter_map(down));
    findings.extend(saturated(samples));
    findings.extend(server_errors(samples));
    findings.extend(samples.iter().filter_map(errors));
    findings.extend(samples.iter().filter_map(slow));
    findings.sort_by_key(|finding| (finding.severity, finding.kind));
    findings.truncate(FINDINGS_MAX);
    findings
}

/// One sentence.
pub(super) fn summary(findings: &[Finding], samples: usize) -> String {
    if samples == 0 {
        return "the page has no samples".into();
    }
    if findings.is_empty() {
        return format!("no sign of trouble in {samples} samples");
    }
    let named: Vec<&str> = findings.iter().take(SUMMARY_MAX).map(|finding| finding.detail.as_str()).collect();
    let rest = findings.len().saturating_sub(SUMMARY_MAX);
    if rest == 0 { named.join("; ") } else { format!("{}; and {rest} more", named.join("; ")) }
}

fn down(sample: &Sample) -> Option<Finding> {
    let is_up_metric = sample.name == "up" || sample.name.ends_with("_up");
    (is_up_metric && sample.value == 0.0).then(|| {
        Finding::new(Kind::Down, Severity::Critical, sample, 0.0, format!("{} is down", title(sample)))
    })
}

fn saturated(samples: &[Sample]) -> Vec<Finding> {
    let mut by_series: BTreeMap<(&str, &BTreeMap<String, String>), f64> = BTreeMap::new();
    for sample in samples {
        by_series.insert((&sample.name, &sample.labels), sample.value);
    }
    let limit_of = |sample: &Sample, stem: &str| {
        LIMITS
            .iter()
            .find_map(|ending| by_series.get(&(format!("{stem}{ending}").as_str(), &sample.labels)).copied())
    };
    let finding = |sample: &Sample| {
        let stem = IN_USE.iter().find_map(|ending| sample.name.strip_suffix(ending))?;
        let limit = limit_of(sample, stem).filter(|limit| *limit > 0.0)?;
        let share = sample.value / limit;
        let counts = format!("{} of {}", number(sample.value), number(limit));
        let title = title(sample);
        let (severity, detail) = if share >= 1.0 {
            (Severity::Critical, format!("{title} is at its limit: {counts}"))
        } else if share >= NEARLY_FULL {
            (Severity::Warning, format!("{title} is near its limit: {counts}"))
        } else {
            return None;
        };
        Some(Finding::new(Kind::Saturated, severity, sample, sample.value, detail))
    };
    samples.iter().filter_map(finding).collect()
}

/// The share of requests that ended with a status of 500 and above, per metric.
fn server_errors(samples: &[Sample]) -> Vec<Finding> {
    struct Sums<'a> {
        first: &'a Sample,
        errors: f64,
        all: f64,
    }
    let mut sums: BTreeMap<&str, Sums<'_>> = BTreeMap::new();
    for sample in samples.iter().filter(|sample| sample.value.is_finite()) {
        let Some(status) = status_of(sample) else { continue };
        let sums = sums.entry(&sample.name).or_insert(Sums { first: sample, errors: 0.0, all: 0.0 });
        sums.all += sample.value;
        if status.starts_with('5') {
            sums.errors += sample.value;
            sums.first = sample;
        }
    }
    let finding = |sums: Sums<'_>| {
        if sums.errors <= 0.0 {
            return None;
        }
        let share = 100.0 * sums.errors / sums.all;
        let severity = if share >= 5.0 { Severity::Critical } else { Severity::Warning };
        let detail = format!(
            "{}: {} of {} ({share:.1} %) ended with a server error",
            sums.first.name,
            number(sums.errors),
            number(sums.all)
        );
        Some(Finding::new(Kind::ServerErrors, severity, sums.first, sums.errors, detail))
    };
    sums.into_values().filter_map(finding).collect()
}

/// The HTTP status in the labels of a counter: `500`, `5xx`.
fn status_of(sample: &Sample) -> Option<&str> {
    if !sample.name.ends_with("_total") && !sample.name.ends_with("_count") {
        return None;
    }
    let status =
        ["status", "code", "status_code", "http_status"].iter().find_map(|name| sample.labels.get(*name))?;
    let is_status = status.len() == 3 && status.starts_with(|c: char| ('1'..='5').contains(&c));
    is_status.then_some(status.as_str())
}

fn errors(sample: &Sample) -> Option<Finding> {
    let is_counter = sample.name.ends_with("_total");
    let names_errors =
        ["error", "failure", "failed", "panic", "timeout"].iter().any(|word| sample.name.contains(word));
    if !is_counter || !names_errors || sample.value <= 0.0 || status_of(sample).is_some() {
        return None;
    }
    let detail = format!("{} counts {}", title(sample), number(sample.value));
    Some(Finding::new(Kind::Errors, Severity::Warning, sample, sample.value, detail))
}

fn slow(sample: &Sample) -> Option<Finding> {
    let quantile: f64 = sample.labels.get("quantile")?.parse().ok()?;
    let seconds = if sample.name.ends_with("_seconds") {
        sample.value
    } else if sample.name.ends_with("_milliseconds") || sample.name.ends_with("_ms") {
        sample.value / 1000.0
    } else {
        return None;
    };
    if quantile < 0.5 || seconds.is_nan() || seconds < SLOW_SECONDS {
        return None;
    }
    let detail = format!("{}: quantile {quantile} is {} s", sample.name, number(seconds));
    Some(Finding::new(Kind::Slow, Severity::Info, sample, sample.value, detail))
}

/// The name of a series, with one label where there are any.
fn title(sample: &Sample) -> String {
    match sample.labels.iter().next() {
        Some((name, value)) => format!("{}{{{name}=\"{value}\"}}", sample.name),
        None => sample.name.clone(),
    }
}
