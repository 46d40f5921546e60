//! Who looks at what.

use ghostlight_model::presence::{Person, View};
use jiff::Timestamp;
use serde::Serialize;
use utoipa::ToSchema;

/// Who looks at a view.
#[derive(Debug, Clone, Serialize, ToSchema)]
#[schema(as = Presence)]
pub struct PresenceBody {
    /// The view.
    pub view: String,
    /// How many look at it.
    pub count: usize,
    /// The first of them, 200 at most, in the order in which they came.
    pub people: Vec<PersonBody>,
}

/// Somebody who looks at a view.
#[derive(Debug, Clone, Serialize, ToSchema)]
#[schema(as = Person)]
pub struct PersonBody {
    /// Stands for the connection: somebody with two windows is there twice.
    pub id: String,
    /// What they call themselves, which proves nothing; null when they did not say.
    pub name: Option<String>,
    /// Who they are to the daemon: `local` or `token:<id>`.
    pub subject: String,
    /// Since when they look at it.
    #[schema(value_type = String, format = DateTime)]
    pub since: Timestamp,
    /// `viewing` or `editing`.
    pub state: &'static str,
}

impl PresenceBody {
    /// Who looks at a view: how many, and the first of them.
    #[must_use]
    pub fn of(view: &View, (count, people): (usize, Vec<&Person>)) -> Self {
        Self { view: view.to_string(), count, people: people.into_iter().map(PersonBody::of).collect() }
    }
}

impl PersonBody {
    fn of(person: &Person) -> Self {
        Self {
            id: person.id.to_string(),
            name: person.name.clone(),
            subject: person.subject.clone(),
            since: person.since,
            state: person.doing.as_str(),
        }
    }
}
