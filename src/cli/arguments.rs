//! Arguments that several verbs take: values as JSON, files by name, workflows as a file or by name.

use std::path::{Path, PathBuf};

use ghostlight_model::diagnostic::{Diagnostic, render};
use ghostlight_model::language::Format;
use ghostlight_model::language::document::TEXT_BYTES_MAX;
use ghostlight_model::language::encoding::decode;
use ghostlight_model::language::spelling::check_file_name;
use serde_json::{Map, Value};

use super::exit::CliError;

/// A JSON value as it was given: JSON itself, or `@FILE` (`@-` is stdin).
pub(super) fn json(text: &str) -> Result<Value, CliError> {
    let (text, source) = match text.strip_prefix('@') {
        Some("-") => (read_stdin()?, "stdin".to_owned()),
        Some(file) => (read(Path::new(file))?, file.to_owned()),
        None => (text.to_owned(), "the value given".to_owned()),
    };
    serde_json::from_str(&text).map_err(|error| {
        CliError::usage(format!("{source} is not JSON: {error}")).help("pass JSON, or @FILE with JSON in it")
    })
}

/// The same for the input of a run; nothing given is an empty object.
pub(super) fn input(text: Option<&str>) -> Result<Value, CliError> {
    text.map_or_else(|| Ok(Value::Object(Map::new())), json)
}

/// The same for the context of a run; nothing given is null.
pub(super) fn context(text: Option<&str>) -> Result<Value, CliError> {
    match text.map(json).transpose()? {
        None => Ok(Value::Null),
        Some(context @ Value::Object(_)) => Ok(context),
        Some(_) => Err(CliError::usage("the context is a JSON object")),
    }
}

/// `name=value` pairs.
pub(super) fn pairs(texts: &[String]) -> Result<Map<String, Value>, CliError> {
    let pair = |text: &String| match text.split_once('=') {
        Some((name, value)) if !name.is_empty() => Ok((name.to_owned(), Value::String(value.to_owned()))),
        Some(_) | None => Err(CliError::usage(format!("`{text}` is not NAME=VALUE"))),
    };
    texts.iter().map(pair).collect()
}

/// A document of the workflow language in a file.
#[derive(Debug, Clone)]
pub(super) struct Document {
    pub file: PathBuf,
    pub text: String,
    pub format: Format,
}

/// What a workflow argument names.
#[derive(Debug, Clone)]
pub(super) enum WorkflowArgument {
    File(Document),
    Name(String),
}

/// A file when it looks like one (a known ending, or a path), else a registered name.
pub(super) fn workflow(text: &str) -> Result<WorkflowArgument, CliError> {
    let looks_like_file = text.contains(['/', '\\']) || text == "-" || Format::of_file(text).is_some();
    if looks_like_file {
        return document(Path::new(text)).map(WorkflowArgument::File);
    }
    match ghostlight_model::ids::Name::new(text) {
        Ok(_) => Ok(WorkflowArgument::Name(text.to_owned())),
        Err(error) => {
            Err(CliError::usage(format!("`{text}` is neither a file nor the name of a workflow: {error}")))
        }
    }
}

/// A document of a format that is known by the file's ending.
pub(super) fn document(file: &Path) -> Result<Document, CliError> {
    let shown = file.display();
    let format = Format::of_file(&file.to_string_lossy())
        .ok_or_else(|| CliError::usage(format!("{shown} does not end in .yaml, .yml, .json or .toml")))?;
    let name = file.file_name().unwrap_or_default().to_string_lossy();
    if let Some(deceives) = check_file_name(&name) {
        return Err(refused(file, "", deceives));
    }
    let bytes = read_bytes(file)?;
    match decode(&bytes) {
        Ok(text) => Ok(Document { file: file.to_owned(), text: text.to_owned(), format }),
        Err(problem) => Err(refused(file, &String::from_utf8_lossy(&bytes), *problem)),
    }
}

