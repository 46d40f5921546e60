//! What is kept of children that are gone, and how much work many of them are.
//!
//! The suite measures time. Here the work is counted, in commands, so that the answer is the same on every machine.

use super::*;

/// However a child ended, by itself or by hand, and under whatever strategy: the name of a temporary one is free at once, that
/// of another one is already present or already started.
#[test]
fn do_not_save_child_specs_for_temporary_children() {
    let ways = [Some(ExitReason::Killed), Some(ExitReason::Normal), Some(crash()), None];
    for strategy in ALL_STRATEGIES {
        for way in &ways {
            for restart in [Restart::Permanent, Restart::Transient, Restart::Temporary] {
                let mut world = World::boot(flags(strategy, 2), vec![]);
                up(world.add(with("a", restart)));
                match way {
                    Some(reason) => world.exit("a", reason.clone()),
                    None => assert_eq!(world.terminate("a"), Some(Ok(Answer::Terminated))),
                }
                let finished = matches!(way, None | Some(ExitReason::Normal));
                let again = world.add(with("a", restart));
                match restart {
                    Restart::Temporary => up(again),
                    Restart::Transient if finished => {
                        assert_eq!(again, Some(Err(SupervisorError::AlreadyPresent)));
                    }
                    Restart::Permanent if way.is_none() => {
                        assert_eq!(again, Some(Err(SupervisorError::AlreadyPresent)));
                    }
                    Restart::Transient | Restart::Permanent => {
                        assert_eq!(again, Some(Err(SupervisorError::AlreadyStarted)));
                    }
                }
                if world.which() == "a:stopped" {
                    up(world.restart("a"));
                }
                world.end();
            }
        }
    }
}

/// The work of starting so many children and of what `stop` does with them.
fn work(flags: Flags, restart: Restart, count: usize, stop: impl Fn(&mut World)) -> usize {
    let mut world = World::boot(flags, vec![]);
    let before = world.commands;
    for n in 0..count {
        up(world.add(with(&n.to_string(), restart)));
    }
    assert_eq!(world.live.len(), count);
    stop(&mut world);
    let work = world.commands - before;
    world.end();
    work
}

/// Terminating ten times as many temporary children one by one is ten times the work, and leaves nothing.
#[test]
fn simple_one_for_one_scale_many_temporary_children() {
    let terminate_all = |world: &mut World| {
        for name in world.live.keys().cloned().collect::<Vec<_>>() {
            let life = world.life(&name);
            assert_eq!(world.call(Request::Terminate(life)), Some(Ok(Answer::Terminated)));
        }
        assert_eq!((world.counts(), world.core.payloads().count()), (counted(0, 0), 0));
    };
    let [small, large] =
        [500, 5000].map(|count| work(simple(2), Restart::Temporary, count, terminate_all) - 1);
    assert_eq!(large, 10 * small);
}

/// Starting ten times as many children and stopping them with their supervisor, one by one or all at once, is ten times the
/// work, and leaves nothing.
#[test]
fn scale_start_stop_many_children() {
    for flags in [flags(Strategy::OneForOne, 2), simple(2), Flags::dynamic()] {
        let stop = |world: &mut World| {
            world.shutdown();
            world.assert_nothing_is_left();
        };
        let [small, large] =
            [500, 5000].map(|count| work(flags.clone(), Restart::Permanent, count, stop) - 1);
        assert_eq!(large, 10 * small);
    }
}
