//! `serve --chaos RATE`: the daemon strikes actors of its own at random, at that rate, while it serves.
//!
//! Permanent, in the surface's group, and there only when it was asked for. Whom it strikes is chosen by [`Marksman`], which
//! leaves alone what must not be struck and what was struck too often of late: it tries what supervision stands, and not how
//! it gives up. Every strike is logged and counted; what follows from it is recorded as any other crash.

use std::convert::Infallible;

use ghostlight_supervision::{ChildSpec, ChildState, Key, StartContext};

use super::surface::App;
use crate::chaos::{Kind, Marksman, Rate};

/// The specification of what strikes.
pub(super) fn spec(app: &App, rate: Rate) -> ChildSpec {
    let app = app.clone();
    ChildSpec::new(Key::named("chaos"), move |start: StartContext| {
        std::future::ready(Ok(start.task(strike(app.clone(), rate))))
    })
}

async fn strike(app: App, rate: Rate) -> Result<(), Infallible> {
    let world = app.ghostlight.world().clone();
    let seed = world.random.next_u64();
    tracing::warn!(%rate, seed, "CHAOS: this daemon strikes actors of its own at random");
    let mut marksman = Marksman::new(seed, &Kind::ALL);
    let mut ticks = actix_web::rt::time::interval(rate.pause());
    ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    // The first tick comes at once.
    ticks.tick().await;
    loop {
        ticks.tick().await;
        let Some(tree) = app.ghostlight.tree.snapshot() else { continue };
        let nodes = tree.flatten();
        let up = nodes.iter().filter(|node| node.state == ChildState::Running).map(|node| node.path.as_str());
        let Some(strike) = marksman.choose(world.clock.monotonic(), up) else { continue };
        let (path, fault) = (strike.path.as_str(), strike.kind.fault());
        match app.ghostlight.tree.inject(path, fault) {
            Ok(()) => {
                app.metrics.struck(fault);
                tracing::warn!(path, kind = %strike.kind, "chaos struck");
            }
            // It has ended by itself in the meantime.
            Err(error) => tracing::debug!(path, %error, "chaos missed"),
        }
    }
}
