//! Who is restarted with whom, in which order, how often, and what happens while restarts keep failing.

use super::*;

/// With one restart allowed in a second, kills that are further apart never end the supervisor, however many there are.
#[test]
fn multiple_restarts() {
    let flags = Flags::one_for_one().intensity(1, ms(1000));
    let mut world = World::boot(flags, vec![worker("a")]);
    for kill in 1..=50 {
        world.exit("a", ExitReason::Killed);
        assert_eq!(world.restarts.len(), kill);
        world.pass(ms(2100));
    }
    assert_eq!((world.exit.clone(), world.which().as_str()), (None, "a:running"));
    world.end();
}

fn abc(strategy: Strategy) -> World {
    let mut world = World::boot(flags(strategy, 2), vec![worker("a"), worker("b"), worker("c")]);
    world.done();
    world
}

/// Under one_for_one only the child that failed is replaced, and the third failure at intensity two ends the supervisor and
/// everybody with it.
#[test]
fn one_for_one() {
    let mut world = abc(Strategy::OneForOne);
    world.crash("b");
    world.crash("c");
    assert_eq!(world.done(), "+b +c");
    world.crash("c");
    assert_eq!(world.done(), "~c -b ~b -a ~a");
    world.assert_gave_up_on("c");
    world.assert_nothing_is_left();
}

/// Under one_for_all all are replaced, the others being stopped newest first, and the third failure at intensity two ends the
/// supervisor.
#[test]
fn one_for_all() {
    let mut world = abc(Strategy::OneForAll);
    world.crash("b");
    assert_eq!(world.done(), "-c -a +a +b +c");
    world.crash("c");
    assert_eq!(world.done(), "-b -a +a +b +c");
    world.crash("a");
    world.assert_gave_up_on("a");
    world.assert_nothing_is_left();
}

/// Under rest_for_one the older children are left alone, the one that failed and the younger ones are replaced, and the third
/// failure at intensity two ends the supervisor.
#[test]
fn rest_for_one() {
    let mut world = abc(Strategy::RestForOne);
    let before = world.life("a");
    world.crash("b");
    assert_eq!(world.done(), "-c +b +c");
    assert_eq!(world.life("a"), before);
    world.crash("c");
    assert_eq!(world.done(), "+c");
    world.crash("b");
    world.assert_gave_up_on("b");
    world.assert_nothing_is_left();
}

/// Under simple_one_for_one only the copy that failed is replaced, and the third failure at intensity two ends the supervisor,
/// for which the reason is of the class shutdown.
#[test]
fn simple_one_for_one() {
    let mut world = World::boot(simple(2), vec![]);
    up(world.add(worker("a")));
    up(world.add(worker("b")));
    world.done();
    let before = world.life("b");
    world.crash("a");
    assert_eq!((world.done().as_str(), world.which().as_str()), ("+a", "b:running a:running"));
    assert_eq!(world.life("b"), before);
    world.crash("b");
    world.crash("a");
    world.assert_gave_up_on("a");
    assert_eq!(world.exit.as_ref().map(ExitReason::class), Some(crate::ExitClass::Shutdown));
    world.assert_nothing_is_left();
}

/// A restart that always fails uses up the intensity, one attempt for one restart, and the siblings die with the supervisor.
fn escalates(flags: Flags, failing: &str) {
    let names = ["a", "b"];
    let mut world = World::boot(flags, vec![]);
    for name in names {
        up(world.add(worker(name)));
    }
    world.next_starts(failing, &[Outcome::Fails; 9]);
    world.crash("a");
    world.assert_gave_up_on(failing);
    assert_eq!(world.outcomes[failing].len(), 5, "four attempts were made");
    world.assert_nothing_is_left();
}

/// A restart that always fails exhausts an intensity of four under one_for_one, and the sibling dies with the supervisor.
#[test]
fn one_for_one_escalation() {
    escalates(flags(Strategy::OneForOne, 4), "a");
}

/// A sibling that never comes back with its group exhausts an intensity of four under one_for_all.
#[test]
fn one_for_all_escalation() {
    escalates(flags(Strategy::OneForAll, 4), "b");
}

/// A younger sibling that never comes back with its group exhausts an intensity of four under rest_for_one.
#[test]
fn rest_for_one_escalation() {
    escalates(flags(Strategy::RestForOne, 4), "b");
}

/// A restart that always fails exhausts an intensity of four under simple_one_for_one, and the other copy dies too.
#[test]
fn simple_one_for_one_escalation() {
    escalates(simple(4), "a");
}

/// Under one_for_all, when another child does not come back, those that had are stopped before the next round begins.
#[test]
fn one_for_all_other_child_fails_restart() {
    let mut world = World::boot(flags(Strategy::OneForAll, 3), vec![worker("a"), worker("b")]);
    world.done();
    world.next_starts("b", &[Outcome::Fails]);
    world.crash("a");
    assert_eq!(world.done(), "-b +a +b -a +a +b");
    assert_eq!(world.which(), "b:running a:running");
    world.end();
}

/// Under rest_for_one, when another child does not come back, it is retried from there on: the older one that had come back
/// is left alone.
#[test]
fn rest_for_one_other_child_fails_restart() {
    let mut world = World::boot(flags(Strategy::RestForOne, 3), vec![worker("a"), worker("b"), worker("c")]);
    world.done();
    world.next_starts("b", &[Outcome::Fails]);
    world.crash("a");
    assert_eq!(world.done(), "-c -b +a +b +b +c");
    assert_eq!(world.which(), "c:running b:running a:running");
    world.end();
}

