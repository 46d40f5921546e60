//! What is there after the process, the machine, or the database itself broke.

use ghostlight_world::Files as _;
use ghostlight_world::sim::SimFiles;

use super::*;

/// A store closed cleanly with one row at cursor 1 and one snapshot.
fn closed_with_a_row(dir: &Path) {
    let store = opened(options(dir));
    fill(&store);
    store.close();
}

fn fill(store: &SledStore) {
    let views = store.views();
    views.begin(&runs(), 1).unwrap();
    views.apply(&runs(), row(0, "a", "1")).unwrap();
    store.snapshots().put("s", snapshot(1, vec![5; 10_000])).unwrap();
    store.flush();
}

fn reason(store: &SledStore) -> Option<SetAsideReason> {
    assert_eq!(settled(store), Readiness::Open);
    store.set_aside().map(|set_aside| {
        assert!(set_aside.moved_to.is_dir());
        set_aside.reason
    })
}

/// After a database was set aside, the store works and begins at zero.
fn begins_afresh(store: &SledStore) {
    let views = store.views();
    assert_eq!(views.begin(&runs(), 1), Ok(0));
    assert_eq!(rows(&*views), []);
    assert_eq!(store.snapshots().get("s", 3), None);
    views.apply(&runs(), row(0, "b", "2")).unwrap();
    store.flush();
    assert_eq!(rows(&*views).len(), 1);
}

#[test]
fn rows_and_snapshots_survive_closing_and_another_boot() {
    let dir = tempfile::tempdir().unwrap();
    closed_with_a_row(dir.path());
    let store = opened(SledOptions { boot: Some("next boot".into()), ..options(dir.path()) });
    assert_eq!(reason(&store), None);
    assert_eq!(store.views().begin(&runs(), 1), Ok(1));
    assert_eq!(rows(&*store.views()), [(Bytes::from("a"), Bytes::from("1"))]);
    assert_eq!(store.snapshots().get("s", 3), Some(snapshot(1, vec![5; 10_000])));
}

#[test]
fn a_database_left_open_is_set_aside_in_another_boot_and_known_to_be_empty_at_once() {
    let dir = tempfile::tempdir().unwrap();
    let store = opened(options(dir.path()));
    fill(&store);
    drop(store);
    // sled's own threads hold its file a moment longer.
    while database::in_use(&dir.path().join("sled/db")).unwrap() {
        std::thread::yield_now();
    }
    let store = SledStore::open(SledOptions { boot: Some("next boot".into()), ..options(dir.path()) });
    assert_eq!(store.views().begin(&runs(), 1), Ok(0), "without waiting for the database");
    assert_eq!(reason(&store), Some(SetAsideReason::PowerCut));
    begins_afresh(&store);
}

#[test]
fn a_database_that_claims_events_the_journal_lacks_is_set_aside() {
    let dir = tempfile::tempdir().unwrap();
    closed_with_a_row(dir.path());
    let store = opened(SledOptions { journal_head: 0, ..options(dir.path()) });
    let ahead = SetAsideReason::AheadOfJournal { view: "runs".into(), cursor: 1, head: 0 };
    assert_eq!(reason(&store), Some(ahead));
    begins_afresh(&store);
}

#[test]
fn a_database_of_another_journal_is_set_aside() {
    let dir = tempfile::tempdir().unwrap();
    closed_with_a_row(dir.path());
    let store = opened(SledOptions { log: Uuid::from_u128(8), ..options(dir.path()) });
    assert_eq!(reason(&store), Some(SetAsideReason::OtherJournal));
    begins_afresh(&store);
}

#[test]
fn a_database_without_its_marker_is_set_aside() {
    let dir = tempfile::tempdir().unwrap();
    closed_with_a_row(dir.path());
    fs::remove_file(dir.path().join("sled/marker.json")).unwrap();
    let store = opened(options(dir.path()));
    assert_eq!(reason(&store), Some(SetAsideReason::NoMarker));
    begins_afresh(&store);
}

#[test]
fn a_database_that_opens_without_its_contents_is_set_aside() {
    let dir = tempfile::tempdir().unwrap();
    closed_with_a_row(dir.path());
    fs::remove_dir_all(dir.path().join("sled/db")).unwrap();
    let store = opened(options(dir.path()));
    assert_eq!(reason(&store), Some(SetAsideReason::Emptied));
    begins_afresh(&store);
}

