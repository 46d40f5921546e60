//! The audit: who did, or was refused, something privileged, in one stream a day.
//!
//! What was allowed is recorded before it is answered: if it cannot be recorded, [`Audit::record`] fails and the action
//! with it. What was refused is recorded as long as it is not too much ([`flood`]); the rest is counted and recorded as
//! counts. The streams are chained by the journal, so that a record that is changed or left out shows.
//!
//! Leaves to others: what is privileged, and calling [`Audit::flush`] now and then and before the end.

pub mod flood;

use std::sync::{Arc, Mutex as SyncMutex, PoisonError};

use ghostlight_model::definitions::key::Holding;
use ghostlight_model::definitions::{Fact, Fold};
use ghostlight_model::event::AuditRecorded;
use ghostlight_store::StreamName;
use jiff::Timestamp;
use jiff::tz::TimeZone;
use tokio::sync::Mutex;

use crate::caller::{Caller, StoreError};
use crate::keys::{Claim, KeyRefusal};
use crate::ledger::{ChangeError, Changed, Ledger};
use crate::streams;
use flood::{Flood, Held, Kind};

/// The longest action, object or reason in bytes; longer ones are cut.
pub const WORD_BYTES_MAX: usize = 512;

/// The audit. Cheap to clone.
#[derive(Clone)]
pub struct Audit {
    shared: Arc<Shared>,
}

struct Shared {
    ledger: Ledger,
    flood: SyncMutex<Flood>,
    /// Where the stream of the day stands. Held during an append: the records of a day come one after another.
    day: Mutex<Option<Day>>,
}

struct Day {
    name: String,
    stream: StreamName,
    place: Place,
}

/// The place of the last record: all that appending needs to know of a day.
#[derive(Debug, Clone, Copy, Default)]
struct Place(u64);

impl Fold for Place {
    fn evolve(&mut self, fact: Fact<'_>) {
        self.0 = fact.stream_sequence;
    }

    fn stream_sequence(&self) -> u64 {
        self.0
    }
}

/// What is recorded.
#[derive(Debug, Clone, Copy)]
pub struct Entry<'a> {
    /// What was done or tried: `agent.save`, `tree.stop`.
    pub action: &'a str,
    /// On what.
    pub object: &'a str,
    /// Whether it was allowed.
    pub allowed: bool,
    /// Why, or why not; may be empty.
    pub reason: &'a str,
}

/// Whether an announcement was the first one under its key; with its global sequence.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Announced {
    /// It was: what was announced is now to be done.
    Now(u64),
    /// An earlier request announced it, and did it.
    Before(u64),
}

impl Audit {
    /// An audit in this journal.
    #[must_use]
    pub fn new(ledger: Ledger) -> Self {
        Self { shared: Arc::new(Shared { ledger, flood: SyncMutex::default(), day: Mutex::default() }) }
    }

    /// Records one entry and answers with its global sequence, or with `None` when it is a refusal that is only counted.
    ///
    /// # Errors
    /// [`StoreError`]: what was to be allowed must then not be done.
    pub async fn record(&self, entry: Entry<'_>, caller: &Caller) -> Result<Option<u64>, StoreError> {
        if entry.allowed {
            return self.append(body(entry), caller).await.map(Some);
        }
        self.refused(entry, caller).await
    }

    /// Announces something that is about to be done, once under a key: the key is taken with the record.
    ///
    /// # Errors
    /// [`StoreError`] or the key's refusal: what was to be done must then not be done.
    pub async fn announce(
        &self,
        entry: Entry<'_>,
        claim: Option<Claim>,
        caller: &Caller,
    ) -> Result<Result<Announced, KeyRefusal>, StoreError> {
        let changed = match self.append_once(body(entry), claim, caller).await {
            Ok(changed) => changed,
            Err(ChangeError::Rejected(refusal)) => return Ok(Err(refusal)),
            Err(ChangeError::Store(error)) => return Err(error),
        };
        let sequence = changed.sequence.unwrap_or_default();
        Ok(Ok(if changed.is_again { Announced::Before(sequence) } else { Announced::Now(sequence) }))
    }

