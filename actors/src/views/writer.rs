//! The one writer of each view: a loop that reads the journal from the view's cursor, follows it, and folds.
//!
//! A supervised actor carries it, one a view; nothing is lost when it crashes, since rows and cursor move together and a
//! new loop begins at the cursor. It ends by itself in two ways: the journal was closed, or a record cannot be folded.
//! The latter would be met again by every new loop, so it is no crash: the view is set aside, with the reason.

use std::time::Duration;

use ghostlight_store::views::{Readiness, ViewBatch, ViewError as StoreViewError};
use ghostlight_store::{Corruption, Follow, FollowError, ReadError, Record, SharedJournal};

use super::approvals::Approvals;
use super::blocking::blocking;
use super::draft::{self, Folded, Poison};
use super::error::ViewError;
use super::handle::ViewsHandle;
use super::projection::{LOG_KEY, Projection};
use super::runs::Runs;
use super::status::{ViewKind, ViewState};

/// How many records are read at a time when a view catches up.
const PAGE_RECORDS: usize = 1_000;
/// How many commits are folded together when a view follows.
const COMMITS_TOGETHER: usize = 512;
/// How long a view that nobody waits for lets commits gather: a run that went through ten events meanwhile costs one row.
const GATHER: Duration = Duration::from_millis(50);
/// With so many records more each time it lets them gather on, so often at most: runs take longer then to go through their events.
const BUSY_RECORDS: u64 = 1_000;
const GATHERINGS_MAX: u32 = 5;

/// How a writer ended by itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum WriterEnd {
    /// The journal was closed, and everything in it is folded.
    Closed,
    /// The view cannot be folded any further. Record it, and do not start the writer again: it would end the same way.
    SetAside {
        /// The sequence of the record that cannot be folded.
        sequence: u64,
        /// Why.
        reason: String,
    },
}

