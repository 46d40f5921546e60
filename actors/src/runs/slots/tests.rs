//! Who gets a slot, who is called, and what is remembered of how attempts ended.

use super::*;
use uuid::Uuid;

const ORDINARY: Priority = Priority::ORDINARY;

fn run(n: u128) -> RunId {
    RunId(Uuid::from_u128(n))
}

fn name(text: &str) -> Name {
    Name::new(text).unwrap()
}

fn wish(agent: &str) -> Wish {
    Wish { agent: (name(agent), None), or: Vec::new() }
}

fn one_of(agent: &str) -> Wish {
    Wish { agent: (name(agent), Some(1)), or: Vec::new() }
}

fn pool(total: u32) -> (SlotPool, Arc<Mutex<Vec<RunId>>>) {
    let called: Arc<Mutex<Vec<RunId>>> = Arc::default();
    let log = called.clone();
    (SlotPool::new(total, move |run| log.lock().unwrap().push(run)), called)
}

#[test]
fn a_freed_slot_is_kept_for_the_first_in_line_and_newcomers_do_not_pass() {
    let (pool, called) = pool(1);
    let first = pool.take(run(1), ORDINARY, &[wish("a")], None);
    assert!(pool.take(run(2), ORDINARY, &[wish("a")], None).is_empty());
    assert!(pool.take(run(3), ORDINARY, &[wish("a")], None).is_empty());
    drop(first);
    assert_eq!(*called.lock().unwrap(), [run(2)]);
    assert!(pool.take(run(4), ORDINARY, &[wish("a")], None).is_empty());
    assert_eq!(pool.take(run(2), ORDINARY, &[wish("a")], None).len(), 1);
    // The guard above was dropped at once: the next in line is called.
    assert_eq!(*called.lock().unwrap(), [run(2), run(3)]);
}

#[test]
fn who_waits_for_a_busy_agent_does_not_hold_up_the_others() {
    let (pool, called) = pool(2);
    let busy = pool.take(run(1), ORDINARY, &[one_of("a")], None);
    assert!(pool.take(run(2), ORDINARY, &[one_of("a")], None).is_empty());
    let other = pool.take(run(3), ORDINARY, &[wish("b")], None);
    assert_eq!(other.len(), 1);
    drop(other);
    assert!(called.lock().unwrap().is_empty());
    drop(busy);
    assert_eq!(*called.lock().unwrap(), [run(2)]);
}

#[test]
fn an_agent_that_was_wished_for_and_got_nothing_is_not_called() {
    let (pool, _) = pool(2);
    let _busy = pool.take(run(1), ORDINARY, &[one_of("a")], None);
    let wishes = [one_of("a"), wish("b")];
    let guards = pool.take(run(2), ORDINARY, &wishes, None);
    let (a, b) = (name("a"), name("b"));
    let of_agent = BTreeMap::from([(a.clone(), 0)]);
    assert_eq!(granted([&a], &guards, true), Slots::Granted { of_agent, others: true });
    let of_agent = BTreeMap::from([(a.clone(), 0), (b, 1)]);
    assert_eq!(granted([&a], &guards, false), Slots::Granted { of_agent, others: false });
}

#[test]
fn what_is_kept_for_one_who_no_longer_wants_it_goes_to_the_next() {
    let (pool, called) = pool(1);
    let first = pool.take(run(1), ORDINARY, &[wish("a")], None);
    assert!(pool.take(run(2), ORDINARY, &[wish("a")], None).is_empty());
    assert!(pool.take(run(3), ORDINARY, &[wish("b")], None).is_empty());
    drop(first);
    pool.leave(run(2));
    assert_eq!(*called.lock().unwrap(), [run(2), run(3)]);
    assert_eq!(pool.usage(), SlotUse { total: 1, used: 1, waiting: 1 });
    pool.leave(run(3));
    assert_eq!(pool.usage(), SlotUse { total: 1, used: 0, waiting: 0 });
}

#[test]
fn who_waits_for_one_of_several_is_called_by_the_first_that_is_free_and_finds_it_free() {
    let (pool, called) = pool(4);
    let _a = pool.take(run(1), ORDINARY, &[one_of("a")], None);
    let b = pool.take(run(1), ORDINARY, &[one_of("b")], None);
    let either = Wish { or: vec![(name("b"), Some(1))], ..one_of("a") };
    assert!(pool.take(run(2), ORDINARY, std::slice::from_ref(&either), None).is_empty());
    drop(b);
    assert_eq!(*called.lock().unwrap(), [run(2)]);
    let (a, b) = (name("a"), name("b"));
    let busy = |under_way| Standing { under_way, ..Standing::default() };
    let seen = |of: u128| pool.workload(run(of), &[], [&a, &b].into_iter());
    assert_eq!(seen(2), [(a.clone(), busy(1)), (b.clone(), busy(0))].into_iter().collect());
    assert_eq!(seen(3), [(a.clone(), busy(1)), (b.clone(), busy(1))].into_iter().collect());
    assert_eq!(pool.take(run(2), ORDINARY, &[one_of("b")], None).len(), 1);
    // Who finds the other one free does not wait for anybody's end.
    assert!(pool.take(run(4), ORDINARY, &[either], None).is_empty());
    assert_eq!(*called.lock().unwrap(), [run(2), run(4)]);
}

#[test]
fn what_is_kept_and_no_longer_wanted_is_changed_for_what_is() {
    let (pool, _) = pool(1);
    let first = pool.take(run(1), ORDINARY, &[wish("a")], None);
    assert!(pool.take(run(2), ORDINARY, &[wish("a")], None).is_empty());
    drop(first);
    assert_eq!(pool.take(run(2), ORDINARY, &[wish("b")], None).len(), 1);
}

