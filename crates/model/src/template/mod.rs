//! Templates: workflow documents with typed parameters, and how they become workflows.
//!
//! A template has the keys of a workflow and `parameters`, a JSON Schema of an object. `${param.name}` stands for the value
//! of a parameter: as a whole text for any JSON, inside a text for a scalar. A parameter with a `default` may be left out.
//! A value takes its place as it is: a text that begins with `$` is a binding there, and `$$` escapes as everywhere.
//!
//! Promises: everything that is wrong is told at once, with its place in the template; what is made of a template compiles,
//! or there is no document. Pure, and bounded like compiling is.

mod placeholder;
mod reverse;

use std::collections::BTreeSet;
use std::sync::Arc;

use serde_json::{Map, Value};

use crate::diagnostic::{Code, Diagnostic, Span, any_error};
use crate::ids::{DefinitionHash, Name, NodeId};
use crate::language::document::{self, Content, Entry, Item, TEXT_BYTES_MAX, shorten};
use crate::language::reader::{self, MapReader, Problems};
use crate::language::schema::Schema;
use crate::language::{self, Format, Source, deep_stack};
use crate::workflow::Workflow;

pub use reverse::from_workflow;

/// The most parameters of a template.
pub const PARAMETERS_MAX: usize = 100;

/// A template that can be used.
#[derive(Debug, Clone)]
pub struct Template {
    /// Its name.
    pub name: Name,
    /// For people.
    pub description: String,
    /// Hash of the canonical document.
    pub hash: DefinitionHash,
    /// The canonical document.
    pub document: Value,
    /// Its parameters, in the order of the document.
    pub parameters: Vec<Parameter>,
    schema: Schema,
    root: Item,
}

/// A parameter of a template.
#[derive(Debug, Clone, PartialEq)]
pub struct Parameter {
    /// Its name.
    pub name: String,
    /// What its values look like.
    pub schema: Value,
    /// What it is when nobody says; none: somebody must.
    pub default: Option<Value>,
}

/// What became of a document.
#[derive(Debug)]
pub struct ReadTemplate {
    /// The template, unless there is an error.
    pub template: Option<Template>,
    /// Everything that is to be said about it, in the order of the text.
    pub diagnostics: Vec<Diagnostic>,
}

/// What became of a template.
#[derive(Debug)]
pub struct Instance {
    /// The workflow, unless there is an error.
    pub workflow: Option<Arc<Workflow>>,
    /// Everything that is to be said about it, with places in the template.
    pub diagnostics: Vec<Diagnostic>,
}

/// Reads a template. When each of its parameters has a `default` or `examples`, it is compiled with them too.
#[must_use]
pub fn read(source: &Source<'_>) -> ReadTemplate {
    deep_stack::run(|| read_here(source)).unwrap_or_else(|failed| {
        let problem = Diagnostic::new(Code::CompilerFailed, Span::default(), failed.to_string());
        ReadTemplate { template: None, diagnostics: vec![problem] }
    })
}

fn read_here(source: &Source<'_>) -> ReadTemplate {
    let mut problems = Problems::default();
    let (root, read) = document::parse(source.text, source.format);
    read.into_iter().for_each(|problem| problems.push(problem));
    let Some(root) = root else {
        return ReadTemplate { template: None, diagnostics: problems.finish(None) };
    };
    let template = template(&root, &mut problems).filter(|_| problems.errors() == 0);
    let mut diagnostics = problems.finish(Some(&root));
    let sample = template.as_ref().and_then(Template::sample);
    if let (Some(template), Some(sample)) = (&template, sample) {
        // What the language says of the document, the template has not said already.
        let made = template.instantiate(&template.name, &sample);
        diagnostics.extend(made.diagnostics);
    }
    let template = template.filter(|_| !any_error(&diagnostics));
    ReadTemplate { template, diagnostics }
}

fn template(root: &Item, problems: &mut Problems) -> Option<Template> {
    let start = Span { line: 1, column: 1, end_line: 1, end_column: 2 };
    let map = MapReader::open(root, start, "a template", problems)?;
    let map = map.pointing_at(map.entries().first().map_or(start, |entry| entry.key_span));
    map.required("name", problems);
    let name = map.name("name", problems);
    let description = map.description(problems);
    let entry = map.required("parameters", problems)?;
    let schema = map.schema("parameters", problems);
    let parameters = parameters(entry, problems)?;
    let mut walk = Walk { parameters: &parameters, used: BTreeSet::new(), problems };
    for entry in map.entries().iter().filter(|entry| entry.key != "parameters") {
        walk.key(entry);
        walk.value(&entry.value);
    }
    let used = walk.used;
    for (parameter, span) in parameters.iter().filter(|(parameter, _)| !used.contains(&parameter.name)) {
        let message = format!("nothing uses the parameter `{}`", parameter.name);
        let unused = Diagnostic::new(Code::UnusedParameter, *span, message);
        problems.push(unused.help(format!("write `${{param.{}}}` where its value belongs", parameter.name)));
    }
    let (document, hash) = language::canonical(root);
    let parameters = parameters.into_iter().map(|(parameter, _)| parameter).collect();
    Some(Template {
        name: name?,
        description,
        hash,
        document,
        parameters,
        schema: schema?,
        root: root.clone(),
    })
}

