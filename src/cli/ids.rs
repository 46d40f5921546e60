//! Ids of runs and approvals as people type them: whole, or only their beginning.

use super::exit::{CliError, Exit};
use crate::client::{Answer, Approval, Client, ClientError, Page, Run};
use crate::output::{plain, shortened, table};

/// The fewest characters of the beginning of an id.
const CHARACTERS_MIN: usize = 4;
/// The beginning of an id is looked for among so many pages, the newest first.
const PAGES_MAX: usize = 25;
/// Rows of a page, the most that the daemon gives.
const PAGE_ROWS: usize = 200;
/// The most candidates that are named.
const CANDIDATES_MAX: usize = 10;
/// How long an id is.
const ID_CHARACTERS: usize = 36;

/// What has an id, as lists show it.
trait Listed: Sized {
    /// What it is called, alone and with its article.
    const NAMES: (&'static str, &'static str);
    /// The command that lists them.
    const LIST: &'static str;
    /// The columns that tell candidates apart, beside the id.
    const COLUMNS: [&'static str; 2];

    fn id(&self) -> &str;

    fn shown(&self) -> [String; 2];

    async fn page(client: &Client, query: &[(&str, String)]) -> Result<Answer<Page<Self>>, ClientError>;
}

impl Listed for Run {
    const NAMES: (&'static str, &'static str) = ("run", "a run");
    const LIST: &'static str = "ghostlight runs list";
    const COLUMNS: [&'static str; 2] = ["workflow", "status"];

    fn id(&self) -> &str {
        &self.id
    }

    fn shown(&self) -> [String; 2] {
        [plain(&self.workflow), plain(&self.status)]
    }

    async fn page(client: &Client, query: &[(&str, String)]) -> Result<Answer<Page<Self>>, ClientError> {
        client.runs(query).await
    }
}

impl Listed for Approval {
    const NAMES: (&'static str, &'static str) = ("approval", "an approval");
    const LIST: &'static str = "ghostlight approvals list --status all";
    const COLUMNS: [&'static str; 2] = ["status", "action"];

    fn id(&self) -> &str {
        &self.id
    }

    fn shown(&self) -> [String; 2] {
        [plain(&self.status), shortened(&self.action, 60)]
    }

    async fn page(client: &Client, query: &[(&str, String)]) -> Result<Answer<Page<Self>>, ClientError> {
        client.approvals(query).await
    }
}

/// The id of a run: as it is when it is whole, else the one that begins so.
///
/// # Errors
/// When no run begins so, or several do; those are named.
pub(super) async fn run_id(client: &Client, typed: &str) -> Result<String, CliError> {
    whole::<Run>(client, typed).await
}

/// The same of an approval.
///
/// # Errors
/// Likewise.
pub(super) async fn approval_id(client: &Client, typed: &str) -> Result<String, CliError> {
    whole::<Approval>(client, typed).await
}

async fn whole<T: Listed>(client: &Client, typed: &str) -> Result<String, CliError> {
    let (name, one_of_them) = T::NAMES;
    let typed = typed.trim().to_ascii_lowercase();
    let is_of_an_id = !typed.is_empty() && typed.chars().all(|c| c.is_ascii_hexdigit() || c == '-');
    if typed.len() >= ID_CHARACTERS {
        return Ok(typed);
    }
    if !is_of_an_id || typed.len() < CHARACTERS_MIN {
        let message =
            format!("`{}` is neither the id of {one_of_them} nor the beginning of one", plain(&typed));
        let help = format!(
            "give at least {CHARACTERS_MIN} characters of an id; `{}` shows those that there are",
            T::LIST
        );
        return Err(CliError::new(Exit::Refused, message).help(help));
    }
    let found = beginning::<T>(client, &typed).await?;
    match found.as_slice() {
        [one] => Ok(one.id().to_owned()),
        [] => {
            let message =
                format!("no {name} begins with `{typed}` among the latest {}", PAGES_MAX * PAGE_ROWS);
            Err(CliError::new(Exit::Refused, message)
                .help(format!("`{}` shows those that there are", T::LIST)))
        }
        several => {
            let rows = several.iter().take(CANDIDATES_MAX).map(|one| {
                let [first, second] = one.shown();
                vec![one.id().to_owned(), first, second]
            });
            let more = if several.len() > CANDIDATES_MAX { "\n…" } else { "" };
            let [first, second] = T::COLUMNS;
            let candidates = table(&[name, first, second], rows);
            let message = format!("several {name}s begin with `{typed}`\n{candidates}{more}");
            Err(CliError::new(Exit::Refused, message).help("give more of the id"))
        }
    }
}

/// Those whose id begins so, one more than are named at most.
async fn beginning<T: Listed>(client: &Client, typed: &str) -> Result<Vec<T>, CliError> {
    let mut found = Vec::new();
    let mut cursor = None;
    for _ in 0..PAGES_MAX {
        let mut query = vec![("limit", PAGE_ROWS.to_string())];
        query.extend(cursor.map(|cursor| ("cursor", cursor)));
        let page = T::page(client, &query).await?.value;
        found.extend(page.items.into_iter().filter(|one: &T| one.id().starts_with(typed)));
        cursor = page.next_cursor;
        if cursor.is_none() || found.len() > CANDIDATES_MAX {
            break;
        }
    }
    Ok(found)
}
