//! What the verbs need to know of the API's resources. Everything else in an answer is passed over.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::Value;

/// One page of a list.
#[derive(Debug, Clone, Deserialize)]
pub struct Page<T> {
    /// The rows.
    pub items: Vec<T>,
    /// Where the next page begins.
    #[serde(default)]
    pub next_cursor: Option<String>,
}

/// A run.
#[derive(Debug, Clone, Deserialize)]
pub struct Run {
    /// Its id.
    pub id: String,
    /// Its workflow.
    pub workflow: String,
    /// The workflow's version; 0 for a definition that came with the run.
    #[serde(default)]
    pub version: u64,
    /// `pending`, `running`, `paused`, `completed`, `failed`, `cancelled`.
    pub status: String,
    /// What a cancelled run has done and nothing made good.
    #[serde(default)]
    pub not_compensated: Vec<String>,
    /// Why it is paused.
    #[serde(default)]
    pub reason: Option<String>,
    /// What it was given.
    #[serde(default)]
    pub input: Option<Value>,
    /// What came out.
    #[serde(default)]
    pub output: Option<Value>,
    /// `complete` or `partial`.
    #[serde(default)]
    pub result: Option<String>,
    /// Why it failed.
    #[serde(default)]
    pub error: Option<Failure>,
    /// Where its branches stand.
    #[serde(default)]
    pub branches: Vec<Branch>,
    /// The run whose step started it.
    #[serde(default)]
    pub parent: Option<String>,
    /// That step.
    #[serde(default)]
    pub parent_step: Option<String>,
    /// Labels.
    #[serde(default)]
    pub labels: BTreeMap<String, String>,
    /// How urgent it is.
    #[serde(default)]
    pub priority: i64,
    /// When it was created.
    #[serde(default)]
    pub created_at: Option<String>,
    /// When its first step started.
    #[serde(default)]
    pub started_at: Option<String>,
    /// When it ended.
    #[serde(default)]
    pub ended_at: Option<String>,
    /// How many questions wait for an answer.
    #[serde(default)]
    pub waiting_approvals: u32,
    /// What else its steps wait for.
    #[serde(default)]
    pub waits_for: Vec<String>,
}

impl Run {
    /// Whether it goes on no more.
    #[must_use]
    pub fn has_ended(&self) -> bool {
        matches!(self.status.as_str(), "completed" | "failed" | "cancelled")
    }

    /// How long it took, once it has ended, in milliseconds.
    #[must_use]
    pub fn took_ms(&self) -> Option<u64> {
        let time = |text: &Option<String>| text.as_deref()?.parse::<jiff::Timestamp>().ok();
        let (from, to) = (time(&self.created_at)?, time(&self.ended_at)?);
        u64::try_from(to.as_millisecond() - from.as_millisecond()).ok()
    }
}

/// A branch of a `parallel`.
#[derive(Debug, Clone, Deserialize)]
pub struct Branch {
    /// The step that opens it.
    pub parallel: String,
    /// Its name.
    pub name: String,
    /// How many of its steps there are of each status.
    #[serde(default)]
    pub counts: BTreeMap<String, u32>,
    /// Whether all of them have ended.
    #[serde(default)]
    pub done: bool,
}

/// Why an attempt, a step or a run failed.
#[derive(Debug, Clone, Default, Deserialize)]
pub struct Failure {
    /// The class: `transient`, `timeout`, …
    #[serde(default)]
    pub class: String,
    /// The stable word for programs.
    #[serde(default)]
    pub code: String,
    /// For people.
    #[serde(default)]
    pub message: String,
    /// The step, when a run failed by one.
    #[serde(default)]
    pub step: Option<String>,
}

