//! Whether the journal that is left fits what was seen.
//!
//! The rules have the numbers of the list that they come from, H0 to H15; R1 to R5 are about what is dropped. Each is a function
//! of the facts and tells all that violates it. A history that shows too little (H0) is no proof, and counts as a violation too.
//! What was archived and dropped is judged like everything else: the journal that is left and the archives are put together first.

mod commands;
mod effects;
mod facts;
mod feed;
mod order;
mod reads;
mod retention;
mod steps;
mod vacuum;

use std::fmt;

use crate::history::History;
use crate::journal::{Archives, Journal};
use facts::Facts;

/// How many violations of a rule are told.
const TOLD_MAX: usize = 10;

/// Something that must not be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Violation {
    /// The rule.
    pub rule: &'static str,
    /// What violates it.
    pub what: String,
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.rule, self.what)
    }
}

/// Tells what violates a rule.
type Rule = fn(&Facts<'_>, &mut Told);

/// The rules, by their numbers.
const RULES: &[(&str, Rule)] = &[
    ("H0", vacuum::shows_enough),
    ("H1", commands::nothing_acknowledged_is_lost),
    ("H2", commands::nothing_is_invented),
    ("H3", order::sequences_are_dense_and_prefixes_stay),
    ("H4", reads::answers_fit_the_journal),
    ("H5", steps::everything_ends_once),
    ("H6", effects::effects_are_what_their_class_promises),
    ("H7", steps::nothing_starts_before_what_it_needs),
    ("H8", commands::no_question_is_decided_twice),
    ("H9", steps::nothing_starts_after_a_cancel),
    ("H10", feed::readers_see_the_journal_and_nothing_else),
    ("H11", commands::a_key_starts_one_run),
    ("H13", steps::times_are_waited_for),
    ("H14", effects::limits_hold_at_the_agents),
    ("H15", order::epochs_rise),
    ("R1", retention::only_what_ended_long_ago_is_dropped),
    ("R2", retention::what_is_gone_was_archived_before),
    ("R3", order::chains_stay_whole),
    ("R4", retention::what_was_dropped_is_known_as_such),
    ("R5", retention::lists_show_what_is_kept),
    ("live", steps::everything_ends),
];

/// Takes the violations of one rule.
struct Told {
    rule: &'static str,
    violations: Vec<Violation>,
    more: usize,
}

impl Told {
    fn tell(&mut self, what: impl Into<String>) {
        if self.violations.len() < TOLD_MAX {
            self.violations.push(Violation { rule: self.rule, what: what.into() });
        } else {
            self.more += 1;
        }
    }

    fn unless(&mut self, holds: bool, what: impl FnOnce() -> String) {
        if !holds {
            self.tell(what());
        }
    }
}

/// Everything that is wrong with a history, the journal that is left of it, and the archives of what was dropped.
#[must_use]
pub fn check(history: &History, left: &Journal, archives: &Archives) -> Vec<Violation> {
    let journal = left.with(archives);
    let facts = Facts::of(history, &journal, left, archives);
    let mut all = Vec::new();
    for (rule, check) in RULES {
        let mut told = Told { rule, violations: Vec::new(), more: 0 };
        check(&facts, &mut told);
        if told.more > 0 {
            let what = format!("and {} more", told.more);
            told.violations.push(Violation { rule, what });
        }
        all.append(&mut told.violations);
    }
    all
}

#[cfg(test)]
mod tests;
