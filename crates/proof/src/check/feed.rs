//! H10: what readers of the feed saw.

use std::collections::BTreeMap;

use super::Told;
use super::facts::Facts;
use crate::history::What;

/// Sequences rise by one from where a reader began, over all its connections; everything it saw is in the journal, the same;
/// and when all is over it has seen everything. Only where a run was dropped it may have been told so instead.
pub(super) fn readers_see_the_journal_and_nothing_else(facts: &Facts<'_>, told: &mut Told) {
    let mut last: BTreeMap<u32, u64> = BTreeMap::new();
    for entry in &facts.history.entries {
        match &entry.what {
            What::Open { reader, after } => {
                let seen = last.entry(*reader).or_insert(*after);
                told.unless(seen == after, || {
                    format!("reader {reader} goes on behind {after}, and saw {seen}")
                });
            }
            What::Frame { reader, sequence, kind, body } => {
                let seen = last.entry(*reader).or_default();
                told.unless(*sequence == *seen + 1, || {
                    format!("reader {reader} was shown {sequence} after {seen}")
                });
                *seen = *sequence;
                let is = facts.record(*sequence);
                told.unless(is.is_some_and(|is| is.kind == *kind && is.body_hash == *body), || {
                    let is = is.map(|is| &is.kind);
                    format!("reader {reader} was shown {sequence} as {kind}; in the journal it is {is:?}")
                });
            }
            What::Gap { reader, from, to } => {
                let seen = last.entry(*reader).or_default();
                told.unless(*seen == *from && to > from, || {
                    format!("reader {reader} was told that {from} to {to} are gone, and saw {seen}")
                });
                *seen = *to;
                let head = facts.head_after(entry.at);
                for sequence in *from + 1..=*to {
                    let end = facts.record(sequence).and_then(|is| facts.dropped.get(is.run()?));
                    told.unless(end.is_some_and(|end| end.sequence <= head), || {
                        format!("reader {reader} was told that {sequence} is gone, and its run is kept")
                    });
                }
            }
            _ => {}
        }
    }
    for (reader, seen) in last {
        // The daemon's own farewell comes when the readers are gone.
        let unseen =
            facts.journal.records.iter().filter(|record| record.sequence > seen && record.run().is_some());
        told.unless(unseen.count() == 0, || {
            format!("reader {reader} saw up to {seen} of {}", facts.journal.head())
        });
    }
}
