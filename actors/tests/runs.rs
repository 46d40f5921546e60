//! Whole runs through the real house: a store in a folder, the supervision tree, and the agents that are built in.

#![allow(clippy::unwrap_used, reason = "a test says by panicking what is wrong")]

use std::path::Path;
use std::time::Duration;

use ghostlight_actors::keys::KeyRefusal;
use ghostlight_actors::runs::{CommandError, Definition, RunCommand, StartRun};
use ghostlight_actors::runtime::{self, Ghostlight, House, Settings};
use ghostlight_actors::{Caller, IdempotencyKey};
use ghostlight_model::ids::RunId;
use ghostlight_model::language::Format;
use ghostlight_model::run::{Retry, RunStatus, StepState, StepStatus};
#[cfg(feature = "chaos")]
use ghostlight_supervision::Fault;
use ghostlight_world::World;
use serde_json::{Map, Value, json};

fn settings(folder: &Path) -> Settings {
    Settings {
        data: folder.join("data"),
        agents: folder.join("agents"),
        workflows: folder.join("workflows"),
        program: std::env::current_exe().unwrap(),
        slots: 4,
        workers: 2,
        allow_api_command: false,
        sled_cache_bytes: 16 << 20,
        segment_bytes: 4 << 20,
    }
}

async fn open(folder: &Path) -> (Ghostlight, House) {
    let (ghostlight, house) = runtime::open(settings(folder), World::real(), |_| Vec::new()).await.unwrap();
    ghostlight.tree.permit_faults();
    (ghostlight, house)
}

async fn close(ghostlight: Ghostlight, house: House) {
    let tree = ghostlight.tree.clone();
    house.shutdown(Duration::from_secs(5)).await.unwrap();
    assert_eq!(tree.live(), 0, "nothing of the tree is left alive");
}

fn start(yaml: &str, input: Value) -> StartRun {
    StartRun {
        definition: Definition::Own { source: yaml.to_owned(), format: Format::Yaml },
        input,
        context: Map::new(),
        labels: Default::default(),
        key: None,
    }
}

async fn ended(ghostlight: &Ghostlight, run: RunId) -> ghostlight_actors::runs::RunRead {
    assert!(ghostlight.runs.wait(run, Duration::from_secs(20)).await.unwrap(), "the run ends");
    ghostlight.runs.read(run).await.unwrap().unwrap()
}

const CHAIN: &str = "
ghostlight: 1
name: chain
nodes:
  a: { type: agent_call, agent: noop, input: { n: $input.n } }
  b: { type: agent_call, agent: noop, needs: [a], input: $a }
  c: { type: agent_call, agent: noop, needs: [b], input: $b }
output: $c
";

/// The no-op agent goes through the same actors and events as any other: nine records a run.
/// Shows S1-4.1a, S1-4.1c, S3-3d.
#[test]
fn a_chain_of_three_completes_with_nine_records() {
    let folder = tempfile::tempdir().unwrap();
    actix::System::new().block_on(async {
        let (ghostlight, house) = open(folder.path()).await;
        let started =
            ghostlight.runs.start(start(CHAIN, json!({ "n": 1 })), Caller::runtime()).await.unwrap();
        let read = ended(&ghostlight, started.run).await;
        assert_eq!(read.run.status, RunStatus::Completed);
        assert_eq!(**read.run.output.as_ref().unwrap().value().unwrap(), json!({ "n": 4 }));
        assert_eq!(read.events.len(), 9);
        close(ghostlight, house).await;
    });
}

#[test]
fn a_hundred_runs_at_once_share_the_slots_and_all_complete() {
    let folder = tempfile::tempdir().unwrap();
    actix::System::new().block_on(async {
        let (ghostlight, house) = open(folder.path()).await;
        let starts =
            (0..100).map(|n| ghostlight.runs.start(start(CHAIN, json!({ "n": n })), Caller::runtime()));
        let started = futures::future::join_all(starts).await;
        for (n, started) in started.into_iter().enumerate() {
            let read = ended(&ghostlight, started.unwrap().run).await;
            assert_eq!(**read.run.output.as_ref().unwrap().value().unwrap(), json!({ "n": n + 3 }));
        }
        assert_eq!(ghostlight.runs.slots().used, 0);
        close(ghostlight, house).await;
    });
}

