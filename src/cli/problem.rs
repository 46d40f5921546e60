//! What a refused request means for whoever typed the command.

use serde_json::Value;

use super::check;
use super::exit::{CliError, Exit, with_causes};
use crate::client::{ClientError, Problem};
use crate::daemon::DaemonError;
use crate::http::ServeError;
use crate::output;

impl From<ClientError> for CliError {
    fn from(error: ClientError) -> Self {
        let exit = match &error {
            ClientError::Address { .. } => Exit::Usage,
            ClientError::Unreached { .. } | ClientError::Strange { .. } => Exit::Unreached,
            ClientError::TooSlow { .. } => Exit::Timeout,
            ClientError::Refused(problem) => exit_of(problem),
        };
        let plain = Self::new(exit, output::plain_lines(&with_causes(&error)));
        match &error {
            ClientError::Refused(problem) => refused(plain, problem),
            ClientError::Unreached { .. } => {
                plain.help("start it with `ghostlight serve`, or name another one with --server URL")
            }
            ClientError::Address { .. } | ClientError::TooSlow { .. } | ClientError::Strange { .. } => plain,
        }
    }
}

impl From<DaemonError> for CliError {
    fn from(error: DaemonError) -> Self {
        use ghostlight_actors::runtime::OpenError;
        use ghostlight_store::journal::OpenError as Journal;
        let plain = Self::usage(with_causes(&error));
        match &error {
            DaemonError::ToldTwice => Self { exit: Exit::Failed, ..plain },
            DaemonError::Open(OpenError::Store(Journal::AlreadyOpen(_))) => {
                plain.help("another daemon serves it: stop that one, speak to it with --server, or take another folder with --data")
            }
            DaemonError::Open(OpenError::Store(Journal::NewerFormat { .. })) => {
                plain.help("nothing was changed: use the newer version of ghostlight that wrote it")
            }
            DaemonError::Open(OpenError::Store(Journal::Corrupt(_))) => {
                plain.help(
                    "nothing was changed: `ghostlight store verify` says what is damaged; if a backup is to be gone back to, `ghostlight store import` makes a store of one",
                )
            }
            DaemonError::Surface(ServeError::Bind { source, .. }) if source.kind() == std::io::ErrorKind::AddrInUse => {
                plain.help("something listens there already: take another address with --listen")
            }
            DaemonError::NoChaos { .. } => plain.help(
                "nothing was changed: `--chaos` needs `chaos.enabled = true` in the configuration, a loopback address and no proxy",
            ),
            DaemonError::Surface(_)
            | DaemonError::Open(_)
            | DaemonError::Machine { .. }
            | DaemonError::NotBuilt { .. }
            | DaemonError::Store(_) => plain,
        }
    }
}

/// What was sent cannot be used (2), or what was asked for is refused (4).
fn exit_of(problem: &Problem) -> Exit {
    match problem.status {
        400 | 413 | 415 | 422 => Exit::Usage,
        408 | 504 => Exit::Timeout,
        _ => Exit::Refused,
    }
}

fn refused(error: CliError, problem: &Problem) -> CliError {
    let mut message = format!("{} ({})", error.message, problem.code);
    if let Some(state) = problem.state.as_ref().filter(|state| !state.is_null()) {
        message.push_str(&format!("\n  it stands at {}", output::shortened(&state.to_string(), 200)));
    }
    for violation in &problem.violations {
        let text = |key: &str| output::plain(violation[key].as_str().unwrap_or_default());
        match missing(violation) {
            Some(place) => message.push_str(&format!("\n  {}: is missing", output::plain(&place))),
            None => message.push_str(&format!("\n  {}: {}", text("path"), text("message"))),
        }
    }
    if !problem.diagnostics.is_empty() {
        message.push('\n');
        message.push_str(check::listed(&problem.diagnostics).trim_end());
    }
    let error = CliError { message, ..error };
    match (command_of(&problem.code), &problem.help) {
        (Some(command), _) => error.help(format!("`{command}` shows those that there are")),
        (None, Some(help)) => error.help(output::plain_lines(help)),
        (None, None) => error,
    }
}

/// The command that lists what somebody has named and there is not. The daemon names the path that does.
fn command_of(code: &str) -> Option<&'static str> {
    Some(match code {
        "unknown_workflow" => "ghostlight workflows list",
        "unknown_version" => "ghostlight workflows versions NAME",
        "unknown_template" => "ghostlight templates list",
        "unknown_run" => "ghostlight runs list",
        "unknown_step" => "ghostlight runs show RUN",
        "unknown_approval" => "ghostlight approvals list --status all",
        "unknown_agent" => "ghostlight agents list",
        "unknown_token" => "ghostlight token list",
        _ => return None,
    })
}

/// The place of a field that a schema requires and that is not there: its violation stands at the mapping that lacks it.
fn missing(violation: &Value) -> Option<String> {
    let field = violation["message"].as_str()?.strip_suffix(" is a required property")?;
    let field: String = serde_json::from_str(field).ok()?;
    Some(format!("{}/{field}", violation["path"].as_str().unwrap_or_default()))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn exit(status: u16) -> Exit {
        let problem = Problem {
            status,
            code: "code".into(),
            detail: "detail".into(),
            help: None,
            diagnostics: Vec::new(),
            violations: vec![json!({"path": "/a", "message": "is no b"})],
            state: None,
        };
        let error = CliError::from(ClientError::Refused(Box::new(problem)));
        assert_eq!(error.message, "detail (code)\n  /a: is no b");
        error.exit
    }

    #[test]
    fn a_field_that_is_missing_is_named_with_its_place_and_a_list_by_the_command_that_shows_it() {
        let violation = json!({"path": "/a", "message": "\"b\" is a required property"});
        assert_eq!(missing(&violation), Some("/a/b".to_owned()));
        assert_eq!(missing(&json!({"path": "", "message": "is no b"})), None);
        assert_eq!(command_of("unknown_workflow"), Some("ghostlight workflows list"));
        assert_eq!(command_of("invalid_input"), None);
    }

    #[test]
    fn what_cannot_be_used_is_2_and_what_is_refused_is_4() {
        for status in [400, 413, 415, 422] {
            assert_eq!(exit(status), Exit::Usage);
        }
        for status in [401, 403, 404, 405, 409, 412, 429, 500, 503] {
            assert_eq!(exit(status), Exit::Refused);
        }
        let unreached = ClientError::Unreached { server: "s".into(), reason: "r".into() };
        assert_eq!(CliError::from(unreached).exit, Exit::Unreached);
        let slow = ClientError::TooSlow { server: "s".into(), patience: std::time::Duration::from_secs(1) };
        assert_eq!(CliError::from(slow).exit, Exit::Timeout);
    }
}
