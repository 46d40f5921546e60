//! The real daemon is killed without warning in the middle of each type of node, and each goes on by itself.
//!
//! One workflow has a map, a loop, a race, a child run, a wait, a signal, an event and values that are made. It is killed at a
//! random moment a dozen times; some signals come before anybody waits for them. At the end the output is what it is without
//! any kill, every finished call was made once, and the child run was started once.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test says by panicking what is wrong")]

mod harness;

use std::collections::BTreeMap;
use std::time::Duration;

use harness::{Daemon, Home, until};
use serde_json::{Value, json};

const KILLS: usize = 12;

/// Notes that it is done, and answers with its input.
const SCRIPT: &str = r#"
call=$(cat)
field() { printf '%s' "$call" | sed -n "s/.*\"$1\":\"\([^\"]*\)\".*/\1/p"; }
sleep "$WORK" &
wait $!
echo "$(field idempotency_key)" >> "$EFFECTS"
echo '{"type":"result","output":{"word":"'"$(field word)"'"}}'
"#;

const PARENT: &str = "
ghostlight: 1
name: every-type
max_parallel: 3
nodes:
  each:  { type: map, over: $input.words, max_parallel: 2, node: { type: agent_call, agent: notes, input: { word: $item } } }
  again: { type: loop, until: iteration >= 3, max: 5, node: { type: agent_call, agent: notes, input: { word: again } } }
  quick: { type: agent_call, agent: noop, input: { word: quick } }
  slow:  { type: agent_call, agent: sleep, input: { for: 1h } }
  won:   { type: join, needs: [quick, slow], require: first_success }
  sub:   { type: workflow, workflow: child, needs: [each], input: { word: '$each[0].word' } }
  nap:   { type: wait, for: 300ms, needs: [again] }
  go:    { type: wait, needs: [nap, sub], signal: { name: go } }
  way:   { type: condition, needs: [go], cases: [{ when: go.left, to: [left] }, { else: true, to: [right] }] }
  left:  { type: emit, event: went.left, data: $go }
  right: { type: emit, event: went.right, data: $go }
  sum:   { type: transform, needs: [each, again], expression: size(each) + again.iterations }
output: { each: $each, again: $again.iterations, won: $won, sub: $sub, sum: $sum }
";

const CHILD: &str = "
ghostlight: 1
name: child
nodes:
  a: { type: agent_call, agent: notes, input: { word: $input.word } }
  b: { type: agent_call, agent: notes, needs: [a], input: { word: child } }
output: { a: $a.word, b: $b.word }
";

fn finished(home: &Home) -> BTreeMap<String, usize> {
    let text = std::fs::read_to_string(home.path().join("effects")).unwrap_or_default();
    let mut counted = BTreeMap::new();
    text.lines().for_each(|key| *counted.entry(key.to_owned()).or_default() += 1);
    counted
}

fn get(daemon: &Daemon, path: &str) -> Value {
    daemon.get(path).expect("the daemon is there").ok()
}

