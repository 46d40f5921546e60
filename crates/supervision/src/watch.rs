//! The watch over arbiters: a plain thread that asks each for a sign of life.
//!
//! None of the neighbours of an actor that blocks its thread can notice, so somebody outside has to. An arbiter that stays silent
//! is reported, and replaced if it is one of a watched pool and stays silent for longer still.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use crate::arbiters::{ArbiterRef, Arbiters, Pool};
use crate::observer::{Observer, TreeEvent};
use crate::panics;

/// How arbiters are watched.
#[derive(Clone, Copy, Debug)]
pub struct HeartbeatConfig {
    /// How often a sign of life is asked for.
    pub interval: Duration,
    /// How long an arbiter may be silent before it is reported.
    pub stuck_after: Duration,
    /// How long it may be silent before it is replaced, where that can be done.
    pub replace_after: Duration,
    /// How many threads may be left behind blocked at the same time. As long as there are so many, further ones are only
    /// reported: each keeps its memory, and where so much hangs a fresh thread is hardly what is missing.
    pub left_behind_max: usize,
}

impl Default for HeartbeatConfig {
    fn default() -> Self {
        HeartbeatConfig {
            interval: Duration::from_millis(100),
            stuck_after: Duration::from_secs(1),
            replace_after: Duration::from_secs(5),
            left_behind_max: 4,
        }
    }
}

/// The watch over a set of arbiters. Ends when it is dropped.
pub struct Heartbeat {
    stop: Option<mpsc::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Heartbeat {
    /// Starts watching, on a thread of its own, in real time. `observer` is told on that thread, once when an arbiter falls
    /// silent and once when it answers again. An arbiter that was stopped is no longer watched. None is replaced.
    pub fn start(
        arbiters: Vec<ArbiterRef>,
        config: HeartbeatConfig,
        observer: Arc<dyn Observer>,
    ) -> io::Result<Self> {
        Self::spawn(arbiters, None, config, observer)
    }

    fn spawn(
        arbiters: Vec<ArbiterRef>,
        pool: Option<Arc<Pool>>,
        config: HeartbeatConfig,
        observer: Arc<dyn Observer>,
    ) -> io::Result<Self> {
        let (stop, stopped) = mpsc::channel();
        let mut watched: Vec<Watched> = arbiters.into_iter().map(Watched::new).collect();
        let mut watch = Watch { config, pool, observer, left_behind: Vec::new() };
        let watching = move || {
            while let Err(RecvTimeoutError::Timeout) = stopped.recv_timeout(config.interval) {
                watched.retain_mut(|arbiter| watch.beat(arbiter));
            }
        };
        let thread = thread::Builder::new().name("heartbeat".into()).spawn(watching)?;
        Ok(Heartbeat { stop: Some(stop), thread: Some(thread) })
    }
}

impl Arbiters {
    /// Watches the arbiters of this pool as [`Heartbeat::start`] does, and replaces one that stays blocked: a fresh thread
    /// takes its place, and each supervisor elsewhere that has children on the old one treats them as ended by
    /// [`ArbiterLost`](crate::ExitReason::ArbiterLost), which counts as one restart however many they are. They, and what is below
    /// them, are killed as soon as the old thread comes to, before they do anything else; only the turn that blocks it runs
    /// to its end, and who shares something with it has to expect that. By their names nobody reaches them any more; but who
    /// already waits for an answer from an actor there waits until the thread comes to.
    pub fn watch(&self, config: HeartbeatConfig, observer: Arc<dyn Observer>) -> io::Result<Heartbeat> {
        Heartbeat::spawn(self.refs().to_vec(), Some(self.pool().clone()), config, observer)
    }
}

impl Drop for Heartbeat {
    fn drop(&mut self) {
        self.stop = None;
        if let Some(thread) = self.thread.take() {
            // It wakes at once; if its observer panicked, there is nothing to wait for.
            let _ = thread.join();
        }
    }
}

struct Watch {
    config: HeartbeatConfig,
    pool: Option<Arc<Pool>>,
    observer: Arc<dyn Observer>,
    /// The questions that replaced threads have not answered yet: when they do, they have come to and end.
    left_behind: Vec<Arc<AtomicBool>>,
}

struct Watched {
    arbiter: ArbiterRef,
    /// The question that is out: when it was asked, and whether it was answered.
    asked: Option<(Instant, Arc<AtomicBool>)>,
    reported: bool,
}

impl Watched {
    fn new(arbiter: ArbiterRef) -> Self {
        Watched { arbiter, asked: None, reported: false }
    }
}

/// Answers when it is dropped: a thread that ends has come to as well.
struct Answer(Arc<AtomicBool>);

impl Drop for Answer {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Release);
    }
}

impl Watch {
    /// One beat; false when the arbiter is gone. At most one question is out at a time.
    fn beat(&mut self, watched: &mut Watched) -> bool {
        if let Some((asked_at, answered)) = &watched.asked {
            let silent = asked_at.elapsed();
            let silent_ms = u64::try_from(silent.as_millis()).unwrap_or(u64::MAX);
            let arbiter = watched.arbiter.name().clone();
            if answered.load(Ordering::Acquire) {
                if std::mem::take(&mut watched.reported) {
                    self.tell(&TreeEvent::ArbiterRecovered { arbiter, silent_ms });
                }
            } else {
                if silent >= self.config.stuck_after && !std::mem::replace(&mut watched.reported, true) {
                    self.tell(&TreeEvent::ArbiterStuck { arbiter: arbiter.clone(), silent_ms });
                }
                let answered = answered.clone();
                if silent >= self.config.replace_after && self.replace(watched, answered) {
                    let generation = watched.arbiter.generation();
                    self.tell(&TreeEvent::ArbiterReplaced { arbiter, silent_ms, generation });
                    return true;
                }
                return watched.arbiter.handle().alive();
            }
        }
        let answered = Arc::new(AtomicBool::new(false));
        watched.asked = Some((Instant::now(), answered.clone()));
        let answer = Answer(answered);
        watched.arbiter.handle().spawn_fn(move || drop(answer))
    }

    fn replace(&mut self, watched: &mut Watched, answered: Arc<AtomicBool>) -> bool {
        let Some(pool) = &self.pool else { return false };
        self.left_behind.retain(|answered| !answered.load(Ordering::Acquire));
        if self.left_behind.len() >= self.config.left_behind_max {
            return false;
        }
        match pool.replace(watched.arbiter.index()) {
            Ok(replaced) => {
                if replaced {
                    self.left_behind.push(answered);
                    watched.asked = None;
                    watched.reported = false;
                }
                replaced
            }
            Err(error) => {
                tracing::error!(arbiter = %watched.arbiter.name(), %error, "no thread to take its place");
                // Not at each beat: it is tried again when it would be due again.
                watched.asked = Some((Instant::now(), answered));
                false
            }
        }
    }

    /// The watch goes on even if an observer fails.
    fn tell(&self, event: &TreeEvent) {
        if let Err(reason) = panics::catch(|| self.observer.observe(event)) {
            tracing::error!(%reason, "the observer of the arbiters panicked");
        }
    }
}
