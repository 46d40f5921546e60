//! Threads for actors: a pool of arbiters whose places outlive the threads that fill them.
//!
//! An actor that blocks its thread stops everything on it, timers and kills included, and nothing can end it. All that can be
//! done is to do without that thread: a fresh one takes its place in the pool, whoever is started at the place from then on
//! is started there, and the supervisors of those who lived on the old one are told that it is lost. Who notices that a
//! thread is blocked is the [`Heartbeat`](crate::Heartbeat).

use std::fmt;
use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak, mpsc};
use std::thread;
use std::time::{Duration, Instant};

use actix_rt::{Arbiter, ArbiterHandle, System};
use arc_swap::ArcSwap;

use crate::inbox::{Inbox, Mail};

/// How long the threads of a pool have to end when they are waited for. One that is blocked is left behind.
const JOIN_PATIENCE: Duration = Duration::from_secs(10);

/// A place for actors, with a name and a number: an arbiter, and the one that takes over when that is blocked. Cheap to
/// clone, usable from any thread.
#[derive(Clone)]
pub struct ArbiterRef(Arc<Place>);

struct Place {
    index: usize,
    name: Arc<str>,
    thread: ArcSwap<Thread>,
    /// The supervisors of those who live here, as far as they live elsewhere themselves.
    supervisors: Mutex<Vec<Weak<Inbox>>>,
}

/// The thread that fills a place now.
pub(crate) struct Thread {
    pub(crate) handle: ArbiterHandle,
    /// From 1; a replacement counts on.
    pub(crate) generation: u32,
}

impl ArbiterRef {
    /// Names an arbiter that was made elsewhere. It is never replaced.
    pub fn new(index: usize, name: impl AsRef<str>, handle: ArbiterHandle) -> Self {
        ArbiterRef(Arc::new(Place {
            index,
            name: Arc::from(name.as_ref()),
            thread: ArcSwap::from_pointee(Thread { handle, generation: 1 }),
            supervisors: Mutex::default(),
        }))
    }

    /// Its number within its pool.
    pub fn index(&self) -> usize {
        self.0.index
    }

    /// Its name, as the tree shows it.
    pub fn name(&self) -> &Arc<str> {
        &self.0.name
    }

    /// What actix calls the thread that fills the place now.
    pub fn handle(&self) -> ArbiterHandle {
        self.0.thread.load().handle.clone()
    }

    /// How many threads have filled the place, the present one included.
    pub fn generation(&self) -> u32 {
        self.0.thread.load().generation
    }

    pub(crate) fn is_same(&self, other: &ArbiterRef) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }

    pub(crate) fn thread(&self) -> Arc<Thread> {
        self.0.thread.load_full()
    }

    fn supervisors(&self) -> MutexGuard<'_, Vec<Weak<Inbox>>> {
        self.0.supervisors.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// From now on a supervisor is told when the thread is lost. It looks which thread it is only after this, so that it
    /// misses no loss in between.
    pub(crate) fn tell_of_loss(&self, inbox: &Arc<Inbox>) {
        let mut supervisors = self.supervisors();
        supervisors.retain(|known| known.strong_count() > 0);
        supervisors.push(Arc::downgrade(inbox));
    }

    /// Another thread fills the place. The supervisors of those who lived on the old one hear that it is lost.
    fn refill(&self, handle: ArbiterHandle) {
        let generation = self.generation() + 1;
        self.0.thread.store(Arc::new(Thread { handle, generation }));
        for inbox in self.supervisors().iter().filter_map(Weak::upgrade) {
            inbox.report(Mail::ThreadLost { arbiter: self.clone(), generation });
        }
    }
}

impl fmt::Debug for ArbiterRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ArbiterRef({})", self.0.name)
    }
}

/// A fixed pool of arbiters. Dropping it stops them, without waiting.
pub struct Arbiters {
    pool: Arc<Pool>,
}

/// What the pool shares with the watch over it.
pub(crate) struct Pool {
    refs: Vec<ArbiterRef>,
    system: System,
    /// By place. Empty once the pool was stopped.
    threads: Mutex<Vec<Arbiter>>,
}

impl Arbiters {
    /// Starts `count` arbiters called `name-0`, `name-1`, ... Must be called within an actix system; outside one, and when a
    /// thread cannot be had, it is an error.
    pub fn new(name: &str, count: usize) -> io::Result<Self> {
        let system = System::try_current()
            .ok_or_else(|| io::Error::other("arbiters can only be started within an actix system"))?;
        let threads = (0..count).map(|_| Arbiter::try_new()).collect::<io::Result<Vec<_>>>()?;
        let named = |(index, arbiter): (usize, &Arbiter)| {
            ArbiterRef::new(index, format!("{name}-{index}"), arbiter.handle())
        };
        let refs = threads.iter().enumerate().map(named).collect();
        Ok(Arbiters { pool: Arc::new(Pool { refs, system, threads: Mutex::new(threads) }) })
    }

    /// The arbiters, by their number.
    pub fn refs(&self) -> &[ArbiterRef] {
        &self.pool.refs
    }

    pub(crate) fn pool(&self) -> &Arc<Pool> {
        &self.pool
    }

    /// Stops the arbiters and waits for their threads, but for no more than ten seconds: one that is blocked is left
    /// behind. Children still living there end as [`ArbiterLost`](crate::ExitReason::ArbiterLost). Blocks: not to be called
    /// on an arbiter.
    pub fn stop_and_join(self) {
        let threads = self.pool.stop();
        let (tell, told) = mpsc::channel();
        let mut waiting = 0;
        for arbiter in threads {
            let tell = tell.clone();
            // An arbiter whose thread panicked has nothing left to be waited for, and who waits no longer is not told.
            let join = move || {
                let _ = arbiter.join();
                let _ = tell.send(());
            };
            waiting += usize::from(thread::Builder::new().name("join".into()).spawn(join).is_ok());
        }
        let end = Instant::now() + JOIN_PATIENCE;
        for left in (1..=waiting).rev() {
            if told.recv_timeout(end.saturating_duration_since(Instant::now())).is_err() {
                tracing::error!(threads = left, "arbiters do not stop: something blocks their threads");
                return;
            }
        }
    }
}

impl Pool {
    fn threads(&self) -> MutexGuard<'_, Vec<Arbiter>> {
        self.threads.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn stop(&self) -> Vec<Arbiter> {
        let threads = std::mem::take(&mut *self.threads());
        for arbiter in &threads {
            arbiter.stop();
        }
        threads
    }

    /// A fresh thread takes the place of one that is blocked. That one is told to end, should it ever come to, and is not
    /// waited for. False when the pool was stopped.
    pub(crate) fn replace(&self, index: usize) -> io::Result<bool> {
        let mut threads = self.threads();
        let (Some(place), Some(arbiter)) = (threads.get_mut(index), self.refs.get(index)) else {
            return Ok(false);
        };
        // New arbiters belong to the system of the thread that makes them.
        System::set_current(self.system.clone());
        let fresh = Arbiter::try_new()?;
        let handle = fresh.handle();
        let blocked = std::mem::replace(place, fresh);
        drop(threads);
        blocked.stop();
        arbiter.refill(handle);
        Ok(true)
    }
}

impl Drop for Arbiters {
    fn drop(&mut self) {
        drop(self.pool.stop());
    }
}

impl fmt::Debug for Arbiters {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(&self.pool.refs).finish()
    }
}
