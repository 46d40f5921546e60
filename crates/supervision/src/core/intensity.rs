//! The accounting of restarts: a true sliding window on monotonic time.
//!
//! One counter per supervisor over all its children; one event counts once, however many siblings are restarted with
//! it. An earlier restart still counts when `restart_time >= now - period` (inclusive), as in OTP's `supervisor.erl`.

use std::collections::VecDeque;
use std::time::Duration;

use super::flags::Intensity;

/// The restarts that still count.
#[derive(Debug, Default)]
pub(super) struct Window {
    restarts: VecDeque<Duration>,
}

impl Window {
    /// Counts one restart at `now`. Answers whether it is still allowed; when not, it must not be performed.
    pub(super) fn allow(&mut self, intensity: Intensity, now: Duration) -> bool {
        let oldest_that_counts = now.saturating_sub(intensity.period);
        while self.restarts.front().is_some_and(|&at| at < oldest_that_counts) {
            self.restarts.pop_front();
        }
        if self.restarts.len() >= intensity.max_restarts as usize {
            return false;
        }
        self.restarts.push_back(now);
        true
    }

    /// How many restarts were in the window when it was last asked.
    pub(super) fn len(&self) -> u32 {
        u32::try_from(self.restarts.len()).unwrap_or(u32::MAX)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn ms(ms: u64) -> Duration {
        Duration::from_millis(ms)
    }

    #[test]
    fn the_boundary_of_the_window_still_counts() {
        let intensity = Intensity { max_restarts: 1, period: ms(1000) };
        let mut window = Window::default();
        assert!(window.allow(intensity, ms(5000)));
        assert!(!window.allow(intensity, ms(6000)), "exactly one period later counts");
        assert!(window.allow(intensity, ms(6001)), "a hair later does not");
    }

    #[test]
    fn an_intensity_of_zero_allows_nothing() {
        assert!(!Window::default().allow(Intensity { max_restarts: 0, period: ms(1) }, ms(0)));
    }
}
