//! From a workflow to a template: values become placeholders, and their types become the schema.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use super::{PARAMETERS_MAX, placeholder};
use crate::diagnostic::{Code, Diagnostic, Span};
use crate::ids::{Name, NodeId};

/// A template of that name, made of a workflow's document: the values behind the JSON pointers in `parameters` become
/// placeholders, and what they were becomes their default.
///
/// # Errors
/// Everything that is wrong with the parameters, at once; a diagnostic's `path` is the pointer.
pub fn from_workflow(
    document: &Value,
    name: &Name,
    parameters: &BTreeMap<String, String>,
) -> Result<Value, Vec<Diagnostic>> {
    let mut problems = Vec::new();
    let mut refuse = |code, pointer: &str, message: String| {
        let diagnostic = Diagnostic::new(code, Span::default(), message);
        problems.push(Diagnostic { path: pointer.to_owned(), ..diagnostic });
    };
    if parameters.is_empty() || parameters.len() > PARAMETERS_MAX {
        let message = format!("a template has 1 to {PARAMETERS_MAX} parameters");
        refuse(Code::BadParameters, "", message);
    }
    if document.get("parameters").is_some() || document.to_string().contains(placeholder::BEGIN) {
        let message = format!("the workflow holds `{}` or the key `parameters` already", placeholder::BEGIN);
        refuse(Code::BadPlaceholder, "", message);
    }
    let mut template = document.clone();
    let mut properties = Map::new();
    for (parameter, pointer) in parameters {
        if NodeId::new(parameter).is_err() {
            let message =
                "a parameter's name has lowercase letters, digits and `_`, and begins with a letter";
            refuse(Code::BadParameters, pointer, message.to_owned());
        }
        if let Some(other) =
            parameters.iter().find(|(name, other)| *name != parameter && covers(other, pointer))
        {
            let message = format!("the parameter `{}` stands for this value already", other.0);
            refuse(Code::BadPointer, pointer, message);
        }
        match document.pointer(pointer).filter(|_| is_free(pointer)) {
            Some(value) => {
                properties.insert(parameter.clone(), schema_of(value));
                if let Some(place) = template.pointer_mut(pointer) {
                    *place = Value::String(format!("{}{parameter}}}", placeholder::BEGIN));
                }
            }
            None => {
                let message = format!(
                    "no parameter can stand for `{}`: there is no value there, or it is the name, the version of the language or the whole",
                    pointer.chars().take(200).collect::<String>()
                );
                refuse(Code::BadPointer, pointer, message);
            }
        }
    }
    if !problems.is_empty() {
        return Err(problems);
    }
    if let Value::Object(map) = &mut template {
        map.insert("name".to_owned(), Value::String(name.to_string()));
        map.insert("parameters".to_owned(), json!({ "type": "object", "properties": properties }));
    }
    Ok(template)
}

/// Whether the value behind `outer` holds the one behind `inner`, or is it.
fn covers(outer: &str, inner: &str) -> bool {
    inner.strip_prefix(outer).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

fn is_free(pointer: &str) -> bool {
    !["", "/name", "/ghostlight", "/nodes"].contains(&pointer)
}

fn schema_of(value: &Value) -> Value {
    let word = match value {
        Value::Null => return json!({ "default": null }),
        Value::Bool(_) => "boolean",
        Value::Number(number) if number.is_f64() => "number",
        Value::Number(_) => "integer",
        Value::String(_) => "string",
        Value::Array(_) => "array",
        Value::Object(_) => "object",
    };
    json!({ "type": word, "default": value })
}
