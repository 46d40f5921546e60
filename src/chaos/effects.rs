//! What the agents left outside, read from their file: how often each piece of work was done.

use std::collections::BTreeMap;
use std::path::Path;

/// How often work was done, by its idempotency key.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Effects {
    times: BTreeMap<String, u32>,
}

impl Effects {
    /// Reads the file.
    pub fn read(file: &Path) -> std::io::Result<Self> {
        Ok(Self::of(&std::fs::read_to_string(file)?))
    }

    /// From the file's text: a line is a key and the number of an attempt.
    pub fn of(text: &str) -> Self {
        let mut times = BTreeMap::new();
        for key in text.lines().filter_map(|line| line.split(' ').next()) {
            *times.entry(key.to_owned()).or_default() += 1;
        }
        Self { times }
    }

    /// How often the work of this key was done.
    pub fn times(&self, key: &str) -> u32 {
        self.times.get(key).copied().unwrap_or(0)
    }

    /// All keys.
    pub fn keys(&self) -> impl Iterator<Item = &str> {
        self.times.keys().map(String::as_str)
    }
}
