//! The same load beside nobody, and beside clients of the feed that never read a byte: what they cost those whose runs they are
//! shown.

use std::io::Write;
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use anyhow::Context;

use super::Where;
use super::daemon::{Daemon, Place};
use super::load::{Measured, closed_loop};
use super::table::{Table, bytes};
use super::workflows;

/// How much.
#[derive(clap::Args)]
pub struct Options {
    #[command(flatten)]
    pub(super) place: Where,
    /// How many never read
    #[arg(long, default_value_t = 1_000)]
    clients: usize,
    /// For how long each load, in seconds
    #[arg(long, default_value_t = 10)]
    seconds: u64,
    /// How many runs are in flight
    #[arg(long, default_value_t = 16)]
    in_flight: usize,
}

/// Measures.
pub fn measure(options: &Options, place: &Place, table: &mut Table) -> anyhow::Result<()> {
    let place = place.fresh("silent")?;
    let config = place.folder.join("config");
    std::fs::create_dir_all(&config)?;
    std::fs::write(config.join("ghostlight.toml"), "[server]\nfeeds_max = 20000\nconnections_max = 20000\n")?;
    let daemon = Daemon::start(&place)?;
    let chain = workflows::chain(3);
    chain.save(&mut daemon.client()?)?;
    let load = || closed_loop(&daemon, &chain, options.in_flight, Duration::from_secs(options.seconds));
    load()?;
    let alone = load()?;
    let before = daemon.process().memory()?.resident;
    let silent: Vec<TcpStream> =
        (0..options.clients).map(|_| never_reads(daemon.address)).collect::<anyhow::Result<_>>()?;
    let beside = load()?;
    let grown = daemon.process().memory()?.resident.saturating_sub(before);

    let Options { clients, in_flight, .. } = options;
    let shown = |measured: &Measured| {
        let Measured { latencies, .. } = measured;
        format!("{:.0} runs/s, {}", measured.rate(), latencies.clone().shown())
    };
    table.row(format!("chain of 3, {in_flight} in flight, nobody watches"), shown(&alone), "");
    table.row(format!("the same beside {clients} clients of the feed that never read"), shown(&beside), "");
    let share = beside.rate() / alone.rate();
    table.row("the same: runs/s beside them, of those without", format!("{share:.2}"), "0.8");
    table.row("the same: RSS of each of them", bytes(grown as f64 / *clients as f64), "");
    drop(silent);
    daemon.stop()?;
    Ok(())
}

/// Asks for the feed and leaves the answer where it is.
fn never_reads(to: SocketAddr) -> anyhow::Result<TcpStream> {
    let mut stream = TcpStream::connect(to).context("connect a client that never reads")?;
    let head = format!(
        "GET /api/v1/feed HTTP/1.1\r\nhost: {to}\r\nconnection: upgrade\r\nupgrade: websocket\r\n\
         sec-websocket-version: 13\r\nsec-websocket-key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n"
    );
    stream.write_all(head.as_bytes())?;
    Ok(stream)
}
