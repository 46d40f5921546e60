//! One child's end against its restart type.

use super::*;

/// A supervisor of one child, which ends for each of these reasons in turn; what is left of it is the same each time.
fn check(restart: Restart, reasons: &[ExitReason], left: &str) {
    for reason in reasons {
        let mut world = World::boot(flags(Strategy::OneForOne, 2), vec![]);
        up(world.add(with("a", restart)));
        world.done();
        world.exit("a", reason.clone());
        assert_eq!(world.which(), left, "{restart:?} {reason}");
        let (specs, active) = (usize::from(!left.is_empty()), usize::from(left == "a:running"));
        assert_eq!(world.counts(), counted(specs, active));
        let expected = if active == 1 { "+a" } else { ["~a", ""][specs] };
        assert_eq!(world.done(), expected, "{restart:?} {reason}");
        if left == "a:stopped" {
            up(world.restart("a"));
        }
        assert_eq!(world.exit, None);
        world.end();
    }
}

fn shutdowns() -> [ExitReason; 2] {
    [ExitReason::SHUTDOWN, ExitReason::shutdown("some info")]
}

fn abnormal() -> [ExitReason; 4] {
    [crash(), panicked(), ExitReason::Killed, ExitReason::ArbiterLost]
}

/// A permanent child that ends normally is restarted.
#[test]
fn permanent_normal() {
    check(Restart::Permanent, &[ExitReason::Normal], "a:running");
}

/// A permanent child that ends with a shutdown, with or without words, is restarted.
#[test]
fn permanent_shutdown() {
    check(Restart::Permanent, &shutdowns(), "a:running");
}

/// A permanent child that ends abnormally is restarted.
#[test]
fn permanent_abnormal() {
    check(Restart::Permanent, &abnormal(), "a:running");
}

/// A transient child that ends normally is not restarted; its specification stays, and it can be restarted by hand.
#[test]
fn transient_normal() {
    check(Restart::Transient, &[ExitReason::Normal], "a:stopped");
}

/// A transient child that ends with a shutdown, with or without words, is not restarted; its specification stays, and it can
/// be restarted by hand.
#[test]
fn transient_shutdown() {
    check(Restart::Transient, &shutdowns(), "a:stopped");
}

/// A transient child that ends abnormally is restarted.
#[test]
fn transient_abnormal() {
    check(Restart::Transient, &abnormal(), "a:running");
}

/// A temporary child that ends normally is not restarted, and its specification is gone.
#[test]
fn temporary_normal() {
    check(Restart::Temporary, &[ExitReason::Normal], "");
}

/// A temporary child that ends with a shutdown, with or without words, is not restarted, and its specification is gone.
#[test]
fn temporary_shutdown() {
    check(Restart::Temporary, &shutdowns(), "");
}

/// A temporary child that ends abnormally is not restarted, and its specification is gone.
#[test]
fn temporary_abnormal() {
    check(Restart::Temporary, &abnormal(), "");
}

/// A temporary child that is stopped because of a sibling, under one_for_all or rest_for_one, is not restarted with its group,
/// its specification is gone, and the supervisor goes on.
#[test]
fn temporary_bystander() {
    for strategy in [Strategy::OneForAll, Strategy::RestForOne] {
        let children = vec![worker("a"), with("t", Restart::Temporary), worker("c")];
        let mut world = World::boot(flags(strategy, 2), children);
        world.done();
        world.crash("a");
        assert_eq!(world.done(), "-c -t ~t +a +c", "{strategy:?}");
        assert_eq!(world.which(), "c:running a:running");
        assert_eq!(world.exit, None);
        up(world.add(with("t", Restart::Temporary)));
        world.end();
    }
}
