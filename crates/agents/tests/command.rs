//! The command protocol, spoken with real programs, most of them hostile. After each attempt nothing of it is alive.

#![allow(clippy::unwrap_used, missing_docs)]

mod support;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use ghostlight_agents::{
    Call, CancelToken, Outcome, Progress, ProgressSink, end_leftovers, progress_channel, sweep,
};
use ghostlight_model::agent::{AgentDefinition, AgentKind, CommandCall, SecretText};
use ghostlight_model::event::Usage;
use ghostlight_model::failure::{EffectClass, ErrorClass, Failure, Happened};
use serde_json::{Value, json};
use support::{House, alive, becomes_empty, call, definition, soon};

fn program(words: &[&str]) -> AgentDefinition {
    definition(AgentKind::Command(CommandCall {
        words: words.iter().map(|word| (*word).to_owned()).collect(),
        dir: None,
        env: BTreeMap::new(),
        exit_codes: BTreeMap::from([(75, ErrorClass::Transient), (78, ErrorClass::Configuration)]),
    }))
}

fn sh(script: &str) -> AgentDefinition {
    program(&["/bin/sh", "-c", script])
}

fn python(script: &str) -> AgentDefinition {
    program(&["/usr/bin/env", "-S", "PATH=/usr/local/bin:/usr/bin:/bin", "python3", "-c", script])
}

fn command_of(definition: &mut AgentDefinition) -> &mut CommandCall {
    let AgentKind::Command(command) = &mut definition.kind else { unreachable!() };
    command
}

/// Makes the call, and proves that it leaves nothing behind.
async fn outcome_of(definition: &AgentDefinition, call: Call) -> Outcome {
    let house = House::new();
    let run = call.run;
    let outcome = house.call(definition, call).await;
    assert_eq!(alive(run), [] as [i32; 0], "left alive");
    assert!(becomes_empty(&house.env.running_dir) && becomes_empty(&house.env.scratch_dir));
    outcome
}

async fn output_of(script: &str) -> Value {
    let answer = outcome_of(&sh(script), call(json!({}))).await.unwrap();
    Arc::unwrap_or_clone(answer.output)
}

async fn failure_of(script: &str) -> Failure {
    outcome_of(&sh(script), call(json!({}))).await.unwrap_err()
}

fn short(class: ErrorClass, code: &str, happened: Happened) -> (ErrorClass, String, Happened) {
    (class, code.to_owned(), happened)
}

fn shortened(failure: Failure) -> (ErrorClass, String, Happened) {
    (failure.class, failure.code, failure.happened)
}

#[tokio::test]
async fn the_program_gets_the_document_on_stdin_and_its_stdout_is_the_output() {
    let call = call(json!({"url": "http://x", "text": "$(rm -rf /) ; `x` ' \""}));
    let answer = outcome_of(&program(&["/bin/cat"]), call.clone()).await.unwrap();
    assert_eq!(answer.output["protocol"], 1);
    assert_eq!(answer.output["input"], *call.input);
    assert_eq!(answer.output["idempotency_key"], call.idempotency_key);
}

