//! The dashboard in a browser: how long its screens take until they are of use, over small and over large stores.
//!
//! A real Chromium loads each screen from the daemon with an empty cache (`dashboard/scripts/paint.mjs`); what counts is the time
//! from the start of the navigation until what the screen is for has been painted.

use std::process::Command;
use std::time::Duration;

use anyhow::{Context, ensure};

use super::daemon::{Daemon, Place};
use super::latencies::milliseconds;
use super::table::Table;
use super::{Where, built, starts, waiting, workflows};
use crate::command;
use crate::dashboard;
use crate::workspace::Workspace;

/// How much.
#[derive(clap::Args)]
pub struct Options {
    #[command(flatten)]
    pub(super) place: Where,
    /// How many runs the long list has
    #[arg(long, default_value_t = 1_000_000)]
    runs: u64,
    /// How many steps the large run has
    #[arg(long, default_value_t = 10_000)]
    steps: usize,
    /// How often each screen is loaded
    #[arg(long, default_value_t = 7)]
    loads: u32,
    /// How long the views may take to catch up, in seconds
    #[arg(long, default_value_t = 600)]
    patience: u64,
}

const AIM: &str = "1 s";
/// How many signals a page watches.
const SIGNALS: usize = 60;
/// A list of what ran last, which is there once the daemon has answered.
const HOME: &str = "main a[href^=\"/runs/\"]";

/// Measures.
pub fn measure(
    workspace: &Workspace,
    options: &Options,
    place: &Place,
    table: &mut Table,
) -> anyhow::Result<()> {
    dashboard::ready(workspace)?;
    let browser = Browser { workspace, loads: options.loads };
    let daemon = Daemon::start(&place.fresh("screens")?)?;
    let mut client = daemon.client()?;
    let large = workflows::list_of(options.steps);
    large.save(&mut client)?;
    let run = large.start_and_end(&mut client, Duration::from_secs(options.patience))?;
    for (what, path, wanted) in [
        ("home", "/", HOME),
        ("workflows", "/workflows", "main a[href^=\"/workflows/\"]"),
        ("system", "/system", "main [role=treeitem]"),
    ] {
        browser.paints(&daemon, &format!("screen, {what}"), path, wanted, table)?;
    }
    for (tab, wanted) in [
        ("how it stands", "main .run-pill"),
        ("graph", "main .svelte-flow__node button"),
        ("timeline", "#panel-timeline .track"),
        ("steps", "#panel-steps .tree button"),
        ("events", "#panel-events button.row"),
    ] {
        // What is no tab is beside the first of them.
        let path = format!("/runs/{run}?tab={}", tab.replace(' ', "-"));
        browser.paints(
            &daemon,
            &format!("screen, a run of {} steps, {tab}", options.steps),
            &path,
            wanted,
            table,
        )?;
    }
    // The other connection has been idle for longer than the daemon keeps one.
    let mut client = daemon.client()?;
    let live = workflows::signals(SIGNALS);
    live.save(&mut client)?;
    let run = live.start(&mut client)?;
    browser.sees(&daemon, &run, table)?;
    drop(client);
    daemon.stop()?;

    let place = place.fresh("many")?;
    let daemon = Daemon::start(&place)?;
    let mut client = daemon.client()?;
    let gated = workflows::gated();
    gated.save(&mut client)?;
    let run = gated.start(&mut client)?;
    let approval = starts::approval_of(&mut client, &run)?;
    drop(client);
    daemon.stop()?;
    let copies =
        built(workspace, "copies", ("release", &["--package", "ghostlight-benches", "--bin", "copies"]))?;
    let ended = command::run(
        Command::new(copies).arg(place.data()).args([&run, &approval]).arg(options.runs.to_string()),
    )?;
    ensure!(ended.success, "the copies could not be written");
    let daemon = Daemon::start(&place)?;
    waiting::views_are_current(&daemon, Duration::from_secs(options.patience))?;
    for (what, path, wanted) in [
        ("home", "/", HOME),
        ("runs", "/runs", "main a[href^=\"/runs/\"]"),
        ("needs you", "/needs-you", "main a[href^=\"/runs/\"]"),
    ] {
        browser.paints(&daemon, &format!("screen, {} runs, {what}", options.runs), path, wanted, table)?;
    }
    daemon.stop()?;
    Ok(())
}

struct Browser<'w> {
    workspace: &'w Workspace,
    loads: u32,
}

impl Browser<'_> {
    fn paints(
        &self,
        daemon: &Daemon,
        what: &str,
        path: &str,
        wanted: &str,
        table: &mut Table,
    ) -> anyhow::Result<()> {
        let url = format!("http://{}{path}", daemon.address);
        let times = self.times("scripts/paint.mjs", &[&url, wanted, &self.loads.to_string()])?;
        let [middle, worst] = [times.at(50), times.at(100)];
        table.row(what, format!("median {middle} ms, worst {worst} ms, of {} loads", times.0.len()), AIM);
        Ok(())
    }

    /// From what is asked of a run until a page that watches it has painted what came of it.
    fn sees(&self, daemon: &Daemon, run: &str, table: &mut Table) -> anyhow::Result<()> {
        let origin = format!("http://{}", daemon.address);
        let times = self.times("scripts/live.mjs", &[&origin, run, &SIGNALS.to_string()])?;
        let [middle, late] = [times.at(50), times.at(95)];
        let what = "from a signal until a page has painted its step as done";
        table.row(what, format!("p50 {middle} ms, p95 {late} ms, of {}", times.0.len()), "150 ms p95");
        Ok(())
    }

    fn times(&self, script: &str, arguments: &[&str]) -> anyhow::Result<Times> {
        let mut node = Command::new("node");
        node.current_dir(self.workspace.root.join("dashboard")).arg(script).args(arguments);
        let ended = command::run(&mut node)?;
        ensure!(ended.success, "{script} ended without its times, see above");
        let mut times: Vec<f64> = serde_json::from_str(ended.stdout.trim()).context("read the times")?;
        ensure!(!times.is_empty(), "{script} measured nothing");
        times.sort_by(f64::total_cmp);
        Ok(Times(times))
    }
}

/// Milliseconds, the shortest first; at least one.
struct Times(Vec<f64>);

impl Times {
    /// The time within which this part of them was, in percent.
    fn at(&self, percent: usize) -> String {
        let last = self.0.len().saturating_sub(1);
        let ms = self.0.get(last * percent / 100).copied().unwrap_or_default();
        milliseconds(Duration::from_secs_f64(ms / 1000.0))
    }
}
