//! The end of a supervisor with children that take their time or end otherwise than they were asked to.

use super::*;

/// Infinite time is allowed for workers as for supervisors: each is waited for as long as it takes, and all end as they were
/// asked.
#[test]
fn sup_stop_infinity() {
    let children = vec![
        spec("supervisor", Policy { shutdown: Shutdown::Infinity, ..Policy::SUPERVISOR }),
        shutdown_as("worker", Shutdown::Infinity),
    ];
    let mut world = World::boot(flags(Strategy::OneForOne, 2), children);
    world.stubborn.extend(["worker".into(), "supervisor".into()]);
    world.done();
    world.shutdown();
    world.pass(HOUR * 24);
    assert_eq!(world.done(), "-worker", "a day later it is still waited for");
    world.exit("worker", ExitReason::SHUTDOWN);
    world.pass(HOUR * 24);
    assert_eq!(world.done(), "~worker -supervisor");
    world.exit("supervisor", ExitReason::SHUTDOWN);
    assert_eq!(world.exit, Some(ExitReason::SHUTDOWN));
    assert!(world.ends.iter().all(|(_, reason)| *reason == ExitReason::SHUTDOWN), "{:?}", world.ends);
    world.assert_nothing_is_left();
}

/// Every way in which a child may end by itself.
fn any_reason() -> [ExitReason; 6] {
    [
        ExitReason::Normal,
        ExitReason::SHUTDOWN,
        ExitReason::shutdown("done"),
        crash(),
        panicked(),
        ExitReason::Killed,
    ]
}

/// Children that die by themselves, for whatever reason and of whatever restart type, while the supervisor stops, are
/// neither restarted nor waited for, and the supervisor ends as it was asked to.
#[test]
fn sup_stop_race() {
    for strategy in ALL_STRATEGIES {
        for restart in [Restart::Permanent, Restart::Transient, Restart::Temporary] {
            for reason in any_reason() {
                for dies in ["asked", "not asked yet"] {
                    let children = vec![with("not asked yet", restart), with("asked", restart)];
                    let mut world = World::boot(flags(strategy, 0), children);
                    world.stubborn.insert("asked".into());
                    world.shutdown();
                    world.exit(dies, reason.clone());
                    if dies == "asked" {
                        assert_eq!(world.exit, Some(ExitReason::SHUTDOWN), "no time passes for the dead");
                    }
                    world.end();
                    assert_eq!(world.exit, Some(ExitReason::SHUTDOWN), "{strategy:?} {restart:?} {reason}");
                    assert!(world.restarts.is_empty());
                }
            }
        }
    }
}

/// Children of a dynamic supervisor that answer the request to stop by other reasons than shutdown do not disturb its end.
#[test]
fn sup_stop_non_shutdown_exit_dynamic() {
    for flags in [simple(2), Flags::dynamic()] {
        for restart in [Restart::Permanent, Restart::Transient, Restart::Temporary] {
            let mut world = World::boot(flags.clone(), vec![]);
            let names: Vec<String> = (0..any_reason().len()).map(|n| n.to_string()).collect();
            for name in &names {
                up(world.add(with(name, restart)));
            }
            world.stubborn.extend(names.iter().cloned());
            world.shutdown();
            assert_eq!(world.live.len(), names.len(), "all were asked at once, and none has answered");
            for (name, reason) in names.iter().zip(any_reason()) {
                assert_eq!(world.exit, None);
                world.exit(name, reason);
            }
            assert_eq!(world.exit, Some(ExitReason::SHUTDOWN));
            world.assert_nothing_is_left();
        }
    }
}
