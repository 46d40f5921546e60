//! Text for people and prompts: MiniJinja templates, strict, with fuel and without loaders.
//!
//! A template prints values, chooses and repeats (`if`, `for`), and has a few filters. It cannot set variables, define macros, or
//! load other templates, so that its cost stays within its own length, the values it reads, and the fuel.

mod shape;
mod values;

use std::fmt;
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, OnceLock};

use minijinja::{Environment, ErrorKind, UndefinedBehavior, Value as Shown};
use serde_json::Value;

use super::Scope;
use super::names::{self, Refusal, Root, Visible};
use super::of_run::{self, RUN};
use crate::diagnostic::Code;

pub use shape::{BLOCKS_MAX, BRACKETS_MAX, JOINING_IN_LOOPS_MAX, JOINING_OPERATORS_MAX, TOKENS_MAX};

/// Bound on a template.
pub const TEMPLATE_BYTES_MAX: usize = 16 * 1024;
/// Bound on a rendered text.
pub const RENDERED_BYTES_MAX: usize = 64 * 1024;
/// Steps that rendering may take.
pub const FUEL: u64 = 50_000;
/// Items and pieces of texts that rendering may look at.
pub const WORK_MAX: u64 = 1_000_000;
const REASON_CHARACTERS_MAX: usize = 1024;

/// A template, compiled.
#[derive(Clone)]
pub struct Text {
    source: Arc<str>,
    variables: Arc<[(String, Root)]>,
}

impl fmt::Debug for Text {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Text").field(&self.source).finish()
    }
}

/// Why a text could not be rendered.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TextError {
    /// The template met a value it cannot work with, or one that is not there.
    #[error("the text could not be rendered: {reason}")]
    Failed {
        /// What went wrong, at most 1,024 characters.
        reason: String,
    },
    /// The template took too many steps.
    #[error("the text takes too many steps to render")]
    OutOfFuel,
    /// The text would be longer than [`RENDERED_BYTES_MAX`].
    #[error("the rendered text is longer than {RENDERED_BYTES_MAX} bytes")]
    TooLong,
}

impl Text {
    /// The template as it stands in the document.
    #[must_use]
    pub fn source(&self) -> &str {
        &self.source
    }

    /// The text with the values of `scope` filled in.
    ///
    /// # Errors
    /// [`TextError`] says whether a value, the steps or the length was at fault.
    pub fn render(&self, scope: &dyn Scope) -> Result<String, TextError> {
        if self.variables.is_empty() && !self.source.contains('{') {
            return Ok(self.source.to_string());
        }
        // A panic in the library is a failed text, not the end of whoever shows it.
        catch_unwind(AssertUnwindSafe(|| self.render_unguarded(scope)))
            .unwrap_or_else(|_| Err(TextError::Failed { reason: "the template engine gave up".to_owned() }))
    }

    fn render_unguarded(&self, scope: &dyn Scope) -> Result<String, TextError> {
        let null = Value::Null;
        let work = values::Work::begin();
        let of_run = self.of_run(scope);
        let values = self.variables.iter().filter_map(|(name, root)| {
            let value = match root {
                Root::Input => scope.input(),
                Root::Context => scope.context(),
                Root::Node(node) => scope.output(*node).unwrap_or(&null),
                Root::Local(local) => scope.local(*local).unwrap_or(&null),
                Root::Run(_) | Root::Error(..) => return None,
            };
            Some((name.as_str(), values::shown(value)))
        });
        let of_run = of_run.iter().map(|value| (RUN, values::shown(value)));
        let values = Shown::from_pairs(values.chain(of_run));
        let mut out = Limited { text: Vec::new(), full: false };
        let rendered = environment()
            .template_from_str(&self.source)
            .and_then(|template| template.render_captured_to(values, &mut out).map(|_| ()));
        // Values that are looked at too often are shown as empty from then on, so that nothing of the text is to be believed.
        if work.is_over() && !out.full {
            return Err(TextError::OutOfFuel);
        }
        match rendered {
            Ok(()) => String::from_utf8(out.text)
                .map_err(|_| TextError::Failed { reason: "the text is not UTF-8".to_owned() }),
            Err(_) if out.full => Err(TextError::TooLong),
            Err(error) if error.kind() == ErrorKind::OutOfFuel => Err(TextError::OutOfFuel),
            Err(error) if error.kind() == ErrorKind::UndefinedError => {
                let missing = self.missing(scope).map(|path| format!("`{path}` is not there"));
                Err(TextError::Failed { reason: missing.unwrap_or_else(|| reason(&error)) })
            }
            Err(error) => Err(TextError::Failed { reason: reason(&error) }),
        }
    }

