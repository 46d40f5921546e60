//! `store`: care of the data folder, without a daemon.

use std::io::BufWriter;
use std::path::{Path, PathBuf};

use ghostlight_actors::archive;
use ghostlight_world::RealFiles;
use owo_colors::OwoColorize;
use serde_json::json;

use crate::config::Config;
use crate::daemon::offline;
use crate::http::make_most_room;

use super::exit::{CliError, Exit, with_causes};
use super::{Context, serve};

/// The data folder: verify, export, import, compact, rebuild
#[derive(Debug, clap::Subcommand)]
pub(crate) enum StoreVerb {
    /// Check every record of the journal; changes nothing
    ///
    /// Exits with 1 when something is damaged. Beside a running daemon the last commit may show as torn. With a file, what `store export`
    /// or retention wrote is checked instead.
    #[command(
        after_help = "Example:\n  ghostlight store verify --data ./ghostlight-data\n  ghostlight store verify backup.jsonl"
    )]
    Verify {
        /// A file to check instead of the data folder
        #[arg(value_name = "FILE", conflicts_with_all = ["data", "config"])]
        file: Option<PathBuf>,
        /// The data folder [default: as the configuration says]
        #[arg(long, value_name = "DIR")]
        data: Option<PathBuf>,
        /// The configuration file [default: config/ghostlight.toml, if it is there]
        #[arg(long, value_name = "FILE")]
        config: Option<PathBuf>,
    },
    /// Write the whole journal and all large values into one file of JSON lines
    ///
    /// Beside a running daemon too: what it acknowledged before the export began is in it, and perhaps what it is just writing.
    #[command(after_help = "Example:\n  ghostlight store export backup.jsonl --data ./ghostlight-data\n  \
        ghostlight store export - | zstd > backup.jsonl.zst")]
    Export {
        /// The file, which must not be there yet; `-` for stdout
        #[arg(value_name = "FILE")]
        to: PathBuf,
        /// The data folder [default: as the configuration says]
        #[arg(long, value_name = "DIR")]
        data: Option<PathBuf>,
        /// The configuration file [default: config/ghostlight.toml, if it is there]
        #[arg(long, value_name = "FILE")]
        config: Option<PathBuf>,
    },
    /// Take back the space of runs that were dropped, and of large values that nothing names
    ///
    /// Without a daemon: one that runs does it by itself, as `[retention]` of its configuration says.
    #[command(after_help = "Example:\n  ghostlight store compact --data ./ghostlight-data")]
    Compact {
        /// The data folder [default: as the configuration says]
        #[arg(long, value_name = "DIR")]
        data: Option<PathBuf>,
        /// The configuration file [default: config/ghostlight.toml, if it is there]
        #[arg(long, value_name = "FILE")]
        config: Option<PathBuf>,
    },
    /// Have everything made again that can be made of the journal: indexes, lists, states of runs
    ///
    /// Without a daemon. The journal itself is not changed; the old lists stay beside the new ones until somebody removes them.
    #[command(after_help = "Example:\n  ghostlight store rebuild --data ./ghostlight-data")]
    Rebuild {
        /// The data folder [default: as the configuration says]
        #[arg(long, value_name = "DIR")]
        data: Option<PathBuf>,
        /// The configuration file [default: config/ghostlight.toml, if it is there]
        #[arg(long, value_name = "FILE")]
        config: Option<PathBuf>,
    },
    /// Make a data folder of what `store export` wrote
    ///
    /// The archive is checked whole before anything is written. What was under way when it was taken counts as interrupted.
    #[command(after_help = "Example:\n  ghostlight store import backup.jsonl --data ./restored")]
    Import {
        /// The file
        #[arg(value_name = "FILE")]
        from: PathBuf,
        /// The data folder, which must be empty or not be there yet [default: as the configuration says]
        #[arg(long, value_name = "DIR")]
        data: Option<PathBuf>,
        /// The configuration file [default: config/ghostlight.toml, if it is there]
        #[arg(long, value_name = "FILE")]
        config: Option<PathBuf>,
    },
}

