//! What each refusal from below means to a client: one function per error, and no rule of its own.

use std::time::Duration;

use ghostlight_actors::StoreError;
use ghostlight_actors::agents::AgentError;
use ghostlight_actors::catalogue::{CatalogueError, EditError, Kind, ListError, SaveError};
use ghostlight_actors::feed::{FeedError, FilterError};
use ghostlight_actors::keys::KeyRefusal;
use ghostlight_actors::runs::{CommandError, StartError};
use ghostlight_actors::tokens::TokenError;
use ghostlight_actors::views::{QueryError, ViewBehind, ViewError};
use ghostlight_model::definitions::ETag;
use ghostlight_model::definitions::token::TokenRejection;
use ghostlight_model::language::schema::SchemaViolation;
use ghostlight_model::run::Rejection;
use ghostlight_supervision::{FaultError, SupervisorError};
use serde_json::json;

use super::problem::{Code, Problem, Violation};
use super::resources::approval::decision;
use super::resources::hazard::AttemptedBody;

/// When to ask again where there is too little room on the disk.
const SHORT_OF_ROOM: Duration = Duration::from_secs(5);

impl From<StoreError> for Problem {
    fn from(error: StoreError) -> Self {
        let code = match &error {
            StoreError::Full => Code::StorageFull,
            // Room does not come back as quickly as a queue gets shorter.
            StoreError::Short => {
                return Self::new(Code::StorageFull, error.to_string()).retry_after(SHORT_OF_ROOM);
            }
            StoreError::Busy => Code::StoreBusy,
            StoreError::Unavailable => Code::StoreUnavailable,
            StoreError::OutcomeUnknown => Code::OutcomeUnknown,
            StoreError::TooLarge { .. } => Code::BodyTooLarge,
            StoreError::RunArchived { at, file } => {
                let state = json!({ "archived_at": at.to_string(), "file": file });
                return Self::new(Code::RunArchived, error.to_string()).state(state);
            }
            StoreError::Damaged(place) => {
                tracing::error!(%place, "a record that a request needs does not verify");
                return Self::new(Code::StoreDamaged, "a record of this object does not verify");
            }
        };
        Self::new(code, error.to_string())
    }
}

impl From<KeyRefusal> for Problem {
    fn from(refusal: KeyRefusal) -> Self {
        let code = match refusal {
            KeyRefusal::InProgress => Code::KeyInProgress,
            KeyRefusal::Reused => Code::KeyReused,
        };
        Self::new(code, refusal.to_string())
    }
}

impl From<Rejection> for Problem {
    fn from(rejection: Rejection) -> Self {
        let detail = rejection.to_string();
        match rejection {
            Rejection::WouldWriteAgain { writes, count } => {
                let state = json!({ "count": count, "writes": AttemptedBody::all(&writes) });
                Self::new(Code::WritesMayRepeat, detail).state(state)
            }
            Rejection::RunIs { status } => {
                Self::new(Code::RunState, detail).state(json!({ "status": status.as_str() }))
            }
            Rejection::StepIs { step, status } => {
                Self::new(Code::StepState, detail).state(json!({ "step": step, "status": status.as_str() }))
            }
            Rejection::OtherAttempt { step, waits, .. } => {
                let state = json!({ "step": step, "status": "waiting", "attempt": waits });
                Self::new(Code::StepState, detail).state(state)
            }
            Rejection::AlreadyDecided { approval } => {
                Self::new(Code::AlreadyDecided, detail).state(json!(decision(&approval)))
            }
            Rejection::UnknownStep(_) | Rejection::UnknownAttempt(_) => Self::new(Code::UnknownStep, detail),
            Rejection::UnknownSignal { known, .. } => {
                let names: Vec<String> = known.iter().map(|name| format!("`{name}`")).collect();
                let known = if names.is_empty() { "none".to_owned() } else { names.join(", ") };
                Self::new(Code::UnknownSignal, format!("{detail}; its steps wait for {known}"))
            }
            Rejection::NotEditable { violations } => {
                Self::new(Code::PlanEdit, detail).violations(violations.into_iter().map(violation).collect())
            }
            Rejection::TooManySignals => Self::new(Code::TooManySignals, detail),
            Rejection::UnknownApproval(_) => Self::new(Code::UnknownApproval, detail),
            Rejection::Invalid { violations, .. } => Self::new(Code::InvalidInput, detail)
                .violations(violations.into_iter().map(violation).collect()),
        }
    }
}

