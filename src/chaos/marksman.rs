//! Whom to strike next, and with what: a function of a seed, of who is up, and of the time.
//!
//! Chaos tries what supervision stands, and not how it gives up: the supervisors of the house end it in good order when
//! their children crash too often, as they should. So what belongs to the house is struck less often than its supervisor
//! stands, with room for a crash of its own. What belongs to a run is struck as it comes: a run whose actors keep ending is
//! set aside, and that is a part of what is tried.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::time::Duration;

use super::target::{ActorKind, Kind};

/// One strike.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Strike {
    /// Whom.
    pub path: String,
    /// What for it is there.
    pub actor: ActorKind,
    /// With what.
    pub kind: Kind,
}

/// Chooses. The same seed and the same calls choose the same.
#[derive(Debug)]
pub struct Marksman {
    random: fastrand::Rng,
    kinds: Vec<Kind>,
    /// When what stands below each supervisor of the house was struck, oldest first.
    struck: BTreeMap<String, VecDeque<Duration>>,
    /// Who hangs by our doing and is still up: nothing is gained by letting them hang once more.
    hanging: BTreeSet<String>,
}

/// How many strikes below one supervisor within a time.
#[derive(Debug, Clone, Copy)]
struct Allowance {
    strikes: usize,
    within: Duration,
}

/// What is allowed below the supervisor of such an actor; none for those of runs, who have no such bound. The tree itself
/// stands 3 in 5 s, and 20 in 10 min among the views.
fn allowance(actor: ActorKind) -> Option<Allowance> {
    match actor {
        ActorKind::Workflow | ActorKind::Execution | ActorKind::Gate => None,
        ActorKind::Router | ActorKind::Planner | ActorKind::Timers => {
            Some(Allowance { strikes: 2, within: Duration::from_secs(6) })
        }
        ActorKind::View | ActorKind::Feed => {
            Some(Allowance { strikes: 8, within: Duration::from_secs(11 * 60) })
        }
    }
}

fn supervisor_of(path: &str) -> &str {
    path.rsplit_once('/').map_or("", |(supervisor, _)| supervisor)
}

impl Marksman {
    /// One that strikes with these kinds.
    #[must_use]
    pub fn new(seed: u64, kinds: &[Kind]) -> Self {
        let mut kinds = kinds.to_vec();
        kinds.sort_unstable();
        kinds.dedup();
        Self {
            random: fastrand::Rng::with_seed(seed),
            kinds,
            struck: BTreeMap::new(),
            hanging: BTreeSet::new(),
        }
    }

