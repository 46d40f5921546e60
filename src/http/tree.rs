//! `/tree`: the supervision tree, to look at and to intervene in. Interventions are audited before they are made.

use actix_web::http::StatusCode;
use actix_web::web::Payload;
use actix_web::{HttpRequest, get, post};
use ghostlight_actors::Caller;
use ghostlight_actors::audit::{Announced, Entry};
use ghostlight_actors::keys::{Begun, Claim};
use ghostlight_actors::tree::SURFACE;
use ghostlight_supervision::{Fault, TreeNode};
use serde::Deserialize;
use utoipa::{IntoParams, ToSchema};

use super::body;
use super::children::SERVER;
use super::headers::Once;
use super::problem::{Code, Problem, ProblemBody};
use super::request::{caller_with, idempotency};
use super::resources::tree::TreeBody;
use super::run_commands::check_reason;
use super::strict;
use super::surface::{Answer, App, json_with, ok, written};

/// Which part of the tree.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct TreeQuery {
    /// The path of its top; all of the tree by default.
    subtree: Option<String>,
}

/// What to intervene in.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct InterveneBody {
    /// The path of an actor or supervisor.
    path: String,
    /// Why: it stands in the audit; at most 4 KiB.
    #[schema(min_length = 1)]
    reason: String,
}

/// What is done to an actor.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum FaultKind {
    /// It panics inside its own code, as a bug would.
    Panic,
    /// It is dropped at its next await, without any hook.
    Kill,
    /// It makes no progress until it is killed, or for 30 s.
    Hang,
}

/// Which fault to make to whom.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ChaosBody {
    /// The path of an actor or supervisor.
    path: String,
    /// `panic`, `kill` or `hang`.
    kind: FaultKind,
    /// Why: it stands in the audit; at most 4 KiB.
    #[schema(min_length = 1)]
    reason: String,
}

