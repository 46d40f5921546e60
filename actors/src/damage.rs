//! Damage in the journal that anybody has met since the start: each place is told once, by the log, an event, `/readyz?verbose`
//! and the metrics, whoever met it.
//!
//! The journal names what does not verify, to whoever reads it, and goes on with everything else. [`Damages::watching`] stands
//! before it and remembers; it changes no answer.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use ghostlight_model::event::{Event, StoreCorruptionFound};
use ghostlight_store::journal::{Compacted, Compaction, StreamBytes, WholePart};
use ghostlight_store::{
    Append, Corruption, Follow, Journal, JournalStats, Outcome, ReadError, Record, Reply, SharedJournal,
    StreamHead, StreamName, Waking,
};
use uuid::Uuid;

/// So many places are remembered, and recorded: no more than may wait to be recorded at the start. Of more it is known that there
/// are more.
const PLACES_MAX: usize = 200;

/// What was found so far. Cheap to clone.
#[derive(Clone, Default)]
pub struct Damages {
    inner: Arc<Inner>,
}

#[derive(Default)]
struct Inner {
    found: Mutex<Found>,
    record: OnceLock<Box<dyn Fn(Event) + Send + Sync>>,
}

/// Damaged places, by segment and byte.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Found {
    /// Those that are remembered.
    pub places: BTreeMap<(u64, u64), Corruption>,
    /// Whether there are more than that.
    pub more: bool,
}

impl Damages {
    /// The same journal, whose damage is noted here.
    #[must_use]
    pub fn watching(&self, journal: SharedJournal) -> SharedJournal {
        Arc::new(Watched { journal, damages: self.clone() })
    }

    /// From here on each new place is recorded by this, and so are those that were found before.
    pub fn record_with(&self, record: impl Fn(Event) + Send + Sync + 'static) {
        let found = self.lock();
        let record = self.inner.record.get_or_init(|| Box::new(record));
        found.places.values().for_each(|corruption| record(event_of(corruption)));
    }

