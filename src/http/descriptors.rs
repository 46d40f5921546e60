//! How many connections there is room for: each takes two descriptors, and the store must never be without one.

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// Descriptors that are left to the store, to agents and to everything else.
const RESERVED: u64 = 512;
/// What a connection takes: its socket, and the handle by which it is ended from outside.
const PER_CONNECTION: u64 = 2;
/// The fewest connections, however little room there is: without any nobody could look at what is wrong.
const CONNECTIONS_MIN: usize = 32;

/// Raises the process's limit of descriptors as far as `wanted` connections need and the system allows, and answers how
/// many there is room for.
#[must_use]
pub fn make_room(wanted: usize) -> usize {
    let needed = RESERVED + PER_CONNECTION * wanted as u64;
    let limit = getrlimit(Resource::Nofile);
    let raised = raised(&limit, needed);
    let granted = match raised {
        Some(current) if limit.current != Some(current) => {
            match setrlimit(Resource::Nofile, Rlimit { current: raised, maximum: limit.maximum }) {
                Ok(()) => raised,
                Err(_) => limit.current,
            }
        }
        Some(_) | None => limit.current,
    };
    let room = room(granted, wanted);
    if room < wanted {
        tracing::warn!(
            wanted,
            room,
            "the limit of open files leaves room for fewer connections than configured"
        );
    }
    room
}

/// Raises the limit as far as the system allows, for a command that holds a whole journal open. Best effort: what opens too
/// many says so.
pub fn make_most_room() {
    let limit = getrlimit(Resource::Nofile);
    let _ = setrlimit(Resource::Nofile, Rlimit { current: limit.maximum, ..limit });
}

/// The soft limit to ask for: never lower than it is, never higher than the hard one.
fn raised(limit: &Rlimit, needed: u64) -> Option<u64> {
    limit.current.map(|current| current.max(needed.min(limit.maximum.unwrap_or(u64::MAX))))
}

fn room(granted: Option<u64>, wanted: usize) -> usize {
    let Some(granted) = granted else { return wanted };
    let room = granted.saturating_sub(RESERVED) / PER_CONNECTION;
    usize::try_from(room).unwrap_or(usize::MAX).clamp(CONNECTIONS_MIN.min(wanted), wanted)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_limit_is_raised_as_far_as_needed_and_allowed_and_never_lowered() {
        let limit = |current, maximum| Rlimit { current, maximum };
        assert_eq!(raised(&limit(Some(1_024), Some(4_096)), 2_000), Some(2_000));
        assert_eq!(raised(&limit(Some(1_024), Some(4_096)), 9_000), Some(4_096));
        assert_eq!(raised(&limit(Some(65_536), None), 9_000), Some(65_536));
        assert_eq!(raised(&limit(None, None), 9_000), None);
    }

    #[test]
    fn connections_leave_room_for_the_store() {
        assert_eq!(room(Some(1_024), 8_192), 256);
        assert_eq!(room(Some(1 << 20), 8_192), 8_192);
        assert_eq!(room(Some(100), 8_192), CONNECTIONS_MIN);
        assert_eq!(room(None, 8_192), 8_192);
    }
}