pub(super) async fn run(verb: &StoreVerb, context: &Context) -> Result<Exit, CliError> {
    match verb {
        StoreVerb::Verify { file: Some(file), .. } => verify_file(file, context),
        StoreVerb::Compact { data, config } => {
            compact(&settings(data.as_deref(), config.as_deref())?, context).await
        }
        StoreVerb::Rebuild { data, config } => {
            rebuild(&settings(data.as_deref(), config.as_deref())?, context).await
        }
        StoreVerb::Verify { file: None, data, config } => {
            verify(&folder(data.as_deref(), config.as_deref())?, context)
        }
        StoreVerb::Export { to, data, config } => {
            export(to, &folder(data.as_deref(), config.as_deref())?, context)
        }
        StoreVerb::Import { from, data, config } => {
            import(from, &folder(data.as_deref(), config.as_deref())?, context)
        }
    }
}

/// A folder in which a store is: a misspelt one is not made.
fn settings(data: Option<&Path>, config: Option<&Path>) -> Result<Config, CliError> {
    let settings = serve::settings(config, data, None, false)?.loaded.config;
    let folder = &settings.data.dir;
    if !folder.join("manifest.json").exists() {
        return Err(CliError::usage(format!("there is no store in {}", folder.display())));
    }
    Ok(settings)
}

fn in_use(config: &Config, help: &str) -> CliError {
    let folder = config.data.dir.display();
    CliError::usage(format!("a daemon has {folder} open")).help(help.to_owned())
}

async fn compact(config: &Config, context: &Context) -> Result<Exit, CliError> {
    let taken = offline::compact(config).await?.ok_or_else(|| {
        in_use(config, "it compacts by itself, as `[retention]` of its configuration says; or stop it first")
    })?;
    let (compacted, swept) = (taken.compacted, taken.swept);
    let value = json!({
        "segments": compacted.segments,
        "records": compacted.records,
        "bytes": compacted.bytes,
        "damaged_segments": compacted.damages.len(),
        "blobs": swept.blobs,
        "blob_bytes": swept.bytes,
    });
    context.print(&value, || {
        let (segments, records, blobs) = (compacted.segments, compacted.records, swept.blobs);
        let kib = (compacted.bytes + swept.bytes).div_ceil(1024);
        let mut left = match compacted.damages.len() {
            0 => String::new(),
            count => format!("\n  {count} segments are damaged and stay as they are: see `ghostlight store verify`"),
        };
        if swept.was_kept_out {
            left += "\n  large values that nothing names are left: an export is running, or its locks in `blobs` are another user's";
        }
        format!(
            "{} {kib} KiB taken back: {segments} segments without {records} records, {blobs} large values{left}",
            "✓".green()
        )
    });
    Ok(Exit::Done)
}

async fn rebuild(config: &Config, context: &Context) -> Result<Exit, CliError> {
    let rebuilt = offline::rebuild(config).await?.ok_or_else(|| in_use(config, "stop it first"))?;
    let moved_to = rebuilt.moved_to.as_ref().map(|path| path.display().to_string());
    let value = json!({ "indexes": rebuilt.indexes, "lists_moved_to": moved_to });
    context.print(&value, || {
        let lists = match &moved_to {
            Some(place) => {
                format!("the old lists and states of runs are in {place}; the next start makes them again")
            }
            None => "there were no lists yet".to_owned(),
        };
        format!("{} {} indexes of the journal were written anew; {lists}", "✓".green(), rebuilt.indexes)
    });
    Ok(Exit::Done)
}

fn verify_file(file: &Path, context: &Context) -> Result<Exit, CliError> {
    let checked = match archive::check(file) {
        Ok(checked) => checked,
        Err(error @ archive::ImportError::Archive { .. }) => {
            let value = json!({ "sound": false, "findings": [error.to_string()] });
            context.print(&value, || format!("{} {error}", "✗".red()));
            return Ok(Exit::Failed);
        }
        Err(error) => return Err(CliError::usage(with_causes(&error))),
    };
    let value = json!({
        "sound": true,
        "log_id": checked.log,
        "records": checked.records,
        "streams": checked.streams,
        "blobs": checked.blobs,
        "epoch": checked.epoch,
        "head": checked.head,
    });
    context.print(&value, || {
        let (records, streams, blobs) = (checked.records, checked.streams, checked.blobs);
        let mark = "✓".green();
        format!("{mark} {records} records of {streams} streams and {blobs} large values: the file is whole")
    });
    Ok(Exit::Done)
}

