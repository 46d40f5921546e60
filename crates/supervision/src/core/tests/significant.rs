//! Significant children and the supervisor that folds itself up.

use super::*;

fn significant(name: &str, restart: Restart) -> Spec<Name> {
    spec(name, Policy { restart, significant: true, ..Policy::WORKER })
}

fn flags(auto_shutdown: AutoShutdown) -> Flags {
    Flags::one_for_one().auto_shutdown(auto_shutdown)
}

/// OTP: nonsignificant_temporary, nonsignificant_transient.
#[test]
fn children_that_are_not_significant_never_end_the_supervisor() {
    use AutoShutdown::{AllSignificant, AnySignificant, Never};
    for auto_shutdown in [Never, AnySignificant, AllSignificant] {
        for restart in [Restart::Temporary, Restart::Transient] {
            for reason in [ExitReason::Normal, ExitReason::SHUTDOWN, crash(), ExitReason::Killed] {
                let mut world = World::boot(flags(auto_shutdown), vec![with("a", restart), worker("b")]);
                world.exit("a", reason);
                assert_eq!(world.exit, None);
            }
        }
    }
}

/// OTP: significant_temporary (any).
#[test]
fn any_end_of_a_significant_temporary_child_ends_the_supervisor() {
    for reason in [ExitReason::Normal, crash(), ExitReason::Killed] {
        let specs = vec![worker("a"), significant("t", Restart::Temporary), worker("c")];
        let mut world = World::boot(flags(AutoShutdown::AnySignificant), specs);
        world.done();
        world.exit("t", reason);
        assert_eq!(world.done(), "~t -c ~c -a ~a");
        assert_eq!(world.exit, Some(ExitReason::SHUTDOWN));
    }
}

/// OTP: significant_transient (any). This is a workflow run: its workflow actor ends, the rest folds up.
#[test]
fn a_significant_transient_child_ends_the_supervisor_only_when_it_finished() {
    let specs = || vec![significant("workflow", Restart::Transient), worker("helper")];
    let mut world = World::boot(flags(AutoShutdown::AnySignificant), specs());
    world.crash("workflow");
    assert_eq!(world.exit, None, "a crash is answered by a restart");
    world.exit("workflow", ExitReason::Normal);
    assert_eq!(world.exit, Some(ExitReason::SHUTDOWN));
    assert!(world.live.is_empty());
}

/// OTP: significant_temporary, significant_transient (by API).
#[test]
fn terminating_a_significant_child_by_hand_does_not_end_the_supervisor() {
    for restart in [Restart::Temporary, Restart::Transient] {
        let specs = vec![significant("a", restart), worker("b")];
        let mut world = World::boot(flags(AutoShutdown::AnySignificant), specs);
        world.terminate("a");
        assert_eq!(world.exit, None);
    }
}

/// OTP: significant_temporary, significant_transient (all).
#[test]
fn with_all_significant_only_the_last_one_ends_the_supervisor() {
    for restart in [Restart::Temporary, Restart::Transient] {
        let specs = vec![significant("a", restart), significant("b", restart), worker("c")];
        let mut world = World::boot(flags(AutoShutdown::AllSignificant), specs);
        world.exit("a", ExitReason::Normal);
        assert_eq!(world.exit, None);
        world.exit("b", ExitReason::Normal);
        assert_eq!(world.exit, Some(ExitReason::SHUTDOWN));
    }
}

/// OTP: significant_bystander.
#[test]
fn a_significant_child_stopped_because_of_a_sibling_does_not_end_the_supervisor() {
    use AutoShutdown::{AllSignificant, AnySignificant};
    for strategy in [Strategy::OneForOne, Strategy::OneForAll, Strategy::RestForOne] {
        for auto_shutdown in [AnySignificant, AllSignificant] {
            let specs =
                vec![worker("a"), significant("t", Restart::Temporary), significant("r", Restart::Transient)];
            let mut world = World::boot(Flags { strategy, ..flags(auto_shutdown) }, specs);
            world.crash("a");
            assert_eq!(world.exit, None, "{strategy:?} {auto_shutdown:?}");
        }
    }
}
