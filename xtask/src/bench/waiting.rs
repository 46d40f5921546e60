//! Many runs that wait for a person: what each costs on the disk and in memory, how long the daemon takes to start over
//! them, and to go on with one of them.
//!
//! One run is made by the daemon itself and waits at its gate; `copies` (benches/) then writes the very same records as
//! often as is asked for, under ids of their own, through the journal. From there on the real daemon is measured.

use std::path::Path;
use std::process::Command;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, ensure};

use super::daemon::{Daemon, Place, disk_bytes};
use super::latencies::{Latencies, milliseconds};
use super::table::{Table, bytes};
use super::{Where, built, load, starts, workflows};
use crate::command;
use crate::workspace::Workspace;

/// How many.
#[derive(clap::Args)]
pub struct Options {
    #[command(flatten)]
    pub(super) place: Where,
    /// How many runs wait
    #[arg(long, default_value_t = 1_000_000)]
    runs: u64,
    /// How long the views may take to catch up, in seconds
    #[arg(long, default_value_t = 600)]
    patience: u64,
}

/// Measures.
pub fn measure(
    workspace: &Workspace,
    options: &Options,
    place: &Place,
    table: &mut Table,
) -> anyhow::Result<()> {
    let copies =
        built(workspace, "copies", ("release", &["--package", "ghostlight-benches", "--bin", "copies"]))?;
    let place = place.fresh("waiting")?;
    let data = place.data();

    let daemon = Daemon::start(&place)?;
    let mut client = daemon.client()?;
    let gated = workflows::gated();
    let chain = workflows::chain(3);
    gated.save(&mut client)?;
    chain.save(&mut client)?;
    let run = gated.start(&mut client)?;
    let approval = starts::approval_of(&mut client, &run)?;
    // The empty daemon has done what every daemon does once, so that growth is growth.
    load::closed_loop(&daemon, &chain, 16, Duration::from_secs(2))?;
    daemon.stop()?;
    let daemon = Daemon::start(&place)?;
    thread::sleep(Duration::from_secs(3));
    let empty = daemon.process().memory()?.resident;
    table.row("RSS, no waiting runs", bytes(empty as f64), "");
    daemon.stop()?;
    let before = disk_bytes(&data.join("index"))?;

    let (ids, written) = write(&copies, &data, &run, &approval, options.runs, table)?;
    let runs = options.runs as f64;
    let index = (disk_bytes(&data.join("index"))? - before) as f64 / runs;
    let journal = written as f64 / runs;
    let figure = format!("{} journal, {} index", bytes(journal), bytes(index));
    table.row("disk per waiting run", figure, "1.5 KiB before compaction");

    let daemon = Daemon::start(&place)?;
    table.row(format!("{} waiting: start to ready", options.runs), shown(daemon.ready_after), "");
    table.row("the same: RSS when ready", bytes(daemon.process().memory()?.resident as f64), "");
    let caught_up = views_are_current(&daemon, Duration::from_secs(options.patience))?;
    table.row("the same: until the lists are current, first time", shown(caught_up), "");
    thread::sleep(Duration::from_secs(5));
    let memory = daemon.process().memory()?;
    table.row(
        "the same: RSS then, peak",
        format!("{}, {}", bytes(memory.resident as f64), bytes(memory.peak as f64)),
        "",
    );
    let sled = disk_bytes(&data.join("sled"))? as f64;
    table.row("the same: disk of the lists", format!("{}, {} a run", bytes(sled), bytes(sled / runs)), "");
    daemon.stop()?;

    let daemon = Daemon::start(&place)?;
    table.row("the same: start to ready, after a good stop", shown(daemon.ready_after), "");
    thread::sleep(Duration::from_secs(5));
    let memory = daemon.process().memory()?.resident;
    let growth = memory.saturating_sub(empty) as f64;
    let figure = format!("{}, {} a waiting run", bytes(memory as f64), bytes(growth / runs));
    table.row("the same: RSS, idle", figure, "0.1 KiB a run");
    lists(&daemon, table)?;
    let mut measured = load::closed_loop(&daemon, &chain, 64, Duration::from_secs(5))?;
    let rate = format!("{:.0} runs/s, {}", measured.rate(), measured.latencies.shown());
    table.row("the same: chain of 3, 64 in flight", rate, "");
    daemon.kill()?;

    let (first, others) = ids.split_first().context("ids of copies")?;
    let (ready, done) = starts::start_and_approve(&place, &first.0, &first.1)?;
    table.row("kill -9, start, approve one: ready", shown(ready), "");
    table.row("kill -9, start, approve one: until its run is done", shown(done), "0.25 s");
    let daemon = Daemon::start(&place)?;
    let mut client = daemon.client()?;
    let mut latencies = Latencies::default();
    for (run, approval) in others {
        let before = Instant::now();
        starts::approve(&mut client, run, approval)?;
        latencies.push(before.elapsed());
    }
    table.row("approve one, until its run is done", latencies.shown(), "");
    drop(client);
    daemon.stop()?;
    Ok(())
}

/// Runs `copies`; returns runs with their approvals, scattered over all, and the bytes that the journal wrote.
fn write(
    copies: &Path,
    data: &Path,
    run: &str,
    approval: &str,
    count: u64,
    table: &mut Table,
) -> anyhow::Result<(Vec<(String, String)>, u64)> {
    let started = Instant::now();
    let ended = command::run(Command::new(copies).arg(data).args([run, approval]).arg(count.to_string()))?;
    ensure!(ended.success, "the copies could not be written");
    let rate = count as f64 / started.elapsed().as_secs_f64();
    table.row("copies written straight into the journal", format!("{count}, {rate:.0} runs/s"), "");
    let mut pairs: Vec<_> = ended.stdout.lines().filter_map(|line| line.split_once(' ')).collect();
    let (_, written) = pairs.pop().context("copies says nothing")?;
    let owned = |(run, approval): (&str, &str)| (run.to_owned(), approval.to_owned());
    Ok((pairs.into_iter().map(owned).collect(), written.parse().context("the bytes of the copies")?))
}

/// How long it takes until both lists answer with everything.
pub(super) fn views_are_current(daemon: &Daemon, patience: Duration) -> anyhow::Result<Duration> {
    let started = Instant::now();
    let mut client = daemon.client()?;
    for list in ["/api/v1/runs?limit=1", "/api/v1/approvals?limit=1"] {
        while client.get(list)?.status != 200 {
            ensure!(started.elapsed() < patience, "the lists did not get current");
            thread::sleep(Duration::from_millis(50));
        }
    }
    Ok(started.elapsed())
}

fn lists(daemon: &Daemon, table: &mut Table) -> anyhow::Result<()> {
    for (what, path) in [
        ("a page of 50 runs", "/api/v1/runs?limit=50"),
        ("a page of 50 pending approvals", "/api/v1/approvals?status=pending&limit=50"),
    ] {
        let page = |client: &mut super::client::Client| client.get(path)?.expect_success();
        let mut latencies = load::slots_of(daemon.address, 1, Duration::from_secs(2), page)?;
        table.row(format!("the same: {what}"), latencies.shown(), "5 ms");
    }
    Ok(())
}

fn shown(time: Duration) -> String {
    format!("{} ms", milliseconds(time))
}
