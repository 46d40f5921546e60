//! The floors of the house: a crate may use only what stands below it.
//!
//! The compiler refuses circles, not arrows; this table refuses arrows. A new crate, or a new arrow, is a
//! design decision: it is made here, in ARCHITECTURE.md, and in the change that needs it.

use std::collections::BTreeSet;
use std::fs;

use anyhow::Context;

use super::Violation;
use crate::workspace::{Dependency, Workspace};

/// What one crate may and may not use.
struct Floor {
    /// The crate.
    package: &'static str,
    /// The crates of this workspace that it may depend on, in any way.
    below: &'static [&'static str],
    /// Crates from outside that its manifest must not name.
    never_named: &'static [&'static str],
    /// Crates from outside that must not be built into it, through whatever path.
    never_inside: &'static [&'static str],
}

const WEB: &[&str] = &["actix-web", "actix-http", "actix-web-actors", "hyper", "reqwest"];

const FLOORS: &[Floor] = &[
    Floor {
        package: "ghostlight-world",
        below: &[],
        never_named: WEB,
        never_inside: &["actix", "tokio", "sled"],
    },
    Floor {
        package: "ghostlight-model",
        below: &["ghostlight-world"],
        never_named: &["actix", "actix-rt", "actix-web", "actix-http", "tokio", "sled", "reqwest"],
        never_inside: &[
            "actix",
            "actix-rt",
            "tokio",
            "sled",
            "actix-web",
            "actix-http",
            "hyper",
            "reqwest",
            "ureq",
        ],
    },
    Floor {
        package: "ghostlight-supervision",
        below: &["ghostlight-world"],
        never_named: WEB,
        never_inside: &["sled"],
    },
    Floor {
        package: "ghostlight-store",
        below: &["ghostlight-world"],
        never_named: WEB,
        never_inside: &["actix", "actix-rt"],
    },
    Floor {
        package: "ghostlight-agents",
        below: &["ghostlight-world", "ghostlight-model"],
        never_named: &["actix-web", "actix-http", "actix-web-actors"],
        never_inside: &["actix", "sled"],
    },
    Floor {
        package: "ghostlight-actors",
        below: &[
            "ghostlight-world",
            "ghostlight-model",
            "ghostlight-supervision",
            "ghostlight-store",
            "ghostlight-agents",
        ],
        never_named: WEB,
        never_inside: &["actix-web", "actix-http", "actix-web-actors"],
    },
    Floor {
        package: "ghostlight",
        below: &[
            "ghostlight-world",
            "ghostlight-model",
            "ghostlight-supervision",
            "ghostlight-store",
            "ghostlight-agents",
            "ghostlight-actors",
        ],
        never_named: &[],
        never_inside: &[],
    },
    // Measures the parts from within; nothing of it is in the product.
    Floor {
        package: "ghostlight-benches",
        below: &[
            "ghostlight-world",
            "ghostlight-model",
            "ghostlight-supervision",
            "ghostlight-store",
            "ghostlight-agents",
            "ghostlight-actors",
        ],
        never_named: WEB,
        never_inside: &[],
    },
    // Runs what decides, without what carries it.
    Floor {
        package: "ghostlight-simulation",
        below: &["ghostlight-world", "ghostlight-model", "ghostlight-supervision"],
        never_named: WEB,
        never_inside: &["sled"],
    },
    // What judges the daemon knows it from outside, by its documents.
    Floor { package: "ghostlight-proof", below: &[], never_named: &[], never_inside: &["sled"] },
    // Chores use the product from outside, as everyone else does.
    Floor { package: "xtask", below: &[], never_named: &[], never_inside: &[] },
];

