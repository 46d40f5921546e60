//! The loads, here.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use actix::{Actor, ActorContext, Addr, AsyncContext, Handler, Message};
use ghostlight_supervision::{
    ArbiterRef, Arbiters, AutoShutdown, ChildRef, ChildSpec, Context, Flags, Key, Root, StableAddr,
    StartContext, StartError, SupervisorRef, Tree, TreeConfig,
};
use tokio::sync::Notify;

use super::{Figures, allocated, per_second};

const ROUNDS: usize = 3;
/// Crashes with a pause between them, and crashes in a row.
const LAPS: usize = 1_000;
const RESTARTS: usize = 20_000;
const MESSAGES: usize = 200_000;
/// Each of them may wait for a thread to wake up.
const ASKS: usize = 20_000;
/// So many tells are sent before one ask waits for them: neither side outruns the other without bound.
const TELLS_AT_ONCE: usize = 1_000;

/// The loads whose names hold `only`, all without it.
pub fn measure(only: Option<&str>) -> Figures {
    let mut rounds = Vec::new();
    for round in 1..=ROUNDS {
        rounds.push(actix_rt::System::new().block_on(self::round(round, only)));
    }
    let median = |name: &String| {
        let mut values: Vec<f64> = rounds.iter().map(|round: &Figures| round[name]).collect();
        values.sort_unstable_by(f64::total_cmp);
        values[values.len() / 2]
    };
    rounds[0].keys().map(|name| (name.clone(), median(name))).collect()
}

async fn round(round: usize, only: Option<&str>) -> Figures {
    let mut figures = Figures::new();
    let arbiters = Arbiters::new("bench", 2).unwrap();
    let other = arbiters.refs()[0].clone();
    let is_wanted = |load: &str| {
        let wanted = only.is_none_or(|only| load.contains(only));
        if wanted {
            eprintln!("round {round} of {ROUNDS}: {load}");
        }
        wanted
    };
    if is_wanted("laps") {
        laps(&mut figures, "lap_in_place", |spec| spec.in_place()).await;
        laps(&mut figures, "lap_fresh", |spec| spec).await;
        let across = other.clone();
        laps(&mut figures, "lap_across", move |spec| spec.on(&across)).await;
    }
    if is_wanted("restarts") {
        restarts(&mut figures, "restarts_in_place", Crash::Panic, |spec| spec.in_place()).await;
        restarts(&mut figures, "restarts_fresh", Crash::Panic, |spec| spec).await;
        restarts(&mut figures, "restarts_error", Crash::Error, |spec| spec).await;
    }
    if is_wanted("starts") {
        for count in [1_000, 10_000, 100_000] {
            starts_and_memory(&mut figures, count).await;
        }
    }
    if is_wanted("messages here") {
        messages(&mut figures, "here", None).await;
    }
    if is_wanted("messages across") {
        messages(&mut figures, "across", Some(&other)).await;
    }
    if is_wanted("runs") {
        runs(&mut figures).await;
    }
    tokio::task::spawn_blocking(move || arbiters.stop_and_join()).await.unwrap();
    figures
}

async fn tree(flags: Flags) -> Root {
    Tree::new(TreeConfig::default()).start("root", flags, Vec::new).await.unwrap()
}

/// When the last crash was, and how long each restart took.
#[derive(Default)]
struct Meter {
    crashed_at: Mutex<Option<Instant>>,
    laps: Mutex<Vec<Duration>>,
    crashes_left: AtomicU64,
    up: Notify,
}

#[derive(Clone, Copy)]
enum Crash {
    Panic,
    Error,
}

/// Crashes when it is told to, or as soon as it is up.
struct Phoenix {
    meter: Arc<Meter>,
    /// Crashes by itself until the meter says that it is enough.
    in_a_row: Option<Crash>,
}

impl Actor for Phoenix {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Self::Context) {
        if let Some(crashed_at) = self.meter.crashed_at.lock().unwrap().take() {
            self.meter.laps.lock().unwrap().push(crashed_at.elapsed());
        }
        match self.in_a_row {
            Some(crash) if self.meter.crashes_left.load(Ordering::Relaxed) > 0 => {
                self.meter.crashes_left.fetch_sub(1, Ordering::Relaxed);
                ctx.address().do_send(CrashNow(crash));
            }
            _ => self.meter.up.notify_one(),
        }
    }
}

#[derive(Message)]
#[rtype(result = "()")]
struct CrashNow(Crash);

impl Handler<CrashNow> for Phoenix {
    type Result = ();

