//! Whole runs through actors, supervision, journal, feed and views, without HTTP in front: what is left of a run's cost
//! when the surface is taken away.
//!
//! A chain of three no-op steps, closed loop. `cargo bench --bench house -- [seconds]`; `TMPDIR` chooses the disk.

#![allow(missing_docs, clippy::unwrap_used, reason = "a benchmark")]

use std::path::Path;
use std::time::{Duration, Instant};

use futures::future::join_all;
use ghostlight_actors::Caller;
use ghostlight_actors::catalogue::SaveWorkflow;
use ghostlight_actors::runs::{Definition, StartRun};
use ghostlight_actors::runtime::{self, Ghostlight, Settings};
use ghostlight_benches::{own_cpu, shown};
use ghostlight_model::definitions::Precondition;
use ghostlight_model::ids::Name;
use ghostlight_model::language::Format;
use ghostlight_world::World;
use serde_json::{Map, json};

const CHAIN: &str = "
ghostlight: 1
name: chain
nodes:
  a: { type: agent_call, agent: noop, input: { n: $input.n } }
  b: { type: agent_call, agent: noop, needs: [a], input: $a }
  c: { type: agent_call, agent: noop, needs: [b], input: $b }
output: $c
";

fn main() {
    // cargo passes `--bench` to every target.
    let seconds = std::env::args().skip(1).find_map(|argument| argument.parse().ok()).unwrap_or(3);
    let folder = tempfile::tempdir().unwrap();
    actix::System::new().block_on(async {
        let settings = settings(folder.path());
        let (ghostlight, house) = runtime::open(settings, World::real(), |_| Vec::new()).await.unwrap();
        let save = SaveWorkflow {
            source: CHAIN.to_owned(),
            format: Format::Yaml,
            name: None,
            message: String::new(),
            precondition: Precondition::default(),
            key: None,
        };
        ghostlight.catalogue.save(save, &Caller::runtime()).await.unwrap();
        for slots in [1, 64] {
            measure(&ghostlight, slots, Duration::from_secs(seconds)).await;
        }
        house.shutdown(Duration::from_secs(5)).await.unwrap();
    });
}

async fn measure(ghostlight: &Ghostlight, slots: usize, duration: Duration) {
    let (started, cpu, before) = (Instant::now(), own_cpu(), ghostlight.journal.stats());
    let counts = join_all((0..slots).map(|_| closed_loop(ghostlight, started + duration))).await;
    let (took, cpu, after) = (started.elapsed().as_secs_f64(), own_cpu() - cpu, ghostlight.journal.stats());
    let runs = counts.iter().sum::<u32>().max(1);
    let per_run = |count: u64| count as f64 / f64::from(runs);
    println!(
        "chain of 3, {slots} in flight, no HTTP: {:.0} runs/s, {} each; {} CPU, {:.3} syncs, {:.2} records, {:.0} bytes a run",
        f64::from(runs) / took,
        shown(took * slots as f64 / f64::from(runs)),
        shown(cpu.as_secs_f64() / f64::from(runs)),
        per_run(after.syncs - before.syncs),
        per_run(after.records - before.records),
        per_run(after.bytes - before.bytes),
    );
}

async fn closed_loop(ghostlight: &Ghostlight, until: Instant) -> u32 {
    let mut runs = 0;
    while Instant::now() < until {
        let start = StartRun {
            definition: Definition::Saved { name: Name::new("chain").unwrap(), version: None },
            input: json!({ "n": 1 }),
            context: Map::new(),
            labels: Default::default(),
            priority: None,
            key: None,
        };
        let started = ghostlight.runs.start(start, Caller::runtime()).await.unwrap();
        assert!(ghostlight.runs.wait(started.run, Duration::from_secs(30)).await.unwrap());
        runs += 1;
    }
    runs
}

fn settings(folder: &Path) -> Settings {
    Settings {
        data: folder.join("data"),
        agents: folder.join("agents"),
        workflows: folder.join("workflows"),
        program: std::env::current_exe().unwrap(),
        slots: 256,
        workers: 2,
        allow_api_command: false,
        sled_cache_bytes: 8 << 20,
        segment_bytes: 64 << 20,
        room: ghostlight_model::storage::Marks::default(),
        store_care: ghostlight_actors::retention::StoreCare::default(),
    }
}