    /// The first path that it reads and that leads to nothing.
    fn missing(&self, scope: &dyn Scope) -> Option<String> {
        let is_missing = |(root, path): &(Root, String)| {
            let start = match root {
                Root::Input => Some(scope.input()),
                Root::Context => Some(scope.context()),
                Root::Node(node) => scope.output(*node),
                Root::Local(local) => scope.local(*local),
                Root::Run(_) | Root::Error(..) => return false,
            };
            let mut keys = path.split('.').skip(root.words());
            start.and_then(|start| keys.try_fold(start, |value, key| value.get(key))).is_none()
        };
        self.paths().into_iter().find(is_missing).map(|(_, path)| path)
    }

    /// The mapping of what the template reads of the run, and of nothing else.
    fn of_run(&self, scope: &dyn Scope) -> Option<Value> {
        let mut run = serde_json::Map::new();
        for (name, root) in &*self.variables {
            let value = match root {
                Root::Run(fact) => scope.fact(*fact).unwrap_or(Value::Null),
                Root::Error(node, field) => of_run::error_of(scope, *node, *field),
                Root::Input | Root::Context | Root::Node(_) | Root::Local(_) => continue,
            };
            put(&mut run, name.split('.').skip(1), value);
        }
        (!run.is_empty()).then_some(Value::Object(run))
    }

    /// The variables it reads.
    pub fn variables(&self) -> impl Iterator<Item = &str> {
        self.variables.iter().map(|(name, _)| name.as_str())
    }

    /// Every path that it reads, with what its first word stands for: `a.b.c` as written. Paths through an index or a loop end
    /// there.
    pub(crate) fn paths(&self) -> Vec<(Root, String)> {
        if self.variables.is_empty() {
            return Vec::new();
        }
        let paths = catch_unwind(AssertUnwindSafe(|| {
            let template = environment().template_from_str(&self.source).ok()?;
            Some(template.undeclared_variables(true))
        }));
        let mut paths: Vec<String> = paths.ok().flatten().into_iter().flatten().collect();
        paths.sort_unstable();
        let root = |path: &str| {
            let begins = |name: &str| {
                path.strip_prefix(name).is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
            };
            self.variables.iter().find(|(name, _)| begins(name)).map(|(_, root)| *root)
        };
        paths.into_iter().filter_map(|path| root(&path).map(|root| (root, path))).collect()
    }

    pub(crate) fn compile(source: &str, visible: &dyn Visible) -> Result<Self, Vec<Refusal>> {
        let one = |refusal: Refusal| vec![refusal];
        if source.len() > TEMPLATE_BYTES_MAX {
            let message =
                format!("the template has {} bytes; at most {TEMPLATE_BYTES_MAX} are allowed", source.len());
            return Err(one(Refusal::new(Code::StringTooLong, message)));
        }
        if !source.contains("{{") && !source.contains("{%") && !source.contains("{#") {
            return Ok(Self { source: source.into(), variables: Arc::new([]) });
        }
        shape::check(source).map_err(one)?;
        let names = catch_unwind(AssertUnwindSafe(|| {
            environment()
                .template_from_str(source)
                .map(|template| (template.undeclared_variables(false), template.undeclared_variables(true)))
                .map_err(|error| reason(&error))
        }));
        let (names, paths) = match names {
            Ok(Ok(found)) => found,
            Ok(Err(reason)) => {
                return Err(one(Refusal::new(
                    Code::BadTemplate,
                    format!("this is not a template: {reason}"),
                )));
            }
            Err(_) => return Err(one(Refusal::new(Code::BadTemplate, "this is not a template"))),
        };
        let mut names: Vec<String> = names.into_iter().collect();
        names.sort_unstable();
        let (mut variables, mut refusals) = (Vec::new(), Vec::new());
        for name in names.into_iter().filter(|name| name != RUN) {
            match names::resolve(&name, visible) {
                Ok((root, _)) => variables.push((name, root)),
                Err(refusal) => refusals.push(refusal),
            }
        }
        // Sorted, so that an error that is read as a whole comes before its fields, which it has in it.
        let mut paths: Vec<String> = paths.into_iter().collect();
        paths.sort_unstable();
        for path in paths {
            let mut words = path.split('.');
            if words.next() != Some(RUN) {
                continue;
            }
            match of_run::resolve(&words.collect::<Vec<_>>(), visible) {
                Ok(Root::Error(node, Some(_)))
                    if variables.iter().any(|(_, root)| *root == Root::Error(node, None)) => {}
                Ok(root) => variables.push((path, root)),
                Err(refusal) => refusals.push(refusal),
            }
        }
        if refusals.is_empty() {
            Ok(Self { source: source.into(), variables: variables.into() })
        } else {
            Err(refusals)
        }
    }
}

