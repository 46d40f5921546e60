//! The documented limits are those of the code.

use crate::diagnostic::Code;
use crate::language::{EDGES_MAX, NODES_MAX, binding, condition, document, reader, schema, text};

const PAGE: &str = include_str!("../../../../../docs/LIMITS.md");

/// Every limit of the page has the value that the code has, and every limit of the code stands on the page.
/// Shows S3-2a.
#[test]
fn every_documented_limit_is_that_of_the_code() {
    let limits: &[(&str, u64)] = &[
        ("document::TEXT_BYTES_MAX", document::TEXT_BYTES_MAX as u64),
        ("document::DEPTH_MAX", document::DEPTH_MAX as u64),
        ("document::VALUES_MAX", document::VALUES_MAX as u64),
        ("document::ALIASED_VALUES_MAX", document::ALIASED_VALUES_MAX as u64),
        ("document::ALIASED_BYTES_MAX", document::ALIASED_BYTES_MAX as u64),
        ("reader::DIAGNOSTICS_MAX", reader::DIAGNOSTICS_MAX as u64),
        ("NODES_MAX", NODES_MAX as u64),
        ("EDGES_MAX", EDGES_MAX as u64),
        ("binding::BINDING_BYTES_MAX", binding::BINDING_BYTES_MAX as u64),
        ("binding::RESOLVED_BYTES_MAX", binding::RESOLVED_BYTES_MAX as u64),
        ("condition::CONDITION_BYTES_MAX", condition::CONDITION_BYTES_MAX as u64),
        ("reader::CONDITIONS_BYTES_MAX", reader::CONDITIONS_BYTES_MAX as u64),
        ("condition::NESTING_MAX", condition::NESTING_MAX as u64),
        ("condition::OPERATORS_MAX", condition::OPERATORS_MAX as u64),
        ("condition::DEPTH_MAX", condition::DEPTH_MAX as u64),
        ("condition::ADDITIONS_MAX", condition::ADDITIONS_MAX as u64),
        ("condition::PATTERNS_MAX", condition::PATTERNS_MAX as u64),
        ("condition::PATTERN_BYTES_MAX", condition::PATTERN_BYTES_MAX as u64),
        ("condition::COMPREHENSIONS_MAX", condition::COMPREHENSIONS_MAX as u64),
        ("condition::ITEMS_MAX", condition::ITEMS_MAX as u64),
        ("condition::PARTS_MAX", condition::PARTS_MAX as u64),
        ("text::TEMPLATE_BYTES_MAX", text::TEMPLATE_BYTES_MAX as u64),
        ("text::BLOCKS_MAX", text::BLOCKS_MAX as u64),
        ("text::BRACKETS_MAX", text::BRACKETS_MAX as u64),
        ("text::TOKENS_MAX", text::TOKENS_MAX as u64),
        ("text::JOINING_OPERATORS_MAX", text::JOINING_OPERATORS_MAX as u64),
        ("text::JOINING_IN_LOOPS_MAX", text::JOINING_IN_LOOPS_MAX as u64),
        ("text::FUEL", text::FUEL),
        ("text::WORK_MAX", text::WORK_MAX),
        ("text::RENDERED_BYTES_MAX", text::RENDERED_BYTES_MAX as u64),
        ("run::MAP_ITEMS_MAX", crate::run::MAP_ITEMS_MAX as u64),
        ("run::INSIDE_MAX", crate::run::INSIDE_MAX as u64),
        ("run::RUN_BYTES_MAX", crate::run::RUN_BYTES_MAX),
        ("run::SIGNALS_MAX", crate::run::SIGNALS_MAX as u64),
        ("run::SIGNALS_BYTES_MAX", crate::run::SIGNALS_BYTES_MAX as u64),
        ("schema::SCHEMA_BYTES_MAX", schema::SCHEMA_BYTES_MAX as u64),
        ("schema::SCHEMAS_BYTES_MAX", schema::SCHEMAS_BYTES_MAX as u64),
        ("schema::PATTERNS_MAX", schema::PATTERNS_MAX as u64),
        ("schema::PATTERN_BYTES_MAX", schema::PATTERN_BYTES_MAX as u64),
        ("schema::FAN_OUT_MAX", schema::FAN_OUT_MAX),
        ("schema::IN_A_ROW_MAX", schema::IN_A_ROW_MAX as u64),
        ("schema::VIOLATIONS_MAX", schema::VIOLATIONS_MAX as u64),
    ];
    let mut documented = Vec::new();
    for line in PAGE
        .lines()
        .filter(|line| line.starts_with("| ") && line.contains("_MAX`") || line.contains("`text::FUEL`"))
    {
        let cells: Vec<&str> = line.split('|').map(str::trim).collect();
        let (value, name) = (cells[2].parse::<u64>().unwrap(), cells[3].trim_matches('`'));
        let known = limits.iter().find(|(known, _)| *known == name);
        assert_eq!(known, Some(&(name, value)), "{line}");
        documented.push(name);
    }
    let missing: Vec<&str> =
        limits.iter().map(|(name, _)| *name).filter(|name| !documented.contains(name)).collect();
    assert_eq!(missing, [""; 0], "not documented");
}

/// A code on the page is one of the code's, with its name.
#[test]
fn every_code_of_the_page_is_one_with_that_name() {
    let mut seen = 0;
    for (at, _) in PAGE.match_indices("GL0") {
        let id = &PAGE[at..at + 6];
        let Some(code) = Code::find(id) else { panic!("there is no {id}") };
        if let Some(name) = PAGE[at + 6..].strip_prefix(" `") {
            assert!(name.starts_with(&format!("{}`", code.name())), "{id}: {name:.30}");
            seen += 1;
        }
    }
    assert!(seen > 30);
}
