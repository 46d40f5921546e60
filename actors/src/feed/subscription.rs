//! One subscriber's way through the feed: from its cursor through the journal into the ring, without a gap or a double.
//!
//! Two modes. In *replay* it reads pages of the journal behind its cursor until the ring holds everything after the
//! cursor; then it is *live* and reads the ring. When the ring has dropped what it needs it says so and replays again.
//! The cursor alone decides: a record at or before it has been dealt with and is never given again. What a subscriber
//! holds is bounded by one page, however slow it is.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;
use std::sync::atomic::Ordering;

use bytestring::ByteString;
use ghostlight_model::ids::RunId;
use ghostlight_store::{Corruption, ReadError, Record, StreamName};
use tokio::sync::watch;

use super::filter::{FeedFilter, RunFacts, Verdict};
use super::frame;
use super::item::{FeedItem, FeedRequest, GapReason};
use super::live::STEP_TOKEN;
use super::places::PlaceOf;
use super::ring::{Entry, Found, What};
use super::shared::{News, Shared};
use crate::streams;
use crate::views::blocking::blocking;

/// How many records a replay reads at a time.
const PAGE_RECORDS: usize = 128;
/// How many entries are taken from the ring at a time.
const TAKE_ENTRIES: usize = 64;

/// A subscription. Dropping it ends it.
pub struct Subscription {
    shared: Arc<Shared>,
    filter: FeedFilter,
    /// News of live events, if they are wanted.
    live: Option<watch::Receiver<u64>>,
    source: Source,
    /// All records up to this sequence have been queued or left out.
    reached: u64,
    /// The cursor of the last item that was given out and has one.
    cursor: u64,
    mode: Mode,
    items: VecDeque<FeedItem>,
    news: watch::Receiver<News>,
    place: PlaceOf,
    has_ended: bool,
}

/// Where a replay reads.
enum Source {
    /// All records.
    All,
    /// The stream of one run, from this stream sequence on.
    Run(StreamName, u64),
}

#[derive(Clone, Copy)]
enum Mode {
    Replay,
    Live {
        /// Where it is in the ring.
        position: u64,
        /// Live events before this position are part of the text so far that was given.
        texts_until: u64,
    },
}

type KnownRuns = HashMap<RunId, Arc<RunFacts>>;

impl Subscription {
    pub(super) fn begin(shared: Arc<Shared>, request: FeedRequest) -> Self {
        let FeedRequest { after, log, filter, live } = request;
        let head = shared.journal.head();
        let source = filter.run.map_or(Source::All, |run| Source::Run(streams::run(run), 1));
        // Where the feed begins when there is no cursor to continue.
        let start = if filter.run.is_some() { 0 } else { head };
        let mut items = VecDeque::from([FeedItem::Hello { log: shared.log, head }]);
        let is_of_other_log = log.is_some_and(|log| log != shared.log);
        let reached = match after {
            Some(from) if is_of_other_log => {
                items.push_back(FeedItem::Gap { from, to: start, reason: GapReason::OtherLog });
                start
            }
            Some(from) if from > head => {
                items.push_back(FeedItem::Gap { from, to: start, reason: GapReason::BeyondHead });
                start
            }
            Some(from) => from,
            None => start,
        };
        let news = shared.news();
        let live = live.then(|| shared.live_news());
        let cursor = after.unwrap_or(start);
        let place = shared.places.enter(reached);
        Self {
            shared,
            filter,
            live,
            source,
            reached,
            cursor,
            mode: Mode::Replay,
            items,
            news,
            place,
            has_ended: false,
        }
    }

    /// The cursor to continue from: everything up to it has been given out, or was left out by the filter.
    #[must_use]
    pub fn cursor(&self) -> u64 {
        if self.items.is_empty() { self.reached } else { self.cursor }
    }

    /// The next item; none after [`FeedItem::Closing`]. Dropping the future loses nothing.
    pub async fn next(&mut self) -> Option<FeedItem> {
        loop {
            if let Some(item) = self.items.pop_front() {
                self.cursor = item.cursor().unwrap_or(self.cursor);
                self.place.note(self.cursor());
                if matches!(item, FeedItem::Frame { .. }) {
                    self.shared.sent.fetch_add(1, Ordering::Relaxed);
                }
                return Some(item);
            }
            if self.has_ended {
                return None;
            }
            let step = match self.mode {
                Mode::Replay => self.replay().await,
                Mode::Live { position, texts_until } => self.take(position, texts_until).await,
            };
            if let Err(error) = step {
                self.end(&format!("the journal cannot be read: {error}"));
            }
        }
    }

