//! `ghostlight-simulation`: simulate, and say what was seen.

use std::process::ExitCode;

use clap::Parser;
use ghostlight_simulation::simulate;

/// Steps below which nothing is concluded from what was not reached.
const ENOUGH: u64 = 1_000_000;

/// Runs the run machine and supervision on a seed, and holds every step against what must hold
#[derive(Parser)]
struct Arguments {
    /// The seed of the first episode; each further one has the next [default: chosen at random and said]
    #[arg(long)]
    seed: Option<u64>,
    /// How many steps are made at least
    #[arg(long, default_value_t = ENOUGH)]
    steps: u64,
    /// How many of the last steps of a run are told in which something is wrong
    #[arg(long, default_value_t = 30)]
    told: usize,
}

fn main() -> ExitCode {
    let Arguments { seed, steps, told } = Arguments::parse();
    let seed = seed.unwrap_or_else(|| fastrand::u64(..1_000_000_000));
    let outcome = simulate(seed, steps, told);
    let seen = &outcome.seen;
    println!("{}", seen.reached);
    if let Some(failure) = &outcome.failure {
        failure.trace.iter().for_each(|line| println!("  {line}"));
        let run = failure.violation.run.map_or_else(String::new, |run| format!(", run {run}"));
        println!("violated: {}{run}", failure.violation.invariant);
        println!("{}", failure.violation.detail);
        println!(
            "seed {} after {} steps of it ({} in all, {:.1} s); again: cargo xtask simulate --seed {} --steps 1",
            failure.seed,
            failure.steps,
            seen.steps,
            seen.took.as_secs_f64(),
            failure.seed
        );
        return ExitCode::FAILURE;
    }
    let missing = if seen.steps >= ENOUGH { seen.reached.missing() } else { Vec::new() };
    missing.iter().for_each(|what| println!("never seen: {what}"));
    let rate = seen.steps as f64 / seen.took.as_secs_f64();
    println!(
        "seed {seed}: {} steps in {} episodes, {:.1} s, {rate:.0} steps/s",
        seen.steps,
        seen.episodes,
        seen.took.as_secs_f64()
    );
    if missing.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
