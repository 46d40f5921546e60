//! TOML into the tree of a document.
//!
//! Dates have no form in JSON and become texts.

use serde_json::Number;
use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::document::{Content, DEPTH_MAX, Entry, Item, shorten};
use crate::diagnostic::{Code, Diagnostic, Span};

type Result<T> = std::result::Result<T, Box<Diagnostic>>;

/// Reads one document.
pub(super) fn parse(text: &str, problems: &mut Vec<Diagnostic>) -> Result<Item> {
    let lines = Lines::of(text);
    let (table, errors) = DeTable::parse_recoverable(text);
    if let Some(error) = errors.first() {
        let span = error.span().map_or(Span::default(), |range| lines.span(range));
        let message = format!("this is not TOML: {}", shorten(error.message()));
        return Err(Box::new(Diagnostic::new(Code::Syntax, span, message)));
    }
    let span = lines.span(table.span());
    let content = map(table.get_ref(), &lines, 0, problems)?;
    Ok(Item { content, span })
}

fn map(
    table: &DeTable<'_>,
    lines: &Lines<'_>,
    depth: usize,
    problems: &mut Vec<Diagnostic>,
) -> Result<Content> {
    let mut entries = Vec::with_capacity(table.len());
    for (key, value) in table {
        let key_span = lines.span(key.span());
        entries.push(Entry {
            key: key.get_ref().to_string(),
            key_span,
            value: item(value, lines, depth + 1, problems)?,
        });
    }
    // The table of the parser is sorted by key; the order of the text is the one that people know.
    entries.sort_by_key(|entry| (entry.key_span.line, entry.key_span.column));
    Ok(Content::Map(entries))
}

fn item(
    value: &Spanned<DeValue<'_>>,
    lines: &Lines<'_>,
    depth: usize,
    problems: &mut Vec<Diagnostic>,
) -> Result<Item> {
    let span = lines.span(value.span());
    if depth >= DEPTH_MAX {
        let message = format!("tables and lists are nested deeper than {DEPTH_MAX} levels");
        return Err(Box::new(Diagnostic::new(Code::TooDeep, span, message)));
    }
    let content = match value.get_ref() {
        DeValue::String(text) => Content::Text(text.to_string()),
        DeValue::Integer(number) => match i64::from_str_radix(number.as_str(), number.radix()) {
            Ok(number) => Content::Number(number.into()),
            Err(_) => return Err(out_of_range(span)),
        },
        DeValue::Float(number) => match number.as_str().parse().ok().and_then(Number::from_f64) {
            Some(number) => Content::Number(number),
            None => return Err(out_of_range(span)),
        },
        DeValue::Boolean(flag) => Content::Bool(*flag),
        DeValue::Datetime(time) => Content::Text(time.to_string()),
        DeValue::Array(items) => {
            let items = items.iter().map(|value| item(value, lines, depth + 1, problems));
            Content::List(items.collect::<Result<_>>()?)
        }
        DeValue::Table(table) => map(table, lines, depth, problems)?,
    };
    Ok(Item { content, span })
}

fn out_of_range(span: Span) -> Box<Diagnostic> {
    Box::new(Diagnostic::new(Code::BadValue, span, "the number is out of range"))
}

/// Where the lines of a text begin.
struct Lines<'t> {
    text: &'t str,
    starts: Vec<usize>,
}

impl<'t> Lines<'t> {
    fn of(text: &'t str) -> Self {
        let starts = std::iter::once(0).chain(text.match_indices('\n').map(|(at, _)| at + 1)).collect();
        Self { text, starts }
    }

    fn place(&self, at: usize) -> (u32, u32) {
        let line = self.starts.partition_point(|start| *start <= at).max(1);
        let column = self.text.get(self.starts[line - 1]..at).map_or(0, |before| before.chars().count());
        (u32::try_from(line).unwrap_or(u32::MAX), u32::try_from(column + 1).unwrap_or(u32::MAX))
    }

    fn span(&self, range: std::ops::Range<usize>) -> Span {
        let ((line, column), (end_line, end_column)) = (self.place(range.start), self.place(range.end));
        Span { line, column, end_line, end_column }
    }
}

#[cfg(test)]
mod tests {
    use super::super::document::{self, Format};

    #[test]
    fn tables_and_values_become_the_same_tree_as_in_yaml() {
        let text = "name = \"x\"\nlist = [1, 2.5, true]\n[limits]\nconcurrency = 4\n[a.b]\nc = 0x10\n";
        let (item, problems) = document::parse(text, Format::Toml);
        assert_eq!(problems, []);
        let item = item.unwrap();
        assert_eq!(
            item.to_value(),
            serde_json::json!({"name": "x", "list": [1, 2.5, true], "limits": {"concurrency": 4}, "a": {"b": {"c": 16}}})
        );
        assert_eq!(item.entry("limits").unwrap().value.entry("concurrency").unwrap().key_span.line, 4);
    }

    #[test]
    fn mistakes_have_a_place() {
        for text in ["name = ", "a = 1\na = 2\n", "x = nan", "[a", &format!("a = {}", "[".repeat(5000))] {
            let (item, problems) = document::parse(text, Format::Toml);
            assert!(item.is_none(), "{text}");
            assert!(problems[0].line > 0, "{text}");
        }
    }
}