const WIDE: &str = "
ghostlight: 1
name: wide
nodes:
  begin: { type: agent_call, agent: noop }
  left: { type: agent_call, agent: sleep, needs: [begin], input: { for: 60s } }
  right: { type: agent_call, agent: sleep, needs: [begin], input: { for: 60s } }
  one: { type: agent_call, agent: sleep, input: { for: 60s } }
  two: { type: agent_call, agent: sleep, input: { for: 60s } }
  three: { type: agent_call, agent: sleep, input: { for: 60s } }
";

/// Branches and steps that need nothing of each other are under way at once: as many as there are slots, and no more.
/// Shows S1-4.3a, S0-4.2a, S1-4.3b, S3-3a.
#[test]
fn what_is_independent_in_a_run_is_under_way_at_once_as_far_as_there_are_slots() {
    let folder = tempfile::tempdir().unwrap();
    actix::System::new().block_on(async {
        let (ghostlight, house) = open(folder.path()).await;
        let started = ghostlight.runs.start(start(WIDE, json!({})), Caller::runtime()).await.unwrap();
        let patience = tokio::time::Instant::now() + Duration::from_secs(20);
        loop {
            let read = ghostlight.runs.read(started.run).await.unwrap().unwrap();
            let count =
                |wanted| read.run.iter().filter(|(_, _, step)| step.state.status().0 == wanted).count();
            assert!(count(StepStatus::Running) <= 4, "there are four slots");
            if count(StepStatus::Running) == 4 && count(StepStatus::Completed) == 1 {
                break;
            }
            assert!(tokio::time::Instant::now() < patience, "four of them run at once");
            tokio::task::yield_now().await;
        }
        assert_eq!(ghostlight.runs.slots().used, 4);
        let cancel = RunCommand::Cancel { reason: "seen".into(), kill: false };
        ghostlight.runs.command(started.run, cancel, None, Caller::runtime()).await.unwrap();
        assert_eq!(ended(&ghostlight, started.run).await.run.status, RunStatus::Cancelled);
        close(ghostlight, house).await;
    });
}

/// Every value here is nearly as large as an event takes: what is small on its own must not share an append that is too large.
#[test]
fn a_wide_run_of_values_as_large_as_events_take_completes() {
    let mut yaml = "ghostlight: 1\nname: heavy\nnodes:\n".to_owned();
    for at in 0..160 {
        yaml += &format!("  n{at}: {{ type: agent_call, agent: noop, input: {{ text: $input.text }} }}\n");
    }
    yaml += "output: { last: $n159.text }\n";
    let folder = tempfile::tempdir().unwrap();
    actix::System::new().block_on(async {
        let many_slots = Settings { slots: 160, ..settings(folder.path()) };
        let (ghostlight, house) = runtime::open(many_slots, World::real(), |_| Vec::new()).await.unwrap();
        let input = json!({ "text": "x".repeat(60_000) });
        let started = ghostlight.runs.start(start(&yaml, input), Caller::runtime()).await.unwrap();
        let read = ended(&ghostlight, started.run).await;
        assert_eq!(read.run.status, RunStatus::Completed, "{:?}", read.run.failure);
        close(ghostlight, house).await;
    });
}

const GATED: &str = "
ghostlight: 1
name: gated
nodes:
  before: { type: agent_call, agent: noop }
  ask: { type: human_gate, needs: [before], action: 'Go on?', risk: low }
  after: { type: agent_call, agent: noop, needs: [ask], input: { said: $ask.decision } }
";

