//! What a definition asks of this machine that only its operator grants.

use ghostlight_model::agent::{AgentDefinition, AgentKind, SecretRef, SecretText};

/// The first grant that `definition` asks for: running a command, reaching private targets, reading files as input of
/// `log-analysis`, or a secret of the daemon (a file or a variable of its environment), which would be sent to wherever
/// the definition says.
pub fn asked_for(definition: &AgentDefinition) -> Option<&'static str> {
    const TARGETS: &str = "reaching private targets (`allow`)";
    match &definition.kind {
        AgentKind::Command(_) => Some("an agent of kind `command`"),
        AgentKind::Http(call) if !call.allow.is_empty() => Some(TARGETS),
        AgentKind::Http(call) => call.headers.values().find_map(secret),
        AgentKind::Builtin(call) if !call.allow.is_empty() => Some(TARGETS),
        AgentKind::Builtin(call) if !call.read.is_empty() => Some("reading files (`read`)"),
        AgentKind::Builtin(_) => None,
    }
}

fn secret(text: &SecretText) -> Option<&'static str> {
    text.secrets().next().map(|secret| match secret {
        SecretRef::File(_) => "a secret from a file",
        SecretRef::Env(_) => "a secret from the environment",
    })
}
