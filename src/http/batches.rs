//! `/batches`: the same asked of many runs.

use actix_web::http::StatusCode;
use actix_web::web::Payload;
use actix_web::{HttpRequest, post};
use ghostlight_actors::batches::{Action, BatchError, Which};
use ghostlight_actors::runs::RetryRun;
use ghostlight_actors::views::{RunFilter, ViewKind};
use jiff::Timestamp;
use serde::Deserialize;
use serde_json::Value;
use utoipa::ToSchema;

use super::body;
use super::headers::Once;
use super::problem::{Code, Problem, ProblemBody};
use super::request::{caller_with, idempotency};
use super::resources::batch::BatchBody;
use super::run_commands::check_reason;
use super::run_filters::Words;
use super::runs::run_id;
use super::strict;
use super::surface::{Answer, App, json_with, ok, written};

/// What is asked of many runs: of all that fit a filter, or of those that are named.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = BatchRequest)]
pub struct AskBody {
    /// What is asked of each.
    action: ActionWord,
    /// Of these runs: 1,000 at most.
    #[serde(default, deserialize_with = "strict::object")]
    filter: Option<FilterBody>,
    /// Of those with these ids: 1,000 at most.
    #[serde(default)]
    ids: Option<Vec<String>>,
    /// Does nothing, and answers with what would become of each.
    #[serde(default)]
    dry_run: bool,
    /// Of a retry: the input of each run from now on.
    #[serde(default)]
    input: Option<Value>,
    /// Of a retry: the version of its own workflow that each run goes on with.
    #[serde(default)]
    version: Option<u64>,
    /// Of a retry: calls writes again that may have happened.
    #[serde(default)]
    acknowledge_writes: bool,
    /// Of a cancel or a pause: why, for people; at most 4 KiB.
    #[serde(default)]
    reason: Option<String>,
    /// Of a cancel: without making good what was done.
    #[serde(default)]
    kill: bool,
}

/// What can be asked of many runs.
#[derive(Debug, Clone, Copy, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum ActionWord {
    /// Open a failed run again.
    Retry,
    /// End a run.
    Cancel,
    /// Start nothing new in a run; what is at work goes on.
    Pause,
    /// Let a paused run go on.
    Resume,
}

impl ActionWord {
    fn as_str(self) -> &'static str {
        match self {
            Self::Retry => "retry",
            Self::Cancel => "cancel",
            Self::Pause => "pause",
            Self::Resume => "resume",
        }
    }
}

/// Which runs; in the words of the list of runs. At least one of them.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = BatchFilter)]
pub struct FilterBody {
    /// Of this status, or of one of several with commas between them.
    #[serde(default)]
    status: Option<String>,
    /// Of this workflow.
    #[serde(default)]
    workflow: Option<String>,
    /// With these labels: `key=value`, several with commas between them.
    #[serde(default)]
    label: Option<String>,
    /// With a step that waits for this, or for one of several: `approval`, `reconcile`, `signal`, `child`, `time`.
    #[serde(default)]
    waits_for: Option<String>,
    /// Paused for this reason, or for one of several: `operator`, `budget`, `credential`, `quarantined`, `storage`,
    /// `validation`.
    #[serde(default)]
    reason: Option<String>,
    /// Started by a step of this run.
    #[serde(default)]
    parent: Option<String>,
    /// Whose id begins so.
    #[serde(default)]
    q: Option<String>,
    /// Created at this time or later.
    #[serde(default)]
    #[schema(value_type = Option<String>, format = DateTime)]
    since: Option<Timestamp>,
    /// Created before this time.
    #[serde(default)]
    #[schema(value_type = Option<String>, format = DateTime)]
    until: Option<Timestamp>,
}

