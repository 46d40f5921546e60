//! The fuzz targets as ordinary tests: over the corpus, and over seeded mutations of it.
//!
//! `GHOSTLIGHT_SIM_SEEDS` says how many mutations each target gets (the long size sets it); a seed that fails is printed, and its
//! input is best added to `crates/model/fuzz/corpus`. The documents of the golden tests are seeds too.

#![allow(clippy::unwrap_used, reason = "a test")]

use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::path::{Path, PathBuf};

#[path = "../fuzz/targets.rs"]
mod targets;

/// Mutations of each target when nobody says how many.
const SEEDS: u64 = 1_000;
/// The longest input.
const BYTES_MAX: usize = 8_192;

/// What documents and expressions are made of.
const WORDS: &[&str] = &[
    "nodes:",
    "needs: [",
    "type: ",
    "agent_call",
    "human_gate",
    "condition",
    "join",
    "parallel",
    "branches: {",
    "input: {",
    "when: ",
    "$input",
    "$first",
    "$context",
    "$$",
    ".x",
    "[0]",
    "[99999999999]",
    "{{ ",
    " }}",
    "{% for x in input.l %}",
    "{% endfor %}",
    "{% if x is defined %}",
    "{% endif %}",
    "|join",
    "|sort",
    "|tojson",
    " ~ ",
    "input",
    "first",
    "context",
    ".all(x, ",
    ".map(x, ",
    ".filter(x, ",
    ".exists(x, ",
    "has(",
    "size(",
    "matches('",
    " == ",
    " in ",
    " && ",
    " ? ",
    " : ",
    "'",
    "\"",
    "(",
    ")",
    "[",
    "]",
    "{",
    "}",
    ": ",
    ", ",
    "\n",
    "\n  ",
    "- ",
    "&a ",
    "*a",
    "!!str ",
    "|\n",
    ">\n",
    "? ",
    "#",
    "null",
    "true",
    "1e999",
    "-0",
    "0x7f",
    "9223372036854775807",
    ".5",
    "\u{feff}",
    "\u{202e}",
    "\u{85}",
    "\0",
    "é",
    "😀",
    "\\ud83d",
    "\\u0000",
    "edges: [{from: a, to: b}]",
    "chain: [[a, b]]",
    "output: ",
    "ghostlight: 1",
    "estimate: 1s",
    "{\"l\": [1, \"a\", null, {\"x\": []}]}",
    "on_error: continue",
    "kind: soft",
    "supervision: {strategy: one_for_all}",
    "{\"json\":",
    "{\"blob\":",
    "\"by\":\"local\",",
    "\"cause\":",
    "101\n",
];

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).to_owned()
}

fn files(folder: &Path) -> Vec<(String, Vec<u8>)> {
    let Ok(entries) = std::fs::read_dir(folder) else { return Vec::new() };
    let mut files: Vec<_> = entries
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.is_file())
        .map(|path| (path.display().to_string(), std::fs::read(&path).unwrap()))
        .collect();
    files.sort();
    files
}

/// The documents of the golden tests, as their snapshots remember them.
fn golden() -> Vec<(String, Vec<u8>)> {
    let folders = ["src/language/tests/golden", "src/language/types/golden"];
    let snapshots = folders.iter().flat_map(|folder| files(&root().join(folder)));
    let documents: Vec<_> = snapshots
        .filter_map(|(name, bytes)| {
            let text = String::from_utf8(bytes).ok()?;
            let header = text.lines().find_map(|line| line.strip_prefix("description: "))?;
            let document: String = serde_json::from_str(header).ok()?;
            Some((name, document.into_bytes()))
        })
        .collect();
    assert!(documents.len() > 40, "the snapshots do not hold their documents");
    documents
}

fn corpus(target: &str) -> Vec<(String, Vec<u8>)> {
    let mut seeds = files(&root().join("fuzz/corpus").join(target));
    assert!(!seeds.is_empty(), "{target} has no seeds");
    if target == "compile" {
        seeds.extend(files(&root().join("../../config/workflows")));
        seeds.extend(golden());
    }
    seeds
}

fn guarded(name: &str, bytes: &[u8], target: fn(&[u8])) {
    if let Err(panic) = catch_unwind(AssertUnwindSafe(|| target(bytes))) {
        eprintln!("{name}: {:?}", String::from_utf8_lossy(bytes));
        resume_unwind(panic);
    }
}

fn mutated(rng: &mut fastrand::Rng, seeds: &[(String, Vec<u8>)]) -> Vec<u8> {
    let mut bytes = seeds[rng.usize(..seeds.len())].1.clone();
    for _ in 0..rng.usize(1..8) {
        let at = rng.usize(..=bytes.len());
        let end = (at + rng.usize(..40)).min(bytes.len());
        match rng.u32(..7) {
            0 => drop(bytes.drain(at..end)),
            1 | 2 => drop(bytes.splice(at..at, WORDS[rng.usize(..WORDS.len())].bytes())),
            3 => drop(bytes.splice(at..end, WORDS[rng.usize(..WORDS.len())].bytes())),
            4 => {
                let again = bytes[at..end].repeat(rng.usize(1..30));
                drop(bytes.splice(at..at, again));
            }
            5 => {
                let other = &seeds[rng.usize(..seeds.len())].1;
                let from = rng.usize(..=other.len());
                let to = (from + rng.usize(..200)).min(other.len());
                drop(bytes.splice(at..end, other[from..to].iter().copied()));
            }
            _ => {
                if let Some(byte) = bytes.get_mut(at) {
                    *byte = rng.u8(..);
                }
            }
        }
        bytes.truncate(BYTES_MAX);
    }
    bytes
}

fn run(name: &str, target: fn(&[u8])) {
    let seeds = corpus(name);
    for (file, bytes) in &seeds {
        guarded(file, bytes, target);
    }
    let count =
        std::env::var("GHOSTLIGHT_SIM_SEEDS").ok().and_then(|count| count.parse().ok()).unwrap_or(SEEDS);
    for seed in 0..count {
        let bytes = mutated(&mut fastrand::Rng::with_seed(seed), &seeds);
        guarded(&format!("{name}, seed {seed}"), &bytes, target);
    }
}

/// Shows S3-2a.
#[test]
fn no_mutation_of_any_document_breaks_what_the_compiler_promises() {
    run("compile", targets::fuzz_compile);
}

/// Shows S3-2e, S3-5g.
#[test]
fn no_binding_breaks_what_the_resolver_promises() {
    run("bindings", targets::fuzz_bindings);
}

#[test]
fn no_condition_breaks_what_the_evaluator_promises() {
    run("conditions", targets::fuzz_conditions);
}

#[test]
fn no_template_breaks_what_the_renderer_promises() {
    run("templates", targets::fuzz_templates);
}

#[test]
fn no_record_of_the_journal_is_read_as_something_that_would_be_written_otherwise() {
    run("records", targets::fuzz_records);
}
