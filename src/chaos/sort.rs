//! The sorts of runs that are kept in flight: their workflows, and what must come out of them.

use serde_json::{Value, json};

/// A sort of run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Sort {
    /// One step after another.
    Chain,
    /// Two branches and a join.
    Diamond,
    /// A step that fails twice before it succeeds.
    Retries,
    /// A question, answered from here.
    Gate,
    /// Steps with an effect outside: an idempotent one, and a write.
    Write,
}

const CHAIN: &str = "
ghostlight: 1
name: chaos-chain
input: { type: object, required: [n], properties: { n: { type: integer } } }
nodes:
  first: { type: agent_call, agent: noop, input: { n: $input.n }, timeout: 3s }
  nap: { type: agent_call, agent: sleep, needs: [first], input: { for: 150ms }, timeout: 3s }
  second: { type: agent_call, agent: noop, needs: [nap], input: { n: $first.n }, timeout: 3s }
  rest: { type: agent_call, agent: sleep, needs: [second], input: { for: 150ms }, timeout: 3s }
  third: { type: agent_call, agent: noop, needs: [rest], input: { n: $second.n }, timeout: 3s }
output: { n: $third.n }
";

const DIAMOND: &str = "
ghostlight: 1
name: chaos-diamond
input: { type: object, required: [n], properties: { n: { type: integer } } }
nodes:
  top: { type: agent_call, agent: noop, input: { n: $input.n }, timeout: 3s }
  left: { type: agent_call, agent: noop, needs: [top], input: { n: $top.n }, timeout: 3s }
  slow: { type: agent_call, agent: sleep, needs: [top], input: { for: 250ms }, timeout: 3s }
  right: { type: agent_call, agent: noop, needs: [slow], input: { n: $top.n }, timeout: 3s }
  both: { type: join, needs: [left, right], require: all }
output: { left: $both.left.n, right: $both.right.n }
";

const RETRIES: &str = "
ghostlight: 1
name: chaos-retries
input: { type: object, required: [n], properties: { n: { type: integer } } }
nodes:
  flaky: { type: agent_call, agent: fail, input: { times: 2, class: transient }, timeout: 3s,
           retry: { max_attempts: 3, backoff: fixed, initial: 30ms, max: 30ms } }
  nap: { type: agent_call, agent: sleep, needs: [flaky], input: { for: 150ms }, timeout: 3s }
  after: { type: agent_call, agent: noop, needs: [nap], input: { n: $input.n }, timeout: 3s }
output: { attempt: $flaky.attempt, n: $after.n }
";

const GATE: &str = "
ghostlight: 1
name: chaos-gate
input: { type: object, required: [n], properties: { n: { type: integer } } }
nodes:
  before: { type: agent_call, agent: sleep, input: { for: 100ms }, timeout: 3s }
  ask: { type: human_gate, needs: [before], action: 'Go on with {{ input.n }}?', risk: low, timeout: 10m, on_timeout: reject }
  after: { type: agent_call, agent: noop, needs: [ask], input: { n: $input.n }, timeout: 3s }
output: { n: $after.n, decision: $ask.decision }
";

const WRITE: &str = "
ghostlight: 1
name: chaos-write
input: { type: object, required: [n], properties: { n: { type: integer } } }
nodes:
  mark: { type: tool_call, tool: chaos-mark, effect: idempotent, input: { n: $input.n } }
  write: { type: tool_call, tool: chaos-write, effect: write, needs: [mark], input: { n: $input.n } }
  after: { type: agent_call, agent: noop, needs: [write], input: { n: $input.n }, timeout: 3s }
output: { n: $after.n, mark: $mark.key, write: $write.key }
";

impl Sort {
    /// All of them.
    pub const ALL: [Self; 5] = [Self::Chain, Self::Diamond, Self::Retries, Self::Gate, Self::Write];

    /// The name of its workflow.
    pub fn workflow(self) -> &'static str {
        match self {
            Self::Chain => "chaos-chain",
            Self::Diamond => "chaos-diamond",
            Self::Retries => "chaos-retries",
            Self::Gate => "chaos-gate",
            Self::Write => "chaos-write",
        }
    }

    /// Its workflow.
    pub fn definition(self) -> &'static str {
        match self {
            Self::Chain => CHAIN,
            Self::Diamond => DIAMOND,
            Self::Retries => RETRIES,
            Self::Gate => GATE,
            Self::Write => WRITE,
        }
    }

    /// How many steps it has.
    pub fn steps(self) -> usize {
        match self {
            Self::Chain | Self::Diamond => 5,
            Self::Retries | Self::Gate | Self::Write => 3,
        }
    }

    /// What must come out of a run with the number `n`. How many attempts a step took is no one's promise; it is taken from
    /// what came out, if it can be right.
    pub fn output(self, run: &str, n: u64, came: &Value) -> Value {
        match self {
            Self::Chain => json!({ "n": n + 3 }),
            Self::Diamond => json!({ "left": n + 2, "right": n + 2 }),
            Self::Retries => {
                let attempt = came["attempt"].as_u64().filter(|attempt| *attempt >= 3);
                json!({ "attempt": attempt.unwrap_or(3), "n": n + 1 })
            }
            Self::Gate => json!({ "n": n + 1, "decision": "approved" }),
            Self::Write => json!({ "n": n + 1, "mark": key(run, "mark"), "write": key(run, "write") }),
        }
    }

    /// The steps that leave something outside, and whether exactly once.
    pub fn effects(self) -> &'static [(&'static str, bool)] {
        match self {
            Self::Chain | Self::Diamond | Self::Retries | Self::Gate => &[],
            Self::Write => &[("mark", false), ("write", true)],
        }
    }
}

/// The key under which the outside knows the work of a step that no person has retried.
pub(super) fn key(run: &str, step: &str) -> String {
    format!("{run}/{step}/1")
}

#[cfg(test)]
mod tests {
    use ghostlight_model::failure::EffectClass;
    use ghostlight_model::language::{self, Format, KnownAgent, Source};
    use ghostlight_model::workflow::Workflow;

    use super::*;

    fn compiled(sort: Sort) -> std::sync::Arc<Workflow> {
        let compiled = language::compile(&Source { text: sort.definition(), format: Format::Yaml });
        assert!(compiled.diagnostics.is_empty(), "{}: {:#?}", sort.workflow(), compiled.diagnostics);
        compiled.workflow.unwrap()
    }

    #[test]
    fn every_workflow_compiles_and_has_its_name_and_its_steps() {
        let agents = ["noop", "sleep", "fail", "chaos-mark", "chaos-write"];
        let known: Vec<KnownAgent> = agents
            .iter()
            .map(|name| KnownAgent {
                name: name.parse().unwrap(),
                capabilities: Vec::new(),
                effect: EffectClass::Write,
                input_schema: None,
                output_schema: None,
            })
            .collect();
        for sort in Sort::ALL {
            let workflow = compiled(sort);
            assert_eq!(workflow.name.to_string(), sort.workflow());
            assert_eq!(workflow.nodes.len(), sort.steps(), "{}", sort.workflow());
            assert!(language::check_targets(&workflow, &known).is_empty(), "{}", sort.workflow());
        }
    }

    #[test]
    fn a_retried_step_must_have_failed_as_often_as_it_was_told() {
        let n = json!({ "attempt": 5, "n": 8 });
        assert_eq!(Sort::Retries.output("r", 7, &n), n);
        assert_ne!(
            Sort::Retries.output("r", 7, &json!({ "attempt": 2, "n": 8 })),
            json!({ "attempt": 2, "n": 8 })
        );
    }
}
