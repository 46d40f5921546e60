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

fn reasons() -> [ExitReason; 4] {
    [ExitReason::Normal, ExitReason::SHUTDOWN, ExitReason::shutdown("done"), crash()]
}

/// OTP: permanent_normal, permanent_shutdown, permanent_abnormal.
#[test]
fn a_permanent_child_is_restarted_whatever_its_reason() {
    for reason in reasons() {
        check_exit(Restart::Permanent, reason, "+a", "a:running");
    }
}

/// OTP: transient_normal, transient_shutdown.
#[test]
fn a_transient_child_that_finished_keeps_its_specification() {
    for reason in &reasons()[..3] {
        check_exit(Restart::Transient, reason.clone(), "", "a:stopped");
    }
}

/// OTP: transient_abnormal.
#[test]
fn a_transient_child_is_restarted_after_a_crash() {
    check_exit(Restart::Transient, crash(), "+a", "a:running");
    check_exit(Restart::Transient, ExitReason::Killed, "+a", "a:running");
    check_exit(Restart::Transient, ExitReason::ArbiterLost, "+a", "a:running");
}

/// A supervisor that gave up ends with the class shutdown, so only a permanent specification brings it back.
#[test]
fn a_transient_supervisor_that_gave_up_stays_down() {
    let reason = ExitReason::GaveUp { child: "x".into(), restarts: 3, cause: crash().into() };
    check_exit(Restart::Transient, reason.clone(), "", "a:stopped");
    check_exit(Restart::Permanent, reason, "+a", "a:running");
}

/// OTP: temporary_normal, temporary_shutdown, temporary_abnormal.
#[test]
fn a_temporary_child_is_never_restarted_and_its_specification_goes() {
    for reason in reasons() {
        check_exit(Restart::Temporary, reason, "~a", "");
    }
}

/// OTP: do_not_save_child_specs_for_temporary_children.
#[test]
fn the_name_of_a_temporary_child_is_free_again_at_once() {
    let mut world = World::boot(Flags::one_for_one(), vec![with("t", Restart::Temporary), worker("p")]);
    world.crash("t");
    assert!(matches!(world.add(with("t", Restart::Temporary)), Some(Ok(Answer::Started(..)))));
    assert_eq!(world.add(worker("t")), Some(Err(SupervisorError::AlreadyStarted)));
    world.terminate("t");
    assert!(matches!(world.add(with("t", Restart::Temporary)), Some(Ok(Answer::Started(..)))));
    assert_eq!(world.add(worker("p")), Some(Err(SupervisorError::AlreadyStarted)));
    world.terminate("p");
    assert_eq!(world.add(worker("p")), Some(Err(SupervisorError::AlreadyPresent)));
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

/// OTP: sup_start_normal.
#[test]
fn a_supervisor_without_children_starts_and_stops() {
    let mut world = World::boot(Flags::one_for_one(), vec![]);
    assert!(world.ready);
    world.shutdown();
    assert_eq!(world.exit, Some(ExitReason::SHUTDOWN));
}

/// OTP: faulty_application_shutdown, and the rule of no restart attempts during the initial start.
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

/// OTP: sup_start_ignore_child.
#[test]
fn an_ignored_child_keeps_its_specification_without_a_process() {
    let mut world = World::new(Flags::one_for_one(), vec![worker("a"), worker("b")]);
    world.next_starts("a", &[Outcome::Ignores]);
    world.hear(Event::Boot);
    world.settle();
    assert_eq!(world.which(), "b:running a:stopped");
    assert_eq!(world.counts(), Counts { specs: 2, active: 1, supervisors: 0, workers: 2 });
}

/// OTP: sup_start_ignore_temporary_child, sup_start_ignore_temporary_child_start_child.
#[test]
fn an_ignored_temporary_child_leaves_nothing() {
    let mut world = World::new(Flags::one_for_one(), vec![with("a", Restart::Temporary), worker("b")]);
    world.next_starts("a", &[Outcome::Ignores, Outcome::Ignores]);
    world.hear(Event::Boot);
    world.settle();
    assert_eq!(world.which(), "b:running");
    assert_eq!(world.add(with("a", Restart::Temporary)), Some(Ok(Answer::Ignored)));
    assert_eq!(world.which(), "b:running");
}

/// OTP: sup_start_ignore_permanent_child_start_child_simple, simple_one_for_one_restart_ignore.
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
