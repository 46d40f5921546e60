//! Watching one run: its story told line by line from the feed, its questions answered or passed on, until it has ended.

use std::cell::Cell;
use std::collections::{HashMap, HashSet};
use std::pin::Pin;

use jiff::Timestamp;
use owo_colors::OwoColorize;
use serde_json::Value;

use super::exit::{CliError, Exit};
use super::prompt::Prompt;
pub(crate) use super::questions::Question;
use super::questions::{self, Questions};
use crate::client::{Client, FeedOptions, Frame, Run};
use crate::output::{self, duration, plain, shortened};

/// Width of the column of steps.
const STEP_WIDTH: usize = 14;
const GIST_CHARACTERS_MAX: usize = 96;

/// Who answers the questions of a run.
#[derive(Debug, Clone)]
pub(crate) enum Answers {
    /// Every question is answered with yes.
    Yes,
    /// A person at this terminal is asked.
    Ask(Prompt),
    /// Somebody else, elsewhere.
    Elsewhere,
}

impl Answers {
    /// Yes when told so; else whoever sits at the terminal; else somebody elsewhere.
    pub(super) fn of(yes: bool) -> Self {
        match (yes, super::Context::is_interactive()) {
            (true, _) => Self::Yes,
            (false, true) => Self::Ask(Prompt::default()),
            (false, false) => Self::Elsewhere,
        }
    }
}

/// Who looks on while a run is followed.
pub(crate) trait Viewer {
    /// An event.
    fn event(&mut self, frame: &Frame);
    /// A question that is open. Called after its event, and before somebody is asked.
    fn question(&mut self, question: &Question, answers: &Answers);
}

/// Follows a run until it has ended, and answers with how.
pub(crate) async fn follow(
    client: &Client,
    run: &str,
    answers: &Answers,
    viewer: &mut dyn Viewer,
) -> Result<Run, CliError> {
    let mut feed =
        client.feed(FeedOptions { run: Some(run.to_owned()), live: true, ..FeedOptions::default() });
    let mut questions = Questions::default();
    let is_asked = Cell::new(false);
    // Kept over events, so that an answer on its way is not begun anew with each of them.
    let mut answering: Option<Pin<Box<dyn Future<Output = String> + '_>>> = None;
    loop {
        if let (None, Some(question)) = (&answering, questions.front()) {
            answering = Some(Box::pin(questions::answer(client, question.clone(), answers, &is_asked)));
        }
        let answered = async {
            match &mut answering {
                Some(answering) => answering.await,
                None => std::future::pending().await,
            }
        };
        let mut frame = tokio::select! {
            frame = feed.next() => frame?,
            approval = answered => {
                answering = None;
                questions.remove(&approval);
                continue;
            }
        };
        let decided = frame.data["approval"].as_str().filter(|_| frame.kind == "approval.decided");
        // Somebody else was faster, or another question comes: it is not asked into the middle of a line.
        let is_over = decided.is_some_and(|approval| questions.remove(approval));
        if is_over || (frame.kind == "approval.requested" && is_asked.get()) {
            answering = None;
            if is_asked.take() {
                output::note("");
            }
        }
        if frame.kind == "approval.requested" {
            questions::complete(client, &mut frame).await;
        }
        viewer.event(&frame);
        match frame.kind.as_str() {
            "approval.requested" => {
                if let Some(question) = Question::of(&frame) {
                    viewer.question(&question, answers);
                    questions.add(question);
                }
            }
            "run.completed" | "run.failed" | "run.cancelled" => {
                let ended = client.run(run).await?.value;
                // A failed run may have been opened again in the meantime; then the story goes on.
                if ended.has_ended() {
                    return Ok(ended);
                }
            }
            _ => {}
        }
    }
}

/// Tells a run on stderr: every event, or the questions alone.
#[derive(Debug, Default)]
pub(crate) struct Teller {
    /// Whether every event is told.
    pub show: bool,
    story: Story,
    /// What others have to add to reach the daemon.
    server: String,
}

