//! Where each part of a bound value comes from.
//!
//! A run follows one definition from its beginning to its end, so that provenance is computed from the compiled value whenever
//! somebody asks, and is never stored beside the input that it explains.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::Bound;
use crate::language::schema::SchemaViolation;

/// One part of a value and the binding that fills it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Provenance {
    /// JSON pointer into the value; empty when one binding fills all of it.
    pub pointer: String,
    /// The binding as it stands in the document: `$input.health_url`.
    pub from: String,
}

impl Bound {
    /// Which binding fills which part of the value, in the order of the value. What no binding fills stands in the document
    /// itself, and is not listed.
    #[must_use]
    pub fn provenance(&self) -> Vec<Provenance> {
        let mut found = Vec::new();
        self.collect_provenance(&mut String::new(), &mut found);
        found
    }

    /// What a resolved `value` violates, with the binding that gave it at each place, and its type.
    #[must_use]
    pub fn explain(&self, value: &Value, violations: Vec<SchemaViolation>) -> Vec<SchemaViolation> {
        let provenance = self.provenance();
        let explained = violations.into_iter().map(|SchemaViolation { path, message }| {
            let kind = value.pointer(&path).map_or("absent", type_name);
            let message = match giver(&path, &provenance) {
                Some(from) => format!("{message} (`{from}` gives `{kind}`)"),
                None => format!("{message} (the definition gives `{kind}`)"),
            };
            SchemaViolation { path, message }
        });
        explained.collect()
    }

    fn collect_provenance(&self, pointer: &mut String, found: &mut Vec<Provenance>) {
        let length = pointer.len();
        let mut inside = |segment: &str, bound: &Self| {
            pointer.push('/');
            pointer.push_str(&segment.replace('~', "~0").replace('/', "~1"));
            bound.collect_provenance(pointer, found);
            pointer.truncate(length);
        };
        match self {
            Self::Literal(_) => {}
            Self::Reference(reference) => {
                found.push(Provenance { pointer: pointer.clone(), from: reference.text().to_owned() });
            }
            Self::List(items) => {
                for (index, item) in items.iter().enumerate() {
                    inside(&index.to_string(), item);
                }
            }
            Self::Map(entries) => {
                for (key, value) in entries {
                    inside(key, value);
                }
            }
        }
    }
}

/// The binding that gave what stands at `pointer`, and the way from there.
pub(in crate::language) fn giver(pointer: &str, provenance: &[Provenance]) -> Option<String> {
    provenance.iter().find_map(|part| {
        let rest = pointer.strip_prefix(&part.pointer)?;
        (rest.is_empty() || rest.starts_with('/')).then(|| format!("{}{}", part.from, path_of(rest)))
    })
}

/// A JSON pointer as a path of bindings: `.a[0].b`.
pub(in crate::language) fn path_of(pointer: &str) -> String {
    let segments = pointer.split('/').skip(1).map(|segment| segment.replace("~1", "/").replace("~0", "~"));
    let shown = segments.map(|segment| {
        if segment.bytes().all(|b| b.is_ascii_digit()) {
            format!("[{segment}]")
        } else {
            format!(".{segment}")
        }
    });
    shown.collect()
}

/// The type in the words of JSON Schema.
fn type_name(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "boolean",
        Value::Number(number) if number.is_f64() => "number",
        Value::Number(_) => "integer",
        Value::String(_) => "string",
        Value::Array(_) => "array",
        Value::Object(_) => "object",
    }
}

#[cfg(test)]
mod tests {
    use crate::language::tests::valid;

    fn provenance(input: &str) -> Vec<(String, String)> {
        let workflow = valid(&format!(
            "ghostlight: 1\nname: w\nnodes:\n  a: {{type: agent_call, agent: x}}\n  b: {{type: agent_call, agent: x, needs: [a], input: {input}}}\n"
        ));
        let found = workflow.nodes[1].input.provenance();
        found.into_iter().map(|part| (part.pointer, part.from)).collect()
    }

    /// Shows S1-4.1c, S1-4.1n2.
    #[test]
    fn each_part_of_an_input_names_the_binding_that_fills_it() {
        let pair = |pointer: &str, from: &str| (pointer.to_owned(), from.to_owned());
        assert_eq!(
            provenance(
                "{url: $input.health_url, plain: x, list: [1, \"$a.items[0].id\", {deep: $context.team}], odd/~key: $a}"
            ),
            [
                pair("/list/1", "$a.items[0].id"),
                pair("/list/2/deep", "$context.team"),
                pair("/odd~1~0key", "$a"),
                pair("/url", "$input.health_url"),
            ]
        );
        assert_eq!(provenance("$a.out"), [pair("", "$a.out")]);
        assert_eq!(provenance("{price: $$5, n: 1}"), []);
    }

    /// The pointer leads to the very value that the binding gave.
    #[test]
    fn a_pointer_of_provenance_leads_into_the_resolved_value() {
        let workflow = valid(
            "ghostlight: 1\nname: w\nnodes:\n  a: {type: agent_call, agent: x, input: {a~b: [$input.x, {c/d: $input.y}]}}\n",
        );
        let values = crate::language::tests::Values {
            input: serde_json::json!({"x": 1, "y": 2}),
            ..Default::default()
        };
        let input = &workflow.nodes[0].input;
        let resolved = input.resolve(&values).unwrap();
        let led: Vec<_> =
            input.provenance().iter().map(|part| resolved.pointer(&part.pointer).cloned()).collect();
        assert_eq!(led, [Some(1.into()), Some(2.into())]);
    }
}
