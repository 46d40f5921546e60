//! The verbs that work on documents alone, through the real program: formatting, schemas, graphs, compiled forms, explanations.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test says by panicking what is wrong")]

use std::io::Write;
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

    fn read(&self, name: &str) -> String {
        std::fs::read_to_string(self.path().join(name)).unwrap()
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

    /// The same with something on stdin.
    fn run_with(&self, line: &str, input: &str) -> Ended {
        let mut command = self.command(line);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        child.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
        ended(child.wait_with_output().unwrap())
    }
}

fn ended(output: Output) -> Ended {
    let text = |bytes| String::from_utf8(bytes).unwrap();
    Ended { code: output.status.code().unwrap(), out: text(output.stdout), err: text(output.stderr) }
}

const UGLY: &str =
    "# About it\nname: good\nghostlight:   1\nnodes:\n    a: {agent: noop,   type: agent_call}   # calls\n";
const CANONICAL: &str =
    "# About it\nghostlight: 1\nname: good\nnodes:\n  a: { type: agent_call, agent: noop }  # calls\n";

fn repository(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(path)
}

#[test]
fn fmt_changes_files_in_place_and_check_only_names_them() {
    let folder = Folder::new();
    folder.write("ugly.yaml", UGLY);
    folder.write("fine.yaml", CANONICAL);
    let checked = folder.run("fmt --check ugly.yaml fine.yaml");
    assert_eq!((checked.code, folder.read("ugly.yaml").as_str()), (2, UGLY));
    assert!(
        checked.out.contains("would change ugly.yaml") && !checked.out.contains("fine.yaml"),
        "{}",
        checked.out
    );
    let changed = folder.run("fmt ugly.yaml fine.yaml --output json").json();
    assert_eq!(changed, serde_json::json!({"files": 2, "changed": ["ugly.yaml"]}));
    assert_eq!(folder.read("ugly.yaml"), CANONICAL);
    folder.run("fmt --check ugly.yaml fine.yaml").ok();
    let left: Vec<_> = std::fs::read_dir(folder.path()).unwrap().collect();
    assert_eq!(left.len(), 2, "{left:?}");
}

#[test]
fn fmt_without_a_file_takes_those_of_the_configuration() {
    let folder = Folder::new();
    assert_eq!(folder.run("fmt").code, 2);
    folder.write("config/workflows/a.yaml", UGLY);
    folder.write("config/agents/b.yaml", "kind: builtin\nname: b\nghostlight: 1\nbuiltin: noop\n");
    folder.write("config/agents/notes.txt", "not ours");
    folder.run("fmt").ok();
    assert_eq!(folder.read("config/workflows/a.yaml"), CANONICAL);
    assert_eq!(folder.read("config/agents/b.yaml"), "ghostlight: 1\nname: b\nkind: builtin\nbuiltin: noop\n");
}

#[test]
fn fmt_reads_stdin_and_turns_yaml_into_json_and_back() {
    let folder = Folder::new();
    assert_eq!(folder.run_with("fmt -", UGLY).ok(), CANONICAL);
    assert_eq!(folder.run_with("fmt - --check", UGLY).code, 2);
    let refused = folder.run_with("fmt - --to json", UGLY);
    assert_eq!((refused.code, refused.out.as_str()), (2, ""));
    assert!(refused.err.contains("GL0111") && refused.err.contains("--drop-comments"), "{}", refused.err);
    let json = folder.run_with("fmt - --to json --drop-comments", UGLY);
    assert!(json.err.contains("2 left out"), "{}", json.err);
    let json = json.ok();
    assert!(json.starts_with("{\n  \"ghostlight\": 1,\n"), "{json}");
    let yaml = folder.run_with("fmt - --to yaml", &json).ok();
    assert_eq!(yaml, "ghostlight: 1\nname: good\nnodes:\n  a: { type: agent_call, agent: noop }\n");
}

#[test]
fn fmt_refuses_what_it_cannot_keep_and_leaves_the_file_alone() {
    let folder = Folder::new();
    let text = "ghostlight: 1\nname: &n good\nnodes: {}\n";
    folder.write("anchors.yaml", text);
    let refused = folder.run("fmt anchors.yaml");
    assert_eq!((refused.code, folder.read("anchors.yaml").as_str()), (2, text));
    assert!(
        refused.err.contains("error[GL0111]") && refused.err.contains("anchors.yaml:2:"),
        "{}",
        refused.err
    );
}

#[test]
fn what_is_shipped_is_in_its_canonical_form() {
    for folder in ["config/workflows", "config/agents"] {
        for entry in std::fs::read_dir(repository(folder)).unwrap() {
            let file = entry.unwrap().path();
            let checked = Folder::new().run(&format!("fmt --check {}", file.display()));
            assert_eq!(checked.code, 0, "{}", checked.out);
        }
    }
}

#[test]
fn the_schemas_in_config_are_what_the_program_writes_and_shipped_files_name_them() {
    let folder = Folder::new();
    for (kind, files) in [("workflow", "config/workflows"), ("agent", "config/agents")] {
        let written = folder.run(&format!("schema {kind}")).ok();
        let shipped =
            std::fs::read_to_string(repository(&format!("config/schemas/{kind}.json"))).unwrap_or_default();
        assert!(written == shipped, "write it again: ghostlight schema {kind} > config/schemas/{kind}.json");
        for entry in std::fs::read_dir(repository(files)).unwrap() {
            let text = std::fs::read_to_string(entry.unwrap().path()).unwrap();
            let line = format!("# yaml-language-server: $schema=../schemas/{kind}.json\n");
            assert!(text.starts_with(&line), "{text}");
        }
    }
}

