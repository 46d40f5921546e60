//! The house as a whole: how the store is opened, the supervision tree is built, and everything is shut down in order.
//!
//! [`Ghostlight`] is everything the surface may do, in one value that is cheap to clone: commands go to actors, reads go
//! to the journal and its views and never wake a run. [`House`] is its other half: it owns the tree, the threads and the
//! store, and ends them.

use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use ghostlight_agents::{Egress, EnvAndFiles, Environment, Limits};
use ghostlight_store::SharedJournal;
use ghostlight_store::blobs::{BLOB_BYTES_MAX_DEFAULT, Blobs, FileBlobs};
use ghostlight_store::journal::{FileJournal, Journal, JournalOptions, OpenError as JournalOpenError};
use ghostlight_store::sled_store::{SledOptions, SledStore};
use ghostlight_supervision::{
    Arbiters, ChildSpec, ExitReason, Heartbeat, HeartbeatConfig, Key, Root, StableAddr, Tree, TreeConfig,
};
use ghostlight_world::World;

use crate::agents::{AgentRegistry, AgentSettings};
use crate::audit::Audit;
use crate::batches::Batches;
use crate::blocking::blocking;
use crate::bundles::Bundles;
use crate::caller::StoreError;
use crate::catalogue::Catalogue;
use crate::damage::Damages;
use crate::definition_files::FileReport;
use crate::feed::{FeedHandle, FeedLimits};
use crate::keys::Keys;
use crate::ledger::Ledger;
use crate::retention::{Keeper, StoreCare};
use crate::runs::families::Families;
use crate::runs::lately::LatelyRead;
use crate::runs::loading::snapshot_room;
use crate::runs::marks::Marks;
use crate::runs::partition::{Partition, RunTable};
use crate::runs::planner::Planner;
use crate::runs::present::PresentRuns;
use crate::runs::quarantine::quarantine;
use crate::runs::signs::LivingAttempts;
use crate::runs::timers::Timers;
use crate::runs::{Router, Runs, Services, SlotPool};
use crate::storage::{Place, Storage};
use crate::system::{Boot, System};
use crate::templates::Templates;
use crate::tokens::Tokens;
use crate::tree::{self, TreeParts};
use crate::tree_log::TreeLog;
use crate::views::ViewsHandle;

/// How long attempts have to end once they were told to.
const STOP_TIME: Duration = Duration::from_secs(6);

/// How the house is opened.
#[derive(Debug, Clone)]
pub struct Settings {
    /// The data folder.
    pub data: PathBuf,
    /// Folder of the operator's agent files.
    pub agents: PathBuf,
    /// Folder of the operator's workflow files.
    pub workflows: PathBuf,
    /// This program, for agents whose command is `ghostlight`.
    pub program: PathBuf,
    /// Attempts that may run at the same time.
    pub slots: u32,
    /// Threads that carry runs.
    pub workers: usize,
    /// Whether agents of kind `command`, and private egress, may be defined over the API.
    pub allow_api_command: bool,
    /// sled's page cache in bytes.
    pub sled_cache_bytes: u64,
    /// Size of a journal segment in bytes.
    pub segment_bytes: u64,
    /// How much room there has to be on the disk.
    pub room: ghostlight_model::storage::Marks,
    /// What is dropped when, and where to.
    pub store_care: StoreCare,
}