fn violation(violation: SchemaViolation) -> Violation {
    Violation { path: violation.path, message: violation.message }
}

impl From<StartError> for Problem {
    fn from(error: StartError) -> Self {
        let detail = error.to_string();
        match error {
            StartError::UnknownWorkflow(_) => Self::new(Code::UnknownWorkflow, detail),
            StartError::UnknownVersion(..) => Self::new(Code::UnknownVersion, detail),
            StartError::DeletedWorkflow(_) => Self::new(Code::WorkflowDeleted, detail),
            StartError::Selection(_) => Self::new(Code::SelectionFailed, detail),
            StartError::Definition(diagnostics) => {
                Self::new(Code::InvalidDefinition, detail).diagnostics(diagnostics)
            }
            StartError::Rejected(rejection) => rejection.into(),
            StartError::Key(refusal) => refusal.into(),
            StartError::NotAdmitted(_) => Self::new(Code::NotAdmitted, detail),
            StartError::Store(error) => error.into(),
        }
    }
}

impl From<CommandError> for Problem {
    fn from(error: CommandError) -> Self {
        let detail = error.to_string();
        match error {
            CommandError::UnknownRun(_) => Self::new(Code::UnknownRun, detail),
            CommandError::UnknownApproval(_) => Self::new(Code::UnknownApproval, detail),
            CommandError::Rejected(rejection) => rejection.into(),
            CommandError::Version(error) => (*error).into(),
            CommandError::NotCarried(_) => Self::new(Code::RunNotCarried, detail),
            CommandError::Key(refusal) => refusal.into(),
            CommandError::Store(error) => error.into(),
        }
    }
}

impl From<QueryError> for Problem {
    fn from(error: QueryError) -> Self {
        let code = match error {
            QueryError::CursorMalformed | QueryError::CursorOfAnotherFilter => Code::BadCursor,
            QueryError::LimitOutOfRange { .. } | QueryError::TooManyLabels { .. } => Code::BadQuery,
        };
        Self::new(code, error.to_string())
    }
}

impl From<ViewError> for Problem {
    fn from(error: ViewError) -> Self {
        match error {
            ViewError::Query(error) => error.into(),
            // Their reasons are texts of the store, with places of this machine in them.
            ViewError::SetAside { view, reason } => {
                tracing::warn!(%view, %reason, "a request needs a view that is set aside");
                Self::new(Code::ViewUnavailable, format!("the view of {view} is set aside"))
            }
            ViewError::Unavailable { reason } => {
                tracing::warn!(%reason, "a request needs views that are not available");
                Self::new(Code::ViewUnavailable, "the views are not available")
            }
            other @ (ViewError::Opening { .. } | ViewError::Damaged { .. }) => {
                Self::new(Code::ViewUnavailable, other.to_string())
            }
        }
    }
}

impl From<ViewBehind> for Problem {
    fn from(behind: ViewBehind) -> Self {
        Self::new(Code::ViewBehind, behind.to_string())
    }
}

fn precondition(current: Option<ETag>, detail: String) -> Problem {
    let etag = current.map(|etag| format!("\"{etag}\""));
    Problem::new(Code::PreconditionFailed, detail).state(json!({ "etag": etag }))
}

fn unknown(kind: Kind) -> Code {
    match kind {
        Kind::Workflow => Code::UnknownWorkflow,
        Kind::Template => Code::UnknownTemplate,
    }
}

fn exists(kind: Kind) -> Code {
    match kind {
        Kind::Workflow => Code::WorkflowExists,
        Kind::Template => Code::TemplateExists,
    }
}

fn deleted(kind: Kind) -> Code {
    match kind {
        Kind::Workflow => Code::WorkflowDeleted,
        Kind::Template => Code::TemplateDeleted,
    }
}

impl From<SaveError> for Problem {
    fn from(error: SaveError) -> Self {
        let detail = error.to_string();
        match error {
            SaveError::Invalid { diagnostics, .. } => {
                Self::new(Code::InvalidDefinition, detail).diagnostics(diagnostics)
            }
            SaveError::Unknown { version: Some(_), .. } => Self::new(Code::UnknownVersion, detail),
            SaveError::Unknown { kind, version: None, .. } => Self::new(unknown(kind), detail),
            SaveError::NameMismatch { .. } => Self::new(Code::NameMismatch, detail),
            SaveError::Exists { kind, current, .. } => {
                Self::new(exists(kind), detail).state(json!({ "etag": format!("\"{current}\"") }))
            }
            SaveError::PreconditionFailed { current, .. } => precondition(current, detail),
            SaveError::Deleted { kind, .. } => Self::new(deleted(kind), detail),
            SaveError::BuiltIn(_) => Self::new(Code::BuiltInTemplate, detail),
            SaveError::Key(refusal) => refusal.into(),
            SaveError::Store(error) => error.into(),
        }
    }
}

