//! Entity tags of definitions, and the conditions of a request that name them (RFC 9110, section 13).

use std::fmt;

use crate::ids::DefinitionHash;

/// Names one version of a definition: `{hash}-{version}`, without quotes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct ETag {
    /// Hash of the definition.
    pub hash: DefinitionHash,
    /// Its version, from 1.
    pub version: u64,
}

impl ETag {
    /// Whether an `If-Match` value names this version: `*`, or a list of tags, quoted or bare. Weak tags (`W/"…"`)
    /// never match, since a write asks for strong comparison.
    #[must_use]
    pub fn is_matched_by(&self, if_match: &str) -> bool {
        let own = self.to_string();
        if_match.split(',').map(str::trim).any(|tag| {
            let bare = tag.strip_prefix('"').and_then(|rest| rest.strip_suffix('"')).unwrap_or(tag);
            tag == "*" || bare == own
        })
    }
}

impl fmt::Display for ETag {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}", self.hash, self.version)
    }
}

/// What must hold of the current version before a write.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Precondition {
    /// Nothing.
    #[default]
    None,
    /// `If-Match`: the current version is one of these.
    Match(String),
    /// `If-None-Match: *`: there is none yet.
    Absent,
}

impl Precondition {
    /// Whether it holds when `current` is the current version.
    #[must_use]
    pub fn holds(&self, current: Option<&ETag>) -> bool {
        match self {
            Self::None => true,
            Self::Match(tags) => current.is_some_and(|tag| tag.is_matched_by(tags)),
            Self::Absent => current.is_none(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tag_is_matched_quoted_bare_in_a_list_and_by_a_star_and_never_weakly() {
        let tag = ETag { hash: DefinitionHash::of(b"a"), version: 3 };
        let other = ETag { hash: DefinitionHash::of(b"a"), version: 4 };
        for matching in [tag.to_string(), format!("\"{tag}\""), format!("\"{other}\", \"{tag}\""), "*".into()]
        {
            assert!(tag.is_matched_by(&matching), "{matching}");
        }
        for different in
            [other.to_string(), format!("W/\"{tag}\""), String::new(), "\"".into(), "\"*\"".into()]
        {
            assert!(!tag.is_matched_by(&different), "{different}");
        }
    }

    #[test]
    fn a_condition_on_what_is_not_there_fails_and_absence_holds_only_then() {
        let tag = ETag { hash: DefinitionHash::of(b"a"), version: 1 };
        assert!(!Precondition::Match("*".into()).holds(None));
        assert!(Precondition::Absent.holds(None));
        assert!(!Precondition::Absent.holds(Some(&tag)));
        assert!(Precondition::None.holds(None) && Precondition::None.holds(Some(&tag)));
    }
}
