//! The feed: every record of the journal as it becomes durable, to any number of watchers, and what happens in between.
//!
//! The [hub](FeedHandle) follows the journal and keeps the last frames in a bounded ring; a frame is made once for all.
//! A [`Subscription`] reads the journal from its cursor up to where the ring takes over, and falls back on the journal
//! when it was too slow, so that every watcher gets every record once, in order, whatever happens in between. Live
//! events (tokens, progress, actors) have no sequence and may be lost; the text so far of a running attempt comes first.

mod attempts;
mod ends;
mod facts;
mod filter;
mod frame;
mod hub;
mod item;
mod live;
mod places;
mod ring;
mod shared;
mod subscription;

#[cfg(test)]
mod tests;

pub use filter::{Audience, FEED_LABELS_MAX, FeedFilter, FilterError, TYPE_PATTERNS_MAX, TypeFilter};
pub use frame::HIDDEN;
pub use hub::{FeedHandle, FeedStats};
pub use item::{FeedError, FeedItem, FeedRequest, GapReason};
pub use live::{LIVE_TEXT_BYTES_MAX, LiveEvent};
pub use shared::FeedLimits;
pub use subscription::Subscription;
