//! Reading runs of a long history: what is known of a run is where a read begins, and it gives what a fold of all events gives.

#![allow(clippy::unwrap_used, reason = "a test says by panicking what is wrong")]

mod house;

use std::sync::Arc;

use ghostlight_actors::Caller;
use ghostlight_actors::runs::{EventRead, RunCommand};
use ghostlight_actors::runtime::Ghostlight;
use ghostlight_model::ids::RunId;
use ghostlight_model::language::{Format, Source, compile};
use ghostlight_model::run::{Run, RunStatus, evolve};
use ghostlight_model::workflow::Workflow;
use house::{Seen, actor, approve, close, ended, open, read, start, until};

const MANY: &str = "
ghostlight: 1
name: many
context: { list: [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29, 30] }
nodes:
  each: { type: map, over: $context.list, node: { type: agent_call, agent: noop, input: { n: $item } } }
  ask: { type: human_gate, needs: [each], action: 'Go on?' }
  after: { type: agent_call, agent: noop, needs: [ask] }
output: $each
";

fn workflow(text: &str) -> Arc<Workflow> {
    compile(&Source { text, format: Format::Yaml }).workflow.unwrap()
}

/// A run that asks its question, and all that was shown of it until then.
async fn asking(ghostlight: &Ghostlight) -> RunId {
    let run = start(ghostlight, MANY).await;
    until("the question", async || {
        let seen = read(ghostlight, run).await;
        (!seen.run.approvals.is_empty()).then_some(())
    })
    .await;
    run
}

/// A read that had to fold nothing.
async fn known(ghostlight: &Ghostlight, run: RunId, why: &str) -> Seen {
    folding(0, ghostlight, run, why).await
}

/// A read that had to fold no more than what may come between two snapshots.
async fn nearly_known(ghostlight: &Ghostlight, run: RunId, why: &str) -> Seen {
    folding(63, ghostlight, run, why).await
}

async fn folding(max: u64, ghostlight: &Ghostlight, run: RunId, why: &str) -> Seen {
    until(why, async || {
        let seen = read(ghostlight, run).await;
        (seen.folded <= max).then_some(seen)
    })
    .await
}

fn is_the_fold_of_all(seen: &Seen, first: &str) {
    let mut folded = Run::new(seen.run.id, workflow(first));
    for event in &seen.events {
        evolve(&mut folded, &event.recorded.event, event.at, event.recorded.attribution.by.as_deref());
    }
    assert_eq!(folded.steps, seen.run.steps);
    assert_eq!((folded.status, folded.sequence), (seen.run.status, seen.run.sequence));
    assert_eq!((&folded.approvals, folded.workflow.hash), (&seen.run.approvals, seen.run.workflow.hash));
    assert_eq!(seen.sequence, seen.events.last().unwrap().sequence);
}

#[test]
fn a_read_begins_with_what_the_actor_shows_then_with_the_snapshot_and_gives_what_all_events_give() {
    let folder = tempfile::tempdir().unwrap();
    let run = actix::System::new().block_on(async {
        let (ghostlight, house) = open(folder.path()).await;
        let run = asking(&ghostlight).await;
        let seen = known(&ghostlight, run, "its actor shows it").await;
        assert!(seen.events.len() > 60);
        is_the_fold_of_all(&seen, MANY);
        let again = read(&ghostlight, run).await;
        assert!(Arc::ptr_eq(&seen.run, &again.run), "what is shown is shared and not copied");

        until("it leaves memory", async || actor(&ghostlight, run, "workflow").is_none().then_some(())).await;
        let seen = nearly_known(&ghostlight, run, "its snapshot was kept when it left").await;
        assert!(!Arc::ptr_eq(&seen.run, &again.run), "its actor is gone, and what it showed");
        is_the_fold_of_all(&seen, MANY);
        close(ghostlight, house).await;
        run
    });
    actix::System::new().block_on(async {
        let (ghostlight, house) = open(folder.path()).await;
        is_the_fold_of_all(&nearly_known(&ghostlight, run, "the snapshot outlives the process").await, MANY);
        approve(&ghostlight, run).await;
        let seen = ended(&ghostlight, run).await;
        assert_eq!(seen.run.status, RunStatus::Completed);
        is_the_fold_of_all(&seen, MANY);
        close(ghostlight, house).await;
    });
}

