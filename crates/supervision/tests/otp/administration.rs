//! The calls, as a user of the crate makes them.

use ghostlight_supervision::{
    ChildRef, ChildSpec, ChildState, Root, StartContext, StartError, SupervisorError, SupervisorRef,
};

use super::*;

async fn states(root: &Root) -> Vec<ChildState> {
    let children = root.supervisor().which_children().await.expect("there");
    children.into_iter().map(|child| child.state).collect()
}

async fn every_call_fails(supervisor: &SupervisorRef, life: &ChildRef) {
    let gone = SupervisorError::NotRunning;
    let key = "child1".into();
    assert_eq!(supervisor.start_child(sleeper("child1")).await.map(|_| ()), Err(gone.clone()));
    assert_eq!(supervisor.terminate_child(&key).await, Err(gone.clone()));
    assert_eq!(supervisor.terminate_life(life).await, Err(gone.clone()));
    assert_eq!(supervisor.restart_child(&key).await.map(|_| ()), Err(gone.clone()));
    assert_eq!(supervisor.delete_child(&key).await, Err(gone.clone()));
    assert_eq!(supervisor.which_children().await, Err(gone.clone()));
    assert_eq!(supervisor.which_child(&key).await, Err(gone.clone()));
    assert_eq!(supervisor.get_childspec(&key).await, Err(gone.clone()));
    assert_eq!(supervisor.count_children().await, Err(gone));
}

/// Start, terminate, restart and delete have each the answer of the table at each point of a child's life, a handle is not
/// taken for a name, and every call on a supervisor that is not there, or not any more, fails.
#[tokio::test(start_paused = true)]
async fn child_adm() {
    use SupervisorError::{AlreadyPresent, AlreadyStarted, NotFound, Running};
    on_one_arbiter(async {
        let root = start(one_for_one(), || vec![sleeper("child1")]).await;
        let supervisor = root.supervisor();
        let (key, unknown) = ("child1".into(), "unknown".into());
        let first = root.tree().child("child1").expect("there");
        let add = || async { supervisor.start_child(sleeper("child1")).await.map(|_| ()) };
        let restart = |key| async move { supervisor.restart_child(key).await.map(|_| ()) };
        assert_eq!(
            (states(&root).await, supervisor.count_children().await),
            (vec![ChildState::Running], Ok(counted(1, 1)))
        );

        assert_eq!(add().await, Err(AlreadyStarted));
        assert_eq!(supervisor.terminate_child(&unknown).await, Err(NotFound));
        assert_eq!(supervisor.terminate_child(&key).await, Ok(()));
        assert!(!first.is_alive());
        assert_eq!(
            (states(&root).await, supervisor.count_children().await),
            (vec![ChildState::Stopped], Ok(counted(1, 0)))
        );
        assert_eq!(supervisor.terminate_child(&key).await, Ok(()), "twice is fine");
        assert_eq!(add().await, Err(AlreadyPresent));

        assert_eq!(restart(&key).await, Ok(()));
        assert_eq!(root.tree().child("child1").expect("there").incarnation(), 2);
        assert_eq!(restart(&key).await, Err(Running));
        assert_eq!(restart(&unknown).await, Err(NotFound));

        assert_eq!(supervisor.delete_child(&key).await, Err(Running));
        assert_eq!(supervisor.delete_child(&unknown).await, Err(NotFound));
        assert_eq!(supervisor.terminate_child(&key).await, Ok(()));
        assert_eq!(supervisor.delete_child(&key).await, Ok(()));
        assert_eq!(restart(&key).await, Err(NotFound));
        assert_eq!((states(&root).await, supervisor.count_children().await), (vec![], Ok(counted(0, 0))));

        let again = supervisor.start_child(sleeper("child1")).await.expect("starts").expect("a child");
        assert_eq!(supervisor.terminate_life(&again).await, Err(NotFound), "not where children have names");
        assert!(again.is_alive());

        every_call_fails(&SupervisorRef::new(), &again).await;
        let name = supervisor.clone();
        stop(root).await;
        every_call_fails(&name, &again).await;
    })
    .await;
}

