//! One child's end against its restart type, and the initial start.

use super::*;

/// (restart type, reason, what is done, what is left)
fn check_exit(restart: Restart, reason: ExitReason, done: &str, left: &str) {
    let mut world = World::boot(Flags::one_for_one(), vec![with("a", restart)]);
    world.done();
    world.exit("a", reason.clone());
    assert_eq!((world.done().as_str(), world.which().as_str()), (done, left), "{restart:?} {reason}");
    assert_eq!(world.exit, None);
}

/// A supervisor that gave up ends with the class shutdown, so only a permanent specification brings it back.
#[test]
fn a_transient_supervisor_that_gave_up_stays_down() {
    let reason = ExitReason::GaveUp { child: "x".into(), restarts: 3, cause: crash().into() };
    check_exit(Restart::Transient, reason.clone(), "", "a:stopped");
    check_exit(Restart::Permanent, reason, "+a", "a:running");
}

#[test]
fn the_report_of_an_earlier_life_is_ignored() {
    let mut world = World::boot(Flags::one_for_one(), vec![worker("a")]);
    let (child, incarnation) = world.live["a"];
    world.crash("a");
    world.done();
    world.hear(Event::Exited { child, incarnation, reason: crash() });
    world.settle();
    assert_eq!((world.done().as_str(), world.which().as_str()), ("", "a:running"));
}

/// There are no restart attempts during the initial start.
#[test]
fn a_failed_initial_start_stops_the_earlier_children_and_names_the_culprit() {
    let mut world =
        World::new(Flags::one_for_one(), vec![worker("a"), worker("b"), worker("c"), worker("d")]);
    world.next_starts("c", &[Outcome::Fails]);
    world.hear(Event::Boot);
    world.settle();
    assert_eq!(world.done(), "+a +b +c ~d ~c -b ~b -a ~a");
    assert!(!world.ready);
    assert_eq!(world.exit, Some(ExitReason::StartFailed { child: "c".into(), cause: crash().into() }));
}

#[test]
fn initial_children_start_one_after_another() {
    let mut world = World::new(Flags::one_for_one(), vec![worker("a"), worker("b")]);
    world.next_starts("a", &[Outcome::Hangs]);
    world.hear(Event::Boot);
    world.settle();
    assert_eq!(world.done(), "+a");
    let (child, incarnation) = world.live["a"];
    world.hear(Event::Started { child, incarnation });
    world.settle();
    assert_eq!(world.done(), "+b");
    assert!(world.ready);
}

/// As in OTP, where the exit message waits in the mailbox of the supervisor that is still starting.
#[test]
fn a_child_that_ends_while_a_later_one_starts_is_restarted_when_all_are_up() {
    let mut world = World::new(Flags::one_for_one(), vec![worker("a"), worker("b")]);
    world.next_starts("b", &[Outcome::Hangs]);
    world.hear(Event::Boot);
    world.settle();
    world.crash("a");
    assert_eq!(world.done(), "+a +b");
    let (child, incarnation) = world.live["b"];
    world.hear(Event::Started { child, incarnation });
    world.settle();
    assert_eq!(world.done(), "+a");
}

#[test]
fn a_dynamic_supervisor_drops_what_ignores_its_start_or_restart() {
    let mut world = World::boot(Flags::dynamic(), vec![]);
    world.next_starts("a", &[Outcome::Ignores, Outcome::Up, Outcome::Ignores]);
    assert_eq!(world.add(worker("a")), Some(Ok(Answer::Ignored)));
    assert_eq!(world.which(), "");
    world.add(worker("a"));
    world.crash("a");
    assert_eq!(world.which(), "");
    world.shutdown();
    assert_eq!(world.exit, Some(ExitReason::SHUTDOWN));
}