/// A step of a run.
#[derive(Debug, Clone, Deserialize)]
pub struct Step {
    /// Its path.
    pub path: String,
    /// The type of its node.
    #[serde(default, rename = "type")]
    pub kind: String,
    /// Where it stands.
    pub status: String,
    /// Why it waits.
    #[serde(default)]
    pub reason: Option<String>,
    /// Who does it.
    #[serde(default)]
    pub agent: Option<String>,
    /// From 1; a retry by a person raises it.
    #[serde(default)]
    pub iteration: u32,
    /// How many attempts were made.
    #[serde(default)]
    pub attempts: u32,
    /// The run that it started.
    #[serde(default)]
    pub child: Option<String>,
    /// The question that it asks.
    #[serde(default)]
    pub approval: Option<String>,
    /// How long it took or takes.
    #[serde(default)]
    pub duration_ms: Option<u64>,
    /// When its attempt last showed a sign of life.
    #[serde(default)]
    pub last_sign_at: Option<String>,
    /// Whether it was cancelled because another branch was faster.
    #[serde(default)]
    pub lost_race: bool,
    /// Why it failed.
    #[serde(default)]
    pub error: Option<Failure>,
}

/// An event of a run.
#[derive(Debug, Clone, Deserialize)]
pub struct RunEvent {
    /// Global sequence.
    pub sequence: String,
    /// Sequence within the run, dense from 1.
    pub streamsequence: String,
    /// `step.completed`, …
    #[serde(rename = "type")]
    pub kind: String,
    /// The event's own fields.
    #[serde(default)]
    pub data: Value,
}

/// A question to a person.
#[derive(Debug, Clone, Deserialize)]
pub struct Approval {
    /// Its id.
    pub id: String,
    /// The run that asks.
    pub run: String,
    /// The run's workflow.
    #[serde(default)]
    pub workflow: Option<String>,
    /// The gate.
    pub step: String,
    /// What will be done.
    #[serde(default)]
    pub action: String,
    /// What that means.
    #[serde(default)]
    pub impact: Option<String>,
    /// How dangerous it is.
    #[serde(default)]
    pub risk: String,
    /// `pending`, `approved`, `rejected`, `expired`, `cancelled`.
    pub status: String,
    /// When it was asked.
    #[serde(default)]
    pub requested_at: Option<String>,
    /// When it runs out.
    #[serde(default)]
    pub expires_at: Option<String>,
    /// Who answered.
    #[serde(default)]
    pub by: Option<String>,
    /// What they said.
    #[serde(default)]
    pub comment: Option<String>,
    /// JSON Schema of what they may change.
    #[serde(default)]
    pub form: Option<Value>,
}

/// A command to a run was taken.
#[derive(Debug, Clone, Deserialize)]
pub struct Accepted {
    /// Where the run stands after it.
    pub status: String,
}

/// What a retry of a run would do.
#[derive(Debug, Clone, Deserialize)]
pub struct Hazards {
    /// The version that it would follow.
    pub version: u64,
    /// Steps that would be done again.
    pub again: Vec<String>,
    /// Steps that keep their output.
    pub kept: Vec<String>,
    /// Steps that were attempted before and may change something.
    pub attempted: Vec<Attempted>,
    /// Kept steps that have read what is different in the new input.
    pub stale: Vec<String>,
    /// Whether it is refused unless writes are acknowledged.
    pub needs_acknowledgement: bool,
}

/// A step that would be done again and was attempted before.
#[derive(Debug, Clone, Deserialize)]
pub struct Attempted {
    /// The step.
    pub step: String,
    /// What calling it twice does.
    pub effect: String,
    /// What is known of the earlier attempts.
    pub happened: String,
    /// The run that it had started.
    #[serde(default)]
    pub child: Option<String>,
}

/// What was asked of many runs came to.
#[derive(Debug, Clone, Deserialize)]
pub struct Batch {
    /// Each of them.
    pub items: Vec<BatchItem>,
}

/// What one of many runs said.
#[derive(Debug, Clone, Deserialize)]
pub struct BatchItem {
    /// The run.
    pub run: String,
    /// `done`, `would_be_done` or `refused`.
    pub outcome: String,
    /// Where it stands.
    #[serde(default)]
    pub status: Option<String>,
    /// What a retry would do, in numbers.
    #[serde(default)]
    pub would: Value,
    /// Why it refused.
    #[serde(default)]
    pub error: Value,
}

