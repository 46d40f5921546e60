//! What the audience sees. Lines on stdout, for a terminal and for a file alike; in a terminal also one line that moves.

use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};
use owo_colors::OwoColorize;
use serde_json::Value;

use super::incident::Incident;
use super::outage::Looks;
use super::stage::Stage;
use crate::cli::watch::{Answers, Question, coloured_risk};
use crate::output::{columns, duration, plain, print_text, shortened, wrapped};
use crate::shop::{LoadReport, ShopState};

const TEXT_CHARACTERS_MAX: usize = 200;
/// Where a long line goes on, by what it is.
const STORY_HANG: usize = 12;
const FACT_HANG: usize = 16;
const FINDING_HANG: usize = 24;

/// The screen.
pub(super) struct Screen {
    /// The line that moves, while something is waited for; invisible where there is no terminal.
    moving: Option<ProgressBar>,
}

impl Screen {
    pub fn new() -> Self {
        Self { moving: None }
    }

    pub fn opening(&mut self, stage: &Stage, url: &str) {
        let title = "Ghostlight: an outage, from the first symptom to the proof that it is over";
        self.line(&format!("\n{}\n", title.bold()));
        self.fact("dashboard", &format!("{} {}", url.cyan(), "(API and live feed too)".dimmed()));
        self.fact("everything", &stage.root.display().to_string());
        let command =
            format!("ghostlight serve --config {}", shell_word(&stage.config_file().display().to_string()));
        self.command("if killed", &format!("the run goes on with: {command}"));
    }

    pub fn shop_is_open(&mut self, shop: &ShopState, per_second: u32) {
        let pid = shop.process.pid;
        self.fact(
            "shop",
            &format!("http://{} is open: process {pid}, {per_second} checkouts a second", shop.listen),
        );
    }

    pub fn monitor_looks(&mut self) {
        self.fact("monitor", "runs the workflow service-monitor until it finds something");
        let moving = ProgressBar::new_spinner();
        moving.set_style(
            ProgressStyle::with_template("  {spinner:.cyan} {msg}")
                .unwrap_or_else(|_| ProgressStyle::default_spinner()),
        );
        moving.enable_steady_tick(Duration::from_millis(100));
        moving.set_message("the monitor looks for the first time");
        self.moving = Some(moving);
    }

    pub fn looked(&mut self, looks: &Looks, latency_ms: Option<u64>) {
        let status = looks.status.map_or_else(|| "no answer".to_owned(), |status| status.to_string());
        let latency = latency_ms.map(|ms| format!(" in {ms} ms")).unwrap_or_default();
        if let Some(moving) = &self.moving {
            moving.set_message(format!("healthy: {status}{latency}; {} looks so far", looks.count));
        }
    }

    pub fn sick(&mut self, looks: &Looks) {
        self.quiet();
        let status = looks.status.map_or_else(|| "no answer".to_owned(), |status| format!("status {status}"));
        let took = milliseconds(looks.took);
        let (look, after) = (looks.count, duration(took));
        self.line(&format!(
            "\n  {} {}\n",
            "✗".red().bold(),
            format!("look {look}, after {after}: the shop is sick ({status})").bold()
        ));
    }

    /// What the three investigations came to.
    pub fn findings(&mut self, findings: &Value) {
        let summary = |of: &str| {
            let text = findings[of]["summary"].as_str().unwrap_or_default();
            shortened(text, TEXT_CHARACTERS_MAX)
        };
        self.line(&format!("\n            {}", "what they found".bold()));
        self.finding("log", &summary("logs"));
        let template = &findings["logs"]["new_error"];
        if let Some(template) = template["template"].as_str() {
            self.finding("new error", &shortened(template, TEXT_CHARACTERS_MAX).red().to_string());
        }
        self.finding("metrics", &summary("metrics"));
        let dependency = &findings["dependencies"];
        let said = match dependency["healthy"].as_bool() {
            Some(true) => format!("the database is well ({})", "the trouble is in the shop itself".bold()),
            Some(false) | None => format!(
                "the database is not well: {}",
                plain(dependency["error"].as_str().unwrap_or("no answer"))
            ),
        };
        self.finding("depends on", &said);
        self.line("");
    }