/// Puts a value behind a path of keys.
fn put<'k>(map: &mut serde_json::Map<String, Value>, mut keys: impl Iterator<Item = &'k str>, value: Value) {
    let Some(key) = keys.next() else { return };
    let mut keys = keys.peekable();
    if keys.peek().is_none() {
        map.insert(key.to_owned(), value);
    } else if let Value::Object(inner) =
        map.entry(key).or_insert_with(|| Value::Object(serde_json::Map::new()))
    {
        put(inner, &mut keys as &mut dyn Iterator<Item = &str>, value);
    }
}

/// The filters of the environment.
const FILTERS: [&str; 19] = [
    "abs",
    "capitalize",
    "default",
    "first",
    "float",
    "int",
    "join",
    "last",
    "length",
    "lower",
    "max",
    "min",
    "reverse",
    "round",
    "sort",
    "title",
    "tojson",
    "trim",
    "upper",
];
/// Its tests.
const TESTS: [&str; 2] = ["defined", "none"];

/// The one environment: no loaders, no functions, strict, and only filters whose result is about as long as their input.
fn environment() -> &'static Environment<'static> {
    static ENVIRONMENT: OnceLock<Environment<'static>> = OnceLock::new();
    ENVIRONMENT.get_or_init(|| {
        use minijinja::{filters, tests};
        let mut environment = Environment::empty();
        environment.set_undefined_behavior(UndefinedBehavior::Strict);
        environment.set_fuel(Some(FUEL));
        environment.set_recursion_limit(32);
        environment.set_debug(false);
        environment.add_filter("abs", filters::abs);
        environment.add_filter("capitalize", filters::capitalize);
        environment.add_filter("default", filters::default);
        environment.add_filter("first", filters::first);
        environment.add_filter("float", filters::float);
        environment.add_filter("int", filters::int);
        environment.add_filter("join", join);
        environment.add_filter("last", filters::last);
        environment.add_filter("length", filters::length);
        environment.add_filter("lower", filters::lower);
        environment.add_filter("max", filters::max);
        environment.add_filter("min", filters::min);
        environment.add_filter("reverse", filters::reverse);
        environment.add_filter("round", filters::round);
        environment.add_filter("sort", filters::sort);
        environment.add_filter("title", filters::title);
        environment.add_filter("tojson", to_json);
        environment.add_filter("trim", filters::trim);
        environment.add_filter("upper", filters::upper);
        environment.add_test("defined", tests::is_defined);
        environment.add_test("none", tests::is_none);
        environment
    })
}

fn too_long() -> minijinja::Error {
    minijinja::Error::new(
        ErrorKind::InvalidOperation,
        format!("the result is longer than {RENDERED_BYTES_MAX} bytes"),
    )
}

fn join(value: Shown, separator: Option<String>) -> Result<String, minijinja::Error> {
    let separator = separator.unwrap_or_default();
    let mut joined = String::new();
    for (index, item) in value.try_iter()?.enumerate() {
        if index > 0 {
            joined.push_str(&separator);
        }
        joined.push_str(&item.to_string());
        if joined.len() > RENDERED_BYTES_MAX {
            return Err(too_long());
        }
    }
    Ok(joined)
}

fn to_json(value: Shown) -> Result<Shown, minijinja::Error> {
    minijinja::filters::tojson(
        &value,
        None,
        minijinja::value::Kwargs::from_iter(std::iter::empty::<(&str, Shown)>()),
    )
}

/// Takes what is rendered, and refuses when it is too much.
struct Limited {
    text: Vec<u8>,
    full: bool,
}

impl io::Write for Limited {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.text.len() + bytes.len() > RENDERED_BYTES_MAX {
            self.full = true;
            return Err(io::Error::other("too long"));
        }
        self.text.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn reason(error: &minijinja::Error) -> String {
    let text = match (error.detail(), error.line()) {
        (Some(detail), Some(line)) if line > 1 => format!("{} in its line {line}", detail),
        (Some(detail), _) => detail.to_owned(),
        (None, _) => error.kind().to_string(),
    };
    text.chars().take(REASON_CHARACTERS_MAX).collect()
}
