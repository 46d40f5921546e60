//! Presence: who looks at what just now, so that people do not act past each other.
//!
//! Somebody is present by a connection: he says which view he has before him, and is seen by all who said the same view, until he
//! says another one, leaves, or is not heard of for [`LAPSES_AFTER`]. Nothing of it is kept: it is true while it is shown. Names are
//! what people call themselves and prove nothing; who they are to the daemon stands beside them. Time comes in as an argument, as
//! the moment since some beginning.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::time::Duration;

use jiff::Timestamp;
use uuid::Uuid;

use crate::ids::{ApprovalId, Name, RunId};
use crate::language::spelling::is_hidden;

/// The longest name, in characters.
pub const NAME_CHARS_MAX: usize = 60;
/// The longest view, in bytes.
pub const VIEW_BYTES_MAX: usize = 200;
/// The most people of a view that are told; how many there are is told always.
pub const PEOPLE_TOLD_MAX: usize = 200;
/// Who is not heard of for so long is gone: clients answer a ping every 15 s.
pub const LAPSES_AFTER: Duration = Duration::from_secs(25);

/// The first words of views; beside them stand `runs`, `approvals` and those in [`NAMED`].
const PAGES: [&str; 15] = [
    "home",
    "inbox",
    "compare",
    "plans",
    "incidents",
    "uptime",
    "analytics",
    "queues",
    "tree",
    "system",
    "events",
    "webhooks",
    "audit",
    "settings",
    "import",
];
/// The first words of views of what has a name.
const NAMED: [&str; 5] = ["workflows", "templates", "agents", "playbooks", "packages"];

/// What somebody looks at: `runs/<id>`, `workflows/<name>/edit`, ….
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct View(String);

/// Why something that was said about somebody's presence is not taken.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PresenceError {
    /// No view.
    #[error(
        "`view` is at most {VIEW_BYTES_MAX} bytes: a page such as `inbox`, `runs` or `runs/<id>`, `workflows/<name>`, and perhaps \
         a part of it such as `workflows/<name>/edit`"
    )]
    View,
    /// No name.
    #[error("`name` has 1 to {NAME_CHARS_MAX} characters, all of which are seen")]
    Name,
}

impl View {
    /// Reads a view: a page, perhaps which one, and perhaps a part of that one.
    ///
    /// # Errors
    /// [`PresenceError::View`].
    pub fn new(text: &str) -> Result<Self, PresenceError> {
        let parts: Vec<&str> = text.split('/').collect();
        let is_known = match parts[..] {
            [page] => matches!(page, "runs" | "approvals") || PAGES.contains(&page) || NAMED.contains(&page),
            [page, which] => is_one_of(page, which),
            [page, which, part] => is_one_of(page, which) && is_word(part),
            _ => false,
        };
        if is_known && text.len() <= VIEW_BYTES_MAX {
            Ok(Self(text.to_owned()))
        } else {
            Err(PresenceError::View)
        }
    }

    /// The view as it was said.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for View {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

fn is_one_of(page: &str, which: &str) -> bool {
    match page {
        "runs" => which.parse::<RunId>().is_ok(),
        "approvals" => which.parse::<ApprovalId>().is_ok(),
        _ if NAMED.contains(&page) => Name::new(which).is_ok(),
        _ => PAGES.contains(&page) && is_word(which),
    }
}

fn is_word(text: &str) -> bool {
    !text.is_empty()
        && text.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b"-_.".contains(&b))
}

/// A name as it is shown, without what stands around it.
///
/// # Errors
/// [`PresenceError::Name`].
pub fn name(text: &str) -> Result<String, PresenceError> {
    let name = text.trim();
    // Emoji are made of several characters, two of which are not seen.
    let is_seen = |c: char| !is_hidden(c) || matches!(c, '\u{200d}' | '\u{fe0f}');
    let fits = |c: char| is_seen(c) && !c.is_control() && (c == ' ' || !c.is_whitespace());
    if name.is_empty() || name.chars().count() > NAME_CHARS_MAX || !name.chars().all(fits) {
        return Err(PresenceError::Name);
    }
    Ok(name.to_owned())
}

/// What somebody does with what he looks at.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Doing {
    /// He reads.
    #[default]
    Viewing,
    /// He changes it, or is about to.
    Editing,
}

impl Doing {
    /// Both.
    pub const ALL: [Self; 2] = [Self::Viewing, Self::Editing];

    /// The word as it stands in the API.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Viewing => "viewing",
            Self::Editing => "editing",
        }
    }
}

/// Somebody who is present.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Person {
    /// Stands for the connection, and for nobody else's.
    pub id: Uuid,
    /// What he calls himself.
    pub name: Option<String>,
    /// Who he is to the daemon.
    pub subject: String,
    /// Since when he has this view before him.
    pub since: Timestamp,
    /// What he does.
    pub doing: Doing,
}

