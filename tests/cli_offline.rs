//! The verbs that need no daemon, through the real program: what they print, and the exit codes that scripts rely on.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test says by panicking what is wrong")]

use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use serde_json::Value;
use tempfile::TempDir;

struct Folder {
    dir: TempDir,
}

struct Ended {
    code: i32,
    out: String,
    err: String,
}

impl Folder {
    fn new() -> Self {
        Self { dir: tempfile::tempdir().unwrap() }
    }

    fn path(&self) -> &Path {
        self.dir.path()
    }

    fn write(&self, name: &str, text: &str) -> PathBuf {
        let path = self.path().join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, text).unwrap();
        path
    }

    fn command(&self, line: &str) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_ghostlight"));
        command.current_dir(self.path()).args(line.split_whitespace()).stdin(Stdio::null());
        for (name, _) in std::env::vars().filter(|(name, _)| name.starts_with("GHOSTLIGHT_")) {
            command.env_remove(name);
        }
        command
    }

    /// Runs the program in this folder.
    fn run(&self, line: &str) -> Ended {
        ended(self.command(line).output().unwrap())
    }
}

fn ended(output: Output) -> Ended {
    let text = |bytes| String::from_utf8(bytes).unwrap();
    Ended { code: output.status.code().unwrap(), out: text(output.stdout), err: text(output.stderr) }
}

const GOOD: &str = "ghostlight: 1\nname: good\nnodes:\n  a: { type: agent_call, agent: noop }\n";
const BAD: &str = "ghostlight: 1\nname: bad\nnodes:\n  a: { type: agent_call, agent: noop, needs: [b] }\n";

#[test]
fn check_draws_mistakes_at_their_place_and_ends_with_2() {
    let folder = Folder::new();
    folder.write("good.yaml", GOOD);
    folder.write("bad.yaml", BAD);
    let good = folder.run("check good.yaml");
    assert_eq!((good.code, good.out.trim()), (0, "✓ 1 file: no mistakes"), "{}", good.err);
    let bad = folder.run("check good.yaml bad.yaml");
    assert_eq!(bad.code, 2);
    assert!(bad.out.contains("error[GL0304]") && bad.out.contains("bad.yaml:4:"), "{}", bad.out);
    assert!(!bad.out.contains('\u{1b}'), "colours are for terminals");
}

/// Shows S3-5j.
#[test]
fn check_prints_one_list_of_diagnostics_as_json() {
    let folder = Folder::new();
    folder.write("good.yaml", GOOD);
    folder.write("bad.yaml", BAD);
    folder.write("agent.toml", "ghostlight = 1\nname = \"a\"\nkind = \"comand\"\n");
    let ended = folder.run("check --output json good.yaml bad.yaml agent.toml");
    assert_eq!(ended.code, 2);
    let list: Vec<Value> = serde_json::from_str(&ended.out).unwrap();
    let files: Vec<_> = list.iter().map(|row| row["file"].as_str().unwrap()).collect();
    assert!(
        files.contains(&"bad.yaml") && files.contains(&"agent.toml") && !files.contains(&"good.yaml"),
        "{files:?}"
    );
    for row in &list {
        let keys: Vec<_> = row.as_object().unwrap().keys().map(String::as_str).collect();
        for key in [
            "file",
            "severity",
            "code",
            "message",
            "path",
            "line",
            "column",
            "end_line",
            "end_column",
            "help",
        ] {
            assert!(keys.contains(&key), "{key} is not in {row}");
        }
        assert!(row["line"].as_u64().unwrap() > 0);
    }
    assert_eq!(folder.run("check --output json good.yaml").out.trim(), "[]");
}

#[test]
fn check_knows_agents_when_it_is_told_where_they_are() {
    let folder = Folder::new();
    folder.write("w.yaml", "ghostlight: 1\nname: w\nnodes:\n  a: { type: agent_call, agent: nope }\n");
    assert_eq!(folder.run("check w.yaml").code, 0);
    folder.write("agents/other.yaml", "ghostlight: 1\nname: noper\nkind: builtin\nbuiltin: noop\n");
    let ended = folder.run("check --agents agents w.yaml");
    assert_eq!(ended.code, 2);
    assert!(ended.out.contains("GL0501") && ended.out.contains("did you mean `noper`?"), "{}", ended.out);
}

