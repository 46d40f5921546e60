//! The verbs that speak to a daemon, through the real program on both sides.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test says by panicking what is wrong")]

mod harness;

use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};

use harness::{Daemon, Home};
use serde_json::Value;

const GATE: &str = "ghostlight: 1\nname: gate\ndescription: Asks first\nnodes:\n  g: { type: human_gate, action: 'Open {{ input.door }}', risk: high, impact: It is cold outside }\n  a: { type: agent_call, agent: noop, needs: [g], input: { n: 1 } }\noutput: { n: $a.n }\n";

struct Ended {
    code: i32,
    out: String,
    err: String,
}

impl Ended {
    #[track_caller]
    fn ok(self) -> String {
        assert_eq!(self.code, 0, "{}", self.err);
        self.out
    }

    #[track_caller]
    fn json(self) -> Value {
        serde_json::from_str(&self.ok()).unwrap()
    }
}

struct Told {
    home: Home,
    daemon: Daemon,
}

impl Told {
    fn start() -> Self {
        let home = Home::new();
        home.workflow("gate", GATE);
        let daemon = Daemon::start(&home);
        Self { home, daemon }
    }

    fn command(&self, line: &str) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_ghostlight"));
        command.current_dir(self.home.path()).args(line.split_whitespace()).stdin(Stdio::null());
        for (name, _) in std::env::vars().filter(|(name, _)| name.starts_with("GHOSTLIGHT_")) {
            command.env_remove(name);
        }
        command.env("GHOSTLIGHT_SERVER", self.daemon.url());
        command
    }

    fn run(&self, line: &str) -> Ended {
        let output = self.command(line).output().unwrap();
        let text = |bytes| String::from_utf8(bytes).unwrap();
        Ended { code: output.status.code().unwrap(), out: text(output.stdout), err: text(output.stderr) }
    }

    /// The id of the one approval that is open, once there is one.
    fn approval(&self) -> String {
        for _ in 0..1_000 {
            let page = self.run("approvals list --output json").json();
            if let Some(id) = page["items"][0]["id"].as_str() {
                return id.to_owned();
            }
        }
        panic!("nobody asks");
    }
}

#[test]
fn a_run_is_started_watched_decided_and_shown() {
    let told = Told::start();
    assert!(told.run("workflows list").ok().contains("Asks first"));
    assert!(told.run("workflows show gate").ok().contains("Open {{ input.door }}"));
    let run = told.run("runs start gate --input {\"door\":\"1\"} --label team=a").ok().trim().to_owned();
    let approval = told.approval();
    assert!(told.run("approvals list").ok().contains("Open 1"));
    assert!(told.run(&format!("approvals show {approval}")).ok().contains("It is cold outside"));

    assert!(told.run(&format!("approvals approve {approval} --comment fine")).ok().contains("approved"));
    let again = told.run(&format!("approvals reject {approval}"));
    assert_eq!(again.code, 4, "{}", again.err);
    assert!(
        again.err.contains("local approved it ") && again.err.contains(" ago (already_decided)"),
        "{}",
        again.err
    );
    assert!(!again.err.contains('{'), "a sentence and no JSON: {}", again.err);

    let tailed = told.run(&format!("tail {run}")).ok();
    assert!(tailed.contains("approved by local: fine") && tailed.contains("completed"), "{tailed}");
    let shown = told.run(&format!("runs show {run}")).ok();
    assert!(shown.contains("team=a") && shown.contains("✓ completed"), "{shown}");
    let listed = told.run("runs list --status completed --label team=a --output json").json();
    assert_eq!(listed["items"][0]["id"], run.as_str());
    let refused = told.run(&format!("runs cancel {run}"));
    assert_eq!(refused.code, 4, "{}", refused.err);
    assert!(refused.err.contains("run_state"), "{}", refused.err);
}

