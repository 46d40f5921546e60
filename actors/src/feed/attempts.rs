//! The text that running attempts have written so far, for those who begin to watch in the middle.
//!
//! Bounded: the last [`TEXT_BYTES_MAX`] bytes of an attempt, and [`ATTEMPTS_MAX`] attempts, of which the one that began
//! first is forgotten. What is lost is a convenience: the whole text is the attempt's output in the journal.

use std::collections::{BTreeMap, HashMap};

use ghostlight_model::ids::{AttemptId, RunId, StepPath};

use super::live::{LiveEvent, LiveWhat};

/// The most bytes of text that are kept of one attempt.
pub(super) const TEXT_BYTES_MAX: usize = 64 * 1024;
/// The most bytes of text that one subscriber gets at once.
pub(super) const GIVEN_BYTES_MAX: usize = 4 << 20;
/// The most attempts whose text is kept.
pub(super) const ATTEMPTS_MAX: usize = 512;

#[derive(Debug, Default)]
struct Written {
    /// The end of the text.
    tail: String,
    /// How many bytes of text were written.
    bytes: u64,
    /// How many reports of progress there were.
    reports: u64,
    /// In which order attempts began.
    began: u64,
}

/// The texts of running attempts.
#[derive(Debug, Default)]
pub(super) struct Attempts {
    by_run: HashMap<RunId, BTreeMap<AttemptId, Written>>,
    count: usize,
    began: u64,
}

impl Attempts {
    /// Takes note of a live event and says its offset: for text the number of bytes written before it, for progress the
    /// number of reports before it, else 0.
    pub fn offset_of(&mut self, event: &LiveEvent) -> u64 {
        match &event.what {
            LiveWhat::Token { run, attempt, text } => {
                let written = self.written(*run, attempt);
                let offset = written.bytes;
                written.bytes += text.len() as u64;
                written.tail.push_str(text);
                keep_end(&mut written.tail);
                offset
            }
            LiveWhat::Progress { run, attempt, .. } => {
                let written = self.written(*run, attempt);
                written.reports += 1;
                written.reports - 1
            }
            LiveWhat::ActorStarted { .. } | LiveWhat::ActorExited { .. } => 0,
        }
    }

    /// Whether anything is kept of a run.
    pub fn has(&self, run: RunId) -> bool {
        self.by_run.contains_key(&run)
    }

    /// Forgets an attempt that has ended.
    pub fn end(&mut self, run: RunId, step: &StepPath, number: u32) {
        let Some(attempts) = self.by_run.get_mut(&run) else { return };
        if attempts.remove(&AttemptId { step: step.clone(), number }).is_some() {
            self.count -= 1;
        }
        if attempts.is_empty() {
            self.by_run.remove(&run);
        }
    }

    /// Forgets all attempts of a run.
    pub fn end_run(&mut self, run: RunId) {
        self.count -= self.by_run.remove(&run).map_or(0, |attempts| attempts.len());
    }

    /// The runs of which anything is kept.
    pub fn runs(&self) -> Vec<RunId> {
        self.by_run.keys().copied().collect()
    }

    /// The text so far of the attempts of the runs that `is_seen` takes: as one token each, with the offset at which it
    /// begins. At most [`GIVEN_BYTES_MAX`] of text in all.
    pub fn so_far(&self, is_seen: impl Fn(RunId) -> bool) -> Vec<(LiveEvent, u64)> {
        let mut given = Vec::new();
        let mut room = GIVEN_BYTES_MAX;
        for (run, attempts) in self.by_run.iter().filter(|(run, _)| is_seen(**run)) {
            for (attempt, written) in attempts.iter().filter(|(_, written)| !written.tail.is_empty()) {
                let Some(left) = room.checked_sub(written.tail.len()) else { return given };
                room = left;
                let offset = written.bytes - written.tail.len() as u64;
                given.push((LiveEvent::whole_text(*run, attempt.clone(), written.tail.clone()), offset));
            }
        }
        given
    }

    fn written(&mut self, run: RunId, attempt: &AttemptId) -> &mut Written {
        let is_new = self.by_run.get(&run).is_none_or(|attempts| !attempts.contains_key(attempt));
        if is_new {
            self.make_room();
            self.count += 1;
            self.began += 1;
        }
        let began = self.began;
        let new = || Written { began, ..Written::default() };
        self.by_run.entry(run).or_default().entry(attempt.clone()).or_insert_with(new)
    }

    fn make_room(&mut self) {
        if self.count < ATTEMPTS_MAX {
            return;
        }
        let all =
            self.by_run.iter().flat_map(|(run, attempts)| attempts.iter().map(move |(id, it)| (run, id, it)));
        let first = all.min_by_key(|(_, _, written)| written.began).map(|(run, id, _)| (*run, id.clone()));
        if let Some((run, id)) = first {
            self.end(run, &id.step, id.number);
        }
    }
}

fn keep_end(text: &mut String) {
    // Cut a piece at a time, so that moving the text costs little per byte written.
    if text.len() > TEXT_BYTES_MAX {
        let from = text.len() - 3 * TEXT_BYTES_MAX / 4;
        let from = (from..=text.len()).find(|at| text.is_char_boundary(*at)).unwrap_or(text.len());
        text.drain(..from);
    }
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;

    fn run(number: u128) -> RunId {
        RunId(Uuid::from_u128(number))
    }

    fn attempt(number: u32) -> AttemptId {
        AttemptId { step: StepPath::new("write").unwrap(), number }
    }

    fn texts(attempts: &Attempts, wanted: Option<RunId>) -> Vec<(String, u64)> {
        let text = |(event, offset): (LiveEvent, u64)| match event.what {
            LiveWhat::Token { text, .. } => (text, offset),
            other => panic!("{other:?} is no text"),
        };
        attempts.so_far(|run| wanted.is_none_or(|wanted| wanted == run)).into_iter().map(text).collect()
    }

    #[test]
    fn pieces_get_the_offset_at_which_they_begin_and_join_to_the_text_so_far() {
        let mut attempts = Attempts::default();
        let offsets: Vec<_> = ["ab", "ä", "c"]
            .map(|text| attempts.offset_of(&LiveEvent::token(run(1), attempt(1), text.into())))
            .into();
        assert_eq!(offsets, [0, 2, 4]);
        assert_eq!(texts(&attempts, Some(run(1))), [("abäc".to_owned(), 0)]);
        assert_eq!(texts(&attempts, Some(run(2))), []);
        let step = StepPath::new("write").unwrap();
        attempts.end(run(1), &step, 1);
        assert_eq!(texts(&attempts, None), []);
    }

    #[test]
    fn a_long_text_keeps_its_end_and_says_where_that_begins() {
        let mut attempts = Attempts::default();
        for _ in 0..20 {
            attempts.offset_of(&LiveEvent::token(run(1), attempt(1), "ä".repeat(8_000)));
        }
        let [(text, offset)] = &texts(&attempts, None)[..] else { panic!("one text") };
        assert!(text.len() <= TEXT_BYTES_MAX);
        assert_eq!(*offset + text.len() as u64, 20 * 16_000);
    }

    #[test]
    fn the_attempt_that_began_first_makes_room() {
        let mut attempts = Attempts::default();
        for number in 0..=ATTEMPTS_MAX as u128 {
            attempts.offset_of(&LiveEvent::token(run(number), attempt(1), number.to_string()));
        }
        assert_eq!(attempts.count, ATTEMPTS_MAX);
        assert!(!attempts.has(run(0)));
        assert!(attempts.has(run(1)));
        attempts.end_run(run(1));
        assert_eq!(attempts.count, ATTEMPTS_MAX - 1);
    }
}
