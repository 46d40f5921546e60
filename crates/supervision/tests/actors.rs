//! A supervised actor behaves as actix says it does: waits, spawned futures, intervals, streams, hooks.

mod common;

use std::time::Duration;

use actix::{
    Actor, ActorContext, ActorFutureExt, AsyncContext, AtomicResponse, Handler, Message, Running,
    SpawnHandle, StreamHandler, WrapFuture,
};
use common::*;
use ghostlight_supervision::{
    ChildSpec, Context, ExitReason, Flags, Root, StableAddr, StartContext, StartError,
};
use tokio::time::Instant;

const SECOND: Duration = Duration::from_secs(1);

/// Does what the test hands it, and writes down what happens.
struct Machine {
    log: Log,
    begun: Instant,
    interval: SpawnHandle,
    refuses_to_stop: bool,
}

impl Machine {
    fn note(&self, what: &str) {
        self.log.add(format!("{}@{}", what, self.begun.elapsed().as_millis()));
    }
}

impl Actor for Machine {
    type Context = Context<Self>;

    fn stopping(&mut self, _: &mut Self::Context) -> Running {
        self.note("stopping");
        if std::mem::take(&mut self.refuses_to_stop) { Running::Continue } else { Running::Stop }
    }
}

type Task = Box<dyn FnOnce(&mut Machine, &mut Context<Machine>) + Send>;

#[derive(Message)]
#[rtype(result = "()")]
struct Run(Task);

impl Handler<Run> for Machine {
    type Result = ();

    fn handle(&mut self, Run(task): Run, ctx: &mut Context<Self>) {
        task(self, ctx);
    }
}

