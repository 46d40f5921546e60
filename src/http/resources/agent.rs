//! An agent or a tool.

use ghostlight_actors::agents::{AgentInfo, ManagedBy, SavedAgent};
use ghostlight_actors::runs::AgentStatistics;
use ghostlight_model::agent::AgentDefinition;
use ghostlight_model::definitions::agent::DisabledBy;
use ghostlight_model::diagnostic::Diagnostic;
use ghostlight_model::language::schema::Schema;
use jiff::Timestamp;
use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;

use super::attempt::effect;

/// An agent, as lists show it.
#[derive(Debug, Clone, Serialize, ToSchema)]
#[schema(as = AgentSummary)]
pub struct AgentRowBody {
    /// Its name.
    pub name: String,
    /// How it is called: `command`, `http`, `builtin`.
    pub kind: Option<&'static str>,
    /// For people.
    pub description: String,
    /// What it offers.
    pub capabilities: Vec<String>,
    /// What calling it twice does: `read`, `idempotent`, `write`.
    pub effect: Option<&'static str>,
    /// Content hash of the current definition.
    pub hash: Option<String>,
    /// Whether it may be called.
    pub enabled: bool,
    /// Why not.
    pub disabled_reason: Option<String>,
    /// Whose it is: `file`, `api`, `built_in`.
    pub managed_by: &'static str,
    /// The file that owns it.
    pub file: Option<String>,
}

/// A version of an agent, without its document.
#[derive(Debug, Clone, Serialize, ToSchema)]
#[schema(as = AgentVersion)]
pub struct AgentVersionBody {
    /// From 1, in the order of saving.
    pub number: u64,
    /// Content hash.
    pub hash: String,
    /// The file that it came from; null: the API.
    pub file: Option<String>,
    /// When it was saved.
    #[schema(value_type = String, format = DateTime)]
    pub saved_at: Timestamp,
    /// By whom; null: from a file.
    pub saved_by: Option<String>,
}

/// An agent with everything about it.
#[derive(Debug, Clone, Serialize, ToSchema)]
#[schema(as = Agent)]
pub struct AgentBody {
    /// What lists show.
    #[serde(flatten)]
    pub row: AgentRowBody,
    /// The canonical definition; secrets stand in it as references only.
    pub definition: Option<Value>,
    /// JSON Schema of its input; null where it takes anything.
    pub input_schema: Option<Value>,
    /// JSON Schema of its output; null where it may give anything.
    pub output_schema: Option<Value>,
    /// The newest first.
    pub versions: Vec<AgentVersionBody>,
    /// How its calls go; not in the answer to a change.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub statistics: Option<AgentStatisticsBody>,
}

/// How the calls of an agent go, over all runs.
#[derive(Debug, Clone, Serialize, ToSchema)]
#[schema(as = AgentStatistics)]
pub struct AgentStatisticsBody {
    /// How many are being made.
    pub in_flight: u32,
    /// How many have ended, well or badly; those that somebody stopped do not count.
    pub finished: u64,
    /// How many of them failed.
    pub failed: u64,
    /// The share of those that ended well, 0 to 1; null while none has ended.
    pub success_rate: Option<f64>,
    /// Half of the latest 256 took no longer than this; null while none has ended.
    pub p50_ms: Option<u32>,
    /// 95 of a hundred of the latest 256 took no longer than this.
    pub p95_ms: Option<u32>,
    /// Since when they are counted: the start of the daemon, or later when so many agents are called that this one was forgotten.
    #[schema(value_type = String, format = DateTime)]
    pub since: Timestamp,
}

impl AgentStatisticsBody {
    /// How they go, as they are counted from `since` on.
    #[must_use]
    pub fn of((statistics, since): &(AgentStatistics, Timestamp)) -> Self {
        let calls = &statistics.calls;
        Self {
            in_flight: statistics.in_flight,
            finished: calls.finished(),
            failed: calls.failed(),
            success_rate: calls.success_rate(),
            p50_ms: calls.percentile_ms(50),
            p95_ms: calls.percentile_ms(95),
            since: *since,
        }
    }
}

impl AgentRowBody {
    /// A row of the list.
    #[must_use]
    pub fn of(info: &AgentInfo) -> Self {
        let definition = info.definition.as_deref();
        Self {
            name: info.name.to_string(),
            kind: info.kind(),
            description: definition.map(|definition| definition.description.clone()).unwrap_or_default(),
            capabilities: definition
                .map(|definition| definition.capabilities.iter().map(ToString::to_string).collect())
                .unwrap_or_default(),
            effect: definition.map(|definition| effect(definition.effect)),
            hash: definition.map(|definition| definition.hash.to_string()),
            enabled: info.is_enabled(),
            disabled_reason: info.disabled.as_ref().map(|by| match by {
                DisabledBy::Person(reason) => reason.clone(),
                DisabledBy::FileRemoval => "its definition file was removed".to_owned(),
            }),
            managed_by: match &info.managed_by {
                ManagedBy::File(_) => "file",
                ManagedBy::Api => "api",
                ManagedBy::BuiltIn => "built_in",
            },
            file: match &info.managed_by {
                ManagedBy::File(file) => Some(file.clone()),
                ManagedBy::Api | ManagedBy::BuiltIn => None,
            },
        }
    }
}

impl AgentBody {
    /// All about an agent.
    #[must_use]
    pub fn of(info: &AgentInfo) -> Self {
        let versions = info.versions.iter().map(|version| AgentVersionBody {
            number: version.number,
            hash: version.hash.to_string(),
            file: version.file.clone(),
            saved_at: version.at,
            saved_by: version.by.clone(),
        });
        let definition = info.definition.as_deref();
        let document = |schema: Schema| schema.document().clone();
        Self {
            row: AgentRowBody::of(info),
            input_schema: definition.and_then(AgentDefinition::takes).map(document),
            output_schema: definition.and_then(AgentDefinition::gives).map(document),
            definition: info.definition.as_ref().map(|definition| definition.document.clone()),
            versions: versions.collect(),
            statistics: None,
        }
    }
}

/// A definition was saved, or was there already.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = SavedAgent)]
pub struct SavedAgentBody {
    /// The agent.
    pub name: String,
    /// Content hash of the definition.
    pub hash: String,
    /// Whether the latest version was the same, so that none was made.
    pub unchanged: bool,
    /// Warnings.
    #[schema(value_type = Vec<Object>)]
    pub diagnostics: Vec<Diagnostic>,
}

impl SavedAgentBody {
    /// What was saved.
    #[must_use]
    pub fn of(saved: SavedAgent) -> Self {
        Self {
            name: saved.name.to_string(),
            hash: saved.hash.to_string(),
            unchanged: saved.unchanged,
            diagnostics: saved.warnings,
        }
    }
}