/// S1-4.4a, S3-3h, S3-10c: a gate survives a restart of the daemon, in memory or not.
#[test]
fn a_gate_waits_over_a_restart_and_the_answer_goes_on() {
    let folder = tempfile::tempdir().unwrap();
    let (run, approval) = actix::System::new().block_on(async {
        let (ghostlight, house) = open(folder.path()).await;
        let started = ghostlight.runs.start(start(GATED, json!({})), Caller::runtime()).await.unwrap();
        let approval = loop {
            let read = ghostlight.runs.read(started.run).await.unwrap().unwrap();
            if let Some(approval) = read.run.approvals.keys().next() {
                break *approval;
            }
            tokio::task::yield_now().await;
        };
        close(ghostlight, house).await;
        (started.run, approval)
    });
    actix::System::new().block_on(async {
        let (ghostlight, house) = open(folder.path()).await;
        let caller = Caller { subject: Some("someone".into()), ..Caller::default() };
        let comment = Some("fine".to_owned());
        ghostlight.runs.answer(approval, true, comment.clone(), None, None, caller.clone()).await.unwrap();
        let read = ended(&ghostlight, run).await;
        assert_eq!(read.run.status, RunStatus::Completed);
        assert_eq!(
            **read.run.output.as_ref().unwrap().value().unwrap(),
            json!({ "after": { "said": "approved" } })
        );
        let again = ghostlight.runs.answer(approval, false, None, None, None, caller).await;
        assert!(again.is_err(), "a second answer is refused");
        close(ghostlight, house).await;
    });
}

/// Shows S3-3c, S3-8e.
#[test]
fn a_cancelled_run_stops_what_is_under_way() {
    let folder = tempfile::tempdir().unwrap();
    actix::System::new().block_on(async {
        let (ghostlight, house) = open(folder.path()).await;
        let sleeper = "
ghostlight: 1
name: sleeper
nodes:
  long: { type: agent_call, agent: sleep, input: { for: 60s } }
  never: { type: agent_call, agent: noop, needs: [long] }
";
        let started = ghostlight.runs.start(start(sleeper, json!({})), Caller::runtime()).await.unwrap();
        let cancel = RunCommand::Cancel { reason: "enough".into(), kill: false };
        ghostlight.runs.command(started.run, cancel, None, Caller::runtime()).await.unwrap();
        let read = ended(&ghostlight, started.run).await;
        assert_eq!(read.run.status, RunStatus::Cancelled);
        assert!(read.run.iter().all(|(_, _, step)| step.state.status().0 == StepStatus::Cancelled));
        close(ghostlight, house).await;
    });
}

/// Shows S1-4.1f.
#[test]
fn an_attempt_that_the_shutdown_cuts_off_runs_again_after_the_start() {
    let folder = tempfile::tempdir().unwrap();
    let nap = "
ghostlight: 1
name: nap
nodes:
  nap: { type: agent_call, agent: sleep, input: { for: 1s } }
";
    let run = actix::System::new().block_on(async {
        let (ghostlight, house) = open(folder.path()).await;
        let started = ghostlight.runs.start(start(nap, json!({})), Caller::runtime()).await.unwrap();
        let tree = ghostlight.tree.clone();
        house.shutdown(Duration::ZERO).await.unwrap();
        assert_eq!(tree.live(), 0);
        started.run
    });
    actix::System::new().block_on(async {
        let (ghostlight, house) = open(folder.path()).await;
        let read = ended(&ghostlight, run).await;
        assert_eq!(read.run.status, RunStatus::Completed);
        let names: Vec<_> = read.events.iter().map(|event| event.recorded.event.name()).collect();
        assert!(names.contains(&"step.interrupted"), "{names:?}");
        close(ghostlight, house).await;
    });
}

