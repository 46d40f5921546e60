//! `runs retry`: opening a failed run, or many, again. What that would do is told first, to whoever sits at a terminal.

use ghostlight_model::language::units;
use jiff::{SignedDuration, Timestamp};
use serde::Deserialize;
use serde_json::{Value, json};

use super::Context;
use super::arguments;
use super::exit::{CliError, Exit};
use super::ids::run_id;
use super::prompt::Prompt;
use crate::client::{Attempted, Batch, BatchItem, Client, ClientError, Hazards};
use crate::output::{self, plain, shortened, status, table};

/// Steps that are named in one line; the rest is counted.
const NAMED_MAX: usize = 20;

/// Which runs, and how.
#[derive(Debug, clap::Args)]
pub(crate) struct RetryArgs {
    /// The run's id, or its beginning
    #[arg(
        required_unless_present_any = ["status", "workflow", "label", "since", "until"],
        conflicts_with_all = ["status", "workflow", "label", "since", "until"]
    )]
    run: Option<String>,
    /// All runs in this state
    #[arg(long, value_parser = ["pending", "running", "paused", "completed", "failed", "cancelled"])]
    status: Option<String>,
    /// All runs of this workflow
    #[arg(long, value_name = "NAME")]
    workflow: Option<String>,
    /// All runs with this label; may be given several times
    #[arg(long, value_name = "NAME=VALUE")]
    label: Vec<String>,
    /// All runs created at this time or later: a time, or how long ago (`2h`)
    #[arg(long, value_name = "TIME|AGO")]
    since: Option<String>,
    /// All runs created before this time: a time, or how long ago
    #[arg(long, value_name = "TIME|AGO")]
    until: Option<String>,
    /// Go on with this version of the workflow
    #[arg(long, value_name = "N")]
    version: Option<u64>,
    /// Go on with this input, as JSON or @FILE
    #[arg(long, value_name = "JSON|@FILE")]
    input: Option<String>,
    /// Call writes again that may have happened
    #[arg(long)]
    acknowledge_writes: bool,
    /// Say what would be done, and do nothing
    #[arg(long)]
    dry_run: bool,
    /// Do not ask
    #[arg(long, short)]
    yes: bool,
}

pub(super) async fn run(args: RetryArgs, client: &Client, context: &Context) -> Result<Exit, CliError> {
    match &args.run {
        Some(run) => one(&run_id(client, run).await?, &args, client, context).await,
        None => many(&args, client, context).await,
    }
}

impl RetryArgs {
    /// How, as the daemon is told.
    fn body(&self) -> Result<Value, CliError> {
        let mut body = json!({});
        if let Some(version) = self.version {
            body["version"] = json!(version);
        }
        if let Some(input) = &self.input {
            body["input"] = arguments::json(input)?;
        }
        if self.acknowledge_writes {
            body["acknowledge_writes"] = json!(true);
        }
        Ok(body)
    }

    /// Which runs, as the daemon is told.
    fn filter(&self, now: Timestamp) -> Result<Value, CliError> {
        arguments::pairs(&self.label)?;
        let label = (!self.label.is_empty()).then(|| self.label.join(","));
        let since = self.since.as_deref().map(|text| time("since", text, now)).transpose()?;
        let until = self.until.as_deref().map(|text| time("until", text, now)).transpose()?;
        let given = [
            ("status", self.status.clone()),
            ("workflow", self.workflow.clone()),
            ("label", label),
            ("since", since),
            ("until", until),
        ];
        let given = given.into_iter().filter_map(|(name, value)| Some((name.to_owned(), json!(value?))));
        Ok(Value::Object(given.collect()))
    }

    /// Whether somebody is there and wants to be asked.
    fn asks(&self) -> bool {
        !self.yes && Context::is_interactive()
    }
}

/// A time, or how long ago it was.
fn time(flag: &str, text: &str, now: Timestamp) -> Result<String, CliError> {
    let ago = || SignedDuration::try_from(units::duration(text)?).ok();
    let read = text.parse::<Timestamp>().ok().or_else(|| now.checked_sub(ago()?).ok());
    read.map(|time| time.to_string()).ok_or_else(|| {
        CliError::usage(format!("--{flag} is a time like 2026-12-24T18:00:00Z, or how long ago, like 2h"))
    })
}

fn with(mut body: Value, name: &str, value: Value) -> Value {
    body[name] = value;
    body
}

