//! Tests of agent definition files as a whole.

use std::time::Duration;

use serde_json::json;

use super::*;
use crate::diagnostic::{any_error, render};
use crate::failure::{EffectClass, ErrorClass};
use crate::language::{Format, Source};

fn yaml(text: &str) -> CompiledAgent {
    compile(&Source { text, format: Format::Yaml })
}

#[track_caller]
fn valid(text: &str) -> std::sync::Arc<AgentDefinition> {
    let compiled = yaml(text);
    compiled.agent.unwrap_or_else(|| panic!("{}", render("agent.yaml", text, &compiled.diagnostics)))
}

const COMMAND: &str = r#"ghostlight: 1
name: log-analyst
version: 1.2.0
kind: command
description: Clusters log lines and names the new error
capabilities: [log-analysis]
effect: read
input_schema:  { type: object, required: [path] }
output_schema: { type: object, required: [summary] }
timeout: 60s
heartbeat: 20s
limits: { concurrency: 4, output_bytes: 8MiB }
retry: { max_attempts: 3, backoff: exponential, initial: 1s, max: 30s }
cost: { per_call: "0.001", currency: USD }
labels: { team: platform }
command: [/usr/bin/python3, ./log_analyst.py]
env: { API_KEY: "${env:LOG_API_KEY}" }
sandbox: { level: none }
exit_codes: { 75: transient, 78: configuration }
"#;

#[test]
fn a_command_says_everything_that_is_needed_to_call_it() {
    let agent = valid(COMMAND);
    assert_eq!(agent.name.as_str(), "log-analyst");
    assert_eq!(agent.effect, EffectClass::Read);
    assert_eq!(agent.timeout, Some(Duration::from_secs(60)));
    assert_eq!(agent.limits, Limits { concurrency: Some(4), output_bytes_max: Some(8 << 20) });
    assert_eq!(agent.retry.as_ref().unwrap().max_attempts, 3);
    assert_eq!(agent.cost.as_ref().unwrap().per_call, "0.001");
    assert!(!format!("{:?}", valid(&COMMAND.replace("${env:LOG_API_KEY}", "hunter2"))).contains("hunter2"));
    let AgentKind::Command(call) = &agent.kind else { panic!() };
    assert_eq!(call.words, ["/usr/bin/python3", "./log_analyst.py"]);
    assert_eq!(call.env["API_KEY"].secrets().collect::<Vec<_>>(), [&SecretRef::Env("LOG_API_KEY".into())]);
    assert_eq!(call.exit_codes[&75], ErrorClass::Transient);
    assert!(agent.input_schema.as_ref().unwrap().validate(&serde_json::json!({})).is_err());
}

#[test]
fn an_http_agent_writes_by_default_and_may_name_private_targets() {
    let agent = valid(
        r#"{ghostlight: 1, name: notify, kind: http, url: "https://example.com/hook",
            headers: {Authorization: "Bearer ${file:/run/secrets/token}"}, allow: ["10.0.0.0/8", "db.internal:8080"],
            response: {bytes: 64KiB}, errors: [{status: 409, class: data, retry_safe: true}]}"#,
    );
    assert_eq!(agent.effect, EffectClass::Write);
    let AgentKind::Http(call) = &agent.kind else { panic!() };
    assert_eq!(call.method, HttpMethod::Post);
    assert_eq!(call.response_bytes_max, 64 * 1024);
    assert_eq!(call.allow.len(), 2);
    assert_eq!(call.errors, [StatusRule { status: 409, class: ErrorClass::Data, retry_safe: true }]);
    assert!(call.headers.contains_key("authorization"));
}

#[test]
fn a_built_in_reads_unless_it_says_otherwise() {
    let agent = valid(
        "{ghostlight: 1, name: probe, kind: builtin, builtin: http-probe, allow: [127.0.0.0/8, \"[::1]/128\"]}",
    );
    assert_eq!(agent.effect, EffectClass::Read);
    assert_eq!(
        valid("{ghostlight: 1, name: f, kind: builtin, builtin: fail, effect: write}").effect,
        EffectClass::Write
    );
    for builtin in Builtin::ALL {
        assert_eq!(Builtin::find(builtin.as_str()), Some(builtin));
        let agent = AgentDefinition::of_builtin(builtin);
        let same = compile(&Source { text: &agent.document.to_string(), format: Format::Json });
        assert_eq!(same.agent.unwrap().hash, agent.hash, "{builtin:?}");
    }
}