/// Everybody who is present, by connection and by view.
#[derive(Debug, Default)]
pub struct Presences {
    by_id: BTreeMap<Uuid, Place>,
    /// In the order in which they came.
    by_view: BTreeMap<View, BTreeSet<(Timestamp, Uuid)>>,
}

#[derive(Debug)]
struct Place {
    view: View,
    person: Person,
    heard: Duration,
    /// Whether he is shown: not while nobody hears of him.
    is_shown: bool,
}

impl Presences {
    /// Somebody says that he looks at a view. Answers the views where something is shown differently from now on.
    pub fn say(&mut self, view: View, person: Person, heard: Duration) -> Vec<View> {
        let id = person.id;
        let mut changed = Vec::new();
        let person = match self.by_id.remove(&id) {
            // He stays, and so does since when.
            Some(old) if old.view == view && old.is_shown => {
                let person = Person { since: old.person.since, ..person };
                if person != old.person {
                    changed.push(view.clone());
                }
                person
            }
            old => {
                changed.extend(old.and_then(|old| self.hide(&old)));
                changed.push(view.clone());
                person
            }
        };
        self.by_view.entry(view.clone()).or_default().insert((person.since, id));
        self.by_id.insert(id, Place { view, person, heard, is_shown: true });
        changed
    }

    /// A connection is over, or its person looks at nothing.
    pub fn leave(&mut self, id: Uuid) -> Option<View> {
        let place = self.by_id.remove(&id)?;
        self.hide(&place)
    }

    /// Something came over a connection. Who had lapsed is back, from now on.
    pub fn hear(&mut self, id: Uuid, now: Timestamp, heard: Duration) -> Option<View> {
        let place = self.by_id.get_mut(&id)?;
        place.heard = heard;
        if std::mem::replace(&mut place.is_shown, true) {
            return None;
        }
        place.person.since = now;
        let (view, entry) = (place.view.clone(), (now, id));
        self.by_view.entry(view.clone()).or_default().insert(entry);
        Some(view)
    }

    /// Shows those no longer who were not heard of for [`LAPSES_AFTER`].
    pub fn sweep(&mut self, at: Duration) -> BTreeSet<View> {
        let is_gone = |place: &Place| place.is_shown && at.saturating_sub(place.heard) >= LAPSES_AFTER;
        let gone: Vec<Uuid> =
            self.by_id.iter().filter(|(_, place)| is_gone(place)).map(|(id, _)| *id).collect();
        let mut changed = BTreeSet::new();
        for id in gone {
            let Some(mut place) = self.by_id.remove(&id) else { continue };
            changed.extend(self.hide(&place));
            place.is_shown = false;
            self.by_id.insert(id, place);
        }
        changed
    }

    /// Takes everybody for heard of: nobody could be while the process stood still.
    pub fn forgive(&mut self, at: Duration) {
        self.by_id.values_mut().for_each(|place| place.heard = at);
    }

    /// How many look at a view, and the first of them, at most [`PEOPLE_TOLD_MAX`], in the order in which they came.
    #[must_use]
    pub fn on(&self, view: &View) -> (usize, Vec<&Person>) {
        let Some(ids) = self.by_view.get(view) else { return (0, Vec::new()) };
        let people = ids.iter().filter_map(|(_, id)| self.by_id.get(id)).map(|place| &place.person);
        (ids.len(), people.take(PEOPLE_TOLD_MAX).collect())
    }

