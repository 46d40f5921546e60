//! Who may be struck, and with what: read off an actor's path.
//!
//! | actor | panic | kill | hang | what brings it back |
//! |---|---|---|---|---|
//! | a run's workflow | yes | yes | no | its run's supervisor; it adopts the attempts that are living |
//! | a run's gate | yes | yes | no | its run's supervisor, with the same deadline |
//! | an attempt | yes | yes | yes | its workflow: it records the loss, and the effect's class decides; what hangs is ended by its workflow when its time is long over |
//! | a partition's router, planner, timers, views, feed | yes | yes | no | their supervisors |
//!
//! Only attempts are made to hang, since only they have somebody who notices: a time within which they must have reported.
//! Never struck are the root and other supervisors, the journal, what keeps the record and the audit, and the surface.

use std::fmt;

use clap::ValueEnum;
use ghostlight_supervision::Fault;
use serde::Serialize;

/// What a strike does. The order is that of reports.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, ValueEnum)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// A panic inside the actor's own code.
    Panic,
    /// A kill, without any hook.
    Kill,
    /// No progress until somebody ends it.
    Hang,
}

impl Kind {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Panic, Self::Kill, Self::Hang];

    /// As supervision knows it.
    #[must_use]
    pub fn fault(self) -> Fault {
        match self {
            Self::Panic => Fault::Panic,
            Self::Kill => Fault::Kill,
            Self::Hang => Fault::Hang,
        }
    }

    /// Its name on the surface.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Panic => "panic",
            Self::Kill => "kill",
            Self::Hang => "hang",
        }
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// What an actor is for. The order is that of reports.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum ActorKind {
    /// Decides about a run.
    Workflow,
    /// Makes an attempt.
    Execution,
    /// Minds a question.
    Gate,
    /// The way to the runs of a partition.
    Router,
    /// Admits runs.
    Planner,
    /// Wakes runs.
    Timers,
    /// Folds a list.
    View,
    /// Makes the frames of the feed.
    Feed,
}

impl ActorKind {
    /// All of them.
    pub const ALL: [Self; 8] = [
        Self::Workflow,
        Self::Execution,
        Self::Gate,
        Self::Router,
        Self::Planner,
        Self::Timers,
        Self::View,
        Self::Feed,
    ];

    /// The kind of the actor at a path of the supervision tree; none for what is never struck.
    #[must_use]
    pub fn of(path: &str) -> Option<Self> {
        let parts: Vec<&str> = path.split('/').collect();
        match parts.as_slice() {
            ["runs", _, "runs", _, "workflow"] => Some(Self::Workflow),
            ["runs", _, "runs", _, "executions", _] => Some(Self::Execution),
            ["runs", _, "runs", _, "gates", _] => Some(Self::Gate),
            ["runs", _, "router"] => Some(Self::Router),
            ["core", "planner"] => Some(Self::Planner),
            ["core", "timers"] => Some(Self::Timers),
            ["views", "runs" | "approvals"] => Some(Self::View),
            ["views", "feed"] => Some(Self::Feed),
            _ => None,
        }
    }

    /// Whether a strike of this kind may be made to it.
    #[must_use]
    pub fn stands(self, kind: Kind) -> bool {
        kind != Kind::Hang || self == Self::Execution
    }

    /// Whether it belongs to one run, whose supervisor's intensity is the run's own affair.
    #[must_use]
    pub fn is_of_a_run(self) -> bool {
        matches!(self, Self::Workflow | Self::Execution | Self::Gate)
    }

    /// How often it is chosen, compared with the others: most of what there is belongs to runs.
    pub(super) fn weight(self) -> u32 {
        match self {
            Self::Execution | Self::Workflow => 4,
            Self::Gate => 2,
            Self::Router | Self::Planner | Self::Timers | Self::View | Self::Feed => 1,
        }
    }

    /// Its name in reports.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Workflow => "workflow",
            Self::Execution => "execution",
            Self::Gate => "gate",
            Self::Router => "router",
            Self::Planner => "planner",
            Self::Timers => "timers",
            Self::View => "view",
            Self::Feed => "feed",
        }
    }
}

impl fmt::Display for ActorKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// The run that the actor at a path belongs to.
#[must_use]
pub fn run_of(path: &str) -> Option<&str> {
    let is_of_a_run = ActorKind::of(path).is_some_and(ActorKind::is_of_a_run);
    path.split('/').nth(3).filter(|_| is_of_a_run)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_part_of_the_tree_is_known_by_its_path_or_left_alone() {
        for (path, kind) in [
            ("runs/p3/runs/0198/workflow", Some(ActorKind::Workflow)),
            ("runs/p3/runs/0198/executions/a.2@1", Some(ActorKind::Execution)),
            ("runs/p3/runs/0198/gates/0199", Some(ActorKind::Gate)),
            ("runs/p3/router", Some(ActorKind::Router)),
            ("core/planner", Some(ActorKind::Planner)),
            ("core/timers", Some(ActorKind::Timers)),
            ("views/runs", Some(ActorKind::View)),
            ("views/approvals", Some(ActorKind::View)),
            ("views/feed", Some(ActorKind::Feed)),
            ("", None),
            ("ghostlight", None),
            ("journal", None),
            ("core", None),
            ("core/record", None),
            ("core/audit", None),
            ("runs", None),
            ("runs/p3", None),
            ("runs/p3/runs", None),
            ("runs/p3/runs/0198", None),
            ("views", None),
            ("views/database", None),
            ("surface", None),
            ("surface/http", None),
            ("surface/chaos", None),
        ] {
            assert_eq!(ActorKind::of(path), kind, "{path}");
        }
        assert_eq!(run_of("runs/p3/runs/0198/gates/0199"), Some("0198"));
        assert_eq!(run_of("runs/p3/router"), None);
    }

    #[test]
    fn only_attempts_are_made_to_hang() {
        for actor in ActorKind::ALL {
            assert!(actor.stands(Kind::Panic) && actor.stands(Kind::Kill));
            assert_eq!(actor.stands(Kind::Hang), actor == ActorKind::Execution, "{actor}");
        }
    }
}
