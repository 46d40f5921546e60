//! The laws of the run machine, shown on small runs with names and on random ones.

mod asides;
mod bounds;
mod cases;
mod choice;
mod errors;
mod joins;
mod laws;
mod live;
mod retry;
mod retry_laws;
mod typed;
mod types;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use serde_json::{Map, Value, json};
use uuid::Uuid;

use super::invariants::{
    Change, OF_EACH_EVENT_AND_ITS_RUN, broken_by, broken_in, first_difference, nothing_is_overdue,
};
use super::*;
use crate::event::{Event, Usage};
use crate::failure::{EffectClass, ErrorClass, Failure, Happened};
use crate::ids::{ApprovalId, AttemptId, DefinitionHash, Ids, Name, RunId, StepPath};
use crate::language::{self, Format, Source};
use crate::workflow::{Aside, NodeIndex, Workflow};

/// A run with its journal, on a clock of its own and without any actor.
#[derive(Clone)]
struct Bench {
    run: Run,
    /// What it was created with.
    first: Arc<Workflow>,
    journal: Vec<(Event, Timestamp)>,
    now: Timestamp,
    epoch: u64,
    ids: u128,
    slots: Slots,
    workload: Workload,
    agents: Arc<AgentDirectory>,
}

fn name(text: &str) -> Name {
    Name::new(text).unwrap()
}

fn path(text: &str) -> StepPath {
    StepPath::new(text).unwrap()
}

fn attempt(text: &str) -> AttemptId {
    AttemptId::try_from(text.to_owned()).unwrap()
}

fn workflow(yaml: &str) -> Arc<Workflow> {
    let compiled = language::compile(&Source { text: yaml, format: Format::Yaml });
    compiled.workflow.unwrap_or_else(|| panic!("{yaml}\n{:#?}", compiled.diagnostics))
}

fn entry(agent: &str, effect: EffectClass) -> AgentEntry {
    AgentEntry {
        name: name(agent),
        version: DefinitionHash::of(agent.as_bytes()),
        enabled: true,
        effect,
        timeout: Duration::from_secs(60),
        heartbeat: None,
        retry: None,
        capabilities: BTreeSet::from([name("anything")]),
        input_schema: None,
        output_schema: None,
        concurrency: None,
    }
}

fn agents() -> Arc<AgentDirectory> {
    let retrying = AgentEntry {
        retry: Some(crate::retry::RetryPolicy {
            max_attempts: 3,
            backoff: crate::retry::Backoff::Exponential,
            initial: Duration::from_secs(1),
            max: Duration::from_secs(30),
        }),
        ..entry("patient", EffectClass::Read)
    };
    let number = json!({ "type": "object", "required": ["n"], "properties": { "n": { "type": "integer" } } });
    let number = || Some(language::schema::Schema::compile(&number).unwrap());
    let typed =
        AgentEntry { input_schema: number(), output_schema: number(), ..entry("typed", EffectClass::Read) };
    let entries = [
        typed,
        entry("reader", EffectClass::Read),
        entry("writer", EffectClass::Write),
        entry("keyed", EffectClass::Idempotent),
        retrying,
    ];
    Arc::new(AgentDirectory::new(entries))
}

impl Bench {
    /// A run of `yaml`, created with `input`.
    fn start(yaml: &str, input: Value) -> Self {
        Self::start_with(workflow(yaml), input, Slots::Unlimited)
    }

    fn start_with(workflow: Arc<Workflow>, input: Value, slots: Slots) -> Self {
        Self::start_among(workflow, input, slots, agents())
    }

    /// A run that calls other agents than the usual ones.
    fn start_among(workflow: Arc<Workflow>, input: Value, slots: Slots, agents: Arc<AgentDirectory>) -> Self {
        Self::created(workflow, slots, agents, |create| create.input = input)
    }

    /// A run whose start says more than the usual.
    fn create(workflow: Arc<Workflow>, change: impl FnOnce(&mut CreateRun)) -> Self {
        Self::created(workflow, Slots::Unlimited, agents(), change)
    }

    fn created(
        workflow: Arc<Workflow>,
        slots: Slots,
        agents: Arc<AgentDirectory>,
        change: impl FnOnce(&mut CreateRun),
    ) -> Self {
        let id = RunId(Uuid::from_u128(0x0198_0c00_0000_7000_8000_0000_0000_0000));
        let mut bench = Self {
            run: Run::new(id, workflow.clone()),
            first: workflow.clone(),
            journal: Vec::new(),
            now: Timestamp::from_second(1_700_000_000).unwrap(),
            epoch: 1,
            ids: 0,
            slots,
            workload: Workload::default(),
            agents,
        };
        let mut create = CreateRun {
            parent: None,
            version: 1,
            document: None,
            input: empty(),
            context: Map::new(),
            labels: BTreeMap::new(),
            key: None,
            priority: None,
            makespan_ms: 0,
        };
        change(&mut create);
        let agents = bench.agents.clone();
        let events = super::create(id, &workflow, create, bench.context(&agents)).unwrap();
        bench.append(events);
        bench
    }

