//! The journal as `store export` writes it, read without any code of the daemon.

use std::collections::BTreeMap;
use std::io::BufRead;

use anyhow::{Context, bail, ensure};
use serde::Deserialize;
use serde_json::Value;

/// What is left of everything that happened.
#[derive(Debug, Clone, Default)]
pub struct Journal {
    /// All records, in their order.
    pub records: Vec<Record>,
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
    /// The epoch it was written in.
    pub epoch: u64,
    /// When it happened, in microseconds since 1970.
    pub time_us: i64,
    /// The name of its kind.
    pub kind: String,
    /// The chain hash up to and with it.
    pub chain: String,
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
                    ensure!(end.contains_key("appends") || records.is_empty(), "the archive counts nothing");
                    ensure!(
                        head == records.len() as u64,
                        "{head} records are said to be there, {} are",
                        records.len()
                    );
                    return Ok(Self { records });
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

    /// Hash over the chain hashes of the first records.
    #[must_use]
    pub fn prefix(&self, records: usize) -> String {
        let mut hash = blake3::Hasher::new();
        for record in self.records.iter().take(records) {
            hash.update(record.chain.as_bytes());
        }
        hash.finalize().to_hex().to_string()
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
        let stream = self.stream;
        self.records.into_iter().map(move |line| Record {
            sequence: line.sequence,
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

/// A short hash of a value, for comparing.
#[must_use]
pub fn digest(value: &Value) -> String {
    blake3::hash(value.to_string().as_bytes()).to_hex()[..16].to_owned()
}