    fn handle(&mut self, CrashNow(crash): CrashNow, ctx: &mut Context<Self>) {
        if self.in_a_row.is_none() {
            *self.meter.crashed_at.lock().unwrap() = Some(Instant::now());
        }
        match crash {
            Crash::Panic => panic!("bench"),
            Crash::Error => ctx.fail("bench"),
        }
    }
}

async fn phoenix(
    meter: &Arc<Meter>,
    in_a_row: Option<Crash>,
    place: impl FnOnce(ChildSpec) -> ChildSpec,
) -> (Root, StableAddr<Phoenix>) {
    let root = tree(Flags::one_for_one().intensity(u32::MAX, Duration::from_secs(1))).await;
    let (addr, meter) = (StableAddr::new(), meter.clone());
    let spec = ChildSpec::actor("phoenix", &addr, move || {
        let meter = meter.clone();
        std::future::ready(Ok(Phoenix { meter, in_a_row }))
    });
    root.supervisor().start_child(place(spec)).await.unwrap();
    (root, addr)
}

/// From the crash, in the handler, to the `started` of the next incarnation.
async fn laps(figures: &mut Figures, name: &str, place: impl FnOnce(ChildSpec) -> ChildSpec) {
    let meter = Arc::new(Meter::default());
    let (root, addr) = phoenix(&meter, None, place).await;
    for _ in 0..LAPS {
        meter.up.notified().await;
        tokio::time::sleep(Duration::from_millis(1)).await;
        addr.try_send(CrashNow(Crash::Panic)).unwrap();
    }
    meter.up.notified().await;
    root.stop().await;
    let mut laps = std::mem::take(&mut *meter.laps.lock().unwrap());
    laps.sort_unstable();
    let micros = |lap: Duration| lap.as_nanos() as f64 / 1e3;
    figures.insert(format!("{name}_p50"), micros(laps[laps.len() / 2]));
    figures.insert(format!("{name}_p99"), micros(laps[laps.len() * 99 / 100]));
}

/// Each life crashes as soon as it is up.
async fn restarts(
    figures: &mut Figures,
    name: &str,
    crash: Crash,
    place: impl FnOnce(ChildSpec) -> ChildSpec,
) {
    let meter = Arc::new(Meter::default());
    meter.crashes_left.store(RESTARTS as u64, Ordering::Relaxed);
    let begin = Instant::now();
    let (root, _addr) = phoenix(&meter, Some(crash), place).await;
    meter.up.notified().await;
    figures.insert(name.to_owned(), per_second(RESTARTS, begin.elapsed()));
    root.stop().await;
}

struct Idle([u64; 8]);

impl Actor for Idle {
    type Context = Context<Self>;
}

#[derive(Message)]
#[rtype(result = "u64")]
enum Do {
    Answer,
    Stop,
}

impl Handler<Do> for Idle {
    type Result = u64;

    fn handle(&mut self, what: Do, ctx: &mut Context<Self>) -> u64 {
        if let Do::Stop = what {
            ctx.stop();
        }
        self.0[0] += 1;
        self.0[0]
    }
}

/// The same without supervision.
struct Plain([u64; 8]);

impl Actor for Plain {
    type Context = actix::Context<Self>;
}

impl Handler<Do> for Plain {
    type Result = u64;

    fn handle(&mut self, _: Do, _: &mut actix::Context<Self>) -> u64 {
        self.0[0] += 1;
        self.0[0]
    }
}

fn idle(key: Key, addr: &StableAddr<Idle>) -> ChildSpec {
    let addr = addr.clone();
    ChildSpec::once(key, move |start: StartContext| async move {
        Ok::<_, StartError>(start.actor(Idle([0; 8])).at(&addr).mailbox_max(u32::MAX))
    })
}

/// The memory is all that a child needs: its key, its name, what its supervisor knows of it, and 64 bytes of state.
async fn starts_and_memory(figures: &mut Figures, count: usize) {
    let root = tree(Flags::dynamic()).await;
    let mut addrs: Vec<StableAddr<Idle>> = Vec::with_capacity(count);
    let before = allocated();
    let begin = Instant::now();
    for n in 0..count {
        let addr = StableAddr::new();
        root.supervisor().start_child(idle(Key::new("child", n.to_string()), &addr)).await.unwrap();
        addrs.push(addr);
    }
    figures.insert(format!("start_{count}"), per_second(count, begin.elapsed()));
    figures.insert("memory".to_owned(), (allocated() - before) as f64 / count as f64);
    let begin = Instant::now();
    root.stop().await;
    figures.insert(format!("stop_{count}"), per_second(count, begin.elapsed()));
}

