//! `supervision` at the top of a workflow file, and what its strategy means for the calls of the workflow.
//!
//! Under `one_for_all` and `rest_for_one` the crash of one actor of a run ends attempts that are under way in others. An
//! attempt that only reads, or may be made twice, is made again. One that writes would be cut off with nobody knowing what
//! it did, so such a strategy is refused for every workflow that may write: here for what its file says, in
//! [`super::check_targets`] for what its agents say, and when an attempt begins for agents that were changed since.

use std::time::Duration;

use super::document::Content;
use super::draft::{Draft, DraftKind};
use super::outline::Outline;
use super::reader::{MapReader, Problems, place_of};
use super::targets::{self, CallAt, KnownAgent};
use crate::diagnostic::{Code, Diagnostic, Span};
use crate::failure::EffectClass;
use crate::workflow::{RestartBackoff, RunStrategy, RunSupervision, Target};

const STRATEGIES: [(&str, RunStrategy); 3] = [
    ("one_for_one", RunStrategy::OneForOne),
    ("one_for_all", RunStrategy::OneForAll),
    ("rest_for_one", RunStrategy::RestForOne),
];

/// Reads `{strategy, max_restarts, period, backoff}`. What is absent is as in [`RunSupervision::default`].
pub(super) fn read(top: &MapReader<'_>, problems: &mut Problems) -> RunSupervision {
    let mut supervision = RunSupervision::default();
    let Some(entry) = top.entry("supervision") else { return supervision };
    let Some(map) = MapReader::open(&entry.value, entry.key_span, "`supervision`", problems) else {
        return supervision;
    };
    map.only(&[&["strategy", "max_restarts", "period", "backoff"]], &[], problems);
    if let Some(strategy) = map.word("strategy", &STRATEGIES, &[], problems) {
        supervision.strategy = strategy;
    }
    let before = problems.errors();
    if let Some(max_restarts) = map.whole("max_restarts", 0..=1000, problems) {
        supervision.max_restarts = u32::try_from(max_restarts).unwrap_or(supervision.max_restarts);
    }
    if let Some(period) = map.duration("period", Duration::from_millis(1), problems) {
        supervision.period = period;
    }
    supervision.backoff = backoff(&map, problems);
    if let (Some(backoff), Some(entry)) = (supervision.backoff, map.entry("backoff"))
        && problems.errors() == before
        && let Some(problem) = has_no_room(&supervision, backoff, entry.key_span)
    {
        problems.push(problem);
    }
    supervision
}

/// Reads `{initial, max}`: the words that `retry` has for the same.
fn backoff(map: &MapReader<'_>, problems: &mut Problems) -> Option<RestartBackoff> {
    const SHAPE: &str =
        "write it like `backoff: {initial: 100ms, max: 1s}`: the wait doubles after each crash, up to `max`";
    let entry = map.entry("backoff")?;
    if !matches!(entry.value.content, Content::Map(_)) {
        let message =
            format!("`backoff` of `supervision` is a mapping, not {}", entry.value.content.type_name());
        let place = place_of(&entry.value, entry.key_span);
        problems.push(Diagnostic::new(Code::WrongType, place, message).help(SHAPE));
        return None;
    }
    let map = MapReader::open(&entry.value, entry.key_span, "`backoff` of `supervision`", problems)?;
    map.only(&[&["initial", "max"]], &[], problems);
    for key in ["initial", "max"] {
        if map.entry(key).is_none() {
            let message = format!("`backoff` of `supervision` needs the key `{key}`");
            problems.push(Diagnostic::new(Code::MissingKey, entry.key_span, message).help(SHAPE));
        }
    }
    let initial = map.duration("initial", Duration::from_millis(1), problems);
    let max = map.duration("max", Duration::from_millis(1), problems);
    let (initial, max) = (initial?, max?);
    if initial > max {
        let problem = Diagnostic::new(Code::BadValue, entry.key_span, "`initial` is longer than `max`");
        problems.push(problem.help("`initial` is the wait before the first restart, `max` the longest one"));
        return None;
    }
    Some(RestartBackoff { initial, max })
}