    /// Reads the ring, or waits for news of it.
    async fn take(&mut self, position: u64, texts_until: u64) -> Result<(), ReadError> {
        // Marked as seen before the ring is read, so that what comes afterwards is news.
        let closing = self.news.borrow_and_update().closing.clone();
        if let Some(live) = &mut self.live {
            live.borrow_and_update();
        }
        let found = self.shared.lock().ring.read(position, TAKE_ENTRIES);
        match (found, closing) {
            (Found::Overrun, _) => self.fall_behind(),
            (Found::Entries(entries), Some(reason)) if entries.is_empty() => self.end(&reason),
            (Found::Entries(entries), None) if entries.is_empty() => {
                self.wait_for_news().await;
            }
            (Found::Entries(entries), _) => {
                let asked = entries.iter().filter_map(|entry| self.asks(entry)).collect();
                let known = self.know(asked).await?;
                for (at, entry) in (position..).zip(&entries) {
                    self.give(entry, at >= texts_until, &known);
                }
                self.mode = Mode::Live { position: position + entries.len() as u64, texts_until };
            }
        }
        Ok(())
    }

    async fn wait_for_news(&mut self) {
        self.place.note(self.reached);
        // The senders live in what we hold, so that waiting ends with news alone.
        match &mut self.live {
            Some(live) => tokio::select! {
                _ = self.news.changed() => {}
                _ = live.changed() => {}
            },
            None => drop(self.news.changed().await),
        }
    }

    /// The ring has dropped what comes next. If that was live events only, it goes on with the text so far.
    fn fall_behind(&mut self) {
        let state = self.shared.lock();
        let (has_lost_records, head) = (!state.ring.covers(self.reached), state.ring.head());
        drop(state);
        if has_lost_records {
            self.shared.lagged.fetch_add(1, Ordering::Relaxed);
            self.items.push_back(FeedItem::Lagged { after: self.reached, head });
        }
        self.mode = Mode::Replay;
    }

    /// Goes live if the ring holds all that comes, else reads a page of the journal.
    async fn replay(&mut self) -> Result<(), ReadError> {
        let closing = self.news.borrow().closing.clone();
        if let Some(reason) = closing {
            self.end(&reason);
            return Ok(());
        }
        if self.join_ring().await? {
            return Ok(());
        }
        let (page, head) = match self.read_page().await {
            Err(ReadError::Corrupt(corruption)) => return self.step_over_damage(corruption).await,
            read => read?,
        };
        let asked = page.iter().filter_map(|record| asked_run(self.filter.judge(record))).collect();
        let known = self.know(asked).await?;
        if page.is_empty() && matches!(self.source, Source::All) {
            self.notice_gap(head);
        }
        for record in &page {
            let is_missing_something = match &self.source {
                Source::All => true,
                Source::Run(_, next) => record.stream_sequence > *next,
            };
            if is_missing_something {
                self.notice_gap(record.sequence.saturating_sub(1));
            }
            self.give_record(record, None, &known);
        }
        if page.is_empty() {
            // A run's stream has nothing more up to the head that was noted before it was read.
            self.reached = self.reached.max(head);
        }
        Ok(())
    }

    /// Whether the ring holds all records after the cursor; then it is read from now on, the text so far first.
    async fn join_ring(&mut self) -> Result<bool, ReadError> {
        let writing = {
            let state = self.shared.lock();
            if !state.ring.covers(self.reached) {
                return Ok(false);
            }
            if self.live.is_some() { state.attempts.runs() } else { Vec::new() }
        };
        let judged = writing.into_iter().map(|run| (run, self.filter.judge_live(STEP_TOKEN, Some(run))));
        let seen: Vec<_> = judged.filter(|(_, verdict)| *verdict != Verdict::Skip).collect();
        let known = self.know(seen.iter().filter_map(|(_, verdict)| asked_run(*verdict)).collect()).await?;
        let is_seen =
            |run: RunId| seen.iter().any(|(of, verdict)| *of == run && self.may_see(*verdict, &known));
        // Nothing was locked in the meantime: the ring may have moved on, and the texts have grown.
        let state = self.shared.lock();
        if !state.ring.covers(self.reached) {
            return Ok(false);
        }
        let texts = if self.live.is_some() { state.attempts.so_far(is_seen) } else { Vec::new() };
        let position = state.ring.position_after(self.reached);
        let texts_until = state.ring.end();
        drop(state);
        self.mode = Mode::Live { position, texts_until };
        for (event, offset) in texts {
            let facts = event.run().and_then(|run| self.shared.facts.get(run));
            self.give_live(frame::of_live(&event, offset, facts.as_deref().map(|facts| &facts.workflow[..])));
        }
        Ok(true)
    }

    /// A page behind the cursor, and the head of the journal before it was read.
    async fn read_page(&mut self) -> Result<(Vec<Record>, u64), ReadError> {
        // Few read at a time, however many come back at once. The semaphore is never closed.
        let permit = self.shared.replays.clone().acquire_owned().await;
        let journal = self.shared.journal.clone();
        let cursor = self.reached;
        let stream = match &self.source {
            Source::All => None,
            Source::Run(stream, next) => Some((stream.clone(), *next)),
        };
        let read = blocking(move || {
            let head = journal.head();
            let page = match &stream {
                None => journal.read_all(cursor, PAGE_RECORDS)?,
                Some((stream, next)) => journal.read(stream, *next, PAGE_RECORDS)?,
            };
            Ok((page, head))
        });
        let read = read.await;
        drop(permit);
        read
    }

