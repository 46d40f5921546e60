//! What agents take and give, as types.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::Value;

use super::Type;
use crate::ids::Name;
use crate::language::targets::KnownAgent;
use crate::workflow::Target;

/// What agents take and give.
pub(super) struct Agents {
    named: BTreeMap<Name, Callee>,
    /// Of whoever offers it: what one of them takes and one of them gives.
    capable: BTreeMap<Name, Callee>,
}

/// Whoever a call reaches.
#[derive(Clone)]
struct Callee {
    takes: Arc<Type>,
    gives: Arc<Type>,
    /// Who it is, where it can be one only.
    name: Option<Name>,
}

impl Agents {
    pub fn of(known: &[KnownAgent]) -> Self {
        let mut agents = Self { named: BTreeMap::new(), capable: BTreeMap::new() };
        let of = |schema: Option<&Value>| schema.map_or_else(Type::any, Type::of_schema);
        for agent in known {
            let takes = of(agent.input_schema.as_ref().map(|schema| schema.document()));
            let gives = of(agent.output_schema.as_ref().map(|schema| schema.document()));
            let callee = Callee { takes, gives, name: Some(agent.name.clone()) };
            for capability in &agent.capabilities {
                let either = |other: &mut Callee| {
                    other.takes = other.takes.join(&callee.takes);
                    other.gives = other.gives.join(&callee.gives);
                    other.name = None;
                };
                agents.capable.entry(capability.clone()).and_modify(either).or_insert_with(|| callee.clone());
            }
            agents.named.insert(agent.name.clone(), callee);
        }
        agents
    }

    fn callee(&self, target: &Target) -> Option<&Callee> {
        match target {
            Target::Agent(name) => self.named.get(name),
            Target::Capability(name) => self.capable.get(name),
        }
    }

    pub fn takes(&self, target: &Target) -> Arc<Type> {
        self.callee(target).map_or_else(Type::any, |callee| callee.takes.clone())
    }

    pub fn gives(&self, target: &Target) -> Arc<Type> {
        self.callee(target).map_or_else(Type::any, |callee| callee.gives.clone())
    }

    /// Whom a call reaches, for messages.
    pub fn shown(&self, target: &Target) -> String {
        match (target, self.callee(target).and_then(|callee| callee.name.as_ref())) {
            (Target::Agent(name), _) | (Target::Capability(_), Some(name)) => format!("the agent `{name}`"),
            (Target::Capability(name), None) => format!("every agent that offers `{name}`"),
        }
    }
}
