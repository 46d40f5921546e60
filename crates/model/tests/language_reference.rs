//! The reference of the language tells the truth: its examples compile, and its table of dependencies is what the run machine does.

#![allow(clippy::unwrap_used, missing_docs, reason = "a test says by panicking what is wrong")]

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use ghostlight_model::event::{SkipCause, Usage};
use ghostlight_model::failure::{EffectClass, ErrorClass, Failure, Happened};
use ghostlight_model::ids::{AttemptId, DefinitionHash, Ids, Name, RunId};
use ghostlight_model::language::{Format, Source, compile};
use ghostlight_model::payload::Payload;
use ghostlight_model::run::{
    AgentDirectory, AgentEntry, Command, Context, CreateRun, Run, Slots, StepState, StepStatus, Workload,
    create, decide, evolve,
};
use jiff::Timestamp;
use serde_json::{Map, json};
use uuid::Uuid;

const REFERENCE: &str = include_str!("../../../docs/LANGUAGE.md");

#[test]
fn every_example_of_the_reference_compiles_without_a_word() {
    let examples: Vec<&str> =
        REFERENCE.split("```yaml\n").skip(1).filter_map(|rest| rest.split("```").next()).collect();
    assert!(examples.len() >= 6, "{}", examples.len());
    for text in examples {
        let compiled = compile(&Source { text, format: Format::Yaml });
        // Nodes that stand alone are what some of them show.
        let told: Vec<_> =
            compiled.diagnostics.iter().filter(|diagnostic| diagnostic.code.name() != "isolated").collect();
        assert!(told.is_empty(), "{text}\n{told:#?}");
    }
}

/// Shows S0-1.3a, S4-T4f, S0-DBc: the truth table that people read is the one that runs.
#[test]
fn the_table_of_dependencies_is_what_the_run_machine_does() {
    let table =
        REFERENCE.split("<!-- dependencies -->").nth(1).unwrap().split("<!-- end -->").next().unwrap();
    let rows: Vec<Vec<&str>> = table
        .lines()
        .filter(|line| line.starts_with('|'))
        .map(|line| line.trim_matches('|').split('|').map(|cell| cell.trim().trim_matches('`')).collect())
        .collect();
    let kinds = &rows[0][1..];
    assert_eq!(kinds, ["hard", "soft", "optional"]);
    let mut cells = 0;
    for row in &rows[2..] {
        for (kind, said) in kinds.iter().zip(&row[1..]) {
            let status = child_of(row[0], kind);
            let expected = match *said {
                "starts" => StepStatus::Completed,
                "skipped" => StepStatus::Skipped,
                "cancelled" => StepStatus::Cancelled,
                other => panic!("{other}"),
            };
            assert_eq!(status, expected, "parent {}, kind {kind}", row[0]);
            cells += 1;
        }
    }
    assert_eq!(cells, 12);
}

/// What becomes of a child of this kind when its parent has ended so.
fn child_of(parent: &str, kind: &str) -> StepStatus {
    let text = format!(
        "ghostlight: 1
name: table
nodes:
  parent: {{ type: agent_call, agent: any }}
  child: {{ type: transform, needs: [{{ node: parent, kind: {kind} }}, {{ node: other, kind: soft }}], value: 1 }}
  other: {{ type: agent_call, agent: any }}
"
    );
    let mut bench = Bench::start(&text);
    let failure = || Failure::new(ErrorClass::Data, "broken", "it broke", Happened::Yes);
    let state = match parent {
        "completed" => StepState::Completed { output: Payload::inline(json!(1)) },
        "failed" => StepState::Failed { failure: failure() },
        "skipped" => StepState::Skipped { cause: SkipCause::Condition { condition: "false".into() } },
        "cancelled" => StepState::Cancelled,
        other => panic!("{other}"),
    };
    let place = bench.run.workflow.find("parent").unwrap().at();
    Arc::make_mut(&mut bench.run.steps[place]).state = state;
    // What its other parent says comes last, so that it is judged now.
    bench.report("other@1", Err(failure()));
    bench.status("child")
}

struct Bench {
    run: Run,
    agents: AgentDirectory,
    ids: u128,
}

impl Bench {
    fn start(text: &str) -> Self {
        let compiled = compile(&Source { text, format: Format::Yaml });
        let workflow = compiled.workflow.unwrap_or_else(|| panic!("{text}\n{:#?}", compiled.diagnostics));
        let entry = AgentEntry {
            name: Name::new("any").unwrap(),
            version: DefinitionHash::of(b"any"),
            enabled: true,
            effect: EffectClass::Read,
            timeout: Duration::from_secs(60),
            heartbeat: None,
            retry: None,
            capabilities: BTreeSet::new(),
            input_schema: None,
            output_schema: None,
            concurrency: None,
        };
        let id = RunId(Uuid::from_u128(1));
        let mut bench =
            Self { run: Run::new(id, workflow.clone()), agents: AgentDirectory::new([entry]), ids: 1 };
        let start = CreateRun {
            parent: None,
            version: 1,
            document: None,
            input: json!({}),
            context: Map::new(),
            labels: BTreeMap::new(),
            key: None,
            priority: None,
            makespan_ms: 0,
        };
        let agents = std::mem::replace(&mut bench.agents, AgentDirectory::new([]));
        let events = create(id, &workflow, start, bench.context(&agents)).unwrap();
        bench.agents = agents;
        events.iter().for_each(|event| evolve(&mut bench.run, event, now(), None));
        bench
    }

    fn context<'a>(&mut self, agents: &'a AgentDirectory) -> Context<'a> {
        self.ids += 1 << 20;
        Context {
            now: now(),
            epoch: 1,
            agents,
            slots: Slots::Unlimited,
            workload: Workload::default(),
            ids: Ids::from_base(Uuid::from_u128(self.ids)),
            jitter: 0,
            by: None,
        }
    }

    fn give(&mut self, command: Command) {
        let agents = std::mem::replace(&mut self.agents, AgentDirectory::new([]));
        let context = self.context(&agents);
        let events = decide(&self.run, command, context).unwrap();
        self.agents = agents;
        events.iter().for_each(|event| evolve(&mut self.run, event, now(), None));
    }

    fn report(&mut self, attempt: &str, outcome: Result<Arc<serde_json::Value>, Failure>) {
        let attempt = AttemptId::try_from(attempt.to_owned()).unwrap();
        self.give(Command::Report { attempt, outcome, usage: Usage::default() });
    }

    fn status(&self, step: &str) -> StepStatus {
        self.run.step(self.run.workflow.find(step).unwrap()).state.status().0
    }
}

fn now() -> Timestamp {
    Timestamp::from_second(1_700_000_000).unwrap()
}
