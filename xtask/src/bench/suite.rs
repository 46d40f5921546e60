//! The figures of one daemon under load: what the disk can do, chains and fan-outs, memory, lists, starts.

use std::thread;
use std::time::Duration;

use anyhow::{Context, ensure};

use super::client::Client;
use super::daemon::{Daemon, Place};
use super::latencies::{Latencies, milliseconds};
use super::load::{self, Measured};
use super::table::{Table, bytes};
use super::workflows::{self, Load};
use super::{Where, disk, starts};
use crate::command;
use crate::workspace::Workspace;

/// How much to measure.
#[derive(clap::Args)]
pub struct SuiteOptions {
    #[command(flatten)]
    pub(super) place: Where,
    /// How long each load lasts, in seconds
    #[arg(long, default_value_t = 10)]
    seconds: u64,
    /// Measure these parts only
    #[arg(long, value_enum, value_delimiter = ',')]
    only: Vec<Part>,
    /// Finished runs in the store when it is started again
    #[arg(long, default_value_t = 10_000)]
    finished: usize,
    /// Waiting runs in the store when it is started again
    #[arg(long, default_value_t = 1_000)]
    waiting: usize,
}

/// A part that can be measured alone.
#[derive(Clone, Copy, PartialEq, clap::ValueEnum)]
enum Part {
    /// What the disk can do, and the journal alone
    Disk,
    /// Chains, one at a time and 64 in flight
    Chain,
    /// A fan-out with a join, 16 in flight
    FanOut,
    /// Memory when nothing happens, at the peak, and after it
    Memory,
    /// Pages of a list, with and without load beside it
    Lists,
    /// From the start until ready, and until a waiting run goes on
    Starts,
}

impl SuiteOptions {
    fn wants(&self, part: Part) -> bool {
        self.only.is_empty() || self.only.contains(&part)
    }
}

/// Measures all parts that are asked for.
pub fn measure(
    workspace: &Workspace,
    options: &SuiteOptions,
    place: &Place,
    table: &mut Table,
) -> anyhow::Result<()> {
    let duration = Duration::from_secs(options.seconds);
    let size = std::fs::metadata(&place.program).context("look at the program")?.len();
    table.row("size of the release binary", bytes(size as f64), "");
    let mut floor = None;
    if options.wants(Part::Disk) {
        floor = Some(the_disk(place, duration, table)?);
        the_journal(workspace, options.seconds, place, table)?;
    }
    if [Part::Chain, Part::FanOut, Part::Memory, Part::Lists].iter().any(|part| options.wants(*part)) {
        under_load(options, &place.fresh("load")?, floor, table)?;
    }
    if options.wants(Part::Starts) {
        starts::measure(&place.fresh("starts")?, options.finished, options.waiting, table)?;
    }
    Ok(())
}

/// Returns the p50 of one record per sync.
fn the_disk(place: &Place, duration: Duration, table: &mut Table) -> anyhow::Result<Duration> {
    let mut one = disk::floor(&place.folder, 1, duration / 2)?;
    let bytes = disk::RECORD_BYTES;
    table.row(format!("disk: fdatasync after each {bytes} bytes"), with_rate(&mut one, duration / 2, 1), "");
    let mut many = disk::floor(&place.folder, 64, duration / 2)?;
    table.row(
        format!("disk: fdatasync after 64 x {bytes} bytes"),
        with_rate(&mut many, duration / 2, 64),
        "",
    );
    Ok(one.percentile(50))
}

fn with_rate(latencies: &mut Latencies, duration: Duration, records: usize) -> String {
    let rate = (latencies.count() * records) as f64 / duration.as_secs_f64();
    format!("{rate:.0} records/s, {}", latencies.shown())
}

