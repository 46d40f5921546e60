//! Rust source as far as the house rules must understand it: what is code, and which lines are tests.
//!
//! This is no parser. It knows comments, strings and characters, so that a word in a message is not
//! mistaken for the thing itself, and it counts braces.

use std::ops::Range;

/// `text` with the insides of comments, strings and character literals blanked. Lines stay where they are,
/// one character for one character.
pub fn code_of(text: &str) -> String {
    let text: Vec<char> = text.chars().collect();
    let mut code = String::with_capacity(text.len());
    let mut at = 0;
    while at < text.len() {
        let end = match text[at] {
            '/' if text.get(at + 1) == Some(&'/') => position(&text, at, |rest| rest[0] == '\n'),
            '/' if text.get(at + 1) == Some(&'*') => end_of_comment(&text, at),
            '"' => end_of_string(&text, at),
            'r' if !follows_a_word(&text, at) => end_of_raw_string(&text, at).unwrap_or(at),
            'b' | 'c' if !follows_a_word(&text, at) && text.get(at + 1) == Some(&'r') => {
                end_of_raw_string(&text, at + 1).unwrap_or(at)
            }
            '\'' => end_of_character(&text, at).unwrap_or(at),
            _ => at,
        };
        if end == at {
            code.push(text[at]);
            at += 1;
        } else {
            code.extend(text[at..end].iter().map(|&inside| if inside == '\n' { '\n' } else { ' ' }));
            at = end;
        }
    }
    code
}

/// Where `is` first holds for the rest of `text` from `from` on, else its end.
fn position(text: &[char], from: usize, is: impl Fn(&[char]) -> bool) -> usize {
    (from..text.len()).find(|&at| is(&text[at..])).unwrap_or(text.len())
}

/// Whether the character at `at` goes on a word, so that it cannot begin a raw string.
fn follows_a_word(text: &[char], at: usize) -> bool {
    at.checked_sub(1).is_some_and(|before| text[before].is_alphanumeric() || text[before] == '_')
}

/// The end of a block comment, which may hold others.
fn end_of_comment(text: &[char], from: usize) -> usize {
    let (mut depth, mut at) = (0_usize, from);
    while at < text.len() {
        match &text[at..] {
            ['/', '*', ..] => (depth, at) = (depth + 1, at + 2),
            ['*', '/', ..] => {
                (depth, at) = (depth - 1, at + 2);
                if depth == 0 {
                    return at;
                }
            }
            _ => at += 1,
        }
    }
    text.len()
}

fn end_of_string(text: &[char], from: usize) -> usize {
    let mut at = from + 1;
    while at < text.len() {
        match text[at] {
            '\\' => at += 2,
            '"' => return at + 1,
            _ => at += 1,
        }
    }
    text.len()
}

/// The end of `r"..."` or `r#"..."#`, if one begins at the `r` in `from`.
fn end_of_raw_string(text: &[char], from: usize) -> Option<usize> {
    let hashes = text[from + 1..].iter().take_while(|&&next| next == '#').count();
    let opening = from + 1 + hashes;
    if text.get(opening) != Some(&'"') {
        return None;
    }
    let closes =
        |rest: &[char]| rest[0] == '"' && rest[1..].iter().take_while(|&&next| next == '#').count() >= hashes;
    let closing = position(text, opening + 1, closes);
    Some((closing + 1 + hashes).min(text.len()))
}

/// The end of a character literal, if the quote in `from` opens one and not a lifetime.
fn end_of_character(text: &[char], from: usize) -> Option<usize> {
    match &text[from..] {
        ['\'', '\\', _, rest @ ..] => {
            let closing = rest.iter().position(|&next| next == '\'')?;
            Some(from + 3 + closing + 1)
        }
        ['\'', _, '\'', ..] => Some(from + 3),
        _ => None,
    }
}

/// The tests inside a file.
#[derive(Debug, Default, PartialEq)]
pub struct Tests {
    /// The lines of items that are compiled for tests only, from 0.
    pub lines: Vec<Range<usize>>,
    /// Names of modules in files of their own that are compiled for tests only.
    pub modules: Vec<String>,
}

/// Finds the items under `#[cfg(test)]`, or under a `cfg(all(...))` that begins with it, in blanked code.
pub fn tests_of(code: &str) -> Tests {
    let mut tests = Tests::default();
    let mut from = 0;
    while let Some(found) =
        ["#[cfg(test)]", "#[cfg(all(test"].iter().filter_map(|mark| code[from..].find(mark)).min()
    {
        let start = from + found;
        let end = end_of_item(code, start);
        let item = &code[start..end];
        if let Some(name) =
            item.strip_suffix(';').and_then(|item| item.rsplit_once("mod ")).map(|(_, name)| name)
        {
            tests.modules.push(name.trim().to_owned());
        }
        let line = |at: usize| code[..at].matches('\n').count();
        tests.lines.push(line(start)..line(end) + 1);
        from = end;
    }
    tests
}

/// The end of the item that begins at `start`: the brace that closes its first, or the semicolon before one.
fn end_of_item(code: &str, start: usize) -> usize {
    let mut depth = 0_usize;
    for (at, character) in code[start..].char_indices() {
        match character {
            '{' => depth += 1,
            '}' => {
                depth = depth.saturating_sub(1);
                if depth == 0 {
                    return start + at + 1;
                }
            }
            ';' if depth == 0 => return start + at + 1,
            _ => {}
        }
    }
    code.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn comments_strings_and_characters_are_blanked_and_code_is_not() {
        let cases = [
            ("a(); // b!()", "a();"),
            ("a /* b /* c */ d */ e", "a e"),
            (r#"f("x \" y") g"#, "f( ) g"),
            (r##"f(r#"x " y"#) g"##, "f( ) g"),
            (r#"f(br"x") g"#, "f( ) g"),
            ("'a' '\\'' '\\u{1F600}' z", "z"),
            ("fn f<'a>(x: &'a str) {}", "fn f<'a>(x: &'a str) {}"),
            ("let r#type = var;", "let r#type = var;"),
            ("\"never closed\n", ""),
            ("/* never closed\n", ""),
            ("r", "r"),
        ];
        for (text, expected) in cases {
            let code = code_of(text);
            assert_eq!(code.split_whitespace().collect::<Vec<_>>().join(" "), expected, "{text}");
            assert_eq!(code.chars().count(), text.chars().count(), "{text}");
        }
    }

    #[test]
    fn lines_and_characters_stay_where_they_are() {
        let text = include_str!("source.rs");
        let code = code_of(text);
        assert_eq!(code.lines().count(), text.lines().count());
        assert_eq!(code.chars().count(), text.chars().count());
    }

    #[test]
    fn tests_inside_a_file_are_found_with_their_lines() {
        let code = "use a;\n#[cfg(test)]\nuse b;\nfn c() {}\n#[cfg(test)]\nmod tests {\n  fn d() { {} }\n}\nfn e() {}\n";
        assert_eq!(tests_of(code).lines, [1..3, 4..8]);
    }

    #[test]
    fn modules_of_tests_in_files_of_their_own_are_named() {
        let tests = tests_of("mod a;\n#[cfg(test)]\npub(crate) mod b;\n#[cfg(all(test, unix))]\nmod c;\n");
        assert_eq!(tests.modules, ["b", "c"]);
    }
}
