//! `openapi`: the description of the HTTP API, made from the code.

use super::exit::{CliError, Exit};
use crate::output;

/// Print the description of the HTTP API (OpenAPI 3.1)
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  ghostlight openapi > openapi.json")]
pub(crate) struct OpenapiArgs {}

pub(super) fn run(_: &OpenapiArgs) -> Result<Exit, CliError> {
    // The document is made of maps with text keys, which always serialise.
    let document = serde_json::to_value(crate::http::openapi()).unwrap_or_default();
    output::print_text(&output::pretty(&document));
    Ok(Exit::Done)
}
