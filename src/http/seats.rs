//! Who is present on which view: shared by all feeds, and told to whoever is on the same view.
//!
//! The rules are the model's ([`Presences`]); here they get a lock, a clock, and the telling. Of every view there is one bell, which
//! rings when something is shown differently; each connection on the view waits for it by its own [`Changes`], and reads then
//! who is there. So whoever is slow, or has stopped reading, misses versions and never holds more than one; and whoever rings
//! all the time costs the others no more than a frame each [`PAUSE`].

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use futures::Stream;
use ghostlight_model::presence::{Doing, Person, Presences, View};
use ghostlight_world::Clock;
use jiff::Timestamp;
use serde::Serialize;
use tokio::sync::watch;
use tokio::time::Instant;
use uuid::Uuid;

use super::resources::presence::PresenceBody;

/// How long a connection is told nothing more after it was told of a change.
pub const PAUSE: Duration = Duration::from_millis(250);

/// Everybody who is present. Cheap to clone.
#[derive(Clone)]
pub struct Seats {
    shared: Arc<Shared>,
}

struct Shared {
    clock: Arc<dyn Clock>,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    people: Presences,
    bells: HashMap<View, Bell>,
}

/// What tells of a view.
#[derive(Default)]
struct Bell {
    /// How often something was shown differently.
    rings: watch::Sender<u64>,
    /// Who is there, as it was written for this count of rings.
    written: Option<(u64, Arc<str>)>,
}

/// What somebody says about himself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Here {
    /// What he looks at.
    pub view: View,
    /// What he calls himself.
    pub name: Option<String>,
    /// What he does.
    pub doing: Doing,
}

/// The place of one connection. Its person is gone when this is dropped.
pub struct Seat {
    id: Uuid,
    subject: String,
    shared: Arc<Shared>,
}

impl Seats {
    /// Nobody yet.
    #[must_use]
    pub fn new(clock: Arc<dyn Clock>) -> Self {
        Self { shared: Arc::new(Shared { clock, state: Mutex::default() }) }
    }

    /// A place for a connection of this subject, which looks at nothing yet.
    #[must_use]
    pub fn seat(&self, subject: String) -> Seat {
        Seat { id: Uuid::new_v4(), subject, shared: self.shared.clone() }
    }

    /// Who looks at a view.
    #[must_use]
    pub fn on(&self, view: &View) -> PresenceBody {
        PresenceBody::of(view, self.shared.lock().people.on(view))
    }

    /// Shows those no longer who were not heard of for too long, and forgets what nobody waits for.
    pub fn sweep(&self) {
        let at = self.shared.clock.monotonic();
        let mut state = self.shared.lock();
        let changed = state.people.sweep(at);
        state.ring(changed);
        state.bells.retain(|_, bell| bell.rings.receiver_count() > 0);
    }

    /// Takes everybody for heard of.
    pub fn forgive(&self) {
        let at = self.shared.clock.monotonic();
        self.shared.lock().people.forgive(at);
    }
}

impl Seat {
    /// He looks at this from now on. What changes there is told by what comes back, who is there now first.
    pub fn say(&self, here: Here) -> Changes {
        let Here { view, name, doing } = here;
        let person = Person {
            id: self.id,
            name,
            subject: self.subject.clone(),
            since: self.shared.clock.now(),
            doing,
        };
        let heard = self.shared.clock.monotonic();
        let mut state = self.shared.lock();
        let changed = state.people.say(view.clone(), person, heard);
        let mut rings = state.bells.entry(view.clone()).or_default().rings.subscribe();
        rings.mark_changed();
        state.ring(changed);
        drop(state);
        Changes { id: self.id, view, rings, shared: self.shared.clone() }
    }

    /// He looks at nothing any more.
    pub fn leave(&self) {
        let mut state = self.shared.lock();
        let changed = state.people.leave(self.id);
        state.ring(changed);
    }

    /// Something came over his connection.
    pub fn hear(&self) {
        let (now, heard) = (self.shared.clock.now(), self.shared.clock.monotonic());
        let mut state = self.shared.lock();
        let changed = state.people.hear(self.id, now, heard);
        state.ring(changed);
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        self.leave();
    }
}

/// What one connection is told of the view that its person looks at.
pub struct Changes {
    id: Uuid,
    view: View,
    rings: watch::Receiver<u64>,
    shared: Arc<Shared>,
}

/// A frame that tells who is there.
pub struct Told(pub String);

impl Changes {
    /// The frames: one when `quiet_until` is over, and one for what changed since, with a pause between two.
    pub fn frames(self, quiet_until: Instant) -> impl Stream<Item = Told> {
        futures::stream::unfold((self, quiet_until), |(mut changes, quiet_until)| async move {
            tokio::time::sleep_until(quiet_until).await;
            // The bell is gone when nobody can ring it any more.
            changes.rings.changed().await.ok()?;
            let told = Told(changes.frame()?);
            Some((told, (changes, Instant::now() + PAUSE)))
        })
    }

