//! Known faults, chosen by the environment variable `GHOSTLIGHT_PLANTED_BUG`: the proof that the tests which look
//! for such faults can find them. Only in builds with the feature `planted-bugs`.

use std::sync::OnceLock;

/// Whether this fault was asked for.
pub(crate) fn is_planted(name: &str) -> bool {
    static CHOSEN: OnceLock<Option<String>> = OnceLock::new();
    CHOSEN.get_or_init(|| std::env::var("GHOSTLIGHT_PLANTED_BUG").ok()).as_deref() == Some(name)
}
