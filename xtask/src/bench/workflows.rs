//! The workflows of the load. Their steps call the built-in `noop` agent, which goes through the same execution actor,
//! supervision and events as any other.

use std::fmt::Write as _;
use std::time::{Duration, Instant};

use anyhow::ensure;

use super::client::Client;

/// A workflow of the load.
pub struct Load {
    /// Its name.
    pub name: String,
    /// What it is, for people.
    pub title: String,
    /// How many agents a run calls.
    pub steps: u32,
    /// How many records a run is, when it is started without an idempotency key.
    pub records: u32,
    /// The document.
    pub yaml: String,
}

/// `steps` no-op steps, each bound to the output of the one before.
pub fn chain(steps: u32) -> Load {
    let name = format!("chain-{steps}");
    let mut yaml = format!("ghostlight: 1\nname: {name}\nnodes:\n");
    for step in 1..=steps {
        let from = match step {
            1 => "input: { n: $input.n }".to_owned(),
            _ => format!("needs: [s{0}], input: $s{0}", step - 1),
        };
        let _ = writeln!(yaml, "  s{step}: {{ type: agent_call, agent: noop, {from} }}");
    }
    let _ = writeln!(yaml, "output: $s{steps}");
    // Created, planned and completed; each step started and completed.
    Load { name, title: format!("chain of {steps}"), steps, records: 3 + 2 * steps, yaml }
}

/// `width` no-op steps at once, and a join of all.
pub fn fan_out(width: u32) -> Load {
    let name = format!("fan-out-{width}");
    let mut yaml = format!("ghostlight: 1\nname: {name}\nnodes:\n");
    for branch in 0..width {
        let _ = writeln!(yaml, "  b{branch}: {{ type: agent_call, agent: noop, input: {{ n: {branch} }} }}");
    }
    let all: Vec<_> = (0..width).map(|branch| format!("b{branch}")).collect();
    let _ = writeln!(yaml, "  all: {{ type: join, needs: [{}], require: all }}", all.join(", "));
    yaml.push_str("output: $all\n");
    // A join is completed without being started.
    Load { name, title: format!("fan-out of {width} with join"), steps: width, records: 4 + 2 * width, yaml }
}

/// A list of so many items, with each of which an agent fails four times before it succeeds: ten events an item.
pub fn list_of(items: usize) -> Load {
    let name = "long-list".to_owned();
    let numbers: Vec<_> = (0..items).map(|number| number.to_string()).collect();
    let yaml = format!(
        "ghostlight: 1\nname: {name}\nnodes:\n  list: {{ type: transform, value: [{}] }}\n  \
         each: {{ type: map, needs: [list], over: $list, node: {{ type: agent_call, agent: fail, \
         input: {{ class: transient, code: busy, message: not now, happened: 'no', times: 4 }}, \
         retry: {{ max_attempts: 5, initial: 10ms }} }} }}\n",
        numbers.join(", "),
    );
    Load { name, title: format!("a list of {items}"), steps: 0, records: 0, yaml }
}

/// So many steps, one after the other, each of which waits for a signal of its own: `s0`, `s1` and so on.
pub fn signals(steps: usize) -> Load {
    let name = "signals".to_owned();
    let one = |at: usize| {
        let needs = if at == 0 { String::new() } else { format!(", needs: [s{}]", at - 1) };
        format!("  s{at}: {{ type: wait, signal: {{ name: s{at} }}{needs} }}\n")
    };
    let nodes: String = (0..steps).map(one).collect();
    let yaml = format!("ghostlight: 1\nname: {name}\nnodes:\n{nodes}");
    Load { name, title: format!("{steps} signals in a row"), steps: 0, records: 0, yaml }
}

/// A step, a person, a step.
pub fn gated() -> Load {
    let name = "gated".to_owned();
    let yaml = format!(
        "ghostlight: 1\nname: {name}\nnodes:\n  before: {{ type: agent_call, agent: noop, input: {{ n: $input.n }} }}\n  \
         ask: {{ type: human_gate, needs: [before], action: 'Deploy build {{{{ input.n }}}}', impact: 'Restarts two \
         of the five servers of the shop', risk: high, timeout: 168h, on_timeout: reject }}\n  \
         after: {{ type: agent_call, agent: noop, needs: [ask], input: {{ n: 1, said: $ask.decision }} }}\noutput: $after\n"
    );
    Load { name, title: "two steps with a gate between".to_owned(), steps: 2, records: 11, yaml }
}

/// A step that fails twice and then succeeds.
pub fn failing() -> Load {
    let name = "failing".to_owned();
    let yaml = format!(
        "ghostlight: 1\nname: {name}\nnodes:\n  a: {{ type: agent_call, agent: fail, \
         input: {{ class: transient, code: busy, message: not now, happened: 'no', times: 2 }}, \
         retry: {{ max_attempts: 3, initial: 100ms }} }}\noutput: $a\n"
    );
    Load { name, title: "a step that fails twice".to_owned(), steps: 1, records: 9, yaml }
}

impl Load {
    /// Saves the workflow.
    pub fn save(&self, client: &mut Client) -> anyhow::Result<()> {
        let yaml = [("content-type", "application/yaml")];
        client.send("POST", "/api/v1/workflows", &yaml, &self.yaml)?.expect_success()
    }

    /// Starts a run and waits until it has ended; anything but a completed run is an error.
    pub fn run(&self, client: &mut Client) -> anyhow::Result<()> {
        ensure!(self.attempt(client)?, "a run of {} was refused because of too much to do", self.name);
        Ok(())
    }

    /// The same for whoever may be refused because there is too much to do; says whether the run completed.
    pub fn attempt(&self, client: &mut Client) -> anyhow::Result<bool> {
        let answer = client.post(&self.runs(), &[("prefer", "wait=30")], r#"{"input":{"n":1}}"#)?;
        if matches!(answer.status, 429 | 503) {
            return Ok(false);
        }
        answer.expect_success()?;
        ensure!(answer.has("\"status\":\"completed\""), "a run of {} did not complete", self.name);
        Ok(true)
    }

    /// Starts a run and returns its id, without waiting for anything but its creation.
    pub fn start(&self, client: &mut Client) -> anyhow::Result<String> {
        let run = client.post(&self.runs(), &[], r#"{"input":{"n":1}}"#)?.json()?;
        Ok(run["id"].as_str().unwrap_or_default().to_owned())
    }

    /// Starts a run, waits until it has ended, and returns its id.
    pub fn start_and_end(&self, client: &mut Client, patience: Duration) -> anyhow::Result<String> {
        let run = self.start(client)?;
        let started = Instant::now();
        while !client.get(&format!("/api/v1/runs/{run}?wait=10"))?.has("\"status\":\"completed\"") {
            ensure!(started.elapsed() < patience, "a run of {} did not end", self.name);
        }
        Ok(run)
    }

    fn runs(&self) -> String {
        format!("/api/v1/workflows/{}/runs", self.name)
    }
}
