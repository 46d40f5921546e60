//! `store`: care of the data folder, without a daemon.

use std::path::PathBuf;

use ghostlight_world::RealFiles;
use owo_colors::OwoColorize;
use serde_json::json;

use super::exit::{CliError, Exit, with_causes};
use super::{Context, serve};

/// The data folder: verify
#[derive(Debug, clap::Subcommand)]
pub(crate) enum StoreVerb {
    /// Check every record of the journal; changes nothing
    ///
    /// Exits with 1 when something is damaged. Beside a running daemon the last commit may show as torn.
    #[command(after_help = "Example:\n  ghostlight store verify --data ./ghostlight-data")]
    Verify {
        /// The data folder [default: as the configuration says]
        #[arg(long, value_name = "DIR")]
        data: Option<PathBuf>,
        /// The configuration file [default: config/ghostlight.toml, if it is there]
        #[arg(long, value_name = "FILE")]
        config: Option<PathBuf>,
    },
}

pub(super) fn run(verb: &StoreVerb, context: &Context) -> Result<Exit, CliError> {
    let StoreVerb::Verify { data, config } = verb;
    // Who names the folder gets it verified, whatever is wrong with a configuration that nobody named.
    let folder = match (data, config) {
        (Some(data), None) => data.clone(),
        _ => serve::settings(config.as_deref(), data.as_deref(), None, false)?.loaded.config.data.dir,
    };
    let report = ghostlight_store::journal::verify(&RealFiles, &folder)
        .map_err(|error| CliError::usage(with_causes(&error)))?;
    let findings: Vec<String> = report.findings.iter().map(ToString::to_string).collect();
    let value = json!({
        "sound": report.is_sound(),
        "log_id": report.log_id,
        "segments": report.segments,
        "commits": report.commits,
        "records": report.records,
        "streams": report.streams,
        "epoch": report.epoch,
        "torn_bytes": report.torn_bytes,
        "finding_count": report.finding_count,
        "findings": findings,
    });
    context.print(&value, || {
        let (records, streams, commits) = (report.records, report.streams, report.commits);
        let walked = format!("{records} records of {streams} streams in {commits} commits");
        let torn = match report.torn_bytes {
            0 => String::new(),
            bytes => format!(
                "\n  {bytes} bytes behind the last commit belong to none; they were never acknowledged"
            ),
        };
        if report.is_sound() {
            return format!("{} {walked}: every one verifies{torn}", "✓".green());
        }
        let more = report.finding_count - findings.len() as u64;
        let rest = if more == 0 { String::new() } else { format!("\n  and {more} more") };
        let lines: String = findings.iter().map(|finding| format!("\n  {finding}")).collect();
        format!("{} {walked}: {} damaged{lines}{rest}{torn}", "✗".red(), report.finding_count)
    });
    Ok(if report.is_sound() { Exit::Done } else { Exit::Failed })
}
