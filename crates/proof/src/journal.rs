//! The journal as `store export` writes it, and the archives of runs that were dropped, read without any code of the daemon.

use std::collections::{BTreeMap, BTreeSet};
use std::io::BufRead;
use std::path::Path;

use anyhow::{Context, bail, ensure};
use serde::Deserialize;
use serde_json::Value;

/// What is left of everything that happened.
#[derive(Debug, Clone, Default)]
pub struct Journal {
    /// All records, in their order.
    pub records: Vec<Record>,
}

/// The files of archives, by their names.
pub type Archives = BTreeMap<String, Archive>;

/// A file with runs that were dropped.
#[derive(Debug, Clone)]
pub struct Archive {
    /// Hash of its bytes.
    pub hash: String,
    /// What is in it, or why it cannot be read.
    pub read: Result<Journal, String>,
}

/// Something that happened.
#[derive(Debug, Clone, PartialEq)]
pub struct Record {
    /// Its place among all, dense from 1.
    pub sequence: u64,
    /// Its stream.
    pub stream: String,
    /// Its place in the stream, dense from 1.
    pub stream_sequence: u64,
    /// Which append it was part of, counted from 1: what was decided at once.
    pub append: u64,
    /// The epoch it was written in; 0 when nobody says, as of what is only in the archive of a run.
    pub epoch: u64,
    /// When it happened, in microseconds since 1970.
    pub time_us: i64,
    /// The name of its kind.
    pub kind: String,
    /// The chain hash up to and with it.
    pub chain: String,
    /// The stream's chain hash before it, where that is said: of the first record of an append that is not the first of its stream.
    pub before: Option<String>,
    /// What is said of it.
    pub body: Value,
    /// Hash of the body as it stands.
    pub body_hash: String,
}

impl Record {
    /// The run it is about.
    #[must_use]
    pub fn run(&self) -> Option<&str> {
        self.stream.strip_prefix("run/default/")
    }

    /// A text of its body.
    #[must_use]
    pub fn text(&self, key: &str) -> &str {
        self.body[key].as_str().unwrap_or_default()
    }

    /// The step it is about.
    #[must_use]
    pub fn step(&self) -> &str {
        self.text("step")
    }

    /// A number of its body; 0 when there is none.
    #[must_use]
    pub fn number(&self, key: &str) -> u64 {
        self.body[key].as_u64().unwrap_or_default()
    }
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Line {
    Head {
        ghostlight_archive: u32,
    },
    Mark {
        #[allow(dead_code, reason = "it tells the line from others")]
        mark: String,
        epoch: u64,
    },
    Append {
        epoch: u64,
        parts: Vec<Part>,
    },
    Blob {
        #[allow(dead_code, reason = "it tells the line from others")]
        blob: String,
    },
    Tail {
        end: BTreeMap<String, u64>,
        head: u64,
        blake3: String,
    },
}

#[derive(Deserialize)]
struct Part {
    stream: String,
    #[serde(default)]
    before: Option<String>,
    records: Vec<RecordLine>,
}

#[derive(Deserialize)]
struct RecordLine {
    sequence: u64,
    stream_sequence: u64,
    #[serde(rename = "type", default)]
    name: String,
    time_us: i64,
    chain: String,
    #[serde(default)]
    text: String,
}

impl Journal {
    /// Reads an archive: that it is whole, and what is in it. What is in it may be wrong in any way.
    ///
    /// # Errors
    /// An archive that is cut short or changed, or that is none.
    pub fn read(archive: impl BufRead) -> anyhow::Result<Self> {
        let (mut records, mut append, mut epoch, mut head_seen) = (Vec::new(), 0, 0, false);
        let mut hash = blake3::Hasher::new();
        for line in archive.lines() {
            let line = line.context("read the archive")?;
            match serde_json::from_str(&line).with_context(|| format!("understand the line {line}"))? {
                Line::Head { ghostlight_archive } => {
                    ensure!(ghostlight_archive == 1, "an archive of format {ghostlight_archive}");
                    head_seen = true;
                }
                Line::Mark { epoch: of, .. } => {
                    ensure!(of >= epoch, "the epoch went back from {epoch} to {of}");
                    epoch = of;
                }
                Line::Append { epoch: of, parts } => {
                    epoch = of;
                    append += 1;
                    records.extend(parts.into_iter().flat_map(|part| part.records(append, epoch)));
                }
                Line::Blob { .. } => {}
                Line::Tail { end, head, blake3 } => {
                    ensure!(head_seen, "the archive has no beginning");
                    ensure!(hash.finalize().to_hex().as_str() == blake3, "the archive was changed");
                    let counted = end.get("appends").copied().unwrap_or_default();
                    ensure!(counted == append, "{counted} appends are said to be there, {append} are");
                    let journal = Self { records };
                    ensure!(
                        head == journal.head(),
                        "the last record is said to be {head}, and is {}",
                        journal.head()
                    );
                    return Ok(journal);
                }
            }
            hash.update(line.as_bytes());
            hash.update(b"\n");
        }
        bail!("the archive has no end")
    }

    /// The global sequence of the last record.
    #[must_use]
    pub fn head(&self) -> u64 {
        self.records.last().map_or(0, |record| record.sequence)
    }