/// A backoff must leave room for the restarts that are allowed: were the period over before they are made, a run that
/// crashes for ever would never be set aside.
fn has_no_room(supervision: &RunSupervision, backoff: RestartBackoff, span: Span) -> Option<Diagnostic> {
    let (restarts, period) = (supervision.max_restarts, supervision.period);
    if restarts == 0 {
        let message = "`backoff` means nothing when `max_restarts` is 0: nothing is restarted";
        return Some(Diagnostic::new(Code::BadValue, span, message).help("take one of the two out"));
    }
    let waits = backoff.sum(restarts);
    if waits < period {
        return None;
    }
    let message = format!(
        "the waits before {restarts} {} take up to {waits:?}, and the period of {period:?} is over by then",
        if restarts == 1 { "restart" } else { "restarts" },
    );
    let help = format!(
        "a run that keeps crashing would never be set aside; make `period` longer than {waits:?}, or the waits shorter"
    );
    Some(Diagnostic::new(Code::BackoffOutlastsPeriod, span, message).help(help))
}

/// Refuses a strategy that would end what a node declares to be a `write`.
pub(super) fn check_declared(strategy: RunStrategy, drafts: &[Draft<'_>], problems: &mut Problems) {
    if !strategy.ends_siblings() {
        return;
    }
    let innermost =
        |draft| std::iter::successors(Some(draft), |draft: &&Draft<'_>| draft.kind.as_ref()?.body()).last();
    let calls = drafts.iter().filter_map(innermost).flat_map(|draft| {
        let beside =
            draft.beside.iter().map(|(aside, own)| (format!("{}.{}", draft.key, aside.as_str()), own));
        std::iter::once((draft.key.to_owned(), draft)).chain(beside)
    });
    for (name, draft) in calls {
        let is_call = matches!(draft.kind, Some(DraftKind::Call { .. }));
        if let (true, Some((EffectClass::Write, span))) = (is_call, draft.effect) {
            problems.push(refusal(strategy, &format!("`{name}` is a `write`"), span).help(ONE_FOR_ONE));
        }
    }
}

const ONE_FOR_ONE: &str = "use `one_for_one`, under which a crash ends nobody else's attempt";

/// Says which calls may write by what `known` agents say, though the strategy would end them; with nobody known, which
/// calls might. Agents that do not exist are told of elsewhere. The diagnostics know their JSON pointer.
pub(super) fn check_agents(outline: &Outline<'_>, known: Option<&[KnownAgent]>) -> Vec<Diagnostic> {
    let strategy = outline.strategy;
    if !strategy.ends_siblings() {
        return Vec::new();
    }
    let problem = |at: CallAt<'_>| {
        let (node, call, name) = (at.node, at.call, at.name());
        let (what, help) = match known {
            Some(known) => {
                let agent = writer(&call.target, known)?;
                let what = format!("`{name}` may write: agent `{agent}` is a `write`");
                let help = format!(
                    "{ONE_FOR_ONE}; if `{agent}` writes nothing, declare its `effect` in its definition"
                );
                (what, help)
            }
            None if node.effect.is_some() => return None,
            None => {
                let what = format!("nobody knows whether `{name}` writes");
                let help = "declare its `effect` as `read` or `idempotent`, if that is what it is, or name the folder of \
                            the agents' files with `--agents`";
                (what, help.to_owned())
            }
        };
        let diagnostic = refusal(strategy, &what, Span::default()).help(help);
        Some(Diagnostic { path: at.pointer(), ..diagnostic })
    };
    outline.known().flat_map(targets::calls).filter_map(problem).collect()
}

fn refusal(strategy: RunStrategy, what: &str, span: Span) -> Diagnostic {
    let strategy = strategy.as_str();
    let message = format!("{what}, and under `{strategy}` the crash of another actor would cut it off");
    Diagnostic::new(Code::StrategyEndsWrite, span, message)
}

/// The first agent by name that the call may reach and that writes. Which one offers a capability at the time is not known
/// now, so any of them counts.
fn writer<'k>(target: &Target, known: &'k [KnownAgent]) -> Option<&'k str> {
    let may_be_called = |agent: &&KnownAgent| match target {
        Target::Agent(name) => agent.name == *name,
        Target::Capability(capability) => agent.capabilities.contains(capability),
    };
    let writers = known.iter().filter(may_be_called).filter(|agent| agent.effect == EffectClass::Write);
    writers.map(|agent| agent.name.as_str()).min()
}
