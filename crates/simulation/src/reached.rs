//! What a simulation has come to see: states that must be reached, else it has proved nothing.

use std::collections::BTreeMap;
use std::fmt;

use ghostlight_model::event::KINDS;

/// What was seen, and how often.
#[derive(Debug, Default, Clone)]
pub struct Reached {
    counts: BTreeMap<(&'static str, &'static str), u64>,
}

/// What a run of the simulator has to come to see besides the events of a run.
const WANTED: &[(&str, &[&str])] = &[
    ("effect", &["attempt", "stop_attempt", "gate", "child", "stop_child", "slots", "wake_at"]),
    (
        "accepted",
        &[
            "create",
            "report",
            "lost",
            "recover",
            "tick",
            "answer",
            "pause",
            "resume",
            "cancel",
            "kill",
            "quarantine",
            "reconcile",
            "retry",
            "signal",
            "adjust",
            "inherit",
            "revise",
            "child_ended",
        ],
    ),
    (
        "refused",
        &[
            "create",
            "report",
            "answer",
            "pause",
            "resume",
            "cancel",
            "reconcile",
            "retry",
            "signal",
            "adjust",
            "revise",
        ],
    ),
    ("without_effect", &["lost", "tick", "recover", "report", "cancel", "pause", "resume", "child_ended"]),
    (
        "fault",
        &[
            "process",
            "process_with_loss",
            "workflow_actor",
            "attempt_actor",
            "gate_actor",
            "timers_actor",
            "run_supervisor",
            "middle_supervisor",
            "start_failed",
            "start_hung",
            "stop_ignored",
            "killed",
            "arbiter_lost",
            "hung",
            "gave_up",
            "root_gave_up",
            "conflict",
            "answer_lost",
        ],
    ),
    (
        "supervision",
        &[
            "restart",
            "temporary",
            "finished",
            "terminated",
            "sibling",
            "shutting_down",
            "intensity_reached",
            "group_restart",
            "delayed_restart",
        ],
    ),
    (
        "agent",
        &[
            "success",
            "never",
            "late",
            "duplicate",
            "before_a_crash",
            "transient",
            "rate_limit",
            "timeout",
            "data",
            "configuration",
            "credential",
            "capability",
            "agent_bug",
            "rejected",
            "budget",
            "cancelled",
            "unknown",
        ],
    ),
    ("load", &["snapshot", "fold", "left_memory", "woken", "adopted_attempt", "key_repeated"]),
    ("run", &["completed", "failed", "cancelled", "partial", "killed", "made_good", "retried", "edited"]),
];

impl Reached {
    /// Takes note of something.
    pub fn sometimes(&mut self, kind: &'static str, what: &'static str) {
        *self.counts.entry((kind, what)).or_default() += 1;
    }

    /// Adds what another one has seen.
    pub fn add(&mut self, other: &Self) {
        for (what, count) in &other.counts {
            *self.counts.entry(*what).or_default() += count;
        }
    }

    /// What should have been seen and was not.
    pub fn missing(&self) -> Vec<String> {
        // Kinds below 70 are those of runs.
        // Dropping what is past retention is the business of the store, not of the run machine.
        let events = KINDS
            .iter()
            .filter(|(kind, name, _)| *kind < 70 && *name != "run.archived")
            .map(|(_, name, _)| ("event", *name));
        let others = WANTED.iter().flat_map(|(kind, all)| all.iter().map(|what| (*kind, *what)));
        let is_missing = |what: &(&'static str, &'static str)| !self.counts.contains_key(what);
        events.chain(others).filter(is_missing).map(|(kind, what)| format!("{kind} {what}")).collect()
    }
}

impl fmt::Display for Reached {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut last = "";
        for ((kind, what), count) in &self.counts {
            if *kind != last {
                write!(f, "{}{kind:15}", if last.is_empty() { "" } else { "\n" })?;
                last = kind;
            }
            write!(f, " {what} {count}")?;
        }
        Ok(())
    }
}
