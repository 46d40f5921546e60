//! The table of all routes: what is served and what the OpenAPI document says are made of the same list, so that neither
//! has what the other has not.

use std::sync::LazyLock;

use actix_web::http::{Method, StatusCode};
use actix_web::web::ServiceConfig;
use actix_web::{HttpRequest, HttpResponse, web};
use utoipa::OpenApi;
use utoipa::openapi::path::Operation;
use utoipa::openapi::security::{
    ApiKey, ApiKeyValue, Http, HttpAuthScheme, SecurityRequirement, SecurityScheme,
};
use utoipa::openapi::{Content, OneOf, RefOr, Schema};

use super::problem::{self, Code, Problem};
use super::surface::Answer;
use super::{
    agents, approvals, batches, bundles, cookies, dashboard, docs, feeds, graph, health, logins, presence,
    retries, run_commands, run_numbers, run_parts, runs, schemas, system, templates, tokens, tree, versions,
    workflows,
};

macro_rules! routes {
    ($($module:ident :: $handler:ident),* $(,)?) => {
        /// Adds all routes.
        pub fn configure(config: &mut ServiceConfig) {
            $(config.service($module::$handler);)*
            // Some probes ask for the head alone.
            config.route("/healthz", web::head().to(health::alive));
            config.route("/readyz", web::head().to(health::ready));
            config.route("/api/v1/ns/{rest:.*}", web::route().to(reserved));
            config.default_service(web::route().to(elsewhere));
        }

        #[derive(OpenApi)]
        #[openapi(
            info(
                title = "Ghostlight",
                description = "Workflows of AI agents, tools and people, under supervision until they are done.",
                license(name = "MIT OR Apache-2.0"),
            ),
            paths($($module::$handler),*),
            tags(
                (name = "workflows", description = "Definitions by name and version."),
                (name = "templates", description = "Workflows with parameters, and what is made of them."),
                (name = "runs", description = "Instances of workflows: starting, watching, commanding."),
                (name = "approvals", description = "What people are asked."),
                (name = "agents", description = "Who can be called."),
                (name = "feeds", description = "What happens, as it happens."),
                (name = "tree", description = "The supervision tree."),
                (name = "session", description = "Logging in from a browser, and who one is."),
                (name = "tokens", description = "Who may speak to the daemon."),
                (name = "documents", description = "This API, readable."),
                (name = "health", description = "Probes and measurements."),
                (name = "aliases", description = "An older spelling that dashboards of the field use."),
            ),
        )]
        struct Document;
    };
}

// The order counts where a literal part stands beside a parameter: the literal one comes first.
routes! {
    workflows::list, workflows::create, workflows::validate, bundles::import, bundles::export, workflows::show, workflows::replace, workflows::remove,
    workflows::restore, graph::picture,
    versions::versions, versions::compare, versions::rollback, versions::set_visibility,
    templates::list, templates::create, templates::from_workflow, templates::show, templates::replace, templates::remove,
    templates::restore, templates::versions, templates::set_visibility, templates::instantiate,
    runs::start_saved, runs::list_of_workflow, runs::list, runs::start_own, run_numbers::counts, run_numbers::history, runs::show,
    run_parts::show_status, run_parts::all_steps, run_parts::show_step, run_parts::show_next, run_parts::show_revisions, run_parts::show_plan, run_parts::show_timeline, run_parts::show_events,
    run_commands::cancel, run_commands::pause, run_commands::resume, retries::retry, run_commands::reconcile,
    run_commands::signal, run_commands::adjust, run_commands::edit, batches::ask,
    approvals::list, approvals::show, approvals::approve, approvals::reject,
    agents::list, agents::show, agents::replace, agents::enable, agents::disable, agents::reload_all, agents::reload,
    logins::log_in, logins::show, logins::log_out,
    tokens::list, tokens::create, tokens::revoke,
    tree::show, tree::restart, tree::stop, tree::panic, tree::chaos,
    feeds::feed, feeds::run_feed, presence::show,
    docs::openapi, docs::readable, docs::style, docs::problem, docs::diagnostic, schemas::workflow, schemas::agent,
    health::healthz, health::readyz, health::metrics, system::show,
    run_parts::status_alias, feeds::live_stream_alias, run_parts::current_agents_alias,
}

