//! The three rules, as functions of the policy and the packages in use. Each finding is one line:
//! the crate, what is wrong with it, and which expression or address says so.

use spdx::{Expression, Licensee, ParseMode};

use super::policy::Policy;

/// How licence expressions are read: `/` still stands for OR in old manifests, and old identifiers are
/// known; names that are not SPDX are not guessed at.
const READING: ParseMode = ParseMode {
    allow_slash_as_or_operator: true,
    allow_imprecise_license_names: false,
    allow_postfix_plus_on_gpl: true,
    allow_deprecated: true,
    allow_unknown: false,
};

/// A package in use.
pub struct Used {
    /// Its name.
    pub name: String,
    /// Its version.
    pub version: String,
    /// The licence that its manifest states.
    pub license: Option<String>,
    /// Where it comes from, as cargo writes it; none for a folder.
    pub source: Option<String>,
    /// Whether it is a member of this workspace.
    pub ours: bool,
}

/// Packages whose licence cannot be satisfied with the allowed ones, and folders that are not ours.
pub fn licences(policy: &Policy, packages: &[Used]) -> Vec<String> {
    let judged = packages.iter().filter_map(|package| {
        if package.source.is_none() && !package.ours {
            return Some(finding(package, "a folder outside of this workspace"));
        }
        let Some(expression) = &package.license else {
            return Some(finding(package, "states no licence expression"));
        };
        refusal(&policy.licences, expression).map(|why| finding(package, &why))
    });
    judged.collect()
}

/// Why `expression` cannot be satisfied with `allowed`, or none if it can.
fn refusal(allowed: &[Licensee], expression: &str) -> Option<String> {
    let parsed = match Expression::parse_mode(expression, READING) {
        Ok(parsed) => parsed,
        Err(error) => return Some(format!("licence {expression:?} cannot be read: {}", error.reason)),
    };
    let failures = parsed
        .evaluate_with_failures(|requirement| allowed.iter().any(|own| own.satisfies(requirement)))
        .err()?;
    let missing = failures.iter().map(|failed| failed.req.to_string()).collect::<Vec<_>>();
    Some(format!("licence {expression:?} is not allowed: {} is not on the list", missing.join(", ")))
}

/// Packages that are forbidden by name, whatever their version and whatever system they are for.
pub fn bans(policy: &Policy, packages: &[Used]) -> Vec<String> {
    let judged = packages.iter().filter_map(|package| {
        let (_, reason) = policy.forbidden.iter().find(|(name, _)| *name == package.name)?;
        Some(finding(package, &format!("forbidden: {reason}")))
    });
    judged.collect()
}

/// Packages that come from a registry or repository that is not allowed. Ours come from here.
pub fn sources(policy: &Policy, packages: &[Used]) -> Vec<String> {
    let judged = packages.iter().filter_map(|package| {
        let source = package.source.as_deref()?;
        let allowed = match source.split_once('+') {
            Some(("registry" | "sparse", index)) => policy.registries.iter().any(|own| own == index),
            Some(("git", address)) => policy.repositories.iter().any(|own| own == repository(address)),
            _ => false,
        };
        (!allowed).then(|| finding(package, &format!("comes from {source}, which is not an allowed source")))
    });
    judged.collect()
}

/// The address of a repository without the branch, tag or commit.
fn repository(address: &str) -> &str {
    address.split(['?', '#']).next().unwrap_or(address)
}

fn finding(package: &Used, what: &str) -> String {
    format!("{} {}: {what}", package.name, package.version)
}

#[cfg(test)]
mod tests {
    use super::*;

    const INDEX: &str = "registry+https://github.com/rust-lang/crates.io-index";

    fn policy() -> Policy {
        Policy {
            targets: Vec::new(),
            licences: ["MIT", "ISC", "Apache-2.0 WITH LLVM-exception"]
                .map(|name| Licensee::parse(name).unwrap())
                .to_vec(),
            forbidden: vec![("openssl".into(), "TLS is rustls".into())],
            registries: vec!["https://github.com/rust-lang/crates.io-index".into()],
            repositories: vec!["https://example.com/allowed".into()],
        }
    }