impl From<EditError> for Problem {
    fn from(error: EditError) -> Self {
        let detail = error.to_string();
        match error {
            EditError::Unknown { kind, .. } => Self::new(unknown(kind), detail),
            EditError::Deleted { kind, .. } => Self::new(deleted(kind), detail),
            EditError::PreconditionFailed { current, .. } => precondition(current, detail),
            EditError::BuiltIn(_) => Self::new(Code::BuiltInTemplate, detail),
            EditError::Key(refusal) => refusal.into(),
            EditError::Store(error) => error.into(),
        }
    }
}

impl From<ListError> for Problem {
    fn from(error: ListError) -> Self {
        match error {
            ListError::Query(error) => error.into(),
            ListError::Store(error) => error.into(),
        }
    }
}

impl From<CatalogueError> for Problem {
    fn from(error: CatalogueError) -> Self {
        let detail = error.to_string();
        match error {
            CatalogueError::Unknown => Self::new(Code::UnknownWorkflow, detail),
            CatalogueError::UnknownVersion(_) => Self::new(Code::UnknownVersion, detail),
            CatalogueError::Deleted => Self::new(Code::WorkflowDeleted, detail),
            CatalogueError::Unusable(diagnostics) => {
                Self::new(Code::InvalidDefinition, detail).diagnostics(diagnostics)
            }
            CatalogueError::Store(error) => error.into(),
        }
    }
}

impl From<TokenError> for Problem {
    fn from(error: TokenError) -> Self {
        let detail = error.to_string();
        match error {
            TokenError::Rejected(TokenRejection::NotFound) => Self::new(Code::UnknownToken, detail),
            TokenError::Rejected(_) => Self::new(Code::InvalidValue, detail),
            TokenError::TooMany => Self::new(Code::TooManyTokens, detail),
            TokenError::Store(error) => error.into(),
        }
    }
}

impl From<FilterError> for Problem {
    fn from(error: FilterError) -> Self {
        Self::new(Code::BadQuery, error.to_string())
    }
}

impl From<FeedError> for Problem {
    fn from(error: FeedError) -> Self {
        let code = match error {
            FeedError::TooMany { .. } => Code::TooManyFeeds,
            FeedError::Closing { .. } => Code::Closing,
        };
        Self::new(code, error.to_string())
    }
}

impl From<SupervisorError> for Problem {
    fn from(error: SupervisorError) -> Self {
        let code = match error {
            SupervisorError::NotFound => Code::UnknownActor,
            _ => Code::ActorState,
        };
        Self::new(code, error.to_string())
    }
}

impl From<FaultError> for Problem {
    fn from(error: FaultError) -> Self {
        let code = match error {
            FaultError::NotPermitted => Code::NotFound,
            FaultError::NotFound => Code::UnknownActor,
            FaultError::NotRunning => Code::ActorState,
        };
        Self::new(code, error.to_string())
    }
}

impl From<AgentError> for Problem {
    fn from(error: AgentError) -> Self {
        let detail = error.to_string();
        match error {
            AgentError::Invalid(diagnostics) => {
                Self::new(Code::InvalidDefinition, detail).diagnostics(diagnostics)
            }
            AgentError::NameMismatch { .. } => Self::new(Code::NameMismatch, detail),
            AgentError::ManagedByFile { .. } => Self::new(Code::ManagedByFile, detail),
            AgentError::BuiltIn(_) | AgentError::NotGranted(_) => Self::new(Code::Forbidden, detail),
            AgentError::Unknown(_) => Self::new(Code::UnknownAgent, detail),
            AgentError::PreconditionFailed { current } => precondition(current, detail),
            AgentError::FileIsGone(_) => Self::new(Code::AgentState, detail),
            AgentError::Key(refusal) => refusal.into(),
            AgentError::Store(error) => error.into(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_store_of_views_says_is_not_told() {
        let problem = Problem::from(ViewError::Unavailable { reason: "/var/lib/secret: I/O error".into() });
        assert_eq!(
            (problem.code(), problem.detail()),
            (Code::ViewUnavailable, "the views are not available")
        );
    }
}
