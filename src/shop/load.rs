//! Customers: a steady number of checkouts a second.

use std::net::SocketAddr;
use std::pin::pin;
use std::time::Duration;

use tokio::task::JoinSet;
use tokio::time::{MissedTickBehavior, interval};

use super::client::client;

/// The most checkouts that wait for an answer at once; what comes on top stays away.
const IN_FLIGHT_MAX: usize = 64;
const PER_SECOND_MAX: u32 = 1000;
const TIMEOUT: Duration = Duration::from_secs(2);

/// How the customers fared.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct LoadReport {
    /// Checkouts that were answered with success.
    pub served: u64,
    /// Checkouts that were answered with a failure, or not at all.
    pub failed: u64,
    /// Checkouts that were not made because too many others were waiting.
    pub stayed_away: u64,
}

/// Checks out `per_second` times a second (1 to 1000) at the shop, until `stop` is ready; then waits for the
/// checkouts under way (at most 2 s). Failures are counted and do not end it. Errors when no HTTP client can be made.
pub async fn load(
    shop: SocketAddr,
    per_second: u32,
    stop: impl Future<Output = ()>,
) -> Result<LoadReport, reqwest::Error> {
    let client = client(TIMEOUT)?;
    let url = format!("http://{shop}/checkout");
    let mut ticks = interval(Duration::from_secs(1) / per_second.clamp(1, PER_SECOND_MAX));
    ticks.set_missed_tick_behavior(MissedTickBehavior::Skip);
    let (mut report, mut checkouts, mut stop) = (LoadReport::default(), JoinSet::new(), pin!(stop));
    loop {
        tokio::select! {
            biased;
            () = &mut stop => break,
            Some(ended) = checkouts.join_next() => report.count(ended.unwrap_or(false)),
            _ = ticks.tick() => {
                if checkouts.len() < IN_FLIGHT_MAX {
                    checkouts.spawn(checkout(client.post(&url)));
                } else {
                    report.stayed_away += 1;
                }
            }
        }
    }
    while let Some(ended) = checkouts.join_next().await {
        report.count(ended.unwrap_or(false));
    }
    Ok(report)
}

impl LoadReport {
    fn count(&mut self, served: bool) {
        if served {
            self.served += 1;
        } else {
            self.failed += 1;
        }
    }
}

async fn checkout(request: reqwest::RequestBuilder) -> bool {
    request.send().await.is_ok_and(|answer| answer.status().is_success())
}
