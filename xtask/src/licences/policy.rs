//! deny.toml as far as it is used here.
//!
//! A key or value that this reader does not know is refused by name: a rule that is written and not
//! checked would be worse than none.

use anyhow::{Context, ensure};
use serde::Deserialize;
use spdx::Licensee;

/// What deny.toml allows and forbids.
#[derive(Debug)]
pub struct Policy {
    /// The systems to look at, as target triples.
    pub targets: Vec<String>,
    /// The licences that may be used.
    pub licences: Vec<Licensee>,
    /// The crates that must not be used, each with the reason.
    pub forbidden: Vec<(String, String)>,
    /// Index addresses that crates may come from.
    pub registries: Vec<String>,
    /// Git repositories that crates may come from.
    pub repositories: Vec<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Document {
    graph: Graph,
    licenses: Licenses,
    bans: Bans,
    sources: Sources,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
struct Graph {
    targets: Vec<String>,
    all_features: bool,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
struct Licenses {
    allow: Vec<String>,
    include_dev: bool,
    include_build: bool,
    unused_allowed_license: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
struct Bans {
    multiple_versions: String,
    deny: Vec<Ban>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Ban {
    #[serde(rename = "crate")]
    name: String,
    reason: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
struct Sources {
    unknown_registry: String,
    unknown_git: String,
    allow_registry: Vec<String>,
    allow_git: Vec<String>,
}

impl Policy {
    /// Reads the text of a deny.toml; fails on whatever this reader would not enforce.
    pub fn parse(text: &str) -> anyhow::Result<Self> {
        let Document { graph, licenses, bans, sources } = toml::from_str(text)?;

        ensure!(!graph.targets.is_empty(), "graph.targets is empty: nothing would be checked");
        ensure!(graph.all_features, "graph.all-features must be true, only that is checked here");
        ensure!(
            licenses.include_dev && licenses.include_build,
            "licenses.include-dev and include-build must be true, only that is checked here"
        );
        ensure!(
            licenses.unused_allowed_license == "allow" && bans.multiple_versions == "allow",
            "licenses.unused-allowed-license and bans.multiple-versions must be \"allow\", they are not checked here"
        );
        ensure!(
            sources.unknown_registry == "deny" && sources.unknown_git == "deny",
            "sources.unknown-registry and unknown-git must be \"deny\""
        );
        if let Some(ban) = bans.deny.iter().find(|ban| !ban.name.bytes().all(is_of_a_name)) {
            anyhow::bail!("bans.deny: {:?} is not the plain name of a crate", ban.name);
        }

        let licences = licenses.allow.iter().map(|name| {
            Licensee::parse(name).with_context(|| format!("licenses.allow: {name:?} is not an SPDX licence"))
        });
        Ok(Self {
            targets: graph.targets,
            licences: licences.collect::<anyhow::Result<_>>()?,
            forbidden: bans.deny.into_iter().map(|ban| (ban.name, ban.reason)).collect(),
            registries: sources.allow_registry,
            repositories: sources.allow_git,
        })
    }
}

fn is_of_a_name(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_')
}

#[cfg(test)]
mod tests {
    use super::*;

    const OURS: &str = include_str!("../../../deny.toml");

    #[test]
    fn our_own_deny_toml_is_understood_whole() {
        let policy = Policy::parse(OURS).unwrap();
        assert!(policy.licences.contains(&Licensee::parse("Apache-2.0 WITH LLVM-exception").unwrap()));
        assert!(policy.forbidden.iter().any(|(name, _)| name == "openssl-sys"));
    }

    #[test]
    fn no_copyleft_licence_is_allowed() {
        let policy = Policy::parse(OURS).unwrap();
        let copyleft = policy
            .licences
            .iter()
            .map(|licence| licence.clone().into_req())
            .filter(|requirement| requirement.license.id().is_none_or(|id| id.is_copyleft()));
        assert_eq!(copyleft.count(), 0);
    }

    /// Checks that `deny.toml` with `old` replaced by `new` is refused for a reason that names `reason`.
    #[track_caller]
    fn refused(old: &str, new: &str, reason: &str) {
        assert!(OURS.contains(old), "{old:?} is not in deny.toml");
        let error = format!("{:#}", Policy::parse(&OURS.replacen(old, new, 1)).unwrap_err());
        assert!(error.contains(reason), "{error}");
    }

    #[test]
    fn what_would_not_be_enforced_is_refused() {
        refused("[bans]", "[bans]\nwildcards = \"deny\"", "wildcards");
        refused("[sources]", "[advisories]\n[sources]", "advisories");
        refused("unknown-git = \"deny\"", "unknown-git = \"warn\"", "unknown-git");
        refused("include-dev = true", "include-dev = false", "include-dev");
        refused("multiple-versions = \"allow\"", "multiple-versions = \"deny\"", "multiple-versions");
        refused("crate = \"rsa\"", "crate = \"rsa@0.9\"", "rsa@0.9");
        refused("\"MIT\",", "\"MIIT\",", "MIIT");
    }
}
