//! `explain`: what a code means and what to do about it.

use ghostlight_model::diagnostic;
use serde_json::json;

use super::Context;
use super::exit::{CliError, Exit};
use crate::http::{nearest, problem};

/// Explain a code of a diagnostic (GL0304) or of a problem (run_state)
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  ghostlight explain GL0406\n  ghostlight explain view_behind")]
pub(crate) struct ExplainArgs {
    /// The code; without it, all codes are listed
    #[arg(value_name = "CODE")]
    code: Option<String>,
}

pub(super) fn run(args: &ExplainArgs, context: &Context) -> Result<Exit, CliError> {
    let Some(code) = &args.code else {
        list(context);
        return Ok(Exit::Done);
    };
    if let Some(found) = diagnostic::Code::find(code) {
        let (id, name, severity) = (found.id(), found.name(), found.severity().as_str());
        let value = json!({ "code": id, "name": name, "severity": severity, "meaning": found.meaning() });
        context.print(&value, || format!("{id} ({name}), {severity}\n{}", found.meaning()));
        return Ok(Exit::Done);
    }
    if let Some(found) = problem::Code::find(code) {
        let (name, status) = (found.as_str(), found.status_number());
        let value = json!({ "code": name, "status": status, "title": found.title(), "help": found.help() });
        context.print(&value, || format!("{name}, HTTP {status}: {}\n{}", found.title(), found.help()));
        return Ok(Exit::Done);
    }
    let error = CliError::usage(format!("there is no code `{code}`"));
    let diagnostics = diagnostic::Code::ALL.iter().flat_map(|code| [code.id(), code.name()]);
    let known = diagnostics.chain(problem::Code::ALL.iter().map(|code| code.as_str()));
    Err(match nearest(code, known) {
        Some(near) => error.help(format!("did you mean `{near}`?")),
        None => error.help("`ghostlight explain` lists all codes"),
    })
}

fn list(context: &Context) {
    let diagnostics = diagnostic::Code::ALL.iter().map(|code| (code.id(), code.meaning()));
    let problems = problem::Code::ALL.iter().map(|code| (code.as_str(), code.title()));
    let all: Vec<_> = diagnostics.chain(problems).collect();
    let value = all.iter().map(|(code, meaning)| json!({ "code": code, "meaning": meaning })).collect();
    context.print(&value, || {
        let rows = all.iter().map(|(code, meaning)| vec![(*code).to_owned(), (*meaning).to_owned()]);
        crate::output::table(&["code", "meaning"], rows)
    });
}
