//! The text format of Prometheus, version 0.0.4.

use std::fmt::Write;

/// A page of measurements. Those of one name are written one after another.
#[derive(Debug, Default)]
pub struct Page {
    text: String,
    last: &'static str,
}

/// Labels of a measurement.
pub type Labels<'a> = &'a [(&'a str, &'a str)];

impl Page {
    /// Something that goes up and down.
    pub fn gauge(&mut self, name: &'static str, help: &str, labels: Labels<'_>, value: f64) {
        self.head(name, help, "gauge");
        self.sample(name, labels, value);
    }

    /// Something that only rises.
    pub fn counter(&mut self, name: &'static str, help: &str, labels: Labels<'_>, value: u64) {
        self.counter_f64(name, help, labels, value as f64);
    }

    /// Something that only rises and is no whole number.
    pub fn counter_f64(&mut self, name: &'static str, help: &str, labels: Labels<'_>, value: f64) {
        self.head(name, help, "counter");
        self.sample(name, labels, value);
    }

    /// A distribution: counts of what was at most each bound, in all, and their sum.
    pub fn histogram(
        &mut self,
        name: &'static str,
        help: &str,
        labels: Labels<'_>,
        buckets: impl Iterator<Item = (f64, u64)>,
        count: u64,
        sum: f64,
    ) {
        self.head(name, help, "histogram");
        let mut all: Vec<(&str, &str)> = labels.to_vec();
        for (bound, at_most) in buckets {
            let bound = bound.to_string();
            all.truncate(labels.len());
            self.sample_of(
                &format!("{name}_bucket"),
                &[&all[..], &[("le", bound.as_str())]].concat(),
                at_most as f64,
            );
        }
        self.sample_of(&format!("{name}_bucket"), &[&all[..], &[("le", "+Inf")]].concat(), count as f64);
        self.sample_of(&format!("{name}_sum"), labels, sum);
        self.sample_of(&format!("{name}_count"), labels, count as f64);
    }

    /// The text.
    #[must_use]
    pub fn finish(self) -> String {
        self.text
    }

    fn head(&mut self, name: &'static str, help: &str, kind: &str) {
        if self.last != name {
            self.last = name;
            // Writing into a text does not fail.
            let _ = writeln!(self.text, "# HELP {name} {help}\n# TYPE {name} {kind}");
        }
    }

    fn sample(&mut self, name: &str, labels: Labels<'_>, value: f64) {
        self.sample_of(name, labels, value);
    }

    fn sample_of(&mut self, name: &str, labels: Labels<'_>, value: f64) {
        self.text.push_str(name);
        for (at, (label, text)) in labels.iter().enumerate() {
            let escaped = text.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n");
            let _ = write!(self.text, "{}{label}=\"{escaped}\"", if at == 0 { '{' } else { ',' });
        }
        let _ = writeln!(self.text, "{} {value}", if labels.is_empty() { "" } else { "}" });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn measurements_of_one_name_have_one_head_and_labels_are_escaped() {
        let mut page = Page::default();
        page.counter("a_total", "How many.", &[("k", "x\"y\\z\n")], 1);
        page.counter("a_total", "How many.", &[("k", "2")], 2);
        page.gauge("b", "How much.", &[], 0.5);
        let expected = "# HELP a_total How many.\n# TYPE a_total counter\na_total{k=\"x\\\"y\\\\z\\n\"} 1\n\
                        a_total{k=\"2\"} 2\n# HELP b How much.\n# TYPE b gauge\nb 0.5\n";
        assert_eq!(page.finish(), expected);
    }

    #[test]
    fn a_histogram_ends_with_infinity_sum_and_count() {
        let mut page = Page::default();
        page.histogram("h", "Times.", &[("r", "x")], [(0.1, 1), (1.0, 2)].into_iter(), 3, 4.5);
        let text = page.finish();
        assert!(text.contains("h_bucket{r=\"x\",le=\"0.1\"} 1\n"), "{text}");
        assert!(
            text.contains("h_bucket{r=\"x\",le=\"+Inf\"} 3\nh_sum{r=\"x\"} 4.5\nh_count{r=\"x\"} 3\n"),
            "{text}"
        );
    }
}
