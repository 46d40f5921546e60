//! What goes into a journal and what comes out of it: streams, records, appends, commits.
//!
//! A record's body is opaque bytes: nothing here ever looks into it. A stream's records are dense from 1; the
//! global sequence is dense from 1 over all streams and rises in commit order. Where a journal was compacted, records of
//! dropped streams are missing, and their sequences with them. Every record carries the chain
//! hash of its stream, so that a reader can prove that nothing before it was changed or left out.

use std::fmt;
use std::ops::Range;
use std::sync::Arc;

use bytes::Bytes;
use thiserror::Error;

/// The longest name of a stream, in bytes.
pub const STREAM_NAME_BYTES_MAX: usize = 200;
/// The longest routing word, in bytes.
pub const ROUTE_BYTES_MAX: usize = 200;
/// How many aliases one part of an append may add to its stream.
pub const ALIASES_MAX: usize = 255;
/// How many records one append may hold.
pub const APPEND_RECORDS_MAX: usize = 65_536;

/// The name of a stream: `{kind}/{namespace}/{id}`. Cheap to clone; ordered bytewise.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct StreamName(Arc<str>);

/// Why a text is no [`StreamName`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("a stream's name is kind/namespace/id, at most 200 bytes, without empty parts or control characters")]
pub struct InvalidStreamName;

impl StreamName {
    /// Builds a name of its three parts. Kind and namespace must not hold a `/`; the id may.
    ///
    /// # Errors
    /// [`InvalidStreamName`] when a part is empty, holds a control character, or the whole is over
    /// [`STREAM_NAME_BYTES_MAX`].
    pub fn new(kind: &str, namespace: &str, id: &str) -> Result<Self, InvalidStreamName> {
        if kind.contains('/') || namespace.contains('/') {
            return Err(InvalidStreamName);
        }
        Self::parse(&format!("{kind}/{namespace}/{id}"))
    }

    /// Reads a whole name.
    ///
    /// # Errors
    /// As [`StreamName::new`].
    pub fn parse(name: &str) -> Result<Self, InvalidStreamName> {
        let mut parts = name.splitn(3, '/');
        let complete = (0..3).all(|_| parts.next().is_some_and(|part| !part.is_empty()));
        let printable = if name.is_ascii() {
            !name.bytes().any(|byte| byte.is_ascii_control())
        } else {
            !name.chars().any(char::is_control)
        };
        if complete && printable && name.len() <= STREAM_NAME_BYTES_MAX {
            Ok(Self(name.into()))
        } else {
            Err(InvalidStreamName)
        }
    }

    /// The whole name.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// What the stream is about: `run`, `workflow`, `key`, ...
    pub fn kind(&self) -> &str {
        self.part(0)
    }

    /// The namespace it belongs to.
    pub fn namespace(&self) -> &str {
        self.part(1)
    }

    /// Which one of its kind.
    pub fn id(&self) -> &str {
        self.part(2)
    }

    fn part(&self, index: usize) -> &str {
        self.0.splitn(3, '/').nth(index).unwrap_or_default()
    }
}

impl fmt::Display for StreamName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for StreamName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::borrow::Borrow<str> for StreamName {
    fn borrow(&self) -> &str {
        &self.0
    }
}

/// What a stream's owner wants of a restart. Kept with the stream's head; the last one given holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Wake {
    /// Nothing will ever follow by itself.
    Done,
    /// Something may follow, but only when somebody asks.
    #[default]
    Idle,
    /// There is work to do: wake it at start.
    Now,
    /// Wake it at this time, in microseconds since the epoch.
    At(i64),
    /// It was dropped: the records of this append are the last that it ever has, and all before them may be forgotten.
    Dropped,
}

impl Wake {
    /// When it is due, in microseconds since the epoch: the earliest time there is for [`Wake::Now`], `None` for
    /// what needs no waking.
    pub fn due_us(self) -> Option<i64> {
        match self {
            Wake::Done | Wake::Idle | Wake::Dropped => None,
            Wake::Now => Some(i64::MIN),
            Wake::At(time) => Some(time),
        }
    }
}

/// A record that is not in the journal yet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewRecord {
    /// What happened, as a number of the writer's table.
    pub kind: u16,
    /// The version of the body's format.
    pub version: u8,
    /// When, in microseconds since the epoch; information, never order.
    pub time_us: i64,
    /// What the writer has to say about it.
    pub body: Bytes,
}

