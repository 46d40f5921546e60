//! `runs`: list, show, start, and everything a person may tell a run.

use std::path::PathBuf;

use ghostlight_model::language::Format;
use jiff::Timestamp;
use serde_json::{Value, json};

use super::Context;
use super::arguments;
use super::begin::Begin;
use super::exit::{CliError, Exit};
use super::ids::run_id;
use super::retry::{self, RetryArgs};
use crate::client::{Accepted, Answer, Branch, Document, Given, NextStep, Run, Step};
use crate::output::{self, ago, duration, plain, plain_lines, sheet, shortened, status, table};

/// Runs: list, show, start, cancel, pause, resume, retry, signal, why, adjust, edit, reconcile
#[derive(Debug, clap::Subcommand)]
pub(crate) enum RunsVerb {
    /// List runs, the newest first
    #[command(after_help = "Example:\n  ghostlight runs list --status running --workflow incident-response")]
    List {
        /// Only runs in this state, or in one of several with commas between them
        #[arg(long, value_delimiter = ',', value_parser = ["pending", "running", "paused", "completed", "failed", "cancelled"])]
        status: Vec<String>,
        /// Only runs that wait for this, or for one of several with commas between them
        #[arg(long, value_delimiter = ',', value_parser = ["approval", "reconcile", "signal", "child", "time"])]
        waits_for: Vec<String>,
        /// Only runs that are paused for this reason, or for one of several with commas between them
        #[arg(long, value_delimiter = ',', value_parser = ["operator", "budget", "credential", "quarantined", "storage", "validation"])]
        reason: Vec<String>,
        /// Only runs that a step of this run started
        #[arg(long, value_name = "RUN")]
        parent: Option<String>,
        /// Only runs of this workflow
        #[arg(long, value_name = "NAME")]
        workflow: Option<String>,
        /// Only runs with this label
        #[arg(long, value_name = "NAME=VALUE")]
        label: Option<String>,
        /// How many at most
        #[arg(long, default_value_t = 50, value_parser = clap::value_parser!(u16).range(1..=200))]
        limit: u16,
        /// Where to go on: the cursor that the last page named
        #[arg(long)]
        cursor: Option<String>,
    },
    /// Show a run and its steps
    #[command(after_help = "Example:\n  ghostlight runs show 01980c8e-2f4e-7c1a-9d5b-3a8f1c2e4b6d")]
    Show {
        /// The run's id, or its beginning
        run: String,
    },
    /// Start a run and do not wait for it
    #[command(
        after_help = "Example:\n  ghostlight runs start incident-response --input @incident.json --label team=shop"
    )]
    Start {
        /// A file or the name of a saved workflow
        workflow: String,
        /// The input, as JSON or @FILE
        #[arg(long, value_name = "JSON|@FILE")]
        input: Option<String>,
        /// What stands in the run's context, over the workflow's defaults, as JSON or @FILE
        #[arg(long, value_name = "JSON|@FILE")]
        context: Option<String>,
        /// A label; may be given several times
        #[arg(long, value_name = "NAME=VALUE")]
        label: Vec<String>,
        /// A version of the saved workflow [default: the latest]
        #[arg(long, value_name = "N")]
        version: Option<u64>,
        /// How urgent it is, -100 to 100: the greater, the sooner its steps get slots [default: as the workflow says]
        #[arg(long, value_name = "N", allow_negative_numbers = true, value_parser = clap::value_parser!(i64).range(-100..=100))]
        priority: Option<i64>,
    },
    /// End a run
    #[command(after_help = "Example:\n  ghostlight runs cancel RUN --reason 'false alarm'")]
    Cancel {
        #[command(flatten)]
        run: WithReason,
        /// Call no `compensate`: leave what was done as it is
        #[arg(long)]
        kill: bool,
    },
    /// Start nothing new in a run
    #[command(after_help = "Example:\n  ghostlight runs pause RUN --reason 'change freeze'")]
    Pause(WithReason),
    /// Let a paused run go on
    #[command(after_help = "Example:\n  ghostlight runs resume RUN")]
    Resume {
        /// The run's id, or its beginning
        run: String,
    },
    /// Open a failed run, or many, again from the steps that failed; what has finished is kept
    #[command(
        after_help = "Example:\n  ghostlight runs retry RUN --version 3 --dry-run\n  ghostlight runs retry --status failed --workflow incident-response --since 2h"
    )]
    Retry(RetryArgs),
    /// Send a signal to a run
    #[command(after_help = "Example:\n  ghostlight runs signal RUN go-on --payload '{\"ok\": true}'")]
    Signal {
        /// The run's id, or its beginning
        run: String,
        /// The signal's name
        name: String,
        /// What it says, as JSON or @FILE [default: {}]
        #[arg(long, value_name = "JSON|@FILE")]
        payload: Option<String>,
    },
    /// Say what each step of a run waits for
    #[command(after_help = "Example:\n  ghostlight runs why RUN")]
    Why {
        /// The run's id, or its beginning
        run: String,
    },
    /// Change the limits of a live run, or how urgent it is
    #[command(after_help = "Example:\n  ghostlight runs adjust RUN --max-parallel 4 --priority 50")]
    Adjust {
        /// The run's id, or its beginning
        run: String,
        /// How many attempts are made at the same time
        #[arg(long, value_name = "N", required_unless_present = "priority", value_parser = clap::value_parser!(u32).range(1..=10_000))]
        max_parallel: Option<u32>,
        /// How urgent it is, -100 to 100: the greater, the sooner its steps get slots
        #[arg(long, value_name = "N", allow_negative_numbers = true, value_parser = clap::value_parser!(i64).range(-100..=100))]
        priority: Option<i64>,
    },
    /// Let a live run go on with another definition, as far as nothing of it has begun
    #[command(after_help = "Example:\n  ghostlight runs edit RUN incident.yaml --reason 'one more look'")]
    Edit {
        /// The run's id, or its beginning
        run: String,
        /// The file
        file: PathBuf,
        /// Why
        #[arg(long, default_value = "")]
        reason: String,
    },
    /// Say whether a write of unknown outcome happened
    #[command(
        after_help = "Example:\n  ghostlight runs reconcile RUN restart --happened yes --output-json '{\"restarted\": true}'"
    )]
    Reconcile {
        /// The run's id, or its beginning
        run: String,
        /// The step's path
        step: String,
        /// Whether it happened
        #[arg(long, value_parser = ["yes", "no"])]
        happened: String,
        /// Which attempt is meant: refused if another one waits by now [default: the one that waits]
        #[arg(long, value_name = "N")]
        attempt: Option<u32>,
        /// Its output, when it happened, as JSON or @FILE
        #[arg(long = "output-json", value_name = "JSON|@FILE")]
        result: Option<String>,
    },
}

