//! How children are stopped: one by one or together, asked or killed.

use super::*;

fn shutdown_as(name: &str, shutdown: Shutdown) -> Spec<Name> {
    spec(name, Policy { shutdown, ..Policy::WORKER })
}

#[test]
fn a_child_past_its_time_is_killed_and_the_next_one_is_asked() {
    let slow = shutdown_as("b", Shutdown::Timeout(ms(1000)));
    let mut world = World::boot(Flags::one_for_one(), vec![worker("a"), slow]);
    world.stubborn.insert("b".into());
    world.done();
    world.shutdown();
    world.pass(ms(999));
    assert_eq!(world.done(), "-b");
    world.pass(ms(1));
    assert_eq!(world.done(), "!b ~b -a ~a");
}

#[test]
fn a_child_to_be_killed_is_not_asked() {
    let specs = vec![worker("a"), shutdown_as("b", Shutdown::BrutalKill)];
    let mut world = World::boot(Flags::one_for_one(), specs);
    world.done();
    world.shutdown();
    assert_eq!(world.done(), "!b ~b -a ~a");
}

#[test]
fn a_dynamic_supervisor_stops_all_its_children_at_once() {
    let specs = (1..=10).map(|n| shutdown_as(&format!("c{n}"), Shutdown::Timeout(ms(n * 100)))).collect();
    let mut world = World::boot(Flags::dynamic(), specs);
    world.stubborn.extend((1..=10).map(|n| format!("c{n}")));
    world.shutdown();
    world.pass(ms(999));
    assert_eq!(world.exit, None, "the slowest is still there");
    world.pass(ms(1));
    assert_eq!(world.exit, Some(ExitReason::SHUTDOWN), "and its time is the whole time");
}

/// The one state that OTP does not have: nothing can end code that never yields.
#[test]
fn a_child_that_survives_its_kill_is_reported_as_stuck_and_abandoned() {
    let flags = Flags::one_for_one().kill_grace(ms(2000));
    let mut world = World::boot(flags, vec![worker("a"), worker("b")]);
    world.stuck.insert("b".into());
    world.done();
    let call = world.ask(Request::Terminate(Key::id("b").into()));
    world.settle();
    world.pass(ms(6999));
    assert_eq!(world.answers.get(&call), None);
    world.pass(ms(1));
    assert_eq!(world.done(), "-b !b ?b");
    assert_eq!(world.answers[&call], Err(SupervisorError::Stuck));
    assert_eq!(world.which(), "b:stopped a:running");
    world.shutdown();
    assert_eq!(world.exit, Some(ExitReason::SHUTDOWN));
}

#[test]
fn a_shutdown_during_the_initial_start_stops_what_is_up_and_what_is_coming_up() {
    let mut world = World::new(Flags::one_for_one(), vec![worker("a"), worker("b"), worker("c")]);
    world.next_starts("b", &[Outcome::Hangs]);
    world.hear(Event::Boot);
    world.settle();
    world.shutdown();
    assert_eq!(world.done(), "+a +b ~c -b ~b -a ~a");
    assert_eq!(world.exit, Some(ExitReason::SHUTDOWN));
}
