//! The attempts of a run's steps, gathered from its events: one opens with `step.started` and is closed by the event that
//! names its end.

use ghostlight_actors::runs::EventRead;
use ghostlight_model::event::{Event, KINDS};
use ghostlight_model::failure::EffectClass;
use ghostlight_model::ids::StepPath;
use ghostlight_store::Record;
use jiff::Timestamp;
use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;

use super::{FailureBody, UsageBody, happened, ms_between, value_of};

/// One execution of a step.
#[derive(Debug, Clone, Serialize, ToSchema)]
#[schema(as = Attempt)]
pub struct AttemptBody {
    /// `step@number`.
    pub id: String,
    /// From 1 over the life of the step.
    pub number: u32,
    /// From 1; a retry by a person raises it. Part of the idempotency key.
    pub iteration: u32,
    /// Who was called.
    pub agent: String,
    /// Content hash of the agent's definition.
    pub agent_version: String,
    /// What calling twice does: `read`, `idempotent`, `write`.
    pub effect: &'static str,
    /// `running`, `completed`, `failed`, `interrupted`, `cancelled`.
    pub outcome: &'static str,
    /// What the agent got.
    pub input: Value,
    /// Why it failed.
    pub error: Option<FailureBody>,
    /// Whether it had its effect; null while nobody has to ask.
    pub happened: Option<&'static str>,
    /// When it began.
    #[schema(value_type = String, format = DateTime)]
    pub started_at: Timestamp,
    /// When it ended.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub ended_at: Option<Timestamp>,
    /// How long it took; null while it runs.
    pub duration_ms: Option<u64>,
    /// Its longest time.
    pub timeout_ms: u64,
    /// What it used.
    pub usage: UsageBody,
    /// How what came out stood against `success` of the node; null when that asks for nothing.
    pub verdict: Option<VerdictBody>,
    #[serde(skip)]
    #[schema(ignore)]
    pub(super) step: StepPath,
}

/// Whether what came out was what the step was to bring.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
#[schema(as = Verdict)]
pub struct VerdictBody {
    /// Whether it was.
    pub passed: bool,
    /// `{criterion, passed, detail}` for the schema, each assertion, the judge, and the person who was asked.
    pub evidence: Vec<Value>,
}

/// The attempts of a run, or of one of its steps, in the order of their beginning.
#[derive(Debug, Default)]
pub struct Attempts {
    all: Vec<AttemptBody>,
    of: Option<StepPath>,
    without_values: bool,
}

impl Attempts {
    /// Those of one step.
    #[must_use]
    pub fn of_step(step: StepPath) -> Self {
        Self { of: Some(step), ..Self::default() }
    }

    /// Those of all steps, without what agents got and what was said about what they made: of a large run that is most of it.
    #[must_use]
    pub fn without_values() -> Self {
        Self { without_values: true, ..Self::default() }
    }

    /// Whether events of this kind say something about attempts.
    #[must_use]
    pub fn are_in(kind: u16) -> bool {
        KINDS.iter().any(|(number, name, _)| *number == kind && name.starts_with("step."))
    }

    /// What was gathered.
    #[must_use]
    pub fn into_bodies(self) -> Vec<AttemptBody> {
        self.all
    }

