//! Diagnostics as text for a terminal: place, line of the source, caret, advice. Without colours; who prints adds them.

use std::fmt::Write;

use super::Diagnostic;
use crate::language::spelling::is_hidden;

/// Lines longer than this are cut around the place.
const LINE_CHARACTERS_MAX: usize = 160;
/// Lines with more bytes are not shown at all: a program wrote them, and every diagnostic would look through them again.
const LINE_BYTES_MAX: usize = 64 * 1024;

/// Draws `diagnostics`, which belong to `source`, the text of the file called `file`. Each ends with an empty line.
///
/// A diagnostic without a place in the text is drawn without one. Control characters of the source, and those that are not shown or turn the text around, are replaced, so that
/// a document cannot move the cursor of whoever looks at it.
#[must_use]
pub fn render(file: &str, source: &str, diagnostics: &[Diagnostic]) -> String {
    // A large document need not be looked through behind the last place.
    let last = diagnostics.iter().map(|diagnostic| diagnostic.line as usize).max().unwrap_or(0);
    let lines: Vec<&str> = source.lines().take(last).collect();
    let mut out = String::new();
    let file = printable(file);
    for diagnostic in diagnostics {
        render_one(&mut out, &file, &lines, diagnostic);
        out.push('\n');
    }
    out
}

fn render_one(out: &mut String, file: &str, lines: &[&str], diagnostic: &Diagnostic) {
    let Diagnostic { severity, code, message, path, line, column, .. } = diagnostic;
    // Writing to a string cannot fail.
    let _ = writeln!(out, "{}[{code}]: {}", severity.as_str(), printable(message));
    let number = if *line == 0 { String::new() } else { line.to_string() };
    let margin = " ".repeat(number.len());
    if *line > 0 {
        let _ = writeln!(out, "{margin}--> {file}:{line}:{column}");
    } else {
        let _ = writeln!(out, "--> {file}{}{path}", if path.is_empty() { "" } else { "#" });
    }
    if let Some(text) = (*line as usize)
        .checked_sub(1)
        .and_then(|at| lines.get(at))
        .filter(|line| line.len() <= LINE_BYTES_MAX)
    {
        let (shown, caret, width) = excerpt(text, diagnostic);
        let _ = writeln!(out, "{margin} |");
        let _ = writeln!(out, "{number} | {shown}");
        let _ = writeln!(out, "{margin} | {}{}", " ".repeat(caret), "^".repeat(width));
    }
    if let Some(help) = &diagnostic.help {
        let _ = writeln!(out, "{margin} = help: {}", printable(help));
    }
}

/// The part of the line to show, and where the carets stand under it.
fn excerpt(line: &str, diagnostic: &Diagnostic) -> (String, usize, usize) {
    let characters: Vec<char> = line
        .chars()
        .map(|c| match c {
            '\t' => ' ',
            c if is_hidden(c) => '\u{fffd}',
            c => c,
        })
        .collect();
    let start = (diagnostic.column.max(1) as usize - 1).min(characters.len());
    let end = if diagnostic.end_line == diagnostic.line {
        (diagnostic.end_column.max(1) as usize - 1).min(characters.len())
    } else {
        characters.iter().rposition(|c| !c.is_whitespace()).map_or(0, |at| at + 1)
    };
    let from = if characters.len() <= LINE_CHARACTERS_MAX {
        0
    } else {
        start.saturating_sub(LINE_CHARACTERS_MAX / 4)
    };
    let to = characters.len().min(from + LINE_CHARACTERS_MAX);
    let width = end.min(to).saturating_sub(start).max(1);
    (characters[from..to].iter().collect(), start - from, width)
}

fn printable(text: &str) -> String {
    text.chars().map(|c| if is_hidden(c) && c != '\n' { '\u{fffd}' } else { c }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::diagnostic::{Code, Span};

    fn at(line: u32, column: u32, end_line: u32, end_column: u32) -> Diagnostic {
        Diagnostic::new(Code::UnknownKey, Span { line, column, end_line, end_column }, "unknown key `nam`")
    }

    #[test]
    fn a_diagnostic_shows_its_line_with_carets_and_help() {
        let text = render("w.yaml", "a: 1\nnam: x\n", &[at(2, 1, 2, 4).help("did you mean `name`?")]);
        insta::assert_snapshot!(text, @r"
        error[GL0201]: unknown key `nam`
         --> w.yaml:2:1
          |
        2 | nam: x
          | ^^^
          = help: did you mean `name`?
        ");
    }

    #[test]
    fn places_outside_the_text_and_control_characters_do_no_harm() {
        let _ = render("x", "", &[at(0, 0, 0, 0), at(9, 9, 9, 9), at(1, 50, 1, 40)]);
        let text = render("x", "\u{1b}[2Jhello", &[at(1, 1, 1, 3)]);
        assert!(!text.contains('\u{1b}'));
        let huge = "x".repeat(LINE_BYTES_MAX + 1);
        assert!(!render("x", &huge, &[at(1, 4000, 1, 4010)]).contains("xx"));
        let long = "x".repeat(5000);
        assert!(render("x", &long, &[at(1, 4000, 1, 4010)]).len() < 1000);
    }
}
