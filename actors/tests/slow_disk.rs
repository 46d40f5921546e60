//! Runs on a disk that takes its time to sync: what is on its way to the journal when an actor dies.

#![cfg(feature = "chaos")]
#![allow(clippy::unwrap_used, reason = "a test says by panicking what is wrong")]

use std::io;
use std::ops::Range;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use ghostlight_actors::Caller;
use ghostlight_actors::runs::{Definition, StartRun};
use ghostlight_actors::runtime::{self, Ghostlight, Settings};
use ghostlight_model::language::Format;
use ghostlight_model::run::RunStatus;
use ghostlight_supervision::Fault;
use ghostlight_world::{File, Files, Lock, OpenMode, RealFiles, Space, World};
use serde_json::{Map, json};

/// The real disk, where each sync takes so many milliseconds longer; and how many have begun.
#[derive(Clone, Default)]
struct SlowDisk {
    sync_ms: Arc<AtomicU64>,
    syncs: Arc<AtomicU64>,
}

struct SlowFile {
    file: Box<dyn File>,
    disk: SlowDisk,
}

impl Files for SlowDisk {
    fn open(&self, path: &Path, mode: OpenMode) -> io::Result<Box<dyn File>> {
        Ok(Box::new(SlowFile { file: RealFiles.open(path, mode)?, disk: self.clone() }))
    }
    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        RealFiles.rename(from, to)
    }
    fn remove(&self, path: &Path) -> io::Result<()> {
        RealFiles.remove(path)
    }
    fn list(&self, dir: &Path) -> io::Result<Vec<String>> {
        RealFiles.list(dir)
    }
    fn create_dir_all(&self, dir: &Path) -> io::Result<()> {
        RealFiles.create_dir_all(dir)
    }
    fn sync_dir(&self, dir: &Path) -> io::Result<()> {
        RealFiles.sync_dir(dir)
    }
    fn lock(&self, path: &Path) -> io::Result<Box<dyn Lock>> {
        RealFiles.lock(path)
    }
    fn lock_existing(&self, path: &Path) -> io::Result<Box<dyn Lock>> {
        RealFiles.lock_existing(path)
    }
    fn exists(&self, path: &Path) -> io::Result<bool> {
        RealFiles.exists(path)
    }
    fn space(&self, dir: &Path) -> io::Result<Space> {
        RealFiles.space(dir)
    }
}

impl File for SlowFile {
    fn read_at(&self, buf: &mut [u8], offset: u64) -> io::Result<usize> {
        self.file.read_at(buf, offset)
    }
    fn write_all_at(&self, bytes: &[u8], offset: u64) -> io::Result<()> {
        self.file.write_all_at(bytes, offset)
    }
    fn len(&self) -> io::Result<u64> {
        self.file.len()
    }
    fn set_len(&self, len: u64) -> io::Result<()> {
        self.file.set_len(len)
    }
    fn preallocate(&self, len: u64) -> io::Result<()> {
        self.file.preallocate(len)
    }
    fn sync_data(&self) -> io::Result<()> {
        self.disk.syncs.fetch_add(1, Ordering::Relaxed);
        std::thread::sleep(Duration::from_millis(self.disk.sync_ms.load(Ordering::Relaxed)));
        self.file.sync_data()
    }
    fn sync_all(&self) -> io::Result<()> {
        self.file.sync_all()
    }
    fn drop_cache(&self, range: Range<u64>) {
        self.file.drop_cache(range);
    }
    fn next_data(&self, offset: u64) -> io::Result<u64> {
        self.file.next_data(offset)
    }
}

const ASK: &str = "
ghostlight: 1
name: ask
nodes:
  ask: { type: human_gate, action: 'Go on?', risk: low }
  after: { type: agent_call, agent: noop, needs: [ask] }
";

/// Found by chaos: a state that was read before the append of an earlier life was durable stayed as it was, since nobody told
/// the actor and it had nothing to append itself.
#[test]
fn what_an_actor_had_on_its_way_to_the_journal_when_it_died_is_found_by_its_next_life() {
    let folder = tempfile::tempdir().unwrap();
    let settings = Settings {
        data: folder.path().join("data"),
        agents: folder.path().join("agents"),
        workflows: folder.path().join("workflows"),
        program: std::env::current_exe().unwrap(),
        slots: 4,
        workers: 2,
        allow_api_command: false,
        sled_cache_bytes: 16 << 20,
        segment_bytes: 4 << 20,
        room: ghostlight_model::storage::Marks::default(),
        store_care: ghostlight_actors::retention::StoreCare::default(),
    };
    actix::System::new().block_on(async {
        let disk = SlowDisk::default();
        let world = World { files: Arc::new(disk.clone()), ..World::real() };
        let (ghostlight, house) = runtime::open(settings, world, |_| Vec::new()).await.unwrap();
        ghostlight.tree.permit_faults();
        // Whoever asked looks into the journal after a while, and tells the next life when it is not there. So it is to be
        // durable before that, and after the next life has read its state.
        let mut struck = 0;
        for sync_ms in 4..24 {
            struck += u32::from(death_on_the_way(&ghostlight, &disk, sync_ms).await);
        }
        assert!(struck > 5, "{struck} of 20 actors were there to die");
        let tree = ghostlight.tree.clone();
        house.shutdown(Duration::from_secs(5)).await.unwrap();
        assert_eq!(tree.live(), 0, "nothing of the tree is left alive");
    });
}

/// A run whose actor dies while its decision is being synced, which takes so long; whether it was still there to die.
async fn death_on_the_way(ghostlight: &Ghostlight, disk: &SlowDisk, sync_ms: u64) -> bool {
    let start = StartRun {
        definition: Definition::Own { source: ASK.to_owned(), format: Format::Yaml },
        input: json!({}),
        context: Map::new(),
        labels: Default::default(),
        priority: None,
        key: None,
    };
    let run = ghostlight.runs.start(start, Caller::runtime()).await.unwrap().run;
    let read = ghostlight.runs.read(run).await.unwrap().unwrap();
    let approval = *read.run.approvals.keys().next().unwrap();
    let wanted = format!("/{run}/workflow");
    let tree = ghostlight.tree.snapshot().unwrap();
    let path = tree.flatten().into_iter().map(|node| node.path.clone()).find(|path| path.ends_with(&wanted));

    disk.sync_ms.store(sync_ms, Ordering::Relaxed);
    let syncs = disk.syncs.load(Ordering::Relaxed);
    let of_answer = ghostlight.clone();
    // A command with an id, as every request has one: asked again, it is looked for in the journal first.
    let caller = Caller { command: Some(format!("answer-{sync_ms}")), ..Caller::runtime() };
    let answer =
        actix::spawn(
            async move { of_answer.runs.answer(approval, true, None, None, None, caller).await.is_ok() },
        );
    while disk.syncs.load(Ordering::Relaxed) == syncs {
        tokio::task::yield_now().await;
    }
    // On a busy machine the sync may be over, and the run too, before this goes on.
    let was_struck = ghostlight.tree.inject(&path.unwrap(), Fault::Kill).is_ok();
    disk.sync_ms.store(0, Ordering::Relaxed);
    let _ = answer.await.unwrap();
    assert!(ghostlight.runs.wait(run, Duration::from_secs(10)).await.unwrap(), "{sync_ms} ms: the run ends");
    let read = ghostlight.runs.read(run).await.unwrap().unwrap();
    assert_eq!(read.run.status, RunStatus::Completed);
    was_struck
}
