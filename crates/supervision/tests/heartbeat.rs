//! A sign of life that is owed: who hangs is killed and restarted, and who blocks its thread is left behind.

mod common;

use std::future::pending;
use std::time::Duration;

use common::*;
use ghostlight_supervision::{
    Arbiters, ChildSpec, ExitReason, Flags, SendError, StableAddr, StartContext, Tree, TreeConfig,
};

const SECOND: Duration = Duration::from_secs(1);

fn hung(reason: &ExitReason) -> bool {
    matches!(reason, ExitReason::Hung { silent_ms: 1000..=1500 })
}

#[tokio::test(start_paused = true)]
async fn an_actor_that_hangs_at_an_await_point_is_killed_and_restarted() {
    on_one_arbiter(async {
        let (addr, log) = (StableAddr::new(), Log::default());
        let (spec_addr, spec_log) = (addr.clone(), log.clone());
        let root =
            start(Flags::one_for_one(), move || vec![puppet("p", &spec_addr, &spec_log).heartbeat(SECOND)])
                .await;
        let down = root.tree().child("p").expect("there").down();
        let hanging = addr.send(Wait(secs(3600)));
        settle().await;
        tokio::time::sleep(SECOND * 20).await;
        assert_eq!(log.line(), "+p", "it waits, but nobody waits for it");
        let behind = addr.send(Count);
        let reason = down.await.reason;
        assert!(hung(&reason), "{reason}");
        assert_eq!((hanging.await, behind.await), (Err(SendError::Closed), Err(SendError::Closed)));
        settle().await;
        assert_eq!(addr.send(Count).await, Ok(1));
        assert_eq!(log.line(), "+p");
        stop(root).await;
    })
    .await;
}

/// In place, the message that hung is lost, and what waited behind it is handled.
#[tokio::test(start_paused = true)]
async fn in_place_what_waited_behind_the_message_that_hung_is_handled() {
    on_one_arbiter(async {
        let (addr, log) = (StableAddr::new(), Log::default());
        let (spec_addr, spec_log) = (addr.clone(), log.clone());
        let root = start(Flags::one_for_one(), move || {
            vec![puppet("p", &spec_addr, &spec_log).heartbeat(SECOND).in_place()]
        })
        .await;
        let (hanging, behind) = (addr.send(Wait(secs(3600))), addr.send(Count));
        assert_eq!((hanging.await, behind.await), (Err(SendError::Closed), Ok(1)));
        stop(root).await;
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn an_actor_that_gets_on_slowly_is_left_alone() {
    on_one_arbiter(async {
        let (addr, log) = (StableAddr::new(), Log::default());
        let (spec_addr, spec_log) = (addr.clone(), log.clone());
        let root =
            start(Flags::one_for_one(), move || vec![puppet("p", &spec_addr, &spec_log).heartbeat(SECOND)])
                .await;
        let answers: Vec<_> = (0..20).map(|_| addr.send(Wait(SECOND * 9 / 10))).collect();
        for answer in answers {
            assert_eq!(answer.await, Ok(()));
        }
        assert_eq!(root.tree().child("p").expect("there").incarnation(), 1);
        stop(root).await;
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn a_task_that_has_said_that_it_is_alive_has_to_go_on_saying_so() {
    on_one_arbiter(async {
        let root = start(Flags::dynamic(), Vec::new).await;
        let quiet = ChildSpec::once("quiet", |start: StartContext| async move {
            Ok(start.task(pending::<Result<(), String>>()))
        });
        let resting = ChildSpec::once("resting", |start: StartContext| async move {
            let alive = start.alive();
            alive.beat();
            alive.rest();
            Ok(start.task(pending::<Result<(), String>>()))
        });
        let failing = ChildSpec::once("failing", |start: StartContext| async move {
            let alive = start.alive();
            Ok(start.task(async move {
                for _ in 0..20 {
                    alive.beat();
                    tokio::time::sleep(SECOND * 9 / 10).await;
                }
                pending::<Result<(), String>>().await
            }))
        });
        for spec in [quiet, resting] {
            root.supervisor().start_child(spec.heartbeat(SECOND)).await.expect("starts");
        }
        let begun = tokio::time::Instant::now();
        let child =
            root.supervisor().start_child(failing.heartbeat(SECOND)).await.expect("starts").expect("a child");
        let reason = child.down().await.reason;
        assert!(hung(&reason), "{reason}");
        assert!(begun.elapsed() > SECOND * 18, "as long as it said so it was left alone");
        assert_eq!(root.tree().live(), 3, "who says nothing, or rests, owes nothing");
        stop(root).await;
    })
    .await;
}

/// What blocks its thread cannot be killed: it is abandoned, and the next incarnation takes its place.
#[test]
fn an_actor_that_blocks_its_thread_is_abandoned_and_its_next_incarnation_works_elsewhere() {
    actix_rt::System::new().block_on(async {
        let arbiters = Arbiters::new("worker", 1).expect("threads");
        let tree = Tree::new(TreeConfig::default());
        let flags = Flags::dynamic().kill_grace(Duration::from_millis(50));
        let root = tree.start("root", flags, Vec::new).await.expect("starts");
        let (addr, log) = (StableAddr::new(), Log::default());
        let spec = puppet("p", &addr, &log).heartbeat(Duration::from_millis(100)).on(&arbiters.refs()[0]);
        let first = root.supervisor().start_child(spec).await.expect("starts").expect("a child");
        let (release, held) = std::sync::mpsc::channel();
        addr.try_send(Hold(held)).expect("sent");
        let reason = first.down().await.reason;
        assert!(matches!(reason, ExitReason::Hung { .. }), "{reason}");
        // The next one waits for the thread, which is its only place.
        release.send(()).expect("the actor holds on");
        while addr.send(Count).await != Ok(1) {
            tokio::task::yield_now().await;
        }
        assert_eq!(tree.child("p").expect("there").incarnation(), 2);
        while tree.live() > 2 {
            tokio::task::yield_now().await;
        }
        stop(root).await;
        arbiters.stop_and_join();
    });
}