/// An agent.
#[derive(Debug, Clone, Deserialize)]
pub struct Agent {
    /// Its name.
    pub name: String,
    /// How it is called.
    #[serde(default)]
    pub kind: Option<String>,
    /// For people.
    #[serde(default)]
    pub description: String,
    /// What it offers.
    #[serde(default)]
    pub capabilities: Vec<String>,
    /// What calling it twice does.
    #[serde(default)]
    pub effect: Option<String>,
    /// Whether it may be called.
    #[serde(default)]
    pub enabled: bool,
    /// Whose it is.
    #[serde(default)]
    pub managed_by: String,
    /// The file that defines it.
    #[serde(default)]
    pub file: Option<String>,
    /// Content hash of its definition.
    #[serde(default)]
    pub hash: Option<String>,
    /// Its definition.
    #[serde(default)]
    pub definition: Option<Value>,
    /// JSON Schema of its input.
    #[serde(default)]
    pub input_schema: Option<Value>,
    /// JSON Schema of its output.
    #[serde(default)]
    pub output_schema: Option<Value>,
    /// How its calls go; not in lists.
    #[serde(default)]
    pub statistics: Option<AgentStatistics>,
}

/// How the calls of an agent go.
#[derive(Debug, Clone, Deserialize)]
pub struct AgentStatistics {
    /// How many are being made.
    pub in_flight: u32,
    /// How many have ended.
    pub finished: u64,
    /// How many of them failed.
    pub failed: u64,
    /// The share of those that ended well.
    pub success_rate: Option<f64>,
    /// Half of the latest took no longer.
    pub p50_ms: Option<u32>,
    /// 95 of a hundred of the latest took no longer.
    pub p95_ms: Option<u32>,
    /// Since when they are counted.
    pub since: String,
}

/// What became of a file with an agent.
#[derive(Debug, Clone, Deserialize)]
pub struct AgentFile {
    /// Its name within the folder.
    pub file: String,
    /// `added`, `changed`, `removed`, `unchanged`, `refused`.
    pub outcome: String,
    /// The agent that it defines, or did.
    #[serde(default)]
    pub agent: Option<String>,
    /// Why it was refused.
    #[serde(default)]
    pub reason: Option<String>,
    /// What is to be said about its document.
    #[serde(default)]
    pub diagnostics: Vec<Value>,
}

/// A workflow, or one version of it.
#[derive(Debug, Clone, Deserialize)]
pub struct Workflow {
    /// Its name.
    pub name: String,
    /// For people.
    #[serde(default)]
    pub description: String,
    /// The version.
    #[serde(default)]
    pub version: u64,
    /// Content hash of the version.
    #[serde(default)]
    pub hash: String,
    /// The document as it was sent.
    #[serde(default)]
    pub source: String,
    /// The plan.
    #[serde(default)]
    pub plan: Option<Value>,
    /// When the version was saved.
    #[serde(default)]
    pub saved_at: Option<String>,
    /// By whom.
    #[serde(default)]
    pub saved_by: Option<String>,
    /// The JSON Schema of its parameters, when it is a template.
    #[serde(default)]
    pub parameters: Option<Value>,
    /// `private` or `public`.
    #[serde(default)]
    pub visibility: String,
    /// Whether it takes no new runs.
    #[serde(default)]
    pub deleted: bool,
}

/// A version of a workflow or a template.
#[derive(Debug, Clone, Deserialize)]
pub struct Version {
    /// From 1.
    pub version: u64,
    /// Content hash.
    #[serde(default)]
    pub hash: String,
    /// When it was saved.
    #[serde(default)]
    pub at: Option<String>,
    /// By whom.
    #[serde(default)]
    pub author: Option<String>,
    /// Why.
    #[serde(default)]
    pub message: String,
}

/// What an import came to.
#[derive(Debug, Clone, Deserialize)]
pub struct Import {
    /// Every definition of the bundle.
    pub items: Vec<ImportItem>,
}

