//! Secrets: resolved at the call, and taken out again of whatever an agent says.
//!
//! Nothing here prints a secret, nor the literal text around one. The daemon may bring a source of its own;
//! [`EnvAndFiles`] is the plain one.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::io::Read;

use ghostlight_model::agent::{SecretPart, SecretRef, SecretText};
use ghostlight_model::failure::{ErrorClass, Failure, Happened};
use secrecy::{ExposeSecret, SecretString};
use serde_json::Value;

use crate::Progress;

/// The longest secret in bytes.
const SECRET_BYTES_MAX: u64 = 64 * 1024;
/// Shorter values are not taken out of texts: they would tear holes into ordinary words.
const REDACTED_BYTES_MIN: usize = 6;
/// What stands where a secret stood.
const MASK: &str = "[secret]";

/// Why a reference gave no secret. Names the reference, never a value.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SecretError {
    /// There is no such secret.
    #[error("secret {0} is not set")]
    Missing(String),
    /// It is there and cannot be used: not readable, not UTF-8, too long.
    #[error("secret {0} cannot be read")]
    Unreadable(String),
}

impl From<SecretError> for Failure {
    fn from(error: SecretError) -> Self {
        Self::new(ErrorClass::Credential, "secret_unavailable", error.to_string(), Happened::No)
    }
}

/// Where secrets come from.
pub trait SecretSource: Send + Sync {
    /// The secret behind a reference, as it is now. May block for the read of a small file.
    ///
    /// # Errors
    /// [`SecretError`] when there is none that can be used.
    fn resolve(&self, reference: &SecretRef) -> Result<SecretString, SecretError>;
}

/// The environment of the daemon, and files.
#[derive(Debug, Clone, Copy, Default)]
pub struct EnvAndFiles;

impl SecretSource for EnvAndFiles {
    fn resolve(&self, reference: &SecretRef) -> Result<SecretString, SecretError> {
        match reference {
            SecretRef::Env(name) => match std::env::var(name) {
                Ok(value) => Ok(value.into()),
                Err(std::env::VarError::NotPresent) => Err(SecretError::Missing(format!("env:{name}"))),
                Err(std::env::VarError::NotUnicode(_)) => Err(SecretError::Unreadable(format!("env:{name}"))),
            },
            SecretRef::File(path) => read_secret_file(path),
        }
    }
}

fn read_secret_file(path: &str) -> Result<SecretString, SecretError> {
    let unreadable = || SecretError::Unreadable(format!("file:{path}"));
    let file = std::fs::File::open(path).map_err(|error| match error.kind() {
        std::io::ErrorKind::NotFound => SecretError::Missing(format!("file:{path}")),
        _ => unreadable(),
    })?;
    // A pipe or a device could block for ever.
    if !file.metadata().is_ok_and(|metadata| metadata.is_file()) {
        return Err(unreadable());
    }
    let mut text = String::new();
    let read = file.take(SECRET_BYTES_MAX + 1).read_to_string(&mut text).map_err(|_| unreadable())?;
    if read as u64 > SECRET_BYTES_MAX {
        return Err(unreadable());
    }
    if text.ends_with('\n') {
        text.truncate(text.trim_end_matches(['\r', '\n']).len());
    }
    Ok(text.into())
}

/// Texts of a definition with their secrets put in, and what to take out of the agent's words.
pub(crate) struct Resolved {
    /// By the name they had in the definition.
    pub(crate) texts: BTreeMap<String, SecretString>,
    /// Masks the secrets that were put in.
    pub(crate) redactor: Redactor,
}

/// Resolves all secrets of `texts`.
pub(crate) fn resolve_all(
    texts: &BTreeMap<String, SecretText>,
    source: &dyn SecretSource,
) -> Result<Resolved, SecretError> {
    let mut redactor = Redactor::default();
    let mut resolved = BTreeMap::new();
    for (name, text) in texts {
        let mut whole = String::new();
        for part in &text.parts {
            match part {
                SecretPart::Literal(literal) => whole.push_str(literal),
                SecretPart::Secret(reference) => {
                    let secret = source.resolve(reference)?;
                    whole.push_str(secret.expose_secret());
                    redactor.add(secret);
                }
            }
        }
        resolved.insert(name.clone(), whole.into());
    }
    Ok(Resolved { texts: resolved, redactor })
}

