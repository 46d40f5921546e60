//! What supervision costs, and the same loads in Erlang beside it where `erl` is on the machine.
//!
//! `cargo bench -p ghostlight-supervision` prints one Markdown table: what was measured here, in Erlang, and what is aimed at.
//! `house` measures here, `erlang` runs the module `loads.erl` and reads its figures. Each figure is the median of three rounds,
//! with those of one comparison taken in turns. Numbers of a busy machine are lower bounds.

#![allow(missing_docs, clippy::unwrap_used, reason = "a benchmark")]

mod erlang;
mod house;

use std::alloc::{GlobalAlloc, Layout, System as SystemAllocator};
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

/// Counts what is allocated, so that memory per child is exact.
struct Counting;

static ALLOCATED: AtomicUsize = AtomicUsize::new(0);

#[allow(unsafe_code, reason = "the only way to count allocations")]
// SAFETY: passes everything on to the system's allocator and only counts.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        ALLOCATED.fetch_add(layout.size(), Ordering::Relaxed);
        unsafe { SystemAllocator.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        ALLOCATED.fetch_sub(layout.size(), Ordering::Relaxed);
        unsafe { SystemAllocator.dealloc(pointer, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

fn allocated() -> usize {
    ALLOCATED.load(Ordering::Relaxed)
}

/// Figures by name. Erlang's use the names of those they stand beside.
type Figures = BTreeMap<String, f64>;

fn per_second(count: usize, time: Duration) -> f64 {
    count as f64 / time.as_secs_f64()
}

/// What is printed: a line, the figures of it, how they look, and the aim.
struct Line {
    what: &'static str,
    figures: &'static [&'static str],
    look: Look,
    aim: &'static str,
}

#[derive(Clone, Copy)]
enum Look {
    Micros,
    PerSecond,
    Bytes,
    Share,
}

const fn line(what: &'static str, figures: &'static [&'static str], look: Look, aim: &'static str) -> Line {
    Line { what, figures, look, aim }
}

const LINES: &[Line] = &[
    line(
        "crash to restarted, paced, in place: p50 / p99",
        &["lap_in_place_p50", "lap_in_place_p99"],
        Look::Micros,
        "at most 10 / 40 us",
    ),
    line(
        "crash to restarted, paced, fresh mailbox: p50 / p99",
        &["lap_fresh_p50", "lap_fresh_p99"],
        Look::Micros,
        "at most 20 / 60 us",
    ),
    line(
        "the same, supervisor and child on two threads: p50 / p99",
        &["lap_across_p50", "lap_across_p99"],
        Look::Micros,
        "",
    ),
    line(
        "restarts of one supervisor, in place",
        &["restarts_in_place"],
        Look::PerSecond,
        "at least 80,000/s",
    ),
    line(
        "restarts of one supervisor, fresh mailbox",
        &["restarts_fresh"],
        Look::PerSecond,
        "at least 30,000/s",
    ),
    line("the same after an error instead of a panic", &["restarts_error"], Look::PerSecond, ""),
    line("children started, one by one, 1,000", &["start_1000"], Look::PerSecond, ""),
    line("children started, one by one, 10,000", &["start_10000"], Look::PerSecond, ""),
    line("children started, one by one, 100,000", &["start_100000"], Look::PerSecond, "at least 300,000/s"),
    line("children stopped, all at once, 1,000", &["stop_1000"], Look::PerSecond, ""),
    line("children stopped, all at once, 10,000", &["stop_10000"], Look::PerSecond, ""),
    line("children stopped, all at once, 100,000", &["stop_100000"], Look::PerSecond, "linear"),
    line("memory of an idle child, of 100,000", &["memory"], Look::Bytes, "at most 1.2 kB"),
    line("tells, one thread", &["tell_here"], Look::PerSecond, ""),
    line("tells, one thread: supervised / plain actix", &["tell_here_share"], Look::Share, "at least 95 %"),
    line("tells, across threads", &["tell_across"], Look::PerSecond, ""),
    line("tells, across: supervised / plain actix", &["tell_across_share"], Look::Share, "at least 95 %"),
    line("asks, one in flight, one thread", &["ask_here"], Look::PerSecond, ""),
    line("asks, one thread: supervised / plain actix", &["ask_here_share"], Look::Share, "at least 95 %"),
    line("asks, one in flight, across threads", &["ask_across"], Look::PerSecond, ""),
    line("asks, across: supervised / plain actix", &["ask_across_share"], Look::Share, "at least 95 %"),
    line("asks, 64 in flight, across threads", &["ask_64"], Look::PerSecond, ""),
    line("asks, 64 in flight: supervised / plain actix", &["ask_64_share"], Look::Share, "at least 95 %"),
    line("runs of 1 + 3 children started", &["run_start"], Look::PerSecond, ""),
    line("runs of 1 + 3 children folded up", &["run_stop"], Look::PerSecond, ""),
    line("memory of a run of 1 + 3 idle children", &["run_memory"], Look::Bytes, ""),
];

fn show(figures: &Figures, names: &[&str], look: Look) -> String {
    let values: Option<Vec<f64>> = names.iter().map(|name| figures.get(*name).copied()).collect();
    let Some(values) = values else { return String::new() };
    let texts: Vec<String> = values
        .iter()
        .map(|value| match look {
            Look::Micros => format!("{value:.1}"),
            Look::PerSecond => thousands(value.round() as u64),
            Look::Bytes => thousands(value.round() as u64),
            Look::Share => format!("{:.1} %", value * 100.0),
        })
        .collect();
    let unit = match look {
        Look::Micros => " us",
        Look::PerSecond => "/s",
        Look::Bytes => " B",
        Look::Share => "",
    };
    texts.join(" / ") + unit
}

fn thousands(number: u64) -> String {
    let digits = number.to_string();
    let grouped: Vec<&str> =
        digits.as_bytes().rchunks(3).rev().map(|group| std::str::from_utf8(group).unwrap()).collect();
    grouped.join(",")
}

fn main() {
    // A panic is what is measured; printing it is not. Before any tree is made, which keeps the hook that is there.
    std::panic::set_hook(Box::new(|info| {
        if info.payload().downcast_ref::<&str>() != Some(&"bench") {
            eprintln!("{info}");
        }
    }));
    // Cargo says `--bench`.
    let only = std::env::args().skip(1).find(|argument| !argument.starts_with('-'));
    let house = house::measure(only.as_deref());
    let erlang = match only {
        None => erlang::measure(),
        Some(_) => Err("it is measured with all loads".to_owned()),
    };
    let (release, peer) = match &erlang {
        Ok(peer) => (peer.release.as_str(), peer.figures.clone()),
        Err(why) => {
            println!("Erlang's column is empty: {why}\n");
            ("Erlang/OTP", Figures::new())
        }
    };
    println!("| figure | measured | {release} | aim |");
    println!("| --- | --- | --- | --- |");
    for line in LINES {
        let (here, there) = (show(&house, line.figures, line.look), show(&peer, line.figures, line.look));
        println!("| {} | {here} | {there} | {} |", line.what, line.aim);
    }
}
