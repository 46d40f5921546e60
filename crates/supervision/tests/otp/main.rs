//! OTP's own test cases, by name, where they are about processes; and the table of all of them against the tests. Those about
//! decisions are in `src/core/tests/otp`.
//!
//! All on one arbiter, in virtual time, and each ends by proving that no child is alive.

#[path = "../common/mod.rs"]
mod common;

mod administration;
mod memory;
mod start;
mod stop;
mod table;
mod trees;

use std::time::Duration;

use common::*;
use ghostlight_supervision::{ChildSpec, Counts, Flags, Key, StartContext, StartError};

const HOUR: Duration = Duration::from_secs(3600);

const fn ms(ms: u64) -> Duration {
    Duration::from_millis(ms)
}

/// A supervisor that may restart twice in an hour, as most in the suite.
fn one_for_one() -> Flags {
    Flags::one_for_one().intensity(2, HOUR)
}

fn simple() -> Flags {
    Flags::simple_one_for_one().intensity(2, HOUR)
}

/// All workers.
fn counted(specs: usize, active: usize) -> Counts {
    Counts { specs, active, supervisors: 0, workers: specs }
}

/// A child that waits for ever, and cannot be started a second time.
fn starts_once(name: &'static str) -> ChildSpec {
    ChildSpec::new(name, |start: StartContext| async move {
        match start.incarnation() {
            1 => Ok(start.task(std::future::pending::<Result<(), String>>())),
            _ => Err(StartError::new("only once")),
        }
    })
}

/// A future that is told to stop and takes so long to do so.
fn stops_within(key: impl Into<Key>, time: Duration) -> ChildSpec {
    ChildSpec::new(key, move |start: StartContext| async move {
        Ok::<_, StartError>(start.graceful_task(move |mut stopping| async move {
            stopping.asked().await;
            tokio::time::sleep(time).await;
            Ok::<(), String>(())
        }))
    })
}
