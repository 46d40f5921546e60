//! JSON into the tree of a document: strict, with places, and no deeper than the bound.

use serde_json::Number;

use super::document::{Content, DEPTH_MAX, Entries, Entry, Item, VALUES_MAX};
use crate::diagnostic::{Code, Diagnostic, Span};

type Result<T> = std::result::Result<T, Box<Diagnostic>>;

/// Reads one document.
pub(super) fn parse(text: &str, problems: &mut Vec<Diagnostic>) -> Result<Item> {
    let mut scanner = Scanner { text, at: 0, line: 1, column: 1, values: 0, problems };
    scanner.space();
    let item = scanner.value(0)?;
    scanner.space();
    if scanner.at < text.len() {
        return Err(scanner.syntax("something stands after the end of the document"));
    }
    Ok(item)
}

struct Scanner<'t, 'p> {
    text: &'t str,
    at: usize,
    line: u32,
    column: u32,
    values: usize,
    problems: &'p mut Vec<Diagnostic>,
}

impl Scanner<'_, '_> {
    fn peek(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    fn step(&mut self) {
        match self.peek() {
            Some(b'\n') => {
                self.line += 1;
                self.column = 1;
            }
            // Bytes inside of a character do not count.
            Some(byte) if byte & 0xC0 != 0x80 => self.column += 1,
            Some(_) | None => {}
        }
        self.at += 1;
    }

    fn space(&mut self) {
        while matches!(self.peek(), Some(b' ' | b'\t' | b'\n' | b'\r')) {
            self.step();
        }
    }

    fn span_from(&self, line: u32, column: u32) -> Span {
        Span { line, column, end_line: self.line, end_column: self.column }
    }

    fn syntax(&self, what: &str) -> Box<Diagnostic> {
        let span = self.span_from(self.line, self.column);
        let problem = Diagnostic::new(Code::Syntax, span, format!("this is not JSON: {what}"));
        Box::new(if self.peek() == Some(b'\'') {
            problem.help("texts stand in double quotes")
        } else {
            problem
        })
    }

    fn value(&mut self, depth: usize) -> Result<Item> {
        self.values += 1;
        let (line, column) = (self.line, self.column);
        if self.values > VALUES_MAX {
            let message = format!("the document has more than {VALUES_MAX} values");
            return Err(Box::new(Diagnostic::new(
                Code::TooManyValues,
                self.span_from(line, column),
                message,
            )));
        }
        let content = match self.peek() {
            Some(b'{' | b'[') if depth >= DEPTH_MAX => {
                let message = format!("mappings and lists are nested deeper than {DEPTH_MAX} levels");
                return Err(Box::new(Diagnostic::new(Code::TooDeep, self.span_from(line, column), message)));
            }
            Some(b'{') => self.map(depth)?,
            Some(b'[') => self.list(depth)?,
            Some(b'"') => Content::Text(self.text()?),
            Some(b'-' | b'0'..=b'9') => Content::Number(self.number()?),
            Some(b't') => self.word("true", Content::Bool(true))?,
            Some(b'f') => self.word("false", Content::Bool(false))?,
            Some(b'n') => self.word("null", Content::Null)?,
            Some(_) => return Err(self.syntax("a value was expected")),
            None => return Err(self.syntax("the document ends too early")),
        };
        Ok(Item { content, span: self.span_from(line, column) })
    }

    fn map(&mut self, depth: usize) -> Result<Content> {
        let mut entries = Entries::default();
        self.step();
        self.space();
        if self.peek() == Some(b'}') {
            self.step();
            return Ok(Content::Map(entries.finish()));
        }
        loop {
            let (line, column) = (self.line, self.column);
            if self.peek() != Some(b'"') {
                return Err(self.syntax("a key in double quotes was expected"));
            }
            let key = self.text()?;
            let key_span = self.span_from(line, column);
            self.space();
            if self.peek() != Some(b':') {
                return Err(self.syntax("`:` was expected"));
            }
            self.step();
            self.space();
            let value = self.value(depth + 1)?;
            entries.add(Entry { key, key_span, value }, self.problems);
            if !self.comma(b'}')? {
                return Ok(Content::Map(entries.finish()));
            }
        }
    }

    fn list(&mut self, depth: usize) -> Result<Content> {
        let mut items = Vec::new();
        self.step();
        self.space();
        if self.peek() == Some(b']') {
            self.step();
            return Ok(Content::List(items));
        }
        loop {
            items.push(self.value(depth + 1)?);
            if !self.comma(b']')? {
                return Ok(Content::List(items));
            }
        }
    }

    /// Whether another element follows; else the closing bracket is behind us.
    fn comma(&mut self, close: u8) -> Result<bool> {
        self.space();
        match self.peek() {
            Some(b',') => {
                self.step();
                self.space();
                Ok(true)
            }
            Some(byte) if byte == close => {
                self.step();
                Ok(false)
            }
            Some(_) => Err(self.syntax(&format!("`,` or `{}` was expected", char::from(close)))),
            None => Err(self.syntax("the document ends too early")),
        }
    }

    fn text(&mut self) -> Result<String> {
        let start = self.at;
        let (line, column) = (self.line, self.column);
        self.step();
        loop {
            match self.peek() {
                None => return Err(self.syntax("a text has no end")),
                Some(b'"') => break,
                Some(b'\\') => {
                    self.step();
                    self.step();
                }
                Some(0..=0x1F) => {
                    return Err(self.syntax("a text has no line breaks and control characters; write `\\n`"));
                }
                Some(_) => self.step(),
            }
        }
        self.step();
        let raw = self.text.get(start..self.at).unwrap_or_default();
        serde_json::from_str(raw).map_err(|_| {
            // The reader of the library knows more than that something is wrong, but not where.
            let surrogate = ["\\ud", "\\uD"].iter().any(|start| raw.contains(start));
            let message = match surrogate {
                true => "this is not JSON: the text has half of a surrogate pair, or an escape that does not exist",
                false => "this is not JSON: the text has an escape that does not exist",
            };
            Box::new(Diagnostic::new(Code::Syntax, self.span_from(line, column), message))
        })
    }

    fn number(&mut self) -> Result<Number> {
        let start = self.at;
        let (line, column) = (self.line, self.column);
        while matches!(self.peek(), Some(b'0'..=b'9' | b'-' | b'+' | b'.' | b'e' | b'E')) {
            self.step();
        }
        let raw = self.text.get(start..self.at).unwrap_or_default();
        serde_json::from_str(raw).map_err(|_| {
            let message = "this is not JSON: the number is malformed or out of range";
            Box::new(Diagnostic::new(Code::Syntax, self.span_from(line, column), message))
        })
    }

    fn word(&mut self, word: &str, content: Content) -> Result<Content> {
        if !self.text[self.at..].starts_with(word) {
            return Err(self.syntax("a value was expected"));
        }
        for _ in 0..word.len() {
            self.step();
        }
        Ok(content)
    }
}

#[cfg(test)]
mod tests {
    use super::super::document::{self, Format};
    use super::*;

