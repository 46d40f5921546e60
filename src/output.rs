//! What people and programs read: data on stdout in three forms, messages on stderr, colours where somebody looks.
//!
//! Colours are written as they are and taken out again by `anstream` where there is no terminal, or `NO_COLOR` is set.
//! Texts that come from outside go through [`plain`], so that no workflow can move the cursor of whoever looks at it.

mod words;

use std::io::Write;

use clap::ValueEnum;
use owo_colors::OwoColorize;
use serde_json::Value;

pub use words::{ago, duration, plain, plain_lines, shortened, status};

/// How data is printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
pub enum Format {
    /// For people.
    #[default]
    Table,
    /// One JSON document.
    Json,
    /// One YAML document.
    Yaml,
}

/// Prints a document as JSON or YAML; as a table, what `table` makes of it.
pub fn print(format: Format, value: &Value, table: impl FnOnce() -> String) {
    print_text(&match format {
        Format::Table => table(),
        Format::Json => pretty(value),
        Format::Yaml => yaml(value),
    });
}

/// Prints text on stdout, with one newline at its end. Says whether anybody still reads: `… | head` stops doing so, which
/// is no mistake.
pub fn print_text(text: &str) -> bool {
    let mut stdout = anstream::stdout().lock();
    writeln!(stdout, "{}", text.trim_end_matches('\n')).and_then(|()| stdout.flush()).is_ok()
}

/// Prints a message on stderr.
pub fn note(message: &str) {
    // There is nobody else to tell when stderr is closed.
    let _ = writeln!(anstream::stderr(), "{message}");
}

/// Prints a warning on stderr.
pub fn warn(message: &str) {
    note(&format!("{} {message}", "warning:".yellow().bold()));
}

/// Prints an error on stderr, and what to do about it.
pub fn error(message: &str, help: Option<&str>) {
    note(&format!("{} {message}", "error:".red().bold()));
    if let Some(help) = help {
        note(&format!("  {} {help}", "help:".cyan()));
    }
}

/// JSON as people read it.
#[must_use]
pub fn pretty(value: &Value) -> String {
    serde_json::to_string_pretty(value).unwrap_or_else(|_| value.to_string())
}

/// YAML; JSON, which is YAML too, should it ever not be expressible.
#[must_use]
pub fn yaml(value: &Value) -> String {
    serde_saphyr::to_string(value).unwrap_or_else(|_| pretty(value))
}

/// Rows below headings, in columns as wide as they need to be, without lines: for people and for `awk`. Cells may be
/// coloured.
#[must_use]
pub fn table(headings: &[&str], rows: impl IntoIterator<Item = Vec<String>>) -> String {
    let mut all = vec![headings.iter().map(|heading| heading.to_uppercase()).collect()];
    all.extend(rows);
    let mut widths = vec![0; headings.len()];
    for row in &all {
        for (width, cell) in widths.iter_mut().zip(row) {
            *width = (*width).max(characters(cell));
        }
    }
    let line = |row: &Vec<String>| {
        let cells = widths
            .iter()
            .zip(row)
            .map(|(width, cell)| format!("{cell}{}", " ".repeat(width - characters(cell))));
        cells.collect::<Vec<_>>().join("  ").trim_end().to_owned()
    };
    all.iter().map(line).collect::<Vec<_>>().join("\n")
}

/// How many characters of a text are seen.
fn characters(text: &str) -> usize {
    anstream::adapter::strip_str(text).map(|part| part.chars().count()).sum()
}

/// Names with values below each other.
#[must_use]
pub fn sheet(rows: &[(&str, String)]) -> String {
    let width = rows.iter().map(|(name, _)| name.len()).max().unwrap_or(0);
    let mut text = String::new();
    for (name, value) in rows.iter().filter(|(_, value)| !value.is_empty()) {
        let indented = value.replace('\n', &format!("\n{}", " ".repeat(width + 2)));
        text.push_str(&format!("{}{}  {indented}\n", name.dimmed(), " ".repeat(width - name.len())));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_as_wide_as_what_is_seen_in_them() {
        let rows = [vec!["a".to_owned(), status("failed")], vec!["longer".to_owned(), "x".to_owned()]];
        let text = anstream::adapter::strip_str(&table(&["name", "status"], rows)).to_string();
        assert_eq!(text, "NAME    STATUS\na       ✗ failed\nlonger  x");
        assert_eq!(table(&["none"], []), "NONE");
    }

    #[test]
    fn a_sheet_leaves_out_what_is_empty_and_indents_what_is_long() {
        let text = sheet(&[("a", "1".to_owned()), ("none", String::new()), ("long", "x\ny".to_owned())]);
        assert_eq!(anstream::adapter::strip_str(&text).to_string(), "a     1\nlong  x\n      y\n");
    }
}
