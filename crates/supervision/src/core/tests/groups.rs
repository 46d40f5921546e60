//! One for all, rest for one, and who is touched in which order.

use super::*;

fn abc(strategy: Strategy) -> World {
    let specs = vec![worker("a"), worker("b"), worker("c")];
    let mut world = World::boot(Flags { strategy, ..Flags::default() }, specs);
    world.done();
    world
}

#[test]
fn a_sibling_is_fully_stopped_before_the_next_one_is_asked() {
    let mut world = abc(Strategy::OneForAll);
    world.stubborn.insert("c".into());
    world.crash("b");
    assert_eq!(world.done(), "-c");
    world.pass(ms(5000));
    assert_eq!(world.done(), "!c -a +a +b +c");
}

#[test]
fn one_event_counts_once_however_many_siblings_are_restarted() {
    let mut world = abc(Strategy::OneForAll);
    for _ in 0..3 {
        world.crash("b");
    }
    assert_eq!(world.exit, None);
    world.crash("b");
    world.assert_gave_up_on("b");
}

#[test]
fn a_group_restart_also_starts_what_had_finished_or_was_terminated() {
    let specs = vec![worker("a"), with("b", Restart::Transient), worker("c"), worker("d")];
    let mut world = World::boot(Flags::rest_for_one(), specs);
    world.exit("b", ExitReason::Normal);
    world.terminate("c");
    assert_eq!(world.which(), "d:running c:stopped b:stopped a:running");
    world.crash("a");
    assert_eq!(world.which(), "d:running c:running b:running a:running");
}

#[test]
fn a_call_waits_for_a_group_restart_and_a_shutdown_does_not() {
    let mut world = abc(Strategy::OneForAll);
    world.stubborn.insert("c".into());
    world.crash("b");
    let terminate = world.ask(Request::Terminate(Key::id("a").into()));
    world.settle();
    assert_eq!(world.answers.get(&terminate), None);
    assert_eq!(world.which(), "c:stopping b:stopped a:running", "looking does not wait");
    world.shutdown();
    assert_eq!(world.answers[&terminate], Err(SupervisorError::ShuttingDown));
    world.pass(ms(5000));
    assert_eq!(world.exit, Some(ExitReason::SHUTDOWN));
}

#[test]
fn a_bystander_that_dies_during_a_group_restart_gets_its_own_afterwards() {
    let mut world = abc(Strategy::RestForOne);
    world.next_starts("b", &[Outcome::Hangs]);
    world.crash("b");
    world.crash("a");
    assert_eq!(world.done(), "-c +b");
    let (child, incarnation) = world.live["b"];
    world.hear(Event::Started { child, incarnation });
    world.settle();
    assert_eq!(world.done(), "+c -c -b +a +b +c");
}

#[test]
fn with_backoff_dependants_are_down_while_the_head_waits() {
    let backoff = Backoff { jitter: 0.0, ..Backoff::exponential(ms(100), ms(400)) };
    let specs = vec![worker("a"), worker("b"), worker("c")];
    let mut world = World::boot(Flags::rest_for_one().backoff(backoff), specs);
    world.done();
    world.crash("b");
    assert_eq!((world.done().as_str(), world.which().as_str()), ("-c", "c:stopped b:restarting a:running"));
    world.pass(ms(100));
    assert_eq!(world.done(), "+b +c");
    world.crash("b");
    assert_eq!(world.terminate("b"), Some(Ok(Answer::Terminated)));
    world.pass(ms(1000));
    assert_eq!(world.which(), "c:stopped b:stopped a:running");
}
