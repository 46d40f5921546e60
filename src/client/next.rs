//! What the steps of a run wait for, as the daemon says it.

use serde::Deserialize;

/// A step that has not ended, and what it waits for.
#[derive(Debug, Clone, Deserialize)]
pub struct NextStep {
    /// Its path.
    pub step: String,
    /// Where it stands.
    pub status: String,
    /// What for, in one word.
    pub waits_for: String,
    /// The steps.
    #[serde(default)]
    pub waiting_on: Vec<WaitedFor>,
    /// The limit.
    #[serde(default)]
    pub limit: Option<Limit>,
    /// The time.
    #[serde(default)]
    pub until: Option<String>,
    /// The signal.
    #[serde(default)]
    pub signal: Option<String>,
    /// The question.
    #[serde(default)]
    pub approval: Option<String>,
    /// The run.
    #[serde(default)]
    pub child: Option<String>,
}

/// A step that another one waits for.
#[derive(Debug, Clone, Deserialize)]
pub struct WaitedFor {
    /// Its path.
    pub node: String,
    /// Where it stands.
    pub status: String,
}

/// A limit that is reached.
#[derive(Debug, Clone, Deserialize)]
pub struct Limit {
    /// `max_parallel`, `parallel` or `resource`.
    pub kind: String,
    /// Which.
    #[serde(default)]
    pub name: Option<String>,
    /// How many there may be.
    pub max: u32,
}

impl NextStep {
    /// The same in words.
    #[must_use]
    pub fn why(&self) -> String {
        let or = |text: &Option<String>| text.clone().unwrap_or_default();
        match self.waits_for.as_str() {
            "steps" => {
                let on = self.waiting_on.iter().map(|on| format!("{} ({})", on.node, on.status));
                on.collect::<Vec<_>>().join(", ")
            }
            "limit" => match &self.limit {
                Some(Limit { kind, name: Some(name), max }) => format!("room: {kind} {name} has {max}"),
                Some(Limit { kind, name: None, max }) => format!("room: {kind} is {max}"),
                None => "room".to_owned(),
            },
            "slot" => "a free slot".to_owned(),
            "work" => "the end of its work".to_owned(),
            "time" => or(&self.until),
            "signal" => match &self.until {
                Some(until) => format!("the signal {} until {until}", or(&self.signal)),
                None => format!("the signal {}", or(&self.signal)),
            },
            "approval" => format!("the answer to approval {}", or(&self.approval)),
            "reconcile" => "somebody to say whether its write happened: runs reconcile".to_owned(),
            "child" => format!("run {}", or(&self.child)),
            "resume" => "the run to be resumed".to_owned(),
            "nothing" => "nothing: it begins now".to_owned(),
            other => other.to_owned(),
        }
    }
}
