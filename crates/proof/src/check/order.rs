//! H3, H15 and R3: the order of the journal.

use std::collections::HashMap;

use super::Told;
use super::facts::Facts;

/// Global sequences are dense from 1, those of a stream too, and what was found after a fault is still the beginning.
pub(super) fn sequences_are_dense_and_prefixes_stay(facts: &Facts<'_>, told: &mut Told) {
    let mut streams: HashMap<&str, u64> = HashMap::new();
    let mut before = 0;
    for record in &facts.journal.records {
        told.unless(record.sequence == before + 1, || {
            format!("the record {} follows on {before}", record.sequence)
        });
        before = record.sequence;
        let last = streams.entry(&record.stream).or_default();
        *last += 1;
        told.unless(record.stream_sequence == *last, || {
            let (stream, number) = (&record.stream, record.stream_sequence);
            format!("{stream} has {number} in the place of {last}")
        });
    }
    for found in &facts.found {
        let is_beginning = found.head <= facts.journal.head()
            && facts.journal.prefix(found.head, found.gone) == found.prefix;
        told.unless(is_beginning, || {
            let head = found.head;
            format!("the records up to {head} that were found after a fault are not those at the end")
        });
    }
}

/// What is said to stand before the records of an append is the chain hash of the record before them in their stream.
pub(super) fn chains_stay_whole(facts: &Facts<'_>, told: &mut Told) {
    let mut last: HashMap<&str, &str> = HashMap::new();
    for record in &facts.journal.records {
        let before = last.insert(&record.stream, &record.chain);
        told.unless(record.before.is_none() || record.before.as_deref() == before, || {
            let (stream, sequence) = (&record.stream, record.sequence);
            format!("the record {sequence} of {stream} does not follow on the one before it")
        });
    }
}

/// An epoch never follows a higher one, and an attempt says the epoch it was written in.
pub(super) fn epochs_rise(facts: &Facts<'_>, told: &mut Told) {
    let mut epoch = 0;
    // An archive does not say in which epoch each record was written.
    for record in facts.journal.records.iter().filter(|record| record.epoch > 0) {
        told.unless(record.epoch >= epoch, || {
            format!("the record {} is of epoch {} after {epoch}", record.sequence, record.epoch)
        });
        epoch = epoch.max(record.epoch);
        told.unless(record.kind != "step.started" || record.number("epoch") == record.epoch, || {
            let said = record.number("epoch");
            format!("the attempt of record {} says epoch {said} and is of {}", record.sequence, record.epoch)
        });
    }
    let starts = facts.journal.records.iter().filter(|record| record.kind == "system.started").count();
    told.unless(epoch >= starts as u64, || format!("{starts} starts, and the epoch is {epoch}"));
}
