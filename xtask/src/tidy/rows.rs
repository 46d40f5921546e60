//! What is promised and what shows it: `docs/SPEC-ROWS.md` and the doc comments of the tests must say the same.
//!
//! The table names for each promise the tests that show it, or why none does; a test that shows a promise names its id
//! in its doc comment. A test of the dashboard is named by its sentence, `path::what it says`, and names the id in the comment before it.
//! Whether the test really shows it is left to whoever reads it.

use std::collections::BTreeMap;

use super::Violation;
use super::files::Source;
use super::scripts::Script;

/// Where the table stands.
pub const TABLE: &str = "docs/SPEC-ROWS.md";

/// How a cell begins that says why nothing shows its row.
const WAIVED: &str = "waived:";

/// One row of the table.
struct Row<'t> {
    /// Its line, from 1.
    line: usize,
    /// The tests that show it, as `path::name`.
    shown: Vec<&'t str>,
    /// Whether the table says why nothing shows it.
    is_waived: bool,
}

/// One id in a doc comment.
struct Mention<'s> {
    /// The file and the line, from 1.
    file: &'s str,
    line: usize,
    /// The id.
    id: &'s str,
    /// The name of the function, or of the case of a macro, that the comment belongs to.
    of: Option<&'s str>,
}

/// Checks the doc comments of all files and the table against each other.
pub fn check(sources: &[Source], scripts: &[Script], table: &str) -> Vec<Violation> {
    let mut violations = Vec::new();
    let mut rows: BTreeMap<&str, Row<'_>> = BTreeMap::new();
    for (id, row) in rows_of(table) {
        let in_table = |what| Violation { file: TABLE.into(), line: row.line, what };
        if row.shown.is_empty() != row.is_waived {
            violations
                .push(in_table(format!("{id} must name the tests that show it, or begin with `{WAIVED}`")));
        }
        if rows.contains_key(id) {
            violations.push(in_table(format!("{id} stands here twice")));
        } else {
            rows.insert(id, row);
        }
    }

    let of_scripts = scripts.iter().flat_map(mentions_of_script);
    let mentions: Vec<_> = sources.iter().flat_map(mentions_of).chain(of_scripts).collect();
    for (id, row) in &rows {
        for test in &row.shown {
            let is_this = |mention: &Mention<'_>| {
                mention.id == *id
                    && test
                        .split_once("::")
                        .is_some_and(|(file, name)| mention.file == file && mention.of == Some(name))
            };
            if !mentions.iter().any(is_this) {
                let what = format!("{test} is not there, or does not name {id} in its doc comment");
                violations.push(Violation { file: TABLE.into(), line: row.line, what });
            }
        }
    }
    for Mention { file, line, id, .. } in mentions {
        let what = match rows.get(id) {
            None => format!("{id} is not in {TABLE}: say there what it promises and what shows it"),
            Some(row) if row.is_waived => format!("{TABLE} says that nothing shows {id}"),
            Some(_) => continue,
        };
        violations.push(Violation { file: file.to_owned(), line, what });
    }
    violations
}

/// The rows of all tables in the text that begin with an id.
fn rows_of(table: &str) -> impl Iterator<Item = (&str, Row<'_>)> {
    table.lines().enumerate().filter_map(|(at, line)| {
        let cells: Vec<&str> = line.strip_prefix('|')?.trim_end().strip_suffix('|')?.split('|').collect();
        let (first, last) = (cells.first()?.trim(), cells.last()?.trim());
        if ids_of(first).next() != Some(first) {
            return None;
        }
        let is_waived = last.strip_prefix(WAIVED).is_some_and(|reason| !reason.trim().is_empty());
        // Between backticks stand the tests: every second piece.
        let shown = if is_waived { Vec::new() } else { last.split('`').skip(1).step_by(2).collect() };
        Some((first, Row { line: at + 1, shown, is_waived }))
    })
}

/// The ids in the doc comments of a file, with what each comment belongs to.
fn mentions_of(source: &Source) -> Vec<Mention<'_>> {
    let mut mentions: Vec<Mention<'_>> = Vec::new();
    let mut of_comment = 0;
    for (at, (line, code)) in source.text.lines().zip(source.code.lines()).enumerate() {
        let (text, code) = (line.trim_start(), code.trim());
        let is_doc = code.is_empty() && (text.starts_with("///") || text.starts_with("//!"));
        if is_doc {
            mentions.extend(ids_of(text).map(|id| Mention {
                file: &source.path,
                line: at + 1,
                id,
                of: None,
            }));
        } else if !code.starts_with("#[") {
            let name = name_of(text);
            mentions[of_comment..].iter_mut().for_each(|mention| mention.of = name);
            of_comment = mentions.len();
        }
    }
    mentions
}

/// The ids in the comments of a script of tests, with the sentence of the test that stands under each.
fn mentions_of_script(script: &Script) -> Vec<Mention<'_>> {
    let mut mentions: Vec<Mention<'_>> = Vec::new();
    let mut of_comment = 0;
    for (at, line) in script.text.lines().enumerate() {
        let text = line.trim_start();
        if text.starts_with("/**") || text.starts_with('*') {
            mentions.extend(ids_of(text).map(|id| Mention {
                file: &script.path,
                line: at + 1,
                id,
                of: None,
            }));
        } else {
            let sentence = sentence_of(text);
            mentions[of_comment..].iter_mut().for_each(|mention| mention.of = sentence);
            of_comment = mentions.len();
        }
    }
    mentions
}

/// What a test says that a line begins: `test('a run is shown', ...`.
fn sentence_of(line: &str) -> Option<&str> {
    let rest = line.strip_prefix("test(").or_else(|| line.strip_prefix("it("))?;
    let quote = rest.chars().next().filter(|quote| matches!(quote, '\'' | '"' | '`'))?;
    rest[1..].split(quote).next()
}

