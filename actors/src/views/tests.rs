//! The views as their users see them: folded by a writer, over a journal and a store in memory.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use bytes::Bytes;
use ghostlight_model::event::{
    Decision, Event, ParentStep, PauseReason, RunPaused, RunReopened, RunResult, RunResumed,
};
use ghostlight_model::ids::{Name, RunId};
use ghostlight_model::run::RunStatus;
use ghostlight_model::workflow::Risk;
use ghostlight_store::views::{
    MemoryViews, ROW_VALUE_BYTES_MAX, Range, Readiness, Row, ViewBatch, ViewError as StoreViewError,
    ViewName, Views,
};
use jiff::Timestamp;
use proptest::prelude::*;
use tokio::sync::watch;

use super::testing::{
    self, Log, START_MS, approval, asked, completed, completed_step, created, decided, run, started,
};
use super::*;
use crate::streams;

const SECOND: Duration = Duration::from_secs(1);

pub(super) struct House {
    pub log: Log,
    views: Arc<MemoryViews>,
    pub handle: ViewsHandle,
}

impl House {
    pub fn new() -> Self {
        Self::on(Log::new())
    }

    fn on(log: Log) -> Self {
        let views = Arc::new(MemoryViews::new());
        Self { log, handle: ViewsHandle::new(views.clone()), views }
    }

    /// Folds a view as far as the journal goes, then ends the writer as a crash would.
    pub async fn fold(&self, view: ViewKind) {
        self.fold_until(view, self.log.journal.head()).await;
    }

    pub async fn fold_until(&self, view: ViewKind, sequence: u64) {
        let reached = async {
            while self.handle.at_least(view, sequence, SECOND).await.is_err() {}
            // Live again, so that what was set before does not refuse lists.
            tokio::task::yield_now().await;
        };
        tokio::select! {
            biased;
            end = self.handle.write(view, self.log.journal.clone()) => panic!("the writer ended: {end:?}"),
            () = reached => {}
        }
    }

    fn rows(&self, view: ViewKind) -> Vec<Row> {
        let name = ViewName::new(view.as_str()).unwrap();
        let mut rows = Vec::new();
        loop {
            let after = rows.last().map(|row: &Row| row.key.clone());
            let page = self.views.range(&name, &Range { after, limit: 1_000, ..Range::default() }).unwrap();
            if page.is_empty() {
                return rows;
            }
            rows.extend(page);
        }
    }

    pub fn run(&self, id: RunId) -> RunRow {
        self.handle.run(id).unwrap().unwrap()
    }

    pub fn ids(&self, filter: &RunFilter) -> Vec<RunId> {
        let mut ids = Vec::new();
        let mut page = Page { limit: 7, cursor: None };
        for _ in 0..10_000 {
            let found = self.handle.runs(filter, &page).unwrap();
            assert!(found.items.len() <= 7);
            ids.extend(found.items.iter().map(|row| row.id));
            match found.next {
                Some(next) => page.cursor = Some(next),
                None => return ids,
            }
        }
        panic!("the list does not end");
    }
}

pub(super) fn at(ms: i64) -> Timestamp {
    Timestamp::from_millisecond(START_MS + ms).unwrap()
}

