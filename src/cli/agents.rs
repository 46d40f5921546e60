//! `agents`: who can be called.

use serde_json::Value;

use super::Context;
use super::check::at_its_place;
use super::exit::{CliError, Exit};
use crate::client::{Agent, AgentFile, AgentStatistics};
use crate::output::{plain, plain_lines, pretty, sheet, shortened, status, table};

/// Agents: list, show, reload
#[derive(Debug, clap::Subcommand)]
pub(crate) enum AgentsVerb {
    /// List all agents
    #[command(after_help = "Example:\n  ghostlight agents list")]
    List,
    /// Show one agent
    #[command(after_help = "Example:\n  ghostlight agents show log-analysis")]
    Show {
        /// Its name
        agent: String,
    },
    /// Read the files of agents again
    ///
    /// A new file is a new agent, a changed one a new version, a removed one disables its agent; the agent of a file with mistakes stays
    /// as it was. Exits with 2 when a file has mistakes.
    #[command(after_help = "Example:\n  ghostlight agents reload")]
    Reload {
        /// The agent to show then; without a name every file is told
        #[arg(value_name = "NAME")]
        agent: Option<String>,
    },
}

pub(super) async fn run(verb: AgentsVerb, context: &Context) -> Result<Exit, CliError> {
    let client = context.client()?;
    match verb {
        AgentsVerb::List => {
            let page = client.agents().await?;
            context.print(&page.body, || list(&page.value.items));
        }
        AgentsVerb::Show { agent } => {
            let agent = client.agent(&agent).await?;
            context.print(&agent.body, || shown(&agent.value));
        }
        AgentsVerb::Reload { agent: Some(agent) } => {
            let agent = client.reload_agent(&agent).await?;
            context.print(&agent.body, || shown(&agent.value));
        }
        AgentsVerb::Reload { agent: None } => {
            let page = client.reload_agents().await?;
            context.print(&page.body, || reloaded(&page.value.items));
            if page.value.items.iter().any(|file| file.outcome == "refused") {
                return Ok(Exit::Usage);
            }
        }
    }
    Ok(Exit::Done)
}

/// What became of each file, then what is wrong with them, each at its place.
fn reloaded(files: &[AgentFile]) -> String {
    let row = |file: &AgentFile| {
        let what = file.agent.as_ref().or(file.reason.as_ref());
        vec![plain(&file.file), status(&file.outcome), plain(what.map_or("", String::as_str))]
    };
    let problems = files.iter().flat_map(|file| {
        file.diagnostics.iter().map(|diagnostic| format!("\n{}", at_its_place(&file.file, diagnostic)))
    });
    table(&["file", "outcome", "agent"], files.iter().map(row)) + &problems.collect::<String>()
}

fn word(agent: &Agent) -> String {
    status(if agent.enabled { "enabled" } else { "disabled" })
}

fn list(agents: &[Agent]) -> String {
    let row = |agent: &Agent| {
        vec![
            plain(&agent.name),
            word(agent),
            agent.kind.clone().unwrap_or_default(),
            agent.effect.clone().unwrap_or_default(),
            plain(&agent.capabilities.join(", ")),
            agent.managed_by.clone(),
            shortened(&agent.description, 60),
        ]
    };
    table(
        &["agent", "status", "kind", "effect", "offers", "managed by", "description"],
        agents.iter().map(row),
    )
}

fn calls(of: &AgentStatistics) -> String {
    let rate = of.success_rate.map(|rate| format!(" ({:.1} % went well)", rate * 100.0)).unwrap_or_default();
    format!(
        "{} in flight, {} finished, {} failed{rate}, since {}",
        of.in_flight,
        of.finished,
        of.failed,
        plain(&of.since)
    )
}

fn durations(of: &AgentStatistics) -> String {
    match of.p50_ms.zip(of.p95_ms) {
        Some((p50, p95)) => format!("p50 {p50} ms, p95 {p95} ms"),
        None => String::new(),
    }
}

fn shown(agent: &Agent) -> String {
    let document = |value: &Option<Value>| value.as_ref().map(|value| plain_lines(&pretty(value)));
    sheet(&[
        ("agent", plain(&agent.name)),
        ("status", word(agent)),
        ("description", plain_lines(&agent.description)),
        ("kind", agent.kind.clone().unwrap_or_default()),
        ("effect", agent.effect.clone().unwrap_or_default()),
        ("offers", plain(&agent.capabilities.join(", "))),
        ("managed by", agent.managed_by.clone()),
        ("file", plain(agent.file.as_deref().unwrap_or_default())),
        ("calls", agent.statistics.as_ref().map(calls).unwrap_or_default()),
        ("durations", agent.statistics.as_ref().map(durations).unwrap_or_default()),
        ("hash", agent.hash.clone().unwrap_or_default()),
        ("takes", document(&agent.input_schema).unwrap_or_else(|| "anything".to_owned())),
        ("gives", document(&agent.output_schema).unwrap_or_else(|| "anything".to_owned())),
        ("definition", document(&agent.definition).unwrap_or_default()),
    ])
}