/// Shows S3-7h, S0-4.2e, S1-4.3n2.
#[test]
fn every_type_of_node_goes_on_after_the_daemon_was_killed_in_the_middle_of_it() {
    let home = Home::new();
    let script = home.path().join("agent.sh");
    std::fs::write(&script, SCRIPT).unwrap();
    let effects = home.path().join("effects");
    home.agent(
        "notes",
        &format!(
            "ghostlight: 1\nname: notes\nkind: command\neffect: idempotent\ntimeout: 30s\ncommand: [/bin/sh, {}]\n\
             env: {{ EFFECTS: {}, WORK: '0.5', PATH: /usr/bin:/bin }}\n",
            script.display(),
            effects.display()
        ),
    );
    home.workflow("every-type", PARENT);
    home.workflow("child", CHILD);
    let mut random = fastrand::Rng::with_seed(20_261_129);
    let mut daemon = Daemon::start(&home);
    let start = json!({ "input": { "words": ["x", "y", "z"] } });
    let started = daemon.post("/api/v1/workflows/every-type/runs", &start).expect("the daemon is there").ok();
    let run = format!("/api/v1/runs/{}", started["id"].as_str().unwrap());
    // Before anybody waits for it.
    daemon.post(&format!("{run}/signals/go"), &json!({ "left": true })).expect("the daemon is there").ok();
    let mut kills = 0;
    while kills < KILLS {
        // Long enough for something to be finished now and then.
        std::thread::sleep(Duration::from_millis(random.u64(50..900)));
        if get(&daemon, &run)["status"] != "running" {
            break;
        }
        daemon.kill();
        kills += 1;
        daemon = Daemon::start(&home);
    }
    println!("{kills} kills");
    assert!(kills >= 5, "{kills} kills");
    let ended = until("the end of the run", Duration::from_secs(60), || {
        let run = get(&daemon, &run);
        (run["status"] != "running").then_some(run)
    });
    let words = json!([{ "word": "x" }, { "word": "y" }, { "word": "z" }]);
    let expected = json!({
        "each": words, "again": 3, "won": { "quick": { "word": "quick" } },
        "sub": { "a": "x", "b": "child" }, "sum": 6,
    });
    assert_eq!((&ended["status"], &ended["output"]), (&json!("completed"), &expected), "{ended}");
    assert_eq!(ended["result"], "complete", "who lost the race is not missed");

    let events = get(&daemon, &format!("{run}/events?limit=200"));
    let events = events["items"].as_array().unwrap();
    let of = |kind: &str| events.iter().filter(|event| event["type"] == kind).count();
    assert_eq!((of("signal.received"), of("event.emitted")), (1, 1));
    let completed = |step: &str| {
        events.iter().filter(|e| e["type"] == "step.completed" && e["data"]["step"] == step).count()
    };
    for step in
        ["each", "each.0", "each.2", "again", "again.1", "again.3", "sub", "nap", "go", "way", "left", "won"]
    {
        assert_eq!(completed(step), 1, "{step}");
    }
    let children = get(&daemon, "/api/v1/runs?workflow=child");
    assert_eq!(children["items"].as_array().map(Vec::len), Some(1), "the child was started once");
    // An attempt that was cut off may have been done; one that is recorded as done is not made again.
    assert!(finished(&home).len() == 8, "{:?}", finished(&home));
    let child = get(&daemon, &format!("/api/v1/runs/{}", children["items"][0]["id"].as_str().unwrap()));
    assert_eq!((&child["parent"], &child["parent_step"]), (&started["id"], &json!("sub")));
    assert!(daemon.stop().success());
}

/// Each step is judged by another agent, and all of it is made good when the run is cancelled.
const BOOKED: &str = "
ghostlight: 1
name: booked
nodes:
  each:
    type: map
    over: $input.words
    max_parallel: 1
    node:
      type: agent_call
      agent: notes
      input: { word: $item }
      success: { assertions: [output.word == item], judge: { type: agent_call, agent: judge, input: { word: $output.word } } }
      compensate: { type: agent_call, agent: notes, input: { word: $output.word } }
  ask: { type: human_gate, needs: [each], action: Go on? }
";

const JUDGE: &str = r#"
cat > /dev/null
sleep "$WORK" &
wait $!
echo '{"type":"result","output":{"passed":true}}'
"#;

/// Shows S3-7x, S4-T4b: verdicts and compensations are in the journal like everything else.
#[test]
fn what_is_judged_and_made_good_goes_on_after_the_daemon_was_killed_in_the_middle_of_it() {
    let home = Home::new();
    let effects = home.path().join("effects");
    for (name, script) in [("notes", SCRIPT), ("judge", JUDGE)] {
        let file = home.path().join(format!("{name}.sh"));
        std::fs::write(&file, script).unwrap();
        home.agent(
            name,
            &format!(
                "ghostlight: 1\nname: {name}\nkind: command\neffect: idempotent\ntimeout: 30s\ncommand: [/bin/sh, {}]\n\
                 env: {{ EFFECTS: {}, WORK: '0.2', PATH: /usr/bin:/bin }}\n",
                file.display(),
                effects.display()
            ),
        );
    }
    home.workflow("booked", BOOKED);
    let mut random = fastrand::Rng::with_seed(20_261_130);
    let mut daemon = Daemon::start(&home);
    let words = json!({ "input": { "words": ["x", "y", "z"] } });
    let started = daemon.post("/api/v1/workflows/booked/runs", &words).expect("the daemon is there").ok();
    let run = format!("/api/v1/runs/{}", started["id"].as_str().unwrap());
    let mut kills = 0;
    let mut again = |daemon: Daemon, until_is: &dyn Fn(&Daemon) -> bool| {
        let mut daemon = daemon;
        while kills < KILLS && !until_is(&daemon) {
            std::thread::sleep(Duration::from_millis(random.u64(50..500)));
            daemon.kill();
            kills += 1;
            daemon = Daemon::start(&home);
        }
        until("what is waited for", Duration::from_secs(60), || until_is(&daemon).then_some(()));
        kills = 0;
        daemon
    };
    let step = |daemon: &Daemon, path: &str| get(daemon, &format!("{run}/steps/{path}"));
    daemon = again(daemon, &|daemon| step(daemon, "ask")["status"] == "waiting");
    daemon.post(&format!("{run}/cancel"), &json!({})).expect("the daemon is there").ok();
    daemon = again(daemon, &|daemon| get(daemon, &run)["status"] == "cancelled");
    let ended = get(&daemon, &run);
    assert_eq!(ended["not_compensated"], json!([]), "{ended}");

    let events = get(&daemon, &format!("{run}/events?limit=200"));
    let events = events["items"].as_array().unwrap();
    let steps = |kind: &str| -> Vec<&str> {
        let of_kind = events.iter().filter(|event| event["type"] == kind);
        of_kind.filter_map(|event| event["data"]["step"].as_str()).collect()
    };
    assert_eq!(steps("step.compensated"), ["each.2", "each.1", "each.0"], "the last first, each once");
    let judged = steps("step.judged");
    for item in ["each.0", "each.1", "each.2"] {
        // Once by the assertion, once by the judge.
        assert_eq!(judged.iter().filter(|step| **step == item).count(), 2, "{judged:?}");
    }
    // What is recorded as done is not done again: three words, and three that were made good.
    assert_eq!(finished(&home).len(), 6, "{:?}", finished(&home));
    assert!(daemon.stop().success());
}

