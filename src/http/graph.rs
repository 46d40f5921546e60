//! `/workflows/{name}/graph`: a workflow as a picture.

use actix_web::http::header;
use actix_web::web::Path;
use actix_web::{HttpRequest, HttpResponse, get, web};
use ghostlight_model::graph_view::{PictureFormat, draw};
use serde::Deserialize;
use utoipa::IntoParams;

use super::problem::{Code, Problem, ProblemBody};
use super::strict;
use super::surface::{Answer, App, sequence};
use super::workflows::{named, version_of};

/// Which version, in which form.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct GraphQuery {
    /// `svg` (the default), `mermaid`, `dot` or `text`.
    #[param(pattern = "^(svg|mermaid|dot|text)$")]
    format: Option<String>,
    /// The version; the latest by default.
    version: Option<u64>,
    /// Answer with what was committed up to this sequence, at least.
    #[param(pattern = "^[0-9]{1,19}$")]
    min_sequence: Option<String>,
}

/// A workflow as a picture: nodes by level and type, edges by kind and condition, the critical path marked.
#[utoipa::path(tag = "workflows", params(GraphQuery), responses(
    (status = 200, description = "The picture", content((String = "image/svg+xml"), (String = "text/plain"), (String = "text/vnd.graphviz"))),
    (status = "default", body = ProblemBody<'static>)))]
#[get("/api/v1/workflows/{name}/graph")]
pub async fn picture(app: App, request: HttpRequest, name: Path<String>) -> Answer {
    let query: GraphQuery = strict::query(request.query_string())?;
    app.journal_is_current(sequence("min_sequence", query.min_sequence.as_deref())?)?;
    let format = match query.format.as_deref() {
        None => PictureFormat::Svg,
        Some(text) => PictureFormat::find(text).ok_or_else(|| {
            let names = PictureFormat::ALL.map(PictureFormat::as_str).join(", ");
            Problem::new(Code::BadQuery, format!("`format` is one of: {names}"))
        })?,
    };
    let version = version_of(&app, &named(&name)?, query.version).await?;
    let workflow = version.compiled.clone().ok_or_else(|| {
        let detail = "this version of Ghostlight does not accept the document any more";
        Problem::new(Code::InvalidDefinition, detail)
    })?;
    // A large one takes a while.
    let drawn = web::block(move || draw(&workflow, format)).await;
    let drawn = drawn.map_err(|error| Problem::internal("a picture", &error))?;
    let mut answer = HttpResponse::Ok();
    let kind = match format {
        PictureFormat::Svg => "image/svg+xml",
        PictureFormat::Dot => "text/vnd.graphviz; charset=utf-8",
        PictureFormat::Mermaid | PictureFormat::Text => "text/plain; charset=utf-8",
    };
    // The picture has its own looks in it, and nothing else.
    let policy = "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'";
    answer
        .insert_header((header::CONTENT_TYPE, kind))
        .insert_header((header::CONTENT_SECURITY_POLICY, policy));
    Ok(answer.body(drawn))
}
