//! Rounds of store care over a journal on files, with lists in memory.

use std::collections::BTreeSet;
use std::sync::Mutex;

use ghostlight_model::event::{Event, ParentStep, RunArchived, RunCancelled, RunReopened};
use ghostlight_model::run::RunStatus;
use ghostlight_store::Wake;
use ghostlight_store::blobs::{BlobError, BlobId, BlobsHeld, FileBlobs, MemoryBlobs};
use ghostlight_store::journal::{FileJournal, JournalOptions};
use ghostlight_store::snapshots::MemorySnapshots;
use ghostlight_store::views::MemoryViews;
use ghostlight_world::RealFiles;
use ghostlight_world::sim::SimWorld;

use super::round::Rounds;
use super::*;
use crate::feed::{FeedHandle, FeedItem, FeedLimits, FeedRequest, GapReason};
use crate::ledger::Ledger;
use crate::streams;
use crate::views::testing::{Log, approval, asked, completed, completed_step, created, failed, run, step};
use crate::views::{ApprovalFilter, Page, RunFilter, ViewKind};

struct House {
    log: Log,
    keeper: Keeper,
    present: Arc<Mutex<BTreeSet<RunId>>>,
    folder: tempfile::TempDir,
    sim: SimWorld,
}

impl House {
    fn new(care: StoreCare) -> Self {
        Self::with_segments_of(care, 4 << 10)
    }

    fn with_segments_of(care: StoreCare, segment_bytes: u64) -> Self {
        let sim = SimWorld::new(1);
        let folder = tempfile::TempDir::new().unwrap();
        let options = JournalOptions { segment_bytes, ..JournalOptions::default() };
        let journal = FileJournal::open(&World::real(), &folder.path().join("data"), &options).unwrap();
        let journal: SharedJournal = Arc::new(journal);
        let blobs: Arc<dyn Blobs> = Arc::new(MemoryBlobs::new(1 << 20));
        let ledger = Ledger::new(journal.clone(), blobs.clone(), sim.world());
        let present: Arc<Mutex<BTreeSet<RunId>>> = Arc::default();
        let is_present = present.clone();
        let keeper = Keeper {
            care: Arc::new(care),
            journal: journal.clone(),
            blobs,
            snapshots: Arc::new(MemorySnapshots::new()),
            views: ViewsHandle::new(Arc::new(MemoryViews::new())),
            system: System::new(ledger),
            is_present: Arc::new(move |run| is_present.lock().unwrap().contains(&run)),
            world: sim.world(),
        };
        Self { log: Log { journal }, keeper, present, folder, sim }
    }

    /// A run with these events; one that ends is done.
    fn run(&self, number: u32, parent: Option<u32>, end: Option<Event>) {
        let parent = parent.map(|above| ParentStep {
            run: run(above),
            step: step("child"),
            root: run(above),
            generation: 1,
        });
        let Event::RunCreated(created) = created("incident", &[]) else { panic!("it is created") };
        let mut events = vec![Event::from(ghostlight_model::event::RunCreated { parent, ..created })];
        events.extend((0..4).map(|at| completed_step("verify", at + 1)));
        events.push(asked(approval(number), ghostlight_model::workflow::Risk::Low));
        events.extend(end.clone());
        let wake = if end.is_some() { Wake::Done } else { Wake::Idle };
        self.log.run_to(run(number), "incident", &events, wake);
    }

    /// Folds the lists, and goes once round.
    async fn round(&self) {
        for view in [ViewKind::Runs, ViewKind::Approvals] {
            self.fold(view).await;
        }
        Rounds::new(self.keeper.clone()).round().await.unwrap();
        for view in [ViewKind::Runs, ViewKind::Approvals] {
            self.fold(view).await;
        }
    }

    async fn fold(&self, view: ViewKind) {
        let (views, journal) = (&self.keeper.views, &self.log.journal);
        let reached = async {
            while views.at_least(view, journal.head(), Duration::from_secs(1)).await.is_err() {}
            tokio::task::yield_now().await;
        };
        tokio::select! {
            biased;
            end = views.write(view, journal.clone()) => panic!("the writer ended: {end:?}"),
            () = reached => {}
        }
    }

    fn is_dropped(&self, number: u32) -> bool {
        let head = self.log.journal.head_of(&streams::run(run(number))).unwrap();
        head.is_some_and(|head| head.wake == Wake::Dropped)
    }

    fn listed(&self) -> usize {
        self.keeper.views.runs(&RunFilter::default(), &Page::default()).unwrap().items.len()
    }
}

