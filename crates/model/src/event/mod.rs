//! Events: the facts of the journal, and the public, versioned format of feed and export.
//!
//! An event has a kind (a number that is never reused), a name (the feed's `type`), a body version, and a body: a JSON
//! object with the event's own fields beside `cause`, `by` and `trace`. Values from outside stand only in
//! [`Payload`](crate::payload::Payload) fields. New fields are optional with a default that means what the old record
//! meant; anything else is a new body version with an upcaster in [`Event::decode`].

mod at_hand;
mod definitions;
mod payloads;
mod runs;
#[cfg(test)]
mod samples;
mod steps;

use serde::{Deserialize, Serialize};

pub use at_hand::AtHand;
pub use definitions::*;
pub use runs::*;
pub use steps::*;

/// Why an event came to be and who caused it: the part of the body that all events share.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Attribution {
    /// Id of the command that led to it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cause: Option<String>,
    /// Who gave the command; absent when the runtime acted by itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub by: Option<String>,
    /// W3C `traceparent` of the request.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub trace: Option<String>,
}

/// A record whose body cannot be read as what its kind says.
#[derive(Debug, thiserror::Error)]
pub enum DecodeError {
    /// Written by a newer version: the stream is read-only for this binary.
    #[error("event kind {kind} version {version} is not known to this version of the program")]
    Unknown {
        /// The kind number.
        kind: u16,
        /// The body version.
        version: u8,
    },
    /// Not the JSON that the kind says.
    #[error("body of event kind {kind} does not decode")]
    Malformed {
        /// The kind number.
        kind: u16,
        /// What the decoder said.
        #[source]
        source: serde_json::Error,
    },
}

macro_rules! events {
    (
        of a run: $( $run_number:literal $run_name:literal $run_variant:ident : $run_doc:literal ),+ ;
        of no run: $( $number:literal $name:literal $variant:ident : $doc:literal ),+ $(,)?
    ) => {
        kinds! {
            $( $run_number $run_name $run_variant : $run_doc, )+
            $( $number $name $variant : $doc, )+
        }

        /// Every event that is of no run, as a pattern: for a `match` that has an arm for each event of a run.
        #[macro_export]
        macro_rules! event_of_no_run {
            () => { $( $crate::event::Event::$variant(_) )|+ };
        }
    };
}

macro_rules! kinds {
    ($( $number:literal $name:literal $variant:ident : $doc:literal ),+ $(,)?) => {
        /// One fact.
        #[derive(Debug, Clone, PartialEq)]
        pub enum Event {
            $(#[doc = $doc] $variant($variant)),+
        }

        $(impl From<$variant> for Event {
            fn from(body: $variant) -> Self {
                Self::$variant(body)
            }
        })+

        /// All kinds: number, name, meaning. Numbers are never reused and never change their meaning.
        pub const KINDS: &[(u16, &str, &str)] = &[$(($number, $name, $doc)),+];

        impl Event {
            /// The number of its kind.
            #[must_use]
            pub fn kind(&self) -> u16 {
                match self { $(Self::$variant(_) => $number),+ }
            }

            /// Its name: the feed's `type`.
            #[must_use]
            pub fn name(&self) -> &'static str {
                match self { $(Self::$variant(_) => $name),+ }
            }

            /// Reads a body of the given kind and version.
            ///
            /// # Errors
            /// [`DecodeError::Unknown`] for a kind or version of a newer program, [`DecodeError::Malformed`] for damage.
            pub fn decode(kind: u16, version: u8, body: &[u8]) -> Result<Self, DecodeError> {
                if version != BODY_VERSION {
                    return Err(DecodeError::Unknown { kind, version });
                }
                match kind {
                    $($number => serde_json::from_slice::<$variant>(body).map(Self::$variant)
                        .map_err(|source| DecodeError::Malformed { kind, source }),)+
                    _ => Err(DecodeError::Unknown { kind, version }),
                }
            }

            fn write_fields(&self, out: &mut Vec<u8>) -> serde_json::Result<()> {
                match self { $(Self::$variant(body) => serde_json::to_writer(out, body)),+ }
            }
        }
    };
}

/// The body version that this program writes.
pub const BODY_VERSION: u8 = 1;

