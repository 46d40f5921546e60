//! The Prometheus text format, read leniently: a line that is none is left out.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::text;

/// The most samples that are read.
const SAMPLES_MAX: usize = 50_000;
/// The most labels of a sample.
const LABELS_MAX: usize = 64;
/// The longest name or label in bytes.
const TEXT_BYTES_MAX: usize = 256;

/// One sample.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Sample {
    pub(super) name: String,
    pub(super) labels: BTreeMap<String, String>,
    pub(super) value: f64,
}

impl Sample {
    pub(super) fn to_json(&self) -> Value {
        json!({"name": self.name, "labels": self.labels, "value": number(self.value)})
    }
}

/// A number as JSON has it: null where JSON has none.
pub(super) fn number(value: f64) -> Value {
    if value.fract() == 0.0 && value.abs() < 9e15 {
        // Counters are read by people: 42, not 42.0.
        return json!(value as i64);
    }
    json!(value)
}

/// The samples of a page, in its order.
pub(super) fn parse(page: &str) -> Vec<Sample> {
    page.lines().filter_map(sample).take(SAMPLES_MAX).collect()
}

fn sample(line: &str) -> Option<Sample> {
    let line = line.trim();
    let name_end =
        line.find(|c: char| !(c.is_ascii_alphanumeric() || matches!(c, '_' | ':'))).unwrap_or(line.len());
    let (name, rest) = line.split_at(name_end);
    if name.is_empty() || name.len() > TEXT_BYTES_MAX || name.starts_with(|c: char| c.is_ascii_digit()) {
        return None;
    }
    let (labels, rest) = match rest.strip_prefix('{') {
        Some(rest) => labels(rest)?,
        None => (BTreeMap::new(), rest),
    };
    let value = rest.split_ascii_whitespace().next()?.parse().ok()?;
    Some(Sample { name: name.to_owned(), labels, value })
}

/// Labels up to the closing brace, and what follows it.
fn labels(mut rest: &str) -> Option<(BTreeMap<String, String>, &str)> {
    let mut labels = BTreeMap::new();
    loop {
        rest = rest.trim_start_matches([' ', ',']);
        if let Some(after) = rest.strip_prefix('}') {
            return Some((labels, after));
        }
        let (name, after) = rest.split_once('=')?;
        let (value, after) = quoted(after.trim_start())?;
        if labels.len() >= LABELS_MAX {
            return None;
        }
        labels.insert(text::one_line(name.trim(), TEXT_BYTES_MAX), text::one_line(&value, TEXT_BYTES_MAX));
        rest = after;
    }
}

/// A quoted text with its escapes undone, and what follows it.
fn quoted(text: &str) -> Option<(String, &str)> {
    let inside = text.strip_prefix('"')?;
    let mut value = String::new();
    let mut characters = inside.char_indices();
    while let Some((at, c)) = characters.next() {
        match c {
            '"' => return Some((value, &inside[at + 1..])),
            '\\' => match characters.next()?.1 {
                'n' => value.push('\n'),
                other => value.push(other),
            },
            other => value.push(other),
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn lines_are_read_with_labels_escapes_and_time() {
        let sample = sample("a:b_c{x=\"1,}\\\"\\n\", y=\"2\",} +Inf 123").unwrap();
        assert_eq!(sample.name, "a:b_c");
        assert_eq!(sample.labels["x"], "1,}\" ");
        assert_eq!(sample.labels["y"], "2");
        assert!(sample.value.is_infinite());
        for bad in ["", "# TYPE a counter", "1a 2", "a", "a{", "a{x} 1", "a{x=\"1} 1", "a b", "{x=\"1\"} 1"] {
            assert_eq!(super::sample(bad), None, "{bad}");
        }
    }

    proptest! {
        #[test]
        fn no_line_makes_it_panic(line in "[a-z{}=\", \\\\0-9é\n]{0,60}") {
            parse(&line);
        }
    }
}
