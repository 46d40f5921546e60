//! The supervision tree, as visible lists of child specifications.
//!
//! ```text
//! ghostlight (rest_for_one, intensity 0: its failure is an orderly exit)
//! ├── journal            minds the journal's thread
//! ├── core (one_for_one) planner, timers, record (what happens to this tree), audit, storage (room on the disk), retention (where
//! │   anything is dropped)
//! ├── runs               partitions p0..pN on worker threads
//! │   └── p3 (rest_for_one)
//! │       ├── runs (dynamic) ── run (one_for_one) ── workflow, executions/…, gates/…
//! │       └── router
//! ├── views (one_for_one) runs, approvals, feed; never escalates
//! └── surface (one_for_one) what speaks to the outside; it is made by who opens the house
//! ```

use std::sync::Arc;
use std::time::Duration;

use ghostlight_model::event::{Attribution, SystemStopped, ViewSetAside};
use ghostlight_store::sled_store::SledStore;
use ghostlight_store::views::Readiness;
use ghostlight_store::{Append, AppendError, StreamAppend, Wake};
use ghostlight_supervision::{
    ArbiterRef, Backoff, ChildSpec, ExitReason, Flags, Key, Root, StableAddr, StartContext, Stopping,
    SupervisorRef, Tree,
};

use crate::audit::Audit;
use crate::feed::FeedHandle;
use crate::retention::{self, Keeper};
use crate::room;
use crate::runs::partition::{self, Partition, RunTable};
use crate::runs::planner::{self, Planner};
use crate::runs::timers::{self, Timers};
use crate::runs::{Router, Services};
use crate::storage::{Place, Storage};
use crate::system::System;
use crate::tree_log::TreeLog;
use crate::views::{ViewKind, ViewsHandle, WriterEnd, WriterError};
use crate::{codec, streams};

/// The name of the group that speaks to the outside.
pub const SURFACE: &str = "surface";

/// How often the journal is asked whether it is well.
const JOURNAL_LOOK: Duration = Duration::from_millis(500);
/// How long a partition may take to stop: longer than any of its attempts.
const PARTITION_STOP: Duration = Duration::from_secs(15);
/// How often counted refusals are written.
const AUDIT_EVERY: Duration = Duration::from_secs(60);
/// A journal that takes nothing for this long ends the daemon, which then starts anew from the disk.
const JOURNAL_PATIENCE: Duration = Duration::from_secs(30);

/// What the tree is built of.
#[derive(Clone)]
pub struct TreeParts {
    /// What every actor of a run works with.
    pub services: Arc<Services>,
    /// The planner's name.
    pub planner: StableAddr<Planner>,
    /// The timers' name.
    pub timers: StableAddr<Timers>,
    /// The way to the partitions.
    pub router: Router,
    /// The partitions' names and tables.
    pub partitions: Vec<(StableAddr<Partition>, RunTable)>,
    /// The threads that carry them.
    pub arbiters: Vec<ArbiterRef>,
    /// Lists.
    pub views: ViewsHandle,
    /// Where the lists are kept.
    pub sled: Arc<SledStore>,
    /// The feed.
    pub feed: FeedHandle,
    /// The system's stream.
    pub system: System,
    /// Who did or was refused what.
    pub audit: Audit,
    /// What happens to the tree.
    pub tree_log: TreeLog,
    /// Room on the disk.
    pub storage: Storage,
    /// Where that is.
    pub place: Place,
    /// Who drops what ended long ago.
    pub keeper: Keeper,
}

