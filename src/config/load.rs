//! From a file's text, the environment and flags to settings, or to everything that is wrong with them at once.

use std::collections::BTreeMap;
use std::fmt;
use std::path::PathBuf;

use serde::Deserialize;
use toml::{Table, Value};

use super::Config;
use crate::http::nearest;

/// Environment variables of this beginning with `__` in their names are settings.
const PREFIX: &str = "GHOSTLIGHT_";
const MISTAKES_MAX: usize = 50;
/// A journal with a limit has room for so many segments.
const SEGMENTS_MIN: u64 = 3;

/// What settings are made of.
#[derive(Debug, Clone, Default)]
pub struct Sources {
    /// The file and its text, when there is one.
    pub file: Option<(PathBuf, String)>,
    /// The environment. Names that are no settings are passed over.
    pub environment: Vec<(String, String)>,
    /// Settings given by flags, as `(section.key, value)`.
    pub flags: Vec<(&'static str, Value)>,
}

/// Where a value comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Origin {
    /// Nobody said anything.
    Default,
    /// The file.
    File,
    /// This environment variable.
    Environment(String),
    /// A flag.
    Flag,
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Default => f.write_str("default"),
            Self::File => f.write_str("file"),
            Self::Environment(name) => f.write_str(name),
            Self::Flag => f.write_str("flag"),
        }
    }
}

/// Settings, and where each came from.
#[derive(Debug, Clone)]
pub struct Loaded {
    /// The settings.
    pub config: Config,
    /// By `section.key`: the value as it stands in TOML, and its origin.
    pub values: BTreeMap<String, (Value, Origin)>,
}

/// One thing that is wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mistake {
    /// The file with its line, the environment variable, or the flag.
    pub place: String,
    /// One lowercase sentence.
    pub message: String,
    /// What to do about it.
    pub help: Option<String>,
}

/// Settings that cannot be used, with everything that is wrong with them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConfigError {
    /// At least one.
    pub mistakes: Vec<Mistake>,
}

impl std::error::Error for ConfigError {}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, mistake) in self.mistakes.iter().enumerate() {
            if at > 0 {
                f.write_str("\n")?;
            }
            write!(f, "{}: {}", mistake.place, mistake.message)?;
            if let Some(help) = &mistake.help {
                write!(f, " ({help})")?;
            }
        }
        Ok(())
    }
}

/// Puts the settings together.
///
/// # Errors
/// [`ConfigError`]: text that is no TOML, unknown sections and keys, values of the wrong type or out of range.
pub fn load(sources: &Sources) -> Result<Loaded, ConfigError> {
    let mut gathered = Gathered::new();
    if let Some((path, text)) = &sources.file {
        gathered.take_file(&path.display().to_string(), text);
    }
    for (name, value) in &sources.environment {
        gathered.take_variable(name, value);
    }
    for (key, value) in &sources.flags {
        gathered.put(key, value.clone(), Origin::Flag, &format!("--{}", flag(key)));
    }
    gathered.finish()
}

/// The flag that sets a key, for messages.
fn flag(key: &str) -> String {
    match key {
        "data.dir" => "data".to_owned(),
        _ => key.rsplit('.').next().unwrap_or(key).replace('_', "-"),
    }
}

struct Gathered {
    values: BTreeMap<String, (Value, Origin)>,
    /// Where each value that is no default was said.
    places: BTreeMap<String, String>,
    mistakes: Vec<Mistake>,
}

impl Gathered {
    fn new() -> Self {
        let defaults =
            Table::try_from(Config::default()).expect("the default settings are TOML, which a test proves");
        let mut values = BTreeMap::new();
        for (section, table) in defaults {
            for (key, value) in table.as_table().cloned().unwrap_or_default() {
                values.insert(format!("{section}.{key}"), (value, Origin::Default));
            }
        }
        Self { values, places: BTreeMap::new(), mistakes: Vec::new() }
    }

    fn take_file(&mut self, file: &str, text: &str) {
        let table: Table = match text.parse() {
            Ok(table) => table,
            Err(error) => {
                let error: toml::de::Error = error;
                let line = error.span().map_or(1, |span| line_of(text, span.start));
                return self.add(format!("{file}:{line}"), error.message().to_owned(), None);
            }
        };
        for (section, value) in table {
            let place = |key: Option<&str>| match find(text, &section, key) {
                Some(line) => format!("{file}:{line}"),
                None => file.to_owned(),
            };
            if !self.sections().any(|known| known == section) {
                let help = nearest(&section, self.sections()).map(|near| format!("did you mean `[{near}]`?"));
                self.add(place(None), format!("there is no section `[{section}]`"), help);
                continue;
            }
            let Value::Table(keys) = value else {
                self.add(place(None), format!("`{section}` is a section: write `[{section}]`"), None);
                continue;
            };
            for (key, value) in keys {
                let at = place(Some(&key));
                self.put(&format!("{section}.{key}"), value, Origin::File, &at);
            }
        }
    }

