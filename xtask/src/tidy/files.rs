//! The rules that each Rust file is held to: how it opens, how long it is, what must not be left in it.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::Context;

use super::Violation;
use super::source::{Tests, code_of, tests_of};

/// How many lines a file may have besides its tests.
const LINES_MAX: usize = 600;

/// Files that may be longer, with the reason. An entry that is no longer needed is a violation itself.
const MAY_BE_LONGER: &[(&str, &str)] = &[];

/// Macros that stand for something unfinished, or for looking into it.
const LEFTOVERS: &[&str] = &["todo", "unimplemented", "dbg"];

/// Folders without sources of ours.
const NOT_OURS: &[&str] = &["target", "node_modules", "ghostlight-data"];

/// How deep folders are searched; ours are far flatter.
const DEPTH_MAX: usize = 16;

/// One Rust file.
pub struct Source {
    /// Its path from the root, with `/`.
    pub(super) path: String,
    /// What it says.
    pub(super) text: String,
    /// What of that is code.
    pub(super) code: String,
    /// Its tests.
    tests: Tests,
}

impl Source {
    pub(super) fn new(path: String, text: String) -> Self {
        let code = code_of(&text);
        let tests = tests_of(&code);
        Self { path, text, code, tests }
    }

    /// What is compiled when nothing is tested, line for line.
    pub(super) fn code_without_tests(&self) -> String {
        let is_tested = |at: usize| self.tests.lines.iter().any(|lines| lines.contains(&at));
        let lines = self.code.lines().enumerate();
        lines.map(|(at, line)| if is_tested(at) { "\n".to_owned() } else { format!("{line}\n") }).collect()
    }
}

/// All Rust files below `root` in order of their paths, but for hidden folders and what is built.
pub fn sources(root: &Path) -> anyhow::Result<Vec<Source>> {
    let mut found = Vec::new();
    collect(root, root, 0, &mut found)?;
    found.sort_by(|one: &Source, other| one.path.cmp(&other.path));
    Ok(found)
}

fn collect(root: &Path, folder: &Path, depth: usize, found: &mut Vec<Source>) -> anyhow::Result<()> {
    anyhow::ensure!(depth < DEPTH_MAX, "{} lies deeper than {DEPTH_MAX} folders", folder.display());
    for entry in fs::read_dir(folder).with_context(|| format!("read {}", folder.display()))? {
        let entry = entry?;
        let (path, name) = (entry.path(), entry.file_name().to_string_lossy().into_owned());
        let kind = entry.file_type()?;
        if kind.is_dir() && !name.starts_with('.') && !NOT_OURS.contains(&name.as_str()) {
            collect(root, &path, depth + 1, found)?;
        } else if kind.is_file() && name.ends_with(".rs") {
            let text = fs::read_to_string(&path).with_context(|| format!("read {}", path.display()))?;
            let shown = path.strip_prefix(root).unwrap_or(&path).to_string_lossy().replace('\\', "/");
            found.push(Source::new(shown, text));
        }
    }
    Ok(())
}

/// Checks all files.
pub fn check(sources: &[Source]) -> Vec<Violation> {
    check_with(sources, MAY_BE_LONGER)
}

fn check_with(sources: &[Source], may_be_longer: &[(&str, &str)]) -> Vec<Violation> {
    let test_files = test_files(sources);
    let mut violations = Vec::new();
    let mut excused = BTreeSet::new();
    for source in sources {
        violations.extend(opening(source));
        violations.extend(leftovers(source));
        let Some(too_long) = length(source, &test_files) else { continue };
        match may_be_longer.iter().find(|(path, _)| *path == source.path) {
            Some((path, _)) => _ = excused.insert(*path),
            None => violations.push(too_long),
        }
    }
    let stale = may_be_longer.iter().filter(|(path, _)| !excused.contains(path));
    violations.extend(stale.map(|(path, _)| Violation {
        file: (*path).into(),
        line: 1,
        what:
            "is allowed to be long and no longer is: take it from the list in xtask/src/tidy/files.rs".into(),
    }));
    violations
}

/// A file says first what it is for.
fn opening(source: &Source) -> Option<Violation> {
    let is_fixture = source.path.split('/').any(|folder| folder == "fixtures");
    let opens = source.text.starts_with("//!");
    (!is_fixture && !opens).then(|| Violation {
        file: source.path.clone(),
        line: 1,
        what: "must open with //!: what it is for, what it promises, what it leaves to others".into(),
    })
}

/// Nothing unfinished, and no test that is not run.
fn leftovers(source: &Source) -> Vec<Violation> {
    let mut violations = Vec::new();
    for (at, (line, written)) in source.code.lines().zip(source.text.lines()).enumerate() {
        let mut violation =
            |what: String| violations.push(Violation { file: source.path.clone(), line: at + 1, what });
        for name in LEFTOVERS.iter().filter(|name| calls_macro(line, name)) {
            violation(format!("{name}! must not be left in"));
        }
        let attribute = line.trim_start().trim_start_matches("#[").trim_start_matches("cfg_attr");
        // A process that a test starts has to be a test itself, and says so.
        let is_process = written.contains("by another test") || written.contains("by the test");
        let start = line.trim_start();
        let ignores = start.starts_with("#[ignore") || start.starts_with("#[cfg_attr");
        if ignores && !is_process && words(attribute).any(|word| word == "ignore") {
            violation("an ignored test proves nothing: make it fast, or give it a long size".into());
        }
    }
    violations
}

/// Whether `line` has the macro `name` called by its bare name or by a path.
fn calls_macro(line: &str, name: &str) -> bool {
    line.match_indices(name).any(|(at, _)| {
        let is_of_a_word = |character: char| character.is_alphanumeric() || character == '_';
        !line[..at].ends_with(is_of_a_word)
            && line[at + name.len()..].starts_with('!')
            && !line[at + name.len()..].starts_with("!=")
    })
}

