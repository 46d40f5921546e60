//! What is kept of the starts of children that will never be started again: nothing.

use std::sync::Arc;

use ghostlight_supervision::{ChildSpec, Restart, StartContext, Strategy};

use super::*;

/// What a start needs and holds on to, and which must go with the last who can use it.
type Input = Arc<Vec<u8>>;

fn holding(key: Key, input: &Input, restart: Restart) -> ChildSpec {
    let held = input.clone();
    let spec = ChildSpec::new(key, move |start: StartContext| {
        let used = held.len();
        async move {
            assert_eq!(used, 1000);
            Ok::<_, StartError>(start.task(std::future::pending::<Result<(), String>>()))
        }
    });
    spec.restart(restart)
}

fn strategies() -> Vec<Flags> {
    let mut all: Vec<Flags> = [Strategy::OneForOne, Strategy::OneForAll, Strategy::RestForOne]
        .map(|strategy| Flags { strategy, ..one_for_one() })
        .into();
    all.push(simple());
    all
}

/// The factory of a temporary child is let go of as soon as it was used, under every strategy; those of others are kept while
/// their children are.
#[tokio::test(start_paused = true)]
async fn do_not_save_start_parameters_for_temporary_children() {
    on_one_arbiter(async {
        for flags in strategies() {
            for restart in [Restart::Permanent, Restart::Transient, Restart::Temporary] {
                let input = Input::new(vec![0; 1000]);
                let root = start(flags.clone(), Vec::new).await;
                for n in 0..100 {
                    let spec = holding(Key::new("child", n.to_string()), &input, restart);
                    root.supervisor().start_child(spec).await.expect("starts");
                }
                let kept = if restart == Restart::Temporary { 0 } else { 100 };
                assert_eq!(Arc::strong_count(&input) - 1, kept, "{:?} {restart:?}", flags.strategy);
                stop(root).await;
                assert_eq!(Arc::strong_count(&input), 1, "nothing outlives the tree");
            }
        }
    })
    .await;
}

/// Thousands of children that came and went under simple_one_for_one, ended by every way there is, leave nothing behind: no
/// factory, no record, no child.
#[tokio::test(start_paused = true)]
async fn simple_one_for_one_corruption() {
    on_one_arbiter(async {
        let input = Input::new(vec![0; 1000]);
        let root = start(simple().intensity(1000, ms(1)), Vec::new).await;
        let supervisor = root.supervisor();
        for restart in [Restart::Permanent, Restart::Transient, Restart::Temporary] {
            for n in 0..1000 {
                let spec = holding("child".into(), &input, restart);
                let child = supervisor.start_child(spec).await.expect("starts").expect("a child");
                if n % 2 == 0 {
                    assert!(child.kill());
                    child.down().await;
                    settle().await;
                    // A permanent or transient one is up again, and is known by its present life.
                    let again = root.tree().child(&child.path().to_string());
                    assert_eq!(again.is_some(), restart != Restart::Temporary);
                    if let Some(again) = again {
                        supervisor.terminate_life(&again).await.expect("stops");
                    }
                } else {
                    supervisor.terminate_life(&child).await.expect("stops");
                }
            }
            assert_eq!(supervisor.count_children().await, Ok(counted(0, 0)));
            assert_eq!(root.tree().snapshot().expect("a tree").children, []);
            assert_eq!((root.tree().live(), Arc::strong_count(&input)), (1, 1));
        }
        stop(root).await;
    })
    .await;
}
