//! H6 and H14: what the agents saw.

use std::collections::{BTreeMap, BTreeSet};

use super::Told;
use super::facts::{Call, Facts};
use crate::history::{Fault, Op};
use crate::journal::{Record, digest};
use crate::shapes::{AGENTS, agent};

/// Every step that completed was called with its key, always with the input that was written down before, and its output is one that the agent gave;
/// no attempt was called twice; a write that was done is not asked for again.
pub(super) fn effects_are_what_their_class_promises(facts: &Facts<'_>, told: &mut Told) {
    for (key, calls) in &facts.calls {
        let inputs: BTreeSet<&str> = calls.iter().map(|call| call.input).collect();
        told.unless(inputs.len() == 1, || format!("{key} was asked with {} inputs", inputs.len()));
        let attempts: BTreeSet<u32> = calls.iter().map(|call| call.attempt).collect();
        told.unless(attempts.len() == calls.len(), || format!("an attempt of {key} was called twice"));
        let writes =
            calls.first().and_then(|call| agent(call.agent)).is_some_and(|agent| agent.effect == "write");
        let done = calls.iter().filter(|call| call.done.is_some_and(|(_, output)| output.is_some())).count();
        told.unless(!writes || done <= 1, || format!("the write {key} was done {done} times"));
    }
    let said: BTreeSet<(&str, &str)> = facts
        .requests
        .iter()
        .filter_map(|request| match request.op {
            Op::Reconcile { run, step, happened: true, .. } => Some((run.as_str(), step.as_str())),
            _ => None,
        })
        .collect();
    for (run, records) in &facts.runs {
        // By step and attempt: the iteration, the agent, and hash of the input.
        let mut begun: BTreeMap<(&str, u64), (u64, &str, String)> = BTreeMap::new();
        for record in records {
            let step = record.step();
            match record.kind.as_str() {
                "step.started" => {
                    let input = digest(&record.body["input"]["json"]);
                    let about = (record.number("iteration"), record.text("agent"), input);
                    begun.insert((step, record.number("attempt")), about);
                }
                "step.completed" if record.body["attempt"].is_u64() => {
                    let attempt = record.number("attempt");
                    let Some((iteration, ..)) = begun.get(&(step, attempt)) else {
                        told.tell(format!(
                            "{step} of {run} completed with attempt {attempt}, which never began"
                        ));
                        continue;
                    };
                    let key = format!("{run}/{step}/{iteration}");
                    let output = record.body["output"]["json"]["answer"].as_str();
                    let gave =
                        |call: &Call<'_>| call.done.is_some_and(|(_, gave)| gave.is_some() && gave == output);
                    let calls = facts.calls.get(key.as_str()).map_or(&[][..], Vec::as_slice);
                    let is_said = said.contains(&(run, step)) && !calls.is_empty();
                    told.unless(is_said || calls.iter().any(gave), || {
                        format!("{step} of {run} completed with {output:?}, which no call of {key} gave")
                    });
                }
                _ => {}
            }
        }
        // Nobody is called before it is written down that he is.
        for (key, calls) in facts.calls.range(*run..).take_while(|(key, _)| key.starts_with(run)) {
            let mut parts = key.rsplitn(2, '/');
            let iteration =
                parts.next().and_then(|iteration| iteration.parse::<u64>().ok()).unwrap_or_default();
            let step = parts.next().and_then(|path| path.strip_prefix(run)).unwrap_or_default();
            let step = step.trim_start_matches('/');
            for call in calls {
                let written = begun.get(&(step, u64::from(call.attempt)));
                let is = (iteration, call.agent, call.input.to_owned());
                told.unless(written == Some(&is), || {
                    format!(
                        "{} was called for {key}, attempt {}; written is {written:?}",
                        call.agent, call.attempt
                    )
                });
            }
        }
    }
    for key in facts.calls.keys() {
        let run = key.split('/').next().unwrap_or_default();
        told.unless(facts.runs.contains_key(run), || {
            format!("{key} was called for, and there is no such run")
        });
    }
}

/// Of each agent no more calls of one daemon are under way than its limit allows. A call whose attempt was given up does not count: an
/// agent that is called over HTTP goes on with it although nobody waits for its answer, and the daemon has no part in that.
pub(super) fn limits_hold_at_the_agents(facts: &Facts<'_>, told: &mut Told) {
    let is_end =
        |fault: &Fault| matches!(fault, Fault::Kill | Fault::PowerCut | Fault::KillInRecovery | Fault::End);
    let ends: Vec<u64> = facts.faults.iter().filter(|(_, fault)| is_end(fault)).map(|(at, _)| *at).collect();
    let life = |at: u64| ends.partition_point(|end| *end <= at);
    for (agent, limit) in AGENTS.iter().filter_map(|agent| Some((agent, agent.concurrency?))) {
        // What begins counts behind what ends at the same time.
        let mut changes: BTreeMap<usize, Vec<(u64, i32)>> = BTreeMap::new();
        let calls = facts.calls.iter().flat_map(|(key, calls)| calls.iter().map(move |call| (*key, call)));
        let counted = calls.filter(|(key, call)| call.agent == agent.name && !is_given_up(facts, key, call));
        for (_, call) in counted {
            let of_life = changes.entry(life(call.began)).or_default();
            of_life.push((call.began, 1));
            if let Some((at, _)) = call.done {
                of_life.push((at, -1));
            }
        }
        for (life, mut changes) in changes {
            changes.sort_unstable();
            let mut under_way = 0;
            for (at, change) in changes {
                under_way += change;
                told.unless(under_way <= i32::try_from(limit).unwrap_or(i32::MAX), || {
                    format!(
                        "{under_way} calls of {} at {at} us, in life {life}; {limit} are allowed",
                        agent.name
                    )
                });
            }
        }
    }
}

/// Whether the journal says that the attempt ended otherwise than with this call's answer.
fn is_given_up(facts: &Facts<'_>, key: &str, call: &Call<'_>) -> bool {
    let Some((run, step)) = key.split_once('/').and_then(|(run, rest)| Some((run, rest.rsplit_once('/')?.0)))
    else {
        return false;
    };
    let Some(records) = facts.runs.get(run) else { return facts.dropped.contains_key(run) };
    records.iter().any(|record| record.step() == step && is_end_of(record, call.attempt))
}

/// Whether a record of a step says that this attempt is over without an answer that counts.
fn is_end_of(record: &Record, attempt: u32) -> bool {
    match record.kind.as_str() {
        "step.cancelled" => true,
        "step.failed" | "step.retrying" | "step.interrupted" | "step.result_discarded" => {
            record.body["attempt"].as_u64().is_none_or(|ended| ended == u64::from(attempt))
        }
        _ => false,
    }
}
