//! The timers actor: wakes runs that left memory when their time comes, and at the start of the daemon the runs that
//! were under way.
//!
//! Permanent, in the core. What is due is asked of the journal's index, where every append leaves what its stream wants;
//! this actor holds no truth and loses nothing when it crashes. Waking is paced: a million runs with one deadline do not
//! start a million actors at once.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use actix::{Actor, ActorFutureExt, AsyncContext, Handler, Message, WrapFuture};
use ghostlight_model::ids::RunId;
use ghostlight_model::run::Command;
use ghostlight_store::{ReadError, StreamHead, Wake, Waking};
use ghostlight_supervision::{ChildSpec, Context, Key, StableAddr};
use ghostlight_world::Bug;
use jiff::{SignedDuration, Timestamp};
use tokio::task::JoinHandle;

use super::give::Give;
use super::partition::Route;
use super::router::Router;
use super::services::Services;
use crate::streams;

/// How far ahead the index is read.
const AHEAD: Duration = Duration::from_secs(60);
/// How often the index is read.
const READ_EVERY: Duration = Duration::from_secs(20);
/// How often the runs that are under way are compared with those in memory.
const REVIVE_EVERY: Duration = Duration::from_secs(60);
/// Pause before the index is read again after it could not be.
const READ_AGAIN: Duration = Duration::from_secs(1);
/// How often what is held is looked at.
const LOOK_EVERY: Duration = Duration::from_millis(20);
/// Runs woken in one look.
const WOKEN_AT_ONCE: usize = 64;
/// Due times held in memory; what is beyond is read again later.
const HELD_MAX: usize = 10_000;
/// Streams read from the index at once.
const PAGE: usize = 1_000;

/// A run left memory and is due soon.
#[derive(Message)]
#[rtype(result = "()")]
pub struct DueSoon {
    /// Which run.
    pub run: RunId,
    /// When, in microseconds since the epoch.
    pub due_us: i64,
}

/// The actor.
pub struct Timers {
    services: Arc<Services>,
    router: Router,
    held: BTreeSet<(i64, RunId)>,
    reading: bool,
    /// By how much the machine's clock was set when that was said last.
    not_followed: SignedDuration,
    /// How far the runs that were under way when the store was opened have been woken; none: all of them.
    recovering: Option<Recovered>,
}

/// The runs that were under way: read page by page, the next one when the last has been woken.
#[derive(Clone, Default)]
struct Recovered {
    after: Option<Waking>,
}

/// The specification of the timers.
#[must_use]
pub fn spec(services: &Arc<Services>, router: &Router, name: &StableAddr<Timers>) -> ChildSpec {
    let (services, router) = (services.clone(), router.clone());
    ChildSpec::actor(Key::id("timers"), name, move || {
        let timers = Timers {
            services: services.clone(),
            router: router.clone(),
            held: BTreeSet::new(),
            reading: false,
            not_followed: SignedDuration::ZERO,
            recovering: Some(Recovered::default()),
        };
        std::future::ready(Ok(timers))
    })
}

impl Timers {
    /// Reads what is to be woken, on a thread that may block: first the runs that were under way when the store was
    /// opened, then what is due within the next minute.
    fn read(&mut self, ctx: &mut Context<Self>) {
        if self.reading {
            return;
        }
        self.reading = true;
        let services = self.services.clone();
        let work: JoinHandle<Result<Page, ReadError>> = match self.recovering.clone() {
            Some(recovered) => tokio::task::spawn_blocking(move || under_way(&services, recovered)),
            None => tokio::task::spawn_blocking(move || due_until(&services, AHEAD)),
        };
        let done = work.into_actor(self).map(|read, actor, ctx: &mut Context<Self>| match read {
            Ok(Ok(page)) => {
                actor.reading = false;
                actor.take_in(page, ctx);
            }
            Ok(Err(error)) => actor.read_later(&error, ctx),
            Err(error) => actor.read_later(&error, ctx),
        });
        ctx.spawn(done);
    }

    fn read_later(&mut self, error: &dyn std::fmt::Display, ctx: &mut Context<Self>) {
        tracing::warn!(%error, "the due times could not be read");
        ctx.run_later(READ_AGAIN, |actor, ctx| {
            actor.reading = false;
            actor.read(ctx);
        });
    }

    fn take_in(&mut self, page: Page, ctx: &mut Context<Self>) {
        let is_lost = |due_us: i64| due_us > i64::MIN && Bug::LostTimer.is_planted();
        let due = page.due.into_iter().filter(|(due_us, _)| !is_lost(*due_us));
        due.for_each(|(due_us, run)| self.hold(due_us, run));
        if self.recovering.is_some() {
            self.recovering = page.next;
            if self.recovering.is_none() {
                // What is due is read behind the runs that were under way.
                self.read(ctx);
            }
        }
    }