async fn one(run: &str, args: &RetryArgs, client: &Client, context: &Context) -> Result<Exit, CliError> {
    let body = args.body()?;
    // Another input does not reach what is kept, which is said in any case.
    if args.dry_run || args.asks() || args.input.is_some() {
        let told = client.retry(run, &with(body.clone(), "dry_run", json!(true))).await?;
        let hazards = Hazards::deserialize(&told.body).map_err(|error| {
            CliError::new(Exit::Unreached, format!("the answer has another shape: {error}"))
        })?;
        if args.dry_run {
            context.print(&told.body, || hazards_told(&hazards));
            return Ok(Exit::Done);
        }
        if args.asks() {
            output::note(&hazards_told(&hazards));
            // What is refused anyway is not asked about.
            if args.acknowledge_writes || !hazards.needs_acknowledgement {
                agreed("Open the run again?").await?;
            }
        } else if !hazards.stale.is_empty() {
            output::note(&format!("kept, of the old input: {}", named(&hazards.stale)));
        }
    }
    let answer = client.retry(run, &body).await.map_err(refused)?;
    let stands = answer.value["status"].as_str().unwrap_or_default();
    context.print(&answer.body, || format!("the run is {}", status(stands)));
    Ok(Exit::Done)
}

async fn many(args: &RetryArgs, client: &Client, context: &Context) -> Result<Exit, CliError> {
    let mut body = with(args.body()?, "action", json!("retry"));
    body["filter"] = args.filter(Timestamp::now())?;
    let looks = args.dry_run || args.asks();
    if !looks && !args.yes {
        return Err(CliError::usage("many runs are opened again only when somebody says so")
            .help("look with --dry-run, then say --yes"));
    }
    if looks {
        let told = client.batch(&with(body.clone(), "dry_run", json!(true))).await?;
        if args.dry_run {
            context.print(&told.body, || batch_told(&told.value));
            return Ok(exit_of(&told.value));
        }
        output::note(&batch_told(&told.value));
        let would = told.value.items.iter().filter(|item| item.outcome == "would_be_done");
        let ids: Vec<&str> = would.map(|item| item.run.as_str()).collect();
        if ids.is_empty() {
            return Err(CliError::new(Exit::Refused, "none of these runs can be opened again like that"));
        }
        let question = format!("Open {} again?", counted(ids.len(), "run"));
        // What was shown is what is done, whatever the filter would find by then.
        let named = with(with(args.body()?, "action", json!("retry")), "ids", json!(ids));
        agreed(&question).await?;
        body = named;
    }
    let answer = client.batch(&body).await?;
    context.print(&answer.body, || batch_told(&answer.value));
    Ok(exit_of(&answer.value))
}

fn exit_of(batch: &Batch) -> Exit {
    let is_refused = batch.items.iter().any(|item| item.outcome == "refused");
    if is_refused { Exit::Refused } else { Exit::Done }
}

async fn agreed(question: &str) -> Result<(), CliError> {
    let prompt = Prompt::default();
    prompt.ask(question).await;
    match prompt.answer().await {
        Some(true) => Ok(()),
        Some(false) | None => Err(CliError::new(Exit::Refused, "nobody said yes; nothing was done")),
    }
}

/// Why a run was not opened again: writes that would be made again are told one by one.
fn refused(error: ClientError) -> CliError {
    let state = match &error {
        ClientError::Refused(problem) if problem.code == "writes_may_repeat" => problem.state.clone(),
        _ => None,
    };
    let Some(state) = state else { return error.into() };
    let writes = Vec::<Attempted>::deserialize(&state["writes"]).unwrap_or_default();
    let mut message = "writes that may have happened would be made again (writes_may_repeat)".to_owned();
    for write in writes.iter().take(NAMED_MAX) {
        message.push_str(&format!("\n  {}", attempted_told(write)));
    }
    let more = state["count"].as_u64().unwrap_or_default().saturating_sub(writes.len().min(NAMED_MAX) as u64);
    if more > 0 {
        message.push_str(&format!("\n  and {more} more"));
    }
    CliError::new(Exit::Refused, message)
        .help("look what they did; --acknowledge-writes makes them again, --dry-run lists everything")
}

fn counted(count: usize, what: &str) -> String {
    if count == 1 { format!("1 {what}") } else { format!("{count} {what}s") }
}

fn named(steps: &[String]) -> String {
    let mut names: Vec<String> = steps.iter().take(NAMED_MAX).map(|step| plain(step)).collect();
    if steps.len() > NAMED_MAX {
        names.push(format!("and {} more", steps.len() - NAMED_MAX));
    }
    if names.is_empty() { "none".to_owned() } else { names.join(", ") }
}

