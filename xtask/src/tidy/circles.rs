//! Modules of one crate that must not know each other in a circle.
//!
//! The compiler refuses circles of crates and lets those of modules pass; but what knows each other in a circle can only be read,
//! tested and changed together. Who uses whom is taken from the paths that begin with `crate::`; tests may use what they like.

use std::collections::{BTreeMap, BTreeSet};

use super::Violation;
use super::files::Source;

/// The folders whose modules are held to it.
const WITHOUT_CIRCLES: &[&str] = &["actors/src/"];

/// Which module uses which, and where it does so first: file and line.
type Uses<'s> = BTreeMap<String, BTreeMap<String, (&'s str, usize)>>;

/// Finds the circles.
pub fn check(sources: &[Source]) -> Vec<Violation> {
    WITHOUT_CIRCLES.iter().flat_map(|folder| circles(&uses_in(sources, folder))).collect()
}

fn uses_in<'s>(sources: &'s [Source], folder: &str) -> Uses<'s> {
    let mut uses = Uses::new();
    for source in sources {
        let Some(module) = source.path.strip_prefix(folder).and_then(module_of) else { continue };
        let used = uses.entry(module.to_owned()).or_default();
        for (line, name) in names_used(&source.code_without_tests()) {
            if name != module {
                used.entry(name).or_insert((&source.path, line));
            }
        }
    }
    uses
}

/// The module that a file belongs to; none for the root and for tests in files of their own.
fn module_of(path: &str) -> Option<&str> {
    let (first, rest) = path.split_once('/').unwrap_or((path, ""));
    let is_of_tests = |part: &str| matches!(part.trim_end_matches(".rs"), "tests" | "testing");
    let module = first.trim_end_matches(".rs");
    (module != "lib" && !is_of_tests(first) && !rest.split('/').any(is_of_tests)).then_some(module)
}

/// The modules that stand behind `crate::`, alone or several in braces, with their lines.
fn names_used(code: &str) -> Vec<(usize, String)> {
    let mut names = Vec::new();
    for (at, path) in code.match_indices("crate::") {
        let (line, rest) = (code[..at].matches('\n').count() + 1, &code[at + path.len()..]);
        let mut depth = 0_usize;
        let mut begins = true;
        for (at, character) in rest.char_indices() {
            match character {
                '{' => (depth, begins) = (depth + 1, true),
                '}' if depth > 1 => depth -= 1,
                '}' | ';' => break,
                ',' if depth == 1 => begins = true,
                _ if character.is_whitespace() => {}
                _ if begins && depth <= 1 => {
                    let is_of_a_name = |character: char| character.is_alphanumeric() || character == '_';
                    let name =
                        rest[at..].split(|character| !is_of_a_name(character)).next().unwrap_or_default();
                    names.push((line, name.to_owned()));
                    begins = false;
                    if depth == 0 {
                        break;
                    }
                }
                _ => {}
            }
        }
    }
    names
}

/// One violation for each module that reaches itself, at the use that leads there.
fn circles(uses: &Uses<'_>) -> Vec<Violation> {
    let reaches = |from: &str, to: &str| {
        let (mut seen, mut left) = (BTreeSet::new(), vec![from.to_owned()]);
        while let Some(module) = left.pop() {
            if module == to {
                return true;
            }
            if seen.insert(module.clone()) {
                left.extend(uses.get(&module).into_iter().flat_map(BTreeMap::keys).cloned());
            }
        }
        false
    };
    let all =
        uses.iter().flat_map(|(module, used)| used.iter().map(move |(name, place)| (module, name, place)));
    let circular = all.filter(|(module, name, _)| uses.contains_key(*name) && reaches(name, module));
    circular
        .map(|(module, name, (file, line))| Violation {
            file: (*file).to_owned(),
            line: *line,
            what: format!(
                "`{module}` uses `{name}`, which uses `{module}` in turn: one of them has two ideas"
            ),
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(files: &[(&str, &str)]) -> Vec<String> {
        let source =
            |(path, text): &(&str, &str)| Source::new(format!("actors/src/{path}"), (*text).to_owned());
        let sources: Vec<Source> = files.iter().map(source).collect();
        check(&sources)
            .into_iter()
            .map(|violation| format!("{}:{}", violation.file, violation.line))
            .collect()
    }

    #[test]
    fn modules_that_use_each_other_in_a_circle_are_found_at_each_step_of_it() {
        let circle = [
            ("ledger.rs", "use std::io;\nuse crate::storage::Storage;\n"),
            ("storage.rs", "use crate::{caller::StoreError, system::{System, Boot}};\n"),
            ("system/mod.rs", "fn note(to: &crate::ledger::Ledger) {}\n"),
            ("caller.rs", ""),
        ];
        assert_eq!(
            found(&circle),
            ["actors/src/ledger.rs:2", "actors/src/storage.rs:1", "actors/src/system/mod.rs:1"]
        );
        let broken = [circle[0], ("storage.rs", "use crate::caller::StoreError;\n"), circle[2], circle[3]];
        assert!(found(&broken).is_empty());
    }

    #[test]
    fn tests_and_comments_may_name_whom_they_like() {
        let files = [
            ("a.rs", "use crate::b::B;\n"),
            ("b.rs", "// crate::a\n#[cfg(test)]\nmod tests {\n    use crate::a::A;\n}\n"),
            ("b/tests.rs", "use crate::a::A;\n"),
            ("testing.rs", "use crate::b::B;\n"),
        ];
        assert!(found(&files).is_empty());
    }
}