events! {
    of a run:
    1 "run.created" RunCreated: "A run was admitted, with everything it was given.",
    2 "run.paused" RunPaused: "No new step starts until the run is resumed.",
    3 "run.resumed" RunResumed: "A paused run goes on.",
    4 "run.cancel_requested" RunCancelRequested: "Nothing new starts; running attempts are asked to stop.",
    5 "run.cancelled" RunCancelled: "The run ended because somebody asked.",
    6 "run.failed" RunFailed: "The run ended without its result.",
    7 "run.completed" RunCompleted: "The run ended with its result, complete or partial.",
    8 "run.reopened" RunReopened: "A failed run is tried again from the steps that failed.",
    9 "run.quarantined" RunQuarantined: "The run's actors kept crashing; it is paused until someone releases it.",
    10 "run.archived" RunArchived: "The run was dropped; what it was may stand in an archive.",
    20 "plan.created" PlanCreated: "What will be done, as revision 0.",
    21 "plan.revised" PlanRevised: "The plan of a live run was changed.",
    30 "step.scheduled" StepScheduled: "A step is ready and waits for a slot.",
    31 "step.started" StepStarted: "An attempt of a step begins; written before the agent is called.",
    32 "step.waiting" StepWaiting: "A step waits for somebody or something.",
    33 "step.retrying" StepRetrying: "An attempt failed; another will start at the given time.",
    34 "step.interrupted" StepInterrupted: "An attempt ended with the process or actor that carried it.",
    35 "step.reconciled" StepReconciled: "A person said whether an interrupted write had happened.",
    36 "step.completed" StepCompleted: "A step ended with its output.",
    37 "step.failed" StepFailed: "A step ended without its output, after all attempts.",
    38 "step.skipped" StepSkipped: "A step was not needed or could not start.",
    39 "step.cancelled" StepCancelled: "A step ended because its run was cancelled.",
    40 "step.result_discarded" StepResultDiscarded: "A result came from an attempt that was no longer the outstanding one.",
    41 "step.opened" StepOpened: "A map or a loop began; its items or passes are steps of their own.",
    42 "event.emitted" EventEmitted: "A step of a run says something to whoever listens.",
    43 "step.judged" StepJudged: "What came out of an attempt was held against what the step is to bring.",
    44 "step.compensated" StepCompensated: "What a step had done was made good, because its run was cancelled.",
    50 "approval.requested" ApprovalRequested: "A person is asked.",
    51 "approval.decided" ApprovalDecided: "The question was answered, ran out of time, or was withdrawn.",
    52 "signal.received" SignalReceived: "Somebody sent a signal to the run.";
    of no run:
    70 "workflow.saved" WorkflowSaved: "A version of a workflow was saved.",
    71 "workflow.deleted" WorkflowDeleted: "A workflow takes no new runs; it can be restored.",
    72 "workflow.restored" WorkflowRestored: "A deleted workflow takes runs again.",
    73 "agent.saved" AgentSaved: "A version of an agent's definition was saved.",
    74 "agent.enabled" AgentEnabled: "An agent may be called.",
    75 "agent.disabled" AgentDisabled: "An agent is not called any more.",
    90 "key.taken" KeyTaken: "An idempotency key or unique name stands for something.",
    91 "key.released" KeyReleased: "A key is free again.",
    95 "batch.accepted" BatchAccepted: "The same is asked of many runs, each of which says itself what comes of it.",
    100 "audit.recorded" AuditRecorded: "Somebody did, or was refused, something privileged.",
    110 "token.created" TokenCreated: "An access token was made.",
    111 "token.revoked" TokenRevoked: "An access token is no longer accepted.",
    120 "system.started" SystemStarted: "The daemon opened the store.",
    121 "system.stopped" SystemStopped: "The daemon closed the store in good order.",
    122 "actor.restarted" ActorRestarted: "An actor ended abnormally and was started again.",
    123 "supervisor.gave_up" SupervisorGaveUp: "A supervisor reached its restart intensity.",
    124 "view.set_aside" ViewSetAside: "A derived view could not be used and is rebuilt.",
    125 "store.corruption_found" StoreCorruptionFound: "A record does not verify.",
    126 "storage.changed" StorageChanged: "The room on the disk passed a mark, downwards or upwards.",
    127 "store.compacted" StoreCompacted: "The space of what was dropped was taken back.",
}

