//! What everyone may know about a child: the shared record behind names, monitors, control and the picture of the tree.
//!
//! A node is made with a child's specification and outlives its incarnations. The child's task and its supervisor
//! write it, any thread reads it; nothing here waits for an actor.

use std::any::Any;
use std::collections::BTreeMap;
use std::fmt;
use std::sync::atomic::{AtomicU8, AtomicU32, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::Waker;

use futures::task::AtomicWaker;
use serde::{Serialize, Serializer};

use crate::alive::Heart;
use crate::core::{ChildState, Kind, Policy, Pulse, Restart};
use crate::inbox::Inbox;
use crate::waiting::{Received, Sent};
use crate::{ExitReason, Key, panics};

/// The end of one incarnation, told once to each of its monitors.
#[derive(Clone, Debug, Serialize)]
pub struct Down {
    /// Who ended.
    pub path: Path,
    /// Which life of it.
    pub incarnation: u32,
    /// Why.
    pub reason: ExitReason,
}

/// Where a child stands in its tree. Cheap to clone; becomes text only when it is printed.
#[derive(Clone)]
pub struct Path(pub(crate) Arc<Node>);

impl Path {
    /// The last part: the name within the supervisor.
    pub fn key(&self) -> &Key {
        &self.0.key
    }
}

impl fmt::Display for Path {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.write_path(f)
    }
}

impl fmt::Debug for Path {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.write_path(f)
    }
}

impl Serialize for Path {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// What a child is asked to do; a later, stronger one replaces an earlier one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Signal {
    None = 0,
    Shutdown = 1,
    Kill = 2,
    /// A kill whose reason was written down before.
    KillFor = 3,
}

/// The faults that a child's task makes to itself, by their numbers from 1.
#[cfg(feature = "chaos")]
const FAULTS: [crate::Fault; 2] = [crate::Fault::Panic, crate::Fault::Hang];

type Monitor = Box<dyn FnOnce(Down) + Send>;

/// What a child that is restarted in place leaves to its next life: an actor's seat. Untyped, because a node is.
type Legacy = Box<dyn Any + Send>;

/// What a start hands back to whoever asked for it.
pub(crate) type Info = Arc<dyn Any + Send + Sync>;

/// In this order, so that what senders write with every message lies far from what the actor writes with every message.
#[repr(C)]
pub(crate) struct Node {
    pub(crate) sent: Sent,
    /// The last life that was abandoned on a blocked thread; 0 when none was.
    abandoned: AtomicU32,
    pub(crate) key: Key,
    pub(crate) kind: Kind,
    pub(crate) restart: Restart,
    pub(crate) serial: u64,
    parent: Option<Arc<Node>>,
    state: AtomicU8,
    pub(crate) restarts: AtomicU32,
    /// The incarnation (high half) and its signal (low half), so that a signal never reaches a later life.
    control: AtomicU64,
    waker: AtomicWaker,
    /// Milliseconds on the tree's clock.
    pub(crate) up_since_ms: AtomicU64,
    /// Children that owe a sign of life only.
    heart: Option<Box<Heart>>,
    /// The fault that the present life is to meet, as a number of [`FAULTS`].
    #[cfg(feature = "chaos")]
    fault: AtomicU8,
    /// For how long its next message is to block the thread, in milliseconds.
    #[cfg(feature = "chaos")]
    block_ms: AtomicU64,
    detail: Mutex<Detail>,
    pub(crate) handled: AtomicU64,
    pub(crate) received: Received,
}

#[derive(Default)]
struct Detail {
    last_exit: Option<Box<ExitReason>>,
    arbiter: Option<Arc<str>>,
    /// Most children have none of it.
    rare: Option<Box<Rare>>,
    /// Supervisors only.
    family: Option<Box<Family>>,
    /// Children that are restarted in place only. Whoever holds it holds this node, so it is always taken out again: by the
    /// next life, or by the supervisor as soon as there will be none.
    estate: Option<Box<Estate>>,
}

#[derive(Default)]
struct Estate {
    legacy: Option<Legacy>,
}

/// Boxed together: a pointer's room when there is nothing, in a record of which there are many.
#[derive(Default)]
struct Rare {
    monitors: Vec<Monitor>,
    /// What the present or last life's start handed back.
    info: Option<Info>,
}

struct Family {
    inbox: Arc<Inbox>,
    /// By serial: the order of their specification.
    children: BTreeMap<u64, Arc<Node>>,
}

/// Messages of others are dropped with it; a panic in one of their destructors is not the supervisor's.
fn drop_quietly<T>(legacy: Option<T>) {
    if let Some(legacy) = legacy {
        let _ = panics::catch(move || drop(legacy));
    }
}

