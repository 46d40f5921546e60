//! Several threads, in real time: placement, loss, blockage. Waits are for events, bounded by a generous limit.

mod common;

use std::sync::Arc;
use std::sync::mpsc;
use std::time::Duration;

use common::*;
use ghostlight_supervision::{
    Arbiters, ChildSpec, ChildState, ExitReason, Flags, Heartbeat, HeartbeatConfig, Observer, Placement,
    SendError, Shutdown, StableAddr, SupervisorError, SupervisorRef, Tree, TreeConfig, TreeEvent,
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
        let config = HeartbeatConfig {
            interval: Duration::from_millis(5),
            stuck_after: Duration::from_millis(50),
            ..HeartbeatConfig::default()
        };
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

/// Told by whoever watches: what happened, and to whom.
fn recorder() -> (Arc<dyn Observer>, mpsc::Receiver<String>) {
    let (tell, told) = mpsc::channel();
    let observer = move |event: &TreeEvent| {
        let json = serde_json::to_value(event).expect("serializable");
        let text = |field: &str| json[field].as_str().unwrap_or_default().to_owned();
        let kind = text("type");
        if kind.starts_with("arbiter.") {
            // The test may be over.
            let _ = tell.send(format!("{kind} {}", text("arbiter")));
        }
    };
    (Arc::new(observer), told)
}

fn quick(replace_after: Duration) -> HeartbeatConfig {
    let (interval, stuck_after) = (Duration::from_millis(5), Duration::from_millis(50));
    HeartbeatConfig { interval, stuck_after, replace_after, ..HeartbeatConfig::default() }
}

/// Waits for something that comes about on another thread.
async fn until(mut true_at_last: impl FnMut() -> bool) {
    while !true_at_last() {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
}

/// Who blocks its thread takes nobody along for good: all who lived there, whole subtrees included, go on on a fresh one.
#[test]
fn a_blocked_arbiter_is_replaced_and_who_lived_there_goes_on_on_the_fresh_thread() {
    system(async {
        let arbiters = Arbiters::new("worker", 2).expect("threads");
        let (observer, told) = recorder();
        let heartbeat =
            arbiters.watch(quick(Duration::from_millis(150)), observer.clone()).expect("a thread");
        let (partition, log) = (SupervisorRef::new(), Log::default());
        let names: [StableAddr<Puppet>; 4] = std::array::from_fn(|_| StableAddr::new());
        let [blocker, neighbour, below, elsewhere] = names.clone();
        let (refs, spec_partition, spec_log) = (arbiters.refs().to_vec(), partition.clone(), log.clone());
        let tree = Tree::new(TreeConfig { observer: Some(observer), seed: 0 });
        // One restart is allowed: the loss of a thread is one failure, whatever lived on it.
        let flags = Flags::one_for_one().intensity(1, secs(60));
        let root = tree
            .start("root", flags, move || {
                let [blocker, neighbour, below, elsewhere] = names.clone();
                let log = spec_log.clone();
                let children = move || vec![puppet("below", &below, &log)];
                vec![
                    puppet("blocker", &blocker, &spec_log).on(&refs[0]),
                    puppet("neighbour", &neighbour, &spec_log).on(&refs[0]),
                    ChildSpec::supervisor("partition", &spec_partition, Flags::dynamic(), children)
                        .on(&refs[0]),
                    puppet("elsewhere", &elsewhere, &spec_log).on(&refs[1]),
                ]
            })
            .await
            .expect("starts");
        for addr in [&blocker, &neighbour, &below, &elsewhere] {
            assert_eq!(addr.send(Count).await, Ok(1));
        }
        let (release, held) = mpsc::channel();
        let downs = ["blocker", "neighbour", "partition", "partition/below"]
            .map(|path| tree.child(path).expect("there").down());
        let blocking = blocker.send(Hold(held));
        until(|| tree.snapshot_of("blocker").is_some_and(|node| node.handled == 2)).await;
        let stale = below.send(Count);
        let [of_blocker, of_neighbour, of_partition, of_below] = downs;
        for down in [of_blocker, of_neighbour, of_partition] {
            assert_eq!(down.await.reason, ExitReason::ArbiterLost);
        }
        for addr in [&blocker, &neighbour, &below] {
            while addr.send(Count).await != Ok(1) {
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
        }
        assert_eq!(elsewhere.send(Count).await, Ok(2), "undisturbed");
        assert_eq!(partition.count_children().await.expect("answers").active, 1);
        let node = tree.snapshot_of("partition").expect("there");
        assert_eq!((node.incarnation, node.restarts, node.arbiter.as_deref()), (2, 1, Some("worker-0")));
        assert_eq!(arbiters.refs()[0].generation(), 2);
        // The old thread comes to. What waited there is not done any more, and nothing of it is left.
        release.send(()).expect("it is still held");
        assert_eq!(
            stale.await,
            Err(SendError::Closed),
            "not by the old one, and the new one has its own mailbox"
        );
        blocking.await.expect("the turn that blocked the thread runs to its end");
        until(|| tree.live() == 6).await;
        assert_eq!(of_below.await.reason, ExitReason::Killed);
        assert_eq!(below.send(Count).await, Ok(2), "the fresh one bears the name");
        let seen: Vec<String> = (0..2).map(|_| told.recv_timeout(secs(10)).expect("reported")).collect();
        assert_eq!(seen, ["arbiter.stuck worker-0", "arbiter.replaced worker-0"]);
        stop(root).await;
        drop(heartbeat);
        arbiters.stop_and_join();
    });
}

/// And again: a place can be filled as often as it takes, but only so many threads are left behind at a time.
#[test]
fn only_so_many_threads_are_left_behind_at_the_same_time() {
    system(async {
        let arbiters = Arbiters::new("worker", 1).expect("threads");
        let (observer, told) = recorder();
        let config = HeartbeatConfig { left_behind_max: 1, ..quick(Duration::from_millis(50)) };
        let heartbeat = arbiters.watch(config, observer).expect("a thread");
        let (addr, log) = (StableAddr::new(), Log::default());
        let root = start(Flags::dynamic().intensity(9, secs(5)), Vec::new).await;
        let tree = root.tree().clone();
        let spec = puppet("p", &addr, &log).on(&arbiters.refs()[0]);
        root.supervisor().start_child(spec).await.expect("starts");
        // Only then: what is sent to one that is blocked and not given up yet waits with it.
        let is_up = |life| {
            tree.snapshot_of("p")
                .is_some_and(|node| node.incarnation == life && node.state == ChildState::Running)
        };
        let next = || told.recv_timeout(secs(10)).expect("reported");
        let (first, held) = mpsc::channel();
        addr.try_send(Hold(held)).expect("sent");
        assert_eq!((next(), next()), ("arbiter.stuck worker-0".into(), "arbiter.replaced worker-0".into()));
        until(|| is_up(2)).await;
        assert_eq!(addr.send(Count).await, Ok(1));
        let (second, held) = mpsc::channel();
        addr.try_send(Hold(held)).expect("sent");
        assert_eq!(next(), "arbiter.stuck worker-0");
        tokio::time::sleep(Duration::from_millis(200)).await;
        assert_eq!(tree.child("p").expect("there").incarnation(), 2, "not while the first one still hangs");
        first.send(()).expect("it is still held");
        assert_eq!(next(), "arbiter.replaced worker-0");
        until(|| is_up(3)).await;
        assert_eq!(addr.send(Count).await, Ok(1));
        second.send(()).expect("it is still held");
        until(|| tree.live() == 2).await;
        assert_eq!(tree.child("p").expect("there").incarnation(), 3);
        stop(root).await;
        drop(heartbeat);
        arbiters.stop_and_join();
    });
}

/// A shutdown does not hang on a thread that does.
#[test]
fn a_tree_whose_thread_was_replaced_stops_though_the_old_one_is_still_blocked() {
    system(async {
        let arbiters = Arbiters::new("worker", 1).expect("threads");
        let (observer, told) = recorder();
        let heartbeat = arbiters.watch(quick(Duration::from_millis(50)), observer).expect("a thread");
        let (addr, log) = (StableAddr::new(), Log::default());
        let root = start(Flags::dynamic(), Vec::new).await;
        let tree = root.tree().clone();
        let spec = puppet("p", &addr, &log).on(&arbiters.refs()[0]);
        root.supervisor().start_child(spec).await.expect("starts");
        let (release, held) = mpsc::channel();
        addr.try_send(Hold(held)).expect("sent");
        while told.recv_timeout(secs(10)).expect("reported") != "arbiter.replaced worker-0" {}
        root.stop().await;
        drop(heartbeat);
        arbiters.stop_and_join();
        assert_eq!(tree.live(), 1, "only the one that nothing can end");
        release.send(()).expect("it is still held");
        until(|| tree.live() == 0).await;
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
