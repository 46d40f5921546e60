//! How often, as people write it: `5/s`, `30/m`, `0.5/s`.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

/// The most often that is taken: once a millisecond.
const PER_SECOND_MAX: f64 = 1_000.0;
/// The most seldom: once an hour.
const PER_SECOND_MIN: f64 = 1.0 / 3_600.0;

/// How often something is done. Prints as it was written.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Rate {
    number: f64,
    unit: Unit,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Unit {
    Second,
    Minute,
    Hour,
}

/// What is no rate.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is no rate between 1/h and 1000/s, written like `5/s` or `30/m`")]
pub struct RateError(String);

impl Unit {
    fn seconds(self) -> f64 {
        match self {
            Self::Second => 1.0,
            Self::Minute => 60.0,
            Self::Hour => 3_600.0,
        }
    }
}

impl Rate {
    /// The time from one to the next.
    #[must_use]
    pub fn pause(self) -> Duration {
        Duration::from_secs_f64(self.unit.seconds() / self.number)
    }
}

impl FromStr for Rate {
    type Err = RateError;

    fn from_str(text: &str) -> Result<Self, RateError> {
        let wrong = || RateError(text.chars().take(40).collect());
        let (number, unit) = text.split_once('/').ok_or_else(wrong)?;
        let unit = match unit {
            "s" => Unit::Second,
            "m" => Unit::Minute,
            "h" => Unit::Hour,
            _ => return Err(wrong()),
        };
        let is_plain = number.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.');
        let number: f64 = number.parse().ok().filter(|_| is_plain).ok_or_else(wrong)?;
        let per_second = number / unit.seconds();
        // The lower bound admits what stands for it in floating point.
        let is_in_bounds = (PER_SECOND_MIN * 0.999_999..=PER_SECOND_MAX).contains(&per_second);
        if is_in_bounds { Ok(Self { number, unit }) } else { Err(wrong()) }
    }
}

impl fmt::Display for Rate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let unit = match self.unit {
            Unit::Second => 's',
            Unit::Minute => 'm',
            Unit::Hour => 'h',
        };
        write!(f, "{}/{unit}", self.number)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rate_is_a_number_in_a_unit_and_prints_as_it_was_written() {
        for (text, pause_ms) in
            [("5/s", 200), ("30/m", 2_000), ("0.5/s", 2_000), ("1000/s", 1), ("1/h", 3_600_000)]
        {
            let rate: Rate = text.parse().unwrap();
            assert_eq!(rate.pause(), Duration::from_millis(pause_ms), "{text}");
            assert_eq!(rate.to_string(), text);
        }
    }

    #[test]
    fn what_is_no_rate_or_out_of_bounds_is_refused() {
        for text in
            ["", "5", "5/", "/s", "0/s", "-1/s", "x/s", "1/d", "1001/s", "0.5/h", "inf/s", "nan/s", "1e3/s"]
        {
            let error = text.parse::<Rate>().unwrap_err();
            assert!(error.to_string().contains("is no rate"), "{text}: {error}");
        }
    }
}