pub(crate) use event_of_no_run;

impl Event {
    /// The body: the event's own fields beside `cause`, `by` and `trace`.
    ///
    /// # Errors
    /// Only when a map inside a payload has a key that is no string, which JSON values cannot have.
    pub fn encode(&self, attribution: &Attribution) -> serde_json::Result<Vec<u8>> {
        let mut body = Vec::with_capacity(256);
        serde_json::to_writer(&mut body, attribution)?;
        // Both are objects: the fields of the second follow those of the first, without building a map of either.
        let shared_is_empty = body == b"{}";
        body.pop();
        let joint = body.len();
        self.write_fields(&mut body)?;
        if body.get(joint..) == Some(b"{}") {
            body.truncate(joint);
            body.push(b'}');
        } else if shared_is_empty {
            body.remove(joint);
        } else {
            body[joint] = b',';
        }
        Ok(body)
    }
}

/// Reads the shared part of any body.
///
/// # Errors
/// [`DecodeError::Malformed`] with kind 0 when the body is no JSON object.
pub fn attribution(body: &[u8]) -> Result<Attribution, DecodeError> {
    serde_json::from_slice(body).map_err(|source| DecodeError::Malformed { kind: 0, source })
}

/// The name of a kind, for records that need not be decoded.
#[must_use]
pub fn kind_name(kind: u16) -> Option<&'static str> {
    KINDS.binary_search_by_key(&kind, |(number, _, _)| *number).ok().map(|at| KINDS[at].1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kinds_are_in_order_and_unique_in_number_and_name() {
        assert!(KINDS.windows(2).all(|pair| pair[0].0 < pair[1].0));
        let names: std::collections::BTreeSet<_> = KINDS.iter().map(|(_, name, _)| name).collect();
        assert_eq!(names.len(), KINDS.len());
        assert_eq!(kind_name(31), Some("step.started"));
        assert_eq!(kind_name(29), None);
    }

    /// Shows S3-4a.
    #[test]
    fn the_documentation_lists_every_kind() {
        let listed: Vec<&str> = include_str!("../../../../docs/EVENTS.md")
            .lines()
            .filter(|line| line.starts_with("| "))
            .skip(1)
            .collect();
        let expected: Vec<String> =
            KINDS.iter().map(|(kind, name, meaning)| format!("| {kind} | `{name}` | {meaning} |")).collect();
        assert_eq!(listed, expected);
    }

    /// Shows S3-4b.
    #[test]
    fn a_body_joins_the_shared_fields_and_its_own() {
        let by = Attribution { by: Some("local".into()), ..Attribution::default() };
        let nobody = Attribution::default();
        let resumed = Event::from(RunResumed {});
        let paused = Event::from(RunPaused { reason: PauseReason::Operator, message: String::new() });
        let text = |event: &Event, who| String::from_utf8(event.encode(who).unwrap()).unwrap();
        assert_eq!(text(&resumed, &nobody), "{}");
        assert_eq!(text(&resumed, &by), r#"{"by":"local"}"#);
        assert_eq!(text(&paused, &nobody), r#"{"reason":"operator"}"#);
        assert_eq!(text(&paused, &by), r#"{"by":"local","reason":"operator"}"#);
        assert_eq!(attribution(text(&paused, &by).as_bytes()).unwrap(), by);
        assert_eq!(Event::decode(2, 1, text(&paused, &by).as_bytes()).unwrap(), paused);
    }

    #[test]
    fn fields_of_a_later_version_are_ignored_and_kinds_of_a_later_version_are_named() {
        assert!(Event::decode(3, 1, br#"{"from_the_future":1}"#).is_ok());
        assert!(matches!(Event::decode(9999, 1, b"{}"), Err(DecodeError::Unknown { kind: 9999, .. })));
        assert!(matches!(Event::decode(3, 2, b"{}"), Err(DecodeError::Unknown { version: 2, .. })));
        assert!(matches!(Event::decode(2, 1, b"{"), Err(DecodeError::Malformed { kind: 2, .. })));
    }
}
