//! What a subscriber asks for and what it gets.

use std::sync::Arc;

use bytestring::ByteString;
use uuid::Uuid;

use super::filter::FeedFilter;

/// What to subscribe to.
#[derive(Debug, Clone, Default)]
pub struct FeedRequest {
    /// The global sequence of the last record that the subscriber has. Without it a feed starts at the head, and a run's
    /// feed at the run's beginning.
    pub after: Option<u64>,
    /// The log which `after` is of, as `feed.hello` named it.
    pub log: Option<Uuid>,
    /// Which records.
    pub filter: FeedFilter,
    /// Live events too: tokens, progress, actors.
    pub live: bool,
}

/// What a subscription gives, in this order: a hello, perhaps a gap, then frames; at the end a closing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FeedItem {
    /// The first item.
    Hello {
        /// Which log the sequences are of.
        log: Uuid,
        /// The global sequence of its last record.
        head: u64,
    },
    /// A record, or a live event, which has no sequences.
    Frame {
        /// The record's global sequence.
        sequence: Option<u64>,
        /// The record's sequence in its stream.
        stream_sequence: Option<u64>,
        /// The frame itself, shared by all subscribers.
        bytes: ByteString,
    },
    /// The feed goes on behind `to` instead of behind `from`: ask for the state as of `to`.
    Gap {
        /// The cursor that cannot be continued.
        from: u64,
        /// The cursor that is continued instead. 0 in a run's feed: it is given from its beginning.
        to: u64,
        /// Why.
        reason: GapReason,
    },
    /// The subscriber was too slow: what it missed follows from the journal. Nothing but live events is lost.
    Lagged {
        /// The last record it had.
        after: u64,
        /// The last record there is.
        head: u64,
    },
    /// The last item: subscribe again, from the cursor.
    Closing {
        /// Why.
        reason: Arc<str>,
    },
}

impl FeedItem {
    /// The cursor from which a subscriber that has this item goes on; none when the item does not move it.
    #[must_use]
    pub fn cursor(&self) -> Option<u64> {
        match self {
            Self::Frame { sequence, .. } => *sequence,
            Self::Gap { to, .. } => Some(*to),
            Self::Hello { .. } | Self::Lagged { .. } | Self::Closing { .. } => None,
        }
    }
}

/// Why a cursor cannot be continued.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum GapReason {
    /// It is of another log: this one was restored, or is another store's.
    OtherLog,
    /// It is beyond the last record.
    BeyondHead,
    /// The records after it are not kept any more.
    Retention,
    /// The records after it are damaged.
    Damage,
}

/// Why there is no subscription.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum FeedError {
    /// As many as there may be: try again later.
    #[error("there are {max} subscriptions, as many as there may be")]
    TooMany {
        /// How many there may be.
        max: usize,
    },
    /// The feed is closing.
    #[error("the feed is closing: {reason}")]
    Closing {
        /// Why.
        reason: Arc<str>,
    },
}
