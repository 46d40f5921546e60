//! One line of a log: its level, and its words with everything that varies masked.

use serde::Serialize;
use serde_json::Value;

/// What stands for something that varies.
pub(super) const WILDCARD: &str = "<*>";

/// Only so much of a line is looked at.
const LINE_BYTES_MAX: usize = 2048;
/// The most words of a template.
const WORDS_MAX: usize = 60;
/// The longest word of a template in bytes; a longer one is no word.
const WORD_BYTES_MAX: usize = 60;
/// A level stands within the first so many words.
const LEVEL_WITHIN: usize = 8;

/// How bad a line is, the worst first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Level {
    Error,
    Warning,
    Info,
    Debug,
    Unknown,
}

impl Level {
    /// The level that a word names.
    fn named(word: &str) -> Option<Self> {
        let word = word.trim_matches(|c: char| !c.is_ascii_alphabetic()).to_ascii_lowercase();
        Some(match word.as_str() {
            "error" | "err" | "fatal" | "critical" | "crit" | "panic" | "severe" | "alert" | "emerg"
            | "emergency" => Self::Error,
            "warn" | "warning" => Self::Warning,
            "info" | "notice" => Self::Info,
            "debug" | "trace" => Self::Debug,
            _ => return None,
        })
    }
}

/// A line as it is compared with others.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Line {
    pub(super) level: Level,
    /// Its words, masked. Wildcards at the beginning (time, host, process) are left out.
    pub(super) words: Vec<String>,
    /// The part for people.
    pub(super) message: String,
}

impl Line {
    /// Understands a line: JSON, logfmt, or anything else.
    pub(super) fn read(raw: &str) -> Self {
        let raw = cut(raw.trim());
        if raw.starts_with('{')
            && let Some(line) = Self::from_json(raw)
        {
            return line;
        }
        if let Some(message) = logfmt(raw, "msg").or_else(|| logfmt(raw, "message")) {
            let level = ["level", "lvl", "severity"].into_iter().find_map(|key| logfmt(raw, key));
            return Self::of(&message, level.and_then(|level| Level::named(&level)));
        }
        Self::of(raw, None)
    }

    fn from_json(raw: &str) -> Option<Self> {
        let value: Value = serde_json::from_str(raw).ok()?;
        let field = |names: &[&str]| names.iter().find_map(|name| value.get(name)?.as_str());
        let message = field(&["message", "msg", "event", "text"])?;
        let level = field(&["level", "lvl", "severity", "loglevel"]).and_then(Level::named);
        match field(&["error", "err", "exception"]) {
            Some(error) => Some(Self::of(&format!("{message}: {error}"), level)),
            None => Some(Self::of(message, level)),
        }
    }

    fn of(message: &str, level: Option<Level>) -> Self {
        let masked = mask_quoted(cut(message));
        let level = level.or_else(|| level_in(&masked)).unwrap_or(Level::Unknown);
        let words = masked.split_whitespace().map(mask).skip_while(|word| word == WILDCARD);
        Self { level, words: words.take(WORDS_MAX).collect(), message: without_prefix(message) }
    }
}

fn cut(text: &str) -> &str {
    let end = (0..=LINE_BYTES_MAX.min(text.len())).rev().find(|at| text.is_char_boundary(*at));
    &text[..end.unwrap_or(0)]
}

/// A level as loggers write it: a word of its own in capitals, or in brackets, or `level=error`.
fn level_in(text: &str) -> Option<Level> {
    text.split_whitespace().take(LEVEL_WITHIN).find_map(|word| {
        let named = word.split_once('=').filter(|(key, _)| matches!(*key, "level" | "lvl" | "severity"));
        if let Some((_, level)) = named {
            return Level::named(level);
        }
        let letters = word.trim_matches(|c: char| !c.is_ascii_alphabetic());
        let is_marked = word.starts_with(['[', '<', '(']) || letters.chars().all(|c| c.is_ascii_uppercase());
        if is_marked { Level::named(word) } else { None }
    })
}

/// The message without time and level before it, for people.
fn without_prefix(message: &str) -> String {
    let words: Vec<&str> = message.split_whitespace().collect();
    let is_prefix = |word: &&str| mask(word) == WILDCARD || is_level_word(word);
    let start = words.iter().take(LEVEL_WITHIN).take_while(|word| is_prefix(word)).count();
    if start == words.len() { message.trim().to_owned() } else { words[start..].join(" ") }
}

