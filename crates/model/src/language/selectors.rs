//! `selectors`: which workflow a run of this name follows, by its labels and its input.
//!
//! Compiled as conditions are that see two values, `labels` and `input`, and nothing of any run. What they choose is worked
//! out in [`crate::selection`].

use serde_json::{Map, Value};

use super::condition::Condition;
use super::document::{Content, Item};
use super::names::{Access, Visible};
use super::reader::{self, MapReader, Problems};
use crate::diagnostic::{Code, Diagnostic, Span};
use crate::selection::{LABELS, SELECTORS_MAX, Selector};
use crate::workflow::NodeIndex;

const KEYS: [&str; 5] = ["when", "workflow", "version", "input", "context"];

/// Reads the selectors of a workflow.
pub(super) fn read(top: &MapReader<'_>, problems: &mut Problems) -> Vec<Selector> {
    let Some(entry) = top.entry("selectors") else { return Vec::new() };
    let Content::List(items) = &entry.value.content else {
        reader::wrong_type(entry, "a list", problems);
        return Vec::new();
    };
    if items.len() > SELECTORS_MAX {
        let message = format!("there are {} selectors; at most {SELECTORS_MAX} are allowed", items.len());
        problems.add(Code::TooManySelectors, entry.key_span, message);
        return Vec::new();
    }
    items.iter().filter_map(|item| one(item, entry.key_span, problems)).collect()
}

fn one(item: &Item, key_span: Span, problems: &mut Problems) -> Option<Selector> {
    let place = reader::place_of(item, key_span);
    let map = MapReader::open(item, place, "a selector", problems)?.pointing_at(place);
    map.only(&[&KEYS], &[], problems);
    map.required("when", problems);
    if KEYS[1..].iter().all(|key| map.entry(key).is_none()) {
        let message = "the selector chooses nothing: a run that fits it follows this workflow as it is";
        problems.add(Code::SelectorChoosesNothing, place, message);
    }
    let workflow = map.name("workflow", problems);
    let version = map.whole("version", 1..=u64::MAX, problems);
    let (input, context) = (values(&map, "input", problems), values(&map, "context", problems));
    let (text, span) = map.text("when", super::condition::CONDITION_BYTES_MAX, problems)?;
    let when = condition(text, span, problems)?;
    Some(Selector { when, workflow, version, input, context })
}

fn values(map: &MapReader<'_>, key: &str, problems: &mut Problems) -> Map<String, Value> {
    match map.entry(key).map(|entry| (entry, entry.value.to_value())) {
        None => Map::new(),
        Some((_, Value::Object(values))) => values,
        Some((entry, _)) => {
            reader::wrong_type(entry, "a mapping", problems);
            Map::new()
        }
    }
}

fn condition(text: &str, span: Span, problems: &mut Problems) -> Option<Condition> {
    match Condition::compile(text, &Labels) {
        Ok(condition) if condition.variables().any(|name| name == "context") => {
            problems.push(reads_more("context", span));
            None
        }
        Ok(condition) => Some(condition),
        Err(refusals) => {
            for refusal in refusals {
                // A selector sees no nodes: what the rules of nodes say of a word would lead nowhere.
                let word = refusal.message.split('`').nth(1).unwrap_or_default().to_owned();
                let diagnostic = match refusal.code {
                    Code::UnknownVariable | Code::NotSupportedYet | Code::NotUpstream => {
                        reads_more(&word, span)
                    }
                    _ => refusal.at(span),
                };
                problems.push(diagnostic);
            }
            None
        }
    }
}

fn reads_more(word: &str, span: Span) -> Diagnostic {
    let message = format!("a selector cannot read `{word}`: nothing of the run is there yet");
    Diagnostic::new(Code::SelectorVariable, span, message)
        .help("it reads `labels` (of the workflow and of the start) and `input`")
}

/// What a selector sees beside the input.
struct Labels;

impl Visible for Labels {
    fn find(&self, id: &str) -> Option<NodeIndex> {
        (id == "labels").then_some(LABELS)
    }

    fn access(&self, _: NodeIndex) -> Access {
        Access::Certain
    }

    fn ids(&self) -> Vec<&str> {
        vec!["labels"]
    }

    fn suggest(&self, _: &str) -> Option<&str> {
        None
    }

    fn fields(&self, _: NodeIndex) -> Option<Vec<&str>> {
        None
    }

    fn sees_run(&self) -> bool {
        false
    }

    fn input_optional(&self, _: &[&str]) -> bool {
        false
    }
}
