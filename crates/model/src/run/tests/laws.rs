//! Laws that hold for every run: random workflows, random orders of results, crashes anywhere.

use proptest::prelude::*;

use super::*;

/// How a step of a random workflow behaves, whatever happens around it.
#[derive(Debug, Clone, Copy)]
pub(super) enum Behaviour {
    Completes,
    Fails,
    /// Fails this often first; the agent's policy allows two failures.
    Stumbles(u32),
}

#[derive(Debug, Clone)]
pub(super) struct Scene {
    pub(super) yaml: String,
    pub(super) behaviours: Vec<Behaviour>,
}

fn behaviour() -> impl Strategy<Value = Behaviour> {
    prop_oneof![
        6 => Just(Behaviour::Completes),
        2 => Just(Behaviour::Fails),
        2 => (1u32..3).prop_map(Behaviour::Stumbles),
    ]
}

/// A random workflow: nodes of all kinds, each needing some of those before it.
pub(super) fn scene() -> impl Strategy<Value = Scene> {
    let node =
        (0usize..18, proptest::collection::vec((any::<prop::sample::Index>(), 0u8..6), 0..3), behaviour());
    proptest::collection::vec(node, 1..9).prop_map(|nodes| {
        let mut yaml = String::from("ghostlight: 1\nname: random\nnodes:\n");
        let mut behaviours = Vec::new();
        for (at, (kind, needs, behaviour)) in nodes.into_iter().enumerate() {
            let needed: BTreeMap<usize, u8> =
                needs.into_iter().filter(|_| at > 0).map(|(index, kind)| (index.index(at), kind)).collect();
            let is_join = matches!(kind, 8 | 15) && !needed.is_empty();
            let what = match kind {
                0..=3 => "type: agent_call, agent: patient".to_owned(),
                4 | 5 => "type: tool_call, tool: writer, effect: write, retry: { max_attempts: 3, initial: 1s, max: 9s }".to_owned(),
                6 => "type: condition, when: 'input.yes'".to_owned(),
                7 => "type: condition, when: 'input.no'".to_owned(),
                8 if is_join => "type: join, require: all".to_owned(),
                15 if is_join => "type: join, require: collect, merge: append".to_owned(),
                10 => "type: map, over: [1, 2, 3], max_parallel: 2, node: { type: agent_call, agent: patient }".to_owned(),
                11 => "type: loop, until: iteration >= 2, max: 3, node: { type: agent_call, agent: patient, on_error: continue }".to_owned(),
                12 => "type: wait, for: 5s".to_owned(),
                13 => "type: map, over: [[1], [2, 3]], node: { type: map, over: $item, node: { type: tool_call, tool: writer, effect: write } }".to_owned(),
                14 => "type: agent_call, agent: patient, on_error: { default: 1 }".to_owned(),
                16 => "type: agent_call, agent: patient, success: { assertions: ['has(output.step)'], judge: { type: agent_call, agent: patient, input: { it: $output } }, redo: 1 }".to_owned(),
                17 => "type: tool_call, tool: writer, effect: write, verify: { type: agent_call, agent: reader, input: { key: $key } }, compensate: { type: tool_call, tool: writer, effect: write, input: { it: $output } }".to_owned(),
                8 | 15 => "type: agent_call, agent: keyed, on_error: continue".to_owned(),
                _ => "type: human_gate, action: 'Go on?'".to_owned(),
            };
            let needs: Vec<String> = needed
                .iter()
                .map(|(parent, kind)| match kind {
                    0 if !is_join => format!("{{ node: n{parent}, kind: soft }}"),
                    1 if !is_join => format!("{{ node: n{parent}, kind: optional }}"),
                    _ => format!("n{parent}"),
                })
                .collect();
            let needs = if needs.is_empty() { String::new() } else { format!(", needs: [{}]", needs.join(", ")) };
            yaml.push_str(&format!("  n{at}: {{ {what}{needs} }}\n"));
            behaviours.push(behaviour);
        }
        Scene { yaml, behaviours }
    })
}

/// What a run comes to, without what depends on order, time and crashes.
pub(super) fn result(run: &Run) -> (RunStatus, Option<crate::event::RunResult>, Vec<(String, StepStatus)>) {
    // Whether somebody had to find out what a crash left open depends on the crash.
    let steps = run.walk().filter(|(at, _, _)| at.aside().is_none());
    let steps = steps.map(|(at, _, step)| (run.path(at).to_string(), step.state.status().0)).collect();
    (run.status, run.result, steps)
}

