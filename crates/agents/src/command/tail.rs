//! The last bytes of a stream.

use std::collections::VecDeque;

/// How much is kept.
const TAIL_BYTES: usize = 64 * 1024;

/// Keeps the last 64 KiB of what it is given.
#[derive(Debug, Default)]
pub(super) struct Tail(VecDeque<u8>);

impl Tail {
    /// Takes the next piece.
    pub(super) fn push(&mut self, piece: &[u8]) {
        let piece = &piece[piece.len().saturating_sub(TAIL_BYTES)..];
        let excess = (self.0.len() + piece.len()).saturating_sub(TAIL_BYTES);
        self.0.drain(..excess);
        self.0.extend(piece);
    }

    /// What is kept, as text; a broken character at the cut is replaced.
    pub(super) fn text(&mut self) -> String {
        String::from_utf8_lossy(self.0.make_contiguous()).into_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_end_is_kept() {
        let mut tail = Tail::default();
        tail.push(&vec![b'a'; 3 * TAIL_BYTES]);
        tail.push(b"bc");
        let text = tail.text();
        assert_eq!(text.len(), TAIL_BYTES);
        assert!(text.starts_with('a') && text.ends_with("abc"));
    }
}