/// Shows S1-4.1f, S2-1.3a, S3-3k.
#[tokio::test]
async fn a_row_says_what_happened_to_its_run() {
    let house = House::new();
    let events = [
        created("incident", &[("team", "ops")]),
        started("detect", 1),
        completed_step("detect", 1),
        asked(approval(1), Risk::High),
    ];
    house.log.run(run(0), "incident", &events);
    house.fold(ViewKind::Runs).await;
    let row = house.run(run(0));
    assert_eq!((row.status, row.waiting_approvals, row.steps.completed), (RunStatus::Running, 1, 1));
    assert_eq!((row.created_at, row.started_at, row.ended_at), (at(0), Some(at(1_000)), None));
    assert_eq!((row.stream_sequence, row.sequence), (4, 4));
    assert_eq!((row.input_tokens, row.output_tokens), (10, 3));

    let paused = RunPaused { reason: PauseReason::Operator, message: String::new() };
    house.log.run(run(0), "incident", &[decided(approval(1), Decision::Approved), paused.into()]);
    house.fold(ViewKind::Runs).await;
    let row = house.run(run(0));
    assert_eq!(
        (row.status, row.reason, row.waiting_approvals),
        (RunStatus::Paused, Some(PauseReason::Operator), 0)
    );

    let events = [RunResumed {}.into(), testing::failed_step("b"), testing::failed("b")];
    house.log.run(run(0), "incident", &events);
    house.fold(ViewKind::Runs).await;
    let row = house.run(run(0));
    let error = row.error.clone().unwrap();
    assert_eq!(
        (row.status, error.code.as_str(), error.message.text.as_str()),
        (RunStatus::Failed, "bad_input", "no")
    );
    assert_eq!((row.steps.failed, row.steps.all()), (1, 2));

    let reopened =
        RunReopened { steps: vec![testing::step("b"), testing::step("c")], ..RunReopened::default() };
    house.log.run(
        run(0),
        "incident",
        &[reopened.into(), completed_step("b", 2), completed_step("c", 1), completed()],
    );
    house.fold(ViewKind::Runs).await;
    let row = house.run(run(0));
    assert_eq!((row.status, row.result, row.error), (RunStatus::Completed, Some(RunResult::Complete), None));
    assert_eq!((row.steps.completed, row.steps.all(), row.ended_at), (3, 3, Some(at(12_000))));
}

#[tokio::test]
async fn an_approval_is_found_by_status_by_run_and_by_risk() {
    let house = House::new();
    for number in 0..4 {
        let risk = if number == 0 { Risk::Critical } else { Risk::Low };
        house.log.run(run(number), "incident", &[created("incident", &[]), asked(approval(number), risk)]);
    }
    house.log.run(run(3), "incident", &[decided(approval(3), Decision::Rejected)]);
    house.fold(ViewKind::Approvals).await;
    let ids = |filter: ApprovalFilter| -> Vec<_> {
        let page = house.handle.approvals(&filter, &Page::default()).unwrap();
        assert_eq!(page.next, None);
        page.items.into_iter().map(|row| row.id).collect()
    };
    let pending = ApprovalFilter { status: Some(ApprovalStatus::Pending), ..ApprovalFilter::default() };
    assert_eq!(ids(pending.clone()), [approval(2), approval(1), approval(0)]);
    assert_eq!(ids(ApprovalFilter { risk: Some(Risk::Critical), ..pending }), [approval(0)]);
    assert_eq!(ids(ApprovalFilter { run: Some(run(3)), ..ApprovalFilter::default() }), [approval(3)]);
    assert_eq!(house.handle.pending_approvals(), Ok(3));
    let row = house.handle.approval(approval(3)).unwrap().unwrap();
    assert_eq!((row.status, row.by.as_deref(), row.run), (ApprovalStatus::Rejected, Some("local"), run(3)));
    assert_eq!(row.comment.unwrap().text, "fine");
    assert_eq!(row.workflow, Some(Name::new("incident").unwrap()));
}

