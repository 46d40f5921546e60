//! What the compiler says of types, held against random runs: what it says of an output is true of every output, and what it
//! refuses would not have worked.

use super::*;
use crate::diagnostic::Code;
use crate::language::schema::Schema;
use crate::language::{KnownAgent, check_targets, not_of_their_type};
use crate::workflow::OnError;

/// Agents by name: what they take and what they give.
fn schemas() -> Vec<(&'static str, Option<Value>, Option<Value>)> {
    let gives = json!({"type": "object", "required": ["n", "s", "l", "o", "b"], "properties": {
        "n": {"type": "integer"}, "s": {"enum": ["x", "y"]}, "l": {"type": "array", "items": {"type": "string"}},
        "o": {"type": "object", "required": ["k"], "properties": {"k": {"type": "number"}}}, "b": {"type": "boolean"}}});
    let rows = json!({"type": "array", "items": {"type": "object", "required": ["n", "l"], "additionalProperties": false,
        "properties": {"n": {"type": "number"}, "l": {"type": "array", "items": {"type": "integer"}}}}});
    let takes = json!({"type": "object", "required": ["a"], "additionalProperties": false,
        "properties": {"a": {"type": "integer"}, "b": {"type": "string"}}});
    let takes_more = json!({"type": "object", "properties": {
        "a": {"type": "array", "items": {"type": "string"}},
        "b": {"type": "object", "required": ["k"], "properties": {"k": {"type": "number"}}}}});
    vec![
        ("fields", None, Some(gives.clone())),
        ("rows", None, Some(rows)),
        ("maybe", None, Some(json!({"type": ["string", "null"]}))),
        ("anything", None, None),
        ("strict", Some(takes), Some(gives)),
        ("lists", Some(takes_more), None),
    ]
}

/// A value of that schema with all that it declares, and no list empty: types are judged as if everything were there.
fn sample(rng: &mut fastrand::Rng, schema: Option<&Value>) -> Value {
    let Some(schema) = schema else {
        return [json!(null), json!(3), json!("x"), json!({"n": 1, "k": "t"}), json!([1, 2.5])]
            [rng.usize(0..5)]
        .clone();
    };
    if let Some(values) = schema["enum"].as_array() {
        return values[rng.usize(0..values.len())].clone();
    }
    let kind = match &schema["type"] {
        Value::Array(kinds) => kinds[rng.usize(0..kinds.len())].as_str(),
        kind => kind.as_str(),
    };
    match kind.unwrap() {
        "integer" => [json!(2), json!(7.0), json!(-1)][rng.usize(0..3)].clone(),
        "number" => [json!(2), json!(0.5)][rng.usize(0..2)].clone(),
        "string" => json!(["x", "t", ""][rng.usize(0..3)]),
        "boolean" => json!(rng.bool()),
        "array" => (0..rng.usize(1..3)).map(|_| sample(rng, schema.get("items"))).collect(),
        "object" => {
            let fields = schema["properties"].as_object().unwrap();
            fields.iter().map(|(key, field)| (key.clone(), sample(rng, Some(field)))).collect()
        }
        _ => Value::Null,
    }
}

struct Writer<'r> {
    rng: &'r mut fastrand::Rng,
    /// How many nodes stand before.
    before: usize,
}

