//! What each kind of agent says about how it is called.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use super::compile::{bytes, sandbox};
use super::secret::is_variable;
use super::{
    AllowEntry, Builtin, BuiltinCall, CommandCall, HttpCall, HttpMethod, InvalidAllow, SecretText,
    StatusRule, catalogue,
};
use crate::diagnostic::{Code, Diagnostic, Span};
use crate::failure::ErrorClass;
use crate::language::document::{Content, Entry, Item, shorten};
use crate::language::fields::error_classes;
use crate::language::reader::{self, MapReader, Problems, place_of, wrong_type};

pub(super) const COMMAND_KEYS: &[&str] = &["command", "dir", "env", "sandbox", "exit_codes"];
pub(super) const HTTP_KEYS: &[&str] = &["url", "method", "headers", "allow", "response", "errors"];
pub(super) const BUILTIN_KEYS: &[&str] = &["builtin", "allow", "read", "with"];

/// The longest answer when the file is silent.
const RESPONSE_BYTES_MAX: u64 = 8 << 20;
/// The most entries of a list or mapping in an agent file.
const ENTRIES_MAX: usize = 256;
/// The longest word of a command, value of a variable, or header.
const WORD_BYTES_MAX: usize = 16 * 1024;

/// Reads the keys of `kind: command`.
pub(super) fn command(map: &MapReader<'_>, problems: &mut Problems) -> Option<CommandCall> {
    let entry = map.required("command", problems);
    let env = map.entry("env").map_or_else(BTreeMap::new, |entry| env(entry, problems));
    let exit_codes = map.entry("exit_codes").map_or_else(BTreeMap::new, |entry| exit_codes(entry, problems));
    let dir = map.text("dir", 4096, problems).and_then(|(dir, span)| absolute(dir, span, "dir", problems));
    sandbox(map, problems);
    let words = words(entry?, problems)?;
    Some(CommandCall { words, dir, env, exit_codes })
}

fn words(entry: &Entry, problems: &mut Problems) -> Option<Vec<String>> {
    if let Content::Text(_) = entry.value.content {
        let message = "`command` is a list of words; no shell splits it";
        let diagnostic = Diagnostic::new(Code::BadCommand, entry.value.span, message);
        problems.push(diagnostic.help("write `command: [/usr/bin/python3, ./agent.py]`"));
        return None;
    }
    let before = problems.errors();
    let words = reader::texts(entry, problems);
    if problems.errors() > before {
        return None;
    }
    let Some((first, span)) = words.first() else {
        problems.add(Code::BadCommand, entry.key_span, "`command` has at least one word");
        return None;
    };
    if !first.starts_with('/') && *first != "ghostlight" {
        let message =
            format!("a command begins with an absolute path or `ghostlight`, not with `{}`", shorten(first));
        let diagnostic = Diagnostic::new(Code::BadCommand, *span, message);
        let help = match first.strip_prefix("./") {
            Some(_) => format!(
                "give it to whoever runs it, `command: [/bin/sh, {}]`: words behind the first may begin with `./`, which is the folder \
                 of this file",
                shorten(first)
            ),
            None => "nothing is looked up in PATH; `ghostlight` is the running binary".to_owned(),
        };
        problems.push(diagnostic.help(help));
    }
    if words.len() > ENTRIES_MAX {
        problems.add(
            Code::BadCommand,
            entry.key_span,
            format!("`command` has more than {ENTRIES_MAX} words"),
        );
    }
    for (word, span) in &words {
        if word.len() > WORD_BYTES_MAX || word.contains('\0') {
            let message = format!("a word of a command has at most {WORD_BYTES_MAX} bytes and no NUL");
            problems.add(Code::BadCommand, *span, message);
        }
    }
    (problems.errors() == before).then(|| words.into_iter().map(|(word, _)| word.to_owned()).collect())
}