/// A panic anywhere in a run's actors is contained: the run goes on from the journal, its neighbour notices nothing.
#[cfg(feature = "chaos")]
#[test]
fn a_panic_in_each_actor_of_a_run_is_contained_and_the_run_completes() {
    let folder = tempfile::tempdir().unwrap();
    actix::System::new().block_on(async {
        let (ghostlight, house) = open(folder.path()).await;
        for victim in ["workflow", "executions/", "gates/"] {
            let started = ghostlight.runs.start(start(CAREFUL, json!({})), Caller::runtime()).await.unwrap();
            let neighbour =
                ghostlight.runs.start(start(CAREFUL, json!({})), Caller::runtime()).await.unwrap();
            let path = find_actor(&ghostlight, started.run, victim).await;
            ghostlight.tree.inject(&path, Fault::Panic).unwrap();
            for run in [started.run, neighbour.run] {
                answer_all(&ghostlight, run).await;
                let read = ended(&ghostlight, run).await;
                assert_eq!(read.run.status, RunStatus::Completed, "{victim}: {:?}", read.run.failure);
                let interrupted =
                    read.events.iter().any(|event| event.recorded.event.name() == "step.interrupted");
                assert_eq!(interrupted, run == started.run && victim == "executions/", "{victim}");
            }
        }
        assert!(ghostlight.tree_log.counts().exited_abnormally >= 3);
        close(ghostlight, house).await;
    });
}

/// An attempt whose actor makes no progress minds no time of its own: its run does, ends it and makes it again.
/// Shows S1-4.3n4.
#[cfg(feature = "chaos")]
#[test]
fn an_attempt_that_hangs_is_ended_after_its_time_and_made_again() {
    let folder = tempfile::tempdir().unwrap();
    let nap = "
ghostlight: 1
name: nap
nodes:
  nap: { type: agent_call, agent: sleep, input: { for: 300ms }, timeout: 500ms }
";
    actix::System::new().block_on(async {
        let (ghostlight, house) = open(folder.path()).await;
        let started = ghostlight.runs.start(start(nap, json!({})), Caller::runtime()).await.unwrap();
        let path = find_actor(&ghostlight, started.run, "executions/").await;
        ghostlight.tree.inject(&path, Fault::Hang).unwrap();
        let read = ended(&ghostlight, started.run).await;
        assert_eq!(read.run.status, RunStatus::Completed);
        let names: Vec<_> = read.events.iter().map(|event| event.recorded.event.name()).collect();
        assert_eq!(names.iter().filter(|name| **name == "step.interrupted").count(), 1, "{names:?}");
        close(ghostlight, house).await;
    });
}

#[cfg(feature = "chaos")]
const CAREFUL: &str = "
ghostlight: 1
name: careful
nodes:
  nap: { type: agent_call, agent: sleep, input: { for: 300ms } }
  ask: { type: human_gate, action: 'Go on?', risk: low }
  after: { type: agent_call, agent: noop, needs: [nap, ask] }
";