/// Why the house cannot be opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The data folder cannot be used; nothing of it was changed.
    #[error(transparent)]
    Store(#[from] JournalOpenError),
    /// A thread or folder could not be had.
    #[error("{what}")]
    Machine {
        /// What was attempted.
        what: String,
        /// What the system said.
        #[source]
        source: std::io::Error,
    },
    /// What is in the store could not be read or written.
    #[error("the store could not be used after it was opened")]
    Contents(#[from] StoreError),
    /// The supervision tree did not come up.
    #[error("the supervision tree did not start: {0}")]
    Tree(ExitReason),
}

/// Everything the surface may do. Cheap to clone, and usable from any thread.
#[derive(Clone)]
pub struct Ghostlight {
    /// Runs and approvals.
    pub runs: Runs,
    /// The same for many runs.
    pub batches: Batches,
    /// Workflows.
    pub catalogue: Catalogue,
    /// Templates of workflows.
    pub templates: Templates,
    /// Workflows with all that they name.
    pub bundles: Bundles,
    /// Agents.
    pub agents: AgentRegistry,
    /// Access tokens.
    pub tokens: Tokens,
    /// Who did or was refused what.
    pub audit: Audit,
    /// Lists.
    pub views: ViewsHandle,
    /// What happens, as it happens.
    pub feed: FeedHandle,
    /// The supervision tree.
    pub tree: Tree,
    /// The truth.
    pub journal: SharedJournal,
    /// What was asked under idempotency keys.
    pub keys: Keys,
    /// What happened to the tree, counted.
    pub tree_log: TreeLog,
    /// Room on the disk.
    pub storage: Storage,
    /// Damage in the journal that was met.
    pub damages: Damages,
    /// How this start began.
    pub boot: Boot,
    world: World,
    draining: Arc<AtomicBool>,
}

impl Ghostlight {
    /// Whether the daemon goes down and takes no new work.
    #[must_use]
    pub fn is_draining(&self) -> bool {
        self.draining.load(Ordering::Relaxed)
    }

    /// Takes no new work from here on: the daemon goes down.
    pub fn begin_draining(&self) {
        self.draining.store(true, Ordering::Relaxed);
    }

    /// Whether requests can be answered: the journal takes appends, and the daemon does not go down.
    #[must_use]
    pub fn is_ready(&self) -> bool {
        !self.is_draining() && self.journal.stats().available
    }

    /// Time and randomness.
    #[must_use]
    pub fn world(&self) -> &World {
        &self.world
    }
}

/// What owns the tree, the threads and the store.
pub struct House {
    root: Root,
    router: Router,
    services: Arc<Services>,
    system: System,
    sled: Arc<SledStore>,
    arbiters: Arbiters,
    heartbeat: Heartbeat,
    journal: Arc<FileJournal>,
    draining: Arc<AtomicBool>,
}

/// Opens the store, builds the tree, and answers when everything is up. `surface` makes the specifications of what speaks
/// to the outside; they are started last and stopped first. Call it within an actix system.
///
/// # Errors
/// [`OpenError`]; what had been started is stopped again.
pub async fn open(
    settings: Settings,
    world: World,
    surface: impl Fn(&Ghostlight) -> Vec<ChildSpec> + Send + Sync + 'static,
) -> Result<(Ghostlight, House), OpenError> {
    let machine = |what: &str| {
        let what = what.to_owned();
        move |source| OpenError::Machine { what, source }
    };
    let options = JournalOptions { segment_bytes: settings.segment_bytes, ..JournalOptions::default() };
    let (opened, data) = (world.clone(), settings.data.clone());
    let journal = blocking(move || FileJournal::open(&opened, &data, &options)).await??;
    let journal = Arc::new(journal);
    let damages = Damages::default();
    let shared: SharedJournal = damages.watching(journal.clone());
    let opened = FileBlobs::open(world.files.clone(), settings.data.join("blobs"), BLOB_BYTES_MAX_DEFAULT);
    let blobs = opened.map_err(|error| OpenError::Machine {
        what: "the folder of blobs could not be opened".to_owned(),
        source: std::io::Error::other(error),
    })?;
    let blobs: Arc<dyn Blobs> = Arc::new(blobs);
    let running = settings.data.join("running");
    std::fs::create_dir_all(&running).map_err(machine("the folder of running attempts could not be made"))?;
    // What an earlier life of the daemon left running must be dead before any of it is done again.
    let swept = running.clone();
    let swept = blocking(move || ghostlight_agents::sweep(&swept)).await?;
    let swept = swept.map_err(machine("processes of an earlier life could not be ended"))?;
    if swept.undead > 0 {
        tracing::error!(groups = swept.undead, "processes of an earlier life would not end");
    }

    let storage = Storage::new(settings.room);
    let place = Place { data: settings.data.clone(), journal: shared.clone(), world: world.clone() };
    let ledger = Ledger::new(shared.clone(), blobs.clone(), world.clone()).with_storage(storage.clone());
    let system = System::new(ledger.clone());
    let boot = system.started(env!("CARGO_PKG_VERSION")).await?;
    let (marks, poisoned) =
        Marks::open(&running, boot.clean).map_err(machine("the marks of runs could not be opened"))?;
    let sled = Arc::new(open_sled(&settings, &shared, &world));
    let environment = Environment {
        secrets: Arc::new(EnvAndFiles),
        binary: settings.program.clone(),
        agents_dir: settings.agents.clone(),
        running_dir: running.clone(),
        scratch_dir: settings.data.join("scratch"),
        egress: Egress::default(),
        limits: Limits::default(),
    };
    let agent_settings = AgentSettings {
        folder: Some(settings.agents.clone()),
        allow_api_command: settings.allow_api_command,
    };
    let (agents, reports) = AgentRegistry::open(ledger.clone(), environment, agent_settings).await?;
    report("agent file", &reports);
    let (of_catalogue, of_agents) = (ledger.clone(), agents.clone());
    let catalogue = blocking(move || Catalogue::open(of_catalogue, of_agents)).await??;
    report("workflow file", &catalogue.load_files(settings.workflows.clone()).await?);
    let bundles = Bundles::new(ledger.clone(), catalogue.clone(), agents.clone());
    let of_templates = ledger.clone();
    let templates = blocking(move || Templates::open(of_templates)).await??;
    let of_tokens = ledger.clone();
    let tokens = blocking(move || Tokens::open(of_tokens)).await??;
    let keys = ledger.keys.clone();
    let audit = Audit::new(ledger.clone());
    // Files of definitions were read before, whatever room there is: a daemon that starts knows its workflows.
    let (looking, looked_at) = (storage.clone(), place.clone());
    blocking(move || looking.look(&looked_at)).await?;

    let views = ViewsHandle::new(sled.views());
    let feed = FeedHandle::new(shared.clone(), FeedLimits::default());
    let draining = Arc::new(AtomicBool::new(false));
    let arbiters = Arbiters::new("worker", settings.workers.max(1))
        .map_err(machine("a worker thread could not be started"))?;
    let tables: Vec<RunTable> = (0..journal.partitions()).map(|_| RunTable::default()).collect();
    let names: Vec<StableAddr<Partition>> = tables.iter().map(|_| StableAddr::new()).collect();
    let router = Router::new(names.clone());
    let slots = {
        let router = router.clone();
        SlotPool::new(settings.slots, move |run| {
            // A call that is lost is made up for: a run that waits for a slot asks by itself after a while.
            router.look(run);
        })
    };
    let planner: StableAddr<Planner> = StableAddr::new();
    let services = Arc::new(Services {
        world: world.clone(),
        journal: shared.clone(),
        blobs,
        snapshots: sled.snapshots(),
        catalogue: catalogue.clone(),
        agents: agents.clone(),
        keys: keys.clone(),
        families: Families::default(),
        child_runs: OnceLock::new(),
        opened_at: world.clock.now(),
        slots,
        marks,
        running,
        snapshot_room: snapshot_room(),
        present: PresentRuns::default(),
        lately: LatelyRead::default(),
        living: LivingAttempts::default(),
        feed: feed.clone(),
        storage: storage.clone(),
        draining: draining.clone(),
    });
    for run in poisoned {
        tracing::error!(%run, "the process died twice while it touched this run: it is set aside");
        quarantine(services.clone(), run, "the process died twice while it touched this run".to_owned())
            .await;
    }
    for damage in shared.damages() {
        for run in damage.streams.iter().filter_map(crate::streams::run_of) {
            tracing::error!(%run, %damage, "a record of this run is damaged: it is set aside");
            quarantine(services.clone(), run, format!("the run cannot be read: {damage}")).await;
        }
    }
    let keeper = {
        let present = services.clone();
        Keeper {
            care: Arc::new(settings.store_care.clone()),
            journal: shared.clone(),
            blobs: services.blobs.clone(),
            snapshots: services.snapshots.clone(),
            views: views.clone(),
            system: system.clone(),
            is_present: Arc::new(move |run| present.present.of(run).is_some()),
            world: world.clone(),
        }
    };
    let timers: StableAddr<Timers> = StableAddr::new();
    let tree_log = TreeLog::new(feed.clone());
    let of_damages = tree_log.clone();
    damages.record_with(move |event| of_damages.record_later(event));
    let tree = Tree::new(TreeConfig {
        observer: Some(Arc::new(tree_log.observer())),
        seed: services.jitter().into(),
    });
    let heartbeat = arbiters
        .watch(HeartbeatConfig::default(), Arc::new(tree_log.observer()))
        .map_err(machine("the watch over the worker threads could not be started"))?;
    let runs = Runs::new(services.clone(), planner.clone(), router.clone());
    let ghostlight = Ghostlight {
        batches: Batches::new(ledger, runs.clone(), views.clone()),
        runs,
        catalogue,
        templates,
        bundles,
        agents,
        tokens,
        audit: audit.clone(),
        views: views.clone(),
        feed: feed.clone(),
        tree: tree.clone(),
        journal: shared,
        keys,
        tree_log: tree_log.clone(),
        storage: storage.clone(),
        damages,
        boot,
        world,
        draining: draining.clone(),
    };
    let parts = TreeParts {
        services: services.clone(),
        planner,
        timers,
        router: router.clone(),
        partitions: names.into_iter().zip(tables).collect(),
        arbiters: arbiters.refs().to_vec(),
        views,
        sled: sled.clone(),
        feed,
        system: system.clone(),
        audit,
        tree_log,
        storage,
        place,
        keeper,
    };
    let for_surface = ghostlight.clone();
    let root = tree::start(&tree, parts, move || surface(&for_surface)).await.map_err(OpenError::Tree)?;
    let house = House { root, router, services, system, sled, arbiters, heartbeat, journal, draining };
    Ok((ghostlight, house))
}

fn open_sled(settings: &Settings, journal: &SharedJournal, world: &World) -> SledStore {
    let now_ms = u64::try_from(world.clock.now().as_millisecond()).unwrap_or(0);
    let mut options = SledOptions::new(settings.data.join("sled"), journal.log_id(), journal.head(), now_ms);
    options.cache_bytes = settings.sled_cache_bytes;
    SledStore::open(options)
}

/// Files that cannot be used are said and left out; the rest works.
fn report(what: &str, reports: &[FileReport]) {
    for refused in reports.iter().filter(|report| report.is_refused()) {
        tracing::error!(file = %refused.file, outcome = ?refused.outcome, "{what} is not used");
        for diagnostic in &refused.diagnostics {
            tracing::error!(file = %refused.file, line = diagnostic.line, "{}", diagnostic.message);
        }
    }
}

impl House {
    /// Waits until the tree ends by itself, which it does only when it cannot go on.
    pub async fn ended(&mut self) -> ExitReason {
        self.root.ended().await
    }

    /// Waits until no attempt is living, or that time has come.
    async fn wait_until_idle(&self, until: tokio::time::Instant) {
        while self.router.quiesce().await > 0 && tokio::time::Instant::now() < until {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    /// Stops the surface before the other groups: whoever is connected is told at once, and does not wait for attempts that
    /// may still finish.
    async fn stop_surface(&self) {
        if let Err(error) = self.root.supervisor().terminate_child(&Key::named(tree::SURFACE)).await {
            // The tree has ended by itself, and the surface before everything else.
            tracing::debug!(%error, "the surface was not there to be stopped");
        }
    }

    /// Ends everything in order: nothing new is admitted, the surface says goodbye, attempts have until `deadline` from
    /// then on to finish, the rest is recorded as interrupted, and the store is closed last.
    pub async fn shutdown(self, deadline: Duration) -> Result<(), StoreError> {
        self.draining.store(true, Ordering::Relaxed);
        self.stop_surface().await;
        let end = tokio::time::Instant::now() + deadline;
        // The last seconds belong to those who have to be told to stop.
        self.wait_until_idle(end.checked_sub(STOP_TIME).unwrap_or(end)).await;
        self.router.end_attempts();
        self.wait_until_idle(end.max(tokio::time::Instant::now() + STOP_TIME)).await;
        let ended = self.root.stop().await;
        tracing::debug!(%ended, "the supervision tree has ended");
        let stopped = self.system.stopped().await;
        drop(self.services);
        let closing = move || {
            drop(self.heartbeat);
            self.arbiters.stop_and_join();
            self.sled.close();
            self.journal.close();
        };
        blocking(closing).await?;
        stopped.map(|_| ())
    }
}
