//! Faults on demand: who may ask for them, what they do to one life of a child, and that a hang ends.

#![cfg(feature = "chaos")]

mod common;

use common::*;
use ghostlight_supervision::{ExitReason, Fault, FaultError, Flags, HANG_MAX, Root, StableAddr};

async fn house(addr: &StableAddr<Puppet>, log: &Log) -> Root {
    let (spec_addr, spec_log) = (addr.clone(), log.clone());
    start(Flags::one_for_one(), move || vec![puppet("p", &spec_addr, &spec_log)]).await
}

#[tokio::test(start_paused = true)]
async fn a_tree_that_does_not_permit_faults_refuses_every_one_and_nothing_happens() {
    on_one_arbiter(async {
        let (addr, log) = (StableAddr::new(), Log::default());
        let root = house(&addr, &log).await;
        for fault in [Fault::Panic, Fault::Kill, Fault::Hang] {
            assert_eq!(root.tree().inject("p", fault), Err(FaultError::NotPermitted));
        }
        assert_eq!(addr.send(Count).await, Ok(1));
        root.tree().permit_faults();
        assert_eq!(root.tree().inject("nobody", Fault::Kill), Err(FaultError::NotFound));
        assert_eq!(addr.send(Count).await, Ok(2));
        stop(root).await;
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn a_panic_and_a_kill_on_demand_end_one_life_without_hooks_and_the_next_one_meets_neither() {
    on_one_arbiter(async {
        let (addr, log) = (StableAddr::new(), Log::default());
        let root = house(&addr, &log).await;
        root.tree().permit_faults();
        for fault in [Fault::Panic, Fault::Kill] {
            let down = root.tree().child("p").expect("there").down();
            root.tree().inject("p", fault).expect("it is up");
            let reason = down.await.reason;
            match fault {
                Fault::Panic => assert!(matches!(reason, ExitReason::Panicked { .. }), "{reason}"),
                Fault::Kill | Fault::Hang => assert_eq!(reason, ExitReason::Killed),
            }
            settle().await;
            assert_eq!(addr.send(Count).await, Ok(1), "fresh state");
        }
        assert_eq!(log.line(), "+p +p +p");
        stop(root).await;
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn a_fault_that_a_life_does_not_meet_any_more_is_not_met_by_the_next() {
    on_one_arbiter(async {
        let (addr, log) = (StableAddr::new(), Log::default());
        let root = house(&addr, &log).await;
        root.tree().permit_faults();
        let child = root.tree().child("p").expect("there");
        let down = child.down();
        root.tree().inject("p", Fault::Panic).expect("it is up");
        assert!(child.kill(), "the kill overtakes the panic");
        assert_eq!(down.await.reason, ExitReason::Killed);
        settle().await;
        assert_eq!(addr.send(Count).await, Ok(1));
        assert_eq!(root.tree().child("p").expect("there").incarnation(), 2);
        stop(root).await;
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn a_child_that_hangs_answers_nobody_until_it_is_killed() {
    on_one_arbiter(async {
        let (addr, log) = (StableAddr::new(), Log::default());
        let root = house(&addr, &log).await;
        root.tree().permit_faults();
        root.tree().inject("p", Fault::Hang).expect("it is up");
        let asked = addr.send(Count);
        assert!(tokio::time::timeout(HANG_MAX / 2, asked).await.is_err(), "nobody answers");
        let down = root.tree().child("p").expect("there").down();
        root.tree().inject("p", Fault::Kill).expect("it is up");
        assert_eq!(down.await.reason, ExitReason::Killed);
        settle().await;
        assert_eq!(addr.send(Count).await, Ok(1));
        stop(root).await;
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn a_child_that_hangs_goes_on_where_it_stood_when_the_time_is_over() {
    on_one_arbiter(async {
        let (addr, log) = (StableAddr::new(), Log::default());
        let root = house(&addr, &log).await;
        assert_eq!(addr.send(Count).await, Ok(1));
        root.tree().permit_faults();
        root.tree().inject("p", Fault::Hang).expect("it is up");
        assert_eq!(tokio::time::timeout(HANG_MAX * 2, addr.send(Count)).await, Ok(Ok(2)));
        assert_eq!(root.tree().child("p").expect("there").incarnation(), 1);
        assert_eq!(log.line(), "+p");
        stop(root).await;
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn a_child_that_hangs_is_killed_when_the_time_to_stop_is_over() {
    on_one_arbiter(async {
        let (addr, log) = (StableAddr::new(), Log::default());
        let root = house(&addr, &log).await;
        root.tree().permit_faults();
        root.tree().inject("p", Fault::Hang).expect("it is up");
        settle().await;
        let began = tokio::time::Instant::now();
        stop(root).await;
        assert!(began.elapsed() < HANG_MAX, "{:?}", began.elapsed());
        assert_eq!(log.line(), "+p", "nothing runs on what hangs");
    })
    .await;
}