#[derive(Debug, clap::Args)]
pub(crate) struct WithReason {
    /// The run's id, or its beginning
    run: String,
    /// Why
    #[arg(long, default_value = "")]
    reason: String,
}

pub(super) async fn run(verb: RunsVerb, context: &Context) -> Result<Exit, CliError> {
    let client = context.client()?;
    match verb {
        RunsVerb::List { status, waits_for, reason, parent, workflow, label, limit, cursor } => {
            let parent = match parent {
                Some(run) => Some(run_id(&client, &run).await?),
                None => None,
            };
            let any_of = |words: Vec<String>| Some(words.join(",")).filter(|words| !words.is_empty());
            let asked = [
                ("status", any_of(status)),
                ("waits_for", any_of(waits_for)),
                ("reason", any_of(reason)),
                ("parent", parent),
                ("workflow", workflow),
                ("label", label),
                ("cursor", cursor),
            ];
            let given = asked.into_iter().filter_map(|(name, value)| Some((name, value?)));
            let query: Vec<_> = std::iter::once(("limit", limit.to_string())).chain(given).collect();
            let page = client.runs(&query).await?;
            context.print(&page.body, || list(&page.value.items, Timestamp::now()));
            next_page(page.value.next_cursor.as_deref());
        }
        RunsVerb::Show { run } => {
            let run = run_id(&client, &run).await?;
            let (run, steps) = (client.run(&run).await?, client.steps(&run).await?);
            let mut body = run.body;
            body["steps"] = steps.body["items"].clone();
            context.print(&body, || shown(&run.value, &steps.value.items, Timestamp::now()));
        }
        RunsVerb::Start { workflow, input, context: own, label, version, priority } => {
            let begin = Begin::of(&workflow)?;
            let given = Given {
                input: arguments::input(input.as_deref())?,
                context: arguments::context(own.as_deref())?,
                labels: Value::Object(arguments::pairs(&label)?),
                version,
                priority,
            };
            let started = match client.start_run(&begin.from, &given).await {
                Ok(started) => started,
                Err(error) => return Err(begin.refused(&client, "runs start", &given, error).await),
            };
            context.print(&started.body, || started.value.id.clone());
        }
        RunsVerb::Cancel { run: WithReason { run, reason }, kill } => {
            let run = run_id(&client, &run).await?;
            let mut body = because(&reason);
            if kill {
                body["kill"] = json!(true);
            }
            let accepted = client.command(&run, "cancel", &body).await?;
            let steps = match accepted.value.status.as_str() {
                "cancelled" => Vec::new(),
                _ => client.steps(&run).await?.value.items,
            };
            context.print(&accepted.body, || cancelled(&accepted.value.status, &steps));
        }
        RunsVerb::Pause(WithReason { run, reason }) => {
            let run = run_id(&client, &run).await?;
            told(context, &client.command(&run, "pause", &because(&reason)).await?);
        }
        RunsVerb::Resume { run } => {
            let run = run_id(&client, &run).await?;
            told(context, &client.command(&run, "resume", &json!({})).await?);
        }
        RunsVerb::Retry(args) => return retry::run(args, &client, context).await,
        RunsVerb::Signal { run, name, payload } => {
            let run = run_id(&client, &run).await?;
            let payload = match payload {
                Some(payload) => arguments::json(&payload)?,
                None => json!({}),
            };
            told(context, &client.command(&run, &format!("signals/{name}"), &payload).await?);
        }
        RunsVerb::Why { run } => {
            let run = run_id(&client, &run).await?;
            let next = client.next(&run).await?;
            context.print(&next.body, || why(&next.value.items));
        }
        RunsVerb::Adjust { run, max_parallel, priority } => {
            let run = run_id(&client, &run).await?;
            let mut changes = json!({});
            for (name, value) in [("max_parallel", max_parallel.map(i64::from)), ("priority", priority)] {
                if let Some(value) = value {
                    changes[name] = json!(value);
                }
            }
            told(context, &client.adjust_run(&run, &changes).await?);
        }
        RunsVerb::Edit { run, file, reason } => {
            let run = run_id(&client, &run).await?;
            let document = arguments::document(&file)?;
            super::plan::compiled(&document)?;
            let sent = Document { text: document.text, is_json: document.format == Format::Json };
            told(context, &client.edit_run(&run, &sent, &reason).await?);
        }
        RunsVerb::Reconcile { run, step, happened, attempt, result } => {
            let run = run_id(&client, &run).await?;
            let mut body = json!({ "happened": happened });
            if let Some(attempt) = attempt {
                body["attempt"] = json!(attempt);
            }
            if let Some(result) = result {
                body["output"] = arguments::json(&result)?;
            }
            told(context, &client.command(&run, &format!("steps/{step}/reconcile"), &body).await?);
        }
    }
    Ok(Exit::Done)
}

