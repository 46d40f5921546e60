//! Every place where code of others runs, and what becomes of a panic there: never more than the child's own end, a neighbour
//! that works on, and nothing left alive. Faults of threads are in `arbiters`, those of restarts in place in `in_place`.

mod common;

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use actix::{
    Actor, ActorContext, ActorFutureExt, AsyncContext, Handler, Message, Running, StreamHandler, WrapFuture,
};
use common::*;
#[cfg(feature = "chaos")]
use ghostlight_supervision::Fault;
use ghostlight_supervision::{
    ChildSpec, Context, ExitReason, Flags, Graceful, Key, Root, SendError, StableAddr, StartContext,
    StartError, SupervisorError,
};

/// Where it goes wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Place {
    Nowhere,
    Started,
    Handler,
    SpawnedFuture,
    WaitFuture,
    Timer,
    Stream,
    Stopping,
    Stopped,
    GracefulShutdown,
    Destructor,
}

struct Faulty {
    at: Place,
}

impl Faulty {
    fn reach(&self, place: Place) {
        assert!(self.at != place, "a fault in {place:?}");
    }
}

impl Actor for Faulty {
    type Context = Context<Self>;

    fn started(&mut self, _: &mut Self::Context) {
        self.reach(Place::Started);
    }

    fn stopping(&mut self, _: &mut Self::Context) -> Running {
        self.reach(Place::Stopping);
        Running::Stop
    }

    fn stopped(&mut self, _: &mut Self::Context) {
        self.reach(Place::Stopped);
    }
}

impl Graceful for Faulty {
    fn shutdown(&mut self, ctx: &mut Context<Self>) {
        self.reach(Place::GracefulShutdown);
        ctx.stop();
    }
}

impl Drop for Faulty {
    fn drop(&mut self) {
        self.reach(Place::Destructor);
    }
}

impl StreamHandler<()> for Faulty {
    fn handle(&mut self, (): (), _: &mut Context<Self>) {
        self.reach(Place::Stream);
    }
}

/// Goes wrong there, in this life.
#[derive(Message)]
#[rtype(result = "u32")]
struct GoWrong(Place);

impl Handler<GoWrong> for Faulty {
    type Result = u32;

    fn handle(&mut self, GoWrong(place): GoWrong, ctx: &mut Context<Self>) -> u32 {
        self.at = place;
        let reach = |place| {
            async {}.into_actor(&*self).map(move |(), actor: &mut Faulty, _: &mut _| {
                actor.reach(place);
            })
        };
        match place {
            Place::Nowhere | Place::Started | Place::GracefulShutdown => {}
            Place::Handler => self.reach(Place::Handler),
            Place::SpawnedFuture => drop(ctx.spawn(reach(Place::SpawnedFuture))),
            Place::WaitFuture => ctx.wait(reach(Place::WaitFuture)),
            Place::Timer => drop(ctx.run_later(secs(1), |actor, _| actor.reach(Place::Timer))),
            Place::Stream => drop(ctx.add_stream(futures::stream::iter([()]))),
            Place::Stopping | Place::Stopped | Place::Destructor => ctx.fail("goes away"),
        }
        ctx.incarnation()
    }
}

/// A faulty child, that goes wrong in the first `lives` starts after the first one if its fault is in `started`, and a neighbour.
async fn faulty(flags: Flags, first: Place) -> (Root, StableAddr<Faulty>, StableAddr<Puppet>) {
    let (addr, neighbour, log) = (StableAddr::new(), StableAddr::new(), Log::default());
    let (spec_addr, spec_neighbour) = (addr.clone(), neighbour.clone());
    let root = start(flags, move || {
        let name = spec_addr.clone();
        let factory = move |start: StartContext| {
            let at = if start.incarnation() == 2 { first } else { Place::Nowhere };
            let name = name.clone();
            async move { Ok::<_, StartError>(start.actor(Faulty { at }).at(&name).graceful()) }
        };
        vec![puppet("neighbour", &spec_neighbour, &log), ChildSpec::new("faulty", factory)]
    })
    .await;
    assert_eq!(neighbour.send(Count).await, Ok(1));
    (root, addr, neighbour)
}

fn panicked_in(reason: &ExitReason, place: Place) -> bool {
    matches!(reason, ExitReason::Panicked { message, location }
        if **message == *format!("a fault in {place:?}") && location.contains("faults.rs"))
}