fn care() -> StoreCare {
    let retention = Retention { completed: Some(Duration::from_secs(60)), ..Retention::default() };
    StoreCare { retention, every: Duration::from_secs(1), ..StoreCare::default() }
}

#[tokio::test]
async fn what_may_go_goes_from_journal_and_lists_and_everything_else_stays() {
    let house = House::new(care());
    house.run(0, None, Some(completed()));
    house.run(1, None, Some(failed("verify")));
    house.run(2, None, Some(RunCancelled::default().into()));
    house.run(3, None, None);
    house.run(4, Some(3), Some(completed()));
    house.run(5, Some(0), Some(completed()));
    house.run(6, None, Some(completed()));
    house.present.lock().unwrap().insert(run(6));
    house.round().await;
    let dropped: Vec<_> = (0..7).filter(|number| house.is_dropped(*number)).collect();
    // A child of what was dropped goes with it; a child of what is kept, and what is in memory, stays.
    assert_eq!(dropped, [0, 5]);
    assert_eq!(house.listed(), 5);
    let questions = house.keeper.views.approvals(&ApprovalFilter::default(), &Page::default()).unwrap();
    assert_eq!(questions.items.len(), 5, "nor are their questions listed");
    // And the same when the lists are made again of what is left.
    house.keeper.views.forget(ViewKind::Runs).unwrap();
    house.fold(ViewKind::Runs).await;
    assert_eq!(house.listed(), 5);
}

/// A sweep that fails, every time.
struct NoSweep;

impl Blobs for NoSweep {
    fn put(&self, bytes: &[u8]) -> Result<BlobId, BlobError> {
        Ok(BlobId::of(bytes))
    }
    fn get(&self, id: &BlobId) -> Result<bytes::Bytes, BlobError> {
        Err(BlobError::NotFound { id: *id })
    }
    fn contains(&self, _: &BlobId) -> Result<bool, BlobError> {
        Ok(false)
    }
    fn remove(&self, _: &BlobId) -> Result<bool, BlobError> {
        Ok(false)
    }
    fn list(&self, _: Option<&BlobId>, _: usize) -> Result<Vec<BlobId>, BlobError> {
        Err(BlobError::Io { action: "list", source: std::io::ErrorKind::PermissionDenied.into() })
    }
}

#[tokio::test]
async fn what_was_compacted_is_written_down_also_when_the_sweep_behind_it_fails() {
    let mut house = House::new(care());
    house.keeper.blobs = Arc::new(NoSweep);
    for number in 0..30 {
        house.run(number, None, Some(completed()));
    }
    for view in [ViewKind::Runs, ViewKind::Approvals] {
        house.fold(view).await;
    }
    let mut rounds = Rounds::new(house.keeper.clone());
    house.sim.clock.advance(SWEEP_EVERY);
    let failed = rounds.round().await;
    assert!(matches!(failed, Err(CareError::Sweep(_))), "{failed:?}");
    let system = house.log.journal.read(&streams::system(), 1, 10).unwrap();
    let is_it = |record: &ghostlight_store::Record| match crate::codec::decode(record).unwrap().event {
        Event::StoreCompacted(compacted) => compacted.segments > 0 && compacted.blobs == 0,
        _ => false,
    };
    assert!(system.iter().any(is_it));
}

#[tokio::test]
async fn sweeps_that_an_export_keeps_out_are_counted_until_one_may_go_on() {
    let mut house = House::new(care());
    let folder = house.folder.path().join("blobs");
    let blobs = FileBlobs::open(Arc::new(RealFiles), &folder, 1_024).unwrap();
    house.keeper.blobs = Arc::new(blobs);
    let mut rounds = Rounds::new(house.keeper.clone());
    let export = BlobsHeld::take(&RealFiles, &folder).unwrap();
    for count in 1..=KEPT_OUT_MAX {
        house.sim.clock.advance(SWEEP_EVERY);
        rounds.take_back(PERCENT_MIN).await.unwrap();
        rounds.take_back(PERCENT_MIN).await.unwrap();
        assert_eq!(rounds.kept_out, count, "it is tried once an hour");
    }
    drop(export);
    house.sim.clock.advance(SWEEP_EVERY);
    rounds.take_back(PERCENT_MIN).await.unwrap();
    assert_eq!(rounds.kept_out, 0);
}