impl Writer<'_> {
    fn any<'t>(&mut self, of: &[&'t str]) -> &'t str {
        of[self.rng.usize(0..of.len())]
    }

    /// A path to read, without `$`.
    fn path(&mut self, locals: &[&str]) -> String {
        let mut words: Vec<String> = (0..self.before).map(|node| format!("n{node}")).collect();
        words.extend(locals.iter().flat_map(|local| [(*local).to_owned(), (*local).to_owned()]));
        words.extend(["input".to_owned(), "run.version".to_owned()]);
        let mut path = words[self.rng.usize(0..words.len())].clone();
        if path.starts_with("run") {
            return path;
        }
        for _ in 0..self.rng.usize(0..3) {
            path += self.any(&[
                ".n",
                ".n",
                ".s",
                ".l",
                ".l",
                ".o",
                ".o",
                ".k",
                ".b",
                "[0]",
                "[0]",
                ".last",
                ".iterations",
                ".event",
                ".at",
                ".n0",
            ]);
        }
        path
    }

    fn value(&mut self, locals: &[&str]) -> Value {
        match self.rng.usize(0..9) {
            0 => json!(self.rng.i64(0..3)),
            1 => json!(self.any(&["x", "t"])),
            2 => json!({"n": self.bound(locals), "k": self.bound(locals)}),
            3 => json!([self.bound(locals), self.bound(locals)]),
            4 => json!({"l": [1, 2, 3], "o": {"k": self.bound(locals)}}),
            _ => self.bound(locals),
        }
    }

    fn bound(&mut self, locals: &[&str]) -> Value {
        json!(format!("${}", self.path(locals)))
    }

    fn expression(&mut self, locals: &[&str]) -> String {
        let form = self.any(&[
            "R",
            "size(R)",
            "R + R",
            "R + 1",
            "R * R",
            "R / 2",
            "R - 0.5",
            "R % 2",
            "-R",
            "string(R)",
            "int(R)",
            "double(R)",
            "[R, R]",
            "{'n': R, 'k': [R]}",
            "R.map(x, x)",
            "R.map(x, [x])",
            "R.map(x, x.n)",
            "R.map(x, x + x)",
            "R.map(x, x == x, x)",
            "R.filter(x, x == x)",
            "R.exists(x, x == 1)",
            "R.all(x, x == x)",
            "R.exists_one(x, x == 'x')",
            "R[0]",
            "R == R",
            "R['n']",
            "size(R) > 1 ? R : R",
            "R.contains('x')",
            "R in R",
            "run.id + run.workflow",
        ]);
        form.split('R').map(str::to_owned).reduce(|text, rest| text + &self.path(locals) + &rest).unwrap()
    }

    /// What stands in a map or a loop, or by itself.
    fn plain(&mut self, locals: &[&str]) -> Value {
        let on_error =
            [json!("fail"), json!("continue"), json!({"default": "stands in"})][self.rng.usize(0..3)].clone();
        match self.rng.usize(0..8) {
            0 | 1 => json!({"type": "transform", "value": self.value(locals)}),
            2 | 3 => json!({"type": "transform", "expression": self.expression(locals)}),
            4 | 5 => {
                json!({"type": "agent_call", "agent": self.any(&["strict", "lists"]), "on_error": on_error,
                "input": {"a": self.value(locals), "b": self.value(locals)}})
            }
            6 => {
                json!({"type": "agent_call", "agent": self.any(&["strict", "lists"]), "input": self.bound(locals)})
            }
            _ => {
                json!({"type": "agent_call", "agent": self.any(&["fields", "rows", "maybe", "anything"]), "on_error": on_error})
            }
        }
    }

    fn node(&mut self) -> Value {
        let mut node = match self.rng.usize(0..12) {
            0 | 1 => {
                let over = [json!([1, 2]), json!(["x", {"n": 1}]), self.bound(&[]), self.bound(&[])]
                    [self.rng.usize(0..4)]
                .clone();
                json!({"type": "map", "over": over, "node": self.plain(&["item", "index"])})
            }
            2 => {
                json!({"type": "loop", "until": "iteration >= 2", "max": 2, "node": self.plain(&["last", "iteration"])})
            }
            3 | 4 if self.before > 0 => {
                let merge = [
                    json!(null),
                    json!("last"),
                    json!("first"),
                    json!("append"),
                    json!("sum"),
                    json!("deep_merge"),
                    json!({"n": "sum", "l": "append"}),
                ][self.rng.usize(0..7)]
                .clone();
                let mut join = json!({"type": "join", "require": self.any(&["all", "collect", "any"])});
                if !merge.is_null() {
                    join["merge"] = merge;
                }
                join
            }
            5 => json!({"type": "emit", "event": "said", "data": self.value(&[])}),
            6 => json!({"type": "wait", "for": "1s"}),
            _ => self.plain(&[]),
        };
        let is_join = node["type"] == "join";
        let needed = (0..self.before).filter(|_| self.rng.usize(0..3) > 0).map(|parent| {
            if is_join || self.before.is_multiple_of(3) {
                json!(format!("n{parent}"))
            } else {
                json!({"node": format!("n{parent}"), "kind": "soft"})
            }
        });
        node["needs"] = needed.collect();
        node
    }
}

/// A random document that compiles.
fn written(rng: &mut fastrand::Rng) -> Arc<Workflow> {
    let mut document = json!({"ghostlight": 1, "name": "w", "nodes": {},
        "input": {"type": "object", "required": ["n", "l"], "properties": {"n": {"type": "integer"}, "l": {"type": "array", "items": {"type": "string"}}}}});
    let mut found = None;
    let mut before = 0;
    for _ in 0..14 {
        let mut next = document.clone();
        next["nodes"][format!("n{before}")] = Writer { rng, before }.node();
        let compiled = language::compile(&Source { text: &next.to_string(), format: Format::Json });
        if let Some(workflow) = compiled.workflow {
            (document, before, found) = (next, before + 1, Some(workflow));
        }
    }
    found.unwrap()
}

