//! Numbers, hours and filters say what a walk through the list says, whatever happened.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use bytes::Bytes;
use ghostlight_model::event::{
    Decision, Event, ParentStep, PauseReason, RunArchived, RunCancelled, RunPaused, RunQuarantined,
    RunReopened, RunResumed, StepWaiting, WaitReason,
};
use ghostlight_model::ids::Name;
use ghostlight_model::run::RunStatus;
use ghostlight_model::workflow::Risk;
use ghostlight_store::views::{
    MemoryViews, Range, Readiness, Row, ViewBatch, ViewError as StoreViewError, ViewName, Views,
};
use jiff::Timestamp;
use proptest::prelude::*;
use tokio::sync::watch;

use super::numbers::Hour;
use super::testing::{self, Log, START_MS, approval, asked, completed, created, decided, run};
use super::tests::{House, at};
use super::*;

const HOUR_MS: i64 = 3_600_000;
const WORKFLOWS: [&str; 2] = ["incident", "campaign"];
const REASONS: [PauseReason; 3] = [PauseReason::Operator, PauseReason::Quarantined, PauseReason::Budget];

fn name(workflow: &str) -> Name {
    Name::new(workflow).unwrap()
}

fn waiting(step: &str, reason: WaitReason) -> Event {
    StepWaiting::new(testing::step(step), reason).into()
}

fn paused(reason: PauseReason) -> Event {
    RunPaused { reason, message: String::new() }.into()
}

fn quarantined() -> Event {
    RunQuarantined { message: "it crashed".into() }.into()
}

/// A run that a step of the run of this number started.
fn child_of(parent: u32, workflow: &str) -> Event {
    let mut event = created(workflow, &[("team", "ops")]);
    if let Event::RunCreated(created) = &mut event {
        let (run, step) = (run(parent), testing::step("p"));
        created.parent = Some(ParentStep { run, step, root: run, generation: 1 });
    }
    event
}

/// What the list says, counted row by row.
fn recount(rows: &[RunRow]) -> RunCounts {
    let count = |fits: &dyn Fn(&RunRow) -> bool| rows.iter().filter(|row| fits(row)).count() as u64;
    let by_status = STATUSES.into_iter().map(|status| (status.as_str(), count(&|row| row.status == status)));
    RunCounts {
        by_status: by_status.collect(),
        waiting: WAITS.map(|wait| count(&|row| row.waits_for(wait))),
        waiting_approvals: rows.iter().map(|row| u64::from(row.waiting_approvals)).sum(),
        quarantined: count(&|row| row.reason == Some(PauseReason::Quarantined)),
        ..RunCounts::default()
    }
}

/// What happened in each hour, by the times of the rows.
fn rehours(rows: &[RunRow]) -> BTreeMap<i64, Hour> {
    let mut hours: BTreeMap<i64, Hour> = BTreeMap::new();
    let hour = |at: Timestamp| at.as_millisecond().div_euclid(HOUR_MS);
    for row in rows {
        hours.entry(hour(row.created_at)).or_default().started += 1;
        let Some(ended_at) = row.ended_at.filter(|_| row.status.is_terminal()) else { continue };
        let ended = hours.entry(hour(ended_at)).or_default();
        match row.status {
            RunStatus::Completed => ended.completed += 1,
            RunStatus::Failed => ended.failed += 1,
            _ => ended.cancelled += 1,
        }
    }
    hours
}

fn rows(house: &House, filter: &RunFilter) -> Vec<RunRow> {
    house.ids(filter).into_iter().map(|id| house.run(id)).collect()
}

