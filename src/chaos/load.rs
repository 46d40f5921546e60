//! Runs in flight: each lane starts a run, tends it until it has ended, looks at it, and starts the next one.
//!
//! Tending is what people would do: questions are answered, a run that was set aside is released, and of a write that was
//! cut off the file says whether it happened. Everything goes through the public API. An answer that is lost with the actor
//! that was to give it is asked for again, a start under its key, so that it starts one run.

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::path::PathBuf;
use std::time::Duration;

use serde_json::json;
use tokio::time::Instant;

use super::check::{self, Asked, Happened, Seen, Wrong};
use super::effects::Effects;
use super::sort::{Sort, key};
use crate::cli::with_causes;
use crate::client::{Client, ClientError, Given, Run, StartFrom, Step};

/// Pause before something is asked again.
const ASK_AGAIN: Duration = Duration::from_millis(50);
/// How long a question is thought about, so that it is met while it is open.
const THINK: Duration = Duration::from_millis(200);
/// How long an answer that tells of the end is waited for at once.
const WAIT_S: u64 = 1;

/// What all lanes share.
pub(super) struct Load {
    client: Client,
    effects: PathBuf,
    /// New runs are started until then.
    until: Instant,
    /// Everything must have ended by then.
    limit: Instant,
    /// Part of the keys of starts.
    nonce: String,
    tally: RefCell<Tally>,
}

/// What came of the runs so far.
#[derive(Debug, Default)]
pub(super) struct Tally {
    /// Runs that were started.
    pub asked: Vec<Asked>,
    /// How many completed.
    pub completed: u64,
    /// What happened in them.
    pub happened: Happened,
    /// Times that a run was released.
    pub released: u64,
    /// Runs whose actors were struck.
    pub struck: BTreeSet<String>,
    /// How long each took, in milliseconds.
    pub took: Vec<(String, u64)>,
    /// What is wrong.
    pub wrong: Vec<Wrong>,
}

impl Load {
    /// A load on a daemon.
    pub fn new(client: Client, effects: PathBuf, until: Instant, limit: Instant) -> Self {
        let nonce = uuid::Uuid::new_v4().simple().to_string();
        Self { client, effects, until, limit, nonce, tally: RefCell::default() }
    }

