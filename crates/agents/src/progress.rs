//! What an agent says while it works, through a channel that is bounded in number and bytes and never makes it wait.
//!
//! When the reader is slow, adjacent tokens are joined, and what does not fit any more is dropped and counted. Usage is
//! never dropped: what has not been read yet is added up. Nor is the end of stderr, of which there is one per attempt.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use ghostlight_model::event::Usage;
use tokio::sync::Notify;
use tokio::time::Instant;

/// The most items that wait for the reader.
const ITEMS_MAX: usize = 256;
/// The most bytes of text that wait for the reader.
const BYTES_MAX: usize = 256 * 1024;

/// Something an attempt reports before it ends.
#[derive(Debug, Clone, PartialEq)]
pub enum Progress {
    /// The process of a command runs.
    Started {
        /// Its id, which is also that of its process group and session.
        pid: u32,
    },
    /// How far it is.
    Progress {
        /// 0.0 to 1.0.
        ratio: Option<f64>,
        /// For people.
        text: String,
    },
    /// A piece of text that is being written.
    Token(String),
    /// A message of a conversation.
    Message {
        /// `assistant`, `tool` ...
        role: String,
        /// Its text.
        content: String,
    },
    /// What was used since the last report; to be added up.
    Usage(Usage),
    /// The last of what a command wrote to stderr, at most 64 KiB. Comes once, at the end, if there was any.
    StderrTail(String),
}

impl Progress {
    fn bytes(&self) -> usize {
        match self {
            Self::Started { .. } | Self::Usage(_) => 0,
            Self::Progress { text, .. } | Self::Token(text) | Self::StderrTail(text) => text.len(),
            Self::Message { role, content } => role.len() + content.len(),
        }
    }
}

/// A channel of progress for one attempt.
#[must_use]
pub fn progress_channel() -> (ProgressSink, ProgressReceiver) {
    let shared = Arc::new(Shared {
        queue: Mutex::default(),
        notify: Notify::new(),
        opened: Instant::now(),
        last_sign_us: AtomicU64::new(0),
    });
    let sender = Arc::new(Sender(shared.clone()));
    (ProgressSink(Some(sender)), ProgressReceiver(shared))
}

#[derive(Debug)]
struct Shared {
    queue: Mutex<Queue>,
    notify: Notify,
    opened: Instant,
    /// When the attempt last showed a sign of life, in microseconds after `opened`.
    last_sign_us: AtomicU64,
}

#[derive(Debug, Default)]
struct Queue {
    items: VecDeque<Progress>,
    bytes: usize,
    usage: Usage,
    stderr_tail: Option<String>,
    dropped: u64,
    closed: bool,
}

impl Shared {
    fn show_sign(&self) {
        let since_us = u64::try_from(self.opened.elapsed().as_micros()).unwrap_or(u64::MAX);
        self.last_sign_us.fetch_max(since_us, Ordering::Relaxed);
    }

