//! The workflows that are run, once for both sides: what is given to the daemon is written from this, and what it did is held
//! against it.

use std::sync::LazyLock;

/// A workflow.
#[derive(Debug, Clone)]
pub struct Shape {
    /// Its name.
    pub name: &'static str,
    /// Its steps.
    pub steps: Vec<Step>,
}

/// A step of it.
#[derive(Debug, Clone)]
pub struct Step {
    /// Its id.
    pub id: String,
    /// What it does.
    pub does: Does,
    /// Which steps have to have completed before.
    pub needs: Vec<String>,
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

use Does::{Asks, Calls, Joins, Listens, Sleeps};

/// The workflows.
pub static SHAPES: LazyLock<Vec<Shape>> = LazyLock::new(|| {
    vec![
        shape_of(
            "line",
            &[("a", Calls("reader"), &[]), ("b", Calls("keyed"), &["a"]), ("c", Calls("writer"), &["b"])],
        ),
        shape_of(
            "asked",
            &[("a", Calls("reader"), &[]), ("ask", Asks, &["a"]), ("b", Calls("writer"), &["ask"])],
        ),
        shape_of(
            "told",
            &[("a", Calls("keyed"), &[]), ("go", Listens, &["a"]), ("b", Calls("reader"), &["go"])],
        ),
        shape_of(
            "fan",
            &[
                ("a", Calls("reader"), &[]),
                ("b1", Calls("narrow"), &["a"]),
                ("b2", Calls("narrow"), &["a"]),
                ("b3", Calls("narrow"), &["a"]),
                ("b4", Calls("keyed"), &["a"]),
                ("all", Joins, &["b1", "b2", "b3", "b4"]),
                ("c", Calls("writer"), &["all"]),
            ],
        ),
        shape_of("later", &[("wait", Sleeps(150), &[]), ("a", Calls("keyed"), &["wait"])]),
        shape_of("shaky", &[("a", Calls("flaky"), &[]), ("b", Calls("reader"), &["a"])]),
        shape_of("long", &[("a", Calls("slow"), &[]), ("b", Calls("keyed"), &["a"])]),
        many(),
    ]
});

fn shape_of(name: &'static str, steps: &[(&str, Does, &[&str])]) -> Shape {
    let step = |(id, does, needs): &(&str, Does, &[&str])| Step {
        id: (*id).to_owned(),
        does: *does,
        needs: needs.iter().map(|need| (*need).to_owned()).collect(),
    };
    Shape { name, steps: steps.iter().map(step).collect() }
}

/// Long enough for a snapshot or two: five chains of twelve steps.
fn many() -> Shape {
    let step = |chain: usize, number: usize| Step {
        id: format!("s{chain}_{number}"),
        does: Calls(if number % 3 == 2 { "keyed" } else { "reader" }),
        needs: if number == 0 { Vec::new() } else { vec![format!("s{chain}_{}", number - 1)] },
    };
    let steps = (0..5).flat_map(|chain| (0..12).map(move |number| step(chain, number)));
    Shape { name: "many", steps: steps.collect() }
}

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
    pub fn step(&self, id: &str) -> Option<&Step> {
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
