//! OTP's own test cases, by name, where they are about decisions. The table of all of them is `OTP.md`.
//!
//! Windows are an hour long unless a case is about the window, as in the suite: what counts is the number of restarts.

mod administration;
mod beyond;
mod exits;
mod memory;
mod significant;
mod start;
mod stop;
mod strategies;

use super::*;

const HOUR: Duration = Duration::from_secs(3600);

/// A supervisor that may restart so often within an hour.
fn flags(strategy: Strategy, max_restarts: u32) -> Flags {
    Flags { strategy, ..Flags::default() }.intensity(max_restarts, HOUR)
}

fn simple(max_restarts: u32) -> Flags {
    Flags::simple_one_for_one().intensity(max_restarts, HOUR)
}

/// Delays long enough to look at a child between two attempts, and always the same.
fn with_delays(flags: Flags) -> Flags {
    let backoff = Backoff { jitter: 0.0, ..Backoff::exponential(ms(100), ms(400)) };
    flags.intensity(8, ms(10_000)).backoff(backoff)
}

fn shutdown_as(name: &str, shutdown: Shutdown) -> Spec<Name> {
    spec(name, Policy { shutdown, ..Policy::WORKER })
}

fn significant(name: &str, restart: Restart) -> Spec<Name> {
    spec(name, Policy { restart, significant: true, ..Policy::WORKER })
}

fn panicked() -> ExitReason {
    ExitReason::Panicked { message: "junk".into(), location: "here".into() }
}

/// All workers.
fn counted(specs: usize, active: usize) -> Counts {
    Counts { specs, active, supervisors: 0, workers: specs }
}

/// The answer to a start that went well.
#[track_caller]
fn up(answer: Option<Result<Answer, SupervisorError>>) {
    assert!(matches!(answer, Some(Ok(Answer::Started(..)))), "{answer:?}");
}

const ALL_STRATEGIES: [Strategy; 3] = [Strategy::OneForOne, Strategy::OneForAll, Strategy::RestForOne];