    pub fn question(&mut self, question: &Question, answers: &Answers, server: &str) {
        let ask = format!("{}: {}?", "a person decides".yellow().bold(), question.action.bold());
        self.line(&format!("          {} {ask}", "◷".yellow()));
        self.finding("because", &shortened(&question.impact, TEXT_CHARACTERS_MAX));
        self.finding("risk", &coloured_risk(&question.risk));
        match answers {
            Answers::Yes => self.finding("answer", "yes, as --yes said"),
            Answers::Ask(_) | Answers::Elsewhere => {
                let id = &question.approval;
                // To be copied too.
                self.put(&format!(
                    "            {} curl -X POST {server}/api/v1/approvals/{id}/approve -H 'content-type: application/json' -d '{{}}'",
                    format!("{:<11}", "over HTTP").dimmed()
                ));
            }
        }
    }

    pub fn outcome(&mut self, incident: &Incident, looks: &Looks, customers: LoadReport, is_healthy: bool) {
        let word = match (is_healthy, incident.run.status.as_str()) {
            (true, "completed") => format!("{} {}", "✓".green().bold(), "the shop is healthy again".bold()),
            (true, status) => format!("{} the shop answers, but the run {status}", "✗".red().bold()),
            (false, _) => format!("{} {}", "✗".red().bold(), "the shop is not healthy".bold()),
        };
        self.line(&format!("\n  {word}\n"));
        self.fact("noticed", &format!("after {}", duration(milliseconds(looks.took))));
        let investigations =
            ["logs", "metrics", "dependencies"].iter().filter_map(|step| incident.took_ms(step));
        let rows = [
            ("investigated", investigations.max(), ", three agents at once"),
            ("decided", incident.took_ms("approve"), ""),
            ("restarted", incident.took_ms("restart"), ""),
            ("whole run", incident.run.took_ms(), ""),
        ];
        for (name, took, how) in rows {
            if let Some(took) = took {
                self.fact(name, &format!("in {}{how}", duration(took)));
            }
        }
        let LoadReport { served, failed, stayed_away } = customers;
        self.fact("customers", &format!("{served} served, {} not", failed + stayed_away));
        self.line(&format!(
            "\n  {}",
            "The bug is still in the shop: a restart heals it for a while.".dimmed()
        ));
        self.fact("the run", &incident.run.id);
    }

    pub fn interrupted(&mut self) {
        self.quiet();
        self.line(&format!("\n  {} stopped", "○".dimmed()));
    }

    pub fn closing(&mut self, stage: &Stage) {
        self.quiet();
        let config = shell_word(&stage.config_file().display().to_string());
        self.command("look further", &format!("ghostlight serve --config {config}"));
        self.command("or remove it", &format!("rm -r {}", shell_word(&stage.root.display().to_string())));
        self.line(&format!(
            "\n  {}",
            "The shop and the daemon have ended; nothing is left running.".dimmed()
        ));
    }

    /// Takes the moving line away.
    pub fn quiet(&mut self) {
        if let Some(moving) = self.moving.take() {
            moving.finish_and_clear();
        }
    }

    pub fn line(&mut self, text: &str) {
        // Steps of the run begin with the time.
        self.hung(text, STORY_HANG);
    }

    /// A line that goes on below its beginning, indented by `hang`.
    fn hung(&mut self, text: &str, hang: usize) {
        match columns() {
            Some(width) => self.put(&wrapped(text, width, hang)),
            None => self.put(text),
        }
    }

    fn put(&mut self, text: &str) {
        match &self.moving {
            Some(moving) => moving.suspend(|| put(text)),
            None => put(text),
        }
    }

    fn fact(&mut self, name: &str, value: &str) {
        self.hung(&format!("  {} {value}", format!("{name:<13}").dimmed()), FACT_HANG);
    }

    /// A command to be copied: the terminal may break it, we do not.
    fn command(&mut self, name: &str, value: &str) {
        self.put(&format!("  {} {value}", format!("{name:<13}").dimmed()));
    }

    fn finding(&mut self, name: &str, value: &str) {
        if !value.is_empty() {
            self.hung(&format!("            {} {value}", format!("{name:<11}").dimmed()), FINDING_HANG);
        }
    }
}

/// Prints a text with the empty lines that it begins and ends with. The demo goes on when nobody reads any more: there is
/// something to clean up at its end.
fn put(text: &str) {
    print_text(text);
    if text.len() > 1 && text.ends_with('\n') {
        print_text("");
    }
}

fn milliseconds(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}

/// A path as a word of a shell.
fn shell_word(text: &str) -> String {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "/._-+:@%".contains(c);
    if text.chars().all(is_plain) { text.to_owned() } else { format!("'{}'", text.replace('\'', "'\\''")) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_is_a_word_of_a_shell_whatever_is_in_it() {
        assert_eq!(shell_word("/tmp/ghostlight-demo-1"), "/tmp/ghostlight-demo-1");
        assert_eq!(shell_word("/tmp/it's here"), "'/tmp/it'\\''s here'");
    }
}
