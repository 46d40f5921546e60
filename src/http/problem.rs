//! What an answer that refuses looks like: RFC 9457 problem details with a stable code.
//!
//! Every code, its status and a line of help stand in one table, [`Code`]; clients match on the code, people read the
//! detail, `ghostlight explain CODE` prints the help. A problem never carries secrets, paths of this machine or the text of
//! an internal error: those go to the log.

use std::fmt;
use std::time::Duration;

use actix_web::http::{StatusCode, header};
use actix_web::{HttpResponse, ResponseError};
use ghostlight_model::diagnostic::Diagnostic;
use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;

/// The media type of a problem.
pub const MEDIA_TYPE: &str = "application/problem+json";

macro_rules! codes {
    ($($variant:ident $name:literal $status:literal $title:literal $help:literal;)*) => {
        /// What went wrong, as programs know it. A code never changes its meaning.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub enum Code {
            $(#[doc = $help] $variant,)*
        }

        impl Code {
            /// All codes.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)*];

            /// The code as it stands in answers.
            #[must_use]
            pub fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $name,)* }
            }

            /// The number of its HTTP status.
            #[must_use]
            pub fn status_number(self) -> u16 {
                match self { $(Self::$variant => $status,)* }
            }

            /// The same for every occurrence of the code.
            #[must_use]
            pub fn title(self) -> &'static str {
                match self { $(Self::$variant => $title,)* }
            }

            /// What to do about it.
            #[must_use]
            pub fn help(self) -> &'static str {
                match self { $(Self::$variant => $help,)* }
            }
        }
    };
}

