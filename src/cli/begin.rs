//! What a run is started from: a saved workflow by its name, or a file, which goes along as a document.
//!
//! A file is sent as the value that it stands for, so the places that the daemon names are not those of the file. They are
//! looked up again in the file, by the paths that both share.

use ghostlight_model::diagnostic::Diagnostic;
use ghostlight_model::language::document;
use serde_json::Value;

use super::arguments::{self, Document};
use super::exit::CliError;
use super::{check, example, plan};
use crate::client::{Client, ClientError, Given, Problem, Shelf, StartFrom};

/// What a run is started from.
#[derive(Debug, Clone)]
pub(super) struct Begin {
    /// What is sent.
    pub from: StartFrom,
    /// The file, if it is one.
    document: Option<Document>,
    /// What was typed.
    typed: String,
}

impl Begin {
    /// Of a file or a name. A file must compile.
    pub fn of(workflow: &str) -> Result<Self, CliError> {
        match arguments::workflow(workflow)? {
            arguments::WorkflowArgument::Name(name) => {
                Ok(Self { from: StartFrom::Workflow(name), document: None, typed: workflow.to_owned() })
            }
            arguments::WorkflowArgument::File(document) => {
                let from = StartFrom::Definition(plan::compiled(&document)?.document.clone());
                Ok(Self { from, document: Some(document), typed: workflow.to_owned() })
            }
        }
    }

    /// Why the run was not started, with places in the file, and with the command that would have started it when its input
    /// does not fit. `verb` is what was typed before the workflow.
    pub async fn refused(&self, client: &Client, verb: &str, given: &Given, error: ClientError) -> CliError {
        match (&self.document, error) {
            (_, ClientError::Refused(mut problem)) if problem.code == "invalid_input" => {
                for violation in &mut problem.violations {
                    let path = violation["path"].as_str().unwrap_or_default().to_owned();
                    violation["path"] = format!("input{path}").into();
                }
                let error = CliError::from(ClientError::Refused(problem));
                let schema = self.input_schema(client, given).await;
                match schema.and_then(|schema| example::command(verb, &self.typed, &schema, &given.input)) {
                    Some(command) => error.help(format!("for example: {command}")),
                    None => error,
                }
            }
            (Some(document), ClientError::Refused(problem)) if !problem.diagnostics.is_empty() => {
                let drawn = drawn(document, &problem.diagnostics);
                let plain = Problem { diagnostics: Vec::new(), ..*problem };
                let error = CliError::from(ClientError::Refused(Box::new(plain)));
                let message = format!("{}\n{}", error.message, drawn.trim_end());
                CliError { message, ..error }
            }
            (_, error) => error.into(),
        }
    }

    /// What an input must look like, as far as anybody says.
    async fn input_schema(&self, client: &Client, given: &Given) -> Option<Value> {
        let definition = match &self.from {
            StartFrom::Definition(definition) => definition.clone(),
            StartFrom::Workflow(name) => {
                let saved = client.kept_one(Shelf::Workflows, name, given.version).await.ok()?;
                saved.body["definition"].clone()
            }
        };
        definition.get("input").cloned()
    }
}

/// Diagnostics as the daemon sent them, drawn in the file.
fn drawn(document: &Document, diagnostics: &[Value]) -> String {
    let (root, _) = document::parse(&document.text, document.format);
    let read = |value: &Value| serde_json::from_value::<Diagnostic>(value.clone()).ok();
    let Some(mut read) = diagnostics.iter().map(read).collect::<Option<Vec<_>>>() else {
        // Of another version: what cannot be read is shown as it came.
        return check::listed(diagnostics);
    };
    for diagnostic in &mut read {
        let span = match &root {
            Some(root) if !diagnostic.path.is_empty() => root.nearest(&diagnostic.path).span,
            _ => ghostlight_model::diagnostic::Span::default(),
        };
        (diagnostic.line, diagnostic.column) = (span.line, span.column);
        (diagnostic.end_line, diagnostic.end_column) = (span.end_line, span.end_column);
    }
    check::drawn(&document.file.display().to_string(), &document.text, &read)
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use ghostlight_model::language::Format;
    use serde_json::json;

    use super::*;

    #[test]
    fn a_diagnostic_of_what_was_sent_is_drawn_at_its_place_in_the_file() {
        let text = "ghostlight: 1\nname: w\nnodes:\n  a:\n    type: agent_call\n    agent: nop\n".to_owned();
        let document = Document { file: PathBuf::from("w.yaml"), text, format: Format::Yaml };
        let sent = json!({
            "severity": "error", "code": "GL0501", "message": "no agent `nop` is registered", "path": "/nodes/a/agent",
            "line": 1, "column": 60, "end_line": 1, "end_column": 65, "help": "did you mean `noop`?",
        });
        let shown = anstream::adapter::strip_str(&drawn(&document, std::slice::from_ref(&sent))).to_string();
        assert!(shown.contains("--> w.yaml:6:12\n") && shown.contains("6 |     agent: nop\n"), "{shown}");
        let strange = json!({"code": "GL9999", "message": "x", "severity": "error", "path": "", "line": 0, "column": 0});
        assert!(drawn(&document, &[strange]).contains("GL9999"));
    }
}