#[tokio::test(start_paused = true)]
async fn a_panic_anywhere_in_an_actors_life_ends_that_life_and_nothing_else() {
    on_one_arbiter(async {
        let places = [
            Place::Handler,
            Place::SpawnedFuture,
            Place::WaitFuture,
            Place::Timer,
            Place::Stream,
            Place::Stopping,
            Place::Stopped,
        ];
        for place in places {
            let (root, addr, neighbour) = faulty(Flags::one_for_one(), Place::Nowhere).await;
            let down = root.tree().child("faulty").expect("there").down();
            let answer = addr.send(GoWrong(place)).await;
            assert_eq!(answer.is_err(), place == Place::Handler, "{place:?}");
            let reason = down.await.reason;
            assert!(panicked_in(&reason, place), "{place:?}: {reason}");
            settle().await;
            assert_eq!(addr.send(GoWrong(Place::Nowhere)).await, Ok(2), "{place:?}");
            assert_eq!(neighbour.send(Count).await, Ok(2), "{place:?}");
            assert_eq!(root.tree().live(), 3);
            stop(root).await;
        }
    })
    .await;
}

/// The exit has its reason before the destructor runs, and keeps it.
#[tokio::test(start_paused = true)]
async fn a_panic_in_a_destructor_does_not_change_the_reason_of_the_end() {
    on_one_arbiter(async {
        let (root, addr, neighbour) = faulty(Flags::one_for_one(), Place::Nowhere).await;
        let down = root.tree().child("faulty").expect("there").down();
        assert_eq!(addr.send(GoWrong(Place::Destructor)).await, Ok(1));
        assert_eq!(down.await.reason, ExitReason::failed("goes away"));
        settle().await;
        assert_eq!(addr.send(GoWrong(Place::Nowhere)).await, Ok(2));
        assert_eq!(neighbour.send(Count).await, Ok(2));
        stop(root).await;
    })
    .await;
}

/// Who asked for the end gets it, whatever the child does on its way out, and no restart comes of it.
#[tokio::test(start_paused = true)]
async fn a_panic_while_a_child_is_being_stopped_does_not_disturb_the_stop() {
    on_one_arbiter(async {
        for place in [Place::GracefulShutdown, Place::Stopping, Place::Stopped, Place::Destructor] {
            let (root, addr, neighbour) = faulty(Flags::one_for_one(), Place::Nowhere).await;
            let child = root.tree().child("faulty").expect("there");
            // Only those two are reached by a message without an end of their own.
            let armed = if place == Place::GracefulShutdown { place } else { Place::Nowhere };
            assert_eq!(addr.send(GoWrong(armed)).await, Ok(1));
            addr.send(Arm(place)).await.expect("armed");
            assert_eq!(root.supervisor().terminate_child(child.key()).await, Ok(()), "{place:?}");
            let reason = child.down().await.reason;
            let expected = if place == Place::Destructor {
                reason == ExitReason::SHUTDOWN
            } else {
                panicked_in(&reason, place)
            };
            assert!(expected, "{place:?}: {reason}");
            settle().await;
            assert_eq!(addr.send(GoWrong(Place::Nowhere)).await, Err(SendError::NotRunning));
            assert_eq!((root.tree().live(), neighbour.send(Count).await), (2, Ok(2)));
            stop(root).await;
        }
    })
    .await;
}

/// Prepares a fault without anything else.
#[derive(Message)]
#[rtype(result = "()")]
struct Arm(Place);

impl Handler<Arm> for Faulty {
    type Result = ();

    fn handle(&mut self, Arm(place): Arm, _: &mut Context<Self>) {
        self.at = place;
    }
}

/// `started` is part of the start: when it panics at first the start fails, and when it panics in a restart that is tried again.
#[tokio::test(start_paused = true)]
async fn a_panic_in_started_is_a_start_that_failed() {
    on_one_arbiter(async {
        let (root, addr, neighbour) = faulty(Flags::one_for_one(), Place::Started).await;
        let added = ChildSpec::new("added", |start: StartContext| async move {
            Ok::<_, StartError>(start.actor(Faulty { at: Place::Started }))
        });
        match root.supervisor().start_child(added).await {
            Err(SupervisorError::StartFailed(reason)) => {
                assert!(panicked_in(&reason, Place::Started), "{reason}");
            }
            other => panic!("{other:?}"),
        }
        assert_eq!(root.tree().snapshot().expect("a tree").children.len(), 2, "its specification is gone");
        assert_eq!(addr.send(GoWrong(Place::Handler)).await, Err(SendError::Closed));
        settle().await;
        assert_eq!(addr.send(GoWrong(Place::Nowhere)).await, Ok(3), "the second life did not come up");
        let node = root.tree().snapshot_of("faulty").expect("there");
        assert!(panicked_in(&node.last_exit.expect("an end"), Place::Started));
        assert_eq!(neighbour.send(Count).await, Ok(2));
        stop(root).await;
    })
    .await;
}

