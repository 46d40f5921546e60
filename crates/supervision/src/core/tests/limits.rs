//! Intensity, period, backoff, and restarts that keep failing.

use super::*;

fn flags(strategy: Strategy, max_restarts: u32) -> Flags {
    Flags { strategy, ..Flags::default() }.intensity(max_restarts, ms(5000))
}

/// OTP: one_for_one (third failure at intensity 2 ends the supervisor).
#[test]
fn one_restart_more_than_allowed_ends_the_supervisor() {
    let mut world = World::boot(flags(Strategy::OneForOne, 2), vec![worker("a"), worker("b")]);
    world.crash("a");
    world.crash("b");
    world.done();
    world.crash("a");
    assert_eq!(world.done(), "-b ~b ~a");
    world.assert_gave_up_on("a");
    assert!(matches!(world.notices.last(), Some(Notice::Exited { verdict: Verdict::ShuttingDown, .. })));
    assert!(world.notices.iter().any(|notice| matches!(notice, Notice::GaveUp { restarts: 2, .. })));
}

/// OTP: multiple_restarts.
#[test]
fn restarts_that_are_far_enough_apart_never_end_the_supervisor() {
    let flags = Flags::one_for_one().intensity(1, ms(1000));
    let mut world = World::boot(flags, vec![worker("a")]);
    for _ in 0..50 {
        world.crash("a");
        world.pass(ms(1001));
    }
    assert_eq!(world.exit, None);
}

/// Not in OTP's suite: the boundary of the window.
#[test]
fn a_restart_exactly_one_period_ago_still_counts() {
    let flags = Flags::one_for_one().intensity(1, ms(1000));
    let mut world = World::boot(flags, vec![worker("a")]);
    world.crash("a");
    world.pass(ms(1000));
    world.crash("a");
    world.assert_gave_up_on("a");
}

/// Not in OTP's suite: two children that die in the same instant are two restarts.
#[test]
fn two_children_dying_in_the_same_instant_count_twice() {
    let mut world = World::boot(flags(Strategy::OneForOne, 1), vec![worker("a"), worker("b")]);
    world.die("a", crash());
    world.die("b", crash());
    world.settle();
    world.assert_gave_up_on("b");
}

/// Not in OTP's suite: a clock that stands still, or that is asked about an earlier time, must not panic or forgive.
#[test]
fn a_clock_that_steps_back_forgives_nothing() {
    let mut world = World::boot(flags(Strategy::OneForOne, 1), vec![worker("a")]);
    world.crash("a");
    world.now = ms(0);
    world.crash("a");
    world.assert_gave_up_on("a");
}

#[test]
fn an_intensity_of_zero_never_restarts() {
    for strategy in [Strategy::OneForOne, Strategy::OneForAll, Strategy::RestForOne] {
        let mut world = World::boot(flags(strategy, 0), vec![worker("a"), worker("b"), worker("c")]);
        world.done();
        world.crash("b");
        assert_eq!(world.done(), "-c ~c ~b -a ~a", "{strategy:?}");
        world.assert_gave_up_on("b");
    }
}

#[test]
fn a_normal_end_of_a_transient_child_is_no_restart_and_does_not_count() {
    let mut world = World::boot(flags(Strategy::OneForOne, 0), vec![with("a", Restart::Transient)]);
    world.exit("a", ExitReason::Normal);
    assert_eq!(world.exit, None);
}

/// OTP: one_for_one_escalation, one_for_all_escalation, rest_for_one_escalation, simple_one_for_one_escalation.
#[test]
fn a_restart_that_always_fails_uses_up_the_intensity_and_takes_the_siblings_along() {
    for strategy in [Strategy::OneForOne, Strategy::OneForAll, Strategy::RestForOne] {
        let mut world = World::boot(flags(strategy, 4), vec![worker("a"), worker("b")]);
        world.next_starts("a", &[Outcome::Fails; 9]);
        world.crash("a");
        world.assert_gave_up_on("a");
        assert_eq!(world.outcomes["a"].len(), 5, "{strategy:?}: four attempts");
    }
}

