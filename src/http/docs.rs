//! This API, for programs and for people.

use std::fmt::Write;
use std::sync::LazyLock;

use actix_web::http::StatusCode;
use actix_web::http::header;
use actix_web::web::Path;
use actix_web::{HttpResponse, get};
use ghostlight_model::diagnostic::Code as DiagnosticCode;
use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;

use super::problem::{Code, Problem, ProblemBody};
use super::routes;
use super::surface::{Answer, json, ok};

/// This API as an OpenAPI 3.1 document.
#[utoipa::path(tag = "documents", responses((status = 200, body = Object)))]
#[get("/api/v1/openapi.json")]
pub async fn openapi() -> HttpResponse {
    json(StatusCode::OK, &routes::openapi())
}

/// This API as a page to read. It loads nothing from anywhere.
#[utoipa::path(tag = "documents", responses((status = 200, body = String, content_type = "text/html")))]
#[get("/api/docs")]
pub async fn readable() -> HttpResponse {
    static PAGE: LazyLock<String> = LazyLock::new(|| {
        // The document is made of maps with text keys, which always serialise.
        render(&serde_json::to_value(routes::openapi()).unwrap_or_default())
    });
    // The one style sheet is ours: nothing else is loaded, and nothing is run.
    let policy =
        "default-src 'none'; style-src 'self'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'";
    HttpResponse::Ok()
        .insert_header((header::CONTENT_TYPE, "text/html; charset=utf-8"))
        .insert_header((header::CONTENT_SECURITY_POLICY, policy))
        .body(PAGE.as_str())
}

/// The looks of the page.
#[utoipa::path(tag = "documents", responses((status = 200, body = String, content_type = "text/css")))]
#[get("/api/docs.css")]
pub async fn style() -> HttpResponse {
    HttpResponse::Ok().insert_header((header::CONTENT_TYPE, "text/css; charset=utf-8")).body(STYLE)
}

/// What a code means.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = ProblemType)]
pub struct ProblemTypeBody {
    /// The code.
    pub code: &'static str,
    /// The HTTP status it comes with.
    pub status: u16,
    /// The same for every occurrence.
    pub title: &'static str,
    /// What to do about it.
    pub help: &'static str,
}

/// What a code of a problem means: where the `type` of a problem leads.
#[utoipa::path(tag = "documents", responses((status = 200, body = ProblemTypeBody), (status = "default", body = ProblemBody<'static>)))]
#[get("/problems/{code}")]
pub async fn problem(code: Path<String>) -> Answer {
    let found = Code::find(&code).ok_or_else(|| Problem::new(Code::NotFound, "there is no such code"))?;
    let (status, title, help) = (found.status_number(), found.title(), found.help());
    ok(&ProblemTypeBody { code: found.as_str(), status, title, help })
}