    /// What was found so far.
    #[must_use]
    pub fn found(&self) -> Found {
        self.lock().clone()
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Found> {
        self.inner.found.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn note(&self, corruption: &Corruption) {
        let mut found = self.lock();
        let place = (corruption.segment, corruption.offset);
        if found.places.contains_key(&place) {
            return;
        }
        if found.places.len() >= PLACES_MAX {
            found.more = true;
            return;
        }
        tracing::error!(%corruption, "the journal is damaged; everything else goes on");
        found.places.insert(place, corruption.clone());
        if let Some(record) = self.inner.record.get() {
            record(event_of(corruption));
        }
    }
}

fn event_of(corruption: &Corruption) -> Event {
    let Corruption { segment, offset, reason, streams } = corruption;
    let place = format!("journal segment {segment}, byte {offset}");
    let streams = streams.iter().map(ToString::to_string).collect();
    StoreCorruptionFound { place, reason: (*reason).to_owned(), streams }.into()
}

/// A journal whose damage is noted.
struct Watched {
    journal: SharedJournal,
    damages: Damages,
}

impl Watched {
    fn seen<T>(&self, read: Result<T, ReadError>) -> Result<T, ReadError> {
        if let Err(ReadError::Corrupt(corruption)) = &read {
            self.damages.note(corruption);
        }
        read
    }
}

impl Journal for Watched {
    fn epoch(&self) -> u64 {
        self.journal.epoch()
    }

    fn log_id(&self) -> Uuid {
        self.journal.log_id()
    }

    fn head(&self) -> u64 {
        self.journal.head()
    }

    fn submit(&self, append: Append, reply: Reply) {
        self.journal.submit(append, reply);
    }

    fn read(&self, stream: &StreamName, from: u64, limit: usize) -> Result<Vec<Record>, ReadError> {
        self.seen(self.journal.read(stream, from, limit))
    }

    fn read_parts(&self, stream: &StreamName, from: u64, limit: usize) -> Result<Vec<WholePart>, ReadError> {
        self.seen(self.journal.read_parts(stream, from, limit))
    }

    fn read_all(&self, after: u64, limit: usize) -> Result<Vec<Record>, ReadError> {
        self.seen(self.journal.read_all(after, limit))
    }

    fn damages(&self) -> Vec<Corruption> {
        let known = self.journal.damages();
        known.iter().for_each(|corruption| self.damages.note(corruption));
        known
    }

    fn damage_behind(&self, after: u64) -> Result<Option<u64>, ReadError> {
        self.seen(self.journal.damage_behind(after))
    }

    fn follow(&self) -> Follow {
        self.journal.follow()
    }

    fn head_of(&self, stream: &StreamName) -> Result<Option<StreamHead>, ReadError> {
        self.seen(self.journal.head_of(stream))
    }

    fn by_alias(&self, alias: [u8; 16]) -> Result<Option<StreamName>, ReadError> {
        self.seen(self.journal.by_alias(alias))
    }

    fn waking(&self, until_us: i64, after: Option<&Waking>, limit: usize) -> Result<Vec<Waking>, ReadError> {
        self.seen(self.journal.waking(until_us, after, limit))
    }

    fn streams(
        &self,
        prefix: &str,
        after: Option<&StreamName>,
        limit: usize,
    ) -> Result<Vec<StreamName>, ReadError> {
        self.seen(self.journal.streams(prefix, after, limit))
    }

    fn outcome(&self, append_id: [u8; 16]) -> Result<Option<Outcome>, ReadError> {
        self.seen(self.journal.outcome(append_id))
    }

    fn compact(&self, how: &Compaction<'_>) -> Result<Compacted, ReadError> {
        let compacted = self.seen(self.journal.compact(how));
        compacted.iter().flat_map(|done| &done.damages).for_each(|corruption| self.damages.note(corruption));
        compacted
    }

    fn bytes_of(&self, stream: &StreamName) -> Result<StreamBytes, ReadError> {
        self.seen(self.journal.bytes_of(stream))
    }

    fn stats(&self) -> JournalStats {
        self.journal.stats()
    }

    fn close(&self) {
        self.journal.close();
    }
}

#[cfg(test)]
mod tests {
    use ghostlight_store::journal::{FileJournal, JournalOptions};
    use ghostlight_store::{MemoryJournal, NewRecord, StreamAppend, Wake};
    use ghostlight_world::World;

    use super::*;
    use crate::definition_files::FileOutcome;
    use crate::ledger::Ledger;
    use crate::system::System;
    use crate::testing::{agents, in_memory, local, name};
    use crate::{catalogue::Catalogue, streams, tokens::Tokens};

    /// A ledger, and the journal below it that can be damaged.
    fn ledger() -> (Ledger, Arc<MemoryJournal>) {
        let journal = Arc::new(MemoryJournal::new());
        (in_memory(journal.clone()), journal)
    }

    #[tokio::test]
    async fn each_damaged_place_is_recorded_once_whenever_it_was_found_and_whoever_met_it() {
        let (ledger, journal) = ledger();
        for version in ["1", "2"] {
            System::new(ledger.clone()).started(version).await.unwrap();
        }
        journal.damage(&streams::system());
        let damages = Damages::default();
        let watched = damages.watching(journal);
        assert!(watched.read(&streams::system(), 1, 10).is_err());
        let recorded = Arc::new(Mutex::new(Vec::new()));
        let of_recording = recorded.clone();
        damages.record_with(move |event| of_recording.lock().unwrap().push(event));
        for from in [1, 1, 2, 2] {
            assert!(watched.read(&streams::system(), from, 10).is_err());
            assert!(watched.read_all(from - 1, 10).is_err());
        }
        let said = |event: &Event| match event {
            Event::StoreCorruptionFound(found) => (found.place.clone(), found.streams.join(" ")),
            other => panic!("{other:?}"),
        };
        let said: Vec<(String, String)> = recorded.lock().unwrap().iter().map(said).collect();
        let at = |byte: u64| (format!("journal segment 1, byte {byte}"), streams::system().to_string());
        assert_eq!(said, [at(1), at(2)]);
        assert_eq!((damages.found().places.len(), damages.found().more), (2, false));
    }

    #[test]
    fn damage_that_only_a_compaction_meets_is_told_and_not_again_by_who_reads_it() {
        let dir = tempfile::tempdir().unwrap();
        let options = JournalOptions { segment_bytes: 4 << 10, ..JournalOptions::default() };
        let journal = Arc::new(FileJournal::open(&World::real(), dir.path(), &options).unwrap());
        let put = |id: &str, expected: u64, wake: Wake| {
            let body = bytes::Bytes::from(format!("of {id}: {}", "words ".repeat(100)));
            let part = StreamAppend {
                stream: StreamName::new("run", "default", id).unwrap(),
                expected,
                records: vec![NewRecord { kind: 1, version: 1, time_us: 0, body }],
                wake,
                route: "".into(),
                aliases: Vec::new(),
            };
            let id = u128::from(journal.head()).to_le_bytes();
            journal.append(Append::one(id, part)).wait().unwrap();
        };
        put("kept", 0, Wake::Idle);
        (0..20).for_each(|expected| put("dropped", expected, Wake::Idle));
        put("dropped", 20, Wake::Dropped);
        (1..12).for_each(|expected| put("kept", expected, Wake::Idle));
        let path = dir.path().join("journal/0000000001.seg");
        let mut bytes = std::fs::read(&path).unwrap();
        let at = bytes.windows(8).position(|found| found == b"of kept:").unwrap();
        bytes[at] ^= 1;
        std::fs::write(&path, bytes).unwrap();
        let damages = Damages::default();
        let watched = damages.watching(journal.clone());
        let done = watched.compact(&Compaction::of_all_dropped()).unwrap();
        assert!(done.segments > 0 && done.damages.len() == 1, "{done:?}");
        let found = damages.found();
        assert_eq!(found.places.values().collect::<Vec<_>>(), done.damages.iter().collect::<Vec<_>>());
        let kept = StreamName::new("run", "default", "kept").unwrap();
        assert!(watched.read(&kept, 1, 10).is_err() && watched.read_all(0, 10).is_err());
        assert_eq!(damages.found(), found);
    }

    #[tokio::test]
    async fn a_damaged_token_is_refused_and_opens_nothing() {
        let (ledger, journal) = ledger();
        let tokens = Tokens::open(ledger.clone()).unwrap();
        let damaged = tokens.create("one", None, &local()).await.unwrap();
        let whole = tokens.create("two", None, &local()).await.unwrap();
        journal.damage(&streams::token(&damaged.info.id));
        let again = Tokens::open(ledger.clone()).unwrap();
        assert_eq!(again.verify(&damaged.text), None);
        assert_eq!(again.verify(&whole.text), Some(whole.info.clone()));
        again.revoke(&whole.info.id, &local()).await.unwrap();
        assert!(again.any(), "without any token everybody would be let in");
        assert!(Tokens::open(ledger).unwrap().any());
    }

    #[tokio::test]
    async fn a_damaged_workflow_or_agent_is_missing_and_the_others_are_there_and_can_be_loaded_from_files() {
        let (ledger, journal) = ledger();
        let document = |kind: &str, name: &str, text: &str| match kind {
            "workflow" => format!(
                "ghostlight: 1\nname: {name}\ndescription: {text}\nnodes:\n  a: {{ type: agent_call, agent: noop }}\n"
            ),
            _ => format!("ghostlight: 1\nname: {name}\nkind: builtin\nbuiltin: noop\ndescription: {text}\n"),
        };
        let folders = ["workflow", "agent"].map(|kind| (kind, tempfile::tempdir().unwrap()));
        let [(_, workflows), (_, of_agents)] = &folders;
        let write = |text: &str| {
            for (kind, folder) in &folders {
                for name in ["first", "second"] {
                    let file = folder.path().join(format!("{name}.yaml"));
                    std::fs::write(file, document(kind, name, text)).unwrap();
                }
            }
        };
        let open = async || {
            let (agents, mut reports) =
                crate::testing::open_agents(&ledger, Some(of_agents.path()), false).await;
            let catalogue = Catalogue::open(ledger.clone(), agents.clone()).unwrap();
            reports.extend(catalogue.load_files(workflows.path().to_owned()).await.unwrap());
            (agents, catalogue, reports.into_iter().map(|report| report.outcome).collect::<Vec<_>>())
        };
        write("one");
        let (agents, catalogue, _) = open().await;
        assert!(agents.get(&name("first")).is_some() && catalogue.versions(&name("first")).is_some());
        journal.damage(&streams::workflow(&name("first")));
        journal.damage(&streams::agent(&name("first")));
        write("two");
        let (agents, catalogue, outcomes) = open().await;
        assert!(agents.get(&name("first")).is_none() && catalogue.versions(&name("first")).is_none());
        assert_eq!(catalogue.versions(&name("second")).unwrap().len(), 2);
        let refused =
            |outcome: &FileOutcome| matches!(outcome, FileOutcome::Refused(why) if why.contains("damaged"));
        assert_eq!(
            outcomes.iter().map(refused).collect::<Vec<_>>(),
            [true, false, true, false],
            "{outcomes:?}"
        );
    }

    #[tokio::test]
    async fn damage_in_the_systems_own_stream_counts_as_an_end_without_order_and_stops_no_start() {
        let (ledger, journal) = ledger();
        let first = System::new(ledger.clone());
        first.started("1").await.unwrap();
        first.stopped().await.unwrap();
        journal.damage(&streams::system());
        assert!(!System::new(ledger.clone()).started("1").await.unwrap().clean);
        let head = journal.head_of(&streams::system()).unwrap().unwrap();
        assert_eq!(head.sequence, 3);

        // Nothing can follow on what cannot be proved: this life has a stream of its own.
        journal.damage_beyond_proof(&streams::system());
        let again = System::new(ledger.clone());
        let boot = again.started("1").await.unwrap();
        assert!(!boot.clean);
        again.stopped().await.unwrap();
        assert_eq!(journal.head_of(&streams::system()).unwrap().unwrap().sequence, 3);
        let own = streams::instead_of(&streams::system(), boot.epoch);
        assert_eq!(journal.head_of(&own).unwrap().unwrap().sequence, 2);
        assert!(agents(&ledger).await.get(&name("noop")).is_some());
    }
}
