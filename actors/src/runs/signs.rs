//! When the attempts that are being made last showed a sign of life. Nothing of it is kept: an attempt that is not being made
//! here shows none.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use ghostlight_agents::Signs;
use ghostlight_model::ids::{AttemptId, RunId};

/// The attempts that are being made. Cheap to clone.
#[derive(Debug, Clone, Default)]
pub struct LivingAttempts(Arc<Mutex<HashMap<RunId, BTreeMap<AttemptId, Living>>>>);

#[derive(Debug, Clone)]
struct Living {
    signs: Signs,
    silence_max: Duration,
}

/// How an attempt is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Silence {
    /// How long ago its last sign of life was, or its beginning.
    pub lasts: Duration,
    /// How much silence ends it: its agent's heartbeat, else its timeout.
    pub allowed: Duration,
}

impl Silence {
    /// Whether it looks as if it would never end by itself: half of the silence that will end it has passed.
    #[must_use]
    pub fn is_stuck(self) -> bool {
        self.lasts > self.allowed / 2
    }
}

impl LivingAttempts {
    fn lock(&self) -> MutexGuard<'_, HashMap<RunId, BTreeMap<AttemptId, Living>>> {
        // Nothing under this lock can panic half-way through a change.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Shows an attempt for as long as the answer is kept.
    #[must_use]
    pub fn enter(&self, run: RunId, attempt: AttemptId, signs: Signs, silence_max: Duration) -> Entered {
        self.lock().entry(run).or_default().insert(attempt.clone(), Living { signs, silence_max });
        Entered { living: self.clone(), run, attempt }
    }

    /// The attempts of a run that are being made.
    #[must_use]
    pub fn of(&self, run: RunId) -> BTreeMap<AttemptId, Silence> {
        let silence =
            |living: &Living| Silence { lasts: living.signs.silent_for(), allowed: living.silence_max };
        let all = self.lock();
        let living = all.get(&run).into_iter().flatten();
        living.map(|(attempt, living)| (attempt.clone(), silence(living))).collect()
    }
}

/// An attempt is being made until this is dropped.
#[derive(Debug)]
pub struct Entered {
    living: LivingAttempts,
    run: RunId,
    attempt: AttemptId,
}

impl Drop for Entered {
    fn drop(&mut self) {
        let mut all = self.living.lock();
        if let Some(attempts) = all.get_mut(&self.run) {
            attempts.remove(&self.attempt);
            if attempts.is_empty() {
                all.remove(&self.run);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use ghostlight_agents::progress_channel;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn an_attempt_is_stuck_when_half_of_the_silence_that_ends_it_has_passed_and_gone_when_it_ends() {
        let living = LivingAttempts::default();
        let run = RunId(uuid::Uuid::from_u128(7));
        let attempt = AttemptId { step: "a".parse().unwrap(), number: 1 };
        let (sink, receiver) = progress_channel();
        let entered = living.enter(run, attempt.clone(), receiver.signs(), Duration::from_secs(10));
        let is_stuck = || living.of(run)[&attempt].is_stuck();
        tokio::time::advance(Duration::from_secs(5)).await;
        assert!(!is_stuck());
        tokio::time::advance(Duration::from_secs(1)).await;
        assert!(is_stuck());
        sink.alive();
        assert!(!is_stuck());
        drop(entered);
        assert!(living.of(run).is_empty() && living.lock().is_empty());
    }
}
