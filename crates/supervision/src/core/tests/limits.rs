//! Intensity, period, backoff, and restarts that keep failing.

use super::*;

fn flags(strategy: Strategy, max_restarts: u32) -> Flags {
    Flags { strategy, ..Flags::default() }.intensity(max_restarts, ms(5000))
}

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
