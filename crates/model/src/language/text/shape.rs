//! What a template may be made of, checked before the engine sees it.
//!
//! The engine's parser recurses, and it notices unknown filters only while rendering. So the text is split here the way the
//! engine splits it, and what could be deep, costly or unknown is refused. Mappings (`{`) and `raw` are refused too: with them
//! the two ways of splitting could differ.

use super::super::document::shorten;
use super::super::names::Refusal;
use super::super::reader::{nearest, quoted};
use super::{FILTERS, TESTS};
use crate::diagnostic::Code;

/// Brackets in brackets.
pub const BRACKETS_MAX: usize = 16;
/// Words and operators of one expression.
pub const TOKENS_MAX: usize = 150;
/// `if`, `elif` and `for` in each other.
pub const BLOCKS_MAX: usize = 16;
/// Operators of the whole template that build longer texts out of shorter ones.
pub const JOINING_OPERATORS_MAX: usize = 32;
/// Those of them that may be repeated by a `for`.
pub const JOINING_IN_LOOPS_MAX: usize = 8;

/// Checks a template.
pub(super) fn check(source: &str) -> Result<(), Refusal> {
    let mut check = Check { rest: source, blocks: Vec::new(), joining: 0, joining_in_loops: 0 };
    while let Some(at) =
        check.rest.find("{{").into_iter().chain(check.rest.find("{%")).chain(check.rest.find("{#")).min()
    {
        let opening = check.rest.as_bytes()[at + 1];
        check.rest = &check.rest[at + 2..];
        match opening {
            b'#' => check.rest = check.rest.find("#}").map_or("", |end| &check.rest[end + 2..]),
            b'%' => {
                check.statement()?;
                check.expression("%}")?;
            }
            _ => check.expression("}}")?,
        }
    }
    Ok(())
}

fn too_complex(message: impl Into<String>) -> Refusal {
    Refusal::new(Code::TemplateTooComplex, message)
}

fn bad(message: impl Into<String>) -> Refusal {
    Refusal::new(Code::BadTemplate, message)
}

struct Check<'t> {
    rest: &'t str,
    blocks: Vec<Block>,
    joining: usize,
    joining_in_loops: usize,
}

/// An open statement.
struct Block {
    /// How many levels it makes: an `elif` stands inside of its `if`.
    levels: usize,
    /// Whether it is a `for`.
    repeats: bool,
}

impl<'t> Check<'t> {
    /// The word that begins a statement.
    fn statement(&mut self) -> Result<(), Refusal> {
        self.rest = self.rest.trim_start_matches(['-', '+']).trim_start();
        let word = self.word();
        match word {
            "if" | "for" => self.blocks.push(Block { levels: 1, repeats: word == "for" }),
            "elif" | "else" => {
                if let Some(block) = self.blocks.last_mut() {
                    block.levels += 1;
                }
            }
            "endif" | "endfor" => {
                self.blocks.pop();
            }
            _ => {
                return Err(bad(format!("a template has no statement `{}`", shorten(word)))
                    .help("it has `if` and `for`"));
            }
        }
        if self.blocks.iter().map(|block| block.levels).sum::<usize>() > BLOCKS_MAX {
            return Err(too_complex(format!(
                "`if`, `elif` and `for` are nested deeper than {BLOCKS_MAX} levels"
            )));
        }
        Ok(())
    }

    /// Takes the word at the beginning of the rest; empty when there is none.
    fn word(&mut self) -> &'t str {
        let end = self.rest.find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(self.rest.len());
        let (word, rest) = self.rest.split_at(end);
        self.rest = rest;
        word
    }

    /// Everything up to the closing brackets.
    fn expression(&mut self, closing: &str) -> Result<(), Refusal> {
        let (mut brackets, mut tokens) = (0_usize, 0_usize);
        while let Some(c) = self.rest.chars().next() {
            if let Some(rest) = self.rest.strip_prefix(closing) {
                self.rest = rest;
                return Ok(());
            }
            if c.is_whitespace() {
                self.rest = self.rest.trim_start();
                continue;
            }
            tokens += 1;
            if c.is_alphanumeric() || c == '_' {
                if self.word() == "is" {
                    self.test()?;
                }
            } else {
                self.rest = &self.rest[c.len_utf8()..];
                match c {
                    '"' | '\'' => self.literal(c)?,
                    '(' | '[' => brackets += 1,
                    ')' | ']' => brackets = brackets.saturating_sub(1),
                    '{' => return Err(bad("a template has no mappings of its own")),
                    '~' | '+' => {
                        self.joining += 1;
                        if self.blocks.iter().any(|block| block.repeats) {
                            self.joining_in_loops += 1;
                        }
                    }
                    // Of texts and lists it makes copies, as many as are wanted.
                    '*' => {
                        return Err(too_complex("a template cannot multiply")
                            .help("print a value that is calculated already"));
                    }
                    '|' => {
                        self.rest = self.rest.trim_start();
                        let word = self.word();
                        known(word, "filter", &FILTERS)?;
                    }
                    _ => {}
                }
            }
            if brackets > BRACKETS_MAX {
                return Err(too_complex(format!("brackets are nested deeper than {BRACKETS_MAX} levels")));
            }
            if tokens > TOKENS_MAX {
                return Err(too_complex(format!(
                    "an expression has more than {TOKENS_MAX} words and operators"
                )));
            }
            if self.joining > JOINING_OPERATORS_MAX {
                return Err(too_complex(format!(
                    "there are more than {JOINING_OPERATORS_MAX} of the operators `~` and `+`"
                )));
            }
            if self.joining_in_loops > JOINING_IN_LOOPS_MAX {
                return Err(too_complex(format!(
                    "there are more than {JOINING_IN_LOOPS_MAX} of the operators `~` and `+` inside of `for`"
                ))
                .help("print the parts one after another: `{{ a }}{{ b }}`"));
            }
        }
        Err(bad(format!("`{closing}` is missing")))
    }

    /// What follows `is`.
    fn test(&mut self) -> Result<(), Refusal> {
        self.rest = self.rest.trim_start();
        let mut word = self.word();
        if word == "not" {
            self.rest = self.rest.trim_start();
            word = self.word();
        }
        known(word, "test", &TESTS)
    }

    /// The rest of a text in quotes.
    fn literal(&mut self, quote: char) -> Result<(), Refusal> {
        let mut escaped = false;
        for (at, c) in self.rest.char_indices() {
            if escaped {
                escaped = false;
            } else if c == '\\' {
                escaped = true;
            } else if c == quote {
                self.rest = &self.rest[at + 1..];
                return Ok(());
            }
        }
        Err(bad(format!("a text in {quote} has no end")))
    }
}

fn known(word: &str, what: &str, names: &[&'static str]) -> Result<(), Refusal> {
    if names.contains(&word) {
        return Ok(());
    }
    let refusal = bad(format!("a template has no {what} `{}`", shorten(word)));
    Err(match nearest(word, names.iter().copied()) {
        Some(name) => refusal.help(format!("did you mean `{name}`?")),
        None => refusal.help(format!("there are {}", quoted(names.iter().copied()))),
    })
}
