//! Where each part of a bound value comes from.
//!
//! A run follows one definition from its beginning to its end, so that provenance is computed from the compiled value whenever
//! somebody asks, and is never stored beside the input that it explains.

use serde::{Deserialize, Serialize};

use super::Bound;

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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::language::tests::valid;

    fn provenance(input: &str) -> Vec<(String, String)> {
        let workflow = valid(&format!(
            "ghostlight: 1\nname: w\nnodes:\n  a: {{type: agent_call, agent: x}}\n  b: {{type: agent_call, agent: x, needs: [a], input: {input}}}\n"
        ));
        let found = workflow.nodes[1].input.provenance();
        found.into_iter().map(|part| (part.pointer, part.from)).collect()
    }

    /// Shows S1-4.1c.
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