impl Teller {
    pub(crate) fn new(show: bool) -> Self {
        Self { show, story: Story::default(), server: String::new() }
    }

    /// The same, for a daemon that others do not find on the default address.
    pub(crate) fn at(self, server: &str) -> Self {
        Self { server: format!(" --server {server}"), ..self }
    }
}

impl Viewer for Teller {
    fn event(&mut self, frame: &Frame) {
        if self.show
            && let Some(line) = self.story.line(frame)
        {
            output::note(&line);
        }
    }

    fn question(&mut self, question: &Question, answers: &Answers) {
        if !self.show {
            output::note(&question.told());
        }
        if let Answers::Elsewhere = answers {
            output::note(&format!(
                "  waits for an answer: ghostlight approvals approve {}{}",
                question.approval, self.server
            ));
        }
    }
}

/// What a run's outcome means for the exit code.
pub(super) fn exit_of(run: &Run) -> Exit {
    if run.status == "completed" { Exit::Done } else { Exit::Failed }
}

pub(crate) fn coloured_risk(risk: &str) -> String {
    match risk {
        "low" => risk.green().to_string(),
        "medium" => risk.yellow().to_string(),
        _ => risk.red().bold().to_string(),
    }
}

/// Tells a run's events as lines. Holds what a line needs to know of earlier events: when the run began, when the steps
/// that are under way were started, and which questions were answered with yes.
#[derive(Debug, Default)]
pub(crate) struct Story {
    began: Option<Timestamp>,
    under_way: HashMap<String, Option<Timestamp>>,
    answered: HashSet<String>,
}

impl Story {
    /// The line for an event; none for those that say nothing to a person.
    pub(crate) fn line(&mut self, frame: &Frame) -> Option<String> {
        let at = frame.time.as_deref().and_then(|time| time.parse::<Timestamp>().ok());
        if self.began.is_none() {
            self.began = at;
        }
        let told = self.told(frame, at)?;
        let since = at.zip(self.began).map(|(at, began)| elapsed(began, at));
        let clock = since.map_or_else(String::new, |ms| format!("{}.{:02}s", ms / 1_000, ms % 1_000 / 10));
        Some(format!("{}  {told}", format!("{clock:>8}").dimmed()))
    }