/// What ended a writer before its time: start it again, with backoff.
#[derive(Debug, thiserror::Error)]
pub enum WriterError {
    /// The journal cannot be read for now.
    #[error("the journal cannot be read for the view")]
    Read(#[from] ReadError),
    /// The rows cannot be read or written for now, or somebody else wrote them.
    #[error("the view cannot be written")]
    Views(#[from] StoreViewError),
    /// A row did not read; the view was dropped and is folded from the beginning.
    #[error("a row of the view of {view} was damaged, the view was dropped")]
    Dropped {
        /// Which one.
        view: ViewKind,
    },
}

impl ViewsHandle {
    /// Writes a view until its journal is closed or it has to be set aside. One writer a view: a second one is refused by
    /// the store of views.
    ///
    /// # Errors
    /// [`WriterError`], when to begin again may help.
    pub async fn write(&self, view: ViewKind, journal: SharedJournal) -> Result<WriterEnd, WriterError> {
        match view {
            ViewKind::Runs => Writer::<Runs>::begin(self.clone(), journal).await?.write().await,
            ViewKind::Approvals => Writer::<Approvals>::begin(self.clone(), journal).await?.write().await,
        }
    }

    /// Drops all rows of a view. Its writer meets that and ends; the next one folds the journal from the beginning. A view
    /// that was set aside is open to a new writer again.
    ///
    /// # Errors
    /// When the store of views is not available.
    pub fn forget(&self, view: ViewKind) -> Result<(), ViewError> {
        self.shared.status(view).set_state(ViewState::Opening);
        self.shared.status(view).set_cursor(0);
        self.shared.views.reset(self.shared.name(view))?;
        Ok(())
    }
}

struct Writer<P> {
    handle: ViewsHandle,
    journal: SharedJournal,
    cursor: u64,
    projection: std::marker::PhantomData<P>,
}

/// Why records did not become rows.
enum NotFolded {
    /// A row that they change cannot be read.
    Rows(ViewError),
    /// The store did not take the batch.
    Apply(StoreViewError),
}

/// Whether a writer goes on.
enum Step {
    Done,
    Stuck(Poison),
}

impl<P: Projection> Writer<P> {
    /// Opens the view: at its cursor, or at the beginning when its rows are of another format or another log.
    async fn begin(handle: ViewsHandle, journal: SharedJournal) -> Result<Self, WriterError> {
        let (views, name) = (handle.shared.views.clone(), handle.shared.name(P::KIND).clone());
        let mut readiness = views.readiness();
        let mut cursor = loop {
            readiness.borrow_and_update();
            match views.begin(&name, P::FORMAT) {
                Ok(cursor) => break cursor,
                Err(StoreViewError::Opening) => wait_until_ready(&mut readiness).await?,
                Err(error) => return Err(error.into()),
            }
        };
        let log = journal.log_id();
        let is_of_this_log = views.get(&name, LOG_KEY)?.is_some_and(|known| *known == log.as_bytes()[..]);
        if !is_of_this_log || cursor > journal.head() {
            // Nobody may take the rows of a moment ago for those of this log.
            handle.shared.status(P::KIND).set_cursor(0);
            views.reset(&name)?;
            let mut mark = ViewBatch::new(0, 0);
            mark.put(LOG_KEY, log.as_bytes().to_vec());
            cursor = 0;
            apply(&handle, P::KIND, mark).await?;
        }
        handle.shared.status(P::KIND).set_cursor(cursor);
        Ok(Self { handle, journal, cursor, projection: std::marker::PhantomData })
    }

    async fn write(mut self) -> Result<WriterEnd, WriterError> {
        let mut follow = self.journal.follow();
        self.set_state(ViewState::CatchingUp { until: follow.start() });
        let mut step = self.read_up_to(follow.start()).await?;
        self.set_state_unless_stuck(&step, ViewState::Live);
        loop {
            if let Step::Stuck(Poison { sequence, reason }) = step {
                let why = reason.as_str().into();
                self.set_state(ViewState::SetAside { reason: why, sequence });
                return Ok(WriterEnd::SetAside { sequence, reason });
            }
            let (records, trouble) = self.take_commits(&mut follow).await;
            step = self.fold_commits(records).await?;
            match trouble {
                None => {}
                Some(FollowError::Lagged { resume_after }) => {
                    if matches!(step, Step::Done) {
                        step = self.read_up_to(resume_after).await?;
                    }
                }
                Some(FollowError::Closed) if matches!(step, Step::Done) => {
                    self.set_state(ViewState::Stopped);
                    return Ok(WriterEnd::Closed);
                }
                Some(FollowError::Closed) => {}
            }
        }
    }

    /// Waits for a commit, and takes what else comes while the view may wait, to be folded together.
    async fn take_commits(&self, follow: &mut Follow) -> (Vec<Record>, Option<FollowError>) {
        let mut records = Vec::new();
        let mut next = follow.next().await;
        if next.is_ok() {
            self.gather(follow).await;
        }
        for taken in 1.. {
            match next {
                Ok(commit) => records.extend_from_slice(&commit.records),
                Err(error) => return (records, Some(error)),
            }
            if taken >= COMMITS_TOGETHER {
                break;
            }
            match follow.try_next() {
                Some(found) => next = found,
                None => break,
            }
        }
        (records, None)
    }

    /// Lets commits gather, for longer while many come; not a moment when somebody waits for them.
    async fn gather(&self, follow: &Follow) {
        let mut gathered = 0;
        for _ in 0..GATHERINGS_MAX {
            self.handle.shared.status(P::KIND).linger(GATHER).await;
            let behind = self.journal.head().saturating_sub(self.cursor);
            if behind < gathered + BUSY_RECORDS || follow.is_filling() {
                return;
            }
            gathered = behind;
        }
    }

    /// Folds commits that may begin before the cursor, or behind it when something was missed.
    async fn fold_commits(&mut self, records: Vec<Record>) -> Result<Step, WriterError> {
        let Some(first) = records.first() else { return Ok(Step::Done) };
        match self.read_up_to(first.sequence.saturating_sub(1)).await? {
            Step::Done => self.fold(records).await,
            stuck @ Step::Stuck(_) => Ok(stuck),
        }
    }

    /// Folds what the journal holds after the cursor, up to `last`.
    async fn read_up_to(&mut self, last: u64) -> Result<Step, WriterError> {
        while self.cursor < last {
            let (journal, cursor) = (self.journal.clone(), self.cursor);
            let page = match blocking(move || journal.read_all(cursor, PAGE_RECORDS)).await {
                Ok(page) => page,
                Err(ReadError::Corrupt(corruption)) => match self.step_over_damage(&corruption).await? {
                    Step::Done => continue,
                    stuck @ Step::Stuck(_) => return Ok(stuck),
                },
                Err(error) => return Err(error.into()),
            };
            if page.is_empty() {
                // What is older than the journal keeps cannot be folded any more: the view goes on behind it.
                return Ok(Step::Done);
            }
            if let Step::Stuck(poison) = self.fold(page).await? {
                return Ok(Step::Stuck(poison));
            }
        }
        Ok(Step::Done)
    }

    /// Goes on behind records that are damaged: whose they are is told by the streams that they are missing in, and the rows
    /// of others are as they should be.
    async fn step_over_damage(&mut self, corruption: &Corruption) -> Result<Step, WriterError> {
        let (journal, cursor) = (self.journal.clone(), self.cursor);
        let last = match blocking(move || journal.damage_behind(cursor)).await {
            Ok(Some(last)) if last > cursor => last,
            // Where nobody can tell how many they are, what follows cannot be told from what is damaged.
            Ok(_) | Err(ReadError::Corrupt(_)) => {
                let reason = corruption.to_string();
                return Ok(Step::Stuck(Poison { sequence: cursor + 1, reason }));
            }
            Err(error) => return Err(error.into()),
        };
        tracing::error!(view = %P::KIND, %corruption, last, "a view goes on behind damaged records");
        apply(&self.handle, P::KIND, ViewBatch::new(cursor, last)).await?;
        self.cursor = last;
        self.handle.shared.status(P::KIND).set_cursor(last);
        Ok(Step::Done)
    }

    /// Folds records and applies them, a batch at a time, each in one go on a thread that may block. Waits for room as
    /// long as the store has none, and then folds the batch again.
    async fn fold(&mut self, records: Vec<Record>) -> Result<Step, WriterError> {
        let Some(last) = records.last().map(|record| record.sequence) else { return Ok(Step::Done) };
        let mut records = records;
        let mut room = self.handle.shared.views.room();
        while self.cursor < last {
            room.borrow_and_update();
            let (handle, cursor) = (self.handle.clone(), self.cursor);
            let folding = blocking(move || (fold_and_apply::<P>(&handle, cursor, &records), records));
            let (folded, returned) = folding.await;
            records = returned;
            let (reached, poison) = match folded {
                Ok(folded) => folded,
                Err(NotFolded::Rows(error)) => return Err(self.give_up_on_rows(error)),
                Err(NotFolded::Apply(StoreViewError::Lagging { .. })) => {
                    room.changed().await.map_err(|_| unavailable("the store of views is gone"))?;
                    continue;
                }
                Err(NotFolded::Apply(error)) => return Err(error.into()),
            };
            if reached > cursor {
                self.cursor = reached;
                self.handle.shared.status(P::KIND).set_cursor(reached);
            }
            if let Some(poison) = poison {
                return Ok(Step::Stuck(poison));
            }
        }
        Ok(Step::Done)
    }

    /// A damaged row is no truth: the view is dropped, and the next writer folds it again.
    fn give_up_on_rows(&self, error: ViewError) -> WriterError {
        match error {
            ViewError::Damaged { view } => match self.handle.forget(view) {
                Ok(()) => WriterError::Dropped { view },
                Err(error) => StoreViewError::Unavailable { reason: error.to_string().into() }.into(),
            },
            other => StoreViewError::Unavailable { reason: other.to_string().into() }.into(),
        }
    }

    fn set_state(&self, state: ViewState) {
        self.handle.shared.status(P::KIND).set_state(state);
    }

    fn set_state_unless_stuck(&self, step: &Step, state: ViewState) {
        if matches!(step, Step::Done) {
            self.set_state(state);
        }
    }
}

/// Folds the records after `cursor` into one batch and applies it; answers how far it got, and what stopped it. Blocks on
/// the disk.
fn fold_and_apply<P: Projection>(
    handle: &ViewsHandle,
    cursor: u64,
    records: &[Record],
) -> Result<(u64, Option<Poison>), NotFolded> {
    let shared = &handle.shared;
    let name = shared.name(P::KIND);
    let Folded { batch, poison } =
        draft::fold::<P>(&*shared.views, name, cursor, records).map_err(NotFolded::Rows)?;
    let reached = batch.cursor();
    if reached > cursor {
        shared.views.apply(name, batch).map_err(NotFolded::Apply)?;
    }
    Ok((reached, poison))
}

/// Applies a batch, and waits for room as long as the store has none.
async fn apply(handle: &ViewsHandle, view: ViewKind, batch: ViewBatch) -> Result<(), StoreViewError> {
    let shared = &handle.shared;
    let mut room = shared.views.room();
    loop {
        room.borrow_and_update();
        let (views, name, batch) = (shared.views.clone(), shared.name(view).clone(), batch.clone());
        match blocking(move || views.apply(&name, batch)).await {
            Err(StoreViewError::Lagging { .. }) => {
                room.changed().await.map_err(|_| unavailable("the store of views is gone"))?;
            }
            done => return done,
        }
    }
}

async fn wait_until_ready(
    readiness: &mut tokio::sync::watch::Receiver<Readiness>,
) -> Result<(), StoreViewError> {
    let changed = readiness.wait_for(|now| *now != Readiness::Opening).await;
    match changed.as_deref() {
        Ok(Readiness::Failed { reason }) => Err(StoreViewError::Unavailable { reason: reason.clone() }),
        Ok(Readiness::Closed) => Err(unavailable("the store of views is closed")),
        Ok(Readiness::Open | Readiness::Opening) => Ok(()),
        Err(_) => Err(unavailable("the store of views is gone")),
    }
}

fn unavailable(reason: &str) -> StoreViewError {
    StoreViewError::Unavailable { reason: reason.into() }
}
