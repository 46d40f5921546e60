//! Characters that a reader of a document cannot see, or takes for others.
//!
//! A document is read by people before it is run. So characters that reverse the text around them, that are not shown at all, or
//! that only look like a letter of an id are refused with their code point (Unicode Technical Report 36 and 39; N. Boucher and
//! R. Anderson, "Trojan Source: Invisible Vulnerabilities", 2021). In texts, what scripts and emoji need is left alone.

use super::document::{Content, Item, shorten};
use super::reader::DIAGNOSTICS_MAX;
use crate::diagnostic::{Code, Diagnostic, Span};

/// Letters of other scripts that look like those of an id, with what they look like.
const LOOK_ALIKES: &[(char, char)] = &[
    ('а', 'a'),
    ('с', 'c'),
    ('ԁ', 'd'),
    ('е', 'e'),
    ('һ', 'h'),
    ('і', 'i'),
    ('ј', 'j'),
    ('ӏ', 'l'),
    ('о', 'o'),
    ('р', 'p'),
    ('ԛ', 'q'),
    ('ѕ', 's'),
    ('ѵ', 'v'),
    ('ԝ', 'w'),
    ('х', 'x'),
    ('у', 'y'),
    ('α', 'a'),
    ('ο', 'o'),
    ('ρ', 'p'),
    ('ν', 'v'),
    ('ι', 'i'),
    ('κ', 'k'),
    ('υ', 'u'),
    ('γ', 'y'),
    ('օ', 'o'),
    ('ս', 'u'),
    ('ո', 'n'),
    ('հ', 'h'),
    ('ց', 'g'),
    ('ı', 'i'),
    ('ɑ', 'a'),
    ('ɡ', 'g'),
    ('ℓ', 'l'),
    ('０', '0'),
    ('１', '1'),
    ('‐', '-'),
    ('‑', '-'),
    ('–', '-'),
    ('—', '-'),
    ('−', '-'),
    ('＿', '_'),
];

/// What a character does that should not stand where it stands.
fn trouble(c: char) -> Option<&'static str> {
    Some(match c {
        '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' => "changes the direction of the text around it",
        '\u{0}'..='\u{8}' | '\u{b}' | '\u{c}' | '\u{e}'..='\u{1f}' | '\u{7f}'..='\u{9f}' => {
            "is a control character"
        }
        '\u{fff9}'..='\u{fffb}' => "hides the text behind it",
        '\u{e0000}'..='\u{e007f}' => "is a tag, which is not shown",
        _ => return None,
    })
}

/// What is not shown, and is needed in texts of some scripts and by emoji.
fn is_unseen(c: char) -> bool {
    matches!(c, '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{115f}' | '\u{1160}' | '\u{17b4}' | '\u{17b5}' | '\u{180e}'
        | '\u{200b}'..='\u{200f}' | '\u{2060}'..='\u{2064}' | '\u{206a}'..='\u{206f}' | '\u{3164}' | '\u{fe00}'..='\u{fe0f}'
        | '\u{feff}' | '\u{ffa0}')
}

/// Whether a terminal should be spared the character: it is not shown, or moves what is.
#[must_use]
pub(crate) fn is_hidden(c: char) -> bool {
    trouble(c).is_some() || is_unseen(c)
}

/// A code point as people quote it.
fn shown(c: char) -> String {
    format!("U+{:04X}", u32::from(c))
}

/// The first character of a text that must not stand in any text, and what it does.
fn first_hidden(text: &str) -> Option<(char, &'static str)> {
    if text.is_ascii() && !text.bytes().any(|b| b < 0x20 || b == 0x7f) {
        return None;
    }
    // Flags of regions are a black flag and tags behind it.
    let mut in_flag = false;
    text.chars().find_map(|c| {
        let is_tag = matches!(c, '\u{e0020}'..='\u{e007f}');
        in_flag = c == '\u{1f3f4}' || (in_flag && is_tag);
        trouble(c).filter(|_| !(in_flag && is_tag)).map(|what| (c, what))
    })
}

/// Why `name`, a name or an id that does not have the required shape, is no name, when that cannot be seen.
pub(super) fn unseen_in_name(name: &str, span: Span) -> Option<Diagnostic> {
    for (at, c) in name.chars().enumerate() {
        let what = trouble(c).or_else(|| is_unseen(c).then_some("is not shown"));
        if let Some(what) = what {
            let message = format!("character {} of this name is {}, which {what}", at + 1, shown(c));
            let help = format!("delete it; what is left reads `{}`", shorten(&visible(name)));
            return Some(Diagnostic::new(Code::HiddenCharacter, span, message).help(help));
        }
        if let Some((_, like)) = LOOK_ALIKES.iter().find(|(other, _)| *other == c) {
            let message = format!("`{}` has {} where `{like}` seems to stand", shorten(name), shown(c));
            let plain: String = name.chars().map(plain).collect();
            return Some(
                Diagnostic::new(Code::LookAlike, span, message).help(format!("write `{}`", shorten(&plain))),
            );
        }
    }
    None
}

fn plain(c: char) -> char {
    LOOK_ALIKES.iter().find(|(other, _)| *other == c).map_or(c, |(_, like)| *like)
}

/// A text without what is not shown.
pub(crate) fn visible(text: &str) -> String {
    text.chars().filter(|c| !is_hidden(*c)).collect()
}