/// Lets everything end, some of it badly.
fn go(bench: &mut Bench, rng: &mut fastrand::Rng) {
    let schemas = schemas();
    for _ in 0..500 {
        if let Some(id) = bench.running().first() {
            let agent = bench.run.attempt(bench.run.find(&id.step).unwrap()).unwrap().agent.clone();
            let (.., gives) = schemas.iter().find(|(name, ..)| agent.as_str() == *name).unwrap();
            match rng.usize(0..8) {
                0 => bench.fails(&id.to_string(), ErrorClass::Data, Happened::Yes),
                _ => bench.completes(&id.to_string(), sample(rng, gives.as_ref())),
            };
        } else if next_due(&bench.run).is_some() {
            bench.pass(Duration::from_secs(1));
        } else {
            return;
        }
    }
}

/// Whether a node's text has the id in it as a word of its own.
fn reads(text: &str, id: &str) -> bool {
    text.split(|c: char| !c.is_alphanumeric()).any(|word| word == id)
}

#[test]
fn no_run_does_what_types_say_cannot_be() {
    let compile = |schema: &Option<Value>| schema.as_ref().map(|schema| Schema::compile(schema).unwrap());
    let known: Vec<KnownAgent> = schemas()
        .iter()
        .map(|(agent, takes, gives)| KnownAgent {
            name: name(agent),
            capabilities: Vec::new(),
            effect: EffectClass::Read,
            input_schema: compile(takes),
            output_schema: compile(gives),
        })
        .collect();
    let entries = schemas().into_iter().map(|(agent, takes, gives)| AgentEntry {
        input_schema: compile(&takes),
        output_schema: compile(&gives),
        ..entry(agent, EffectClass::Read)
    });
    let directory = Arc::new(AgentDirectory::new(entries));
    let (mut held, mut refused) = (0, 0);
    for seed in 0..400 {
        let mut rng = fastrand::Rng::with_seed(seed);
        let workflow = written(&mut rng);
        let told = check_targets(&workflow, &known);
        let mut bench = Bench::start_among(
            workflow.clone(),
            json!({"n": 2, "l": ["x"]}),
            Slots::Unlimited,
            directory.clone(),
        );
        go(&mut bench, &mut rng);
        let outputs: Vec<(NodeIndex, Value)> = bench
            .run
            .iter()
            .filter_map(|(index, _, step)| match &step.state {
                StepState::Completed { output } => Some((index, (**output.value().unwrap()).clone())),
                _ => None,
            })
            .collect();
        let whole = || serde_json::to_string_pretty(&workflow.document).unwrap();
        let misfits = not_of_their_type(&workflow, &known, &outputs);
        assert!(misfits.is_empty(), "seed {seed}: {misfits:#?}\n{}", whole());
        held += outputs.len();
        for problem in told {
            let codes = [Code::TypeMismatch, Code::MissingField, Code::ExtraField, Code::UndeclaredField];
            let node = problem.path.split('/').nth(2).and_then(|id| workflow.find(id)).unwrap();
            // What an item may fail at, a list gets over; and of two ways only one is gone.
            let body = workflow.node(node).kind.body();
            let gets_over = body.is_some_and(|body| body.on_error != OnError::Fail);
            let mut written = workflow.document["nodes"][workflow.node(node).id.as_str()].clone();
            written.as_object_mut().unwrap().remove("needs");
            let written = written.to_string();
            let chooses = written.contains(" ? ");
            // Of what has no value every field is null, whatever its name, and of nothing every item is of any type.
            let reads_nothing = workflow.nodes.iter().enumerate().any(|(place, other)| {
                let output = outputs.iter().find(|(index, _)| index.at() == place).map(|(_, output)| output);
                let is_nothing = output.is_none_or(|output| *output == json!({}) || *output == json!([]));
                is_nothing && reads(&written, other.id.as_str())
            });
            if codes.contains(&problem.code) && !gets_over && !chooses && !reads_nothing {
                let completed = outputs.iter().any(|(index, _)| *index == node);
                assert!(!completed, "seed {seed}: {problem:?}, and it worked\n{}", whole());
                refused += 1;
            }
        }
    }
    assert!(held > 1_000 && refused > 100, "{held} outputs held, {refused} refusals were right");
}