#[tokio::test]
async fn every_filter_finds_exactly_its_runs_newest_first_page_by_page() {
    let house = House::new();
    for number in 0..300_u32 {
        let workflow = if number % 3 == 0 { "campaign" } else { "incident" };
        let team = if number % 5 == 0 { "ops" } else { "dev" };
        house.log.run(run(number), workflow, &[created(workflow, &[("team", team), ("all", "yes")])]);
        if number % 7 == 0 {
            house.log.run(run(number), workflow, &[completed()]);
        }
    }
    house.fold(ViewKind::Runs).await;
    type Want = fn(u32) -> bool;
    let workflow = || Some(Name::new("campaign").unwrap());
    let label = |value: &str| vec![("team".to_owned(), value.to_owned())];
    let done = || vec![RunStatus::Completed];
    let none = RunFilter::default;
    let cases: [(RunFilter, Want); 9] = [
        (none(), |_| true),
        (RunFilter { statuses: done(), ..none() }, |n| n % 7 == 0),
        (RunFilter { workflow: workflow(), ..none() }, |n| n % 3 == 0),
        (RunFilter { labels: label("ops"), ..none() }, |n| n % 5 == 0),
        (RunFilter { labels: label("nobody"), ..none() }, |_| false),
        (RunFilter { since: Some(at(100_000)), ..none() }, |n| n >= 100),
        (RunFilter { until: Some(at(100_000)), ..none() }, |n| n < 100),
        (RunFilter { workflow: workflow(), labels: label("ops"), statuses: done(), ..none() }, |n| {
            n % 105 == 0
        }),
        (
            RunFilter { since: Some(at(50_000)), until: Some(at(60_000)), labels: label("dev"), ..none() },
            |n| (50..60).contains(&n) && n % 5 != 0,
        ),
    ];
    for (filter, wanted) in cases {
        let expected: Vec<_> = (0..300).rev().filter(|n| wanted(*n)).map(run).collect();
        assert_eq!(house.ids(&filter), expected, "{filter:?}");
    }
    let counts = house.handle.run_counts(None).unwrap().by_status;
    assert_eq!((counts["completed"], counts["running"], counts["failed"]), (43, 257, 0));
}

#[tokio::test]
async fn a_page_looks_at_a_bounded_number_of_rows_and_its_cursor_goes_on() {
    let house = House::new();
    for number in 0..1_100 {
        let team = if number == 3 { "rare" } else { "dev" };
        house.log.run(run(number), "incident", &[created("incident", &[("team", team)])]);
    }
    house.fold(ViewKind::Runs).await;
    let workflow = Some(Name::new("incident").unwrap());
    let until = Some(at(1_000_000));
    let labels = vec![("team".to_owned(), "rare".to_owned())];
    // With an index of another condition the rare one is behind many that do not match.
    let filter = RunFilter { workflow: workflow.clone(), until, ..RunFilter::default() };
    assert_eq!(house.ids(&filter).len(), 1_000);
    let first =
        house.handle.runs(&RunFilter { labels: labels.clone(), ..RunFilter::default() }, &Page::default());
    assert_eq!(first.unwrap().items.len(), 1);
    let narrow = RunFilter { statuses: vec![RunStatus::Running], workflow, labels, ..RunFilter::default() };
    assert_eq!(house.ids(&narrow), [run(3)]);
    // An old `until` is found by the ids, without looking at what is newer.
    let old = RunFilter { until: Some(at(5_000)), ..RunFilter::default() };
    assert_eq!(house.handle.runs(&old, &Page::default()).unwrap().items.len(), 5);
    let page = Page { limit: 5, cursor: None };
    let next = house.handle.runs(&filter, &page).unwrap().next;
    let other = house.handle.runs(&old, &Page { limit: 5, cursor: next });
    assert_eq!(other, Err(ViewError::Query(QueryError::CursorOfAnotherFilter)));
}

#[tokio::test]
async fn a_reader_waits_for_the_view_at_most_as_long_as_it_says() {
    let house = House::new();
    let behind = house.handle.at_least(ViewKind::Runs, 1, Duration::ZERO).await;
    assert_eq!(behind, Err(ViewBehind { view: ViewKind::Runs, cursor: 0, wanted: 1 }));
    assert_eq!(house.handle.run(run(0)), Err(ViewError::Opening { view: ViewKind::Runs }));
    let writing = house.handle.clone();
    let journal = house.log.journal.clone();
    let writer = tokio::spawn(async move { writing.write(ViewKind::Runs, journal).await });
    for number in 0..50 {
        let sequence = house.log.run(run(number), "incident", &[created("incident", &[])]);
        assert_eq!(house.handle.at_least(ViewKind::Runs, sequence, SECOND).await, Ok(()));
        assert!(house.handle.run(run(number)).unwrap().is_some());
    }
    house.log.journal.close();
    assert_eq!(writer.await.unwrap().unwrap(), WriterEnd::Closed);
    assert_eq!(house.handle.cursors()[0].1, ViewStatus { state: ViewState::Stopped, cursor: 50 });
}

