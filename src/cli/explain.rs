//! `explain`: what a code means and what to do about it.

use std::borrow::Cow;

use ghostlight_model::diagnostic;
use ghostlight_model::failure::codes;
use owo_colors::OwoColorize;
use serde_json::json;

use super::Context;
use super::exit::{CliError, Exit};
use crate::http::{nearest, problem};

/// Explain a code of a diagnostic (GL0304), of a problem (run_state) or of a failed step (success_not_met)
///
/// For a diagnostic: what it means, a document that gives it, why it is refused, and the same document mended.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Example:\n  ghostlight explain GL0406\n  ghostlight explain view_behind\n  ghostlight explain success_not_met"
)]
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
        let value = json!({
            "code": id, "name": name, "severity": severity, "meaning": found.meaning(), "page": found.page(),
        });
        context.print(&value, || page(found));
        return Ok(Exit::Done);
    }
    if let Some(found) = problem::Code::find(code) {
        let (name, status) = (found.as_str(), found.status_number());
        let value = json!({ "code": name, "status": status, "title": found.title(), "help": found.help() });
        context.print(&value, || format!("{name}, HTTP {status}: {}\n{}", found.title(), found.help()));
        return Ok(Exit::Done);
    }
    if let Some(found) = codes::explain(code) {
        let (name, meaning, help) = (&found.code, found.meaning, found.help);
        let value = json!({ "code": name, "meaning": meaning, "help": help });
        context.print(&value, || format!("{name}, of a failed step: {meaning}\n{help}"));
        return Ok(Exit::Done);
    }
    let error = CliError::usage(format!("there is no code `{code}`"));
    let diagnostics = diagnostic::Code::ALL.iter().flat_map(|code| [code.id(), code.name()]);
    let problems = problem::Code::ALL.iter().map(|code| code.as_str());
    let failures: Vec<_> = codes::all().map(|failure| failure.code).collect();
    let known = diagnostics.chain(problems).chain(failures.iter().map(|code| &**code));
    Err(match nearest(code, known) {
        Some(near) => error.help(format!("did you mean `{near}`?")),
        None => error.help("`ghostlight explain` lists all codes"),
    })
}

/// The page of a diagnostic for a terminal: examples indented and told apart in words, as colours are not everywhere.
fn page(code: diagnostic::Code) -> String {
    let mut out = String::new();
    let mut is_example = false;
    for line in code.page().lines() {
        if let Some(mark) = line.strip_prefix("```") {
            is_example = !is_example && !mark.is_empty();
            let told = match mark {
                "yaml good" => "Mended:".green().bold().to_string(),
                "yaml bad" | "yaml sketch" => format!("{} gives {code}:", "This".red().bold()),
                _ => continue,
            };
            out.push_str(&format!("{told}\n\n"));
        } else if let Some(heading) = line.strip_prefix("# ") {
            out.push_str(&format!("{} ({})\n", heading.bold(), code.severity().as_str()));
        } else if is_example {
            out.push_str(&format!("    {line}\n"));
        } else {
            out.push_str(&wrapped(line, PAGE_WIDTH));
            out.push('\n');
        }
    }
    out
}

/// How wide prose is in a terminal.
const PAGE_WIDTH: usize = 96;

/// A paragraph broken at its spaces.
fn wrapped(text: &str, width: usize) -> String {
    let mut out = String::new();
    let mut length = 0;
    for word in text.split(' ') {
        let size = word.chars().count();
        if length > 0 {
            let is_full = length + 1 + size > width;
            out.push(if is_full { '\n' } else { ' ' });
            length = if is_full { 0 } else { length + 1 };
        }
        out.push_str(word);
        length += size;
    }
    out
}

fn list(context: &Context) {
    let diagnostics = diagnostic::Code::ALL.iter().map(|code| (Cow::Borrowed(code.id()), code.meaning()));
    let problems = problem::Code::ALL.iter().map(|code| (Cow::Borrowed(code.as_str()), code.title()));
    let failures = codes::all().map(|failure| (failure.code, failure.meaning));
    let all: Vec<_> = diagnostics.chain(problems).chain(failures).collect();
    let value = all.iter().map(|(code, meaning)| json!({ "code": code, "meaning": meaning })).collect();
    context.print(&value, || {
        let rows = all.iter().map(|(code, meaning)| vec![code.to_string(), (*meaning).to_owned()]);
        crate::output::table(&["code", "meaning"], rows)
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prose_is_broken_at_spaces_and_examples_stay_as_they_are() {
        assert_eq!(wrapped("aa bb cc", 5), "aa bb\ncc");
        assert_eq!(wrapped("", 5), "");
        assert_eq!(wrapped("longer-than-it b", 5), "longer-than-it\nb");
        for code in diagnostic::Code::ALL {
            let page = anstream::adapter::strip_str(&page(*code)).to_string();
            assert!(page.starts_with(&format!("{code}: ")) && !page.contains("```"), "{page}");
        }
    }
}
