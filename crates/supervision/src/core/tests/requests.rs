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

/// As in Elixir's DynamicSupervisor, where the pid is the handle; the names are ours.
#[test]
fn a_dynamic_supervisor_knows_its_children_by_name_and_by_life() {
    let mut world = World::boot(Flags::dynamic(), vec![worker("a"), with("t", Restart::Temporary)]);
    let (a, t) = (world.life("a"), world.life("t"));
    assert_eq!(world.which_one(a.clone()), world.which_one(Key::id("a")));
    for life in [&a, &t] {
        assert_eq!(world.call(Request::Terminate(life.clone())), Some(Ok(Answer::Terminated)));
    }
    assert_eq!(world.which(), "a:stopped", "who has a name keeps its specification");
    assert_eq!(world.which_one(a.clone()), Err(SupervisorError::NotFound), "that life is over");
    assert!(matches!(world.restart("a"), Some(Ok(Answer::Started(_, 2)))));
    assert_eq!(world.call(Request::Terminate(a)), Some(Ok(Answer::Terminated)));
    assert_eq!(world.which(), "a:running", "a life that is over is not the one that follows");
}

#[test]
fn a_restart_is_called_off_by_the_handle_of_the_life_that_ended_and_not_by_that_of_an_earlier_one() {
    let flags = Flags::simple_one_for_one().backoff(Backoff::exponential(ms(100), ms(400)));
    let mut world = World::boot(flags, vec![]);
    world.add(worker("a"));
    let first = world.life("a");
    world.crash("a");
    world.pass(ms(100));
    let second = world.life("a");
    world.next_starts("a", &[Outcome::Fails, Outcome::Hangs]);
    world.crash("a");
    for state in ["a:restarting", "a:restarting", "a:starting"] {
        assert_eq!(world.which(), state);
        assert_eq!(world.call(Request::Terminate(first.clone())), Some(Ok(Answer::Terminated)));
        assert_eq!(world.which_one(second.clone()).as_deref(), Ok(state), "nobody called it off");
        world.pass(ms(400));
    }
    assert_eq!(world.call(Request::Terminate(second)), Some(Ok(Answer::Terminated)));
    assert_eq!(world.which(), "");
}
