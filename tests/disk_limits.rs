//! A disk that has room, and not for this daemon: a file may not grow so far (`EFBIG`), or its user has used up his share
//! (`EDQUOT`). Both are a full disk, though the disk does not say so when it is asked for its room.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test says by panicking what is wrong")]

mod harness;
mod support;

use harness::{Daemon, Home};
use rustix::process::{Pid, Resource, Rlimit, prlimit};
use serde_json::json;
use support::calls::Failing;
use support::load::{Load, Seen, under_load};
use support::{all_completed, configure, id, start};

const SETTINGS: &str = "[data]\nsegment_bytes = \"1MiB\"\n";
const WORK: &str = "ghostlight: 1
name: work
nodes:
  a: { type: agent_call, agent: noop }
  b: { type: agent_call, agent: noop, needs: [a] }
";
const WAIT: &str = "ghostlight: 1\nname: wait\nnodes:\n  ask: { type: human_gate, action: Go on }\n";
/// Less than a segment of the journal, and than a few of the lists' database.
const FILE_BYTES_MAX: u64 = 512 << 10;

fn home() -> Home {
    let home = Home::new();
    configure(&home, SETTINGS);
    home.workflow("work", WORK);
    home.workflow("wait", WAIT);
    home
}

/// Files of the daemon may not grow beyond so many bytes; none: as far as they like.
fn limit_files(daemon: &Daemon, bytes_max: Option<u64>) {
    let pid = Pid::from_raw(daemon.pid().cast_signed());
    prlimit(pid, Resource::Fsize, Rlimit { current: bytes_max, maximum: None }).expect("the limit is set");
}

/// Clients work while `end_of_room` makes it come and go: what was acknowledged is there, what was refused was refused by its
/// name, and everything goes on by itself, in this life and the next. Where it cannot be made nothing is shown.
fn is_a_full_disk(end_of_room: impl FnOnce(&Daemon, &Load, &str) -> Option<()>) {
    let home = home();
    let mut daemon = Daemon::start(&home);
    let waiting = id(&start(&daemon, "wait").ok());
    let mut was_made = None;
    let Seen { acknowledged, refused } =
        under_load(&daemon, "work", |load| was_made = end_of_room(&daemon, load, &waiting));
    if was_made.is_none() {
        return;
    }
    assert_eq!(refused.keys().collect::<Vec<_>>(), ["503 \"storage_full\""], "{refused:?}");
    all_completed(&daemon, &acknowledged);
    daemon.kill();
    let daemon = Daemon::start(&home);
    all_completed(&daemon, &acknowledged);
    assert_eq!(daemon.get(&format!("/api/v1/runs/{waiting}")).unwrap().ok()["status"], "running");
    assert!(!home.logged().contains("are set aside"), "{}", home.logged());
}

fn is_read(daemon: &Daemon, load: &Load, waiting: &str) {
    assert_eq!(daemon.get(&format!("/api/v1/runs/{waiting}")).unwrap().ok()["status"], "running");
    daemon.get(&format!("/api/v1/runs/{}/events", load.first())).unwrap().ok();
    daemon.get("/metrics").unwrap().ok();
}

/// P22. Without care the system ends a process that writes so far, by SIGXFSZ.
#[test]
fn a_file_that_may_not_grow_is_a_full_disk_and_ends_nobody() {
    is_a_full_disk(|daemon, load, waiting| {
        limit_files(daemon, Some(FILE_BYTES_MAX));
        load.is_refused();
        is_read(daemon, load, waiting);
        load.comes_back_after(|| limit_files(daemon, None));
        Some(())
    });
}

/// P22.
#[test]
fn a_quota_that_is_used_up_is_a_full_disk() {
    is_a_full_disk(|daemon, load, waiting| {
        let failing = Failing::everywhere(daemon, "pwrite64,fallocate", "EDQUOT")?;
        load.is_refused();
        is_read(daemon, load, waiting);
        load.comes_back_after(|| drop(failing));
        Some(())
    });
}

/// The lists' database is neither taken for damaged nor closed for good where it cannot be opened for want of room.
#[test]
fn a_daemon_that_starts_without_room_for_its_lists_has_them_when_there_is_room() {
    let home = home();
    let mut daemon = Daemon::start(&home);
    let run = id(&start(&daemon, "work").ok());
    all_completed(&daemon, std::slice::from_ref(&run));
    assert!(daemon.stop().success());

    let daemon = Daemon::spawn(&home);
    // The journal has its first kilobytes, and lists have next to nothing.
    limit_files(&daemon, Some(FILE_BYTES_MAX / 4));
    daemon.wait_until_ready(&home);
    assert_eq!(daemon.get(&format!("/api/v1/runs/{run}")).unwrap().ok()["status"], "completed");
    let lists = daemon.get("/api/v1/runs").unwrap();
    assert_eq!((lists.status, &lists.body["code"]), (503, &json!("view_behind")), "{lists:?}");
    limit_files(&daemon, None);
    all_completed(&daemon, &[run]);
    assert!(!home.logged().contains("are set aside"), "{}", home.logged());
}