fn is_level_word(word: &str) -> bool {
    let letters = word.trim_matches(|c: char| !c.is_ascii_alphabetic());
    letters.chars().all(|c| c.is_ascii_uppercase()) && Level::named(word).is_some()
}

/// The value of `key` in a logfmt line.
fn logfmt(line: &str, key: &str) -> Option<String> {
    let at = line.match_indices(key).find(|(at, _)| {
        let before = line[..*at].chars().next_back();
        before.is_none_or(char::is_whitespace) && line[at + key.len()..].starts_with('=')
    });
    let value = &line[at?.0 + key.len() + 1..];
    match value.strip_prefix('"') {
        Some(quoted) => Some(until_quote(quoted).0),
        None => value.split_whitespace().next().map(str::to_owned),
    }
}

/// The text up to an unescaped quote, and how many bytes it takes with the quote.
fn until_quote(text: &str) -> (String, usize) {
    let (mut inside, mut is_escaped) = (String::new(), false);
    for (at, c) in text.char_indices() {
        match c {
            _ if is_escaped => {
                inside.push(c);
                is_escaped = false;
            }
            '\\' => is_escaped = true,
            '"' => return (inside, at + 1),
            _ => inside.push(c),
        }
    }
    (inside, text.len())
}

/// Masks what stands in quotes: it may hold spaces.
fn mask_quoted(text: &str) -> String {
    let mut masked = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find('"') {
        let (_, length) = until_quote(&rest[at + 1..]);
        masked.push_str(&rest[..at]);
        masked.push_str(WILDCARD);
        rest = &rest[at + 1 + length..];
    }
    masked.push_str(rest);
    masked
}

/// A word with what varies masked: values after `=`, and whatever holds a digit, is a path or is too long.
fn mask(word: &str) -> String {
    if let Some((key, _)) = word.split_once('=')
        && !key.is_empty()
        && key.len() <= WORD_BYTES_MAX
        && !key.contains(|c: char| c.is_ascii_digit())
    {
        return format!("{key}={WILDCARD}");
    }
    let core = word.trim_end_matches([',', ';', ':', '.', ')', ']', '}']);
    let varies = core.contains(|c: char| c.is_ascii_digit())
        || core.contains(WILDCARD)
        || core.starts_with('/')
        || core.len() > WORD_BYTES_MAX;
    if varies { format!("{WILDCARD}{}", punctuation(&word[core.len()..])) } else { word.to_owned() }
}

/// What is left of the punctuation after a masked word: brackets that were opened in it go with it.
fn punctuation(text: &str) -> &str {
    if text.starts_with([':', ',', ';']) { &text[..1] } else { "" }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(raw: &str, level: Level, template: &str) {
        let line = Line::read(raw);
        assert_eq!((line.level, line.words.join(" ").as_str()), (level, template), "{raw}");
    }

    #[test]
    fn what_varies_is_masked_and_the_level_is_found() {
        use Level::{Debug, Error, Info, Unknown, Warning};
        check("2026-11-20 10:00:00,123 ERROR user 17 not found", Error, "ERROR user <*> not found");
        check(
            "[2026-11-20] [warn] slow query took 31ms: SELECT",
            Warning,
            "[warn] slow query took <*>: SELECT",
        );
        check("level=info ready port=8080", Info, "level=<*> ready port=<*>");
        check("ts=1 lvl=debug msg=\"got \\\"x\\\" 5\"", Debug, "got <*> <*>");
        check("failed to open \"a b c\", giving up", Unknown, "failed to open <*>, giving up");
        check("no error here", Unknown, "no error here");
        check("ERROR: boom", Error, "ERROR: boom");
        check("{\"severity\":\"WARNING\",\"msg\":\"disk 91% full\"}", Warning, "disk <*> full");
        check("{not json}", Unknown, "{not json}");
        check("GET /a/b from 10.0.0.1", Unknown, "GET <*> from <*>");
    }

    #[test]
    fn the_message_for_people_has_no_time_and_no_level() {
        assert_eq!(Line::read("2026-11-20 10:00:00 ERROR user 17 not found").message, "user 17 not found");
        assert_eq!(Line::read("ERROR").message, "ERROR");
    }
}