impl Node {
    pub(crate) fn new(parent: Option<Arc<Node>>, key: Key, policy: &Policy, serial: u64) -> Arc<Self> {
        Arc::new(Node {
            sent: Sent::default(),
            abandoned: AtomicU32::new(0),
            key,
            kind: policy.kind,
            restart: policy.restart,
            serial,
            parent,
            state: AtomicU8::new(ChildState::Stopped as u8),
            restarts: AtomicU32::new(0),
            control: AtomicU64::new(0),
            waker: AtomicWaker::new(),
            up_since_ms: AtomicU64::new(0),
            heart: policy.heartbeat_ms.map(|_| Box::default()),
            #[cfg(feature = "chaos")]
            fault: AtomicU8::new(0),
            #[cfg(feature = "chaos")]
            block_ms: AtomicU64::new(0),
            detail: Mutex::default(),
            handled: AtomicU64::new(0),
            received: Received::default(),
        })
    }

    fn detail(&self) -> MutexGuard<'_, Detail> {
        // Nothing under this lock can panic half-way through a change.
        self.detail.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn write_path(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // The root's own name is not part of a path: paths begin below it.
        if let Some(parent) = self.parent.as_deref().filter(|parent| parent.parent.is_some()) {
            parent.write_path(f)?;
            f.write_str("/")?;
        }
        write!(f, "{}", self.key)
    }

    /// Makes a fault to the present life, which meets it in its next poll: that is at once. False if that incarnation is not
    /// the present one.
    #[cfg(feature = "chaos")]
    pub(crate) fn inject(&self, incarnation: u32, fault: crate::Fault) -> bool {
        let present = self.incarnation() == incarnation;
        if present {
            let number = FAULTS.iter().position(|known| *known == fault).map_or(0, |at| at + 1);
            self.fault.store(u8::try_from(number).unwrap_or(0), Ordering::Release);
            self.waker.wake();
        }
        present
    }

    /// Has the next message block the thread. False if that incarnation is not the present one.
    #[cfg(feature = "chaos")]
    pub(crate) fn plant_block(&self, incarnation: u32, time: std::time::Duration) -> bool {
        let present = self.incarnation() == incarnation;
        if present {
            let time_ms = u64::try_from(time.as_millis()).unwrap_or(u64::MAX);
            self.block_ms.store(time_ms, Ordering::Release);
        }
        present
    }

    /// An actor's message: blocks the thread if somebody asked for it.
    #[cfg(feature = "chaos")]
    pub(crate) fn block(&self) {
        if self.block_ms.load(Ordering::Acquire) != 0 {
            let time_ms = self.block_ms.swap(0, Ordering::AcqRel);
            std::thread::sleep(std::time::Duration::from_millis(time_ms));
        }
    }

    /// The fault that somebody asked for, once.
    #[cfg(feature = "chaos")]
    pub(crate) fn take_fault(&self) -> Option<crate::Fault> {
        // Every poll of every child passes here: it must cost no more than a look.
        if self.fault.load(Ordering::Acquire) == 0 {
            return None;
        }
        let number = self.fault.swap(0, Ordering::AcqRel);
        FAULTS.get(usize::from(number).checked_sub(1)?).copied()
    }

    pub(crate) fn parent(&self) -> Option<&Arc<Node>> {
        self.parent.as_ref()
    }

    pub(crate) fn state(&self) -> ChildState {
        match self.state.load(Ordering::Acquire) {
            1 => ChildState::Starting,
            2 => ChildState::Running,
            3 => ChildState::Stopping,
            4 => ChildState::Restarting,
            _ => ChildState::Stopped,
        }
    }

    pub(crate) fn set_state(&self, state: ChildState) {
        self.state.store(state as u8, Ordering::Release);
    }

    /// The present or last incarnation; 0 before the first start.
    pub(crate) fn incarnation(&self) -> u32 {
        (self.control.load(Ordering::Acquire) >> 32) as u32
    }

    /// Opens a new life: signals for earlier ones are void.
    pub(crate) fn begin(&self, incarnation: u32, arbiter: Option<Arc<str>>) {
        self.control.store(u64::from(incarnation) << 32, Ordering::Release);
        self.handled.store(0, Ordering::Relaxed);
        #[cfg(feature = "chaos")]
        self.fault.store(0, Ordering::Release);
        self.set_state(ChildState::Starting);
        if let Some(heart) = self.heart() {
            heart.begin();
        }
        let mut detail = self.detail();
        detail.arbiter = arbiter;
        let inherits = detail.estate.as_ref().is_some_and(|estate| estate.legacy.is_some());
        if !inherits {
            self.sent.reset(&self.received);
        }
        if let Some(rare) = &mut detail.rare {
            rare.info = None;
        }
    }