#[tokio::test]
async fn a_record_that_cannot_be_read_sets_its_view_aside_and_no_other() {
    let house = House::new();
    house.log.run(run(0), "incident", &[created("incident", &[]), asked(approval(0), Risk::Low)]);
    house.log.raw(streams::run(run(0)), 37, "{ not json");
    house.log.run(run(1), "incident", &[created("incident", &[])]);
    let end = house.handle.write(ViewKind::Runs, house.log.journal.clone()).await.unwrap();
    let WriterEnd::SetAside { sequence, reason } = end else { panic!("{end:?}") };
    assert_eq!(sequence, 3);
    assert!(reason.contains(&run(0).to_string()), "{reason}");
    assert!(matches!(house.handle.run(run(0)), Err(ViewError::SetAside { .. })));
    let behind = house.handle.at_least(ViewKind::Runs, 4, SECOND).await;
    assert_eq!(behind, Err(ViewBehind { view: ViewKind::Runs, cursor: 2, wanted: 4 }));
    // What was set aside stays so, whoever tries again.
    let again = house.handle.write(ViewKind::Runs, house.log.journal.clone()).await.unwrap();
    assert_eq!(again, WriterEnd::SetAside { sequence, reason });
    house.fold(ViewKind::Approvals).await;
    assert!(house.handle.approval(approval(0)).unwrap().is_some());
}

#[tokio::test]
async fn the_kinds_of_a_newer_program_set_the_views_of_runs_aside() {
    let house = House::new();
    house.log.run(run(0), "incident", &[created("incident", &[])]);
    house.log.raw(streams::run(run(0)), 999, "{}");
    house.log.raw(streams::system(), 998, "{}");
    for view in ViewKind::ALL {
        let end = house.handle.write(view, house.log.journal.clone()).await.unwrap();
        assert!(matches!(end, WriterEnd::SetAside { sequence: 2, .. }), "{end:?}");
    }
}

/// P4.
#[tokio::test]
async fn a_view_goes_on_behind_records_that_are_damaged() {
    let dir = tempfile::tempdir().unwrap();
    let house = House::on(Log::damaged(dir.path(), "team-of-1", |log| {
        for number in 0..3 {
            let team = format!("team-of-{number}");
            log.run(run(number), "incident", &[created("incident", &[("team", &team)])]);
        }
        log.run(run(1), "incident", &[started("detect", 1)]);
        log.run(run(2), "incident", &[completed()]);
    }));
    house.fold(ViewKind::Runs).await;
    assert_eq!(house.run(run(0)).status, RunStatus::Running);
    assert_eq!(house.run(run(2)).status, RunStatus::Completed);
    assert_eq!(house.handle.run(run(1)).unwrap(), None, "its creation is not known");
    assert_eq!(house.ids(&RunFilter::default()).len(), 2);
}

#[tokio::test]
async fn a_view_of_another_log_is_folded_again() {
    let old = House::new();
    old.log.run(run(0), "incident", &[created("incident", &[])]);
    old.fold(ViewKind::Runs).await;
    let restored = Log::new();
    restored.run(run(1), "incident", &[created("incident", &[])]);
    let house = House { log: restored, ..old };
    house.fold(ViewKind::Runs).await;
    assert_eq!(house.ids(&RunFilter::default()), [run(1)]);
    assert_eq!(house.handle.run_counts(None).unwrap().by_status["running"], 1);
}

#[tokio::test]
async fn a_forgotten_view_is_folded_from_the_beginning() {
    let house = House::new();
    house.log.run(run(0), "incident", &[created("incident", &[])]);
    house.fold(ViewKind::Runs).await;
    let before = house.rows(ViewKind::Runs);
    house.handle.forget(ViewKind::Runs).unwrap();
    assert_eq!(house.handle.run(run(0)), Err(ViewError::Opening { view: ViewKind::Runs }));
    house.fold(ViewKind::Runs).await;
    assert_eq!(house.rows(ViewKind::Runs), before);
}

