//! What a definition asks of this machine that only its operator grants.

use ghostlight_model::agent::{AgentDefinition, AgentKind, SecretRef, SecretText};

/// The first grant that `definition` asks for: running a command, reaching private targets, or reading files, as input
/// of `log-analysis` or as a secret that is then sent somewhere.
pub fn asked_for(definition: &AgentDefinition) -> Option<&'static str> {
    const TARGETS: &str = "reaching private targets (`allow`)";
    match &definition.kind {
        AgentKind::Command(_) => Some("an agent of kind `command`"),
        AgentKind::Http(call) if !call.allow.is_empty() => Some(TARGETS),
        AgentKind::Http(call) if call.headers.values().any(reads_a_file) => Some("a secret from a file"),
        AgentKind::Builtin(call) if !call.allow.is_empty() => Some(TARGETS),
        AgentKind::Builtin(call) if !call.read.is_empty() => Some("reading files (`read`)"),
        AgentKind::Http(_) | AgentKind::Builtin(_) => None,
    }
}

fn reads_a_file(text: &SecretText) -> bool {
    text.secrets().any(|secret| matches!(secret, SecretRef::File(_)))
}
