//! Whom a step asks when several agents offer what it needs.

use proptest::prelude::*;

use super::*;
use crate::event::StepStarted;

fn started(bench: &Bench) -> Vec<StepStarted> {
    let events = bench.journal.iter().filter_map(|(event, _)| match event {
        Event::StepStarted(started) => Some(started.clone()),
        _ => None,
    });
    events.collect()
}

/// What is under way, and of what ended how much succeeded and how long each took.
fn standing(under_way: u32, succeeded: u32, failed: u32, took: Duration) -> Standing {
    let mut scorecard = Scorecard::default();
    (0..succeeded).for_each(|_| scorecard.add(true, took));
    (0..failed).for_each(|_| scorecard.add(false, took));
    Standing { under_way, scorecard }
}

fn offers(agent: &str, concurrency: Option<u32>, enabled: bool) -> AgentEntry {
    AgentEntry {
        concurrency,
        enabled,
        capabilities: BTreeSet::from([name("digs")]),
        ..entry(agent, EffectClass::Read)
    }
}

fn chosen(agents: Vec<AgentEntry>, workload: Vec<(&str, Standing)>) -> String {
    let directory = AgentDirectory::new(agents);
    let workload = workload.into_iter().map(|(agent, standing)| (name(agent), standing)).collect();
    let target = crate::workflow::Target::Capability(name("digs"));
    directory
        .resolve(&target, &workload, None)
        .map_or_else(|failure| failure.code, |entry| entry.name.to_string())
}

/// Shows S4-T4d.
#[test]
fn the_least_busy_is_chosen_then_the_better_scorecard_then_the_first_by_name() {
    let second = Duration::from_secs(1);
    let free = |agent| offers(agent, None, true);
    let three = || vec![free("a"), free("b"), free("c")];
    let even = |under_way| standing(under_way, 0, 0, second);
    assert_eq!(chosen(three(), vec![]), "a");
    assert_eq!(chosen(three(), vec![("a", even(2)), ("b", even(1)), ("c", even(1))]), "b");
    let cards = vec![
        ("a", standing(1, 1, 1, second)),
        ("b", standing(1, 3, 1, second)),
        ("c", standing(1, 1, 1, second)),
    ];
    assert_eq!(chosen(three(), cards), "b", "the larger share of successes");
    let cards = vec![
        ("a", standing(1, 3, 0, 3 * second)),
        ("b", standing(1, 1, 0, 2 * second)),
        ("c", standing(2, 9, 0, second)),
    ];
    assert_eq!(chosen(three(), cards), "b", "the shorter mean time, but not of who has more to do");
    let sized = || vec![offers("a", Some(2), true), offers("b", Some(10), true)];
    assert_eq!(chosen(sized(), vec![("a", even(1)), ("b", even(4))]), "b", "4 of 10 is less than 1 of 2");
    assert_eq!(chosen(sized(), vec![("a", even(2)), ("b", even(9))]), "b", "who has no room stands back");
    assert_eq!(
        chosen(sized(), vec![("a", even(3)), ("b", even(10))]),
        "b",
        "of those without room the less overrun"
    );
    let mixed = vec![offers("a", Some(9), true), free("b")];
    assert_eq!(
        chosen(mixed, vec![("a", even(2)), ("b", even(1))]),
        "b",
        "where one has no limit numbers alone count"
    );
    assert_eq!(chosen(vec![offers("a", None, false)], vec![]), "capability_unknown");
}

/// Shows S4-T4h.
#[test]
fn what_one_decision_chooses_counts_for_its_next_choice_and_a_retry_chooses_anew() {
    let yaml = "
ghostlight: 1
name: many
nodes:
  all: { type: map, over: $input.items, node: { type: agent_call, capability: anything, retry: { max_attempts: 2 } } }
";
    let mut bench = Bench::start(yaml, json!({ "items": [] }));
    bench.agents = Arc::new(AgentDirectory::new([
        entry("ann", EffectClass::Read),
        entry("bob", EffectClass::Read),
        entry("cid", EffectClass::Idempotent),
    ]));
    let again = |mut bench: Bench, items: Value| {
        let create = CreateRun {
            parent: None,
            version: 1,
            document: None,
            input: json!({ "items": items }),
            context: Map::new(),
            labels: BTreeMap::new(),
            key: None,
            priority: None,
            makespan_ms: 0,
        };
        let (agents, workflow) = (bench.agents.clone(), bench.run.workflow.clone());
        bench.run = Run::new(bench.run.id, workflow.clone());
        bench.journal.clear();
        let events = super::super::create(bench.run.id, &workflow, create, bench.context(&agents)).unwrap();
        bench.append(events);
        bench
    };
    let mut bench = again(bench, json!([1, 2, 3, 4, 5, 6]));
    let agents: Vec<String> = started(&bench).iter().map(|started| started.agent.to_string()).collect();
    assert_eq!(agents, ["ann", "bob", "cid", "ann", "bob", "cid"]);
    bench.workload = [(name("ann"), standing(5, 0, 0, Duration::ZERO))].into_iter().collect();
    bench.fails("all.0@1", ErrorClass::Transient, Happened::No);
    bench.pass(Duration::from_secs(60));
    assert_eq!(started(&bench).last().map(|last| last.agent.to_string()), Some("bob".to_owned()));
    bench.workload = [(name("cid"), standing(5, 0, 0, Duration::ZERO))].into_iter().collect();
    bench.fails("all.2@1", ErrorClass::Transient, Happened::Unknown);
    bench.pass(Duration::from_secs(60));
    let last = started(&bench).pop().unwrap();
    assert_eq!(
        (last.step.to_string(), last.agent.to_string()),
        ("all.2".to_owned(), "cid".to_owned()),
        "only it knows the key"
    );
}