    #[test]
    fn the_tree_has_the_value_that_serde_json_reads() {
        for text in [
            r#"{"a": [1, -2.5, 1e3, true, false, null], "b": {"c": "x\u00e4\ud83d\ude00\n\"\\"}}"#,
            "[]",
            "{}",
            " \"x\" ",
            "0",
            "18446744073709551615",
        ] {
            let (item, problems) = document::parse(text, Format::Json);
            assert_eq!(problems, [], "{text}");
            assert_eq!(item.unwrap().to_value(), serde_json::from_str::<serde_json::Value>(text).unwrap());
        }
    }

    #[test]
    fn what_serde_json_refuses_is_refused_with_a_place() {
        for text in [
            "",
            "{",
            "[1,]",
            "{\"a\" 1}",
            "{a: 1}",
            "'x'",
            "01",
            "1.",
            "\"\u{1}\"",
            "\"\\x\"",
            "\"\\ud83d\"",
            "nul",
            "[1 2]",
            "1 1",
            "{\"a\":1,}",
            "\"abc",
            "-",
            "\"\\",
        ] {
            assert!(serde_json::from_str::<serde_json::Value>(text).is_err(), "{text}");
            let (item, problems) = document::parse(text, Format::Json);
            assert!(item.is_none(), "{text}");
            assert_eq!(problems[0].code, Code::Syntax, "{text}");
            assert!(problems[0].line > 0, "{text}");
        }
    }

    #[test]
    fn places_count_characters_and_lines_from_one() {
        let (item, _) = document::parse("{\"ä\": 1,\n \"b\": \"x\"}", Format::Json);
        let item = item.unwrap();
        let entry = item.entry("b").unwrap();
        assert_eq!(entry.key_span, Span { line: 2, column: 2, end_line: 2, end_column: 5 });
        assert_eq!(entry.value.span, Span { line: 2, column: 7, end_line: 2, end_column: 10 });
        assert_eq!(item.entry("ä").unwrap().value.span.column, 7);
    }

    #[test]
    fn depth_is_bounded() {
        let nested = |depth: usize| "[".repeat(depth) + &"]".repeat(depth);
        assert!(document::parse(&nested(64), Format::Json).0.is_some());
        let (item, problems) = document::parse(&nested(65), Format::Json);
        assert!(item.is_none());
        assert_eq!(problems[0].code, Code::TooDeep);
        assert_eq!(document::parse(&"[".repeat(1_000_000), Format::Json).1[0].code, Code::TooDeep);
    }

    #[test]
    fn duplicate_keys_are_reported_and_the_first_one_stays() {
        let (item, problems) = document::parse("{\"a\": 1, \"a\": 2}", Format::Json);
        assert_eq!(item.unwrap().to_value(), serde_json::json!({"a": 1}));
        assert_eq!(problems[0].code, Code::DuplicateKey);
    }
}