fn absolute(path: &str, span: Span, key: &str, problems: &mut Problems) -> Option<String> {
    if path.starts_with('/') && !path.contains('\0') && !path.split('/').any(|part| part == "..") {
        return Some(path.to_owned());
    }
    problems.add(Code::BadValue, span, format!("`{key}` takes absolute paths without `..`"));
    None
}

/// The entries of a mapping of texts, of bounded number.
fn bounded<'d>(entry: &'d Entry, what: &'static str, problems: &mut Problems) -> &'d [Entry] {
    let Some(map) = MapReader::open(&entry.value, entry.key_span, what, problems) else { return &[] };
    if map.entries().len() > ENTRIES_MAX {
        problems.add(Code::BadValue, entry.key_span, format!("{what} has more than {ENTRIES_MAX} entries"));
        return &[];
    }
    map.entries()
}

fn secret(entry: &Entry, problems: &mut Problems) -> Option<SecretText> {
    let (text, span) = reader::text(entry, WORD_BYTES_MAX, problems)?;
    if text.contains(['\0', '\n', '\r']) {
        let message = format!("the value of `{}` has a line break or a NUL in it", shorten(&entry.key));
        problems.add(Code::BadValue, span, message);
        return None;
    }
    match SecretText::parse(text) {
        Ok(text) => Some(text),
        Err(error) => {
            let message = format!("the value of `{}` is malformed: {error}", shorten(&entry.key));
            problems.push(
                Diagnostic::new(Code::BadSecret, span, message)
                    .help("write `$${` for a text with `${` in it"),
            );
            None
        }
    }
}

fn env(entry: &Entry, problems: &mut Problems) -> BTreeMap<String, SecretText> {
    let mut env = BTreeMap::new();
    for entry in bounded(entry, "`env`", problems) {
        if !is_variable(&entry.key) {
            let message = format!("`{}` is no name of an environment variable", shorten(&entry.key));
            problems.add(Code::BadName, entry.key_span, message);
        } else if let Some(text) = secret(entry, problems) {
            env.insert(entry.key.clone(), text);
        }
    }
    env
}

fn exit_codes(entry: &Entry, problems: &mut Problems) -> BTreeMap<u8, ErrorClass> {
    let mut codes = BTreeMap::new();
    for entry in bounded(entry, "`exit_codes`", problems) {
        let Some(status) = entry.key.parse::<u8>().ok().filter(|status| *status > 0) else {
            let message = format!(
                "`{}` is no exit status of a failure; it is a number from 1 to 255",
                shorten(&entry.key)
            );
            problems.add(Code::BadValue, entry.key_span, message);
            continue;
        };
        if let Some((text, span)) = reader::text(entry, 64, problems)
            && let Some(class) =
                reader::word(text, span, "a class of failure", &error_classes(), &[], problems)
        {
            codes.insert(status, class);
        }
    }
    codes
}

/// Reads the keys of `kind: http`.
pub(super) fn http(map: &MapReader<'_>, problems: &mut Problems) -> Option<HttpCall> {
    const METHODS: [(&str, HttpMethod); 5] = [
        ("GET", HttpMethod::Get),
        ("POST", HttpMethod::Post),
        ("PUT", HttpMethod::Put),
        ("PATCH", HttpMethod::Patch),
        ("DELETE", HttpMethod::Delete),
    ];
    map.required("url", problems);
    let call = HttpCall {
        url: String::new(),
        method: map.word("method", &METHODS, &[], problems).unwrap_or(HttpMethod::Post),
        headers: map.entry("headers").map_or_else(BTreeMap::new, |entry| headers(entry, problems)),
        allow: allow(map, problems),
        response_bytes_max: response(map, problems),
        errors: map.entry("errors").map_or_else(Vec::new, |entry| status_rules(entry, problems)),
    };
    let (url, span) = map.text("url", 4096, problems)?;
    let url = address(url, span, problems)?;
    if url.starts_with("http:") && call.allow.is_empty() {
        let message = "plain http is only for targets that `allow` names";
        problems.push(
            Diagnostic::new(Code::BadAddress, span, message).help("use https, or name the target in `allow`"),
        );
    }
    Some(HttpCall { url, ..call })
}