/// Under simple_one_for_one a child is terminated by its handle alone: by a name it is refused, as are restart and delete; that
/// of a life that is over is fine, and that of somebody else is not found and leaves him alone.
#[tokio::test(start_paused = true)]
async fn child_adm_simple() {
    use SupervisorError::{NotFound, SimpleOneForOne};
    on_one_arbiter(async {
        let (root, elsewhere) = (start(simple(), Vec::new).await, start(simple(), Vec::new).await);
        let supervisor = root.supervisor();
        assert_eq!((states(&root).await, supervisor.count_children().await), (vec![], Ok(counted(0, 0))));

        let first = supervisor.start_child(sleeper("child")).await.expect("starts").expect("a child");
        let second = supervisor.start_child(sleeper("child")).await.expect("starts").expect("a child");
        assert_ne!(first.key(), second.key(), "the same specification twice is two children");
        assert_eq!(supervisor.count_children().await, Ok(counted(2, 2)));
        let listed = supervisor.which_children().await.expect("there");
        assert_eq!(supervisor.which_life(&second).await.as_ref(), Ok(&listed[0]));
        assert_eq!(supervisor.which_life(&first).await.as_ref(), Ok(&listed[1]));

        for key in [&"child".into(), first.key()] {
            assert_eq!(supervisor.terminate_child(key).await, Err(SimpleOneForOne));
            assert_eq!(supervisor.restart_child(key).await.map(|_| ()), Err(SimpleOneForOne));
            assert_eq!(supervisor.delete_child(key).await, Err(SimpleOneForOne));
        }
        assert_eq!(supervisor.count_children().await, Ok(counted(2, 2)));

        assert_eq!(supervisor.terminate_life(&first).await, Ok(()));
        assert!(!first.is_alive() && second.is_alive());
        assert_eq!(supervisor.count_children().await, Ok(counted(1, 1)));
        assert_eq!(supervisor.terminate_life(&first).await, Ok(()), "a life that is over");
        assert_eq!(supervisor.which_life(&first).await, Err(NotFound));

        let stranger = elsewhere.supervisor().start_child(sleeper("child")).await.expect("starts");
        let stranger = stranger.expect("a child");
        assert_eq!(supervisor.terminate_life(&stranger).await, Err(NotFound));
        assert!(stranger.is_alive());
        elsewhere.supervisor().terminate_life(&stranger).await.expect("stops");
        assert_eq!(supervisor.terminate_life(&stranger).await, Ok(()), "nobody is left to be spared");

        // By path, as an operator would: the handle is found there.
        let path = second.path().to_string();
        assert_eq!(root.tree().restart(&path).await.map(|_| ()), Err(SimpleOneForOne));
        assert!(second.is_alive(), "refused before it was stopped");
        assert_eq!(root.tree().stop(&path).await, Ok(()));
        assert_eq!(supervisor.count_children().await, Ok(counted(0, 0)));
        stop(root).await;
        stop(elsewhere).await;
    })
    .await;
}

/// What a start hands back: which life said so.
#[derive(Debug, PartialEq)]
struct Extra(u32);

fn with_extra(name: &'static str) -> ChildSpec {
    ChildSpec::new(name, |start: StartContext| async move {
        start.hand_back(Extra(start.incarnation()));
        Ok::<_, StartError>(start.task(std::future::pending::<Result<(), String>>()))
    })
}

/// What a start hands back comes unchanged with the answers of start and restart, can be read of an initial child and after an
/// automatic restart, and stays with the handle of its life.
#[tokio::test(start_paused = true)]
async fn extra_return() {
    on_one_arbiter(async {
        let root = start(one_for_one(), || vec![with_extra("child1")]).await;
        let (supervisor, key) = (root.supervisor(), "child1".into());
        let initial = root.tree().child("child1").expect("there");
        assert_eq!(initial.info(), Some(&Extra(1)));
        assert_eq!(initial.info::<String>(), None, "it is of another type");

        supervisor.terminate_child(&key).await.expect("stops");
        let restarted = supervisor.restart_child(&key).await.expect("starts").expect("a child");
        assert_eq!(restarted.info(), Some(&Extra(2)));

        assert!(restarted.kill());
        settle().await;
        let automatic = root.tree().child("child1").expect("there");
        assert_eq!((automatic.info(), automatic.is_alive()), (Some(&Extra(3)), true));
        assert_eq!(restarted.info(), Some(&Extra(2)), "of a life that is over");

        supervisor.terminate_child(&key).await.expect("stops");
        supervisor.delete_child(&key).await.expect("deleted");
        let added = supervisor.start_child(with_extra("child1")).await.expect("starts").expect("a child");
        assert_eq!(added.info(), Some(&Extra(1)));
        let without = supervisor.start_child(sleeper("child2")).await.expect("starts").expect("a child");
        assert_eq!(without.info::<Extra>(), None);

        let only_first = ChildSpec::new("child3", |start: StartContext| async move {
            if start.incarnation() == 1 {
                start.hand_back(Extra(1));
            }
            Ok::<_, StartError>(start.task(std::future::pending::<Result<(), String>>()))
        });
        let first = supervisor.start_child(only_first).await.expect("starts").expect("a child");
        assert_eq!(first.info(), Some(&Extra(1)));
        supervisor.terminate_child(first.key()).await.expect("stops");
        let second = supervisor.restart_child(first.key()).await.expect("starts").expect("a child");
        assert_eq!(second.info::<Extra>(), None, "what an earlier life handed back is not its own");
        stop(root).await;
    })
    .await;
}

/// Under simple_one_for_one a child whose start hands something back is restarted like any other, with what its new start hands
/// back, and the third failure at intensity two ends the supervisor.
#[tokio::test(start_paused = true)]
async fn simple_one_for_one_extra() {
    on_one_arbiter(async {
        let mut root = start(simple(), Vec::new).await;
        let supervisor = root.supervisor().clone();
        let first = supervisor.start_child(with_extra("child")).await.expect("starts").expect("a child");
        let second = supervisor.start_child(with_extra("child")).await.expect("starts").expect("a child");
        assert_eq!((first.info(), second.info()), (Some(&Extra(1)), Some(&Extra(1))));
        assert!(first.kill());
        settle().await;
        let again = root.tree().child(&first.path().to_string()).expect("restarted");
        assert_eq!((again.info(), second.is_alive()), (Some(&Extra(2)), true));
        assert!(again.kill() && second.kill());
        assert_eq!(root.ended().await.class(), ghostlight_supervision::ExitClass::Shutdown);
        stop(root).await;
    })
    .await;
}