/// What a code of a diagnostic means: an example that gives it, why it is refused, and the example mended.
#[utoipa::path(tag = "documents", responses((status = 200, body = String, content_type = "text/markdown"),
    (status = "default", body = ProblemBody<'static>)))]
#[get("/api/docs/diagnostics/{code}")]
pub async fn diagnostic(code: Path<String>) -> Answer {
    let found =
        DiagnosticCode::find(&code).ok_or_else(|| Problem::new(Code::NotFound, "there is no such code"))?;
    Ok(HttpResponse::Ok()
        .insert_header((header::CONTENT_TYPE, "text/markdown; charset=utf-8"))
        .body(found.page()))
}

const STYLE: &str = "body{font:16px/1.5 system-ui,sans-serif;max-width:60rem;margin:2rem auto;padding:0 1rem;color:#1b1b1f;background:#fff}\
h1,h2{line-height:1.2}code,pre{font:14px/1.45 ui-monospace,monospace}code{overflow-wrap:anywhere}\
details{border:1px solid #d5d5dd;border-radius:6px;margin:.4rem 0;padding:.4rem .8rem}summary{cursor:pointer}\
.m{display:inline-block;min-width:4.5rem;font-weight:700}table{border-collapse:collapse;width:100%}\
td,th{text-align:left;vertical-align:top;padding:.2rem .6rem .2rem 0;border-bottom:1px solid #ececf1}\
@media (prefers-color-scheme:dark){body{background:#16161a;color:#e6e6ea}details{border-color:#3a3a44}td,th{border-color:#2a2a32}}";

fn render(document: &Value) -> String {
    let mut page = String::with_capacity(64 * 1024);
    let text = |value: &Value| escape(value.as_str().unwrap_or_default());
    // Writing into a text does not fail.
    let _ = write!(
        page,
        "<!doctype html><html lang=\"en\"><head><meta charset=\"utf-8\"><meta name=\"viewport\" content=\"width=device-width\">\
         <title>Ghostlight API</title><link rel=\"stylesheet\" href=\"/api/docs.css\"></head><body><h1>Ghostlight API</h1><p>{}</p>\
         <p>For programs: <a href=\"/api/v1/openapi.json\">OpenAPI 3.1</a>.</p>",
        text(&document["info"]["description"])
    );
    for tag in document["tags"].as_array().into_iter().flatten() {
        let name = tag["name"].as_str().unwrap_or_default();
        let _ = write!(page, "<h2 id=\"{0}\">{0}</h2><p>{1}</p>", escape(name), text(&tag["description"]));
        for (path, item) in document["paths"].as_object().into_iter().flatten() {
            for (method, operation) in item.as_object().into_iter().flatten() {
                let is_of_tag =
                    operation["tags"].as_array().is_some_and(|tags| tags.iter().any(|own| own == name));
                if is_of_tag {
                    operation_of(&mut page, path, method, operation);
                }
            }
        }
    }
    bodies(&mut page, &document["components"]["schemas"]);
    page.push_str("<h2 id=\"problems\">Problems</h2><p>Refusals are <code>application/problem+json</code> (RFC 9457) with these codes.</p>\
                   <table><tr><th>status</th><th>code</th><th>meaning</th></tr>");
    for code in Code::ALL {
        let (status, name, title, help) = (code.status_number(), code.as_str(), code.title(), code.help());
        let _ = write!(
            page,
            "<tr><td>{status}</td><td><code>{name}</code></td><td>{}. {}</td></tr>",
            escape(title),
            escape(help)
        );
    }
    page.push_str("</table></body></html>");
    page
}

fn operation_of(page: &mut String, path: &str, method: &str, operation: &Value) {
    let text = |value: &Value| escape(value.as_str().unwrap_or_default());
    let _ = write!(
        page,
        "<details><summary><span class=\"m\">{}</span> <code>{}</code> {}</summary><p>{}</p>",
        escape(&method.to_uppercase()),
        escape(path),
        text(&operation["summary"]),
        text(&operation["description"])
    );
    let parameters = operation["parameters"].as_array().map(Vec::as_slice).unwrap_or_default();
    if !parameters.is_empty() {
        page.push_str("<table>");
        for parameter in parameters {
            let (name, place) = (text(&parameter["name"]), text(&parameter["in"]));
            let _ = write!(
                page,
                "<tr><td><code>{name}</code></td><td>{place}</td><td>{}</td></tr>",
                text(&parameter["description"])
            );
        }
        page.push_str("</table>");
    }
    let bodies = operation["requestBody"]["content"].as_object().into_iter().flatten();
    for (kind, body) in bodies {
        let _ = write!(page, "<p>Body: <code>{}</code>{}</p>", escape(kind), schema_name(&body["schema"]));
    }
    for (status, response) in operation["responses"].as_object().into_iter().flatten() {
        let contents = response["content"].as_object();
        let body = contents
            .and_then(|all| all.values().next())
            .map(|body| schema_name(&body["schema"]))
            .unwrap_or_default();
        let _ = write!(page, "<p>{}{body} {}</p>", escape(status), text(&response["description"]));
    }
    page.push_str("</details>");
}

/// All bodies with their fields.
fn bodies(page: &mut String, schemas: &Value) {
    page.push_str("<h2 id=\"bodies\">Bodies</h2><p>What is sent and answered, field by field.</p>");
    for (name, schema) in schemas.as_object().into_iter().flatten() {
        let name = escape(name);
        let description = escape(schema["description"].as_str().unwrap_or_default());
        let _ = write!(
            page,
            "<details id=\"body-{name}\"><summary><code>{name}</code> {description}</summary>{}</details>",
            fields(schema)
        );
    }
}

/// The fields of a body as a table; its type where it has none.
fn fields(schema: &Value) -> String {
    let required: Vec<&str> =
        schema["required"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
    // Bodies that are made of several have their fields in each.
    let parts =
        ["allOf", "oneOf", "anyOf"].into_iter().flat_map(|key| schema[key].as_array().into_iter().flatten());
    let mut rows = String::new();
    for (name, field) in schema["properties"].as_object().into_iter().flatten() {
        let needed = if required.contains(&name.as_str()) { "" } else { "optional" };
        let _ = write!(
            rows,
            "<tr><td><code>{}</code></td><td>{}</td><td>{needed}</td><td>{}</td></tr>",
            escape(name),
            type_of(field),
            escape(field["description"].as_str().unwrap_or_default())
        );
    }
    let inside: String =
        parts
            .map(|part| {
                if part["properties"].is_object() {
                    fields(part)
                } else {
                    format!("<p>{}</p>", type_of(part))
                }
            })
            .collect();
    match (rows.is_empty(), inside.is_empty()) {
        (true, true) => format!("<p>{}</p>", type_of(schema)),
        (true, false) => inside,
        (false, _) => format!("<table>{rows}</table>{inside}"),
    }
}

/// The type of a field in words, with links to other bodies.
fn type_of(schema: &Value) -> String {
    if !schema_name(schema).is_empty() {
        return schema_name(schema);
    }
    if let Some(words) = schema["enum"].as_array() {
        let words: Vec<String> = words
            .iter()
            .map(|word| format!("<code>{}</code>", escape(word.as_str().unwrap_or_default())))
            .collect();
        return words.join(" | ");
    }
    if let Some(choices) = schema["oneOf"].as_array().or(schema["anyOf"].as_array()) {
        return choices.iter().map(type_of).collect::<Vec<_>>().join(" or ");
    }
    let types: Vec<&str> = match &schema["type"] {
        Value::String(one) => vec![one],
        Value::Array(several) => several.iter().filter_map(Value::as_str).collect(),
        _ => vec!["any"],
    };
    let told = |one: &&str| match *one {
        "array" => format!("list of {}", type_of(&schema["items"])),
        "object" if schema["additionalProperties"].is_object() => {
            format!("mapping to {}", type_of(&schema["additionalProperties"]))
        }
        other => match schema["format"].as_str() {
            Some(format) if other != "null" => format!("{} ({})", escape(other), escape(format)),
            _ => escape(other),
        },
    };
    types.iter().map(told).collect::<Vec<_>>().join(" or ")
}

/// The name of a body, with a link to its fields.
fn schema_name(schema: &Value) -> String {
    let name = schema["$ref"].as_str().and_then(|reference| reference.rsplit('/').next());
    name.map(|name| format!(" <a href=\"#body-{0}\"><code>{0}</code></a>", escape(name))).unwrap_or_default()
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
        .replace('"', "&quot;")
        .replace('`', "&#96;")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_body_that_the_page_names_has_its_fields_on_it() {
        let document = serde_json::to_value(routes::openapi()).unwrap();
        let page = render(&document);
        for link in page.split("href=\"#").skip(1).map(|rest| rest.split('"').next().unwrap()) {
            assert!(page.contains(&format!("id=\"{link}\"")), "{link}");
        }
        let run = page.split("id=\"body-Run\"").nth(1).unwrap().split("</details>").next().unwrap();
        for field in ["<code>workflow</code>", "<code>status</code>", "string (date-time)", "optional"] {
            assert!(run.contains(field), "{field}: {run}");
        }
        let named = document["components"]["schemas"].as_object().unwrap().len();
        assert_eq!(page.matches("<details id=\"body-").count(), named);
    }
}