#[tokio::test]
async fn a_run_that_somebody_opened_again_meanwhile_is_kept() {
    let retention = Retention { failed: Some(Duration::ZERO), ..Retention::default() };
    let house = House::new(StoreCare { retention, ..care() });
    house.run(0, None, Some(failed("verify")));
    house.fold(ViewKind::Runs).await;
    // The list has not seen it yet.
    house.log.run_to(run(0), "incident", &[RunReopened::default().into()], Wake::Now);
    Rounds::new(house.keeper.clone()).round().await.unwrap();
    assert!(!house.is_dropped(0));
}

#[tokio::test]
async fn nothing_is_dropped_whose_archive_cannot_be_written() {
    let folder = tempfile::TempDir::new().unwrap();
    let in_the_way = folder.path().join("archives");
    std::fs::write(&in_the_way, "a file").unwrap();
    let house = House::new(StoreCare { archive: Some(in_the_way), ..care() });
    house.run(0, None, Some(completed()));
    house.fold(ViewKind::Runs).await;
    let refused = Rounds::new(house.keeper.clone()).round().await;
    assert!(matches!(refused, Err(CareError::Archive(_))), "{refused:?}");
    assert!(!house.is_dropped(0));
}

#[tokio::test]
async fn a_run_that_is_damaged_is_kept_and_the_others_go() {
    let folder = tempfile::TempDir::new().unwrap();
    // Folders above it are made too.
    let archives = folder.path().join("of/this/house");
    let house = House::new(StoreCare { archive: Some(archives.clone()), ..care() });
    for number in 0..5 {
        house.run(number, None, Some(completed()));
    }
    house.fold(ViewKind::Runs).await;
    let name = streams::run(run(2)).to_string();
    for file in std::fs::read_dir(house.folder.path().join("data/journal")).unwrap() {
        let path = file.unwrap().path();
        let mut bytes = std::fs::read(&path).unwrap();
        let found = bytes.windows(name.len()).position(|window| window == name.as_bytes());
        if let Some(at) = found {
            bytes[at + name.len() - 1] ^= 1;
            std::fs::write(&path, bytes).unwrap();
        }
    }
    let mut rounds = Rounds::new(house.keeper.clone());
    // Compaction stops at the damage; that is said each time, and no reason to stop dropping.
    let _ = rounds.round().await;
    let dropped: Vec<_> = (0..5).filter(|number| house.is_dropped(*number)).collect();
    assert_eq!(dropped, [0, 1, 3, 4]);
    let files = || std::fs::read_dir(&archives).unwrap().count();
    assert_eq!(files(), 4, "each by itself, and nothing of the one that is damaged");
    house.run(5, None, Some(completed()));
    house.fold(ViewKind::Runs).await;
    let _ = rounds.round().await;
    assert!(house.is_dropped(5) && !house.is_dropped(2));
    assert_eq!(files(), 5, "the damaged one is not tried again");
}

#[tokio::test]
async fn a_clock_that_is_far_ahead_of_the_newest_events_is_given_an_hour_to_be_corrected() {
    let house = House::new(care());
    let note = || house.keeper.system.note(event_of(&Compacted::default(), Swept::default()));
    note().await.unwrap();
    assert_eq!(first_wait(&house.keeper).await, house.keeper.care.every, "all of it is new");
    house.run(0, None, Some(completed()));
    assert_eq!(first_wait(&house.keeper).await, CLOCK_WAIT);
    // As a start does, by the same clock.
    note().await.unwrap();
    assert_eq!(first_wait(&house.keeper).await, CLOCK_WAIT);
}

#[tokio::test]
async fn a_run_is_in_the_file_that_its_last_event_names() {
    let folder = tempfile::TempDir::new().unwrap();
    let house = House::new(StoreCare { archive: Some(folder.path().join("archives")), ..care() });
    for number in 0..40 {
        house.run(number, None, Some(completed()));
    }
    house.round().await;
    let mut files = BTreeSet::new();
    for number in 0..40 {
        let stream = streams::run(run(number));
        let head = house.log.journal.head_of(&stream).unwrap().unwrap();
        let last = house.log.journal.read(&stream, head.sequence, 1).unwrap().remove(0);
        let Event::RunArchived(RunArchived { status, file }) = crate::codec::decode(&last).unwrap().event
        else {
            panic!("{number} is not dropped")
        };
        assert_eq!(status, RunStatus::Completed);
        let path = folder.path().join("archives").join(file.unwrap());
        let text = std::fs::read_to_string(&path).unwrap();
        assert!(text.contains(&run(number).to_string()));
        files.insert(path);
    }
    let mut records = 0;
    for (at, file) in files.iter().enumerate() {
        let checked = crate::archive::check(file).unwrap();
        records += checked.records;
        let data = house.folder.path().join(format!("of-{at}"));
        assert_eq!(crate::archive::import(file, &data).unwrap().records, checked.records);
        let report = ghostlight_store::verify(&ghostlight_world::RealFiles, &data).unwrap();
        assert!(report.is_sound(), "{report:?}");
    }
    assert_eq!((files.len(), records), (2, 40 * 7));
}

