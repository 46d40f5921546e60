//! The workflow that the documentation shows.

use super::*;
use crate::failure::EffectClass;
use crate::ids::Name;
use crate::language::plan::{Estimate, plan};
use crate::language::{KnownAgent, check_targets};
use serde_json::json;

const EXAMPLE: &str = include_str!("../../../../../config/workflows/incident-response.yaml");

/// S3-2h, S3-5i: the documented workflow compiles as it stands, without a single diagnostic.
#[test]
fn the_documented_workflow_compiles_without_a_diagnostic() {
    let compiled = yaml(EXAMPLE);
    assert_eq!(render("incident-response.yaml", EXAMPLE, &compiled.diagnostics), "");
    let workflow = compiled.workflow.unwrap();
    let order: Vec<_> = workflow.nodes.iter().map(|node| node.id.as_str()).collect();
    assert_eq!(
        order,
        ["detect", "sick", "logs", "metrics", "findings", "approve", "restart", "verify", "rollback"]
    );
    assert_eq!(workflow.nodes.iter().map(|node| node.level).collect::<Vec<_>>(), [0, 1, 2, 2, 3, 4, 5, 6, 7]);
}

/// S3-2f, S3-2g: the plan is the one that the API documents.
#[test]
fn the_plan_of_the_documented_workflow_names_levels_critical_path_and_risk() {
    let workflow = valid(EXAMPLE);
    let plan = plan(&workflow, &|node| match node.id.as_str() {
        "metrics" => Estimate { p50_ms: 500, ..Estimate::default() },
        _ => Estimate::declared(node),
    });
    let mut shown = serde_json::to_value(&plan).unwrap();
    shown["definition_hash"] = json!("…");
    insta::assert_json_snapshot!(shown);
    assert_eq!(plan.makespan_ms, 1500);
}

/// S3-2h: one document, one hash, whichever way it is written.
#[test]
fn yaml_and_json_of_one_document_have_the_same_hash() {
    let workflow = valid(EXAMPLE);
    let text = serde_json::to_string_pretty(&workflow.document).unwrap();
    let other = compile(&Source { text: &text, format: Format::Json });
    let other = other.workflow.unwrap_or_else(|| panic!("{}", render("w.json", &text, &other.diagnostics)));
    assert_eq!(other.hash, workflow.hash);
    assert_ne!(valid(&EXAMPLE.replace("estimate: 1s", "estimate: 2s")).hash, workflow.hash);
}

#[test]
fn unknown_agents_and_capabilities_are_found_with_their_place_by_who_knows_the_registry() {
    let agent = |name: &str, capabilities: &[&str]| KnownAgent {
        name: Name::new(name).unwrap(),
        capabilities: capabilities.iter().map(|name| Name::new(name).unwrap()).collect(),
        effect: EffectClass::Write,
        input_schema: None,
        output_schema: None,
    };
    let known = [
        agent("http-prob", &[]),
        agent("metrics", &["log-analysys"]),
        agent("service-restart", &[]),
        agent("service-rollback", &[]),
    ];
    let mut compiled = yaml(EXAMPLE);
    compiled.check_agents(Some(&known));
    insta::assert_snapshot!(render("incident-response.yaml", EXAMPLE, &compiled.diagnostics));
    let known = [
        agent("http-probe", &[]),
        agent("metrics", &["log-analysis"]),
        agent("service-restart", &[]),
        agent("service-rollback", &[]),
    ];
    assert_eq!(check_targets(&valid(EXAMPLE), &known), []);
}

#[test]
fn the_documented_workflow_reads_what_its_steps_gave() {
    let workflow = valid(EXAMPLE);
    let input = json!({"service": "shop", "health_url": "http://x/h", "metrics_url": "http://x/m", "log": "/var/log/x"});
    let values = Values::of(
        &workflow,
        input,
        &[
            ("detect", json!({"healthy": false})),
            ("findings", json!({"logs": {"summary": "out of memory"}, "metrics": null})),
            ("verify", json!({"healthy": true})),
        ],
    );
    let node = |id: &str| workflow.node(workflow.find(id).unwrap());
    assert_eq!(
        node("restart").input.resolve(&values).unwrap(),
        json!({"service": "shop", "reason": "out of memory"})
    );
    let crate::workflow::NodeKind::Condition(sick) = &node("sick").kind else { panic!() };
    assert_eq!(sick.evaluate(&values), Ok(true));
    let crate::workflow::NodeKind::Gate(gate) = &node("approve").kind else { panic!() };
    assert_eq!(gate.action.render(&values).unwrap(), "Restart shop");
    assert_eq!(gate.impact.as_ref().unwrap().render(&values).unwrap(), "out of memory");
    let edge = node("rollback").parents[0].when.as_ref().unwrap();
    assert_eq!(edge.evaluate(&values), Ok(false));
    let output =
        workflow.output.as_ref().unwrap().resolve(&Values { outputs: Vec::new(), ..values }).unwrap();
    assert_eq!(output, json!({"healthy": null, "findings": null}));
}

/// The compiled form is shared between threads.
#[test]
fn a_workflow_can_be_shared_between_threads() {
    fn shared<T: Send + Sync>() {}
    shared::<Workflow>();
}
