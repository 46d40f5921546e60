//! What happens to the supervision tree: counted, shown live, and the abnormal part of it recorded.
//!
//! The tree tells an observer, on whatever thread it happens; the observer counts, shows it on the feed, and leaves what is
//! worth a record in a bounded queue, from which a task of the core writes it to the system's stream. When more breaks
//! than can be written, the counters still know.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};

use ghostlight_model::event::{ActorRestarted, Event, SupervisorGaveUp};
use ghostlight_supervision::{ChildSpec, ExitClass, Key, Observer, StartContext, Stopping, TreeEvent};
use tokio::sync::mpsc;

use crate::feed::FeedHandle;
use crate::feed::LiveEvent;
use crate::system::System;

/// How many records may wait to be written.
const WAITING_MAX: usize = 256;

/// What happened to the tree. Cheap to clone.
#[derive(Clone)]
pub struct TreeLog {
    shared: Arc<Shared>,
}

struct Shared {
    feed: FeedHandle,
    counts: Counters,
    queue: mpsc::Sender<Event>,
    /// Taken by the task that writes; given back when it ends, so that the next one goes on.
    waiting: Mutex<Option<mpsc::Receiver<Event>>>,
}

#[derive(Default)]
struct Counters {
    started: AtomicU64,
    finished: AtomicU64,
    stopped: AtomicU64,
    exited_abnormally: AtomicU64,
    restarted: AtomicU64,
    gave_up: AtomicU64,
    stuck: AtomicU64,
    unrecorded: AtomicU64,
}

/// How often things happened to the tree since the daemon was started.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct TreeCounts {
    /// Actors that came up, by their first start or by hand.
    pub started: u64,
    /// Actors that ended because they were finished.
    pub finished: u64,
    /// Actors that were stopped in good order.
    pub stopped: u64,
    /// Actors that ended abnormally.
    pub exited_abnormally: u64,
    /// Actors that were restarted.
    pub restarted: u64,
    /// Supervisors that reached their intensity.
    pub gave_up: u64,
    /// Actors and threads that did not react.
    pub stuck: u64,
    /// Abnormal ends that could not be recorded, because too many waited.
    pub unrecorded: u64,
}

impl TreeLog {
    /// An empty log that shows what happens on `feed`.
    #[must_use]
    pub fn new(feed: FeedHandle) -> Self {
        let (queue, waiting) = mpsc::channel(WAITING_MAX);
        let shared = Shared { feed, counts: Counters::default(), queue, waiting: Mutex::new(Some(waiting)) };
        Self { shared: Arc::new(shared) }
    }

    /// Who is to be told by the tree.
    pub fn observer(&self) -> impl Observer + use<> {
        let shared = self.shared.clone();
        move |event: &TreeEvent| shared.observe(event)
    }

    /// Leaves something else that broke to the task that records.
    pub fn record_later(&self, event: Event) {
        self.shared.keep(event);
    }

    /// How often things happened.
    #[must_use]
    pub fn counts(&self) -> TreeCounts {
        let counts = &self.shared.counts;
        let read = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        TreeCounts {
            started: read(&counts.started),
            finished: read(&counts.finished),
            stopped: read(&counts.stopped),
            exited_abnormally: read(&counts.exited_abnormally),
            restarted: read(&counts.restarted),
            gave_up: read(&counts.gave_up),
            stuck: read(&counts.stuck),
            unrecorded: read(&counts.unrecorded),
        }
    }

    /// The specification of the task that records.
    #[must_use]
    pub fn spec(&self, system: &System) -> ChildSpec {
        let (log, system) = (self.clone(), system.clone());
        ChildSpec::new(Key::named("record"), move |start: StartContext| {
            let (log, system) = (log.clone(), system.clone());
            std::future::ready(Ok(start.graceful_task(move |stopping| log.record(system, stopping))))
        })
    }

    async fn record(self, system: System, mut stopping: Stopping) -> Result<(), String> {
        let Some(waiting) = self.shared.lock().take() else { return Err("another task records".to_owned()) };
        let mut waiting = GiveBack { shared: self.shared.clone(), waiting: Some(waiting) };
        loop {
            let next = tokio::select! {
                () = stopping.asked() => return Ok(()),
                next = waiting.next() => next,
            };
            let Some(event) = next else { return Ok(()) };
            if let Err(error) = system.note(event).await {
                self.shared.counts.unrecorded.fetch_add(1, Ordering::Relaxed);
                tracing::warn!(%error, "an abnormal end could not be recorded");
            }
        }
    }
}

/// Gives the queue back whatever way the task ends.
struct GiveBack {
    shared: Arc<Shared>,
    waiting: Option<mpsc::Receiver<Event>>,
}

impl GiveBack {
    async fn next(&mut self) -> Option<Event> {
        match &mut self.waiting {
            Some(waiting) => waiting.recv().await,
            None => None,
        }
    }
}

impl Drop for GiveBack {
    fn drop(&mut self) {
        *self.shared.lock() = self.waiting.take();
    }
}

impl Shared {
    fn lock(&self) -> std::sync::MutexGuard<'_, Option<mpsc::Receiver<Event>>> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn observe(&self, event: &TreeEvent) {
        let counts = &self.counts;
        let count = |counter: &AtomicU64| {
            counter.fetch_add(1, Ordering::Relaxed);
        };
        match event {
            TreeEvent::ActorStarted { .. } => count(&counts.started),
            TreeEvent::ActorExited { reason, .. } => count(match reason.class() {
                ExitClass::Normal => &counts.finished,
                ExitClass::Shutdown => &counts.stopped,
                ExitClass::Abnormal => &counts.exited_abnormally,
            }),
            TreeEvent::ActorRestarted { path, incarnation, cause, .. } => {
                count(&counts.restarted);
                if cause.is_abnormal() {
                    self.keep(ActorRestarted {
                        path: path.to_string(),
                        incarnation: u64::from(*incarnation),
                        exit: cause.to_string(),
                    });
                }
            }
            TreeEvent::SupervisorGaveUp { path, child, cause, .. } => {
                count(&counts.gave_up);
                self.keep(SupervisorGaveUp { path: path.to_string(), exit: format!("{child}: {cause}") });
            }
            TreeEvent::ActorStuck { .. } | TreeEvent::ArbiterStuck { .. } => count(&counts.stuck),
            _ => {}
        }
        self.show(event);
    }

    /// Shows lives beginning and ending to those who watch; there are many, so nothing is made when nobody does.
    fn show(&self, event: &TreeEvent) {
        if !self.feed.is_watched() {
            return;
        }
        match event {
            TreeEvent::ActorStarted { path, incarnation, .. }
            | TreeEvent::ActorRestarted { path, incarnation, .. } => {
                self.feed.live(LiveEvent::actor_started(path.to_string(), u64::from(*incarnation)));
            }
            TreeEvent::ActorExited { path, incarnation, reason, .. } => {
                self.feed.live(LiveEvent::actor_exited(
                    path.to_string(),
                    u64::from(*incarnation),
                    reason.to_string(),
                ));
            }
            _ => {}
        }
    }

    fn keep(&self, event: impl Into<Event>) {
        if self.queue.try_send(event.into()).is_err() {
            self.counts.unrecorded.fetch_add(1, Ordering::Relaxed);
        }
    }
}