#[tokio::test]
async fn the_largest_row_is_taken_by_the_store() {
    let house = House::new();
    let long = "ä".repeat(4_000);
    let labels: Vec<_> = (0..200).map(|n| format!("{n:03}{}", "k".repeat(60))).collect();
    let labels: Vec<_> = labels.iter().map(|key| (key.as_str(), &long[..60])).collect();
    let path = testing::step(&"a".repeat(63));
    let mut failure = testing::failure(&long);
    failure.code = long.clone();
    let failed = ghostlight_model::event::RunFailed { step: Some(path), failure };
    let mut question = asked(approval(0), Risk::High);
    if let Event::ApprovalRequested(asked) = &mut question {
        asked.action = serde_json::json!(long).into();
        asked.impact = Some(serde_json::json!([long]).into());
        asked.shown = long.clone();
    }
    let mut first = created("incident", &labels);
    if let Event::RunCreated(created) = &mut first {
        let step = testing::step(&"p".repeat(63));
        created.parent = Some(ParentStep { run: run(1), step, root: run(2), generation: 8 });
    }
    house.log.run(run(0), "incident", &[first, question, failed.into()]);
    for view in ViewKind::ALL {
        house.fold(view).await;
        let largest = house.rows(view).iter().map(|row| row.value.len()).max();
        assert!(largest.is_some_and(|bytes| bytes > 1_500 && bytes <= ROW_VALUE_BYTES_MAX), "{largest:?}");
    }
    let row = house.run(run(0));
    assert_eq!(row.parent.as_ref().map(|parent| parent.run), Some(run(1)));
    assert!(row.labels_cut && row.error.unwrap().message.cut);
}

#[tokio::test]
async fn a_writer_that_lags_reads_what_it_missed() {
    let house = House::new();
    let (handle, journal) = (house.handle.clone(), house.log.journal.clone());
    let writer = tokio::spawn(async move { handle.write(ViewKind::Runs, journal).await });
    house.log.run(run(0), "incident", &[created("incident", &[])]);
    house.handle.at_least(ViewKind::Runs, 1, SECOND).await.unwrap();
    // More commits than wait for a follower, before the writer gets its turn.
    for attempt in 0..1_500 {
        house.log.run(run(0), "incident", &[completed_step("a", attempt)]);
    }
    while house.handle.at_least(ViewKind::Runs, 1_501, SECOND).await.is_err() {}
    assert_eq!(house.run(run(0)).steps.completed, 1_500);
    writer.abort();
}

#[tokio::test]
async fn a_damaged_row_drops_the_view_and_the_next_writer_folds_it_again() {
    let house = House::new();
    house.log.run(run(0), "incident", &[created("incident", &[])]);
    house.fold(ViewKind::Runs).await;
    let name = ViewName::new("runs").unwrap();
    let mut damage = ViewBatch::new(1, 1);
    damage.put(projection::row_key(run(0).0), "nonsense");
    house.views.apply(&name, damage).unwrap();
    assert_eq!(house.handle.run(run(0)), Err(ViewError::Damaged { view: ViewKind::Runs }));
    house.log.run(run(0), "incident", &[completed()]);
    let end = house.handle.write(ViewKind::Runs, house.log.journal.clone()).await;
    assert!(matches!(end, Err(WriterError::Dropped { view: ViewKind::Runs })), "{end:?}");
    house.fold(ViewKind::Runs).await;
    assert_eq!(house.run(run(0)).status, RunStatus::Completed);
    let rebuilt = House::on(house.log.clone());
    rebuilt.fold(ViewKind::Runs).await;
    assert_eq!(house.rows(ViewKind::Runs), rebuilt.rows(ViewKind::Runs));
}

/// A store of views that has no room for the first batches it is given.
struct Tight {
    inner: MemoryViews,
    room: watch::Sender<u64>,
    refusals: AtomicU64,
}

