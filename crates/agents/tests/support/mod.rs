//! What the tests of calls share: definitions, calls, and a look at who is still alive.

#![allow(dead_code, clippy::unwrap_used, missing_docs)]

pub mod server;

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use ghostlight_agents::{
    Agent, Call, CancelToken, EnvAndFiles, Environment, Limits, Outcome, ProgressSink, build,
};
use ghostlight_model::agent::{AgentDefinition, AgentKind, Limits as AgentLimits};
use ghostlight_model::failure::EffectClass;
use ghostlight_model::ids::{DefinitionHash, Name, RunId, StepPath};
use serde_json::{Value, json};
use tempfile::TempDir;

/// A folder with everything a daemon brings, gone at the end of the test.
pub struct House {
    pub dir: TempDir,
    pub env: Environment,
}

impl House {
    pub fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let folder = |name: &str| {
            let path = dir.path().join(name);
            std::fs::create_dir_all(&path).unwrap();
            path
        };
        let env = Environment {
            secrets: Arc::new(EnvAndFiles),
            binary: "/bin/true".into(),
            agents_dir: folder("agents"),
            running_dir: folder("running"),
            scratch_dir: folder("scratch"),
            egress: ghostlight_agents::Egress::default(),
            limits: Limits { cancel_grace: Duration::from_millis(400), ..Limits::default() },
        };
        Self { dir, env }
    }

    pub fn agent(&self, definition: &AgentDefinition) -> Arc<dyn Agent> {
        build(definition, &self.env).unwrap()
    }

    pub async fn call(&self, definition: &AgentDefinition, call: Call) -> Outcome {
        self.agent(definition).call(call, ProgressSink::discard(), CancelToken::new()).await
    }
}

pub fn definition(kind: AgentKind) -> AgentDefinition {
    AgentDefinition {
        name: Name::new("tested").unwrap(),
        version: None,
        hash: DefinitionHash::of(b"tested"),
        document: Value::Null,
        description: String::new(),
        kind,
        capabilities: Vec::new(),
        effect: EffectClass::Write,
        input_schema: None,
        output_schema: None,
        timeout: None,
        heartbeat: None,
        limits: AgentLimits::default(),
        retry: None,
        cost: None,
        labels: BTreeMap::new(),
    }
}

/// A call of a run of its own, so that its processes can be told from those of other tests.
pub fn call(input: Value) -> Call {
    static NEXT: AtomicU32 = AtomicU32::new(1);
    let number = NEXT.fetch_add(1, Ordering::Relaxed);
    let run = format!("01980c00-0000-7000-8000-{:06x}{:06x}", std::process::id() & 0xff_ffff, number);
    Call {
        run: run.parse().unwrap(),
        workflow: Name::new("test").unwrap(),
        step: StepPath::new("verify").unwrap(),
        attempt: 1,
        idempotency_key: format!("{run}/verify/1"),
        effect: EffectClass::Write,
        deadline: "2026-01-01T00:00:00Z".parse().unwrap(),
        timeout: Duration::from_secs(20),
        heartbeat: None,
        input: Arc::new(input),
        context: Arc::new(json!({})),
        traceparent: None,
    }
}

/// The ids of the processes that carry the run in their environment.
pub fn alive(run: RunId) -> Vec<i32> {
    let needle = run.to_string();
    let pids =
        std::fs::read_dir("/proc").unwrap().filter_map(|e| e.ok()?.file_name().to_str()?.parse::<i32>().ok());
    pids.filter(|pid| {
        let environ = std::fs::read(format!("/proc/{pid}/environ")).unwrap_or_default();
        environ.windows(needle.len()).any(|window| window == needle.as_bytes())
    })
    .collect()
}

/// Whether a folder becomes empty soon.
pub fn becomes_empty(dir: &Path) -> bool {
    soon(|| std::fs::read_dir(dir).unwrap().next().is_none())
}

/// Whether something becomes true within ten seconds.
pub fn soon(mut condition: impl FnMut() -> bool) -> bool {
    let until = Instant::now() + Duration::from_secs(10);
    while !condition() {
        if Instant::now() > until {
            return false;
        }
        std::thread::sleep(Duration::from_millis(5));
    }
    true
}
