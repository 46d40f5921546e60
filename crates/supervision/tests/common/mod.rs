//! An actor that does as it is told, and a tree to put it in.
#![allow(dead_code, reason = "each test binary uses a part of it")]

use std::future::Future;
use std::rc::Rc;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use actix::{
    Actor, ActorContext, ActorFutureExt, AsyncContext, AtomicResponse, Handler, Message, ResponseActFuture,
    Running, WrapFuture,
};
use ghostlight_supervision::{
    ChildSpec, Context, Flags, Graceful, Root, StableAddr, StartContext, StartError, Tree, TreeConfig,
    TreeEvent,
};
use tokio::task::LocalSet;

/// What happened, in order, told by actors and observers.
#[derive(Clone, Default)]
pub struct Log(Arc<Mutex<Vec<String>>>);

impl Log {
    pub fn add(&self, entry: impl Into<String>) {
        self.0.lock().expect("no test panics here").push(entry.into());
    }

    pub fn take(&self) -> Vec<String> {
        std::mem::take(&mut *self.0.lock().expect("no test panics here"))
    }

    pub fn line(&self) -> String {
        self.take().join(" ")
    }
}

/// Runs a test on one thread with virtual time, and lets everything come to rest before it looks.
pub async fn on_one_arbiter<F: Future>(test: F) -> F::Output {
    LocalSet::new().run_until(test).await
}

/// Lets everything happen that needs no time.
pub async fn settle() {
    tokio::time::sleep(Duration::from_millis(2)).await;
}

pub fn secs(secs: u64) -> Duration {
    Duration::from_secs(secs)
}

/// A tree that writes down its events as `type path`.
pub fn tree_with_log() -> (Tree, Log) {
    let log = Log::default();
    let events = log.clone();
    let observer = move |event: &TreeEvent| {
        let json = serde_json::to_value(event).expect("serializable");
        let text =
            |field: &str| json.get(field).and_then(|value| value.as_str()).unwrap_or_default().to_owned();
        events.add(format!("{} {}", text("type"), text("path")));
    };
    (Tree::new(TreeConfig { observer: Some(Arc::new(observer)), seed: 7 }), log)
}

pub async fn start(flags: Flags, children: impl Fn() -> Vec<ChildSpec> + Send + Sync + 'static) -> Root {
    Tree::new(TreeConfig::default()).start("root", flags, children).await.expect("the tree starts")
}

/// Stops the tree and proves that nothing outlives it.
pub async fn stop(root: Root) {
    let tree = root.tree().clone();
    root.stop().await;
    assert_eq!(tree.live(), 0, "left alive: {:?}", tree.snapshot());
}

/// Counts, crashes, hangs. Holds something that is not `Send`.
pub struct Puppet {
    pub count: Rc<u32>,
    pub log: Log,
    pub name: &'static str,
}

impl Puppet {
    pub fn new(name: &'static str, log: &Log) -> Self {
        Puppet { count: Rc::new(0), log: log.clone(), name }
    }
}

impl Actor for Puppet {
    type Context = Context<Self>;

    fn started(&mut self, _: &mut Self::Context) {
        self.log.add(format!("+{}", self.name));
    }

    fn stopping(&mut self, _: &mut Self::Context) -> Running {
        self.log.add(format!("-{}", self.name));
        Running::Stop
    }

    fn stopped(&mut self, _: &mut Self::Context) {
        self.log.add(format!("~{}", self.name));
    }
}

impl Graceful for Puppet {
    /// Takes a second to finish.
    fn shutdown(&mut self, ctx: &mut Context<Self>) {
        self.log.add(format!("finishing-{}", self.name));
        ctx.run_later(secs(1), |puppet, ctx| {
            puppet.log.add(format!("finished-{}", puppet.name));
            ctx.stop();
        });
    }
}

#[derive(Message)]
#[rtype(result = "u32")]
pub struct Count;

impl Handler<Count> for Puppet {
    type Result = u32;

    fn handle(&mut self, _: Count, _: &mut Context<Self>) -> u32 {
        self.count = Rc::new(*self.count + 1);
        *self.count
    }
}

/// What a puppet is told to do to itself.
#[derive(Message, Clone, Copy)]
#[rtype(result = "()")]
pub enum Do {
    Panic,
    PanicInFuture,
    Fail,
    Stop,
    Block(Duration),
}

impl Handler<Do> for Puppet {
    type Result = ();

    fn handle(&mut self, what: Do, ctx: &mut Context<Self>) {
        match what {
            Do::Panic => panic!("told to"),
            Do::PanicInFuture => {
                let future = async { panic!("told to, later") };
                ctx.spawn(future.into_actor(self));
            }
            Do::Fail => ctx.fail("out of luck"),
            Do::Stop => ctx.stop(),
            Do::Block(time) => std::thread::sleep(time),
        }
    }
}

/// Answers after a while, without holding up others.
#[derive(Message)]
#[rtype(result = "&'static str")]
pub struct Slowly(pub Duration);

impl Handler<Slowly> for Puppet {
    type Result = ResponseActFuture<Self, &'static str>;

    fn handle(&mut self, Slowly(time): Slowly, _: &mut Context<Self>) -> Self::Result {
        Box::pin(tokio::time::sleep(time).into_actor(self).map(|(), _, _| "at last"))
    }
}

/// Answers after a while, and holds up the others meanwhile.
#[derive(Message)]
#[rtype(result = "()")]
pub struct Wait(pub Duration);

impl Handler<Wait> for Puppet {
    type Result = AtomicResponse<Self, ()>;

    fn handle(&mut self, Wait(time): Wait, _: &mut Context<Self>) -> Self::Result {
        AtomicResponse::new(Box::pin(tokio::time::sleep(time).into_actor(self)))
    }
}

/// Blocks the thread until the other side says so, or is gone.
#[derive(Message)]
#[rtype(result = "()")]
pub struct Hold(pub std::sync::mpsc::Receiver<()>);

impl Handler<Hold> for Puppet {
    type Result = ();

    fn handle(&mut self, Hold(held): Hold, _: &mut Context<Self>) {
        // Either answer means the same.
        let _ = held.recv();
    }
}

pub fn puppet(name: &'static str, addr: &StableAddr<Puppet>, log: &Log) -> ChildSpec {
    let log = log.clone();
    ChildSpec::actor(name, addr, move || {
        let log = log.clone();
        async move { Ok(Puppet::new(name, &log)) }
    })
}

pub fn graceful_puppet(name: &'static str, addr: &StableAddr<Puppet>, log: &Log) -> ChildSpec {
    let (addr, log) = (addr.clone(), log.clone());
    ChildSpec::new(name, move |start: StartContext| {
        let (addr, log) = (addr.clone(), log.clone());
        async move { Ok::<_, StartError>(start.actor(Puppet::new(name, &log)).at(&addr).graceful()) }
    })
}

/// A supervised future that waits for ever.
pub fn sleeper(name: &'static str) -> ChildSpec {
    ChildSpec::new(name, |start: StartContext| async move {
        Ok(start.task(async { std::future::pending::<Result<(), String>>().await }))
    })
}