    /// The announcement that took a key.
    ///
    /// # Errors
    /// [`StoreError`] when it cannot be read.
    pub async fn announced_before(&self, holding: Holding) -> Result<u64, StoreError> {
        let changed = self.shared.ledger.changed_before::<Place>(holding).await?;
        Ok(changed.sequence.unwrap_or_default())
    }

    async fn refused(&self, entry: Entry<'_>, caller: &Caller) -> Result<Option<u64>, StoreError> {
        let kind = Kind { action: cut(entry.action), subject: caller.subject.as_deref().map(cut) };
        let now = self.shared.ledger.world.clock.monotonic();
        let (over, admitted) = {
            let mut flood = self.shared.flood.lock().unwrap_or_else(PoisonError::into_inner);
            (flood.over(now, false), flood.admits(kind, now))
        };
        self.append_counts(over).await?;
        if admitted { self.append(body(entry), caller).await.map(Some) } else { Ok(None) }
    }

    /// Records what has been counted: of windows that are over, or `at_once` of the current one too.
    ///
    /// # Errors
    /// [`StoreError`]; the counts are then lost, and the refusals before them stand.
    pub async fn flush(&self, at_once: bool) -> Result<(), StoreError> {
        let now = self.shared.ledger.world.clock.monotonic();
        let over = self.shared.flood.lock().unwrap_or_else(PoisonError::into_inner).over(now, at_once);
        self.append_counts(over).await
    }

    async fn append_counts(&self, counts: Vec<Held>) -> Result<(), StoreError> {
        for held in counts {
            let (action, subject) = match held.kind {
                Some(kind) => (kind.action, kind.subject),
                None => ("other".to_owned(), None),
            };
            let recorded = AuditRecorded {
                action,
                object: String::new(),
                allowed: false,
                reason: format!("{} more refusals within {} s", held.count, flood::WINDOW.as_secs()),
            };
            self.append(recorded, &Caller { subject, ..Caller::default() }).await?;
        }
        Ok(())
    }

    async fn append(&self, recorded: AuditRecorded, caller: &Caller) -> Result<u64, StoreError> {
        match self.append_once(recorded, None, caller).await {
            Ok(changed) => Ok(changed.sequence.unwrap_or_default()),
            Err(ChangeError::Store(error)) => Err(error),
            // Without a key none is refused.
            Err(ChangeError::Rejected(_)) => Err(StoreError::Busy),
        }
    }

    async fn append_once(
        &self,
        recorded: AuditRecorded,
        claim: Option<Claim>,
        caller: &Caller,
    ) -> Result<Changed<Place>, ChangeError<KeyRefusal>> {
        let ledger = &self.shared.ledger;
        let mut day = self.shared.day.lock().await;
        let today = day_of(ledger.world.clock.now());
        let day = match &mut *day {
            Some(day) if day.name == today => day,
            other => {
                let own = ledger.own_stream(streams::audit(&today)).map_err(ChangeError::Store)?;
                let (stream, place) = (own.0, Place(own.1));
                other.insert(Day { name: today, stream, place })
            }
        };
        let decide = |_: &Place, _| Ok(vec![recorded.clone().into()]);
        let changed = ledger.change_once(&day.stream, day.place, claim, caller, decide).await?;
        if !changed.is_again {
            day.place = changed.state;
        }
        Ok(changed)
    }
}

fn body(entry: Entry<'_>) -> AuditRecorded {
    AuditRecorded {
        action: cut(entry.action),
        object: cut(entry.object),
        allowed: entry.allowed,
        reason: cut(entry.reason),
    }
}

fn cut(text: &str) -> String {
    let end = (0..=text.len().min(WORD_BYTES_MAX)).rev().find(|at| text.is_char_boundary(*at)).unwrap_or(0);
    text[..end].to_owned()
}