    fn take_variable(&mut self, name: &str, text: &str) {
        let Some((section, key)) = name.strip_prefix(PREFIX).and_then(|rest| rest.split_once("__")) else {
            return;
        };
        let key = format!("{}.{}", section.to_ascii_lowercase(), key.to_ascii_lowercase());
        // An unknown key is given on as text: it is refused by its name, whatever its value.
        let value = match self.values.get(&key) {
            Some((like, _)) => parsed(text, like),
            None => Value::String(text.to_owned()),
        };
        self.put(&key, value, Origin::Environment(name.to_owned()), name);
    }

    /// Takes one value. Each is tried by itself, so that a mistake is told of the key it is in.
    fn put(&mut self, key: &str, value: Value, origin: Origin, place: &str) {
        if !self.values.contains_key(key) {
            let known = self.values.keys().map(String::as_str);
            let suggestion = nearest(key, known).map(|near| match &origin {
                Origin::Environment(_) => {
                    format!("{PREFIX}{}", near.replacen('.', "__", 1).to_ascii_uppercase())
                }
                _ => near.to_owned(),
            });
            let help = suggestion.map(|near| format!("did you mean `{near}`?"));
            return self.add(place.to_owned(), format!("there is no setting `{key}`"), help);
        }
        match one(key, value.clone()).and_then(|config| in_range(key, &config)) {
            Ok(()) => {
                self.values.insert(key.to_owned(), (value, origin));
                self.places.insert(key.to_owned(), place.to_owned());
            }
            Err(message) => self.add(place.to_owned(), format!("`{key}`: {message}"), None),
        }
    }

    fn sections(&self) -> impl Iterator<Item = &str> {
        self.values.keys().filter_map(|key| key.split_once('.').map(|(section, _)| section))
    }

    fn add(&mut self, place: String, message: String, help: Option<String>) {
        if self.mistakes.len() < MISTAKES_MAX {
            self.mistakes.push(Mistake { place, message, help });
        }
    }

    fn finish(self) -> Result<Loaded, ConfigError> {
        if !self.mistakes.is_empty() {
            return Err(ConfigError { mistakes: self.mistakes });
        }
        let mut table = Table::new();
        for (key, (value, _)) in &self.values {
            insert(&mut table, key, value.clone());
        }
        match Config::deserialize(table) {
            Ok(config) => match fits_together(&config) {
                Ok(()) => Ok(Loaded { config, values: self.values }),
                Err((key, message, help)) => {
                    let place = self.places.get(key).map_or("configuration", String::as_str).to_owned();
                    let message = format!("`{key}`: {message}");
                    Err(ConfigError { mistakes: vec![Mistake { place, message, help: Some(help) }] })
                }
            },
            Err(error) => {
                let place = "configuration".to_owned();
                let mistake = Mistake { place, message: error.message().to_owned(), help: None };
                Err(ConfigError { mistakes: vec![mistake] })
            }
        }
    }
}

impl Loaded {
    /// The settings as a TOML file, each with its origin when `with_origin`.
    #[must_use]
    pub fn to_toml(&self, with_origin: bool) -> String {
        let mut text = String::new();
        let mut current = "";
        for (key, (value, origin)) in &self.values {
            let Some((section, name)) = key.split_once('.') else { continue };
            if section != current {
                text.push_str(if current.is_empty() { "" } else { "\n" });
                text.push_str(&format!("[{section}]\n"));
                current = section;
            }
            let comment = if with_origin { format!("  # {origin}") } else { String::new() };
            text.push_str(&format!("{name} = {value}{comment}\n"));
        }
        text
    }
}

/// The default settings with one value set.
fn one(key: &str, value: Value) -> Result<Config, String> {
    let mut table = Table::new();
    insert(&mut table, key, value);
    Config::deserialize(table).map_err(|error| error.message().to_owned())
}

