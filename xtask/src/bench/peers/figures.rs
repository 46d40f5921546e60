//! What was measured of each, side by side, and how many times better we are than each.

use std::fmt::Write as _;

use super::super::latencies::milliseconds;
use super::super::table::bytes;

/// How a figure is shown, and which way is better.
#[derive(Clone, Copy, PartialEq)]
pub enum Unit {
    /// More is better.
    PerSecond,
    /// Milliseconds; less is better.
    Milliseconds,
    /// Bytes; less is better.
    Bytes,
    /// A count; less is better.
    Count,
    /// A number that is given, not measured; nothing is better.
    Given,
}

/// What was measured of one system.
pub struct Column {
    /// Its name.
    pub name: String,
    /// Why a figure is missing.
    pub notes: Vec<String>,
    figures: Vec<(String, Unit, f64)>,
}

impl Column {
    /// Nothing measured yet.
    pub fn new(name: impl Into<String>) -> Self {
        Self { name: name.into(), notes: Vec::new(), figures: Vec::new() }
    }

    /// Adds a figure; shown at once on standard error.
    pub fn add(&mut self, figure: impl Into<String>, unit: Unit, value: f64) {
        let figure = figure.into();
        eprintln!("  {}: {figure}: {}", self.name, shown(unit, value));
        self.figures.push((figure, unit, value));
    }

    /// Says why something is missing.
    pub fn note(&mut self, what: &str, error: &anyhow::Error) {
        let note = format!("{what}: {error:#}");
        eprintln!("  {}: {note}", self.name);
        self.notes.push(note);
    }

    fn get(&self, figure: &str) -> Option<f64> {
        self.figures.iter().find(|(name, ..)| name == figure).map(|(.., value)| *value)
    }
}

/// Three parts of Markdown: the figures, the ratios of the first column to each other, and why figures are missing.
pub fn render(columns: &[Column]) -> String {
    let mut figures: Vec<(&str, Unit)> = Vec::new();
    for (name, unit, _) in columns.iter().flat_map(|column| &column.figures) {
        if !figures.iter().any(|(known, _)| known == name) {
            figures.push((name, *unit));
        }
    }
    let mut text = String::new();
    let Some((ours, theirs)) = columns.split_first() else { return text };
    row(&mut text, "figure", columns.iter().map(|column| column.name.clone()));
    row(&mut text, "---", columns.iter().map(|_| "---".to_owned()));
    for (figure, unit) in &figures {
        let value = |column: &Column| column.get(figure).map_or("-".to_owned(), |value| shown(*unit, value));
        row(&mut text, figure, columns.iter().map(value));
    }
    if !theirs.is_empty() {
        let _ = writeln!(text, "\nHow many times better {} is than each (below 1: worse):\n", ours.name);
        row(&mut text, "figure", theirs.iter().map(|column| column.name.clone()));
        row(&mut text, "---", theirs.iter().map(|_| "---".to_owned()));
        for (figure, unit) in figures.iter().filter(|(_, unit)| *unit != Unit::Given) {
            let ratio = |column: &Column| {
                times_better(*unit, ours.get(figure), column.get(figure)).unwrap_or_default()
            };
            row(&mut text, figure, theirs.iter().map(ratio));
        }
    }
    for column in columns {
        for note in &column.notes {
            let _ = writeln!(text, "\n{}: {note}", column.name);
        }
    }
    text
}

fn row(text: &mut String, first: &str, cells: impl Iterator<Item = String>) {
    let _ = write!(text, "| {first} |");
    for cell in cells {
        let _ = write!(text, " {cell} |");
    }
    text.push('\n');
}

fn shown(unit: Unit, value: f64) -> String {
    match unit {
        Unit::PerSecond if value >= 100.0 => format!("{value:.0}/s"),
        Unit::PerSecond => format!("{value:.1}/s"),
        Unit::Milliseconds => {
            format!("{} ms", milliseconds(std::time::Duration::from_secs_f64(value.max(0.0) / 1e3)))
        }
        Unit::Bytes => bytes(value),
        Unit::Count => format!("{value:.2}"),
        Unit::Given => format!("{value:.0}"),
    }
}

/// None when one is missing, or too small to divide by.
fn times_better(unit: Unit, ours: Option<f64>, theirs: Option<f64>) -> Option<String> {
    let (ours, theirs) = (ours?, theirs?);
    let (above, below) = if unit == Unit::PerSecond { (ours, theirs) } else { (theirs, ours) };
    let ratio = above / below;
    (below > 0.0).then(|| if ratio >= 10.0 { format!("{ratio:.0}") } else { format!("{ratio:.1}") })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_stand_side_by_side_and_ratios_say_how_many_times_better_we_are() {
        let mut ours = Column::new("Ours");
        ours.add("runs", Unit::PerSecond, 1_000.0);
        ours.add("p50", Unit::Milliseconds, 2.0);
        ours.add("waiting", Unit::Given, 10.0);
        let mut peer = Column::new("Peer");
        peer.add("runs", Unit::PerSecond, 50.0);
        peer.add("p50", Unit::Milliseconds, 1.0);
        peer.note("waiting", &anyhow::anyhow!("it has none"));
        let expected = "| figure | Ours | Peer |\n| --- | --- | --- |\n| runs | 1000/s | 50.0/s |\n\
                        | p50 | 2.00 ms | 1.00 ms |\n| waiting | 10 | - |\n\
                        \nHow many times better Ours is than each (below 1: worse):\n\n\
                        | figure | Peer |\n| --- | --- |\n| runs | 20 |\n| p50 | 0.5 |\n\
                        \nPeer: waiting: it has none\n";
        assert_eq!(render(&[ours, peer]), expected);
    }

    #[test]
    fn there_is_no_ratio_to_nothing() {
        assert_eq!(times_better(Unit::Bytes, Some(0.0), Some(5.0)), None);
        assert_eq!(times_better(Unit::PerSecond, Some(5.0), None), None);
    }
}