#[test]
fn whatever_garbage_is_in_the_database_the_store_opens_and_says_what_it_set_aside() {
    for (file, garbage) in [("db", vec![0xA5; 1 << 20]), ("db", Vec::new()), ("conf", vec![b'x'; 100])] {
        let dir = tempfile::tempdir().unwrap();
        closed_with_a_row(dir.path());
        fs::write(dir.path().join("sled/db").join(file), garbage).unwrap();
        let store = opened(options(dir.path()));
        let reason = reason(&store);
        let noticed = matches!(reason, Some(SetAsideReason::Damaged { .. } | SetAsideReason::Emptied));
        assert!(noticed, "{file}: {reason:?}");
        begins_afresh(&store);
    }
}

#[test]
fn a_beginning_that_was_cut_short_is_begun_again_in_silence() {
    let dir = tempfile::tempdir().unwrap();
    let beginning = marker::Marker::new(Uuid::from_u128(1), LOG, None).ended(marker::Ended::Beginning);
    fs::create_dir_all(dir.path().join("sled/db")).unwrap();
    beginning.write(&dir.path().join("sled")).unwrap();
    let store = opened(options(dir.path()));
    assert_eq!(reason(&store), None);
    begins_afresh(&store);
}

#[test]
fn a_database_in_use_is_left_alone() {
    let dir = tempfile::tempdir().unwrap();
    let first = opened(options(dir.path()));
    fill(&first);
    let second = SledStore::open(SledOptions { lock_patience: Duration::ZERO, ..options(dir.path()) });
    assert!(matches!(settled(&second), Readiness::Failed { .. }));
    assert!(matches!(second.views().begin(&runs(), 1), Err(ViewError::Unavailable { .. })));
    drop(second);
    assert_eq!(rows(&*first.views()).len(), 1);
}

#[test]
fn a_folder_that_cannot_be_made_fails_the_store_and_nothing_else() {
    let dir = tempfile::tempdir().unwrap();
    fs::write(dir.path().join("file"), "in the way").unwrap();
    let store = opened(SledOptions { dir: dir.path().join("file/sled"), ..options(dir.path()) });
    assert!(matches!(settled(&store), Readiness::Failed { .. }));
    assert!(matches!(store.views().begin(&runs(), 1), Err(ViewError::Unavailable { .. })));
}

#[test]
fn damage_met_while_running_is_set_aside_at_the_next_opening() {
    let dir = tempfile::tempdir().unwrap();
    let store = opened(options(dir.path()));
    fill(&store);
    let detail = "a page does not decode".into();
    store.shared.broke(&database::Fault { detail, damaged: true, no_room: false });
    assert!(matches!(store.views().cursor(&runs()), Err(ViewError::Unavailable { .. })));
    drop(store);
    let store = opened(options(dir.path()));
    assert!(matches!(reason(&store), Some(SetAsideReason::Damaged { .. })));
    begins_afresh(&store);
}

/// Views are opened again by themselves, where the database had come to, whatever the journal's head was at the start.
#[test]
fn a_database_that_met_the_end_of_the_disk_is_opened_again_when_there_is_room() {
    let dir = tempfile::tempdir().unwrap();
    let store = opened(SledOptions { journal_head: 0, ..options(dir.path()) });
    fill(&store);
    let views = store.views();
    views.apply(&runs(), row(1, "b", "2")).unwrap();
    store.shared.broke(&database::Fault { detail: "no space".into(), damaged: false, no_room: true });
    assert_eq!(settled(&store), Readiness::Open);
    assert_eq!(store.set_aside(), None);
    assert!(matches!(views.cursor(&runs()), Err(ViewError::NotBegun { .. })), "its writer begins anew");
    assert_eq!(views.begin(&runs(), 1), Ok(1), "what was not written is folded again");
    assert_eq!(rows(&*views), [(Bytes::from("a"), Bytes::from("1"))]);
    views.apply(&runs(), row(1, "b", "2")).unwrap();
    store.flush();
    assert_eq!(rows(&*views).len(), 2);
    assert_eq!(store.snapshots().get("s", 3), Some(snapshot(1, vec![5; 10_000])));
}

/// A disk that says that it is full, whatever sled finds on the real one.
fn without_room(dir: &Path) -> (SledOptions, SimFiles) {
    let disk = SimFiles::new(1);
    disk.create_dir_all(dir).unwrap();
    disk.set_free_bytes(Some(0));
    (SledOptions { files: Arc::new(disk.clone()), ..options(dir) }, disk)
}