/// What became of a cancel: it is done, or what has to end before it is.
fn cancelled(run_status: &str, steps: &[Step]) -> String {
    if run_status == "cancelled" {
        return format!("the run is {}", status(run_status));
    }
    let running = steps.iter().filter(|step| step.status == "running");
    let (compensations, attempts): (Vec<_>, Vec<_>) =
        running.partition(|step| step.path.ends_with(".compensate"));
    let counted = |number: usize, what: &str| match number {
        0 => None,
        1 => Some(format!("1 {what} has to end")),
        more => Some(format!("{more} {what}s have to end")),
    };
    let left: Vec<String> =
        [counted(attempts.len(), "attempt"), counted(compensations.len(), "compensation")]
            .into_iter()
            .flatten()
            .collect();
    let left = if left.is_empty() { "what is under way has to end".to_owned() } else { left.join(", ") };
    format!("asked to cancel: {left}, then the run is cancelled")
}

/// What each step waits for.
fn why(steps: &[NextStep]) -> String {
    if steps.is_empty() {
        return "the run has ended: nothing waits".to_owned();
    }
    let rows = steps.iter().map(|next| vec![plain(&next.step), status(&next.status), next.why()]);
    table(&["step", "status", "waits for"], rows)
}

/// Says where the next page begins.
pub(super) fn next_page(cursor: Option<&str>) {
    if let Some(cursor) = cursor {
        output::note(&format!("there are more: --cursor {cursor}"));
    }
}

