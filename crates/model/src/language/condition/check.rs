//! Parsing an expression, and the checks that bound what evaluating it may cost.

use std::collections::BTreeSet;
use std::panic::{AssertUnwindSafe, catch_unwind};

use cel::Value;
use cel::common::ast::{CallExpr, ComprehensionExpr, EntryExpr, Expr, IdedExpr, LiteralValue};

use super::super::document::shorten;
use super::super::hints;
use super::super::names::Refusal;
use super::super::reader::quoted;
use super::{CONDITION_BYTES_MAX, environment, refuse};
use crate::diagnostic::Code;

/// Brackets in brackets.
pub const NESTING_MAX: usize = 16;
/// Operators, dots and commas in all: what makes the parser recurse.
pub const OPERATORS_MAX: usize = 200;
/// Levels of the tree. Evaluating takes up to 30 KiB of the caller's stack for each.
pub const DEPTH_MAX: usize = 24;
/// Additions, which copy texts and lists.
pub const ADDITIONS_MAX: usize = 32;
/// Uses of `matches`.
pub const PATTERNS_MAX: usize = 8;
/// The longest pattern.
pub const PATTERN_BYTES_MAX: usize = 256;

const FUNCTIONS: [&str; 10] =
    ["size", "contains", "startsWith", "endsWith", "matches", "int", "uint", "double", "string", "bool"];
const MACROS: [&str; 6] = ["has", "all", "exists", "exists_one", "filter", "map"];

fn too_complex(message: impl Into<String>) -> Refusal {
    Refusal::new(Code::ConditionTooComplex, message)
}

/// Parses an expression that is short and flat enough.
pub(super) fn parse(text: &str) -> Result<IdedExpr, Refusal> {
    if text.len() > CONDITION_BYTES_MAX {
        return Err(too_complex(format!(
            "the condition has {} bytes; at most {CONDITION_BYTES_MAX} are allowed",
            text.len()
        )));
    }
    check_tokens(text)?;
    if text.trim().is_empty() {
        return Err(refuse("the condition is empty"));
    }
    let parsed = catch_unwind(AssertUnwindSafe(|| environment().parser().parse(text)));
    match parsed {
        Ok(Ok(expression)) => Ok(expression),
        Ok(Err(errors)) => {
            let reason = errors.errors.first().map_or_else(String::new, |error| {
                let place =
                    if error.pos.1 > 0 { format!(" at its column {}", error.pos.1) } else { String::new() };
                let message = error.msg.lines().next().unwrap_or_default();
                let message = message.trim_start_matches("Syntax error: ");
                // What would have been right is a list of all operators.
                let message = message.split(" expecting {").next().unwrap_or_default();
                format!("{}{place}", shorten(message))
            });
            let refusal = refuse(format!("this is not a CEL expression: {reason}"));
            Err(match hints::condition(text) {
                Some(hint) => refusal.help(hint),
                None => refusal,
            })
        }
        Err(_) => Err(refuse("this is not a CEL expression")),
    }
}

/// Bounds nesting and length before the parser, which recurses, sees the text.
fn check_tokens(text: &str) -> Result<(), Refusal> {
    let (mut nesting, mut operators) = (0_usize, 0_usize);
    let mut quote: Option<char> = None;
    let mut characters = text.chars().peekable();
    while let Some(c) = characters.next() {
        match (quote, c) {
            (Some(_), '\\') => {
                characters.next();
            }
            (Some(open), c) if c == open => quote = None,
            (Some(_), _) => {}
            (None, '"' | '\'') => quote = Some(c),
            (None, '(' | '[' | '{') => {
                nesting += 1;
                operators += 1;
            }
            (None, ')' | ']' | '}') => nesting = nesting.saturating_sub(1),
            (
                None,
                '.' | '+' | '-' | '*' | '/' | '%' | '!' | '?' | ':' | '<' | '>' | '=' | '&' | '|' | ',',
            ) => operators += 1,
            (None, c) if c.is_whitespace() => {
                // `in` is the one operator that is a word.
                if characters.clone().take(3).collect::<String>().starts_with("in ") {
                    operators += 1;
                }
            }
            (None, _) => {}
        }
        if nesting > NESTING_MAX {
            return Err(too_complex(format!(
                "brackets in the condition are nested deeper than {NESTING_MAX} levels"
            )));
        }
        if operators > OPERATORS_MAX {
            return Err(too_complex(format!("the condition has more than {OPERATORS_MAX} operators")));
        }
    }
    Ok(())
}

