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

/// How wide the terminal behind stdout is; none where there is no terminal, or it does not say.
#[must_use]
pub fn columns() -> Option<usize> {
    let size = rustix::termios::tcgetwinsize(std::io::stdout()).ok()?;
    (size.ws_col > 0).then(|| size.ws_col.into())
}

/// A text whose lines are broken at their spaces so that none is wider than `width`, as far as words let them; what follows a
/// break is indented by `hang`. Words may be coloured.
#[must_use]
pub fn wrapped(text: &str, width: usize, hang: usize) -> String {
    // Where there is hardly any room for words, nothing is gained by an indent.
    let hang = if hang + 20 > width { 0 } else { hang };
    let mut out = String::new();
    for (number, line) in text.split('\n').enumerate() {
        if number > 0 {
            out.push('\n');
        }
        // How much is seen of the line, and whether a word stands in it: its own indent is not broken.
        let (mut seen, mut has_word) = (0, false);
        for (place, word) in line.split(' ').enumerate() {
            let size = characters(word);
            if place > 0 && has_word && size > 0 && seen + 1 + size > width {
                out.truncate(out.trim_end_matches(' ').len());
                out.push('\n');
                out.push_str(&" ".repeat(hang));
                seen = hang;
            } else if place > 0 {
                out.push(' ');
                seen += 1;
            }
            out.push_str(word);
            seen += size;
            has_word |= size > 0;
        }
    }
    out
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
    fn lines_are_broken_at_words_and_never_within_them() {
        let text =
            "  the \u{1b}[1mfirst line\u{1b}[0m of two,  with a-word-that-is-wider-than-it-all\n\nshort";
        let seen = anstream::adapter::strip_str(&wrapped(text, 24, 4)).to_string();
        assert_eq!(seen, "  the first line of two,\n    with\n    a-word-that-is-wider-than-it-all\n\nshort");
        let narrow = wrapped("one two three", 5, 4);
        assert_eq!(narrow, "one\ntwo\nthree", "no room for an indent");
        assert_eq!(wrapped("as it is", 80, 4), "as it is");
    }

    #[test]
    fn a_sheet_leaves_out_what_is_empty_and_indents_what_is_long() {
        let text = sheet(&[("a", "1".to_owned()), ("none", String::new()), ("long", "x\ny".to_owned())]);
        assert_eq!(anstream::adapter::strip_str(&text).to_string(), "a     1\nlong  x\n      y\n");
    }
}
