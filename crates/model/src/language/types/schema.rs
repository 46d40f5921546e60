//! The type that a JSON Schema describes, within bounds.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use serde_json::{Map, Value};

use super::{CONSTANTS_MAX, Fields, Kinds, Rest, Type};

/// The most subschemas that are looked at; what comes after them is anything.
const SUBSCHEMAS_MAX: usize = 2_000;
/// The deepest subschema that is looked at.
const DEPTH_MAX: usize = 24;

impl Type {
    /// What a value that fits `schema` looks like, as far as can be said.
    pub fn of_schema(schema: &Value) -> Arc<Self> {
        let mut reading = Reading { root: schema, left: SUBSCHEMAS_MAX, referred: Vec::new() };
        reading.schema(schema, 0)
    }
}

struct Reading<'s> {
    root: &'s Value,
    left: usize,
    /// The references that lead here: one that comes again would lead here for ever.
    referred: Vec<&'s str>,
}

impl<'s> Reading<'s> {
    fn schema(&mut self, schema: &'s Value, depth: usize) -> Arc<Type> {
        let map = match schema {
            Value::Bool(false) => return Type::kind(Kinds::NONE),
            Value::Object(map) => map,
            _ => return Type::any(),
        };
        if depth > DEPTH_MAX || self.left == 0 {
            return Type::any();
        }
        self.left -= 1;
        let mut found = self.own(map, depth);
        if let Some(target) = map.get("$ref").and_then(Value::as_str) {
            let place = target.strip_prefix('#').and_then(|pointer| self.root.pointer(pointer));
            if let Some(place) = place.filter(|_| !self.referred.contains(&target)) {
                self.referred.push(target);
                found = found.meet(&self.schema(place, depth + 1));
                self.referred.pop();
            }
        }
        for part in map.get("allOf").and_then(Value::as_array).into_iter().flatten() {
            found = found.meet(&self.schema(part, depth + 1));
        }
        for word in ["anyOf", "oneOf"] {
            let Some(parts) = map.get(word).and_then(Value::as_array) else { continue };
            let parts: Vec<_> = parts.iter().map(|part| self.schema(part, depth + 1)).collect();
            if let Some(either) = Type::join_all(parts) {
                found = found.meet(&either);
            }
        }
        found
    }

    /// What the schema says without the help of others.
    fn own(&mut self, map: &'s Map<String, Value>, depth: usize) -> Arc<Type> {
        let mut kinds = match map.get("type") {
            Some(Value::String(word)) => kind_named(word),
            Some(Value::Array(words)) => {
                words.iter().filter_map(Value::as_str).map(kind_named).fold(Kinds::NONE, Kinds::union)
            }
            _ => Kinds::ALL,
        };
        let constants: Option<Vec<Value>> = match (map.get("const"), map.get("enum")) {
            (Some(value), _) => Some(vec![value.clone()]),
            (None, Some(Value::Array(values))) => Some(values.clone()),
            (None, _) => None,
        };
        if let Some(constants) = &constants {
            kinds = kinds.both(constants.iter().map(Kinds::of).fold(Kinds::NONE, Kinds::union));
        }
        let prefixed = map.contains_key("prefixItems") || map.contains_key("unevaluatedItems");
        let items = match map.get("items") {
            Some(items) if !prefixed => Some(self.schema(items, depth + 1)),
            Some(_) | None => None,
        };
        Arc::new(Type {
            kinds,
            fields: self.fields(map, depth),
            items,
            elements: None,
            constants: constants.filter(|constants| constants.len() <= CONSTANTS_MAX).map(Arc::new),
        })
    }

    fn fields(&mut self, map: &'s Map<String, Value>, depth: usize) -> Option<Arc<Fields>> {
        let words = ["properties", "required", "additionalProperties"];
        if !words.iter().any(|word| map.contains_key(*word)) {
            return None;
        }
        let mut known = BTreeMap::new();
        for (key, field) in map.get("properties").and_then(Value::as_object).into_iter().flatten() {
            known.insert(key.clone(), self.schema(field, depth + 1));
        }
        let declares = !known.is_empty();
        let required = map.get("required").and_then(Value::as_array);
        let required: BTreeSet<String> =
            required.into_iter().flatten().filter_map(Value::as_str).map(str::to_owned).collect();
        for key in &required {
            known.entry(key.clone()).or_insert_with(Type::any);
        }
        // These say of fields that `properties` does not name that they may be there.
        let open = ["patternProperties", "unevaluatedProperties", "if", "dependentSchemas", "propertyNames"];
        let rest = match map.get("additionalProperties") {
            _ if open.iter().any(|word| map.contains_key(*word)) => Rest::Open,
            Some(Value::Bool(false)) => Rest::Closed,
            Some(Value::Bool(true)) => Rest::Open,
            Some(schema) => Rest::Of(self.schema(schema, depth + 1)),
            None if declares => Rest::Undeclared,
            None => Rest::Silent,
        };
        Some(Arc::new(Fields { known, required, rest }))
    }
}

fn kind_named(word: &str) -> Kinds {
    match word {
        "null" => Kinds::NULL,
        "boolean" => Kinds::BOOLEAN,
        "integer" => Kinds::INTEGER,
        "number" => Kinds::NUMBER,
        "string" => Kinds::STRING,
        "array" => Kinds::ARRAY,
        "object" => Kinds::OBJECT,
        _ => Kinds::ALL,
    }
}

impl Type {
    /// What fits both, or more: of parts that both describe it may take one.
    fn meet(self: &Arc<Self>, other: &Arc<Self>) -> Arc<Self> {
        let nothing = Self::of_kinds(Kinds::ALL);
        if **other == nothing {
            return self.clone();
        }
        if **self == nothing {
            return other.clone();
        }
        let fields = match (&self.fields, &other.fields) {
            (Some(one), Some(two)) => Some(Arc::new(meet_fields(one, two))),
            (fields, None) | (None, fields) => fields.clone(),
        };
        let items = match (&self.items, &other.items) {
            (Some(one), Some(two)) => Some(one.meet(two)),
            (items, None) | (None, items) => items.clone(),
        };
        let constants = self.constants.clone().or_else(|| other.constants.clone());
        Arc::new(Self { kinds: self.kinds.both(other.kinds), fields, items, elements: None, constants })
    }
}

fn meet_fields(one: &Fields, two: &Fields) -> Fields {
    let mut known = one.known.clone();
    for (key, field) in &two.known {
        known.entry(key.clone()).and_modify(|mine| *mine = mine.meet(field)).or_insert_with(|| field.clone());
    }
    let rest = match (&one.rest, &two.rest) {
        // A schema that takes no others takes none of what its neighbour declares either; that is rarely what was meant, and
        // is left to the run.
        (Rest::Closed, Rest::Closed) => Rest::Closed,
        (Rest::Closed | Rest::Undeclared, Rest::Closed | Rest::Undeclared) => Rest::Undeclared,
        (Rest::Silent, rest) | (rest, Rest::Silent) => rest.clone(),
        (Rest::Open | Rest::Of(_), Rest::Closed) | (Rest::Closed, Rest::Open | Rest::Of(_)) => {
            Rest::Undeclared
        }
        (Rest::Open | Rest::Of(_), _) | (_, Rest::Open | Rest::Of(_)) => Rest::Open,
    };
    Fields { known, required: one.required.union(&two.required).cloned().collect(), rest }
}
