//! What supervision costs, on one arbiter: starts, whole runs, restarts, and memory of an idle child.
//!
//! `cargo bench -p ghostlight-supervision`. Prints one line per figure; numbers of a busy machine are lower bounds.

#![allow(missing_docs, clippy::unwrap_used, reason = "a benchmark")]

use std::alloc::{GlobalAlloc, Layout, System as SystemAllocator};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use actix::{Actor, ActorContext, Handler, Message};
use ghostlight_supervision::{
    AutoShutdown, ChildRef, ChildSpec, Context, Flags, Key, Root, StableAddr, StartContext, StartError,
    SupervisorRef, Tree, TreeConfig,
};

/// Counts what is allocated, so that memory per child is exact.
struct Counting;

static ALLOCATED: AtomicUsize = AtomicUsize::new(0);

#[allow(unsafe_code, reason = "the only way to count allocations")]
// SAFETY: passes everything on to the system's allocator and only counts.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        ALLOCATED.fetch_add(layout.size(), Ordering::Relaxed);
        unsafe { SystemAllocator.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        ALLOCATED.fetch_sub(layout.size(), Ordering::Relaxed);
        unsafe { SystemAllocator.dealloc(pointer, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

struct Idle([u64; 8]);

impl Actor for Idle {
    type Context = Context<Self>;
}

#[derive(Message)]
#[rtype(result = "u64")]
enum Do {
    Answer,
    Panic,
    Fail,
    Stop,
}

impl Handler<Do> for Idle {
    type Result = u64;

    fn handle(&mut self, what: Do, ctx: &mut Context<Self>) -> u64 {
        match what {
            Do::Answer => return self.0[0],
            Do::Panic => panic!("bench"),
            Do::Fail => ctx.fail("bench"),
            Do::Stop => ctx.stop(),
        }
        0
    }
}

fn idle(key: Key, addr: &StableAddr<Idle>) -> ChildSpec {
    let addr = addr.clone();
    ChildSpec::once(key, move |start: StartContext| async move {
        Ok::<_, StartError>(start.actor(Idle([0; 8])).at(&addr))
    })
}

async fn tree(flags: Flags) -> Root {
    Tree::new(TreeConfig::default()).start("root", flags, Vec::new).await.unwrap()
}

fn per_second(count: usize, time: Duration) -> f64 {
    count as f64 / time.as_secs_f64()
}

async fn starts_and_memory() {
    let root = tree(Flags::dynamic()).await;
    let count = 20_000;
    let keys: Vec<Key> = (0..count).map(|n| Key::new("child", n.to_string())).collect();
    let addrs: Vec<StableAddr<Idle>> = (0..count).map(|_| StableAddr::new()).collect();
    let before = ALLOCATED.load(Ordering::Relaxed);
    let begin = Instant::now();
    for (key, addr) in keys.iter().zip(&addrs) {
        root.supervisor().start_child(idle(key.clone(), addr)).await.unwrap();
    }
    let time = begin.elapsed();
    let bytes = (ALLOCATED.load(Ordering::Relaxed) - before) / count;
    println!(
        "child starts, one by one:   {:>9.0}/s  {:.2} us",
        per_second(count, time),
        time.as_micros() as f64 / count as f64
    );
    println!("memory of an idle child:    {bytes:>9} bytes (64 of them its state)");
    let begin = Instant::now();
    for addr in &addrs {
        addr.send(Do::Answer).await.unwrap();
    }
    println!("asks, one in flight:        {:>9.0}/s", per_second(count, begin.elapsed()));
    let begin = Instant::now();
    root.stop().await;
    println!("children stopped together:  {:>9.0}/s", per_second(count, begin.elapsed()));
}

/// A supervisor, a significant workflow and two executions, started one after another, then folded up.
async fn runs() {
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
    let before = ALLOCATED.load(Ordering::Relaxed);
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
    let time = begin.elapsed();
    let bytes = (ALLOCATED.load(Ordering::Relaxed) - before) / count;
    println!("runs of 1 + 3 started:      {:>9.0}/s  {bytes} bytes each", per_second(count, time));
    let begin = Instant::now();
    for (workflow, run) in started {
        let down = run.down();
        workflow.send(Do::Stop).await.unwrap();
        down.await;
    }
    println!("runs folded up:             {:>9.0}/s", per_second(count, begin.elapsed()));
    root.stop().await;
}

async fn restarts(what: fn() -> Do, name: &str) {
    let addr = StableAddr::new();
    let flags = Flags::one_for_one().intensity(u32::MAX, Duration::from_millis(1));
    let root = tree(flags).await;
    let spec = ChildSpec::actor("phoenix", &addr, || async { Ok(Idle([0; 8])) });
    root.supervisor().start_child(spec).await.unwrap();
    let count = 10_000;
    let mut times = Vec::with_capacity(count);
    let begin = Instant::now();
    for _ in 0..count {
        // The answer to the last message of a life is an error, or comes while the life ends.
        let crash = addr.send(what());
        let crashed = Instant::now();
        let _ = crash.await;
        while addr.send(Do::Answer).await.is_err() {
            tokio::task::yield_now().await;
        }
        times.push(crashed.elapsed());
    }
    let time = begin.elapsed();
    times.sort_unstable();
    println!(
        "restarts after {name}:     {:>9.0}/s  to the first answer p50 {:.1} us, p99 {:.1} us",
        per_second(count, time),
        times[count / 2].as_nanos() as f64 / 1e3,
        times[count * 99 / 100].as_nanos() as f64 / 1e3,
    );
    root.stop().await;
}

fn main() {
    actix_rt::System::new().block_on(async {
        for _ in 0..3 {
            starts_and_memory().await;
            runs().await;
            restarts(|| Do::Fail, "an error").await;
            restarts(|| Do::Panic, "a panic ").await;
            println!();
        }
    });
}
