//! What is kept in versions, on the command line: through the real program on both sides.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test says by panicking what is wrong")]

mod harness;

use std::process::{Command, Stdio};

use harness::{Daemon, Home};
use serde_json::{Value, json};

const ONE: &str = "ghostlight: 1\nname: one\ndescription: First\nnodes:\n  a: { type: agent_call, agent: noop, input: { n: 1 } }\n";

struct Told {
    home: Home,
    daemon: Daemon,
}

impl Told {
    fn start() -> Self {
        let home = Home::new();
        let daemon = Daemon::start(&home);
        Self { home, daemon }
    }

    fn write(&self, file: &str, text: &str) {
        std::fs::write(self.home.path().join(file), text).unwrap();
    }

    /// Runs a line, whose words are separated by spaces, and answers its exit code, its output and its messages.
    fn run(&self, line: &str) -> (i32, String, String) {
        let mut command = Command::new(env!("CARGO_BIN_EXE_ghostlight"));
        command.current_dir(self.home.path()).args(line.split_whitespace()).stdin(Stdio::null());
        for (name, _) in std::env::vars().filter(|(name, _)| name.starts_with("GHOSTLIGHT_")) {
            command.env_remove(name);
        }
        let output = command.env("GHOSTLIGHT_SERVER", self.daemon.url()).output().unwrap();
        let text = |bytes| String::from_utf8(bytes).unwrap();
        (output.status.code().unwrap(), text(output.stdout), text(output.stderr))
    }

    #[track_caller]
    fn ok(&self, line: &str) -> String {
        let (code, out, err) = self.run(line);
        assert_eq!(code, 0, "{line}: {err}");
        out
    }

    #[track_caller]
    fn json(&self, line: &str) -> Value {
        serde_json::from_str(&self.ok(&format!("{line} --output json"))).unwrap()
    }

    #[track_caller]
    fn refused(&self, line: &str, code: i32) -> String {
        let (found, _, err) = self.run(line);
        assert_eq!(found, code, "{line}: {err}");
        err
    }
}

/// Shows S3-1a, S3-1c.
#[test]
fn versions_are_saved_listed_compared_and_rolled_back() {
    let told = Told::start();
    told.write("one.yaml", ONE);
    assert_eq!(told.ok("workflows save one.yaml --message first").trim(), "one version 1");
    assert!(told.ok("workflows save one.yaml").contains("was there already"));
    told.write("one.yaml", &ONE.replace("n: 1", "n: 2"));
    told.ok("workflows save one.yaml --message more");

    let versions = told.ok("workflows versions one");
    assert!(
        versions.contains("more") && versions.contains("first") && versions.contains("local"),
        "{versions}"
    );
    let diff = told.ok("workflows diff one");
    assert!(diff.contains("~ node a") && diff.contains("/nodes/a/input/n: 1 → 2"), "{diff}");
    assert_eq!(told.json("workflows diff one --from 2 --to 1")["nodes"]["changed"][0]["changes"][0]["to"], 1);
    assert_eq!(told.ok("workflows rollback one --to 1").trim(), "one version 3 is version 1 again");
    assert_eq!(told.json("workflows versions one")["items"][0]["message"], "back to version 1");

    assert!(told.ok("workflows delete one").contains("workflows restore one"));
    assert!(told.refused("runs start one", 4).contains("workflow_deleted"));
    assert!(told.ok("workflows show one --version 2").contains("n: 2"));
    assert!(told.ok("workflows restore one").contains("version 3"));
    let unknown = told.refused("workflows versions onee", 4);
    assert!(unknown.contains("did you mean `one`?") && unknown.contains("unknown_workflow"), "{unknown}");
}

/// Shows S1-4.1d, S2-5.3a.
#[test]
fn a_plan_of_a_name_says_which_rule_a_start_would_follow() {
    let told = Told::start();
    told.write("one.yaml", ONE);
    told.ok("workflows save one.yaml");
    let rules =
        ONE.replace("name: one", "name: pick\nselectors: [{when: 'labels.team == \"db\"', workflow: one}]");
    told.write("pick.yaml", &rules);
    told.ok("workflows save pick.yaml");
    let plan = told.ok("plan pick --label team=db --input {\"n\":1}");
    assert!(plan.contains("✓ rule 1 of pick") && plan.contains("one version 1"), "{plan}");
    assert!(told.ok("plan pick --label team=web").contains("no rule matched"));
    let plan = told.json("plan pick --label team=db");
    assert_eq!(
        (&plan["selected"]["workflow"], &plan["selected"]["rule"]),
        (&json!("one"), &json!(1)),
        "{plan}"
    );
    assert!(told.json("plan one").get("selected").is_none());
}