    fn told(&mut self, frame: &Frame, at: Option<Timestamp>) -> Option<String> {
        let step = frame.step().unwrap_or_default().to_owned();
        let data = &frame.data;
        let text = |value: &Value| plain(value.as_str().unwrap_or_default());
        let of_step = |sign: String, rest: String| {
            let name = shortened(&step, 40);
            Some(format!("{sign} {} {rest}", format!("{name:<STEP_WIDTH$}").bold()))
        };
        match frame.kind.as_str() {
            "run.created" => {
                let run = frame.run().unwrap_or_default();
                Some(format!("{} {} {}", "▶".cyan(), text(&data["workflow"]).bold(), run.dimmed()))
            }
            "run.paused" => {
                Some(format!("{} paused: {} {}", "◷".yellow(), text(&data["reason"]), text(&data["message"])))
            }
            "run.resumed" => Some(format!("{} goes on", "▶".cyan())),
            "run.reopened" => Some(format!("{} opened again", "↻".yellow())),
            "run.cancel_requested" => {
                Some(format!("{} is being cancelled: {}", "○".dimmed(), text(&data["reason"])))
            }
            "run.quarantined" => Some(format!("{} set aside: {}", "✗".red(), text(&data["message"]))),
            "run.completed" => {
                Some(format!("{} {}", "✓".green().bold(), ended("completed", &data["result"])))
            }
            "run.failed" => Some(format!("{} failed: {}", "✗".red().bold(), failure(&data["failure"]))),
            "run.cancelled" => {
                let left: Vec<String> =
                    data["not_compensated"].as_array().into_iter().flatten().map(text).collect();
                let left = match left.len() {
                    0 => String::new(),
                    _ => format!("; not made good: {}", left.join(", ")),
                };
                Some(format!("{} cancelled{left}", "○".dimmed()))
            }
            "step.judged" => {
                let passed = data["passed"].as_bool() == Some(true);
                let sign = if passed { "✓".green().to_string() } else { "✗".red().to_string() };
                of_step(sign, judged(passed, frame.payload("evidence")))
            }
            "step.compensated" => of_step("↺".yellow().to_string(), "was made good".to_owned()),
            "step.started" => {
                let (agent, attempt) = (text(&data["agent"]), data["attempt"].as_u64().unwrap_or(1));
                let again = if attempt > 1 { format!(", attempt {attempt}") } else { String::new() };
                self.under_way.insert(step.clone(), at);
                of_step("●".cyan().to_string(), format!("{agent}{again}").dimmed().to_string())
            }
            "step.progress" => {
                let ratio = data["ratio"]
                    .as_f64()
                    .map(|ratio| format!("{:>3.0}% ", ratio * 100.0))
                    .unwrap_or_default();
                let said = shortened(data["text"].as_str().unwrap_or_default(), GIST_CHARACTERS_MAX);
                of_step("·".dimmed().to_string(), format!("{ratio}{said}").dimmed().to_string())
            }
            // What came of a question is told already.
            "step.completed" | "step.failed" if self.answered.remove(&step) => None,
            "step.completed" => {
                let took = self.took(&step, at);
                let gist = frame.payload("output").map(gist).unwrap_or_default();
                of_step("✓".green().to_string(), format!("{took}{gist}"))
            }
            "step.retrying" if data["redo"].as_bool() == Some(true) => {
                of_step("↻".yellow().to_string(), "does it again".to_owned())
            }
            "step.retrying" => {
                of_step("↻".yellow().to_string(), format!("tries again: {}", failure(&data["failure"])))
            }
            "step.interrupted" => {
                of_step("!".yellow().to_string(), format!("interrupted: {}", text(&data["reason"])))
            }
            "step.failed" => {
                let took = self.took(&step, at);
                of_step("✗".red().to_string(), format!("{took}{}", failure(&data["failure"])))
            }
            "step.skipped" => {
                self.under_way.remove(&step);
                of_step("○".dimmed().to_string(), skipped(&data["why"]).dimmed().to_string())
            }
            "step.cancelled" => {
                self.under_way.remove(&step);
                let lost = data["lost_race"].as_bool() == Some(true);
                let why = if lost { "cancelled: another branch was faster" } else { "cancelled" };
                of_step("○".dimmed().to_string(), why.dimmed().to_string())
            }
            "step.waiting" if data["reason"] == "approval" => None,
            "step.waiting" if data["reason"] == "child" => {
                let child = &data["child"];
                let told = format!("starts {} {}", text(&child["workflow"]), text(&child["run"]).dimmed());
                of_step("▶".cyan().to_string(), told)
            }
            "step.waiting" if data["reason"] == "signal" => {
                of_step("◷".yellow().to_string(), format!("waits for the signal {}", text(&data["signal"])))
            }
            "step.waiting" if data["reason"] == "time" => {
                of_step("◷".yellow().to_string(), format!("waits until {}", text(&data["until"])))
            }
            "step.waiting" if data["reason"] == "verdict" => {
                let took = self.took(&step, at);
                let gist = frame.payload("output").map(gist).unwrap_or_default();
                of_step("◷".yellow().to_string(), format!("{took}is judged: {gist}"))
            }
            "step.opened" => {
                self.under_way.insert(step.clone(), at);
                let items = data["items"].as_u64().map(|items| format!("{items} items"));
                of_step("●".cyan().to_string(), items.unwrap_or_default().dimmed().to_string())
            }
            "event.emitted" => {
                let said = frame.payload("data").map(gist).unwrap_or_default();
                of_step("✱".cyan().to_string(), format!("{} {said}", text(&data["event"]).bold()))
            }
            "signal.received" => {
                let said = frame.payload("payload").map(gist).unwrap_or_default();
                Some(format!("{} signal {} {said}", "✱".cyan(), text(&data["name"]).bold()))
            }
            "plan.revised" => Some(format!("{} {}", "↻".yellow(), revision(data))),
            "step.waiting" => of_step("◷".yellow().to_string(), format!("waits: {}", text(&data["reason"]))),
            "step.reconciled" => {
                of_step("✓".green().to_string(), format!("happened: {}", text(&data["happened"])))
            }
            "approval.requested" => Question::of(frame).map(|question| question.told()),
            "approval.decided" => {
                let decision = text(&data["decision"]);
                let by = data["by"].as_str().map(|by| format!(" by {}", plain(by))).unwrap_or_default();
                let comment = frame.payload("comment").map(gist).filter(|comment| !comment.is_empty());
                let comment = comment.map(|comment| format!(": {comment}")).unwrap_or_default();
                let sign =
                    if decision == "approved" { "✓".green().to_string() } else { "✗".red().to_string() };
                self.answered.insert(step.clone());
                of_step(sign, format!("         {decision}{by}{comment}"))
            }
            "feed.lost" => Some(format!("{} the daemon does not answer; waiting for it", "!".yellow())),
            "feed.gap" => Some(format!("{} some events are not kept any more", "!".yellow())),
            _ => None,
        }
    }