/// The OpenAPI 3.1 document.
#[must_use]
pub fn openapi() -> utoipa::openapi::OpenApi {
    let mut document = Document::openapi();
    let components = document.components.get_or_insert_default();
    components.add_security_scheme("token", SecurityScheme::Http(Http::new(HttpAuthScheme::Bearer)));
    let of_cookie = format!(
        "Set by `POST /session`; behind TLS its name is `{}`. A change needs the header `Ghostlight-CSRF` too.",
        cookies::SECURE
    );
    let cookie = ApiKeyValue::with_description(cookies::PLAIN.to_owned(), of_cookie);
    components.add_security_scheme("session", SecurityScheme::ApiKey(ApiKey::Cookie(cookie)));
    // Without a token on loopback, with one, or a login by one, everywhere else.
    let by = |scheme: &str| SecurityRequirement::new::<_, _, String>(scheme, []);
    document.security = Some(vec![SecurityRequirement::default(), by("token"), by("session")]);
    for item in document.paths.paths.values_mut() {
        let operations = [&mut item.get, &mut item.post, &mut item.put, &mut item.delete, &mut item.patch];
        for operation in operations.into_iter().flatten() {
            name_uniquely(operation);
            describe_answers(operation);
            name_problems(operation);
            refuse_null(operation);
        }
    }
    document
}

/// OpenAPI asks for a description of every answer; where its status says it all, that is it.
fn describe_answers(operation: &mut Operation) {
    for (status, answer) in &mut operation.responses.responses {
        if let RefOr::T(response) = answer
            && response.description.is_empty()
        {
            let known = status.parse().ok().and_then(|code| StatusCode::from_u16(code).ok());
            let reason = known.and_then(|code| code.canonical_reason());
            response.description = reason.unwrap_or("A problem, as RFC 9457 has them").to_owned();
        }
    }
}

/// Where the document describes what problems are made of.
const PROBLEM: &str = "#/components/schemas/Problem";

/// Problems have a media type of their own, whatever else the operation answers.
fn name_problems(operation: &mut Operation) {
    for answer in operation.responses.responses.values_mut() {
        if let RefOr::T(response) = answer
            && let Some(content) = response.content.get("application/json")
            && let RefOr::T(Content { schema: Some(RefOr::Ref(schema)), .. }) = content
            && schema.ref_location == PROBLEM
        {
            let content = content.clone();
            response.content.clear();
            response.content.insert(problem::MEDIA_TYPE.to_owned(), content);
        }
    }
}

/// A body that may be left out is not one that may be `null`.
fn refuse_null(operation: &mut Operation) {
    let Some(RefOr::T(body)) = &mut operation.request_body else { return };
    for content in body.content.values_mut() {
        if let RefOr::T(Content { schema: Some(schema), .. }) = content
            && let RefOr::T(Schema::OneOf(OneOf { items, .. })) = schema
            && let Some(reference) = items.iter().find(|item| matches!(item, RefOr::Ref(_)))
            && items.len() == 2
        {
            *schema = reference.clone();
        }
    }
}

/// Handlers are named within their module, operations within the document: `runs_list`, `agents_list`.
fn name_uniquely(operation: &mut Operation) {
    let tag = operation.tags.as_ref().and_then(|tags| tags.first()).cloned().unwrap_or_default();
    let own = operation.operation_id.take().unwrap_or_default();
    operation.operation_id = Some(format!("{tag}_{own}"));
}

/// Every route: its pattern and its methods.
#[must_use]
pub fn table() -> &'static [(String, Vec<Method>)] {
    static TABLE: LazyLock<Vec<(String, Vec<Method>)>> = LazyLock::new(|| {
        let document = openapi();
        let patterns = document.paths.paths.into_iter().map(|(pattern, item)| {
            let methods = [
                (Method::GET, item.get.is_some()),
                (Method::POST, item.post.is_some()),
                (Method::PUT, item.put.is_some()),
                (Method::DELETE, item.delete.is_some()),
                (Method::PATCH, item.patch.is_some()),
            ];
            let taken = methods.into_iter().filter(|(_, is_taken)| *is_taken).map(|(method, _)| method);
            (pattern, taken.collect())
        });
        patterns.collect()
    });
    &TABLE
}

/// The pattern that a path fits, without parameters where there is a choice.
#[must_use]
pub fn pattern_of(path: &str) -> Option<&'static str> {
    matching(path).map(|(pattern, _)| pattern.as_str())
}

fn matching(path: &str) -> Option<&'static (String, Vec<Method>)> {
    let parts: Vec<&str> = path.split('/').collect();
    let fitting = by_length().get(parts.len())?.iter().filter(|route| route.fits(&parts));
    fitting.min_by_key(|route| route.parameters).map(|route| route.entry)
}

/// A route of the table, taken apart.
struct Taken {
    entry: &'static (String, Vec<Method>),
    parts: Vec<&'static str>,
    parameters: usize,
}

