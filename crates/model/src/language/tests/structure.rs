//! The published schema refuses every mistake of structure that the compiler refuses, as far as a JSON Schema can say it.

use serde_json::json;

use super::*;
use crate::diagnostic::{Code, Diagnostic};

/// What a JSON Schema cannot say: the text before it is a document, what expressions mean, and what one place has to do with
/// another.
const BEYOND_A_SCHEMA: [Code; 38] = [
    // The text.
    Code::Syntax,
    Code::DuplicateKey,
    Code::TextTooLarge,
    Code::TooDeep,
    Code::TooManyAliases,
    Code::UnsupportedYaml,
    Code::TooManyValues,
    Code::TooManyProblems,
    Code::CompilerFailed,
    Code::NotFormatted,
    Code::HiddenCharacter,
    Code::LookAlike,
    Code::BadEncoding,
    // Schemas in it, and what it names elsewhere.
    Code::BadSchema,
    Code::SchemaTooComplex,
    Code::UnknownName,
    Code::BackoffOutlastsPeriod,
    Code::StrategyEndsWrite,
    // The graph.
    Code::TooManyEdges,
    Code::UnknownNode,
    Code::SelfDependency,
    Code::DuplicateDependency,
    Code::Cycle,
    Code::Unreachable,
    Code::Isolated,
    Code::JoinWithoutParents,
    Code::QuorumTooLarge,
    // Expressions.
    Code::BadBinding,
    Code::BadCondition,
    Code::BadTemplate,
    Code::UnknownVariable,
    Code::NotUpstream,
    Code::MaySkip,
    Code::UnknownField,
    Code::ConditionTooComplex,
    Code::TemplateTooComplex,
    Code::NoError,
    Code::SelectorVariable,
];

/// What it says.
const SAID_BY_THE_SCHEMA: [Code; 16] = [
    Code::StringTooLong,
    Code::UnknownKey,
    Code::MissingKey,
    Code::WrongType,
    Code::BadValue,
    Code::BadName,
    Code::ReservedId,
    Code::BadDuration,
    Code::NotSupportedYet,
    Code::NewerLanguage,
    Code::KeyNotForType,
    Code::ReservedLabel,
    Code::NoNodes,
    Code::TooManyNodes,
    Code::JoinKind,
    Code::TooManySelectors,
];

/// Single mistakes with a code of structure that a JSON Schema cannot say all the same, by what they tell.
const TOLD_BY_THE_COMPILER_ALONE: [&str; 2] = ["`initial` is longer than `max`", "behind an `else`"];

/// Each mistake is refused by itself: in a document with nothing but the node or the key that it is in.
#[track_caller]
pub(super) fn refused_by_the_schema_too(text: &str, told: &[Diagnostic]) {
    let Some(root) = crate::language::document::parse(text, Format::Yaml).0 else { return };
    let document = root.to_value();
    let mut taken = Vec::new();
    for problem in told.iter().filter(|problem| problem.severity == Severity::Error) {
        let is_beyond = BEYOND_A_SCHEMA.contains(&problem.code)
            || TOLD_BY_THE_COMPILER_ALONE.iter().any(|words| problem.message.contains(words));
        let alone = alone(&document, problem);
        if !is_beyond && SCHEMA.validate(&alone).is_ok() {
            taken.push(format!("{alone}: {} {}", problem.code.name(), problem.message));
        }
    }
    assert!(taken.is_empty(), "the schema takes\n{}", taken.join("\n"));
}

fn alone(document: &Value, problem: &Diagnostic) -> Value {
    let mut words = problem.path.split('/').skip(1);
    let mut alone =
        json!({"ghostlight": 1, "name": "w", "nodes": {"fine": {"type": "transform", "value": 1}}});
    match (words.next(), words.next()) {
        (Some("nodes"), Some(id)) => alone["nodes"] = json!({ id: document["nodes"][id] }),
        // A key that is missing at the top is told at the first one.
        (Some(_), None) if problem.code == Code::MissingKey => return document.clone(),
        (Some(key), _) if document.get(key).is_some() => alone[key] = document[key].clone(),
        _ => return document.clone(),
    }
    alone
}

#[test]
fn of_each_code_of_a_workflow_file_it_is_known_whether_the_schema_says_it() {
    let is_of_files = |code: &&Code| code.severity() == Severity::Error && code.id() < "GL0500";
    for code in Code::ALL.iter().filter(is_of_files) {
        let known = BEYOND_A_SCHEMA.iter().chain(&SAID_BY_THE_SCHEMA).filter(|known| *known == code).count();
        assert_eq!(known, 1, "{code}");
    }
}

/// What is rare is taken all the same: the schema never refuses what the compiler takes.
#[test]
fn the_schema_takes_what_is_seldom_written() {
    for text in [
        "timeouts: {for: 1m, loop: PT1S}\nresources: {return: 1}\nnodes:\n  a: {type: agent_call, agent: x, timeout: for, resources: [return, return]}\n",
        "nodes:\n  a: {type: workflow, workflow: w, version: 5000000000}\n",
        "nodes:\n  a: {type: condition, when: input.on, cases: [{when: input.x, to: [b]}]}\n  b: {type: transform, value: $input}\n",
        "nodes:\n  a: {type: wait, signal: {name: go-on, timeout: 1s}}\n  b: {type: wait, until: 2030-01-01T00:00:00+02:00}\n  c: {type: agent_call, agent: x, on_error: pause, estimate: 0s}\n",
        "nodes:\n  a: {type: transform, value: 1}\n  j: {type: join, require: any, needs: [{node: a, kind: hard}]}\n  m: {type: map, over: [], node: {type: agent_call, agent: x, timeout: 1s, on_error: pause}}\n",
    ] {
        valid(&format!("ghostlight: 1\nname: w\n{text}"));
    }
}
