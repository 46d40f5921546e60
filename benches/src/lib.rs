//! How the benchmarks measure and what they print: one line per figure, the fastest of several passes and the middle one.
//!
//! A pass that something else on the machine disturbed is slower, never faster, so that the fastest says most about the
//! code and the distance to the middle one says how quiet the machine was.

use std::hint::black_box;
use std::time::{Duration, Instant};

/// How many passes a figure is made of.
const PASSES: usize = 15;
/// About how long a pass lasts.
const PASS: Duration = Duration::from_millis(60);

/// Measures `work` and prints what one call of it takes. `name` says of what.
pub fn measure<T>(name: &str, mut work: impl FnMut() -> T) {
    let calls = calls_per_pass(&mut work);
    let mut passes: Vec<f64> = (0..PASSES)
        .map(|_| {
            let started = Instant::now();
            for _ in 0..calls {
                black_box(work());
            }
            started.elapsed().as_secs_f64() / f64::from(calls)
        })
        .collect();
    passes.sort_unstable_by(f64::total_cmp);
    println!("{name:<56} {:>12}   (middle {})", shown(passes[0]), shown(passes[PASSES / 2]));
}

/// Enough calls that the clock's own steps do not show.
fn calls_per_pass<T>(work: &mut impl FnMut() -> T) -> u32 {
    let mut calls = 1;
    loop {
        let started = Instant::now();
        for _ in 0..calls {
            black_box(work());
        }
        if started.elapsed() >= PASS || calls >= 1 << 24 {
            return calls;
        }
        calls *= 2;
    }
}

/// A time in the unit that suits it.
#[must_use]
pub fn shown(seconds: f64) -> String {
    match seconds {
        ..1e-6 => format!("{:.0} ns", seconds * 1e9),
        1e-6..1e-3 => format!("{:.2} us", seconds * 1e6),
        _ => format!("{:.2} ms", seconds * 1e3),
    }
}

/// User and system time of this process; zero where the system does not say.
#[must_use]
pub fn own_cpu() -> Duration {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    let fields = stat.rsplit(')').next().unwrap_or_default();
    let ticks = fields.split_whitespace().skip(11).take(2).filter_map(|ticks| ticks.parse::<u32>().ok());
    ticks.map(|ticks| ticks * Duration::from_millis(10)).sum()
}
