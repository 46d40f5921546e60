//! Ids of runs as people type them: whole, or only their beginning.

use super::exit::{CliError, Exit};
use crate::client::{Client, Run};
use crate::output::{plain, table};

/// The fewest characters of the beginning of an id.
const CHARACTERS_MIN: usize = 4;
/// The beginning of an id is looked for among so many pages of runs, the newest first.
const PAGES_MAX: usize = 25;
/// Runs of a page, the most that the daemon gives.
const PAGE_ROWS: usize = 200;
/// The most candidates that are named.
const CANDIDATES_MAX: usize = 10;
/// How long an id is.
const ID_CHARACTERS: usize = 36;

/// The id of a run: as it is when it is whole, else the one that begins so.
///
/// # Errors
/// When no run begins so, or several do; those are named.
pub(super) async fn run_id(client: &Client, typed: &str) -> Result<String, CliError> {
    let typed = typed.trim().to_ascii_lowercase();
    let is_of_an_id = !typed.is_empty() && typed.chars().all(|c| c.is_ascii_hexdigit() || c == '-');
    if typed.len() >= ID_CHARACTERS {
        return Ok(typed);
    }
    if !is_of_an_id || typed.len() < CHARACTERS_MIN {
        let message = format!("`{}` is neither the id of a run nor the beginning of one", plain(&typed));
        let help = format!(
            "give at least {CHARACTERS_MIN} characters of an id; `ghostlight runs list` shows those that there are"
        );
        return Err(CliError::new(Exit::Refused, message).help(help));
    }
    let found = beginning(client, &typed).await?;
    match found.as_slice() {
        [one] => Ok(one.id.clone()),
        [] => {
            let message = format!("no run begins with `{typed}` among the latest {}", PAGES_MAX * PAGE_ROWS);
            Err(CliError::new(Exit::Refused, message)
                .help("`ghostlight runs list` shows those that there are"))
        }
        several => {
            let rows = several.iter().take(CANDIDATES_MAX);
            let rows = rows.map(|run| vec![run.id.clone(), plain(&run.workflow), plain(&run.status)]);
            let more = if several.len() > CANDIDATES_MAX { "\n…" } else { "" };
            let candidates = table(&["run", "workflow", "status"], rows);
            let message = format!("several runs begin with `{typed}`\n{candidates}{more}");
            Err(CliError::new(Exit::Refused, message).help("give more of the id"))
        }
    }
}

/// The runs whose id begins so, one more than are named at most.
async fn beginning(client: &Client, typed: &str) -> Result<Vec<Run>, CliError> {
    let mut found = Vec::new();
    let mut cursor = None;
    for _ in 0..PAGES_MAX {
        let mut query = vec![("limit", PAGE_ROWS.to_string())];
        query.extend(cursor.map(|cursor| ("cursor", cursor)));
        let page = client.runs(&query).await?.value;
        found.extend(page.items.into_iter().filter(|run| run.id.starts_with(typed)));
        cursor = page.next_cursor;
        if cursor.is_none() || found.len() > CANDIDATES_MAX {
            break;
        }
    }
    Ok(found)
}
