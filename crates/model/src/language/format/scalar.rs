//! Texts and words of YAML: plain where that reads as the same text, in quotes where it does not.

use super::super::yaml;

/// Where a word stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Place {
    /// Between brackets or braces.
    Flow,
    /// On a line of its own.
    Block,
}

/// Words that YAML 1.1 reads as true and false. They are texts here, and stand in quotes for whoever reads the file with an older
/// library.
const OLD_BOOLEANS: [&str; 8] = ["yes", "no", "on", "off", "y", "n", "<<", "="];

/// A text as one word or quoted.
pub(super) fn text(text: &str, place: Place) -> String {
    let is_old = OLD_BOOLEANS.iter().any(|word| word.eq_ignore_ascii_case(text));
    if !is_old && is_plain(text, place) && yaml::reads_as_text(text) {
        return text.to_owned();
    }
    quoted(text)
}

/// A key: always a text, whatever it looks like.
pub(super) fn key(text: &str, place: Place) -> String {
    let is_value_like = text.starts_with('-');
    if is_plain(text, place) && !is_value_like { text.to_owned() } else { quoted(text) }
}

/// Whether a text may stand without quotes, apart from what it would be read as.
fn is_plain(text: &str, place: Place) -> bool {
    let Some(first) = text.chars().next() else { return false };
    let mut rest = text.chars();
    rest.next();
    let begins = match first {
        '-' => {
            text != "---"
                && rest
                    .next()
                    .is_some_and(|next| !next.is_whitespace() && !matches!(next, ',' | '[' | ']' | '{' | '}'))
        }
        '?' | ':' | ',' | '[' | ']' | '{' | '}' | '#' | '&' | '*' | '!' | '|' | '>' | '\'' | '"' | '%'
        | '@' | '`' => false,
        _ => true,
    };
    let ends = !text.ends_with([' ', ':']);
    let breaks = |text: &str| text.contains(": ") || text.contains(" #") || text.starts_with(' ');
    begins
        && ends
        && !text.starts_with("...")
        && !breaks(text)
        && text.chars().all(is_printable)
        // A template or a list in a text looks like one of YAML's own, wherever it stands.
        && !text.contains(['[', ']', '{', '}'])
        && (place == Place::Block || !text.contains(','))
}

/// Whether a character may stand as it is, in a text of one line.
pub(super) fn is_printable(character: char) -> bool {
    match character {
        ' '..='~' => true,
        '\u{a0}'..='\u{d7ff}' => !matches!(character, '\u{2028}' | '\u{2029}'),
        '\u{e000}'..='\u{fffd}' => character != '\u{feff}',
        '\u{10000}'.. => true,
        _ => false,
    }
}

/// A text in the quotes that need fewer escapes.
pub(super) fn quoted(text: &str) -> String {
    let doubled = text.matches('\'').count();
    let escaped = text.matches(['"', '\\']).count();
    let is_single = text.chars().all(is_printable) && escaped > doubled;
    if is_single {
        return format!("'{}'", text.replace('\'', "''"));
    }
    let mut out = String::with_capacity(text.len() + 2);
    out.push('"');
    for character in text.chars() {
        match character {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\t' => out.push_str("\\t"),
            '\r' => out.push_str("\\r"),
            _ if is_printable(character) => out.push(character),
            _ => out.push_str(&match u32::from(character) {
                code @ 0..=0xff => format!("\\x{code:02x}"),
                code => format!("\\u{code:04x}"),
            }),
        }
    }
    out.push('"');
    out
}

/// The lines of a text that is written as a block: its sign, and what stands below.
#[derive(Debug, PartialEq)]
pub(super) struct Block {
    pub sign: &'static str,
    pub lines: Vec<String>,
}

/// A text of several lines as it stands, if YAML can keep every character of it in that form.
pub(super) fn literal(text: &str) -> Option<Block> {
    let (body, sign) = match text.strip_suffix('\n') {
        Some(body) => (body, "|"),
        None => (text, "|-"),
    };
    let is_fit = text.contains('\n')
        && !body.is_empty()
        && !body.ends_with('\n')
        && !body.starts_with(['\n', ' '])
        && body
            .split('\n')
            .all(|line| line.chars().all(is_printable) && (line.is_empty() || !line.trim().is_empty()));
    is_fit.then(|| Block { sign, lines: body.split('\n').map(str::to_owned).collect() })
}

/// A long text of one line, broken at its spaces.
pub(super) fn folded(text: &str, width: usize) -> Option<Block> {
    let is_fit = !text.is_empty()
        && !text.starts_with(' ')
        && !text.ends_with(' ')
        && !text.contains("  ")
        && text.chars().all(is_printable);
    if !is_fit {
        return None;
    }
    let mut lines: Vec<String> = Vec::new();
    let mut length = 0;
    for word in text.split(' ') {
        let size = word.chars().count();
        match lines.last_mut() {
            Some(line) if length + 1 + size <= width => {
                line.push(' ');
                line.push_str(word);
                length += 1 + size;
            }
            _ => {
                lines.push(word.to_owned());
                length = size;
            }
        }
    }
    (lines.len() > 1).then_some(Block { sign: ">-", lines })
}
