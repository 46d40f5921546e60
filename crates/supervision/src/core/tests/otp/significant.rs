//! Significant children, and the supervisor that ends with them.

use super::*;

use AutoShutdown::{AllSignificant, AnySignificant, Never};

fn folding(auto_shutdown: AutoShutdown) -> Flags {
    flags(Strategy::OneForOne, 9).auto_shutdown(auto_shutdown)
}

fn any_end() -> [ExitReason; 4] {
    [ExitReason::Normal, ExitReason::SHUTDOWN, crash(), ExitReason::Killed]
}

fn never_reacts(restart: Restart) {
    for auto_shutdown in [Never, AnySignificant, AllSignificant] {
        for reason in any_end() {
            let children = ["a", "b"].map(|name| with(name, restart)).into();
            let mut world = World::boot(folding(auto_shutdown), children);
            world.exit("a", reason.clone());
            assert_eq!(world.exit, None, "{auto_shutdown:?} {reason}");
            let restarted = restart == Restart::Transient && reason.is_abnormal();
            assert_eq!(world.live.contains_key("a"), restarted);
            world.terminate("b");
            assert_eq!(world.exit, None, "by hand");
            world.end();
        }
    }
}

/// In no mode does a supervisor react to the end of a temporary child that is not significant, however it ends.
#[test]
fn nonsignificant_temporary() {
    never_reacts(Restart::Temporary);
}

/// In no mode does a supervisor react to the end of a transient child that is not significant, however it ends.
#[test]
fn nonsignificant_transient() {
    never_reacts(Restart::Transient);
}

/// The end by itself of a significant temporary child, whatever its reason, ends the supervisor: any one, or the last one, as
/// its mode says; an end by hand does not.
#[test]
fn significant_temporary() {
    for reason in any_end() {
        let two = || ["a", "b"].map(|name| significant(name, Restart::Temporary)).into();

        let mut any = World::boot(folding(AnySignificant), two());
        any.terminate("a");
        assert_eq!(any.exit, None, "by hand");
        any.exit("b", reason.clone());
        assert_eq!(any.exit, Some(ExitReason::SHUTDOWN), "{reason}");
        any.assert_nothing_is_left();

        let mut all = World::boot(folding(AllSignificant), two());
        up(all.add(worker("helper")));
        all.exit("a", reason.clone());
        assert_eq!(all.exit, None, "not the last one");
        all.done();
        all.exit("b", reason.clone());
        assert_eq!(all.done(), "~b -helper ~helper", "what remains is stopped");
        assert_eq!(all.exit, Some(ExitReason::SHUTDOWN), "{reason}");
        all.assert_nothing_is_left();

        let mut last = World::boot(folding(AllSignificant), two());
        last.exit("a", reason);
        last.terminate("b");
        assert_eq!(last.exit, None, "the last one by hand");
        last.end();
    }
}

/// Only the normal end, or a shutdown, of a significant transient child ends the supervisor, as its mode says; a crash or a
/// kill is answered by a restart, and an end by hand by nothing.
#[test]
fn significant_transient() {
    for mode in [AnySignificant, AllSignificant] {
        for finished in [ExitReason::Normal, ExitReason::SHUTDOWN, ExitReason::shutdown("done")] {
            let children = ["a", "b"].map(|name| significant(name, Restart::Transient)).into();
            let mut world = World::boot(folding(mode), children);
            world.crash("a");
            world.exit("a", ExitReason::Killed);
            assert_eq!((world.exit.clone(), world.restarts.len()), (None, 2), "answered by restarts");
            world.terminate("a");
            assert_eq!(world.exit, None, "by hand");
            up(world.restart("a"));
            world.exit("a", finished.clone());
            if mode == AllSignificant {
                assert_eq!(world.exit, None, "not the last one");
                world.exit("b", finished);
            }
            assert_eq!(world.exit, Some(ExitReason::SHUTDOWN), "{mode:?}");
            world.assert_nothing_is_left();
        }
    }
}

/// Under simple_one_for_one neither a supervisor that would end with its children nor a significant child is accepted.
#[test]
fn significant_simple() {
    for mode in [AnySignificant, AllSignificant] {
        let refused = Supervisor::<Name>::new(simple(2).auto_shutdown(mode), vec![]).map(|_| ());
        assert_eq!(refused, Err(FlagError::AnonymousAutoShutdown.into()));
    }
    let mut world = World::boot(simple(2), vec![]);
    for restart in [Restart::Transient, Restart::Temporary] {
        let refused = world.add(significant("a", restart));
        assert_eq!(refused, Some(Err(SpecError::SignificantWithoutAutoShutdown.into())));
    }
    world.end();
}

/// A significant child that is stopped because of a sibling never ends the supervisor, under any strategy and in any mode; its
/// own end still does.
#[test]
fn significant_bystander() {
    for strategy in ALL_STRATEGIES {
        for mode in [AnySignificant, AllSignificant] {
            for restart in [Restart::Transient, Restart::Temporary] {
                let flags = Flags { strategy, ..folding(mode) };
                let children = vec![
                    significant("older", restart),
                    with("a", Restart::Transient),
                    significant("younger", restart),
                ];
                let mut world = World::boot(flags, children);
                world.done();
                world.exit("a", ExitReason::Killed);
                assert_eq!(world.exit, None, "{strategy:?} {mode:?} {restart:?}");
                let stopped = world.done().split(' ').filter(|entry| entry.starts_with('-')).count();
                let expected = match strategy {
                    Strategy::OneForOne => 0,
                    Strategy::OneForAll => 2,
                    Strategy::RestForOne => 1,
                };
                assert_eq!(stopped, expected, "{strategy:?}");
                let significant = world.live.keys().filter(|name| *name != "a").cloned().collect::<Vec<_>>();
                let lost = if restart == Restart::Temporary { expected } else { 0 };
                assert_eq!(significant.len(), 2 - lost);
                for name in significant {
                    if world.exit.is_none() {
                        world.exit(&name, ExitReason::Normal);
                    }
                }
                assert_eq!(world.exit.is_some(), lost < 2, "its own end counts");
                world.end();
            }
        }
    }
}
