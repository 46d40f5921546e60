//! What verbs share: how to print, and whom to ask.

use std::io::IsTerminal;

use serde_json::Value;

use super::Common;
use super::exit::CliError;
use crate::client::Client;
use crate::output::{self, Format};

/// The daemon's address when nothing is said.
pub(crate) const SERVER_DEFAULT: &str = "http://127.0.0.1:7070";

/// How to print, and whom to ask.
#[derive(Debug, Clone)]
pub struct Context {
    pub(crate) output: Format,
    pub(crate) server: Option<String>,
    pub(crate) token: Option<String>,
}

impl Context {
    pub(super) fn new(common: Common) -> Self {
        let Common { output, server, token } = common;
        let given = |text: Option<String>| text.filter(|text| !text.is_empty());
        Self { output, server: given(server), token: given(token) }
    }

    /// A client of the daemon that was named, or of the one on the default address.
    pub(super) fn client(&self) -> Result<Client, CliError> {
        let server = self.server.as_deref().unwrap_or(SERVER_DEFAULT);
        Ok(Client::new(server, self.token.as_deref())?)
    }

    /// Prints a document in the form that was asked for.
    pub(super) fn print(&self, value: &Value, table: impl FnOnce() -> String) {
        output::print(self.output, value, table);
    }

    /// Whether somebody can be asked: a terminal to read from and one to ask on.
    pub(super) fn is_interactive() -> bool {
        std::io::stdin().is_terminal() && std::io::stderr().is_terminal()
    }
}
