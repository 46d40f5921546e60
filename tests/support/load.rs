//! Clients that start runs while something happens, and what they were answered.

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use serde_json::json;

use super::{PATIENCE, id};
use crate::harness::{Answer, Daemon, until};

const CLIENTS: usize = 2;
/// How long the daemon may take to go on when there is room again.
const BACK_WITHIN: Duration = Duration::from_secs(5);

/// What clients were answered: the runs that were acknowledged, and how often each code was given.
#[derive(Debug, Default)]
pub struct Seen {
    pub acknowledged: Vec<String>,
    pub refused: BTreeMap<String, usize>,
}

impl Seen {
    fn note(&mut self, answer: &Answer) {
        match answer.status {
            201 => self.acknowledged.push(id(&answer.body)),
            _ => *self.refused.entry(format!("{} {}", answer.status, answer.body["code"])).or_default() += 1,
        }
    }
}

/// Clients that are at it.
#[derive(Default)]
pub struct Load {
    seen: Mutex<Seen>,
    is_enough: AtomicBool,
}

/// Ends the clients, whatever way the test goes.
struct Enough<'a>(&'a AtomicBool);

impl Drop for Enough<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

impl Load {
    /// How many starts were acknowledged.
    pub fn acknowledged(&self) -> usize {
        self.seen.lock().unwrap().acknowledged.len()
    }

    /// The first of them.
    pub fn first(&self) -> String {
        self.seen.lock().unwrap().acknowledged[0].clone()
    }

    /// Waits until many starts were refused.
    pub fn is_refused(&self) {
        let refused = || self.seen.lock().unwrap().refused.values().sum::<usize>();
        until("many refusals", PATIENCE, || (refused() > 20).then_some(()));
    }

    /// Waits until starts are taken again after `make_room`, which has to be soon.
    pub fn comes_back_after(&self, make_room: impl FnOnce()) {
        let before = self.acknowledged();
        make_room();
        let made = Instant::now();
        until("a start", PATIENCE, || (self.acknowledged() > before).then_some(()));
        assert!(made.elapsed() < BACK_WITHIN, "{:?}", made.elapsed());
    }
}

/// Lets clients start runs of a workflow, each with some kilobytes, while something happens.
pub fn under_load(daemon: &Daemon, workflow: &str, meanwhile: impl FnOnce(&Load)) -> Seen {
    let load = Load::default();
    let path = format!("/api/v1/workflows/{workflow}/runs");
    let body = json!({ "input": {}, "context": { "filling": "x".repeat(4_000) } });
    std::thread::scope(|scope| {
        for _ in 0..CLIENTS {
            scope.spawn(|| {
                while !load.is_enough.load(Ordering::Relaxed) {
                    let answer = daemon.post(&path, &body).unwrap();
                    load.seen.lock().unwrap().note(&answer);
                }
            });
        }
        let enough = Enough(&load.is_enough);
        until("some runs", PATIENCE, || (load.acknowledged() > 10).then_some(()));
        meanwhile(&load);
        drop(enough);
    });
    load.seen.into_inner().unwrap()
}