#[test]
fn a_run_is_paused_resumed_and_cancelled() {
    let told = Told::start();
    let run = told.run("runs start gate --input {\"door\":1}").ok().trim().to_owned();
    told.approval();
    assert!(told.run(&format!("runs pause {run} --reason lunch")).ok().contains("paused"));
    assert!(told.run(&format!("runs resume {run}")).ok().contains("running"));
    // Its gate is withdrawn at once: nothing has to end before it.
    let cancelled = told.run(&format!("runs cancel {run} --reason enough")).ok();
    assert!(cancelled.contains("the run is") && cancelled.contains("cancelled"), "{cancelled}");
    let tailed = told.run(&format!("tail {run}")).ok();
    assert!(tailed.contains("paused") && tailed.contains("cancelled"), "{tailed}");
}

#[test]
fn run_at_a_daemon_ends_with_the_outcome_of_the_run() {
    let told = Told::start();
    let yes = told.run("run gate --input {\"door\":1} --yes");
    assert_eq!(serde_json::from_str::<Value>(&yes.ok()).unwrap()["n"], 2);
    // Nobody sits at a terminal, so the question is answered elsewhere: the verb waits for it.
    let waiting = told
        .command("run gate --input {\"door\":2}")
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let approval = told.approval();
    told.run(&format!("approvals reject {approval} --comment no")).ok();
    let ended = waiting.wait_with_output().unwrap();
    assert_eq!(ended.status.code(), Some(1));
    assert!(
        String::from_utf8_lossy(&ended.stderr).contains(&format!("ghostlight approvals approve {approval}"))
    );
}

#[test]
fn what_there_is_not_is_refused_with_4_and_what_does_not_fit_with_2() {
    let told = Told::start();
    let nobody = "01980c8e-2f4e-7c1a-9d5b-3a8f1c2e4b6d";
    for line in [
        format!("runs show {nobody}"),
        format!("runs resume {nobody}"),
        format!("approvals show {nobody}"),
        "agents show nobody".to_owned(),
        "workflows show nobody".to_owned(),
        "runs start nobody".to_owned(),
        format!("tail {nobody}"),
    ] {
        let ended = told.run(&line);
        assert_eq!(ended.code, 4, "{line}: {}", ended.err);
        assert!(ended.err.contains("help:"), "{line}: {}", ended.err);
    }
    told.home.workflow("needs", "ghostlight: 1\nname: needs\ninput: { type: object, required: [a] }\nnodes: { a: { type: agent_call, agent: noop } }\n");
    told.run("workflows save config/workflows/needs.yaml").ok();
    let wrong = told.run("runs start needs");
    assert_eq!(wrong.code, 2, "{}", wrong.err);
    assert!(wrong.err.contains("invalid_input"), "{}", wrong.err);
}

#[test]
fn agents_and_the_tree_are_shown() {
    let told = Told::start();
    let agents = told.run("agents list").ok();
    for name in ["noop", "http-probe", "log-analysis"] {
        assert!(agents.contains(name), "{agents}");
    }
    let probe = told.run("agents show http-probe").ok();
    for word in ["builtin", "takes", "additionalProperties", "gives", "latency_ms"] {
        assert!(probe.contains(word), "{probe}");
    }
    let tree = told.run("tree").ok();
    for name in ["ghostlight", "journal", "runs", "views", "planner"] {
        assert!(tree.contains(name), "{tree}");
    }
    assert_eq!(told.run("tree --output json").json()["path"], "ghostlight");
}

/// Two readings of the public API: what happens per second is known, and every actor is there.
/// Shows S1-5.1n2.
#[test]
fn top_shows_once_how_the_daemon_is_and_its_busiest_actors() {
    let told = Told::start();
    told.run("runs start gate --input {\"door\":1}").ok();
    told.approval();
    let top = told.run("top --once --output json").json();
    assert_eq!((&top["runs"]["running"], &top["approvals_waiting"]), (&1.into(), &1.into()), "{top}");
    assert!(top["uptime_ms"].as_u64() > Some(0) && top["slots"]["total"].as_u64() > Some(0), "{top}");
    assert!(top["commits_per_s"].is_f64() && top["syncs_per_s"].is_f64(), "{top}");
    assert_eq!(top["restarts"], 0);
    let actors = top["actors"].as_array().unwrap();
    assert!(actors.iter().any(|actor| actor["path"] == "core/planner"), "{top}");
    assert!(actors.iter().all(|actor| actor["handled_per_s"].is_f64()), "{top}");
    let up = actors.iter().filter(|actor| actor["state"] == "running").count() as u64;
    assert!(top["actors_up"].as_u64() >= Some(up - 1), "{top}");

    let shown = told.run("top --once --sort uptime --limit 3").ok();
    assert!(shown.contains("runs 1 running") && shown.contains("approvals 1 waiting"), "{shown}");
    assert!(shown.contains("ACTOR") && shown.contains("● running"), "{shown}");
    assert!(!shown.contains('\u{1b}'), "no colours and no cursor where there is no terminal: {shown:?}");
    assert!(shown.lines().all(|line| line.chars().count() <= 80), "{shown}");
    let heading = shown.lines().position(|line| line.starts_with("ACTOR")).unwrap();
    assert_eq!(shown.lines().count() - heading, 4, "three actors below their heading: {shown}");
    let wrong = told.run("top --once --sort size");
    assert_eq!(wrong.code, 2);
}

