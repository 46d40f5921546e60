//! What it costs to read a run of many steps: while its actor holds it, when it has left memory, and when it has ended.
//!
//! Maps of 10,000 transforms each, and a question behind them. `cargo bench --bench reads -- [maps]`; `TMPDIR` chooses the disk.

#![allow(missing_docs, clippy::unwrap_used, reason = "a benchmark")]

use std::path::Path;
use std::time::{Duration, Instant};

use ghostlight_actors::Caller;
use ghostlight_actors::runs::{Definition, StartRun};
use ghostlight_actors::runtime::{self, Ghostlight, Settings};
use ghostlight_benches::shown;
use ghostlight_model::ids::{ApprovalId, RunId};
use ghostlight_model::language::Format;
use ghostlight_model::run::RunStatus;
use ghostlight_world::World;
use serde_json::{Map, json};

const READS: usize = 9;
/// A run that waits for a person leaves memory after two seconds of quiet.
const UNTIL_IT_HAS_LEFT: Duration = Duration::from_secs(4);

fn main() {
    // cargo passes `--bench` to every target.
    let maps: usize = std::env::args().skip(1).find_map(|argument| argument.parse().ok()).unwrap_or(5);
    let folder = tempfile::tempdir().unwrap();
    actix::System::new().block_on(async {
        let (ghostlight, house) =
            runtime::open(settings(folder.path()), World::real(), |_| Vec::new()).await.unwrap();
        let began = Instant::now();
        let run = start(&ghostlight, maps).await;
        let approval = asked(&ghostlight, run).await;
        println!("{} steps made in {}", maps * 10_000, shown(began.elapsed().as_secs_f64()));
        measure(&ghostlight, run, "held by its actor").await;
        tokio::time::sleep(UNTIL_IT_HAS_LEFT).await;
        measure(&ghostlight, run, "waits for a person, out of memory").await;
        ghostlight.runs.answer(approval, true, None, None, None, Caller::runtime()).await.unwrap();
        assert!(ghostlight.runs.wait(run, Duration::from_secs(60)).await.unwrap());
        tokio::time::sleep(UNTIL_IT_HAS_LEFT).await;
        measure(&ghostlight, run, "ended").await;
        house.shutdown(Duration::from_secs(5)).await.unwrap();
    });
}

async fn start(ghostlight: &Ghostlight, maps: usize) -> RunId {
    let map = |number| {
        format!(
            "  m{number}: {{ type: map, over: $input.items, node: {{ type: transform, value: {{ n: $item }} }} }}\n"
        )
    };
    let needs: Vec<String> = (0..maps).map(|number| format!("m{number}")).collect();
    let nodes: String = (0..maps).map(map).collect();
    let source = format!(
        "ghostlight: 1\nname: large\nnodes:\n{nodes}  gate: {{ type: human_gate, needs: [{}], action: go }}\n",
        needs.join(", ")
    );
    let start = StartRun {
        definition: Definition::Own { source, format: Format::Yaml },
        input: json!({ "items": (0..10_000).collect::<Vec<u32>>() }),
        context: Map::new(),
        labels: Default::default(),
        priority: None,
        key: None,
    };
    ghostlight.runs.start(start, Caller::runtime()).await.unwrap().run
}

/// Waits until the run asks its question.
async fn asked(ghostlight: &Ghostlight, run: RunId) -> ApprovalId {
    loop {
        // Seldom, because each look may cost what is measured here.
        tokio::time::sleep(Duration::from_secs(2)).await;
        let read = ghostlight.runs.read(run).await.unwrap().unwrap();
        assert_eq!(read.run.status, RunStatus::Running);
        if let Some(approval) = read.run.approvals.keys().next() {
            return *approval;
        }
    }
}

async fn measure(ghostlight: &Ghostlight, run: RunId, what: &str) {
    let mut times = Vec::new();
    for _ in 0..READS {
        let began = Instant::now();
        std::hint::black_box(ghostlight.runs.read(run).await.unwrap().unwrap());
        times.push(began.elapsed().as_secs_f64());
    }
    times.sort_unstable_by(f64::total_cmp);
    println!("{what:<40} {:>12}   (middle {})", shown(times[0]), shown(times[READS / 2]));
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
