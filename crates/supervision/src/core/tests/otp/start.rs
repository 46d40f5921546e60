//! How a supervisor starts, and what it makes of starts that are ignored or fail.

use super::*;

/// A supervisor without children starts, counts as started, and stops when it is asked, with that reason.
#[test]
fn sup_start_normal() {
    let mut world = World::boot(flags(Strategy::OneForOne, 2), vec![]);
    assert!(world.ready);
    world.end();
    assert_eq!(world.exit, Some(ExitReason::SHUTDOWN));
}

/// A child whose start is ignored keeps its specification without a process, whether it was an initial one or added: of two
/// such specifications one is active.
#[test]
fn sup_start_ignore_child() {
    for initial in [false, true] {
        let children = || vec![worker("a"), worker("b")];
        let mut world = World::new(flags(Strategy::OneForOne, 2), if initial { children() } else { vec![] });
        world.next_starts("a", &[Outcome::Ignores]);
        world.hear(Event::Boot);
        world.settle();
        if !initial {
            assert_eq!(world.add(worker("a")), Some(Ok(Answer::Ignored)));
            up(world.add(worker("b")));
        }
        assert_eq!(world.which(), "b:running a:stopped");
        assert_eq!(world.counts(), counted(2, 1));
        world.end();
    }
}

/// A temporary initial child whose start is ignored leaves no specification, and its siblings start.
#[test]
fn sup_start_ignore_temporary_child() {
    let children = vec![with("a", Restart::Temporary), with("b", Restart::Temporary)];
    let mut world = World::new(flags(Strategy::OneForOne, 2), children);
    world.next_starts("a", &[Outcome::Ignores]);
    world.hear(Event::Boot);
    world.settle();
    assert_eq!(world.which(), "b:running");
    assert_eq!(world.counts(), counted(1, 1));
    world.end();
}

/// A temporary child that is added and whose start is ignored leaves no specification; that is a good answer, and no error.
#[test]
fn sup_start_ignore_temporary_child_start_child() {
    let mut world = World::boot(flags(Strategy::OneForOne, 2), vec![]);
    world.next_starts("a", &[Outcome::Ignores]);
    assert_eq!(world.add(with("a", Restart::Temporary)), Some(Ok(Answer::Ignored)));
    up(world.add(with("b", Restart::Temporary)));
    assert_eq!(world.which(), "b:running");
    assert_eq!(world.counts(), counted(1, 1));
    world.end();
}

/// Under simple_one_for_one an ignored start of a temporary child leaves nothing.
#[test]
fn sup_start_ignore_temporary_child_start_child_simple() {
    ignored_under_simple(Restart::Temporary);
}

/// Under simple_one_for_one an ignored start leaves nothing even of a permanent child, and the supervisor stops cleanly.
#[test]
fn sup_start_ignore_permanent_child_start_child_simple() {
    ignored_under_simple(Restart::Permanent);
}

fn ignored_under_simple(restart: Restart) {
    let mut world = World::boot(simple(2), vec![]);
    world.next_starts("a", &[Outcome::Ignores]);
    assert_eq!(world.add(with("a", restart)), Some(Ok(Answer::Ignored)));
    up(world.add(with("b", restart)));
    assert_eq!(world.which(), "b:running");
    assert_eq!(world.counts(), counted(1, 1));
    world.end();
    assert_eq!(world.exit, Some(ExitReason::SHUTDOWN));
}

/// A child that is added and does not start, by an error or by a crash of its start, is answered with that reason and leaves
/// no specification, so that its name is free.
#[test]
fn sup_start_child_returns_error() {
    does_not_start(flags(Strategy::OneForOne, 2));
}

/// Under simple_one_for_one a start that fails is answered with its reason as it is, and leaves nothing.
#[test]
fn sup_start_child_returns_error_simple() {
    does_not_start(simple(2));
}

fn does_not_start(flags: Flags) {
    let mut world = World::boot(flags, vec![]);
    for reason in [crash(), panicked(), ExitReason::Normal, ExitReason::SHUTDOWN] {
        world.next_starts("a", &[Outcome::Hangs]);
        let call = world.ask(Request::Start(worker("a")));
        world.settle();
        world.fail_start("a", reason.clone());
        assert_eq!(world.answers[&call], Err(SupervisorError::StartFailed(reason)));
        assert_eq!((world.which().as_str(), world.counts()), ("", counted(0, 0)));
    }
    up(world.add(worker("a")));
    world.end();
    assert!(world.restarts.is_empty(), "nothing of it counted as a restart");
}

/// A child that is restarted by hand and does not start is answered with the reason, keeps its specification without a
/// process, and counts as no restart.
#[test]
fn sup_start_restart_child_returns_error() {
    let mut world = World::boot(flags(Strategy::OneForOne, 0), vec![worker("a")]);
    world.terminate("a");
    world.next_starts("a", &[Outcome::Fails]);
    assert_eq!(world.restart("a"), Some(Err(SupervisorError::StartFailed(crash()))));
    assert_eq!(world.which(), "a:stopped");
    assert_eq!(world.exit, None, "although not one restart is allowed");
    up(world.restart("a"));
    world.end();
}

/// Where the builder's types leave room for a fault, it is refused by name and nothing starts: an empty key, significance
/// out of place, a name borne twice, too many children.
#[test]
fn sup_start_map_faulty_specs() {
    use SpecError::{
        DuplicateKey, MissingKey, SignificantPermanent, SignificantWithoutAutoShutdown, TooManyChildren,
    };
    let folding = Flags::one_for_one().auto_shutdown(AutoShutdown::AnySignificant);
    let cases = [
        (Flags::one_for_one(), vec![worker("")], MissingKey),
        (folding, vec![worker("a"), significant("b", Restart::Permanent)], SignificantPermanent),
        (Flags::one_for_one(), vec![significant("a", Restart::Transient)], SignificantWithoutAutoShutdown),
        (Flags::one_for_one(), vec![worker("a"), worker("b"), worker("a")], DuplicateKey(Key::id("a"))),
        (Flags::one_for_one().max_children(1), vec![worker("a"), worker("b")], TooManyChildren),
    ];
    for (flags, children, error) in cases {
        let checked = flags.check_children(children.iter().map(|spec| (&spec.key, &spec.policy)));
        assert_eq!(checked, Err(error.clone()));
        assert_eq!(Supervisor::new(flags, children).map(|_| ()), Err(error));
    }
    let mut world = World::boot(Flags::one_for_one(), vec![]);
    assert_eq!(world.add(worker("")), Some(Err(MissingKey.into())));
    world.end();
}
