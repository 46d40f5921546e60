//! What the rules alone cost: the decisions, folds and bodies of a run, without any actor, disk or network.

#![allow(missing_docs, clippy::unwrap_used, reason = "a benchmark")]

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use ghostlight_benches::measure;
use ghostlight_model::event::{Attribution, BODY_VERSION, Event, Usage};
use ghostlight_model::failure::EffectClass;
use ghostlight_model::ids::{AttemptId, DefinitionHash, Ids, Name, RunId};
use ghostlight_model::language::{Format, Source, compile};
use ghostlight_model::run::{
    AgentDirectory, AgentEntry, Command, Context, CreateRun, Run, RunStatus, Slots, Workload, create, decide,
    evolve, outstanding,
};
use ghostlight_model::workflow::Workflow;
use jiff::Timestamp;
use serde_json::{Map, json};
use uuid::Uuid;

const CHAIN: &str = "
ghostlight: 1
name: chain
nodes:
  a: { type: agent_call, agent: noop, input: { n: $input.n } }
  b: { type: agent_call, agent: noop, needs: [a], input: $a }
  c: { type: agent_call, agent: noop, needs: [b], input: $b }
output: $c
";

fn main() {
    let workflow = compile(&Source { text: CHAIN, format: Format::Yaml }).workflow.unwrap();
    let directory = AgentDirectory::new([noop()]);
    let attempts = ["a@1", "b@1", "c@1"].map(|text| AttemptId::try_from(text.to_owned()).unwrap());

    measure("chain of 3: decide, evolve, outstanding", || run(&workflow, &directory, &attempts));
    let (_, events) = run(&workflow, &directory, &attempts);
    assert_eq!(events.len(), 9);
    let attribution = Attribution { cause: Some(id(7).to_string()), ..Attribution::default() };
    let encode =
        || -> Vec<Vec<u8>> { events.iter().map(|event| event.encode(&attribution).unwrap()).collect() };
    measure("chain of 3: nine bodies written", encode);
    let bodies = encode();
    println!("    {} bytes of bodies", bodies.iter().map(Vec::len).sum::<usize>());
    let decode = || -> Vec<Event> {
        let kinds = events.iter().map(Event::kind);
        kinds.zip(&bodies).map(|(kind, body)| Event::decode(kind, BODY_VERSION, body).unwrap()).collect()
    };
    measure("chain of 3: nine bodies read", decode);
    measure("chain of 3: folded from its events", || {
        let mut run = Run::new(RunId(id(1)), workflow.clone());
        events.iter().for_each(|event| evolve(&mut run, event, Timestamp::UNIX_EPOCH, None));
        run
    });
    let (finished, _) = run(&workflow, &directory, &attempts);
    measure("chain of 3: the state copied", || finished.clone());
}

/// One run from its creation to its end, as the workflow actor drives it.
fn run(workflow: &Arc<Workflow>, directory: &AgentDirectory, attempts: &[AttemptId]) -> (Run, Vec<Event>) {
    let run_id = RunId(id(1));
    let mut run = Run::new(run_id, workflow.clone());
    let new = CreateRun {
        parent: None,
        version: 1,
        document: None,
        input: json!({ "n": 1 }),
        context: Map::new(),
        labels: BTreeMap::new(),
        key: None,
        priority: None,
        makespan_ms: 3_000,
    };
    let mut all = create(run_id, workflow, new, context(directory)).unwrap();
    take(&mut run, &all);
    for (n, attempt) in attempts.iter().enumerate() {
        let outcome = Ok(Arc::new(json!({ "n": n + 2 })));
        let report = Command::Report { attempt: attempt.clone(), outcome, usage: Usage::default() };
        let events = decide(&run, report, context(directory)).unwrap();
        take(&mut run, &events);
        all.extend(events);
    }
    assert_eq!(run.status, RunStatus::Completed);
    (run, all)
}

fn take(run: &mut Run, events: &[Event]) {
    events.iter().for_each(|event| evolve(run, event, Timestamp::UNIX_EPOCH, None));
    std::hint::black_box(outstanding(run));
}

fn context(agents: &AgentDirectory) -> Context<'_> {
    Context {
        now: Timestamp::UNIX_EPOCH,
        epoch: 1,
        agents,
        slots: Slots::Unlimited,
        workload: Workload::default(),
        ids: Ids::from_base(id(2)),
        jitter: 0,
        by: Some("someone"),
    }
}

fn id(number: u128) -> Uuid {
    Uuid::from_u128(0x0198_0c00_0000_7000_8000_0000_0000_0000 + number)
}

fn noop() -> AgentEntry {
    AgentEntry {
        name: Name::new("noop").unwrap(),
        version: DefinitionHash::of(b"noop"),
        enabled: true,
        effect: EffectClass::Read,
        timeout: Duration::from_secs(60),
        heartbeat: None,
        retry: None,
        capabilities: BTreeSet::new(),
        input_schema: None,
        output_schema: None,
        concurrency: None,
    }
}
