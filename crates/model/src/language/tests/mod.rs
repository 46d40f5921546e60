//! Tests of the language as a whole. Parts with rules of their own are tested beside their code.

mod bounds;
mod evaluation;
mod example;
mod golden;
mod limits;
mod mistakes;
mod newcomers;
mod properties;
mod structure;
mod supervision;

use std::sync::LazyLock;

use serde_json::Value;

use super::{Compiled, Fact, Format, Scope, Source, compile};
use crate::diagnostic::{Severity, render};
use crate::failure::Failure;
use crate::workflow::{NodeIndex, Workflow};

/// Compiles YAML.
pub(super) fn yaml(text: &str) -> Compiled {
    compile(&Source { text, format: Format::Yaml })
}

/// The JSON Schema of workflow files.
static SCHEMA: LazyLock<super::schema::Schema> =
    LazyLock::new(|| super::schema::Schema::compile(&super::file_schema::workflow()).unwrap());

/// Checks that the JSON Schema of workflow files takes a good document.
#[track_caller]
fn fits_the_schema(text: &str) {
    let document = super::document::parse(text, Format::Yaml).0.unwrap().to_value();
    assert_eq!(SCHEMA.validate(&document).err(), None, "{text}");
}

/// Compiles YAML that must be free of errors, and that the JSON Schema takes too.
#[track_caller]
pub(super) fn valid(text: &str) -> std::sync::Arc<Workflow> {
    let compiled = yaml(text);
    fits_the_schema(text);
    compiled.workflow.unwrap_or_else(|| panic!("{}", render("w.yaml", text, &compiled.diagnostics)))
}

/// The codes of the errors, without warnings.
pub(super) fn errors(text: &str) -> Vec<&'static str> {
    let compiled = yaml(text);
    assert_eq!(compiled.workflow.is_none(), crate::diagnostic::any_error(&compiled.diagnostics));
    compiled.diagnostics.iter().filter(|d| d.severity == Severity::Error).map(|d| d.code.name()).collect()
}

/// A scope made of plain values.
#[derive(Default)]
pub(super) struct Values {
    pub input: Value,
    pub context: Value,
    pub outputs: Vec<(NodeIndex, Value)>,
    pub errors: Vec<(NodeIndex, Failure)>,
    pub version: Option<u64>,
}

impl Values {
    pub fn of(workflow: &Workflow, input: Value, outputs: &[(&str, Value)]) -> Self {
        let outputs = outputs.iter().map(|(id, value)| (workflow.find(id).unwrap(), value.clone())).collect();
        Self { input, context: Value::Object(workflow.context.clone()), outputs, ..Self::default() }
    }
}

impl Scope for Values {
    fn input(&self) -> &Value {
        &self.input
    }

    fn context(&self) -> &Value {
        &self.context
    }

    fn output(&self, node: NodeIndex) -> Option<&Value> {
        self.outputs.iter().find(|(index, _)| *index == node).map(|(_, value)| value)
    }

    fn fact(&self, fact: Fact) -> Option<Value> {
        match fact {
            Fact::Id => Some("7".into()),
            Fact::Workflow => Some("w".into()),
            Fact::Version => self.version.map(Value::from),
        }
    }

    fn error(&self, node: NodeIndex) -> Option<&Failure> {
        self.errors.iter().find(|(index, _)| *index == node).map(|(_, failure)| failure)
    }
}