/// Decisions that are made twice, first as if there were enough slots, come to the same choices.
#[test]
fn a_choice_without_a_slot_is_the_same_choice() {
    let yaml = "
ghostlight: 1
name: two
nodes:
  one: { type: agent_call, capability: anything }
  two: { type: agent_call, capability: anything }
";
    let create = |slots| started(&Bench::start_with(workflow(yaml), empty(), slots));
    let free: Vec<_> = create(Slots::Unlimited).into_iter().map(|it| (it.step, it.agent)).collect();
    let of_agent = free.iter().map(|(_, agent)| (agent.clone(), 0)).chain([(free[1].1.clone(), 1)]).collect();
    let tight: Vec<_> = create(Slots::Granted { of_agent, others: false })
        .into_iter()
        .map(|it| (it.step, it.agent))
        .collect();
    assert_eq!(tight, free[1..]);
}

fn crew() -> impl Strategy<Value = Vec<(AgentEntry, Standing)>> {
    let one = (
        any::<bool>(),
        any::<bool>(),
        proptest::option::of(1_u32..5),
        0_u32..6,
        0_u32..4,
        0_u32..4,
        0_u64..3,
    );
    proptest::collection::vec(one, 1..7).prop_map(|crew| {
        let made =
            crew.into_iter().enumerate().map(|(n, (enabled, capable, limit, busy, won, lost, secs))| {
                let mut entry = offers(&format!("agent-{n}"), limit, enabled);
                if !capable {
                    entry.capabilities.clear();
                }
                (entry, standing(busy, won, lost, Duration::from_secs(secs)))
            });
        made.collect()
    })
}

proptest! {
    /// Shows S4-T4d, S4-T4h.
    #[test]
    fn nobody_disabled_incapable_or_fuller_than_another_is_ever_chosen(crew in crew()) {
        let facts: Vec<(String, bool, Option<u32>, u32)> = crew
            .iter()
            .map(|(entry, standing)| {
                let fits = entry.enabled && entry.capabilities.contains("digs");
                (entry.name.to_string(), fits, entry.concurrency, standing.under_way)
            })
            .collect();
        let workload: Workload = crew.iter().map(|(entry, standing)| (entry.name.clone(), *standing)).collect();
        let directory = AgentDirectory::new(crew.into_iter().map(|(entry, _)| entry));
        let target = crate::workflow::Target::Capability(name("digs"));
        let choice = directory.resolve(&target, &workload, None);
        let fits = || facts.iter().filter(|(_, fits, _, _)| *fits);
        prop_assert_eq!(choice.is_ok(), fits().next().is_some());
        let Ok(choice) = choice else { return Ok(()) };
        let room = |limit: &Option<u32>, busy: u32| limit.is_none_or(|max| busy < max);
        let mine = facts.iter().find(|(name, ..)| *name == choice.name.as_str()).unwrap();
        prop_assert!(mine.1, "disabled or incapable");
        let any_room = fits().any(|(_, _, limit, busy)| room(limit, *busy));
        prop_assert_eq!(room(&mine.2, mine.3), any_room, "somebody without room although another has some");
        let rivals: Vec<_> = fits().filter(|(_, _, limit, busy)| room(limit, *busy) == any_room).collect();
        let all_limited = rivals.iter().all(|(_, _, limit, _)| limit.is_some());
        for (name, _, limit, busy) in rivals {
            let fuller = if all_limited {
                mine.3 * limit.unwrap() > busy * mine.2.unwrap()
            } else {
                mine.3 > *busy
            };
            prop_assert!(!fuller, "{} is fuller than {}", mine.0, name);
        }
    }
}