/// Everything that is counted or filtered by is what the list of all says.
fn check_numbers(house: &House, now: Timestamp) {
    let all = rows(house, &RunFilter::default());
    let head = house.log.journal.head();
    let scopes = WORKFLOWS.map(|workflow| Some(name(workflow)));
    for scope in scopes.into_iter().chain([None]) {
        let of_scope = |row: &&RunRow| scope.as_ref().is_none_or(|workflow| row.workflow == *workflow);
        let mine: Vec<RunRow> = all.iter().filter(of_scope).cloned().collect();
        let wanted = RunCounts { sequence: head, ..recount(&mine) };
        assert_eq!(house.handle.run_counts(scope.as_ref()).unwrap(), wanted, "{scope:?}");
        assert_eq!(wanted.total(), mine.len() as u64);
        let one_by_one = RunFilter { workflow: scope.clone(), ..RunFilter::default() };
        assert_eq!(house.handle.count_runs(&one_by_one).unwrap(), wanted, "{scope:?}");

        let history = house.handle.history(scope.as_ref(), HISTORY_HOURS_MAX, now).unwrap();
        assert_eq!(history.hours.len(), usize::from(HISTORY_HOURS_MAX));
        let first = history.begins.as_millisecond().div_euclid(HOUR_MS);
        let found: BTreeMap<i64, Hour> =
            (first..).zip(history.hours).filter(|(_, hour)| *hour != Hour::default()).collect();
        assert_eq!(found, rehours(&mine), "{scope:?}");
    }
    for wait in WAITS {
        let filter = RunFilter { waits_for: vec![wait], ..RunFilter::default() };
        let wanted: Vec<_> = all.iter().filter(|row| row.waits_for(wait)).cloned().collect();
        assert_eq!(rows(house, &filter), wanted, "{wait:?}");
    }
    for reason in REASONS {
        let filter = RunFilter { reasons: vec![reason], ..RunFilter::default() };
        let wanted: Vec<_> = all.iter().filter(|row| row.reason == Some(reason)).cloned().collect();
        assert_eq!(rows(house, &filter), wanted, "{reason:?}");
    }
    let parent = RunFilter { parent: Some(run(0)), ..RunFilter::default() };
    let wanted: Vec<_> = all.iter().filter(|row| row.parent.is_some()).cloned().collect();
    assert_eq!(rows(house, &parent), wanted);
    let statuses = vec![RunStatus::Failed, RunStatus::Paused];
    let several = RunFilter { statuses: statuses.clone(), waits_for: WAITS.to_vec(), ..RunFilter::default() };
    let is_both =
        |row: &&RunRow| statuses.contains(&row.status) && WAITS.iter().any(|wait| row.waits_for(*wait));
    assert_eq!(rows(house, &several), all.iter().filter(is_both).cloned().collect::<Vec<_>>());
}

#[tokio::test]
async fn the_numbers_say_how_many_runs_there_are_of_each_kind_and_of_each_workflow() {
    let house = House::new();
    let waits = [
        created("incident", &[]),
        asked(approval(1), Risk::Low),
        asked(approval(2), Risk::Low),
        waiting("a", WaitReason::Signal),
        waiting("b", WaitReason::Signal),
        waiting("c", WaitReason::Time),
        waiting("d", WaitReason::Slot),
    ];
    house.log.run(run(0), "incident", &waits);
    house.log.run(run(1), "incident", &[created("incident", &[]), quarantined()]);
    house.log.run(run(2), "campaign", &[child_of(0, "campaign"), completed()]);
    house.fold(ViewKind::Runs).await;
    let all = house.handle.run_counts(None).unwrap();
    assert_eq!((all.total(), all.quarantined, all.waiting_approvals), (3, 1, 2));
    let named = |counts: &RunCounts| counts.by_status.clone().into_iter().filter(|(_, n)| *n > 0);
    assert_eq!(named(&all).collect::<Vec<_>>(), [("completed", 1), ("paused", 1), ("running", 1)]);
    // A run waits for signals once, however many its steps wait for.
    assert_eq!(WAITS.map(|wait| all.waiting_for(wait)), [1, 0, 1, 0, 1]);
    let campaign = house.handle.run_counts(Some(&name("campaign"))).unwrap();
    assert_eq!((campaign.total(), campaign.waiting_approvals), (1, 0));
    assert_eq!(house.handle.run_counts(Some(&name("nobodys"))).unwrap().total(), 0);
    check_numbers(&house, at(0));
}