    fn hide(&mut self, place: &Place) -> Option<View> {
        let people = self.by_view.get_mut(&place.view)?;
        let was_shown = people.remove(&(place.person.since, place.person.id));
        if people.is_empty() {
            self.by_view.remove(&place.view);
        }
        was_shown.then(|| place.view.clone())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    fn view(text: &str) -> View {
        View::new(text).unwrap()
    }

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    fn person(number: u128, name: &str, second: i64) -> Person {
        let (id, since, doing) = (Uuid::from_u128(number), at(second), Doing::Viewing);
        Person { id, name: Some(name.to_owned()), subject: "local".to_owned(), since, doing }
    }

    fn names(all: &Presences, on: &str) -> Vec<String> {
        let people = all.on(&view(on)).1;
        people.iter().filter_map(|person| person.name.clone()).collect()
    }

    #[test]
    fn a_view_is_a_page_that_there_is_or_one_of_what_it_shows_or_a_part_of_that() {
        let run = "runs/01980c00-0000-7000-8000-000000000001";
        for good in ["home", "runs", run, &format!("{run}/timeline"), "workflows/a-b/edit", "system/actors"] {
            assert_eq!(View::new(good).map(|view| view.to_string()), Ok(good.to_owned()));
        }
        let long = format!("settings/{}", "a".repeat(VIEW_BYTES_MAX));
        for bad in ["", "/", "runs/", "runs/x", "nowhere", "workflows/A", "workflows/a/b/c", "home/ü", &long]
        {
            assert_eq!(View::new(bad), Err(PresenceError::View), "{bad}");
        }
    }

    #[test]
    fn a_name_is_short_and_all_of_it_is_seen() {
        for good in ["Ada", "  Ada Lovelace ", "Zoë 👩\u{200d}💻", &"ü".repeat(NAME_CHARS_MAX)] {
            assert_eq!(name(good).as_deref(), Ok(good.trim()));
        }
        let long = "a".repeat(NAME_CHARS_MAX + 1);
        for bad in ["", " ", "a\nb", "a\tb", "a\u{202e}b", "a\u{200b}b", "\u{1b}[31m", "a\u{2028}b", &long] {
            assert_eq!(name(bad), Err(PresenceError::Name), "{bad:?}");
        }
    }

    #[test]
    fn who_says_another_view_leaves_the_one_before_and_both_are_told() {
        let mut all = Presences::default();
        assert_eq!(all.say(view("runs"), person(1, "Ada", 10), SECOND), [view("runs")]);
        assert_eq!(all.say(view("runs"), person(2, "Bob", 11), SECOND), [view("runs")]);
        assert_eq!(names(&all, "runs"), ["Ada", "Bob"]);
        let changed = all.say(view("inbox"), person(1, "Ada", 12), SECOND);
        assert_eq!(changed, [view("runs"), view("inbox")]);
        assert_eq!(
            (names(&all, "runs"), names(&all, "inbox")),
            (vec!["Bob".to_owned()], vec!["Ada".to_owned()])
        );
        assert_eq!(all.leave(Uuid::from_u128(1)), Some(view("inbox")));
        assert_eq!(all.leave(Uuid::from_u128(1)), None);
        assert_eq!(all.on(&view("inbox")), (0, vec![]));
    }

    #[test]
    fn who_says_the_same_again_changes_nothing_and_who_begins_to_edit_stays_since_when_he_came() {
        let mut all = Presences::default();
        all.say(view("workflows/a"), person(1, "Ada", 10), SECOND);
        assert_eq!(all.say(view("workflows/a"), person(1, "Ada", 20), SECOND), []);
        let editing = Person { doing: Doing::Editing, ..person(1, "Ada", 30) };
        assert_eq!(all.say(view("workflows/a"), editing, SECOND), [view("workflows/a")]);
        let (count, people) = all.on(&view("workflows/a"));
        assert_eq!((count, people[0].since, people[0].doing), (1, at(10), Doing::Editing));
    }

    #[test]
    fn who_is_not_heard_of_lapses_within_half_a_minute_and_is_back_when_he_is() {
        let mut all = Presences::default();
        all.say(view("runs"), person(1, "Ada", 10), SECOND);
        all.say(view("runs"), person(2, "Bob", 11), SECOND);
        assert_eq!(all.hear(Uuid::from_u128(2), at(30), 20 * SECOND), None);
        assert_eq!(all.sweep(SECOND + LAPSES_AFTER - Duration::from_millis(1)), BTreeSet::new());
        assert_eq!(all.sweep(SECOND + LAPSES_AFTER), BTreeSet::from([view("runs")]));
        assert_eq!(names(&all, "runs"), ["Bob"]);
        assert_eq!(all.sweep(SECOND + LAPSES_AFTER), BTreeSet::new(), "he is gone already");
        assert_eq!(all.hear(Uuid::from_u128(1), at(40), 30 * SECOND), Some(view("runs")));
        assert_eq!(names(&all, "runs"), ["Bob", "Ada"]);
        all.forgive(1_000 * SECOND);
        assert_eq!(all.sweep(1_000 * SECOND), BTreeSet::new());
        // Nothing is left of who leaves while he is not shown.
        all.sweep(2_000 * SECOND);
        assert_eq!(all.leave(Uuid::from_u128(1)), None);
        assert_eq!(all.hear(Uuid::from_u128(1), at(50), 2_000 * SECOND), None);
    }

    #[test]
    fn of_a_crowd_the_first_are_told_and_how_many_there_are() {
        let mut all = Presences::default();
        for number in 0..300_u32 {
            all.say(view("runs"), person(number.into(), &number.to_string(), number.into()), SECOND);
        }
        let (count, people) = all.on(&view("runs"));
        assert_eq!((count, people.len()), (300, PEOPLE_TOLD_MAX));
        assert_eq!(people[199].name.as_deref(), Some("199"));
    }
}