    /// Chooses among the actors that are up, given by their paths in any order; none when nobody may be struck now. Whoever
    /// is chosen counts as struck.
    pub fn choose<'a>(&mut self, now: Duration, up: impl Iterator<Item = &'a str>) -> Option<Strike> {
        let mut by_actor: BTreeMap<ActorKind, Vec<&str>> = BTreeMap::new();
        for path in up {
            if let Some(actor) = ActorKind::of(path).filter(|actor| self.is_allowed(*actor, path, now)) {
                by_actor.entry(actor).or_default().push(path);
            }
        }
        let is_up = |path: &String| by_actor.values().any(|paths| paths.contains(&path.as_str()));
        self.hanging.retain(is_up);
        let hanging = &self.hanging;
        let stands = |kind: Kind, actor: ActorKind, path: &str| {
            actor.stands(kind) && (kind != Kind::Hang || !hanging.contains(path))
        };
        let is_of_use = |kind: &Kind| {
            by_actor.iter().any(|(actor, paths)| paths.iter().any(|path| stands(*kind, *actor, path)))
        };
        let kinds: Vec<Kind> = self.kinds.iter().copied().filter(is_of_use).collect();
        let kind = *self.random.choice(&kinds)?;
        by_actor.retain(|actor, paths| {
            paths.retain(|path| stands(kind, *actor, path));
            !paths.is_empty()
        });
        let actor = self.weighted(by_actor.keys().copied())?;
        let paths = by_actor.get_mut(&actor)?;
        paths.sort_unstable();
        let path = *self.random.choice(&*paths)?;
        if allowance(actor).is_some() {
            self.struck.entry(supervisor_of(path).to_owned()).or_default().push_back(now);
        }
        if kind == Kind::Hang {
            self.hanging.insert(path.to_owned());
        }
        Some(Strike { path: path.to_owned(), actor, kind })
    }

    fn weighted(&mut self, actors: impl Iterator<Item = ActorKind> + Clone) -> Option<ActorKind> {
        let sum: u32 = actors.clone().map(ActorKind::weight).sum();
        if sum == 0 {
            return None;
        }
        let mut at = self.random.u32(..sum);
        for actor in actors {
            match at.checked_sub(actor.weight()) {
                Some(further) => at = further,
                None => return Some(actor),
            }
        }
        None
    }

    fn is_allowed(&mut self, actor: ActorKind, path: &str, now: Duration) -> bool {
        let Some(Allowance { strikes, within }) = allowance(actor) else { return true };
        let Some(times) = self.struck.get_mut(supervisor_of(path)) else { return true };
        while times.front().is_some_and(|time| *time + within < now) {
            times.pop_front();
        }
        times.len() < strikes
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const UP: [&str; 12] = [
        "",
        "journal",
        "core/planner",
        "core/timers",
        "core/record",
        "runs/p0/router",
        "runs/p0/runs/r1",
        "runs/p0/runs/r1/workflow",
        "runs/p0/runs/r1/executions/a@1",
        "runs/p0/runs/r1/gates/g",
        "views/feed",
        "surface/http",
    ];

    /// Attempts come and go: every other look finds the next one.
    fn up(look: u64) -> Vec<String> {
        let attempt = format!("a@{}", look / 2 + 1);
        UP.into_iter().map(|path| path.replace("a@1", &attempt)).collect()
    }

    fn strikes(seed: u64, count: u64, every_ms: u64) -> Vec<(Duration, Strike)> {
        let mut marksman = Marksman::new(seed, &Kind::ALL);
        let looks = (0..count).map(|at| (Duration::from_millis(at * every_ms), up(at)));
        looks
            .filter_map(|(now, up)| Some((now, marksman.choose(now, up.iter().map(String::as_str))?)))
            .collect()
    }

    #[test]
    fn the_same_seed_chooses_the_same_and_another_one_chooses_otherwise() {
        assert_eq!(strikes(7, 50, 200), strikes(7, 50, 200));
        assert_ne!(strikes(7, 50, 200), strikes(8, 50, 200));
        let mut backwards = Marksman::new(7, &Kind::ALL);
        let first = backwards.choose(Duration::ZERO, UP.into_iter().rev());
        assert_eq!(
            first,
            strikes(7, 1, 200).pop().map(|(_, strike)| strike),
            "the order of the tree does not count"
        );
    }

    #[test]
    fn every_kind_of_actor_is_struck_with_every_kind_that_it_stands_and_nobody_else() {
        let struck = strikes(1, 4_000, 1_000);
        for (_, strike) in &struck {
            assert_eq!(ActorKind::of(&strike.path), Some(strike.actor));
            assert!(strike.actor.stands(strike.kind), "{strike:?}");
        }
        for actor in ActorKind::ALL.into_iter().filter(|actor| *actor != ActorKind::View) {
            for kind in Kind::ALL.into_iter().filter(|kind| actor.stands(*kind)) {
                let has = struck.iter().any(|(_, strike)| (strike.actor, strike.kind) == (actor, kind));
                assert!(has, "{kind} to {actor}");
            }
        }
    }

    #[test]
    fn the_supervisors_of_the_house_are_never_brought_to_give_up() {
        for (prefix, most, within) in [("core/", 3, 5), ("runs/p0/router", 3, 5), ("views/", 20, 600)] {
            let struck = strikes(3, 7_000, 100);
            let times: Vec<Duration> = struck
                .iter()
                .filter(|(_, strike)| strike.path.starts_with(prefix))
                .map(|(now, _)| *now)
                .collect();
            assert!(times.len() > 2, "{prefix}");
            for (at, from) in times.iter().enumerate() {
                let in_window =
                    times[at..].iter().take_while(|time| **time <= *from + Duration::from_secs(within));
                assert!(in_window.count() < most, "{prefix}");
            }
        }
    }

    #[test]
    fn only_the_kinds_that_were_asked_for_are_used_and_nothing_is_chosen_where_nobody_stands_them() {
        let mut hang = Marksman::new(1, &[Kind::Hang, Kind::Hang]);
        let strike = hang.choose(Duration::ZERO, UP.into_iter()).unwrap();
        assert_eq!((strike.kind, strike.actor), (Kind::Hang, ActorKind::Execution));
        assert_eq!(hang.choose(Duration::ZERO, UP.into_iter()), None, "it hangs already");
        let next = "runs/p0/runs/r1/executions/a@2";
        assert_eq!(hang.choose(Duration::ZERO, [next].into_iter()).unwrap().path, next);
        assert_eq!(hang.choose(Duration::ZERO, ["core/planner", "journal"].into_iter()), None);
        assert_eq!(Marksman::new(1, &[]).choose(Duration::ZERO, UP.into_iter()), None);
    }
}