fn address(text: &str, span: Span, problems: &mut Problems) -> Option<String> {
    let mut refuse = |message: &str| {
        problems.add(Code::BadAddress, span, message);
        None
    };
    let Ok(url) = url::Url::parse(text) else { return refuse("`url` is not an absolute address") };
    if !matches!(url.scheme(), "http" | "https") {
        return refuse("`url` begins with `https://` or `http://`");
    }
    if !url.username().is_empty() || url.password().is_some() {
        return refuse("`url` has a user or a password in it; put them into `headers` as a secret");
    }
    if url.fragment().is_some() {
        return refuse("`url` has a fragment (`#`), which is never sent");
    }
    Some(url.to_string())
}

fn headers(entry: &Entry, problems: &mut Problems) -> BTreeMap<String, SecretText> {
    /// What the protocol sets itself.
    const OURS: [&str; 8] = [
        "content-length",
        "content-type",
        "host",
        "transfer-encoding",
        "connection",
        "idempotency-key",
        "traceparent",
        "ghostlight-protocol",
    ];
    let mut headers = BTreeMap::new();
    for entry in bounded(entry, "`headers`", problems) {
        let name = entry.key.to_ascii_lowercase();
        let token = |b: u8| b.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&b);
        if name.is_empty() || name.len() > 256 || !name.bytes().all(token) {
            problems.add(
                Code::BadName,
                entry.key_span,
                format!("`{}` is no name of a header", shorten(&entry.key)),
            );
        } else if OURS.contains(&name.as_str()) {
            problems.add(
                Code::BadValue,
                entry.key_span,
                format!("the header `{name}` is set by the protocol"),
            );
        } else if let Some(text) = secret(entry, problems)
            && headers.insert(name, text).is_some()
        {
            let message = format!("the header `{}` stands here twice", shorten(&entry.key));
            problems.add(Code::DuplicateKey, entry.key_span, message);
        }
    }
    headers
}

fn response(map: &MapReader<'_>, problems: &mut Problems) -> u64 {
    let Some(entry) = map.entry("response") else { return RESPONSE_BYTES_MAX };
    let Some(map) = MapReader::open(&entry.value, entry.key_span, "`response`", problems) else {
        return RESPONSE_BYTES_MAX;
    };
    map.only(&[&["bytes"]], &[], problems);
    map.entry("bytes").and_then(|entry| bytes(entry, problems)).unwrap_or(RESPONSE_BYTES_MAX)
}

fn status_rules(entry: &Entry, problems: &mut Problems) -> Vec<StatusRule> {
    let Content::List(items) = &entry.value.content else {
        wrong_type(entry, "a list", problems);
        return Vec::new();
    };
    let mut rules: Vec<StatusRule> = Vec::new();
    for item in items.iter().take(ENTRIES_MAX) {
        if let Some(rule) = status_rule(item, entry.key_span, problems) {
            if rules.iter().any(|other| other.status == rule.status) {
                problems.add(
                    Code::BadValue,
                    item.span,
                    format!("the status {} has a rule already", rule.status),
                );
            }
            rules.push(rule);
        }
    }
    if items.len() > ENTRIES_MAX {
        problems.add(Code::BadValue, entry.key_span, format!("`errors` has more than {ENTRIES_MAX} rules"));
    }
    rules
}

fn status_rule(item: &Item, key_span: Span, problems: &mut Problems) -> Option<StatusRule> {
    let map = MapReader::open(item, key_span, "a rule of `errors`", problems)?;
    map.only(&[&["status", "class", "retry_safe"]], &[], problems);
    map.required("status", problems);
    map.required("class", problems);
    let retry_safe = match map.entry("retry_safe") {
        None => false,
        Some(entry) => match entry.value.content {
            Content::Bool(flag) => flag,
            _ => {
                wrong_type(entry, "true or false", problems);
                false
            }
        },
    };
    let class = map.word("class", &error_classes(), &[], problems);
    let status = map.whole("status", 100..=599, problems).and_then(|status| u16::try_from(status).ok());
    Some(StatusRule { status: status?, class: class?, retry_safe })
}

