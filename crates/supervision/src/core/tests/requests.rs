//! The answer table of the run-time calls.

use super::*;

/// OTP: child_adm.
#[test]
fn the_answers_for_one_child_through_its_life() {
    let mut world = World::boot(Flags::one_for_one(), vec![]);
    assert_eq!(world.terminate("a"), Some(Err(SupervisorError::NotFound)));
    assert_eq!(world.restart("a"), Some(Err(SupervisorError::NotFound)));
    assert_eq!(world.delete("a"), Some(Err(SupervisorError::NotFound)));

    assert!(matches!(world.add(worker("a")), Some(Ok(Answer::Started(_, 1)))));
    assert_eq!(world.add(worker("a")), Some(Err(SupervisorError::AlreadyStarted)));
    assert_eq!(world.restart("a"), Some(Err(SupervisorError::Running)));
    assert_eq!(world.delete("a"), Some(Err(SupervisorError::Running)));

    assert_eq!(world.terminate("a"), Some(Ok(Answer::Terminated)));
    assert_eq!(world.terminate("a"), Some(Ok(Answer::Terminated)), "twice is fine");
    assert_eq!(world.add(worker("a")), Some(Err(SupervisorError::AlreadyPresent)));
    assert!(matches!(world.restart("a"), Some(Ok(Answer::Started(_, 2)))));

    world.terminate("a");
    assert_eq!(world.delete("a"), Some(Ok(Answer::Deleted)));
    assert_eq!(world.which(), "");
    world.shutdown();
    assert_eq!(world.add(worker("a")), Some(Err(SupervisorError::ShuttingDown)));
}

/// OTP: sup_start_child_returns_error.
#[test]
fn a_child_that_does_not_start_leaves_no_specification() {
    let mut world = World::boot(Flags::one_for_one(), vec![]);
    world.next_starts("a", &[Outcome::Fails]);
    assert_eq!(world.add(worker("a")), Some(Err(SupervisorError::StartFailed(crash()))));
    assert_eq!(world.which(), "");
}

/// OTP: sup_start_restart_child_returns_error.
#[test]
fn a_restart_by_hand_that_fails_keeps_the_specification() {
    let mut world = World::boot(Flags::one_for_one(), vec![worker("a")]);
    world.terminate("a");
    world.next_starts("a", &[Outcome::Fails]);
    assert_eq!(world.restart("a"), Some(Err(SupervisorError::StartFailed(crash()))));
    assert_eq!(world.which(), "a:stopped");
    assert_eq!(world.exit, None, "and counts as no restart");
}

/// OTP: which_children.
#[test]
fn children_are_listed_newest_first() {
    let mut world = World::boot(Flags::one_for_one(), vec![worker("a"), worker("b")]);
    world.add(worker("c"));
    assert_eq!(world.which(), "c:running b:running a:running");
    world.terminate("b");
    assert_eq!(world.which(), "c:running b:stopped a:running");
    world.delete("b");
    assert_eq!(world.which(), "c:running a:running");
}

/// OTP: count_children.
#[test]
fn two_thousand_temporary_children_are_counted_and_leave_nothing() {
    let mut world = World::boot(Flags::dynamic(), vec![]);
    let names: Vec<String> = (0..2000).map(|n| n.to_string()).collect();
    for name in &names {
        world.add(with(name, Restart::Temporary));
    }
    assert_eq!(world.counts(), Counts { specs: 2000, active: 2000, supervisors: 0, workers: 2000 });
    for name in &names {
        world.exit(name, ExitReason::Killed);
    }
    assert_eq!(world.counts(), Counts::default());
}

/// OTP: count_children_supervisor.
#[test]
fn supervisors_are_counted_by_their_kind() {
    let world = vec![spec("s", Policy::SUPERVISOR), worker("w")];
    let mut world = World::boot(Flags::one_for_one(), world);
    assert_eq!(world.counts(), Counts { specs: 2, active: 2, supervisors: 1, workers: 1 });
}

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

/// OTP: child_specs.
#[test]
fn two_initial_children_of_one_name_are_refused() {
    let refused = Supervisor::new(Flags::one_for_one(), vec![worker("a"), worker("a")]);
    assert_eq!(refused.map(|_| ()), Err(SpecError::DuplicateKey(Key::id("a"))));
}

/// OTP: child_specs_map.
#[test]
fn significance_is_checked_against_restart_type_and_auto_shutdown() {
    use AutoShutdown::{AllSignificant, AnySignificant, Never};
    for auto_shutdown in [Never, AnySignificant, AllSignificant] {
        for restart in [Restart::Permanent, Restart::Transient, Restart::Temporary] {
            for significant in [false, true] {
                let policy = Policy { restart, significant, ..Policy::WORKER };
                let flags = Flags::one_for_one().auto_shutdown(auto_shutdown);
                let fine = !significant || (restart != Restart::Permanent && auto_shutdown != Never);
                assert_eq!(policy.validate(&flags).is_ok(), fine, "{policy:?} {auto_shutdown:?}");
                assert_eq!(Supervisor::new(flags.clone(), vec![spec("a", policy.clone())]).is_ok(), fine);
                let mut world = World::boot(flags, vec![]);
                let answer = world.add(spec("a", policy)).expect("answered");
                assert_eq!(answer.is_ok(), fine);
            }
        }
    }
}
