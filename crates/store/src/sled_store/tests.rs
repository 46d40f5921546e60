//! The store as its users meet it: what is read, what survives, what is set aside.

#![allow(clippy::unwrap_used)]

use std::fs;
use std::path::Path;

use bytes::Bytes;

use super::*;
use crate::snapshots::conformance::snapshot;
use crate::snapshots::{NotKept, SNAPSHOT_BYTES_MAX, Snapshot};
use crate::views::{Range, Row, ViewBatch, ViewError, ViewName};

mod model;
mod survival;

const LOG: Uuid = Uuid::from_u128(7);

fn options(dir: &Path) -> SledOptions {
    let mut options = SledOptions::new(dir.join("sled"), LOG, 1_000_000, 1_700_000_000_000);
    options.boot = Some("this boot".into());
    // Long enough that nothing is written but when a test says so.
    options.flush_interval = Duration::from_secs(10);
    options
}

fn opened(options: SledOptions) -> SledStore {
    let store = SledStore::open(options);
    settled(&store);
    store
}

fn block_on<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(future)
}

/// Waits until the outcome of opening is known.
fn settled(store: &SledStore) -> Readiness {
    let mut readiness = store.readiness();
    block_on(readiness.wait_for(|now| *now != Readiness::Opening)).unwrap().clone()
}

fn runs() -> ViewName {
    ViewName::new("runs").unwrap()
}

fn row(follows: u64, key: &'static str, value: &'static str) -> ViewBatch {
    let mut batch = ViewBatch::new(follows, follows + 1);
    batch.put(key, value);
    batch
}

fn rows(views: &dyn Views) -> Vec<(Bytes, Bytes)> {
    let all = Range { limit: 1000, ..Range::default() };
    views.range(&runs(), &all).unwrap().into_iter().map(|Row { key, value }| (key, value)).collect()
}

#[test]
fn views_on_sled_conform_while_nothing_is_written() {
    let (dir, mut count) = (tempfile::tempdir().unwrap(), 0);
    crate::views::conformance::check_all(|| {
        count += 1;
        Eager { store: opened(options(&dir.path().join(count.to_string()))), flushes: false }
    });
}

#[test]
fn views_on_sled_conform_when_everything_is_written_at_once() {
    let (dir, mut count) = (tempfile::tempdir().unwrap(), 0);
    crate::views::conformance::check_all(|| {
        count += 1;
        Eager { store: opened(options(&dir.path().join(count.to_string()))), flushes: true }
    });
}

#[test]
fn snapshots_on_sled_conform() {
    let (dir, mut count) = (tempfile::tempdir().unwrap(), 0);
    for flushes in [false, true] {
        let fresh = || {
            count += 1;
            let options = options(&dir.path().join(count.to_string()));
            // Room for all that the checks leave unwritten.
            let overlay_bytes_max = 2 * SNAPSHOT_BYTES_MAX;
            Eager { store: opened(SledOptions { overlay_bytes_max, ..options }), flushes }
        };
        crate::snapshots::conformance::check_all(fresh, |eager| {
            if eager.flushes {
                eager.store.flush();
            }
        });
    }
}

/// A store as one backend, which writes after each change or never.
struct Eager {
    store: SledStore,
    flushes: bool,
}

impl Eager {
    fn then_flush<T>(&self, result: T) -> T {
        if self.flushes {
            self.store.flush();
        }
        result
    }
}

