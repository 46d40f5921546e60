//! Laws that hold whatever happens in whatever order.

use proptest::prelude::{Just, ProptestConfig, any, prop, prop_assert, prop_assert_eq, prop_oneof, proptest};
use proptest::strategy::Strategy as Strategy1;

use super::*;

const NAMES: [&str; 6] = ["a", "b", "c", "d", "e", "f"];

#[derive(Clone, Debug)]
enum Step {
    Exit(usize, ExitReason),
    /// Two children end before the supervisor hears of either.
    Together(usize, usize),
    Add(usize, Restart),
    Terminate(usize),
    /// By the handle of the present life, of an earlier one, or of a stranger's.
    TerminateLife(usize, u32),
    Restart(usize),
    Delete(usize),
    NextStarts(usize, Vec<Outcome>),
    Stubborn(usize, bool),
    Pass(u64),
    /// A start that hung reports at last.
    Wake(usize, bool),
    /// The thread of these is lost.
    Lose(Vec<usize>),
    /// It has work and gets nowhere, or gets on again.
    Hang(usize, bool),
    /// It does not even die, or would again.
    Stuck(usize, bool),
}

/// As `with`, and it owes a sign of life.
fn owing(name: &str, restart: Restart) -> Spec<Name> {
    spec(name, Policy { restart, heartbeat_ms: std::num::NonZeroU32::new(400), ..Policy::WORKER })
}

fn reason() -> impl Strategy1<Value = ExitReason> {
    prop_oneof![
        Just(ExitReason::Normal),
        Just(ExitReason::SHUTDOWN),
        Just(ExitReason::failed("crash")),
        Just(ExitReason::Killed),
        Just(ExitReason::ArbiterLost),
    ]
}

fn restart() -> impl Strategy1<Value = Restart> {
    prop_oneof![Just(Restart::Permanent), Just(Restart::Transient), Just(Restart::Temporary)]
}

fn outcome() -> impl Strategy1<Value = Outcome> {
    prop_oneof![4 => Just(Outcome::Up), 2 => Just(Outcome::Fails), 1 => Just(Outcome::Ignores), 1 => Just(Outcome::Hangs)]
}

fn step() -> impl Strategy1<Value = Step> {
    let child = || 0..NAMES.len();
    prop_oneof![
        4 => (child(), reason()).prop_map(|(n, reason)| Step::Exit(n, reason)),
        1 => (child(), child()).prop_map(|(n, m)| Step::Together(n, m)),
        2 => (child(), restart()).prop_map(|(n, restart)| Step::Add(n, restart)),
        1 => child().prop_map(Step::Terminate),
        1 => (child(), 0..3u32).prop_map(|(n, earlier)| Step::TerminateLife(n, earlier)),
        1 => child().prop_map(Step::Restart),
        1 => child().prop_map(Step::Delete),
        2 => (child(), prop::collection::vec(outcome(), 1..4)).prop_map(|(n, o)| Step::NextStarts(n, o)),
        1 => (child(), any::<bool>()).prop_map(|(n, on)| Step::Stubborn(n, on)),
        3 => (0u64..3000).prop_map(Step::Pass),
        2 => (child(), any::<bool>()).prop_map(|(n, up)| Step::Wake(n, up)),
        1 => prop::collection::vec(child(), 1..4).prop_map(Step::Lose),
        1 => (child(), any::<bool>()).prop_map(|(n, on)| Step::Hang(n, on)),
        1 => (child(), any::<bool>()).prop_map(|(n, on)| Step::Stuck(n, on)),
    ]
}

