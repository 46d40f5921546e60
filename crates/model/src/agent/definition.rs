//! The compiled form of an agent definition file.

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use ipnet::IpNet;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::{SecretText, catalogue};
use crate::failure::{EffectClass, ErrorClass};
use crate::ids::{DefinitionHash, Name};
use crate::language::KnownAgent;
use crate::language::schema::Schema;
use crate::retry::RetryPolicy;

/// An agent or a tool: a named provider of capabilities, and how it is called.
#[derive(Clone)]
pub struct AgentDefinition {
    /// Its name.
    pub name: Name,
    /// For people; the hash identifies.
    pub version: Option<String>,
    /// Hash of the canonical document.
    pub hash: DefinitionHash,
    /// The canonical document, as JSON with sorted keys. Secrets stand in it as references only.
    pub document: Value,
    /// For people.
    pub description: String,
    /// How it is called.
    pub kind: AgentKind,
    /// What it offers, in the order of the document.
    pub capabilities: Vec<Name>,
    /// What calling it twice does.
    pub effect: EffectClass,
    /// What its document says an input must look like; [`AgentDefinition::takes`] says what holds.
    pub input_schema: Option<Schema>,
    /// What its document says an output must look like; [`AgentDefinition::gives`] says what holds.
    pub output_schema: Option<Schema>,
    /// The longest time of one attempt.
    pub timeout: Option<Duration>,
    /// Silence longer than this ends the attempt with class `timeout`.
    pub heartbeat: Option<Duration>,
    /// How much of it may be used.
    pub limits: Limits,
    /// When a failed attempt is followed by another one; a node's own policy wins.
    pub retry: Option<RetryPolicy>,
    /// What a call costs.
    pub cost: Option<Cost>,
    /// For people and filters.
    pub labels: BTreeMap<String, String>,
}

/// Without the document: a person who put a token into it by mistake does not find it in a log.
impl fmt::Debug for AgentDefinition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AgentDefinition")
            .field("name", &self.name)
            .field("hash", &self.hash)
            .field("kind", &self.kind)
            .field("effect", &self.effect)
            .finish_non_exhaustive()
    }
}

impl From<&AgentDefinition> for KnownAgent {
    fn from(agent: &AgentDefinition) -> Self {
        Self {
            name: agent.name.clone(),
            capabilities: agent.capabilities.clone(),
            effect: agent.effect,
            input_schema: agent.takes(),
            output_schema: agent.gives(),
        }
    }
}

impl AgentDefinition {
    /// What an input must look like: by its own schema or, of a built-in without one, by the program. What `with` sets
    /// need not be given.
    #[must_use]
    pub fn takes(&self) -> Option<Schema> {
        let promised = || match &self.kind {
            AgentKind::Builtin(call) => catalogue::takes(call.builtin, &call.with),
            AgentKind::Command(_) | AgentKind::Http(_) => None,
        };
        self.input_schema.clone().or_else(promised)
    }

    /// What an output looks like, likewise.
    #[must_use]
    pub fn gives(&self) -> Option<Schema> {
        let promised = || match &self.kind {
            AgentKind::Builtin(call) => catalogue::gives(call.builtin),
            AgentKind::Command(_) | AgentKind::Http(_) => None,
        };
        self.output_schema.clone().or_else(promised)
    }

    /// The agent that every built-in is when no file says otherwise. Its document is `{builtin, kind, name}`.
    #[must_use]
    pub fn of_builtin(builtin: Builtin) -> Self {
        let name = builtin.name();
        let document = serde_json::json!({"builtin": name, "kind": "builtin", "name": name});
        let capabilities = match builtin {
            Builtin::LogAnalysis => vec![name.clone()],
            Builtin::Noop | Builtin::Sleep | Builtin::Fail | Builtin::HttpProbe | Builtin::Metrics => {
                Vec::new()
            }
        };
        Self {
            hash: DefinitionHash::of(document.to_string().as_bytes()),
            document,
            version: None,
            description: catalogue::entry(builtin).description.to_owned(),
            kind: AgentKind::Builtin(BuiltinCall {
                builtin,
                allow: Vec::new(),
                read: Vec::new(),
                with: Map::new(),
            }),
            capabilities,
            effect: EffectClass::Read,
            input_schema: None,
            output_schema: None,
            timeout: None,
            heartbeat: None,
            limits: Limits::default(),
            retry: None,
            cost: None,
            labels: BTreeMap::new(),
            name,
        }
    }
}

/// How an agent is called.
#[derive(Debug, Clone)]
pub enum AgentKind {
    /// A process of this machine.
    Command(CommandCall),
    /// A request to a server.
    Http(HttpCall),
    /// Code inside the daemon.
    Builtin(BuiltinCall),
}

