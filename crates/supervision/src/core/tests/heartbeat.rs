//! A child that owes a sign of life, and gives it or not.

use super::*;

const BEAT: Duration = ms(1000);

fn owing(name: &str, restart: Restart) -> Spec<Name> {
    spec(name, Policy { restart, heartbeat_ms: std::num::NonZeroU32::new(1000), ..Policy::WORKER })
}

fn boot(flags: Flags, specs: Vec<Spec<Name>>) -> World {
    let mut world = World::boot(flags, specs);
    world.done();
    world
}

fn working(progress: u64) -> Pulse {
    Pulse { working: true, progress }
}

fn hung() -> ExitReason {
    ExitReason::Hung { silent_ms: 1000 }
}

#[test]
fn a_child_without_work_owes_nothing() {
    let mut world = boot(Flags::one_for_one(), vec![owing("a", Restart::Permanent)]);
    world.pass(BEAT * 100);
    assert_eq!(world.done(), "");
}

#[test]
fn a_child_that_gets_on_is_left_alone_however_much_waits() {
    let mut world = boot(Flags::one_for_one(), vec![owing("a", Restart::Permanent)]);
    for progress in 1..100 {
        world.pulses.insert("a".into(), working(progress));
        world.pass(ms(900));
    }
    assert_eq!(world.done(), "");
}

/// Never early: its time begins when work is first seen to lie there.
#[test]
fn a_child_that_gets_nowhere_is_killed_after_its_time_and_restarted() {
    let mut world = boot(Flags::one_for_one(), vec![owing("a", Restart::Permanent)]);
    world.pass(ms(10_250));
    world.pulses.insert("a".into(), working(7));
    world.pass(ms(1000));
    assert_eq!(world.done(), "");
    world.pass(ms(500));
    assert_eq!(world.done(), "!a +a");
    let Some(Notice::Exited { reason, verdict: Verdict::Restart { .. }, .. }) =
        world.notices.iter().find(|notice| matches!(notice, Notice::Exited { .. }))
    else {
        panic!("{:?}", world.notices)
    };
    assert_eq!(reason, &hung());
}

#[test]
fn work_that_comes_and_goes_between_two_looks_is_not_held_against_a_child() {
    let mut world = boot(Flags::one_for_one(), vec![owing("a", Restart::Permanent)]);
    for round in 0..50 {
        world.pulses.insert("a".into(), Pulse { working: round % 2 == 0, progress: 7 });
        world.pass(ms(500));
    }
    assert_eq!(world.done(), "");
}

#[test]
fn what_follows_is_up_to_the_restart_type_and_counts_like_any_other_end() {
    for (restart, done) in
        [(Restart::Permanent, "!a +a"), (Restart::Transient, "!a +a"), (Restart::Temporary, "!a ~a")]
    {
        let mut world = boot(Flags::one_for_one(), vec![owing("a", restart)]);
        world.pulses.insert("a".into(), working(1));
        world.pass(ms(1500));
        assert_eq!(world.done(), done, "{restart:?}");
    }
    let mut world = boot(Flags::one_for_one().intensity(1, ms(5000)), vec![owing("a", Restart::Permanent)]);
    world.pulses.insert("a".into(), working(1));
    world.pass(ms(3000));
    world.assert_gave_up_on("a");
}

#[test]
fn a_hung_child_takes_its_group_along() {
    let specs = || vec![owing("a", Restart::Permanent), worker("b")];
    let mut world = boot(Flags::one_for_all(), specs());
    world.pulses.insert("a".into(), working(1));
    world.pass(ms(1500));
    assert_eq!(world.done(), "!a -b +a +b");
}

/// Nothing ends code that never yields; its end is answered all the same.
#[test]
fn a_hung_child_that_does_not_die_is_abandoned_and_restarted() {
    let flags = Flags::one_for_one().kill_grace(ms(300));
    let mut world = boot(flags, vec![owing("a", Restart::Permanent)]);
    let (child, incarnation) = world.live["a"];
    world.stuck.insert("a".into());
    world.pulses.insert("a".into(), working(1));
    world.pass(ms(1500));
    world.pulses.clear();
    assert_eq!((world.done().as_str(), world.which().as_str()), ("!a", "a:stopping"));
    world.pass(ms(300));
    assert_eq!((world.done().as_str(), world.which().as_str()), ("?a +a", "a:running"));
    // It comes to, far too late.
    world.stuck.clear();
    world.hear(Event::Exited { child, incarnation, reason: ExitReason::Killed });
    world.settle();
    assert_eq!((world.done().as_str(), world.which().as_str()), ("", "a:running"));
    world.shutdown();
    assert_eq!(world.exit, Some(ExitReason::SHUTDOWN));
}

#[test]
fn a_hung_child_that_somebody_stops_meanwhile_stays_down() {
    let flags = Flags::one_for_one().kill_grace(ms(300));
    let mut world = boot(flags, vec![owing("a", Restart::Permanent)]);
    world.stuck.insert("a".into());
    world.pulses.insert("a".into(), working(1));
    world.pass(ms(1500));
    let call = world.ask(Request::Terminate(Target::Key(Key::id("a"))));
    world.pass(ms(300));
    assert_eq!(world.answers[&call], Err(SupervisorError::Stuck));
    assert_eq!((world.done().as_str(), world.which().as_str()), ("!a ?a", "a:stopped"));
}

#[test]
fn a_shutdown_does_not_wait_for_more_than_the_kill_of_a_hung_child() {
    for flags in [Flags::one_for_one(), Flags::dynamic()] {
        let mut world = boot(flags.kill_grace(ms(300)), vec![owing("a", Restart::Permanent)]);
        world.stuck.insert("a".into());
        world.pulses.insert("a".into(), working(1));
        world.pass(ms(1500));
        world.shutdown();
        assert_eq!(world.exit, None);
        world.pass(ms(300));
        assert_eq!(world.exit, Some(ExitReason::SHUTDOWN));
        assert!(world.restarts.is_empty());
    }
}

/// It may end by itself in the moment of the verdict: what it says then is the truth.
#[test]
fn a_hung_child_that_ends_by_itself_is_believed() {
    let mut world = boot(Flags::one_for_one(), vec![owing("a", Restart::Transient)]);
    world.stuck.insert("a".into());
    world.pulses.insert("a".into(), working(1));
    world.pass(ms(1500));
    world.exit("a", ExitReason::Normal);
    assert_eq!((world.done().as_str(), world.which().as_str()), ("!a", "a:stopped"));
}

#[test]
fn nobody_looks_at_a_child_that_is_down() {
    let backoff = Backoff::exponential(BEAT, BEAT);
    let mut world = boot(
        Flags::one_for_one().backoff(backoff),
        vec![owing("a", Restart::Permanent), owing("b", Restart::Permanent)],
    );
    for name in ["a", "b"] {
        world.pulses.insert(name.into(), working(1));
    }
    world.pass(ms(1100));
    world.crash("a");
    world.terminate("b");
    assert_eq!(world.done(), "-b");
    world.pass(ms(900));
    assert_eq!(world.done(), "", "its timers went with it");
}
