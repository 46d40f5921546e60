//! The index of one segment in memory: of the one being written, and of one whose sidecar is not written yet.
//!
//! It is filled commit by commit, and by scanning the segment at start. Its size is bounded by the segment's.

use std::collections::{BinaryHeap, HashMap, HashSet};
use std::sync::Arc;

use super::Waking;
use super::frame::{AppendHead, PartHead};
use crate::record::{StreamHead, StreamName, Wake};

/// A place in the sequence table at most every so many bytes of a segment.
const PLACE_EVERY_BYTES: u32 = 64 << 10;

/// How many routes are kept for sharing.
const ROUTES_MAX: usize = 1_024;

/// Where a part lies in its segment, and the stream sequence of its first record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct PartAt {
    pub offset: u32,
    pub len: u32,
    pub first: u64,
}

/// Where a frame lies, and the global sequence it begins with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct FrameAt {
    pub sequence: u64,
    pub offset: u32,
}

/// What a segment knows of a stream.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct StreamEntry {
    /// The stream sequence of its first record in this segment.
    pub first: u64,
    /// Of its last record in this segment.
    pub last: u64,
    pub chain: [u8; 32],
    pub wake: Wake,
    pub route: Arc<str>,
    /// Its last record is damaged, and what is said of it here is not proved: nobody may build on that.
    pub is_in_doubt: bool,
}

impl StreamEntry {
    pub fn head(&self) -> StreamHead {
        StreamHead {
            sequence: self.last,
            chain: self.chain,
            wake: self.wake,
            route: self.route.clone(),
            is_in_doubt: self.is_in_doubt,
        }
    }
}

#[derive(Debug, Default)]
pub(crate) struct Tail {
    streams: HashMap<StreamName, TailStream>,
    parts: Vec<LinkedPart>,
    aliases: HashMap<[u8; 16], StreamName>,
    frames: Vec<FrameAt>,
    /// Routes are few and repeat: one allocation for each.
    routes: HashSet<Arc<str>>,
}

#[derive(Debug)]
struct TailStream {
    entry: StreamEntry,
    last_part: u32,
    part_count: u32,
}

#[derive(Debug)]
struct LinkedPart {
    at: PartAt,
    /// The part before it of the same stream; itself for the first.
    previous: u32,
}

impl Tail {
    /// Takes in a commit that lies at `offset` of the segment.
    pub fn apply(&mut self, offset: u32, sequence: u64, appends: &[AppendHead]) {
        self.begin_frame(offset, sequence);
        for part in appends.iter().flat_map(|append| &append.parts) {
            self.add(offset, part, false);
        }
    }

    /// Takes in that a frame, or what is left of one, begins at `offset` with this sequence.
    pub fn begin_frame(&mut self, offset: u32, sequence: u64) {
        let far = self.frames.last().is_none_or(|last| offset - last.offset >= PLACE_EVERY_BYTES);
        if far {
            self.frames.push(FrameAt { sequence, offset });
        }
    }

    /// Takes in a part of what begins at `offset`. One that is damaged has its place, so that whoever reads the stream comes by
    /// it; `is_in_doubt` when what it says of the stream is not proved.
    pub fn add(&mut self, offset: u32, part: &PartHead, is_in_doubt: bool) {
        let index = u32::try_from(self.parts.len()).expect("a segment holds fewer parts than bytes");
        let last = part.last_stream_sequence();
        let at = PartAt { offset: offset + part.offset, len: part.len, first: part.first_stream_sequence };
        let route = self.intern(&part.route);
        let previous = match self.streams.get_mut(&part.stream) {
            Some(stream) => {
                let previous = std::mem::replace(&mut stream.last_part, index);
                stream.part_count += 1;
                stream.entry.last = last;
                stream.entry.chain = part.chain_after;
                stream.entry.wake = part.wake;
                stream.entry.route = route;
                stream.entry.is_in_doubt = is_in_doubt;
                previous
            }
            None => {
                let entry = StreamEntry {
                    first: part.first_stream_sequence,
                    last,
                    chain: part.chain_after,
                    wake: part.wake,
                    route,
                    is_in_doubt,
                };
                self.streams
                    .insert(part.stream.clone(), TailStream { entry, last_part: index, part_count: 1 });
                index
            }
        };
        self.parts.push(LinkedPart { at, previous });
        for alias in &part.aliases {
            self.aliases.insert(*alias, part.stream.clone());
        }
    }