/// What an expression reads.
pub(super) struct Facts {
    /// Free variables, sorted.
    pub variables: BTreeSet<String>,
}

/// Checks the tree of an expression.
pub(super) fn check(expression: &IdedExpr) -> Result<Facts, Refusal> {
    let mut walk = Walk { variables: BTreeSet::new(), additions: 0, patterns: 0 };
    walk.expression(expression, &Place { depth: 0, own: None, building: false })?;
    Ok(Facts { variables: walk.variables })
}

/// Where in the expression we are.
struct Place<'e> {
    depth: usize,
    /// The variables of the comprehension around us: its item and what it gathers.
    own: Option<(&'e str, &'e str)>,
    /// Inside of what a comprehension gathers.
    building: bool,
}

impl<'e> Place<'e> {
    fn deeper(&self) -> Self {
        Self { depth: self.depth + 1, own: self.own, building: self.building }
    }
}

struct Walk {
    variables: BTreeSet<String>,
    additions: usize,
    patterns: usize,
}

impl Walk {
    fn expression(&mut self, expression: &IdedExpr, place: &Place<'_>) -> Result<(), Refusal> {
        if place.depth > DEPTH_MAX {
            return Err(too_complex("the condition is nested too deeply"));
        }
        let deeper = place.deeper();
        match &expression.expr {
            Expr::Unspecified => Err(refuse("this is not a CEL expression")),
            Expr::Literal(_) => Ok(()),
            Expr::Ident(name) => self.variable(name, place),
            Expr::Select(select) => self.expression(&select.operand, &deeper),
            Expr::Call(call) => self.call(call, place),
            Expr::List(list) => {
                let inside = Place { building: place.own.is_some(), ..deeper };
                list.elements.iter().try_for_each(|element| self.expression(element, &inside))
            }
            Expr::Map(map) => {
                let inside = Place { building: place.own.is_some(), ..deeper };
                for entry in &map.entries {
                    if let EntryExpr::MapEntry(entry) = &entry.expr {
                        self.expression(&entry.key, &inside)?;
                        self.expression(&entry.value, &inside)?;
                    }
                }
                Ok(())
            }
            Expr::Struct(_) => Err(refuse("a condition cannot build structures")),
            Expr::Comprehension(comprehension) => self.comprehension(comprehension, place),
        }
    }

    fn variable(&mut self, name: &str, place: &Place<'_>) -> Result<(), Refusal> {
        let name = name.strip_prefix('.').unwrap_or(name);
        if let Some((item, gathered)) = place.own {
            if name == item || name == gathered {
                return Ok(());
            }
            if place.building {
                return Err(too_complex(format!(
                    "what `map` gathers is made of its own variable, not of `{}`",
                    shorten(name)
                )));
            }
        }
        self.variables.insert(name.to_owned());
        Ok(())
    }