/// The journal alone, without a daemon around it.
fn the_journal(workspace: &Workspace, seconds: u64, place: &Place, table: &mut Table) -> anyhow::Result<()> {
    let example =
        ["run", "--release", "--quiet", "--package", "ghostlight-store", "--example", "journal_bench", "--"];
    let mut cargo = command::cargo(&workspace.root, &example);
    let ended = command::run(cargo.arg(seconds.to_string()).arg(&place.folder))?;
    ensure!(ended.success, "the journal could not be measured");
    let lines = ended.stdout.lines().filter(|line| line.starts_with("journal") || line.starts_with("    "));
    for line in lines {
        let words: Vec<_> = line.split_whitespace().collect();
        table.row(
            "journal alone",
            words.join(" "),
            if line.contains("threads") { "10,000 events/s" } else { "" },
        );
    }
    Ok(())
}

fn under_load(
    options: &SuiteOptions,
    place: &Place,
    floor: Option<Duration>,
    table: &mut Table,
) -> anyhow::Result<()> {
    let duration = Duration::from_secs(options.seconds);
    let daemon = Daemon::start(place)?;
    let mut client = daemon.client()?;
    table.row("start to ready, empty store", format!("{} ms", milliseconds(daemon.ready_after)), "");
    thread::sleep(Duration::from_secs(3));
    table.row("RSS, idle", bytes(daemon.process().memory()?.resident as f64), "");

    let [one, three, five] = [1, 3, 5].map(workflows::chain);
    let fan_out = workflows::fan_out(10);
    for workflow in [&one, &three, &five, &fan_out] {
        workflow.save(&mut client)?;
        check_records(&mut client, workflow)?;
    }
    drop(client);
    if options.wants(Part::Chain) {
        one_at_a_time(&daemon, &three, duration, floor, table)?;
        // The first runs fill caches and grow tables; they are not what a day looks like.
        load::closed_loop(&daemon, &three, 64, Duration::from_secs(2))?;
        many(&daemon, &three, 64, duration, ["", "0.25 ms", "0.15"], table)?;
        many(&daemon, &one, 64, duration / 2, ["1,500 runs/s", "", ""], table)?;
        many(&daemon, &five, 64, duration / 2, ["500 runs/s", "", ""], table)?;
    }
    if options.wants(Part::FanOut) {
        many(&daemon, &fan_out, 16, duration, [""; 3], table)?;
    }
    if options.wants(Part::Memory) {
        memory_after(&daemon, &three, table)?;
    }
    if options.wants(Part::Lists) {
        lists(&daemon, &three, duration, table)?;
    }
    let took = daemon.stop()?;
    table.row("stop in good order", format!("{} ms", milliseconds(took)), "");
    Ok(())
}

/// A run is as many records as we say it is: else the figures would be about something else.
fn check_records(client: &mut Client, load: &Load) -> anyhow::Result<()> {
    let run = load.start(client)?;
    load.run(client)?;
    client.get(&format!("/api/v1/runs/{run}?wait=30"))?.expect_success()?;
    let events = client.get(&format!("/api/v1/runs/{run}/events"))?.json()?;
    let count = events["items"].as_array().map_or(0, Vec::len);
    ensure!(
        count == load.records as usize,
        "a run of {} is {count} records instead of {}",
        load.name,
        load.records
    );
    Ok(())
}

fn one_at_a_time(
    daemon: &Daemon,
    load: &Load,
    duration: Duration,
    floor: Option<Duration>,
    table: &mut Table,
) -> anyhow::Result<()> {
    load::closed_loop(daemon, load, 1, Duration::from_secs(1))?;
    let mut measured = load::closed_loop(daemon, load, 1, duration)?;
    let p50 = measured.latencies.percentile(50);
    let what = format!("{}, one at a time", load.title);
    table.row(&what, format!("{:.0} runs/s, {}", measured.rate(), measured.latencies.shown()), "");
    if let Some(floor) = floor {
        let limit = floor * 4;
        let times = p50.as_secs_f64() / limit.as_secs_f64();
        let shown = format!("{times:.2} x {} ms", milliseconds(limit));
        table.row("the same: p50 beside four syncs", shown, "1.3 x");
    }
    costs(load, &measured, ["", ""], table);
    Ok(())
}

