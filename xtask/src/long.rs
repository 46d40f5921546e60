//! `cargo xtask long`: the same tests over many more seeds and cases, for nights and before releases.
//!
//! How much a suite does is set by variables that the suite itself reads, so that a single test can be run
//! long by hand in the same way. A variable that no suite reads is said to be without effect.

use std::fs;
use std::path::Path;

use crate::report::{Outcome, Report};
use crate::suites::{Runner, Size, Suite};
use crate::workspace::Workspace;

/// Read by proptest itself, in suites that do not fix their number of cases.
const PROPTEST_CASES: &str = "PROPTEST_CASES";

/// Read by the simulations.
const SIM_SEEDS: &str = "GHOSTLIGHT_SIM_SEEDS";

/// All variables that set the size of a suite.
pub const VARIABLES: [&str; 2] = [PROPTEST_CASES, SIM_SEEDS];

/// How long is long.
#[derive(clap::Args)]
pub struct Options {
    /// Cases of each property (PROPTEST_CASES)
    #[arg(long, default_value_t = 10_000)]
    cases: u32,
    /// Seeds of each simulation (GHOSTLIGHT_SIM_SEEDS)
    #[arg(long, default_value_t = 10_000)]
    seeds: u32,
}

/// Runs all suites at their long size and returns whether none failed.
pub fn run(workspace: &Workspace, options: &Options) -> anyhow::Result<bool> {
    let sizes: Vec<Size> =
        vec![(PROPTEST_CASES, options.cases.to_string()), (SIM_SEEDS, options.seeds.to_string())];
    let shown: Vec<_> = sizes.iter().map(|(name, value)| format!("{name}={value}")).collect();
    let mut report = Report::new(format!("cargo xtask long ({})", shown.join(" ")));

    report.step("sizes", || match reads(workspace, SIM_SEEDS) {
        true => Outcome::Passed("every variable is read by a suite".into()),
        false => Outcome::Skipped(format!("{SIM_SEEDS} is without effect: no suite reads it")),
    });
    let runner = Runner::find();
    let built = report.step("build tests", || runner.build(workspace));
    let suites =
        [("tests", Suite::Workspace), ("end to end", Suite::EndToEnd), ("planted bugs", Suite::PlantedBugs)];
    for (step, suite) in suites {
        report.step(step, || match built {
            true => runner.run(workspace, suite, "long", &sizes),
            false => Outcome::Skipped("the tests do not compile".into()),
        });
    }
    Ok(report.finish())
}

/// Whether any source outside of the chores names the variable.
fn reads(workspace: &Workspace, variable: &str) -> bool {
    ["crates", "actors", "src", "tests"].iter().any(|folder| names(&workspace.root.join(folder), variable))
}

fn names(path: &Path, variable: &str) -> bool {
    if path.is_dir() {
        let entries = fs::read_dir(path).into_iter().flatten().flatten();
        return entries.into_iter().any(|entry| names(&entry.path(), variable));
    }
    path.extension().is_some_and(|extension| extension == "rs")
        && fs::read_to_string(path).is_ok_and(|text| text.contains(variable))
}
