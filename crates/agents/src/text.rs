//! Text from outside, made harmless for people and terminals: bounded, and without control characters.

/// `text` without control and direction-changing characters, cut to `bytes_max` at a character. Line ends and tabs
/// become spaces: the result is one line.
#[must_use]
pub(crate) fn one_line(text: &str, bytes_max: usize) -> String {
    clean(text, bytes_max, |c| if matches!(c, '\n' | '\r' | '\t') { Some(' ') } else { None })
}

/// The same, but line ends and tabs stay.
#[must_use]
pub(crate) fn lines(text: &str, bytes_max: usize) -> String {
    clean(text, bytes_max, |c| if matches!(c, '\n' | '\t') { Some(c) } else { None })
}

fn clean(text: &str, bytes_max: usize, space: impl Fn(char) -> Option<char>) -> String {
    let mut clean = String::with_capacity(text.len().min(bytes_max));
    for c in text.chars() {
        let kept = match space(c) {
            Some(space) => space,
            None if c.is_control() || changes_direction(c) => continue,
            None => c,
        };
        if clean.len() + kept.len_utf8() > bytes_max {
            break;
        }
        clean.push(kept);
    }
    clean
}

/// Bidirectional controls make a text read differently from what it says (Unicode TR 36).
fn changes_direction(c: char) -> bool {
    matches!(c, '\u{200e}' | '\u{200f}' | '\u{061c}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn escapes_and_direction_marks_disappear_and_the_length_is_kept() {
        assert_eq!(one_line("a\u{1b}[31mb\nc\u{202e}d\0", 100), "a[31mb cd");
        assert_eq!(lines("a\r\nb\tc\u{7}", 100), "a\nb\tc");
        assert_eq!(one_line("äää", 5), "ää");
    }
}
