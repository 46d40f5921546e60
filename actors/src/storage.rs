//! Room on the disk: what was seen of it last, for whoever begins something new.
//!
//! It is shared, so that nobody waits for a look and nothing is lost when the task crashes that looks ([`crate::room`]). The rule
//! is [`ghostlight_model::storage`]; this file carries it. A look that fails changes nothing: a disk that does not say how much
//! room it has is met when it is written.

use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use ghostlight_model::storage::{Level, Mark, Marks, Room, Watch};
use ghostlight_store::SharedJournal;
use ghostlight_world::World;

use crate::caller::StoreError;

/// How much room there is. Cheap to clone.
#[derive(Clone)]
pub struct Storage {
    shared: Arc<Shared>,
}

struct Shared {
    marks: Marks,
    seen: Mutex<Seen>,
}

#[derive(Debug, Clone, Copy, Default)]
struct Seen {
    watch: Watch,
    room: Room,
}

/// Where the room is.
#[derive(Clone)]
pub struct Place {
    /// The data folder.
    pub data: PathBuf,
    /// What it has reserved.
    pub journal: SharedJournal,
    /// The disk and the time.
    pub world: World,
}

/// What was seen last.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StorageNow {
    /// How much room there is.
    pub level: Level,
    /// In bytes.
    pub room: Room,
    /// Below so many free bytes people are told.
    pub warn_below: u64,
    /// Below so many nothing new is begun.
    pub refuse_below: u64,
}

impl Storage {
    /// Plenty, until it is looked at.
    #[must_use]
    pub fn new(marks: Marks) -> Self {
        Self { shared: Arc::new(Shared { marks, seen: Mutex::default() }) }
    }

    /// Where nobody looks: for a store without a daemon.
    #[must_use]
    pub fn unwatched() -> Self {
        Self::new(Marks { warn_below: Mark::Bytes(0), refuse_below: Mark::Bytes(0) })
    }

    /// What was seen last.
    #[must_use]
    pub fn now(&self) -> StorageNow {
        let Seen { watch, room } = *self.shared.seen();
        let marks = self.shared.marks;
        StorageNow {
            level: watch.level(),
            room,
            warn_below: marks.warn_below.bytes(room.total),
            refuse_below: marks.refuse_below.bytes(room.total),
        }
    }

    /// Whether something new may be begun.
    ///
    /// # Errors
    /// [`StoreError::Short`].
    pub fn admit(&self) -> Result<(), StoreError> {
        if self.shared.seen().watch.level() >= Level::Short { Err(StoreError::Short) } else { Ok(()) }
    }

    /// Whether attempts of what is under way may be begun.
    #[must_use]
    pub fn has_room_for_attempts(&self) -> bool {
        self.shared.seen().watch.level() < Level::Full
    }

    /// Looks, and answers what changed. Blocks on the disk.
    pub fn look(&self, place: &Place) -> Option<Level> {
        let space = match place.world.files.space(&place.data) {
            Ok(space) => space,
            Err(error) => {
                tracing::debug!(%error, "the disk does not say how much room it has");
                return None;
            }
        };
        let reserved = place.journal.stats().reserved_bytes;
        let room = Room { free: space.free, total: space.total, reserved };
        let mut seen = self.shared.seen();
        seen.room = room;
        let changed = seen.watch.look(place.world.clock.monotonic(), room, self.shared.marks);
        drop(seen);
        if let Some(level) = changed {
            say(level, room);
        }
        changed
    }
}

impl Shared {
    fn seen(&self) -> MutexGuard<'_, Seen> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn say(level: Level, room: Room) {
    let (free_bytes, total_bytes) = (room.free, room.total);
    match level {
        Level::Plenty => tracing::info!(free_bytes, total_bytes, "there is room on the disk again"),
        Level::Low => tracing::warn!(free_bytes, total_bytes, "the disk of the data folder gets full"),
        Level::Short => tracing::error!(
            free_bytes,
            total_bytes,
            "the disk of the data folder is almost full: nothing new is begun until there is room"
        ),
        Level::Full => tracing::error!(
            free_bytes,
            total_bytes,
            "the disk of the data folder is full: no attempt is begun until there is room"
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::ledger;

    #[test]
    fn who_begins_something_new_is_refused_below_the_second_mark_and_attempts_below_the_last() {
        let (ledger, sim) = ledger();
        let data = PathBuf::from("/data");
        ledger.world.files.create_dir_all(&data).unwrap();
        let place = Place { data, journal: ledger.journal.clone(), world: ledger.world.clone() };
        let storage =
            Storage::new(Marks { warn_below: Mark::Bytes(3 << 20), refuse_below: Mark::Bytes(2 << 20) });
        let seen = |free: u64| {
            sim.files.set_free_bytes(Some(free));
            let changed = storage.look(&place);
            (changed, storage.admit().is_ok(), storage.has_room_for_attempts())
        };
        assert_eq!(seen(5 << 20), (None, true, true));
        assert_eq!(seen(2 << 20), (Some(Level::Low), true, true));
        assert_eq!(seen((2 << 20) - 1), (Some(Level::Short), false, true));
        assert_eq!(seen(1), (Some(Level::Full), false, false));
        assert_eq!(seen(5 << 20), (None, false, false), "not at once");
        sim.clock.advance(ghostlight_model::storage::BETTER_FOR);
        assert_eq!(seen(5 << 20), (Some(Level::Plenty), true, true));
        assert_eq!(storage.now().room.free, 5 << 20);
    }
}