impl Taken {
    fn fits(&self, path: &[&str]) -> bool {
        let fits =
            |(wanted, part): (&&str, &&str)| wanted == part || (is_parameter(wanted) && !part.is_empty());
        self.parts.len() == path.len() && self.parts.iter().zip(path).all(fits)
    }
}

fn is_parameter(part: &str) -> bool {
    part.starts_with('{')
}

/// The routes by the number of their parts: every request is looked up here.
fn by_length() -> &'static [Vec<Taken>] {
    static ROUTES: LazyLock<Vec<Vec<Taken>>> = LazyLock::new(|| {
        let mut routes = Vec::new();
        for entry in table() {
            let parts: Vec<&str> = entry.0.split('/').collect();
            let parameters = parts.iter().filter(|part| is_parameter(part)).count();
            if routes.len() <= parts.len() {
                routes.resize_with(parts.len() + 1, Vec::new);
            }
            routes[parts.len()].push(Taken { entry, parts, parameters });
        }
        routes
    });
    &ROUTES
}

async fn reserved() -> Problem {
    Problem::new(Code::NamespaceReserved, "namespaces are not in use yet; leave out `/ns/{namespace}`")
}

/// Whatever no route takes: a page or file of the dashboard, a path that takes other methods, or none at all.
async fn elsewhere(request: HttpRequest) -> Answer {
    let (method, path) = (request.method(), request.path());
    if dashboard::takes(method, request.match_info().as_str()) {
        return dashboard::answer(&request).await;
    }
    let untaken = || Problem::new(Code::NotFound, format!("nothing takes {method} at this address"));
    Err(refusal(method, path).unwrap_or_else(untaken))
}

/// Why no route takes this method at this path; none when one does.
#[must_use]
pub fn refusal(method: &Method, path: &str) -> Option<Problem> {
    // A path may fit several patterns, which take different methods.
    let parts: Vec<&str> = path.split('/').collect();
    let fitting: Vec<&Taken> =
        by_length().get(parts.len()).into_iter().flatten().filter(|route| route.fits(&parts)).collect();
    let is_literal = fitting.iter().any(|route| route.parameters == 0);
    // A workflow may be called `validate`, a run never `counts`: an id is no word.
    let mut methods: Vec<&str> = fitting
        .iter()
        .filter(|route| !(is_literal && route.parts.contains(&"{id}")))
        .flat_map(|route| &route.entry.1)
        .map(Method::as_str)
        .collect();
    if methods.is_empty() {
        let shown: String = path.chars().take(200).collect();
        return Some(Problem::new(Code::NotFound, format!("there is nothing at `{shown}`")));
    }
    if methods.contains(&method.as_str()) {
        return None;
    }
    methods.sort_unstable();
    methods.dedup();
    let allow = methods.join(", ");
    Some(Problem::new(Code::MethodNotAllowed, format!("this address takes {allow}")).allow(allow))
}

impl actix_web::Responder for Problem {
    type Body = actix_web::body::BoxBody;