fn insert(table: &mut Table, key: &str, value: Value) {
    let Some((section, name)) = key.split_once('.') else { return };
    let entry = table.entry(section).or_insert_with(|| Value::Table(Table::new()));
    if let Value::Table(keys) = entry {
        keys.insert(name.to_owned(), value);
    }
}

/// What no setting by itself says: which one is wrong beside the others, how, and what to do.
fn fits_together(config: &Config) -> Result<(), (&'static str, String, String)> {
    let (max, segment) = (config.retention.journal_bytes_max, config.data.segment_bytes);
    let least = super::ByteSize(segment.0.saturating_mul(SEGMENTS_MIN));
    if max.0 == 0 || max >= least {
        return Ok(());
    }
    let message = format!(
        "must be at least {least}, {SEGMENTS_MIN} times `data.segment_bytes`: space comes back a segment at a time"
    );
    let help = "set it to \"0\" for no limit, or make `data.segment_bytes` smaller";
    Err(("retention.journal_bytes_max", message, help.to_owned()))
}

/// What the types do not say.
fn in_range(key: &str, config: &Config) -> Result<(), String> {
    let within = |value: u64, from: u64, to: u64| match (from..=to).contains(&value) {
        true => Ok(()),
        false => Err(format!("must be from {from} to {to}")),
    };
    let size = |value: super::ByteSize, from: super::ByteSize, to: super::ByteSize| match (from..=to)
        .contains(&value)
    {
        true => Ok(()),
        false => Err(format!("must be from {from} to {to}")),
    };
    let (kib, mib, gib) = (super::ByteSize(1 << 10), super::ByteSize(1 << 20), super::ByteSize(1 << 30));
    match key {
        "server.definition_bytes_max" => {
            size(config.server.definition_bytes_max, kib, super::ByteSize(16 << 20))
        }
        "server.body_bytes_max" => size(config.server.body_bytes_max, kib, super::ByteSize(64 << 20)),
        "server.feeds_max" => within(config.server.feeds_max as u64, 1, 1_000_000),
        "server.connections_max" => within(config.server.connections_max as u64, 1, 1_000_000),
        "data.segment_bytes" => size(config.data.segment_bytes, mib, gib),
        "data.sled_cache_bytes" => size(config.data.sled_cache_bytes, mib, super::ByteSize(64 << 30)),
        "retention.journal_bytes_max" if config.retention.journal_bytes_max.0 > 0 => {
            size(config.retention.journal_bytes_max, super::ByteSize(4 << 20), super::ByteSize(1 << 50))
        }
        "retention.every" => within(config.retention.every.0.as_secs(), 1, 7 * 24 * 3600)
            .map_err(|_| "must be from 1s to 7d".to_owned()),
        "runs.slots" => within(config.runs.slots.into(), 1, 100_000),
        "runs.worker_threads" => within(config.runs.worker_threads as u64, 0, 1_024),
        "log.filter" => tracing_subscriber::EnvFilter::try_new(&config.log.filter)
            .map(drop)
            .map_err(|error| format!("is no filter: {error}")),
        _ => Ok(()),
    }
}

/// A text of the environment as the type that the setting has; what does not fit stays text and is refused as such.
fn parsed(text: &str, like: &Value) -> Value {
    let as_text = || Value::String(text.to_owned());
    match like {
        Value::Integer(_) => text.trim().parse().map_or_else(|_| as_text(), Value::Integer),
        Value::Boolean(_) => text.trim().parse().map_or_else(|_| as_text(), Value::Boolean),
        Value::Array(_) => {
            let words = text.split(',').map(str::trim).filter(|word| !word.is_empty());
            Value::Array(words.map(|word| Value::String(word.to_owned())).collect())
        }
        _ => as_text(),
    }
}

fn line_of(text: &str, offset: usize) -> usize {
    text.bytes().take(offset).filter(|byte| *byte == b'\n').count() + 1
}

/// The line of a section, or of a key in it, as these files are usually written.
fn find(text: &str, section: &str, key: Option<&str>) -> Option<usize> {
    let mut current = String::new();
    for (at, line) in text.lines().enumerate() {
        let line = line.trim();
        if let Some(name) = line.strip_prefix('[').and_then(|rest| rest.split(']').next()) {
            current = name.trim().to_owned();
            if key.is_none() && current == section {
                return Some(at + 1);
            }
        } else if let Some(name) = line.split('=').next()
            && key.is_some_and(|key| current == section && name.trim() == key)
        {
            return Some(at + 1);
        }
    }
    None
}