/// OTP: hanging_restart_loop, hanging_restart_loop_simple, count_restarting_children.
#[test]
fn between_two_attempts_calls_are_answered_and_the_restart_can_be_called_off() {
    let flags = Flags::one_for_one().backoff(Backoff::exponential(ms(100), ms(400)));
    let mut world = World::boot(flags, vec![worker("a"), worker("b")]);
    world.next_starts("a", &[Outcome::Fails; 3]);
    world.crash("a");
    world.pass(ms(100));
    assert_eq!(world.which(), "b:running a:restarting");
    assert_eq!(world.counts(), Counts { specs: 2, active: 1, supervisors: 0, workers: 2 });
    assert_eq!(world.restart("a"), Some(Err(SupervisorError::Restarting)));
    assert_eq!(world.delete("a"), Some(Err(SupervisorError::Restarting)));
    assert_eq!(world.add(worker("a")), Some(Err(SupervisorError::AlreadyPresent)));
    assert_eq!(world.terminate("a"), Some(Ok(Answer::Terminated)));
    world.done();
    world.pass(ms(10_000));
    assert_eq!((world.done().as_str(), world.which().as_str()), ("", "b:running a:stopped"));
}

/// OTP: hanging_restart_loop (the supervisor can stop).
#[test]
fn a_supervisor_can_be_stopped_between_two_attempts() {
    let flags = Flags::one_for_one().backoff(Backoff::exponential(ms(100), ms(400)));
    let mut world = World::boot(flags, vec![worker("a"), worker("b")]);
    world.crash("a");
    world.shutdown();
    assert_eq!(world.exit, Some(ExitReason::SHUTDOWN));
}

#[test]
fn a_child_whose_restart_starts_slowly_can_be_stopped() {
    let mut world = World::boot(Flags::one_for_one(), vec![worker("a")]);
    world.next_starts("a", &[Outcome::Hangs]);
    world.crash("a");
    assert_eq!(world.terminate("a"), Some(Ok(Answer::Terminated)));
    assert_eq!(world.which(), "a:stopped");
}

#[test]
fn backoff_doubles_and_counts_at_the_attempt() {
    let backoff = Backoff { jitter: 0.0, ..Backoff::exponential(ms(100), ms(400)) };
    let flags = Flags::one_for_one().intensity(3, ms(1000)).backoff(backoff);
    let mut world = World::boot(flags, vec![worker("a")]);
    let started = world.now;
    for _ in 0..3 {
        world.crash("a");
        while !world.live.contains_key("a") {
            world.pass(ms(10));
        }
    }
    let at: Vec<_> = world.restarts.iter().map(|at| (*at - started).as_millis()).collect();
    assert_eq!(at, [100, 300, 700]);
    world.crash("a");
    assert_eq!(world.exit, None, "the fourth counts only when its delay is over");
    world.pass(ms(399));
    assert_eq!(world.exit, None);
    world.pass(ms(1));
    world.assert_gave_up_on("a");
}

#[test]
fn backoff_begins_anew_after_a_quiet_time() {
    let backoff = Backoff { jitter: 0.0, ..Backoff::exponential(ms(100), ms(400)) };
    let mut world =
        World::boot(Flags::one_for_one().intensity(4, ms(5000)).backoff(backoff), vec![worker("a")]);
    for (quiet, delay) in [(0, 100), (0, 200), (399, 400), (400, 100)] {
        world.pass(ms(quiet));
        world.crash("a");
        world.pass(ms(delay - 1));
        assert!(!world.live.contains_key("a"), "not before {delay}");
        world.pass(ms(1));
        assert!(world.live.contains_key("a"), "after {delay}");
        world.pass(ms(0));
    }
}

/// OTP: sup_flags.
#[test]
fn flags_that_make_no_sense_are_refused_by_name() {
    let refuse = |flags: Flags| Supervisor::<Name>::new(flags, vec![]).map(|_| ()).expect_err("refused");
    assert_eq!(refuse(Flags::one_for_one().intensity(1, ms(0))), FlagError::InvalidPeriod.into());
    let slow = Flags::one_for_one().backoff(Backoff::exponential(ms(1000), ms(9000)));
    let expected = FlagError::BackoffOutlastsPeriod { delays: ms(7000), period: ms(5000) };
    assert_eq!(refuse(slow), expected.into());
    let jitter = Backoff { jitter: 1.5, ..Backoff::exponential(ms(1), ms(1)) };
    assert_eq!(refuse(Flags::one_for_one().backoff(jitter)), FlagError::InvalidJitter.into());
}