#[test]
fn once_a_token_exists_every_verb_needs_one() {
    let told = Told::start();
    let made = told.run("token create --label me --output json").json();
    for line in ["runs list", "top --once"] {
        let refused = told.run(line);
        assert_eq!(refused.code, 4, "{line}: {}", refused.err);
        assert!(refused.err.contains("unauthenticated"), "{line}: {}", refused.err);
    }
    let with =
        told.command("runs list").env("GHOSTLIGHT_TOKEN", made["token"].as_str().unwrap()).output().unwrap();
    assert!(with.status.success());
    let line =
        format!("token revoke {} --token {}", made["id"].as_str().unwrap(), made["token"].as_str().unwrap());
    told.run(&line).ok();
    told.run("runs list").ok();
}

#[test]
fn a_folder_in_use_is_refused_and_tokens_are_made_through_whoever_holds_it() {
    let told = Told::start();
    let mut serve = told.command("serve --listen 127.0.0.1:0 --data data");
    let output = serve.output().unwrap();
    assert_eq!(output.status.code(), Some(2));
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(said.contains("is in use") && said.contains("help:"), "{said}");
    let taken = told.daemon.url().replace("http://", "");
    let output = told.command(&format!("serve --listen {taken} --data other")).output().unwrap();
    assert_eq!(output.status.code(), Some(2));
    assert!(!told.home.path().join("other").exists(), "an address that is taken must not make a data folder");
}

/// A process that does not outlive its test.
struct Guarded(Child);