/// The nearest name would lead astray where the file is there.
#[test]
fn check_says_which_file_is_to_define_an_agent_that_nobody_is() {
    let folder = Folder::new();
    folder.write("w.yaml", "ghostlight: 1\nname: w\nnodes:\n  a: { type: agent_call, agent: noper }\n");
    folder.write("agents/other.yaml", "ghostlight: 1\nname: noper\nkind: builtin\nbuiltin: nope\n");
    let ended = folder.run("check --agents agents w.yaml");
    assert_eq!(ended.code, 2);
    assert!(ended.out.contains("the file `other.yaml` is to define it and has mistakes"), "{}", ended.out);
}

/// Without agents nobody knows who writes, so that such a strategy needs every effect declared.
#[test]
fn check_refuses_a_strategy_that_might_cut_off_a_write_until_effects_or_agents_are_known() {
    let folder = Folder::new();
    let workflow = |call: &str| {
        format!(
            "ghostlight: 1\nname: w\nsupervision: {{ strategy: one_for_all }}\nnodes:\n  a: {{ type: agent_call, {call} }}\n"
        )
    };
    folder.write("w.yaml", &workflow("agent: mailer"));
    folder.write("declared.yaml", &workflow("agent: mailer, effect: read"));
    folder.write(
        "agents/mailer.yaml",
        "ghostlight: 1\nname: mailer\nkind: http\nurl: https://mail.example/x\n",
    );
    let unknown = folder.run("check w.yaml");
    assert_eq!(unknown.code, 2);
    assert!(unknown.out.contains("GL0507") && unknown.out.contains("w.yaml:5:33"), "{}", unknown.out);
    assert!(unknown.out.contains("declare its `effect`"), "{}", unknown.out);
    assert_eq!(folder.run("check declared.yaml").code, 0);
    for file in ["w.yaml", "declared.yaml"] {
        let writes = folder.run(&format!("check --agents agents {file}"));
        assert_eq!(writes.code, 2, "{}", writes.out);
        assert!(writes.out.contains("agent `mailer` is a `write`"), "{}", writes.out);
    }
    folder.write(
        "agents/mailer.yaml",
        "ghostlight: 1\nname: mailer\nkind: http\nurl: https://mail.example/x\neffect: idempotent\n",
    );
    assert_eq!(folder.run("check --agents agents w.yaml").code, 0);
}

#[test]
fn the_shipped_files_have_no_mistakes() {
    let folder = Folder::new();
    let config = Path::new(env!("CARGO_MANIFEST_DIR")).join("config");
    let mut command = folder.command("check --agents");
    command.arg(config.join("agents"));
    for part in ["agents", "workflows"] {
        command.args(std::fs::read_dir(config.join(part)).unwrap().map(|entry| entry.unwrap().path()));
    }
    let ended = ended(command.output().unwrap());
    assert_eq!(ended.code, 0, "{}", ended.out);
    let settings =
        folder.command("config check --config").arg(config.join("ghostlight.toml")).output().unwrap();
    assert!(settings.status.success());
}

#[test]
fn what_cannot_be_read_or_understood_is_wrong_usage() {
    let folder = Folder::new();
    folder.write("bad.yaml", BAD);
    folder.write("good.yaml", GOOD);
    folder.write("config/ghostlight.toml", "[server]\nlissten = \"127.0.0.1:1\"\n");
    for (line, said) in [
        ("check missing.yaml", "cannot read missing.yaml"),
        ("check file.txt", "does not end in"),
        ("plan bad.yaml", "GL0304"),
        ("run bad.yaml", "GL0304"),
        ("run good.yaml --input {", "is not JSON"),
        ("explain run_stat", "did you mean `run_state`?"),
        ("serve", "did you mean `server.listen`?"),
        ("config check", "config/ghostlight.toml:2"),
        ("serve --config missing.toml", "cannot read missing.toml"),
        ("runs list --server ftp://x", "must begin with http"),
        ("store verify --data nowhere", "there is no store"),
        ("token create --data d --config bad.yaml", "bad.yaml:1"),
        ("nonsense", "unrecognized subcommand"),
    ] {
        let ended = folder.run(line);
        assert_eq!(ended.code, 2, "{line}: {}", ended.err);
        assert!((ended.err + &ended.out).contains(said), "{line}");
    }
    assert!(!folder.path().join("ghostlight-data").exists(), "a mistake must not make a data folder");
}