    fn used(license: Option<&str>, source: Option<&str>) -> Used {
        Used {
            name: "it".into(),
            version: "1.0.0".into(),
            license: license.map(str::to_owned),
            source: source.map(str::to_owned),
            ours: false,
        }
    }

    #[test]
    fn an_expression_is_allowed_exactly_if_the_list_satisfies_it() {
        let cases = [
            ("MIT", true),
            ("Apache-2.0", false),
            ("MIT OR Apache-2.0", true),
            ("GPL-3.0-or-later OR Apache-2.0", false),
            ("MIT/Apache-2.0", true),
            ("Apache-2.0 / MIT", true),
            ("MIT AND ISC", true),
            ("MIT AND Apache-2.0", false),
            ("(MIT OR Apache-2.0) AND ISC", true),
            ("(MIT OR Apache-2.0) AND Unicode-3.0", false),
            ("MIT OR Apache-2.0 AND Unicode-3.0", true),
            ("Apache-2.0 WITH LLVM-exception", true),
            ("Apache-2.0 WITH LLVM-exception OR GPL-2.0", true),
            ("Apache-2.0 WITH LLVM-exception AND GPL-2.0", false),
            ("MIT WITH LLVM-exception", false),
            ("GPL-3.0-or-later", false),
        ];
        let allowed = policy().licences;
        for (expression, expected) in cases {
            let refusal = refusal(&allowed, expression);
            assert_eq!(refusal.is_none(), expected, "{expression}: {refusal:?}");
        }
    }

    #[test]
    fn a_refused_expression_names_the_licences_that_are_missing() {
        let refusal = refusal(&policy().licences, "MIT AND Unicode-3.0").unwrap();
        assert!(refusal.ends_with("Unicode-3.0 is not on the list"), "{refusal}");
    }

    #[test]
    fn what_is_no_licence_or_none_at_all_is_refused_without_a_guess() {
        let findings = licences(
            &policy(),
            &[
                used(None, Some(INDEX)),
                used(Some(""), Some(INDEX)),
                used(Some("Apache 2.0"), Some(INDEX)),
                used(Some("Proprietary"), Some(INDEX)),
                used(Some("MIT OR"), Some(INDEX)),
            ],
        );
        assert_eq!(findings.len(), 5, "{findings:#?}");
        assert_eq!(findings[0], "it 1.0.0: states no licence expression");
    }

    #[test]
    fn a_folder_is_allowed_if_it_is_ours() {
        let stranger = used(Some("MIT"), None);
        let ours = Used { ours: true, ..used(Some("MIT"), None) };
        assert_eq!(licences(&policy(), &[stranger, ours]), ["it 1.0.0: a folder outside of this workspace"]);
    }

    #[test]
    fn a_forbidden_crate_is_found_with_its_reason_and_its_neighbours_are_not() {
        let named = |name: &str| Used { name: name.into(), ..used(None, Some(INDEX)) };
        let found = bans(&policy(), &[named("openssl"), named("openssl-probe"), named("open")]);
        assert_eq!(found, ["openssl 1.0.0: forbidden: TLS is rustls"]);
    }

    #[test]
    fn only_allowed_registries_and_repositories_are_sources() {
        let cases = [
            (INDEX, true),
            ("sparse+https://index.crates.io/", false),
            ("registry+https://example.com/index", false),
            ("git+https://example.com/allowed?branch=main#0123", true),
            ("git+https://example.com/allowed", true),
            ("git+https://example.com/allowed-not?rev=1#0123", false),
            ("git+https://example.com/other#0123", false),
            ("git+https://github.com/rust-lang/crates.io-index#0123", false),
            ("https://github.com/rust-lang/crates.io-index", false),
        ];
        for (source, expected) in cases {
            let findings = sources(&policy(), &[used(None, Some(source))]);
            assert_eq!(findings.is_empty(), expected, "{source}: {findings:?}");
        }
        assert!(sources(&policy(), &[used(None, None)]).is_empty());
    }
}
