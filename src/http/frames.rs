//! A bound on the frames of a WebSocket's client, kept before they are gathered.
//!
//! The library looks at how long a frame is when all of it is there: whoever announces a tebibyte could have as much of it
//! kept as he sends. Here the length of each frame is read as it passes, and what is too long ends the stream.

use std::cell::Cell;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};

use actix_web::error::PayloadError;
use bytes::Bytes;
use futures::Stream;

/// The bytes of a client, up to the first frame that is too long.
pub struct Frames<S> {
    bytes: S,
    walk: Walk,
    /// Whether there was one, for who has to say why the stream ended.
    is_over: Rc<Cell<bool>>,
}

impl<S> Frames<S> {
    /// Frames of at most `bytes_max` each; the second value says later whether one was longer.
    pub fn bounded(bytes: S, bytes_max: u64) -> (Self, Rc<Cell<bool>>) {
        let is_over = Rc::new(Cell::new(false));
        (
            Self { bytes, walk: Walk { head: Vec::new(), left: 0, bytes_max }, is_over: is_over.clone() },
            is_over,
        )
    }
}

impl<S: Stream<Item = Result<Bytes, PayloadError>> + Unpin> Stream for Frames<S> {
    type Item = Result<Bytes, PayloadError>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        if self.is_over.get() {
            return Poll::Ready(None);
        }
        match Pin::new(&mut self.bytes).poll_next(cx) {
            Poll::Ready(Some(Ok(bytes))) if !self.walk.passes(&bytes) => {
                self.is_over.set(true);
                Poll::Ready(Some(Err(PayloadError::Overflow)))
            }
            other => other,
        }
    }
}

/// Where in the frames the bytes are that have passed.
struct Walk {
    /// What has come of the head of a frame (RFC 6455, 5.2).
    head: Vec<u8>,
    /// What is still to come of its payload.
    left: u64,
    bytes_max: u64,
}

impl Walk {
    /// Walks over more bytes; whether all frames that begin there may be as long as they say.
    fn passes(&mut self, mut bytes: &[u8]) -> bool {
        while let Some((&first, rest)) = bytes.split_first() {
            if self.left > 0 {
                let skipped = usize::try_from(self.left).unwrap_or(usize::MAX).min(bytes.len());
                self.left -= skipped as u64;
                bytes = &bytes[skipped..];
                continue;
            }
            self.head.push(first);
            bytes = rest;
            if let Some(length) = payload_of(&self.head) {
                if length > self.bytes_max {
                    return false;
                }
                self.left = length;
                self.head.clear();
            }
        }
        true
    }
}

/// How long the payload behind a head is; none as long as the head is not whole.
fn payload_of(head: &[u8]) -> Option<u64> {
    let second = *head.get(1)?;
    let extended = match second & 0x7f {
        126 => 2,
        127 => 8,
        _ => 0,
    };
    let mask = if second & 0x80 == 0 { 0 } else { 4 };
    let length = head.get(2..2 + extended).filter(|_| head.len() == 2 + extended + mask)?;
    let short = u64::from(second & 0x7f);
    Some(if extended == 0 { short } else { length.iter().fold(0, |all, byte| (all << 8) | u64::from(*byte)) })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const MAX: u64 = 70_000;

    fn frame(length: u64, is_masked: bool) -> Vec<u8> {
        let mask = if is_masked { 0x80 } else { 0 };
        let mut bytes = vec![0x81];
        match length {
            0..126 => bytes.push(mask | u8::try_from(length).unwrap()),
            126..0x1_0000 => {
                bytes.push(mask | 126);
                bytes.extend(u16::try_from(length).unwrap().to_be_bytes());
            }
            _ => {
                bytes.push(mask | 127);
                bytes.extend(length.to_be_bytes());
            }
        }
        bytes.extend(vec![0; if is_masked { 4 } else { 0 }]);
        bytes.extend(vec![0xff; usize::try_from(length.min(MAX)).unwrap()]);
        bytes
    }

    fn walk() -> Walk {
        Walk { head: Vec::new(), left: 0, bytes_max: MAX }
    }

    proptest! {
        /// However the bytes are cut into pieces.
        #[test]
        fn frames_within_the_bound_pass_and_the_first_beyond_it_does_not(
            lengths in prop::collection::vec((0..=MAX, any::<bool>()), 0..6),
            beyond in prop::option::of(MAX + 1..=u64::MAX),
            piece in 1..5_000_usize,
        ) {
            let mut bytes: Vec<u8> = lengths.iter().flat_map(|(length, masked)| frame(*length, *masked)).collect();
            if let Some(beyond) = beyond {
                bytes.extend(frame(beyond, true));
            }
            let mut walk = walk();
            let all_pass = bytes.chunks(piece).all(|piece| walk.passes(piece));
            prop_assert_eq!(all_pass, beyond.is_none());
        }

        #[test]
        fn no_bytes_make_it_panic_or_keep_more_than_a_head(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
            let mut walk = walk();
            walk.passes(&bytes);
            prop_assert!(walk.head.len() <= 14);
        }
    }
}
