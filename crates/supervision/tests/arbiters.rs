//! Several threads, in real time: placement, loss, blockage. Waits are for events, bounded by a generous limit.

mod common;

use std::sync::Arc;
use std::sync::mpsc;
use std::time::Duration;

use common::*;
use ghostlight_supervision::{
    Arbiters, ChildSpec, ExitReason, Flags, Heartbeat, HeartbeatConfig, Placement, Shutdown, StableAddr,
    SupervisorError, SupervisorRef, Tree, TreeConfig, TreeEvent,
};

fn system<F: Future<Output = ()>>(test: F) {
    actix_rt::System::new().block_on(async { tokio::time::timeout(secs(30), test).await.expect("in time") });
}

#[test]
fn a_child_lives_on_the_arbiter_it_was_given_and_a_nested_supervisor_takes_its_children_along() {
    system(async {
        let arbiters = Arbiters::new("worker", 2).expect("threads");
        let worker = arbiters.refs()[1].clone();
        let (partition, addr, log) = (SupervisorRef::new(), StableAddr::new(), Log::default());
        let (spec_partition, spec_addr, spec_log) = (partition.clone(), addr.clone(), log.clone());
        let root = start(Flags::one_for_one(), move || {
            let (addr, log) = (spec_addr.clone(), spec_log.clone());
            let children = move || vec![puppet("p", &addr, &log)];
            vec![ChildSpec::supervisor("partition", &spec_partition, Flags::dynamic(), children).on(&worker)]
        })
        .await;
        assert_eq!(
            root.tree().snapshot_of("partition/p").expect("there").arbiter.as_deref(),
            Some("worker-1")
        );
        assert_eq!(addr.send(Count).await, Ok(1));
        addr.send(Do::Panic).await.expect_err("crashes");
        while addr.send(Count).await.is_err() {
            tokio::task::yield_now().await;
        }
        stop(root).await;
        arbiters.stop_and_join();
    });
}

#[test]
fn a_lost_arbiter_is_an_exit_and_a_start_on_it_fails() {
    system(async {
        let arbiters = Arbiters::new("worker", 1).expect("threads");
        let worker = arbiters.refs()[0].clone();
        let (addr, log) = (StableAddr::new(), Log::default());
        let root = start(Flags::dynamic(), Vec::new).await;
        let spec = puppet("p", &addr, &log).temporary().on(&worker);
        let child = root.supervisor().start_child(spec).await.expect("starts").expect("a child");
        let down = child.down();
        arbiters.stop_and_join();
        assert_eq!(down.await.reason, ExitReason::ArbiterLost);
        assert_eq!(log.line(), "+p", "no hook runs while a thread goes away");
        let spec = puppet("q", &addr, &log).temporary().on(&worker);
        let refused = root.supervisor().start_child(spec).await.map(|_| ());
        assert_eq!(refused, Err(SupervisorError::StartFailed(ExitReason::ArbiterLost)));
        stop(root).await;
    });
}

