//! Bad documents and what people are told about them. The rendered answers are the contract: see the snapshots.

use super::*;

/// Each mistake is told with its place, its code and what to do about it.
#[track_caller]
pub(super) fn told(name: &str, text: &str) {
    let compiled = yaml(text);
    assert!(compiled.workflow.is_none(), "{name} has no error");
    for diagnostic in &compiled.diagnostics {
        let shown = serde_json::to_value(diagnostic).unwrap();
        assert!(shown["code"].as_str().unwrap().starts_with("GL0"), "{shown}");
    }
    super::structure::refused_by_the_schema_too(text, &compiled.diagnostics);
    insta::with_settings!({description => text, omit_expression => true, snapshot_path => "golden", prepend_module_to_snapshot => false}, {
        insta::assert_snapshot!(name, render("w.yaml", text, &compiled.diagnostics));
    });
}

macro_rules! golden {
    ($($(#[$meta:meta])* $name:ident: $text:literal;)*) => { $($(#[$meta])* #[test] fn $name() { told(stringify!($name), $text); })* };
}

golden! {
    text_that_is_no_yaml: "ghostlight: 1\nname: [w\nnodes: {}\n";
    an_empty_document: "";
    a_list_instead_of_a_mapping: "- a\n- b\n";
    a_second_document: "ghostlight: 1\n---\nname: w\n";
    tags_and_duplicate_keys: "ghostlight: 1\nname: !!str w\nname: v\nnodes:\n  a: {type: agent_call, agent: x, agent: y}\n";
    an_unknown_alias: "ghostlight: 1\nname: w\nnodes: *x\n";
    a_newer_language: "ghostlight: 2\nname: w\nnodes: {a: {type: agent_call, agent: x}}\n";
    a_language_version_that_is_no_number: "ghostlight: one\nname: w\nnodes: {a: {type: agent_call, agent: x}}\n";
    /// Shows S3-2a, S3-5f.
    missing_keys_everywhere: "description: x\nnodes:\n  a: {agent: x}\n  b: {type: agent_call}\n  c: {type: tool_call, tool: t}\n  d: {type: human_gate}\n  e: {type: condition}\n  f: {type: parallel}\n  g: {type: join, needs: [a]}\n";
    no_nodes: "ghostlight: 1\nname: w\nnodes: {}\n";
    /// Shows S3-2a.
    unknown_keys_with_suggestions: "ghostlight: 1\nnmae: w\nname: w\nnodes:\n  a: {typ: agent_call, type: agent_call, agnet: x, agent: x, zzz: 1}\n";
    /// Shows S3-2a, S3-5f.
    unknown_words: "ghostlight: 1\nname: w\nnodes:\n  a: {type: agentcall, agent: x}\n  b: {type: tool_call, tool: t, effect: reed}\n  c: {type: human_gate, action: x, risk: huge, timeout: 1m, on_timeout: explode}\n  d: {type: agent_call, agent: x, on_error: ignore, needs: [{node: b, kind: weak}]}\n";
    wrong_types: "ghostlight: 1\nname: 5\ndescription: [x]\nlabels: {a: 1}\ncontext: 3\nsupervision: x\nnodes:\n  a: {type: agent_call, agent: [x], needs: b, timeout: 5, input: plain, estimate: {}, retry: 3, when: true}\n  b: null\n  c: {type: human_gate, action: {{ input.x }}}\nedges: {a: b}\nchain: [a, [b], 3]\n";
    chains_that_are_wrong: "ghostlight: 1\nname: w\nchain: [a, [b], 3]\nnodes:\n  a: {type: agent_call, agent: x}\n  b: {type: agent_call, agent: x, needs: [a]}\n";
    bad_names_and_reserved_ids: "ghostlight: 1\nname: My Workflow\nnodes:\n  Bad-Id: {type: agent_call, agent: Bad_Agent}\n  input: {type: agent_call, agent: x}\n  while: {type: agent_call, agent: x}\n";
    bad_durations_and_numbers: "ghostlight: 1\nname: w\nsupervision: {max_restarts: -1, period: 0s}\nnodes:\n  a: {type: agent_call, agent: x, timeout: 15 minutes, estimate: 1y, retry: {max_attempts: 0, initial: 10s, max: 1s, backoff: expo}}\npriority: 101\n";
    top_keys_of_later_versions: "ghostlight: 1\nname: w\nbudget: {usd: 5}\nconcurrency: {key: x}\nvalidate: []\nexpose: []\nnodes: {a: {type: agent_call, agent: x}}\n";
    node_words_of_later_versions: "ghostlight: 1\nname: w\nnodes:\n  b: {type: agent_call, agent: x, fallbacks: [y], cache: {}}\n  g: {type: human_gate, needs: [b], action: x, timeout: 1m, on_timeout: escalate}\n";
    maps_that_are_wrong: "ghostlight: 1\nname: w\nnodes:\n  a: {type: map}\n  b: {type: map, over: 5, max_parallel: 0, node: {type: agent_call, agent: x, needs: [a], when: 'true'}}\n  c: {type: map, over: $input.l, node: {type: join, require: all}}\n  d: {type: map, over: $input.l, node: {type: agent_call, agent: x, input: {i: $itme, l: $last}, on_error: {goto: a}}, retry: {max_attempts: 2}}\n  e: {type: agent_call, agent: x, needs: [d], input: {i: $item}}\n";
    maps_in_maps_without_end: "ghostlight: 1\nname: w\nnodes:\n  a: {type: map, over: [[]], node: {type: map, over: $item, node: {type: map, over: $item, node: {type: map, over: $item, node: {type: map, over: $item, node: {type: transform, value: $item}}}}}}\n";
    loops_that_are_wrong: "ghostlight: 1\nname: w\nnodes:\n  a: {type: loop, node: {type: agent_call, agent: x}}\n  b: {type: loop, until: last.good, max: 0, node: {type: agent_call, agent: x}}\n  c: {type: loop, until: itration > 3, max: 5, node: {type: agent_call, agent: x, input: {i: $index}}}\n";
    waits_that_are_wrong: "ghostlight: 1\nname: w\nnodes:\n  a: {type: wait}\n  b: {type: wait, for: 10s, until: tomorrow}\n  c: {type: wait, until: tomorrow, needs: [a]}\n  d: {type: wait, signal: go}\n  e: {type: wait, signal: {nmae: go, timeout: soon}}\n  f: {type: wait, for: 0s, timeout: 5s}\n";
    children_events_and_values_that_are_wrong: "ghostlight: 1\nname: w\nnodes:\n  a: {type: workflow}\n  b: {type: workflow, workflow: Other One, version: 0, on_parent_cancel: kill, timeout: 3s}\n  c: {type: emit, event: 'Report Ready', data: {x: $nobody}}\n  d: {type: transform}\n  e: {type: transform, value: 1, expression: '1 + 1'}\n  f: {type: transform, expression: 'a +'}\n";
    joins_and_merges_that_are_wrong: "ghostlight: 1\nname: w\nnodes:\n  a: {type: agent_call, agent: x}\n  b: {type: agent_call, agent: x}\n  c: {type: join, needs: [a, b], require: {quorum: 3}}\n  d: {type: join, needs: [a, b], require: {qorum: 1}}\n  e: {type: join, needs: [a, b], require: first, merge: lst}\n  f: {type: join, needs: [a, b], require: any, merge: {k: sum, l: concat}}\n";
    cases_that_are_wrong: "ghostlight: 1\nname: w\nnodes:\n  a: {type: condition}\n  b: {type: condition, cases: []}\n  c: {type: condition, cases: [{else: true, to: [x]}, {when: 'true', to: [y]}, {when: 'true', else: true, to: [x]}, {to: [x]}]}\n  x: {type: agent_call, agent: x}\n  z: {type: agent_call, agent: x}\n";
    ways_after_an_error_that_are_wrong: "ghostlight: 1\nname: w\nnodes:\n  a: {type: agent_call, agent: x, on_error: {goto: b}}\n  b: {type: agent_call, agent: x, input: {e: $a.x}, on_error: {goto: nowhere}}\n  c: {type: agent_call, agent: x, on_error: {default: 1, goto: b}}\n  d: {type: agent_call, agent: x, on_error: {}}\n  e: {type: human_gate, action: x, on_error: pause}\n  f: {type: agent_call, agent: x, on_error: {goto: a}, needs: [b]}\n";
    names_that_nobody_declared: "ghostlight: 1\nname: w\ntimeouts: {long: 10m, Bad Name: 1s, wrong: soon}\nretries: {patient: {max_attempts: 5}}\nresources: {gpu: 2, lots: 0}\ndefaults: {timeout: lng, on_error: {goto: a}, color: red}\nmax_parallel: 0\nnodes:\n  a: {type: agent_call, agent: x, timeout: lnog, retry: patent, resources: [gpu, cpu]}\n  b: {type: human_gate, action: x, resources: [gpu]}\n";
    supervision_that_makes_no_sense: "ghostlight: 1\nname: w\nsupervision: {strategy: one_for_nobody, max_restart: 3, max_restarts: 1001, period: 5, backoff: {initial: 0s, max: 1s, jitter: 0.5}}\nnodes: {a: {type: agent_call, agent: x}}\n";
    supervision_backoff_in_words_of_retry: "ghostlight: 1\nname: w\nsupervision: {backoff: exponential}\nnodes: {a: {type: agent_call, agent: x}}\n";
    supervision_backoff_that_is_half_said: "ghostlight: 1\nname: w\nsupervision: {backoff: {initial: 1s}}\nnodes: {a: {type: agent_call, agent: x}}\n";
    supervision_backoff_upside_down: "ghostlight: 1\nname: w\nsupervision: {backoff: {initial: 2s, max: 1s}}\nnodes: {a: {type: agent_call, agent: x}}\n";
    supervision_backoff_that_outlasts_the_period: "ghostlight: 1\nname: w\nsupervision: {max_restarts: 3, period: 7s, backoff: {initial: 1s, max: 30s}}\nnodes: {a: {type: agent_call, agent: x}}\n";
    supervision_backoff_without_restarts: "ghostlight: 1\nname: w\nsupervision: {max_restarts: 0, backoff: {initial: 1s, max: 2s}}\nnodes: {a: {type: agent_call, agent: x}}\n";
    strategies_that_would_cut_off_a_write: "ghostlight: 1\nname: w\nsupervision: {strategy: rest_for_one}\nnodes:\n  a: {type: agent_call, agent: x, effect: read}\n  b: {type: tool_call, tool: t, needs: [a], effect: write}\n  c: {type: agent_call, capability: cleaning, needs: [b], effect: write}\n";
    keys_that_mean_nothing_for_a_type: "ghostlight: 1\nname: w\nnodes:\n  a: {type: human_gate, action: x, retry: {max_attempts: 2}, effect: read, on_timeout: wait}\n  b: {type: join, needs: [a], require: all, timeout: 1s, input: {}}\n";
    two_targets: "ghostlight: 1\nname: w\nnodes: {a: {type: agent_call, agent: x, capability: y}}\n";
    success_that_says_nothing_or_too_much: "ghostlight: 1\nname: w\nnodes:\n  a: {type: agent_call, agent: x, success: {}}\n  b: {type: agent_call, agent: x, success: {asertions: [x], assertions: 'output.x', redo: 11, on_reject: retry}}\n  c: {type: agent_call, agent: x, success: {assertions: ['output.x >', {that: 'outptu.x', message: m, help: h}, {message: m}], judge: {type: human_gate, action: x}}}\n  d: {type: tool_call, tool: t, effect: write, success: {schema: {type: strin}, redo: 2}}\n  e: {type: human_gate, action: x, success: {assertions: ['output.x']}}\n  f: {type: agent_call, agent: x, success: x, input: {x: $output}}\n";
    what_stands_beside_a_call_and_cannot: "ghostlight: 1\nname: w\nnodes:\n  a: {type: tool_call, tool: t, effect: read, verify: {type: agent_call, agent: x}, compensate: {type: agent_call, agent: x}}\n  b: {type: tool_call, tool: t, effect: write, verify: {}, compensate: {type: tool_call, tool: t, needs: [a], when: 'true', on_error: continue}}\n  c: {type: tool_call, tool: t, effect: write, verify: {type: agent_call, agent: x, input: {o: $output, k: $key, z: $zzz}}, compensate: {type: transform, value: 1}}\n  d: {type: join, needs: [a], require: all, compensate: {type: agent_call, agent: x}}\n";
    /// Shows S3-2d, S3-5e.
    unknown_nodes_with_suggestions: "ghostlight: 1\nname: w\nchain: [[aprove, restart, nothing_like_it]]\nnodes:\n  approve: {type: human_gate, action: \"{{ restrat.x }}\"}\n  restart: {type: agent_call, agent: x, needs: [aprove], input: {a: $aprove.by}, when: aprov.decision == 'x'}\n  fan: {type: parallel, branches: {l: [approv]}}\nedges:\n  - {from: restart, to: rollbak}\noutput: {x: $restrt}\n";
    edges_to_itself_and_twice: "ghostlight: 1\nname: w\nnodes:\n  a: {type: agent_call, agent: x, needs: [a]}\n  b: {type: agent_call, agent: x, needs: [a, a]}\nedges: [{from: a, to: b}]\n";
    /// Shows S0-1.3e, S3-2b, S3-5c.
    a_cycle: "ghostlight: 1\nname: w\nnodes:\n  start: {type: agent_call, agent: x}\n  a: {type: agent_call, agent: x, needs: [start, c]}\n  b: {type: agent_call, agent: x, needs: [a]}\n  c: {type: agent_call, agent: x, needs: [b]}\n";
    /// Shows S3-2c, S3-5d.
    two_cycles_and_what_hangs_on_them: "ghostlight: 1\nname: w\nnodes:\n  a: {type: agent_call, agent: x, needs: [b]}\n  b: {type: agent_call, agent: x, needs: [a]}\n  c: {type: agent_call, agent: x, needs: [b, start]}\n  d: {type: agent_call, agent: x, needs: [b]}\n  e: {type: agent_call, agent: x, needs: [f]}\n  f: {type: agent_call, agent: x, needs: [e]}\n  start: {type: agent_call, agent: x}\n";
    /// Shows S3-2c, S3-5d.
    an_isolated_node_beside_an_error: "ghostlight: 1\nname: w\nnodes:\n  a: {type: agent_call, agent: x}\n  b: {type: agent_call, agent: x, needs: [a]}\n  lonely: {type: agent_call, agent: x}\noutput: $nothing\n";
    joins: "ghostlight: 1\nname: w\nnodes:\n  a: {type: agent_call, agent: x}\n  b: {type: join, require: all}\n  c: {type: join, require: all, needs: [{node: a, kind: soft}]}\n  d: {type: agent_call, agent: x, needs: [c], input: {x: $c.b}}\n";
    /// Shows S3-2e, S3-5g.
    bindings_that_are_none: "ghostlight: 1\nname: w\nnodes:\n  a: {type: agent_call, agent: x, input: {a: $, b: $input., c: \"$input[x]\", d: $input.a b, e: \"$input.a[-1]\", f: \"$ input\", g: $Nobody.x}}\n";
    /// Shows S3-2e.
    bindings_to_what_is_not_upstream: "ghostlight: 1\nname: w\nnodes:\n  a: {type: agent_call, agent: x, input: {x: $b.y, y: $a}}\n  b: {type: agent_call, agent: x, needs: [a], when: c.ok}\n  c: {type: human_gate, needs: [a], action: \"{{ b.x }}\"}\nedges: [{from: a, to: c, when: c.ok}]\n";
    bindings_to_what_may_be_skipped: "ghostlight: 1\nname: w\nnodes:\n  a: {type: agent_call, agent: x}\n  b: {type: agent_call, agent: x, needs: [a], when: a.ok}\n  c: {type: agent_call, agent: x, needs: [a]}\n  j: {type: join, needs: [b, c], require: all}\n  d: {type: agent_call, agent: x, needs: [j], input: {fine: $a.x, also_fine: $j.b, not: $b.x}, when: c.ok}\n";
    fields_that_a_node_never_has: "ghostlight: 1\nname: w\nnodes:\n  a: {type: human_gate, action: x}\n  b: {type: agent_call, agent: x, needs: [a], input: {x: $a.decison, y: $a.by}}\n";
    conditions_that_are_none: "ghostlight: 1\nname: w\nnodes:\n  a: {type: condition, when: \"input.x >\"}\n  b: {type: condition, needs: [a], when: \"size(input.x) > siez(input.y)\"}\n  c: {type: condition, needs: [a], when: \"input.l.all(x, x.all(y, y))\"}\n  d: {type: condition, needs: [a], when: \"\"}\n";
    templates_that_are_none: "ghostlight: 1\nname: w\nnodes:\n  a: {type: human_gate, action: \"{{ input.x\"}\n  b: {type: human_gate, action: \"{% set x = 1 %}\", needs: [a]}\n  c: {type: human_gate, action: \"{{ input.x|uper }}\", needs: [a]}\n";
    labels_that_are_not_theirs_to_set: "ghostlight: 1\nname: w\nlabels: {ghostlight.selected_by: w@1#1, ghostlight_: fine}\nnodes:\n  a: {type: agent_call, agent: x, labels: {ghostlight.x: y}}\n  b: {type: map, over: [1], needs: [a], node: {type: transform, value: $item, labels: {ghostlight.: y}}}\n";
    errors_that_cannot_be_read: "ghostlight: 1\nname: w\nnodes:\n  a: {type: agent_call, agent: x}\n  b: {type: agent_call, agent: x, needs: [a], input: {hard: $run.errors.a, own: $run.errors.b.class, later: $run.errors.c, nobody: $run.errors.aa, field: $run.errors.a.clas, deep: $run.errors.a.class.x, item: \"$run.errors.a[0]\"}}\n  c: {type: agent_call, agent: x, needs: [{node: b, kind: soft}], when: run.errors.b.mesage != null || has(run.errors.b.code), input: {whole: $run, all: $run.errors, word: $run.eror, id: $run.id.x}}\n  d: {type: human_gate, needs: [c], action: \"{{ run.errors.b.code }} {{ run.errors.c.code }} {{ run.errors }} {{ run['id'] }}\"}\n  e: {type: condition, needs: [c], when: \"size(run.errors) > 0 || [1].exists(run, run > 0)\"}\n  j: {type: join, needs: [c, d], require: all}\n  k: {type: transform, needs: [j], value: $run.errors.d}\noutput: {a: $run.errors.a, b: $run.errors.e.code}\n";
    schemas_that_do_not_compile: "ghostlight: 1\nname: w\ninput:\n  type: object\n  properties:\n    a: {type: strin}\nnodes:\n  a:\n    type: human_gate\n    action: x\n    form: {$ref: \"https://example.com/x.json\"}\n";
    aliases_that_explode: "ghostlight: 1\nname: w\na: &a [x,x,x,x,x,x,x,x,x,x]\nb: &b [*a,*a,*a,*a,*a,*a,*a,*a,*a,*a]\nc: &c [*b,*b,*b,*b,*b,*b,*b,*b,*b,*b]\nd: &d [*c,*c,*c,*c,*c,*c,*c,*c,*c,*c]\ne: &e [*d,*d,*d,*d,*d,*d,*d,*d,*d,*d]\nf: [*e,*e,*e,*e,*e,*e,*e,*e,*e,*e]\n";
}

/// What the run's output shows is waited for.
#[test]
fn a_node_that_the_output_reads_does_not_stand_alone() {
    let nodes = "ghostlight: 1\nname: w\nnodes:\n  a: {type: transform, value: 1}\n  b: {type: transform, value: 2}\n";
    let told = |output: &str| yaml(&format!("{nodes}output: {output}\n")).diagnostics.len();
    assert_eq!([told("{ all: [$a, $b.x] }"), told("$a"), told("nothing")], [0, 1, 2]);
}

#[test]
fn an_isolated_node_and_a_missing_version_are_only_warnings() {
    let compiled =
        yaml("name: w\nnodes:\n  a: {type: agent_call, agent: x}\n  b: {type: agent_call, agent: x}\n");
    assert!(compiled.workflow.is_some());
    let codes: Vec<_> = compiled.diagnostics.iter().map(|d| (d.severity, d.code.name())).collect();
    let warning = Severity::Warning;
    assert_eq!(codes, [(warning, "no_language_version"), (warning, "isolated"), (warning, "isolated")]);
}

/// S3-2a: the place is given as a JSON pointer too.
#[test]
fn diagnostics_carry_json_pointers_and_places() {
    let compiled = yaml(
        "ghostlight: 1\nname: w\nnodes:\n  a: {type: agent_call, agent: x, needs: [zzz], input: {l: [1, $no]}}\n",
    );
    let shown = serde_json::to_value(&compiled.diagnostics).unwrap();
    assert_eq!(shown[0]["path"], "/nodes/a/needs/0");
    assert_eq!(shown[1]["path"], "/nodes/a/input/l/1");
    assert_eq!(
        (&shown[1]["line"], &shown[1]["column"], &shown[1]["end_column"]),
        (&4.into(), &64.into(), &67.into())
    );
    assert_eq!(shown[1]["code"], "GL0404");
    assert_eq!(shown[1]["severity"], "error");
}
