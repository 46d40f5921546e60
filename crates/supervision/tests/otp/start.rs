//! How supervisors start and what they tell of it; and what goes wrong.

use std::sync::{Arc, Mutex};

use ghostlight_supervision::{
    ChildSpec, Counts, ExitReason, Flags, Kind, Policy, Restart, Shutdown, StableAddr, StartContext,
    StartError, Started, SupervisorError, SupervisorRef, Tree, TreeConfig,
};
use tracing::span;
use tracing::{Event, Level, Metadata, Subscriber};

use super::*;

/// A supervisor whose start decides that there is nothing to run: there is no supervisor, nothing has ended, and its parent
/// keeps the specification without a process.
#[tokio::test(start_paused = true)]
async fn sup_start_ignore_init() {
    on_one_arbiter(async {
        let (tree, events) = tree_with_log();
        let root = tree.start("root", one_for_one(), Vec::new).await.expect("starts");
        events.take();
        let spec = ChildSpec::new("inner", |_| async { Ok::<_, StartError>(Started::ignore()) });
        let answer = root.supervisor().start_child(spec.as_supervisor()).await;
        assert!(answer.expect("a good answer").is_none());
        settle().await;
        assert_eq!(events.line(), "", "neither a start nor an end");
        let counts = Counts { specs: 1, active: 0, supervisors: 1, workers: 0 };
        assert_eq!(root.supervisor().count_children().await, Ok(counts));
        assert_eq!(root.tree().live(), 1);
        stop(root).await;
    })
    .await;
}