impl Views for Eager {
    fn begin(&self, view: &ViewName, format: u32) -> Result<u64, ViewError> {
        self.then_flush(self.store.views().begin(view, format))
    }
    fn cursor(&self, view: &ViewName) -> Result<u64, ViewError> {
        self.store.views().cursor(view)
    }
    fn get(&self, view: &ViewName, key: &[u8]) -> Result<Option<Bytes>, ViewError> {
        self.store.views().get(view, key)
    }
    fn range(&self, view: &ViewName, range: &Range) -> Result<Vec<Row>, ViewError> {
        self.store.views().range(view, range)
    }
    fn apply(&self, view: &ViewName, batch: ViewBatch) -> Result<(), ViewError> {
        self.then_flush(self.store.views().apply(view, batch))
    }
    fn reset(&self, view: &ViewName) -> Result<(), ViewError> {
        self.then_flush(self.store.views().reset(view))
    }
    fn readiness(&self) -> watch::Receiver<Readiness> {
        self.store.readiness()
    }
    fn room(&self) -> watch::Receiver<u64> {
        self.store.views().room()
    }
}

impl Snapshots for Eager {
    fn put(&self, stream: &str, snapshot: Snapshot) -> Result<(), NotKept> {
        self.store.snapshots().put(stream, snapshot)
    }
    fn get(&self, stream: &str, format: u32) -> Option<Snapshot> {
        self.store.snapshots().get(stream, format)
    }
    fn forget(&self, stream: &str) {
        self.store.snapshots().forget(stream);
    }
}

/// A store whose thread has not come to anything yet.
fn opening(plan: &opening::Plan, overlay_bytes_max: usize) -> (tempfile::TempDir, Arc<Shared>) {
    let dir = tempfile::tempdir().unwrap();
    let options = SledOptions { overlay_bytes_max, ..options(dir.path()) };
    let shared = Arc::new(Shared::new(options));
    shared.planned(plan, None);
    (dir, shared)
}

#[test]
fn a_new_database_serves_from_memory_before_it_is_open() {
    let (_dir, shared) = opening(&opening::Plan::Fresh, 1 << 20);
    let (views, snapshots) = (views::SledViews(shared.clone()), snapshots::SledSnapshots(shared));
    assert_eq!(*views.readiness().borrow(), Readiness::Opening);
    assert_eq!(views.begin(&runs(), 1), Ok(0));
    views.apply(&runs(), row(0, "a", "1")).unwrap();
    assert_eq!(views.get(&runs(), b"a"), Ok(Some(Bytes::from("1"))));
    assert_eq!(rows(&views), [(Bytes::from("a"), Bytes::from("1"))]);
    snapshots.put("s", snapshot(1, "state")).unwrap();
    assert_eq!(snapshots.get("s", 3), Some(snapshot(1, "state")));
}

#[test]
fn what_a_database_holds_is_not_guessed_before_it_is_open() {
    let marker = marker::Marker::new(Uuid::from_u128(1), LOG, None);
    let (_dir, shared) = opening(&opening::Plan::Existing(marker), 1 << 20);
    let views = views::SledViews(shared);
    assert_eq!(views.begin(&runs(), 1), Err(ViewError::Opening));
}

#[test]
fn a_batch_is_refused_while_too_much_waits_and_taken_when_nothing_does() {
    let (_dir, shared) = opening(&opening::Plan::Fresh, 1000);
    let views = views::SledViews(shared);
    views.begin(&runs(), 1).unwrap();
    let large = |follows| {
        let mut batch = ViewBatch::new(follows, follows + 1);
        batch.put(follows.to_be_bytes().to_vec(), vec![0; 2000]);
        batch
    };
    views.apply(&runs(), large(0)).unwrap();
    assert!(matches!(views.apply(&runs(), large(1)), Err(ViewError::Lagging { .. })));
    assert_eq!(views.cursor(&runs()), Ok(1));
}

#[test]
fn snapshots_are_forgotten_while_too_much_waits() {
    let (_dir, shared) = opening(&opening::Plan::Fresh, 1000);
    let snapshots = snapshots::SledSnapshots(shared);
    snapshots.put("a", snapshot(1, vec![0; 2000])).unwrap();
    assert_eq!(snapshots.put("b", snapshot(1, vec![0; 2000])), Err(NotKept::Lagging));
}