/// Starts the tree; answers when everything in it is up.
///
/// # Errors
/// Why it did not come up; what had been started is stopped again.
pub async fn start(
    tree: &Tree,
    parts: TreeParts,
    surface: impl Fn() -> Vec<ChildSpec> + Send + Sync + 'static,
) -> Result<Root, ExitReason> {
    let surface = Arc::new(surface);
    let children = move || {
        let (of_core, of_runs, of_views, outside) =
            (parts.clone(), parts.clone(), parts.clone(), surface.clone());
        vec![
            journal_keeper(&parts),
            group("core", Flags::one_for_one(), move || core(&of_core)),
            group("runs", Flags::dynamic(), move || partitions(&of_runs)),
            // One that gives up counts as finished: lists answer that they are not there, everything else goes on.
            group("views", view_flags(), move || views(&of_views)).transient(),
            group(SURFACE, Flags::one_for_one(), move || outside()),
        ]
    };
    // Intensity 0: the first child that cannot go on ends the daemon in good order.
    tree.start("ghostlight", Flags::rest_for_one().intensity(0, Duration::from_secs(5)), children).await
}

fn group(
    name: &'static str,
    flags: Flags,
    children: impl Fn() -> Vec<ChildSpec> + Send + Sync + 'static,
) -> ChildSpec {
    ChildSpec::supervisor(Key::named(name), &SupervisorRef::new(), flags, children)
}

/// Ends, and the daemon with it, when the journal stays away: a journal that cannot be written is mended by opening it. A
/// full disk is another matter: that is waited for.
fn journal_keeper(parts: &TreeParts) -> ChildSpec {
    let services = parts.services.clone();
    ChildSpec::new(Key::named("journal"), move |start: StartContext| {
        let services = services.clone();
        let keep = move |mut stopping: Stopping| async move {
            let mut away = Duration::ZERO;
            while away < JOURNAL_PATIENCE {
                tokio::select! {
                    () = stopping.asked() => return Ok(()),
                    () = tokio::time::sleep(JOURNAL_LOOK) => {}
                }
                let is_well = services.journal.stats().available || !is_away(&services).await;
                away = if is_well { Duration::ZERO } else { away + JOURNAL_LOOK };
            }
            Err("the journal takes nothing")
        };
        std::future::ready(Ok(start.graceful_task(keep)))
    })
}

/// Asks for an append that cannot succeed, because of what it expects. How it is refused says how the journal is; and a
/// journal whose disk was full looks for space when it is asked.
async fn is_away(services: &Services) -> bool {
    let note = SystemStopped {}.into();
    let probe = StreamAppend {
        stream: streams::system(),
        expected: u64::MAX,
        records: codec::encode(&[note], &Attribution::default(), services.now()),
        wake: Wake::Idle,
        route: "".into(),
        aliases: Vec::new(),
    };
    match services.journal.append(Append::one(services.uuid().into_bytes(), probe)).await {
        Ok(_)
        | Err(
            AppendError::Conflict { .. }
            | AppendError::Full
            | AppendError::Busy
            | AppendError::Damaged { .. },
        ) => false,
        Err(_) => true,
    }
}

fn core(parts: &TreeParts) -> Vec<ChildSpec> {
    let mut specs = vec![
        planner::spec(&parts.services, &parts.planner),
        timers::spec(&parts.services, &parts.router, &parts.timers),
        parts.tree_log.spec(&parts.system),
        audit_keeper(parts),
        room::spec(&parts.storage, &parts.place, &parts.system),
    ];
    specs.extend(retention::spec(&parts.keeper));
    specs
}

/// Writes counted refusals now and then, and what is left of them at the end.
fn audit_keeper(parts: &TreeParts) -> ChildSpec {
    let audit = parts.audit.clone();
    ChildSpec::new(Key::named("audit"), move |start: StartContext| {
        let audit = audit.clone();
        let keep = move |mut stopping: Stopping| async move {
            loop {
                let over = tokio::select! {
                    () = stopping.asked() => true,
                    () = tokio::time::sleep(AUDIT_EVERY) => false,
                };
                if let Err(error) = audit.flush(over).await {
                    tracing::warn!(%error, "counted refusals could not be recorded");
                }
                if over {
                    return Ok::<(), String>(());
                }
            }
        };
        std::future::ready(Ok(start.graceful_task(keep)))
    })
}

