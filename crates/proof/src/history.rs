//! What was seen from outside, in the order in which it was seen: one entry a line.
//!
//! All times are microseconds since the beginning of the history, on one clock of one process.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// Everything that was seen.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct History {
    /// In the order of `at`.
    pub entries: Vec<Entry>,
}

/// Something that was seen.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Entry {
    /// When.
    pub at: u64,
    /// What.
    #[serde(flatten)]
    pub what: What,
}

/// What was seen.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "what", rename_all = "snake_case")]
pub enum What {
    /// A client begins to ask.
    Invoke {
        /// Which request, unique in the history.
        id: u64,
        /// Which client. A client asks one thing at a time.
        client: u32,
        /// What it asks.
        #[serde(flatten)]
        op: Op,
    },
    /// It was answered, or it knows that it will not be.
    Return {
        /// Which request.
        id: u64,
        /// How it ended.
        #[serde(flatten)]
        outcome: Outcome,
    },
    /// An agent was called.
    Call {
        /// The idempotency key it was given.
        key: String,
        /// Which agent.
        agent: String,
        /// Which attempt.
        attempt: u32,
        /// Hash of what it was given.
        input: String,
    },
    /// An agent has done its work. Whether anybody heard of it is another matter.
    Done {
        /// The idempotency key of the call.
        key: String,
        /// The attempt it was called for.
        attempt: u32,
        /// What it answers; none when it answers with a failure.
        output: Option<String>,
    },
    /// A reader of the feed begins, behind this global sequence.
    Open {
        /// Which reader.
        reader: u32,
        /// The last sequence that it has seen.
        after: u64,
    },
    /// A reader of the feed was shown a record.
    Frame {
        /// Which reader.
        reader: u32,
        /// Its global sequence.
        sequence: u64,
        /// The name of its kind.
        kind: String,
        /// Hash of its body.
        body: String,
    },
    /// A reader of the feed was told that something is missing.
    Gap {
        /// Which reader.
        reader: u32,
        /// The last sequence before it.
        from: u64,
        /// The last sequence of it.
        to: u64,
    },
    /// Something was done to the daemon.
    Nemesis {
        /// What.
        fault: Fault,
    },
    /// The journal as it was found after a fault, before the daemon was started again.
    Found {
        /// The global sequence of its last record.
        head: u64,
        /// Hash over the chain hashes of all its records.
        prefix: String,
        /// The stretches of sequences that were not there any more: the first and the last of each.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        gone: Vec<(u64, u64)>,
    },
    /// From the beginning on, completed and cancelled runs are archived and dropped. Failed ones are kept.
    Retains {
        /// How long after their end, in microseconds.
        ended_us: u64,
    },
    /// The files of archives as they were found with the journal: hashes by names.
    Shelf {
        /// All that have the name of one.
        files: BTreeMap<String, String>,
    },
    /// What the lists show.
    Listed {
        /// All runs.
        runs: Vec<String>,
        /// The runs of all questions.
        asked: Vec<String>,
    },
}

/// What a client asks.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "op", rename_all = "snake_case")]
pub enum Op {
    /// Start a run. `nonce` stands in its input; all starts under one key have the same.
    Start {
        /// Which workflow.
        workflow: String,
        /// What tells it from all others.
        nonce: String,
        /// The idempotency key it is sent with.
        key: Option<String>,
    },
    /// Answer a question; `nonce` is the comment.
    Decide {
        /// Which question.
        approval: String,
        /// Yes or no.
        approve: bool,
        /// What tells it from all others.
        nonce: String,
    },
    /// Send a signal with `nonce` in its payload.
    Signal {
        /// To which run.
        run: String,
        /// What tells it from all others.
        nonce: String,
    },
    /// Pause a run; `nonce` is the reason.
    Pause {
        /// Which run.
        run: String,
        /// What tells it from all others.
        nonce: String,
    },
    /// Resume a run.
    Resume {
        /// Which run.
        run: String,
    },
    /// Cancel a run; `nonce` is the reason.
    Cancel {
        /// Which run.
        run: String,
        /// What tells it from all others.
        nonce: String,
    },
    /// Try again what failed.
    Retry {
        /// Which run.
        run: String,
    },
    /// Say whether an interrupted write happened.
    Reconcile {
        /// Which run.
        run: String,
        /// Which step.
        step: String,
        /// Whether it did.
        happened: bool,
        /// The output that is said to be the step's.
        output: Option<String>,
    },
    /// Look at a run.
    Get {
        /// Which run.
        run: String,
    },
}

impl Op {
    /// The word for what is asked.
    #[must_use]
    pub fn word(&self) -> &'static str {
        match self {
            Self::Start { .. } => "start",
            Self::Decide { .. } => "decide",
            Self::Signal { .. } => "signal",
            Self::Pause { .. } => "pause",
            Self::Resume { .. } => "resume",
            Self::Cancel { .. } => "cancel",
            Self::Retry { .. } => "retry",
            Self::Reconcile { .. } => "reconcile",
            Self::Get { .. } => "get",
        }
    }

    /// The run it is about, when it says so.
    #[must_use]
    pub fn run(&self) -> Option<&str> {
        match self {
            Self::Start { .. } | Self::Decide { .. } => None,
            Self::Signal { run, .. }
            | Self::Pause { run, .. }
            | Self::Resume { run }
            | Self::Cancel { run, .. }
            | Self::Retry { run }
            | Self::Reconcile { run, .. }
            | Self::Get { run } => Some(run),
        }
    }
}

/// How a request ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "outcome", rename_all = "snake_case")]
pub enum Outcome {
    /// It was done.
    Ok {
        /// The run it was about, or that it started.
        run: Option<String>,
        /// The global sequence of the last event that it caused; 0 when it changed nothing.
        sequence: u64,
        /// The status of the run, of those that look.
        status: Option<String>,
    },
    /// It was refused, and so was not done.
    Refused {
        /// The status of the answer.
        status: u16,
        /// Its code.
        code: String,
    },
    /// Nobody knows whether it was done.
    Unknown,
}

/// What is done to the daemon.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Fault {
    /// It was killed while it served.
    Kill,
    /// The power was cut as it was killed: what it had written and not synced is gone.
    PowerCut,
    /// It was killed while it recovered.
    KillInRecovery,
    /// It stood still for a while.
    Stop,
    /// It goes on.
    Continue,
    /// It is ready again.
    Ready,
    /// From here on nothing is done to it.
    Quiet,
    /// It was asked to end, and did.
    End,
}

impl History {
    /// Reads a history of JSON lines.
    ///
    /// # Errors
    /// A line that is none.
    pub fn read(text: &str) -> serde_json::Result<Self> {
        let entries = text.lines().map(serde_json::from_str).collect::<Result<_, _>>()?;
        Ok(Self { entries })
    }

    /// The history as JSON lines.
    #[must_use]
    pub fn write(&self) -> String {
        let line = |entry| serde_json::to_string(entry).unwrap_or_default() + "\n";
        self.entries.iter().map(line).collect()
    }
}
