//! What is refused at construction, and what the calls answer about children.

use super::*;

fn refusal(flags: Flags, children: Vec<Spec<Name>>) -> SpecError {
    Supervisor::new(flags, children).map(|_| ()).expect_err("refused")
}

/// Every combination that the types let through is accepted, by the check as by the start; two children of one name are
/// refused; and simple_one_for_one, which in OTP wants exactly one specification to copy, begins without any here.
#[test]
fn child_specs() {
    for restart in [Restart::Permanent, Restart::Transient, Restart::Temporary] {
        let timeouts = [0, 1000].map(|time| Shutdown::Timeout(ms(time)));
        for shutdown in timeouts.into_iter().chain([Shutdown::Infinity, Shutdown::BrutalKill]) {
            for kind in [Kind::Worker, Kind::Supervisor] {
                let policy = Policy { restart, shutdown, kind, ..Policy::WORKER };
                let child = spec("child", policy.clone());
                assert_eq!(Flags::one_for_one().check_children([(&child.key, &policy)]), Ok(()));
                let mut world = World::boot(Flags::one_for_one(), vec![child.clone()]);
                up(world.add(spec("other", policy.clone())));
                world.end();
                let twice = vec![child.clone(), child];
                let error = SpecError::DuplicateKey(Key::id("child"));
                assert_eq!(refusal(Flags::one_for_one(), twice), error);
            }
        }
    }
    assert_eq!(refusal(simple(2), vec![worker("a")]), SpecError::AnonymousInitialChildren);
    World::boot(simple(2), vec![]).end();
}

/// Over the full product of significance, restart type and auto_shutdown, exactly the combinations that OTP refuses are
/// refused: by the check, in the initial list, and when a child is added.
#[test]
fn child_specs_map() {
    use AutoShutdown::{AllSignificant, AnySignificant, Never};
    for auto_shutdown in [Never, AnySignificant, AllSignificant] {
        for restart in [Restart::Permanent, Restart::Transient, Restart::Temporary] {
            for significant in [false, true] {
                let policy = Policy { restart, significant, ..Policy::WORKER };
                let flags = Flags::one_for_one().auto_shutdown(auto_shutdown);
                let expected = match (significant, restart, auto_shutdown) {
                    (true, Restart::Permanent, _) => Err(SpecError::SignificantPermanent),
                    (true, _, Never) => Err(SpecError::SignificantWithoutAutoShutdown),
                    _ => Ok(()),
                };
                let child = spec("a", policy.clone());
                assert_eq!(flags.check_children([(&child.key, &policy)]), expected, "{policy:?}");
                let made = Supervisor::new(flags.clone(), vec![child.clone()]);
                assert_eq!(made.map(|_| ()), expected);
                let mut world = World::boot(flags, vec![]);
                let answer = world.add(child).expect("answered");
                assert_eq!(answer.map(|_| ()), expected.map_err(SupervisorError::from));
                world.end();
            }
        }
    }
}

/// Flags that make no sense are refused by name: a window without length, and what is ours, that is a backoff that lets no
/// limit be reached, a share beyond one, and strategies for children without names.
#[test]
fn sup_flags() {
    let refuse = |flags: Flags| refusal(flags, vec![]);
    assert_eq!(refuse(Flags::one_for_one().intensity(1, ms(0))), FlagError::InvalidPeriod.into());
    let slow = Flags::one_for_one().backoff(Backoff::exponential(ms(1000), ms(9000)));
    let expected = FlagError::BackoffOutlastsPeriod { delays: ms(7000), period: ms(5000) };
    assert_eq!(refuse(slow), expected.into());
    let jitter = Backoff { jitter: 1.5, ..Backoff::exponential(ms(1), ms(1)) };
    assert_eq!(refuse(Flags::one_for_one().backoff(jitter)), FlagError::InvalidJitter.into());
    for strategy in [Strategy::OneForAll, Strategy::RestForOne] {
        assert_eq!(refuse(Flags { strategy, ..simple(1) }), FlagError::AnonymousStrategy.into());
    }
    let one_by_one = Flags { stop_order: StopOrder::NewestFirst, ..simple(1) };
    assert_eq!(refuse(one_by_one), FlagError::AnonymousStrategy.into());
    for flags in [Flags::one_for_one(), Flags::one_for_all(), Flags::rest_for_one(), Flags::dynamic()] {
        World::boot(flags.intensity(0, ms(1)), vec![]).end();
    }
}