/// The supervision tree as it is now.
#[utoipa::path(tag = "tree", params(TreeQuery), responses((status = 200, body = TreeBody),
    (status = "default", body = ProblemBody<'static>)))]
#[get("/api/v1/tree")]
pub async fn show(app: App, request: HttpRequest) -> Answer {
    let query: TreeQuery = strict::query(request.query_string())?;
    let tree = &app.ghostlight.tree;
    let found = match query.subtree.as_deref() {
        None => tree.snapshot(),
        Some(path) => tree.snapshot_of(path),
    };
    ok(&TreeBody::of(&found.ok_or_else(|| unknown(query.subtree.as_deref().unwrap_or_default()))?))
}

/// Stops an actor in its order and starts it again.
#[utoipa::path(tag = "tree", params(Once), request_body = InterveneBody, responses((status = 200, body = TreeBody),
    (status = "default", body = ProblemBody<'static>)))]
#[post("/api/v1/tree/restart")]
pub async fn restart(app: App, request: HttpRequest, payload: Payload) -> Answer {
    intervene(&app, &request, payload, Intervention::Restart).await
}

/// Stops an actor in its order. A permanent one stays away until it is restarted.
#[utoipa::path(tag = "tree", params(Once), request_body = InterveneBody, responses((status = 200, body = TreeBody),
    (status = 204, description = "It was temporary and is gone"), (status = "default", body = ProblemBody<'static>)))]
#[post("/api/v1/tree/stop")]
pub async fn stop(app: App, request: HttpRequest, payload: Payload) -> Answer {
    intervene(&app, &request, payload, Intervention::Stop).await
}

/// Makes an actor panic inside its own code: `/tree/chaos` of the kind `panic`, under an older name.
#[utoipa::path(tag = "tree", params(Once), request_body = InterveneBody, responses((status = 200, body = TreeBody),
    (status = 204, description = "It was temporary and is gone"), (status = "default", body = ProblemBody<'static>)))]
#[post("/api/v1/tree/panic")]
pub async fn panic(app: App, request: HttpRequest, payload: Payload) -> Answer {
    refuse_unless_switched_on(&app)?;
    intervene(&app, &request, payload, Intervention::Fault(Fault::Panic)).await
}

/// Makes an actor panic, kills it or lets it hang, to show that the tree stands it. Answers only where `chaos.enabled` is
/// switched on and the daemon listens on loopback without a proxy; else there is no such path.
#[utoipa::path(tag = "tree", params(Once), request_body = ChaosBody, responses((status = 200, body = TreeBody),
    (status = 204, description = "It was temporary and is gone"), (status = "default", body = ProblemBody<'static>)))]
#[post("/api/v1/tree/chaos")]
pub async fn chaos(app: App, request: HttpRequest, payload: Payload) -> Answer {
    refuse_unless_switched_on(&app)?;
    let (body, bytes): (ChaosBody, _) = body::json(&request, payload, app.settings.body_bytes_max).await?;
    let ChaosBody { path, kind, reason } = body;
    let fault = match kind {
        FaultKind::Panic => Fault::Panic,
        FaultKind::Kill => Fault::Kill,
        FaultKind::Hang => Fault::Hang,
    };
    made(&app, &request, InterveneBody { path, reason }, &bytes, Intervention::Fault(fault)).await
}

fn refuse_unless_switched_on(app: &App) -> Result<(), Problem> {
    if app.settings.chaos {
        return Ok(());
    }
    Err(Problem::new(Code::NotFound, "faults on demand are not switched on"))
}

#[derive(Debug, Clone, Copy)]
enum Intervention {
    Restart,
    Stop,
    Fault(Fault),
}

impl Intervention {
    fn action(self) -> &'static str {
        match self {
            Self::Restart => "tree.restart",
            Self::Stop => "tree.stop",
            Self::Fault(Fault::Panic) => "tree.panic",
            Self::Fault(Fault::Kill) => "tree.kill",
            Self::Fault(Fault::Hang) => "tree.hang",
        }
    }

    /// Whether it may be made there.
    fn check(self, node: &TreeNode) -> Result<(), Problem> {
        match self {
            // A server that hangs could be asked for nothing any more.
            Self::Restart | Self::Stop | Self::Fault(Fault::Hang) => refuse_own_ground(node),
            // A crash is another matter: its supervisor answers that.
            Self::Fault(Fault::Panic | Fault::Kill) => Ok(()),
        }
    }

    async fn make(self, app: &App, path: &str) -> Result<(), Problem> {
        match self {
            Self::Restart => Ok(app.ghostlight.tree.restart(path).await.map(drop)?),
            Self::Stop => Ok(app.ghostlight.tree.stop(path).await?),
            Self::Fault(fault) => {
                app.ghostlight.tree.inject(path, fault)?;
                app.metrics.struck(fault);
                Ok(())
            }
        }
    }
}

async fn intervene(app: &App, request: &HttpRequest, payload: Payload, what: Intervention) -> Answer {
    let (body, bytes): (InterveneBody, _) = body::json(request, payload, app.settings.body_bytes_max).await?;
    made(app, request, body, &bytes, what).await
}

/// Makes an intervention, and shows what is there after it. Under a key it is made once, and a repeated request is shown what
/// is there by then.
async fn made(
    app: &App,
    request: &HttpRequest,
    body: InterveneBody,
    bytes: &[u8],
    what: Intervention,
) -> Answer {
    if body.reason.trim().is_empty() {
        return Err(Problem::new(Code::InvalidValue, "`reason` says why, and must not be empty"));
    }
    check_reason(&body.reason)?;
    let key = idempotency(request, bytes)?;
    let claim = match app.ghostlight.keys.begin(key.as_ref()).await?? {
        Begun::First(claim) => claim,
        Begun::Again(holding) => {
            let sequence = app.ghostlight.audit.announced_before(holding).await?;
            return after(app, &body.path, sequence);
        }
    };
    let is_root = body.path.trim_matches('/').is_empty();
    let found = app.ghostlight.tree.snapshot_of(&body.path).filter(|_| !is_root);
    what.check(&found.ok_or_else(|| unknown(&body.path))?)?;
    let path = body.path.clone();
    // A client that goes away ends its request: what was announced is made all the same.
    let made =
        actix_web::rt::spawn(announce_and_make(app.clone(), what, body, claim, caller_with(request, bytes)?));
    let sequence = made.await.map_err(|error| Problem::internal("an intervention", &error))??;
    after(app, &path, sequence)
}

/// Announces an intervention in the audit, where its key is taken, and makes it. Answers the sequence of the announcement.
async fn announce_and_make(
    app: App,
    what: Intervention,
    body: InterveneBody,
    claim: Option<Claim>,
    caller: Caller,
) -> Result<u64, Problem> {
    let entry = Entry { action: what.action(), object: &body.path, allowed: true, reason: &body.reason };
    let sequence = match app.ghostlight.audit.announce(entry, claim.clone(), &caller).await?? {
        Announced::Now(sequence) => sequence,
        Announced::Before(sequence) => return Ok(sequence),
    };
    if let Err(refusal) = what.make(&app, &body.path).await {
        // What was not made may be asked for again under its key.
        if let Some(claim) = &claim
            && let Err(error) = app.ghostlight.keys.release(claim, &caller).await
        {
            tracing::warn!(%error, "the key of an intervention that failed stays taken");
        }
        // The audit says beside what was asked for that it did not come to it, and why.
        let refused = Entry { allowed: false, reason: refusal.detail(), ..entry };
        if let Err(error) = app.ghostlight.audit.record(refused, &caller).await {
            tracing::warn!(%error, "an intervention that was not made stays in the audit as asked for alone");
        }
        return Err(refusal);
    }
    Ok(sequence)
}

/// The server stops when what it is answering is done, and that would wait for the server; and once it is stopped, nobody
/// is left who could be asked to start it.
fn refuse_own_ground(node: &TreeNode) -> Result<(), Problem> {
    if node.path == SURFACE || node.path == format!("{SURFACE}/{SERVER}") {
        let detail = format!("`{}` carries this very request and is stopped with the daemon only", node.path);
        return Err(Problem::new(Code::ActorState, detail));
    }
    Ok(())
}

fn after(app: &App, path: &str, sequence: u64) -> Answer {
    Ok(match app.ghostlight.tree.snapshot_of(path) {
        Some(node) => json_with(&mut written(StatusCode::OK, sequence), &TreeBody::of(&node)),
        None => written(StatusCode::NO_CONTENT, sequence).finish(),
    })
}

fn unknown(path: &str) -> Problem {
    let shown: String = path.chars().take(200).collect();
    Problem::new(Code::UnknownActor, format!("there is nothing at `{shown}`"))
}