/// The parameters with their places; none when there is nothing to look up.
fn parameters(entry: &Entry, problems: &mut Problems) -> Option<Vec<(Parameter, Span)>> {
    let place = reader::place_of(&entry.value, entry.key_span);
    let mut refuse = |span: Span, message: String| {
        let help = "write it like `{type: object, properties: {service: {type: string, default: shop}}}`";
        problems.push(Diagnostic::new(Code::BadParameters, span, message).help(help));
    };
    if entry.value.entry("type").and_then(|entry| entry.value.as_text()) != Some("object") {
        refuse(place, "`parameters` is the JSON Schema of an object, with `type: object`".to_owned());
        return None;
    }
    let properties = entry.value.entry("properties");
    let Some(Content::Map(entries)) = properties.map(|properties| &properties.value.content) else {
        refuse(place, "`parameters` has no `properties`".to_owned());
        return None;
    };
    if entries.len() > PARAMETERS_MAX {
        refuse(
            place,
            format!("there are {} parameters; at most {PARAMETERS_MAX} are allowed", entries.len()),
        );
        return None;
    }
    let mut found = Vec::with_capacity(entries.len());
    for entry in entries {
        if NodeId::new(&entry.key).is_err() {
            let message = format!(
                "`{}` is no name of a parameter: lowercase letters, digits and `_`",
                shorten(&entry.key)
            );
            refuse(entry.key_span, message);
            continue;
        }
        let schema = entry.value.to_value();
        let Value::Object(map) = &schema else {
            refuse(entry.key_span, format!("the schema of `{}` is a mapping", entry.key));
            continue;
        };
        let default = map.get("default").cloned();
        // What refers to other places of the schema cannot be judged alone; it is judged with all values.
        if let (Some(default), Ok(own)) = (&default, Schema::compile(&schema))
            && let Err(violations) = own.validate(default)
        {
            let why = violations.first().map(|violation| violation.message.clone()).unwrap_or_default();
            refuse(entry.key_span, format!("the default of `{}` does not fit: {why}", entry.key));
        }
        found.push((Parameter { name: entry.key.clone(), schema, default }, entry.key_span));
    }
    Some(found)
}

/// The keys of a document in the order in which people write them.
const WRITTEN_ORDER: [&str; 8] =
    ["ghostlight", "name", "description", "parameters", "input", "context", "labels", "nodes"];

/// A document as people read it: YAML with its keys in the usual order, or JSON should it not come out the same.
#[must_use]
pub fn written(document: &Value) -> (String, Format) {
    let as_json = || (format!("{document:#}\n"), Format::Json);
    let Value::Object(map) = document else { return as_json() };
    let known = WRITTEN_ORDER.iter().filter_map(|key| map.get_key_value(*key));
    let others = map.iter().filter(|(key, _)| !WRITTEN_ORDER.contains(&key.as_str()));
    let mut text = String::new();
    for (key, value) in known.chain(others) {
        let one: Map<String, Value> = [(key.clone(), value.clone())].into_iter().collect();
        match serde_saphyr::to_string(&one) {
            Ok(part) => text.push_str(&part),
            Err(_) => return as_json(),
        }
    }
    let again = language::canonical_document(&Source { text: &text, format: Format::Yaml });
    if again.as_ref() == Some(document) { (text, Format::Yaml) } else { as_json() }
}

impl Parameter {
    /// Whether its values can stand inside a text.
    #[must_use]
    pub fn is_scalar(&self) -> bool {
        matches!(self.schema["type"].as_str(), Some("string" | "integer" | "number" | "boolean"))
    }

    /// A value to try it with.
    fn sample(&self) -> Option<Value> {
        self.default.clone().or_else(|| self.schema.get("examples")?.get(0).cloned())
    }
}

/// Looks at every text of a template.
struct Walk<'w> {
    parameters: &'w [(Parameter, Span)],
    used: BTreeSet<String>,
    problems: &'w mut Problems,
}