    /// From now on, what a life leaves is kept for the next one.
    pub(crate) fn keep_legacies(&self) {
        self.detail().estate.get_or_insert_default();
    }

    /// Leaves something to the next life; it comes back when there will be none, as far as is known, or when this life was
    /// given up before.
    pub(crate) fn leave<T: Any + Send>(&self, incarnation: u32, legacy: T) -> Option<T> {
        let mut detail = self.detail();
        let has_heir = self.incarnation() == incarnation && self.state() != ChildState::Stopped;
        match &mut detail.estate {
            Some(estate) if has_heir => {
                estate.legacy = Some(Box::new(legacy));
                None
            }
            Some(_) | None => Some(legacy),
        }
    }

    /// What the life before this one left.
    pub(crate) fn inherit(&self, incarnation: u32) -> Option<Legacy> {
        let mut detail = self.detail();
        if self.incarnation() != incarnation {
            return None;
        }
        detail.estate.as_mut()?.legacy.take()
    }

    /// There is no next life: what the last one left goes, and whoever waits for an answer from it is told.
    pub(crate) fn drop_legacy(&self) {
        let legacy = self.detail().estate.as_mut().and_then(|estate| estate.legacy.take());
        drop_quietly(legacy);
    }

    /// There will never be a next life again.
    pub(crate) fn drop_estate(&self) {
        let estate = self.detail().estate.take();
        drop_quietly(estate);
    }

    /// Whether messages wait for the next life.
    pub(crate) fn has_legacy(&self) -> bool {
        self.detail().estate.as_ref().is_some_and(|estate| estate.legacy.is_some())
    }

    /// Keeps what a start hands back, if it is the present life's.
    pub(crate) fn hand_back(&self, incarnation: u32, info: Info) {
        let mut detail = self.detail();
        if self.incarnation() == incarnation {
            detail.rare.get_or_insert_default().info = Some(info);
        }
    }

    pub(crate) fn info(&self, incarnation: u32) -> Option<Info> {
        let detail = self.detail();
        let present = self.incarnation() == incarnation;
        detail.rare.as_ref().filter(|_| present).and_then(|rare| rare.info.clone())
    }

    /// Signals a child; false when that incarnation is not the present one.
    pub(crate) fn signal(&self, incarnation: u32, signal: Signal) -> bool {
        let raised = self.control.fetch_update(Ordering::AcqRel, Ordering::Acquire, |control| {
            let same_life = (control >> 32) as u32 == incarnation;
            same_life.then(|| (control & !0xFFFF_FFFF) | (control & 0xFFFF_FFFF).max(signal as u64))
        });
        if raised.is_ok() {
            self.waker.wake();
        }
        raised.is_ok()
    }

    pub(crate) fn signalled(&self, incarnation: u32) -> Signal {
        let control = self.control.load(Ordering::Acquire);
        if (control >> 32) as u32 != incarnation {
            // Only an abandoned life sees a later one in its place.
            return Signal::Kill;
        }
        match control & 0xFFFF_FFFF {
            0 => Signal::None,
            1 => Signal::Shutdown,
            2 => Signal::Kill,
            _ => Signal::KillFor,
        }
    }

    /// Kills a child for a reason that is to be the reason of its end.
    pub(crate) fn kill_for(&self, incarnation: u32, reason: ExitReason) -> bool {
        if let Some(heart) = self.heart() {
            heart.condemn(reason);
        }
        self.signal(incarnation, Signal::KillFor)
    }

    /// Why the present life is killed.
    pub(crate) fn killed_for(&self) -> ExitReason {
        self.heart().and_then(Heart::sentence).unwrap_or(ExitReason::Killed)
    }

    /// What counts the life of a child that owes a sign of it.
    pub(crate) fn heart(&self) -> Option<&Heart> {
        self.heart.as_deref()
    }

    /// How many messages wait.
    pub(crate) fn waiting(&self) -> u32 {
        self.sent.waiting(&self.received)
    }

    /// What can be seen of such a child's work now.
    pub(crate) fn pulse(&self) -> Option<Pulse> {
        let heart = self.heart()?;
        let something_waits = self.waiting() > 0
            || (self.kind == Kind::Supervisor && self.inbox().is_some_and(|inbox| inbox.len() > 0));
        Some(heart.pulse(something_waits, self.handled.load(Ordering::Relaxed)))
    }

