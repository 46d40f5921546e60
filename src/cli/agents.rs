//! `agents`: who can be called.

use serde_json::Value;

use super::Context;
use super::exit::{CliError, Exit};
use crate::client::Agent;
use crate::output::{plain, plain_lines, pretty, sheet, shortened, status, table};

/// Agents: list, show
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
    }
    Ok(Exit::Done)
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
        ("hash", agent.hash.clone().unwrap_or_default()),
        ("takes", document(&agent.input_schema).unwrap_or_else(|| "anything".to_owned())),
        ("gives", document(&agent.output_schema).unwrap_or_else(|| "anything".to_owned())),
        ("definition", document(&agent.definition).unwrap_or_default()),
    ])
}