    /// Adds what an event says.
    pub fn take(&mut self, event: &EventRead) {
        let at = event.at;
        let (of, without_values) = (self.of.as_ref(), self.without_values);
        let all = &mut self.all;
        match &event.recorded.event {
            Event::StepStarted(started) if of.is_some_and(|of| *of != started.step) => {}
            Event::StepJudged(_) if without_values => {}
            Event::StepStarted(started) => all.push(AttemptBody {
                id: format!("{}@{}", started.step, started.attempt),
                number: started.attempt,
                iteration: started.iteration,
                agent: started.agent.to_string(),
                agent_version: started.agent_version.to_string(),
                effect: effect(started.effect),
                outcome: "running",
                input: if without_values { Value::Null } else { value_of(&started.input) },
                error: None,
                happened: None,
                started_at: at,
                ended_at: None,
                duration_ms: None,
                timeout_ms: started.timeout_ms,
                usage: UsageBody::default(),
                verdict: None,
                step: started.step.clone(),
            }),
            Event::StepCompleted(ended) => close(all, &ended.step, ended.attempt, at, |attempt| {
                // A step that a person reconciled completes long after its attempt ended.
                if attempt.ended_at.is_none() {
                    attempt.outcome = "completed";
                    attempt.usage = ended.usage.into();
                }
            }),
            Event::StepFailed(ended) => close(all, &ended.step, ended.attempt, at, |attempt| {
                attempt.fail(FailureBody::of(&ended.failure), ended.usage.into());
            }),
            Event::StepRetrying(ended) => close(all, &ended.step, Some(ended.attempt), at, |attempt| {
                attempt.fail(FailureBody::of(&ended.failure), ended.usage.into());
            }),
            Event::StepWaiting(ended) if ended.failure.is_some() => {
                close(all, &ended.step, ended.attempt, at, |attempt| {
                    attempt.error = ended.failure.as_ref().map(FailureBody::of);
                    attempt.happened = Some("unknown");
                    attempt.usage = ended.usage.into();
                    if attempt.outcome == "running" {
                        attempt.outcome = "failed";
                    }
                })
            }
            Event::StepWaiting(ended) if ended.output.is_some() => {
                close(all, &ended.step, ended.attempt, at, |attempt| {
                    if attempt.outcome == "running" {
                        attempt.outcome = "completed";
                        attempt.usage = ended.usage.into();
                    }
                })
            }
            Event::StepJudged(judged) => {
                // The one that is judged is nearly always among the last that began.
                let is_it = |attempt: &&mut AttemptBody| {
                    attempt.number == judged.attempt && attempt.step == judged.step
                };
                if let Some(attempt) = all.iter_mut().rev().find(is_it) {
                    let verdict =
                        attempt.verdict.get_or_insert(VerdictBody { passed: true, evidence: Vec::new() });
                    verdict.passed = judged.passed;
                    // Whoever it was that refused the output: what does not bring what it is to bring has failed.
                    if attempt.outcome != "running" {
                        attempt.outcome = if judged.passed { "completed" } else { "failed" };
                    }
                    match value_of(&judged.evidence) {
                        Value::Array(evidence) => verdict.evidence.extend(evidence),
                        other => verdict.evidence.push(other),
                    }
                }
            }
            Event::StepInterrupted(ended) => close(all, &ended.step, Some(ended.attempt), at, |attempt| {
                attempt.outcome = "interrupted";
            }),
            Event::StepReconciled(said) => close(all, &said.step, Some(said.attempt), at, |attempt| {
                attempt.happened = Some(happened(said.happened));
            }),
            Event::StepCancelled(ended) => close(all, &ended.step, ended.attempt, at, |attempt| {
                if attempt.outcome == "running" {
                    attempt.outcome = "cancelled";
                    attempt.happened = ended.happened.map(happened);
                }
            }),
            // Nothing else is about an attempt.
            _ => {}
        }
    }
}

/// Whether a record may be about this step: only what holds its path is decoded.
pub fn may_name(step: &StepPath) -> impl Fn(&Record) -> bool + Send + use<> {
    // Paths are made of letters that JSON writes as they are.
    let written = format!("\"{step}\"");
    let holds = move |body: &[u8]| std::str::from_utf8(body).is_ok_and(|body| body.contains(&written));
    move |record| Attempts::are_in(record.kind) && holds(&record.body)
}

fn close(
    all: &mut [AttemptBody],
    step: &StepPath,
    number: Option<u32>,
    at: Timestamp,
    end: impl FnOnce(&mut AttemptBody),
) {
    let Some(number) = number else { return };
    // The one that ends is nearly always among the last that began.
    let found = all.iter_mut().rev().find(|attempt| attempt.number == number && attempt.step == *step);
    if let Some(attempt) = found {
        end(attempt);
        if attempt.ended_at.is_none() {
            attempt.ended_at = Some(at);
            attempt.duration_ms = Some(ms_between(attempt.started_at, at));
        }
    }
}

impl AttemptBody {
    fn fail(&mut self, failure: FailureBody, usage: UsageBody) {
        if self.outcome == "running" {
            self.outcome = "failed";
        }
        self.happened = failure.happened;
        self.error = Some(failure);
        self.usage = usage;
    }
}

/// What calling twice does, as a word.
#[must_use]
pub fn effect(effect: EffectClass) -> &'static str {
    match effect {
        EffectClass::Read => "read",
        EffectClass::Idempotent => "idempotent",
        EffectClass::Write => "write",
    }
}