impl Drop for Guarded {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Shows S2-1.3c, S2-2.1e.
#[test]
fn a_tail_goes_on_behind_the_last_event_when_the_daemon_comes_back() {
    let mut told = Told::start();
    let run = told.run("runs start gate --input {\"door\":1}").ok().trim().to_owned();
    let mut tail = told.command("tail --after 0 --types run.* --output json");
    let mut tail = Guarded(tail.stdout(Stdio::piped()).spawn().unwrap());
    let frames = BufReader::new(tail.0.stdout.take().unwrap()).lines();
    let mut frames = frames.map(|line| serde_json::from_str::<Value>(&line.unwrap()).unwrap());
    assert_eq!(frames.next().unwrap()["type"], "run.created");
    told.approval();

    assert_eq!(told.daemon.stop().code(), Some(0), "SIGTERM ends it in good order");
    let port = told.daemon.url().rsplit(':').next().unwrap().parse().unwrap();
    let _again = Guarded(told.home.command(port).spawn().unwrap());
    told.daemon.wait_until_ready(&told.home);
    told.run(&format!("runs cancel {run}")).ok();

    let after = frames.take_while(|frame| frame["type"] != "run.cancelled");
    let of_runs: Vec<Value> = after.filter(|frame| frame["sequence"].is_string()).collect();
    assert!(
        of_runs.iter().all(|frame| frame["type"] != "run.created"),
        "the beginning came twice: {of_runs:?}"
    );
}

const BRANCHES: &str = "ghostlight: 1
name: branches
context: { team: nobody }
nodes:
  fan: { type: parallel, branches: { left: [one], right: [ask, two] } }
  one: { type: transform, value: { team: $context.team } }
  ask: { type: human_gate, action: Go on? }
  two: { type: transform, value: { n: 2 } }
output: $one.team
";

/// Shows S1-4.3g.
#[test]
fn branches_are_shown_with_those_that_are_done_on_one_line_and_a_run_is_given_its_context() {
    let told = Told::start();
    told.home.workflow("branches", BRANCHES);
    let file = "config/workflows/branches.yaml";
    let run = told.run(&format!("runs start {file} --context {{\"team\":\"shop\"}}")).ok().trim().to_owned();
    let approval = told.approval();
    let shown = told.run(&format!("runs show {run}")).ok();
    assert!(shown.contains("branches done: fan.left\n"), "{shown}");
    let right = shown.lines().find(|line| line.starts_with("fan.right")).unwrap_or_default();
    assert!(right.contains("0 of 2") && right.contains("1 waiting"), "{shown}");
    told.run(&format!("approvals approve {approval}")).ok();
    told.home.workflow("context", "{\"team\": \"sea\"}");
    let context = told.home.path().join("config/workflows/context.yaml");
    let ended = told.run(&format!("run {file} --yes --context @{}", context.display())).ok();
    assert_eq!(ended.trim(), "\"sea\"");
    let wrong = told.run(&format!("run {file} --context [1]"));
    assert_eq!(wrong.code, 2, "{}", wrong.err);
}

#[test]
fn what_was_typed_wrong_is_told_with_what_could_be_meant_and_which_command_shows_it() {
    let told = Told::start();
    for line in ["run gat", "runs start gat", "workflows show gat"] {
        let wrong = told.run(line);
        assert_eq!(wrong.code, 4, "{line}: {}", wrong.err);
        assert!(
            wrong.err.contains("there is no workflow `gat`; did you mean `gate`?"),
            "{line}: {}",
            wrong.err
        );
        assert!(
            wrong.err.contains("`ghostlight workflows list`") && !wrong.err.contains("/api/"),
            "{line}: {}",
            wrong.err
        );
    }

    told.home.workflow("needs", "ghostlight: 1\nname: needs\ninput: { type: object, required: [who, at], properties: { who: { type: string }, at: { type: object, required: [n], properties: { n: { type: integer } } } } }\nnodes: { a: { type: transform, value: $input.who } }\n");
    let file = "config/workflows/needs.yaml";
    told.run(&format!("workflows save {file}")).ok();
    for (workflow, verb) in [(file, "run"), ("needs", "runs start")] {
        let wrong = told.run(&format!("{verb} {workflow} --input {{\"at\":{{}}}}"));
        assert_eq!(wrong.code, 2, "{}", wrong.err);
        assert!(
            wrong.err.contains("input/who: is missing") && wrong.err.contains("input/at/n: is missing"),
            "{}",
            wrong.err
        );
        let (_, example) = wrong.err.split_once("--input '").unwrap();
        assert!(
            wrong.err.contains(&format!("for example: ghostlight {verb} {workflow} --input")),
            "{}",
            wrong.err
        );
        let input: Value = serde_json::from_str(example.split('\'').next().unwrap()).unwrap();
        assert_eq!(input, serde_json::json!({ "who": "…", "at": { "n": 1 } }));
        // The example is one: with it, the run starts.
        told.run(&format!("{verb} {workflow} --input {input}")).ok();
    }
}

#[test]
fn a_run_that_waits_says_for_what_and_one_that_is_cancelled_what_has_to_end_before() {
    let told = Told::start();
    let nodes = "{ asked: { type: wait, signal: { name: go } }, nap: { type: agent_call, agent: sleep, input: { for: 1h } } }";
    told.home.workflow("waits", &format!("ghostlight: 1\nname: waits\nnodes: {nodes}\n"));
    told.run("workflows save config/workflows/waits.yaml").ok();
    let run = told.run("runs start waits").ok().trim().to_owned();
    let listed = || told.run("runs list --workflow waits --output json").json()["items"][0].clone();
    let both = || told.run(&format!("runs show {run} --output json")).json();
    let is_under_way = |steps: &Value| {
        let steps = steps["steps"].as_array().cloned().unwrap_or_default();
        steps.iter().any(|step| step["path"] == "nap" && step["status"] == "running")
    };
    assert!((0..1_000).any(|_| is_under_way(&both())), "the nap begins");
    assert!((0..1_000).any(|_| listed()["waits_for"] == serde_json::json!(["signal"])), "{}", listed());
    assert_eq!(both()["waits_for"], serde_json::json!(["signal"]));
    assert!(told.run("runs list --workflow waits").ok().contains("signal"));
    let asked = told.run(&format!("runs cancel {run}")).ok();
    assert!(
        asked.contains("asked to cancel: 1 attempt has to end") || asked.contains("the run is"),
        "{asked}"
    );
}

#[test]
fn the_beginning_of_an_approvals_id_is_enough() {
    let told = Told::start();
    told.run("runs start gate --input {\"door\":1}").ok();
    let approval = told.approval();
    let shown = told.run(&format!("approvals show {}", &approval[..13])).ok();
    assert!(shown.contains(&approval), "{shown}");
    let none = told.run("approvals approve ffff");
    assert!(none.code == 4 && none.err.contains("no approval begins with `ffff`"), "{}", none.err);
    told.run(&format!("approvals approve {}", &approval[..13])).ok();
}

#[test]
fn the_beginning_of_an_id_is_enough_when_no_other_run_begins_so() {
    let told = Told::start();
    let first = told.run("runs start gate --input {\"door\":1}").ok().trim().to_owned();
    let beginning = &first[..13];
    let shown = told.run(&format!("runs show {beginning}")).ok();
    assert!(shown.contains(&first), "{shown}");
    let second = told.run("runs start gate --input {\"door\":2}").ok().trim().to_owned();
    let common = &first[..4];
    assert!(second.starts_with(common), "ids of one day begin alike");
    let both = told.run(&format!("runs show {common}"));
    assert_eq!(both.code, 4, "{}", both.err);
    assert!(both.err.contains(&first) && both.err.contains(&second), "{}", both.err);
    for (line, says) in [
        ("runs show 01a", "neither the id of a run"),
        ("runs show helo", "neither the id of a run"),
        ("runs show ffff", "no run begins with `ffff`"),
    ] {
        let none = told.run(line);
        assert_eq!(none.code, 4, "{}", none.err);
        assert!(none.err.contains(says) && none.err.contains("ghostlight runs list"), "{}", none.err);
    }
    told.run(&format!("runs cancel {first}")).ok();
    let tree = told.run("tree").ok();
    assert!(tree.contains(&format!("{second}  gate")), "{tree}");
    assert!(tree.contains("partitions without runs: --all shows them"), "{tree}");
    let all = told.run("tree --all").ok();
    assert!(all.matches("── ● router").count() > tree.matches("── ● router").count(), "{all}");
}

#[test]
fn the_files_of_agents_are_read_again_and_each_is_told_with_its_mistakes_at_their_places() {
    let told = Told::start();
    told.home.agent("helper", "ghostlight: 1\nname: helper\nkind: builtin\nbuiltin: noop\n");
    told.home.agent("broken", "ghostlight: 1\nname: broken\nkind: builtin\nbuiltin: nop\n");
    let refused = told.run("agents reload");
    assert_eq!(refused.code, 2, "{}", refused.err);
    assert!(
        refused.out.lines().any(|line| line.contains("helper.yaml") && line.contains("added")),
        "{}",
        refused.out
    );
    assert!(refused.out.contains("broken.yaml:4:10: error[GL"), "{}", refused.out);
    told.home.agent("broken", "ghostlight: 1\nname: broken\nkind: builtin\nbuiltin: noop\n");
    let files = told.run("agents reload --output json").json();
    let outcomes: Vec<_> = files["items"]
        .as_array()
        .unwrap()
        .iter()
        .map(|file| (file["file"].as_str().unwrap(), file["outcome"].as_str().unwrap()))
        .collect();
    assert_eq!(outcomes, [("broken.yaml", "added"), ("helper.yaml", "unchanged")]);
    assert!(told.run("agents reload helper").ok().contains("enabled"));
    assert_eq!(told.run("agents reload nobody").code, 4);
}