/// Shows S0-5.3d, S2-5.3d.
#[test]
fn a_workflow_is_made_of_a_template_and_nobody_is_asked_where_there_is_no_terminal() {
    let told = Told::start();
    assert!(told.ok("templates list").contains("approval-chain"));
    let made = told.ok("workflows new ship --template approval-chain --param what=Ship --param patience=5m");
    assert!(made.starts_with("ghostlight: 1\nname: ship\n") && made.contains("5m"), "{made}");
    let written = told
        .ok("workflows new ship --template approval-chain --param what=Ship --output-file ship.yaml --save");
    assert!(
        written.contains("ship version 1 is saved") && written.contains("ship.yaml is written"),
        "{written}"
    );
    told.ok("check ship.yaml");
    let again = told
        .refused("workflows new ship --template approval-chain --param what=x --output-file ship.yaml", 2);
    assert!(again.contains("cannot write ship.yaml"), "{again}");
    let missing = told.refused("workflows new x --template approval-chain", 2);
    assert!(missing.contains("GL0716") && missing.contains("`what`"), "{missing}");

    told.write(
        "mine.yaml",
        &told.ok("templates show approval-chain").replace("name: approval-chain", "name: mine"),
    );
    told.ok("check mine.yaml");
    assert_eq!(told.ok("templates save mine.yaml --message ours").trim(), "mine version 1");
    assert!(told.ok("templates versions mine").contains("ours"));
    told.ok("templates delete mine");
    assert!(told.refused("workflows new x --template mine --param what=y", 4).contains("template_deleted"));
    told.ok("templates restore mine");
    told.write("bad.yaml", "ghostlight: 1\nname: bad\nparameters: {type: object, properties: {}}\nnodes: {a: {type: agent_call, agent: '${param.x}'}}\n");
    assert!(told.refused("templates save bad.yaml", 2).contains("GL0712"));
}

#[test]
fn a_workflow_and_a_template_are_made_public_and_private_again() {
    let told = Told::start();
    told.write("one.yaml", ONE);
    told.ok("workflows save one.yaml");
    assert_eq!(told.ok("workflows visibility one public").trim(), "one is public: for everybody");
    let shown = |line: &str| told.json(line)["items"][0]["visibility"].clone();
    assert_eq!(shown("workflows list"), "public");
    assert_eq!(
        told.json("workflows visibility one private"),
        json!({"name": "one", "visibility": "private"})
    );
    assert_eq!(shown("workflows list"), "private");
    assert!(told.refused("workflows visibility onee public", 4).contains("did you mean `one`?"));
    assert!(told.refused("workflows visibility one everybody", 2).contains("private, public"));
    told.ok("templates from-workflow one --param n=/nodes/a/input/n --save");
    assert_eq!(told.ok("templates visibility one public").trim(), "one is public: for everybody");
}

/// Shows S0-5.3d.
#[test]
fn a_template_is_made_of_a_workflow_and_a_workflow_of_that_template() {
    let told = Told::start();
    told.write("one.yaml", ONE);
    told.ok("workflows save one.yaml");
    let made = told.ok("templates from-workflow one --param n=/nodes/a/input/n --name counted");
    assert!(made.contains("name: counted") && made.contains("${param.n}"), "{made}");
    let written = told.ok("templates from-workflow one --param n=/nodes/a/input/n --name counted --save --message why --output-file counted.yaml");
    assert!(
        written.contains("counted version 1 is saved") && written.contains("counted.yaml is written"),
        "{written}"
    );
    assert!(told.ok("templates versions counted").contains("why"));
    let two = told.ok("workflows new two --template counted --param n=5");
    assert!(two.contains("\"n\": 5"), "{two}");
    let wrong = told.refused("templates from-workflow one --param n=/nodes/b", 2);
    assert!(wrong.contains("GL0717") && wrong.contains("/nodes/b"), "{wrong}");
    assert!(told.refused("templates from-workflow one", 2).contains("--param"));
    assert!(told.refused("templates from-workflow onee --param n=/x", 4).contains("did you mean `one`?"));
}

/// Shows S0-5.3d.
#[test]
fn a_bundle_goes_from_one_daemon_to_another_as_a_file() {
    let (from, to) = (Told::start(), Told::start());
    from.write("one.yaml", ONE);
    from.ok("workflows save one.yaml --message why");
    let bundle = from.ok("workflows export one --all-versions");
    to.write("b.json", &bundle);
    let tried = to.ok("workflows import b.json --dry-run");
    assert!(tried.contains("✓ created") && tried.contains("dry run"), "{tried}");
    assert!(to.refused("workflows show one", 4).contains("unknown_workflow"));
    to.ok("workflows import b.json");
    assert_eq!(to.json("workflows versions one")["items"][0]["message"], "why");
    assert!(to.ok("workflows import b.json").contains("○ unchanged"));
    assert!(to.refused("workflows save b.json", 2).contains("workflows import"));
    to.write("b.json", &bundle.replace("nodes", "nodez"));
    assert!(to.refused("workflows import b.json", 2).contains("invalid_bundle"));
}
