//! Bundles: workflows in their versions, with the workflows and agents that they name, as one JSON document.
//!
//! Promises: what is read is what was written, which the hash of each definition shows; a bundle of another format, or
//! larger than the bounds, is refused whole. What an import adds to what is there is worked out here ([`missing`]); agents
//! hold references to secrets and never the secrets.

use std::collections::BTreeSet;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::workflow::WorkflowState;
use crate::ids::{DefinitionHash, Name};
use crate::language::{self, Format, Source};

/// The format that this program writes, and the only one that it reads.
pub const FORMAT: u64 = 1;
/// The most workflows of a bundle.
pub const WORKFLOWS_MAX: usize = 200;
/// The most versions of all of them together.
pub const VERSIONS_MAX: usize = 1_000;
/// The most agents.
pub const AGENTS_MAX: usize = 200;

/// A bundle.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Bundle {
    /// Its format.
    pub ghostlight_bundle: u64,
    /// The workflows; the one that was asked for comes first.
    pub workflows: Vec<BundledWorkflow>,
    /// The agents that they name.
    #[serde(default)]
    pub agents: Vec<BundledAgent>,
}

/// A workflow of a bundle.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BundledWorkflow {
    /// Its name.
    pub name: Name,
    /// The oldest first; at least one.
    pub versions: Vec<BundledVersion>,
}

/// A version of a workflow.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BundledVersion {
    /// Its number where it comes from.
    pub version: u64,
    /// Hash of the canonical document.
    pub hash: DefinitionHash,
    /// `yaml` or `json`.
    pub format: String,
    /// The document as it was sent.
    pub source: String,
    /// Who saved it where it comes from.
    #[serde(default)]
    pub author: Option<String>,
    /// Why, for people.
    #[serde(default)]
    pub message: String,
    /// When it was saved where it comes from.
    pub at: Timestamp,
}

/// An agent of a bundle.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BundledAgent {
    /// Its name.
    pub name: Name,
    /// Content hash of the definition.
    pub hash: DefinitionHash,
    /// The definition, with references to secrets.
    pub definition: Value,
}

/// Why a bundle cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BundleError {
    /// It is no bundle.
    #[error("this is no bundle: {0}")]
    NotABundle(String),
    /// A newer program wrote it.
    #[error("the bundle has format {0}, and this program reads format {FORMAT}")]
    UnknownFormat(u64),
    /// It is larger than a bundle may be.
    #[error("the bundle has {found} {what}; at most {max} are allowed")]
    TooMany {
        /// Of what.
        what: &'static str,
        /// How many.
        found: usize,
        /// How many there may be.
        max: usize,
    },
    /// Something stands in it twice.
    #[error("{0} stands in the bundle twice")]
    Twice(String),
    /// A workflow has no version.
    #[error("workflow `{0}` has no version in the bundle")]
    NoVersion(Name),
    /// A definition is not the one that its hash says.
    #[error("the definition of {0} is not the one that its hash says")]
    WrongHash(String),
}

impl Bundle {
    /// Reads a bundle and verifies it.
    ///
    /// # Errors
    /// [`BundleError`].
    pub fn read(bytes: &[u8]) -> Result<Self, BundleError> {
        #[derive(Deserialize)]
        struct Head {
            ghostlight_bundle: u64,
        }
        let refuse = |error: serde_json::Error| BundleError::NotABundle(error.to_string());
        // The format comes first: what else a bundle of another one holds is not ours to judge.
        let head: Head = serde_json::from_slice(bytes).map_err(refuse)?;
        if head.ghostlight_bundle != FORMAT {
            return Err(BundleError::UnknownFormat(head.ghostlight_bundle));
        }
        let bundle: Self = serde_json::from_slice(bytes).map_err(refuse)?;
        bundle.verify()?;
        Ok(bundle)
    }