    fn context<'a>(&mut self, agents: &'a AgentDirectory) -> Context<'a> {
        self.ids += 1 << 20;
        Context {
            now: self.now,
            epoch: self.epoch,
            agents,
            slots: self.slots.clone(),
            workload: self.workload.clone(),
            ids: Ids::from_base(Uuid::from_u128(0x0198_0c00_0000_7000_8000_0000_0000_0000 + self.ids)),
            jitter: 0,
            by: Some("someone"),
        }
    }

    fn append(&mut self, events: Vec<Event>) {
        for event in events {
            let change = Change { run: &self.run, event: &event, at: self.now, agents: &self.agents };
            assert_eq!(broken_by(OF_EACH_EVENT_AND_ITS_RUN, &change), None, "{event:?}");
            evolve(&mut self.run, &event, self.now, Some("someone"));
            self.journal.push((event, self.now));
        }
    }

    fn give(&mut self, command: Command) -> Result<Vec<&'static str>, Rejection> {
        let agents = self.agents.clone();
        let context = self.context(&agents);
        let looks_at_the_clock = matches!(command, Command::Tick);
        let events = decide(&self.run, command, context)?;
        let names = events.iter().map(Event::name).collect();
        let is_whole = !is_portion(&events);
        self.append(events);
        assert!(!looks_at_the_clock || !is_whole || nothing_is_overdue(&self.run, self.now));
        Ok(names)
    }

    fn completes(&mut self, id: &str, output: Value) -> Vec<&'static str> {
        let outcome = Ok(Arc::new(output));
        self.give(Command::Report { attempt: attempt(id), outcome, usage: Usage::default() }).unwrap()
    }

    fn fails(&mut self, id: &str, class: ErrorClass, happened: Happened) -> Vec<&'static str> {
        let outcome = Err(Failure::new(class, "broken", "it broke", happened));
        self.give(Command::Report { attempt: attempt(id), outcome, usage: Usage::default() }).unwrap()
    }

    fn pass(&mut self, time: Duration) -> Vec<&'static str> {
        self.now += SignedDuration::try_from(time).unwrap();
        self.give(Command::Tick).unwrap()
    }

    /// The process ends and a new one reads the journal.
    fn crash(&mut self) {
        let mut again = Run::new(self.run.id, self.first.clone());
        for (event, at) in &self.journal {
            let body = event.encode(&crate::event::Attribution::default()).unwrap();
            let read = Event::decode(event.kind(), crate::event::BODY_VERSION, &body).unwrap();
            assert_eq!(read, *event, "an event reads back as it was written");
            evolve(&mut again, &read, *at, Some("someone"));
        }
        assert_eq!(first_difference(&again, &self.run), None, "replay gives the same state");
        let bytes = freeze(&again, usize::MAX).unwrap();
        assert_eq!(freeze(&again, bytes.len() - 1), None, "what is too large is not written");
        let planned = |at| {
            assert_eq!(at, self.run.planned_at);
            Ok::<_, ()>(Some(again.workflow.clone()))
        };
        let frozen = thaw(again.id, &bytes, planned).unwrap().unwrap();
        assert_eq!(first_difference(&frozen, &again), None, "a snapshot reads back as it was written");
        self.run = again;
        self.epoch += 1;
    }

    fn status(&self, step: &str) -> StepStatus {
        self.run.step(self.run.workflow.find(step).unwrap()).state.status().0
    }

    fn running(&self) -> Vec<AttemptId> {
        outstanding(&self.run)
            .into_iter()
            .filter_map(|effect| match effect {
                Effect::Attempt { id, .. } | Effect::StopAttempt { id } => Some(id),
                _ => None,
            })
            .collect()
    }

    fn output(&self) -> Value {
        self.run
            .output
            .as_ref()
            .and_then(|output| output.value())
            .map_or(Value::Null, |value| (**value).clone())
    }
}

const CHAIN: &str = "
ghostlight: 1
name: chain
nodes:
  a: { type: agent_call, agent: reader, input: { n: $input.n } }
  b: { type: agent_call, agent: reader, needs: [a], input: $a }
  c: { type: agent_call, agent: reader, needs: [b], input: $b }
output: $c
";

fn one(agent: &str, more: &str) -> String {
    format!("ghostlight: 1\nname: one\nnodes:\n  a: {{ type: agent_call, agent: {agent}{more} }}\n")
}

fn empty() -> Value {
    json!({})
}
