//! The real daemon is killed without warning, again and again, and what it was doing goes on by itself.
//!
//! Seen from outside: every call of the agents writes a line into a file before and after its work. After 50 kills at
//! random moments (some aimed at a `write` under way, some at recovery itself) every run has completed, no finished step has
//! run again, an interrupted `read` or `idempotent` attempt ran again under the same key, an interrupted `write` waited until
//! somebody said whether it had happened, and no process of a killed attempt was alive when its step ran again.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test says by panicking what is wrong")]

mod harness;

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use harness::{Daemon, Home, is_alive, until};
use serde_json::{Value, json};

const KILLS: usize = 50;

/// Notes that it began (with its process id) and that it is done; in between it works for a while.
const SCRIPT: &str = r#"
call=$(cat)
field() { printf '%s' "$call" | sed -n "s/.*\"$1\":\"\([^\"]*\)\".*/\1/p"; }
key=$(field idempotency_key)
echo "begin $key $$" >> "$EFFECTS"
sleep "$WORK" &
wait $!
echo "done $key $$" >> "$EFFECTS"
echo '{"type":"result","output":{"key":"'"$key"'"}}'
"#;

fn agent(home: &Home, name: &str, effect: &str, work: &str) {
    let script = home.path().join("agent.sh");
    let effects = home.path().join("effects");
    home.agent(
        name,
        &format!(
            "ghostlight: 1\nname: {name}\nkind: command\neffect: {effect}\ntimeout: 30s\n\
             command: [/bin/sh, {}]\nenv: {{ EFFECTS: {}, WORK: '{work}', PATH: /usr/bin:/bin }}\n",
            script.display(),
            effects.display()
        ),
    );
}

const WORKFLOW: &str = "
ghostlight: 1
name: twelve
nodes:
  a1: { type: agent_call, agent: reads }
  b1: { type: agent_call, agent: reads, needs: [a1] }
  b2: { type: agent_call, agent: keyed, needs: [b1] }
  b3: { type: tool_call, tool: writes, effect: write, needs: [b2] }
  c1: { type: agent_call, agent: keyed, needs: [a1] }
  c2: { type: agent_call, agent: reads, needs: [c1] }
  c3: { type: agent_call, agent: noop, needs: [c2] }
  d1: { type: agent_call, agent: noop, needs: [a1] }
  d2: { type: agent_call, agent: keyed, needs: [d1] }
  all: { type: join, needs: [b3, c3, d2], require: all }
  e1: { type: tool_call, tool: writes, effect: write, needs: [all] }
  e2: { type: agent_call, agent: reads, needs: [e1] }
";

/// What the agents have noted.
fn effects(home: &Home) -> Vec<(String, String, u32)> {
    let text = std::fs::read_to_string(home.path().join("effects")).unwrap_or_default();
    text.lines()
        .filter_map(|line| {
            let mut words = line.split(' ');
            Some((words.next()?.to_owned(), words.next()?.to_owned(), words.next()?.parse().ok()?))
        })
        .collect()
}

struct Scene {
    home: Home,
    daemon: Daemon,
    random: fastrand::Rng,
    kills: usize,
    aimed_at_write: usize,
    aimed_at_recovery: usize,
    reconciled: usize,
}

impl Scene {
    /// Kills the daemon and starts another one on the same folder; sometimes that one is killed while it recovers.
    fn kill(&mut self) {
        self.daemon.kill();
        self.kills += 1;
        while self.random.u8(..4) == 0 && self.kills < KILLS {
            let mut doomed = Daemon::spawn(&self.home);
            std::thread::sleep(Duration::from_millis(self.random.u64(..60)));
            doomed.kill();
            self.kills += 1;
            self.aimed_at_recovery += 1;
        }
        self.daemon = Daemon::start(&self.home);
        self.no_two_lives();
    }

    /// Of all processes that ever worked under one key at most one is alive.
    fn no_two_lives(&self) {
        let mut alive: BTreeMap<String, BTreeSet<u32>> = BTreeMap::new();
        for (_, key, pid) in effects(&self.home) {
            if is_alive(pid) {
                alive.entry(key).or_default().insert(pid);
            }
        }
        assert!(alive.values().all(|pids| pids.len() <= 1), "two lives of one step: {alive:?}");
    }

    /// Waits for a moment to kill: a random one, or one in which a write is under way.
    fn moment(&mut self) {
        if self.random.u8(..3) > 0 {
            return std::thread::sleep(Duration::from_millis(self.random.u64(..400)));
        }
        let end = std::time::Instant::now() + Duration::from_millis(1500);
        while std::time::Instant::now() < end {
            let noted = effects(&self.home);
            let begun = noted.iter().rev().find(|(what, key, _)| what == "begin" && is_write(key));
            if begun.is_some_and(|(_, key, pid)| {
                is_alive(*pid)
                    && !noted.iter().any(|(what, done, by)| what == "done" && done == key && by == pid)
            }) {
                self.aimed_at_write += 1;
                return;
            }
            std::thread::sleep(Duration::from_millis(3));
        }
    }

