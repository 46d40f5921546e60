//! How long the daemon takes to be there again: from the start of the process until it is ready, and until a run that had
//! waited for a person has gone on to its end.

use std::time::{Duration, Instant};

use anyhow::Context;

use super::client::Client;
use super::daemon::{Daemon, Place};
use super::latencies::milliseconds;
use super::load;
use super::table::{Table, bytes};
use super::workflows;

/// Fills a store with runs, ends the daemon in both ways, and measures the starts.
pub fn measure(place: &Place, finished: usize, waiting: usize, table: &mut Table) -> anyhow::Result<()> {
    let daemon = Daemon::start(place)?;
    let mut client = daemon.client()?;
    let (chain, gated) = (workflows::chain(3), workflows::gated());
    chain.save(&mut client)?;
    gated.save(&mut client)?;
    load::each(daemon.address, 32, finished, |client, _| chain.run(client))?;
    load::each(daemon.address, 32, waiting, |client, _| gated.start(client).map(drop))?;
    let run = gated.start(&mut client)?;
    let approval = approval_of(&mut client, &run)?;
    daemon.kill()?;

    let what = format!("{finished} finished and {waiting} waiting runs");
    let daemon = Daemon::start(place)?;
    table.row(format!("start to ready, {what}, after kill -9"), shown(daemon.ready_after), "");
    table.row("the same: RSS when ready", bytes(daemon.process().memory()?.resident as f64), "");
    daemon.stop()?;
    let daemon = Daemon::start(place)?;
    table.row(format!("start to ready, {what}, after a good stop"), shown(daemon.ready_after), "");
    daemon.kill()?;
    let took = start_and_approve(place, &run, &approval)?;
    table.row("kill -9, start, approve one: until its run is done", shown(took.1), "0.1 s");
    Ok(())
}

/// Starts the daemon, says yes to one approval as soon as it is ready, and waits until its run has ended. Returns the
/// times from the start of the process until ready and until the end of the run. The daemon is stopped again.
pub fn start_and_approve(place: &Place, run: &str, approval: &str) -> anyhow::Result<(Duration, Duration)> {
    let started = Instant::now();
    let daemon = Daemon::start(place)?;
    let mut client = daemon.client()?;
    approve(&mut client, run, approval)?;
    let took = started.elapsed();
    let ready = daemon.ready_after;
    daemon.stop()?;
    Ok((ready, took))
}

/// Says yes, and waits until the run has ended.
pub fn approve(client: &mut Client, run: &str, approval: &str) -> anyhow::Result<()> {
    let path = format!("/api/v1/approvals/{approval}/approve");
    client.post(&path, &[], r#"{"comment":"fine"}"#)?.expect_success()?;
    let answer = client.get(&format!("/api/v1/runs/{run}?wait=30"))?;
    answer.expect_success()?;
    anyhow::ensure!(answer.has("\"status\":\"completed\""), "the approved run did not complete");
    Ok(())
}

/// The approval that a run waits for.
pub fn approval_of(client: &mut Client, run: &str) -> anyhow::Result<String> {
    let started = Instant::now();
    while started.elapsed() < Duration::from_secs(10) {
        let page = client.get(&format!("/api/v1/approvals?run={run}"))?.json()?;
        if let Some(id) = page["items"][0]["id"].as_str() {
            return Ok(id.to_owned());
        }
    }
    None.context("the run asks for no approval")
}

fn shown(time: Duration) -> String {
    format!("{} ms", milliseconds(time))
}