fn flags() -> impl Strategy1<Value = Flags> {
    let strategy = prop_oneof![
        Just(super::Strategy::OneForOne),
        Just(super::Strategy::OneForAll),
        Just(super::Strategy::RestForOne)
    ];
    let order = prop_oneof![Just(StopOrder::NewestFirst), Just(StopOrder::Parallel)];
    (strategy, order, 0u32..4, 500u64..4000, any::<bool>(), any::<bool>()).prop_map(
        |(strategy, order, max_restarts, period, backoff, anonymous)| {
            let backoff = if backoff { Backoff::exponential(ms(50), ms(100)) } else { Backoff::OFF };
            let mut flags = Flags { strategy, stop_order: order, ..Flags::default() };
            flags.anonymous = anonymous && flags.is_dynamic() && strategy == super::Strategy::OneForOne;
            flags.intensity(max_restarts, ms(period)).backoff(backoff)
        },
    )
}

fn perform(world: &mut World, step: Step) {
    match step {
        Step::Exit(n, reason) => {
            if world.live.contains_key(NAMES[n]) {
                world.exit(NAMES[n], reason);
            }
        }
        Step::Together(n, m) => {
            for n in [n, m] {
                if world.live.contains_key(NAMES[n]) {
                    world.die(NAMES[n], crash());
                }
            }
            world.settle();
        }
        Step::Add(n, restart) => drop(world.add(owing(NAMES[n], restart))),
        Step::Terminate(n) => drop(world.terminate(NAMES[n])),
        Step::TerminateLife(n, earlier) => {
            let target = match world.live.get(NAMES[n]) {
                Some((child, incarnation)) => Target::Child(*child, incarnation.saturating_sub(earlier)),
                None => Target::Stranger { alive: earlier == 0 },
            };
            drop(world.call(Request::Terminate(target)));
        }
        Step::Restart(n) => drop(world.restart(NAMES[n])),
        Step::Delete(n) => drop(world.delete(NAMES[n])),
        Step::NextStarts(n, outcomes) => world.next_starts(NAMES[n], &outcomes),
        Step::Stubborn(n, true) => drop(world.stubborn.insert(NAMES[n].into())),
        Step::Stubborn(n, false) => drop(world.stubborn.remove(NAMES[n])),
        Step::Pass(time) => world.pass(ms(time)),
        Step::Lose(lost) => {
            let living = lost.into_iter().filter_map(|n| world.live.get(NAMES[n]).copied()).collect();
            world.hear(Event::Lost(living));
            world.settle();
        }
        Step::Hang(n, true) => {
            world.pulses.insert(NAMES[n].into(), Pulse { working: true, progress: 1 });
        }
        Step::Hang(n, false) => {
            world.pulses.remove(NAMES[n]);
        }
        Step::Stuck(n, true) => drop(world.stuck.insert(NAMES[n].into())),
        Step::Stuck(n, false) => drop(world.stuck.remove(NAMES[n])),
        Step::Wake(n, up) => {
            let Some(&(child, incarnation)) = world.live.get(NAMES[n]) else { return };
            // For a child that is already up, or is being stopped, this is a stray report: it must change nothing.
            let starting = world.which().contains(&format!("{}:starting", NAMES[n]));
            if up || !starting {
                world.hear(Event::Started { child, incarnation });
            } else {
                world.live.remove(NAMES[n]);
                world.dead.insert((child, incarnation));
                world.hear(Event::StartFailed { child, incarnation, reason: crash() });
            }
            world.settle();
        }
    }
}

/// Everything that is alive is listed as alive, and the other way round; and counted. A bystander's end that waits for the
/// end of a group's restart is the exception.
fn check_accounts(world: &mut World) {
    let waits = |world: &World, name: &str| {
        world
            .core
            .deferred
            .iter()
            .any(|event| matches!(event, Event::Exited { child, .. } if world.name(*child) == name))
    };
    let listed = world.which();
    let mut waiting = 0;
    for name in NAMES {
        let state = listed.split(' ').find_map(|entry| entry.strip_prefix(&format!("{name}:")));
        let has_process = matches!(state, Some("starting" | "running" | "stopping"));
        if waits(world, name) {
            waiting += 1;
            continue;
        }
        assert_eq!(
            has_process,
            world.live.contains_key(name),
            "{name} in [{listed}], alive: {:?}",
            world.live
        );
    }
    if world.core.flags().anonymous {
        assert!(!listed.contains(":stopped"), "nothing is kept without a process: {listed}");
    }
    let counts = world.counts();
    assert_eq!(counts.active, world.live.len() + waiting);
    assert_eq!(counts.specs, listed.split_whitespace().count());
}