fn because(reason: &str) -> Value {
    if reason.is_empty() { json!({}) } else { json!({ "reason": reason }) }
}

fn told(context: &Context, accepted: &Answer<Accepted>) {
    context.print(&accepted.body, || format!("the run is {}", status(&accepted.value.status)));
}

fn list(runs: &[Run], now: Timestamp) -> String {
    let row = |run: &Run| {
        let waiting = waits(run);
        let took = run.took_ms().map(duration).unwrap_or_default();
        let age = ago(run.created_at.as_deref(), now);
        vec![run.id.clone(), plain(&run.workflow), status(&run.status), waiting, age, took]
    };
    table(&["run", "workflow", "status", "waits for", "started", "took"], runs.iter().map(row))
}

/// Why a run is paused, and what its steps wait for.
fn waits(run: &Run) -> String {
    let approvals = match run.waiting_approvals {
        0 => None,
        1 => Some("1 approval".to_owned()),
        more => Some(format!("{more} approvals")),
    };
    let all: Vec<String> =
        run.reason.iter().cloned().chain(approvals).chain(run.waits_for.iter().cloned()).collect();
    plain(&all.join(", "))
}

/// The branches of a run: each that is under way on a line of its own, those that are done on one line.
fn branches(branches: &[Branch]) -> String {
    let named = |branch: &Branch| plain(&format!("{}.{}", branch.parallel, branch.name));
    let counted = |branch: &Branch, but: &str| {
        let others = branch.counts.iter().filter(|(status, _)| *status != but);
        others.map(|(status, count)| format!("{count} {}", plain(status))).collect::<Vec<_>>().join(", ")
    };
    let of_all = |branch: &Branch| {
        let ended = ["completed", "failed", "skipped", "cancelled"];
        let done: u32 = ended.iter().filter_map(|status| branch.counts.get(*status)).sum();
        format!("{done} of {}", branch.counts.values().sum::<u32>())
    };
    let open = branches.iter().filter(|branch| !branch.done);
    let rows: Vec<_> =
        open.map(|branch| vec![named(branch), of_all(branch), counted(branch, "completed")]).collect();
    let mut text = if rows.is_empty() {
        String::new()
    } else {
        format!("\n{}\n", table(&["branch", "done", "else"], rows))
    };
    let done =
        branches.iter().filter(|branch| branch.done).map(|branch| match counted(branch, "completed") {
            rest if rest.is_empty() => named(branch),
            rest => format!("{} ({rest})", named(branch)),
        });
    let done = done.collect::<Vec<_>>().join(", ");
    if !done.is_empty() {
        text.push_str(&format!("\nbranches done: {done}\n"));
    }
    text
}