impl AgentKind {
    /// The kind as it stands in files and in the API.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self {
            Self::Command(_) => "command",
            Self::Http(_) => "http",
            Self::Builtin(_) => "builtin",
        }
    }
}

/// How a `command` agent is called.
#[derive(Debug, Clone)]
pub struct CommandCall {
    /// The words of the command, at least one. The first is an absolute path or `ghostlight`, the running binary; a later
    /// word that begins with `./` is relative to the definition file's folder.
    pub words: Vec<String>,
    /// The working folder; none: a fresh empty one per attempt.
    pub dir: Option<String>,
    /// Environment variables besides the few that every command gets.
    pub env: BTreeMap<String, SecretText>,
    /// Classes of failure by exit status (1 to 255).
    pub exit_codes: BTreeMap<u8, ErrorClass>,
}

/// How an `http` agent is called.
#[derive(Debug, Clone)]
pub struct HttpCall {
    /// The address, absolute, `http` or `https`, without user and password.
    pub url: String,
    /// The method.
    pub method: HttpMethod,
    /// Headers by lowercase name.
    pub headers: BTreeMap<String, SecretText>,
    /// Private, loopback and link-local targets that may be reached all the same.
    pub allow: Vec<AllowEntry>,
    /// The longest answer in bytes.
    pub response_bytes_max: u64,
    /// What a status means when it is not 2xx.
    pub errors: Vec<StatusRule>,
}

/// A method of HTTP.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum HttpMethod {
    /// `GET`
    Get,
    /// `POST`, the default.
    Post,
    /// `PUT`
    Put,
    /// `PATCH`
    Patch,
    /// `DELETE`
    Delete,
}

impl HttpMethod {
    /// The method as it stands on the wire.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Get => "GET",
            Self::Post => "POST",
            Self::Put => "PUT",
            Self::Patch => "PATCH",
            Self::Delete => "DELETE",
        }
    }
}

/// What a status of an answer means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StatusRule {
    /// 100 to 599.
    pub status: u16,
    /// The class of the failure.
    pub class: ErrorClass,
    /// Whether the server says by this status that it did nothing (`happened: no`).
    pub retry_safe: bool,
}

/// How a built-in agent is called.
#[derive(Debug, Clone)]
pub struct BuiltinCall {
    /// Which one.
    pub builtin: Builtin,
    /// Private, loopback and link-local targets that may be reached all the same.
    pub allow: Vec<AllowEntry>,
    /// Folders that `log-analysis` may read from; nothing outside.
    pub read: Vec<String>,
    /// Its parameters.
    pub with: Map<String, Value>,
}

/// The agents that are part of the daemon. Each also exists as an agent of its own name unless a file says otherwise.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Builtin {
    /// Returns its input.
    Noop,
    /// Waits.
    Sleep,
    /// Fails as it is told.
    Fail,
    /// Asks an address whether it is well.
    HttpProbe,
    /// Reads metrics of an address.
    Metrics,
    /// Finds what is new in a log file.
    LogAnalysis,
}

impl Builtin {
    /// All of them, in the order of their declaration.
    pub const ALL: [Self; 6] =
        [Self::Noop, Self::Sleep, Self::Fail, Self::HttpProbe, Self::Metrics, Self::LogAnalysis];

    /// The name as it stands in files.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Noop => "noop",
            Self::Sleep => "sleep",
            Self::Fail => "fail",
            Self::HttpProbe => "http-probe",
            Self::Metrics => "metrics",
            Self::LogAnalysis => "log-analysis",
        }
    }

    /// The same as the name of an agent.
    ///
    /// # Panics
    /// Never: the names in the table above are valid names, which a test proves.
    #[must_use]
    pub fn name(self) -> Name {
        Name::new(self.as_str()).expect("the names of built-ins are valid names")
    }

    /// The built-in of that name.
    #[must_use]
    pub fn find(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|builtin| builtin.as_str() == name)
    }
}

/// A target that may be reached although it is private, loopback or link-local.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum AllowEntry {
    /// Every address of this network, on any port.
    Net(IpNet),
    /// This host, by name or address, on this port.
    HostPort {
        /// Lowercase; an IPv6 address without brackets.
        host: String,
        /// 1 to 65535.
        port: u16,
    },
}

/// How much of an agent may be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Limits {
    /// Attempts that may be under way at the same time.
    pub concurrency: Option<u32>,
    /// The longest output in bytes.
    pub output_bytes_max: Option<u64>,
}

/// What a call costs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cost {
    /// Decimal number: `0.001`.
    pub per_call: String,
    /// Three capital letters (ISO 4217).
    pub currency: String,
}
