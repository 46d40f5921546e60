//! Whoever comes from another product writes its words, is told what to write, and writes that: it is right then, or the next
//! thing that is told is about something else.

use super::yaml;
use crate::diagnostic::Diagnostic;

fn told(nodes: &str) -> Vec<Diagnostic> {
    yaml(&format!("ghostlight: 1\nname: w\nnodes:\n{nodes}")).diagnostics
}

/// What is written, what the hint says, and what is written then.
const MISTAKES: [(&str, &str, &str); 24] = [
    // GitHub Actions
    (
        "  a: {type: agent_call, agent: x}\n  b: {type: agent_call, agent: x, needs: [a], input: {u: '${{ steps.a.outputs.url }}'}}\n",
        "write `$a.url`",
        "  a: {type: agent_call, agent: x}\n  b: {type: agent_call, agent: x, needs: [a], input: {u: $a.url}}\n",
    ),
    (
        "  a: {type: agent_call, agent: x}\n  b: {type: agent_call, agent: x, needs: [a], if: a.ok}\n",
        "did you mean `when`?",
        "  a: {type: agent_call, agent: x}\n  b: {type: agent_call, agent: x, needs: [a], when: a.ok}\n",
    ),
    (
        "  a: {type: agent_call, agent: x}\n  b: {type: agent_call, agent: x, needs: [a], when: '${{ a.ok }}'}\n",
        "leave out the braces, and `$`",
        "  a: {type: agent_call, agent: x}\n  b: {type: agent_call, agent: x, needs: [a], when: a.ok}\n",
    ),
    (
        "  a: {type: agent_call, agent: x}\n  b: {type: agent_call, agent: x, needs: [a], when: steps.a.ok}\n",
        "a node is read by its id alone",
        "  a: {type: agent_call, agent: x}\n  b: {type: agent_call, agent: x, needs: [a], when: a.ok}\n",
    ),
    (
        "  a: {type: agent_call, agent: x}\n  b: {type: agent_call, agent: x, needs: [a], when: always()}\n",
        "`needs: [{ node: a, kind: soft }]`",
        "  a: {type: agent_call, agent: x}\n  b: {type: agent_call, agent: x, needs: [{ node: a, kind: soft }]}\n",
    ),
    (
        "  a: {type: agent_call, agent: x, continue-on-error: true}\n",
        "did you mean `on_error`?",
        "  a: {type: agent_call, agent: x, on_error: continue}\n",
    ),
    (
        "  a: {type: agent_call, agent: x, on_error: true}\n",
        "`continue`",
        "  a: {type: agent_call, agent: x, on_error: continue}\n",
    ),
    (
        "  a: {type: agent_call, agent: x, on_error: ignore}\n",
        "did you mean `continue`? it is `fail`, `continue`, `pause` until somebody resumes the run, `{ default: value }` or `{ goto: node }`",
        "  a: {type: agent_call, agent: x, on_error: { default: value }}\n",
    ),
    (
        "  a: {type: agent_call, agent: x, timeout-minutes: 5}\n",
        "did you mean `timeout`?",
        "  a: {type: agent_call, agent: x, timeout: 5m}\n",
    ),
    (
        "  a: {type: agent_call, agent: x, timeout: 5}\n",
        "`5m`",
        "  a: {type: agent_call, agent: x, timeout: 5m}\n",
    ),
    // n8n
    ("  a: {type: wait, for: 10}\n", "`10s`", "  a: {type: wait, for: 10s}\n"),
    ("  a: {type: wait, seconds: 10, for: 1s}\n", "did you mean `for`?", "  a: {type: wait, for: 10s}\n"),
    ("  a: {type: sleep, for: 1s}\n", "did you mean `wait`?", "  a: {type: wait, for: 1s}\n"),
    (
        "  a: {type: agent_call, agent: x}\n  b: {type: agent_call, agent: x, needs: [a], input: {u: \"={{ $node['a'].json.url }}\"}}\n",
        "write `$a.url`",
        "  a: {type: agent_call, agent: x}\n  b: {type: agent_call, agent: x, needs: [a], input: {u: $a.url}}\n",
    ),
    (
        "  a: {type: condition, when: input.n > 3, then: [b], else: [c]}\n  b: {type: transform, value: 1}\n  c: {type: transform, value: 2}\n",
        "`cases: [{ when: input.n > 3, to: [a] }, { else: true, to: [b] }]`",
        "  a: {type: condition, cases: [{ when: input.n > 3, to: [b] }, { else: true, to: [c] }]}\n  b: {type: transform, value: 1}\n  c: {type: transform, value: 2}\n",
    ),
    // Temporal
    (
        "  a: {type: agent_call, agent: x, retry: {maximumAttempts: 3, max_attempts: 3}}\n",
        "did you mean `max_attempts`?",
        "  a: {type: agent_call, agent: x, retry: {max_attempts: 3}}\n",
    ),
    (
        "  a: {type: agent_call, agent: x, retry: {max_attempts: 3, initialInterval: 5s}}\n",
        "did you mean `initial`?",
        "  a: {type: agent_call, agent: x, retry: {max_attempts: 3, initial: 5s}}\n",
    ),
    (
        "  a: {type: wait, signal: order-paid}\n",
        "`signal: { name: order-paid }`",
        "  a: {type: wait, signal: { name: order-paid }}\n",
    ),
    // LangGraph
    (
        "  a: {type: transform, value: 1}\nedges: [{from: a, to: END}]\n",
        "leave this edge out",
        "  a: {type: transform, value: 1}\n",
    ),
    (
        "  a: {type: transform, value: 1}\n  b: {type: transform, value: 1}\nedges: [[a, b]]\n",
        "`edges: [{ from: check, to: restart }]`",
        "  a: {type: transform, value: 1}\n  b: {type: transform, value: 1}\nedges: [{ from: a, to: b }]\n",
    ),
    (
        "  a: {type: map, items: $input.l, over: $input.l, do: {}, node: {type: transform, value: 1}}\n",
        "did you mean `over`?",
        "  a: {type: map, over: $input.l, node: {type: transform, value: 1}}\n",
    ),
    // Airflow
    (
        "  a: {type: agent_call, agent: x}\n  b: {type: agent_call, agent: x, needs: [a], input: {u: \"{{ ti.xcom_pull(task_ids='a') }}\"}}\n",
        "write `$a`",
        "  a: {type: agent_call, agent: x}\n  b: {type: agent_call, agent: x, needs: [a], input: {u: $a}}\n",
    ),
    (
        "  a: {type: agent_call, agent: x}\n  b: {type: agent_call, agent: x, needs: [a], trigger_rule: all_done}\n",
        "`needs: [{ node: check, kind: soft }]`",
        "  a: {type: agent_call, agent: x}\n  b: {type: agent_call, agent: x, needs: [{ node: a, kind: soft }]}\n",
    ),
    (
        "  a: {type: agent_call, agent: x}\ntimeout: 5m\n",
        "did you mean `defaults`?",
        "  a: {type: agent_call, agent: x}\ndefaults: {timeout: 5m}\n",
    ),
];

#[test]
fn every_hint_leads_to_a_document_without_a_mistake() {
    for (written, hint, mended) in MISTAKES {
        let before = told(written);
        let helps: Vec<&str> = before.iter().filter_map(|one| one.help.as_deref()).collect();
        assert!(helps.iter().any(|help| help.contains(hint)), "{written}\n{hint}\n{before:#?}");
        assert_eq!(told(mended), [], "{mended}");
    }
}

#[test]
fn an_expression_that_a_warning_proposes_is_one() {
    let warned = told(
        "  a: {type: agent_call, agent: x}\n  b: {type: agent_call, agent: x, needs: [a], input: {u: 'at $a.url now'}}\n",
    );
    let help = warned[0].help.as_deref().unwrap();
    let expression = help.split("expression: '").nth(1).unwrap().split("'`").next().unwrap();
    let mended = format!(
        "  a: {{type: agent_call, agent: x}}\n  text: {{type: transform, needs: [a], expression: '{expression}'}}\n  \
         b: {{type: agent_call, agent: x, needs: [text], input: {{u: $text}}}}\n"
    );
    assert_eq!(told(&mended), [], "{mended}");
}