#[test]
fn a_file_is_drawn_in_every_format_and_only_saved_workflows_have_versions() {
    let folder = Folder::new();
    let file = folder.write("good.yaml", CANONICAL);
    for (format, begins) in [
        ("svg", "<svg "),
        ("dot", "digraph \"good\""),
        ("mermaid", "flowchart TD"),
        ("text", "good: 1 node, 1 level"),
    ] {
        let picture = folder.run(&format!("workflows graph {} --format {format}", file.display())).ok();
        assert!(picture.starts_with(begins), "{picture}");
    }
    assert_eq!(folder.run("workflows graph good.yaml --format png").code, 2);
    assert_eq!(folder.run("workflows graph good.yaml --version 1").code, 2);
}

#[test]
fn the_compiled_form_shows_order_parents_bindings_and_the_plan() {
    let folder = Folder::new();
    let text = "ghostlight: 1\nname: w\nchain: [[a, b]]\nnodes:\n  b: { type: agent_call, agent: noop, input: { n: $a.n } }\n  a: { type: agent_call, agent: noop }\n";
    folder.write("w.yaml", text);
    let compiled = folder.run("workflows compile w.yaml --output json").json();
    assert_eq!(
        compiled["nodes"][1]["parents"][0],
        serde_json::json!({"node": "a", "kind": "hard", "when": null, "from": "chain"})
    );
    assert_eq!(compiled["nodes"][1]["bindings"][0]["reads"], "$a.n");
    assert_eq!(compiled["plan"]["critical_path"], serde_json::json!(["a", "b"]));
    let shown = folder.run("workflows compile w.yaml").ok();
    assert!(shown.contains("a by chain") && shown.contains("$a.n"), "{shown}");
    folder.write("bad.yaml", "ghostlight: 1\nname: w\nnodes: {}\n");
    assert_eq!(folder.run("workflows compile bad.yaml").code, 2);
}

#[test]
fn a_code_is_explained_with_an_example_and_the_example_mended() {
    let folder = Folder::new();
    let page = folder.run("explain GL0304").ok();
    for part in
        ["GL0304: unknown_node (error)", "This gives GL0304:", "    nodes:", "Mended:", "needs: [approve]"]
    {
        assert!(page.contains(part), "{part}\n{page}");
    }
    assert!(
        folder.run("explain cycle --output json").json()["page"]
            .as_str()
            .unwrap()
            .starts_with("# GL0307: cycle")
    );
}

#[test]
fn codes_of_failed_steps_are_explained_too() {
    let folder = Folder::new();
    assert!(folder.run("explain success_not_met").ok().contains("`success` of the step"));
    assert_eq!(folder.run("explain exit_3 --output json").json()["code"], "exit_3");
    assert!(folder.run("explain").ok().contains("success_not_met"));
    assert!(folder.run("explain sucess_not_met").err.contains("success_not_met"));
}

#[test]
fn check_takes_folders_and_leaves_out_what_is_not_ours() {
    let folder = Folder::new();
    std::fs::create_dir_all(folder.path().join("flows/deep")).unwrap();
    std::fs::create_dir(folder.path().join("empty")).unwrap();
    folder.write("flows/good.yaml", CANONICAL);
    folder.write("flows/compose.yaml", "services: { web: { image: nginx } }\n");
    folder.write("flows/deep/bad.yaml", "ghostlight: 1\nname: bad\nnodes: {}\n");
    let checked = folder.run("check flows");
    assert_eq!(checked.code, 2, "{}", checked.err);
    assert!(checked.out.contains("deep/bad.yaml") && checked.out.contains("2 files"), "{}", checked.out);
    folder.write("flows/parent.yaml", "ghostlight: 1\nname: parent\nnodes: { a: { type: workflow, workflow: bda }, b: { type: workflow, workflow: bad } }\n");
    let children = folder.run("check flows").out;
    assert_eq!(children.matches("GL0508").count(), 1, "{children}");
    assert!(children.contains("did you mean `bad`?"), "{children}");
    assert!(!folder.run("check flows/parent.yaml").out.contains("GL0508"));
    let empty = folder.run("check empty");
    assert!(empty.code == 2 && empty.err.contains("no workflow, template or agent"), "{}", empty.err);
}

#[test]
fn check_says_that_agents_were_not_looked_at_when_none_are_known() {
    let folder = Folder::new();
    folder.write("good.yaml", CANONICAL);
    let unknown = folder.run("check good.yaml");
    assert!(unknown.code == 0 && unknown.err.contains("--agents DIR"), "{}", unknown.err);
    std::fs::create_dir(folder.path().join("agents")).unwrap();
    assert!(!folder.run("check good.yaml --agents agents").err.contains("--agents"));
}

#[test]
fn a_run_of_a_file_with_an_unknown_agent_is_refused_at_its_place_in_the_file() {
    let folder = Folder::new();
    folder.write("w.yaml", "ghostlight: 1\nname: w\nnodes:\n  a:\n    type: agent_call\n    agent: nop\n");
    let refused = folder.run("run w.yaml --data data");
    assert_eq!(refused.code, 2, "{}", refused.err);
    assert!(
        refused.err.contains("w.yaml:6:12") && refused.err.contains("6 |     agent: nop"),
        "{}",
        refused.err
    );
}
