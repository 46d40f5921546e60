//! Trees of supervisors: shutdown, escalation, runs that fold up, pictures and control by path.

mod common;

use common::*;
use ghostlight_supervision::{
    AutoShutdown, Backoff, ChildSpec, ChildState, ExitReason, Flags, Key, Kind, SendError, StableAddr,
    StartContext, SupervisorError, SupervisorRef,
};

#[tokio::test(start_paused = true)]
async fn children_stop_newest_first_each_fully_before_the_next() {
    on_one_arbiter(async {
        let log = Log::default();
        let spec_log = log.clone();
        let root = start(Flags::rest_for_one(), move || {
            let addr = || StableAddr::new();
            vec![
                puppet("a", &addr(), &spec_log),
                graceful_puppet("b", &addr(), &spec_log),
                puppet("c", &addr(), &spec_log),
            ]
        })
        .await;
        assert_eq!(log.line(), "+a +b +c");
        stop(root).await;
        assert_eq!(log.line(), "-c ~c finishing-b finished-b -b ~b -a ~a");
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn a_graceful_actor_is_told_before_the_messages_that_wait() {
    on_one_arbiter(async {
        let (addr, log) = (StableAddr::new(), Log::default());
        let root = start(Flags::dynamic(), Vec::new).await;
        let spec = graceful_puppet("p", &addr, &log);
        root.supervisor().start_child(spec).await.expect("starts");
        let end = root.supervisor().terminate_child(&"p".into());
        let late = addr.send(Count);
        end.await.expect("ends");
        assert_eq!(late.await, Ok(1), "it still answers while it finishes");
        assert_eq!(log.line(), "+p finishing-p finished-p -p ~p");
        stop(root).await;
    })
    .await;
}

fn run_children(workflow: &StableAddr<Puppet>, log: &Log) -> Vec<ChildSpec> {
    vec![
        puppet("workflow", workflow, log).transient().significant(),
        sleeper("gate").transient(),
        ChildSpec::once(Key::new("executions", "verify@2"), |start: StartContext| async move {
            Ok(start.task(std::future::pending::<Result<(), String>>()))
        }),
    ]
}

fn run_spec(run: &'static str, workflow: &StableAddr<Puppet>, log: &Log) -> ChildSpec {
    let (workflow, log) = (workflow.clone(), log.clone());
    ChildSpec::once(Key::id(run), move |start: StartContext| async move {
        let flags = Flags::one_for_one().auto_shutdown(AutoShutdown::AnySignificant);
        start.supervisor(&SupervisorRef::new(), flags, run_children(&workflow, &log))
    })
    .as_supervisor()
}

/// A workflow run: its workflow actor ends normally, the rest folds up, and the partition learns how.
#[tokio::test(start_paused = true)]
async fn a_run_folds_up_when_its_workflow_is_done() {
    on_one_arbiter(async {
        let log = Log::default();
        let workflow = StableAddr::new();
        let partition = SupervisorRef::new();
        let spec_partition = partition.clone();
        let root = start(Flags::one_for_one(), move || {
            vec![ChildSpec::supervisor(Key::new("runs", "p0"), &spec_partition, Flags::dynamic(), Vec::new)]
        })
        .await;
        let run =
            partition.start_child(run_spec("01980c", &workflow, &log)).await.expect("starts").expect("a run");
        assert_eq!(run.path().to_string(), "runs/p0/01980c");
        let paths: Vec<String> = root
            .tree()
            .snapshot_of("runs/p0")
            .expect("there")
            .flatten()
            .iter()
            .map(|node| format!("{} {:?}", node.path, node.kind))
            .collect();
        assert_eq!(
            paths,
            [
                "runs/p0 Supervisor",
                "runs/p0/01980c Supervisor",
                "runs/p0/01980c/workflow Worker",
                "runs/p0/01980c/gate Worker",
                "runs/p0/01980c/executions/verify@2 Worker",
            ]
        );
        assert_eq!(root.tree().live(), 6);
        let down = run.down();
        workflow.send(Do::Stop).await.expect("heard");
        let down = down.await;
        assert_eq!((down.reason, down.path.to_string()), (ExitReason::SHUTDOWN, "runs/p0/01980c".into()));
        settle().await;
        assert_eq!(root.tree().live(), 2);
        assert_eq!(partition.count_children().await.expect("there").specs, 0);
        stop(root).await;
    })
    .await;
}

/// A poisoned run gives up; its partition is told, and the neighbours never notice.
#[tokio::test(start_paused = true)]
async fn a_run_that_gives_up_takes_nobody_else_along() {
    on_one_arbiter(async {
        let log = Log::default();
        let (sick, well) = (StableAddr::new(), StableAddr::new());
        let (tree, events) = tree_with_log();
        let root = tree.start("root", Flags::dynamic(), Vec::new).await.expect("starts");
        let partition = root.supervisor();
        let run = partition.start_child(run_spec("sick", &sick, &log)).await.expect("starts").expect("a run");
        partition.start_child(run_spec("well", &well, &log)).await.expect("starts");
        events.take();
        for _ in 0..4 {
            sick.send(Do::Panic).await.expect_err("crashes");
            settle().await;
        }
        let down = run.down().await;
        let ExitReason::GaveUp { child, restarts, cause } = down.reason else { panic!("{down:?}") };
        assert_eq!((&*child, restarts), ("workflow", 3));
        assert!(matches!(&*cause, ExitReason::Panicked { .. }));
        assert_eq!(well.send(Count).await, Ok(1));
        assert_eq!(
            events.take(),
            [
                "actor.exited sick/workflow",
                "actor.restarted sick/workflow",
                "actor.exited sick/workflow",
                "actor.restarted sick/workflow",
                "actor.exited sick/workflow",
                "actor.restarted sick/workflow",
                "actor.exited sick/workflow",
                "supervisor.gave_up sick",
                "actor.exited sick/executions/verify@2",
                "actor.exited sick/gate",
                "actor.exited sick",
            ]
        );
        stop(root).await;
    })
    .await;
}

/// The root of a daemon: rest for one, intensity 0. Its failure is an orderly end that names the culprit.
#[tokio::test(start_paused = true)]
async fn a_root_with_intensity_zero_ends_in_order_when_a_child_fails() {
    on_one_arbiter(async {
        let (journal, log) = (StableAddr::new(), Log::default());
        let (spec_journal, spec_log) = (journal.clone(), log.clone());
        let flags = Flags::rest_for_one().intensity(0, secs(5));
        let mut root = start(flags, move || {
            let addr = || StableAddr::new();
            vec![
                puppet("store", &addr(), &spec_log),
                puppet("journal", &spec_journal, &spec_log),
                puppet("runs", &addr(), &spec_log),
            ]
        })
        .await;
        journal.send(Do::Fail).await.expect("heard");
        let ExitReason::GaveUp { child, .. } = root.ended().await else { panic!("gave up") };
        assert_eq!(&*child, "journal");
        assert_eq!(log.line(), "+store +journal +runs -journal ~journal -runs ~runs -store ~store");
        assert_eq!(root.tree().live(), 0);
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn a_root_that_has_ended_says_why_again_and_can_still_be_stopped() {
    on_one_arbiter(async {
        let (addr, log) = (StableAddr::new(), Log::default());
        let spec_addr = addr.clone();
        let flags = Flags::one_for_one().intensity(0, secs(5));
        let mut root = start(flags, move || vec![puppet("p", &spec_addr, &log)]).await;
        addr.send(Do::Fail).await.expect("heard");
        let first = root.ended().await;
        assert!(matches!(first, ExitReason::GaveUp { .. }), "{first}");
        assert_eq!(root.ended().await, first);
        assert_eq!(root.stop().await, first);
    })
    .await;
}

/// The inner supervisor gives up, is permanent, and is restarted without its dynamic children.
#[tokio::test(start_paused = true)]
async fn a_supervisor_that_gave_up_is_restarted_whole_and_keeps_its_name() {
    on_one_arbiter(async {
        let (addr, log) = (StableAddr::new(), Log::default());
        let inner = SupervisorRef::new();
        let (spec_inner, spec_addr, spec_log) = (inner.clone(), addr.clone(), log.clone());
        let root = start(Flags::one_for_one(), move || {
            let (addr, log) = (spec_addr.clone(), spec_log.clone());
            let flags = Flags::one_for_one().intensity(1, secs(5));
            vec![ChildSpec::supervisor("inner", &spec_inner, flags, move || vec![puppet("p", &addr, &log)])]
        })
        .await;
        inner.start_child(sleeper("dynamic")).await.expect("starts");
        for _ in 0..2 {
            addr.send(Do::Panic).await.expect_err("crashes");
            settle().await;
        }
        assert_eq!(addr.send(Count).await, Ok(1));
        let children = inner.which_children().await.expect("there");
        assert_eq!(children.len(), 1, "{children:?}");
        let node = root.tree().snapshot_of("inner").expect("there");
        assert_eq!((node.incarnation, node.restarts), (2, 1));
        assert!(matches!(node.last_exit, Some(ExitReason::GaveUp { .. })));
        stop(root).await;
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn a_tree_is_controlled_by_path() {
    on_one_arbiter(async {
        let (addr, log) = (StableAddr::new(), Log::default());
        let (spec_addr, spec_log) = (addr.clone(), log.clone());
        let root = start(Flags::one_for_one(), move || vec![puppet("p", &spec_addr, &spec_log)]).await;
        let tree = root.tree();
        assert_eq!(addr.send(Count).await, Ok(1));

        tree.stop("p").await.expect("stops");
        assert_eq!(tree.snapshot_of("p").expect("kept").state, ChildState::Stopped);
        assert_eq!(addr.send(Count).await, Err(SendError::NotRunning));
        assert_eq!(tree.kill("p"), Err(SupervisorError::NotRunning));

        let again = tree.restart("p").await.expect("starts").expect("a child");
        assert_eq!(again.incarnation(), 2);
        assert_eq!(addr.send(Count).await, Ok(1));
        let again = tree.restart("p").await.expect("starts").expect("a child");
        assert_eq!(again.incarnation(), 3, "also while it runs");

        tree.kill("p").expect("killed");
        settle().await;
        let node = tree.snapshot_of("p").expect("there");
        assert_eq!((node.state, node.incarnation, node.restarts), (ChildState::Running, 4, 1));
        assert_eq!(node.last_exit, Some(ExitReason::Killed));
        assert_eq!(tree.stop("nobody").await, Err(SupervisorError::NotFound));
        assert!(tree.restart("nobody/at/all").await.is_err());
        stop(root).await;
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn a_temporary_child_is_not_restarted_by_hand() {
    on_one_arbiter(async {
        let root = start(Flags::dynamic(), Vec::new).await;
        root.supervisor().start_child(sleeper("t").temporary()).await.expect("starts");
        assert_eq!(root.tree().restart("t").await.map(|_| ()), Err(SupervisorError::Temporary));
        assert!(root.tree().child("t").expect("untouched").is_alive());
        stop(root).await;
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn the_picture_shows_a_child_that_waits_for_its_restart() {
    on_one_arbiter(async {
        let (addr, log) = (StableAddr::new(), Log::default());
        let (spec_addr, spec_log) = (addr.clone(), log.clone());
        let flags = Flags::one_for_one()
            .backoff(Backoff { jitter: 0.0, ..Backoff::exponential(secs(1) / 2, secs(1)) });
        let root = start(flags, move || vec![puppet("p", &spec_addr, &spec_log)]).await;
        addr.send(Do::Fail).await.expect("heard");
        settle().await;
        let node = root.tree().snapshot().expect("a tree").children.remove(0);
        assert_eq!((node.state, node.kind, node.uptime_ms), (ChildState::Restarting, Kind::Worker, 0));
        root.tree().stop("p").await.expect("called off");
        assert_eq!(root.tree().snapshot_of("p").expect("there").state, ChildState::Stopped);
        root.tree().restart("p").await.expect("starts");
        addr.send(Do::Fail).await.expect("heard");
        tokio::time::sleep(secs(3) / 2).await;
        let node = root.tree().snapshot_of("p").expect("there");
        assert_eq!((node.state, node.incarnation, node.restarts), (ChildState::Running, 3, 1));
        assert!(node.uptime_ms < 1000, "{}", node.uptime_ms);
        let json = serde_json::to_value(&node).expect("serializable");
        assert_eq!(json["state"], "running");
        assert_eq!(json["last_exit"]["kind"], "failed");
        stop(root).await;
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn killing_a_supervisor_kills_its_subtree() {
    on_one_arbiter(async {
        let (addr, log) = (StableAddr::new(), Log::default());
        let root = start(Flags::dynamic(), Vec::new).await;
        let run =
            root.supervisor().start_child(run_spec("r", &addr, &log)).await.expect("starts").expect("a run");
        assert!(run.kill());
        assert_eq!(run.down().await.reason, ExitReason::Killed);
        settle().await;
        assert_eq!(root.tree().live(), 1);
        assert_eq!(log.line(), "+workflow", "no hook ran");
        stop(root).await;
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn a_graceful_task_is_told_to_stop() {
    on_one_arbiter(async {
        let log = Log::default();
        let task_log = log.clone();
        let root = start(Flags::dynamic(), Vec::new).await;
        let spec = ChildSpec::once("server", move |start: StartContext| async move {
            Ok(start.graceful_task(|mut stopping| async move {
                stopping.asked().await;
                tokio::time::sleep(secs(2)).await;
                task_log.add("drained");
                Ok::<(), String>(())
            }))
        });
        let child = root.supervisor().start_child(spec).await.expect("starts").expect("a child");
        stop(root).await;
        assert_eq!(log.line(), "drained");
        assert_eq!(child.down().await.reason, ExitReason::SHUTDOWN);
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn the_end_of_the_root_task_with_its_thread_is_seen_as_a_lost_arbiter() {
    let local = tokio::task::LocalSet::new();
    let tree = tree_with_log().0;
    let mut root = local
        .run_until(tree.start("root", Flags::one_for_one(), || vec![sleeper("a")]))
        .await
        .expect("starts");
    drop(local);
    assert_eq!(root.ended().await, ExitReason::ArbiterLost);
    assert_eq!(tree.live(), 0);
}