#[test]
fn an_export_says_of_every_part_what_was_before_it_also_when_nothing_is_missing_yet() {
    let house = House::new(care());
    house.run(0, None, Some(completed()));
    house.log.run_to(run(0), "incident", &[RunReopened::default().into()], Wake::Now);
    let file = house.folder.path().join("export.jsonl");
    crate::archive::export(&house.folder.path().join("data"), std::fs::File::create(&file).unwrap()).unwrap();
    let text = std::fs::read_to_string(&file).unwrap();
    let of_run: Vec<_> = text.lines().filter(|line| line.contains(&run(0).to_string())).collect();
    assert!(!of_run[0].contains("\"before\""), "nothing was before the first");
    assert!(of_run.len() > 1 && of_run[1..].iter().all(|line| line.contains("\"before\"")), "{of_run:?}");
    crate::archive::import(&file, &house.folder.path().join("again")).unwrap();
}

#[tokio::test]
async fn a_journal_that_is_too_large_drops_what_ended_first() {
    let retention = Retention::default();
    let journal_bytes_max = Some(60 << 10);
    let house = House::new(StoreCare { retention, journal_bytes_max, ..care() });
    house.run(0, None, None);
    for number in 1..60 {
        house.run(number, None, Some(completed()));
    }
    let before = house.log.journal.stats().file_bytes;
    house.round().await;
    let after = house.log.journal.stats().file_bytes;
    assert!(after < before, "{before} {after}");
    assert!(!house.is_dropped(0), "what has not ended stays, however little room there is");
    let dropped: Vec<_> = (1..60).filter(|number| house.is_dropped(*number)).collect();
    assert!(!dropped.is_empty() && dropped.len() < 50, "no more than is needed: {dropped:?}");
    assert!(after <= before - (before - (60 << 10)) / 2, "{before} {after}");
    assert!(dropped.iter().zip(1..).all(|(found, expected)| *found == expected), "{dropped:?}");
}

#[tokio::test]
async fn nothing_is_dropped_for_room_that_dropping_would_not_make() {
    let care = StoreCare { retention: Retention::default(), journal_bytes_max: Some(20 << 10), ..care() };
    let house = House::new(care);
    // What has not ended is larger than the journal may be.
    for number in 0..40 {
        house.run(number, None, None);
    }
    for number in 40..45 {
        house.run(number, None, Some(completed()));
    }
    house.round().await;
    assert!((40..45).all(|number| !house.is_dropped(number)), "it would be lost for nothing");
}

#[tokio::test]
async fn a_segment_that_is_hardly_begun_counts_for_what_is_written_of_it() {
    let care = StoreCare { retention: Retention::default(), journal_bytes_max: Some(3 << 20), ..care() };
    let house = House::with_segments_of(care, 4 << 20);
    house.run(0, None, Some(completed()));
    house.round().await;
    assert!(house.log.journal.stats().file_bytes < 1 << 20);
    assert!(!house.is_dropped(0));
}

#[tokio::test]
async fn whoever_asks_for_what_is_gone_is_told_from_where_to_where() {
    let house = House::new(care());
    for number in 0..12 {
        house.run(number, None, Some(completed()));
    }
    house.run(12, None, None);
    house.round().await;
    let first = house.log.journal.read_all(0, 1).unwrap().remove(0).sequence;
    assert!(first > 1, "the beginning of the journal is gone");
    // A hub that begins now has nothing of it in memory.
    let feed = FeedHandle::new(house.log.journal.clone(), FeedLimits::default());
    let mut all = feed.subscribe(FeedRequest { after: Some(0), ..FeedRequest::default() }).unwrap();
    let head = house.log.journal.head();
    let (mut at, mut gaps) = (0, 0);
    while at < head {
        match all.next().await.unwrap() {
            FeedItem::Gap { from, to, reason } => {
                assert_eq!((from, reason), (at, GapReason::Retention));
                (at, gaps) = (to, gaps + 1);
            }
            FeedItem::Frame { sequence, .. } => {
                assert_eq!(sequence, Some(at + 1), "nothing is missing without a word");
                at += 1;
            }
            FeedItem::Hello { .. } => {}
            other => panic!("{other:?}"),
        }
    }
    assert!(gaps > 0);
}