#[test]
fn a_server_that_is_not_there_is_3() {
    let folder = Folder::new();
    for line in
        ["runs list", "approvals list", "tail", "tree", "agents list", "workflows show x", "token list"]
    {
        let ended = folder.run(&format!("{line} --server http://127.0.0.1:9"));
        assert_eq!(ended.code, 3, "{line}: {}", ended.err);
        assert!(
            ended.out.is_empty() && ended.err.contains("no daemon answers at http://127.0.0.1:9"),
            "{}",
            ended.err
        );
    }
}

#[test]
fn settings_come_from_the_file_and_the_environment_and_an_unknown_variable_is_refused() {
    let folder = Folder::new();
    folder.write("config/ghostlight.toml", "[runs]\nslots = 9\n");
    let dumped =
        folder.command("config dump --origin").env("GHOSTLIGHT_LOG__FILTER", "warn").output().unwrap();
    let dumped = ended(dumped);
    assert_eq!(dumped.code, 0);
    assert!(dumped.out.contains("slots = 9  # file"), "{}", dumped.out);
    assert!(dumped.out.contains("filter = \"warn\"  # GHOSTLIGHT_LOG__FILTER"));
    let wrong = ended(folder.command("config dump").env("GHOSTLIGHT_LOG__FILTR", "warn").output().unwrap());
    assert_eq!(wrong.code, 2);
    assert!(wrong.err.contains("did you mean `GHOSTLIGHT_LOG__FILTER`?"), "{}", wrong.err);
}

/// Shows S3-2h.
#[test]
fn a_plan_is_shown_without_running_anything() {
    let folder = Folder::new();
    folder.write("good.yaml", GOOD);
    let ended = folder.run("plan good.yaml --output json");
    assert_eq!(ended.code, 0);
    let plan: Value = serde_json::from_str(&ended.out).unwrap();
    for key in ["definition_hash", "nodes", "levels", "critical_path", "makespan_ms", "width", "risk"] {
        assert!(plan.get(key).is_some(), "{key}");
    }
    assert!(folder.run("plan good.yaml --output yaml").out.contains("critical_path"));
    let one = folder.run("plan good.yaml").out;
    assert!(one.contains("at once        1 step\n") && !one.contains("takes"), "{one}");
    folder.write(
        "two.yaml",
        "ghostlight: 1\nname: two\nnodes:\n  a: { type: agent_call, agent: noop, estimate: 2s }\n  b: { type: agent_call, agent: noop }\n",
    );
    let two = folder.run("plan two.yaml").out;
    assert!(two.contains("up to 2 steps") && two.contains("at least 2.0 s"), "{two}");
    assert!(!two.contains("by slots"), "one number says no more than the critical path: {two}");
    folder.write(
        "three.yaml",
        "ghostlight: 1\nname: three\nnodes:\n  a: { type: agent_call, agent: noop, estimate: 2s }\n  b: { type: agent_call, agent: noop, estimate: 1s }\n  c: { type: agent_call, agent: noop, estimate: 1s }\n",
    );
    let three = folder.run("plan three.yaml").out;
    assert!(three.contains("by slots       1: 4.0 s, 2: 2.0 s\n"), "{three}");
}

#[test]
fn codes_are_explained_and_scripts_and_documents_printed() {
    let folder = Folder::new();
    assert!(folder.run("explain gl0307").out.contains("cycle"));
    assert!(folder.run("explain run_state").out.contains("HTTP 409"));
    assert!(folder.run("explain").out.lines().count() > 50);
    assert!(folder.run("completion bash").out.contains("complete -F"));
    let document: Value = serde_json::from_str(&folder.run("openapi").out).unwrap();
    assert!(document["openapi"].as_str().unwrap().starts_with("3.1"));
}

