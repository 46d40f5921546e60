//! What a binding, a condition and a template cost when a run reads them: compiled before, evaluated against values at hand.

#![allow(missing_docs, clippy::unwrap_used, reason = "a benchmark")]

use ghostlight_benches::measure;
use ghostlight_model::language::{Format, Scope, Source, compile};
use ghostlight_model::workflow::{NodeIndex, NodeKind};
use serde_json::{Value, json};

/// A run in which `a` has given this.
struct Values {
    input: Value,
    output: Value,
}

impl Scope for Values {
    fn input(&self) -> &Value {
        &self.input
    }

    fn context(&self) -> &Value {
        &Value::Null
    }

    fn output(&self, _: NodeIndex) -> Option<&Value> {
        Some(&self.output)
    }
}

const WORKFLOW: &str = "
ghostlight: 1
name: read
nodes:
  a:    { type: agent_call, agent: x }
  one:  { type: agent_call, agent: x, needs: [a], input: { n: $a.deep.n } }
  ten:  { type: agent_call, agent: x, needs: [a], input: { a: $a.deep.n, b: $a.deep.n, c: $a.deep.n, d: $a.deep.n, e: $a.deep.n,
          f: $a.deep.n, g: $a.deep.n, h: $a.deep.n, i: $a.deep.n, j: $a.deep.n } }
  two:  { type: condition, needs: [a], when: \"a.deep.n > 3 && input.kind == 'outage'\" }
  each: { type: condition, needs: [a], when: \"a.list.exists(one, one.n > 98)\" }
  ask:  { type: human_gate, needs: [a], action: \"Restart {{ input.kind }} because of {{ a.deep.n }}?\" }
";

fn main() {
    let compiled = compile(&Source { text: WORKFLOW, format: Format::Yaml });
    let workflow = compiled.workflow.unwrap();
    let node = |id: &str| workflow.node(workflow.find(id).unwrap());
    let list: Vec<Value> = (0..100).map(|n| json!({ "n": n })).collect();
    let values =
        Values { input: json!({ "kind": "outage" }), output: json!({ "deep": { "n": 7 }, "list": list }) };
    for (name, id) in [("an input of one binding", "one"), ("an input of ten bindings", "ten")] {
        let input = &node(id).input;
        measure(&format!("resolve {name}"), || input.resolve(&values).unwrap());
    }
    for (name, id) in [("two comparisons", "two"), ("a look through 100 items", "each")] {
        let NodeKind::Condition(condition) = &node(id).kind else { unreachable!("{id} is a condition") };
        measure(&format!("evaluate a condition: {name}"), || condition.evaluate(&values).unwrap());
    }
    let NodeKind::Gate(gate) = &node("ask").kind else { unreachable!("it is a gate") };
    measure("render a template of two values", || gate.action.render(&values).unwrap());
}
