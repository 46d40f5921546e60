//! One look at the daemon, and what two of them say together.

use std::cmp::Reverse;
use std::collections::HashMap;

use serde::Serialize;
use serde_json::Value;
use tokio::time::Instant;

use super::Sort;
use crate::client::TreeNode;

/// One look at the daemon.
#[derive(Debug, Clone)]
pub(super) struct Reading {
    pub at: Instant,
    uptime_ms: u64,
    actors: Vec<Seen>,
    /// Values by name, with labels as they are written.
    metrics: HashMap<String, f64>,
}

/// An actor or supervisor as it was seen.
#[derive(Debug, Clone)]
struct Seen {
    path: String,
    kind: String,
    state: String,
    arbiter: Option<String>,
    incarnation: u32,
    restarts: u32,
    mailbox: Option<u32>,
    handled: u64,
    uptime_ms: u64,
    last_exit: Option<String>,
}

/// How the daemon is: what is shown, and the document of `--output json`. What could not be read is null.
#[derive(Debug, Clone, Serialize)]
pub(super) struct Top {
    pub uptime_ms: u64,
    pub runs: RunsNow,
    /// Questions that wait for a person.
    pub approvals_waiting: Option<u64>,
    pub slots: SlotsNow,
    /// Null before there are two readings.
    pub commits_per_s: Option<f64>,
    /// The same.
    pub syncs_per_s: Option<f64>,
    /// Actors that were restarted since the daemon was started.
    pub restarts: Option<u64>,
    /// Actors and supervisors that are up.
    pub actors_up: Option<u64>,
    /// In the order that was asked for.
    pub actors: Vec<ActorNow>,
}

/// Runs by where they stand.
#[derive(Debug, Clone, Default, Serialize)]
pub(super) struct RunsNow {
    pub running: Option<u64>,
    /// Not begun, or paused.
    pub waiting: Option<u64>,
    pub failed: Option<u64>,
}

/// Slots for attempts.
#[derive(Debug, Clone, Default, Serialize)]
pub(super) struct SlotsNow {
    pub used: Option<u64>,
    pub total: Option<u64>,
    /// Runs in line.
    pub waiting: Option<u64>,
}

/// One actor or supervisor.
#[derive(Debug, Clone, Serialize)]
pub(super) struct ActorNow {
    pub path: String,
    pub kind: String,
    pub state: String,
    pub incarnation: u32,
    pub restarts: u32,
    pub last_exit: Option<String>,
    pub mailbox: Option<u32>,
    /// In this life.
    pub handled: u64,
    /// Null before there are two readings.
    pub handled_per_s: Option<f64>,
    pub arbiter: Option<String>,
    pub uptime_ms: u64,
}

impl Reading {
    pub fn new(at: Instant, tree: TreeNode, metrics: &str) -> Self {
        let uptime_ms = tree.uptime_ms;
        let mut actors = Vec::new();
        flatten(tree, &mut actors);
        Self { at, uptime_ms, actors, metrics: samples(metrics) }
    }

    fn value(&self, name: &str) -> Option<f64> {
        self.metrics.get(name).copied()
    }

    fn count(&self, name: &str) -> Option<u64> {
        self.value(name).map(|value| value as u64)
    }
}

fn flatten(mut node: TreeNode, actors: &mut Vec<Seen>) {
    let word = |value: &Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    let children = std::mem::take(&mut node.children);
    actors.push(Seen {
        kind: word(&node.kind),
        state: word(&node.state),
        last_exit: node.exit_text(),
        path: node.path,
        arbiter: node.arbiter,
        incarnation: node.incarnation,
        restarts: node.restarts,
        mailbox: node.mailbox,
        handled: node.handled,
        uptime_ms: node.uptime_ms,
    });
    children.into_iter().for_each(|child| flatten(child, actors));
}

/// The samples of a page in the text format of Prometheus. Lines that are none are passed over.
fn samples(page: &str) -> HashMap<String, f64> {
    let lines = page.lines().filter(|line| !line.starts_with('#'));
    let sample = |line: &str| {
        let (name, value) = line.trim().rsplit_once(' ')?;
        Some((name.to_owned(), value.parse().ok()?))
    };
    lines.filter_map(sample).collect()
}

impl Top {
    /// What `now` says, and with an `earlier` reading what happens per second.
    pub fn of(now: &Reading, earlier: Option<&Reading>, sort: Sort) -> Self {
        let elapsed = earlier.map(|earlier| now.at.saturating_duration_since(earlier.at).as_secs_f64());
        let per_s = |name: &str| {
            let before = earlier?.value(name)?;
            rate(before, now.value(name)?, elapsed?)
        };
        let runs = |status: &str| now.count(&format!("ghostlight_runs{{status=\"{status}\"}}"));
        Self {
            uptime_ms: now.uptime_ms,
            runs: RunsNow {
                running: runs("running"),
                waiting: runs("pending").zip(runs("paused")).map(|(pending, paused)| pending + paused),
                failed: runs("failed"),
            },
            approvals_waiting: now.count("ghostlight_approvals_pending"),
            slots: SlotsNow {
                used: now.count("ghostlight_slots_used"),
                total: now.count("ghostlight_slots_total"),
                waiting: now.count("ghostlight_slots_waiting"),
            },
            commits_per_s: per_s("ghostlight_journal_commits_total"),
            syncs_per_s: per_s("ghostlight_journal_syncs_total"),
            restarts: now.count("ghostlight_actor_restarts_total"),
            actors_up: now.count("ghostlight_actors"),
            actors: sorted(actors(now, earlier, elapsed), sort),
        }
    }
}