    /// Hash over the chain hashes of the records up to `head`, without those in these stretches.
    #[must_use]
    pub fn prefix(&self, head: u64, without: &[(u64, u64)]) -> String {
        let is_in = |sequence: u64| without.iter().any(|(from, to)| (*from..=*to).contains(&sequence));
        let mut hash = blake3::Hasher::new();
        for record in self.records.iter().take_while(|record| record.sequence <= head) {
            if !is_in(record.sequence) {
                hash.update(record.chain.as_bytes());
            }
        }
        hash.finalize().to_hex().to_string()
    }

    /// The stretches of sequences that are not there: the first and the last of each.
    #[must_use]
    pub fn gone(&self) -> Vec<(u64, u64)> {
        let (mut gone, mut last) = (Vec::new(), 0);
        for record in &self.records {
            if record.sequence > last + 1 {
                gone.push((last + 1, record.sequence - 1));
            }
            last = record.sequence;
        }
        gone
    }

    /// The journal as if nothing of it had gone that an archive holds. Whether they say the same of what is in both is another
    /// question.
    #[must_use]
    pub fn with(&self, archives: &Archives) -> Self {
        let here: BTreeSet<u64> = self.records.iter().map(|record| record.sequence).collect();
        let mut gone: BTreeMap<u64, (usize, &Record)> = BTreeMap::new();
        for (source, archive) in (1..).zip(archives.values().filter_map(|archive| archive.read.as_ref().ok()))
        {
            for record in archive.records.iter().filter(|record| !here.contains(&record.sequence)) {
                gone.entry(record.sequence).or_insert((source, record));
            }
        }
        let mut all: Vec<(usize, &Record)> = Vec::with_capacity(self.records.len() + gone.len());
        for record in &self.records {
            let later = gone.split_off(&record.sequence);
            all.extend(std::mem::replace(&mut gone, later).into_values());
            all.push((0, record));
        }
        all.extend(gone.into_values());
        // What was decided at once stands together, in whichever file it is.
        let (mut append, mut last) = (0, None);
        let records = all.into_iter().map(|(source, record)| {
            append += u64::from(last != Some((source, record.append)));
            last = Some((source, record.append));
            let epoch = if source == 0 { record.epoch } else { 0 };
            Record { append, epoch, ..record.clone() }
        });
        Self { records: records.collect() }
    }

    /// The records of each run, in their order.
    #[must_use]
    pub fn runs(&self) -> BTreeMap<&str, Vec<&Record>> {
        let mut runs: BTreeMap<&str, Vec<&Record>> = BTreeMap::new();
        for record in &self.records {
            if let Some(run) = record.run() {
                runs.entry(run).or_default().push(record);
            }
        }
        runs
    }
}

impl Part {
    fn records(self, append: u64, epoch: u64) -> impl Iterator<Item = Record> {
        let (stream, mut before) = (self.stream, self.before);
        self.records.into_iter().map(move |line| Record {
            sequence: line.sequence,
            before: before.take(),
            stream: stream.clone(),
            stream_sequence: line.stream_sequence,
            append,
            epoch,
            time_us: line.time_us,
            kind: line.name,
            chain: line.chain,
            body: serde_json::from_str(&line.text).unwrap_or(Value::Null),
            body_hash: digest(&serde_json::from_str(&line.text).unwrap_or(Value::Null)),
        })
    }
}

/// The files in a folder that have the name of an archive, by their names; none when there is no such folder.
///
/// # Errors
/// The folder, or one of its files, cannot be read at all.
pub fn archives_in(folder: &Path) -> anyhow::Result<Archives> {
    let mut archives = Archives::new();
    for (name, bytes) in files_in(folder)? {
        let read = Journal::read(&bytes[..]).map_err(|error| format!("{error:#}"));
        archives.insert(name, Archive { hash: hash_of(&bytes), read });
    }
    Ok(archives)
}

/// The hashes of these files.
///
/// # Errors
/// As [`archives_in`].
pub fn shelf_of(folder: &Path) -> anyhow::Result<BTreeMap<String, String>> {
    Ok(files_in(folder)?.into_iter().map(|(name, bytes)| (name, hash_of(&bytes))).collect())
}

fn files_in(folder: &Path) -> anyhow::Result<Vec<(String, Vec<u8>)>> {
    let mut files = Vec::new();
    if !folder.exists() {
        return Ok(files);
    }
    for entry in std::fs::read_dir(folder).with_context(|| format!("list {}", folder.display()))? {
        let path = entry?.path();
        let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default().to_owned();
        // One that is being written has another name.
        if name.ends_with(".jsonl") {
            let bytes = std::fs::read(&path).with_context(|| format!("read {}", path.display()))?;
            files.push((name, bytes));
        }
    }
    Ok(files)
}

fn hash_of(bytes: &[u8]) -> String {
    blake3::hash(bytes).to_hex()[..16].to_owned()
}

/// A short hash of a value, for comparing.
#[must_use]
pub fn digest(value: &Value) -> String {
    blake3::hash(value.to_string().as_bytes()).to_hex()[..16].to_owned()
}