    fn verify(&self) -> Result<(), BundleError> {
        let versions: usize = self.workflows.iter().map(|workflow| workflow.versions.len()).sum();
        for (what, found, max) in [
            ("workflows", self.workflows.len(), WORKFLOWS_MAX),
            ("versions", versions, VERSIONS_MAX),
            ("agents", self.agents.len(), AGENTS_MAX),
        ] {
            if found > max {
                return Err(BundleError::TooMany { what, found, max });
            }
        }
        let mut seen = BTreeSet::new();
        for workflow in &self.workflows {
            if !seen.insert(("workflow", &workflow.name)) {
                return Err(BundleError::Twice(format!("workflow `{}`", workflow.name)));
            }
            if workflow.versions.is_empty() {
                return Err(BundleError::NoVersion(workflow.name.clone()));
            }
            for version in &workflow.versions {
                if version.hash_of_source() != Some(version.hash) {
                    let what = format!("workflow `{}` version {}", workflow.name, version.version);
                    return Err(BundleError::WrongHash(what));
                }
            }
        }
        for agent in &self.agents {
            if !seen.insert(("agent", &agent.name)) {
                return Err(BundleError::Twice(format!("agent `{}`", agent.name)));
            }
            if hash_of(&agent.definition.to_string(), Format::Json) != Some(agent.hash) {
                return Err(BundleError::WrongHash(format!("agent `{}`", agent.name)));
            }
        }
        Ok(())
    }
}

impl BundledVersion {
    /// What the document is written in.
    #[must_use]
    pub fn format(&self) -> Format {
        if self.format == "json" { Format::Json } else { Format::Yaml }
    }

    fn hash_of_source(&self) -> Option<DefinitionHash> {
        hash_of(&self.source, self.format())
    }
}

fn hash_of(text: &str, format: Format) -> Option<DefinitionHash> {
    let document = language::canonical_document(&Source { text, format })?;
    Some(DefinitionHash::of(document.to_string().as_bytes()))
}

/// The versions that an import adds: of a workflow that is not there, all; of one that is, those behind the version that
/// its latest one equals; when it equals none of them, the last one only.
#[must_use]
pub fn missing<'b>(bundled: &'b BundledWorkflow, there: &WorkflowState) -> &'b [BundledVersion] {
    let versions = bundled.versions.as_slice();
    let Some(latest) = there.latest() else { return versions };
    let from = match versions.iter().rposition(|version| version.hash == latest.hash) {
        Some(same) => same + 1,
        None => versions.len().saturating_sub(1),
    };
    versions.get(from..).unwrap_or_default()
}

/// The workflows and the agents that a canonical document names: as children, by its selectors, and as calls.
#[must_use]
pub fn names_in(document: &Value) -> Named {
    let mut named = Named::default();
    for selector in document.get("selectors").and_then(Value::as_array).into_iter().flatten() {
        named.workflows.extend(name(selector, "workflow"));
    }
    if let Some(nodes) = document.get("nodes") {
        look(nodes, &mut named);
    }
    named
}

/// What a document names.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Named {
    /// Workflows.
    pub workflows: BTreeSet<Name>,
    /// Agents and tools.
    pub agents: BTreeSet<Name>,
}

