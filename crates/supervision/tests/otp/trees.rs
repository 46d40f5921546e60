//! Supervisors below supervisors, and names over incarnations; and the clock, which OTP's suite leaves out.

use std::fs;
use std::path::Path;
use std::time::SystemTime;

use ghostlight_supervision::{
    AutoShutdown, ChildSpec, ChildState, Counts, ExitReason, Flags, Root, SendError, StableAddr,
    SupervisorRef,
};

use super::*;

fn incarnations(root: &Root, paths: &[&str]) -> Vec<u32> {
    let of = |path: &&str| root.tree().child(path).map_or(0, |child| child.incarnation());
    paths.iter().map(of).collect()
}

/// In a tree only the level where something failed restarts; a supervisor that gives up has its whole group restarted by its
/// parent, without the children that were added since, and with a sibling that had been terminated by hand.
#[tokio::test(start_paused = true)]
async fn tree() {
    on_one_arbiter(async {
        let (first, second, third) = (SupervisorRef::new(), SupervisorRef::new(), SupervisorRef::new());
        let names = [first.clone(), second.clone(), third.clone()];
        let four = |flags: Flags| flags.intensity(4, HOUR);
        let root = start(four(Flags::one_for_all()), move || {
            let flags = four(Flags::one_for_one());
            let [first, second, third] = &names;
            let two = || vec![sleeper("child1"), sleeper("child2")];
            vec![
                ChildSpec::supervisor("supchild1", first, flags.clone(), two),
                ChildSpec::supervisor("supchild2", second, flags.clone(), Vec::new),
                ChildSpec::supervisor("supchild3", third, flags, Vec::new).transient(),
            ]
        })
        .await;
        let supervisors = |active| Counts { specs: 3, active, supervisors: 3, workers: 0 };
        assert_eq!(root.supervisor().count_children().await, Ok(supervisors(3)));
        assert_eq!(first.count_children().await, Ok(counted(2, 2)));
        second.start_child(starts_once("child3")).await.expect("starts");
        let fourth = second.start_child(sleeper("child4")).await.expect("starts").expect("a child");
        root.supervisor().terminate_child(&"supchild3".into()).await.expect("stops");
        assert_eq!(root.supervisor().count_children().await, Ok(supervisors(2)));

        assert!(fourth.kill());
        settle().await;
        let leaves = ["supchild1/child1", "supchild1/child2", "supchild2/child3", "supchild2/child4"];
        assert_eq!(incarnations(&root, &leaves), [1, 1, 1, 2]);
        assert_eq!(incarnations(&root, &["supchild1", "supchild2", "supchild3"]), [1, 1, 1]);

        let old = root.tree().child("supchild1/child1").expect("there");
        root.tree().kill("supchild2/child3").expect("killed");
        settle().await;
        let given_up = root.tree().snapshot_of("supchild2").expect("there").last_exit;
        assert!(matches!(given_up, Some(ExitReason::GaveUp { .. })), "{given_up:?}");
        assert_eq!(incarnations(&root, &["supchild1", "supchild2", "supchild3"]), [2, 2, 2]);
        assert!(!old.is_alive());
        assert_eq!(root.supervisor().count_children().await, Ok(supervisors(3)));
        assert_eq!(first.count_children().await, Ok(counted(2, 2)));
        assert_eq!(second.which_children().await, Ok(vec![]), "what was added since is gone");
        assert_eq!(third.count_children().await, Ok(counted(0, 0)), "what was terminated is back");
        stop(root).await;
    })
    .await;
}