    /// A panic while the lock was held cannot leave the queue half changed in a way that matters.
    fn lock(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Closes the channel with the last sink.
#[derive(Debug)]
struct Sender(Arc<Shared>);

impl Drop for Sender {
    fn drop(&mut self) {
        self.0.lock().closed = true;
        self.0.notify.notify_one();
    }
}

/// The writing end. Cheap to clone; never waits.
#[derive(Debug, Clone)]
pub struct ProgressSink(Option<Arc<Sender>>);

impl ProgressSink {
    /// A sink that forgets what it is told.
    #[must_use]
    pub fn discard() -> Self {
        Self(None)
    }

    /// Reports something. Drops it when the reader is too far behind, unless it is usage or the end of stderr.
    pub fn send(&self, progress: Progress) {
        if let Some(sender) = &self.0 {
            sender.0.show_sign();
            sender.0.lock().push(progress);
            sender.0.notify.notify_one();
        }
    }

    /// Shows a sign of life that says nothing.
    pub fn alive(&self) {
        if let Some(sender) = &self.0 {
            sender.0.show_sign();
        }
    }
}

/// When an attempt last showed a sign of life; good beyond its end.
#[derive(Debug, Clone)]
pub struct Signs(Arc<Shared>);

impl Signs {
    /// How long ago its last sign was; if there was none, how long ago its channel was made.
    #[must_use]
    pub fn silent_for(&self) -> Duration {
        let last = Duration::from_micros(self.0.last_sign_us.load(Ordering::Relaxed));
        self.0.opened.elapsed().saturating_sub(last)
    }
}

impl Queue {
    fn push(&mut self, progress: Progress) {
        match progress {
            Progress::Usage(usage) => self.usage.add(usage),
            Progress::StderrTail(tail) => self.stderr_tail = Some(tail),
            other => self.push_or_drop(other),
        }
    }

    fn push_or_drop(&mut self, progress: Progress) {
        let bytes = progress.bytes();
        if self.bytes + bytes > BYTES_MAX {
            self.dropped += 1;
            return;
        }
        if let (Some(Progress::Token(last)), Progress::Token(text)) = (self.items.back_mut(), &progress) {
            last.push_str(text);
        } else if self.items.len() >= ITEMS_MAX {
            self.dropped += 1;
            return;
        } else {
            self.items.push_back(progress);
        }
        self.bytes += bytes;
    }

    fn pop(&mut self) -> Option<Progress> {
        if let Some(item) = self.items.pop_front() {
            self.bytes -= item.bytes();
            return Some(item);
        }
        if !self.usage.is_nothing() {
            return Some(Progress::Usage(std::mem::take(&mut self.usage)));
        }
        self.stderr_tail.take().map(Progress::StderrTail)
    }
}

/// The reading end.
#[derive(Debug)]
pub struct ProgressReceiver(Arc<Shared>);

impl ProgressReceiver {
    /// The next report; `None` once the attempt is over and everything was read. Safe to drop.
    pub async fn recv(&mut self) -> Option<Progress> {
        loop {
            {
                let mut queue = self.0.lock();
                if let Some(progress) = queue.pop() {
                    return Some(progress);
                }
                if queue.closed {
                    return None;
                }
            }
            self.0.notify.notified().await;
        }
    }

    /// Where its signs of life can be seen.
    #[must_use]
    pub fn signs(&self) -> Signs {
        Signs(self.0.clone())
    }

    /// The next report, if one is there.
    pub fn try_recv(&mut self) -> Option<Progress> {
        self.0.lock().pop()
    }

    /// How many reports were dropped because nobody read them in time.
    #[must_use]
    pub fn dropped(&self) -> u64 {
        self.0.lock().dropped
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn usage(tokens: u64) -> Progress {
        Progress::Usage(Usage { input_tokens: tokens, output_tokens: 1 })
    }

    #[tokio::test]
    async fn a_slow_reader_loses_progress_but_never_usage() {
        let (sink, mut receiver) = progress_channel();
        for _ in 0..10_000 {
            sink.send(Progress::Progress { ratio: None, text: "x".repeat(100) });
            sink.send(usage(2));
        }
        sink.send(Progress::StderrTail("end".into()));
        drop(sink);
        let (mut items, mut total, mut tail) = (0, Usage::default(), None);
        while let Some(progress) = receiver.recv().await {
            match progress {
                Progress::Usage(usage) => total.add(usage),
                Progress::StderrTail(text) => tail = Some(text),
                _ => items += 1,
            }
        }
        assert_eq!(total, Usage { input_tokens: 20_000, output_tokens: 10_000 });
        assert_eq!(items, ITEMS_MAX);
        assert_eq!(receiver.dropped(), 10_000 - ITEMS_MAX as u64);
        assert_eq!(tail.as_deref(), Some("end"));
    }

    #[tokio::test(start_paused = true)]
    async fn whatever_is_sent_is_a_sign_of_life_and_so_is_saying_nothing_else() {
        let (sink, receiver) = progress_channel();
        let signs = receiver.signs();
        let pass = Duration::from_secs(3);
        tokio::time::advance(pass).await;
        assert_eq!(signs.silent_for(), pass);
        sink.send(usage(1));
        assert_eq!(signs.silent_for(), Duration::ZERO);
        tokio::time::advance(pass).await;
        sink.alive();
        tokio::time::advance(pass).await;
        assert_eq!(signs.silent_for(), pass);
    }

    #[test]
    fn tokens_that_wait_are_joined_and_bounded() {
        let (sink, mut receiver) = progress_channel();
        for _ in 0..2 * BYTES_MAX {
            sink.send(Progress::Token("x".into()));
        }
        let Some(Progress::Token(text)) = receiver.try_recv() else { panic!("a token") };
        assert_eq!(text.len(), BYTES_MAX);
        assert_eq!(receiver.try_recv(), None);
    }
}
