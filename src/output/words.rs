//! Words for values: states with a sign and a colour, times, and texts that are safe to print.

use jiff::Timestamp;
use owo_colors::OwoColorize;

/// A state with its sign, which says the same without the colour.
#[must_use]
pub fn status(word: &str) -> String {
    match word {
        "completed" | "approved" | "enabled" => format!("{} {word}", "✓".green()),
        "failed" | "rejected" | "expired" => format!("{} {word}", "✗".red()),
        "running" => format!("{} {word}", "●".cyan()),
        "waiting" | "paused" | "pending" | "ready" => format!("{} {word}", "◷".yellow()),
        "retrying" => format!("{} {word}", "↻".yellow()),
        "skipped" | "cancelled" | "disabled" => format!("{} {}", "○".dimmed(), word.dimmed()),
        other => plain(other),
    }
}

/// A length of time in the two largest units that say something.
#[must_use]
pub fn duration(milliseconds: u64) -> String {
    match milliseconds {
        ms @ 0..1_000 => format!("{ms} ms"),
        ms @ 1_000..60_000 => format!("{}.{} s", ms / 1_000, ms % 1_000 / 100),
        ms @ 60_000..3_600_000 => format!("{} m {} s", ms / 60_000, ms / 1_000 % 60),
        ms @ 3_600_000..86_400_000 => format!("{} h {} m", ms / 3_600_000, ms / 60_000 % 60),
        ms => format!("{} d {} h", ms / 86_400_000, ms / 3_600_000 % 24),
    }
}

/// How long ago a time is, as it stands in an answer; nothing for what is no time.
#[must_use]
pub fn ago(time: Option<&str>, now: Timestamp) -> String {
    let Some(time) = time.and_then(|text| text.parse::<Timestamp>().ok()) else { return String::new() };
    let elapsed = now.as_millisecond().saturating_sub(time.as_millisecond());
    match u64::try_from(elapsed) {
        Ok(elapsed) => format!("{} ago", duration(elapsed)),
        Err(_) => format!("in {}", duration(elapsed.unsigned_abs())),
    }
}

/// Text from outside as one line, without anything that a terminal would obey or that would show it in another order than
/// it is in. What is taken out can be seen: a newline as `↵`, everything else as `\u{fffd}`.
#[must_use]
pub fn plain(text: &str) -> String {
    let seen = |c: char| match c {
        '\n' => '↵',
        '\t' => c,
        c if c.is_control() || turns_the_line(c) => '\u{fffd}',
        c => c,
    };
    text.chars().map(seen).collect()
}

/// The same with its lines kept, for places where a line of its own cannot be taken for one of ours.
#[must_use]
pub fn plain_lines(text: &str) -> String {
    text.split('\n').map(plain).collect::<Vec<_>>().join("\n")
}

/// Marks, embeddings, overrides and isolates of bidirectional text, and the separators that begin another line.
fn turns_the_line(c: char) -> bool {
    matches!(c, '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

/// One line of at most so many characters.
#[must_use]
pub fn shortened(text: &str, characters_max: usize) -> String {
    let line = plain(&text.split_whitespace().collect::<Vec<_>>().join(" "));
    if line.chars().count() <= characters_max {
        return line;
    }
    let kept: String = line.chars().take(characters_max.saturating_sub(1)).collect();
    format!("{kept}…")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_told_in_the_units_that_matter() {
        for (ms, text) in [
            (0, "0 ms"),
            (999, "999 ms"),
            (1_250, "1.2 s"),
            (61_000, "1 m 1 s"),
            (3_660_000, "1 h 1 m"),
            (90_000_000, "1 d 1 h"),
        ] {
            assert_eq!(duration(ms), text);
        }
        let now: Timestamp = "2026-01-01T00:01:00Z".parse().unwrap();
        assert_eq!(ago(Some("2026-01-01T00:00:00Z"), now), "1 m 0 s ago");
        assert_eq!(ago(Some("2026-01-01T00:01:30Z"), now), "in 30.0 s");
        assert_eq!(ago(Some("soon"), now), "");
        assert_eq!(ago(None, now), "");
    }

    #[test]
    fn no_text_from_outside_moves_the_cursor() {
        assert_eq!(plain("a\u{1b}[2Jb\r\nc"), "a\u{fffd}[2Jb\u{fffd}↵c");
        assert_eq!(plain_lines("a\u{1b}b\nc"), "a\u{fffd}b\nc");
        assert_eq!(shortened("one\ntwo   three", 9), "one two …");
        assert_eq!(shortened("short", 9), "short");
    }

    #[test]
    fn no_text_from_outside_is_shown_in_another_order_than_it_is_in() {
        for mark in
            "\u{200e}\u{200f}\u{202a}\u{202b}\u{202c}\u{202d}\u{202e}\u{2066}\u{2067}\u{2068}\u{2069}".chars()
        {
            assert_eq!(plain(&format!("a{mark}b")), "a\u{fffd}b", "{mark:?}");
            assert_eq!(shortened(&format!("a{mark}b"), 9), "a\u{fffd}b", "{mark:?}");
        }
        assert_eq!(plain("שלום, grüße"), "שלום, grüße", "letters stay as they are");
    }
}