/// `aims`: of the rate, of the CPU per run, of the syncs per run.
fn many(
    daemon: &Daemon,
    load: &Load,
    slots: usize,
    duration: Duration,
    aims: [&str; 3],
    table: &mut Table,
) -> anyhow::Result<()> {
    let mut measured = load::closed_loop(daemon, load, slots, duration)?;
    let what = format!("{}, {slots} in flight", load.title);
    let rate = measured.rate();
    let steps = rate * f64::from(load.steps);
    let shown = format!("{rate:.0} runs/s, {steps:.0} steps/s, {}", measured.latencies.shown());
    table.row(&what, shown, aims[0]);
    costs(load, &measured, [aims[1], aims[2]], table);
    table.row("the same: peak RSS", bytes(measured.peak as f64), "64 MiB");
    Ok(())
}

/// What a run cost: the daemon's CPU, the client's, syncs, records and bytes of the journal.
fn costs(load: &Load, measured: &Measured, aims: [&str; 2], table: &mut Table) {
    let ms = |cpu: Duration| measured.per_run(cpu.as_secs_f64() * 1e3);
    let busy = measured.cpu.as_secs_f64() / measured.took.as_secs_f64();
    let shown = format!(
        "{:.3} ms daemon ({busy:.2} processors busy), {:.3} ms client",
        ms(measured.cpu),
        ms(measured.own_cpu)
    );
    table.row("the same: CPU per run", shown, aims[0]);
    let per_run = |total: Option<f64>| total.map(|total| measured.per_run(total));
    if let (Some(syncs), Some(records), Some(written)) =
        (per_run(measured.syncs), per_run(measured.records), per_run(measured.bytes))
    {
        let share = measured.sync_seconds.unwrap_or(0.0) / measured.took.as_secs_f64() * 100.0;
        let shown = format!("{syncs:.3} (the journal writes and syncs {share:.0} % of the time)");
        table.row("the same: syncs per run", shown, aims[1]);
        let shown = format!("{records:.2} records ({} of the run itself), {written:.0} bytes", load.records);
        table.row("the same: journal per run", shown, "");
    }
}

/// Whether memory comes back when the load is gone.
fn memory_after(daemon: &Daemon, load: &Load, table: &mut Table) -> anyhow::Result<()> {
    // A burst: far more runs at once than the load has, all of them resident at the same time.
    let burst = load::closed_loop(daemon, load, 256, Duration::from_secs(5))?;
    table.row("burst, 256 in flight: peak RSS", bytes(burst.peak as f64), "");
    let mut shown = Vec::new();
    let mut before = 0;
    for seconds in [1_u64, 10, 30] {
        thread::sleep(Duration::from_secs(seconds - before));
        before = seconds;
        shown.push(format!("{} after {seconds} s", bytes(daemon.process().memory()?.resident as f64)));
    }
    table.row("the same: RSS when it is over", shown.join(", "), "");
    // A connection of its own: the daemon has long since closed one that said nothing.
    daemon.client()?.get("/healthz")?.expect_success()
}

fn lists(daemon: &Daemon, load: &Load, duration: Duration, table: &mut Table) -> anyhow::Result<()> {
    let page = |client: &mut Client| client.get("/api/v1/runs?limit=50")?.expect_success();
    let mut quiet = load::slots_of(daemon.address, 1, duration / 4, page)?;
    table.row("a page of 50 runs, no load", quiet.shown(), "5 ms");
    let (beside, measured) = thread::scope(|scope| {
        let reader = scope.spawn(|| load::slots_of(daemon.address, 1, duration / 2, page));
        let measured = load::closed_loop(daemon, load, 16, duration / 2);
        (reader.join(), measured)
    });
    let mut beside = beside.map_err(|_| anyhow::anyhow!("the reader panicked"))??;
    let shown = format!("{}, beside {:.0} runs/s", beside.shown(), measured?.rate());
    table.row("a page of 50 runs, 16 runs in flight", shown, "");
    Ok(())
}