#[test]
fn a_run_is_carried_without_a_daemon_and_ends_with_its_outcome() {
    let folder = Folder::new();
    folder.write("good.yaml", GOOD);
    folder.write(
        "gate.yaml",
        "ghostlight: 1\nname: gate\nnodes:\n  g: { type: human_gate, action: Go, risk: low }\n  a: { type: agent_call, agent: noop, needs: [g], input: { n: 1 } }\noutput: $a.n\n",
    );
    folder.write("fails.yaml", "ghostlight: 1\nname: fails\nnodes:\n  a: { type: agent_call, agent: fail, input: { class: data } }\n");
    let data = "--data d --config settings.toml";
    folder.write("settings.toml", "[data]\nsegment_bytes = \"1MiB\"\n");
    let gate = folder.run(&format!("run gate.yaml --yes --watch {data}"));
    assert_eq!((gate.code, gate.out.trim()), (0, "2"), "{}", gate.err);
    assert!(gate.err.contains("approved by local") && gate.err.contains("completed"), "{}", gate.err);
    let fails = folder.run(&format!("run fails.yaml {data}"));
    assert_eq!((fails.code, fails.out.as_str()), (1, ""), "{}", fails.err);
    let whole = folder.run(&format!("run fails.yaml --output json {data}"));
    assert_eq!(whole.code, 1);
    assert_eq!(serde_json::from_str::<Value>(&whole.out).unwrap()["status"], "failed");
    let unknown = folder.run(&format!("run nobody {data}"));
    assert_eq!(unknown.code, 4, "{}", unknown.err);

    let verified = folder.run("store verify --data d --output json");
    assert_eq!(verified.code, 0);
    assert_eq!(serde_json::from_str::<Value>(&verified.out).unwrap()["sound"], true);
    // The folder is found like every other verb finds it: by the file, by the environment.
    assert_eq!(folder.run("store verify").code, 2, "there is no folder of the default name");
    folder.write("where.toml", "[data]\ndir = \"d\"\n");
    assert_eq!(folder.run("store verify --config where.toml").code, 0);
    let told = folder.command("store verify").env("GHOSTLIGHT_DATA__DIR", "d").output().unwrap();
    assert_eq!(told.status.code(), Some(0));
    assert_eq!(folder.run("store verify --config where.toml --data nowhere").code, 2);
}

#[test]
fn tokens_are_made_and_revoked_on_the_folder_that_no_daemon_holds() {
    let folder = Folder::new();
    folder.write("good.yaml", GOOD);
    let made = folder.run("token create --data d --label ci --expires 90d");
    assert_eq!(made.code, 0);
    assert!(made.out.starts_with("glt_") && made.out.lines().count() == 1, "stdout is the token alone");
    let list: Value = serde_json::from_str(&folder.run("token list --data d --output json").out).unwrap();
    let token = &list["items"][0];
    assert_eq!((token["label"].as_str(), token["accepted"].as_bool()), (Some("ci"), Some(true)));
    assert!(!list.to_string().contains(made.out.trim()));
    // A run in this process has the folder, and so needs no token.
    assert_eq!(folder.run("run good.yaml --data d").code, 0);
    assert_eq!(folder.run(&format!("token revoke --data d {}", token["id"].as_str().unwrap())).code, 0);
    assert_eq!(folder.run("token revoke --data d 01980c8e-2f4e-7c1a-9d5b-3a8f1c2e4b6d").code, 4);
    assert_eq!(folder.run("token create --data d --expires soon").code, 2);
    let list: Value = serde_json::from_str(&folder.run("token list --data d --output json").out).unwrap();
    assert!(list["items"].as_array().unwrap().iter().all(|token| token["accepted"] == false));
    // A folder that is named is meant, whatever daemon a variable names.
    let mut elsewhere = folder.command("token create --data d");
    let made = ended(elsewhere.env("GHOSTLIGHT_SERVER", "http://127.0.0.1:9").output().unwrap());
    assert!(made.out.starts_with("glt_"), "{}", made.err);
    // As every hint says it: without a label.
    assert!(folder.run("token create --data d").out.starts_with("glt_"));
}