#[test]
fn a_blocked_arbiter_is_reported_and_its_child_is_abandoned_when_it_cannot_be_killed() {
    system(async {
        let arbiters = Arbiters::new("worker", 2).expect("threads");
        let (tell, told) = mpsc::channel();
        let observer = Arc::new(move |event: &TreeEvent| {
            if matches!(
                event,
                TreeEvent::ArbiterStuck { .. }
                    | TreeEvent::ArbiterRecovered { .. }
                    | TreeEvent::ActorStuck { .. }
            ) {
                let json = serde_json::to_value(event).expect("serializable");
                // The test may be over.
                let _ = tell.send(json["type"].as_str().unwrap_or_default().to_owned());
            }
        });
        let config =
            HeartbeatConfig { interval: Duration::from_millis(5), stuck_after: Duration::from_millis(50) };
        let heartbeat =
            Heartbeat::start(arbiters.refs().to_vec(), config, observer.clone()).expect("a thread");
        let tree = Tree::new(TreeConfig { observer: Some(observer), seed: 0 });
        let flags = Flags::dynamic().kill_grace(Duration::from_millis(150));
        let root = tree.start("root", flags, Vec::new).await.expect("starts");
        let (addr, log) = (StableAddr::new(), Log::default());
        let spec = puppet("p", &addr, &log).shutdown(Shutdown::BrutalKill).on(&arbiters.refs()[0]);
        let child = root.supervisor().start_child(spec).await.expect("starts").expect("a child");
        let blocked = addr.send(Do::Block(Duration::from_millis(600)));
        while tree.snapshot_of("p").is_some_and(|node| node.handled == 0) {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        let ended = root.supervisor().terminate_child(child.key()).await;
        assert_eq!(ended, Err(SupervisorError::Stuck));
        assert_eq!(child.down().await.reason, ExitReason::Killed);
        root.supervisor().delete_child(child.key()).await.expect("deleted");
        let elsewhere = puppet("p", &addr, &log).on(&arbiters.refs()[1]);
        root.supervisor().start_child(elsewhere).await.expect("starts elsewhere");
        assert_eq!(addr.send(Count).await, Ok(1));
        // The abandoned one comes to, sees that it is over, and disturbs nobody.
        blocked.await.expect("it was handled, if late");
        while tree.live() > 2 {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        assert_eq!(addr.send(Count).await, Ok(2));
        let seen: Vec<String> = (0..3).map(|_| told.recv_timeout(secs(10)).expect("reported")).collect();
        assert_eq!(seen, ["arbiter.stuck", "actor.stuck", "arbiter.recovered"]);
        stop(root).await;
        drop(heartbeat);
        arbiters.stop_and_join();
    });
}

/// Crashes, kills, restarts and questions from several threads at once: whatever the timing, everything is answered and nothing
/// is left.
#[test]
fn a_storm_across_threads_leaves_nothing_behind() {
    system(async {
        let arbiters = Arbiters::new("worker", 2).expect("threads");
        let (tree, events) = tree_with_log();
        let flags = Flags::dynamic().intensity(u32::MAX, Duration::from_millis(1));
        let root = tree.start("root", flags, Vec::new).await.expect("starts");
        let log = Log::default();
        let names = ["a", "b", "c", "d", "e", "f", "g", "h"];
        let addrs: Vec<StableAddr<Puppet>> = names.iter().map(|_| StableAddr::new()).collect();
        for (n, (name, addr)) in names.into_iter().zip(&addrs).enumerate() {
            let mut spec = puppet(name, addr, &log);
            if let Some(arbiter) = arbiters.refs().get(n % 3) {
                spec = spec.on(arbiter);
            }
            root.supervisor().start_child(spec).await.expect("starts");
        }
        let mut downs = Vec::new();
        let mut answers = Vec::new();
        for round in 0..2000 {
            let n = (round * 7 + round / 5) % names.len();
            match round % 4 {
                0 => drop(addrs[n].try_send(Do::Panic)),
                1 => drop(tree.kill(names[n])),
                2 => downs.extend(tree.child(names[n]).map(|child| child.down())),
                _ => answers.push(addrs[n].send(Count)),
            }
            if round % 50 == 0 {
                tokio::task::yield_now().await;
                assert_eq!(tree.snapshot().expect("a tree").children.len(), names.len());
            }
            if round % 400 == 399 {
                tree.restart(names[n]).await.ok();
            }
        }
        for answer in answers {
            // Answered, refused or lost with its actor, but never left hanging.
            let _ = answer.await;
        }
        stop(root).await;
        for down in downs {
            down.await;
        }
        assert!(events.take().iter().any(|event| event.starts_with("actor.restarted")));
        arbiters.stop_and_join();
    });
}

#[test]
fn arbiters_need_an_actix_system() {
    assert!(Arbiters::new("worker", 1).is_err());
    assert!(matches!(Placement::default(), Placement::Here));
}