    fn intern(&mut self, route: &Arc<str>) -> Arc<str> {
        if let Some(known) = self.routes.get(route) {
            return known.clone();
        }
        if self.routes.len() < ROUTES_MAX {
            self.routes.insert(route.clone());
        }
        route.clone()
    }

    pub fn get(&self, stream: &StreamName) -> Option<&StreamEntry> {
        self.streams.get(stream).map(|stream| &stream.entry)
    }

    pub fn alias(&self, alias: &[u8; 16]) -> Option<&StreamName> {
        self.aliases.get(alias)
    }

    pub fn stream_count(&self) -> usize {
        self.streams.len()
    }

    /// The parts of a stream from the one that holds `from` on, oldest first, at most `limit`.
    pub fn parts(&self, stream: &StreamName, from: u64, limit: usize) -> Vec<PartAt> {
        let Some(stream) = self.streams.get(stream) else { return Vec::new() };
        let mut found = Vec::new();
        let mut index = stream.last_part;
        for _ in 0..stream.part_count {
            let part = &self.parts[index as usize];
            found.push(part.at);
            if part.at.first <= from {
                break;
            }
            index = part.previous;
        }
        found.reverse();
        found.truncate(limit);
        found
    }

    /// A frame at or before the one that holds global sequence `sequence`.
    pub fn frame_before(&self, sequence: u64) -> Option<FrameAt> {
        let after = self.frames.partition_point(|frame| frame.sequence <= sequence);
        after.checked_sub(1).map(|index| self.frames[index])
    }

    pub fn frames(&self) -> &[FrameAt] {
        &self.frames
    }

    /// The first `limit` streams that are due at `until` or before and come after the cursor, in order.
    pub fn waking(&self, until: i64, after: Option<&Waking>, limit: usize) -> Vec<Waking> {
        let due = self.streams.iter().filter_map(|(name, stream)| {
            let due_us = stream.entry.wake.due_us().filter(|due| *due <= until)?;
            Some((due_us, name))
                .filter(|next| after.is_none_or(|after| *next > (after.due_us, &after.stream)))
        });
        let waking = |(due_us, name): (i64, &StreamName)| Waking { due_us, stream: name.clone() };
        smallest(due, limit).into_iter().map(waking).collect()
    }

    /// The first `limit` names that begin with `prefix` and come after the cursor, in order.
    pub fn names(&self, prefix: &str, after: Option<&StreamName>, limit: usize) -> Vec<StreamName> {
        let names = self
            .streams
            .keys()
            .filter(|name| name.as_str().starts_with(prefix) && after.is_none_or(|after| *name > after));
        smallest(names, limit).into_iter().cloned().collect()
    }

    /// All streams by name, with their parts: what a sidecar is written from.
    pub fn sorted(&self) -> Vec<(&StreamName, &StreamEntry)> {
        let mut all: Vec<_> = self.streams.iter().map(|(name, stream)| (name, &stream.entry)).collect();
        all.sort_unstable_by_key(|(name, _)| *name);
        all
    }

    pub fn aliases(&self) -> impl Iterator<Item = (&[u8; 16], &StreamName)> {
        self.aliases.iter()
    }
}

/// The `limit` smallest of `items`, sorted, in memory for `limit` of them.
fn smallest<T: Ord>(items: impl Iterator<Item = T>, limit: usize) -> Vec<T> {
    let mut heap = BinaryHeap::with_capacity(limit.min(1024));
    for item in items {
        if heap.len() < limit {
            heap.push(item);
        } else if let Some(mut largest) = heap.peek_mut()
            && item < *largest
        {
            *largest = item;
        }
    }
    heap.into_sorted_vec()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_smallest_of_many_come_sorted() {
        assert_eq!(smallest([5, 1, 4, 2, 3].into_iter(), 3), [1, 2, 3]);
        assert_eq!(smallest([2, 1].into_iter(), 3), [1, 2]);
        assert_eq!(smallest([2, 1].into_iter(), 0), [0; 0]);
    }
}