/// An output without the times at which people answered, however deep they stand.
fn timeless(mut output: Value) -> Value {
    if let Some(fields) = output.as_object_mut() {
        fields.remove("at");
        fields.values_mut().for_each(|field| *field = timeless(field.take()));
    }
    output
}

impl Bench {
    /// Does one of the things that can happen now. False when nothing can.
    fn happen(&mut self, scene: &Scene, choice: usize) -> bool {
        let mut commands: Vec<Command> =
            self.running().into_iter().map(|id| self.report(scene, id)).collect();
        for (at, _, step) in self.run.walk() {
            if let StepState::AwaitingReconcile { .. } = step.state {
                let step = self.run.path(at);
                commands.push(Command::Reconcile { step, attempt: None, happened: false, output: None });
            }
        }
        for (id, approval) in &self.run.approvals {
            if approval.decided.is_none() {
                let approve = !matches!(self.behaviour(scene, &approval.step), Behaviour::Fails);
                commands.push(Command::Answer { approval: *id, approve, comment: None, changes: None });
            }
        }
        if let Some(due) = next_due(&self.run) {
            self.now = self.now.max(due);
            commands.push(Command::Tick);
        }
        if commands.is_empty() {
            return false;
        }
        let command = commands.swap_remove(choice % commands.len());
        self.give(command).unwrap();
        true
    }

    fn behaviour(&self, scene: &Scene, step: &StepPath) -> Behaviour {
        let node = step.as_str()[1..].split('.').next().unwrap();
        scene.behaviours[node.parse::<usize>().unwrap()]
    }

    fn report(&self, scene: &Scene, attempt: AttemptId) -> Command {
        let at = self.run.find(&attempt.step).unwrap();
        let failed = self.run.step(at).failed;
        let broken = |class| Err(Failure::new(class, "broken", "it broke", Happened::No));
        let outcome = match self.behaviour(scene, &attempt.step) {
            // What stumbles is not good enough when it is done the first time.
            Behaviour::Stumbles(_) if at.aside() == Some(Aside::Judge) => {
                Ok(Arc::new(json!({ "passed": self.run.step(at.call()).redone > 0 })))
            }
            _ if at.aside() == Some(Aside::Judge) => Ok(Arc::new(json!({ "passed": true }))),
            _ if at.aside() == Some(Aside::Verify) => Ok(Arc::new(json!({ "happened": false }))),
            _ if at.aside() == Some(Aside::Compensate) => Ok(Arc::new(json!({}))),
            Behaviour::Stumbles(times) if failed < times => broken(ErrorClass::Transient),
            Behaviour::Completes | Behaviour::Stumbles(_) => Ok(Arc::new(json!({ "step": attempt.step }))),
            Behaviour::Fails => broken(ErrorClass::Data),
        };
        Command::Report { attempt, outcome, usage: Usage::default() }
    }

    /// What must hold after every event.
    fn check(&self) {
        let mut ended: BTreeSet<&StepPath> = BTreeSet::new();
        let mut attempts: BTreeMap<&StepPath, u32> = BTreeMap::new();
        for (event, _) in &self.journal {
            match event {
                Event::StepStarted(started) => {
                    let is_beside = started.step.is_aside();
                    assert!(is_beside || !ended.contains(&started.step), "a finished step never runs again");
                    let number = attempts.entry(&started.step).or_default();
                    *number += 1;
                    assert_eq!(started.attempt, *number, "attempts count from one without gaps");
                }
                // It is asked again about another attempt.
                Event::StepCompleted(body) if body.step.is_aside() => {}
                Event::RunReopened(reopened) => {
                    let is_inside = |step: &StepPath, of: &StepPath| {
                        step.as_str().strip_prefix(of.as_str()).is_some_and(|rest| rest.starts_with('.'))
                    };
                    ended.retain(|step| {
                        let is_anew = reopened.anew.iter().any(|of| is_inside(step, of));
                        !is_anew && !reopened.steps.contains(step)
                    });
                }
                Event::StepCompleted(body) => assert!(ended.insert(&body.step), "a step ends once"),
                Event::StepFailed(body) => assert!(ended.insert(&body.step), "a step ends once"),
                Event::StepSkipped(body) => assert!(ended.insert(&body.step), "a step ends once"),
                _ => {}
            }
        }
        assert_eq!(broken_in(&self.run), None);
    }
}