    fn hold(&mut self, due_us: i64, run: RunId) {
        self.held.insert((due_us, run));
        if self.held.len() > HELD_MAX {
            // What is farthest away is read again later.
            self.held.pop_last();
        }
    }

    fn look(&mut self, ctx: &mut Context<Self>) {
        let now_us = self.services.now().as_microsecond();
        self.say_when_the_clock_was_set();
        for _ in 0..WOKEN_AT_ONCE {
            match self.held.first().copied() {
                Some((due_us, run)) if due_us <= now_us => {
                    self.held.pop_first();
                    self.wake(due_us, run);
                }
                Some(_) | None => break,
            }
        }
        if self.recovering.is_some() && self.held.first().is_none_or(|(due_us, _)| *due_us > now_us) {
            self.read(ctx);
        }
    }

    fn say_when_the_clock_was_set(&mut self) {
        let not_followed = self.services.world.clock.not_followed();
        if not_followed != self.not_followed {
            self.not_followed = not_followed;
            let seconds = not_followed.as_secs_f64();
            if not_followed.is_zero() {
                tracing::warn!("the time is that of this machine's clock again");
            } else {
                tracing::warn!(
                    seconds,
                    "the clock of this machine was set: times go on as before until that has stood for ten minutes"
                );
            }
        }
    }

    /// A run in memory minds its own time; for it this is one look at the clock more. One that was under way needs only to
    /// be in memory.
    fn wake(&mut self, due_us: i64, run: RunId) {
        let sent = if due_us == i64::MIN {
            self.router.revive(run)
        } else {
            let give = Give::by_runtime(Command::Tick);
            self.router.route(Route { run, give })
        };
        if sent.is_err() {
            // Its partition is full or between two incarnations: once more with the next look.
            self.held.insert((due_us, run));
        }
    }
}

/// What was read from the index.
struct Page {
    due: Vec<(i64, RunId)>,
    /// Where the runs that were under way go on.
    next: Option<Recovered>,
}

/// A page of the runs that were under way.
fn under_way(services: &Services, recovered: Recovered) -> Result<Page, ReadError> {
    let page = services.journal.waking(i64::MIN, recovered.after.as_ref(), PAGE)?;
    let next = page.last().map(|last| Recovered { after: Some(last.clone()) });
    Ok(Page { due: runs_in(&page), next })
}

/// What the index says is due within `ahead` from now, without what is under way; at most as much as is held.
fn due_until(services: &Services, ahead: Duration) -> Result<Page, ReadError> {
    let ahead = i64::try_from(ahead.as_micros()).unwrap_or(i64::MAX);
    let until = services.now().as_microsecond().saturating_add(ahead);
    // What is under way stands before every time; the cursor begins behind it.
    let mut after = Waking { due_us: i64::MIN + 1, stream: streams::system() };
    let mut due = Vec::new();
    while due.len() < HELD_MAX {
        let page = services.journal.waking(until, Some(&after), PAGE)?;
        let Some(last) = page.last().cloned() else { break };
        due.extend(runs_in(&page));
        after = last;
    }
    Ok(Page { due, next: None })
}

fn runs_in(page: &[Waking]) -> Vec<(i64, RunId)> {
    page.iter().filter_map(|waking| Some((waking.due_us, streams::run_of(&waking.stream)?))).collect()
}

/// When the owner of a stream wants to be woken, if that is within the time that is held.
#[must_use]
pub fn due_soon(head: &StreamHead, now: Timestamp) -> Option<i64> {
    let ahead = i64::try_from(AHEAD.as_micros()).unwrap_or(i64::MAX);
    match head.wake {
        Wake::At(at) if at <= now.as_microsecond().saturating_add(ahead) => Some(at),
        Wake::At(_) | Wake::Now | Wake::Idle | Wake::Done | Wake::Dropped => None,
    }
}

impl Actor for Timers {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Self::Context) {
        self.read(ctx);
        ctx.run_interval(READ_EVERY, Self::read);
        // A run that is under way and has lost its actors, whatever the reason, is found again.
        ctx.run_interval(REVIVE_EVERY, |actor, _| {
            actor.recovering.get_or_insert_default();
        });
        ctx.run_interval(LOOK_EVERY, Self::look);
    }
}

impl Handler<DueSoon> for Timers {
    type Result = ();

    fn handle(&mut self, soon: DueSoon, _: &mut Self::Context) {
        self.hold(soon.due_us, soon.run);
    }
}