/// Under simple_one_for_one a child whose restart is ignored is dropped, as one whose start is.
#[test]
fn simple_one_for_one_restart_ignore() {
    for restart in [Restart::Transient, Restart::Permanent] {
        let mut world = World::boot(simple(10), vec![]);
        up(world.add(with("a", restart)));
        world.next_starts("a", &[Outcome::Up, Outcome::Ignores]);
        world.exit("a", ExitReason::Killed);
        assert_eq!(world.which(), "a:running");
        world.exit("a", ExitReason::Killed);
        assert_eq!((world.which().as_str(), world.counts()), ("", counted(0, 0)));
        world.end();
        assert_eq!(world.exit, Some(ExitReason::SHUTDOWN));
    }
}

/// Children start in the order in which they are listed and stop in the exact reverse; rest_for_one stops only the younger
/// ones of the one that failed, in reverse too.
#[test]
fn order_of_children() {
    // Their names are in another order.
    let children = ["7", "3", "10", "2", "5"].map(worker).into();
    let mut world = World::boot(flags(Strategy::RestForOne, 2), children);
    assert_eq!(world.done(), "+7 +3 +10 +2 +5");
    world.crash("10");
    assert_eq!(world.done(), "-5 -2 +10 +2 +5");
    world.shutdown();
    assert_eq!(world.done(), "-5 ~5 -2 ~2 -10 ~10 -3 ~3 -7 ~7");
    assert_eq!(world.exit, Some(ExitReason::SHUTDOWN));
    world.assert_nothing_is_left();
}

/// The child `a` has ended, and one attempt to restart it has failed.
fn hangs_in_restart(world: &mut World, restarted: &str) {
    world.next_starts(restarted, &[Outcome::Fails; 8]);
    world.crash(restarted);
    world.pass(ms(100));
}

/// While a restart keeps failing under one_for_one, calls are answered as the table says, the child can be terminated and
/// restarted by hand, and the supervisor can stop.
#[test]
fn hanging_restart_loop() {
    let mut world = World::boot(with_delays(Flags::one_for_one()), vec![]);
    let child = || shutdown_as("a", Shutdown::BrutalKill);
    up(world.add(child()));
    hangs_in_restart(&mut world, "a");
    assert_eq!(world.add(child()), Some(Err(SupervisorError::AlreadyPresent)));
    assert_eq!(world.restart("a"), Some(Err(SupervisorError::Restarting)));
    assert_eq!(world.delete("a"), Some(Err(SupervisorError::Restarting)));
    assert_eq!((world.which().as_str(), world.counts()), ("a:restarting", counted(1, 0)));
    assert_eq!(world.terminate("a"), Some(Ok(Answer::Terminated)));
    assert_eq!(world.which(), "a:stopped");
    world.done();
    world.pass(ms(5000));
    assert_eq!(world.done(), "", "the restart was called off");
    world.next_starts("a", &[]);
    up(world.restart("a"));
    hangs_in_restart(&mut world, "a");
    world.shutdown();
    assert_eq!(world.exit, Some(ExitReason::SHUTDOWN));
    world.assert_nothing_is_left();
}

/// While a restart keeps failing under rest_for_one, the younger ones are without a process, the older one is left alone, calls
/// are answered, the child can be terminated, and the supervisor can stop.
#[test]
fn hanging_restart_loop_rest_for_one() {
    let children = vec![worker("a"), shutdown_as("b", Shutdown::BrutalKill), worker("c")];
    let mut world = World::boot(with_delays(Flags::rest_for_one()), children);
    let before = world.life("a");
    hangs_in_restart(&mut world, "b");
    assert_eq!(world.which(), "c:stopped b:restarting a:running");
    assert_eq!(world.counts(), counted(3, 1));
    assert_eq!(world.add(worker("b")), Some(Err(SupervisorError::AlreadyPresent)));
    assert_eq!(world.restart("b"), Some(Err(SupervisorError::Restarting)));
    assert_eq!(world.delete("b"), Some(Err(SupervisorError::Restarting)));
    assert_eq!(world.terminate("b"), Some(Ok(Answer::Terminated)));
    assert_eq!(world.which(), "c:stopped b:stopped a:running");
    world.next_starts("b", &[]);
    up(world.restart("b"));
    assert_eq!(world.which(), "c:stopped b:running a:running");
    up(world.restart("c"));
    assert_eq!(world.life("a"), before);
    hangs_in_restart(&mut world, "b");
    world.shutdown();
    assert_eq!(world.exit, Some(ExitReason::SHUTDOWN));
    world.assert_nothing_is_left();
}

/// While a restart keeps failing under simple_one_for_one, names are refused, the child can be terminated by the handle of the
/// life that ended, and the supervisor can stop.
#[test]
fn hanging_restart_loop_simple() {
    let mut world = World::boot(with_delays(Flags::simple_one_for_one()), vec![]);
    let child = || shutdown_as("a", Shutdown::BrutalKill);
    up(world.add(child()));
    let life = world.life("a");
    hangs_in_restart(&mut world, "a");
    assert_eq!(world.restart("a"), Some(Err(SupervisorError::SimpleOneForOne)));
    assert_eq!(world.delete("a"), Some(Err(SupervisorError::SimpleOneForOne)));
    assert_eq!((world.which().as_str(), world.counts()), ("a:restarting", counted(1, 0)));
    assert_eq!(world.which_one(life.clone()).as_deref(), Ok("a:restarting"));
    assert_eq!(world.call(Request::Terminate(life)), Some(Ok(Answer::Terminated)));
    assert_eq!(world.which(), "");
    world.next_starts("a", &[]);
    up(world.add(child()));
    hangs_in_restart(&mut world, "a");
    world.shutdown();
    assert_eq!(world.exit, Some(ExitReason::SHUTDOWN));
    world.assert_nothing_is_left();
}