fn import(from: &Path, folder: &Path, context: &Context) -> Result<Exit, CliError> {
    let imported = archive::import(from, folder).map_err(|error| CliError::usage(with_causes(&error)))?;
    let (records, blobs) = (imported.records, imported.blobs);
    let value = json!({ "folder": folder.display().to_string(), "records": records, "blobs": blobs });
    context.print(&value, || {
        format!("{} {records} records and {blobs} large values are in {}", "✓".green(), folder.display())
    });
    Ok(Exit::Done)
}

fn folder(data: Option<&Path>, config: Option<&Path>) -> Result<PathBuf, CliError> {
    // Who names the folder gets it, whatever is wrong with a configuration that nobody named.
    match (data, config) {
        (Some(data), None) => Ok(data.to_owned()),
        _ => Ok(serve::settings(config, data, None, false)?.loaded.config.data.dir),
    }
}

fn export(to: &Path, folder: &Path, context: &Context) -> Result<Exit, CliError> {
    let unusable = |error: &dyn std::error::Error| CliError::usage(with_causes(error));
    make_most_room();
    if to == Path::new("-") {
        let stdout = BufWriter::new(std::io::stdout().lock());
        archive::export(folder, stdout).map_err(|error| unusable(&error))?;
        return Ok(Exit::Done);
    }
    // Written beside it and renamed: a file of that name is whole.
    let mut unfinished = to.to_owned().into_os_string();
    unfinished.push(".unfinished");
    let create = |path: &Path| std::fs::File::options().write(true).create_new(true).open(path);
    let cannot = |error| CliError::usage(format!("cannot write {}: {error}", to.display()));
    if to.try_exists().map_err(cannot)? {
        return Err(CliError::usage(format!("{} is there already", to.display())));
    }
    let _ = std::fs::remove_file(&unfinished);
    let file = create(Path::new(&unfinished)).map_err(cannot)?;
    let written = archive::export(folder, BufWriter::new(&file));
    let exported = match written {
        Ok(exported) => exported,
        Err(error) => {
            let _ = std::fs::remove_file(&unfinished);
            return Err(unusable(&error));
        }
    };
    file.sync_all().and_then(|()| std::fs::rename(&unfinished, to)).map_err(cannot)?;
    let value = json!({
        "file": to.display().to_string(),
        "records": exported.records,
        "blobs": exported.blobs,
        "bytes": exported.bytes,
    });
    context.print(&value, || {
        let (records, blobs, file) = (exported.records, exported.blobs, to.display());
        let size = exported.bytes.div_ceil(1024);
        format!("{} {records} records and {blobs} large values in {file} ({size} KiB)", "✓".green())
    });
    Ok(Exit::Done)
}

fn verify(folder: &Path, context: &Context) -> Result<Exit, CliError> {
    make_most_room();
    let report = ghostlight_store::journal::verify(&RealFiles, folder)
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
        "compacted_segments": report.compacted_segments,
        "dropped_streams": report.dropped_streams,
        "gone_count": report.gone_count,
        "gone": report.gone,
        "finding_count": report.finding_count,
        "findings": findings,
    });
    context.print(&value, || {
        let (records, streams, commits) = (report.records, report.streams, report.commits);
        let walked = format!("{records} records of {streams} streams in {commits} commits");
        let gone = match report.gone_count {
            0 => String::new(),
            count => format!(
                "\n  {count} records are gone: {} streams were dropped; `--output json` lists where",
                report.dropped_streams
            ),
        };
        let torn = match report.torn_bytes {
            0 => gone,
            bytes => format!(
                "{gone}\n  {bytes} bytes behind the last commit belong to none; they were never acknowledged"
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