/// The run that a step has started.
fn ran(step: &Step) -> String {
    step.child.as_ref().map_or_else(|| "child".to_owned(), |child| format!("run {child}"))
}

/// A run with its steps, for people.
pub(super) fn shown(run: &Run, steps: &[Step], now: Timestamp) -> String {
    let value = |value: &Option<Value>| {
        value.as_ref().map(|value| shortened(&value.to_string(), 200)).unwrap_or_default()
    };
    let version =
        if run.version == 0 { "its own definition".to_owned() } else { format!("version {}", run.version) };
    let labels: Vec<_> = run.labels.iter().map(|(name, value)| format!("{name}={value}")).collect();
    let error = run.error.as_ref().map(|error| {
        let step = error.step.as_ref().map(|step| format!("{step}: ")).unwrap_or_default();
        format!("{step}{} ({}, {})", plain_lines(&error.message), error.class, error.code)
    });
    let started_by = match (&run.parent, &run.parent_step) {
        (Some(parent), Some(step)) => format!("{} of run {parent}", plain(step)),
        _ => String::new(),
    };
    let head = sheet(&[
        ("run", run.id.clone()),
        ("workflow", format!("{}, {version}", plain(&run.workflow))),
        ("status", status(&run.status)),
        ("because", run.reason.clone().unwrap_or_default()),
        ("result", run.result.clone().unwrap_or_default()),
        ("started", ago(run.created_at.as_deref(), now)),
        ("took", run.took_ms().map(duration).unwrap_or_default()),
        ("started by", started_by),
        ("priority", if run.priority == 0 { String::new() } else { run.priority.to_string() }),
        ("labels", plain(&labels.join(", "))),
        ("input", value(&run.input)),
        ("output", value(&run.output)),
        ("error", error.unwrap_or_default()),
        ("not made good", plain(&run.not_compensated.join(", "))),
    ]);
    let row = |step: &Step| {
        let why = match (&step.error, &step.reason) {
            (Some(error), _) => shortened(&format!("{} ({})", error.message, error.class), 80),
            (None, Some(reason)) if reason == "stuck" => match &step.last_sign_at {
                Some(sign) => format!("stuck, last sign of life {}", ago(Some(sign), now)),
                None => reason.clone(),
            },
            (None, Some(reason)) if reason == "child" => ran(step),
            (None, Some(reason)) => reason.clone(),
            (None, None) if step.child.is_some() => ran(step),
            (None, None) if step.lost_race => "another branch was faster".to_owned(),
            (None, None) => String::new(),
        };
        let agent = step.agent.clone().unwrap_or_else(|| step.kind.clone());
        let attempts = if step.attempts > 1 { step.attempts.to_string() } else { String::new() };
        let took = step.duration_ms.map(duration).unwrap_or_default();
        vec![plain(&step.path), status(&step.status), plain(&agent), attempts, took, why]
    };
    let branches = branches(&run.branches);
    format!(
        "{head}{branches}\n{}",
        table(&["step", "status", "by", "attempts", "took", "why"], steps.iter().map(row))
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cancel_says_what_has_to_end_before_the_run_is_cancelled() {
        let step = |path: &str, status: &str| -> Step {
            serde_json::from_value(json!({ "path": path, "status": status })).unwrap()
        };
        let told = |steps: &[Step]| anstream::adapter::strip_str(&cancelled("running", steps)).to_string();
        let steps = [
            step("a", "running"),
            step("b", "running"),
            step("c", "completed"),
            step("c.compensate", "running"),
        ];
        assert_eq!(
            told(&steps),
            "asked to cancel: 2 attempts have to end, 1 compensation has to end, then the run is cancelled"
        );
        assert!(told(&[]).contains("what is under way has to end"));
        assert!(cancelled("cancelled", &[]).contains("the run is"));
    }
}