    fn respond_to(self, _: &HttpRequest) -> HttpResponse {
        self.into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_document_is_openapi_3_1_and_has_every_route() {
        let document = serde_json::to_value(openapi()).unwrap();
        assert!(document["openapi"].as_str().unwrap().starts_with("3.1"), "{}", document["openapi"]);
        for path in [
            "/api/v1/runs",
            "/api/v1/runs/{id}/steps/{path}/reconcile",
            "/api/v2/workflows/{run}/live-stream",
            "/metrics",
        ] {
            assert!(document["paths"].get(path).is_some(), "{path}");
        }
        assert!(table().len() >= 40, "{}", table().len());
    }

    #[test]
    fn every_reference_of_the_document_leads_somewhere_and_every_operation_refuses_with_problems() {
        let document = serde_json::to_value(openapi()).unwrap();
        let text = document.to_string();
        for reference in text.split("\"$ref\":\"#").skip(1).map(|rest| rest.split('"').next().unwrap()) {
            assert!(document.pointer(reference).is_some(), "{reference}");
        }
    }

    #[test]
    fn every_answer_has_a_description_as_openapi_demands() {
        let document = serde_json::to_value(openapi()).unwrap();
        for (path, item) in document["paths"].as_object().unwrap() {
            for operation in item.as_object().unwrap().values() {
                for (status, answer) in operation["responses"].as_object().unwrap() {
                    assert_ne!(answer["description"].as_str(), Some(""), "{path} {status}");
                }
            }
        }
    }

    #[test]
    fn every_answer_that_is_a_problem_has_the_media_type_of_problems() {
        let document = serde_json::to_value(openapi()).unwrap();
        let mut found = 0;
        for (path, item) in document["paths"].as_object().unwrap() {
            for operation in item.as_object().unwrap().values() {
                for (status, answer) in operation["responses"].as_object().unwrap() {
                    for (media_type, content) in answer["content"].as_object().into_iter().flatten() {
                        let is_problem = content["schema"]["$ref"] == PROBLEM;
                        assert_eq!(media_type == problem::MEDIA_TYPE, is_problem, "{path} {status}");
                        found += usize::from(is_problem);
                    }
                }
            }
        }
        assert!(found > 50, "{found}");
    }

    #[test]
    fn every_operation_has_a_name_of_its_own() {
        let document = serde_json::to_value(openapi()).unwrap();
        let paths = document["paths"].as_object().unwrap();
        let operations = paths.values().flat_map(|item| item.as_object().unwrap().values());
        let mut names: Vec<&str> =
            operations.map(|operation| operation["operationId"].as_str().unwrap()).collect();
        let count = names.len();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), count);
    }

    /// The headers that an operation honours, as the document names them.
    fn headers(operation: &serde_json::Value) -> Vec<&str> {
        let parameters = operation["parameters"].as_array().into_iter().flatten();
        let headers = parameters.filter(|parameter| parameter["in"] == "header");
        headers.map(|parameter| parameter["name"].as_str().unwrap()).collect()
    }

    #[test]
    fn whatever_changes_something_takes_an_idempotency_key_and_what_is_read_takes_none() {
        let document = serde_json::to_value(openapi()).unwrap();
        // Nothing is kept of a document that is looked at; a new token cannot be shown twice, nor a cookie set.
        let without =
            ["/api/v1/workflows/validate", "/api/v1/tokens", logins::PATH].map(|path| ("post", path));
        for (path, item) in document["paths"].as_object().unwrap() {
            for (method, operation) in item.as_object().unwrap() {
                let takes_one = headers(operation).contains(&"Idempotency-Key");
                let changes = method != "get" && !without.contains(&(method.as_str(), path.as_str()));
                assert_eq!(takes_one, changes, "{method} {path}");
            }
        }
    }

    #[test]
    fn edits_of_definitions_take_a_condition_and_starts_a_wish_to_wait() {
        let document = serde_json::to_value(openapi()).unwrap();
        let of = |path: &str, method: &str| headers(&document["paths"][path][method]);
        for path in ["/api/v1/workflows/{name}", "/api/v1/templates/{name}", "/api/v1/agents/{name}"] {
            assert!(of(path, "put").contains(&"If-Match"), "{path}");
        }
        for path in ["/api/v1/runs", "/api/v1/workflows/{name}/runs"] {
            assert!(of(path, "post").contains(&"Prefer"), "{path}");
        }
        assert!(!of("/api/v1/runs/{id}/cancel", "post").contains(&"If-Match"));
    }

    #[test]
    fn a_body_that_may_be_left_out_may_not_be_null() {
        let document = serde_json::to_value(openapi()).unwrap();
        let cancel = &document["paths"]["/api/v1/runs/{id}/cancel"]["post"]["requestBody"];
        assert_ne!(cancel["required"], true);
        let schema = &cancel["content"]["application/json"]["schema"];
        assert_eq!(schema["$ref"], "#/components/schemas/CancelBody", "{cancel}");
    }

    #[test]
    fn a_method_that_an_address_does_not_take_is_told_with_those_that_it_does() {
        let code = |method, path| refusal(&method, path).map(|problem| problem.code());
        assert_eq!(code(Method::GET, "/api/v1/runs"), None);
        assert_eq!(code(Method::DELETE, "/api/v1/runs"), Some(Code::MethodNotAllowed));
        assert_eq!(code(Method::PATCH, "/api/v1/runs/counts"), Some(Code::MethodNotAllowed));
        assert_eq!(code(Method::PUT, "/api/v1/workflows/validate"), None);
        assert_eq!(code(Method::GET, "/api/v1/nothing"), Some(Code::NotFound));
    }

    #[test]
    fn a_path_is_told_by_its_pattern() {
        assert_eq!(pattern_of("/api/v1/workflows/validate"), Some("/api/v1/workflows/validate"));
        assert_eq!(pattern_of("/api/v1/workflows/demo"), Some("/api/v1/workflows/{name}"));
        assert_eq!(
            pattern_of("/api/v1/runs/x/steps/a.2/reconcile"),
            Some("/api/v1/runs/{id}/steps/{path}/reconcile")
        );
        for none in ["/", "/api/v1/runs/", "/api/v1/nothing", "/api/v1/runs/x/y/z", ""] {
            assert_eq!(pattern_of(none), None, "{none}");
        }
    }
}