/// Reads the keys of `kind: builtin`.
pub(super) fn builtin(map: &MapReader<'_>, problems: &mut Problems) -> Option<BuiltinCall> {
    map.required("builtin", problems);
    let names: Vec<(&str, Builtin)> =
        Builtin::ALL.iter().map(|builtin| (builtin.as_str(), *builtin)).collect();
    let allow = allow(map, problems);
    let read = match map.entry("read") {
        None => Vec::new(),
        Some(entry) => {
            let folders = reader::texts(entry, problems).into_iter().take(ENTRIES_MAX);
            folders.filter_map(|(folder, span)| absolute(folder, span, "read", problems)).collect()
        }
    };
    let with = match map.entry("with") {
        None => Map::new(),
        Some(entry) => match entry.value.to_value() {
            Value::Object(with) => with,
            _ => {
                wrong_type(entry, "a mapping", problems);
                Map::new()
            }
        },
    };
    let builtin = map.word("builtin", &names, &[], problems)?;
    check_with(builtin, map, &with, problems);
    if !matches!(builtin, Builtin::HttpProbe | Builtin::Metrics)
        && let Some(entry) = map.entry("allow")
    {
        let message = format!("`allow` means nothing for `{}`, which reaches no network", builtin.as_str());
        problems.add(Code::KeyNotForType, entry.key_span, message);
    }
    if builtin != Builtin::LogAnalysis
        && let Some(entry) = map.entry("read")
    {
        let message = format!("`read` means nothing for `{}`, which opens no files", builtin.as_str());
        problems.add(Code::KeyNotForType, entry.key_span, message);
    }
    Some(BuiltinCall { builtin, allow, read, with })
}

/// Refuses in `with` what the built-in never takes.
fn check_with(builtin: Builtin, map: &MapReader<'_>, with: &Map<String, Value>, problems: &mut Problems) {
    let (Some(entry), Some(schema)) = (map.entry("with"), catalogue::takes(builtin, with)) else { return };
    let Some(map) = MapReader::open(&entry.value, entry.key_span, "`with`", problems) else { return };
    let known = schema.document()["properties"].as_object();
    let known: Vec<&str> = known.into_iter().flatten().map(|(field, _)| field.as_str()).collect();
    map.only(&[&known], &[], problems);
    // What is missing, and fields that are not known, are told of the whole; the rest of a field.
    for violation in schema.validate(&Value::Object(with.clone())).err().into_iter().flatten() {
        let field = violation.path.split('/').nth(1).and_then(|field| map.entry(field));
        if let Some(field) = field {
            let message = format!("`{}` does not take this: {}", field.key, violation.message);
            problems.add(Code::BadValue, place_of(&field.value, field.key_span), message);
        }
    }
}

fn allow(map: &MapReader<'_>, problems: &mut Problems) -> Vec<AllowEntry> {
    let Some(entry) = map.entry("allow") else { return Vec::new() };
    let texts = reader::texts(entry, problems);
    if texts.len() > ENTRIES_MAX {
        problems.add(
            Code::BadValue,
            place_of(&entry.value, entry.key_span),
            format!("`allow` has more than {ENTRIES_MAX} entries"),
        );
        return Vec::new();
    }
    let mut entries = Vec::new();
    for (text, span) in texts {
        match AllowEntry::parse(text) {
            Ok(entry) => entries.push(entry),
            Err(error) => {
                let code = match error {
                    InvalidAllow::Malformed => Code::BadAddress,
                    InvalidAllow::Metadata(_) | InvalidAllow::MetadataHost(_) => Code::ForbiddenTarget,
                };
                problems.add(code, span, error.to_string());
            }
        }
    }
    entries
}
