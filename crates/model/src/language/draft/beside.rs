//! What stands beside a call: `success` with its judge, `verify` and `compensate`.

use super::{Around, CONDITION_BYTES_MAX, Draft, Placed};
use crate::diagnostic::{Code, Diagnostic};
use crate::failure::EffectClass;
use crate::ids::NodeId;
use crate::language::document::{Content, Entry, Item};
use crate::language::reader::{self, MapReader, Problems, place_of};
use crate::language::schema::Schema;
use crate::workflow::{Aside, OnReject};

/// The most assertions of a node.
const ASSERTIONS_MAX: usize = 50;
/// How often a step is done again at most because its output will not do.
const REDO_MAX: u64 = 10;
const MESSAGE_BYTES_MAX: usize = 1024;

/// What has to be true of an output, before its expressions are compiled.
pub(in crate::language) struct DraftSuccess<'d> {
    pub schema: Option<Schema>,
    pub assertions: Vec<DraftAssertion<'d>>,
    pub redo: u32,
    pub on_reject: OnReject,
}

pub(in crate::language) struct DraftAssertion<'d> {
    pub that: Placed<'d>,
    pub message: Option<String>,
}

/// Reads what stands beside the call that `draft` is.
pub(super) fn read<'d>(
    map: &MapReader<'d>,
    draft: &mut Draft<'d>,
    around: &Around<'_>,
    problems: &mut Problems,
) {
    draft.success = success(map, draft, around, problems);
    for aside in [Aside::Verify, Aside::Compensate] {
        let read =
            map.entry(aside.as_str()).and_then(|entry| call(entry, aside, draft.key, around, problems));
        draft.beside.extend(read.map(|read| (aside, read)));
    }
    if let (Some(entry), Some((EffectClass::Read, _))) = (map.entry("compensate"), draft.effect) {
        let message = "a call that only reads leaves nothing to be made good";
        problems.push(
            Diagnostic::new(Code::BadValue, entry.key_span, message)
                .help("take `compensate` out, or say what the call does: `effect: write`"),
        );
    }
    if let (Some(entry), Some((EffectClass::Read | EffectClass::Idempotent, _))) =
        (map.entry("verify"), draft.effect)
    {
        let message = "only of a `write` somebody has to find out whether it happened";
        problems.push(
            Diagnostic::new(Code::BadValue, entry.key_span, message)
                .help("what reads, or may be done twice, is simply done again: take `verify` out"),
        );
    }
}

fn success<'d>(
    map: &MapReader<'d>,
    draft: &mut Draft<'d>,
    around: &Around<'_>,
    problems: &mut Problems,
) -> Option<DraftSuccess<'d>> {
    const ON_REJECT: [(&str, OnReject); 2] = [("fail", OnReject::Fail), ("escalate", OnReject::Escalate)];
    let entry = map.entry("success")?;
    let own = MapReader::open(&entry.value, entry.key_span, "`success`", problems)?;
    let own = own.pointing_at(entry.key_span);
    own.only(&[&["schema", "assertions", "judge", "redo", "on_reject"]], &[], problems);
    if ["schema", "assertions", "judge"].iter().all(|key| own.entry(key).is_none()) {
        let message = "`success` says nothing: it needs a `schema`, `assertions` or a `judge`";
        let help = "write it like `success: { assertions: ['output.score >= 70'] }`";
        problems.push(Diagnostic::new(Code::MissingKey, entry.key_span, message).help(help));
    }
    let judge = own.entry("judge").and_then(|entry| call(entry, Aside::Judge, draft.key, around, problems));
    draft.beside.extend(judge.map(|judge| (Aside::Judge, judge)));
    let redo = own.whole("redo", 0..=REDO_MAX, problems).unwrap_or(0);
    if let (Some(redo), Some((EffectClass::Write, _))) = (own.entry("redo"), draft.effect) {
        let message = "what a `write` has done is not done again";
        let help = "take `redo` out, and let a person decide: `on_reject: escalate`";
        problems.push(Diagnostic::new(Code::BadValue, redo.key_span, message).help(help));
    }
    Some(DraftSuccess {
        schema: own.schema("schema", problems),
        assertions: own.entry("assertions").map_or_else(Vec::new, |entry| assertions(entry, problems)),
        redo: u32::try_from(redo).unwrap_or(0),
        on_reject: own.word("on_reject", &ON_REJECT, &[], problems).unwrap_or(OnReject::Fail),
    })
}

fn assertions<'d>(entry: &'d Entry, problems: &mut Problems) -> Vec<DraftAssertion<'d>> {
    let Content::List(items) = &entry.value.content else {
        reader::wrong_type(entry, "a list of conditions", problems);
        return Vec::new();
    };
    if items.is_empty() || items.len() > ASSERTIONS_MAX {
        let message = format!("there are 1 to {ASSERTIONS_MAX} assertions, not {}", items.len());
        problems.add(Code::BadValue, place_of(&entry.value, entry.key_span), message);
        return Vec::new();
    }
    items.iter().filter_map(|item| assertion(item, entry, problems)).collect()
}

/// A condition, or `{that, message}`.
fn assertion<'d>(item: &'d Item, list: &Entry, problems: &mut Problems) -> Option<DraftAssertion<'d>> {
    if let Content::Text(text) = &item.content {
        return Some(DraftAssertion { that: (text, item.span), message: None });
    }
    let map = MapReader::open(item, list.key_span, "an assertion", problems)?.pointing_at(item.span);
    map.only(&[&["that", "message"]], &[], problems);
    map.required("that", problems);
    let message = map.text("message", MESSAGE_BYTES_MAX, problems).map(|(text, _)| text.to_owned());
    let that = map.text("that", CONDITION_BYTES_MAX, problems)?;
    Some(DraftAssertion { that, message })
}

/// Reads the call that stands beside another one.
fn call<'d>(
    entry: &'d Entry,
    aside: Aside,
    key: &'d str,
    around: &Around<'_>,
    problems: &mut Problems,
) -> Option<Draft<'d>> {
    let what = match aside {
        Aside::Judge => "`judge`",
        Aside::Verify => "`verify`",
        Aside::Compensate => "`compensate`",
    };
    let map = MapReader::open(&entry.value, entry.key_span, what, problems)?.pointing_at(entry.key_span);
    let help = match aside {
        Aside::Judge => "it is called when the schema and the assertions hold",
        Aside::Verify => "it is called when nobody knows whether the write happened",
        Aside::Compensate => "it is called when the run is cancelled",
    };
    for word in ["needs", "when", "on_error", "success", "verify", "compensate"] {
        if let Some(entry) = map.entry(word) {
            let message = format!("`{word}` means nothing in {what}");
            problems.push(Diagnostic::new(Code::KeyNotForType, entry.key_span, message).help(help));
        }
    }
    let mut draft = Draft::new(key, entry.key_span, NodeId::new(key).ok());
    draft.read_body(&map, &Around { beside: Some(aside), ..*around }, problems);
    Some(draft)
}