#[cfg(feature = "chaos")]
async fn find_actor(ghostlight: &Ghostlight, run: RunId, part: &str) -> String {
    loop {
        let tree = ghostlight.tree.snapshot().unwrap();
        let wanted = format!("/{run}/{part}");
        let found = tree.flatten().into_iter().find(|node| node.path.contains(&wanted) && node.uptime_ms > 0);
        if let Some(node) = found {
            return node.path.clone();
        }
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
}

#[cfg(feature = "chaos")]
async fn answer_all(ghostlight: &Ghostlight, run: RunId) {
    loop {
        let read = ghostlight.runs.read(run).await.unwrap().unwrap();
        if let Some((approval, _)) =
            read.run.approvals.iter().find(|(_, approval)| approval.decided.is_none())
        {
            ghostlight.runs.answer(*approval, true, None, None, None, Caller::runtime()).await.unwrap();
            return;
        }
        tokio::task::yield_now().await;
    }
}

/// A run whose actors keep crashing is set aside with its state; somebody releases it, and it goes on.
#[cfg(feature = "chaos")]
#[test]
fn a_run_that_keeps_crashing_is_quarantined_and_released_by_resume() {
    let folder = tempfile::tempdir().unwrap();
    actix::System::new().block_on(async {
        let (ghostlight, house) = open(folder.path()).await;
        let started = ghostlight.runs.start(start(CAREFUL, json!({})), Caller::runtime()).await.unwrap();
        let quarantined = loop {
            let read = ghostlight.runs.read(started.run).await.unwrap().unwrap();
            if read.run.status == RunStatus::Paused {
                break read.run;
            }
            let path = find_actor_if_any(&ghostlight, started.run, "workflow");
            // It may be between two lives, or set aside already.
            let _ = path.map(|path| ghostlight.tree.inject(&path, Fault::Panic));
            tokio::time::sleep(Duration::from_millis(5)).await;
        };
        assert_eq!(quarantined.pause, Some(ghostlight_model::event::PauseReason::Quarantined));
        let neighbour =
            ghostlight.runs.start(start(CHAIN, json!({ "n": 1 })), Caller::runtime()).await.unwrap();
        assert_eq!(ended(&ghostlight, neighbour.run).await.run.status, RunStatus::Completed);

        ghostlight.runs.command(started.run, RunCommand::Resume, None, Caller::runtime()).await.unwrap();
        answer_all(&ghostlight, started.run).await;
        assert_eq!(ended(&ghostlight, started.run).await.run.status, RunStatus::Completed);
        close(ghostlight, house).await;
    });
}

#[cfg(feature = "chaos")]
fn find_actor_if_any(ghostlight: &Ghostlight, run: RunId, part: &str) -> Option<String> {
    let tree = ghostlight.tree.snapshot()?;
    let wanted = format!("/{run}/{part}");
    tree.flatten().into_iter().map(|node| node.path.clone()).find(|path| path.ends_with(&wanted))
}

/// 64 equal posts make one run.
#[test]
fn a_start_with_one_key_starts_one_run_however_often_it_is_asked() {
    let folder = tempfile::tempdir().unwrap();
    actix::System::new().block_on(async {
        let (ghostlight, house) = open(folder.path()).await;
        let keyed = |fingerprint: &str| StartRun {
            key: key("order-7", fingerprint),
            ..start(CHAIN, json!({ "n": 1 }))
        };
        let asked = (0..64).map(|_| ghostlight.runs.start(keyed("same"), Caller::runtime()));
        let answers = futures::future::join_all(asked).await;
        let mut runs: Vec<RunId> = answers.iter().flatten().map(|started| started.run).collect();
        assert!(!runs.is_empty());
        runs.dedup();
        assert_eq!(runs.len(), 1, "one key, one run");
        let refused = answers.iter().filter_map(|answer| answer.as_ref().err());
        assert!(
            refused.into_iter().all(|error| matches!(
                error,
                ghostlight_actors::runs::StartError::Key(KeyRefusal::InProgress)
            ))
        );
        let other = ghostlight.runs.start(keyed("other"), Caller::runtime()).await;
        assert!(matches!(other, Err(ghostlight_actors::runs::StartError::Key(KeyRefusal::Reused))));
        let again = ghostlight.runs.start(keyed("same"), Caller::runtime()).await.unwrap();
        assert!(again.replayed && again.run == runs[0]);
        close(ghostlight, house).await;
    });
}

/// A run that waits for a person leaves memory, and comes back when somebody speaks to it (S1-4.4a).
#[test]
fn a_waiting_run_leaves_memory_and_comes_back_for_its_answer() {
    let folder = tempfile::tempdir().unwrap();
    actix::System::new().block_on(async {
        let (ghostlight, house) = open(folder.path()).await;
        let started = ghostlight.runs.start(start(GATED, json!({})), Caller::runtime()).await.unwrap();
        let wanted = started.run.to_string();
        let resident =
            || ghostlight.tree.snapshot().unwrap().flatten().iter().any(|node| node.path.contains(&wanted));
        while ghostlight.runs.read(started.run).await.unwrap().unwrap().run.approvals.is_empty() {
            tokio::task::yield_now().await;
        }
        let patience = tokio::time::Instant::now() + Duration::from_secs(10);
        while resident() {
            assert!(tokio::time::Instant::now() < patience, "a quiet run leaves memory");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        let read = ghostlight.runs.read(started.run).await.unwrap().unwrap();
        let approval = *read.run.approvals.keys().next().unwrap();
        assert!(!resident(), "a read does not wake it");
        ghostlight.runs.answer(approval, true, None, None, None, Caller::runtime()).await.unwrap();
        assert_eq!(ended(&ghostlight, started.run).await.run.status, RunStatus::Completed);
        close(ghostlight, house).await;
    });
}

/// What has ended still answers: with its state, and to a retry by going on.
#[test]
fn a_run_that_has_ended_answers_what_is_asked_of_it() {
    let folder = tempfile::tempdir().unwrap();
    actix::System::new().block_on(async {
        let (ghostlight, house) = open(folder.path()).await;
        let failing = "
ghostlight: 1
name: failing
nodes:
  a: { type: agent_call, agent: fail, input: { class: data } }
";
        let started = ghostlight.runs.start(start(failing, json!({})), Caller::runtime()).await.unwrap();
        assert_eq!(ended(&ghostlight, started.run).await.run.status, RunStatus::Failed);
        for _ in 0..3 {
            let pause = RunCommand::Pause { reason: String::new() };
            let refused = ghostlight.runs.command(started.run, pause, None, Caller::runtime()).await;
            let Err(ghostlight_actors::runs::CommandError::Rejected(rejection)) = refused else {
                panic!("{refused:?}")
            };
            assert_eq!(rejection, ghostlight_model::run::Rejection::RunIs { status: RunStatus::Failed });
        }
        let accepted = ghostlight
            .runs
            .command(started.run, RunCommand::Retry(Retry::default()), None, Caller::runtime())
            .await
            .unwrap();
        assert_eq!(accepted.status, RunStatus::Running);
        let read = ended(&ghostlight, started.run).await;
        assert_eq!(read.run.step(ghostlight_model::workflow::NodeIndex(0)).attempts, 2);
        close(ghostlight, house).await;
    });
}

/// Two runs that wait for a person.
async fn two_waiting(ghostlight: &Ghostlight) -> [RunId; 2] {
    let mut runs = Vec::new();
    for _ in 0..2 {
        let run = ghostlight.runs.start(start(GATED, json!({})), Caller::runtime()).await.unwrap().run;
        while ghostlight.runs.read(run).await.unwrap().unwrap().run.approvals.is_empty() {
            tokio::task::yield_now().await;
        }
        runs.push(run);
    }
    runs.try_into().unwrap()
}

fn key(key: &str, fingerprint: &str) -> Option<IdempotencyKey> {
    Some(IdempotencyKey { key: key.into(), fingerprint: fingerprint.into() })
}

/// The key is taken in the append of what was done, and a command that changes nothing takes it too.
#[test]
fn a_command_under_a_key_is_done_once_and_its_key_stands_for_it_alone() {
    let folder = tempfile::tempdir().unwrap();
    let mut known = None;
    for _ in 0..2 {
        actix::System::new().block_on(async {
            let (ghostlight, house) = open(folder.path()).await;
            let give = |run, command: &RunCommand, key| {
                ghostlight.runs.command(run, command.clone(), key, Caller::runtime())
            };
            let pause = RunCommand::Pause { reason: "look".into() };
            if known.is_none() {
                let [one, other] = two_waiting(&ghostlight).await;
                let paused = give(one, &pause, key("p", "f")).await.unwrap();
                let records = ghostlight.journal.read_all(paused.sequence - 1, 2).unwrap();
                assert_eq!([records[0].stream.kind(), records[1].stream.kind()], ["run", "key"]);
                let nothing = give(one, &pause, key("n", "f")).await.unwrap();
                assert_eq!((paused.status, nothing.sequence), (RunStatus::Paused, 0));
                give(one, &RunCommand::Resume, None).await.unwrap();
                known = Some((one, other, paused, nothing));
            }
            let (one, other, paused, nothing) = known.unwrap();
            let head = ghostlight.journal.head();
            assert_eq!(give(one, &pause, key("p", "f")).await.unwrap(), paused);
            assert_eq!(give(one, &pause, key("n", "f")).await.unwrap(), nothing);
            for name in ["p", "n"] {
                let reused = give(other, &pause, key(name, "g")).await;
                assert!(matches!(reused, Err(CommandError::Key(KeyRefusal::Reused))), "{reused:?}");
            }
            assert!(matches!(
                give(one, &RunCommand::Retry(Retry::default()), key("r", "f")).await,
                Err(CommandError::Rejected(_))
            ));
            assert_eq!(ghostlight.journal.head(), head, "what is refused takes no key");
            close(ghostlight, house).await;
        });
    }
}

/// However early a request is given up: what it asked is done with its key, or neither is.
#[test]
fn of_a_request_that_was_given_up_and_another_one_under_its_key_at_most_one_is_done() {
    let folder = tempfile::tempdir().unwrap();
    actix::System::new().block_on(async {
        let (ghostlight, house) = open(folder.path()).await;
        let [one, other] = two_waiting(&ghostlight).await;
        let pause = || RunCommand::Pause { reason: String::new() };
        for round in 0..48_u32 {
            let name = format!("k{round}");
            let first = ghostlight.runs.command(one, pause(), key(&name, "f"), Caller::runtime());
            let patience = Duration::from_micros(u64::from(round) * 100);
            let _ = tokio::time::timeout(patience, first).await;
            let second = loop {
                match ghostlight.runs.command(other, pause(), key(&name, "g"), Caller::runtime()).await {
                    Err(CommandError::Key(KeyRefusal::InProgress)) => tokio::task::yield_now().await,
                    result => break result,
                }
            };
            let is_second = match second {
                Ok(_) => true,
                Err(CommandError::Key(KeyRefusal::Reused)) => false,
                other => panic!("{other:?}"),
            };
            let status = |run| {
                let runs = ghostlight.runs.clone();
                async move { runs.read(run).await.unwrap().unwrap().run.status }
            };
            let paused = |is: bool| if is { RunStatus::Paused } else { RunStatus::Running };
            assert_eq!((status(one).await, status(other).await), (paused(!is_second), paused(is_second)));
            for run in [one, other] {
                // Resuming a run that goes on changes nothing or is refused; either is right here.
                let _ = ghostlight.runs.command(run, RunCommand::Resume, None, Caller::runtime()).await;
            }
        }
        close(ghostlight, house).await;
    });
}

/// Calls of a busy agent do not stand in the way of those of another one, however many they are.
#[test]
fn a_multitude_of_calls_of_a_busy_agent_lets_other_calls_begin() {
    let folder = tempfile::tempdir().unwrap();
    let agents = folder.path().join("agents");
    std::fs::create_dir_all(&agents).unwrap();
    std::fs::write(
        agents.join("slow.yaml"),
        "ghostlight: 1\nname: slow\nkind: builtin\nbuiltin: sleep\nlimits: { concurrency: 1 }\n",
    )
    .unwrap();
    let yaml = "
ghostlight: 1
name: busy
nodes:
  each: { type: map, over: $input.list, node: { type: agent_call, agent: slow, input: { for: 1h } } }
  quick: { type: agent_call, agent: noop }
";
    actix::System::new().block_on(async {
        let (ghostlight, house) = open(folder.path()).await;
        let input = json!({ "list": vec![0; 200] });
        let started = ghostlight.runs.start(start(yaml, input), Caller::runtime()).await.unwrap();
        let patience = tokio::time::Instant::now() + Duration::from_secs(20);
        loop {
            let read = ghostlight.runs.read(started.run).await.unwrap().unwrap();
            let status = |id: &str| read.run.step(read.run.workflow.find(id).unwrap()).state.status().0;
            let running =
                read.run.walk().filter(|(_, _, step)| matches!(step.state, StepState::Running { .. }));
            assert!(running.count() <= 2, "one of the slow ones, and the quick one");
            if status("quick") == StepStatus::Completed {
                break;
            }
            assert!(tokio::time::Instant::now() < patience, "it does not wait for two hundred others");
            tokio::task::yield_now().await;
        }
        let cancel = RunCommand::Cancel { reason: "seen".into(), kill: false };
        ghostlight.runs.command(started.run, cancel, None, Caller::runtime()).await.unwrap();
        assert_eq!(ended(&ghostlight, started.run).await.run.status, RunStatus::Cancelled);
        close(ghostlight, house).await;
    });
}
