//! Values as people write them: sizes like `16MiB`, times like `25s`.

use std::fmt;
use std::time::Duration;

use ghostlight_model::language::units;
use ghostlight_model::storage::Mark;
use serde::{Deserialize, Serialize};

/// A number of bytes, written like `64KiB`, `16MiB` or `4096`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct ByteSize(pub u64);

impl TryFrom<String> for ByteSize {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        let plain = text.parse().ok();
        plain
            .or_else(|| units::bytes(&text))
            .map(Self)
            .ok_or_else(|| format!("`{text}` is no size like `16MiB`"))
    }
}

impl From<ByteSize> for String {
    fn from(size: ByteSize) -> Self {
        size.to_string()
    }
}

impl fmt::Display for ByteSize {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let fits = |bits: u32| self.0 > 0 && self.0.trailing_zeros() >= bits;
        match self.0 {
            bytes if fits(30) => write!(f, "{}GiB", bytes >> 30),
            bytes if fits(20) => write!(f, "{}MiB", bytes >> 20),
            bytes if fits(10) => write!(f, "{}KiB", bytes >> 10),
            bytes => write!(f, "{bytes}"),
        }
    }
}

impl ByteSize {
    /// As a length in memory; what does not fit there is as much as fits.
    #[must_use]
    pub fn as_usize(self) -> usize {
        usize::try_from(self.0).unwrap_or(usize::MAX)
    }
}

/// Free room on a disk, written like `1GiB`, or `5%` of the disk.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct FreeSpace(pub Mark);

impl TryFrom<String> for FreeSpace {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        let Some(percent) = text.strip_suffix('%') else {
            let bytes = ByteSize::try_from(text).map_err(|error| format!("{error} or `5%`"))?;
            return Ok(Self(Mark::Bytes(bytes.0)));
        };
        let percent = percent.trim().parse().ok().filter(|percent| *percent <= 90);
        percent
            .map(|percent| Self(Mark::Percent(percent)))
            .ok_or_else(|| format!("`{text}` is not from 0% to 90%"))
    }
}

impl From<FreeSpace> for String {
    fn from(space: FreeSpace) -> Self {
        match space.0 {
            Mark::Bytes(bytes) => ByteSize(bytes).to_string(),
            Mark::Percent(percent) => format!("{percent}%"),
        }
    }
}

/// A length of time, written like `25s` or `PT25S`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Period(pub Duration);

impl Period {
    /// So many seconds.
    #[must_use]
    pub const fn seconds(seconds: u64) -> Self {
        Self(Duration::from_secs(seconds))
    }
}

impl TryFrom<String> for Period {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        units::duration(&text).map(Self).ok_or_else(|| format!("`{text}` is no time like `25s`"))
    }
}

impl From<Period> for String {
    fn from(period: Period) -> Self {
        match (period.0.as_secs(), period.0.subsec_millis()) {
            (seconds, 0) => format!("{seconds}s"),
            (seconds, more) => format!("{}ms", seconds.saturating_mul(1_000).saturating_add(more.into())),
        }
    }
}

/// How long something is kept: a length of time, or `forever`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Kept(pub Option<Duration>);

impl TryFrom<String> for Kept {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        if text == "forever" {
            return Ok(Self(None));
        }
        let period =
            units::duration(&text).ok_or_else(|| format!("`{text}` is no time like `30d`, nor `forever`"))?;
        Ok(Self(Some(period)))
    }
}

impl From<Kept> for String {
    fn from(kept: Kept) -> Self {
        kept.0.map_or_else(|| "forever".to_owned(), |period| Period(period).into())
    }
}

/// How the log is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LogFormat {
    /// Lines for people.
    Text,
    /// One JSON object a line.
    Json,
}