fn check_window(restarts: &[Duration], intensity: Intensity) {
    for (index, start) in restarts.iter().enumerate() {
        let within = restarts[index..].iter().take_while(|at| **at <= *start + intensity.period).count();
        assert!(within <= intensity.max_restarts as usize, "{within} restarts in a window: {restarts:?}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(512) })]

    /// Never two live incarnations of one name, no stop of the dead, no answer twice (all asserted by the world), every
    /// specification accounted for, every call answered, and nothing left in the end.
    #[test]
    fn whatever_happens_every_child_is_accounted_for(
        flags in flags(),
        first in prop::collection::vec(restart(), 0..5),
        steps in prop::collection::vec(step(), 0..60),
    ) {
        let one_for_one = flags.strategy == super::Strategy::OneForOne;
        let intensity = flags.intensity;
        let anonymous = flags.anonymous;
        let mut specs: Vec<_> = first.iter().enumerate().map(|(n, restart)| owing(NAMES[n], *restart)).collect();
        let added = specs.split_off(if anonymous { 0 } else { specs.len() });
        let mut world = World::boot(flags, specs);
        for spec in added {
            world.add(spec);
        }
        for step in steps {
            perform(&mut world, step);
            if world.exit.is_some() {
                break;
            }
            check_accounts(&mut world);
        }
        if one_for_one {
            check_window(&world.restarts, intensity);
        }
        world.shutdown();
        world.pass(Duration::from_secs(3600));
        prop_assert!(world.exit.is_some(), "it ends when it is asked");
        prop_assert!(world.live.is_empty(), "nothing is left alive");
        let asked = (1..=world.next_call).filter(|call| !world.answers.contains_key(call)).count();
        prop_assert_eq!(asked, 0, "every call is answered");
    }

    /// At most `max_restarts` restarts in any window, also of groups: there, one counts however many come back.
    #[test]
    fn no_window_ever_holds_more_restarts_than_allowed(
        strategy in prop_oneof![Just(super::Strategy::OneForAll), Just(super::Strategy::RestForOne)],
        crashes in prop::collection::vec((0..3usize, 0u64..900), 0..40),
    ) {
        let intensity = Intensity { max_restarts: 3, period: ms(1000) };
        let specs = NAMES[..3].iter().map(|name| worker(name)).collect();
        let mut world = World::boot(Flags { strategy, intensity, ..Flags::default() }, specs);
        let mut restarts = Vec::new();
        for (n, pause) in crashes {
            world.pass(ms(pause));
            world.crash(NAMES[n]);
            if world.exit.is_some() {
                break;
            }
            restarts.push(world.now);
            prop_assert_eq!(world.live.len(), 3);
        }
        check_window(&restarts, intensity);
    }

    /// The order of stops is the reverse of the order of specifications, each stopped before the next is asked.
    #[test]
    fn stops_come_in_the_reverse_order_of_starts(
        count in 1..6usize,
        stubborn in prop::collection::vec(any::<bool>(), 6),
        crashed in 0..6usize,
    ) {
        let specs = NAMES[..count].iter().map(|name| worker(name)).collect();
        let mut world = World::boot(Flags::one_for_one(), specs);
        if crashed < count {
            world.crash(NAMES[crashed]);
        }
        world.stubborn.extend((0..count).filter(|n| stubborn[*n]).map(|n| NAMES[n].into()));
        world.done();
        world.shutdown();
        world.pass(ms(60_000));
        let expected: Vec<String> = (0..count)
            .rev()
            .map(|n| match stubborn[n] {
                true => format!("-{0} !{0} ~{0}", NAMES[n]),
                false => format!("-{0} ~{0}", NAMES[n]),
            })
            .collect();
        prop_assert_eq!(world.done(), expected.join(" "));
    }
}