fn words(text: &str) -> impl Iterator<Item = &str> {
    text.split(|character: char| !character.is_alphanumeric() && character != '_')
}

/// A file that is long has more than one idea.
fn length(source: &Source, test_files: &BTreeSet<PathBuf>) -> Option<Violation> {
    let path = Path::new(&source.path);
    let is_test =
        path.components().any(|part| matches!(part.as_os_str().to_str(), Some("tests" | "benches")))
            || path.ancestors().any(|part| test_files.contains(&part.with_extension("")));
    if is_test {
        return None;
    }
    let is_of_tests = |line: usize| source.tests.lines.iter().any(|tests| tests.contains(&line));
    let lines = source.text.lines().count();
    let of_product = (0..lines).filter(|&line| !is_of_tests(line)).count();
    (of_product > LINES_MAX).then(|| Violation {
        file: source.path.clone(),
        line: LINES_MAX + 1,
        what: format!(
            "has {of_product} lines besides its tests, more than {LINES_MAX}: split it by its ideas"
        ),
    })
}

/// The paths, without extension, of modules that are compiled for tests only.
fn test_files(sources: &[Source]) -> BTreeSet<PathBuf> {
    let named = sources.iter().flat_map(|source| {
        let path = Path::new(&source.path);
        let folder = match path.file_stem().and_then(|stem| stem.to_str()) {
            Some("lib" | "main" | "mod") | None => path.parent().unwrap_or(path).to_path_buf(),
            Some(_) => path.with_extension(""),
        };
        source.tests.modules.iter().map(move |module| folder.join(module))
    });
    named.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(path: &str, text: &str) -> Source {
        Source::new(path.into(), text.into())
    }

    /// Checks that the files break exactly the rules whose `path:line` are named.
    #[track_caller]
    fn check_files(files: &[Source], expected: &[&str]) {
        let violations = check_with(files, &[]);
        let places: Vec<_> = violations.iter().map(|one| format!("{}:{}", one.file, one.line)).collect();
        assert_eq!(places, expected, "{violations:#?}");
    }

    fn lines(count: usize) -> String {
        format!("//! Long.\n{}", "fn f() {}\n".repeat(count - 1))
    }

    #[test]
    fn a_file_must_open_with_what_it_is_for_unless_it_is_a_fixture() {
        check_files(&[file("a.rs", "//! For this.\n")], &[]);
        check_files(&[file("a.rs", "\n//! For this.\n")], &["a.rs:1"]);
        check_files(&[file("a.rs", "// For this.\n")], &["a.rs:1"]);
        check_files(&[file("tests/fixtures/a.rs", "fn main() {}\n")], &[]);
    }

    #[test]
    fn unfinished_code_and_ignored_tests_are_found_where_they_stand() {
        let text = "//! x\nfn f() { todo!() }\nfn g() { std::unimplemented!(\"x\") }\nlet a = dbg![1];\n\
                    #[ignore]\n#[ignore = \"slow\"]\n#[cfg_attr(miri, ignore)]\n";
        check_files(&[file("a.rs", text)], &["a.rs:2", "a.rs:3", "a.rs:4", "a.rs:5", "a.rs:6", "a.rs:7"]);
    }

    #[test]
    fn words_that_only_look_like_leftovers_are_left_alone() {
        let text = "//! No todo!() here.\nlet s = \"dbg!(x)\"; // unimplemented!()\nmy_todo!();\nif todo != 1 {}\n\
                    if todo!= 1 {}\nlet ignore = 1;\n#[serde(ignored)]\n\
                    #[schema(ignore)]\n#[ignore = \"started by the test below\"]\n";
        check_files(&[file("a.rs", text)], &[]);
    }

    #[test]
    fn a_file_may_have_six_hundred_lines_and_no_more() {
        check_files(&[file("a.rs", &lines(LINES_MAX))], &[]);
        check_files(&[file("a.rs", &lines(LINES_MAX + 1))], &["a.rs:601"]);
    }

    #[test]
    fn tests_do_not_count_wherever_they_stand() {
        let inside =
            format!("//! Short.\n#[cfg(test)]\nmod tests {{\n{}}}\n", "fn f() {}\n".repeat(LINES_MAX));
        let beside = file("src/a.rs", "//! Short.\n#[cfg(test)]\nmod tests;\n");
        let beside_root = file("src/lib.rs", "//! Short.\n#[cfg(test)]\nmod suite;\n");
        check_files(
            &[
                file("inside.rs", &inside),
                beside,
                beside_root,
                file("src/a/tests.rs", &lines(700)),
                file("src/suite/part.rs", &lines(700)),
                file("tests/a.rs", &lines(700)),
            ],
            &[],
        );
    }

    #[test]
    fn a_long_file_can_be_excused_and_an_excuse_that_is_not_needed_is_refused() {
        let excuses = [("a.rs", "a table"), ("b.rs", "was a table")];
        let violations = check_with(&[file("a.rs", &lines(601)), file("b.rs", &lines(10))], &excuses);
        assert_eq!(violations.len(), 1);
        assert_eq!(violations[0].file, "b.rs");
    }

    #[test]
    fn hidden_folders_and_what_is_built_are_not_searched() {
        let root = tempfile::tempdir().unwrap();
        for folder in ["src", ".git", "target"] {
            fs::create_dir(root.path().join(folder)).unwrap();
            fs::write(root.path().join(folder).join("a.rs"), "//! x\n").unwrap();
        }
        let found = sources(root.path()).unwrap();
        assert_eq!(found.iter().map(|source| source.path.as_str()).collect::<Vec<_>>(), ["src/a.rs"]);
    }
}