/// Checks every member of the workspace against its floor.
pub fn check(workspace: &Workspace) -> anyhow::Result<Vec<Violation>> {
    let members = workspace.members()?;
    let names: Vec<&str> = members.iter().map(|member| member.name.as_str()).collect();
    let mut violations = Vec::new();
    for member in &members {
        let manifest = fs::read_to_string(&member.manifest_path)
            .with_context(|| format!("read {}", member.manifest_path.display()))?;
        let violation = |crate_named: &str, what: String| Violation {
            file: workspace.shown(&member.manifest_path),
            line: line_of(&manifest, crate_named),
            what,
        };
        let Some(floor) = FLOORS.iter().find(|floor| floor.package == member.name) else {
            let what = format!("{} has no floor yet, see xtask/src/tidy/floors.rs", member.name);
            violations.push(violation("name", what));
            continue;
        };
        violations.extend(
            floor.named(&member.dependencies, &names).into_iter().map(|(named, what)| violation(named, what)),
        );
        if !floor.never_inside.is_empty() {
            let inside = workspace.built_into(floor.package)?;
            violations.extend(floor.inside(&inside).into_iter().map(|(named, what)| violation(named, what)));
        }
    }
    Ok(violations)
}

impl Floor {
    /// Crates that the manifest names and must not: ours that do not stand below, and forbidden ones.
    /// Dependencies of tests count too: a test that reaches up is a design that does.
    fn named<'a>(&self, dependencies: &'a [Dependency], ours: &[&str]) -> Vec<(&'a str, String)> {
        let names = dependencies.iter().map(|dependency| dependency.name.as_str());
        let judged = names.filter_map(|name| {
            let upward = ours.contains(&name) && !self.below.contains(&name);
            let why = match (upward, self.never_named.contains(&name)) {
                (true, _) => ", which does not stand below it",
                (false, true) => ", which is not for this floor",
                (false, false) => return None,
            };
            Some((name, format!("{} must not depend on {name}{why}", self.package)))
        });
        judged.collect()
    }

    /// Forbidden crates among those that are built into this one.
    fn inside<'a>(&self, inside: &'a [String]) -> Vec<(&'a str, String)> {
        let forbidden = inside.iter().map(String::as_str).filter(|name| self.never_inside.contains(name));
        let found: BTreeSet<&str> = forbidden.collect();
        let said = |name| format!("{name} is built into {0}; see cargo tree -p {0} -i {name}", self.package);
        found.into_iter().map(|name| (name, said(name))).collect()
    }
}

/// The first line of a manifest that begins with `key`, else its first line.
fn line_of(manifest: &str, key: &str) -> usize {
    let is_about =
        |line: &str| line.strip_prefix(key).is_some_and(|rest| rest.trim_start().starts_with(['=', '.']));
    manifest.lines().position(is_about).map_or(1, |at| at + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    const OURS: &[&str] = &["low", "here", "high"];
    const HERE: Floor =
        Floor { package: "here", below: &["low"], never_named: &["web"], never_inside: &["disk"] };

    fn named(names: &[&str]) -> Vec<String> {
        let dependencies: Vec<_> = names.iter().map(|&name| Dependency { name: name.into() }).collect();
        HERE.named(&dependencies, OURS).into_iter().map(|(named, _)| named.to_owned()).collect()
    }

    #[test]
    fn a_crate_may_name_what_stands_below_and_what_is_not_forbidden() {
        assert!(named(&["low", "serde"]).is_empty());
        assert_eq!(named(&["low", "high", "web", "serde"]), ["high", "web"]);
    }

    #[test]
    fn a_forbidden_crate_is_found_however_deep_it_comes_in_and_is_said_once() {
        let inside = ["here", "serde", "disk", "disk", "disks"].map(str::to_owned);
        let found = HERE.inside(&inside);
        assert_eq!(found.len(), 1);
        assert!(found[0].1.contains("cargo tree -p here -i disk"), "{}", found[0].1);
    }

    #[test]
    fn the_line_of_a_dependency_is_found_in_either_spelling() {
        let manifest = "[dependencies]\nactix-rt.workspace = true\nactix = \"1\"\n";
        assert_eq!(line_of(manifest, "actix"), 3);
        assert_eq!(line_of(manifest, "actix-rt"), 2);
        assert_eq!(line_of(manifest, "tokio"), 1);
    }

    #[test]
    fn every_floor_stands_only_on_floors_named_before_it() {
        for (at, floor) in FLOORS.iter().enumerate() {
            for below in floor.below {
                assert!(
                    FLOORS[..at].iter().any(|other| other.package == *below),
                    "{} on {below}",
                    floor.package
                );
            }
        }
    }
}