/// Records for one stream.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StreamAppend {
    /// The stream.
    pub stream: StreamName,
    /// The sequence of the stream's last record as the writer knows it; 0 says that it must not exist.
    pub expected: u64,
    /// At least one.
    pub records: Vec<NewRecord>,
    /// What a restart should do with the stream from now on.
    pub wake: Wake,
    /// A word to filter by, kept with the records and with the head; may be empty. At most
    /// [`ROUTE_BYTES_MAX`].
    pub route: Arc<str>,
    /// Further ids by which the stream is found from now on; at most [`ALIASES_MAX`]. Of two streams with one
    /// alias the later one is found.
    pub aliases: Vec<[u8; 16]>,
}

/// What one decision changes: **all or nothing**, over one or several streams.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Append {
    /// An id of the writer's making, by which an unknown outcome is asked for.
    pub id: [u8; 16],
    /// At least one; no stream twice.
    pub parts: Vec<StreamAppend>,
}

impl Append {
    /// An append to one stream.
    pub fn one(id: [u8; 16], part: StreamAppend) -> Self {
        Self { id, parts: vec![part] }
    }

    /// Checks what no journal takes, before it is queued.
    ///
    /// # Errors
    /// [`AppendError::Invalid`] with the reason.
    pub fn validate(&self) -> Result<(), AppendError> {
        let reason = if self.parts.is_empty() {
            "it has no parts"
        } else if self.parts.iter().any(|part| part.records.is_empty()) {
            "a part has no records"
        } else if self.parts.iter().any(|part| part.route.len() > ROUTE_BYTES_MAX) {
            "a route is too long"
        } else if self.parts.iter().any(|part| part.aliases.len() > ALIASES_MAX) {
            "a part has too many aliases"
        } else if self.record_count() > APPEND_RECORDS_MAX {
            "it has too many records"
        } else if has_a_stream_twice(&self.parts) {
            "a stream stands in it twice"
        } else {
            return Ok(());
        };
        Err(AppendError::Invalid(reason))
    }

    /// How many records it holds.
    pub fn record_count(&self) -> usize {
        self.parts.iter().map(|part| part.records.len()).sum()
    }

    /// How many bytes it takes in a journal on files.
    pub fn size_bytes(&self) -> usize {
        let part = |part: &StreamAppend| {
            let records: usize = part.records.iter().map(|record| record.body.len() + 16).sum();
            let chain = if part.expected > 0 { 32 } else { 0 };
            let due = if matches!(part.wake, Wake::At(_)) { 8 } else { 0 };
            let names = part.stream.as_str().len() + part.route.len() + part.aliases.len() * 16;
            64 + chain + due + names + records
        };
        20 + self.parts.iter().map(part).sum::<usize>()
    }
}

fn has_a_stream_twice(parts: &[StreamAppend]) -> bool {
    if let [one, other] = parts {
        return one.stream == other.stream;
    }
    let mut names: Vec<_> = parts.iter().map(|part| &part.stream).collect();
    names.sort_unstable();
    names.windows(2).any(|pair| pair[0] == pair[1])
}

/// A committed record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Record {
    /// Its place among all records, dense from 1.
    pub sequence: u64,
    /// Its stream.
    pub stream: StreamName,
    /// Its place in the stream, dense from 1.
    pub stream_sequence: u64,
    /// When it happened, in microseconds since the epoch.
    pub time_us: i64,
    /// What happened.
    pub kind: u16,
    /// The version of the body's format.
    pub version: u8,
    /// The routing word it was appended with.
    pub route: Arc<str>,
    /// The stream's chain hash up to and with this record: see [`chain_hash`].
    pub chain: [u8; 32],
    /// The body. It shares memory with its neighbours: copy it to keep it for long.
    pub body: Bytes,
}

/// The chain hash of a stream before its first record.
pub const CHAIN_START: [u8; 32] = [0; 32];