#[derive(Message)]
#[rtype(result = "()")]
struct Note(&'static str);

impl Handler<Note> for Machine {
    type Result = ();

    fn handle(&mut self, Note(what): Note, _: &mut Context<Self>) {
        self.note(what);
    }
}

#[derive(Message)]
#[rtype(result = "u32")]
struct Exclusive;

impl Handler<Exclusive> for Machine {
    type Result = AtomicResponse<Self, u32>;

    fn handle(&mut self, _: Exclusive, _: &mut Context<Self>) -> Self::Result {
        let work = tokio::time::sleep(SECOND).into_actor(self).map(|(), machine, _| {
            machine.note("exclusive");
            7
        });
        AtomicResponse::new(Box::pin(work))
    }
}

impl StreamHandler<u32> for Machine {
    fn handle(&mut self, item: u32, _: &mut Context<Self>) {
        self.note(&format!("item{item}"));
    }

    fn finished(&mut self, _: &mut Context<Self>) {
        self.note("finished");
    }
}

async fn machine() -> (Root, StableAddr<Machine>, Log) {
    let (addr, log) = (StableAddr::new(), Log::default());
    let root = start(Flags::dynamic(), Vec::new).await;
    let (name, machine_log) = (addr.clone(), log.clone());
    let spec = ChildSpec::once("machine", move |start: StartContext| async move {
        let machine = Machine {
            log: machine_log,
            begun: Instant::now(),
            interval: SpawnHandle::default(),
            refuses_to_stop: false,
        };
        Ok::<_, StartError>(start.actor(machine).at(&name))
    });
    root.supervisor().start_child(spec).await.expect("starts");
    (root, addr, log)
}

async fn run(
    addr: &StableAddr<Machine>,
    task: impl FnOnce(&mut Machine, &mut Context<Machine>) + Send + 'static,
) {
    addr.send(Run(Box::new(task))).await.expect("runs");
}

fn note_after(
    machine: &Machine,
    time: Duration,
    what: &'static str,
) -> impl actix::ActorFuture<Machine, Output = ()> + use<> {
    tokio::time::sleep(time).into_actor(machine).map(move |(), machine, _| machine.note(what))
}

#[tokio::test(start_paused = true)]
async fn messages_and_futures_wait_while_the_actor_waits() {
    on_one_arbiter(async {
        let (root, addr, log) = machine().await;
        run(&addr, |machine, ctx| {
            ctx.spawn(note_after(machine, SECOND / 2, "future"));
            ctx.wait(note_after(machine, SECOND, "waited"));
        })
        .await;
        addr.send(Note("message")).await.expect("handled");
        settle().await;
        assert_eq!(log.line(), "waited@1000 message@1000 future@1000");
        stop(root).await;
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn the_latest_wait_comes_first() {
    on_one_arbiter(async {
        let (root, addr, log) = machine().await;
        run(&addr, |machine, ctx| {
            let nested = tokio::time::sleep(SECOND).into_actor(machine).then(
                |(), machine: &mut Machine, ctx: &mut Context<Machine>| {
                    ctx.wait(note_after(machine, SECOND, "inner"));
                    note_after(machine, SECOND / 2, "outer")
                },
            );
            ctx.wait(nested);
        })
        .await;
        addr.send(Note("message")).await.expect("handled");
        assert_eq!(log.line(), "inner@2000 outer@2000 message@2000");
        stop(root).await;
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn an_exclusive_answer_holds_up_the_next_message() {
    on_one_arbiter(async {
        let (root, addr, log) = machine().await;
        let answer = addr.send(Exclusive);
        let message = addr.send(Note("message"));
        assert_eq!(answer.await, Ok(7));
        message.await.expect("handled");
        assert_eq!(log.line(), "exclusive@1000 message@1000");
        stop(root).await;
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn an_interval_runs_until_it_is_cancelled_also_by_itself() {
    on_one_arbiter(async {
        let (root, addr, log) = machine().await;
        run(&addr, |machine, ctx| {
            machine.interval = ctx.run_interval(SECOND, |machine, ctx| {
                machine.note("tick");
                if machine.begun.elapsed() > SECOND * 3 {
                    ctx.cancel_future(machine.interval);
                }
            });
            let never = ctx.spawn(note_after(machine, SECOND, "never"));
            ctx.cancel_future(never);
            ctx.spawn(note_after(machine, SECOND * 5, "other"));
        })
        .await;
        tokio::time::sleep(SECOND * 10).await;
        let ticks = log.take();
        assert_eq!(ticks.len(), 5, "{ticks:?}");
        assert!(ticks[4].starts_with("other@5000"), "{ticks:?}");
        stop(root).await;
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn a_stop_ends_a_wait_and_drops_spawned_futures() {
    on_one_arbiter(async {
        let (root, addr, log) = machine().await;
        let child = root.tree().child("machine").expect("there");
        run(&addr, |machine, ctx| {
            ctx.spawn(note_after(machine, SECOND, "never"));
            ctx.wait(note_after(machine, SECOND, "never"));
        })
        .await;
        root.supervisor().terminate_child(child.key()).await.expect("stops");
        assert_eq!(child.down().await.reason, ExitReason::SHUTDOWN);
        assert_eq!(log.line(), "stopping@0");
        stop(root).await;
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn a_stream_is_handled_item_by_item() {
    on_one_arbiter(async {
        let (root, addr, log) = machine().await;
        run(&addr, |_, ctx| {
            ctx.add_stream(futures::stream::iter([1, 2]));
        })
        .await;
        settle().await;
        assert_eq!(log.line(), "item1@0 item2@0 finished@0");
        stop(root).await;
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn an_actor_may_refuse_a_stop_of_its_own() {
    on_one_arbiter(async {
        let (root, addr, log) = machine().await;
        run(&addr, |machine, ctx| {
            machine.refuses_to_stop = true;
            ctx.fail("changed its mind");
        })
        .await;
        addr.send(Note("still here")).await.expect("handled");
        let down = root.tree().child("machine").expect("there").down();
        run(&addr, |_, ctx| ctx.terminate()).await;
        assert_eq!(down.await.reason, ExitReason::Normal);
        assert_eq!(log.line(), "stopping@0 still here@0", "terminated without being asked");
        stop(root).await;
    })
    .await;
}
