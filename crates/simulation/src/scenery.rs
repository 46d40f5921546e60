//! What a simulated house works with: random workflows over all types of nodes, and the agents that they call.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use fastrand::Rng;
use ghostlight_model::failure::EffectClass;
use ghostlight_model::ids::{DefinitionHash, Name};
use ghostlight_model::language::schema::Schema;
use ghostlight_model::language::{Format, Source, compile};
use ghostlight_model::retry::{Backoff, RetryPolicy};
use ghostlight_model::run::{AgentDirectory, AgentEntry};
use ghostlight_model::workflow::Workflow;
use serde_json::json;

/// How often a workflow is drawn again that does not compile.
const TRIES_MAX: usize = 20;
/// Nodes of a workflow, asides and what stands inside of others not counted.
const NODES_MAX: usize = 8;

/// A compiled workflow and its twin, compiled from the same text once more: what depends on where things stand in memory, or on
/// the seed of a hash, is not the same in both.
#[derive(Clone)]
pub struct Version {
    /// What runs are carried with.
    pub workflow: Arc<Workflow>,
    /// What they are followed with.
    pub twin: Arc<Workflow>,
}

/// The versions of each workflow, the first one first.
pub struct Library {
    shelves: BTreeMap<Name, Vec<Version>>,
    /// The names of those that people start.
    pub started: Vec<Name>,
}

/// A name that is known to be one.
pub fn name(text: &str) -> Name {
    Name::new(text).expect("a name of the simulator")
}

impl Library {
    /// Some workflows, each of which may start those that come before it.
    pub fn new(rng: &mut Rng) -> Self {
        let mut library = Self { shelves: BTreeMap::new(), started: Vec::new() };
        for (at, of) in ["leaf", "twig", "branch", "tree", "wood"].into_iter().enumerate() {
            let below = ["leaf", "twig", "branch", "tree"].get(..at).unwrap_or_default();
            let versions = loop {
                if let Some(versions) = versions(of, below, rng) {
                    break versions;
                }
            };
            library.shelves.insert(name(of), versions);
            library.started.push(name(of));
        }
        library
    }

    /// A version, from 1.
    pub fn get(&self, workflow: &Name, version: u64) -> Option<&Version> {
        let at = usize::try_from(version).ok()?.checked_sub(1)?;
        self.shelves.get(workflow)?.get(at)
    }

    /// The number of the latest version.
    pub fn latest(&self, workflow: &Name) -> u64 {
        self.shelves.get(workflow).map_or(0, |versions| versions.len() as u64)
    }

    /// The definition of this hash, and what follows it.
    fn of(&self, hash: DefinitionHash) -> Option<&Version> {
        self.shelves.values().flatten().find(|version| version.workflow.hash == hash)
    }

    /// The definition of this hash, for who carries a run through a change of its plan.
    pub fn own(&self, hash: DefinitionHash) -> Option<&Arc<Workflow>> {
        self.of(hash).map(|version| &version.workflow)
    }

    /// The same for who follows it.
    pub fn twin(&self, hash: DefinitionHash) -> Option<&Arc<Workflow>> {
        self.of(hash).map(|version| &version.twin)
    }
}

fn versions(of: &str, below: &[&str], rng: &mut Rng) -> Option<Vec<Version>> {
    for _ in 0..TRIES_MAX {
        let first = text(of, below, rng);
        // A later one says a little else at some of its nodes, and has one more.
        let mended: Vec<String> = first
            .lines()
            .map(|line| match line.split_once(": { type") {
                Some((id, rest)) if rng.u8(..3) == 0 && id.starts_with("  n") => {
                    format!("{id}: {{ description: mended, type{rest}")
                }
                _ => line.to_owned(),
            })
            .collect();
        let second = format!("{}\n  more: {{ type: agent_call, agent: reader }}\n", mended.join("\n"));
        let all: Option<Vec<Version>> = [first, second]
            .iter()
            .map(|text| {
                let compiled = || compile(&Source { text, format: Format::Yaml }).workflow;
                Some(Version { workflow: compiled()?, twin: compiled()? })
            })
            .collect();
        if all.is_some() {
            return all;
        }
    }
    None
}