/// The chain hash of a record:
/// `BLAKE3(previous, stream, stream sequence, global sequence, time, kind, BLAKE3(body))`, numbers little-endian,
/// the stream's name preceded by its length as one byte. Where the record lies on a disk is not part of it, and
/// the body enters by its hash alone, so that a body may be erased and the chain still be checked.
#[allow(clippy::too_many_arguments, reason = "the formula, argument by argument")]
pub fn chain_hash(
    previous: &[u8; 32],
    stream: &StreamName,
    stream_sequence: u64,
    sequence: u64,
    time_us: i64,
    kind: u16,
    body: &[u8],
) -> [u8; 32] {
    let name = stream.as_str().as_bytes();
    let mut input = [0; 32 + 1 + STREAM_NAME_BYTES_MAX + 8 + 8 + 8 + 2 + 32];
    let mut len = 0;
    let mut put = |bytes: &[u8]| {
        input[len..len + bytes.len()].copy_from_slice(bytes);
        len += bytes.len();
    };
    put(previous);
    put(&[u8::try_from(name.len()).unwrap_or(u8::MAX)]);
    put(name);
    put(&stream_sequence.to_le_bytes());
    put(&sequence.to_le_bytes());
    put(&time_us.to_le_bytes());
    put(&kind.to_le_bytes());
    put(blake3::hash(body).as_bytes());
    *blake3::hash(&input[..len]).as_bytes()
}

/// Everything that became durable by one sync, in order. Shared by all who follow.
#[derive(Debug, PartialEq, Eq)]
pub struct CommitBatch {
    /// The epoch it was written in.
    pub epoch: u64,
    /// The global sequence of the first record.
    pub first_sequence: u64,
    /// The global sequence of the last record.
    pub last_sequence: u64,
    /// All records, dense from `first_sequence` to `last_sequence`.
    pub records: Vec<Record>,
}

/// The answer to an append that is durable now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Committed {
    batch: Arc<CommitBatch>,
    range: Range<usize>,
}

impl Committed {
    /// The append's share `range` of a commit. The range must lie in the batch and hold at least one record.
    pub fn new(batch: Arc<CommitBatch>, range: Range<usize>) -> Self {
        debug_assert!(!range.is_empty() && range.end <= batch.records.len());
        Self { batch, range }
    }

    /// The global sequence of its first record.
    pub fn first_sequence(&self) -> u64 {
        self.batch.first_sequence + self.range.start as u64
    }

    /// The global sequence of its last record.
    pub fn last_sequence(&self) -> u64 {
        self.batch.first_sequence + self.range.end as u64 - 1
    }

    /// Its records, part after part as they were appended.
    pub fn records(&self) -> &[Record] {
        self.batch.records.get(self.range.clone()).unwrap_or_default()
    }
}

/// Where a stream stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StreamHead {
    /// The sequence of its last record.
    pub sequence: u64,
    /// The chain hash of its last record.
    pub chain: [u8; 32],
    /// What its owner wants of a restart.
    pub wake: Wake,
    /// The routing word of its last append.
    pub route: Arc<str>,
    /// Whether its last record is damaged, and what it says of itself not proved: nothing can follow on it.
    pub is_in_doubt: bool,
}

/// Why an append was refused, by what its writer can do about it.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum AppendError {
    /// Somebody else wrote: read the stream and decide again.
    #[error("stream {stream} is at {actual}, expected {expected}")]
    Conflict {
        /// The first stream that was not where it was expected.
        stream: StreamName,
        /// Where the writer believed it to be.
        expected: u64,
        /// Where it is.
        actual: u64,
    },
    /// A newer owner has taken over: stop.
    #[error("the journal was taken over by a newer epoch")]
    Fenced,
    /// The disk is full; nothing was written. It works again when there is space.
    #[error("the journal's disk is full")]
    Full,
    /// The queue is full; nothing was written. Try again a little later.
    #[error("the journal's queue is full")]
    Busy,
    /// The journal takes nothing for now, or was closed; nothing was written.
    #[error("the journal is not available")]
    Unavailable,
    /// Nobody knows whether it was written: ask for the outcome by the append's id once the journal is back.
    #[error("the outcome of the append is not known")]
    OutcomeUnknown,
    /// Larger than the journal can ever take; nothing was written.
    #[error("the append of {bytes} bytes is over the limit of {bytes_max}")]
    TooLarge {
        /// How large it is.
        bytes: usize,
        /// How large it may be.
        bytes_max: usize,
    },
    /// The stream was dropped, and takes nothing more.
    #[error("the stream was dropped")]
    Dropped,
    /// The stream's last record is damaged, so that nobody can tell what it would follow on. Nothing was written.
    #[error("the last record of stream {stream} is damaged: nothing can follow on it")]
    Damaged {
        /// The stream.
        stream: StreamName,
    },
    /// The append contradicts itself: a bug of the writer. Nothing was written.
    #[error("the append is not valid: {0}")]
    Invalid(&'static str),
}