/// Nodes may stand inside nodes. Documents are nested at most 64 levels deep.
fn look(value: &Value, named: &mut Named) {
    match value {
        Value::Object(map) => {
            match map.get("type").and_then(Value::as_str) {
                Some("workflow") => named.workflows.extend(name(value, "workflow")),
                Some("agent_call") => named.agents.extend(name(value, "agent")),
                Some("tool_call") => named.agents.extend(name(value, "tool")),
                Some(_) | None => {}
            }
            map.values().for_each(|value| look(value, named));
        }
        Value::Array(items) => items.iter().for_each(|item| look(item, named)),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

fn name(value: &Value, key: &str) -> Option<Name> {
    Name::new(value.get(key)?.as_str()?).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::definitions::Precondition;
    use crate::definitions::testing::apply;
    use crate::definitions::workflow::WorkflowCommand;
    use crate::payload::Payload;
    use serde_json::json;

    fn version(number: u64, text: &str) -> BundledVersion {
        let source = format!("name: w\ndescription: {text}\n");
        BundledVersion {
            version: number,
            hash: hash_of(&source, Format::Yaml).unwrap(),
            format: "yaml".into(),
            source,
            author: Some("ann".into()),
            message: "why".into(),
            at: Timestamp::UNIX_EPOCH,
        }
    }

    fn bundle() -> Bundle {
        let definition = json!({ "name": "a", "kind": "http" });
        let hash = hash_of(&definition.to_string(), Format::Json).unwrap();
        let name = |text| Name::new(text).unwrap();
        Bundle {
            ghostlight_bundle: FORMAT,
            workflows: vec![BundledWorkflow {
                name: name("w"),
                versions: vec![version(1, "a"), version(2, "b")],
            }],
            agents: vec![BundledAgent { name: name("a"), hash, definition }],
        }
    }

    fn read(bundle: &Bundle) -> Result<Bundle, BundleError> {
        Bundle::read(serde_json::to_string(bundle).unwrap().as_bytes())
    }

    /// Shows S0-5.3d.
    #[test]
    fn what_is_read_is_what_was_written_and_nothing_else() {
        assert_eq!(read(&bundle()), Ok(bundle()));
        let mut changed = bundle();
        changed.workflows[0].versions[1].source.push_str("labels: {a: b}\n");
        assert_eq!(read(&changed), Err(BundleError::WrongHash("workflow `w` version 2".into())));
        let mut changed = bundle();
        changed.agents[0].definition["url"] = json!("http://elsewhere");
        assert_eq!(read(&changed), Err(BundleError::WrongHash("agent `a`".into())));
        let mut twice = bundle();
        twice.workflows.extend(bundle().workflows);
        assert_eq!(read(&twice), Err(BundleError::Twice("workflow `w`".into())));
        let mut none = bundle();
        none.workflows[0].versions.clear();
        assert!(matches!(read(&none), Err(BundleError::NoVersion(_))));
        let mut many = bundle();
        many.workflows[0].versions = vec![version(1, "a"); VERSIONS_MAX + 1];
        assert!(matches!(read(&many), Err(BundleError::TooMany { what: "versions", .. })));
    }

    #[test]
    fn a_bundle_of_another_format_is_refused_by_its_number_whatever_else_it_holds() {
        assert_eq!(
            Bundle::read(br#"{"ghostlight_bundle": 2, "sealed": true}"#),
            Err(BundleError::UnknownFormat(2))
        );
        for bad in [
            "",
            "[]",
            "{}",
            r#"{"ghostlight_bundle": 1}"#,
            r#"{"ghostlight_bundle": 1, "workflows": [], "more": 1}"#,
        ] {
            assert!(matches!(Bundle::read(bad.as_bytes()), Err(BundleError::NotABundle(_))), "{bad}");
        }
    }

    #[test]
    fn an_import_adds_what_is_behind_the_version_that_is_there() {
        let bundled = BundledWorkflow {
            name: Name::new("w").unwrap(),
            versions: vec![version(1, "a"), version(2, "b"), version(3, "c")],
        };
        let at = |text: Option<&str>| {
            let mut state = WorkflowState::default();
            if let Some(text) = text {
                let hash = version(1, text).hash;
                let (source, format) = (Payload::inline(json!("")), "yaml".to_owned());
                let (message, precondition) = (String::new(), Precondition::None);
                let save = WorkflowCommand::Save { hash, source, format, message, precondition };
                let events = state.decide(save).unwrap();
                apply(&mut state, &events, None);
            }
            missing(&bundled, &state).iter().map(|version| version.version).collect::<Vec<_>>()
        };
        assert_eq!(at(None), [1, 2, 3]);
        assert_eq!(at(Some("a")), [2, 3]);
        assert_eq!(at(Some("c")), [0; 0]);
        assert_eq!(at(Some("other")), [3], "what went another way gets the last one");
    }

    #[test]
    fn a_document_names_its_children_its_choices_and_its_agents_wherever_they_stand() {
        let document = json!({
            "selectors": [{ "when": "true", "workflow": "chosen" }],
            "nodes": {
                "a": { "type": "agent_call", "agent": "caller" },
                "b": { "type": "map", "over": "$a", "node": { "type": "loop", "node": { "type": "workflow", "workflow": "child" } } },
                "c": { "type": "tool_call", "tool": "hammer" },
                "d": { "type": "agent_call", "capability": "any" },
            },
        });
        let named = names_in(&document);
        let texts = |names: &BTreeSet<Name>| names.iter().map(ToString::to_string).collect::<Vec<_>>();
        assert_eq!(
            (texts(&named.workflows), texts(&named.agents)),
            (vec!["child".into(), "chosen".into()], vec!["caller".into(), "hammer".into()])
        );
    }
}