/// A page of a run asks for its parts one by one.
#[test]
fn a_large_run_that_left_memory_is_unpacked_once_for_all_who_read_it_and_what_happens_later_is_seen() {
    let folder = tempfile::tempdir().unwrap();
    let list: Vec<String> = (0..300).map(|n| n.to_string()).collect();
    let large = MANY.replace(", 27, 28, 29, 30]", &format!(", {}]", list.join(", ")));
    actix::System::new().block_on(async {
        let (ghostlight, house) = open(folder.path()).await;
        let run = start(&ghostlight, &large).await;
        let gone = async || actor(&ghostlight, run, "workflow").is_none().then_some(());
        until("the question", async || {
            (!read(&ghostlight, run).await.run.approvals.is_empty()).then_some(())
        })
        .await;
        until("it leaves memory", gone).await;
        let one = nearly_known(&ghostlight, run, "its snapshot was kept").await;
        let other = known(&ghostlight, run, "it was read before").await;
        assert!(Arc::ptr_eq(&one.run, &other.run), "one state for all who read it");

        approve(&ghostlight, run).await;
        ended(&ghostlight, run).await;
        until("it leaves memory again", gone).await;
        let seen = read(&ghostlight, run).await;
        assert_eq!(seen.run.status, RunStatus::Completed);
        is_the_fold_of_all(&seen, &large);
        close(ghostlight, house).await;
    });
}

/// A snapshot says which of the run's events holds the plan that it goes by.
#[test]
fn the_snapshot_of_a_run_whose_plan_was_changed_is_as_good_as_any_and_the_plan_is_compiled_by_who_asks() {
    let folder = tempfile::tempdir().unwrap();
    let changed = MANY.replace("agent: noop, needs: [ask] }", "agent: noop, needs: [ask], input: { n: 7 } }");
    actix::System::new().block_on(async {
        let (ghostlight, house) = open(folder.path()).await;
        let run = asking(&ghostlight).await;
        let next = workflow(&changed);
        let edit = RunCommand::Revise { next: next.clone(), reason: "a number for the one after".into() };
        ghostlight.runs.command(run, edit, None, Caller::runtime()).await.unwrap();
        let seen = known(&ghostlight, run, "its actor shows it").await;
        assert!(
            Arc::ptr_eq(&seen.run.workflow, &next),
            "the very plan that was given, compiled by nobody else"
        );
        until("it leaves memory", async || actor(&ghostlight, run, "workflow").is_none().then_some(())).await;
        is_the_fold_of_all(&nearly_known(&ghostlight, run, "its snapshot was kept").await, MANY);
        approve(&ghostlight, run).await;
        let seen = ended(&ghostlight, run).await;
        is_the_fold_of_all(&seen, MANY);
        assert_eq!(seen.run.workflow.hash, next.hash);
        close(ghostlight, house).await;
    });
}

#[test]
fn the_events_of_a_run_are_read_a_page_at_a_time_from_any_global_sequence() {
    let folder = tempfile::tempdir().unwrap();
    actix::System::new().block_on(async {
        let (ghostlight, house) = open(folder.path()).await;
        // Two at once, so that their events lie between each other's.
        let (run, other) = (asking(&ghostlight).await, start(&ghostlight, MANY).await);
        approve(&ghostlight, run).await;
        let all = ended(&ghostlight, run).await.events;
        house::cancel(&ghostlight, other).await;
        let places = |events: &[EventRead]| events.iter().map(|event| event.sequence).collect::<Vec<_>>();
        for limit in [1, 7, 1_000] {
            let (mut after, mut paged) = (0, Vec::new());
            loop {
                let (page, has_more) =
                    ghostlight.runs.events_after(run, after, limit).await.unwrap().unwrap();
                assert!(page.len() <= limit);
                after = page.last().unwrap().sequence;
                paged.extend(places(&page));
                if !has_more {
                    break;
                }
            }
            assert_eq!(paged, places(&all));
        }
        let last = all.last().unwrap().sequence;
        for after in [last, last + 1, u64::MAX] {
            let (page, has_more) = ghostlight.runs.events_after(run, after, 5).await.unwrap().unwrap();
            assert!(page.is_empty() && !has_more);
        }
        for behind in &all[..all.len() - 1] {
            let (page, _) = ghostlight.runs.events_after(run, behind.sequence, 1).await.unwrap().unwrap();
            assert_eq!(page[0].stream_sequence, behind.stream_sequence + 1);
        }
        assert!(ghostlight.runs.events_after(RunId(uuid::Uuid::nil()), 0, 5).await.unwrap().is_none());
        close(ghostlight, house).await;
    });
}

/// The proof that these tests can fail: a snapshot that claims to hold one more event than it does is found.
#[cfg(feature = "planted-bugs")]
#[test]
fn planted_bug_of_a_snapshot_that_claims_too_much_is_found() {
    let test =
        "a_read_begins_with_what_the_actor_shows_then_with_the_snapshot_and_gives_what_all_events_give";
    let found = std::process::Command::new(std::env::current_exe().unwrap())
        .args(["--exact", test])
        .env("GHOSTLIGHT_PLANTED_BUG", ghostlight_world::Bug::SnapshotAhead.name())
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&found.stdout);
    assert!(!found.status.success() && said.contains("1 failed"), "the planted bug was not found: {said}");
}