    pub(crate) fn listen(&self, waker: &Waker) {
        self.waker.register(waker);
    }

    /// Ends a life: what is known of it is written down, and its monitors are told.
    pub(crate) fn end(self: &Arc<Self>, incarnation: u32, reason: &ExitReason) {
        if self.incarnation() != incarnation {
            return;
        }
        let monitors = {
            let mut detail = self.detail();
            detail.last_exit = Some(Box::new(reason.clone()));
            detail.family = None;
            // Under the lock, so that a monitor is either told now or finds the child gone.
            self.set_state(ChildState::Stopped);
            detail.rare.as_mut().map(|rare| std::mem::take(&mut rare.monitors)).unwrap_or_default()
        };
        for monitor in monitors {
            self.tell(monitor, incarnation, reason.clone());
        }
    }

    /// Calls `monitor` once, when this incarnation ends; at once if it has.
    pub(crate) fn monitor(self: &Arc<Self>, incarnation: u32, monitor: Monitor) {
        let mut detail = self.detail();
        let alive = self.incarnation() == incarnation
            && matches!(self.state(), ChildState::Starting | ChildState::Running | ChildState::Stopping);
        if alive {
            detail.rare.get_or_insert_default().monitors.push(monitor);
            return;
        }
        // The reason of an earlier life than the last one is no longer known; the last one's is the best there is.
        let reason = detail.last_exit.as_deref().cloned().unwrap_or(ExitReason::Normal);
        drop(detail);
        self.tell(monitor, incarnation, reason);
    }

    /// A monitor's panic is its own affair: the report to the supervisor must still leave.
    fn tell(self: &Arc<Self>, monitor: Monitor, incarnation: u32, reason: ExitReason) {
        let down = Down { path: Path(self.clone()), incarnation, reason };
        if let Err(reason) = panics::catch(move || monitor(down)) {
            tracing::error!(path = %Path(self.clone()), %reason, "a monitor panicked");
        }
    }

    pub(crate) fn last_exit(&self) -> Option<ExitReason> {
        self.detail().last_exit.as_deref().cloned()
    }

    pub(crate) fn arbiter(&self) -> Option<Arc<str>> {
        self.detail().arbiter.clone()
    }

    /// Makes this node a supervisor's: it has children and can be called.
    pub(crate) fn found_family(&self, inbox: Arc<Inbox>) {
        self.detail().family = Some(Box::new(Family { inbox, children: BTreeMap::new() }));
    }

    pub(crate) fn inbox(&self) -> Option<Arc<Inbox>> {
        self.detail().family.as_ref().map(|family| family.inbox.clone())
    }

    pub(crate) fn adopt(&self, child: Arc<Node>) {
        if let Some(family) = &mut self.detail().family {
            family.children.insert(child.serial, child);
        }
    }

    /// Takes a child off the picture.
    pub(crate) fn disown(&self, child: &Node) {
        if let Some(family) = &mut self.detail().family {
            family.children.remove(&child.serial);
        }
    }

    /// Lets go of a life whose thread is blocked, and of all below it, however deep, since it cannot do so itself any more: from
    /// now on nobody reaches them by their names, and should the thread come to they die before they do anything else.
    pub(crate) fn abandon(&self, incarnation: u32) {
        if !self.signal(incarnation, Signal::Kill) {
            return;
        }
        self.abandoned.fetch_max(incarnation, Ordering::AcqRel);
        if let Some(inbox) = self.inbox() {
            inbox.close();
        }
        for child in self.children() {
            child.drop_estate();
            child.abandon(child.incarnation());
        }
    }

    /// Whether that life was abandoned, or a later one.
    pub(crate) fn is_abandoned(&self, incarnation: u32) -> bool {
        self.abandoned.load(Ordering::Acquire) >= incarnation
    }

    /// The children in the order of their specification.
    pub(crate) fn children(&self) -> Vec<Arc<Node>> {
        match &self.detail().family {
            Some(family) => family.children.values().cloned().collect(),
            None => Vec::new(),
        }
    }

    /// The child whose printed key is `name`.
    pub(crate) fn child_named(&self, name: &str) -> Option<Arc<Node>> {
        let detail = self.detail();
        let family = detail.family.as_ref()?;
        let matches = |key: &Key| match name.split_once('/') {
            Some((kind, id)) => key.kind() == kind && key.id_str() == id,
            None => {
                (key.kind() == name && key.id_str().is_empty())
                    || (key.kind().is_empty() && key.id_str() == name)
            }
        };
        family.children.values().find(|child| matches(&child.key)).cloned()
    }
}
