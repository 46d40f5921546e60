//! What is served about documents: schemas of files, pages of diagnostics, and pictures of workflows.

#![allow(clippy::unwrap_used, reason = "a test says by panicking what is wrong")]

mod inside;

use inside::{Inside, ONE};

#[tokio::test]
async fn the_schemas_of_files_are_served_to_editors() {
    let inside = Inside::start();
    for kind in ["workflow", "agent"] {
        let answer = inside.get(&format!("/api/v1/schemas/{kind}.json")).await;
        assert_eq!((answer.status, answer.header("content-type")), (200, "application/schema+json"));
        let file = format!("{}/config/schemas/{kind}.json", env!("CARGO_MANIFEST_DIR"));
        let file: serde_json::Value = serde_json::from_str(&std::fs::read_to_string(file).unwrap()).unwrap();
        assert_eq!(answer.ok(), file);
    }
}

#[tokio::test]
async fn every_diagnostic_has_a_page_in_markdown() {
    let inside = Inside::start();
    let page = inside.get("/api/docs/diagnostics/GL0304").await;
    assert_eq!((page.status, page.header("content-type")), (200, "text/markdown; charset=utf-8"));
    assert!(page.body.as_str().unwrap().starts_with("# GL0304: unknown_node\n"));
    assert_eq!(inside.get("/api/docs/diagnostics/GL9999").await.status, 404);
}

#[tokio::test]
async fn a_saved_workflow_is_drawn_in_every_format_and_version() {
    let inside = Inside::start();
    inside.post_yaml("/api/v1/workflows", ONE).await.ok();
    for (query, kind, begins) in [
        ("", "image/svg+xml", "<svg "),
        ("?format=svg&version=1", "image/svg+xml", "<svg "),
        ("?format=dot", "text/vnd.graphviz; charset=utf-8", "digraph"),
        ("?format=mermaid", "text/plain; charset=utf-8", "flowchart TD"),
        ("?format=text", "text/plain; charset=utf-8", "one: "),
    ] {
        let answer = inside.get(&format!("/api/v1/workflows/one/graph{query}")).await;
        assert_eq!((answer.status, answer.header("content-type")), (200, kind), "{query}");
        assert!(answer.body.as_str().unwrap().starts_with(begins), "{query}: {}", answer.body);
    }
    for (path, status, code) in [
        ("/api/v1/workflows/one/graph?format=png", 400, "bad_query"),
        ("/api/v1/workflows/one/graph?version=9", 404, "unknown_version"),
        ("/api/v1/workflows/two/graph", 404, "unknown_workflow"),
    ] {
        let answer = inside.get(path).await;
        assert_eq!((answer.status, answer.code()), (status, code), "{path}");
    }
}