codes! {
    // The request itself.
    BadRequest "bad_request" 400 "The request cannot be read" "Look at the detail; the request was not understood and nothing was done.";
    BadJson "bad_json" 400 "The body is not the JSON that is expected" "The detail names the line and column, or the field whose value does not fit.";
    UnknownField "unknown_field" 400 "The body has a field that nobody knows" "Fields are never ignored silently; the detail names the nearest known one.";
    BadQuery "bad_query" 400 "A query parameter cannot be used" "The detail names the parameter; unknown ones are refused with the nearest known one.";
    BadPath "bad_path" 400 "A part of the path has the wrong shape" "Ids of runs and approvals are UUIDs; names are lowercase words.";
    BadHeader "bad_header" 400 "A header cannot be used" "The detail names the header and what it may hold.";
    BadCursor "bad_cursor" 400 "The cursor cannot be continued" "Use `next_cursor` as it was given, with the same filter, or begin without a cursor.";
    UnexpectedBody "unexpected_body" 400 "This request takes no body" "Send the request without a body.";
    Unauthenticated "unauthenticated" 401 "A token is needed" "Send `Authorization: Bearer glt_…`; `ghostlight token create` makes one.";
    ForeignHost "foreign_host" 403 "The Host header names somebody else" "Without a name in `server.allowed_hosts` only loopback names reach this address, so that no web page can.";
    ForeignOrigin "foreign_origin" 403 "The request comes from another site" "Browsers may use this API from its own pages only.";
    CsrfRefused "csrf_refused" 403 "Nothing shows that the request comes from the dashboard" "A cookie changes nothing without the header `Ghostlight-CSRF`, which holds the `csrf` of `GET /api/v1/session`, and an `Origin` or `Sec-Fetch-Site` of our own; a WebSocket needs the `Origin`. Programs send `Authorization: Bearer glt_…` and need none of it.";
    Forbidden "forbidden" 403 "This is not allowed" "The detail says which setting or right is missing.";
    NotFound "not_found" 404 "There is nothing at this address" "The addresses are listed in /api/v1/openapi.json and readable at /api/docs.";
    NamespaceReserved "namespace_reserved" 404 "Namespaces are not in use yet" "Leave out `/ns/{namespace}`: the short path means the namespace `default`.";
    UnknownWorkflow "unknown_workflow" 404 "There is no such workflow" "`GET /api/v1/workflows` lists those that there are.";
    UnknownVersion "unknown_version" 404 "The workflow has no such version" "`GET /api/v1/workflows/{name}/versions` lists those that there are.";
    UnknownTemplate "unknown_template" 404 "There is no such template" "`GET /api/v1/templates` lists those that there are.";
    UnknownRun "unknown_run" 404 "There is no such run" "`GET /api/v1/runs` lists those that there are.";
    UnknownStep "unknown_step" 404 "The run has no such step" "`GET /api/v1/runs/{id}/steps` lists those that there are.";
    UnknownSignal "unknown_signal" 404 "No step of the run's workflow waits for such a signal" "The `wait` nodes of its workflow name the signals that they take.";
    PlanEdit "plan_edit_refused" 409 "The plan of the run cannot be changed like that" "`violations` names what has begun or holds for the whole run; change what comes after it.";
    WritesMayRepeat "writes_may_repeat" 409 "Writes that may have happened would be made again" "`state` names them. `dry_run: true` lists all that a retry would do; `acknowledge_writes: true` makes them again.";
    TooManySignals "too_many_signals" 429 "Too many signals of the run wait to be taken" "They are taken as its steps come to wait for them; send fewer, or cancel the run.";
    UnknownApproval "unknown_approval" 404 "There is no such approval" "`GET /api/v1/approvals` lists those that there are.";
    UnknownAgent "unknown_agent" 404 "There is no such agent" "`GET /api/v1/agents` lists those that there are.";
    UnknownToken "unknown_token" 404 "There is no such token" "`GET /api/v1/tokens` lists those that there are.";
    UnknownActor "unknown_actor" 404 "There is nothing at this place of the tree" "`GET /api/v1/tree` shows the tree; actors come and go.";
    MethodNotAllowed "method_not_allowed" 405 "This address does not take the method" "The `Allow` header lists the methods that it takes.";
    BodyTooSlow "body_too_slow" 408 "The body did not arrive in time" "Bodies have a deadline and a minimum rate; send it again over a better connection.";
    RunState "run_state" 409 "The run's state does not allow it" "`state` says where the run stands.";
    StepState "step_state" 409 "The step's state does not allow it" "`state` says where the step stands.";
    AlreadyDecided "already_decided" 409 "The question was answered before" "`state` holds the first decision; it stands.";
    KeyInProgress "key_in_progress" 409 "A request with this key is being answered" "Wait for it, or ask again with the same key: you get its result.";
    WorkflowDeleted "workflow_deleted" 409 "The workflow is deleted" "`POST /api/v1/workflows/{name}/restore` brings it back.";
    WorkflowExists "workflow_exists" 409 "There is a workflow of this name" "Use PUT for a new version.";
    TemplateDeleted "template_deleted" 409 "The template is deleted" "`POST /api/v1/templates/{name}/restore` brings it back.";
    TemplateExists "template_exists" 409 "There is a template of this name" "Use PUT for a new version.";
    BuiltInTemplate "built_in_template" 409 "The template is part of the program" "Save it under another name; the built-in one stays as it is.";
    ManagedByFile "managed_by_file" 409 "A file of the operator defines it" "Change the file, then `ghostlight agents reload`.";
    AgentState "agent_state" 409 "The agent's state does not allow it" "The detail says why.";
    ActorState "actor_state" 409 "The actor's state does not allow it" "Temporary actors cannot be restarted; what is not running, or carries the request, cannot be stopped.";
    TooManyTokens "too_many_tokens" 409 "There are as many tokens as there may be" "Revoke some.";
    RunArchived "run_archived" 410 "The run was archived" "`state` says since when, and in which file of the folder of archives it is, if in any; `ghostlight store import FILE` makes a store of such a file.";
    PreconditionFailed "precondition_failed" 412 "It has changed since it was read" "Read it again; the `ETag` of the current version is in `state`.";
    BodyTooLarge "body_too_large" 413 "The body is too large" "The limits are configurable: `server.definition_bytes_max` and `server.body_bytes_max`.";
    UnsupportedMediaType "unsupported_media_type" 415 "The body's media type is not taken here" "Definitions are `application/yaml` or `application/json`, everything else `application/json`.";
    InvalidDefinition "invalid_definition" 422 "The definition has errors" "`diagnostics` lists all of them with their places; `ghostlight explain GL…` explains a code.";
    InvalidInput "invalid_input" 422 "A value does not fit its schema" "`violations` lists what does not fit, with JSON pointers.";
    InvalidValue "invalid_value" 422 "A value is not allowed" "The detail names the value and what is allowed.";
    NameMismatch "name_mismatch" 422 "The definition has another name than the address" "Use the same name in both, or POST without a name in the address.";
    InvalidBundle "invalid_bundle" 422 "The bundle cannot be used" "The detail says what is wrong; `ghostlight workflows export` makes a bundle.";
    ImportRefused "import_refused" 422 "The bundle was not imported" "`state` tells what is to become of each definition and why some are refused; nothing was imported.";
    EmptyFilter "empty_filter" 422 "The filter leaves out nothing" "Say which runs are meant: `status`, `workflow`, `label`, `since`, `until`, or `ids`.";
    BatchTooLarge "batch_too_large" 422 "The batch has too many runs" "Nothing was done. Narrow the filter, by `since` and `until` for example, and ask several times.";
    SelectionFailed "selection_failed" 422 "The selectors lead to no workflow" "A start with `dry_run: true` says which rules matched.";
    NotSupportedYet "not_supported_yet" 422 "This is not supported yet" "The field or verb is part of the API, but this version does not build it; it is never ignored silently.";
    KeyReused "key_reused" 422 "This idempotency key was used for another request" "Use a fresh key for each request; the same key repeats the same request only.";
    TooManyLogins "too_many_logins" 429 "Too many refused tokens from this address" "Wait for `Retry-After`, and use a token that is accepted.";
    Internal "internal" 500 "Something is broken on our side" "The log has the details under the request id; nothing about them is told here.";
    StoreDamaged "store_damaged" 500 "A record of the store does not verify" "`ghostlight store verify` says where; other runs are not concerned.";
    StorageFull "storage_full" 503 "There is too little room on the disk" "Nothing was written. Make room on the disk of the data folder; work is taken again by itself. `/readyz?verbose` says how much there is, `data.refuse_below_free` how much there has to be.";
    StoreBusy "store_busy" 503 "Too much is being written" "Ask again after `Retry-After`.";
    StoreUnavailable "store_unavailable" 503 "The store takes nothing at this moment" "Ask again after `Retry-After`; the log says why.";
    OutcomeUnknown "outcome_unknown" 503 "Nobody knows whether it was written" "Ask again with the same Idempotency-Key: it is done once.";
    RunNotCarried "run_not_carried" 503 "The run cannot be carried at this moment" "Ask again after `Retry-After`; a run whose actors keep crashing is set aside.";
    NotAdmitted "not_admitted" 503 "No new runs are taken at this moment" "Ask again after `Retry-After`.";
    ViewBehind "view_behind" 503 "The list has not seen the latest writes yet" "Ask again after `Retry-After`.";
    ViewUnavailable "view_unavailable" 503 "The list is not available" "It is being opened or rebuilt; runs go on, and single runs can be read.";
    TooManyFeeds "too_many_feeds" 503 "There are as many feeds as there may be" "Ask again after `Retry-After`, or raise `server.feeds_max`.";
    Closing "closing" 503 "The daemon is going down" "Ask again when it is back.";
    NotReady "not_ready" 503 "The daemon is not ready" "`/readyz?verbose` says what it waits for.";
}

