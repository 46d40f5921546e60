//! What the schemas take and what they refuse.

use super::*;
use crate::language::document::{self, Format};
use crate::language::schema::Schema;
use crate::language::{Source, compile};

/// What is wrong with a document, by its schema.
fn violations(schema: &Value, text: &str) -> Vec<String> {
    let schema = Schema::compile(schema).unwrap_or_else(|error| panic!("{error} at {}", error.path));
    let value = document::parse(text, Format::Yaml).0.unwrap().to_value();
    match schema.validate(&value) {
        Ok(()) => Vec::new(),
        Err(all) => all.into_iter().map(|one| format!("{}: {}", one.path, one.message)).collect(),
    }
}

#[track_caller]
fn good(schema: &Value, text: &str) {
    assert_eq!(violations(schema, text), Vec::<String>::new(), "{text}");
}

#[track_caller]
fn bad(schema: &Value, text: &str) {
    assert!(!violations(schema, text).is_empty(), "{text}");
}

#[test]
fn every_key_has_a_description_and_examples_and_examples_are_taken() {
    for schema in [workflow(), agent()] {
        let mut keys = 0;
        walk(&schema, &schema, &mut keys);
        assert!(keys > 40, "{keys}");
    }
}

fn walk(root: &Value, here: &Value, keys: &mut usize) {
    for (name, property) in here["properties"].as_object().into_iter().flatten() {
        // The branches of `if` say what they look at and describe nothing.
        if here.get("additionalProperties").is_none() {
            continue;
        }
        *keys += 1;
        assert!(
            property["description"].as_str().is_some_and(|text| text.ends_with('.')),
            "{name}: {property}"
        );
        let examples = property["examples"].as_array().unwrap_or_else(|| panic!("{name} has no examples"));
        let mut alone = property.clone();
        alone["$defs"] = root["$defs"].clone();
        let alone = Schema::compile(&alone).unwrap_or_else(|error| panic!("{name}: {error}"));
        for example in examples {
            assert_eq!(alone.validate(example).err(), None, "{name}: {example}");
        }
    }
    if here.get("properties").is_some() && here.get("additionalProperties").is_some() {
        assert_eq!(here["additionalProperties"], json!(false));
    }
    match here {
        Value::Object(map) => {
            map.iter().filter(|(key, _)| *key != "examples").for_each(|(_, value)| walk(root, value, keys))
        }
        Value::Array(items) => items.iter().for_each(|value| walk(root, value, keys)),
        _ => {}
    }
}

#[test]
fn the_shipped_files_fit_their_schemas() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../../config/");
    for (kind, schema) in [("workflows", workflow()), ("agents", agent())] {
        let mut files = 0;
        for entry in std::fs::read_dir(format!("{folder}{kind}")).unwrap() {
            good(&schema, &std::fs::read_to_string(entry.unwrap().path()).unwrap());
            files += 1;
        }
        assert!(files >= 3);
    }
}

/// The words of versions to come are in the schema with the rest.
#[test]
fn every_type_of_node_and_every_key_of_the_top_is_taken() {
    good(
        &workflow(),
        "ghostlight: 1\nname: w\ndefaults: {timeout: long, retry: patient, on_error: continue, estimate: 1s}\n\
        timeouts: {long: 10m}\nretries: {patient: {max_attempts: 5, backoff: exponential, initial: 1s, max: 1m}}\n\
        resources: {gpu: 2}\nmax_parallel: 4\nselectors: [{when: labels.a == 'b', version: 2, input: {x: 1}}]\n\
        supervision: {strategy: rest_for_one, max_restarts: 3, period: PT7S, backoff: {initial: 1s, max: 2s}}\n\
        chain: [[a, b]]\nedges: [{from: a, to: c, kind: soft, when: a.x}]\nnodes:\n\
        \x20 a: {type: agent_call, agent: x, timeout: long, retry: patient, resources: [gpu], input: $input}\n\
        \x20 b: {type: tool_call, capability: y, effect: write, on_error: {default: 1}}\n\
        \x20 c: {type: map, over: $a.items, max_parallel: 3, node: {type: map, over: [1], node: {type: agent_call, agent: x}}}\n\
        \x20 d: {type: loop, until: last.done, max: 5, node: {type: transform, expression: iteration + 1}}\n\
        \x20 e: {type: workflow, workflow: child, version: 2, input: {a: $a}, on_parent_cancel: abandon}\n\
        \x20 f: {type: wait, for: 10s}\n  g: {type: wait, until: $a.at}\n  h: {type: wait, signal: {name: go, schema: {type: object}, timeout: 1h}}\n\
        \x20 i: {type: emit, event: a.b-c, data: {x: $a}}\n  j: {type: transform, value: {x: $a}}\n\
        \x20 k: {type: join, needs: [a, b], require: {quorum: 1}, merge: {x: append}}\n\
        \x20 l: {type: condition, needs: [a], cases: [{when: a.x, to: [m]}, {else: true, to: [n]}]}\n\
        \x20 m: {type: parallel, branches: {x: [a]}, max_parallel: 2}\n\
        \x20 o: {type: tool_call, tool: t, effect: write, success: {schema: {type: object}, assertions: [output.x, {that: output.y, message: no y}], on_reject: escalate,\n\
        \x20   judge: {type: agent_call, agent: x, input: {o: $output}}}, verify: {type: agent_call, capability: y, input: {k: $key}},\n\
        \x20   compensate: {type: tool_call, tool: t, effect: write, retry: {max_attempts: 3}}}\n\
        \x20 n: {type: human_gate, action: Go, risk: low, on_timeout: wait, on_error: {goto: a}}\n",
    );
}