#[test]
fn damage_is_found_and_is_1() {
    let folder = Folder::new();
    folder.write("good.yaml", GOOD);
    folder.write("settings.toml", "[data]\nsegment_bytes = \"1MiB\"\n");
    assert_eq!(folder.run("run good.yaml --data d --config settings.toml").code, 0);
    let journal = folder.path().join("d/journal");
    let segment = std::fs::read_dir(journal).unwrap().next().unwrap().unwrap().path();
    let mut bytes = std::fs::read(&segment).unwrap();
    let at = bytes
        .windows(11)
        .position(|window| window == b"definition\"")
        .expect("a record names its definition");
    bytes[at] ^= 1;
    std::fs::write(&segment, bytes).unwrap();
    let ended = folder.run("store verify --data d");
    assert_eq!(ended.code, 1, "{}{}", ended.out, ended.err);
}

#[test]
fn serve_refuses_what_it_cannot_use_with_2_and_the_reason() {
    let folder = Folder::new();
    folder.write("good.yaml", GOOD);
    for (line, said) in [
        ("serve --data d --listen 0.0.0.0:0", "there is no token"),
        ("serve --data d --listen 127.0.0.1:0 --behind-proxy", "behind a proxy a token is needed"),
        ("serve --data good.yaml --listen 127.0.0.1:0", "good.yaml"),
    ] {
        let ended = folder.run(line);
        assert_eq!(ended.code, 2, "{line}: {}", ended.err);
        assert!(ended.err.contains(said), "{line}: {}", ended.err);
    }
    // A newer format: nothing of it is changed.
    let manifest = folder.path().join("d/manifest.json");
    let mut newer: Value = serde_json::from_slice(&std::fs::read(&manifest).unwrap()).unwrap();
    newer["format"] = 99.into();
    let newer = newer.to_string();
    std::fs::write(&manifest, &newer).unwrap();
    let ended = folder.run("serve --data d --listen 127.0.0.1:0");
    assert_eq!(ended.code, 2);
    assert!(ended.err.contains("format 99") && ended.err.contains("help:"), "{}", ended.err);
    assert_eq!(std::fs::read_to_string(&manifest).unwrap(), newer);
}

#[cfg(feature = "chaos")]
#[test]
fn a_daemon_does_not_strike_its_own_actors_unless_it_is_switched_on_and_nobody_else_reaches_it() {
    let folder = Folder::new();
    for (line, enabled, said) in [
        ("serve --listen 127.0.0.1:0 --chaos 1/s", "false", "`chaos.enabled` is not switched on"),
        ("serve --listen 0.0.0.0:0 --chaos 1/s", "true", "can be reached from other machines"),
        (
            "serve --listen 127.0.0.1:0 --behind-proxy --chaos 1/s",
            "true",
            "can be reached from other machines",
        ),
        ("serve --listen 127.0.0.1:0 --chaos often", "true", "is no rate"),
    ] {
        let mut serve = folder.command(line);
        let refused = ended(serve.env("GHOSTLIGHT_CHAOS__ENABLED", enabled).output().unwrap());
        assert_eq!(refused.code, 2, "{line}: {}", refused.err);
        assert!(refused.err.contains(said), "{line}: {}", refused.err);
        assert!(!folder.path().join("ghostlight-data").exists(), "{line}");
    }
}

#[cfg(not(feature = "chaos"))]
#[test]
fn chaos_is_refused_by_a_binary_that_was_built_without_it() {
    let folder = Folder::new();
    let mut serve = folder.command("serve --listen 127.0.0.1:0");
    let refused = ended(serve.env("GHOSTLIGHT_CHAOS__ENABLED", "true").output().unwrap());
    assert_eq!(refused.code, 2);
    assert!(refused.err.contains("built without the feature `chaos`"), "{}", refused.err);
    assert!(!folder.path().join("ghostlight-data").exists());
}
