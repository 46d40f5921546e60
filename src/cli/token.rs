//! `token`: who may speak to the daemon. On the data folder when no daemon holds it, else through the daemon.

use std::path::PathBuf;

use ghostlight_actors::tokens::Tokens;
use ghostlight_model::language::units;
use jiff::Timestamp;
use serde_json::{Value, json};

use super::exit::{CliError, Exit, with_causes};
use super::{Context, serve};
use crate::client::Token;
use crate::daemon::offline::{self, Offline};
use crate::output::{self, ago, plain, status, table};

/// Access tokens: create, list, revoke
///
/// On the data folder when no daemon holds it, else through the daemon. Once a token exists, everybody needs one.
#[derive(Debug, clap::Subcommand)]
pub(crate) enum TokenVerb {
    /// Make a token; it is shown once, on stdout
    #[command(after_help = "Example:\n  ghostlight token create --label dashboard --expires 90d")]
    Create {
        /// What it is for
        #[arg(long, default_value = "command line")]
        label: String,
        /// After which time it opens nothing any more, such as 90d
        #[arg(long, value_name = "TIME")]
        expires: Option<String>,
        #[command(flatten)]
        place: Place,
    },
    /// List tokens; never the tokens themselves
    #[command(after_help = "Example:\n  ghostlight token list")]
    List {
        #[command(flatten)]
        place: Place,
    },
    /// Revoke a token, at once and for ever
    #[command(after_help = "Example:\n  ghostlight token revoke ID")]
    Revoke {
        /// The token's id
        id: String,
        #[command(flatten)]
        place: Place,
    },
}

#[derive(Debug, clap::Args)]
pub(crate) struct Place {
    /// The data folder [default: as the configuration says]
    #[arg(long, value_name = "DIR")]
    data: Option<PathBuf>,
    /// The configuration file [default: config/ghostlight.toml, if it is there]
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
}

pub(super) async fn run(verb: TokenVerb, context: &Context) -> Result<Exit, CliError> {
    let (TokenVerb::Create { place, .. } | TokenVerb::List { place } | TokenVerb::Revoke { place, .. }) =
        &verb;
    // Who names a daemon means the daemon, unless a folder is named too: a variable may have named the daemon. Else the folder is
    // tried, which only one process can hold.
    let folder = if context.server.is_some() && place.data.is_none() {
        None
    } else {
        let settings = serve::settings(place.config.as_deref(), place.data.as_deref(), None, false)?;
        offline::open(&settings.loaded.config).await?
    };
    match folder {
        Some(folder) => {
            let ended = on_folder(&verb, &folder, context).await;
            folder.close().await?;
            ended
        }
        None => at_daemon(&verb, context).await,
    }
}

async fn on_folder(verb: &TokenVerb, folder: &Offline, context: &Context) -> Result<Exit, CliError> {
    let refused = |error: ghostlight_actors::tokens::TokenError| {
        let exit = match &error {
            ghostlight_actors::tokens::TokenError::Rejected(_) => Exit::Refused,
            ghostlight_actors::tokens::TokenError::TooMany => Exit::Refused,
            ghostlight_actors::tokens::TokenError::Store(_) => Exit::Usage,
        };
        CliError::new(exit, with_causes(&error))
    };
    let tokens: &Tokens = &folder.tokens;
    let caller = offline::caller();
    match verb {
        TokenVerb::Create { label, expires, .. } => {
            let until = expires.as_deref().map(|text| expiry(text, Timestamp::now())).transpose()?;
            let made = tokens.create(label, until, &caller).await.map_err(refused)?;
            created(
                context,
                &json!({ "id": made.info.id, "label": label, "token": made.text, "expires_at": until }),
            );
        }
        TokenVerb::List { .. } => {
            let now = Timestamp::now();
            let items: Vec<Value> = tokens
                .list()
                .iter()
                .map(|info| {
                    let facts = &info.facts;
                    json!({
                        "id": info.id, "label": facts.label, "created_at": facts.created_at, "created_by": facts.created_by,
                        "expires_at": facts.expires_at, "revoked_at": facts.revoked_at, "accepted": facts.is_accepted(now),
                    })
                })
                .collect();
            listed(context, &json!({ "items": items }));
        }
        TokenVerb::Revoke { id, .. } => {
            tokens.revoke(id, &caller).await.map_err(refused)?;
            output::note(&format!("token {id} opens nothing any more"));
        }
    }
    Ok(Exit::Done)
}

async fn at_daemon(verb: &TokenVerb, context: &Context) -> Result<Exit, CliError> {
    let client = context.client()?;
    match verb {
        TokenVerb::Create { label, expires, .. } => {
            let mut body = json!({ "label": label });
            if let Some(expires) = expires {
                body["expires_at"] = json!(expiry(expires, Timestamp::now())?);
            }
            created(context, &client.create_token(&body).await?.body);
        }
        TokenVerb::List { .. } => listed(context, &client.tokens().await?.body),
        TokenVerb::Revoke { id, .. } => {
            client.revoke_token(id).await?;
            output::note(&format!("token {id} opens nothing any more"));
        }
    }
    Ok(Exit::Done)
}

fn expiry(text: &str, now: Timestamp) -> Result<Timestamp, CliError> {
    let wrong = || CliError::usage(format!("`{text}` is no time like 90d or 12h"));
    let time = units::duration(text).ok_or_else(wrong)?;
    now.checked_add(time).map_err(|_| wrong())
}

fn created(context: &Context, made: &Value) {
    context.print(made, || made["token"].as_str().unwrap_or_default().to_owned());
    output::note(
        "It is shown only now. Everybody needs a token from now on: set GHOSTLIGHT_TOKEN, or pass --token.",
    );
}

fn listed(context: &Context, page: &Value) {
    let now = Timestamp::now();
    let tokens: Vec<Token> = serde_json::from_value(page["items"].clone()).unwrap_or_default();
    context.print(page, || {
        let row = |token: &Token| {
            let word = match (&token.revoked_at, token.accepted) {
                (Some(_), _) => status("cancelled").replace("cancelled", "revoked"),
                (None, true) => status("enabled").replace("enabled", "accepted"),
                (None, false) => status("expired"),
            };
            let (made, expires) =
                (ago(token.created_at.as_deref(), now), ago(token.expires_at.as_deref(), now));
            vec![token.id.clone(), plain(&token.label), word, made, expires]
        };
        table(&["token", "label", "status", "created", "expires"], tokens.iter().map(row))
    });
}