#[test]
fn what_is_damaged_on_a_full_disk_is_set_aside_when_there_is_room_and_not_before() {
    let dir = tempfile::tempdir().unwrap();
    closed_with_a_row(dir.path());
    fs::write(dir.path().join("sled/db/db"), vec![0xA5; 1 << 20]).unwrap();
    let (options, disk) = without_room(dir.path());
    let marker = marker::Marker::read(&options.dir).unwrap().unwrap();
    let opened = opening::open_existing(&options, marker.clone(), u64::MAX);
    assert!(matches!(opened, Err(opening::NotOpened::NoRoom(_))), "nothing that sled says is believed");
    drop(opened);

    let store = SledStore::open(options);
    assert_eq!(*store.readiness().borrow(), Readiness::Opening);
    assert_eq!(store.set_aside(), None);
    disk.set_free_bytes(None);
    let reason = reason(&store);
    assert!(matches!(reason, Some(SetAsideReason::Damaged { .. } | SetAsideReason::Emptied)), "{reason:?}");
    begins_afresh(&store);
}

#[test]
fn damage_that_is_met_on_a_full_disk_is_not_believed_and_the_database_is_opened_again() {
    let dir = tempfile::tempdir().unwrap();
    let (options, disk) = without_room(dir.path());
    disk.set_free_bytes(None);
    let store = opened(options);
    fill(&store);
    disk.set_free_bytes(Some(0));
    let detail = "a page that was not written".into();
    store.shared.broke(&database::Fault { detail, damaged: true, no_room: false });
    assert_eq!(*store.readiness().borrow(), Readiness::Opening);
    disk.set_free_bytes(None);
    assert_eq!(reason(&store), None);
    assert_eq!(store.views().begin(&runs(), 1), Ok(1));
    assert_eq!(rows(&*store.views()), [(Bytes::from("a"), Bytes::from("1"))]);
}

#[test]
fn a_database_that_cannot_be_begun_on_a_full_disk_is_begun_when_there_is_room() {
    let dir = tempfile::tempdir().unwrap();
    let (options, disk) = without_room(dir.path());
    let blocked = dir.path().join("file");
    fs::write(&blocked, "in the way").unwrap();
    disk.create_dir_all(&blocked).unwrap();
    let begun = opening::open_fresh(&SledOptions { dir: blocked.join("sled"), ..options.clone() });
    assert!(matches!(begun, Err(opening::NotOpened::NoRoom(_))), "whatever else stands in its way");
    let store = SledStore::open(options);
    assert_eq!(*store.readiness().borrow(), Readiness::Opening);
    disk.set_free_bytes(None);
    assert_eq!(reason(&store), None);
    begins_afresh(&store);
}

const ABORTING_DIR: &str = "GHOSTLIGHT_TEST_ABORTING_DIR";

/// The process of the test below: writes, applies more that is not written, and dies without a word.
#[test]
#[ignore = "aborts its process; run by the test below"]
fn a_process_that_aborts() {
    let Some(dir) = std::env::var_os(ABORTING_DIR) else { return };
    let store = opened(options(Path::new(&dir)));
    fill(&store);
    store.views().apply(&runs(), row(1, "b", "2")).unwrap();
    std::process::abort();
}

#[test]
fn a_killed_process_leaves_a_database_that_is_caught_up_from_its_cursor() {
    let dir = tempfile::tempdir().unwrap();
    let name = "sled_store::tests::survival::a_process_that_aborts";
    let killed = std::process::Command::new(std::env::current_exe().unwrap())
        .args(["--exact", name, "--ignored", "--nocapture"])
        .env(ABORTING_DIR, dir.path())
        .output()
        .unwrap();
    assert!(!killed.status.success());
    let store = opened(options(dir.path()));
    assert_eq!(reason(&store), None);
    let views = store.views();
    assert_eq!(views.begin(&runs(), 1), Ok(1), "behind, by what was not written");
    assert_eq!(rows(&*views), [(Bytes::from("a"), Bytes::from("1"))]);
    views.apply(&runs(), row(1, "b", "2")).unwrap();
    assert_eq!(rows(&*views).len(), 2);
    assert_eq!(store.snapshots().get("s", 3), Some(snapshot(1, vec![5; 10_000])));
}
