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
    let first = pool.take(run(1), ORDINARY, &[wish("a")]);
    assert!(pool.take(run(2), ORDINARY, &[wish("a")]).is_empty());
    assert!(pool.take(run(3), ORDINARY, &[wish("a")]).is_empty());
    drop(first);
    assert_eq!(*called.lock().unwrap(), [run(2)]);
    assert!(pool.take(run(4), ORDINARY, &[wish("a")]).is_empty());
    assert_eq!(pool.take(run(2), ORDINARY, &[wish("a")]).len(), 1);
    // The guard above was dropped at once: the next in line is called.
    assert_eq!(*called.lock().unwrap(), [run(2), run(3)]);
}

#[test]
fn who_waits_for_a_busy_agent_does_not_hold_up_the_others() {
    let (pool, called) = pool(2);
    let busy = pool.take(run(1), ORDINARY, &[one_of("a")]);
    assert!(pool.take(run(2), ORDINARY, &[one_of("a")]).is_empty());
    let other = pool.take(run(3), ORDINARY, &[wish("b")]);
    assert_eq!(other.len(), 1);
    drop(other);
    assert!(called.lock().unwrap().is_empty());
    drop(busy);
    assert_eq!(*called.lock().unwrap(), [run(2)]);
}

#[test]
fn an_agent_that_was_wished_for_and_got_nothing_is_not_called() {
    let (pool, _) = pool(2);
    let _busy = pool.take(run(1), ORDINARY, &[one_of("a")]);
    let wishes = [one_of("a"), wish("b")];
    let guards = pool.take(run(2), ORDINARY, &wishes);
    let (a, b) = (name("a"), name("b"));
    let of_agent = BTreeMap::from([(a.clone(), 0)]);
    assert_eq!(granted([&a], &guards, true), Slots::Granted { of_agent, others: true });
    let of_agent = BTreeMap::from([(a.clone(), 0), (b, 1)]);
    assert_eq!(granted([&a], &guards, false), Slots::Granted { of_agent, others: false });
}

#[test]
fn what_is_kept_for_one_who_no_longer_wants_it_goes_to_the_next() {
    let (pool, called) = pool(1);
    let first = pool.take(run(1), ORDINARY, &[wish("a")]);
    assert!(pool.take(run(2), ORDINARY, &[wish("a")]).is_empty());
    assert!(pool.take(run(3), ORDINARY, &[wish("b")]).is_empty());
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
    let _a = pool.take(run(1), ORDINARY, &[one_of("a")]);
    let b = pool.take(run(1), ORDINARY, &[one_of("b")]);
    let either = Wish { or: vec![(name("b"), Some(1))], ..one_of("a") };
    assert!(pool.take(run(2), ORDINARY, std::slice::from_ref(&either)).is_empty());
    drop(b);
    assert_eq!(*called.lock().unwrap(), [run(2)]);
    let (a, b) = (name("a"), name("b"));
    let busy = |under_way| Standing { under_way, ..Standing::default() };
    let seen = |of: u128| pool.workload(run(of), &[], [&a, &b].into_iter());
    assert_eq!(seen(2), [(a.clone(), busy(1)), (b.clone(), busy(0))].into_iter().collect());
    assert_eq!(seen(3), [(a.clone(), busy(1)), (b.clone(), busy(1))].into_iter().collect());
    assert_eq!(pool.take(run(2), ORDINARY, &[one_of("b")]).len(), 1);
    // Who finds the other one free does not wait for anybody's end.
    assert!(pool.take(run(4), ORDINARY, &[either]).is_empty());
    assert_eq!(*called.lock().unwrap(), [run(2), run(4)]);
}

#[test]
fn what_is_kept_and_no_longer_wanted_is_changed_for_what_is() {
    let (pool, _) = pool(1);
    let first = pool.take(run(1), ORDINARY, &[wish("a")]);
    assert!(pool.take(run(2), ORDINARY, &[wish("a")]).is_empty());
    drop(first);
    assert_eq!(pool.take(run(2), ORDINARY, &[wish("b")]).len(), 1);
}

#[test]
fn how_attempts_ended_is_remembered_of_so_many_agents() {
    let (pool, _) = pool(1);
    let attempt = |agent: &str, end: &dyn Fn(&mut SlotGuard)| {
        let mut guards = pool.take(run(1), ORDINARY, &[wish(agent)]);
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
    let mut guards = pool.take(run(1), ORDINARY, &[wish("a"), wish("a"), wish("a"), wish("a")]);
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