#[test]
fn mistakes_in_workflow_files_are_refused() {
    let node = |node: &str| format!("ghostlight: 1\nname: w\nnodes:\n  a: {node}\n");
    for text in [
        "ghostlight: 1\nnmae: w\nnodes: {a: {type: agent_call, agent: x}}\n",
        "ghostlight: 2\nname: w\nnodes: {a: {type: agent_call, agent: x}}\n",
        "ghostlight: 1\nname: My Workflow\nnodes: {a: {type: agent_call, agent: x}}\n",
        "ghostlight: 1\nname: w\nnodes: {}\n",
        "ghostlight: 1\nname: w\n",
        "ghostlight: 1\nname: w\nnodes: {Bad-Id: {type: agent_call, agent: x}}\n",
        "ghostlight: 1\nname: w\nnodes: {input: {type: agent_call, agent: x}}\n",
        "ghostlight: 1\nname: w\nbudget: {usd: 5}\nnodes: {a: {type: agent_call, agent: x}}\n",
        "ghostlight: 1\nname: w\nedges: [{from: a}]\nnodes: {a: {type: agent_call, agent: x}}\n",
        "ghostlight: 1\nname: w\nchain: [a, [b]]\nnodes: {a: {type: agent_call, agent: x}}\n",
        "ghostlight: 1\nname: w\nsupervision: {strategy: one_for_nobody}\nnodes: {a: {type: agent_call, agent: x}}\n",
        "ghostlight: 1\nname: w\nsupervision: {backoff: exponential}\nnodes: {a: {type: agent_call, agent: x}}\n",
        "ghostlight: 1\nname: w\nlabels: {a: 1}\nnodes: {a: {type: agent_call, agent: x}}\n",
        "ghostlight: 1\nname: w\nmax_parallel: 0\nnodes: {a: {type: agent_call, agent: x}}\n",
        "- a\n",
        &node("{agent: x}"),
        &node("{type: agentcall, agent: x}"),
        &node("{type: agent_call}"),
        &node("{type: agent_call, agent: x, capability: y}"),
        &node("{type: agent_call, agnet: x}"),
        &node("{type: agent_call, agent: x, timeout: 5}"),
        &node("{type: agent_call, agent: x, timeout: 15 minutes}"),
        &node("{type: agent_call, agent: x, needs: b}"),
        &node("{type: agent_call, agent: x, needs: [{node: b, kind: weak}]}"),
        &node("{type: agent_call, agent: x, retry: {max_attempts: 0}}"),
        &node("{type: agent_call, agent: x, retry: {backoff: fixed}}"),
        &node("{type: agent_call, agent: x, on_error: ignore}"),
        &node("{type: agent_call, agent: x, fallbacks: [y]}"),
        &node("{type: agent_call, agent: x, input: plain}"),
        &node("{type: agent_call, agent: x, when: true}"),
        &node("{type: tool_call, tool: t}"),
        &node("{type: agent_call, agent: x, success: {}}"),
        &node("{type: agent_call, agent: x, success: {assertions: [], redo: 11, on_reject: retry}}"),
        &node("{type: agent_call, agent: x, success: {judge: {type: human_gate, action: x}}}"),
        &node("{type: agent_call, agent: x, verify: {type: agent_call, agent: x, needs: [b]}}"),
        &node("{type: agent_call, agent: x, compensate: {type: tool_call, tool: x}}"),
        &node("{type: human_gate, action: x, compensate: {type: agent_call, agent: x}}"),
        &node("{type: human_gate, action: x, retry: {max_attempts: 2}}"),
        &node("{type: human_gate, action: x, on_timeout: reject}"),
        &node("{type: human_gate, action: x, risk: huge}"),
        &node("{type: condition}"),
        &node("{type: join, require: all, timeout: 1s}"),
        &node("{type: join}"),
        &node("{type: parallel, branches: {}}"),
        &node("{type: map, over: $input.l}"),
        &node("{type: map, over: $input.l, node: {type: agent_call, agent: x, needs: [b]}}"),
        &node("{type: map, over: $input.l, node: {type: join, require: all}}"),
        &node("{type: wait, for: 1s, signal: {name: x}}"),
        &node("{type: map, over: $input.l, timeout: 1m, node: {type: agent_call, agent: x}}"),
        &node("{type: map, over: $input.l, node: {type: agent_call, agent: x, on_error: {goto: b}}}"),
        &node("{type: loop, max: 3, node: {type: agent_call, agent: x}}"),
        &node("{type: workflow, workflow: x, timeout: 1m}"),
        &node("{type: human_gate, action: x, on_error: pause}"),
        &node("{type: join, require: all, needs: [{node: b, kind: soft}]}"),
        &node("{type: wait, until: tomorrow}"),
        &node("{type: wait, signal: {name: Go.On}}"),
        &node("{type: agent_call, agent: x, timeout: 0s}"),
        &node("{type: agent_call, agent: x, labels: {ghostlight.selected_by: x}}"),
        &node("{type: emit, event: Not An Event}"),
        &node("{type: transform}"),
    ] {
        bad(&workflow(), text);
        let compiled = compile(&Source { text, format: Format::Yaml });
        assert!(compiled.workflow.is_none(), "{text}");
    }
}

