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
        let (definition, version, max_parallel, reason) = match &event.recorded.event {
            Event::PlanCreated(created) => (Some(created.definition), None, None, String::new()),
            Event::PlanRevised(revised) => {
                (revised.definition, revised.version, revised.max_parallel, revised.reason.clone())
            }
            _ => return None,
        };
        Some(Self {
            revision: 0,
            at: event.at,
            by: event.recorded.attribution.by.clone(),
            reason,
            definition_hash: definition.map(|hash| hash.to_string()),
            version,
            max_parallel,
            sequence: event.sequence.to_string(),
        })
    }
}
