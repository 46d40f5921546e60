//! The answer table of the run-time calls.

use super::*;

#[test]
fn a_slow_start_does_not_hold_up_other_calls() {
    let mut world = World::boot(Flags::dynamic(), vec![]);
    world.next_starts("slow", &[Outcome::Hangs]);
    assert_eq!(world.add(worker("slow")), None);
    assert!(matches!(world.add(worker("quick")), Some(Ok(Answer::Started(..)))));
}

#[test]
fn terminating_a_child_that_is_starting_answers_both_callers() {
    let mut world = World::boot(Flags::one_for_one(), vec![]);
    world.next_starts("a", &[Outcome::Hangs]);
    let start = world.ask(Request::Start(worker("a")));
    world.settle();
    assert_eq!(world.terminate("a"), Some(Ok(Answer::Terminated)));
    assert_eq!(world.answers[&start], Err(SupervisorError::Stopped));
}

#[test]
fn more_children_than_allowed_are_refused() {
    let mut world = World::boot(Flags::dynamic().max_children(2), vec![]);
    world.add(worker("a"));
    world.add(worker("b"));
    assert_eq!(world.add(worker("c")), Some(Err(SupervisorError::MaxChildren)));
    world.terminate("a");
    world.delete("a");
    assert!(matches!(world.add(worker("c")), Some(Ok(Answer::Started(..)))));
}