    /// Says of each write that waits for it whether it happened, as the agents' notes say.
    fn reconcile(&mut self, run: &str) {
        let Some(steps) = self.daemon.get(&format!("/api/v1/runs/{run}/steps?status=waiting")) else {
            return;
        };
        for step in steps.ok()["items"].as_array().unwrap().clone() {
            if step["reason"] != "reconcile" {
                continue;
            }
            let path = step["path"].as_str().unwrap();
            let key = format!("{run}/{path}/1");
            let happened = effects(&self.home).iter().any(|(what, of, _)| what == "done" && *of == key);
            let says = json!({ "happened": if happened { "yes" } else { "no" }, "output": { "key": key } });
            let answer = self.daemon.post(&format!("/api/v1/runs/{run}/steps/{path}/reconcile"), &says);
            answer.expect("the daemon is there").ok();
            self.reconciled += 1;
        }
    }

    fn status(&self, run: &str) -> String {
        let run = self.daemon.get(&format!("/api/v1/runs/{run}")).expect("the daemon is there").ok();
        run["status"].as_str().unwrap().to_owned()
    }

    fn events(&self, run: &str) -> Vec<Value> {
        let page = self
            .daemon
            .get(&format!("/api/v1/runs/{run}/events?limit=200"))
            .expect("the daemon is there")
            .ok();
        page["items"].as_array().unwrap().clone()
    }
}

fn is_write(key: &str) -> bool {
    key.contains("/b3/") || key.contains("/e1/")
}

/// P1, P8, P10, S0-4.2e, S1-4.3n2, S0-3.3a, S0-3.3b, S0-3.3c, S1-4.1f, S2-1.1a, S3-3g, S3-10a, S2-TRs, S2-SMh, S4-QAn.
#[test]
fn fifty_kills_lose_nothing_and_repeat_nothing_that_was_finished() {
    let home = Home::new();
    std::fs::write(home.path().join("agent.sh"), SCRIPT).unwrap();
    agent(&home, "reads", "read", "0.1");
    agent(&home, "keyed", "idempotent", "0.05");
    agent(&home, "writes", "write", "0.15");
    home.workflow("twelve", WORKFLOW);
    let seed = std::env::var("GHOSTLIGHT_SEED").ok().and_then(|seed| seed.parse().ok()).unwrap_or(20_261_120);
    println!("seed {seed}");
    let daemon = Daemon::start(&home);
    let mut scene = Scene {
        home,
        daemon,
        random: fastrand::Rng::with_seed(seed),
        kills: 0,
        aimed_at_write: 0,
        aimed_at_recovery: 0,
        reconciled: 0,
    };
    let mut runs = Vec::new();
    while scene.kills < KILLS {
        let started = scene.daemon.post("/api/v1/workflows/twelve/runs", &json!({ "input": {} }));
        let run = started.expect("the daemon is there").ok()["id"].as_str().unwrap().to_owned();
        runs.push(run.clone());
        let mut quiet = 0;
        while scene.status(&run) == "running" {
            scene.reconcile(&run);
            // Now and then a run is left alone for a while, so that it gets ahead.
            if scene.kills < KILLS && quiet == 0 {
                scene.moment();
                scene.kill();
                quiet = scene.random.usize(..3);
            } else {
                quiet = quiet.saturating_sub(1);
                std::thread::sleep(Duration::from_millis(200));
            }
        }
        check(&scene, &run);
    }
    println!(
        "{} kills over {} runs, {} aimed at a write, {} at recovery, {} writes reconciled",
        scene.kills,
        runs.len(),
        scene.aimed_at_write,
        scene.aimed_at_recovery,
        scene.reconciled
    );
    assert!(scene.aimed_at_write > 0 && scene.aimed_at_recovery > 0, "the kills hit what they were aimed at");
    // Whatever was acknowledged is there at the end, and its journal verifies.
    for run in &runs {
        assert_eq!(scene.status(run), "completed");
    }
    assert!(scene.daemon.stop().success());
    until("every process of an agent to be gone", Duration::from_secs(10), || {
        effects(&scene.home).iter().all(|(_, _, pid)| !is_alive(*pid)).then_some(())
    });
}

/// What the journal says of a run fits what the agents noted.
fn check(scene: &Scene, run: &str) {
    let events = scene.events(run);
    assert_eq!(scene.status(run), "completed", "{run}: {events:#?}");
    let sequences: Vec<u64> =
        events.iter().map(|event| event["streamsequence"].as_str().unwrap().parse().unwrap()).collect();
    assert_eq!(sequences, (1..=events.len() as u64).collect::<Vec<_>>(), "the run's events are dense");
    let noted = effects(&scene.home);
    let mut ended = BTreeSet::new();
    let mut starts: BTreeMap<String, usize> = BTreeMap::new();
    for event in &events {
        let step = event["data"]["step"].as_str().unwrap_or_default().to_owned();
        match event["type"].as_str().unwrap() {
            "step.started" => {
                assert!(!ended.contains(&step), "{step} ran again after it was finished");
                *starts.entry(step).or_default() += 1;
            }
            "step.completed" => assert!(ended.insert(step.clone()), "{step} was finished twice"),
            _ => {}
        }
    }
    for (step, starts) in starts {
        let key = format!("{run}/{step}/1");
        let begun = noted.iter().filter(|(what, of, _)| what == "begin" && *of == key).count();
        let done = noted.iter().filter(|(what, of, _)| what == "done" && *of == key).count();
        assert!(begun <= starts, "{step}: {begun} calls, {starts} attempts");
        if is_write(&key) {
            assert_eq!(done, 1, "{step}: a write happened exactly once");
        }
    }
}