    fn call(&mut self, call: &CallExpr, place: &Place<'_>) -> Result<(), Refusal> {
        let name = call.func_name.as_str();
        let operator = !name.starts_with(|c: char| c.is_alphabetic());
        if !operator && !FUNCTIONS.contains(&name) {
            if MACROS.contains(&name) {
                return Err(refuse(format!("`{name}` is not used as in `list.{name}(item, condition)`")));
            }
            let refusal = refuse(format!("there is no function `{}`", shorten(name)));
            if let Some(help) = hints::function(name) {
                return Err(refusal.help(help));
            }
            return Err(match hints::meant(name, FUNCTIONS.into_iter().chain(MACROS)) {
                Some(name) if MACROS.contains(&name) => {
                    refusal.help(format!("did you mean `{name}`, as in `list.{name}(item, item > 3)`?"))
                }
                Some(name) => refusal.help(format!("did you mean `{name}`?")),
                None => refusal.help(format!("there are {}", quoted(FUNCTIONS.into_iter().chain(MACROS)))),
            });
        }
        if name == "_+_" {
            self.additions += 1;
            if self.additions > ADDITIONS_MAX {
                return Err(too_complex(format!("the condition has more than {ADDITIONS_MAX} additions")));
            }
        }
        if name == "matches" {
            self.pattern(call, place)?;
        }
        let deeper = place.deeper();
        if let Some(target) = &call.target {
            self.expression(target, &deeper)?;
        }
        call.args.iter().try_for_each(|argument| self.expression(argument, &deeper))
    }

    /// A pattern is compiled whenever it is used, so it is written out, short, known to compile, and not used in a loop.
    fn pattern(&mut self, call: &CallExpr, place: &Place<'_>) -> Result<(), Refusal> {
        self.patterns += 1;
        if self.patterns > PATTERNS_MAX {
            return Err(too_complex(format!("the condition uses `matches` more than {PATTERNS_MAX} times")));
        }
        if place.own.is_some() {
            return Err(too_complex("`matches` cannot be used inside of `all`, `exists`, `filter` or `map`"));
        }
        let Some(Expr::Literal(LiteralValue::String(pattern))) =
            call.args.last().map(|argument| &argument.expr)
        else {
            return Err(too_complex("the pattern of `matches` must be written out as a text")
                .help("write it like `input.name.matches('^[a-z]+$')`"));
        };
        if pattern.inner().len() > PATTERN_BYTES_MAX {
            return Err(too_complex(format!(
                "the pattern of `matches` is longer than {PATTERN_BYTES_MAX} bytes"
            )));
        }
        let trial = CallExpr {
            func_name: "matches".to_owned(),
            target: Some(Box::new(literal(""))),
            args: vec![literal(pattern.inner())],
        };
        let trial = IdedExpr { id: 0, expr: Expr::Call(trial) };
        match Value::resolve(&trial, &cel::Context::with_env(environment().clone())) {
            Ok(_) => Ok(()),
            Err(_) => Err(refuse(format!("`{}` is not a pattern", shorten(pattern.inner())))),
        }
    }

    fn comprehension(&mut self, comprehension: &ComprehensionExpr, place: &Place<'_>) -> Result<(), Refusal> {
        if place.own.is_some() {
            return Err(too_complex("`all`, `exists`, `filter` and `map` cannot stand inside of each other")
                .help("compare with a list that is there already, as in `a.all(x, x in b)`"));
        }
        self.expression(&comprehension.iter_range, &place.deeper())?;
        let item = comprehension.iter_var.as_str();
        if comprehension.iter_var2.is_some() || matches!(item, "input" | "context" | "run") {
            return Err(refuse(format!("`{}` cannot be the variable of a comprehension", shorten(item))));
        }
        let inside =
            Place { depth: place.depth + 1, own: Some((item, &comprehension.accu_var)), building: false };
        // The addition that gathers is the library's own.
        let additions = self.additions;
        for part in [
            &comprehension.accu_init,
            &comprehension.loop_cond,
            &comprehension.loop_step,
            &comprehension.result,
        ] {
            self.expression(part, &inside)?;
        }
        if gathers(&comprehension.loop_step) {
            self.additions = self.additions.max(additions + 1) - 1;
        }
        Ok(())
    }
}

fn gathers(step: &IdedExpr) -> bool {
    match &step.expr {
        Expr::Call(call) if call.func_name == "_+_" => true,
        Expr::Call(call) if call.func_name == "_?_:_" => call.args.get(1).is_some_and(gathers),
        _ => false,
    }
}

fn literal(text: &str) -> IdedExpr {
    IdedExpr { id: 0, expr: Expr::Literal(LiteralValue::String(text.to_owned().into())) }
}
