//! A thread that is given up with all who live on it: one failure, whatever it takes along.

use super::*;

/// The thread of these children is lost.
fn lose(world: &mut World, names: &[&str]) {
    let children = names.iter().map(|name| world.live[*name]).collect();
    world.hear(Event::Lost(children));
    world.settle();
}

#[test]
fn who_lived_on_a_lost_thread_is_restarted_and_that_counts_as_one_restart() {
    let specs = || vec![worker("a"), worker("b"), worker("c"), worker("d")];
    let mut world = World::boot(Flags::one_for_one().intensity(1, ms(5000)), specs());
    world.done();
    lose(&mut world, &["c", "a", "b"]);
    assert_eq!(world.done(), "?a ?b ?c +a +b +c");
    let lost = |notice: &&Notice| matches!(notice, Notice::Exited { reason: ExitReason::ArbiterLost, .. });
    assert_eq!(world.notices.iter().filter(lost).count(), 3);
    lose(&mut world, &["a"]);
    world.assert_gave_up_on("a");
}

#[test]
fn a_failure_that_is_one_too_many_is_answered_by_giving_up_also_if_it_takes_several() {
    let mut world =
        World::boot(Flags::one_for_one().intensity(0, ms(5000)), vec![worker("a"), worker("b"), worker("c")]);
    world.done();
    lose(&mut world, &["a", "b"]);
    world.assert_gave_up_on("a");
    assert_eq!(world.done(), "?a ?b -c ~c ~b ~a");
}

/// Nobody waits for the end of those who cannot end.
#[test]
fn a_group_stops_only_those_who_are_left_and_comes_back_whole() {
    let specs = || vec![worker("a"), worker("b"), worker("c"), worker("d")];
    let mut world = World::boot(Flags::one_for_all(), specs());
    world.done();
    lose(&mut world, &["d", "b"]);
    assert_eq!(world.done(), "?b ?d -c -a +a +b +c +d");
    let mut world = World::boot(Flags::rest_for_one(), specs());
    world.done();
    lose(&mut world, &["d", "b"]);
    assert_eq!(world.done(), "?b ?d -c +b +c +d");
}

#[test]
fn restart_types_hold_for_the_lost_as_for_any_other_end() {
    let specs =
        vec![with("p", Restart::Permanent), with("t", Restart::Transient), with("x", Restart::Temporary)];
    let mut world = World::boot(Flags::dynamic(), specs);
    world.done();
    lose(&mut world, &["p", "t", "x"]);
    assert_eq!((world.done().as_str(), world.which().as_str()), ("?p ?t ?x +p +t ~x", "t:running p:running"));
}

#[test]
fn who_is_being_stopped_on_a_lost_thread_has_stopped() {
    let mut world = World::boot(Flags::one_for_one(), vec![worker("a"), worker("b")]);
    world.stuck.insert("a".into());
    let call = world.ask(Request::Terminate(Target::Key(Key::id("a"))));
    world.settle();
    world.done();
    lose(&mut world, &["a", "b"]);
    assert_eq!((world.done().as_str(), world.which().as_str()), ("?a ?b +b", "b:running a:stopped"));
    assert_eq!(world.answers[&call], Ok(Answer::Terminated));
}

#[test]
fn who_is_being_started_on_a_lost_thread_has_failed_to_start() {
    let mut world = World::boot(Flags::one_for_one(), vec![worker("a")]);
    world.next_starts("b", &[Outcome::Hangs]);
    let call = world.ask(Request::Start(worker("b")));
    world.settle();
    world.done();
    lose(&mut world, &["b"]);
    assert_eq!(world.answers[&call], Err(SupervisorError::StartFailed(ExitReason::ArbiterLost)));
    assert_eq!(world.which(), "a:running");
}

#[test]
fn a_shutdown_does_not_wait_for_the_lost() {
    let mut world = World::boot(Flags::one_for_one(), vec![worker("a"), worker("b")]);
    world.stuck.extend(["a".into(), "b".into()]);
    world.shutdown();
    world.done();
    lose(&mut world, &["a", "b"]);
    assert_eq!(world.exit, Some(ExitReason::SHUTDOWN));
}

/// The report of one that ended in the same moment, and of one that comes to much later, change nothing.
#[test]
fn what_the_lost_say_later_is_ignored() {
    let mut world = World::boot(Flags::one_for_one(), vec![worker("a"), worker("b")]);
    let (child, incarnation) = world.live["a"];
    world.done();
    lose(&mut world, &["a"]);
    assert_eq!(world.done(), "?a +a");
    world.hear(Event::Exited { child, incarnation, reason: ExitReason::Killed });
    world.hear(Event::Lost(vec![(child, incarnation)]));
    world.settle();
    assert_eq!((world.done().as_str(), world.which().as_str()), ("", "b:running a:running"));
}
