//! Restart in place: the mailbox and the address survive, everything else is as with any other restart.

mod common;

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use actix::{Actor, Handler};
use common::*;
use ghostlight_supervision::{
    Backoff, ChildSpec, ChildState, Context, ExitReason, Flags, Root, SendError, StableAddr, StartContext,
    StartError, SupervisorRef,
};

async fn one(flags: Flags) -> (Root, StableAddr<Puppet>, Log) {
    let (addr, log) = (StableAddr::new(), Log::default());
    let (spec_addr, spec_log) = (addr.clone(), log.clone());
    let root = start(flags, move || vec![puppet("p", &spec_addr, &spec_log).in_place()]).await;
    (root, addr, log)
}

#[tokio::test(start_paused = true)]
async fn what_queued_behind_the_crash_is_handled_by_the_next_incarnation_and_only_its_asker_is_told() {
    on_one_arbiter(async {
        let (root, addr, log) = one(Flags::one_for_one()).await;
        assert_eq!(addr.send(Count).await, Ok(1));
        let raw = addr.current().expect("up");
        let poison = addr.send(Do::Panic);
        let behind: Vec<_> = (0..5).map(|_| addr.send(Count)).collect();
        assert_eq!(poison.await, Err(SendError::Closed));
        for (n, answer) in behind.into_iter().enumerate() {
            assert_eq!(answer.await, Ok(n as u32 + 1), "in order, by one with fresh state");
        }
        assert_eq!(raw.send(Count).await.expect("the address survives"), 6);
        let node = root.tree().snapshot_of("p").expect("there");
        assert_eq!((node.incarnation, node.restarts, node.mailbox), (2, 1, Some(0)));
        assert_eq!(log.line(), "+p +p", "no hook ran on the broken actor");
        stop(root).await;
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn whatever_the_end_the_mailbox_survives_it() {
    on_one_arbiter(async {
        let (root, addr, _) = one(Flags::one_for_one().intensity(9, secs(5))).await;
        for what in [Do::Panic, Do::PanicInFuture, Do::Fail, Do::Stop] {
            let (end, behind) = (addr.send(what), addr.send(Count));
            // Answered or not: it depends on whether the end came in the handler.
            let _ = end.await;
            assert!(behind.await.is_ok());
        }
        let behind = addr.send(Count);
        root.tree().kill("p").expect("killed");
        assert_eq!(behind.await, Ok(1), "a kill as a fault would do it");
        stop(root).await;
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn who_began_to_wait_for_an_answer_of_the_old_incarnation_is_told() {
    on_one_arbiter(async {
        let (root, addr, _) = one(Flags::one_for_one()).await;
        let begun = addr.send(Slowly(secs(9)));
        settle().await;
        let poison = addr.send(Do::Panic);
        assert_eq!((begun.await, poison.await), (Err(SendError::Closed), Err(SendError::Closed)));
        stop(root).await;
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn it_counts_like_any_other_restart_and_who_waits_is_told_when_there_is_none() {
    on_one_arbiter(async {
        let (mut root, addr, _) = one(Flags::one_for_one().intensity(2, secs(5))).await;
        let poisons: Vec<_> = (0..3).map(|_| addr.send(Do::Panic)).collect();
        let behind = addr.send(Count);
        for poison in poisons {
            assert_eq!(poison.await, Err(SendError::Closed));
        }
        assert_eq!(behind.await, Err(SendError::Closed));
        assert!(matches!(root.ended().await, ExitReason::GaveUp { restarts: 2, .. }));
        assert_eq!(addr.send(Count).await, Err(SendError::NotRunning));
        assert_eq!(root.tree().live(), 0);
    })
    .await;
}

/// What queued may crash an actor in the very turn in which it comes up: it came up, then, and that is no failed start.
#[tokio::test(start_paused = true)]
async fn a_row_of_poison_is_a_row_of_restarts() {
    on_one_arbiter(async {
        let (tree, events) = tree_with_log();
        let (addr, log) = (StableAddr::new(), Log::default());
        let (spec_addr, spec_log) = (addr.clone(), log.clone());
        let children = move || vec![puppet("p", &spec_addr, &spec_log).in_place()];
        let flags = Flags::one_for_one().intensity(3, secs(5));
        let root = tree.start("root", flags, children).await.expect("starts");
        let poisons: Vec<_> = (0..3).map(|_| addr.send(Do::Panic)).collect();
        let behind = addr.send(Count);
        for poison in poisons {
            assert_eq!(poison.await, Err(SendError::Closed));
        }
        assert_eq!(behind.await, Ok(1));
        settle().await;
        let told = events.take();
        assert_eq!(told.iter().filter(|event| *event == "actor.restarted p").count(), 3, "{told:?}");
        stop(root).await;
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn while_the_backoff_lasts_nothing_is_handled_and_senders_find_the_mailbox_open() {
    on_one_arbiter(async {
        let backoff = Backoff { jitter: 0.0, ..Backoff::exponential(secs(1), secs(1)) };
        let (root, addr, log) = one(Flags::one_for_one().backoff(backoff)).await;
        let (poison, before) = (addr.send(Do::Panic), addr.send(Count));
        assert_eq!(poison.await, Err(SendError::Closed));
        settle().await;
        let meanwhile = addr.send(Count);
        tokio::time::sleep(Duration::from_millis(900)).await;
        let node = root.tree().snapshot_of("p").expect("there");
        assert_eq!((node.state, node.mailbox, node.handled), (ChildState::Restarting, Some(2), 1));
        assert_eq!(log.line(), "+p", "not yet");
        assert_eq!((before.await, meanwhile.await), (Ok(1), Ok(2)));
        stop(root).await;
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn a_restart_that_is_called_off_tells_who_waits() {
    on_one_arbiter(async {
        let backoff = Backoff::exponential(secs(1), secs(1));
        let (root, addr, _) = one(Flags::one_for_one().backoff(backoff)).await;
        let (_poison, behind) = (addr.send(Do::Panic), addr.send(Count));
        settle().await;
        root.supervisor().terminate_child(&"p".into()).await.expect("called off");
        assert_eq!(behind.await, Err(SendError::Closed));
        assert_eq!(addr.send(Count).await, Err(SendError::NotRunning));
        root.supervisor().restart_child(&"p".into()).await.expect("starts");
        let (_poison, behind) = (addr.send(Do::Panic), addr.send(Count));
        settle().await;
        stop(root).await;
        assert_eq!(behind.await, Err(SendError::Closed), "so does the end of the tree");
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn the_end_of_the_supervisor_tells_who_waits() {
    on_one_arbiter(async {
        let (inner, addr, log) = (SupervisorRef::new(), StableAddr::new(), Log::default());
        let (spec_inner, spec_addr, spec_log) = (inner.clone(), addr.clone(), log.clone());
        let root = start(Flags::one_for_one(), move || {
            let (addr, log) = (spec_addr.clone(), spec_log.clone());
            let flags = Flags::one_for_one().backoff(Backoff::exponential(secs(1), secs(1)));
            let children = move || vec![puppet("p", &addr, &log).in_place()];
            vec![ChildSpec::supervisor("inner", &spec_inner, flags, children)]
        })
        .await;
        let (_poison, behind) = (addr.send(Do::Panic), addr.send(Count));
        settle().await;
        root.tree().kill("inner").expect("killed");
        assert_eq!(behind.await, Err(SendError::Closed));
        settle().await;
        assert_eq!(addr.send(Count).await, Ok(1), "the next supervisor starts it with a fresh mailbox");
        // One that is living when its supervisor dies leaves nothing behind either.
        let behind = addr.send(Slowly(secs(9)));
        root.tree().kill("inner").expect("killed");
        assert_eq!(behind.await, Err(SendError::Closed));
        stop(root).await;
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn who_is_stopped_by_hand_comes_back_with_a_fresh_mailbox() {
    on_one_arbiter(async {
        let (root, addr, _) = one(Flags::one_for_one()).await;
        let stopping = root.tree().restart("p");
        // In the mailbox before the actor hears that it is to stop.
        let waiting = addr.send(Slowly(secs(9)));
        stopping.await.expect("restarted");
        assert_eq!(waiting.await, Err(SendError::Closed));
        assert_eq!(addr.send(Count).await, Ok(1));
        stop(root).await;
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn in_a_group_the_one_that_crashed_keeps_its_mailbox_and_its_siblings_do_not() {
    on_one_arbiter(async {
        let (a, b, log) = (StableAddr::new(), StableAddr::new(), Log::default());
        let (spec_a, spec_b, spec_log) = (a.clone(), b.clone(), log.clone());
        let root = start(Flags::one_for_all(), move || {
            vec![puppet("a", &spec_a, &spec_log).in_place(), puppet("b", &spec_b, &spec_log).in_place()]
        })
        .await;
        let (poison, kept) = (a.send(Do::Panic), a.send(Count));
        let lost = b.send(Slowly(secs(9)));
        assert_eq!(poison.await, Err(SendError::Closed));
        assert_eq!((kept.await, lost.await), (Ok(1), Err(SendError::Closed)));
        assert_eq!(b.send(Count).await, Ok(1));
        assert_eq!(log.line(), "+a +b -b ~b +a +b");
        stop(root).await;
    })
    .await;
}

/// What the factory of the next life does, until it succeeds, costs attempts and no messages.
#[tokio::test(start_paused = true)]
async fn the_mailbox_outlasts_a_factory_that_fails_and_one_that_panics() {
    on_one_arbiter(async {
        let (addr, log) = (StableAddr::new(), Log::default());
        let (name, puppet_log, starts) = (addr.clone(), log.clone(), Arc::new(AtomicU32::new(0)));
        let root = start(Flags::one_for_one(), move || {
            let (name, log, starts) = (name.clone(), puppet_log.clone(), starts.clone());
            let factory = move |start: StartContext| {
                let (name, log, life) = (name.clone(), log.clone(), starts.fetch_add(1, Ordering::Relaxed));
                async move {
                    match life {
                        1 => Err(StartError::new("not yet")),
                        2 => panic!("not yet either"),
                        _ => Ok(start.actor(Puppet::new("p", &log)).at(&name)),
                    }
                }
            };
            vec![ChildSpec::new("p", factory).in_place()]
        })
        .await;
        let (poison, behind) = (addr.send(Do::Panic), addr.send(Count));
        assert_eq!(poison.await, Err(SendError::Closed));
        assert_eq!(behind.await, Ok(1));
        assert_eq!(root.tree().snapshot_of("p").expect("there").incarnation, 4);
        stop(root).await;
    })
    .await;
}

/// Panics once more when it is dropped.
struct Grenade(bool);

impl Actor for Grenade {
    type Context = Context<Self>;
}

impl Drop for Grenade {
    fn drop(&mut self) {
        assert!(!self.0, "a destructor's own bug");
    }
}

impl Handler<Do> for Grenade {
    type Result = ();

    fn handle(&mut self, _: Do, ctx: &mut Context<Self>) {
        self.0 = true;
        ctx.fail("pulled");
    }
}

impl Handler<Count> for Grenade {
    type Result = u32;

    fn handle(&mut self, _: Count, ctx: &mut Context<Self>) -> u32 {
        ctx.incarnation()
    }
}

#[tokio::test(start_paused = true)]
async fn a_panic_while_the_old_state_is_dropped_costs_no_message() {
    on_one_arbiter(async {
        let addr = StableAddr::new();
        let name = addr.clone();
        let root = start(Flags::one_for_one(), move || {
            vec![ChildSpec::actor("grenade", &name, || async { Ok(Grenade(false)) }).in_place()]
        })
        .await;
        let (pulled, behind) = (addr.send(Do::Fail), addr.send(Count));
        assert_eq!((pulled.await, behind.await), (Ok(()), Ok(2)));
        stop(root).await;
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn its_bound_holds_over_the_restart() {
    on_one_arbiter(async {
        let (addr, log) = (StableAddr::new(), Log::default());
        let (name, puppet_log) = (addr.clone(), log.clone());
        let backoff = Backoff::exponential(secs(1), secs(1));
        let root = start(Flags::one_for_one().backoff(backoff), move || {
            let (name, log) = (name.clone(), puppet_log.clone());
            let factory = move |start: StartContext| {
                let start = start.actor(Puppet::new("p", &log)).at(&name).mailbox_max(3);
                async move { Ok::<_, StartError>(start) }
            };
            vec![ChildSpec::new("p", factory).in_place()]
        })
        .await;
        let _poison = addr.send(Do::Panic);
        settle().await;
        let answers: Vec<_> = (0..3).map(|_| addr.send(Count)).collect();
        assert_eq!(addr.send(Count).await, Err(SendError::Full));
        for (n, answer) in answers.into_iter().enumerate() {
            assert_eq!(answer.await, Ok(n as u32 + 1));
        }
        assert_eq!(root.tree().snapshot_of("p").expect("there").mailbox, Some(0));
        stop(root).await;
    })
    .await;
}
