//! `completion`: a script that completes commands in a shell.

use clap::CommandFactory;
use clap_complete::Shell;

use super::Cli;
use super::exit::{CliError, Exit};
use crate::output;

/// Print a script that completes commands in a shell
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Example:\n  ghostlight completion bash > ~/.local/share/bash-completion/completions/ghostlight"
)]
pub(crate) struct CompletionArgs {
    /// Which shell
    #[arg(value_enum)]
    shell: Shell,
}

pub(super) fn run(args: &CompletionArgs) -> Result<Exit, CliError> {
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut Cli::command(), "ghostlight", &mut script);
    output::print_text(&String::from_utf8_lossy(&script));
    Ok(Exit::Done)
}
