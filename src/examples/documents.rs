//! Documents: what one says about itself, and a report of many.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

use jiff::civil::Date;
use serde::{Deserialize, Serialize};

use super::protocol::{AgentError, bounded, counted};
use super::text::{is_telling, words};

const FILE_BYTES_MAX: u64 = 1024 * 1024;
const TITLE_CHARS_MAX: usize = 200;
const TERMS: usize = 8;
/// How many dates and addresses of one document are given back.
const FINDS_MAX: usize = 50;
const DOCUMENTS_MAX: usize = 1000;

/// What is asked of the reader.
#[derive(Debug, Clone, Deserialize)]
pub(super) struct Task {
    /// As seen from the folder.
    path: String,
}

/// What a document says about itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Document {
    path: String,
    title: String,
    words: u64,
    top_terms: Vec<Term>,
    /// As `2026-11-29`, in order, each once.
    dates: Vec<String>,
    /// In order, each once.
    emails: Vec<String>,
}

/// A word that stands there often.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Term {
    term: String,
    count: u64,
}

/// Reads a document in the folder.
pub(super) fn read(folder: &Path, task: Task) -> Result<Document, AgentError> {
    let shown = bounded("path", &task.path, 500)?;
    let file = located(folder, shown)?;
    let failed = |error: std::io::Error| AgentError::Data(format!("cannot read {shown}: {error}"));
    let opened = File::open(&file).map_err(failed)?;
    // What is no regular file may never end.
    if !opened.metadata().map_err(failed)?.is_file() {
        return Err(AgentError::Data(format!("{shown} is no file")));
    }
    let mut bytes = Vec::new();
    opened.take(FILE_BYTES_MAX + 1).read_to_end(&mut bytes).map_err(failed)?;
    if bytes.len() as u64 > FILE_BYTES_MAX {
        return Err(AgentError::Data(format!("{shown} has more than {FILE_BYTES_MAX} bytes")));
    }
    let text = String::from_utf8(bytes).map_err(|_| AgentError::Data(format!("{shown} is no UTF-8 text")))?;
    Ok(described(shown, &text))
}

/// The file, which must lie in the folder when all links are followed.
fn located(folder: &Path, path: &str) -> Result<PathBuf, AgentError> {
    let shown = folder.display();
    let folder = folder
        .canonicalize()
        .map_err(|error| AgentError::Configuration(format!("cannot use the folder {shown}: {error}")))?;
    let file = folder
        .join(path)
        .canonicalize()
        .map_err(|error| AgentError::Data(format!("cannot find {path} in {}: {error}", folder.display())))?;
    match file.starts_with(&folder) {
        true => Ok(file),
        false => Err(AgentError::Data(format!("{path} does not lie in {}", folder.display()))),
    }
}

fn described(path: &str, text: &str) -> Document {
    let mut counts = BTreeMap::new();
    // Addresses are told apart; their parts are no terms.
    let plain = text.split_whitespace().filter(|piece| !piece.contains('@'));
    let telling = plain.flat_map(words).filter(|word| is_telling(word) && word.chars().count() > 2);
    telling.for_each(|word| *counts.entry(word.to_lowercase()).or_default() += 1);
    Document {
        path: path.to_owned(),
        title: title(text),
        words: words(text).count() as u64,
        top_terms: top(counts),
        dates: dates(text).into_iter().take(FINDS_MAX).collect(),
        emails: emails(text).into_iter().take(FINDS_MAX).collect(),
    }
}

/// The first heading; without any, the first line.
fn title(text: &str) -> String {
    let lines = || text.lines().map(str::trim).filter(|line| !line.is_empty());
    let heading = lines().find_map(|line| line.strip_prefix("# "));
    heading.or_else(|| lines().next()).unwrap_or_default().chars().take(TITLE_CHARS_MAX).collect()
}

/// The most frequent first, equal ones by the alphabet.
fn top(counts: BTreeMap<String, u64>) -> Vec<Term> {
    let mut terms: Vec<Term> = counts.into_iter().map(|(term, count)| Term { term, count }).collect();
    terms.sort_by(|a, b| b.count.cmp(&a.count).then_with(|| a.term.cmp(&b.term)));
    terms.truncate(TERMS);
    terms
}

/// Dates as `2026-11-29`, `29 November 2026` and `November 29, 2026`, if there are such days.
fn dates(text: &str) -> BTreeSet<String> {
    let words: Vec<&str> = words(text).collect();
    let iso = words.iter().filter(|word| word.len() == 10).filter_map(|word| word.parse::<Date>().ok());
    let long = words.windows(3).filter_map(|three| match three {
        [first, second, year] => {
            let (day, month) = match month(second) {
                Some(month) => (first, month),
                None => (second, month(first)?),
            };
            Date::new(year.parse().ok().filter(|year| *year >= 1000)?, month, day.parse().ok()?).ok()
        }
        _ => None,
    });
    iso.chain(long).map(|date| date.to_string()).collect()
}

fn month(word: &str) -> Option<i8> {
    const MONTHS: [&str; 12] = [
        "january",
        "february",
        "march",
        "april",
        "may",
        "june",
        "july",
        "august",
        "september",
        "october",
        "november",
        "december",
    ];
    let place = MONTHS.iter().position(|month| word.eq_ignore_ascii_case(month))?;
    i8::try_from(place + 1).ok()
}

fn emails(text: &str) -> BTreeSet<String> {
    let is_inside = |c: char| c.is_ascii_alphanumeric() || "@.+-_%".contains(c);
    let candidates = text.split(|c| !is_inside(c)).map(|word| word.trim_matches(['.', '-']));
    candidates
        .filter(|word| match word.split_once('@') {
            Some((name, host)) => {
                let labels = || host.split('.');
                !name.is_empty()
                    && labels().count() > 1
                    && labels().all(|label| !label.is_empty())
                    && !host.contains('@')
            }
            None => false,
        })
        .map(str::to_lowercase)
        .collect()
}

