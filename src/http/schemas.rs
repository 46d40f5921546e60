//! The JSON Schemas of workflow and agent files, for editors.

use std::sync::LazyLock;

use actix_web::http::header;
use actix_web::{HttpResponse, get};
use ghostlight_model::language::file_schema;

/// The JSON Schema (2020-12) of workflow files.
#[utoipa::path(tag = "documents", responses((status = 200, body = Object, content_type = "application/schema+json")))]
#[get("/api/v1/schemas/workflow.json")]
pub async fn workflow() -> HttpResponse {
    static TEXT: LazyLock<String> = LazyLock::new(|| file_schema::text(&file_schema::workflow()));
    schema(&TEXT)
}

/// The JSON Schema (2020-12) of agent files.
#[utoipa::path(tag = "documents", responses((status = 200, body = Object, content_type = "application/schema+json")))]
#[get("/api/v1/schemas/agent.json")]
pub async fn agent() -> HttpResponse {
    static TEXT: LazyLock<String> = LazyLock::new(|| file_schema::text(&file_schema::agent()));
    schema(&TEXT)
}

fn schema(text: &'static str) -> HttpResponse {
    HttpResponse::Ok().insert_header((header::CONTENT_TYPE, "application/schema+json")).body(text)
}