fn partitions(parts: &TreeParts) -> Vec<ChildSpec> {
    let mut specs = Vec::new();
    for (at, (name, table)) in parts.partitions.iter().enumerate() {
        let (services, timers) = (parts.services.clone(), parts.timers.clone());
        let (name, table) = (name.clone(), table.clone());
        let children = move || partition::specs(&services, &timers, &name, &table);
        let spec = ChildSpec::supervisor(
            Key::id(format!("p{at}")),
            &SupervisorRef::new(),
            Flags::rest_for_one(),
            children,
        )
        // A thread that is blocked must not hang the shutdown of all others.
        .shutdown_timeout(PARTITION_STOP);
        let arbiter = parts.arbiters.get(at % parts.arbiters.len().max(1));
        specs.push(match arbiter {
            Some(arbiter) => spec.on(arbiter),
            None => spec,
        });
    }
    specs
}

fn view_flags() -> Flags {
    Flags::one_for_one()
        .intensity(20, Duration::from_secs(600))
        .backoff(Backoff::exponential(Duration::from_millis(50), Duration::from_secs(5)))
}

fn views(parts: &TreeParts) -> Vec<ChildSpec> {
    vec![hub(parts), database(parts), view(parts, ViewKind::Runs), view(parts, ViewKind::Approvals)]
}

/// Folds a view. One that cannot be folded any further is recorded and left: its lists say so.
fn view(parts: &TreeParts, kind: ViewKind) -> ChildSpec {
    let (views, journal, system) =
        (parts.views.clone(), parts.services.journal.clone(), parts.system.clone());
    ChildSpec::new(Key::named(kind.as_str()), move |start: StartContext| {
        let (views, journal, system) = (views.clone(), journal.clone(), system.clone());
        let write = async move {
            match views.write(kind, journal).await? {
                WriterEnd::Closed => {}
                WriterEnd::SetAside { sequence, reason } => {
                    let reason = format!("record {sequence}: {reason}");
                    note_set_aside(&system, kind.as_str(), reason).await;
                }
            }
            Ok::<(), WriterError>(())
        };
        std::future::ready(Ok(start.task(write)))
    })
    .transient()
}

/// Records when the database of the views could not be believed and was begun anew.
fn database(parts: &TreeParts) -> ChildSpec {
    let (sled, system) = (parts.sled.clone(), parts.system.clone());
    ChildSpec::new(Key::named("database"), move |start: StartContext| {
        let (sled, system) = (sled.clone(), system.clone());
        let watch = async move {
            let mut readiness = sled.readiness();
            let settled = readiness.wait_for(|now| *now != Readiness::Opening).await.map(|now| now.clone());
            if let Some(aside) = sled.set_aside() {
                note_set_aside(
                    &system,
                    "database",
                    format!("{}; it is kept as {}", aside.reason, aside.moved_to.display()),
                )
                .await;
            }
            match settled {
                Ok(Readiness::Failed { reason }) => Err(reason.to_string()),
                _ => Ok(()),
            }
        };
        std::future::ready(Ok(start.task(watch)))
    })
    .temporary()
}

async fn note_set_aside(system: &System, view: &str, reason: String) {
    tracing::warn!(view, reason, "a view is set aside");
    let event = ViewSetAside { view: view.to_owned(), reason };
    if let Err(error) = system.note(event.into()).await {
        tracing::warn!(view, %error, "that a view is set aside could not be recorded");
    }
}

/// Makes frames of what becomes durable, once for all who watch.
fn hub(parts: &TreeParts) -> ChildSpec {
    let feed = parts.feed.clone();
    ChildSpec::new(Key::named("feed"), move |start: StartContext| {
        let feed = feed.clone();
        std::future::ready(Ok(start.task(async move { feed.follow().await })))
    })
}