/// What rose by how much per second. A counter that fell was begun anew: it rose from nothing.
fn rate(before: f64, now: f64, elapsed: f64) -> Option<f64> {
    let rise = if now < before { now } else { now - before };
    // Tenths are what anybody reads.
    (elapsed > 0.0).then(|| (rise / elapsed * 10.0).round() / 10.0)
}

fn actors(now: &Reading, earlier: Option<&Reading>, elapsed: Option<f64>) -> Vec<ActorNow> {
    let earlier = earlier.map_or(&[][..], |earlier| &earlier.actors);
    let before: HashMap<&str, &Seen> = earlier.iter().map(|seen| (seen.path.as_str(), seen)).collect();
    let actor = |seen: &Seen| {
        let same_life =
            before.get(seen.path.as_str()).filter(|before| before.incarnation == seen.incarnation);
        let handled_before = same_life.map_or(0, |before| before.handled);
        ActorNow {
            path: seen.path.clone(),
            kind: seen.kind.clone(),
            state: seen.state.clone(),
            incarnation: seen.incarnation,
            restarts: seen.restarts,
            last_exit: seen.last_exit.clone(),
            mailbox: seen.mailbox,
            handled: seen.handled,
            handled_per_s: elapsed
                .and_then(|elapsed| rate(handled_before as f64, seen.handled as f64, elapsed)),
            arbiter: seen.arbiter.clone(),
            uptime_ms: seen.uptime_ms,
        }
    };
    now.actors.iter().map(actor).collect()
}

/// The highest first; those that are equal in it by how busy they are, and then by their place in the tree, so that lines
/// do not jump.
fn sorted(mut actors: Vec<ActorNow>, sort: Sort) -> Vec<ActorNow> {
    let tenths = |actor: &ActorNow| (actor.handled_per_s.unwrap_or(0.0) * 10.0) as u64;
    let busy = |actor: &ActorNow| (tenths(actor), actor.mailbox.unwrap_or(0), actor.restarts, actor.handled);
    let key = |actor: &ActorNow| match sort {
        Sort::Mailbox => u64::from(actor.mailbox.unwrap_or(0)),
        Sort::Handled => tenths(actor),
        Sort::Restarts => u64::from(actor.restarts),
        Sort::Uptime => actor.uptime_ms,
    };
    actors.sort_by_key(|actor| Reverse((key(actor), busy(actor))));
    actors
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use serde_json::json;

    use super::*;

    const PAGE: &str = "# HELP ghostlight_runs Runs by status.\n# TYPE ghostlight_runs gauge\n\
                        ghostlight_runs{status=\"running\"} 4\nghostlight_runs{status=\"pending\"} 1\n\
                        ghostlight_runs{status=\"paused\"} 2\nghostlight_journal_commits_total 100\nodd line x\n";

    fn reading(at: Instant, a: u64, incarnation: u32, page: &str) -> Reading {
        let tree = json!({"path": "ghostlight", "uptime_ms": 9_000, "children": [
            {"path": "a", "incarnation": incarnation, "handled": a, "mailbox": 1, "restarts": 1, "uptime_ms": 1},
            {"path": "b", "incarnation": 1, "handled": 5, "mailbox": 7, "uptime_ms": 2_000}]});
        Reading::new(at, serde_json::from_value(tree).unwrap(), page)
    }

    #[test]
    fn rates_are_what_rose_between_two_readings_in_one_life() {
        let first = Instant::now();
        let later = first + Duration::from_secs(2);
        let before = reading(first, 100, 1, PAGE);
        let now = reading(later, 130, 1, &PAGE.replace("100", "150"));
        let top = Top::of(&now, Some(&before), Sort::Handled);
        assert_eq!(top.commits_per_s, Some(25.0));
        assert_eq!((top.runs.running, top.runs.waiting, top.runs.failed), (Some(4), Some(3), None));
        assert_eq!((top.actors[0].path.as_str(), top.actors[0].handled_per_s), ("a", Some(15.0)));
        let reborn = reading(later, 30, 2, &PAGE.replace("100", "10"));
        let top = Top::of(&reborn, Some(&before), Sort::Handled);
        assert_eq!((top.actors[0].handled_per_s, top.commits_per_s), (Some(15.0), Some(5.0)));
        let alone = Top::of(&before, None, Sort::Handled);
        assert_eq!((alone.commits_per_s, alone.actors[0].handled_per_s), (None, None));
    }

    /// Shows S1-5.1n2.
    #[test]
    fn actors_come_in_the_order_that_was_asked_for() {
        let first = |sort| {
            let reading = reading(Instant::now(), 100, 1, PAGE);
            Top::of(&reading, None, sort).actors[0].path.clone()
        };
        let orders = [Sort::Mailbox, Sort::Restarts, Sort::Uptime].map(first);
        assert_eq!(orders, ["b", "a", "ghostlight"]);
    }
}
