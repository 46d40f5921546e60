//! How a run's supervisor treats the run's actors: what the workflow file says, in the words of who supervises.

use std::time::Duration;

use ghostlight_model::workflow::{RunStrategy, RunSupervision};
use ghostlight_supervision::{AutoShutdown, Backoff, Flags};

/// How long somebody who was told to stop waits for a workflow actor that is not there.
const GONE_PATIENCE: Duration = Duration::from_secs(1);

/// The flags of a run's supervisor. It folds up when the workflow actor, its first child and the significant one, ends
/// normally. The compiler has refused what [`Flags::validate`] would refuse.
#[must_use]
pub fn flags(supervision: &RunSupervision) -> Flags {
    let flags = match supervision.strategy {
        RunStrategy::OneForOne => Flags::one_for_one(),
        RunStrategy::OneForAll => Flags::one_for_all(),
        RunStrategy::RestForOne => Flags::rest_for_one(),
    };
    let backoff = supervision
        .backoff
        .map_or(Backoff::OFF, |backoff| Backoff::exponential(backoff.initial, backoff.max));
    flags
        .intensity(supervision.max_restarts, supervision.period)
        .backoff(backoff)
        .auto_shutdown(AutoShutdown::AnySignificant)
}

/// How long an attempt that was told to stop tries to report to a workflow actor that is not there. Under a strategy that
/// ends siblings that one comes back only after the attempt is gone, so that waiting would be for nothing. Else it comes
/// back after its backoff, or never, when the supervisor has given up.
#[must_use]
pub(super) fn patience_when_stopped(supervision: &RunSupervision) -> Duration {
    if supervision.strategy.ends_siblings() {
        return Duration::ZERO;
    }
    GONE_PATIENCE.saturating_add(supervision.backoff.map_or(Duration::ZERO, |backoff| backoff.max))
}

#[cfg(test)]
mod tests {
    use ghostlight_model::language::{Format, Source, compile};

    use super::*;

    fn compiled(text: &str) -> Option<RunSupervision> {
        let text = format!(
            "ghostlight: 1\nname: w\nsupervision: {text}\nnodes: {{ a: {{ type: agent_call, agent: x }} }}\n"
        );
        let workflow = compile(&Source { text: &text, format: Format::Yaml }).workflow?;
        Some(workflow.supervision.clone())
    }

    /// The compiler and the supervisor agree on which backoffs leave room for their restarts.
    #[test]
    fn what_the_compiler_takes_is_what_a_supervisor_takes() {
        for restarts in [1, 2, 3, 7, 40, 1000] {
            for period_ms in [1, 299, 300, 301, 700, 701, 1_500, 60_000, 600_000] {
                for (initial_ms, max_ms) in [(1, 1), (100, 100), (100, 400), (100, 60_000)] {
                    let text = format!(
                        "{{ max_restarts: {restarts}, period: {period_ms}ms, backoff: {{ initial: {initial_ms}ms, max: {max_ms}ms }} }}"
                    );
                    let ms = Duration::from_millis;
                    let wanted = Flags::one_for_one()
                        .intensity(restarts, ms(period_ms))
                        .backoff(Backoff::exponential(ms(initial_ms), ms(max_ms)));
                    let taken = compiled(&text);
                    assert_eq!(taken.is_some(), wanted.validate().is_ok(), "{text}");
                    if let Some(taken) = taken {
                        assert_eq!(flags(&taken).validate(), Ok(()), "{text}");
                    }
                }
            }
        }
    }

    #[test]
    fn each_strategy_becomes_the_one_of_its_name() {
        for word in ["one_for_one", "one_for_all", "rest_for_one"] {
            let flags = flags(&compiled(&format!("{{ strategy: {word}, max_restarts: 0 }}")).unwrap());
            assert_eq!(serde_json::to_value(flags.strategy).unwrap(), word);
            assert_eq!((flags.intensity.max_restarts, flags.backoff), (0, Backoff::OFF));
        }
    }
}