fn attempted_told(attempted: &Attempted) -> String {
    let child = attempted.child.as_ref().map(|child| format!(" (run {})", plain(child))).unwrap_or_default();
    let known = match attempted.happened.as_str() {
        "no" => "did not happen",
        "yes" => "happened",
        _ => "nobody knows whether it happened",
    };
    format!("{} {}{child}: {known}", plain(&attempted.effect), plain(&attempted.step))
}

/// What a retry would do, for people.
fn hazards_told(hazards: &Hazards) -> String {
    let version = match hazards.version {
        0 => "its own definition".to_owned(),
        version => format!("version {version}"),
    };
    let mut rows =
        vec![("follows", version), ("done again", named(&hazards.again)), ("kept", named(&hazards.kept))];
    if !hazards.stale.is_empty() {
        rows.push(("kept, of the old input", named(&hazards.stale)));
    }
    let mut text = output::sheet(&rows).trim_end().to_owned();
    for (place, attempted) in hazards.attempted.iter().enumerate() {
        if place == 0 {
            text.push_str("\nattempted before:");
        }
        if place == NAMED_MAX {
            text.push_str(&format!("\n  and {} more", hazards.attempted.len() - NAMED_MAX));
            break;
        }
        text.push_str(&format!("\n  {}", attempted_told(attempted)));
    }
    if hazards.needs_acknowledgement {
        text.push_str("\nit is refused without --acknowledge-writes");
    }
    text
}

/// What became of many runs, for people.
fn batch_told(batch: &Batch) -> String {
    if batch.items.is_empty() {
        return "no run fits".to_owned();
    }
    let count = |outcome: &str| batch.items.iter().filter(|item| item.outcome == outcome).count();
    let row = |item: &BatchItem| {
        let what = match (item.error.as_object(), item.would.as_object(), &item.status) {
            (Some(error), _, _) => {
                let text = |key: &str| error.get(key).and_then(Value::as_str).unwrap_or_default();
                shortened(&format!("{} ({})", text("detail"), text("code")), 100)
            }
            (None, Some(would), _) => {
                let number = |key: &str| would.get(key).and_then(Value::as_u64).unwrap_or_default();
                let writes = would.get("writes").and_then(Value::as_array).map_or(0, Vec::len);
                let writes = if writes > 0 { format!(", {writes} writes made again") } else { String::new() };
                format!("{} again, {} kept{writes}", number("again"), number("kept"))
            }
            (None, None, Some(stands)) => status(stands),
            (None, None, None) => String::new(),
        };
        vec![item.run.clone(), item.outcome.replace('_', " "), what]
    };
    let runs = table(&["run", "outcome", "what"], batch.items.iter().map(row));
    let done = count("done") + count("would_be_done");
    let word = if count("would_be_done") > 0 { "would be done" } else { "done" };
    format!("{}\n{done} {word}, {} refused", runs.trim_end(), count("refused"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_is_one_or_how_long_ago_it_was() {
        let now: Timestamp = "2026-12-24T18:00:00Z".parse().unwrap();
        assert_eq!(time("since", "2h", now).unwrap(), "2026-12-24T16:00:00Z");
        assert_eq!(time("since", "2026-12-01T00:00:00Z", now).unwrap(), "2026-12-01T00:00:00Z");
        assert!(time("since", "yesterday", now).unwrap_err().message.starts_with("--since is a time"));
    }

    #[test]
    fn hazards_are_told_with_what_is_known_of_each_write() {
        let hazards = Hazards {
            version: 3,
            again: (0..22).map(|n| format!("s{n}")).collect(),
            kept: vec!["a".into()],
            attempted: vec![
                Attempted {
                    step: "pay".into(),
                    effect: "write".into(),
                    happened: "unknown".into(),
                    child: None,
                },
                Attempted {
                    step: "sub".into(),
                    effect: "write".into(),
                    happened: "no".into(),
                    child: Some("r".into()),
                },
            ],
            stale: vec!["a".into()],
            needs_acknowledgement: true,
        };
        let told = anstream::adapter::strip_str(&hazards_told(&hazards)).to_string();
        for part in [
            "version 3",
            "s19, and 2 more",
            "kept, of the old input",
            "write pay: nobody knows whether it happened",
            "write sub (run r): did not happen",
            "--acknowledge-writes",
        ] {
            assert!(told.contains(part), "{part}: {told}");
        }
    }
}