#[test]
fn how_attempts_ended_is_remembered_of_so_many_agents() {
    let (pool, _) = pool(1);
    let attempt = |agent: &str, end: &dyn Fn(&mut SlotGuard)| {
        let mut guards = pool.take(run(1), ORDINARY, &[wish(agent)], None);
        end(&mut guards[0]);
    };
    let took = Duration::from_secs(1);
    attempt("a", &|guard| guard.ended = Some(Ended::Well(took)));
    attempt("a", &|guard| guard.ended = Some(Ended::Badly(took)));
    attempt("a", &SlotGuard::stopped);
    attempt("a", &|_| {});
    let mut scorecard = Scorecard::default();
    scorecard.add(true, took);
    scorecard.add(false, took);
    let a = name("a");
    let known = || pool.workload(run(1), &[], std::iter::once(&a));
    let workload = |scorecard| [(a.clone(), Standing { under_way: 0, scorecard })].into_iter().collect();
    assert_eq!(known(), workload(scorecard));
    (0..AGENTS_KEPT).for_each(|n| attempt(&format!("agent-{n}"), &|guard| guard.end(true)));
    assert_eq!(known(), workload(Scorecard::default()));
    assert_eq!(pool.shared.lock().scorecards.len(), AGENTS_KEPT);
}

#[test]
fn calls_count_as_in_flight_while_they_are_made_and_then_by_how_they_ended() {
    let pool = SlotPool::new(8, |_| {});
    let agent = name("a");
    let mut guards = pool.take(run(1), ORDINARY, &[wish("a"), wish("a"), wish("a"), wish("a")], None);
    let counts = || {
        let of = pool.statistics(&agent);
        (of.in_flight, of.calls.finished(), of.calls.failed())
    };
    assert_eq!(counts(), (0, 0, 0), "a slot is no call yet");
    guards.iter_mut().for_each(SlotGuard::begin);
    assert_eq!(counts(), (4, 0, 0));
    for (mut guard, end) in guards.drain(..).zip(["well", "badly", "stopped", "crashed"]) {
        match end {
            "well" => guard.end(true),
            "badly" => guard.end(false),
            "stopped" => guard.stopped(),
            _ => {}
        }
    }
    assert_eq!(counts(), (0, 3, 2), "who crashed has failed, and who was stopped says nothing");
    assert_eq!(pool.statistics(&name("b")).calls.finished(), 0);
}

#[test]
fn a_run_goes_on_in_its_slot_before_others_that_wait_and_not_before_more_urgent_ones() {
    let (pool, called) = pool(1);
    let mut own = pool.take(run(1), ORDINARY, &[wish("a")], None);
    assert!(pool.take(run(2), ORDINARY, &[wish("a")], None).is_empty());
    // With the next step, of the same agent and of another one.
    for agent in ["a", "b"] {
        own[0].begin();
        own[0].end(true);
        own = pool.take(run(1), ORDINARY, &[wish(agent)], own.pop());
        assert_eq!(own.len(), 1);
    }
    assert!(called.lock().unwrap().is_empty());
    assert_eq!(pool.usage(), SlotUse { total: 1, used: 1, waiting: 1 });
    let urgent = Priority::try_from(1).unwrap();
    assert!(pool.take(run(3), urgent, &[wish("a")], None).is_empty());
    assert!(pool.take(run(1), ORDINARY, &[wish("a")], own.pop()).is_empty());
    assert_eq!(*called.lock().unwrap(), [run(3)]);
}

#[test]
fn a_run_that_has_had_its_slot_for_long_goes_behind_whoever_waits() {
    let (pool, called) = pool(1);
    let mut own = pool.take(run(1), ORDINARY, &[wish("a")], None);
    own[0].given = own[0].given.checked_sub(HELD_ON_FOR).unwrap();
    // Nobody waits.
    own = pool.take(run(1), ORDINARY, &[wish("a")], own.pop());
    assert_eq!(own.len(), 1);
    assert!(pool.take(run(2), ORDINARY, &[wish("a")], None).is_empty());
    own[0].given = own[0].given.checked_sub(HELD_ON_FOR).unwrap();
    assert!(pool.take(run(1), ORDINARY, &[wish("a")], own.pop()).is_empty());
    assert_eq!(*called.lock().unwrap(), [run(2)]);
}

#[test]
fn whoever_waits_for_an_agent_that_is_busy_anyway_keeps_nobody_from_going_on() {
    let (pool, called) = pool(3);
    let _busy = pool.take(run(1), ORDINARY, &[one_of("a")], None);
    let mut own = pool.take(run(2), ORDINARY, &[wish("b")], None);
    let urgent = Priority::try_from(1).unwrap();
    assert!(pool.take(run(3), urgent, &[one_of("a")], None).is_empty());
    own = pool.take(run(2), ORDINARY, &[wish("c")], own.pop());
    assert_eq!(own.len(), 1);
    assert!(called.lock().unwrap().is_empty());
    assert_eq!(pool.usage().used, 2);
}

#[test]
fn an_attempt_whose_slot_goes_on_counts_once_and_is_remembered() {
    let (pool, _) = pool(2);
    let mut own = pool.take(run(1), ORDINARY, &[wish("a")], None);
    own[0].begin();
    own[0].end(true);
    own = pool.take(run(1), ORDINARY, &[wish("a")], own.pop());
    let statistics = pool.statistics(&name("a"));
    assert_eq!((statistics.in_flight, statistics.calls.finished()), (0, 1));
    drop(own);
    assert_eq!(pool.usage(), SlotUse { total: 2, used: 0, waiting: 0 });
    assert_eq!(pool.statistics(&name("a")).calls.finished(), 1);
}
