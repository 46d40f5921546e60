//! `cargo xtask bench`: what the daemon does under load, beside what the disk below it can do.
//!
//! Everything is measured on the real daemon, in a release build, through its public surface, with nothing switched off;
//! the client's own CPU is told apart from the daemon's. The figures come out as one table together with the machine,
//! the date and the commit, and docs/BENCHMARKS.md keeps the ones that count. `waiting` measures the daemon with many
//! waiting runs in its store; `peers` gives the same work to others in the same run; `targets` runs the benchmark targets
//! of the workspace.

mod client;
mod counters;
pub mod daemon;
mod disk;
mod feeds;
mod latencies;
mod load;
mod machine;
mod mixed;
mod overload;
mod paint;
mod peers;
mod process;
mod silent;
mod starts;
mod suite;
mod table;
mod targets;
mod waiting;
mod workflows;

use std::path::PathBuf;

use anyhow::{Context, ensure};

use self::daemon::Place;
use self::table::Table;
use crate::command;
use crate::workspace::Workspace;

/// What to measure.
#[derive(clap::Args)]
#[command(args_conflicts_with_subcommands = true)]
pub struct Options {
    #[command(subcommand)]
    what: Option<What>,
    #[command(flatten)]
    suite: suite::SuiteOptions,
}

#[derive(clap::Subcommand)]
enum What {
    /// The daemon with many waiting runs in its store
    Waiting(waiting::Options),
    /// A mixed day: chains, gates and failing agents side by side, for minutes
    Mixed(mixed::Options),
    /// More runs than the daemon can do: how many complete in time, and how many are refused
    Overload(overload::Options),
    /// A feed that many watch, one of whom never reads
    Feeds(feeds::Options),
    /// The load alone, and beside clients of the feed that never read
    Silent(silent::Options),
    /// The dashboard in a browser: how long its screens take until they are of use
    Paint(paint::Options),
    /// The daemon beside its peers: Restate, LangGraph, DBOS and Prefect, and supervision beside Erlang
    Peers(peers::Options),
    /// The benchmark targets of the workspace, as `cargo bench` runs them
    Targets(targets::Options),
}

/// Where to measure.
#[derive(clap::Args)]
struct Where {
    /// A folder on the disk to measure; what is written there is removed again
    #[arg(long, value_name = "FOLDER")]
    data: Option<PathBuf>,
    /// Measure this program instead of one that is built of the sources with the profile `dist`
    #[arg(long, value_name = "FILE")]
    program: Option<PathBuf>,
    /// Load this library into the daemon first, as `LD_PRELOAD` does: to compare allocators
    #[arg(long, value_name = "FILE")]
    preload: Option<PathBuf>,
}

/// Runs what is asked for and returns whether it could be measured.
pub fn run(workspace: &Workspace, options: &Options) -> anyhow::Result<bool> {
    if let Some(What::Targets(options)) = &options.what {
        return targets::run(workspace, options);
    }
    if cfg!(debug_assertions) {
        return run_as_release(workspace);
    }
    let chosen = match &options.what {
        Some(What::Waiting(options)) => &options.place,
        Some(What::Mixed(options)) => &options.place,
        Some(What::Overload(options)) => &options.place,
        Some(What::Feeds(options)) => &options.place,
        Some(What::Silent(options)) => &options.place,
        Some(What::Paint(options)) => &options.place,
        Some(What::Peers(options)) => &options.place,
        Some(What::Targets(_)) | None => &options.suite.place,
    };
    let place = chosen.prepare(workspace)?;
    let mut table = Table::default();
    for (what, value) in machine::described(workspace, &place.folder) {
        table.row(what, value, "");
    }
    if chosen.program.is_some() {
        // The commit above is that of the sources, and says nothing about this one.
        table.row("program, built elsewhere", place.program.display().to_string(), "");
    }
    let measured = match &options.what {
        Some(What::Waiting(options)) => waiting::measure(workspace, options, &place, &mut table),
        Some(What::Mixed(options)) => mixed::measure(options, &place, &mut table),
        Some(What::Overload(options)) => overload::measure(options, &place, &mut table),
        Some(What::Feeds(options)) => feeds::measure(options, &place, &mut table),
        Some(What::Silent(options)) => silent::measure(options, &place, &mut table),
        Some(What::Paint(options)) => paint::measure(workspace, options, &place, &mut table),
        Some(What::Peers(options)) => peers::measure(workspace, options, &place),
        Some(What::Targets(_)) | None => suite::measure(workspace, &options.suite, &place, &mut table),
    };
    // What was measured before something failed is worth showing too.
    print!("\n{}", table.render());
    // On failure the daemon's log says why.
    measured.with_context(|| format!("what was written is left in {}", place.folder.display()))?;
    std::fs::remove_dir_all(&place.folder).with_context(|| format!("remove {}", place.folder.display()))?;
    Ok(true)
}

/// An unoptimised client would take the daemon's share of the processors: the same again, built for release.
fn run_as_release(workspace: &Workspace) -> anyhow::Result<bool> {
    let mut cargo =
        command::cargo(&workspace.root, &["run", "--quiet", "--release", "--package", "xtask", "--"]);
    cargo.args(std::env::args_os().skip(1));
    let status = cargo.status().context("start cargo")?;
    Ok(status.success())
}

impl Where {
    fn prepare(&self, workspace: &Workspace) -> anyhow::Result<Place> {
        let program = match &self.program {
            Some(program) => program.canonicalize().with_context(|| format!("find {}", program.display()))?,
            None => built(workspace, "ghostlight", ("dist", &["--package", "ghostlight"]))?,
        };
        let base = self.data.clone().unwrap_or_else(|| workspace.root.join("target"));
        let folder = base.join("ghostlight-bench");
        let place = Place { program, folder: base, preload: self.preload.clone() };
        let place = place.fresh("ghostlight-bench")?;
        let folder = folder.canonicalize().with_context(|| format!("find {}", folder.display()))?;
        Ok(Place { folder, ..place })
    }
}

/// Builds a program with a profile and returns where it is: in the folder of the profile, beside that of this one.
fn built(workspace: &Workspace, name: &str, (profile, what): (&str, &[&str])) -> anyhow::Result<PathBuf> {
    let arguments = [["build", "--profile", profile].as_slice(), what].concat();
    ensure!(command::run(&mut command::cargo(&workspace.root, &arguments))?.success, "{name} does not build");
    let own = std::env::current_exe().context("find this program")?;
    let profiles = own.ancestors().nth(2).context("find where programs are built")?;
    let program = profiles.join(profile).join(name);
    ensure!(program.is_file(), "{} is not there", program.display());
    Ok(program)
}
