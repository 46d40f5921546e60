//! How one actor may end, and what its supervisor, its callers and its monitors see of it.

mod common;

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use common::*;
use ghostlight_supervision::{
    ChildSpec, ExitReason, Flags, SendError, StableAddr, StartContext, StartError, SupervisorError,
};

/// Supervision presupposes unwinding: with "abort" a panic ends the daemon.
#[test]
fn panics_unwind_in_every_profile() {
    const { assert!(cfg!(panic = "unwind")) };
    let workspace = include_str!("../../../Cargo.toml");
    assert!(workspace.contains("panic = \"unwind\""));
    assert!(!workspace.contains("panic = \"abort\""));
}

#[tokio::test(start_paused = true)]
async fn a_panic_is_an_exit_with_message_and_place_and_the_name_finds_the_next_incarnation() {
    on_one_arbiter(async {
        let (addr, log) = (StableAddr::new(), Log::default());
        let (spec_addr, spec_log) = (addr.clone(), log.clone());
        let root = start(Flags::one_for_one(), move || vec![puppet("p", &spec_addr, &spec_log)]).await;
        assert_eq!(addr.send(Count).await, Ok(1));
        assert_eq!(addr.send(Count).await, Ok(2));
        let first = root.tree().child("p").expect("there");
        let down = first.down();
        assert_eq!(addr.send(Do::Panic).await, Err(SendError::Closed));
        let down = down.await;
        assert_eq!(down.incarnation, 1);
        let ExitReason::Panicked { message, location } = &down.reason else { panic!("{down:?}") };
        assert_eq!(&**message, "told to");
        assert!(location.contains("common/mod.rs:"), "{location}");
        settle().await;
        assert_eq!(addr.send(Count).await, Ok(1), "fresh state");
        assert_eq!(root.tree().child("p").expect("there").incarnation(), 2);
        assert!(!first.is_alive());
        assert_eq!(log.line(), "+p +p", "no hook ran on the broken actor");
        stop(root).await;
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn who_queued_behind_the_poison_is_told_and_nobody_hangs() {
    on_one_arbiter(async {
        let (addr, log) = (StableAddr::new(), Log::default());
        let (spec_addr, spec_log) = (addr.clone(), log.clone());
        let root = start(Flags::one_for_one(), move || vec![puppet("p", &spec_addr, &spec_log)]).await;
        let before = addr.send(Count);
        let poison = addr.send(Do::Panic);
        let behind = addr.send(Count);
        let slow = addr.send(Slowly(secs(9)));
        assert_eq!(before.await, Ok(1));
        assert_eq!(poison.await, Err(SendError::Closed));
        assert_eq!(behind.await, Err(SendError::Closed));
        assert_eq!(slow.await, Err(SendError::Closed));
        stop(root).await;
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn a_panic_in_a_future_of_the_actor_is_its_end_too() {
    on_one_arbiter(async {
        let (addr, log) = (StableAddr::new(), Log::default());
        let (spec_addr, spec_log) = (addr.clone(), log.clone());
        let root = start(Flags::one_for_one(), move || vec![puppet("p", &spec_addr, &spec_log)]).await;
        let down = root.tree().child("p").expect("there").down();
        assert_eq!(addr.send(Do::PanicInFuture).await, Ok(()));
        assert!(matches!(down.await.reason, ExitReason::Panicked { .. }));
        stop(root).await;
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn an_actor_says_why_it_ends() {
    on_one_arbiter(async {
        let (addr, log) = (StableAddr::new(), Log::default());
        let (spec_addr, spec_log) = (addr.clone(), log.clone());
        let root = start(Flags::one_for_one(), move || vec![puppet("p", &spec_addr, &spec_log)]).await;
        for (what, reason) in [(Do::Fail, ExitReason::failed("out of luck")), (Do::Stop, ExitReason::Normal)]
        {
            let down = root.tree().child("p").expect("there").down();
            assert_eq!(addr.send(what).await, Ok(()));
            assert_eq!(down.await.reason, reason);
            settle().await;
        }
        assert_eq!(log.line(), "+p -p ~p +p -p ~p +p");
        stop(root).await;
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn a_monitor_is_told_exactly_once_and_at_once_if_the_child_is_gone() {
    on_one_arbiter(async {
        let (addr, log) = (StableAddr::new(), Log::default());
        let root = start(Flags::dynamic(), Vec::new).await;
        let spec = puppet("p", &addr, &log).temporary();
        let child = root.supervisor().start_child(spec).await.expect("starts").expect("a child");
        let told = Arc::new(AtomicU32::new(0));
        let tell = |told: &Arc<AtomicU32>| {
            let told = told.clone();
            move |_| {
                told.fetch_add(1, Ordering::Relaxed);
            }
        };
        child.monitor(tell(&told));
        child.monitor(|_| panic!("a monitor's own bug"));
        child.monitor(tell(&told));
        assert_eq!(told.load(Ordering::Relaxed), 0);
        assert!(child.kill());
        assert_eq!(child.down().await.reason, ExitReason::Killed);
        assert_eq!(told.load(Ordering::Relaxed), 2);
        child.monitor(tell(&told));
        assert_eq!(told.load(Ordering::Relaxed), 3);
        assert!(!child.kill());
        assert_eq!(addr.send(Count).await, Err(SendError::NotRunning));
        stop(root).await;
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn started_means_initialised() {
    on_one_arbiter(async {
        let root = start(Flags::dynamic(), Vec::new).await;
        let failing = ChildSpec::once("journal", |start: StartContext| async move {
            std::fs::read("/nowhere/at/all")?;
            Ok(start.task(std::future::pending::<Result<(), String>>()))
        });
        match root.supervisor().start_child(failing).await {
            Err(SupervisorError::StartFailed(ExitReason::Failed { error })) => {
                assert!(error.contains("No such file"), "{error}");
            }
            other => panic!("{other:?}"),
        }
        let panicking = ChildSpec::once("panic", |start: StartContext| async move {
            assert_eq!(start.path().to_string(), "never", "a factory may panic");
            Ok(start.task(std::future::pending::<Result<(), String>>()))
        });
        match root.supervisor().start_child(panicking).await {
            Err(SupervisorError::StartFailed(ExitReason::Panicked { location, .. })) => {
                assert!(location.contains("crashes.rs"), "{location}");
            }
            other => panic!("{other:?}"),
        }
        let ignored = ChildSpec::once("nothing", |_| async { Ok(ghostlight_supervision::Started::ignore()) });
        assert!(root.supervisor().start_child(ignored).await.expect("fine").is_none());
        assert_eq!(root.tree().snapshot().expect("a tree").children, []);
        stop(root).await;
    })
    .await;
}

/// A slow start does not hold up the supervisor, and can be called off.
#[tokio::test(start_paused = true)]
async fn a_start_that_hangs_can_be_stopped_and_its_caller_learns_it() {
    on_one_arbiter(async {
        let root = start(Flags::dynamic(), Vec::new).await;
        let slow = ChildSpec::once("slow", |start: StartContext| async move {
            tokio::time::sleep(secs(3600)).await;
            Ok::<_, StartError>(start.task(std::future::pending::<Result<(), String>>()))
        });
        let starting = root.supervisor().start_child(slow);
        root.supervisor().start_child(sleeper("quick")).await.expect("is not held up");
        root.supervisor().terminate_child(&"slow".into()).await.expect("stopped");
        assert_eq!(starting.await.map(|_| ()), Err(SupervisorError::Stopped));
        stop(root).await;
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn a_full_mailbox_refuses_and_counts() {
    on_one_arbiter(async {
        let (addr, log) = (StableAddr::<Puppet>::new(), Log::default());
        let (name, spec_log) = (addr.clone(), log.clone());
        let root =
            start(Flags::one_for_one(), move || {
                let (name, log) = (name.clone(), spec_log.clone());
                vec![ChildSpec::new("p", move |start: StartContext| {
                    let (name, log) = (name.clone(), log.clone());
                    async move {
                        Ok::<_, StartError>(start.actor(Puppet::new("p", &log)).at(&name).mailbox_max(3))
                    }
                })]
            })
            .await;
        let answers: Vec<_> = (0..3).map(|_| addr.send(Count)).collect();
        assert_eq!(addr.try_send(Count), Err(SendError::Full));
        assert_eq!(addr.send(Count).await, Err(SendError::Full));
        assert_eq!(root.tree().snapshot_of("p").expect("there").mailbox, Some(3));
        for (n, answer) in answers.into_iter().enumerate() {
            assert_eq!(answer.await, Ok(n as u32 + 1));
        }
        let node = root.tree().snapshot_of("p").expect("there");
        assert_eq!((node.mailbox, node.handled), (Some(0), 3));
        stop(root).await;
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn a_flood_of_messages_cannot_keep_an_actor_from_stopping_or_its_neighbours_from_working() {
    on_one_arbiter(async {
        let (addr, log) = (StableAddr::new(), Log::default());
        let (spec_addr, spec_log) = (addr.clone(), log.clone());
        let root = start(Flags::one_for_one(), move || vec![puppet("p", &spec_addr, &spec_log)]).await;
        let answers: Vec<_> = (0..1000).map(|_| addr.send(Count)).collect();
        // A neighbour that gets its third turn long before the flood is over, and ends it.
        let (flooded, mut turns) = (root.tree().child("p").expect("there"), 0);
        tokio::task::spawn_local(std::future::poll_fn(move |cx| {
            turns += 1;
            if turns == 3 {
                flooded.kill();
                return std::task::Poll::Ready(());
            }
            cx.waker().wake_by_ref();
            std::task::Poll::Pending
        }));
        let mut answered = 0;
        for answer in answers {
            answered += u32::from(answer.await.is_ok());
        }
        assert!((1..1000).contains(&answered), "the kill overtook the rest of the mailbox: {answered}");
        stop(root).await;
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn a_supervised_future_ends_with_its_result() {
    on_one_arbiter(async {
        let root = start(Flags::dynamic(), Vec::new).await;
        for (result, reason) in
            [(Ok(()), ExitReason::Normal), (Err("no luck"), ExitReason::failed("no luck"))]
        {
            let spec = ChildSpec::once("task", move |start: StartContext| async move {
                Ok(start.task(async move {
                    tokio::time::sleep(secs(1)).await;
                    result
                }))
            });
            let child = root.supervisor().start_child(spec).await.expect("starts").expect("a child");
            assert_eq!(child.down().await.reason, reason);
            settle().await;
        }
        stop(root).await;
    })
    .await;
}