/// There is no `restarting` hook: the factory takes its place, in each of its parts.
#[tokio::test(start_paused = true)]
async fn a_panic_in_what_makes_the_next_life_is_another_attempt_and_at_last_the_supervisor_gives_up() {
    on_one_arbiter(async {
        for panics_at_once in [true, false] {
            let (addr, log, calls) = (StableAddr::new(), Log::default(), Arc::new(AtomicU32::new(0)));
            let (name, puppet_log, counted) = (addr.clone(), log.clone(), calls.clone());
            let mut root = start(Flags::one_for_one().intensity(3, secs(5)), move || {
                let (name, log, calls) = (name.clone(), puppet_log.clone(), counted.clone());
                let factory = move |start: StartContext| {
                    let life = calls.fetch_add(1, Ordering::Relaxed) + 1;
                    assert!(life == 1 || !panics_at_once, "in the closure");
                    let (name, log) = (name.clone(), log.clone());
                    async move {
                        assert!(life == 1, "in its future");
                        Ok::<_, StartError>(start.actor(Puppet::new("p", &log)).at(&name))
                    }
                };
                vec![ChildSpec::new("p", factory), sleeper("neighbour")]
            })
            .await;
            assert_eq!(addr.send(Do::Panic).await, Err(SendError::Closed));
            match root.ended().await {
                ExitReason::GaveUp { restarts, cause, .. } => {
                    assert_eq!(restarts, 3);
                    assert!(matches!(*cause, ExitReason::Panicked { .. }), "{cause}");
                }
                other => panic!("{other}"),
            }
            assert_eq!((calls.load(Ordering::Relaxed), root.tree().live()), (4, 0));
        }
    })
    .await;
}

