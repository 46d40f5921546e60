//! `log-analysis`: reads the end of a log file, groups its lines into templates, and names the error that is new.
//!
//! The text of a log is written by whoever can make the service log something: it is cut, cleaned of control characters,
//! and never more than quoted.

mod file;
mod line;
mod templates;
mod verdict;

use std::path::PathBuf;

use futures::FutureExt;
use futures::future::BoxFuture;
use ghostlight_model::agent::BuiltinCall;
use ghostlight_model::failure::{ErrorClass, Failure, Happened};
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::parameters::parameters;
use crate::within::within;
use crate::{Agent, Answer, Call, CancelToken, Environment, Outcome, ProgressSink};
use line::Line;
use templates::Templates;

/// The most templates that are given back.
const TEMPLATES_MAX: usize = 50;

pub(super) struct LogAnalysis {
    folders: Vec<PathBuf>,
    with: Map<String, Value>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Parameters {
    path: PathBuf,
}

impl LogAnalysis {
    pub(super) fn new(call: &BuiltinCall, env: &Environment) -> Self {
        // A relative folder is relative to that of the agent files, as everything else in them.
        let folders = call.read.iter().map(|folder| env.agents_dir.join(folder)).collect();
        Self { folders, with: call.with.clone() }
    }
}

impl Agent for LogAnalysis {
    fn call(&self, call: Call, _: ProgressSink, cancel: CancelToken) -> BoxFuture<'static, Outcome> {
        let folders = self.folders.clone();
        let parameters = parameters::<Parameters>(&self.with, &call);
        async move {
            let path = parameters?.path;
            let work = tokio::task::spawn_blocking(move || {
                let tail = file::read_tail(&path, &folders)?;
                Ok(Answer::new(report(&tail.text, tail.is_cut)))
            });
            within(&call, &cancel, async {
                work.await.unwrap_or_else(|_| {
                    let message = "reading the log was interrupted";
                    Err(Failure::new(ErrorClass::Transient, "analysis_interrupted", message, Happened::No))
                })
            })
            .await
        }
        .boxed()
    }
}

/// The output for a text. Pure.
fn report(text: &str, is_cut: bool) -> Value {
    let is_line = |line: &&str| !line.trim().is_empty();
    let lines = text.lines().filter(is_line).count() as u64;
    let mut templates = Templates::of_lines(lines);
    for (number, raw) in (1..).zip(text.lines().filter(is_line)) {
        // A line that is indented belongs to the one before: a stack trace, a wrapped message.
        if !raw.starts_with([' ', '\t']) {
            templates.add(&Line::read(raw), raw, number);
        }
    }
    let templates = templates.into_worst_first();
    let new_error = verdict::new_error(&templates, lines);
    let summary = verdict::summary(&templates, new_error, lines);
    let shown = &templates[..templates.len().min(TEMPLATES_MAX)];
    json!({"lines": lines, "is_cut": is_cut, "templates": shown, "new_error": new_error, "summary": summary})
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::fmt::Write;

    fn incident() -> String {
        let mut text = String::new();
        for n in 0..200 {
            writeln!(text, "2026-11-20T10:00:{:02}Z INFO request id={n} path=/a took {n}ms", n % 60).unwrap();
            if n % 50 == 0 {
                writeln!(text, "2026-11-20T10:00:00Z ERROR cache miss for user {n}").unwrap();
            }
            if n >= 120 {
                writeln!(
                    text,
                    "2026-11-20T10:00:00Z ERROR connection pool exhausted after {n}ms\n    at pool.get"
                )
                .unwrap();
                writeln!(text, "2026-11-20T10:00:00Z ERROR request failed status=500").unwrap();
            }
        }
        text
    }

    #[test]
    fn the_error_that_is_new_is_told_from_the_one_that_was_always_there() {
        let output = report(&incident(), false);
        assert_eq!(output["lines"], 200 + 4 + 3 * 80);
        let new = &output["new_error"];
        assert_eq!(new["template"], "ERROR connection pool exhausted after <*>");
        assert_eq!(
            (&new["count"], &new["level"], &new["first_seen_line"]),
            (&json!(80), &json!("error"), &json!(125))
        );
        assert_eq!(output["templates"].as_array().unwrap().len(), 4);
        assert_eq!(
            output["summary"],
            "new error since line 125 of 444: \"connection pool exhausted after 120ms\" (80 times), and 1 other new error"
        );
    }

    #[test]
    fn logfmt_and_json_lines_are_grouped_by_their_message() {
        let mut text = String::new();
        for n in 0..20 {
            writeln!(text, "ts=1 level=info msg=\"served request\" id={n}").unwrap();
        }
        writeln!(text, "ts=1 level=error msg=\"db timeout\" id=7").unwrap();
        writeln!(
            text,
            "{{\"level\":\"fatal\",\"message\":\"out of memory\",\"error\":\"alloc 512 failed\"}}"
        )
        .unwrap();
        let output = report(&text, false);
        let templates: Vec<&str> =
            output["templates"].as_array().unwrap().iter().map(|t| t["template"].as_str().unwrap()).collect();
        assert_eq!(templates, ["db timeout", "out of memory: alloc <*> failed", "served request"]);
        assert_eq!(output["new_error"]["template"], "db timeout");
    }

    #[test]
    fn an_error_that_was_always_there_and_becomes_frequent_is_news_too() {
        let calm = "INFO ok\nINFO ok\nERROR slow answer\n".to_owned() + &"INFO ok\n".repeat(97);
        let output = report(&(calm + &"ERROR slow answer\nINFO ok\n".repeat(50)), false);
        assert_eq!(output["new_error"]["template"], "ERROR slow answer");
        assert_eq!(
            output["summary"],
            "error on the rise: \"slow answer\", once in the first half of 200 lines and 50 times in the second"
        );
    }

    #[test]
    fn a_log_without_errors_says_so() {
        assert_eq!(report("INFO a\nINFO b\n", false)["summary"], "no errors in 2 lines");
        assert_eq!(report("", false)["summary"], "the log is empty");
        let old = report(&"ERROR always\nINFO ok\n".repeat(50), false);
        assert_eq!(old["new_error"], Value::Null);
        assert_eq!(
            old["summary"],
            "no new error in 100 lines; the most frequent one is \"always\" (50 times)"
        );
    }

    #[test]
    fn hostile_text_stays_harmless_and_bounded() {
        let text = format!("ERROR \u{1b}[31mred\u{202e} {}\n", "x".repeat(100_000));
        let output = report(&text.repeat(3), true).to_string();
        assert!(output.len() < 10_000, "{}", output.len());
        assert!(!output.contains("\\u001b") && !output.contains('\u{202e}'));
        let many: String = (0..20_000).map(|n| format!("ERROR {}\n", spelled(n))).collect();
        assert!(report(&many, false).to_string().len() < 200_000);
    }

    /// A number without digits, so that no two lines look alike.
    fn spelled(n: u32) -> String {
        n.to_string().bytes().map(|b| format!("{} ", char::from(b - b'0' + b'a'))).collect()
    }

    proptest! {
        #[test]
        fn no_text_makes_it_panic(text in "([A-Z]{0,5}[ =\"'{}:,a-f0-9é\\\\\n\t<>*]{0,40}){0,8}") {
            report(&text, false);
        }
    }
}
