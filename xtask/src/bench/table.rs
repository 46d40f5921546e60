//! The table of figures, in a form that is read on a terminal and can be kept in a document as it is.

use std::fmt::Write as _;

/// Figures, in the order they were measured.
#[derive(Default)]
pub struct Table {
    rows: Vec<[String; 3]>,
}

impl Table {
    /// Adds a figure, what was measured, and what is aimed at (may be empty); shown at once on standard error.
    pub fn row(&mut self, figure: impl Into<String>, measured: impl Into<String>, aim: impl Into<String>) {
        let row = [figure.into(), measured.into(), aim.into()];
        eprintln!("  {}: {}", row[0], row[1]);
        self.rows.push(row);
    }

    /// The table as Markdown.
    pub fn render(&self) -> String {
        let head = ["figure", "measured", "aim"].map(str::to_owned);
        let width = |column: usize| {
            let cells = self.rows.iter().chain([&head]).map(|row| row[column].chars().count());
            cells.max().unwrap_or(0)
        };
        let widths = [0, 1, 2].map(width);
        let mut text = String::new();
        let rule = widths.map(|width| "-".repeat(width));
        for row in [&head, &rule].into_iter().chain(&self.rows) {
            for (cell, width) in row.iter().zip(widths) {
                let _ = write!(text, "| {cell:width$} ");
            }
            text.push_str("|\n");
        }
        text
    }
}

/// Bytes in the unit that suits them.
pub fn bytes(bytes: f64) -> String {
    match bytes {
        ..1_024.0 => format!("{bytes:.0} B"),
        1_024.0..1_048_576.0 => format!("{:.1} KiB", bytes / 1_024.0),
        _ => format!("{:.1} MiB", bytes / 1_048_576.0),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_is_markdown_with_even_columns() {
        let mut table = Table::default();
        table.row("runs/s", "1,500", "");
        table.row("p50", "2 ms", "at most 3 ms");
        let expected = "| figure | measured | aim          |\n| ------ | -------- | ------------ |\n\
                        | runs/s | 1,500    |              |\n| p50    | 2 ms     | at most 3 ms |\n";
        assert_eq!(table.render(), expected);
    }

    #[test]
    fn bytes_have_a_unit() {
        assert_eq!(
            ["512", "2048", "3145728"].map(|n| bytes(n.parse().unwrap())),
            ["512 B", "2.0 KiB", "3.0 MiB"]
        );
    }
}
