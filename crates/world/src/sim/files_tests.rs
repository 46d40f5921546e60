//! What the simulated disk must be able to do to a store, and what it must never do.

use std::collections::HashSet;

use super::*;

const DIR: &str = "/data";

fn disk(seed: u64) -> SimFiles {
    let disk = SimFiles::new(seed);
    disk.create_dir_all(Path::new(DIR)).expect("a folder");
    disk
}

fn path(name: &str) -> PathBuf {
    Path::new(DIR).join(name)
}

fn contents(disk: &SimFiles, name: &str) -> io::Result<Vec<u8>> {
    let file = disk.open(&path(name), OpenMode::Read)?;
    let mut bytes = vec![0; usize::try_from(file.len()?).expect("small")];
    file.read_exact_at(&mut bytes, 0)?;
    Ok(bytes)
}

/// A synced and named file of 2,048 bytes of `1`.
fn base(seed: u64) -> (SimFiles, Box<dyn File>) {
    let disk = disk(seed);
    let file = disk.open(&path("f"), OpenMode::CreateNew).expect("opens");
    file.write_all_at(&[1; 2048], 0).expect("writes");
    file.sync_data().expect("syncs");
    disk.sync_dir(Path::new(DIR)).expect("syncs the folder");
    (disk, file)
}

#[test]
fn what_was_synced_survives_every_crash() {
    for seed in 0..100 {
        let (disk, _) = base(seed);
        disk.restart(seed);
        assert_eq!(contents(&disk, "f").expect("is there"), [1; 2048], "seed {seed}");
    }
}

#[test]
fn unsynced_writes_are_kept_lost_torn_and_reordered() {
    let mut outcomes = HashSet::new();
    for seed in 0..400 {
        let (disk, file) = base(seed);
        file.write_all_at(&[2; 1024], 512).expect("writes");
        disk.restart(seed);
        let after = contents(&disk, "f").expect("is there");
        assert!(
            after[..512].iter().chain(&after[1536..]).all(|b| *b == 1),
            "neighbours are safe, seed {seed}"
        );
        let (first, second) = (&after[512..1024], &after[1024..1536]);
        let look = |block: &[u8]| match block.iter().filter(|b| **b == 2).count() {
            0 => "lost",
            512 => "kept",
            _ => "torn",
        };
        outcomes.insert((look(first), look(second)));
    }
    assert_eq!(outcomes.len(), 9, "every combination was seen: {outcomes:?}");
}

#[test]
fn a_name_that_was_not_synced_may_vanish_and_a_rename_may_be_undone() {
    let mut seen = HashSet::new();
    for seed in 0..50 {
        let (disk, _) = base(seed);
        disk.rename(&path("f"), &path("g")).expect("renames");
        disk.restart(seed);
        let names = disk.list(Path::new(DIR)).expect("lists");
        assert_eq!(names.len(), 1, "a rename is one piece");
        seen.insert(names);
    }
    assert_eq!(seen.len(), 2);
}

#[test]
fn after_a_failed_sync_the_cache_shows_what_the_disk_may_not_have() {
    let mut differed = false;
    for seed in 0..20 {
        let (disk, file) = base(seed);
        file.write_all_at(&[2; 512], 0).expect("writes");
        disk.fail_at(disk.calls() + 1, Fault::InputOutput);
        assert!(file.sync_data().is_err());
        assert_eq!(contents(&disk, "f").expect("reads")[..512], [2; 512]);
        assert!(file.sync_data().is_ok(), "a second sync claims success");
        file.drop_cache(0..2048);
        differed |= contents(&disk, "f").expect("reads")[..512] == [1; 512];
    }
    assert!(differed);
}

#[test]
fn after_a_crash_every_call_fails_until_the_restart_and_old_handles_for_ever() {
    let (disk, file) = base(1);
    disk.fail_at(disk.calls() + 1, Fault::Crash);
    assert!(file.write_all_at(&[2], 0).is_err());
    assert!(file.sync_data().is_err() && disk.list(Path::new(DIR)).is_err());
    assert!(disk.has_crashed());
    disk.restart(1);
    assert!(disk.open(&path("f"), OpenMode::Write).is_ok());
    assert!(file.write_all_at(&[2], 0).is_err());
}

#[test]
fn a_full_disk_refuses_growth_and_nothing_else() {
    let (disk, file) = base(1);
    disk.set_free_bytes(Some(0));
    assert_eq!(file.write_all_at(&[2], 2048).err().map(|e| e.kind()), Some(io::ErrorKind::StorageFull));
    assert!(file.write_all_at(&[2], 0).is_ok());
    disk.set_free_bytes(None);
    assert!(file.write_all_at(&[2], 2048).is_ok());
}

#[test]
fn a_lock_is_exclusive_and_freed_by_a_crash() {
    let disk = disk(1);
    let held = disk.lock(&path("lock")).expect("locks");
    assert!(disk.lock(&path("lock")).is_err());
    disk.restart(1);
    let again = disk.lock(&path("lock")).expect("locks");
    drop(held);
    assert!(disk.lock(&path("lock")).is_err(), "a dead holder cannot free the new lock");
    drop(again);
    assert!(disk.lock(&path("lock")).is_ok());
}
