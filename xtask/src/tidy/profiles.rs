//! Panics unwind in every profile: with `abort`, one panicking actor would end the daemon and with it
//! every run, and supervision would be a word.

use anyhow::Context;
use toml::{Table, Value};

use super::Violation;

/// Checks the profiles of the root manifest.
pub fn check(manifest: &str) -> anyhow::Result<Vec<Violation>> {
    let table: Table = manifest.parse().context("understand Cargo.toml")?;
    let profiles = table.get("profile").and_then(Value::as_table);
    let violation = |needle: &str, what: String| Violation {
        file: "Cargo.toml".into(),
        line: manifest.lines().position(|line| line.trim() == needle).map_or(1, |at| at + 1),
        what,
    };

    let mut violations = Vec::new();
    let panic_of = |profile: &Value| profile.get("panic").and_then(Value::as_str).map(str::to_owned);
    if profiles.and_then(|all| all.get("release")).and_then(panic_of).is_none() {
        violations.push(violation("[profile.release]", "release must say panic = \"unwind\"".into()));
    }
    for (name, profile) in profiles.into_iter().flatten() {
        if let Some(strategy) = panic_of(profile).filter(|strategy| strategy != "unwind") {
            let what = format!("profile {name} has panic = {strategy:?}; supervision needs \"unwind\"");
            violations.push(violation(&format!("[profile.{name}]"), what));
        }
    }
    Ok(violations)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn release_must_say_that_panics_unwind() {
        assert_eq!(check("[profile.release]\npanic = \"unwind\"\n").unwrap(), []);
        assert_eq!(check("[profile.release]\nstrip = true\n").unwrap().len(), 1);
        assert_eq!(check("").unwrap()[0].line, 1);
    }

    #[test]
    fn no_profile_may_abort() {
        let manifest = "[profile.release]\npanic = \"unwind\"\n[profile.small]\npanic = \"abort\"\n";
        let violations = check(manifest).unwrap();
        assert_eq!(violations.len(), 1);
        assert_eq!(violations[0].line, 3);
        assert_eq!(check("[profile.release]\npanic = \"abort\"\n").unwrap().len(), 1);
    }
}
