//! What selectors choose, without a runtime: a catalogue is a map here.

use std::sync::Arc;

use serde_json::json;

use super::*;
use crate::diagnostic::{Code, Diagnostic};
use crate::language::{Format, Source, compile};

fn compiled(name: &str, selectors: &str) -> (Option<Arc<Workflow>>, Vec<Diagnostic>) {
    let text = format!(
        "ghostlight: 1\nname: {name}\nlabels: {{ from: file }}\nselectors: {selectors}\nnodes: {{ a: {{ type: agent_call, agent: noop }} }}\n"
    );
    let compiled = compile(&Source { text: &text, format: Format::Yaml });
    (compiled.workflow, compiled.diagnostics)
}

fn workflow(name: &str, selectors: &str) -> Arc<Workflow> {
    let (workflow, diagnostics) = compiled(name, selectors);
    workflow.unwrap_or_else(|| panic!("{diagnostics:?}"))
}

fn start(labels: &[(&str, &str)], input: Value) -> Selection {
    let labels = labels.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    Selection::new(labels, input, Map::new())
}

fn name(text: &str) -> Name {
    Name::new(text).unwrap()
}

const RULES: &str = "[{when: 'labels.team == \"db\"', workflow: repair-db, version: 3}, {when: input.severity > 2, input: {page: true, severity: 9}, context: {loud: true}}]";

/// Shows S1-4.1d, S2-5.3a, S2-5.3c.
#[test]
fn the_first_selector_that_fits_chooses_and_each_that_was_tried_says_how_it_stood() {
    let workflow = workflow("incident", RULES);
    let mut of_the_database = start(&[("team", "db")], json!({ "severity": 5 }));
    let next = of_the_database.judge(&workflow, 7).unwrap();
    assert_eq!(next, Next::Look { workflow: name("repair-db"), version: Some(3) });
    assert_eq!(of_the_database.by.clone().unwrap().to_string(), "incident@7#1");
    assert_eq!(of_the_database.tried.len(), 1, "what comes after it is not tried");

    let mut loud = start(&[], json!({ "severity": 5 }));
    assert_eq!(loud.judge(&workflow, 7), Ok(Next::Settled));
    let matched: Vec<&Matched> = loud.tried.iter().map(|tried| &tried.matched).collect();
    assert!(matches!(matched[..], [Matched::Error(_), Matched::Yes]), "{matched:?}");
    assert_eq!(loud.input, json!({ "severity": 5, "page": true }), "the caller's own stands");
    assert_eq!(loud.context, *json!({ "loud": true }).as_object().unwrap());

    let mut quiet = start(&[("team", "web")], json!({ "severity": 1 }));
    assert_eq!(quiet.judge(&workflow, 7), Ok(Next::Settled));
    assert_eq!((quiet.by, quiet.input), (None, json!({ "severity": 1 })));
}

#[test]
fn labels_of_the_file_are_seen_below_those_of_the_start() {
    let workflow = workflow("w", "[{when: 'labels.from == \"file\"', workflow: other}]");
    assert!(matches!(start(&[], json!({})).judge(&workflow, 1), Ok(Next::Look { .. })));
    assert_eq!(start(&[("from", "caller")], json!({})).judge(&workflow, 1), Ok(Next::Settled));
}

#[test]
fn a_selector_may_take_another_version_of_its_own_workflow_and_that_ends_the_search() {
    let workflow = workflow("w", "[{when: 'true', workflow: w, version: 2}]");
    assert_eq!(start(&[], json!({})).judge(&workflow, 5), Ok(Next::Take(2)));
    assert_eq!(start(&[], json!({})).judge(&workflow, 2), Ok(Next::Settled));
}

/// Shows S1-4.1d.
#[test]
fn a_circle_of_selectors_is_refused_with_its_way_and_so_is_a_way_that_is_too_long() {
    let to = |from: &str, to: &str| workflow(from, &format!("[{{when: 'true', workflow: {to}}}]"));
    let mut selection = start(&[], json!({}));
    selection.judge(&to("a", "b"), 1).unwrap();
    selection.judge(&to("b", "c"), 1).unwrap();
    let error = selection.judge(&to("c", "a"), 1).unwrap_err();
    assert_eq!(error.to_string(), "selectors choose each other in a circle: a -> b -> c -> a");

    let mut selection = start(&[], json!({}));
    for number in 1..DEPTH_MAX {
        selection.judge(&to(&format!("w{number}"), &format!("w{}", number + 1)), 1).unwrap();
    }
    let error = selection.judge(&to("w8", "w9"), 1).unwrap_err();
    assert!(matches!(error, SelectionError::TooDeep(way) if way.len() == DEPTH_MAX + 1));
}

#[test]
fn what_chose_is_read_again_from_its_text() {
    let by = SelectedBy { workflow: name("a-b"), version: 12, rule: 3 };
    assert_eq!(by.to_string().parse(), Ok(by));
    for wrong in ["", "a", "a@1", "a#1", "A@1#1", "a@x#1"] {
        assert_eq!(wrong.parse::<SelectedBy>(), Err(NotSelectedBy), "{wrong}");
    }
}

/// Shows S2-5.3c.
#[test]
fn every_mistake_in_selectors_is_told_with_its_place() {
    let told = |selectors: &str| -> Vec<(Code, String)> {
        let (_, diagnostics) = compiled("w", selectors);
        assert!(diagnostics.iter().all(|d| d.line == 4), "{diagnostics:?}");
        diagnostics.into_iter().map(|d| (d.code, d.path)).collect()
    };
    let at = |code, path: &str| vec![(code, path.to_owned())];
    assert_eq!(told("{}"), at(Code::WrongType, "/selectors"));
    assert_eq!(told("[1]"), at(Code::WrongType, "/selectors/0"));
    assert_eq!(told("[{workflow: x}]"), at(Code::MissingKey, "/selectors/0"));
    assert_eq!(
        told("[{when: 'true', wrkflow: x, version: 1}]"),
        at(Code::UnknownKey, "/selectors/0/wrkflow")
    );
    assert_eq!(told("[{when: 'true', workflow: X}]"), at(Code::BadName, "/selectors/0/workflow"));
    assert_eq!(told("[{when: 'true', version: 0}]"), at(Code::BadValue, "/selectors/0/version"));
    assert_eq!(told("[{when: 'true', input: 1}]"), at(Code::WrongType, "/selectors/0/input"));
    assert_eq!(told("[{when: 'labels.', version: 1}]"), at(Code::BadCondition, "/selectors/0/when"));
    assert_eq!(told("[{when: 'true'}]"), at(Code::SelectorChoosesNothing, "/selectors/0"));
    for word in ["a", "context.x == 1", "item"] {
        let selectors = format!("[{{when: '{word}', version: 1}}]");
        assert_eq!(told(&selectors), at(Code::SelectorVariable, "/selectors/0/when"), "{word}");
    }
    let many = format!("[{}]", vec!["{when: 'true', version: 1}"; SELECTORS_MAX + 1].join(", "));
    assert_eq!(told(&many), at(Code::TooManySelectors, "/selectors"));
}