/// Its first start fails by name, and what was up before it is stopped.
#[tokio::test(start_paused = true)]
async fn a_factory_that_fails_or_panics_at_first_fails_the_start_of_its_supervisor_and_leaves_nothing() {
    on_one_arbiter(async {
        for panics in [true, false] {
            let tree = ghostlight_supervision::Tree::new(Default::default());
            let children = move || {
                let bad = ChildSpec::new("bad", move |start: StartContext| async move {
                    assert!(!panics, "the factory's own bug");
                    if start.incarnation() == 1 {
                        return Err(StartError::new("no luck"));
                    }
                    Ok(start.task(async { Ok::<(), String>(()) }))
                });
                vec![sleeper("good"), bad, sleeper("never")]
            };
            match tree.start("root", Flags::one_for_one(), children).await.map(|_| ()) {
                Err(ExitReason::StartFailed { child, cause }) => {
                    assert_eq!(&*child, "bad");
                    assert_eq!(matches!(*cause, ExitReason::Panicked { .. }), panics, "{cause}");
                }
                other => panic!("{other:?}"),
            }
            assert_eq!(tree.live(), 0);
        }
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn a_panic_in_a_supervised_future_is_its_end() {
    on_one_arbiter(async {
        let root = start(Flags::dynamic(), Vec::new).await;
        let spec = ChildSpec::once("task", |start: StartContext| async move {
            Ok(start.task(async {
                tokio::time::sleep(secs(1)).await;
                if true {
                    panic!("a fault in a task");
                }
                Ok::<(), String>(())
            }))
        });
        let child = root.supervisor().start_child(spec).await.expect("starts").expect("a child");
        assert!(matches!(child.down().await.reason, ExitReason::Panicked { .. }));
        assert_eq!(root.tree().live(), 1);
        stop(root).await;
    })
    .await;
}

/// A supervisor's own bug: its parent answers it like any child's, its children go with it, and new ones come.
#[cfg(feature = "chaos")]
#[tokio::test(start_paused = true)]
async fn a_supervisor_that_panics_itself_is_restarted_by_its_parent_and_leaves_no_zombie() {
    on_one_arbiter(async {
        let (addr, neighbour, log) = (StableAddr::new(), StableAddr::new(), Log::default());
        let (spec_addr, spec_neighbour, spec_log) = (addr.clone(), neighbour.clone(), log.clone());
        let inner = ghostlight_supervision::SupervisorRef::new();
        let spec_inner = inner.clone();
        let root = start(Flags::one_for_one(), move || {
            let (addr, log) = (spec_addr.clone(), spec_log.clone());
            let children = move || vec![puppet("a", &addr, &log), sleeper("b"), sleeper("c")];
            vec![
                puppet("neighbour", &spec_neighbour, &spec_log),
                ChildSpec::supervisor("inner", &spec_inner, Flags::one_for_one(), children),
            ]
        })
        .await;
        let added = sleeper("added");
        inner.start_child(added).await.expect("starts");
        let tree = root.tree().clone();
        let children: Vec<_> = ["inner/a", "inner/b", "inner/c", "inner/added"]
            .map(|path| tree.child(path).expect("there"))
            .into_iter()
            .collect();
        let (down, call) = (tree.child("inner").expect("there").down(), addr.send(Slowly(secs(9))));
        tree.permit_faults();
        tree.inject("inner", Fault::Panic).expect("there");
        assert!(matches!(down.await.reason, ExitReason::Panicked { .. }));
        assert_eq!(call.await, Err(SendError::Closed));
        for child in children {
            assert_eq!(child.down().await.reason, ExitReason::Killed, "{child:?}");
        }
        settle().await;
        assert_eq!(tree.live(), 6, "the root, two children, and three of the new supervisor");
        assert_eq!(addr.send(Count).await, Ok(1));
        assert_eq!(neighbour.send(Count).await, Ok(1), "undisturbed");
        assert!(tree.child("inner/added").is_none(), "what was added by hand is not the specification's");
        assert_eq!(inner.count_children().await.expect("answers").active, 3);
        stop(root).await;
    })
    .await;
}

/// And one that keeps doing so uses up its parent's patience, like any child.
#[cfg(feature = "chaos")]
#[tokio::test(start_paused = true)]
async fn a_supervisor_that_keeps_panicking_ends_its_parent_in_good_order() {
    on_one_arbiter(async {
        let inner = ghostlight_supervision::SupervisorRef::new();
        let mut root = start(Flags::one_for_one().intensity(2, secs(5)), move || {
            vec![ChildSpec::supervisor("inner", &inner, Flags::one_for_one(), || vec![sleeper("a")])]
        })
        .await;
        let tree = root.tree().clone();
        tree.permit_faults();
        for _ in 0..3 {
            tree.inject("inner", Fault::Panic).expect("there");
            settle().await;
        }
        assert!(matches!(root.ended().await, ExitReason::GaveUp { restarts: 2, .. }));
        settle().await;
        assert_eq!(tree.live(), 0);
    })
    .await;
}

/// A message that panics when it is dropped unhandled, with an actor that dies, takes nobody along.
#[tokio::test(start_paused = true)]
async fn a_panic_in_the_destructor_of_a_waiting_message_takes_nobody_along() {
    on_one_arbiter(async {
        for in_place in [false, true] {
            let (addr, log) = (StableAddr::new(), Log::default());
            let (spec_addr, spec_log) = (addr.clone(), log.clone());
            let root = start(Flags::one_for_one(), move || {
                let spec = puppet("p", &spec_addr, &spec_log);
                vec![if in_place { spec.in_place() } else { spec }, sleeper("neighbour")]
            })
            .await;
            // It never has its turn.
            let (held_up, waiting) = (addr.send(Wait(secs(9))), addr.send(Touchy));
            settle().await;
            drop(held_up);
            let stopped = root.supervisor().terminate_child(&Key::named("p")).await;
            assert_eq!((stopped, waiting.await), (Ok(()), Err(SendError::Closed)));
            assert_eq!(root.tree().live(), 2);
            stop(root).await;
        }
    })
    .await;
}

/// Cannot bear not to be handled.
#[derive(Message)]
#[rtype(result = "()")]
struct Touchy;

impl Drop for Touchy {
    fn drop(&mut self) {
        panic!("a message's own bug");
    }
}

impl Handler<Touchy> for Puppet {
    type Result = ();

    fn handle(&mut self, touchy: Touchy, _: &mut Context<Self>) {
        std::mem::forget(touchy);
    }
}
