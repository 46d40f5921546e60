//! `config`: whether the settings can be used, and what they are.

use std::path::PathBuf;

use super::exit::{CliError, Exit};
use super::serve;
use crate::output;

/// The configuration: check, dump
#[derive(Debug, clap::Subcommand)]
pub(crate) enum ConfigVerb {
    /// Look for mistakes in the file and the environment
    #[command(after_help = "Example:\n  ghostlight config check --config /etc/ghostlight/ghostlight.toml")]
    Check(FileArgs),
    /// Print the settings that hold
    #[command(after_help = "Example:\n  ghostlight config dump --origin")]
    Dump {
        #[command(flatten)]
        file: FileArgs,

        /// Say where each value comes from
        #[arg(long)]
        origin: bool,
    },
}

#[derive(Debug, clap::Args)]
pub(crate) struct FileArgs {
    /// The file [default: config/ghostlight.toml, if it is there]
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
}

pub(super) fn run(verb: &ConfigVerb) -> Result<Exit, CliError> {
    let (ConfigVerb::Check(file) | ConfigVerb::Dump { file, .. }) = verb;
    let settings = serve::settings(file.config.as_deref(), None, None, false)?;
    match verb {
        ConfigVerb::Dump { origin, .. } => {
            output::print_text(&settings.loaded.to_toml(*origin));
        }
        ConfigVerb::Check(_) => {
            let source = settings.file.map_or_else(
                || "no configuration file; defaults and environment".to_owned(),
                |file| file.display().to_string(),
            );
            output::note(&format!("{source}: no mistakes"));
        }
    }
    Ok(Exit::Done)
}