/// The name of the function that a line begins, or of the case of a macro: `name: ...`.
fn name_of(line: &str) -> Option<&str> {
    let is_of_a_word = |character: char| character.is_alphanumeric() || character == '_';
    let rest = line.split_once("fn ").map_or(line, |(_, rest)| rest);
    let end = rest.find(|character| !is_of_a_word(character))?;
    rest[end..].starts_with(['(', '<', ':']).then_some(&rest[..end])
}

/// The ids in a text: `S`, the number of a document, a dash, and a story or an upper-case word with its letter.
fn ids_of(text: &str) -> impl Iterator<Item = &str> {
    let is_of_an_id = |character: char| character.is_ascii_alphanumeric() || matches!(character, '-' | '.');
    let words = text.split(move |character| !is_of_an_id(character));
    words.filter_map(|word| {
        let word = word.trim_end_matches('.');
        let (document, place) = word.split_once('-')?;
        let is_document = matches!(document.as_bytes(), [b'S', digit] if digit.is_ascii_digit());
        let is_place = place.len() > 1 && place.starts_with(|first: char| !first.is_ascii_lowercase());
        (is_document && is_place).then_some(word)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const TABLE_OF_TWO: &str = "# Rows\n\n| row | promise | shown by |\n|---|---|---|\n\
                                | S3-5a | a chain works | `tests/a.rs::a_chain_works` |\n\
                                | S3-9z | it flies | waived: it has no wings |\n";

    const SHOWS: &str = "//! x\n\n/// S3-5a: step by step.\n#[test]\nfn a_chain_works() {}\n";

    /// Checks that the text in `tests/a.rs` and the table break exactly the rules whose places are named.
    #[track_caller]
    fn check_rows(text: &str, table: &str, expected: &[&str]) {
        let violations = check(&[Source::new("tests/a.rs".into(), text.into())], &[], table);
        let places: Vec<_> = violations.iter().map(|one| format!("{}:{}", one.file, one.line)).collect();
        assert_eq!(places, expected, "{violations:#?}");
    }

    #[test]
    fn the_table_and_the_tests_may_say_the_same() {
        check_rows(SHOWS, TABLE_OF_TWO, &[]);
    }

    #[test]
    fn a_row_whose_test_does_not_name_it_is_found() {
        for text in [
            "//! x\n",
            "//! S3-5a\n\n#[test]\nfn a_chain_works() {}\n",
            "//! x\n/// S3-5a\nfn another() {}\n#[test]\nfn a_chain_works() {}\n",
            "//! x\n/// Nothing.\n#[test]\nfn a_chain_works() { /* S3-5a */ }\n",
            "//! x\n// S3-5a\n#[test]\nfn a_chain_works() { \"/// S3-5a\"; }\n",
        ] {
            check_rows(text, TABLE_OF_TWO, &["docs/SPEC-ROWS.md:5"]);
        }
    }

    #[test]
    fn an_id_that_the_table_does_not_have_or_waives_is_found_where_it_is_named() {
        let more = format!("{SHOWS}/// S3-5b, S4-AC1.\nfn more() {{}}\n/// As S3-9z says\nfn flies() {{}}\n");
        check_rows(&more, TABLE_OF_TWO, &["tests/a.rs:6", "tests/a.rs:6", "tests/a.rs:8"]);
    }

    #[test]
    fn a_row_that_stands_twice_or_says_nothing_is_found() {
        let table = format!(
            "{TABLE_OF_TWO}| S3-5a | again | `tests/a.rs::a_chain_works` |\n| S3-5c | x | later |\n| S3-5d | x | waived: |\n"
        );
        let places = ["docs/SPEC-ROWS.md:7", "docs/SPEC-ROWS.md:8", "docs/SPEC-ROWS.md:9"];
        check_rows(SHOWS, &table, &places);
    }

    #[test]
    fn a_row_may_be_shown_by_several_tests_and_by_a_case_of_a_macro() {
        let text = "//! x\nproptest! {\n    /// Many chains (S3-5a).\n    #[test]\n    fn chains(n in any::<u8>()) {}\n}\n\
                    cases! {\n    /// S3-5a\n    a_case: \"text\";\n}\n";
        let table = "| S3-5a | x | `tests/a.rs::chains`, `tests/a.rs::a_case` |\n";
        check_rows(text, table, &[]);
    }

    #[test]
    fn a_test_of_the_dashboard_is_named_by_its_sentence() {
        let table = "| S3-5a | x | `e2e/a.e2e.ts::a chain is drawn` |\n";
        let check_script = |text: &str, expected: usize| {
            let script = Script { path: "e2e/a.e2e.ts".into(), text: text.into() };
            assert_eq!(check(&[], &[script], table).len(), expected, "{text}");
        };
        check_script("/** S3-5a: node by node. */\ntest('a chain is drawn', async () => {});\n", 0);
        check_script("/**\n * S3-5a\n */\ntest('a chain is drawn', async () => {});\n", 0);
        check_script("// S3-5a\ntest('a chain is drawn', async () => {});\n", 1);
        check_script("/** S3-5a */\ntest('another', async () => {});\n", 1);
        check_script("/** S3-5a, S3-5b */\ntest('a chain is drawn', async () => {});\n", 1);
    }

    #[test]
    fn words_that_only_look_like_ids_are_left_alone() {
        let text =
            "Over S3-compatible storage, S3-5a. and (S0-1.3b), xS3-5a, S30-5a, S3-5, S3-a, S4-AC1 SHA-256";
        assert_eq!(ids_of(text).collect::<Vec<_>>(), ["S3-5a", "S0-1.3b", "S4-AC1"]);
    }
}
