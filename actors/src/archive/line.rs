//! The lines of an archive.

use std::collections::BTreeMap;

use ghostlight_model::event::kind_name;
use ghostlight_store::journal::{Place, Restored, WholeAppend, WholePart};
use ghostlight_store::{Append, NewRecord, Record, StreamAppend, StreamName, Wake};
use serde::{Deserialize, Serialize};

/// The version of the format.
pub(super) const FORMAT: u32 = 1;

/// The first line.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Head {
    /// The version of the format.
    pub ghostlight_archive: u32,
    /// Which log it was taken of.
    pub log: String,
}

/// A commit without appends: how an epoch begins and ends.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Mark {
    pub commit: u64,
    pub epoch: u64,
    /// `opened` or `closed`.
    pub mark: String,
}

/// An append.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct AppendLine {
    pub commit: u64,
    pub epoch: u64,
    /// The id its writer gave it, 32 hexadecimal digits.
    pub append: String,
    pub parts: Vec<PartLine>,
}

/// What an append says of one stream.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct PartLine {
    pub stream: String,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub route: String,
    /// `done`, `idle`, `now`, `dropped`, or a time in microseconds since the epoch.
    pub wake: WakeLine,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub aliases: Vec<String>,
    /// The stream's chain hash before the records, unless they are its first: what was before them may be missing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub before: Option<String>,
    pub records: Vec<RecordLine>,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(untagged)]
pub(super) enum WakeLine {
    Word(String),
    At(i64),
}

/// A record.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct RecordLine {
    pub sequence: u64,
    pub stream_sequence: u64,
    pub kind: u16,
    /// The name of the kind, for readers; the number holds.
    #[serde(default, rename = "type", skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    pub version: u8,
    pub time_us: i64,
    /// The chain hash up to and with this record.
    pub chain: String,
    /// The body, byte for byte.
    #[serde(flatten)]
    pub body: Bytes,
}

/// A large value.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct BlobLine {
    /// The BLAKE3 hash of its bytes.
    pub blob: String,
    #[serde(flatten)]
    pub bytes: Bytes,
}

/// Bytes: as a text where they are one, else in hexadecimal digits.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Bytes {
    Text(String),
    Hex(String),
}

/// A line, whichever it is.
#[derive(Debug, Deserialize)]
#[serde(untagged)]
pub(super) enum Line {
    Head(Head),
    Mark(Mark),
    Append(AppendLine),
    Blob(BlobLine),
    Tail(Tail),
}

/// The last line.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Tail {
    /// How many lines of each kind stand before it.
    pub end: BTreeMap<String, u64>,
    /// The global sequence of the last record; 0 when there is none.
    pub head: u64,
    /// BLAKE3 of everything before this line.
    pub blake3: String,
}

impl Bytes {
    pub fn of(bytes: &[u8]) -> Self {
        match std::str::from_utf8(bytes) {
            Ok(text) => Self::Text(text.to_owned()),
            Err(_) => Self::Hex(hex(bytes)),
        }
    }
}

impl AppendLine {
    /// An append as it stands in a journal.
    pub fn of(commit: u64, epoch: u64, append: &WholeAppend) -> Self {
        let parts = append.parts.iter().filter_map(part).collect();
        Self { commit, epoch, append: hex(&append.id), parts }
    }
}

fn part(part: &WholePart) -> Option<PartLine> {
    let first = part.records.first()?;
    Some(PartLine {
        stream: first.stream.to_string(),
        route: first.route.to_string(),
        wake: match part.wake {
            Wake::Done => WakeLine::Word("done".to_owned()),
            Wake::Idle => WakeLine::Word("idle".to_owned()),
            Wake::Now => WakeLine::Word("now".to_owned()),
            Wake::Dropped => WakeLine::Word("dropped".to_owned()),
            Wake::At(due_us) => WakeLine::At(due_us),
        },
        aliases: part.aliases.iter().map(|alias| hex(alias)).collect(),
        before: (first.stream_sequence > 1).then(|| hex(&part.chain_before)),
        records: part.records.iter().map(record).collect(),
    })
}

fn record(record: &Record) -> RecordLine {
    RecordLine {
        sequence: record.sequence,
        stream_sequence: record.stream_sequence,
        kind: record.kind,
        name: kind_name(record.kind).map(str::to_owned),
        version: record.version,
        time_us: record.time_us,
        chain: hex(&record.chain),
        body: Bytes::of(&record.body),
    }
}

impl Bytes {
    /// The bytes; none when the digits are none.
    pub fn bytes(&self) -> Option<Vec<u8>> {
        match self {
            Self::Text(text) => Some(text.clone().into_bytes()),
            Self::Hex(digits) => unhex(digits),
        }
    }
}

impl AppendLine {
    /// The append with its places, and of each part the chain hash that its last record has to have. None when a name or a number
    /// cannot be.
    pub fn append(&self) -> Option<(Restored, Vec<[u8; 32]>)> {
        let id = unhex(&self.append)?.try_into().ok()?;
        let parts = self.parts.iter().map(PartLine::part).collect::<Option<Vec<_>>>()?;
        let places = self.parts.iter().map(PartLine::place).collect::<Option<_>>()?;
        let (parts, chains) = parts.into_iter().unzip();
        Some((Restored { append: Append { id, parts }, places }, chains))
    }
}

impl PartLine {
    /// Where it stood. Its records follow on each other.
    fn place(&self) -> Option<Place> {
        let sequence = self.records.first()?.sequence;
        let is_dense = self.records.iter().zip(sequence..).all(|(record, at)| record.sequence == at);
        let chain_before = match &self.before {
            Some(digits) => Some(unhex(digits)?.try_into().ok()?),
            None => None,
        };
        is_dense.then_some(Place { sequence, chain_before })
    }

    fn part(&self) -> Option<(StreamAppend, [u8; 32])> {
        let records = self.records.iter().map(|record| {
            let body = record.body.bytes()?.into();
            Some(NewRecord { kind: record.kind, version: record.version, time_us: record.time_us, body })
        });
        let aliases = self.aliases.iter().map(|alias| unhex(alias)?.try_into().ok());
        let part = StreamAppend {
            stream: StreamName::parse(&self.stream).ok()?,
            expected: self.records.first()?.stream_sequence.checked_sub(1)?,
            records: records.collect::<Option<_>>()?,
            wake: match &self.wake {
                WakeLine::At(due_us) => Wake::At(*due_us),
                WakeLine::Word(word) => match word.as_str() {
                    "done" => Wake::Done,
                    "idle" => Wake::Idle,
                    "now" => Wake::Now,
                    "dropped" => Wake::Dropped,
                    _ => return None,
                },
            },
            route: self.route.as_str().into(),
            aliases: aliases.collect::<Option<_>>()?,
        };
        Some((part, unhex(&self.records.last()?.chain)?.try_into().ok()?))
    }
}

fn unhex(digits: &str) -> Option<Vec<u8>> {
    let pairs = digits.as_bytes().chunks(2);
    pairs.map(|pair| u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok()).collect()
}

pub(super) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