    /// How long a step took, in a column of its own.
    fn took(&mut self, step: &str, at: Option<Timestamp>) -> String {
        let started = self.under_way.remove(step).flatten();
        let took = started.zip(at).map_or_else(String::new, |(started, at)| duration(elapsed(started, at)));
        format!("{took:>7}  ").dimmed().to_string()
    }
}

fn elapsed(from: Timestamp, to: Timestamp) -> u64 {
    u64::try_from(to.as_millisecond() - from.as_millisecond()).unwrap_or(0)
}

fn ended(word: &str, result: &Value) -> String {
    match result.as_str() {
        Some("partial") => format!("{word}, but some steps are missing"),
        Some(_) | None => word.to_owned(),
    }
}

/// A failure as one line.
pub(crate) fn failure(failure: &Value) -> String {
    let text = |key: &str| failure[key].as_str().unwrap_or_default();
    shortened(&format!("{} ({})", text("message"), text("class")), 160)
}

fn skipped(cause: &Value) -> String {
    match cause["because"].as_str() {
        Some("condition") => {
            format!("skipped: {} is false", shortened(cause["condition"].as_str().unwrap_or_default(), 60))
        }
        Some("failed") => "skipped: a step before it failed".to_owned(),
        _ => "skipped".to_owned(),
    }
}

/// How an output stood against what its step was to bring: all is well, or what is not.
fn judged(passed: bool, evidence: Option<&Value>) -> String {
    let criteria = evidence.and_then(Value::as_array).into_iter().flatten();
    if passed {
        let all: Vec<&str> = criteria.filter_map(|one| one["criterion"].as_str()).collect();
        return shortened(&format!("holds: {}", plain(&all.join("; "))), GIST_CHARACTERS_MAX);
    }
    let broken: Vec<String> = criteria
        .filter(|one| one["passed"].as_bool() == Some(false))
        .map(|one| {
            let criterion = plain(one["criterion"].as_str().unwrap_or_default());
            match &one["detail"] {
                Value::Null => criterion,
                Value::String(detail) => format!("{criterion} ({})", plain(detail)),
                detail => format!("{criterion} ({})", gist(detail)),
            }
        })
        .collect();
    shortened(&format!("will not do: {}", broken.join("; ")), GIST_CHARACTERS_MAX)
}

