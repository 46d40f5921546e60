//! The revisions of a run's plan.

use ghostlight_actors::runs::EventRead;
use ghostlight_model::event::{Event, KINDS};
use jiff::Timestamp;
use serde::Serialize;
use utoipa::ToSchema;

/// One revision of a plan.
#[derive(Debug, Clone, Serialize, ToSchema)]
#[schema(as = Revision)]
pub struct RevisionBody {
    /// 0 for the plan that the run began with.
    pub revision: usize,
    /// When it came to hold.
    #[schema(value_type = String, format = DateTime)]
    pub at: Timestamp,
    /// Who changed it; null for the first one, and when the runtime did.
    pub by: Option<String>,
    /// Why, for people.
    pub reason: String,
    /// Hash of the definition that it follows; null where that stayed as it was.
    pub definition_hash: Option<String>,
    /// The version of the workflow that it follows from then on; null where that stayed as it was.
    pub version: Option<u64>,
    /// How many attempts are made at the same time; null where that stayed as it was.
    pub max_parallel: Option<u32>,
    /// How urgent the run is from then on; null where that stayed as it was.
    pub priority: Option<i64>,
    /// Global sequence of its event.
    pub sequence: String,
}

impl RevisionBody {
    /// Whether events of this kind make revisions.
    #[must_use]
    pub fn is_in(kind: u16) -> bool {
        KINDS.iter().any(|(number, name, _)| *number == kind && name.starts_with("plan."))
    }

    /// Adds the revision that an event makes, if it makes one, to those before it.
    pub fn take(all: &mut Vec<Self>, event: &EventRead) {
        let revision = all.len();
        all.extend(Self::of(event).map(|body| Self { revision, ..body }));
    }

    fn of(event: &EventRead) -> Option<Self> {
        let (definition, revised) = match &event.recorded.event {
            Event::PlanCreated(created) => (Some(created.definition), None),
            Event::PlanRevised(revised) => (revised.definition, Some(revised)),
            _ => return None,
        };
        Some(Self {
            revision: 0,
            at: event.at,
            by: event.recorded.attribution.by.clone(),
            reason: revised.map(|revised| revised.reason.clone()).unwrap_or_default(),
            definition_hash: definition.map(|hash| hash.to_string()),
            version: revised.and_then(|revised| revised.version),
            max_parallel: revised.and_then(|revised| revised.max_parallel),
            priority: revised.and_then(|revised| revised.priority).map(i64::from),
            sequence: event.sequence.to_string(),
        })
    }
}