/// What became of one definition of a bundle.
#[derive(Debug, Clone, Deserialize)]
pub struct ImportItem {
    /// `workflow` or `agent`.
    #[serde(default)]
    pub kind: String,
    /// Its name.
    pub name: String,
    /// `created`, `unchanged`, `new_version`, `refused`.
    pub outcome: String,
    /// The latest version after it.
    #[serde(default)]
    pub version: u64,
    /// Why it is refused.
    #[serde(default)]
    pub reason: Option<String>,
    /// What is wrong with it, or what somebody should look at.
    #[serde(default)]
    pub diagnostics: Vec<Value>,
}

/// A document that the daemon has made.
#[derive(Debug, Clone, Deserialize)]
pub struct Made {
    /// The document as people read it.
    #[serde(default)]
    pub source: String,
    /// `yaml` or `json`.
    #[serde(default)]
    pub format: String,
    /// What somebody should look at.
    #[serde(default)]
    pub diagnostics: Vec<Value>,
    /// What saving it came to.
    #[serde(default)]
    pub saved: Option<Saved>,
}

/// A workflow was saved.
#[derive(Debug, Clone, Deserialize)]
pub struct Saved {
    /// Its name.
    pub name: String,
    /// The version that is this document.
    pub version: u64,
    /// Whether that version was there already.
    #[serde(default)]
    pub unchanged: bool,
    /// What somebody should look at.
    #[serde(default)]
    pub diagnostics: Vec<Value>,
}

/// What is known of a token.
#[derive(Debug, Clone, Deserialize)]
pub struct Token {
    /// Its id.
    pub id: String,
    /// For people.
    #[serde(default)]
    pub label: String,
    /// When it was made.
    #[serde(default)]
    pub created_at: Option<String>,
    /// When it runs out.
    #[serde(default)]
    pub expires_at: Option<String>,
    /// When it was revoked.
    #[serde(default)]
    pub revoked_at: Option<String>,
    /// Whether it opens anything now.
    #[serde(default)]
    pub accepted: bool,
}

/// A token that was just made.
#[derive(Debug, Clone, Deserialize)]
pub struct NewToken {
    /// Its id.
    pub id: String,
    /// The token itself, shown once.
    pub token: String,
}

/// A supervisor or an actor, and what is below it.
#[derive(Debug, Clone, Deserialize)]
pub struct TreeNode {
    /// Where it stands.
    pub path: String,
    /// `worker` or `supervisor`.
    #[serde(default)]
    pub kind: Value,
    /// What it is doing.
    #[serde(default)]
    pub state: Value,
    /// Which life of it, from 1.
    #[serde(default)]
    pub incarnation: u32,
    /// How often it was restarted.
    #[serde(default)]
    pub restarts: u32,
    /// Messages that wait.
    #[serde(default)]
    pub mailbox: Option<u32>,
    /// Messages that were handled.
    #[serde(default)]
    pub handled: u64,
    /// How long it has been up.
    #[serde(default)]
    pub uptime_ms: u64,
    /// How its last life ended.
    #[serde(default)]
    pub last_exit: Option<Value>,
    /// The arbiter it lives on.
    #[serde(default)]
    pub arbiter: Option<String>,
    /// What is below it.
    #[serde(default)]
    pub children: Vec<TreeNode>,
}

impl TreeNode {
    /// How its last life ended, as a text; nothing before any did. Of a panic the message comes first, and its place after it:
    /// there may not be room for both.
    #[must_use]
    pub fn exit_text(&self) -> Option<String> {
        match self.last_exit.as_ref()? {
            Value::Null => None,
            Value::String(text) => Some(text.clone()),
            exit => match (exit["message"].as_str(), exit["location"].as_str(), exit["text"].as_str()) {
                (Some(message), Some(location), _) => Some(format!("panicked: {message} ({location})")),
                (_, _, Some(text)) => Some(text.to_owned()),
                // Daemons before this one said no text.
                (_, _, None) => Some(exit.to_string()),
            },
        }
    }
}
