//! References to secrets: `${env:NAME}` and `${file:PATH}`, alone or inside a longer text.
//!
//! A reference is parsed here and resolved at the call, by whoever makes it. Nothing here prints the literal text around a
//! reference either: a person who put a token there by mistake does not find it in a log.

use std::fmt;

/// Where a secret is to be found.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum SecretRef {
    /// An environment variable of the daemon.
    Env(String),
    /// The contents of a file, without the newline at its end.
    File(String),
}

/// A piece of a [`SecretText`].
#[derive(Clone, PartialEq, Eq, Hash)]
pub enum SecretPart {
    /// Stands as it is.
    Literal(String),
    /// Is looked up at the call.
    Secret(SecretRef),
}

impl fmt::Debug for SecretPart {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Literal(_) => f.write_str("Literal(…)"),
            Self::Secret(reference) => reference.fmt(f),
        }
    }
}

/// A text that may refer to secrets: `Bearer ${env:TOKEN}`.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct SecretText {
    /// Its pieces, in order.
    pub parts: Vec<SecretPart>,
}

/// A text that begins a reference and does not end it properly.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InvalidSecret {
    /// `${` without `}`.
    #[error("a secret reference that begins with `${{` has no `}}`")]
    Unclosed,
    /// Neither `env:` nor `file:`.
    #[error("a secret reference is `${{env:NAME}}` or `${{file:PATH}}`")]
    UnknownSource,
    /// A name that is no name of an environment variable.
    #[error("the name of an environment variable has letters, digits and `_` only, and begins with no digit")]
    BadName,
    /// A path that is empty or relative.
    #[error("the path of a secret's file must be absolute")]
    RelativePath,
}

impl SecretText {
    /// Parses `text`. `$${` stands for `${`.
    ///
    /// # Errors
    /// [`InvalidSecret`]; it never quotes the text.
    pub fn parse(text: &str) -> Result<Self, InvalidSecret> {
        let mut parts = Vec::new();
        let mut literal = String::new();
        let mut rest = text;
        while let Some(at) = rest.find("${") {
            if rest[..at].ends_with('$') {
                literal.push_str(&rest[..at - 1]);
                literal.push_str("${");
                rest = &rest[at + 2..];
                continue;
            }
            literal.push_str(&rest[..at]);
            let inside = &rest[at + 2..];
            let end = inside.find('}').ok_or(InvalidSecret::Unclosed)?;
            if !literal.is_empty() {
                parts.push(SecretPart::Literal(std::mem::take(&mut literal)));
            }
            parts.push(SecretPart::Secret(SecretRef::parse(&inside[..end])?));
            rest = &inside[end + 1..];
        }
        literal.push_str(rest);
        if !literal.is_empty() {
            parts.push(SecretPart::Literal(literal));
        }
        Ok(Self { parts })
    }

    /// The secrets it names.
    pub fn secrets(&self) -> impl Iterator<Item = &SecretRef> {
        self.parts.iter().filter_map(|part| match part {
            SecretPart::Literal(_) => None,
            SecretPart::Secret(reference) => Some(reference),
        })
    }
}

impl SecretRef {
    /// Parses what stands between `${` and `}`.
    fn parse(text: &str) -> Result<Self, InvalidSecret> {
        match text.split_once(':') {
            Some(("env", name)) if is_variable(name) => Ok(Self::Env(name.to_owned())),
            Some(("env", _)) => Err(InvalidSecret::BadName),
            Some(("file", path)) if path.starts_with('/') => Ok(Self::File(path.to_owned())),
            Some(("file", _)) => Err(InvalidSecret::RelativePath),
            Some(_) | None => Err(InvalidSecret::UnknownSource),
        }
    }
}

/// Whether `name` is a name of an environment variable as POSIX has it.
pub(crate) fn is_variable(name: &str) -> bool {
    !name.is_empty()
        && !name.starts_with(|c: char| c.is_ascii_digit())
        && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reference_may_stand_alone_or_inside_a_text() {
        let text = SecretText::parse("Bearer ${env:TOKEN}!").unwrap();
        assert_eq!(
            text.parts,
            [
                SecretPart::Literal("Bearer ".into()),
                SecretPart::Secret(SecretRef::Env("TOKEN".into())),
                SecretPart::Literal("!".into())
            ]
        );
        assert_eq!(SecretText::parse("${file:/run/key}").unwrap().secrets().count(), 1);
        assert_eq!(SecretText::parse("plain $5").unwrap().parts, [SecretPart::Literal("plain $5".into())]);
        assert_eq!(SecretText::parse("$${env:X}").unwrap().parts, [SecretPart::Literal("${env:X}".into())]);
        assert!(SecretText::parse("").unwrap().parts.is_empty());
    }

    #[test]
    fn a_malformed_reference_is_refused_without_quoting_it() {
        for (text, error) in [
            ("${env:TOKEN", InvalidSecret::Unclosed),
            ("${secret:x}", InvalidSecret::UnknownSource),
            ("${}", InvalidSecret::UnknownSource),
            ("${env:A B}", InvalidSecret::BadName),
            ("${env:}", InvalidSecret::BadName),
            ("${file:key}", InvalidSecret::RelativePath),
        ] {
            assert_eq!(SecretText::parse(text), Err(error), "{text}");
        }
    }

    #[test]
    fn debug_output_shows_no_literal() {
        let text = SecretText::parse("hunter2 ${env:X}").unwrap();
        assert!(!format!("{text:?}").contains("hunter2"));
    }
}