/// A document that is not even read.
fn refused(file: &Path, text: &str, problem: Diagnostic) -> CliError {
    let drawn = render(&file.display().to_string(), text, &[problem]);
    CliError::usage(format!("the file cannot be used\n{}", drawn.trim_end()))
}

/// At most 16 MiB of a file, and one byte more.
fn read_bytes(file: &Path) -> Result<Vec<u8>, CliError> {
    use std::io::Read;
    let failed = |error: std::io::Error| CliError::usage(format!("cannot read {}: {error}", file.display()));
    let mut bytes = Vec::new();
    let opened = std::fs::File::open(file).map_err(failed)?;
    opened.take(TEXT_BYTES_MAX as u64 + 1).read_to_end(&mut bytes).map_err(failed)?;
    Ok(bytes)
}

/// The text of a file of at most 16 MiB.
pub(super) fn read(file: &Path) -> Result<String, CliError> {
    use std::io::Read;
    let failed = |error: std::io::Error| CliError::usage(format!("cannot read {}: {error}", file.display()));
    let mut text = String::new();
    let opened = std::fs::File::open(file).map_err(failed)?;
    opened.take(TEXT_BYTES_MAX as u64 + 1).read_to_string(&mut text).map_err(failed)?;
    Ok(text)
}

fn read_stdin() -> Result<String, CliError> {
    use std::io::Read;
    let mut text = String::new();
    let read = std::io::stdin().lock().take(TEXT_BYTES_MAX as u64).read_to_string(&mut text);
    read.map_err(|error| CliError::usage(format!("cannot read stdin: {error}")))?;
    Ok(text)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    /// Shows S3-2a.
    #[test]
    fn a_document_that_is_no_text_or_whose_name_deceives_is_refused_with_the_place() {
        let dir = tempfile::tempdir().unwrap();
        let refused = |name: &str, bytes: &[u8]| {
            let file = dir.path().join(name);
            std::fs::write(&file, bytes).unwrap();
            document(&file).unwrap_err().message
        };
        let told = refused("latin.yaml", b"ghostlight: 1\nname: caf\xe9\n");
        assert!(told.contains("GL0114") && told.contains("latin.yaml:2:10"), "{told}");
        assert!(refused("utf16.yaml", b"n\0a\0m\0e\0").contains("UTF-16"));
        let told = refused("deploy\u{202e}lmay.yaml", b"name: w\n");
        assert!(told.contains("GL0112") && told.contains("U+202E") && !told.contains('\u{202e}'), "{told}");
        std::fs::write(dir.path().join("marked.yaml"), b"\xef\xbb\xbfname: w\n").unwrap();
        assert_eq!(document(&dir.path().join("marked.yaml")).unwrap().text, "name: w\n");
    }

    #[test]
    fn a_value_is_json_or_a_file_with_json() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("input.json");
        std::fs::write(&file, "{\"a\": 1}").unwrap();
        assert_eq!(super::json(&format!("@{}", file.display())).unwrap(), json!({"a": 1}));
        assert_eq!(super::json("[1]").unwrap(), json!([1]));
        assert_eq!(input(None).unwrap(), json!({}));
        assert!(super::json("{a}").unwrap_err().message.contains("is not JSON"));
        assert!(super::json("@/nowhere/at/all").unwrap_err().message.starts_with("cannot read"));
        assert_eq!(Value::Object(pairs(&["a=b=c".into()]).unwrap()), json!({"a": "b=c"}));
        assert!(pairs(&["a".into()]).is_err());
    }

    #[test]
    fn a_workflow_is_a_file_when_it_looks_like_one() {
        assert!(matches!(workflow("incident-response"), Ok(WorkflowArgument::Name(_))));
        assert!(workflow("missing.yaml").unwrap_err().message.starts_with("cannot read"));
        assert!(workflow("./dir/x").unwrap_err().message.contains("does not end in"));
        assert!(workflow("Not A Name").is_err());
    }
}