    /// Goes on behind records that are damaged, and says so; the feed of a run of which anything is damaged ends there.
    async fn step_over_damage(&mut self, corruption: Corruption) -> Result<(), ReadError> {
        let (journal, from) = (self.shared.journal.clone(), self.reached);
        let last = match &self.source {
            Source::All => {
                // What is damaged is looked at bit by bit: few do that at a time too.
                let _permit = self.shared.replays.clone().acquire_owned().await;
                blocking(move || journal.damage_behind(from)).await?
            }
            Source::Run(..) => None,
        };
        let Some(to) = last.filter(|last| *last > from) else { return Err(corruption.into()) };
        self.items.push_back(FeedItem::Gap { from, to, reason: GapReason::Damage });
        self.reached = to;
        Ok(())
    }

    /// Says so when records after the cursor, up to `kept_after`, are not kept any more.
    fn notice_gap(&mut self, kept_after: u64) {
        if kept_after > self.reached {
            let (from, reason) = (self.reached, GapReason::Retention);
            self.items.push_back(FeedItem::Gap { from, to: kept_after, reason });
            self.reached = kept_after;
        }
    }

    /// Queues a record's frame if it is to be seen, and moves the cursor past it.
    fn give_record(&mut self, record: &Record, shared: Option<&Entry>, known: &KnownRuns) {
        if let Source::Run(stream, next) = &mut self.source
            && record.stream == *stream
        {
            *next = (*next).max(record.stream_sequence + 1);
        }
        if record.sequence <= self.reached {
            return;
        }
        self.reached = record.sequence;
        let verdict = self.filter.judge(record);
        let bytes = match verdict {
            Verdict::Hide => frame::of_hidden(self.shared.log, record, "forbidden"),
            other if self.may_see(other, known) => match shared {
                Some(entry) => entry.frame(self.shared.log),
                None => frame::of_record(self.shared.log, record),
            },
            _ => return,
        };
        // A hidden record does not say which stream it is of, so it has no place in one either.
        let stream_sequence = (verdict != Verdict::Hide).then_some(record.stream_sequence);
        self.items.push_back(FeedItem::Frame { sequence: Some(record.sequence), stream_sequence, bytes });
    }

    fn give(&mut self, entry: &Entry, is_after_texts: bool, known: &KnownRuns) {
        match &entry.what {
            What::Record(record) => self.give_record(record, Some(entry), known),
            What::Live { event, .. } => {
                let is_seen = self.may_see(self.filter.judge_live(event.name(), event.run()), known);
                if self.live.is_some() && is_after_texts && is_seen {
                    self.give_live(entry.frame(self.shared.log));
                }
            }
        }
    }

    fn give_live(&mut self, bytes: ByteString) {
        self.items.push_back(FeedItem::Frame { sequence: None, stream_sequence: None, bytes });
    }

    fn may_see(&self, verdict: Verdict, known: &KnownRuns) -> bool {
        match verdict {
            Verdict::Show => true,
            Verdict::Ask(run) => known.get(&run).is_some_and(|facts| self.filter.fits_run(facts)),
            Verdict::Hide | Verdict::Skip => false,
        }
    }

    fn asks(&self, entry: &Entry) -> Option<RunId> {
        match &entry.what {
            What::Record(record) => asked_run(self.filter.judge(record)),
            What::Live { event, .. } if self.live.is_some() => {
                asked_run(self.filter.judge_live(event.name(), event.run()))
            }
            What::Live { .. } => None,
        }
    }

    /// The facts of these runs, from memory where they are and else from the journal.
    async fn know(&self, mut runs: Vec<RunId>) -> Result<KnownRuns, ReadError> {
        runs.sort_unstable();
        runs.dedup();
        let mut known = KnownRuns::new();
        for run in runs {
            let facts = match self.shared.facts.get(run) {
                Some(facts) => facts,
                None => {
                    let shared = self.shared.clone();
                    blocking(move || shared.facts.find(&*shared.journal, run)).await?
                }
            };
            known.insert(run, facts);
        }
        Ok(known)
    }

    fn end(&mut self, reason: &str) {
        self.items.push_back(FeedItem::Closing { reason: reason.into() });
        self.has_ended = true;
    }
}

impl Drop for Subscription {
    fn drop(&mut self) {
        self.shared.leave();
    }
}

fn asked_run(verdict: Verdict) -> Option<RunId> {
    match verdict {
        Verdict::Ask(run) => Some(run),
        Verdict::Show | Verdict::Hide | Verdict::Skip => None,
    }
}
