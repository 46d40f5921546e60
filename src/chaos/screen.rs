//! One line that moves while chaos is at work, where somebody looks at a terminal; else nothing but the opening.

use std::cell::RefCell;
use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};
use tokio::time::Instant;

use super::ChaosOptions;
use super::load::Load;
use super::report::Strikes;
use crate::output::note;

const LOOK_AGAIN: Duration = Duration::from_millis(200);

/// The screen. Everything goes to stderr: the report alone is data.
pub(super) struct Screen {
    moving: ProgressBar,
}

impl Screen {
    /// Says how it is done.
    pub fn new(options: &ChaosOptions, seed: u64, url: &str) -> Self {
        let kinds: Vec<&str> = options.kinds.iter().map(|kind| kind.as_str()).collect();
        note(&format!(
            "chaos at {url}: {} at {} for {:?}, {} runs in flight, seed {seed}",
            kinds.join(", "),
            options.rate,
            options.time,
            options.runs_in_flight
        ));
        let moving = ProgressBar::new(u64::try_from(options.time.as_millis()).unwrap_or(u64::MAX));
        let style = ProgressStyle::with_template("  {spinner:.cyan} [{bar:24}] {msg}");
        moving.set_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()));
        moving.enable_steady_tick(Duration::from_millis(100));
        Self { moving }
    }

    /// Shows how far it is, for as long as it is polled.
    pub async fn follow(&self, load: &Load, strikes: &RefCell<Strikes>, until: Instant) {
        let all = self.moving.length().unwrap_or(0);
        loop {
            let left = until.saturating_duration_since(Instant::now());
            let left_ms = u64::try_from(left.as_millis()).unwrap_or(u64::MAX);
            self.moving.set_position(all.saturating_sub(left_ms));
            let (struck, in_flight) = (strikes.borrow().total, load.in_flight());
            let (completed, wrong) = {
                let tally = load.tally();
                (tally.completed, tally.wrong.len())
            };
            let phase = if left.is_zero() { "waiting for the last runs: " } else { "" };
            self.moving.set_message(format!(
                "{phase}{struck} strikes, {completed} runs completed, {in_flight} in flight, {wrong} wrong"
            ));
            tokio::time::sleep(LOOK_AGAIN).await;
        }
    }

    /// The line goes.
    pub fn quiet(&self) {
        self.moving.finish_and_clear();
    }
}