/// Masks the secrets of one call in what comes back from it, so that an agent that echoes its environment does not put
/// a token into the journal. It finds exact values; a secret in another encoding, or split over pieces, gets through.
#[derive(Default)]
pub(crate) struct Redactor {
    secrets: Vec<SecretString>,
}

impl Redactor {
    fn add(&mut self, secret: SecretString) {
        if secret.expose_secret().len() >= REDACTED_BYTES_MIN {
            self.secrets.push(secret);
        }
    }

    /// The text without secrets.
    pub(crate) fn text<'a>(&self, text: &'a str) -> Cow<'a, str> {
        let mut clean = Cow::Borrowed(text);
        for secret in &self.secrets {
            if clean.contains(secret.expose_secret()) {
                clean = Cow::Owned(clean.replace(secret.expose_secret(), MASK));
            }
        }
        clean
    }

    /// The same in place, with nothing done when there are no secrets.
    pub(crate) fn string(&self, text: &mut String) {
        if let Cow::Owned(clean) = self.text(text) {
            *text = clean;
        }
    }

    /// Masks the texts of a report.
    pub(crate) fn progress(&self, said: &mut Progress) {
        match said {
            Progress::Progress { text, .. } | Progress::Token(text) | Progress::StderrTail(text) => {
                self.string(text)
            }
            Progress::Message { content, .. } => self.string(content),
            Progress::Started { .. } | Progress::Usage(_) => {}
        }
    }

    /// Masks all texts inside a value; keys stay.
    pub(crate) fn value(&self, value: &mut Value) {
        if self.secrets.is_empty() {
            return;
        }
        match value {
            Value::String(text) => self.string(text),
            Value::Array(items) => items.iter_mut().for_each(|item| self.value(item)),
            Value::Object(fields) => fields.values_mut().for_each(|field| self.value(field)),
            Value::Null | Value::Bool(_) | Value::Number(_) => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    struct Fixed;

    impl SecretSource for Fixed {
        fn resolve(&self, reference: &SecretRef) -> Result<SecretString, SecretError> {
            match reference {
                SecretRef::Env(name) if name == "TOKEN" => Ok("hunter2-hunter2".to_owned().into()),
                SecretRef::Env(name) if name == "SHORT" => Ok("a".to_owned().into()),
                other => Err(SecretError::Missing(format!("{other:?}"))),
            }
        }
    }

    fn texts(text: &str) -> BTreeMap<String, SecretText> {
        BTreeMap::from([("X".to_owned(), SecretText::parse(text).unwrap())])
    }

    #[test]
    fn what_was_put_in_is_masked_on_its_way_back() {
        let resolved = resolve_all(&texts("Bearer ${env:TOKEN} ${env:SHORT}"), &Fixed).unwrap();
        assert_eq!(resolved.texts["X"].expose_secret(), "Bearer hunter2-hunter2 a");
        let mut value = json!({"echo": ["a", "my token is hunter2-hunter2"]});
        resolved.redactor.value(&mut value);
        assert_eq!(value, json!({"echo": ["a", "my token is [secret]"]}));
    }

    #[test]
    fn a_missing_secret_is_a_credential_failure_before_anything_happened() {
        let failure = Failure::from(resolve_all(&texts("${env:NONE}"), &Fixed).err().unwrap());
        assert_eq!((failure.class, failure.happened), (ErrorClass::Credential, Happened::No));
    }

    #[test]
    fn a_secret_file_loses_the_newline_at_its_end_and_must_be_a_small_file() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("key");
        std::fs::write(&path, "s3cr3t value\n").unwrap();
        let read = |path: &std::path::Path| EnvAndFiles.resolve(&SecretRef::File(path.display().to_string()));
        assert_eq!(read(&path).unwrap().expose_secret(), "s3cr3t value");
        assert!(matches!(read(&dir.path().join("none")), Err(SecretError::Missing(_))));
        assert!(matches!(read(std::path::Path::new("/dev/zero")), Err(SecretError::Unreadable(_))));
        std::fs::write(&path, vec![b'x'; 70_000]).unwrap();
        assert!(matches!(read(&path), Err(SecretError::Unreadable(_))));
    }
}
