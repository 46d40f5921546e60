//! The table in `OTP.md` and the tests say the same: each case that is ours is a test of that name, exactly once, where the table
//! says, with a sentence that says what it asserts.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

/// Where the table's short names of folders lead.
const FOLDERS: [(&str, &str); 2] = [("core/", "src/core/tests/otp/"), ("shell/", "tests/otp/")];

#[derive(Debug)]
struct Row {
    case: String,
    /// None for what OTP leaves out.
    verdict: Option<String>,
    place: String,
}

fn rows(table: &str) -> Vec<Row> {
    let cells = |line: &str| -> Vec<String> {
        line.trim_matches('|').split(" | ").map(|cell| cell.trim().to_owned()).collect()
    };
    let is_case =
        |line: &&str| line.starts_with("| ") && !line.starts_with("| case ") && !line.starts_with("| ---");
    let row = |line: &str| {
        let cells = cells(line);
        let verdict = (cells.len() == 4).then(|| cells[1].clone());
        let place = &cells[cells.len() - 2];
        let place =
            FOLDERS.iter().fold(place.trim_matches('`').to_owned(), |place, (short, long)| {
                match place.strip_prefix(short) {
                    Some(rest) => format!("{long}{rest}"),
                    None => place,
                }
            });
        Row { case: cells[0].clone(), verdict, place }
    };
    table.lines().filter(is_case).map(row).collect()
}

fn rust_files(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).expect("a folder") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            rust_files(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(path);
        }
    }
}

/// The name of the function that a line begins, if it begins one.
fn function(line: &str) -> Option<&str> {
    let line = line.trim_start().trim_start_matches("async ");
    let name = line.strip_prefix("fn ")?;
    name.find('(').map(|end| &name[..end])
}

/// The test functions of a file with their doc comments.
fn tests_of(text: &str) -> Vec<(String, String)> {
    let (mut found, mut doc, mut is_test) = (Vec::new(), String::new(), false);
    for line in text.lines() {
        let trimmed = line.trim_start();
        if let Some(words) = trimmed.strip_prefix("///") {
            doc = format!("{doc} {}", words.trim()).trim().to_owned();
        } else if trimmed.starts_with("#[") {
            is_test |= trimmed == "#[test]" || trimmed.starts_with("#[tokio::test");
        } else {
            if let Some(name) = function(line).filter(|_| is_test) {
                found.push((name.to_owned(), doc.clone()));
            }
            (doc, is_test) = (String::new(), false);
        }
    }
    found
}

#[test]
fn every_case_of_otp_is_a_test_of_its_name_where_the_table_says() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let rows = rows(include_str!("../../OTP.md"));
    let with = |verdict: &str| rows.iter().filter(|row| row.verdict.as_deref() == Some(verdict)).count();
    assert_eq!((with("P"), with("A"), with("-")), (65, 14, 14), "93 cases");
    assert_eq!(rows.len(), 93 + 3, "and three of our own");

    let mut files = Vec::new();
    rust_files(&root.join("src"), &mut files);
    rust_files(&root.join("tests"), &mut files);
    let mut tests: BTreeMap<String, Vec<(String, String)>> = BTreeMap::new();
    for file in files {
        let text = fs::read_to_string(&file).expect("a text");
        let place = file.strip_prefix(root).expect("below the crate").to_string_lossy().replace('\\', "/");
        for (name, doc) in tests_of(&text) {
            tests.entry(name).or_default().push((place.clone(), doc));
        }
    }
    let mut listed = Vec::new();
    for Row { case, verdict, place } in &rows {
        assert!(!listed.contains(&case), "{case} is in the table twice");
        listed.push(case);
        let found = tests.get(case).map(Vec::as_slice).unwrap_or_default();
        if verdict.as_deref() == Some("-") {
            assert!(found.is_empty(), "{case} is said not to apply, and is a test");
            continue;
        }
        let [(actual, doc)] = found else { panic!("{case} is a test {} times: {found:?}", found.len()) };
        assert_eq!(actual, place, "{case}");
        let sentences = doc.matches(". ").count() + 1;
        assert!(doc.ends_with('.') && sentences == 1, "{case} is described by one sentence: {doc}");
    }
    // And the other way round: what stands in the folders of the cases is in the table.
    for (name, found) in &tests {
        let ported = found.iter().any(|(place, _)| {
            FOLDERS.iter().any(|(_, folder)| place.starts_with(folder)) && !place.ends_with("/table.rs")
        });
        assert!(!ported || listed.contains(&name), "{name} is not in the table");
    }
}