impl Code {
    /// Its HTTP status.
    #[must_use]
    pub fn status(self) -> StatusCode {
        // The table holds valid numbers only, which a test proves.
        StatusCode::from_u16(self.status_number()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
    }

    /// The code of that name.
    #[must_use]
    pub fn find(name: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|code| code.as_str() == name)
    }
}

/// A value that does not fit its schema, and where.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct Violation {
    /// JSON pointer into the value.
    pub path: String,
    /// What is wrong.
    pub message: String,
}

/// One refusal, ready to be answered.
#[derive(Debug, Clone)]
pub struct Problem(Box<Details>);

#[derive(Debug, Clone)]
struct Details {
    code: Code,
    detail: String,
    instance: Option<String>,
    diagnostics: Vec<Diagnostic>,
    violations: Vec<Violation>,
    state: Option<Value>,
    retry_after: Option<Duration>,
    allow: Option<String>,
    close: bool,
}

/// A problem as it stands in an answer.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Problem)]
pub struct ProblemBody<'a> {
    /// `/problems/{code}`.
    #[serde(rename = "type")]
    pub kind: String,
    /// The same for every occurrence of the code.
    pub title: &'a str,
    /// The HTTP status.
    pub status: u16,
    /// What happened this time.
    pub detail: &'a str,
    /// The stable word for programs.
    pub code: &'a str,
    /// What to do about it.
    pub help: &'a str,
    /// The address or object in question.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub instance: Option<&'a str>,
    /// What is wrong with a document.
    #[serde(skip_serializing_if = "<[Diagnostic]>::is_empty")]
    #[schema(value_type = Vec<Object>)]
    pub diagnostics: &'a [Diagnostic],
    /// What does not fit a schema.
    #[serde(skip_serializing_if = "<[Violation]>::is_empty")]
    pub violations: &'a [Violation],
    /// Where the thing stands that refused, on 409 and 412.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub state: Option<&'a Value>,
}