#[tokio::test]
async fn a_run_counts_in_the_hour_in_which_it_began_and_in_the_one_in_which_it_ended() {
    let house = House::new();
    house.log.run_at(run(0), "incident", &created("incident", &[]), 0);
    house.log.run_at(run(0), "incident", &completed(), 30 * HOUR_MS);
    let hours = |house: &House, hours| house.handle.history(None, hours, at(30 * HOUR_MS)).unwrap();
    house.fold(ViewKind::Runs).await;
    let day = hours(&house, 24);
    assert_eq!(day.begins, Timestamp::from_millisecond((START_MS / HOUR_MS + 7) * HOUR_MS).unwrap());
    assert_eq!(day.hours.len(), 24);
    assert_eq!(day.hours[23], Hour { completed: 1, ..Hour::default() });
    assert_eq!(day.hours.iter().map(|hour| hour.started).sum::<u64>(), 0, "it began before");
    assert_eq!(hours(&house, 31).hours[0], Hour { started: 1, ..Hour::default() });
    // Opened again it has not ended, and ends in another hour.
    house.log.run_at(run(0), "incident", &RunReopened::default().into(), 31 * HOUR_MS);
    house.fold(ViewKind::Runs).await;
    assert_eq!(hours(&house, 24).hours[23], Hour::default());
    house.log.run_at(run(0), "incident", &testing::failed("a"), 32 * HOUR_MS);
    house.fold(ViewKind::Runs).await;
    assert_eq!(
        house.handle.history(None, 1, at(32 * HOUR_MS)).unwrap().hours,
        [Hour { failed: 1, ..Hour::default() }]
    );
    check_numbers(&house, at(32 * HOUR_MS));
}

#[tokio::test]
async fn what_no_counter_knows_is_counted_up_to_a_bound_and_says_so() {
    let house = House::new();
    for number in 0..10_300 {
        let team = if number < 10 { "rare" } else { "ops" };
        house.log.run(run(number), "incident", &[created("incident", &[("team", team)])]);
    }
    house.fold(ViewKind::Runs).await;
    let count = |team: &str| {
        let labels = vec![("team".to_owned(), team.to_owned())];
        let counts = house.handle.count_runs(&RunFilter { labels, ..RunFilter::default() }).unwrap();
        (counts.total(), counts.partial)
    };
    assert_eq!(count("rare"), (10, false));
    assert_eq!(count("ops"), (10_000, true));
    assert_eq!(house.handle.run_counts(None).unwrap().total(), 10_300);
}

#[tokio::test]
async fn several_groups_are_listed_as_one_newest_first_and_each_run_once() {
    let house = House::new();
    for number in 0..400_u32 {
        house.log.run(run(number), "incident", &[created("incident", &[])]);
        let more: &[Event] = match number % 4 {
            0 => &[completed()],
            1 => &[testing::failed("a")],
            2 => &[waiting("a", WaitReason::Signal), waiting("b", WaitReason::Time)],
            _ => &[],
        };
        if !more.is_empty() {
            house.log.run(run(number), "incident", more);
        }
    }
    house.fold(ViewKind::Runs).await;
    let wanted = |fits: fn(u32) -> bool| -> Vec<_> { (0..400).rev().filter(|n| fits(*n)).map(run).collect() };
    let ended = RunFilter { statuses: vec![RunStatus::Failed, RunStatus::Completed], ..RunFilter::default() };
    assert_eq!(house.ids(&ended), wanted(|n| n % 4 < 2));
    let waits_for = vec![WaitReason::Signal, WaitReason::Time];
    assert_eq!(house.ids(&RunFilter { waits_for, ..RunFilter::default() }), wanted(|n| n % 4 == 2));
}

/// A store of views that counts what it is asked.
#[derive(Default)]
struct Counting {
    inner: MemoryViews,
    asked: AtomicU64,
}

impl Views for Counting {
    fn begin(&self, view: &ViewName, format: u32) -> Result<u64, StoreViewError> {
        self.inner.begin(view, format)
    }
    fn cursor(&self, view: &ViewName) -> Result<u64, StoreViewError> {
        self.inner.cursor(view)
    }
    fn get(&self, view: &ViewName, key: &[u8]) -> Result<Option<Bytes>, StoreViewError> {
        self.asked.fetch_add(1, Ordering::Relaxed);
        self.inner.get(view, key)
    }
    fn range(&self, view: &ViewName, range: &Range) -> Result<Vec<Row>, StoreViewError> {
        let rows = self.inner.range(view, range)?;
        self.asked.fetch_add(rows.len() as u64, Ordering::Relaxed);
        Ok(rows)
    }
    fn apply(&self, view: &ViewName, batch: ViewBatch) -> Result<(), StoreViewError> {
        self.inner.apply(view, batch)
    }
    fn reset(&self, view: &ViewName) -> Result<(), StoreViewError> {
        self.inner.reset(view)
    }
    fn readiness(&self) -> watch::Receiver<Readiness> {
        self.inner.readiness()
    }
    fn room(&self) -> watch::Receiver<u64> {
        self.inner.room()
    }
}