/// Children are listed newest first, without a process after they were terminated, and not any more after they were
/// deleted; asked about one of them the answer is the same, and that it is not found about others.
#[test]
fn which_children() {
    let mut world = World::boot(flags(Strategy::OneForOne, 2), vec![worker("a"), worker("b")]);
    up(world.add(worker("c")));
    let agree = |world: &mut World, expected: &str| {
        assert_eq!(world.which(), expected);
        for name in ["a", "b", "c", "d"] {
            let listed = expected.split(' ').find(|entry| entry.starts_with(name));
            let one = world.which_one(Key::id(name));
            assert_eq!(one.as_deref().ok(), listed);
            assert!(listed.is_some() || one == Err(SupervisorError::NotFound));
        }
    };
    agree(&mut world, "c:running b:running a:running");
    world.terminate("b");
    agree(&mut world, "c:running b:stopped a:running");
    world.delete("b");
    agree(&mut world, "c:running a:running");
    world.crash("a");
    agree(&mut world, "c:running a:running");
    let life = world.life("a");
    assert_eq!(world.which_one(life), Err(SupervisorError::NotFound), "a name is what counts here");
    world.end();
}

/// Under simple_one_for_one children are listed newest first and found by their handles alone: a name is refused, and
/// the handle of a life that is over, or of somebody else, finds nothing.
#[test]
fn which_children_simple_one_for_one() {
    let mut world = World::boot(simple(2), vec![]);
    for name in ["a", "b", "c"] {
        up(world.add(worker(name)));
    }
    assert_eq!(world.which(), "c:running b:running a:running");
    assert_eq!(world.which_one(Key::id("a")), Err(SupervisorError::SimpleOneForOne));
    let (a, b) = (world.life("a"), world.life("b"));
    assert_eq!(world.which_one(b.clone()).as_deref(), Ok("b:running"));
    assert_eq!(world.call(Request::Terminate(b.clone())), Some(Ok(Answer::Terminated)));
    assert_eq!(world.which(), "c:running a:running", "gone with its specification");
    assert_eq!(world.which_one(b), Err(SupervisorError::NotFound));
    world.crash("a");
    assert_eq!(world.which_one(a), Err(SupervisorError::NotFound), "that life is over");
    let again = world.life("a");
    assert_eq!(world.which_one(again).as_deref(), Ok("a:running"));
    for alive in [true, false] {
        assert_eq!(world.which_one(Target::Stranger { alive }), Err(SupervisorError::NotFound));
    }
    world.end();
}

/// A thousand temporary children are counted, then two thousand, as are listed; when all were killed there are none.
#[test]
fn count_children() {
    let mut world = World::boot(simple(2), vec![]);
    for thousand in 0..2 {
        for n in 0..1000 {
            up(world.add(with(&format!("{thousand}-{n}"), Restart::Temporary)));
        }
        let expected = 1000 * (thousand + 1);
        assert_eq!(world.counts(), counted(expected, expected));
        assert_eq!(world.which().split(' ').count(), expected);
    }
    for name in world.live.keys().cloned().collect::<Vec<_>>() {
        world.exit(&name, ExitReason::Killed);
    }
    assert_eq!(world.counts(), counted(0, 0));
    world.end();
}

/// A child counts among the supervisors when its specification says that it is one, with or without a process, also when there
/// are two thousand of them.
#[test]
fn count_children_supervisor() {
    let children = vec![spec("s", Policy::SUPERVISOR), worker("w"), spec("t", Policy::SUPERVISOR)];
    let mut world = World::boot(flags(Strategy::OneForOne, 2), children);
    assert_eq!(world.counts(), Counts { specs: 3, active: 3, supervisors: 2, workers: 1 });
    world.terminate("s");
    assert_eq!(world.counts(), Counts { specs: 3, active: 2, supervisors: 2, workers: 1 });
    world.end();

    let mut many = World::boot(simple(2), vec![]);
    for count in 1..=2000 {
        let policy = Policy { restart: Restart::Temporary, ..Policy::SUPERVISOR };
        up(many.add(spec(&count.to_string(), policy)));
        if count % 1000 == 0 {
            assert_eq!(many.counts(), Counts { specs: count, active: count, supervisors: count, workers: 0 });
            assert_eq!(many.which().split(' ').count(), count);
        }
    }
    many.end();
}

/// Children whose restart does not succeed are counted as specifications and workers and not as active, and as active again
/// when it does.
#[test]
fn count_restarting_children() {
    let mut world = World::boot(with_delays(simple(8)), vec![]);
    for name in ["a", "b", "c"] {
        up(world.add(worker(name)));
        world.next_starts(name, &[Outcome::Fails]);
    }
    assert_eq!(world.counts(), counted(3, 3));
    for (down, name) in ["a", "b", "c"].into_iter().enumerate() {
        world.crash(name);
        assert_eq!(world.counts(), counted(3, 2 - down));
    }
    world.pass(ms(100));
    assert_eq!(world.which(), "c:restarting b:restarting a:restarting");
    assert_eq!(world.counts(), counted(3, 0));
    world.pass(ms(200));
    assert_eq!(world.which(), "c:running b:running a:running");
    assert_eq!(world.counts(), counted(3, 3));
    world.end();
}
