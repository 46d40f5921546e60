//! Bad input: each kind is refused at its limit, with its code, in bounded time and memory, and without a panic.
//!
//! Memory is measured by an allocator that counts. The bounds on time are for an unoptimised build on a busy machine; what they
//! show is that nothing explodes. The limits are those of `docs/LIMITS.md`.

#![allow(unsafe_code, clippy::unwrap_used, reason = "an allocator that counts, in a test")]

use std::alloc::{GlobalAlloc, Layout, System};
use std::fmt::Write as _;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use ghostlight_model::diagnostic::{Code, render};
use ghostlight_model::language::encoding::decode;
use ghostlight_model::language::spelling::check_file_name;
use ghostlight_model::language::{Format, Scope, Source, compile};
use ghostlight_model::workflow::{NodeIndex, NodeKind, Workflow};
use serde_json::{Value, json};

/// Counts what is allocated, over all threads.
struct Counting;

static NOW: AtomicUsize = AtomicUsize::new(0);
static PEAK: AtomicUsize = AtomicUsize::new(0);

// SAFETY: everything is handed to the allocator of the system as it came; only numbers are kept.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        let now = NOW.fetch_add(layout.size(), Relaxed) + layout.size();
        PEAK.fetch_max(now, Relaxed);
        // SAFETY: the caller keeps the contract of `alloc`.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        NOW.fetch_sub(layout.size(), Relaxed);
        // SAFETY: the caller keeps the contract of `dealloc`, and every pointer came from the system's allocator.
        unsafe { System.dealloc(pointer, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// One at a time, so that a test counts its own memory only.
static TURN: Mutex<()> = Mutex::new(());

const TIME_MAX: Duration = Duration::from_secs(60);

/// What `work` gives; it must not hold more than so many MiB at any time beside what was there before.
#[track_caller]
fn within<T>(mib: usize, work: impl FnOnce() -> T) -> T {
    let before = NOW.load(Relaxed);
    PEAK.store(before, Relaxed);
    let started = Instant::now();
    let result = work();
    let (took, held) = (started.elapsed(), PEAK.load(Relaxed).saturating_sub(before));
    println!("{took:?}, {} KiB", held >> 10);
    assert!(held <= mib << 20, "held {} MiB, allowed are {mib}", held >> 20);
    assert!(took < TIME_MAX, "took {took:?}");
    result
}

/// The first error of a document.
#[track_caller]
fn refused_as(text: &str, format: Format, mib: usize) -> Code {
    let _turn = TURN.lock().unwrap_or_else(PoisonError::into_inner);
    let compiled = within(mib, || compile(&Source { text, format }));
    assert!(compiled.workflow.is_none(), "it is accepted");
    assert!(compiled.diagnostics.len() <= 210, "{} diagnostics", compiled.diagnostics.len());
    assert!(render("w", text, &compiled.diagnostics).len() < 1 << 20);
    compiled.diagnostics.iter().find(|d| d.code != Code::NoLanguageVersion).unwrap().code
}

fn yaml(text: &str, mib: usize) -> Code {
    refused_as(text, Format::Yaml, mib)
}

/// The only node of a document, compiled.
fn node(fields: Value) -> Result<std::sync::Arc<Workflow>, Code> {
    let document = json!({"ghostlight": 1, "name": "w", "nodes": {"a": fields}}).to_string();
    let compiled = within(32, || compile(&Source { text: &document, format: Format::Json }));
    compiled.workflow.ok_or_else(|| compiled.diagnostics[0].code)
}

struct Input(Value, Value);

impl Scope for Input {
    fn input(&self) -> &Value {
        &self.0
    }

    fn context(&self) -> &Value {
        &self.1
    }

    fn output(&self, _: NodeIndex) -> Option<&Value> {
        None
    }
}

/// What a template that compiles gives, rendered within so many MiB.
fn rendered(template: &str, input: &Value, mib: usize) -> Result<Result<usize, String>, Code> {
    let _turn = TURN.lock().unwrap_or_else(PoisonError::into_inner);
    let workflow = node(json!({"type": "human_gate", "action": template}))?;
    let NodeKind::Gate(gate) = &workflow.nodes[0].kind else { panic!("no gate") };
    let scope = Input(input.clone(), json!({}));
    let text = within(mib, || gate.action.render(&scope));
    Ok(text.map(|text| text.len()).map_err(|error| error.to_string()))
}

/// What a condition that compiles gives, evaluated within so many MiB.
fn evaluated(condition: &str, input: &Value, mib: usize) -> Result<Result<bool, String>, Code> {
    let _turn = TURN.lock().unwrap_or_else(PoisonError::into_inner);
    let workflow = node(json!({"type": "condition", "when": condition}))?;
    let NodeKind::Condition(condition) = &workflow.nodes[0].kind else { panic!("no condition") };
    let scope = Input(input.clone(), json!({}));
    Ok(within(mib, || condition.evaluate(&scope)).map_err(|error| error.to_string()))
}

#[test]
fn aliases_that_multiply_values_or_bytes_are_refused() {
    let mut laughs = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n".to_owned();
    for level in 1..30 {
        let _ = writeln!(laughs, "a{level}: &a{level} [{}]", vec![format!("*a{}", level - 1); 10].join(", "));
    }
    assert_eq!(yaml(&laughs, 64), Code::TooManyAliases);
    // Few values and many bytes: 1 MiB of text that is named 4,000 times.
    let long = format!("a: &a \"{}\"\nb: [{}]\n", "x".repeat(1 << 20), "*a,".repeat(4_000));
    assert_eq!(yaml(&long, 64), Code::TooManyAliases);
    let key = format!("a: &a {{? \"{}\" : 1}}\nb: [{}]\n", "x".repeat(1 << 20), "*a,".repeat(4_000));
    assert_eq!(yaml(&key, 64), Code::TooManyAliases);
    assert_eq!(yaml("a: &a [*a]\n", 1), Code::UnsupportedYaml);
    // Each of these anchors holds all that stand in it.
    let nested =
        format!("a: {}x{}\n", (0..60).map(|n| format!("[&n{n} ")).collect::<String>(), "]".repeat(60));
    yaml(&nested, 8);
}

#[test]
fn nesting_of_a_thousand_and_of_a_million_levels_is_refused() {
    for depth in [1_000, 1_000_000] {
        let list = "[".repeat(depth) + &"]".repeat(depth);
        assert_eq!(refused_as(&list, Format::Json, 1), Code::TooDeep);
        assert_eq!(yaml(&list, 1), Code::TooDeep);
        assert_eq!(yaml(&"{a: ".repeat(depth), 1), Code::TooDeep);
        assert_eq!(refused_as(&"{\"a\":".repeat(depth), Format::Json, 1), Code::TooDeep);
        assert_eq!(yaml(&"- ".repeat(depth), 1), Code::TooDeep);
    }
    let steps: String = (0..1_000).map(|depth| " ".repeat(depth) + "a:\n").collect();
    assert!(matches!(yaml(&steps, 1), Code::TooDeep | Code::Syntax));
}

#[test]
fn a_document_of_a_hundred_mebibytes_is_not_even_read() {
    let text = "x: 1\n".repeat(20 << 20);
    assert_eq!(yaml(&text, 1), Code::TextTooLarge);
    assert_eq!(within(1, || decode(text.as_bytes()).unwrap_err().code), Code::TextTooLarge);
}

#[test]
fn more_values_than_allowed_are_refused_on_the_way() {
    let list = format!("[{}0]", "0,".repeat(2_500_000));
    assert_eq!(refused_as(&list, Format::Json, 400), Code::TooManyValues);
}

#[test]
fn a_hundred_thousand_nodes_are_refused() {
    let nodes: serde_json::Map<String, Value> =
        (0..100_000).map(|n| (format!("n{n}"), json!({"type": "agent_call", "agent": "x"}))).collect();
    let document = json!({"ghostlight": 1, "name": "w", "nodes": nodes}).to_string();
    assert_eq!(refused_as(&document, Format::Json, 200), Code::TooManyNodes);
}

#[test]
fn any_number_of_duplicate_keys_is_told_a_few_times() {
    let keys = format!("{{{}\"a\": 1}}", "\"a\": 1,".repeat(500_000));
    assert_eq!(refused_as(&keys, Format::Json, 4), Code::DuplicateKey);
    let many: String = (0..50_000).map(|n| format!("k{}: 1\n", n % 25_000)).collect();
    assert_eq!(yaml(&many, 64), Code::DuplicateKey);
}

#[test]
fn what_is_no_utf_8_is_named_with_its_place() {
    let code = |bytes: &[u8]| within(1, || decode(bytes).unwrap_err().code);
    let utf_16: Vec<u8> = "\u{feff}ghostlight: 1\n".encode_utf16().flat_map(u16::to_le_bytes).collect();
    assert_eq!(code(&utf_16), Code::BadEncoding);
    assert_eq!(code(b"name: caf\xe9\n"), Code::BadEncoding);
    assert_eq!(code(b"\xed\xa0\xbd\xed\xb8\x80"), Code::BadEncoding);
    assert_eq!(yaml("ghostlight: 1\nname: w\n\0nodes: {}\n", 1), Code::BadEncoding);
    assert_eq!(refused_as("{\"name\": \"\\ud83d\"}", Format::Json, 1), Code::Syntax);
    assert_eq!(yaml("name: \"\\ud83d\"\n", 1), Code::Syntax);
    let marked = "\u{feff}ghostlight: 1\nname: w\nnodes: {a: {type: agent_call, agent: x}}\n";
    assert!(compile(&Source { text: marked, format: Format::Yaml }).workflow.is_some());
}

#[test]
fn names_that_deceive_are_refused_with_the_code_point() {
    let id = |id: &str| {
        yaml(&format!("ghostlight: 1\nname: w\nnodes: {{\"{id}\": {{type: agent_call, agent: x}}}}\n"), 1)
    };
    assert_eq!(id("\u{430}"), Code::LookAlike);
    assert_eq!(id("a\u{200d}b"), Code::HiddenCharacter);
    assert_eq!(id("a\\u202eb"), Code::HiddenCharacter);
    assert_eq!(id("context"), Code::ReservedId);
    let described =
        "ghostlight: 1\nname: w\ndescription: \"x\u{2067}y\"\nnodes: {a: {type: agent_call, agent: x}}\n";
    assert_eq!(yaml(described, 1), Code::HiddenCharacter);
    assert_eq!(check_file_name("a\u{202e}lmay.exe").unwrap().code, Code::HiddenCharacter);
}

#[test]
fn conditions_that_explode_are_refused_before_they_are_read() {
    for condition in [
        "(".repeat(4_000),
        "!".repeat(4_000),
        "input.a == '".to_owned() + &"x".repeat(100_000) + "'",
        "input.l.all(a, input.l.all(b, input.l.all(c, a + b == c)))".to_owned(),
        "input.l.map(a, input.l)".to_owned(),
        vec!["input.s"; 100].join(" + "),
        "input.l.all(a, a.matches('x'))".to_owned(),
        "input.s.matches(input.s)".to_owned(),
        (0..9).map(|_| "input.s.matches('x')".to_owned()).collect::<Vec<_>>().join(" && "),
    ] {
        let _turn = TURN.lock().unwrap_or_else(PoisonError::into_inner);
        let refused = node(json!({"type": "condition", "when": condition})).unwrap_err();
        let too_long = condition.len() > 65_536 && refused == Code::StringTooLong;
        assert!(refused == Code::ConditionTooComplex || too_long, "{refused}: {condition:.40}");
    }
    let _turn = TURN.lock().unwrap_or_else(PoisonError::into_inner);
    let pattern = json!({"type": "condition", "when": "input.s.matches('a{1000}{1000}')"});
    assert_eq!(node(pattern).unwrap_err(), Code::BadCondition);
}

#[test]
fn conditions_of_a_document_are_bounded_together() {
    let condition = format!("input.a == '{}'", "x".repeat(4_000));
    let nodes: serde_json::Map<String, Value> =
        (0..300).map(|n| (format!("n{n}"), json!({"type": "condition", "when": condition}))).collect();
    let document = json!({"ghostlight": 1, "name": "w", "nodes": nodes}).to_string();
    let codes = |code: Code| code == Code::ConditionTooComplex || code == Code::Isolated;
    assert!(codes(refused_as(&document, Format::Json, 300)));
}

#[test]
fn conditions_over_large_values_are_evaluated_in_bounded_time() {
    let texts: Vec<String> = (0..10_000).map(|n| format!("{n:0>200}")).collect();
    let input =
        json!({"l": texts, "s": "y".repeat(4 << 20), "few": ["a", "b"], "m": {"a": {"deep": texts}, "b": 1}});
    let all = |condition: &str| evaluated(condition, &input, 64).unwrap();
    assert_eq!(all("input.l.all(x, x in input.few || x != '')"), Ok(true));
    assert!(all("input.few.all(x, has(input.m.a) && input.m[x] != null)").is_err(), "too many parts");
    for condition in [
        "input.l.all(x, input.l == input.l)",
        "input.l.exists(x, 'nobody' in input.l)",
        "input.l.all(x, input.s.contains(x))",
        "input.l.all(x, size(input.s) > 3)",
        "input.l.all(x, input.m == input.m)",
    ] {
        let error = all(condition).unwrap_err();
        assert!(error.contains("parts in each step"), "{condition}: {error}");
    }
    let more: Vec<u32> = (0..10_001).collect();
    let error = evaluated("input.all(x, x > 0)", &json!(more), 16).unwrap().unwrap_err();
    assert!(error.contains("more than 10000 items"), "{error}");
    let sum = ["input.s"; 12].join(" + ");
    assert_eq!(evaluated(&format!("size({sum}) > 0"), &input, 400), Ok(Ok(true)));
    assert_eq!(evaluated("input.s.matches('^(y+)+z$')", &input, 64), Ok(Ok(false)));
}

#[test]
fn templates_that_grow_or_load_are_refused() {
    let items = json!({"l": vec![""; 10_000], "s": "y".repeat(70_000)});
    let refused = |template: &str| rendered(template, &items, 16).unwrap_err();
    assert_eq!(refused("{{ 'x' * 100000000 }}"), Code::TemplateTooComplex);
    assert_eq!(refused("{{ input.s * 1000 }}"), Code::TemplateTooComplex);
    assert_eq!(refused(&"{% if input.l %}".repeat(1_000)), Code::TemplateTooComplex);
    assert_eq!(
        refused(&format!("{{{{ {}1{} }}}}", "(".repeat(5_000), ")".repeat(5_000))),
        Code::TemplateTooComplex
    );
    assert_eq!(refused(&format!("{{{{ {} }}}}", vec!["input.s"; 50].join(" ~ "))), Code::TemplateTooComplex);
    let in_loop = format!("{{% for x in input.l %}}{{{{ {} }}}}{{% endfor %}}", ["x"; 10].join(" ~ "));
    assert_eq!(refused(&in_loop), Code::TemplateTooComplex);
    assert_eq!(refused("{% macro f() %}{{ f() }}{% endmacro %}{{ f() }}"), Code::BadTemplate);
    assert_eq!(refused("{% include 'x' %}"), Code::BadTemplate);
    assert_eq!(refused("{% import 'x' as y %}"), Code::BadTemplate);
    assert_eq!(refused("{% for x in range(1000000000) %}{% endfor %}"), Code::UnknownVariable);
    assert_eq!(refused(&"x".repeat(20_000)), Code::StringTooLong);
}

#[test]
fn templates_that_loop_run_out_of_steps_and_memory_does_not_grow() {
    let items = json!({"l": vec!["abc"; 10_000], "s": "y".repeat(60_000), "m": {"a": vec!["z"; 5_000]}});
    for body in [
        "{% for y in input.l %}{% for z in input.l %}{% endfor %}{% endfor %}",
        "{{ (input.l|join('') ~ '')|length }}",
        "{{ (input|tojson)|length }}",
        "{{ input.l|sort|first }}",
        "{% if 'nobody' in input.l %}{% endif %}",
        "{% if input.l == input.l[1:] %}{% endif %}",
        "{{ input.l|max }}",
        "{{ (input.s ~ input.s ~ input.s ~ input.s)|length }}",
        "{{ input.m }}",
    ] {
        let template = format!("{{% for x in input.l %}}{body}{{% endfor %}}");
        let result = rendered(&template, &items, 64).unwrap();
        assert!(result.is_err(), "{template}: {result:?}");
    }
    let recursive = "{% for x in input.l recursive %}{{ loop(input.l) }}{% endfor %}";
    assert!(rendered(recursive, &items, 16).unwrap().is_err());
}

#[test]
fn schemas_with_too_many_patterns_or_bytes_are_refused() {
    let patterns: serde_json::Map<String, Value> = (0..1_000)
        .map(|n| (format!("p{n}"), json!({"pattern": format!("(((a{n}{{40}}){{10}}){{3}})")})))
        .collect();
    let document = |input: Value| {
        json!({"ghostlight": 1, "name": "w", "input": input, "nodes": {"a": {"type": "agent_call", "agent": "x"}}}).to_string()
    };
    assert_eq!(
        refused_as(&document(json!({"properties": patterns})), Format::Json, 16),
        Code::SchemaTooComplex
    );
    let few: serde_json::Map<String, Value> = patterns.into_iter().take(150).collect();
    let turn = TURN.lock().unwrap_or_else(PoisonError::into_inner);
    let text = document(json!({"properties": few}));
    drop(within(150, || compile(&Source { text: &text, format: Format::Json })));
    drop(turn);
    let forms: serde_json::Map<String, Value> = (0..3_000)
        .map(|n| {
            (
                format!("g{n}"),
                json!({"type": "human_gate", "action": "x", "form": {"title": "t".repeat(600)}}),
            )
        })
        .collect();
    let gates = json!({"ghostlight": 1, "name": "w", "nodes": forms}).to_string();
    assert!(matches!(refused_as(&gates, Format::Json, 150), Code::SchemaTooComplex | Code::Isolated));
}