/// Damage that was found in what had been committed: where, and whose.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("journal segment {segment} is damaged at byte {offset}: {reason}{}", ListOf(streams))]
pub struct Corruption {
    /// The number of the segment.
    pub segment: u64,
    /// Where in its file.
    pub offset: u64,
    /// What is wrong.
    pub reason: &'static str,
    /// The streams that are hit, as far as they can be told; empty when they cannot.
    pub streams: Vec<StreamName>,
}

/// Prints ` (streams a, b)`, or nothing.
struct ListOf<'a>(&'a [StreamName]);

impl fmt::Display for ListOf<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Some((first, rest)) = self.0.split_first() else { return Ok(()) };
        write!(f, " (streams {first}")?;
        rest.iter().try_for_each(|name| write!(f, ", {name}"))?;
        f.write_str(")")
    }
}

/// Why something could not be read.
#[derive(Debug, Error)]
pub enum ReadError {
    /// What was committed is damaged. Other streams may be fine.
    #[error(transparent)]
    Corrupt(#[from] Corruption),
    /// The device refused; reading again may work.
    #[error("the journal cannot be read")]
    Device(#[from] std::io::Error),
    /// The journal was closed, or its backend is away.
    #[error("the journal is not available")]
    Unavailable,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_have_three_parts_and_the_id_may_hold_slashes() {
        let name = StreamName::new("run", "default", "a/b").expect("valid");
        assert_eq!((name.kind(), name.namespace(), name.id()), ("run", "default", "a/b"));
        let long = "x".repeat(STREAM_NAME_BYTES_MAX);
        for bad in ["", "a", "a/b", "a/b/", "/b/c", "a//c", "a/b/\n", &format!("a/b/{long}")] {
            assert_eq!(StreamName::parse(bad), Err(InvalidStreamName), "{bad:?}");
        }
        assert!(StreamName::new("a/b", "c", "d").is_err());
    }

    #[test]
    fn an_append_that_contradicts_itself_is_refused() {
        let record = NewRecord { kind: 1, version: 1, time_us: 0, body: Bytes::new() };
        let part = |id: &str, records: usize| StreamAppend {
            stream: StreamName::new("run", "default", id).expect("valid"),
            expected: 0,
            records: vec![record.clone(); records],
            wake: Wake::Idle,
            route: "".into(),
            aliases: Vec::new(),
        };
        let check = |parts: Vec<StreamAppend>, valid: bool| {
            assert_eq!(Append { id: [0; 16], parts }.validate().is_ok(), valid);
        };
        check(vec![part("a", 1), part("b", 2), part("c", 1)], true);
        check(vec![], false);
        check(vec![part("a", 0)], false);
        check(vec![part("a", 1), part("a", 1)], false);
        check(vec![part("a", 1), part("b", 1), part("a", 1)], false);
        check(vec![StreamAppend { route: "x".repeat(201).into(), ..part("a", 1) }], false);
        check(vec![StreamAppend { aliases: vec![[0; 16]; 256], ..part("a", 1) }], false);
        check(vec![part("a", APPEND_RECORDS_MAX + 1)], false);
    }

    #[test]
    fn the_chain_depends_on_every_part_of_the_formula() {
        let name = |id: &str| StreamName::new("run", "n", id).expect("valid");
        let base = chain_hash(&[1; 32], &name("a"), 1, 2, 3, 4, b"body");
        let others = [
            chain_hash(&[2; 32], &name("a"), 1, 2, 3, 4, b"body"),
            chain_hash(&[1; 32], &name("b"), 1, 2, 3, 4, b"body"),
            chain_hash(&[1; 32], &name("a"), 2, 2, 3, 4, b"body"),
            chain_hash(&[1; 32], &name("a"), 1, 3, 3, 4, b"body"),
            chain_hash(&[1; 32], &name("a"), 1, 2, 4, 4, b"body"),
            chain_hash(&[1; 32], &name("a"), 1, 2, 3, 5, b"body"),
            chain_hash(&[1; 32], &name("a"), 1, 2, 3, 4, b"other"),
        ];
        assert!(others.iter().all(|other| *other != base));
    }

    #[test]
    fn damage_names_its_place_and_its_streams() {
        let streams = vec![StreamName::new("run", "n", "a").expect("valid")];
        let found = Corruption { segment: 3, offset: 4096, reason: "bad checksum", streams };
        assert_eq!(
            found.to_string(),
            "journal segment 3 is damaged at byte 4096: bad checksum (streams run/n/a)"
        );
    }
}
