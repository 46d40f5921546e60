//! What a status other than 2xx means.

use ghostlight_model::agent::StatusRule;
use ghostlight_model::failure::{ErrorClass, Happened};

/// What a status says about the failure.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Meaning {
    pub(super) class: ErrorClass,
    pub(super) happened: Happened,
    /// Whether the definition said so, so that the answer cannot.
    pub(super) is_ruled: bool,
}

/// The meaning of `status`: by the table of the definition, else by what HTTP says (RFC 9110, 6585, 8470). A 4xx refuses
/// the request; a 5xx may have come at any moment of the work, for which `unsure` stands.
pub(super) fn meaning(status: u16, rules: &[StatusRule], unsure: Happened) -> Meaning {
    let (class, happened) = match status {
        401 | 403 | 407 => (ErrorClass::Credential, Happened::No),
        402 => (ErrorClass::Budget, Happened::No),
        404 | 405 | 406 | 410 | 415 | 421 | 426 => (ErrorClass::Configuration, Happened::No),
        408 | 425 => (ErrorClass::Transient, Happened::No),
        429 => (ErrorClass::RateLimit, Happened::No),
        400..=499 => (ErrorClass::Data, Happened::No),
        501 | 505 => (ErrorClass::Capability, Happened::No),
        500..=599 => (ErrorClass::Transient, unsure),
        300..=399 => (ErrorClass::Configuration, unsure),
        _ => (ErrorClass::AgentBug, unsure),
    };
    match rules.iter().find(|rule| rule.status == status) {
        Some(rule) => Meaning {
            class: rule.class,
            happened: if rule.retry_safe { Happened::No } else { happened },
            is_ruled: true,
        },
        None => Meaning { class, happened, is_ruled: false },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refusal_has_not_happened_and_a_broken_server_may_have_done_anything() {
        use ErrorClass::{Budget, Configuration, Credential, Data, RateLimit, Transient};
        for (status, class, happened) in [
            (302, Configuration, Happened::Unknown),
            (400, Data, Happened::No),
            (401, Credential, Happened::No),
            (402, Budget, Happened::No),
            (404, Configuration, Happened::No),
            (408, Transient, Happened::No),
            (409, Data, Happened::No),
            (422, Data, Happened::No),
            (425, Transient, Happened::No),
            (429, RateLimit, Happened::No),
            (500, Transient, Happened::Unknown),
            (503, Transient, Happened::Unknown),
            (504, Transient, Happened::Unknown),
        ] {
            assert_eq!(
                meaning(status, &[], Happened::Unknown),
                Meaning { class, happened, is_ruled: false },
                "{status}"
            );
        }
    }

    #[test]
    fn the_definition_knows_better() {
        let rules = [
            StatusRule { status: 409, class: ErrorClass::Transient, retry_safe: false },
            StatusRule { status: 503, class: ErrorClass::Capability, retry_safe: true },
        ];
        let conflict = meaning(409, &rules, Happened::Unknown);
        assert_eq!(
            (conflict.class, conflict.happened, conflict.is_ruled),
            (ErrorClass::Transient, Happened::No, true)
        );
        let busy = meaning(503, &rules, Happened::Unknown);
        assert_eq!((busy.class, busy.happened), (ErrorClass::Capability, Happened::No));
    }
}
