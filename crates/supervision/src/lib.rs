//! OTP-grade supervision for [actix] actors.
//!
//! actix runs actors; it does not look after them. A handler that panics ends its actor silently, there are no links,
//! monitors or exit reasons, and `actix::Supervisor` neither sees a panic nor knows a limit. This crate adds what Erlang's
//! `supervisor` has: trees of supervisors, restart types and strategies, a restart intensity that escalates, ordered
//! shutdown, and reasons that say what happened and where. It knows nothing of what the actors do.
//!
//! Two halves. [`core`] decides: a pure state machine without actors, clock or async, tested against OTP's own cases. The rest
//! is a thin shell that owns each actor's future and turns decisions into effects. Which cases these are, and where, is told
//! in [`otp`].
//!
//! # In short
//!
//! ```
//! use actix::{Actor, Handler, Message};
//! use ghostlight_supervision::{ChildSpec, Context, Flags, StableAddr, Tree, TreeConfig};
//!
//! struct Lamp;
//! impl Actor for Lamp {
//!     type Context = Context<Self>;
//! }
//!
//! #[derive(Message)]
//! #[rtype(result = "bool")]
//! struct IsLit;
//! impl Handler<IsLit> for Lamp {
//!     type Result = bool;
//!     fn handle(&mut self, _: IsLit, _: &mut Context<Self>) -> bool {
//!         true
//!     }
//! }
//!
//! # actix::System::new().block_on(async {
//! let lamp = StableAddr::new();
//! let name = lamp.clone();
//! let children = move || vec![ChildSpec::actor("lamp", &name, || async { Ok(Lamp) })];
//! let root = Tree::new(TreeConfig::default()).start("house", Flags::one_for_one(), children).await.unwrap();
//! assert_eq!(lamp.send(IsLit).await, Ok(true));
//! root.stop().await;
//! # });
//! ```
//!
//! # What holds
//!
//! * **Started means initialised.** A child is made by an async, fallible factory on the arbiter where it will live. Only then
//!   does its supervisor go on, and only then is its stable name bound. Actors need not be `Send`.
//! * **Every life ends in one report** with an [`ExitReason`]: a panic with message and place, an error by
//!   [`Context::fail`], a stop, a kill, the loss of the thread. [`ChildRef::monitor`] hears it exactly once.
//! * **Nothing runs on a broken actor.** After a panic or a kill neither `stopping` nor `stopped` is called.
//! * **Signals overtake messages**, also in a flooded mailbox. An actor that wants to finish something is told in time
//!   ([`Graceful`]) and killed when its time is over.
//! * **A restarted child is a new incarnation** with fresh state and an empty mailbox. Callers reach it by [`StableAddr`];
//!   who waited for an answer gets [`SendError::Closed`] and may ask again. [`ChildSpec::in_place`] keeps the mailbox instead:
//!   then the new incarnation handles what was queued, and only the message that crashed is lost.
//! * **Restart intensity** is a true sliding window per supervisor, 3 in 5 s unless said otherwise. One restart more and the
//!   supervisor stops its children and ends as [`ExitReason::GaveUp`], which its own supervisor answers. As in OTP that counts
//!   as a shutdown: a *transient* supervisor that gave up stays down.
//! * **Faults on demand** ([`Tree::inject`]: a panic, a kill, a hang) are refused by a tree until it was told to permit them, and
//!   are not compiled in without the feature `chaos`.
//! * **The tree can be looked at** from any thread without disturbing anybody ([`Tree::snapshot`]), controlled by path, and
//!   observed ([`Observer`]).
//!
//! # Rules for actors
//!
//! * No `ResponseFuture`: actix spawns it detached, and it outlives its actor. Use `ResponseActFuture`.
//! * No `do_send`, and no raw `Addr`, where a lost message matters: send by the stable name and look at the answer.
//! * `stopping` always answers `Running::Stop`. `stopped` does nothing that must happen: it may not run.
//! * No `SyncArbiter`; blocking work goes to `spawn_blocking`. The release profile keeps `panic = "unwind"`.
//! * An expected failure of the world is a value to be handled, not a crash: crashes eat the restart budget of the tree.
//!
//! # Differences from OTP
//!
//! * Starts and stops are asynchronous, so under one-for-one children start independently; see [`core`].
//! * Under `simple_one_for_one` ([`Flags::simple_one_for_one`]) there is no specification to copy: each start brings its own, made by
//!   a function of yours. Any dynamic supervisor, not only that one, knows its children by their lives as well
//!   ([`SupervisorRef::terminate_life`]).
//! * Backoff between restarts, a bound on children, and reports of refused restarts ([`Verdict`]) are additions.
//! * A child may owe a sign of life ([`ChildSpec::heartbeat`]): who has work and gets nowhere is killed and restarted.
//! * A child that was killed and never yields cannot be ended: it is reported as stuck, abandoned, and its place is free again.
//!   Should its code come to, it is dropped at once, and all below it. A [`Heartbeat`] tells of blocked arbiters, and
//!   [`Arbiters::watch`] replaces them: their children are restarted on a fresh thread.
//! * A killed supervisor takes its children along, but does not wait for their end.
//!
//! # What is not here
//!
//! Not possible: killing code that never yields, links between arbitrary actors, hot code upgrade. A panic while unwinding,
//! `abort` and a stack overflow still end the process.

pub mod core;
pub mod otp;

mod addr;
mod alive;
mod arbiters;
mod body;
mod child;
mod context;
mod exit;
mod fault;
mod handle;
mod inbox;
mod key;
mod node;
mod observer;
mod panics;
mod runner;
mod snapshot;
mod spec;
mod start;
mod supervisor;
mod tree;
mod waiting;
mod watch;

pub use addr::{MAILBOX_MAX, SendError, StableAddr};
pub use alive::Alive;
pub use arbiters::{ArbiterRef, Arbiters};
pub use context::{Context, Graceful};
pub use core::{
    AutoShutdown, Backoff, ChildInfo, ChildState, Counts, FlagError, Flags, Intensity, Kind, Policy, Restart,
    Shutdown, SpecError, SpecInfo, StopOrder, Strategy, SupervisorError, Verdict,
};
pub use exit::{ExitClass, ExitReason};
pub use fault::{Fault, FaultError, HANG_MAX};
pub use handle::{ChildRef, SupervisorRef};
pub use key::Key;
pub use node::{Down, Path};
pub use observer::{Observer, TreeEvent};
pub use snapshot::TreeNode;
pub use spec::{ChildSpec, Placement};
pub use start::{ActorStart, StartContext, StartError, Started, Stopping};
pub use tree::{Root, Tree, TreeConfig};
pub use watch::{Heartbeat, HeartbeatConfig};