/// What an output says, in one line: its own summary, or its plain fields.
pub(crate) fn gist(output: &Value) -> String {
    let short = |text: &str| shortened(text, GIST_CHARACTERS_MAX);
    match output {
        Value::Object(fields) => {
            if let Some(summary) = fields.get("summary").and_then(Value::as_str) {
                return short(summary);
            }
            let said = fields.iter().filter_map(|(name, value)| match value {
                Value::Null | Value::Object(_) | Value::Array(_) => None,
                Value::String(text) => Some(format!("{name}: {text}")),
                Value::Bool(_) | Value::Number(_) => Some(format!("{name}: {value}")),
            });
            short(&said.collect::<Vec<_>>().join(", "))
        }
        Value::Null => String::new(),
        Value::String(text) => short(text),
        other => short(&other.to_string()),
    }
}

/// What came to hold with a changed plan.
fn revision(data: &Value) -> String {
    let said = [
        data["version"].as_u64().map(|version| format!("goes on with version {version}")),
        data["max_parallel"].as_u64().map(|max| format!("at most {max} at a time")),
        data["priority"].as_i64().map(|priority| format!("priority {priority}")),
    ];
    let said: Vec<String> = said.into_iter().flatten().collect();
    if said.is_empty() { "the plan was changed".to_owned() } else { said.join(", ") }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn lines(frames: &[Value]) -> String {
        let mut story = Story::default();
        let lines = frames.iter().filter_map(|frame| {
            let frame: Frame = serde_json::from_value(frame.clone()).unwrap();
            story.line(&frame)
        });
        anstream::adapter::strip_str(&lines.collect::<Vec<_>>().join("\n")).to_string()
    }

    #[test]
    fn a_run_is_told_step_by_step() {
        let at = |ms: u32| format!("2026-01-01T00:00:{:02}.{:03}Z", ms / 1_000, ms % 1_000);
        let step = |kind: &str, ms: u32, data: Value| json!({"type": kind, "time": at(ms), "subject": "runs/r", "data": data});
        let told = lines(&[
            step("run.created", 0, json!({"workflow": "incident"})),
            step("step.started", 10, json!({"step": "detect", "agent": "http-probe", "attempt": 1})),
            step(
                "step.completed",
                1_260,
                json!({"step": "detect", "output": {"json": {"healthy": false, "status": 503}}}),
            ),
            step("step.waiting", 1_300, json!({"step": "approve", "reason": "approval"})),
            step(
                "approval.requested",
                1_300,
                json!({"step": "approve", "approval": "a", "risk": "high",
                "action": {"json": "Restart shop"}, "impact": {"json": "pool exhausted"}}),
            ),
            step(
                "approval.decided",
                2_000,
                json!({"step": "approve", "decision": "approved", "by": "local"}),
            ),
            step("step.started", 2_010, json!({"step": "restart", "agent": "service-restart", "attempt": 2})),
            step("step.progress", 2_100, json!({"step": "restart", "ratio": 0.4, "text": "stopped"})),
            step(
                "step.failed",
                3_000,
                json!({"step": "restart", "failure": {"class": "timeout", "message": "too\nlate"}}),
            ),
            step(
                "step.skipped",
                3_000,
                json!({"step": "verify", "why": {"because": "failed", "chain": ["restart"]}}),
            ),
            step("run.failed", 3_010, json!({"failure": {"class": "timeout", "message": "too late"}})),
            step("something.new", 3_010, json!({})),
        ]);
        insta::assert_snapshot!(told);
    }

    #[test]
    fn an_output_is_told_by_its_summary_or_its_plain_fields() {
        assert_eq!(gist(&json!({"summary": "a\nb", "x": 1})), "a b");
        assert_eq!(gist(&json!({"ok": true, "list": [1], "n": null, "text": "t"})), "ok: true, text: t");
        assert_eq!(gist(&json!(null)), "");
        assert_eq!(gist(&json!([1, 2])), "[1,2]");
    }
}
