//! What a history and a journal say, put together once for all rules.

use std::collections::{BTreeMap, HashMap};

use crate::history::{Fault, History, Op, Outcome, What};
use crate::journal::{Archives, Journal, Record};

/// What is known.
pub struct Facts<'h> {
    pub history: &'h History,
    /// Everything that happened, as the journal that is left and the archives tell it together.
    pub journal: &'h Journal,
    /// The journal that is left.
    pub left: &'h Journal,
    /// The files of archives.
    pub archives: &'h Archives,
    /// The records of each run.
    pub runs: BTreeMap<&'h str, Vec<&'h Record>>,
    /// The last word about each run that was dropped.
    pub dropped: BTreeMap<&'h str, &'h Record>,
    /// How long after their end runs are kept, in microseconds; none where nothing is ever dropped.
    pub retains: Option<u64>,
    /// The requests, in the order in which they began.
    pub requests: Vec<Request<'h>>,
    /// What the agents were asked, by idempotency key.
    pub calls: BTreeMap<&'h str, Vec<Call<'h>>>,
    /// What was done to the daemon.
    pub faults: Vec<(u64, Fault)>,
    /// What was found of the journal after faults.
    pub found: Vec<Found<'h>>,
    /// The files of archives that were found with it: when, and their hashes.
    pub shelves: Vec<(u64, &'h BTreeMap<String, String>)>,
}

/// The journal as it was found after a fault.
#[derive(Debug, Clone, Copy)]
pub struct Found<'h> {
    pub at: u64,
    pub head: u64,
    pub prefix: &'h str,
    pub gone: &'h [(u64, u64)],
}

/// A request.
#[derive(Debug, Clone, Copy)]
pub struct Request<'h> {
    pub client: u32,
    pub op: &'h Op,
    pub invoked: u64,
    /// When it ended; none for one whose end nobody saw.
    pub returned: Option<u64>,
    pub outcome: &'h Outcome,
}

/// A call of an agent.
#[derive(Debug, Clone, Copy)]
pub struct Call<'h> {
    pub agent: &'h str,
    pub attempt: u32,
    pub input: &'h str,
    pub began: u64,
    /// When its work was done, and what it answered; none when it never was.
    pub done: Option<(u64, Option<&'h str>)>,
}

impl<'h> Facts<'h> {
    /// Of a history, the journal that is left and the archives; `journal` is what these two tell together.
    pub fn of(history: &'h History, journal: &'h Journal, left: &'h Journal, archives: &'h Archives) -> Self {
        let ends = journal.records.iter().filter(|record| record.kind == "run.archived");
        let mut facts = Self {
            history,
            journal,
            left,
            archives,
            runs: journal.runs(),
            dropped: ends.filter_map(|end| Some((end.run()?, end))).collect(),
            retains: None,
            requests: Vec::new(),
            calls: BTreeMap::new(),
            faults: Vec::new(),
            found: Vec::new(),
            shelves: Vec::new(),
        };
        let mut open: HashMap<u64, usize> = HashMap::new();
        for entry in &history.entries {
            match &entry.what {
                What::Invoke { id, client, op } => {
                    open.insert(*id, facts.requests.len());
                    let outcome = &Outcome::Unknown;
                    let (client, invoked) = (*client, entry.at);
                    facts.requests.push(Request { client, op, invoked, returned: None, outcome });
                }
                What::Return { id, outcome } => {
                    if let Some(request) = open.remove(id).and_then(|at| facts.requests.get_mut(at)) {
                        (request.returned, request.outcome) = (Some(entry.at), outcome);
                    }
                }
                What::Call { key, agent, attempt, input } => facts.calls.entry(key).or_default().push(Call {
                    agent,
                    attempt: *attempt,
                    input,
                    began: entry.at,
                    done: None,
                }),
                What::Done { key, attempt, output } => {
                    let calls = facts.calls.entry(key).or_default();
                    let call = calls.iter_mut().find(|call| call.attempt == *attempt && call.done.is_none());
                    if let Some(call) = call {
                        call.done = Some((entry.at, output.as_deref()));
                    }
                }
                What::Nemesis { fault } => facts.faults.push((entry.at, *fault)),
                What::Found { head, prefix, gone } => {
                    facts.found.push(Found { at: entry.at, head: *head, prefix, gone });
                }
                What::Retains { ended_us } => facts.retains = Some(*ended_us),
                What::Shelf { files } => facts.shelves.push((entry.at, files)),
                What::Open { .. } | What::Frame { .. } | What::Gap { .. } | What::Listed { .. } => {}
            }
        }
        facts
    }

    /// The record of that global sequence.
    pub fn record(&self, sequence: u64) -> Option<&'h Record> {
        let records = &self.journal.records;
        let at = records.binary_search_by_key(&sequence, |record| record.sequence).ok()?;
        records.get(at)
    }

    /// The head of the journal at the first fault after this time: what was acknowledged by then is in it.
    pub fn head_after(&self, at: u64) -> u64 {
        let found = self.found.iter().find(|found| found.at >= at);
        found.map_or_else(|| self.journal.head(), |found| found.head)
    }
}

impl Request<'_> {
    /// The run and the sequence of one that was done.
    pub fn ok(&self) -> Option<(Option<&str>, u64)> {
        match self.outcome {
            Outcome::Ok { run, sequence, .. } => Some((run.as_deref(), *sequence)),
            Outcome::Refused { .. } | Outcome::Unknown => None,
        }
    }

    pub fn was_refused(&self) -> bool {
        matches!(self.outcome, Outcome::Refused { .. })
    }
}