#[test]
fn a_built_in_agent_takes_what_the_program_says_less_what_its_file_sets_unless_that_has_a_schema() {
    let takes = |text: &str, input| valid(text).takes().unwrap().validate(&input).is_ok();
    let plain = "{ghostlight: 1, name: p, kind: builtin, builtin: http-probe}";
    let with =
        "{ghostlight: 1, name: p, kind: builtin, builtin: http-probe, with: {url: \"https://example.com\"}}";
    let own =
        "{ghostlight: 1, name: p, kind: builtin, builtin: http-probe, input_schema: {required: [host]}}";
    let (nothing, url, typo) = (
        json!({}),
        json!({"url": "https://example.com", "timeout": null}),
        json!({"url": "x", "timout": "1s"}),
    );
    assert_eq!(
        [takes(plain, nothing.clone()), takes(plain, url.clone()), takes(plain, typo.clone())],
        [false, true, false]
    );
    assert_eq!([takes(with, nothing), takes(with, url.clone()), takes(with, typo)], [true, true, false]);
    assert_eq!([takes(own, url), takes(own, json!({"host": "x"}))], [false, true]);
    assert_eq!(valid("{ghostlight: 1, name: n, kind: builtin, builtin: noop}").takes(), None);
    assert!(valid(own).gives().unwrap().validate(&json!({"healthy": true})).is_err());
}

#[test]
fn yaml_toml_and_json_of_one_document_have_the_same_hash() {
    let hash =
        valid("{ghostlight: 1, name: n, kind: builtin, builtin: sleep, with: {ms: 1}, labels: {a: b}}").hash;
    let toml = "ghostlight = 1\nname = \"n\"\nkind = \"builtin\"\nbuiltin = \"sleep\"\n[with]\nms = 1\n[labels]\na = \"b\"\n";
    let json = r#"{"labels":{"a":"b"},"with":{"ms":1},"builtin":"sleep","kind":"builtin","name":"n","ghostlight":1}"#;
    assert_eq!(compile(&Source { text: toml, format: Format::Toml }).agent.unwrap().hash, hash);
    assert_eq!(compile(&Source { text: json, format: Format::Json }).agent.unwrap().hash, hash);
}

#[test]
fn every_mistake_of_an_agent_file_is_named_at_its_place() {
    let documents = [
        "name: X\nkind: comand\n",
        "ghostlight: 1\nname: a\nkind: llm\nmodel: x\n",
        "ghostlight: 1\nname: a\nkind: command\ncommand: python3 x.py\n",
        "ghostlight: 1\nname: a\nkind: command\ncommand: [python3, x.py]\nenv: {\"A B\": x, C: \"${secret:x}\"}\nexit_codes: {0: data, 75: transint}\n",
        "ghostlight: 1\nname: a\nkind: command\ncommand: [ghostlight, x]\nsandbox: {level: full, read: [/var]}\nresources: {cpu: 1s}\ncache: {ttl: 1m}\nlimits: {rate: 30/m, concurency: 3}\n",
        "ghostlight: 1\nname: a\nkind: http\nurl: ftp://x\nallow: [169.254.169.254, \"::/0\", localhost]\nmethod: get\nheaders: {Host: x}\n",
        "ghostlight: 1\nname: a\nkind: http\nurl: https://user:pw@example.com\nerrors: [{status: 99, class: data}, {class: dat}]\nresponse: {bytes: 8}\n",
        "ghostlight: 1\nname: a\nkind: builtin\nbuiltin: http-prob\n",
        "ghostlight: 1\nname: a\nkind: builtin\nbuiltin: noop\nallow: [10.0.0.0/8]\nread: [../x]\ncost: {per_call: 0.1, currency: usd}\n",
        "ghostlight: 1\nname: a\nkind: builtin\nbuiltin: sleep\nwith: {seconds: 1, ms: soon}\n",
        "ghostlight: 1\nname: a\nkind: builtin\nbuiltin: noop\ninput_schema: {type: strin}\ntimeout: 5\nheartbeat: 0s\nretry: {max_attempts: 0, initial: 2s, max: 1s}\n",
        "ghostlight: 1\nname: a\nkind: http\nurl: http://example.com\n",
        "- a\n",
    ];
    let mut shown = String::new();
    for text in documents {
        let compiled = yaml(text);
        assert!(compiled.agent.is_none() && any_error(&compiled.diagnostics), "{text}");
        shown.push_str(&render("agent.yaml", text, &compiled.diagnostics));
        shown.push_str("------\n");
    }
    insta::assert_snapshot!(shown);
}

proptest::proptest! {
    /// Whatever stands in an agent file, compiling it ends without a panic.
    #[test]
    fn no_text_makes_the_compiler_of_agents_panic(at in 0..COMMAND.len(), with in "[\\PC\n]{0,6}", cut in 0_usize..30) {
        let mut text = COMMAND.to_owned();
        let (start, end) = (text.floor_char(at), text.floor_char((at + cut).min(COMMAND.len())));
        text.replace_range(start..end, &with);
        let _ = yaml(&text);
    }
}

trait FloorChar {
    fn floor_char(&self, at: usize) -> usize;
}

impl FloorChar for String {
    fn floor_char(&self, at: usize) -> usize {
        (0..=at).rev().find(|at| self.is_char_boundary(*at)).unwrap_or(0)
    }
}
