//! `approvals`: what waits for a person, and the answers.

use jiff::Timestamp;
use serde_json::Value;

use super::Context;
use super::arguments;
use super::exit::{CliError, Exit};
use super::ids::approval_id;
use super::runs::next_page;
use super::watch::coloured_risk;
use crate::client::{Answer, Approval, ClientError};
use crate::output::{ago, plain, plain_lines, sheet, shortened, status, table};

/// Approvals: list, show, approve, reject
#[derive(Debug, clap::Subcommand)]
pub(crate) enum ApprovalsVerb {
    /// List approvals, the newest first
    #[command(
        after_help = "Example:\n  ghostlight approvals list\n  ghostlight approvals list --status all --risk high"
    )]
    List {
        /// Only those in this state
        #[arg(long, default_value = "pending", value_parser = ["pending", "approved", "rejected", "expired", "cancelled", "all"])]
        status: String,
        /// Only those of this run
        #[arg(long)]
        run: Option<String>,
        /// Only those of this risk
        #[arg(long, value_parser = ["low", "medium", "high", "critical"])]
        risk: Option<String>,
        /// How many at most
        #[arg(long, default_value_t = 50, value_parser = clap::value_parser!(u16).range(1..=200))]
        limit: u16,
        /// Where to go on: the cursor that the last page named
        #[arg(long)]
        cursor: Option<String>,
    },
    /// Show one approval
    #[command(after_help = "Example:\n  ghostlight approvals show APPROVAL")]
    Show {
        /// The approval's id, or its beginning
        approval: String,
    },
    /// Say yes
    #[command(after_help = "Example:\n  ghostlight approvals approve APPROVAL --comment 'go ahead'")]
    Approve {
        /// The approval's id, or its beginning
        approval: String,
        /// What to say about it
        #[arg(long)]
        comment: Option<String>,
        /// What to change, as JSON or @FILE, where the gate permits it
        #[arg(long, value_name = "JSON|@FILE")]
        changes: Option<String>,
    },
    /// Say no
    #[command(
        after_help = "Example:\n  ghostlight approvals reject APPROVAL --comment 'not during the sale'"
    )]
    Reject {
        /// The approval's id, or its beginning
        approval: String,
        /// What to say about it
        #[arg(long)]
        comment: Option<String>,
    },
}

pub(super) async fn run(verb: ApprovalsVerb, context: &Context) -> Result<Exit, CliError> {
    let client = context.client()?;
    match verb {
        ApprovalsVerb::List { status, run, risk, limit, cursor } => {
            let mut query = vec![("limit", limit.to_string())];
            let status = Some(status).filter(|status| status != "all");
            for (name, value) in [("status", status), ("run", run), ("risk", risk), ("cursor", cursor)] {
                query.extend(value.map(|value| (name, value)));
            }
            let page = client.approvals(&query).await?;
            context.print(&page.body, || list(&page.value.items, Timestamp::now()));
            next_page(page.value.next_cursor.as_deref());
        }
        ApprovalsVerb::Show { approval } => {
            let approval = client.approval(&approval_id(&client, &approval).await?).await?;
            context.print(&approval.body, || shown(&approval.value, Timestamp::now()));
        }
        ApprovalsVerb::Approve { approval, comment, changes } => {
            let approval = approval_id(&client, &approval).await?;
            let changes = changes.as_deref().map(arguments::json).transpose()?;
            let decided = client.decide(&approval, true, comment.as_deref(), changes.as_ref()).await;
            told(context, &decided.map_err(too_late)?, "approved");
        }
        ApprovalsVerb::Reject { approval, comment } => {
            let approval = approval_id(&client, &approval).await?;
            let decided = client.decide(&approval, false, comment.as_deref(), None).await;
            told(context, &decided.map_err(too_late)?, "rejected");
        }
    }
    Ok(Exit::Done)
}

fn told(context: &Context, answer: &Answer<Value>, word: &str) {
    context.print(&answer.body, || status(word));
}

/// Why an answer is not taken. What somebody else has answered before is told in a sentence: who, what and when.
fn too_late(error: ClientError) -> CliError {
    let state = match &error {
        ClientError::Refused(problem) if problem.code == "already_decided" => problem.state.clone(),
        _ => None,
    };
    let Some(state) = state else { return error.into() };
    let word = |key: &str| state[key].as_str().map(plain);
    let when = ago(state["decided_at"].as_str(), Timestamp::now());
    let said = match (word("status").as_deref(), word("by")) {
        (Some("expired"), _) => format!("nobody answered in time: it ran out {when}"),
        (Some("cancelled"), _) => format!("it is not asked any more: its run was stopped {when}"),
        (Some(decision), Some(by)) => format!("{by} {decision} it {when}"),
        (Some(decision), None) => format!("it was {decision} {when}"),
        (None, _) => return error.into(),
    };
    CliError::new(Exit::Refused, format!("{} (already_decided)", said.trim_end()))
        .help("the first answer holds; `ghostlight approvals show` shows it")
}

fn list(approvals: &[Approval], now: Timestamp) -> String {
    let row = |approval: &Approval| {
        let expires = if approval.status == "pending" {
            ago(approval.expires_at.as_deref(), now)
        } else {
            String::new()
        };
        vec![
            approval.id.clone(),
            status(&approval.status),
            coloured_risk(&approval.risk),
            shortened(&approval.action, 60),
            plain(approval.workflow.as_deref().unwrap_or_default()),
            ago(approval.requested_at.as_deref(), now),
            expires,
        ]
    };
    table(
        &["approval", "status", "risk", "action", "workflow", "asked", "expires"],
        approvals.iter().map(row),
    )
}

fn shown(approval: &Approval, now: Timestamp) -> String {
    let text = |text: &Option<String>| plain_lines(text.as_deref().unwrap_or_default());
    sheet(&[
        ("approval", approval.id.clone()),
        ("status", status(&approval.status)),
        ("action", plain_lines(&approval.action)),
        ("impact", text(&approval.impact)),
        ("risk", coloured_risk(&approval.risk)),
        ("workflow", text(&approval.workflow)),
        ("run", approval.run.clone()),
        ("step", plain(&approval.step)),
        ("asked", ago(approval.requested_at.as_deref(), now)),
        (
            "expires",
            if approval.status == "pending" {
                ago(approval.expires_at.as_deref(), now)
            } else {
                String::new()
            },
        ),
        ("by", text(&approval.by)),
        ("comment", text(&approval.comment)),
        ("form", approval.form.as_ref().map(|form| plain(&form.to_string())).unwrap_or_default()),
    ])
}