    /// What came of it so far.
    pub fn tally(&self) -> std::cell::RefMut<'_, Tally> {
        self.tally.borrow_mut()
    }

    /// How many runs are under way.
    pub fn in_flight(&self) -> u64 {
        let tally = self.tally.borrow();
        (tally.asked.len() as u64).saturating_sub(tally.took.len() as u64)
    }

    /// Carries one run after another.
    pub async fn lane(&self, lane: u64) {
        // Runs of all sorts are under way at any time, whatever the number of lanes.
        for round in 0.. {
            if Instant::now() >= self.until {
                return;
            }
            let sorts = Sort::ALL.len() as u64;
            let at = usize::try_from((lane + round) % sorts).unwrap_or(0);
            let n = lane * 1_000_000 + round;
            if let Err(wrong) = self.carry(Sort::ALL[at], n).await {
                self.tally().wrong.push(wrong);
                // What does not end is not made more of.
                return;
            }
        }
    }

    async fn carry(&self, sort: Sort, n: u64) -> Result<(), Wrong> {
        let name = StartFrom::Workflow(sort.workflow().to_owned());
        let (idempotency, given) =
            (format!("{}-{n}", self.nonce), Given { input: json!({ "n": n }), ..Given::default() });
        let start = || self.client.start_run_as(&idempotency, &name, &given);
        let started = self.patiently("the start of a run", None, start).await?;
        let asked = Asked { run: started.value.id, sort, n };
        self.tally().asked.push(asked.clone());
        let ended = self.tend(&asked).await?;
        let seen = self.look_at(&asked, ended).await?;
        self.take_in(&asked, &seen);
        Ok(())
    }

    async fn tend(&self, asked: &Asked) -> Result<Run, Wrong> {
        let id = &asked.run;
        let mut is_answered = asked.sort != Sort::Gate;
        loop {
            let wait = if is_answered { WAIT_S } else { 0 };
            let run = self.patiently("a run", Some(id), || self.client.run_within(id, wait)).await?.value;
            if run.has_ended() {
                return Ok(run);
            }
            if Instant::now() >= self.limit {
                return Err(self.stuck(asked, &run).await);
            }
            if run.status == "paused" && run.reason.as_deref() == Some("quarantined") {
                self.release(id).await?;
                continue;
            }
            let steps = self.patiently("the steps of a run", Some(id), || self.client.steps(id)).await?;
            for step in steps.value.items.iter().filter(|step| step.status == "waiting") {
                match (step.reason.as_deref(), &step.approval) {
                    (Some("approval"), Some(approval)) => {
                        self.approve(id, approval).await?;
                        is_answered = true;
                    }
                    (Some("reconcile"), _) => self.reconcile(id, step).await?,
                    _ => {}
                }
            }
            if !is_answered {
                tokio::time::sleep(ASK_AGAIN).await;
            }
        }
    }

    async fn release(&self, id: &str) -> Result<(), Wrong> {
        let resume = || async { settled(self.client.command(id, "resume", &json!({})).await) };
        if self.patiently("the release of a run", Some(id), resume).await? {
            self.tally().released += 1;
        }
        Ok(())
    }

    async fn approve(&self, id: &str, approval: &str) -> Result<(), Wrong> {
        tokio::time::sleep(THINK).await;
        let approve = || async { settled(self.client.decide(approval, true, None, None).await) };
        self.patiently("an answer to a question", Some(id), approve).await.map(drop)
    }

    /// The process of an attempt that was cut off is dead before its loss is recorded: what it has done stands in the file.
    async fn reconcile(&self, id: &str, step: &Step) -> Result<(), Wrong> {
        let key = key(id, &step.path);
        let effects = Effects::read(&self.effects).map_err(|error| Wrong {
            run: Some(id.to_owned()),
            what: format!("the file of effects: {error}"),
        })?;
        let body = match effects.times(&key) {
            0 => json!({ "happened": "no" }),
            _ => json!({ "happened": "yes", "output": { "key": key } }),
        };
        let verb = format!("steps/{}/reconcile", step.path);
        let say = || async { settled(self.client.command(id, &verb, &body).await) };
        self.patiently("a reconciliation", Some(id), say).await.map(drop)
    }

    async fn look_at(&self, asked: &Asked, run: Run) -> Result<Seen, Wrong> {
        let id = &asked.run;
        let steps =
            self.patiently("the steps of a run", Some(id), || self.client.steps(id)).await?.value.items;
        let mut events = Vec::new();
        let mut after = "0".to_owned();
        loop {
            let page =
                self.patiently("the events of a run", Some(id), || self.client.events(id, &after)).await?;
            events.extend(page.value.items);
            match page.value.next_cursor {
                Some(next) => after = next,
                None => return Ok(Seen { run, steps, events }),
            }
        }
    }

    fn take_in(&self, asked: &Asked, seen: &Seen) {
        let happened = Happened::of(&seen.events);
        let mut tally = self.tally();
        tally.completed += u64::from(seen.run.status == "completed");
        tally.happened.retried += happened.retried;
        tally.happened.interrupted += happened.interrupted;
        tally.happened.reconciled += happened.reconciled;
        tally.happened.quarantined += happened.quarantined;
        tally.took.push((asked.run.clone(), seen.run.took_ms().unwrap_or_default()));
        tally.wrong.extend(check::run(asked, seen));
    }

    async fn stuck(&self, asked: &Asked, run: &Run) -> Wrong {
        let steps = self.client.steps(&asked.run).await.map(|steps| steps.value.items).unwrap_or_default();
        let open = steps.iter().filter(|step| !matches!(step.status.as_str(), "completed" | "pending"));
        let open: Vec<String> = open
            .map(|step| {
                format!("{} is {} {}", step.path, step.status, step.reason.as_deref().unwrap_or_default())
            })
            .collect();
        let what = format!("it did not end in time: it is {}; {}", run.status, open.join(", "));
        Wrong { run: Some(asked.run.clone()), what }
    }

    /// The ids of all runs that the daemon lists.
    pub async fn listed(&self) -> Result<Vec<String>, Wrong> {
        let mut ids = Vec::new();
        let mut query = vec![("limit", "200".to_owned())];
        loop {
            let page = self.patiently("the list of runs", None, || self.client.runs(&query)).await?.value;
            ids.extend(page.items.into_iter().map(|run| run.id));
            match page.next_cursor {
                Some(next) => query = vec![("limit", "200".to_owned()), ("cursor", next)],
                None => return Ok(ids),
            }
        }
    }

    /// Asks until there is an answer that holds. Whoever should have answered may have been struck.
    async fn patiently<T, F: Future<Output = Result<T, ClientError>>>(
        &self,
        what: &str,
        run: Option<&str>,
        mut ask: impl FnMut() -> F,
    ) -> Result<T, Wrong> {
        loop {
            let error = match ask().await {
                Ok(answer) => return Ok(answer),
                Err(error) => error,
            };
            if !is_passing(&error) || Instant::now() >= self.limit {
                let what = format!("{what} was answered: {}", with_causes(&error));
                return Err(Wrong { run: run.map(str::to_owned), what });
            }
            tokio::time::sleep(ASK_AGAIN).await;
        }
    }
}

/// Whether it may help to ask again.
fn is_passing(error: &ClientError) -> bool {
    match error {
        ClientError::Unreached { .. } | ClientError::TooSlow { .. } => true,
        ClientError::Refused(problem) => {
            matches!(problem.status, 429 | 503 | 504) || problem.code == "key_in_progress"
        }
        ClientError::Address { .. } | ClientError::Strange { .. } => false,
    }
}

/// Something that was asked before, with its answer lost, is refused because it is done: whether this request did it.
fn settled<T>(answer: Result<T, ClientError>) -> Result<bool, ClientError> {
    match answer {
        Ok(_) => Ok(true),
        Err(ClientError::Refused(problem)) if problem.status == 409 => Ok(false),
        Err(error) => Err(error),
    }
}