/// Where supervisors that end with their significant children are nested, the end climbs only through those that are significant
/// themselves.
#[tokio::test(start_paused = true)]
async fn significant_escalation() {
    on_one_arbiter(async {
        for significant in [true, false] {
            let (addr, log) = (StableAddr::new(), Log::default());
            let (spec_addr, spec_log) = (addr.clone(), log.clone());
            let flags = || Flags::one_for_one().auto_shutdown(AutoShutdown::AnySignificant);
            let mut root = start(flags(), move || {
                let (addr, log) = (spec_addr.clone(), spec_log.clone());
                let children = move || vec![puppet("inner", &addr, &log).transient().significant()];
                let middle =
                    ChildSpec::supervisor("middle", &SupervisorRef::new(), flags(), children).transient();
                vec![sleeper("sibling"), if significant { middle.significant() } else { middle }]
            })
            .await;
            addr.send(Do::Stop).await.expect("heard");
            settle().await;
            assert_eq!(
                root.tree().snapshot_of("middle").map(|node| node.state),
                match significant {
                    true => None,
                    false => Some(ChildState::Stopped),
                }
            );
            assert_eq!(root.is_running(), !significant);
            if significant {
                assert_eq!(root.ended().await, ExitReason::SHUTDOWN);
                assert_eq!(root.tree().live(), 0);
            } else {
                stop(root).await;
            }
        }
    })
    .await;
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Way {
    KillSupervisor,
    KillWorker,
    ExitWorker,
    RestartWorker,
}

/// The names of a supervisor and of its worker are free when their bearers are gone, and borne again by the next ones, whether the
/// supervisor was killed, the worker was killed, ended by itself, or was restarted by hand.
#[tokio::test(start_paused = true)]
async fn simple_global_supervisor() {
    on_one_arbiter(async {
        for way in [Way::KillSupervisor, Way::KillWorker, Way::ExitWorker, Way::RestartWorker] {
            let (middle, server, log) = (SupervisorRef::new(), StableAddr::new(), Log::default());
            let (spec_middle, spec_server, spec_log) = (middle.clone(), server.clone(), log.clone());
            let flags = || Flags::one_for_all().intensity(3, secs(60));
            let root = start(flags(), move || {
                let (server, log) = (spec_server.clone(), spec_log.clone());
                let children = move || vec![puppet("server", &server, &log)];
                vec![ChildSpec::supervisor("middle", &spec_middle, flags(), children)]
            })
            .await;
            assert_eq!(server.send(Count).await, Ok(1));
            let paths = ["middle", "middle/server"];
            let before = paths.map(|path| root.tree().child(path).expect("there"));
            match way {
                Way::KillSupervisor => assert!(before[0].kill()),
                Way::KillWorker => assert!(before[1].kill()),
                Way::ExitWorker => server.send(Do::Stop).await.expect("heard"),
                Way::RestartWorker => {
                    middle.terminate_child(&"server".into()).await.expect("stops");
                    assert_eq!(server.send(Count).await, Err(SendError::NotRunning), "the name is free");
                    middle.restart_child(&"server".into()).await.expect("starts");
                }
            }
            settle().await;
            assert_eq!(before[0].is_alive(), way != Way::KillSupervisor, "{way:?}");
            assert!(!before[1].is_alive());
            assert_eq!(
                middle.count_children().await,
                Ok(counted(1, 1)),
                "the name finds the next supervisor"
            );
            assert_eq!(server.send(Count).await, Ok(1), "the name finds the next worker");
            assert_eq!(server.path().map(|path| path.to_string()).as_deref(), Some("middle/server"));
            stop(root).await;
            assert!(!middle.is_running() && !server.is_running(), "the names are free");
        }
    })
    .await;
}

/// The sources of the crate itself, tests excluded, with their paths.
fn sources(folder: &Path, found: &mut Vec<(String, String)>) {
    for entry in fs::read_dir(folder).expect("a folder") {
        let path = entry.expect("an entry").path();
        if path.is_dir() && !path.ends_with("tests") {
            sources(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push((path.display().to_string(), fs::read_to_string(&path).expect("a text")));
        }
    }
}

/// A jump of the wall clock neither forgives a restart nor counts one: windows are measured on the monotonic clock, so that an
/// hour on it is an hour though none passes on the wall, and nothing in the crate asks for the wall clock.
#[tokio::test(start_paused = true)]
async fn wall_clock_jump() {
    on_one_arbiter(async {
        let wall = SystemTime::now();
        let mut root = start(Flags::one_for_one().intensity(1, HOUR), || vec![sleeper("a")]).await;
        for incarnation in 1..=5 {
            assert_eq!(incarnations(&root, &["a"]), [incarnation]);
            root.tree().kill("a").expect("killed");
            tokio::time::sleep(HOUR + ms(1)).await;
        }
        assert!(wall.elapsed().is_ok_and(|passed| passed < HOUR), "by the wall all were in one window");
        assert!(root.is_running());
        root.tree().kill("a").expect("killed");
        settle().await;
        root.tree().kill("a").expect("killed");
        assert!(matches!(root.ended().await, ExitReason::GaveUp { restarts: 1, .. }));
        stop(root).await;
    })
    .await;
    let mut found = Vec::new();
    sources(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src"), &mut found);
    assert!(found.len() > 10, "the sources were found");
    for (path, text) in found {
        for wall in ["SystemTime", "UNIX_EPOCH", "jiff::", "chrono::"] {
            assert!(!text.contains(wall), "{path} knows {wall}");
        }
    }
}