#[test]
fn mistakes_in_agent_files_are_refused() {
    for text in [
        "ghostlight: 1\nname: a\n",
        "ghostlight: 1\nname: A\nkind: builtin\nbuiltin: noop\n",
        "ghostlight: 1\nname: a\nkind: comand\ncommand: [/x]\n",
        "ghostlight: 1\nname: a\nkind: llm\nmodel: x\n",
        "ghostlight: 1\nname: a\nkind: command\ncommand: /x y\n",
        "ghostlight: 1\nname: a\nkind: command\ncommand: [/x]\nurl: https://x\n",
        "ghostlight: 1\nname: a\nkind: command\ncommand: [/x]\nexit_codes: {75: transint}\n",
        "ghostlight: 1\nname: a\nkind: command\ncommand: [/x]\nlimits: {concurency: 3}\n",
        "ghostlight: 1\nname: a\nkind: http\nurl: ftp://x\n",
        "ghostlight: 1\nname: a\nkind: http\nurl: https://x\nmethod: get\n",
        "ghostlight: 1\nname: a\nkind: http\nurl: https://x\nerrors: [{status: 99, class: data}]\n",
        "ghostlight: 1\nname: a\nkind: builtin\nbuiltin: http-prob\n",
        "ghostlight: 1\nname: a\nkind: builtin\nbuiltin: noop\ncost: {per_call: 0.1, currency: usd}\n",
        "ghostlight: 1\nname: a\nkind: builtin\nbuiltin: noop\ntimeout: 5\n",
    ] {
        bad(&agent(), text);
        let compiled = crate::agent::compile(&Source { text, format: Format::Yaml });
        assert!(compiled.agent.is_none(), "{text}");
    }
}

#[test]
fn the_reader_refuses_every_word_that_the_schema_reserves() {
    for word in super::workflow::RESERVED {
        let text = format!("ghostlight: 1\nname: w\nnodes:\n  {word}: {{type: agent_call, agent: x}}\n");
        let compiled = compile(&Source { text: &text, format: Format::Yaml });
        let codes: Vec<_> = compiled.diagnostics.iter().map(|one| one.code.name()).collect();
        assert_eq!(codes, ["reserved_id"], "{word}");
    }
}

/// The reader is the judge: what it takes, the schema takes.
#[test]
fn durations_are_the_same_for_schema_and_reader() {
    let schema = json!({ "$ref": "#/$defs/duration", "$defs": agent()["$defs"] });
    let schema = Schema::compile(&schema).unwrap();
    for text in
        ["500ms", "1s", "0s", "15m", "1h30m", "2d", "1.5s", "PT15M", "PT1H30M", "P1DT12H", "P2D", "PT0.5S"]
    {
        assert!(crate::language::units::duration(text).is_some());
        assert_eq!(schema.validate(&json!(text)).err(), None, "{text}");
    }
    for text in ["", "15", "m", "-1s", "1 s", "1y", "P", "P1Y", "PT", "1e3s", "1.s", ".5s"] {
        assert!(schema.validate(&json!(text)).is_err(), "{text}");
    }
}
