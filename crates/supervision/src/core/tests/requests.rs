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

/// Found by the simulator: its caller took it for one that had done nothing, and had it done a second time.
#[test]
fn a_child_that_was_stopped_while_it_started_may_have_begun() {
    let mut world = World::boot(Flags::one_for_one(), vec![]);
    world.next_starts("a", &[Outcome::Hangs]);
    let start = world.ask(Request::Start(worker("a")));
    world.settle();
    let up = world.live["a"];
    // It has come up, and says so; before that is heard somebody asks for its end.
    let end = world.ask(Request::Terminate(Key::id("a").into()));
    world.hear(Event::Started { child: up.0, incarnation: up.1 });
    world.settle();
    assert_eq!(world.answers[&end], Ok(Answer::Terminated));
    assert!(world.answers[&start].as_ref().is_err_and(SupervisorError::may_have_begun));
    // Nor does anybody know what it did on a thread that is lost.
    world.next_starts("c", &[Outcome::Hangs]);
    let start = world.ask(Request::Start(worker("c")));
    world.settle();
    world.hear(Event::Lost(vec![world.live["c"]]));
    world.settle();
    assert!(world.answers[&start].as_ref().is_err_and(SupervisorError::may_have_begun));
    let added = world.add(with("b", Restart::Temporary));
    assert!(added.is_some_and(|answer| answer.is_ok()));
    let again = world.add(with("b", Restart::Temporary)).expect("an answer");
    assert!(again.is_err_and(|error| !error.may_have_begun()), "what was refused has not begun");
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