/// What a 503 asks to wait when nobody knows better.
const RETRY_AFTER_DEFAULT: Duration = Duration::from_secs(1);

impl Problem {
    /// A problem of this code with a sentence about this occurrence.
    #[must_use]
    pub fn new(code: Code, detail: impl Into<String>) -> Self {
        Self(Box::new(Details {
            code,
            detail: detail.into(),
            instance: None,
            diagnostics: Vec::new(),
            violations: Vec::new(),
            state: None,
            retry_after: matches!(code.status_number(), 429 | 503).then_some(RETRY_AFTER_DEFAULT),
            allow: None,
            close: false,
        }))
    }

    /// Our own fault: the cause is logged here, and nothing of it is told.
    #[must_use]
    pub fn internal(what: &'static str, error: &dyn fmt::Display) -> Self {
        tracing::error!(%error, what, "a request failed for a reason of our own");
        Self::new(Code::Internal, "the request failed for a reason that is not yours")
    }

    /// Its code.
    #[must_use]
    pub fn code(&self) -> Code {
        self.0.code
    }

    /// The sentence about this occurrence.
    #[must_use]
    pub fn detail(&self) -> &str {
        &self.0.detail
    }

    /// What does not fit a schema.
    #[must_use]
    pub fn violations_of(&self) -> &[Violation] {
        &self.0.violations
    }

    /// Where the thing stands that refused.
    #[must_use]
    pub fn state_of(&self) -> Option<&Value> {
        self.0.state.as_ref()
    }

    /// With the address or object in question.
    #[must_use]
    pub fn instance(mut self, instance: impl Into<String>) -> Self {
        self.0.instance = Some(instance.into());
        self
    }

    /// With what is wrong with a document.
    #[must_use]
    pub fn diagnostics(mut self, diagnostics: Vec<Diagnostic>) -> Self {
        self.0.diagnostics = diagnostics;
        self
    }

    /// The same, whose diagnostics are placed by JSON pointers alone: nobody has the text that lines and columns would count.
    #[must_use]
    pub fn without_places(mut self) -> Self {
        for diagnostic in &mut self.0.diagnostics {
            (diagnostic.line, diagnostic.column) = (0, 0);
            (diagnostic.end_line, diagnostic.end_column) = (0, 0);
        }
        self
    }

    /// With what does not fit a schema.
    #[must_use]
    pub fn violations(mut self, violations: Vec<Violation>) -> Self {
        self.0.violations = violations;
        self
    }

    /// With where the thing stands that refused.
    #[must_use]
    pub fn state(mut self, state: Value) -> Self {
        self.0.state = Some(state);
        self
    }

