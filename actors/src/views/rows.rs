//! The rows of the views: what lists show, small enough that a million of them are cheap.
//!
//! A row is at most [`ROW_VALUE_BYTES_MAX`](ghostlight_store::views::ROW_VALUE_BYTES_MAX) bytes whatever the journal
//! holds, because every text from outside is cut to the bytes that its field names. The whole text stands in the run's
//! stream. Rows are kept in postcard: no field of them may be left out when it is empty.

use std::collections::BTreeMap;

use ghostlight_model::event::{Decision, PauseReason, RunResult, Usage, WaitReason};
use ghostlight_model::failure::{ErrorClass, Failure};
use ghostlight_model::ids::{ApprovalId, DefinitionHash, Name, RunId, StepPath};
use ghostlight_model::payload::Payload;
use ghostlight_model::priority::Priority;
use ghostlight_model::run::RunStatus;
use ghostlight_model::workflow::Risk;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// The most bytes of keys and values of labels that a row keeps; labels beyond, in the order of their keys, are left
/// out of lists and of label filters.
pub const LABELS_BYTES_MAX: usize = 1_536;
/// The most labels that a row keeps.
pub const LABELS_MAX: usize = 32;
/// The most waiting steps that a row remembers; those beyond are left out.
pub const WAITS_MAX: usize = 32;
/// What runs may be listed by that their steps wait for: an answer, and what comes from outside. A slot comes by itself.
pub const WAITS: [WaitReason; 5] =
    [WaitReason::Approval, WaitReason::Reconcile, WaitReason::Signal, WaitReason::Child, WaitReason::Time];
/// The most bytes of an error's message, a gate's comment.
pub const MESSAGE_BYTES_MAX: usize = 512;
/// The most bytes of a gate's action, and of its impact.
pub const SHOWN_BYTES_MAX: usize = 1_024;
/// The most bytes of short words: codes, subjects, hashes.
pub const WORD_BYTES_MAX: usize = 160;

/// A text that may have been cut.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Excerpt {
    /// Its beginning, or all of it.
    pub text: String,
    /// Whether anything is missing.
    pub cut: bool,
}

impl Excerpt {
    /// The first `bytes_max` bytes of `text`, cut at a character.
    #[must_use]
    pub fn of(text: &str, bytes_max: usize) -> Self {
        let kept = head(text, bytes_max);
        Self { text: kept.to_owned(), cut: kept.len() < text.len() }
    }

    /// A value as people read it: a text as it is, anything else as JSON. A value that stands in a blob is not fetched.
    #[must_use]
    pub fn of_payload(payload: &Payload, bytes_max: usize) -> Self {
        match payload.value().map(|value| &**value) {
            Some(serde_json::Value::String(text)) => Self::of(text, bytes_max),
            Some(value) => Self::of(&value.to_string(), bytes_max),
            None => Self { text: String::new(), cut: true },
        }
    }
}

fn head(text: &str, bytes_max: usize) -> &str {
    let end = (0..=bytes_max.min(text.len())).rev().find(|at| text.is_char_boundary(*at));
    text.get(..end.unwrap_or(0)).unwrap_or_default()
}

/// A short word from outside, cut to [`WORD_BYTES_MAX`].
pub(super) fn word(text: &str) -> String {
    head(text, WORD_BYTES_MAX).to_owned()
}

fn stands_for(step: &StepPath) -> u64 {
    let hash = blake3::hash(step.to_string().as_bytes());
    let [a, b, c, d, e, f, g, h, ..] = *hash.as_bytes();
    u64::from_le_bytes([a, b, c, d, e, f, g, h])
}

/// The labels that fit into a row, in the order of their keys.
pub(super) fn kept_labels(labels: &BTreeMap<String, String>) -> BTreeMap<String, String> {
    let mut bytes = 0;
    let fits = |(key, value): &(&String, &String)| {
        // Lengths are stored beside the texts.
        bytes += key.len() + value.len() + 4;
        bytes <= LABELS_BYTES_MAX
    };
    let kept = labels.iter().take(LABELS_MAX).take_while(fits);
    kept.map(|(key, value)| (key.clone(), value.clone())).collect()
}