/// Shows S3-3k.
#[tokio::test]
async fn typed_lines_carry_progress_and_usage_and_end_with_the_result() {
    let house = House::new();
    let agent = house.agent(&sh(r#"
        echo '{"type":"progress","ratio":0.5,"text":"half"}'
        echo '{"type":"usage","input_tokens":3,"output_tokens":4}'
        echo '{"type":"usage","output_tokens":1}'
        echo 'a complaint' >&2
        echo '{"type":"result","output":{"ok":true}}'
    "#));
    let (sink, mut receiver) = progress_channel();
    let answer = agent.call(call(json!({})), sink, CancelToken::new()).await.unwrap();
    let used = Usage { input_tokens: 3, output_tokens: 5 };
    assert_eq!((&*answer.output, answer.usage), (&json!({"ok": true}), used));
    let mut progress = Vec::new();
    while let Some(said) = receiver.recv().await {
        progress.push(said);
    }
    assert!(matches!(progress[0], Progress::Started { pid } if pid > 1));
    assert_eq!(
        progress[1..],
        [
            Progress::Progress { ratio: Some(0.5), text: "half".into() },
            Progress::Usage(used),
            Progress::StderrTail("a complaint\n".into()),
        ]
    );
}

#[tokio::test]
async fn a_result_line_is_final_and_wins_over_everything_after_it() {
    let script = r#"
        echo '{"type":"result","output":1}'
        echo '{"type":"result","output":2}'
        echo noise
        exit 3
    "#;
    assert_eq!(output_of(script).await, json!(1));
    let script = r#"printf '{"type":"progress"}\n{"type":"result","output":1}'; exit 3"#;
    assert_eq!(output_of(script).await, json!(1), "the last line may lack its end");
}

#[tokio::test]
async fn an_error_line_says_class_and_what_happened() {
    let failure = failure_of(
        r#"echo '{"type":"error","class":"rate_limit","code":"slow","message":"too fast","happened":"no","retry_after":"2s"}'; exit 9"#,
    )
    .await;
    assert_eq!(failure.retry_after_ms, Some(2000));
    assert_eq!(failure.message, "too fast");
    assert_eq!(shortened(failure), short(ErrorClass::RateLimit, "slow", Happened::No));
}

#[tokio::test]
async fn the_exit_status_decides_when_there_is_no_line() {
    use ErrorClass::{AgentBug, Configuration, Transient, Unknown};
    for (script, class, code) in [
        ("exit 0", AgentBug, "no_result"),
        ("exit 75", Transient, "exit_75"),
        ("exit 78", Configuration, "exit_78"),
        ("exit 3", Unknown, "exit_3"),
        ("echo '{\"a\":1}'; exit 3", Unknown, "exit_3"),
        ("echo no json; exit 3", Unknown, "exit_3"),
        ("echo no json", AgentBug, "output_not_json"),
        ("kill -SEGV $$", Unknown, "signal_11"),
        ("kill -KILL $$", Unknown, "signal_9"),
        ("echo '{\"type\":\"progress\"}'; echo noise; exit 3", AgentBug, "protocol_violation"),
        (
            "echo '{\"type\":\"progress\"}'; echo '{\"type\":\"news\"}'; sleep 100",
            AgentBug,
            "protocol_violation",
        ),
    ] {
        assert_eq!(shortened(failure_of(script).await), short(class, code, Happened::Unknown), "{script}");
    }
    assert!(failure_of("echo first >&2; echo 'the reason' >&2; exit 3").await.message.contains("the reason"));
}

#[tokio::test]
async fn a_read_that_fails_has_not_happened() {
    let call = Call { effect: EffectClass::Read, ..call(json!({})) };
    let failure = outcome_of(&sh("exit 3"), call).await.unwrap_err();
    assert_eq!(failure.happened, Happened::No);
}

#[tokio::test]
async fn a_program_that_cannot_be_started_has_done_nothing() {
    let call = || call(json!({}));
    let missing = outcome_of(&program(&["/no/such/program"]), call()).await.unwrap_err();
    assert_eq!(shortened(missing), short(ErrorClass::Configuration, "command_not_found", Happened::No));
    let folder = outcome_of(&program(&["/tmp"]), call()).await.unwrap_err();
    assert_eq!(shortened(folder), short(ErrorClass::Configuration, "command_not_permitted", Happened::No));
    let mut definition = sh("true");
    command_of(&mut definition)
        .env
        .insert("X".into(), SecretText::parse("${env:GHOSTLIGHT_NO_SUCH}").unwrap());
    let secret = outcome_of(&definition, call()).await.unwrap_err();
    assert_eq!(shortened(secret), short(ErrorClass::Credential, "secret_unavailable", Happened::No));
}

#[tokio::test]
async fn a_call_that_is_already_cancelled_starts_nothing() {
    let house = House::new();
    let cancel = CancelToken::new();
    cancel.cancel();
    let agent = house.agent(&sh("exit 0"));
    let failure = agent.call(call(json!({})), ProgressSink::discard(), cancel).await.unwrap_err();
    assert_eq!(shortened(failure), short(ErrorClass::Cancelled, "cancelled", Happened::No));
}

#[tokio::test]
async fn the_timeout_ends_a_program_that_ignores_sigterm_and_its_children() {
    let started = Instant::now();
    let call = Call { timeout: Duration::from_millis(300), ..call(json!({})) };
    let failure = outcome_of(&sh("trap '' TERM; sleep 1000 & sleep 1000"), call).await.unwrap_err();
    assert_eq!(shortened(failure), short(ErrorClass::Timeout, "timeout", Happened::Unknown));
    assert!(started.elapsed() < Duration::from_secs(3), "{:?}", started.elapsed());
}

/// Shows S1-4.3n4.
#[tokio::test]
async fn silence_ends_an_attempt_and_signs_of_life_do_not() {
    let beating = |script| {
        let call = Call { heartbeat: Some(Duration::from_millis(400)), ..call(json!({})) };
        async move { outcome_of(&sh(script), call).await }
    };
    let failure = beating("sleep 1000").await.unwrap_err();
    assert_eq!(shortened(failure), short(ErrorClass::Timeout, "heartbeat_lost", Happened::Unknown));
    beating("for i in 1 2 3 4 5 6 7 8; do sleep 0.1; echo x >&2; done; echo 1").await.unwrap();
}

/// Starts, and cancels as soon as the program has said that it is ready.
async fn cancelled_when_ready(script: &str) -> Outcome {
    let house = House::new();
    let (sink, mut receiver) = progress_channel();
    let (cancel, call) = (CancelToken::new(), call(json!({})));
    let run = call.run;
    let attempt = tokio::spawn(house.agent(&sh(script)).call(call, sink, cancel.clone()));
    while let Some(said) = receiver.recv().await {
        if matches!(said, Progress::Progress { .. }) {
            cancel.cancel();
        }
    }
    let outcome = attempt.await.unwrap();
    assert_eq!(alive(run), [] as [i32; 0]);
    outcome
}

#[tokio::test]
async fn a_cancel_asks_first_and_kills_what_does_not_listen_with_all_its_children() {
    let script =
        r#"trap '' TERM; (trap '' TERM; sleep 1000) & echo '{"type":"progress"}'; sleep 1000; sleep 1000"#;
    let failure = cancelled_when_ready(script).await.unwrap_err();
    assert_eq!(shortened(failure), short(ErrorClass::Cancelled, "cancelled", Happened::Unknown));
}

#[tokio::test]
async fn what_a_cancelled_program_says_in_its_grace_still_counts() {
    let script = r#"
        trap 'echo "{\"type\":\"error\",\"class\":\"cancelled\",\"happened\":\"no\"}"; exit 1' TERM
        echo '{"type":"progress"}'
        while true; do sleep 0.01; done
    "#;
    let failure = cancelled_when_ready(script).await.unwrap_err();
    assert_eq!((failure.class, failure.happened), (ErrorClass::Cancelled, Happened::No));
}

#[tokio::test]
async fn a_dropped_call_kills_its_process() {
    let house = House::new();
    let (sink, mut receiver) = progress_channel();
    let call = call(json!({}));
    let run = call.run;
    let script = r#"sleep 1000 & echo '{"type":"progress"}'; sleep 1000"#;
    let attempt = tokio::spawn(house.agent(&sh(script)).call(call, sink, CancelToken::new()));
    while !matches!(receiver.recv().await, Some(Progress::Progress { .. })) {}
    assert!(!alive(run).is_empty());
    attempt.abort();
    assert!(attempt.await.unwrap_err().is_cancelled());
    assert!(soon(|| alive(run).is_empty()));
    assert!(becomes_empty(&house.env.running_dir) && becomes_empty(&house.env.scratch_dir));
}

#[tokio::test]
async fn a_program_that_answers_and_goes_on_is_ended() {
    let started = Instant::now();
    assert_eq!(output_of(r#"echo '{"type":"result","output":1}'; sleep 1000"#).await, json!(1));
    assert!(started.elapsed() < Duration::from_secs(5));
}

#[tokio::test]
async fn a_program_that_closes_stdout_and_goes_on_is_ended() {
    let failure = failure_of("exec >&-; sleep 1000").await;
    assert_eq!(shortened(failure), short(ErrorClass::AgentBug, "closed_stdout", Happened::Unknown));
    assert_eq!(output_of("echo 1; exec >&-; sleep 0.1").await, json!(1), "it may take its time to end");
}

#[tokio::test]
async fn a_program_that_writes_without_end_is_stopped_at_the_limit_and_memory_stays_flat() {
    let before = resident_bytes();
    for script in ["cat /dev/zero", "yes", "yes '{\"type\":\"progress\"}'", "yes >&2 & cat /dev/zero"] {
        let failure = failure_of(script).await;
        assert_eq!(
            shortened(failure),
            short(ErrorClass::Budget, "output_too_long", Happened::Unknown),
            "{script}"
        );
    }
    let grown = resident_bytes().saturating_sub(before);
    assert!(grown < 64 * 1024 * 1024, "{grown} bytes more");
}

fn resident_bytes() -> u64 {
    let statm = std::fs::read_to_string("/proc/self/statm").unwrap();
    statm.split(' ').nth(1).unwrap().parse::<u64>().unwrap() * 4096
}

#[tokio::test]
async fn stderr_without_end_is_harmless_and_its_end_is_kept() {
    let house = House::new();
    let (sink, mut receiver) = progress_channel();
    let agent = house.agent(&sh("head -c 50000000 /dev/zero | tr '\\0' x >&2; echo END >&2; echo 1"));
    agent.call(call(json!({})), sink, CancelToken::new()).await.unwrap();
    let mut tail = String::new();
    while let Some(said) = receiver.recv().await {
        if let Progress::StderrTail(text) = said {
            tail = text;
        }
    }
    assert_eq!(tail.len(), 64 * 1024);
    assert!(tail.ends_with("xEND\n"));
}

#[tokio::test]
async fn a_program_that_never_reads_a_large_input_may_answer_all_the_same() {
    let call = call(json!({"text": "x".repeat(2_000_000)}));
    let answer = outcome_of(&sh("echo 1; sleep 0.2"), call.clone()).await.unwrap();
    assert_eq!(*answer.output, json!(1));
    let answer = outcome_of(&sh("exec <&-; sleep 0.1; echo 1"), call.clone()).await.unwrap();
    assert_eq!(*answer.output, json!(1));
    let answer = outcome_of(&sh("wc -c"), call).await.unwrap();
    assert!(answer.output.as_u64().unwrap() > 2_000_000);
}

#[tokio::test]
async fn binary_output_is_a_bug_of_the_agent() {
    for script in ["printf '\\377\\376\\000'", "head -c 100000 /dev/urandom", "printf '[[['"] {
        let failure = failure_of(script).await;
        assert_eq!(
            shortened(failure),
            short(ErrorClass::AgentBug, "output_not_json", Happened::Unknown),
            "{script}"
        );
    }
}

#[tokio::test]
async fn nothing_of_a_fork_bomb_is_left_alive() {
    let bomb = python(
        "import os, time\n\
         for level in range(7):\n    os.fork()\n    if level == 4: os.setsid() if os.getpid() != os.getsid(0) else None\n\
         os.system('true')\n\
         time.sleep(1000)",
    );
    let call = Call { timeout: Duration::from_millis(1500), ..call(json!({})) };
    let failure = outcome_of(&bomb, call).await.unwrap_err();
    assert_eq!(failure.code, "timeout");
}

#[tokio::test]
async fn a_descendant_that_becomes_a_daemon_is_found_and_ended() {
    let script =
        "setsid sh -c 'setsid sleep 1000 & sleep 1000' >/dev/null 2>&1 </dev/null & sleep 0.2; echo 1";
    assert_eq!(output_of(script).await, json!(1));
    let script = "setsid setsid sleep 1000 >/dev/null 2>&1 </dev/null & echo 1";
    assert_eq!(output_of(script).await, json!(1), "also when it is just about to");
}

#[tokio::test]
async fn the_environment_holds_what_was_granted_and_nothing_else() {
    let mut definition = program(&["/usr/bin/env", "-0"]);
    let script = "import json,os,sys; print(json.dumps(dict(os.environ)))";
    command_of(&mut definition).words =
        ["/usr/bin/env", "python3", "-c", script].iter().map(|word| (*word).to_owned()).collect();
    let env = &mut command_of(&mut definition).env;
    env.insert("GREETING".into(), SecretText::parse("hello").unwrap());
    env.insert("PATH".into(), SecretText::parse("/usr/local/bin:/usr/bin:/bin").unwrap());
    let answer = outcome_of(&definition, call(json!({}))).await.unwrap();
    let mut names: Vec<&String> = answer.output.as_object().unwrap().keys().collect();
    names.retain(|name| !matches!(name.as_str(), "LC_CTYPE" | "_"));
    assert_eq!(names, ["GHOSTLIGHT_ATTEMPT", "GREETING", "HOME", "LANG", "PATH", "TMPDIR", "TZ"]);
    assert_eq!(answer.output["HOME"], answer.output["TMPDIR"]);
    assert_eq!(answer.output["LANG"], "C.UTF-8");
}

#[tokio::test]
async fn the_program_has_an_empty_folder_three_descriptors_and_no_terminal() {
    // A descriptor that is not closed by exec, as a careless library would leave it.
    let leaked = std::fs::File::open("/etc/passwd").unwrap();
    rustix::io::fcntl_setfd(&leaked, rustix::io::FdFlags::empty()).unwrap();
    let output = output_of(
        "files=$(ls -A | wc -l); fds=$(echo /proc/$$/fd/* | wc -w); \
         if (: </dev/tty) 2>/dev/null; then tty=true; else tty=false; fi; touch left-behind; \
         echo \"{\\\"files\\\": $files, \\\"fds\\\": $fds, \\\"tty\\\": $tty, \\\"core\\\": $(ulimit -c), \\\"here\\\": \\\"$PWD\\\", \\\"home\\\": \\\"$HOME\\\"}\"",
    )
    .await;
    assert_eq!((&output["files"], &output["tty"], &output["core"]), (&json!(0), &json!(false), &json!(0)));
    assert!(output["fds"].as_u64().unwrap() <= 4, "three, and perhaps one of the shell's own: {output}");
    assert_eq!(output["here"], output["home"]);
}

#[tokio::test]
async fn words_are_taken_as_they_are_and_only_dot_slash_means_the_folder_of_the_agents() {
    let house = House::new();
    std::fs::write(house.env.agents_dir.join("answer.sh"), "printf '{\"words\":\"%s\"}' \"$*\"").unwrap();
    let definition = program(&["/bin/sh", "./answer.sh", "$HOME", "*"]);
    let answer = house.call(&definition, call(json!({}))).await.unwrap();
    assert_eq!(*answer.output, json!({"words": "$HOME *"}));
    for words in [&["sh", "-c", "true"][..], &["./x"], &[]] {
        assert!(ghostlight_agents::build(&program(words), &house.env).is_err(), "{words:?}");
    }
}

#[tokio::test]
async fn a_secret_reaches_the_program_and_is_masked_in_what_it_says() {
    let house = House::new();
    let path = house.dir.path().join("key");
    std::fs::write(&path, "s3cr3t-value\n").unwrap();
    let mut definition =
        sh(r#"test "$KEY" = s3cr3t-value || exit 1; echo "key $KEY" >&2; echo "{\"echo\":\"$KEY\"}""#);
    let reference = SecretText::parse(&format!("${{file:{}}}", path.display())).unwrap();
    command_of(&mut definition).env.insert("KEY".into(), reference);
    let (sink, mut receiver) = progress_channel();
    let answer = house.agent(&definition).call(call(json!({})), sink, CancelToken::new()).await.unwrap();
    assert_eq!(*answer.output, json!({"echo": "[secret]"}));
    while let Some(said) = receiver.recv().await {
        assert!(!format!("{said:?}").contains("s3cr3t"));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn many_attempts_at_once_all_answer() {
    let house = House::new();
    let agent = house.agent(&program(&["/bin/cat"]));
    let attempts =
        (0..40).map(|n| agent.call(call(json!({"n": n})), ProgressSink::discard(), CancelToken::new()));
    for (n, outcome) in futures::future::join_all(attempts).await.into_iter().enumerate() {
        assert_eq!(outcome.unwrap().output["input"], json!({"n": n}));
    }
    assert!(becomes_empty(&house.env.running_dir));
}

/// The runtime may not yet have heard of what a process wrote just before it ended.
#[tokio::test]
async fn the_last_words_of_a_program_are_never_lost() {
    let house = House::new();
    let agent = house.agent(&sh("echo 1; echo bye >&2"));
    for _ in 0..60 {
        let (sink, mut receiver) = progress_channel();
        assert_eq!(*agent.call(call(json!({})), sink, CancelToken::new()).await.unwrap().output, json!(1));
        let mut tail = None;
        while let Some(said) = receiver.recv().await {
            if let Progress::StderrTail(text) = said {
                tail = Some(text);
            }
        }
        assert_eq!(tail.as_deref(), Some("bye\n"));
    }
}

/// Not a test of its own: the life of a daemon that the next test kills.
#[tokio::test]
#[ignore = "started by another test"]
async fn a_daemon_that_will_be_killed() {
    let Ok(dir) = std::env::var("TEST_RUNNING_DIR") else { return };
    let mut house = House::new();
    house.env.running_dir = dir.into();
    let script = "trap '' TERM; sleep 1000 & setsid sleep 1000 & (sleep 1000; true) & sleep 1000; true";
    let mut call = call(json!({}));
    call.run = "01980c00-dead-7000-8000-000000000001".parse().unwrap();
    call.timeout = Duration::from_secs(1000);
    let _ = house.call(&sh(script), call).await;
}

#[test]
fn what_a_killed_daemon_leaves_behind_is_ended_by_the_next_one() {
    let dir = tempfile::tempdir().unwrap();
    let run: ghostlight_model::ids::RunId = "01980c00-dead-7000-8000-000000000001".parse().unwrap();
    let mut daemon = std::process::Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "a_daemon_that_will_be_killed", "--ignored"])
        .env("TEST_RUNNING_DIR", dir.path())
        .stdout(std::process::Stdio::null())
        .spawn()
        .unwrap();
    assert!(soon(|| alive(run).len() >= 5), "the program and its children run: {:?}", alive(run));
    let file = std::fs::read_dir(dir.path()).unwrap().next().unwrap().unwrap().path();
    let text = std::fs::read_to_string(file).unwrap();
    let leader: i32 = text.lines().nth(1).unwrap().split(' ').next().unwrap().parse().unwrap();
    assert!(alive(run).contains(&leader));

    daemon.kill().unwrap();
    daemon.wait().unwrap();
    assert!(soon(|| !alive(run).contains(&leader)), "the program dies with the daemon");
    assert!(!alive(run).is_empty(), "its children do not");

    let other = ghostlight_model::ids::StepPath::new("other").unwrap();
    assert_eq!(end_leftovers(dir.path(), run, &other).unwrap().groups, 0);
    assert!(!alive(run).is_empty());
    let swept = sweep(dir.path()).unwrap();
    assert_eq!((swept.groups, swept.ended, swept.undead), (1, 1, 0));
    assert_eq!(alive(run), [] as [i32; 0]);
    assert!(becomes_empty(dir.path()));
}

#[test]
fn a_stranger_with_the_id_of_a_dead_process_is_left_alone() {
    let dir = tempfile::tempdir().unwrap();
    let mut stranger = std::process::Command::new("/bin/sleep").arg("1000").spawn().unwrap();
    let stat = std::fs::read_to_string(format!("/proc/{}/stat", stranger.id())).unwrap();
    let boot = std::fs::read_to_string("/proc/sys/kernel/random/boot_id").unwrap();
    let (name, rest) = stat.rsplit_once(')').unwrap();
    let mut fields: Vec<String> = rest.split(' ').map(str::to_owned).collect();
    fields[20] = (fields[20].parse::<u64>().unwrap() - 1).to_string();
    let header = json!({"format": 1, "boot": boot.trim(), "run": "01980c00-0000-7000-8000-00000000ffff", "step": "a", "attempt": 1, "marker": "m"});
    std::fs::write(dir.path().join("a.group"), format!("{header}\n{name}){}", fields.join(" "))).unwrap();
    let header = json!({"format": 1, "boot": "another", "run": "01980c00-0000-7000-8000-00000000ffff", "step": "a", "attempt": 1, "marker": "m"});
    std::fs::write(dir.path().join("b.group"), format!("{header}\n{stat}")).unwrap();
    std::fs::write(dir.path().join("c.group"), "garbage").unwrap();
    std::fs::write(dir.path().join("marker-of-somebody-else"), "x").unwrap();

    let swept = sweep(dir.path()).unwrap();
    assert_eq!((swept.groups, swept.ended, swept.undead), (1, 0, 0));
    assert_eq!(stranger.try_wait().unwrap(), None, "alive");
    assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 1, "only what is not ours is still there");
    stranger.kill().unwrap();
    stranger.wait().unwrap();
}
