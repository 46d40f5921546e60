//! The pages are right: each code has one, and their examples give what they say.

use std::collections::BTreeSet;

use crate::diagnostic::{Code, Diagnostic};
use crate::ids::Name;
use crate::language::document::{self, Format};
use crate::language::format::{Style, format};
use crate::language::{KnownAgent, Source, compile};
use crate::{agent, agent::Builtin, template};

/// Codes whose example is too large for a page: it is made here.
const SKETCHED: [Code; 7] = [
    Code::TextTooLarge,
    Code::TooManyValues,
    Code::TooManyProblems,
    Code::TooManyNodes,
    Code::TooManyEdges,
    Code::SchemaTooComplex,
    Code::TooManySelectors,
];
/// Codes that no document alone gives.
const WITHOUT_EXAMPLE: [Code; 4] =
    [Code::CompilerFailed, Code::BadEncoding, Code::ParameterValue, Code::BadPointer];

/// The examples of a page that are marked by `mark`.
fn examples(page: &str, mark: &str) -> Vec<String> {
    let start = format!("```yaml {mark}\n");
    page.split(&start).skip(1).map(|rest| rest.split("```").next().unwrap().to_owned()).collect()
}

/// Everything that is said about a document when it is checked, with the built-in agents known, and formatted.
fn said(text: &str) -> Vec<Diagnostic> {
    let source = Source { text, format: Format::Yaml };
    let (root, _) = document::parse(text, Format::Yaml);
    let has = |key: &str| root.as_ref().is_some_and(|root| root.entry(key).is_some());
    let mut said = if has("kind") {
        agent::compile(&source).diagnostics
    } else if has("parameters") {
        template::read(&source).diagnostics
    } else {
        let mut compiled = compile(&source);
        let known: Vec<KnownAgent> = Builtin::ALL
            .into_iter()
            .map(|builtin| KnownAgent::from(&agent::AgentDefinition::of_builtin(builtin)))
            .chain([typed()])
            .collect();
        let saved = [Name::new("one-customer").unwrap()];
        // Agents of the pages that are no built-in ones are theirs.
        compiled.check_agents(Some(&known));
        compiled.check_children(&saved);
        compiled.diagnostics.into_iter().filter(|one| !one.message.contains("service-restart")).collect()
    };
    if let Err(refused) = format(&source, Style { format: Format::Yaml, drop_comments: false }) {
        said.extend(refused.into_iter().filter(|one| one.code == Code::NotFormatted));
    }
    said
}

/// An agent that takes a path and nothing else.
fn typed() -> KnownAgent {
    let text = "ghostlight: 1\nname: typed\nkind: builtin\nbuiltin: noop\ninput_schema:\n  type: object\n  required: [path]\n  \
                properties: { path: { type: string } }\n  additionalProperties: false\n";
    let compiled = agent::compile(&Source { text, format: Format::Yaml });
    KnownAgent::from(&*compiled.agent.unwrap())
}

fn codes(text: &str) -> BTreeSet<Code> {
    said(text).into_iter().map(|one| one.code).collect()
}

#[test]
fn every_code_has_a_page_that_begins_with_it_and_no_page_is_without_a_code() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/diagnostics");
    let files: BTreeSet<String> = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().to_string_lossy().into_owned())
        .collect();
    let wanted: BTreeSet<String> = Code::ALL.iter().map(|code| format!("{}.md", code.id())).collect();
    assert_eq!(files, wanted);
    for code in Code::ALL {
        let heading = format!("# {}: {}\n\n", code.id(), code.name());
        assert!(code.page().starts_with(&heading), "{code}");
    }
}

#[test]
fn the_bad_example_of_each_page_gives_its_code_and_the_good_one_nothing() {
    for code in Code::ALL {
        let (bad, good) = (examples(code.page(), "bad"), examples(code.page(), "good"));
        let sketches = examples(code.page(), "sketch");
        let counts = (bad.len(), sketches.len(), good.len());
        let wanted = if WITHOUT_EXAMPLE.contains(code) {
            (0, 0, 0)
        } else if SKETCHED.contains(code) {
            (0, 1, 1)
        } else {
            (1, 0, 1)
        };
        assert_eq!(counts, wanted, "{code}");
        for text in bad {
            assert!(codes(&text).contains(code), "{code}\n{text}\n{:?}", said(&text));
        }
        for text in good {
            let said: Vec<Diagnostic> =
                said(&text).into_iter().filter(|one| one.code != Code::NotFormatted).collect();
            assert_eq!(said, [], "{code}\n{text}");
        }
    }
}

#[test]
fn what_is_too_large_for_a_page_gives_its_code_too() {
    let head = "ghostlight: 1\nname: w\n";
    let node = "{type: agent_call, agent: noop}";
    for code in SKETCHED {
        let text = match code {
            Code::TextTooLarge => format!("{head}description: {}\n", "x".repeat(17_000_000)),
            // As JSON, which is read faster.
            Code::TooManyValues => {
                format!("{{\"ghostlight\": 1, \"context\": [{}1]}}", "1,".repeat(2_000_001))
            }
            Code::TooManyProblems => {
                let bad: String = (0..201)
                    .map(|at| format!("  a{at}: {{type: agent_call, agent: noop, colour: red}}\n"))
                    .collect();
                format!("{head}nodes:\n{bad}")
            }
            Code::TooManyNodes => {
                let nodes: String = (0..10_001).map(|at| format!("  a{at}: {node}\n")).collect();
                format!("{head}nodes:\n{nodes}")
            }
            Code::SchemaTooComplex => {
                let fields: String = (0..2_000)
                    .map(|at| format!("    f{at}: {{type: string, pattern: '^a{at}$'}}\n"))
                    .collect();
                format!("{head}input:\n  type: object\n  properties:\n{fields}nodes:\n  a: {node}\n")
            }
            Code::TooManySelectors => {
                let selectors = "  - {when: labels.k == 'a', version: 1}\n".repeat(65);
                format!("{head}selectors:\n{selectors}nodes:\n  a: {node}\n")
            }
            _ => {
                let first: String = (0..300).map(|at| format!("  a{at}: {node}\n")).collect();
                let all: Vec<String> = (0..300).map(|at| format!("a{at}")).collect();
                let needs = all.join(",");
                let second: String = (0..300)
                    .map(|at| format!("  b{at}: {{type: agent_call, agent: noop, needs: [{needs}]}}\n"))
                    .collect();
                format!("{head}nodes:\n{first}{second}")
            }
        };
        let format = if text.starts_with('{') { Format::Json } else { Format::Yaml };
        let compiled = compile(&Source { text: &text, format });
        assert!(compiled.diagnostics.iter().any(|one| one.code == code), "{code}");
    }
}

/// Whoever reads a page in a terminal sees no line that wraps in the middle of an example.
#[test]
fn pages_are_short_and_say_why() {
    for code in Code::ALL {
        let page = code.page();
        assert!(page.len() < 3_000 && page.ends_with('\n'), "{code}");
        let prose = page.split("```").step_by(2).filter(|part| !part.trim().is_empty()).count();
        assert!(prose >= 1, "{code}");
    }
}