    /// With when to ask again.
    #[must_use]
    pub fn retry_after(mut self, wait: Duration) -> Self {
        self.0.retry_after = Some(wait);
        self
    }

    /// With the methods that are taken.
    #[must_use]
    pub fn allow(mut self, methods: String) -> Self {
        self.0.allow = Some(methods);
        self
    }

    /// With the connection closed behind it: the rest of the request is not read.
    #[must_use]
    pub fn closing(mut self) -> Self {
        self.0.close = true;
        self
    }

    fn body(&self) -> ProblemBody<'_> {
        let Details { code, detail, instance, diagnostics, violations, state, .. } = &*self.0;
        ProblemBody {
            kind: format!("/problems/{}", code.as_str()),
            title: code.title(),
            status: code.status_number(),
            detail,
            code: code.as_str(),
            help: code.help(),
            instance: instance.as_deref(),
            diagnostics,
            violations,
            state: state.as_ref(),
        }
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.0.code.as_str(), self.0.detail)
    }
}

impl std::error::Error for Problem {}

impl ResponseError for Problem {
    fn status_code(&self) -> StatusCode {
        self.0.code.status()
    }

    fn error_response(&self) -> HttpResponse {
        let mut response = HttpResponse::build(self.status_code());
        response.insert_header((header::CONTENT_TYPE, MEDIA_TYPE));
        if let Some(wait) = self.0.retry_after {
            let seconds = wait.as_secs() + u64::from(wait.subsec_nanos() > 0);
            response.insert_header((header::RETRY_AFTER, seconds.max(1).to_string()));
        }
        if let Some(methods) = &self.0.allow {
            response.insert_header((header::ALLOW, methods.as_str()));
        }
        if self.0.code == Code::Unauthenticated {
            response.insert_header((header::WWW_AUTHENTICATE, "Bearer realm=\"ghostlight\""));
        }
        if self.0.close {
            response.force_close();
        }
        // Maps of JSON values have text keys only, so this cannot fail; an empty body would still carry the status.
        response.body(serde_json::to_vec(&self.body()).unwrap_or_default())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_unique_snake_case_words_with_valid_statuses_and_help() {
        let mut names: Vec<_> = Code::ALL.iter().map(|code| code.as_str()).collect();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), Code::ALL.len());
        for code in Code::ALL {
            assert!(code.as_str().bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_'));
            assert_eq!(code.status().as_u16(), code.status_number());
            assert!((400..=599).contains(&code.status_number()));
            assert!(code.help().ends_with('.'), "{}", code.as_str());
            assert_eq!(Code::find(code.as_str()), Some(*code));
        }
    }

    #[test]
    fn whoever_should_ask_again_is_told_when() {
        for code in Code::ALL {
            let response = Problem::new(*code, "x").error_response();
            let tells = response.headers().contains_key(header::RETRY_AFTER);
            assert_eq!(tells, matches!(code.status_number(), 429 | 503), "{}", code.as_str());
        }
        let later = Problem::new(Code::TooManyLogins, "x").retry_after(Duration::from_millis(1500));
        assert_eq!(later.error_response().headers().get(header::RETRY_AFTER).unwrap(), "2");
    }

    #[test]
    fn a_problem_is_problem_json_with_type_title_status_detail_and_code() {
        let problem = Problem::new(Code::RunState, "the run is completed")
            .state(serde_json::json!({"status": "completed"}));
        assert_eq!(problem.error_response().headers().get(header::CONTENT_TYPE).unwrap(), MEDIA_TYPE);
        let body = serde_json::to_value(problem.body()).unwrap();
        assert_eq!(body["type"], "/problems/run_state");
        assert_eq!(body["status"], 409);
        assert_eq!(body["code"], "run_state");
        assert_eq!(body["state"]["status"], "completed");
        assert!(body.get("diagnostics").is_none());
    }

    #[test]
    fn who_needs_a_token_is_told_how_to_send_it() {
        let response = Problem::new(Code::Unauthenticated, "x").error_response();
        assert!(response.headers().contains_key(header::WWW_AUTHENTICATE));
    }
}