#[test]
fn a_snapshot_larger_than_all_that_may_wait_is_taken_beside_what_does() {
    let (_dir, shared) = opening(&opening::Plan::Fresh, 4096);
    let snapshots = snapshots::SledSnapshots(shared);
    snapshots.put("a", snapshot(1, vec![0; 2000])).unwrap();
    snapshots.put("b", snapshot(1, vec![0; 8000])).unwrap();
    assert_eq!(snapshots.put("c", snapshot(1, vec![0; 8000])), Err(NotKept::Lagging));
    assert_eq!(snapshots.put("d", snapshot(1, vec![0; 10])), Err(NotKept::Lagging));
}

#[test]
fn there_is_room_again_after_what_waits_is_written() {
    let dir = tempfile::tempdir().unwrap();
    let store = opened(SledOptions { overlay_bytes_max: 0, ..options(dir.path()) });
    let (views, mut room) = (store.views(), store.views().room());
    views.begin(&runs(), 1).unwrap();
    for follows in 0..200u64 {
        let mut batch = ViewBatch::new(follows, follows + 1);
        batch.put(follows.to_be_bytes().to_vec(), vec![0; 4000]);
        room.mark_unchanged();
        while let Err(ViewError::Lagging { .. }) = views.apply(&runs(), batch.clone()) {
            // Nobody asks for a flush here: a lagging store hurries by itself.
            block_on(room.changed()).unwrap();
        }
    }
    store.flush();
    assert_eq!(store.stats().waiting_bytes, 0);
    assert_eq!(rows(&*views).len(), 200);
}

#[test]
fn a_closed_store_says_so_and_keeps_nothing_more() {
    let dir = tempfile::tempdir().unwrap();
    let store = opened(options(dir.path()));
    let (views, snapshots) = (store.views(), store.snapshots());
    views.begin(&runs(), 1).unwrap();
    store.close();
    store.close();
    store.flush();
    assert_eq!(*store.readiness().borrow(), Readiness::Closed);
    assert!(matches!(views.apply(&runs(), row(0, "a", "1")), Err(ViewError::Unavailable { .. })));
    assert_eq!(snapshots.put("s", snapshot(1, "state")), Err(NotKept::Unavailable));
    assert_eq!(snapshots.get("s", 3), None);
}

#[test]
fn the_rows_of_a_dropped_view_are_swept_from_the_database() {
    let dir = tempfile::tempdir().unwrap();
    let store = opened(options(dir.path()));
    let views = store.views();
    views.begin(&runs(), 1).unwrap();
    let mut batch = ViewBatch::new(0, 1);
    for n in 0..2500u32 {
        batch.put(n.to_be_bytes().to_vec(), "row");
    }
    views.apply(&runs(), batch).unwrap();
    store.flush();
    views.begin(&runs(), 2).unwrap();
    views.apply(&runs(), row(0, "only", "one")).unwrap();
    for _ in 0..4 {
        store.flush();
    }
    let database = store.shared.database().unwrap().unwrap();
    assert_eq!(database.views.len(), 2, "a header and a row");
    drop(database);
    assert_eq!(rows(&*views).len(), 1);
}

#[test]
fn a_snapshot_that_shrinks_or_is_forgotten_leaves_no_chunks_behind() {
    let dir = tempfile::tempdir().unwrap();
    let store = opened(options(dir.path()));
    let snapshots = store.snapshots();
    let database = store.shared.database().unwrap().unwrap();
    let entries_after = |act: &dyn Fn()| {
        act();
        store.flush();
        database.snapshots.len()
    };
    assert_eq!(entries_after(&|| snapshots.put("s", snapshot(1, vec![1; 20_000])).unwrap()), 6);
    assert_eq!(entries_after(&|| snapshots.put("s", snapshot(2, vec![1; 5_000])).unwrap()), 3);
    assert_eq!(entries_after(&|| snapshots.put("s", snapshot(3, vec![1; 50])).unwrap()), 1);
    assert_eq!(entries_after(&|| snapshots.forget("s")), 0);
}