/// The day in UTC, as `2026-11-20`.
fn day_of(now: Timestamp) -> String {
    now.to_zoned(TimeZone::UTC).date().to_string()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{ledger, local};
    use ghostlight_model::event::Event;
    use std::time::Duration;

    fn entry(allowed: bool) -> Entry<'static> {
        Entry { action: "token.create", object: "tokens", allowed, reason: "" }
    }

    fn recorded(ledger: &Ledger) -> Vec<AuditRecorded> {
        let records = ledger.journal.read_all(0, 10_000).unwrap();
        let audit = |record| match crate::codec::decode(record).unwrap().event {
            Event::AuditRecorded(recorded) => recorded,
            other => panic!("{other:?}"),
        };
        records.iter().map(audit).collect()
    }

    #[tokio::test]
    async fn each_day_has_its_own_stream_and_a_restart_goes_on_in_it() {
        let (ledger, sim) = ledger();
        Audit::new(ledger.clone()).record(entry(true), &local()).await.unwrap();
        Audit::new(ledger.clone()).record(entry(true), &local()).await.unwrap();
        sim.clock.advance(Duration::from_secs(24 * 3600));
        Audit::new(ledger.clone()).record(entry(true), &local()).await.unwrap();
        let names: Vec<String> =
            ledger.streams("audit/").unwrap().iter().map(|name| name.id().to_owned()).collect();
        assert_eq!(names, ["2026-01-01", "2026-01-02"]);
        let first = ledger.journal.head_of(&streams::audit("2026-01-01")).unwrap().unwrap();
        assert_eq!(first.sequence, 2);
    }

    #[tokio::test]
    async fn a_flood_of_refusals_becomes_a_few_records_and_a_count() {
        let (ledger, sim) = ledger();
        let audit = Audit::new(ledger.clone());
        for _ in 0..1_000 {
            audit.record(entry(false), &local()).await.unwrap();
        }
        assert_eq!(recorded(&ledger).len(), flood::EACH_MAX as usize);
        sim.clock.advance(flood::WINDOW);
        audit.flush(false).await.unwrap();
        let all = recorded(&ledger);
        assert_eq!(all.last().unwrap().reason, "990 more refusals within 60 s");
        assert_eq!(all.len(), flood::EACH_MAX as usize + 1);
    }

    #[tokio::test]
    async fn what_is_allowed_is_never_held_back_and_fails_when_it_cannot_be_recorded() {
        let (ledger, _) = ledger();
        let audit = Audit::new(ledger.clone());
        for _ in 0..500 {
            assert!(audit.record(entry(true), &local()).await.unwrap().is_some());
        }
        ledger.journal.close();
        assert_eq!(audit.record(entry(true), &local()).await, Err(StoreError::Unavailable));
    }

    #[tokio::test]
    async fn two_writers_of_one_day_do_not_lose_a_record() {
        let (ledger, _) = ledger();
        let (one, other) = (Audit::new(ledger.clone()), Audit::new(ledger.clone()));
        for _ in 0..10 {
            one.record(entry(true), &local()).await.unwrap();
            other.record(entry(true), &local()).await.unwrap();
        }
        assert_eq!(recorded(&ledger).len(), 20);
    }

    #[tokio::test]
    async fn what_is_announced_under_a_key_is_announced_once_also_on_the_next_day() {
        let (ledger, sim) = ledger();
        let key = crate::testing::key("k", "f");
        let (here, there) = (ledger.clone(), crate::testing::elsewhere(&ledger));
        let claim = |ledger: Ledger, key: crate::caller::IdempotencyKey| async move {
            match ledger.keys.begin(Some(&key)).await.unwrap().unwrap() {
                crate::keys::Begun::First(claim) => claim,
                again => panic!("{again:?}"),
            }
        };
        // Both began before either announced.
        let claims = (claim(here, key.clone()).await, claim(there, key).await);
        let audit = Audit::new(ledger.clone());
        let first = audit.announce(entry(true), claims.0, &local()).await.unwrap().unwrap();
        assert_eq!(first, Announced::Now(1));
        sim.clock.advance(Duration::from_secs(20 * 3600));
        audit.record(entry(true), &local()).await.unwrap();
        let second = audit.announce(entry(true), claims.1, &local()).await.unwrap().unwrap();
        assert_eq!(second, Announced::Before(1));
        audit.record(entry(true), &local()).await.unwrap();
        let of_audit = |record: &&ghostlight_store::Record| record.stream.kind() == "audit";
        assert_eq!(ledger.journal.read_all(0, 100).unwrap().iter().filter(of_audit).count(), 3);
    }

    #[test]
    fn words_are_cut_at_a_character() {
        assert!(cut(&"ä".repeat(1_000)).len() <= WORD_BYTES_MAX);
    }
}