/// Why a run failed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RunError {
    /// The first failed step; none when it is the run's output that could not be made.
    pub step: Option<StepPath>,
    /// The class of its failure.
    pub class: ErrorClass,
    /// A word for programs.
    pub code: String,
    /// A sentence for people, at most [`MESSAGE_BYTES_MAX`].
    pub message: Excerpt,
}

impl RunError {
    pub(super) fn of(step: Option<&StepPath>, failure: &Failure) -> Self {
        Self {
            step: step.cloned(),
            class: failure.class,
            code: word(&failure.code),
            message: Excerpt::of(&failure.message, MESSAGE_BYTES_MAX),
        }
    }
}

/// How many steps of a run ended in which way. Steps that are done again (a reopened run) are counted again. How many
/// steps there are in all is the definition's to say.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct EndedSteps {
    /// Ended with their output.
    pub completed: u32,
    /// Ended without.
    pub failed: u32,
    /// Not needed: their condition, or that of a step before them, was false.
    pub skipped: u32,
    /// Could not start because a step before them failed.
    pub skipped_by_failure: u32,
    /// Ended because the run was cancelled.
    pub cancelled: u32,
}

impl EndedSteps {
    /// All that have ended.
    #[must_use]
    pub fn all(&self) -> u32 {
        let Self { completed, failed, skipped, skipped_by_failure, cancelled } = self;
        [completed, failed, skipped, skipped_by_failure, cancelled]
            .into_iter()
            .fold(0, |sum, n| sum.saturating_add(*n))
    }
}

/// The step of another run that started one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RunParent {
    /// The run.
    pub run: RunId,
    /// The step.
    pub step: StepPath,
}

/// A run, as lists show it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RunRow {
    /// Which run.
    pub id: RunId,
    /// Its workflow.
    pub workflow: Name,
    /// The workflow's version; 0 for a definition that came with the run.
    pub version: u64,
    /// How urgent it is.
    pub priority: Priority,
    /// Hash of its definition.
    pub definition: DefinitionHash,
    /// Where it stands.
    pub status: RunStatus,
    /// Why it is paused.
    pub reason: Option<PauseReason>,
    /// Whether somebody asked to cancel it.
    pub cancel_requested: bool,
    /// Whether everything is there, once it has completed.
    pub result: Option<RunResult>,
    /// Why it failed.
    pub error: Option<RunError>,
    /// The step of another run that started it.
    pub parent: Option<RunParent>,
    /// Its labels, bounded by [`LABELS_MAX`] and [`LABELS_BYTES_MAX`].
    pub labels: BTreeMap<String, String>,
    /// Whether labels were left out of the row.
    pub labels_cut: bool,
    /// When it was admitted.
    pub created_at: Timestamp,
    /// When its first attempt began.
    pub started_at: Option<Timestamp>,
    /// When it ended.
    pub ended_at: Option<Timestamp>,
    /// How many people's answers it waits for.
    pub waiting_approvals: u32,
    /// Steps that wait for something from outside other than an answer, at most 32 of them.
    pub waits: Vec<StepWait>,
    /// Steps that have ended.
    pub steps: EndedSteps,
    /// Tokens read by models, over all attempts.
    pub input_tokens: u64,
    /// Tokens written by models, over all attempts.
    pub output_tokens: u64,
    /// The sequence of its last event in its own stream.
    pub stream_sequence: u64,
    /// The global sequence of its last event.
    pub sequence: u64,
}

/// A step that waits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct StepWait {
    /// Stands for its path, which may be long.
    step: u64,
    /// What for.
    reason: WaitReason,
}

impl RunRow {
    /// Whether any of its steps waits for this, which is one of [`WAITS`].
    #[must_use]
    pub fn waits_for(&self, reason: WaitReason) -> bool {
        match reason {
            WaitReason::Approval => self.waiting_approvals > 0,
            _ => self.waits.iter().any(|wait| wait.reason == reason),
        }
    }

    /// What its steps wait for, other than answers: signals, other runs, times, and what became of a write.
    #[must_use]
    pub fn waits_beside_answers(&self) -> Vec<WaitReason> {
        let is_remembered = |reason: &WaitReason| *reason != WaitReason::Approval && self.waits_for(*reason);
        WAITS.into_iter().filter(is_remembered).collect()
    }