impl Views for Tight {
    fn begin(&self, view: &ViewName, format: u32) -> Result<u64, StoreViewError> {
        self.inner.begin(view, format)
    }
    fn cursor(&self, view: &ViewName) -> Result<u64, StoreViewError> {
        self.inner.cursor(view)
    }
    fn get(&self, view: &ViewName, key: &[u8]) -> Result<Option<Bytes>, StoreViewError> {
        self.inner.get(view, key)
    }
    fn range(&self, view: &ViewName, range: &Range) -> Result<Vec<Row>, StoreViewError> {
        self.inner.range(view, range)
    }
    fn apply(&self, view: &ViewName, batch: ViewBatch) -> Result<(), StoreViewError> {
        let refused = self.refusals.fetch_add(1, Ordering::Relaxed) % 3 != 2;
        if refused {
            // Room is made at once, perhaps before the writer waits for it.
            self.room.send_modify(|changes| *changes += 1);
            return Err(StoreViewError::Lagging { waiting_bytes: 1 });
        }
        self.inner.apply(view, batch)
    }
    fn reset(&self, view: &ViewName) -> Result<(), StoreViewError> {
        self.inner.reset(view)
    }
    fn readiness(&self) -> watch::Receiver<Readiness> {
        self.inner.readiness()
    }
    fn room(&self) -> watch::Receiver<u64> {
        self.room.subscribe()
    }
}

#[tokio::test]
async fn a_store_without_room_is_waited_for() {
    let views = Tight { inner: MemoryViews::new(), room: watch::Sender::new(0), refusals: AtomicU64::new(0) };
    let handle = ViewsHandle::new(Arc::new(views));
    let log = Log::new();
    for number in 0..600 {
        log.run(run(number), "incident", &[created("incident", &[])]);
    }
    log.journal.close();
    assert_eq!(handle.write(ViewKind::Runs, log.journal.clone()).await.unwrap(), WriterEnd::Closed);
    assert_eq!(handle.run_counts(None).unwrap().by_status["running"], 600);
}

/// Any event on any run, as a journal of any history may hold them.
fn any_event() -> impl Strategy<Value = Event> {
    let id = 0..3_u32;
    prop_oneof![
        Just(created("incident", &[("team", "ops")])),
        Just(created("campaign", &[])),
        Just(started("a", 1)),
        Just(completed_step("a", 1)),
        Just(testing::failed_step("a")),
        Just(testing::failed("a")),
        Just(completed()),
        Just(RunResumed {}.into()),
        Just(RunPaused { reason: PauseReason::Budget, message: String::new() }.into()),
        Just(RunReopened::default().into()),
        id.clone().prop_map(|id| asked(approval(id), Risk::Low)),
        id.prop_map(|id| decided(approval(id), Decision::Expired)),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, ..ProptestConfig::default() })]

    /// Whatever the history and wherever writers crash, the rows are those of one writer that began at the beginning.
    #[test]
    fn a_view_that_was_interrupted_equals_one_that_is_rebuilt(
        history in prop::collection::vec((0..4_u32, any_event(), prop::bool::weighted(0.2)), 1..60),
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let interrupted = House::new();
            for (number, event, crashes) in &history {
                let sequence = interrupted.log.run(run(*number), "incident", std::slice::from_ref(event));
                if *crashes {
                    for view in ViewKind::ALL {
                        interrupted.fold_until(view, sequence).await;
                    }
                }
            }
            let rebuilt = House::on(interrupted.log.clone());
            for view in ViewKind::ALL {
                interrupted.fold(view).await;
                rebuilt.fold(view).await;
                assert!(interrupted.rows(view) == rebuilt.rows(view), "{view} differs");
            }
            check_groups_and_counts(&rebuilt);
        });
    }
}

/// Every run is in exactly the lists that its row names, and the counters count them.
fn check_groups_and_counts(house: &House) {
    let all = house.ids(&RunFilter::default());
    let counts = house.handle.run_counts(None).unwrap().by_status;
    assert_eq!(counts.values().sum::<u64>(), all.len() as u64);
    for id in &all {
        let row = house.run(*id);
        let mine =
            RunFilter { statuses: vec![row.status], workflow: Some(row.workflow), ..RunFilter::default() };
        assert!(house.ids(&mine).contains(id));
    }
}
