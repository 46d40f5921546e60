//! Threads for actors, and a watch over them.
//!
//! An actor that blocks its thread stops everything on it, timers and kills included, and none of its neighbours can
//! notice. So a plain thread asks every arbiter for a sign of life, and reports one that stays silent.

use std::fmt;
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use actix_rt::{Arbiter, ArbiterHandle, System};

use crate::observer::{Observer, TreeEvent};
use crate::panics;

/// An arbiter with a name and a number. Cheap to clone, usable from any thread.
#[derive(Clone)]
pub struct ArbiterRef(Arc<Named>);

struct Named {
    index: usize,
    name: Arc<str>,
    handle: ArbiterHandle,
}

impl ArbiterRef {
    /// Names an arbiter that was made elsewhere.
    pub fn new(index: usize, name: impl AsRef<str>, handle: ArbiterHandle) -> Self {
        ArbiterRef(Arc::new(Named { index, name: Arc::from(name.as_ref()), handle }))
    }

    /// Its number within its pool.
    pub fn index(&self) -> usize {
        self.0.index
    }

    /// Its name, as the tree shows it.
    pub fn name(&self) -> &Arc<str> {
        &self.0.name
    }

    /// What actix calls it.
    pub fn handle(&self) -> &ArbiterHandle {
        &self.0.handle
    }
}

impl fmt::Debug for ArbiterRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ArbiterRef({})", self.0.name)
    }
}

/// A fixed pool of arbiters. Dropping it stops them, without waiting.
pub struct Arbiters {
    arbiters: Vec<Arbiter>,
    refs: Vec<ArbiterRef>,
}

impl Arbiters {
    /// Starts `count` arbiters called `name-0`, `name-1`, ... Must be called within an actix system; outside one, and when a
    /// thread cannot be had, it is an error.
    pub fn new(name: &str, count: usize) -> io::Result<Self> {
        if !System::is_registered() {
            return Err(io::Error::other("arbiters can only be started within an actix system"));
        }
        let arbiters = (0..count).map(|_| Arbiter::try_new()).collect::<io::Result<Vec<_>>>()?;
        let named = |(index, arbiter): (usize, &Arbiter)| {
            ArbiterRef::new(index, format!("{name}-{index}"), arbiter.handle())
        };
        let refs = arbiters.iter().enumerate().map(named).collect();
        Ok(Arbiters { arbiters, refs })
    }

    /// The arbiters, by their number.
    pub fn refs(&self) -> &[ArbiterRef] {
        &self.refs
    }

    /// Stops the arbiters and waits for their threads. Children still living there end as
    /// [`ArbiterLost`](crate::ExitReason::ArbiterLost). Blocks: not to be called on an arbiter.
    pub fn stop_and_join(mut self) {
        for arbiter in self.arbiters.drain(..) {
            arbiter.stop();
            // An arbiter whose thread panicked has nothing left to be waited for.
            let _ = arbiter.join();
        }
    }
}

impl Drop for Arbiters {
    fn drop(&mut self) {
        for arbiter in &self.arbiters {
            arbiter.stop();
        }
    }
}

impl fmt::Debug for Arbiters {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(&self.refs).finish()
    }
}

/// How arbiters are watched.
#[derive(Clone, Copy, Debug)]
pub struct HeartbeatConfig {
    /// How often a sign of life is asked for.
    pub interval: Duration,
    /// How long an arbiter may be silent before it is reported.
    pub stuck_after: Duration,
}

impl Default for HeartbeatConfig {
    fn default() -> Self {
        HeartbeatConfig { interval: Duration::from_millis(100), stuck_after: Duration::from_secs(1) }
    }
}

/// The watch over a set of arbiters. Ends when it is dropped.
pub struct Heartbeat {
    stop: Option<mpsc::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Heartbeat {
    /// Starts watching, on a thread of its own, in real time. `observer` is told on that thread, once when an arbiter falls
    /// silent and once when it answers again. An arbiter that was stopped is no longer watched.
    pub fn start(
        arbiters: Vec<ArbiterRef>,
        config: HeartbeatConfig,
        observer: Arc<dyn Observer>,
    ) -> io::Result<Self> {
        let (stop, stopped) = mpsc::channel();
        let mut watched: Vec<Watched> = arbiters.into_iter().map(Watched::new).collect();
        let watch = move || {
            while let Err(RecvTimeoutError::Timeout) = stopped.recv_timeout(config.interval) {
                watched.retain_mut(|arbiter| arbiter.beat(config.stuck_after, &*observer));
            }
        };
        let thread = thread::Builder::new().name("heartbeat".into()).spawn(watch)?;
        Ok(Heartbeat { stop: Some(stop), thread: Some(thread) })
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

/// The watch goes on even if an observer fails.
fn tell(observer: &dyn Observer, event: &TreeEvent) {
    if let Err(reason) = panics::catch(|| observer.observe(event)) {
        tracing::error!(%reason, "the observer of the arbiters panicked");
    }
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

    /// One beat; false when the arbiter is gone. At most one question is out at a time.
    fn beat(&mut self, stuck_after: Duration, observer: &dyn Observer) -> bool {
        if let Some((asked_at, answered)) = &self.asked {
            let silent = asked_at.elapsed();
            let silent_ms = u64::try_from(silent.as_millis()).unwrap_or(u64::MAX);
            let arbiter = self.arbiter.name().clone();
            if answered.load(Ordering::Acquire) {
                if std::mem::take(&mut self.reported) {
                    tell(observer, &TreeEvent::ArbiterRecovered { arbiter, silent_ms });
                }
            } else {
                if silent >= stuck_after && !std::mem::replace(&mut self.reported, true) {
                    tell(observer, &TreeEvent::ArbiterStuck { arbiter, silent_ms });
                }
                return self.arbiter.handle().alive();
            }
        }
        let answered = Arc::new(AtomicBool::new(false));
        self.asked = Some((Instant::now(), answered.clone()));
        self.arbiter.handle().spawn_fn(move || answered.store(true, Ordering::Release))
    }
}