impl Walk<'_> {
    fn key(&mut self, entry: &Entry) {
        if entry.key.contains(placeholder::BEGIN) {
            let message = "a placeholder stands for a value and cannot be a key";
            self.problems.add(Code::BadPlaceholder, entry.key_span, message);
        }
    }

    fn value(&mut self, item: &Item) {
        match &item.content {
            Content::Text(text) => self.text(text, item.span),
            Content::List(items) => items.iter().for_each(|item| self.value(item)),
            Content::Map(entries) => {
                for entry in entries {
                    self.key(entry);
                    self.value(&entry.value);
                }
            }
            Content::Null | Content::Bool(_) | Content::Number(_) => {}
        }
    }

    fn text(&mut self, text: &str, span: Span) {
        let pieces = placeholder::pieces(text);
        let is_whole = pieces.len() == 1;
        for piece in pieces {
            match piece {
                placeholder::Piece::Text(_) => {}
                placeholder::Piece::Broken(shown) => {
                    let message = format!("`{}` is no placeholder", shorten(shown));
                    let broken = Diagnostic::new(Code::BadPlaceholder, span, message);
                    self.problems.push(broken.help("a placeholder is like `${param.name}`"));
                }
                placeholder::Piece::Parameter(name) => self.parameter(name, is_whole, span),
            }
        }
    }

    fn parameter(&mut self, name: &str, is_whole: bool, span: Span) {
        let Some((parameter, _)) = self.parameters.iter().find(|(known, _)| known.name == name) else {
            self.problems.push(unknown(
                name,
                self.parameters.iter().map(|(known, _)| known.name.as_str()),
                span,
            ));
            return;
        };
        if !is_whole && !parameter.is_scalar() {
            let message =
                format!("`${{param.{name}}}` stands inside a text, and its type is not declared as a scalar");
            let problem = Diagnostic::new(Code::ParameterInText, span, message);
            self.problems.push(problem.help("give it a `type` of string, integer, number or boolean"));
        }
        self.used.insert(name.to_owned());
    }
}

fn unknown<'n>(name: &str, known: impl Iterator<Item = &'n str> + Clone, span: Span) -> Diagnostic {
    let message = format!("the template has no parameter `{}`", shorten(name));
    Diagnostic::new(Code::UnknownParameter, span, message).help(match reader::nearest(name, known.clone()) {
        Some(near) => format!("did you mean `{near}`?"),
        None => format!("it has {}", reader::quoted(known)),
    })
}

impl Template {
    /// The schema of all parameters.
    #[must_use]
    pub fn schema(&self) -> &Value {
        self.schema.document()
    }

    /// Values to try it with, when each parameter has one.
    fn sample(&self) -> Option<Map<String, Value>> {
        self.parameters.iter().map(|it| Some((it.name.clone(), it.sample()?))).collect()
    }

    /// Makes a workflow of that name. Parameters that are not among `given` are what they are by default.
    #[must_use]
    pub fn instantiate(&self, name: &Name, given: &Map<String, Value>) -> Instance {
        let (values, mut diagnostics) = self.values(given);
        if !any_error(&diagnostics) && self.size_with(&values) > TEXT_BYTES_MAX {
            let message = format!("with these values the document has more than {TEXT_BYTES_MAX} bytes");
            diagnostics.push(Diagnostic::new(Code::TextTooLarge, self.place("/parameters"), message));
        }
        if any_error(&diagnostics) {
            return Instance { workflow: None, diagnostics };
        }
        let mut document = placeholder::filled(&self.document, &values);
        if let Value::Object(map) = &mut document {
            map.remove("parameters");
            map.insert("name".to_owned(), Value::String(name.to_string()));
        }
        let text = document.to_string();
        let compiled = language::compile(&Source { text: &text, format: Format::Json });
        diagnostics.extend(compiled.diagnostics.into_iter().map(|it| self.placed(it)));
        Instance { workflow: compiled.workflow, diagnostics }
    }

    fn values(&self, given: &Map<String, Value>) -> (Map<String, Value>, Vec<Diagnostic>) {
        let mut problems = Problems::default();
        let mut values = Map::new();
        for name in given.keys().filter(|name| self.parameters.iter().all(|known| known.name != **name)) {
            let names = self.parameters.iter().map(|known| known.name.as_str());
            problems.push(unknown(name, names, self.place("/parameters")));
        }
        for parameter in &self.parameters {
            let place = self.place(&format!("/parameters/properties/{}", parameter.name));
            match given.get(&parameter.name).or(parameter.default.as_ref()) {
                Some(value) => {
                    values.insert(parameter.name.clone(), value.clone());
                }
                None => {
                    let message =
                        format!("the parameter `{}` has no default and was not given", parameter.name);
                    problems.add(Code::ParameterValue, place, message);
                }
            }
        }
        if problems.errors() == 0
            && let Err(violations) = self.schema.validate(&Value::Object(values.clone()))
        {
            for violation in violations {
                let name = violation.path.split('/').nth(1).unwrap_or_default();
                let place = self.place(&format!("/parameters/properties/{name}"));
                let message = format!("the parameter `{name}` does not fit: {}", violation.message);
                problems.add(Code::ParameterValue, place, message);
            }
        }
        (values, problems.finish(Some(&self.root)))
    }

    /// At least as many bytes as the document has with these values.
    fn size_with(&self, values: &Map<String, Value>) -> usize {
        let size = |name: &str| values.get(name).map_or(0, |value| value.to_string().len());
        let mut bytes = self.document.to_string().len();
        placeholder::each(&self.document, &mut |name| bytes = bytes.saturating_add(size(name)));
        bytes
    }

    fn place(&self, pointer: &str) -> Span {
        self.root.nearest(pointer).span
    }

    /// A diagnostic of what was made, with its place in the template.
    fn placed(&self, diagnostic: Diagnostic) -> Diagnostic {
        let Span { line, column, end_line, end_column } = self.place(&diagnostic.path);
        Diagnostic { line, column, end_line, end_column, ..diagnostic }
    }
}

#[cfg(test)]
mod tests;