/// Both kinds of actor in turns, so that what else the machine does meets both.
async fn messages(figures: &mut Figures, place: &str, arbiter: Option<&ArbiterRef>) {
    let root = tree(Flags::dynamic()).await;
    let supervised = StableAddr::new();
    let spec = idle(Key::named("idle"), &supervised);
    let spec = match arbiter {
        Some(arbiter) => spec.on(arbiter),
        None => spec,
    };
    root.supervisor().start_child(spec).await.unwrap();
    let plain: Addr<Plain> = match arbiter {
        Some(arbiter) => Plain::start_in_arbiter(&arbiter.handle(), |_| Plain([0; 8])),
        None => Plain([0; 8]).start(),
    };
    let mut best = [[0.0f64; 2]; 3];
    for _ in 0..ROUNDS {
        let begin = Instant::now();
        for _ in 0..MESSAGES / TELLS_AT_ONCE {
            (1..TELLS_AT_ONCE).for_each(|_| supervised.try_send(Do::Answer).unwrap());
            supervised.send(Do::Answer).await.unwrap();
        }
        keep(&mut best[0][0], MESSAGES, begin);
        let begin = Instant::now();
        for _ in 0..MESSAGES / TELLS_AT_ONCE {
            (1..TELLS_AT_ONCE).for_each(|_| plain.do_send(Do::Answer));
            plain.send(Do::Answer).await.unwrap();
        }
        keep(&mut best[0][1], MESSAGES, begin);
        let begin = Instant::now();
        for _ in 0..ASKS {
            supervised.send(Do::Answer).await.unwrap();
        }
        keep(&mut best[1][0], ASKS, begin);
        let begin = Instant::now();
        for _ in 0..ASKS {
            plain.send(Do::Answer).await.unwrap();
        }
        keep(&mut best[1][1], ASKS, begin);
        let begin = Instant::now();
        for _ in 0..MESSAGES / 64 {
            futures::future::join_all((0..64).map(|_| supervised.send(Do::Answer))).await;
        }
        keep(&mut best[2][0], MESSAGES, begin);
        let begin = Instant::now();
        for _ in 0..MESSAGES / 64 {
            futures::future::join_all((0..64).map(|_| plain.send(Do::Answer))).await;
        }
        keep(&mut best[2][1], MESSAGES, begin);
    }
    root.stop().await;
    let names = ["tell", "ask", "ask_64"];
    for (name, [supervised, plain]) in names.into_iter().zip(best) {
        let name = match name {
            "ask_64" if arbiter.is_none() => continue,
            "ask_64" => "ask_64".to_owned(),
            name => format!("{name}_{place}"),
        };
        figures.insert(format!("{name}_share"), supervised / plain);
        figures.insert(name, supervised);
    }
}

/// The best of the rounds: what disturbs a round only ever slows it.
fn keep(best: &mut f64, messages: usize, begin: Instant) {
    *best = best.max(per_second(messages, begin.elapsed()));
}

/// A supervisor, a significant workflow and two executions, started one after another, then folded up.
async fn runs(figures: &mut Figures) {
    let root = tree(Flags::dynamic()).await;
    let start_run = |n: usize, workflow: &StableAddr<Idle>| {
        let (workflow, run) = (workflow.clone(), SupervisorRef::new());
        let spec_run = run.clone();
        let spec = ChildSpec::once(Key::id(n.to_string()), move |start: StartContext| async move {
            let flags = Flags::one_for_one().auto_shutdown(AutoShutdown::AnySignificant);
            start.supervisor(&spec_run, flags, vec![idle(Key::named("workflow"), &workflow).significant()])
        });
        (spec.as_supervisor(), run)
    };
    let count = 5_000;
    let before = allocated();
    let begin = Instant::now();
    let mut started: Vec<(StableAddr<Idle>, ChildRef)> = Vec::with_capacity(count);
    for n in 0..count {
        let workflow = StableAddr::new();
        let (spec, run) = start_run(n, &workflow);
        let child = root.supervisor().start_child(spec).await.unwrap().unwrap();
        for execution in ["execute@1", "verify@1"] {
            run.start_child(idle(Key::new("executions", execution), &StableAddr::new())).await.unwrap();
        }
        started.push((workflow, child));
    }
    figures.insert("run_start".to_owned(), per_second(count, begin.elapsed()));
    figures.insert("run_memory".to_owned(), (allocated() - before) as f64 / count as f64);
    let begin = Instant::now();
    for (workflow, run) in started {
        let down = run.down();
        workflow.send(Do::Stop).await.unwrap();
        down.await;
    }
    figures.insert("run_stop".to_owned(), per_second(count, begin.elapsed()));
    root.stop().await;
}