/// What is asked of the reporter.
#[derive(Debug, Clone, Deserialize)]
pub(super) struct ReportTask {
    paths: Vec<String>,
    /// In the order of the paths; null where one could not be read.
    documents: Vec<Option<Document>>,
}

/// What many documents say together.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(super) struct Report {
    read: usize,
    unread: Vec<String>,
    words: u64,
    top_terms: Vec<Term>,
    first_date: Option<String>,
    last_date: Option<String>,
    emails: Vec<String>,
}

/// Makes a report.
pub(super) fn report(task: ReportTask) -> Result<Report, AgentError> {
    counted("paths", task.paths.len(), 1, DOCUMENTS_MAX)?;
    if task.paths.len() != task.documents.len() {
        let (paths, documents) = (task.paths.len(), task.documents.len());
        return Err(AgentError::Data(format!("there are {paths} paths and {documents} documents")));
    }
    let read: Vec<&Document> = task.documents.iter().flatten().collect();
    let pairs = task.paths.iter().zip(&task.documents);
    let unread = pairs.filter(|(_, document)| document.is_none()).map(|(path, _)| path.clone()).collect();
    let mut counts = BTreeMap::new();
    for term in read.iter().flat_map(|document| &document.top_terms) {
        *counts.entry(term.term.clone()).or_insert(0_u64) += term.count;
    }
    let dates: BTreeSet<&String> = read.iter().flat_map(|document| &document.dates).collect();
    let emails: BTreeSet<&String> = read.iter().flat_map(|document| &document.emails).collect();
    Ok(Report {
        read: read.len(),
        unread,
        words: read.iter().map(|document| document.words).sum(),
        top_terms: top(counts),
        first_date: dates.first().map(|date| (*date).clone()),
        last_date: dates.last().map(|date| (*date).clone()),
        emails: emails.into_iter().cloned().collect(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "Notes\n\n# The pool\n\nThe pool was dry on 2026-11-20, dry again on 29 November 2026 and on March 1, 2027.\n\
        Not on 2026-02-30. Write to Ann.Lee@example.com, or <bob@mail.example.org>. Not to me@home or @x.\n";

    #[test]
    fn a_document_says_its_title_terms_dates_and_addresses() {
        let document = described("a.md", TEXT);
        assert_eq!(document.title, "The pool");
        assert_eq!(document.dates, ["2026-11-20", "2026-11-29", "2027-03-01"]);
        assert_eq!(document.emails, ["ann.lee@example.com", "bob@mail.example.org"]);
        let terms: Vec<_> = document.top_terms.iter().map(|term| (term.term.as_str(), term.count)).collect();
        assert_eq!(terms[..2], [("dry", 2), ("pool", 2)]);
        assert_eq!(described("b.txt", "first\nsecond").title, "first");
        assert_eq!((described("c", "").title.as_str(), described("c", "").words), ("", 0));
    }

    #[test]
    fn only_texts_in_the_folder_are_read() {
        let home = tempfile::tempdir().unwrap();
        let folder = home.path().join("docs");
        std::fs::create_dir(&folder).unwrap();
        std::fs::write(home.path().join("secret"), "x").unwrap();
        std::fs::write(folder.join("a.md"), TEXT).unwrap();
        std::fs::write(folder.join("binary"), [0xff, 0xfe]).unwrap();
        std::fs::write(folder.join("long"), "x".repeat(1024 * 1024 + 1)).unwrap();
        std::os::unix::fs::symlink(home.path().join("secret"), folder.join("link")).unwrap();
        let read = |path: &str| {
            read(&folder, Task { path: path.to_owned() })
                .map(|document| document.title)
                .map_err(|error| error.to_string())
        };
        assert_eq!(read("a.md").as_deref(), Ok("The pool"));
        for (path, says) in [
            ("missing.md", "cannot find missing.md"),
            ("../secret", "does not lie in"),
            ("link", "does not lie in"),
            ("/etc/passwd", "does not lie in"),
            (".", "is no file"),
            ("binary", "is no UTF-8 text"),
            ("long", "more than 1048576 bytes"),
            ("", "path is empty"),
        ] {
            assert!(read(path).unwrap_err().contains(says), "{path}");
        }
        let nowhere = super::read(Path::new("/nowhere/at/all"), Task { path: "a".to_owned() });
        assert!(matches!(nowhere, Err(AgentError::Configuration(_))));
    }

    #[test]
    fn a_report_adds_up_what_was_read_and_names_what_was_not() {
        let paths = ["a", "b", "c"].map(str::to_owned).to_vec();
        let documents =
            vec![Some(described("a", TEXT)), None, Some(described("c", "Pool, x@y.de. 2020-01-01"))];
        let report = super::report(ReportTask { paths: paths.clone(), documents }).unwrap();
        assert_eq!((report.read, report.unread), (2, vec!["b".to_owned()]));
        assert_eq!(
            (report.first_date.as_deref(), report.last_date.as_deref()),
            (Some("2020-01-01"), Some("2027-03-01"))
        );
        assert_eq!((report.top_terms[0].term.as_str(), report.top_terms[0].count), ("pool", 3));
        assert_eq!(report.emails.len(), 3);
        let error = super::report(ReportTask { paths, documents: Vec::new() }).unwrap_err();
        assert_eq!(error.to_string(), "there are 3 paths and 0 documents");
    }
}
