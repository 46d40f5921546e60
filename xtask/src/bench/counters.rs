//! The daemon's counters, as `/metrics` shows them.

use std::collections::BTreeMap;

use super::client::Client;

/// Every series of a page, its labels added up.
pub struct Counters(BTreeMap<String, f64>);

impl Counters {
    /// Reads the page.
    pub fn read(client: &mut Client) -> anyhow::Result<Self> {
        let page = client.get("/metrics")?;
        page.expect_success()?;
        Ok(Self::parse(&String::from_utf8_lossy(&page.body)))
    }

    fn parse(page: &str) -> Self {
        let mut sums = BTreeMap::new();
        for line in page.lines().filter(|line| !line.starts_with('#')) {
            let Some((series, value)) = line.rsplit_once(' ') else { continue };
            let name = series.split('{').next().unwrap_or(series);
            if let Ok(value) = value.parse::<f64>() {
                *sums.entry(name.to_owned()).or_insert(0.0) += value;
            }
        }
        Self(sums)
    }

    /// The sum of all series of that name; none when there is none.
    pub fn get(&self, name: &str) -> Option<f64> {
        self.0.get(name).copied()
    }

    /// How much a counter rose since `before`; none when it is not on the page.
    pub fn since(&self, before: &Self, name: &str) -> Option<f64> {
        Some(self.get(name)? - before.get(name).unwrap_or(0.0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn series_of_one_name_are_added_up() {
        let page = "# HELP a b\n# TYPE a counter\na{x=\"1 2\"} 2\na{x=\"y\"} 3\nb 7.5\nbroken\n";
        let counters = Counters::parse(page);
        assert_eq!(counters.get("a"), Some(5.0));
        assert_eq!(counters.since(&Counters::parse("a 1\n"), "a"), Some(4.0));
        assert_eq!(counters.get("c"), None);
    }
}