const WIDE: &str = "
ghostlight: 1
name: wide
nodes:
  each: { type: map, over: $input.list, node: { type: transform, value: $item } }
output: { last: '$each[8999]' }
";

/// What a decision leaves to the next one is not in the journal, and is done all the same after a crash in between.
#[test]
fn a_large_map_goes_on_by_itself_after_the_daemon_was_killed_between_two_portions() {
    let home = Home::new();
    home.workflow("wide", WIDE);
    let mut daemon = Daemon::start(&home);
    let list = json!({ "input": { "list": vec![7; 9_000] } });
    let started = daemon.post("/api/v1/workflows/wide/runs", &list).expect("the daemon is there").ok();
    daemon.kill();
    daemon = Daemon::start(&home);
    let run = format!("/api/v1/runs/{}", started["id"].as_str().unwrap());
    let ended = until("the end of the run", Duration::from_secs(60), || {
        let run = get(&daemon, &run);
        (run["status"] != "running").then_some(run)
    });
    assert_eq!((&ended["status"], &ended["output"]["last"]), (&json!("completed"), &json!(7)), "{ended}");
    assert!(daemon.stop().success());
}

const PATIENT: &str = "
ghostlight: 1
name: patient
nodes:
  ask: { type: human_gate, action: 'Go on?' }
";
const ABOVE: &str = "
ghostlight: 1
name: above
nodes:
  each: { type: map, over: $input.list, node: { type: workflow, workflow: patient } }
";
const CHILDREN: usize = 24;
const PATIENCE: Duration = Duration::from_secs(60);

/// A parent tells its children one after another, and is killed in the middle of it.
#[test]
fn children_that_had_not_heard_how_urgent_their_parent_has_become_hear_it_after_a_kill() {
    let home = Home::new();
    home.workflow("patient", PATIENT);
    home.workflow("above", ABOVE);
    let mut daemon = Daemon::start(&home);
    let list: Vec<usize> = (0..CHILDREN).collect();
    let body = json!({ "input": { "list": list } });
    let parent = daemon.post("/api/v1/workflows/above/runs", &body).unwrap().ok();
    let parent = format!("/api/v1/runs/{}", parent["id"].as_str().unwrap());
    let questions = "/api/v1/approvals?status=pending&limit=200";
    until("all of them ask", PATIENCE, || {
        (daemon.get(questions)?.ok()["items"].as_array()?.len() == CHILDREN).then_some(())
    });
    for priority in [10, 20, 30, 40] {
        daemon.ask("PATCH", &parent, Some(&json!({ "priority": priority }))).unwrap().ok();
        daemon.kill();
        daemon = Daemon::start(&home);
        until("all of them are as urgent", PATIENCE, || {
            let page = daemon.get("/api/v1/runs?workflow=patient&limit=200").filter(|it| it.status == 200)?;
            let runs = page.body["items"].as_array()?;
            let are = runs.iter().filter(|run| run["priority"] == priority).count();
            (are == CHILDREN).then_some(())
        });
    }
}