    /// The step waits from here on, if it is for something that lists show.
    pub(super) fn begin_wait(&mut self, step: &StepPath, reason: WaitReason) {
        self.end_wait(step);
        // Questions are counted.
        let is_remembered = reason != WaitReason::Approval && WAITS.contains(&reason);
        if is_remembered && self.waits.len() < WAITS_MAX {
            self.waits.push(StepWait { step: stands_for(step), reason });
        }
    }

    /// The step waits no more.
    pub(super) fn end_wait(&mut self, step: &StepPath) {
        if !self.waits.is_empty() {
            let step = stands_for(step);
            self.waits.retain(|wait| wait.step != step);
        }
    }

    /// What its attempts used.
    #[must_use]
    pub fn usage(&self) -> Usage {
        Usage { input_tokens: self.input_tokens, output_tokens: self.output_tokens }
    }
}

/// Where a question stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ApprovalStatus {
    /// Somebody is asked.
    Pending,
    /// Yes, perhaps with changes.
    Approved,
    /// No.
    Rejected,
    /// Nobody answered in time.
    Expired,
    /// Withdrawn with its run.
    Cancelled,
}

impl ApprovalStatus {
    /// All of them.
    pub const ALL: [Self; 5] =
        [Self::Pending, Self::Approved, Self::Rejected, Self::Expired, Self::Cancelled];

    /// The name as it stands in the API.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Approved => "approved",
            Self::Rejected => "rejected",
            Self::Expired => "expired",
            Self::Cancelled => "cancelled",
        }
    }
}

impl From<Decision> for ApprovalStatus {
    fn from(decision: Decision) -> Self {
        match decision {
            Decision::Approved => Self::Approved,
            Decision::Rejected => Self::Rejected,
            Decision::Expired => Self::Expired,
            Decision::Cancelled => Self::Cancelled,
        }
    }
}

/// A question to a person, as lists show it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ApprovalRow {
    /// Which question.
    pub id: ApprovalId,
    /// Whose.
    pub run: RunId,
    /// The run's workflow.
    pub workflow: Option<Name>,
    /// The gate.
    pub step: StepPath,
    /// What will be done, at most [`SHOWN_BYTES_MAX`].
    pub action: Excerpt,
    /// What that means, at most [`SHOWN_BYTES_MAX`].
    pub impact: Option<Excerpt>,
    /// How dangerous it is.
    pub risk: Risk,
    /// BLAKE3 over what is shown, as hex.
    pub shown: String,
    /// Where it stands.
    pub status: ApprovalStatus,
    /// When it was asked.
    pub requested_at: Timestamp,
    /// When it runs out.
    pub expires_at: Option<Timestamp>,
    /// When it was answered, ran out or was withdrawn.
    pub decided_at: Option<Timestamp>,
    /// Who answered; none when nobody did.
    pub by: Option<String>,
    /// What the person said, at most [`MESSAGE_BYTES_MAX`].
    pub comment: Option<Excerpt>,
    /// Whether the person changed what will be done.
    pub changed: bool,
    /// The global sequence of its last event.
    pub sequence: u64,
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_text_is_cut_at_a_character_and_says_so() {
        assert_eq!(Excerpt::of("äöü", 3), Excerpt { text: "ä".into(), cut: true });
        assert_eq!(Excerpt::of("äö", 4), Excerpt { text: "äö".into(), cut: false });
        assert_eq!(Excerpt::of_payload(&json!({"a": 1}).into(), 99).text, r#"{"a":1}"#);
        assert_eq!(Excerpt::of_payload(&json!("plain").into(), 99).text, "plain");
    }

    #[test]
    fn labels_are_bounded_in_number_and_bytes() {
        let many = (0..100).map(|n| (format!("k{n:03}"), "v".to_owned())).collect();
        assert_eq!(kept_labels(&many).len(), LABELS_MAX);
        let long = (0..4).map(|n| (format!("k{n}"), "v".repeat(700))).collect();
        assert_eq!(kept_labels(&long).len(), 2);
    }
}