#[cfg(test)]
mod tests {
    use ghostlight_actors::codec::Recorded;
    use ghostlight_model::event::{
        Attribution, StepCompleted, StepFailed, StepInterrupted, StepJudged, StepRetrying, StepStarted,
        StepWaiting, Usage, WaitReason,
    };
    use ghostlight_model::failure::{ErrorClass, Failure, Happened};
    use ghostlight_model::ids::{DefinitionHash, Name};
    use ghostlight_model::payload::Payload;
    use serde_json::json;

    use super::*;

    fn step() -> StepPath {
        StepPath::new("verify").unwrap()
    }

    fn started(attempt: u32) -> Event {
        StepStarted {
            step: step(),
            attempt,
            iteration: 1,
            epoch: 1,
            agent: Name::new("http-probe").unwrap(),
            agent_version: DefinitionHash::of(b"a"),
            effect: EffectClass::Read,
            input: Payload::inline(json!({})),
            timeout_ms: 1000,
        }
        .into()
    }

    fn read(events: Vec<Event>) -> Vec<EventRead> {
        let at = |n: usize| Timestamp::from_millisecond(1_000 * n as i64).unwrap();
        let events = events.into_iter().enumerate().map(|(n, event)| EventRead {
            sequence: n as u64 + 1,
            stream_sequence: n as u64 + 1,
            at: at(n),
            recorded: Recorded { event, attribution: Attribution::default(), at: at(n) },
        });
        events.collect()
    }

    /// A judge is asked when the attempt has ended, an assertion is looked at before: what is refused has failed either way.
    #[test]
    fn an_attempt_whose_output_is_refused_has_failed_whoever_refused_it() {
        let judged = |passed| -> Event {
            let evidence = Payload::inline(json!([{"criterion": "judge", "passed": passed}]));
            StepJudged { step: step(), attempt: 1, passed, evidence }.into()
        };
        let waiting = || -> Event {
            let (attempt, output) = (Some(1), Some(Payload::inline(json!({}))));
            StepWaiting { attempt, output, ..StepWaiting::new(step(), WaitReason::Verdict) }.into()
        };
        let failed = || -> Event {
            let failure = Failure::new(ErrorClass::Rejected, "success_not_met", "no", Happened::No);
            StepFailed { step: step(), attempt: Some(1), failure, usage: Usage::default() }.into()
        };
        let outcome = |events: Vec<Event>| {
            let mut gathered = Attempts::default();
            read(events).iter().for_each(|event| gathered.take(event));
            let attempts = gathered.into_bodies();
            (attempts[0].outcome, attempts[0].error.is_some())
        };
        assert_eq!(outcome(vec![started(1), judged(false), failed()]), ("failed", true));
        assert_eq!(outcome(vec![started(1), waiting(), judged(false), failed()]), ("failed", true));
        // A person may take what a judge refused.
        assert_eq!(outcome(vec![started(1), waiting(), judged(false), judged(true)]), ("completed", false));
    }

    #[test]
    fn an_attempt_opens_when_it_starts_and_is_closed_by_the_event_that_names_its_end() {
        let failure = Failure::new(ErrorClass::Timeout, "slow", "too slow", Happened::Unknown);
        let retry_at = Timestamp::UNIX_EPOCH;
        let events = read(vec![
            started(1),
            StepRetrying {
                step: step(),
                attempt: 1,
                failure,
                retry_at,
                redo: false,
                usage: Usage::default(),
            }
            .into(),
            started(2),
            StepInterrupted { step: step(), attempt: 2, reason: "process_ended".into(), retry_at: None }
                .into(),
            started(3),
            StepCompleted {
                step: step(),
                attempt: Some(3),
                output: json!(1).into(),
                signal: None,
                usage: Usage::default(),
            }
            .into(),
            started(4),
        ]);
        let mut gathered = Attempts::default();
        events.iter().for_each(|event| gathered.take(event));
        let attempts = gathered.into_bodies();
        let shown: Vec<_> = attempts
            .iter()
            .map(|attempt| (attempt.id.as_str(), attempt.outcome, attempt.duration_ms))
            .collect();
        assert_eq!(
            shown,
            [
                ("verify@1", "failed", Some(1000)),
                ("verify@2", "interrupted", Some(1000)),
                ("verify@3", "completed", Some(1000)),
                ("verify@4", "running", None),
            ]
        );
        assert_eq!(attempts[0].happened, Some("unknown"));
    }
}
