//! A feed that many watch: how long it takes until all have seen what happened, what each of them costs, and that one who
//! never reads delays nobody.
//!
//! All watchers are sockets of this one thread, which the system tells it about: threads of their own would measure themselves.

use std::io::{ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use anyhow::{Context, ensure};
use rustix::event::epoll;
use rustix::fd::OwnedFd;

use super::Where;
use super::daemon::{Daemon, Place};
use super::latencies::Latencies;
use super::table::{Table, bytes};
use super::workflows;

/// How much.
#[derive(clap::Args)]
pub struct Options {
    #[command(flatten)]
    pub(super) place: Where,
    /// How many watch
    #[arg(long, value_delimiter = ',', default_values_t = [1_000, 5_000])]
    watchers: Vec<usize>,
    /// For how long, in seconds
    #[arg(long, default_value_t = 10)]
    seconds: u64,
    /// How many runs are started per second; each shows nine events
    #[arg(long, default_value_t = 2)]
    runs: u32,
}

const DAY_MICROS: u64 = 86_400_000_000;

/// Measures.
pub fn measure(options: &Options, place: &Place, table: &mut Table) -> anyhow::Result<()> {
    for watchers in &options.watchers {
        let place = place.fresh("feeds")?;
        let config = place.folder.join("config");
        std::fs::create_dir_all(&config)?;
        std::fs::write(
            config.join("ghostlight.toml"),
            "[server]\nfeeds_max = 20000\nconnections_max = 20000\n",
        )?;
        watched(options, *watchers, &place, table)?;
    }
    Ok(())
}

fn watched(options: &Options, watchers: usize, place: &Place, table: &mut Table) -> anyhow::Result<()> {
    let daemon = Daemon::start(place)?;
    let mut client = daemon.client()?;
    let chain = workflows::chain(3);
    chain.save(&mut client)?;
    chain.run(&mut client)?;
    let before = daemon.process().memory()?.resident;
    let mut crowd = Crowd::gather(daemon.address, watchers)?;
    let what = format!("feed, {watchers} watchers, {} runs/s", options.runs);
    let grown = daemon.process().memory()?.resident.saturating_sub(before);
    table.row(format!("{what}: RSS of each"), bytes(grown as f64 / watchers as f64), "25 KiB");

    // One who never reads, behind whom everything gathers.
    let stuck = Watcher::open(daemon.address)?;
    let is_over = AtomicBool::new(false);
    let (mut times, started) = thread::scope(|scope| {
        let starting = scope.spawn(|| -> anyhow::Result<u32> {
            let mut client = daemon.client()?;
            let (began, mut started) = (Instant::now(), 0);
            while began.elapsed() < Duration::from_secs(options.seconds) {
                chain.run(&mut client)?;
                started += 1;
                let next = Duration::from_secs_f64(f64::from(started) / f64::from(options.runs));
                thread::sleep(next.saturating_sub(began.elapsed()));
            }
            is_over.store(true, Ordering::Relaxed);
            Ok(started)
        });
        let times = crowd.watch(&is_over);
        let started = starting.join().map_err(|_| anyhow::anyhow!("nobody started runs"))?;
        anyhow::Ok((times?, started?))
    })?;
    let expected = started as usize * chain.records as usize * watchers;
    table.row(format!("{what}: from an event to a watcher"), times.shown(), "p99 500 ms");
    let share = times.count() as f64 * 100.0 / expected as f64;
    table.row("the same: of all events that all were to see", format!("{share:.2} %"), "100 %");
    drop(stuck);
    daemon.stop()?;
    Ok(())
}

/// All who watch.
struct Crowd {
    watchers: Vec<Watcher>,
    poll: OwnedFd,
}

/// One who watches: a WebSocket of which only what the daemon says is read.
struct Watcher {
    stream: TcpStream,
    unread: Vec<u8>,
}

impl Watcher {
    fn open(to: SocketAddr) -> anyhow::Result<Self> {
        let mut stream = TcpStream::connect(to).context("connect a watcher")?;
        stream.set_read_timeout(Some(Duration::from_secs(20)))?;
        let head = format!(
            "GET /api/v1/feed HTTP/1.1\r\nhost: {to}\r\nconnection: upgrade\r\nupgrade: websocket\r\n\
             sec-websocket-version: 13\r\nsec-websocket-key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n"
        );
        stream.write_all(head.as_bytes())?;
        let mut unread = Vec::new();
        let mut chunk = [0; 4_096];
        let end = loop {
            let read = stream.read(&mut chunk).context("a watcher is not let in")?;
            ensure!(read > 0 && unread.len() < 65_536, "a watcher is not let in");
            unread.extend_from_slice(&chunk[..read]);
            if let Some(end) = unread.windows(4).position(|window| window == b"\r\n\r\n") {
                break end + 4;
            }
        };
        ensure!(unread.starts_with(b"HTTP/1.1 101"), "a watcher is refused: {}", unread.escape_ascii());
        unread.drain(..end);
        stream.set_nonblocking(true)?;
        Ok(Self { stream, unread })
    }

    /// Reads what is there, and tells each text.
    fn read(&mut self, chunk: &mut [u8], mut told: impl FnMut(&str)) -> anyhow::Result<()> {
        loop {
            match self.stream.read(chunk) {
                Ok(0) => anyhow::bail!("a watcher was let go"),
                Ok(read) => self.unread.extend_from_slice(&chunk[..read]),
                Err(error) if error.kind() == ErrorKind::WouldBlock => break,
                Err(error) => return Err(error).context("a watcher was let go"),
            }
        }
        let mut at = 0;
        while let Some((begin, end, is_text)) = frame(&self.unread[at..]) {
            if is_text {
                told(&String::from_utf8_lossy(&self.unread[at + begin..at + end]));
            }
            at += end;
        }
        self.unread.drain(..at);
        Ok(())
    }
}

/// Where the payload of the first frame begins and ends, and whether it is a text. A server masks nothing (RFC 6455, 5.1).
fn frame(bytes: &[u8]) -> Option<(usize, usize, bool)> {
    let [first, second, rest @ ..] = bytes else { return None };
    let (length, begin) = match second & 0x7f {
        126 => (u64::from(u16::from_be_bytes(rest.get(..2)?.try_into().ok()?)), 4),
        127 => (u64::from_be_bytes(rest.get(..8)?.try_into().ok()?), 10),
        short => (u64::from(short), 2),
    };
    let end = begin + usize::try_from(length).ok()?;
    (bytes.len() >= end).then_some((begin, end, first & 0x0f == 1))
}

impl Crowd {
    fn gather(to: SocketAddr, watchers: usize) -> anyhow::Result<Self> {
        let poll = epoll::create(epoll::CreateFlags::CLOEXEC)?;
        let watchers = (0..watchers).map(|_| Watcher::open(to)).collect::<anyhow::Result<Vec<_>>>()?;
        for (at, watcher) in (0..).zip(&watchers) {
            epoll::add(&poll, &watcher.stream, epoll::EventData::new_u64(at), epoll::EventFlags::IN)?;
        }
        Ok(Self { watchers, poll })
    }

    /// Watches until all is over and nothing comes any more; how long each event took to each watcher.
    fn watch(&mut self, is_over: &AtomicBool) -> anyhow::Result<Latencies> {
        let mut times = Latencies::default();
        let mut chunk = vec![0; 65_536];
        let mut events = Vec::with_capacity(1_024);
        let quiet = rustix::event::Timespec { tv_sec: 1, tv_nsec: 0 };
        loop {
            events.clear();
            epoll::wait(&self.poll, rustix::buffer::spare_capacity(&mut events), Some(&quiet))?;
            if events.is_empty() && is_over.load(Ordering::Relaxed) {
                return Ok(times);
            }
            for event in &events {
                let at = usize::try_from(event.data.u64()).context("a watcher of ours")?;
                let watcher = self.watchers.get_mut(at).context("a watcher of ours")?;
                watcher.read(&mut chunk, |text| {
                    if text.contains("\"subject\":\"runs/")
                        && let Some(happened) = micros_of_day(text)
                    {
                        let late = (now_of_day() + DAY_MICROS - happened) % DAY_MICROS;
                        times.push(Duration::from_micros(late));
                    }
                })?;
            }
        }
    }
}

/// The time of an event, in microseconds since midnight: `"time":"2026-01-31T23:59:59.123456Z"`.
fn micros_of_day(text: &str) -> Option<u64> {
    let time = text.split_once("\"time\":\"")?.1.split('"').next()?.split_once('T')?.1.strip_suffix('Z')?;
    let (clock, fraction) = time.split_once('.').unwrap_or((time, "0"));
    let mut parts = clock.split(':').map(|part| part.parse::<u64>().ok());
    let (hours, minutes, seconds) = (parts.next()??, parts.next()??, parts.next()??);
    let micros: u64 = format!("{fraction:0<6}").get(..6)?.parse().ok()?;
    Some(((hours * 60 + minutes) * 60 + seconds) * 1_000_000 + micros)
}

fn now_of_day() -> u64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(now.as_micros() % u128::from(DAY_MICROS)).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frames_are_found_one_after_the_other_when_they_are_whole() {
        assert_eq!(frame(b"\x81\x02hi\x81"), Some((2, 4, true)));
        assert_eq!(frame(b"\x89\x00"), Some((2, 2, false)));
        assert_eq!(frame(b"\x81\x05he"), None);
        let long = [&[0x81, 126, 0, 200][..], &[b'a'; 200]].concat();
        assert_eq!(frame(&long), Some((4, 204, true)));
    }

    #[test]
    fn the_time_of_an_event_is_read_to_the_microsecond() {
        let text = r#"{"type":"run.created","time":"2026-11-29T01:02:03.5Z"}"#;
        assert_eq!(micros_of_day(text), Some(3_723_500_000));
        assert_eq!(micros_of_day(r#"{"time":"2026-11-29T00:00:01.123456789Z"}"#), Some(1_123_456));
        assert_eq!(micros_of_day("{}"), None);
    }
}