/// A tree whose flags or children make no sense does not start, and the error says what is wrong.
#[tokio::test(start_paused = true)]
async fn sup_start_error_return() {
    on_one_arbiter(async {
        type Case = (Flags, fn() -> Vec<ChildSpec>, &'static str);
        let cases: [Case; 2] = [
            (
                Flags::one_for_one().intensity(1, secs(0)),
                Vec::new,
                "the period of the restart intensity is zero",
            ),
            (one_for_one(), || vec![sleeper("a"), sleeper("a")], "two children are called a"),
        ];
        for (flags, children, error) in cases {
            let checked = SupervisorRef::check_childspecs(&flags, &children());
            assert_eq!(checked.expect_err("refused").to_string(), error, "the check says the same");
            let tree = Tree::new(TreeConfig::default());
            let Err(reason) = tree.start("root", flags, children).await else { panic!("started") };
            assert_eq!(reason, ExitReason::failed(error));
            assert_eq!(tree.live(), 0);
        }
    })
    .await;
}

/// A tree whose list of children panics does not start, and the error carries the panic.
#[tokio::test(start_paused = true)]
async fn sup_start_fail() {
    on_one_arbiter(async {
        let tree = Tree::new(TreeConfig::default());
        let started = tree.start("root", one_for_one(), || -> Vec<ChildSpec> { panic!("badmatch") });
        let Err(reason) = started.await else { panic!("started") };
        let ExitReason::Panicked { message, location } = &reason else { panic!("{reason}") };
        assert_eq!(&**message, "badmatch");
        assert!(location.contains("otp/start.rs"), "{location}");
        assert_eq!(tree.live(), 0);
    })
    .await;
}

/// What a specification leaves unsaid is filled in and can be read: permanent, not significant, five seconds for a worker and
/// all the time for a supervisor.
#[tokio::test(start_paused = true)]
async fn sup_start_map() {
    on_one_arbiter(async {
        let root = start(one_for_one(), || {
            vec![
                sleeper("child1"),
                sleeper("child2").shutdown(Shutdown::BrutalKill),
                ChildSpec::supervisor("child3", &SupervisorRef::new(), one_for_one(), Vec::new),
            ]
        })
        .await;
        let worker = Policy {
            restart: Restart::Permanent,
            shutdown: Shutdown::Timeout(secs(5)),
            significant: false,
            kind: Kind::Worker,
            heartbeat_ms: None,
        };
        let brutal = Policy { shutdown: Shutdown::BrutalKill, ..worker.clone() };
        let supervisor = Policy { shutdown: Shutdown::Infinity, kind: Kind::Supervisor, ..worker.clone() };
        for (key, expected) in [("child1", worker), ("child2", brutal), ("child3", supervisor)] {
            let spec = root.supervisor().get_childspec(&key.into()).await.expect("there");
            assert_eq!((spec.key, spec.policy), (key.into(), expected));
        }
        let unknown = root.supervisor().get_childspec(&"child4".into()).await;
        assert_eq!(unknown, Err(SupervisorError::NotFound));
        stop(root).await;
    })
    .await;
}

/// Under simple_one_for_one the same is read by the handle of a life; that of another supervisor's child, and one that is
/// over, are not found.
#[tokio::test(start_paused = true)]
async fn sup_start_map_simple() {
    on_one_arbiter(async {
        let (tree, elsewhere) = (start(simple(), Vec::new).await, start(simple(), Vec::new).await);
        let supervisor = tree.supervisor();
        let cases = [
            (sleeper("child"), Policy::WORKER),
            (
                sleeper("child").shutdown(Shutdown::BrutalKill),
                Policy { shutdown: Shutdown::BrutalKill, ..Policy::WORKER },
            ),
            (sleeper("child").as_supervisor(), Policy::SUPERVISOR),
            (sleeper("child").transient(), Policy { restart: Restart::Transient, ..Policy::WORKER }),
        ];
        for (spec, expected) in cases {
            let life = supervisor.start_child(spec).await.expect("starts").expect("a child");
            let read = supervisor.get_childspec_of_life(&life).await.expect("there");
            assert_eq!((&read.key, read.policy), (life.key(), expected));
            let by_name = supervisor.get_childspec(life.key()).await;
            assert_eq!(by_name, Err(SupervisorError::SimpleOneForOne));
            supervisor.terminate_life(&life).await.expect("stops");
            let over = supervisor.get_childspec_of_life(&life).await;
            assert_eq!(over, Err(SupervisorError::NotFound));
        }
        let spec = sleeper("child");
        let stranger = elsewhere.supervisor().start_child(spec).await.expect("starts").expect("a child");
        let foreign = supervisor.get_childspec_of_life(&stranger).await;
        assert_eq!(foreign, Err(SupervisorError::NotFound));
        stop(tree).await;
        stop(elsewhere).await;
    })
    .await;
}

fn registered(key: &'static str, name: &StableAddr<Puppet>, log: &Log) -> ChildSpec {
    let (name, log) = (name.clone(), log.clone());
    ChildSpec::new(key, move |start: StartContext| {
        let (name, log) = (name.clone(), log.clone());
        async move { Ok::<_, StartError>(start.actor(Puppet::new(key, &log)).register(&name)) }
    })
}

/// A start that finds its name taken by an actor of another supervisor fails with an error that names the holder, is passed on
/// as it is, and leaves no specification; once the name is free it succeeds, and restarts do not stand in their own way.
#[tokio::test(start_paused = true)]
async fn already_started_outside_supervisor() {
    on_one_arbiter(async {
        let (name, log) = (StableAddr::new(), Log::default());
        let (inside, outside) = (start(one_for_one(), Vec::new).await, start(one_for_one(), Vec::new).await);
        outside.supervisor().start_child(registered("holder", &name, &log)).await.expect("starts");

        let refused = inside.supervisor().start_child(registered("late", &name, &log)).await;
        let expected = ExitReason::failed("the name is taken by holder");
        assert_eq!(refused.map(|_| ()), Err(SupervisorError::StartFailed(expected)));
        assert_eq!(inside.supervisor().count_children().await, Ok(counted(0, 0)));
        assert_eq!(name.path().map(|path| path.to_string()).as_deref(), Some("holder"));
        assert_eq!(name.send(Count).await, Ok(1), "the holder noticed nothing");
        assert_eq!(log.line(), "+holder", "and the late one never began");

        outside.supervisor().terminate_child(&"holder".into()).await.expect("stops");
        let late = inside.supervisor().start_child(registered("late", &name, &log)).await;
        assert!(late.expect("starts").expect("a child").kill());
        settle().await;
        assert_eq!(name.send(Count).await, Ok(1));
        assert_eq!(inside.tree().child("late").expect("there").incarnation(), 2);
        stop(inside).await;
        stop(outside).await;
    })
    .await;
}

/// Notes the levels of what is logged.
#[derive(Clone, Default)]
struct Levels(Arc<Mutex<Vec<Level>>>);

impl Levels {
    /// What was logged since this was last asked and would be seen at the level info.
    fn take(&self) -> Vec<Level> {
        let mut levels = std::mem::take(&mut *self.0.lock().expect("no test panics here"));
        levels.retain(|level| *level <= Level::INFO);
        levels
    }
}

impl Subscriber for Levels {
    fn enabled(&self, _: &Metadata<'_>) -> bool {
        true
    }

    fn new_span(&self, _: &span::Attributes<'_>) -> span::Id {
        span::Id::from_u64(1)
    }

    fn record(&self, _: &span::Id, _: &span::Record<'_>) {}

    fn record_follows_from(&self, _: &span::Id, _: &span::Id) {}

    fn event(&self, event: &Event<'_>) {
        self.0.lock().expect("no test panics here").push(*event.metadata().level());
    }

    fn enter(&self, _: &span::Id) {}

    fn exit(&self, _: &span::Id) {}
}

/// A child that somebody starts by the API is not reported in the log at the level info, nor is its orderly end; a restart, which
/// nobody asked for, is.
#[tokio::test(start_paused = true)]
async fn external_start_no_progress_log() {
    on_one_arbiter(async {
        let levels = Levels::default();
        let _logging = tracing::subscriber::set_default(levels.clone());
        let root = start(one_for_one(), Vec::new).await;
        levels.take();
        let child = root.supervisor().start_child(sleeper("a")).await.expect("starts").expect("a child");
        assert!(levels.take().is_empty());
        child.kill();
        settle().await;
        assert_eq!(levels.take(), [Level::WARN, Level::INFO], "a crash, and the restart that answers it");
        root.supervisor().terminate_child(&"a".into()).await.expect("stops");
        root.supervisor().restart_child(&"a".into()).await.expect("starts");
        stop(root).await;
        assert!(levels.take().is_empty());
    })
    .await;
}

/// An error in a first start travels up to whoever starts the tree, with its cause and the way it came, and what had started is
/// stopped on its way.
#[tokio::test(start_paused = true)]
async fn faulty_application_shutdown() {
    on_one_arbiter(async {
        let (tree, log) = (tree_with_log().0, Log::default());
        let spec_log = log.clone();
        let started = tree.start("root", Flags::one_for_one(), move || {
            let log = spec_log.clone();
            vec![
                puppet("first", &StableAddr::new(), &spec_log),
                ChildSpec::supervisor("inner", &SupervisorRef::new(), Flags::one_for_one(), move || {
                    vec![
                        puppet("second", &StableAddr::new(), &log),
                        ChildSpec::new("faulty", |start: StartContext| async move {
                            match start.incarnation() {
                                0 => Ok(start.task(std::future::pending::<Result<(), String>>())),
                                _ => Err(StartError::new("no space left")),
                            }
                        }),
                    ]
                }),
            ]
        });
        let Err(reason) = started.await else { panic!("started") };
        assert_eq!(
            reason.to_string(),
            "could not start inner: could not start faulty: failed: no space left"
        );
        assert_eq!(log.line(), "+first +second -second ~second -first ~first");
        assert_eq!(tree.live(), 0);
    })
    .await;
}
