//! Starts and commands under idempotency keys, through the real house.

#![allow(clippy::unwrap_used, reason = "a test says by panicking what is wrong")]

mod house;

use std::time::Duration;

use ghostlight_actors::keys::KeyRefusal;
use ghostlight_actors::runs::{CommandError, RunCommand, StartRun};
use ghostlight_actors::runtime::Ghostlight;
use ghostlight_actors::{Caller, IdempotencyKey};
use ghostlight_model::ids::RunId;
use ghostlight_model::run::{Retry, RunStatus};
use house::{CHAIN, GATED, close, given, open};
use serde_json::json;

/// 64 equal posts make one run.
#[test]
fn a_start_with_one_key_starts_one_run_however_often_it_is_asked() {
    let folder = tempfile::tempdir().unwrap();
    actix::System::new().block_on(async {
        let (ghostlight, house) = open(folder.path()).await;
        let keyed = |fingerprint: &str| StartRun {
            key: key("order-7", fingerprint),
            ..given(CHAIN, json!({ "n": 1 }))
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

/// Two runs that wait for a person.
async fn two_waiting(ghostlight: &Ghostlight) -> [RunId; 2] {
    let mut runs = Vec::new();
    for _ in 0..2 {
        let run = ghostlight.runs.start(given(GATED, json!({})), Caller::runtime()).await.unwrap().run;
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
