//! The workflows that are run, once for both sides: what is given to the daemon is written from this, and what it did is held
//! against it.

/// A workflow.
#[derive(Debug, Clone, Copy)]
pub struct Shape {
    /// Its name.
    pub name: &'static str,
    /// Its steps.
    pub steps: &'static [Step],
}

/// A step of it.
#[derive(Debug, Clone, Copy)]
pub struct Step {
    /// Its id.
    pub id: &'static str,
    /// What it does.
    pub does: Does,
    /// Which steps have to have completed before.
    pub needs: &'static [&'static str],
}

/// What a step does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Does {
    /// Calls an agent.
    Calls(&'static str),
    /// Asks a person.
    Asks,
    /// Waits for the signal `go`.
    Listens,
    /// Waits for so many milliseconds.
    Sleeps(u64),
    /// Brings branches together.
    Joins,
}

/// An agent.
#[derive(Debug, Clone, Copy)]
pub struct Agent {
    /// Its name.
    pub name: &'static str,
    /// What calling it twice does: `read`, `idempotent`, `write`.
    pub effect: &'static str,
    /// The longest time it works, in milliseconds.
    pub work_ms: u64,
    /// How many calls of it may be under way.
    pub concurrency: Option<usize>,
    /// Whether some of its calls fail so often that nobody tries once more.
    pub fails: bool,
}

/// How often a call is tried.
pub const ATTEMPTS_MAX: u64 = 4;

/// The agents.
pub const AGENTS: &[Agent] = &[
    Agent { name: "reader", effect: "read", work_ms: 12, concurrency: None, fails: false },
    Agent { name: "keyed", effect: "idempotent", work_ms: 25, concurrency: None, fails: false },
    Agent { name: "writer", effect: "write", work_ms: 40, concurrency: None, fails: false },
    Agent { name: "narrow", effect: "idempotent", work_ms: 15, concurrency: Some(2), fails: false },
    Agent { name: "flaky", effect: "read", work_ms: 5, concurrency: None, fails: true },
    Agent { name: "slow", effect: "read", work_ms: 600, concurrency: None, fails: false },
];

const fn step(id: &'static str, does: Does, needs: &'static [&'static str]) -> Step {
    Step { id, does, needs }
}

use Does::{Asks, Calls, Joins, Listens, Sleeps};

/// The workflows.
pub const SHAPES: &[Shape] = &[
    Shape {
        name: "line",
        steps: &[
            step("a", Calls("reader"), &[]),
            step("b", Calls("keyed"), &["a"]),
            step("c", Calls("writer"), &["b"]),
        ],
    },
    Shape {
        name: "asked",
        steps: &[
            step("a", Calls("reader"), &[]),
            step("ask", Asks, &["a"]),
            step("b", Calls("writer"), &["ask"]),
        ],
    },
    Shape {
        name: "told",
        steps: &[
            step("a", Calls("keyed"), &[]),
            step("go", Listens, &["a"]),
            step("b", Calls("reader"), &["go"]),
        ],
    },
    Shape {
        name: "fan",
        steps: &[
            step("a", Calls("reader"), &[]),
            step("b1", Calls("narrow"), &["a"]),
            step("b2", Calls("narrow"), &["a"]),
            step("b3", Calls("narrow"), &["a"]),
            step("b4", Calls("keyed"), &["a"]),
            step("all", Joins, &["b1", "b2", "b3", "b4"]),
            step("c", Calls("writer"), &["all"]),
        ],
    },
    Shape { name: "later", steps: &[step("wait", Sleeps(150), &[]), step("a", Calls("keyed"), &["wait"])] },
    Shape { name: "shaky", steps: &[step("a", Calls("flaky"), &[]), step("b", Calls("reader"), &["a"])] },
    Shape { name: "long", steps: &[step("a", Calls("slow"), &[]), step("b", Calls("keyed"), &["a"])] },
];

/// The workflow of that name.
#[must_use]
pub fn shape(name: &str) -> Option<&'static Shape> {
    SHAPES.iter().find(|shape| shape.name == name)
}

/// The agent of that name.
#[must_use]
pub fn agent(name: &str) -> Option<&'static Agent> {
    AGENTS.iter().find(|agent| agent.name == name)
}

impl Shape {
    /// Its step of that id.
    #[must_use]
    pub fn step(&self, id: &str) -> Option<&'static Step> {
        self.steps.iter().find(|step| step.id == id)
    }

    /// The file that is given to the daemon.
    #[must_use]
    pub fn file(&self) -> String {
        let steps: String = self.steps.iter().map(Step::line).collect();
        format!("ghostlight: 1\nname: {}\nnodes:\n{steps}", self.name)
    }
}

impl Step {
    fn line(&self) -> String {
        let does = match self.does {
            Calls(agent) => {
                let retry = format!("{{ max_attempts: {ATTEMPTS_MAX}, initial: 5ms, max: 20ms }}");
                format!("type: agent_call, agent: {agent}, input: {{ nonce: $input.nonce }}, retry: {retry}")
            }
            Asks => "type: human_gate, action: Go on".to_owned(),
            Listens => "type: wait, signal: { name: go }".to_owned(),
            Sleeps(ms) => format!("type: wait, for: {ms}ms"),
            Joins => "type: join, require: all".to_owned(),
        };
        let needs = if self.needs.is_empty() {
            String::new()
        } else {
            format!(", needs: [{}]", self.needs.join(", "))
        };
        format!("  {}: {{ {does}{needs} }}\n", self.id)
    }
}

impl Agent {
    /// The file that is given to the daemon, when its agents are served at this address.
    #[must_use]
    pub fn file(&self, address: &str) -> String {
        let Self { name, effect, .. } = self;
        let limits =
            self.concurrency.map_or(String::new(), |limit| format!("limits: {{ concurrency: {limit} }}\n"));
        format!(
            "ghostlight: 1\nname: {name}\nkind: http\nurl: http://{address}/{name}\nallow: ['{address}']\n\
             effect: {effect}\ntimeout: 10s\n{limits}"
        )
    }
}
