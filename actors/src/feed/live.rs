//! Live events: what happens between two records and is not journalled. They have no sequence.

use ghostlight_model::ids::{AttemptId, RunId};
use jiff::Timestamp;

/// The most bytes of text in one live event; longer ones are cut at a character.
pub const LIVE_TEXT_BYTES_MAX: usize = 16 * 1024;

pub(super) const STEP_PROGRESS: &str = "step.progress";
pub(super) const STEP_TOKEN: &str = "step.token";
pub(super) const ACTOR_STARTED: &str = "actor.started";
pub(super) const ACTOR_EXITED: &str = "actor.exited";
/// Who looks at what: told by the surface itself, to those who look at the same, whatever they are subscribed to.
const PRESENCE_CHANGED: &str = "presence.changed";
/// The names of live events.
pub(super) const LIVE_NAMES: [&str; 5] =
    [STEP_PROGRESS, STEP_TOKEN, ACTOR_STARTED, ACTOR_EXITED, PRESENCE_CHANGED];

/// Something that is shown while it happens.
#[derive(Debug, Clone, PartialEq)]
pub struct LiveEvent {
    pub(super) what: LiveWhat,
    pub(super) at: Timestamp,
}

#[derive(Debug, Clone, PartialEq)]
pub(super) enum LiveWhat {
    Progress { run: RunId, attempt: AttemptId, ratio: Option<f64>, text: String },
    Token { run: RunId, attempt: AttemptId, text: String },
    ActorStarted { path: String, incarnation: u64 },
    ActorExited { path: String, incarnation: u64, exit: String },
}

impl LiveEvent {
    /// How far an attempt is, `ratio` from 0 to 1.
    #[must_use]
    pub fn progress(run: RunId, attempt: AttemptId, ratio: Option<f64>, text: String) -> Self {
        // JSON has no other numbers.
        let ratio = ratio.filter(|ratio| ratio.is_finite());
        Self::new(LiveWhat::Progress { run, attempt, ratio, text: cut(text) })
    }

    /// A piece of text that an attempt is writing.
    #[must_use]
    pub fn token(run: RunId, attempt: AttemptId, text: String) -> Self {
        Self::new(LiveWhat::Token { run, attempt, text: cut(text) })
    }

    /// The text that an attempt has written so far; as long as it is kept.
    pub(super) fn whole_text(run: RunId, attempt: AttemptId, text: String) -> Self {
        Self::new(LiveWhat::Token { run, attempt, text })
    }

    /// An actor began a life.
    #[must_use]
    pub fn actor_started(path: String, incarnation: u64) -> Self {
        Self::new(LiveWhat::ActorStarted { path: cut(path), incarnation })
    }

    /// An actor's life ended.
    #[must_use]
    pub fn actor_exited(path: String, incarnation: u64, exit: String) -> Self {
        Self::new(LiveWhat::ActorExited { path: cut(path), incarnation, exit: cut(exit) })
    }

    /// The same with another time: live events take the wall clock of the moment they are made.
    #[must_use]
    pub fn at(mut self, at: Timestamp) -> Self {
        self.at = at;
        self
    }

    /// Its name: the feed's `type`.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match &self.what {
            LiveWhat::Progress { .. } => STEP_PROGRESS,
            LiveWhat::Token { .. } => STEP_TOKEN,
            LiveWhat::ActorStarted { .. } => ACTOR_STARTED,
            LiveWhat::ActorExited { .. } => ACTOR_EXITED,
        }
    }

    /// The run it is about.
    #[must_use]
    pub fn run(&self) -> Option<RunId> {
        match &self.what {
            LiveWhat::Progress { run, .. } | LiveWhat::Token { run, .. } => Some(*run),
            LiveWhat::ActorStarted { .. } | LiveWhat::ActorExited { .. } => None,
        }
    }

    pub(super) fn text_bytes(&self) -> usize {
        match &self.what {
            LiveWhat::Progress { text, .. } | LiveWhat::Token { text, .. } => text.len(),
            LiveWhat::ActorStarted { path, .. } => path.len(),
            LiveWhat::ActorExited { path, exit, .. } => path.len() + exit.len(),
        }
    }

    fn new(what: LiveWhat) -> Self {
        Self { what, at: Timestamp::now() }
    }
}

fn cut(mut text: String) -> String {
    if text.len() > LIVE_TEXT_BYTES_MAX {
        let end = (0..=LIVE_TEXT_BYTES_MAX).rev().find(|at| text.is_char_boundary(*at)).unwrap_or(0);
        text.truncate(end);
    }
    text
}
