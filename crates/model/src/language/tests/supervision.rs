//! How the actors of a run are supervised, and which strategies are refused because somebody writes.

use std::time::Duration;

use super::*;
use crate::failure::EffectClass;
use crate::ids::Name;
use crate::language::{KnownAgent, check_targets};
use crate::workflow::{RestartBackoff, RunStrategy, RunSupervision};

fn supervision(text: &str) -> RunSupervision {
    let nodes = "nodes: { a: { type: agent_call, agent: x } }";
    valid(&format!("ghostlight: 1\nname: w\n{text}\n{nodes}\n")).supervision.clone()
}

#[test]
fn what_a_file_leaves_out_is_three_restarts_in_five_seconds_one_for_one_and_at_once() {
    let default = supervision("");
    assert_eq!(default, supervision("supervision: {}"));
    assert_eq!(default.strategy, RunStrategy::OneForOne);
    assert_eq!((default.max_restarts, default.period, default.backoff), (3, Duration::from_secs(5), None));
}

#[test]
fn strategy_restarts_period_and_backoff_are_taken_as_they_are_written() {
    for strategy in [RunStrategy::OneForOne, RunStrategy::OneForAll, RunStrategy::RestForOne] {
        let word = strategy.as_str();
        assert_eq!(supervision(&format!("supervision: {{ strategy: {word} }}")).strategy, strategy);
    }
    assert_eq!(supervision("supervision: { max_restarts: 0 }").max_restarts, 0);
    let full = supervision(
        "supervision: { strategy: one_for_all, max_restarts: 4, period: PT1M, backoff: { initial: 100ms, max: 2s } }",
    );
    let backoff = RestartBackoff { initial: Duration::from_millis(100), max: Duration::from_secs(2) };
    assert_eq!((full.period, full.backoff), (Duration::from_secs(60), Some(backoff)));
}

#[test]
fn a_period_must_be_longer_than_all_waits_together() {
    let file = |period: &str| {
        errors(&format!(
            "ghostlight: 1\nname: w\nsupervision: {{ max_restarts: 3, period: {period}, backoff: {{ initial: 1s, max: 30s }} }}\n\
             nodes: {{ a: {{ type: agent_call, agent: x }} }}\n"
        ))
    };
    assert_eq!(file("7s"), ["backoff_outlasts_period"]);
    assert_eq!(file("7001ms"), [""; 0]);
}

const CALLS: &str = "ghostlight: 1
name: w
supervision: { strategy: one_for_all }
nodes:
  look: { type: agent_call, agent: probe }
  note: { type: tool_call, tool: notes, needs: [look], effect: idempotent }
  sweep: { type: agent_call, capability: cleaning, needs: [note], effect: read }
";

fn agent(name: &str, capabilities: &[&str], effect: EffectClass) -> KnownAgent {
    KnownAgent {
        name: Name::new(name).unwrap(),
        capabilities: capabilities.iter().map(|name| Name::new(name).unwrap()).collect(),
        effect,
        input_schema: None,
        output_schema: None,
    }
}

/// What a node declares is a lower bound: an agent that writes does so for every node that may reach it.
#[test]
fn a_strategy_that_would_cut_off_an_agent_that_writes_is_refused_by_who_knows_the_agents() {
    use EffectClass::{Idempotent, Read, Write};
    let mut compiled = yaml(CALLS);
    let known = |probe, notes, broom| {
        [
            agent("probe", &[], probe),
            agent("notes", &[], notes),
            agent("mop", &["cleaning"], Read),
            agent("broom", &["cleaning"], broom),
        ]
    };
    assert_eq!(check_targets(&valid(CALLS), &known(Read, Idempotent, Idempotent)), []);
    compiled.check_agents(Some(&known(Write, Write, Write)));
    insta::assert_snapshot!(render("w.yaml", CALLS, &compiled.diagnostics));
    let one_for_one = valid(&CALLS.replace("one_for_all", "one_for_one"));
    assert_eq!(check_targets(&one_for_one, &known(Write, Write, Write)), []);
}

#[test]
fn where_no_agent_is_known_every_call_has_to_declare_its_effect() {
    let told = |text: &str| {
        let mut compiled = yaml(text);
        compiled.check_agents(None);
        compiled.diagnostics
    };
    insta::assert_snapshot!(render("w.yaml", CALLS, &told(CALLS)));
    assert_eq!(told(&CALLS.replace("agent: probe", "agent: probe, effect: read")), []);
    assert_eq!(told(&CALLS.replace("one_for_all", "one_for_one")), []);
}