/// The text of a workflow: its nodes come last, so that one can be added at the end.
fn text(of: &str, below: &[&str], rng: &mut Rng) -> String {
    let mut text = format!("ghostlight: 1\nname: {of}\n");
    if rng.u8(..3) == 0 {
        text += "input: { type: object, required: [yes], properties: { yes: { type: boolean }, no: { type: boolean }, n: { type: integer } } }\n";
    }
    if rng.u8(..4) == 0 {
        text += &format!("max_parallel: {}\n", rng.u8(1..4));
    }
    if rng.u8(..4) == 0 {
        text += &format!("priority: {}\n", rng.i8(-2..9));
    }
    text += "resources: { gpu: 1, seat: 2 }\n";
    let strategy = ["one_for_one", "one_for_one", "one_for_all", "rest_for_one"][rng.usize(..4)];
    text += &format!("supervision: {{ strategy: {strategy}, max_restarts: {}, period: 5s", rng.u8(..5));
    text += if rng.bool() { ", backoff: { initial: 50ms, max: 100ms } }\n" } else { " }\n" };
    text += "nodes:\n";
    let mut nodes = Nodes { text, count: 0, targets: 0 };
    let wanted = rng.usize(1..=NODES_MAX);
    while nodes.count < wanted {
        nodes.add(below, rng);
    }
    nodes.text
}

/// Nodes in the making. Those that others lead to have no `needs` of their own.
struct Nodes {
    text: String,
    count: usize,
    targets: usize,
}

impl Nodes {
    fn add(&mut self, below: &[&str], rng: &mut Rng) {
        let at = self.count;
        self.count += 1;
        let needs = self.needs(at, rng);
        let number_of_needs = needs.len();
        let needs = match needs.is_empty() {
            true => String::new(),
            false => format!(", needs: [{}]", needs.join(", ")),
        };
        let what = match rng.u8(..24) {
            0..=6 => call(rng),
            7 => format!("type: condition, when: 'input.{}'", if rng.bool() { "yes" } else { "no" }),
            8 => return self.cases(at, &needs, rng),
            9 => return self.parallel(at, &needs, rng),
            10 | 11 if number_of_needs > 0 && !needs.contains("kind") => {
                let require = ["all", "any", "first_success", "collect", "{ quorum: 1 }"][rng.usize(..5)];
                format!("type: join, require: {require}")
            }
            12 => return self.goto(at, &needs, rng),
            13 => {
                let limit = if rng.bool() { ", max_parallel: 2" } else { "" };
                format!("type: map, over: [1, 2, 3]{limit}, node: {{ {} }}", inner(below, rng))
            }
            14 => format!(
                "type: map, over: [[1], [2, 3]], node: {{ type: map, over: $item, node: {{ {} }} }}",
                inner(below, rng)
            ),
            15 => format!("type: loop, until: iteration >= 2, max: 3, node: {{ {} }}", inner(below, rng)),
            16 | 17 if !below.is_empty() => child(below, rng),
            18 => wait(rng),
            19 => "type: emit, event: it.happened, data: $input".to_owned(),
            20 => "type: transform, value: { made: $input }".to_owned(),
            21 | 22 => gate(rng),
            _ => call(rng),
        };
        self.text += &format!("  n{at}: {{ {what}{needs} }}\n");
    }

    fn needs(&self, at: usize, rng: &mut Rng) -> Vec<String> {
        let count = if at == 0 { 0 } else { rng.usize(..3) };
        let parents: BTreeSet<usize> = (0..count).map(|_| rng.usize(..at)).collect();
        let need = |parent| match rng.u8(..8) {
            0 => format!("{{ node: n{parent}, kind: soft }}"),
            1 => format!("{{ node: n{parent}, kind: optional }}"),
            _ => format!("n{parent}"),
        };
        parents.into_iter().map(need).collect()
    }

    fn target(&mut self, rng: &mut Rng) -> String {
        self.targets += 1;
        let id = format!("t{}", self.targets);
        let call = call(rng);
        self.text += &format!("  {id}: {{ {call} }}\n");
        id
    }

    fn cases(&mut self, at: usize, needs: &str, rng: &mut Rng) {
        let (one, other) = (self.target(rng), self.target(rng));
        let when = if rng.bool() { "input.yes" } else { "input.no" };
        self.text += &format!(
            "  n{at}: {{ type: condition, cases: [{{ when: {when}, to: [{one}] }}, {{ else: true, to: [{other}] }}]{needs} }}\n"
        );
    }

    fn parallel(&mut self, at: usize, needs: &str, rng: &mut Rng) {
        let (one, other) = (self.target(rng), self.target(rng));
        let limit = if rng.bool() { ", max_parallel: 1" } else { "" };
        self.text += &format!(
            "  n{at}: {{ type: parallel{limit}, branches: {{ x: [{one}], y: [{other}] }}{needs} }}\n"
        );
    }

    fn goto(&mut self, at: usize, needs: &str, rng: &mut Rng) {
        let to = self.target(rng);
        self.text +=
            &format!("  n{at}: {{ type: agent_call, agent: patient, on_error: {{ goto: {to} }}{needs} }}\n");
    }
}