/// Looks through all keys and texts of a document.
pub(super) fn check(root: &Item, problems: &mut Vec<Diagnostic>) {
    match &root.content {
        Content::Text(text) => report(text, "this text", root.span, problems),
        Content::List(items) => items.iter().for_each(|item| check(item, problems)),
        Content::Map(entries) => {
            for entry in entries {
                report(&entry.key, "this key", entry.key_span, problems);
                check(&entry.value, problems);
            }
        }
        Content::Null | Content::Bool(_) | Content::Number(_) => {}
    }
}

fn report(text: &str, what: &str, span: Span, problems: &mut Vec<Diagnostic>) {
    if problems.len() > DIAGNOSTICS_MAX {
        return;
    }
    if let Some((c, does)) = first_hidden(text) {
        let message = format!("{what} has the character {}, which {does}", shown(c));
        let help = "delete it: whoever reads the document does not see what it does";
        problems.push(Diagnostic::new(Code::HiddenCharacter, span, message).help(help));
    }
}

/// What is wrong with the name of a file, as far as it would deceive who reads it.
#[must_use]
pub fn check_file_name(name: &str) -> Option<Diagnostic> {
    let c = name.chars().find(|c| is_hidden(*c))?;
    let what = trouble(c).unwrap_or("is not shown");
    let message = format!("the name of the file has the character {}, which {what}", shown(c));
    let help = format!("rename it to `{}`", shorten(&visible(name)));
    Some(Diagnostic::new(Code::HiddenCharacter, Span::default(), message).help(help))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::language::tests::yaml;

    fn codes(text: &str) -> Vec<&'static str> {
        yaml(text).diagnostics.iter().map(|diagnostic| diagnostic.code.name()).collect()
    }

    fn described(text: &str) -> Vec<&'static str> {
        // Escaped, since YAML itself has no control characters.
        let text: String = text.chars().map(|c| format!("\\U{:08x}", u32::from(c))).collect();
        codes(&format!(
            "ghostlight: 1\nname: w\ndescription: \"{text}\"\nnodes: {{a: {{type: agent_call, agent: x}}}}\n"
        ))
    }

    #[test]
    fn characters_that_reverse_or_hide_what_a_text_says_are_refused_with_their_code_point() {
        for c in ['\u{202e}', '\u{2066}', '\u{0}', '\u{1b}', '\u{9b}', '\u{fff9}', '\u{e0041}'] {
            assert_eq!(described(&format!("all{c}well")), ["hidden_character"], "{}", shown(c));
        }
        let told = yaml(
            "ghostlight: 1\nname: w\ncontext: {\"a\\u202Eb\": 1}\nnodes: {a: {type: agent_call, agent: x}}\n",
        );
        assert!(told.diagnostics[0].message.contains("U+202E"), "{:?}", told.diagnostics);
    }

    #[test]
    fn what_scripts_and_emoji_need_is_left_alone() {
        for text in [
            "שלום\u{200f}!",
            "می\u{200c}خواهم",
            "👩\u{200d}🚒",
            "❤\u{fe0f}",
            "🏴\u{e0067}\u{e0062}\u{e0065}\u{e006e}\u{e0067}\u{e007f}",
            "a\tb\nc",
            "Ünïcödé",
            "日本語",
        ] {
            assert_eq!(described(text), [""; 0], "{text}");
        }
        assert_eq!(described("🏴\u{e0067} x \u{e0067}"), ["hidden_character"], "only behind the flag");
    }

    #[test]
    fn a_name_that_only_looks_right_is_told_what_it_has() {
        let node = |id: &str| {
            yaml(&format!(
                "ghostlight: 1\nname: w\nnodes: {{{}: {{type: agent_call, agent: x}}}}\n",
                serde_json::to_string(id).unwrap()
            ))
        };
        let told = node("\u{430}pprove");
        assert_eq!(told.diagnostics[0].code, Code::LookAlike);
        assert!(told.diagnostics[0].message.contains("U+0430"), "{:?}", told.diagnostics);
        assert_eq!(told.diagnostics[0].help.as_deref(), Some("write `approve`"));
        let told = node("app\u{200b}rove");
        assert_eq!(told.diagnostics[0].code, Code::HiddenCharacter);
        assert!(
            told.diagnostics[0].message.contains("U+200B")
                && told.diagnostics[0].help.as_ref().unwrap().contains("`approve`")
        );
        assert_eq!(node("größe").diagnostics[0].code, Code::BadName);
        assert_eq!(
            codes("ghostlight: 1\nname: w\u{43e}rk\nnodes: {a: {type: agent_call, agent: \u{440}robe}}\n"),
            ["look_alike", "look_alike"]
        );
    }

    #[test]
    fn a_file_whose_name_deceives_is_refused_with_the_code_point() {
        assert_eq!(check_file_name("deploy.yaml"), None);
        assert_eq!(check_file_name("größe-日本.yaml"), None);
        let told = check_file_name("deploy\u{202e}lmay.exe").unwrap();
        assert!(told.message.contains("U+202E") && told.help.unwrap().contains("deploylmay.exe"));
        assert!(check_file_name("a\u{200b}.yaml").unwrap().message.contains("U+200B"));
    }
}