impl AskBody {
    fn action(&self) -> Result<Action, Problem> {
        // Whatever the runs are: of each alone it would be an unknown version.
        if self.version.is_some_and(|version| i64::try_from(version).is_err()) {
            return Err(Problem::new(Code::InvalidValue, "`version` is a version of a workflow"));
        }
        let word = self.action.as_str();
        let foreign = |field: &str| {
            let detail = format!("`{field}` is nothing that a {word} takes");
            Problem::new(Code::InvalidValue, detail)
        };
        for (field, is_given, is_taken) in [
            ("input", self.input.is_some(), matches!(self.action, ActionWord::Retry)),
            ("version", self.version.is_some(), matches!(self.action, ActionWord::Retry)),
            ("acknowledge_writes", self.acknowledge_writes, matches!(self.action, ActionWord::Retry)),
            ("reason", self.reason.is_some(), matches!(self.action, ActionWord::Cancel | ActionWord::Pause)),
            ("kill", self.kill, matches!(self.action, ActionWord::Cancel)),
        ] {
            if is_given && !is_taken {
                return Err(foreign(field));
            }
        }
        let reason = self.reason.clone().unwrap_or_default();
        check_reason(&reason)?;
        Ok(match self.action {
            ActionWord::Retry => Action::Retry(RetryRun {
                version: self.version,
                input: self.input.clone(),
                acknowledge_writes: self.acknowledge_writes,
            }),
            ActionWord::Cancel => Action::Cancel { reason, kill: self.kill },
            ActionWord::Pause => Action::Pause { reason },
            ActionWord::Resume => Action::Resume,
        })
    }

    fn which(&self) -> Result<Which, Problem> {
        match (&self.filter, &self.ids) {
            (Some(filter), None) => Ok(Which::Filter(Box::new(filter.read()?))),
            (None, Some(ids)) => ids.iter().map(|id| run_id(id)).collect::<Result<_, _>>().map(Which::Ids),
            (None, None) | (Some(_), Some(_)) => {
                Err(Problem::new(Code::InvalidValue, "a batch has either a `filter` or `ids`"))
            }
        }
    }
}

impl FilterBody {
    fn read(&self) -> Result<RunFilter, Problem> {
        let words = Words {
            status: self.status.as_deref(),
            workflow: self.workflow.as_deref(),
            label: self.label.as_deref(),
            waits_for: self.waits_for.as_deref(),
            reason: self.reason.as_deref(),
            parent: self.parent.as_deref(),
            q: self.q.as_deref(),
            since: self.since,
            until: self.until,
        };
        words.read().map_err(|refused| Problem::new(Code::InvalidValue, refused.detail()))
    }
}

/// Asks the same of many runs. Each decides for itself, and the answer says of each what became of it; it is 200 when some of
/// them, or all, refused. With `Idempotency-Key` the same runs are asked once, whatever the filter would find later.
#[utoipa::path(tag = "runs", params(Once), request_body = AskBody, responses((status = 200, body = BatchBody),
    (status = "default", body = ProblemBody<'static>)))]
#[post("/api/v1/batches")]
pub async fn ask(app: App, request: HttpRequest, payload: Payload) -> Answer {
    strict::no_query(request.query_string())?;
    let (body, bytes): (AskBody, _) = body::json(&request, payload, app.settings.body_bytes_max).await?;
    let (action, which, dry_run) = (body.action()?, body.which()?, body.dry_run);
    if matches!(which, Which::Filter(_)) {
        app.view_is_current(ViewKind::Runs, None).await?;
    }
    let word = action.as_str();
    if dry_run {
        let done = app.ghostlight.batches.preview(&action, which).await?;
        return ok(&BatchBody::of(word, dry_run, done));
    }
    let (key, caller) = (idempotency(&request, &bytes)?, caller_with(&request, &bytes)?);
    let batches = app.ghostlight.batches.clone();
    // A client that goes away ends its request: what was recorded is asked all the same.
    let asked = actix_web::rt::spawn(async move { batches.ask(&action, which, key, &caller).await });
    let done = asked.await.map_err(|error| Problem::internal("a batch", &error))??;
    let sequence = done.sequence;
    Ok(json_with(&mut written(StatusCode::OK, sequence), &BatchBody::of(word, dry_run, done)))
}

impl From<BatchError> for Problem {
    fn from(error: BatchError) -> Self {
        let detail = error.to_string();
        match error {
            BatchError::TooManyRuns | BatchError::TooManyRows => Self::new(Code::BatchTooLarge, detail),
            BatchError::Everything => Self::new(Code::EmptyFilter, detail),
            BatchError::View(error) => error.into(),
            BatchError::Key(refusal) => refusal.into(),
            BatchError::Store(error) => error.into(),
        }
    }
}