fn call(rng: &mut Rng) -> String {
    let resources = ["", "", ", resources: [gpu]", ", resources: [seat]"][rng.usize(..4)];
    let on_error = ["", "", "", ", on_error: continue", ", on_error: { default: 1 }", ", on_error: pause"]
        [rng.usize(..6)];
    let what = match rng.u8(..10) {
        0 => "type: agent_call, agent: reader",
        1 => "type: agent_call, agent: patient",
        2 => "type: agent_call, capability: anything",
        3 => "type: agent_call, agent: keyed, retry: { max_attempts: 2, initial: 1s, max: 9s }",
        4 => "type: tool_call, tool: writer, effect: write, retry: { max_attempts: 3, initial: 1s, max: 9s }",
        5 => {
            "type: tool_call, tool: writer, effect: write, verify: { type: agent_call, agent: verifier, input: { key: $key } }, compensate: { type: tool_call, tool: undoer, effect: write, input: { it: $output } }"
        }
        6 => {
            "type: tool_call, tool: keyed, effect: idempotent, compensate: { type: tool_call, tool: undoer, effect: write, input: { it: $output } }"
        }
        7 => {
            "type: agent_call, agent: patient, success: { assertions: ['has(output.step)'], judge: { type: agent_call, agent: judge, input: { it: $output } }, redo: 1 }"
        }
        8 => {
            "type: agent_call, agent: patient, success: { judge: { type: agent_call, agent: judge, input: { it: $output } }, on_reject: escalate }"
        }
        _ => "type: agent_call, agent: typed, input: { n: 1 }",
    };
    format!("{what}{on_error}{resources}")
}

fn gate(rng: &mut Rng) -> String {
    let more = [
        "",
        ", timeout: 20s",
        ", timeout: 20s, on_timeout: approve",
        ", form: { type: object, required: [n], properties: { n: { type: integer } } }",
    ][rng.usize(..4)];
    format!("type: human_gate, action: 'Go on?'{more}")
}

fn wait(rng: &mut Rng) -> String {
    match rng.u8(..5) {
        0 => "type: wait, for: 5s".to_owned(),
        1 => "type: wait, for: 3m".to_owned(),
        2 => "type: wait, until: '2026-01-01T00:01:00Z'".to_owned(),
        3 => "type: wait, signal: { name: paid, schema: { type: object, required: [id] } }".to_owned(),
        _ => "type: wait, signal: { name: shipped, timeout: 40s }".to_owned(),
    }
}

fn child(below: &[&str], rng: &mut Rng) -> String {
    let workflow = below[rng.usize(..below.len())];
    let abandon = if rng.u8(..4) == 0 { ", on_parent_cancel: abandon" } else { "" };
    format!("type: workflow, workflow: {workflow}, input: $input{abandon}")
}

/// What stands inside of a map or a loop.
fn inner(below: &[&str], rng: &mut Rng) -> String {
    match rng.u8(..9) {
        0 => gate(rng),
        1 => "type: wait, for: 5s".to_owned(),
        2 => "type: emit, event: it.happened, data: $input".to_owned(),
        3 => "type: transform, value: { made: $input }".to_owned(),
        4 if !below.is_empty() => child(below, rng),
        5 => "type: tool_call, tool: writer, effect: write".to_owned(),
        6 => "type: agent_call, agent: patient, on_error: continue".to_owned(),
        _ => "type: agent_call, agent: patient".to_owned(),
    }
}

/// Everybody who can be called. `is_calm`: all of them are enabled; else one of those that offer a capability may not be.
pub fn agents(is_calm: bool, rng: &mut Rng) -> Arc<AgentDirectory> {
    let patient = RetryPolicy {
        max_attempts: 3,
        backoff: Backoff::Exponential,
        initial: Duration::from_secs(1),
        max: Duration::from_secs(30),
    };
    let number = json!({ "type": "object", "required": ["n"], "properties": { "n": { "type": "integer" } } });
    let number = || Schema::compile(&number).ok();
    let entry = |agent: &str, effect| AgentEntry {
        name: name(agent),
        version: DefinitionHash::of(agent.as_bytes()),
        enabled: true,
        effect,
        timeout: Duration::from_secs(10),
        heartbeat: None,
        retry: None,
        capabilities: BTreeSet::new(),
        input_schema: None,
        output_schema: None,
        concurrency: None,
    };
    let offering = || BTreeSet::from([name("anything")]);
    Arc::new(AgentDirectory::new([
        AgentEntry { capabilities: offering(), ..entry("reader", EffectClass::Read) },
        AgentEntry {
            retry: Some(patient),
            capabilities: offering(),
            enabled: is_calm || rng.u8(..6) > 0,
            ..entry("patient", EffectClass::Read)
        },
        entry("writer", EffectClass::Write),
        entry("undoer", EffectClass::Write),
        entry("keyed", EffectClass::Idempotent),
        entry("judge", EffectClass::Read),
        entry("verifier", EffectClass::Read),
        AgentEntry { input_schema: number(), output_schema: number(), ..entry("typed", EffectClass::Read) },
    ]))
}