    /// Who is there now, written once for all who ask.
    fn frame(&mut self) -> Option<String> {
        let count = *self.rings.borrow_and_update();
        let mut state = self.shared.lock();
        let written = state.bells.get(&self.view).and_then(|bell| bell.written.clone());
        let people = match written {
            Some((of, people)) if of == count => people,
            Some(_) | None => {
                let body = PresenceBody::of(&self.view, state.people.on(&self.view));
                let people: Arc<str> = serde_json::to_string(&body).ok()?.into();
                if let Some(bell) = state.bells.get_mut(&self.view) {
                    bell.written = Some((count, people.clone()));
                }
                people
            }
        };
        drop(state);
        let head = Head {
            specversion: "1.0",
            id: Uuid::new_v4(),
            source: "/presence",
            r#type: "presence.changed",
            subject: self.view.as_str(),
            time: self.shared.clock.now(),
            you: self.id,
        };
        let head = serde_json::to_string(&head).ok()?;
        Some(format!("{},\"data\":{people}}}", head.strip_suffix('}')?))
    }
}

/// A frame up to its data, in the form of all frames of feeds. `you` is the `id` of the person who is told.
#[derive(Serialize)]
struct Head<'a> {
    specversion: &'static str,
    id: Uuid,
    source: &'static str,
    r#type: &'static str,
    subject: &'a str,
    time: Timestamp,
    you: Uuid,
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn ring(&mut self, changed: impl IntoIterator<Item = View>) {
        for view in changed {
            if let Some(bell) = self.bells.get(&view) {
                bell.rings.send_modify(|count| *count += 1);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::pin::pin;

    use futures::{FutureExt, StreamExt};
    use ghostlight_world::World;
    use serde_json::{Value, json};

    use super::*;

    fn here(view: &str, name: &str) -> Here {
        Here { view: View::new(view).unwrap(), name: Some(name.into()), doing: Doing::Viewing }
    }

    fn names(frame: Told) -> Vec<Value> {
        let frame: Value = serde_json::from_str(&frame.0).unwrap();
        assert_eq!((&frame["type"], &frame["subject"]), (&json!("presence.changed"), &frame["data"]["view"]));
        let people = frame["data"]["people"].as_array().unwrap();
        assert!(people.iter().any(|person| person["id"] == frame["you"]), "{frame}");
        people.iter().map(|person| person["name"].clone()).collect()
    }

    #[tokio::test(start_paused = true)]
    async fn everybody_on_a_view_is_told_who_is_there_and_nobody_elsewhere() {
        let seats = Seats::new(World::real().clock);
        let (ada, bob) = (seats.seat("local".into()), seats.seat("token:1".into()));
        let mut told = pin!(ada.say(here("runs", "Ada")).frames(Instant::now()));
        assert_eq!(names(told.next().await.unwrap()), ["Ada"]);
        let mut other = pin!(bob.say(here("inbox", "Bob")).frames(Instant::now()));
        assert_eq!(names(other.next().await.unwrap()), ["Bob"]);
        let mut moved = pin!(bob.say(here("runs", "Bob")).frames(Instant::now()));
        assert_eq!(names(told.next().await.unwrap()), ["Ada", "Bob"]);
        assert_eq!(names(moved.next().await.unwrap()), ["Ada", "Bob"]);
        drop(bob);
        assert_eq!(names(told.next().await.unwrap()), ["Ada"]);
        assert_eq!(seats.on(&View::new("inbox").unwrap()).count, 0);
    }

    #[tokio::test(start_paused = true)]
    async fn of_many_changes_that_come_at_once_only_the_last_is_told() {
        let seats = Seats::new(World::real().clock);
        let (ada, bob) = (seats.seat("local".into()), seats.seat("local".into()));
        let mut told = pin!(ada.say(here("runs", "Ada")).frames(Instant::now()));
        told.next().await.unwrap();
        for number in 0..100 {
            bob.say(here("runs", &format!("Bob {number}")));
        }
        assert_eq!(told.next().now_or_never().map(|_| ()), None, "there is a pause");
        assert_eq!(names(told.next().await.unwrap()), ["Ada", "Bob 99"]);
        tokio::time::sleep(2 * PAUSE).await;
        assert_eq!(told.next().now_or_never().map(|_| ()), None, "nothing else happened");
    }

    #[test]
    fn nothing_is_kept_of_views_that_nobody_looks_at() {
        let seats = Seats::new(World::real().clock);
        let ada = seats.seat("local".into());
        for page in ["runs", "inbox", "home"] {
            ada.say(here(page, "Ada"));
        }
        drop(ada);
        seats.sweep();
        let state = seats.shared.lock();
        assert!(state.bells.is_empty() && state.people.on(&View::new("home").unwrap()).0 == 0);
    }
}