/// Runs a scene to its end, with crashes where `crashes` says.
pub(super) fn play(scene: &Scene, choices: &[usize], crashes: &[bool]) -> Bench {
    let bench = Bench::start(&scene.yaml, json!({ "yes": true, "no": false }));
    go_on(bench, scene, choices, crashes)
}

/// The same from where it stands.
pub(super) fn go_on(mut bench: Bench, scene: &Scene, choices: &[usize], crashes: &[bool]) -> Bench {
    bench.check();
    for moment in 0..500 {
        if crashes.get(moment).copied().unwrap_or(false) {
            bench.crash();
            bench.give(Command::Recover).unwrap();
            bench.check();
        }
        let choice = choices.get(moment % choices.len().max(1)).copied().unwrap_or(0);
        if !bench.happen(scene, choice) {
            assert!(bench.run.status.is_terminal(), "a run does not stop in the middle\n{}", scene.yaml);
            return bench;
        }
        bench.check();
    }
    panic!("the run does not end\n{}", scene.yaml);
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    /// S0-1.3c, S0-3.3a, S3-1h, S3-5a, S3-5b, S3-8c: any order of results and crashes anywhere lead to the same end, and
    /// every event and every state reads back as it was written.
    #[test]
    fn any_order_of_results_and_any_crashes_lead_to_the_same_end(
        scene in scene(),
        choices in proptest::collection::vec(0usize..100, 1..60),
        crashes in proptest::collection::vec(any::<bool>(), 0..40),
    ) {
        let calm = play(&scene, &[0], &[]);
        let wild = play(&scene, &choices, &crashes);
        prop_assert_eq!(result(&calm.run), result(&wild.run), "{}", scene.yaml);
        prop_assert_eq!(timeless(calm.output()), timeless(wild.output()), "{}", scene.yaml);
    }

    /// S0-3.3c: a crash after each single event of a decision is a crash after the whole decision or before it, because a
    /// decision is one append; replaying any prefix that ends at an append gives a state that goes on to the same end.
    #[test]
    fn every_prefix_of_appends_goes_on_to_the_same_end(scene in scene()) {
        let calm = play(&scene, &[0], &[]);
        // Behind the end of the run there is nothing to crash; the epoch counts what happened before.
        for moment in 0.. {
            let mut crashes = vec![false; moment];
            crashes.push(true);
            let again = play(&scene, &[0], &crashes);
            prop_assert_eq!(result(&calm.run), result(&again.run), "crash at {}\n{}", moment, scene.yaml);
            if again.epoch == calm.epoch {
                break;
            }
        }
    }

    /// A run can be cancelled at any moment, and then starts nothing and ends (S3-3c).
    #[test]
    fn a_cancelled_run_starts_nothing_and_ends(scene in scene(), moments in 0usize..20) {
        let mut bench = Bench::start(&scene.yaml, json!({ "yes": true, "no": false }));
        for moment in 0..moments {
            if bench.run.status.is_terminal() || !bench.happen(&scene, moment) {
                break;
            }
        }
        if !bench.run.status.is_terminal() {
            bench.give(Command::Cancel { reason: String::new(), kill: false }).unwrap();
            let started = bench.journal.len();
            while let Some(id) = bench.running().pop() {
                match id.step.as_str().rsplit('.').next() {
                    Some("compensate") => bench.completes(&id.to_string(), empty()),
                    Some("verify") => bench.completes(&id.to_string(), json!({ "happened": true })),
                    _ => bench.fails(&id.to_string(), ErrorClass::Cancelled, Happened::Unknown),
                };
            }
            prop_assert_eq!(bench.run.status, RunStatus::Cancelled);
            let is_start = |event: &Event| match event {
                Event::StepStarted(started) => {
                    !matches!(started.step.as_str().rsplit('.').next(), Some("compensate" | "verify"))
                }
                _ => false,
            };
            prop_assert!(!bench.journal[started..].iter().any(|(event, _)| is_start(event)));
            for (at, node, step) in bench.run.walk() {
                let happened = matches!(step.state, StepState::Completed { .. }) && node.compensate.is_some();
                prop_assert_eq!(happened, step.compensated, "{} is made good if it was done", bench.run.path(at));
            }
        }
        bench.check();
    }
}