#[tokio::test]
async fn numbers_cost_the_same_however_many_runs_there_are() {
    let mut costs = Vec::new();
    for runs in [10, 2_000] {
        let (views, log) = (Arc::new(Counting::default()), Log::new());
        let handle = ViewsHandle::new(views.clone());
        for number in 0..runs {
            log.run(run(number), "incident", &[created("incident", &[])]);
        }
        log.journal.close();
        handle.write(ViewKind::Runs, log.journal.clone()).await.unwrap();
        let before = views.asked.load(Ordering::Relaxed);
        assert_eq!(handle.run_counts(Some(&name("incident"))).unwrap().total(), u64::from(runs));
        let history = handle.history(None, 168, at(24 * HOUR_MS)).unwrap();
        assert_eq!(history.hours.iter().map(|hour| hour.started).sum::<u64>(), u64::from(runs));
        costs.push(views.asked.load(Ordering::Relaxed) - before);
    }
    assert!(costs.iter().all(|cost| *cost < 20), "{costs:?}");
}

#[tokio::test]
async fn runs_are_found_by_the_beginning_of_their_ids() {
    let house = House::new();
    for number in 0..600 {
        house.log.run(run(number), "incident", &[created("incident", &[])]);
    }
    house.fold(ViewKind::Runs).await;
    for length in [8, 13, 36] {
        let begins = run(300).to_string()[..length].to_owned();
        let filter = RunFilter { begins: IdPrefix::read(&begins), ..RunFilter::default() };
        let wanted = (0..600).rev().map(run).filter(|run| run.to_string().starts_with(&begins));
        assert_eq!(house.ids(&filter), wanted.collect::<Vec<_>>(), "{begins}");
    }
}

fn any_event() -> impl Strategy<Value = Event> {
    let step = prop::sample::select(vec!["a", "b"]);
    let id = 0..3_u32;
    prop_oneof![
        3 => Just(created("incident", &[("team", "ops")])),
        2 => Just(created("campaign", &[])),
        1 => Just(child_of(0, "campaign")),
        3 => (step.clone(), prop::sample::select(WAITS[1..].to_vec()))
            .prop_map(|(step, wait)| waiting(step, wait)),
        1 => step.clone().prop_map(testing::failed_step),
        1 => step.prop_map(|step| testing::completed_step(step, 1)),
        1 => Just(testing::failed("a")),
        2 => Just(completed()),
        1 => Just(RunCancelled::default().into()),
        1 => Just(RunResumed {}.into()),
        2 => prop::sample::select(REASONS.to_vec()).prop_map(paused),
        1 => Just(quarantined()),
        1 => Just(RunReopened::default().into()),
        2 => id.clone().prop_map(|id| asked(approval(id), Risk::Low)),
        1 => id.prop_map(|id| decided(approval(id), Decision::Expired)),
        1 => Just(RunArchived { status: RunStatus::Completed, file: None }.into()),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]

    #[test]
    fn whatever_happened_the_numbers_the_hours_and_the_filters_agree_with_the_list(
        history in prop::collection::vec((0..6_u32, any_event(), 0..100_i64, prop::bool::weighted(0.2)), 1..80),
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let house = House::new();
            for (number, event, hour, is_folded) in &history {
                let sequence = house.log.run_at(run(*number), "incident", event, hour * HOUR_MS);
                if *is_folded {
                    house.fold_until(ViewKind::Runs, sequence).await;
                }
            }
            house.fold(ViewKind::Runs).await;
            check_numbers(&house, at(100 * HOUR_MS));
        });
    }
}
