//! Mistakes that people make, and what they are told: words of other products, slips of YAML, names that deceive.
//! The rendered answers are the contract: see the snapshots.

use super::golden::told;

macro_rules! mistakes {
    ($($(#[$meta:meta])* $name:ident: $text:literal;)*) => { $($(#[$meta])* #[test] fn $name() { told(stringify!($name), $text); })* };
}

mistakes! {
    a_tab_instead_of_spaces: "ghostlight: 1\nname: w\nnodes:\n\ta: {type: agent_call, agent: x}\n";
    indentation_that_does_not_match: "ghostlight: 1\nname: w\nnodes:\n  a:\n    type: agent_call\n   agent: x\n";
    a_colon_without_a_space: "ghostlight: 1\nname: w\nnodes:\n  a: {type:agent_call, agent: x}\n";
    a_quote_that_is_never_closed: "ghostlight: 1\nname: w\nnodes:\n  a: {type: human_gate, action: \"Restart the shop}\n";
    a_template_that_yaml_takes_for_a_mapping: "ghostlight: 1\nname: w\nnodes:\n  a: {type: human_gate, action: {{ input.service }}}\n";
    a_condition_that_begins_with_a_bang: "ghostlight: 1\nname: w\nnodes:\n  a: {type: agent_call, agent: x}\n  b: {type: condition, needs: [a], when: !a.ok}\n";
    a_binding_with_brackets_in_a_flow_mapping: "ghostlight: 1\nname: w\nnodes:\n  a: {type: agent_call, agent: x, input: {first: $input.list[0]}}\n";
    a_binding_in_shell_style: "ghostlight: 1\nname: w\nnodes:\n  a: {type: agent_call, agent: x, input: {url: \"${input.url}\"}}\n";
    a_binding_inside_of_a_text: "ghostlight: 1\nname: w\nnodes:\n  a: {type: agent_call, agent: x, input: {a: \"$input.host/health\"}}\n";
    a_template_in_a_place_for_bindings: "ghostlight: 1\nname: w\nnodes:\n  a: {type: agent_call, agent: x, input: \"{{ input.url }}\"}\n";
    nodes_as_a_list: "ghostlight: 1\nname: w\nnodes:\n  - id: a\n    type: agent_call\n    agent: x\n";
    /// Shows S3-2a.
    steps_instead_of_nodes: "ghostlight: 1\nname: w\nsteps:\n  a: {type: agent_call, agent: x}\n";
    depends_on_instead_of_needs: "ghostlight: 1\nname: w\nnodes:\n  a: {type: agent_call, agent: x}\n  b: {type: agent_call, agent: x, depends_on: [a]}\n";
    need_instead_of_needs: "ghostlight: 1\nname: w\nnodes:\n  a: {type: agent_call, agent: x}\n  b: {type: agent_call, agent: x, need: [a]}\n";
    needs_as_a_word: "ghostlight: 1\nname: w\nnodes:\n  a: {type: agent_call, agent: x}\n  b: {type: agent_call, agent: x, needs: a}\n";
    needs_as_a_mapping: "ghostlight: 1\nname: w\nnodes:\n  a: {type: agent_call, agent: x}\n  b: {type: agent_call, agent: x, needs: {node: a}}\n";
    a_need_without_its_node: "ghostlight: 1\nname: w\nnodes:\n  a: {type: agent_call, agent: x}\n  b: {type: agent_call, agent: x, needs: [{kind: soft}]}\n";
    a_tool_call_that_names_an_agent: "ghostlight: 1\nname: w\nnodes:\n  a: {type: tool_call, agent: x, effect: read}\n";
    a_tool_call_without_its_effect: "ghostlight: 1\nname: w\nnodes:\n  a: {type: tool_call, tool: deploy}\n";
    an_agent_call_that_names_a_tool: "ghostlight: 1\nname: w\nnodes:\n  a: {type: agent_call, tool: x}\n";
    /// Shows S3-2a.
    types_of_other_products: "ghostlight: 1\nname: w\nnodes:\n  a: {type: task, agent: x}\n  b: {type: approval, action: x}\n  c: {type: http, url: x}\n  d: {type: gate, action: x}\n";
    a_type_in_capitals: "ghostlight: 1\nname: w\nnodes:\n  a: {type: Agent_Call, agent: x}\n";
    a_node_id_with_a_dash: "ghostlight: 1\nname: w\nnodes:\n  log-analysis: {type: agent_call, agent: x}\n";
    a_node_id_that_begins_with_a_digit: "ghostlight: 1\nname: w\nnodes:\n  1st: {type: agent_call, agent: x}\n";
    a_node_id_that_is_too_long: "ghostlight: 1\nname: w\nnodes:\n  aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa: {type: agent_call, agent: x}\n";
    a_name_with_an_underscore: "ghostlight: 1\nname: my_workflow\nnodes: {a: {type: agent_call, agent: x}}\n";
    a_letter_that_only_looks_right: "ghostlight: 1\nname: w\nnodes:\n  \u{430}pprove: {type: human_gate, action: x}\n  go: {type: agent_call, agent: x, needs: [approve]}\n";
    characters_that_nobody_sees: "ghostlight: 1\nname: w\ndescription: \"safe \\u202Eelif eteled\"\nnodes:\n  \"re\u{200b}start\": {type: agent_call, agent: x}\n";
    /// Shows S3-2a.
    a_zero_byte: "ghostlight: 1\nname: w\u{0}\nnodes: {a: {type: agent_call, agent: x}}\n";
    durations_without_a_unit_or_with_a_wrong_one: "ghostlight: 1\nname: w\nnodes:\n  a: {type: agent_call, agent: x, timeout: 30}\n  b: {type: agent_call, agent: x, needs: [a], timeout: 30sec}\n  c: {type: agent_call, agent: x, needs: [b], timeout: 1.5h}\n  d: {type: agent_call, agent: x, needs: [c], timeout: 0s}\n";
    a_retry_as_a_number: "ghostlight: 1\nname: w\nnodes:\n  a: {type: agent_call, agent: x, retry: 3}\n";
    retries_that_make_no_sense: "ghostlight: 1\nname: w\nnodes:\n  a: {type: agent_call, agent: x, retry: {attempts: 3, backof: linear, initial: 5s, max: 1s}}\n";
    retries_without_an_end: "ghostlight: 1\nname: w\nnodes:\n  a: {type: agent_call, agent: x, retry: {max_attempts: 100000}}\n";
    on_timeout_without_a_timeout: "ghostlight: 1\nname: w\nnodes:\n  a: {type: human_gate, action: x, on_timeout: approve}\n";
    a_risk_and_an_answer_that_do_not_exist: "ghostlight: 1\nname: w\nnodes:\n  a: {type: human_gate, action: x, risk: severe, timeout: 5m, on_timeout: rejected}\n";
    a_gate_without_its_question: "ghostlight: 1\nname: w\nnodes:\n  a: {type: human_gate, message: Restart?}\n";
    a_join_without_require: "ghostlight: 1\nname: w\nnodes:\n  a: {type: agent_call, agent: x}\n  b: {type: join, needs: [a]}\n";
    a_join_of_nothing: "ghostlight: 1\nname: w\nnodes:\n  a: {type: agent_call, agent: x}\n  b: {type: join, require: all}\n";
    branches_as_a_list: "ghostlight: 1\nname: w\nnodes:\n  a: {type: parallel, branches: [[b], [c]]}\n  b: {type: agent_call, agent: x}\n  c: {type: agent_call, agent: x}\n";
    /// Shows S3-2b.
    a_long_cycle_is_printed_whole: "ghostlight: 1\nname: w\nnodes:\n  step_0: {type: agent_call, agent: x, needs: [step_11]}\n  step_1: {type: agent_call, agent: x, needs: [step_0]}\n  step_2: {type: agent_call, agent: x, needs: [step_1]}\n  step_3: {type: agent_call, agent: x, needs: [step_2]}\n  step_4: {type: agent_call, agent: x, needs: [step_3]}\n  step_5: {type: agent_call, agent: x, needs: [step_4]}\n  step_6: {type: agent_call, agent: x, needs: [step_5]}\n  step_7: {type: agent_call, agent: x, needs: [step_6]}\n  step_8: {type: agent_call, agent: x, needs: [step_7]}\n  step_9: {type: agent_call, agent: x, needs: [step_8]}\n  step_10: {type: agent_call, agent: x, needs: [step_9]}\n  step_11: {type: agent_call, agent: x, needs: [step_10]}\n";
    a_cycle_by_an_edge_and_a_chain: "ghostlight: 1\nname: w\nchain: [[a, b, c]]\nedges: [{from: c, to: a}]\nnodes: {a: {type: agent_call, agent: x}, b: {type: agent_call, agent: x}, c: {type: agent_call, agent: x}}\n";
    nodes_behind_a_cycle_name_what_is_near: "ghostlight: 1\nname: w\nnodes:\n  start: {type: agent_call, agent: x}\n  a: {type: agent_call, agent: x, needs: [start, b]}\n  b: {type: agent_call, agent: x, needs: [a]}\n  after: {type: agent_call, agent: x, needs: [b]}\n  end: {type: agent_call, agent: x, needs: [after]}\n";
    edges_with_other_words: "ghostlight: 1\nname: w\nedges:\n  - {source: a, target: b}\n  - {from: a, to: b, type: soft}\n  - [a, b]\n  - {from: a}\nnodes: {a: {type: agent_call, agent: x}, b: {type: agent_call, agent: x}}\n";
    a_condition_in_words_of_other_languages: "ghostlight: 1\nname: w\nnodes:\n  a: {type: agent_call, agent: x}\n  b: {type: condition, needs: [a], when: a.ok and a.n > 3}\n  c: {type: condition, needs: [a], when: a.status === 200}\n  d: {type: condition, needs: [a], when: not a.ok}\n  e: {type: condition, needs: [a], when: \"{{ a.ok }}\"}\n  f: {type: condition, needs: [a], when: $a.ok}\n  g: {type: condition, needs: [a], when: a.status = 200}\n";
    functions_that_cel_does_not_have: "ghostlight: 1\nname: w\nnodes:\n  a: {type: condition, when: len(input.l) > 0}\n  b: {type: condition, when: \"input.s.lower() == 'x'\"}\n  c: {type: condition, when: \"input.s.startswith('x')\"}\n  d: {type: condition, when: \"any(input.l)\"}\n";
    conditions_beyond_their_bounds: "ghostlight: 1\nname: w\nnodes:\n  a: {type: condition, when: \"input.l.all(x, input.l.all(y, x == y))\"}\n  b: {type: condition, when: \"input.s.matches(input.pattern)\"}\n  c: {type: condition, when: \"input.l.all(x, x.matches('a'))\"}\n";
    templates_in_words_of_other_engines: "ghostlight: 1\nname: w\nnodes:\n  a: {type: human_gate, action: \"{{ input.x | upcase }}\"}\n  b: {type: human_gate, needs: [a], action: \"{{#if input.x}}yes{{/if}}\"}\n  c: {type: human_gate, needs: [a], action: \"{% foreach x in input.l %}{% endforeach %}\"}\n  d: {type: human_gate, needs: [a], action: \"{% if input.x is empty %}{% endif %}\"}\n  e: {type: human_gate, needs: [a], action: \"{{ 'x' * 1000000 }}\"}\n  f: {type: human_gate, needs: [a], action: \"{% for x in input.l %}\"}\n";
    a_binding_to_a_node_on_the_other_branch: "ghostlight: 1\nname: w\nnodes:\n  a: {type: agent_call, agent: x}\n  left: {type: agent_call, agent: x, needs: [a]}\n  right: {type: agent_call, agent: x, needs: [a], input: {l: $left.out}}\n";
    a_binding_to_what_comes_later: "ghostlight: 1\nname: w\nnodes:\n  a: {type: agent_call, agent: x, input: {x: $b.out}}\n  b: {type: agent_call, agent: x, needs: [a]}\n";
    a_binding_to_the_output_of_a_gate: "ghostlight: 1\nname: w\nnodes:\n  ask: {type: human_gate, action: x}\n  a: {type: agent_call, agent: x, needs: [ask], input: {who: $ask.user, yes: $ask.approved, at: $ask.time}}\n";
    schemas_with_mistakes: "ghostlight: 1\nname: w\ninput:\n  type: object\n  properties:\n    a: {type: str}\n    b: {$ref: \"#/definitions/b\"}\nnodes: {a: {type: agent_call, agent: x}}\n";
    a_schema_with_too_many_patterns: "ghostlight: 1\nname: w\ninput: {properties: {p0: {pattern: x}, p1: {pattern: x}, p2: {pattern: x}, p3: {pattern: x}, p4: {pattern: x}, p5: {pattern: x}, p6: {pattern: x}, p7: {pattern: x}, p8: {pattern: x}, p9: {pattern: x}, p10: {pattern: x}, p11: {pattern: x}, p12: {pattern: x}, p13: {pattern: x}, p14: {pattern: x}, p15: {pattern: x}, p16: {pattern: x}, p17: {pattern: x}, p18: {pattern: x}, p19: {pattern: x}, p20: {pattern: x}, p21: {pattern: x}, p22: {pattern: x}, p23: {pattern: x}, p24: {pattern: x}, p25: {pattern: x}, p26: {pattern: x}, p27: {pattern: x}, p28: {pattern: x}, p29: {pattern: x}, p30: {pattern: x}, p31: {pattern: x}, p32: {pattern: x}, p33: {pattern: x}, p34: {pattern: x}, p35: {pattern: x}, p36: {pattern: x}, p37: {pattern: x}, p38: {pattern: x}, p39: {pattern: x}, p40: {pattern: x}, p41: {pattern: x}, p42: {pattern: x}, p43: {pattern: x}, p44: {pattern: x}, p45: {pattern: x}, p46: {pattern: x}, p47: {pattern: x}, p48: {pattern: x}, p49: {pattern: x}, p50: {pattern: x}, p51: {pattern: x}, p52: {pattern: x}, p53: {pattern: x}, p54: {pattern: x}, p55: {pattern: x}, p56: {pattern: x}, p57: {pattern: x}, p58: {pattern: x}, p59: {pattern: x}, p60: {pattern: x}, p61: {pattern: x}, p62: {pattern: x}, p63: {pattern: x}, p64: {pattern: x}, p65: {pattern: x}, p66: {pattern: x}, p67: {pattern: x}, p68: {pattern: x}, p69: {pattern: x}, p70: {pattern: x}, p71: {pattern: x}, p72: {pattern: x}, p73: {pattern: x}, p74: {pattern: x}, p75: {pattern: x}, p76: {pattern: x}, p77: {pattern: x}, p78: {pattern: x}, p79: {pattern: x}, p80: {pattern: x}, p81: {pattern: x}, p82: {pattern: x}, p83: {pattern: x}, p84: {pattern: x}, p85: {pattern: x}, p86: {pattern: x}, p87: {pattern: x}, p88: {pattern: x}, p89: {pattern: x}, p90: {pattern: x}, p91: {pattern: x}, p92: {pattern: x}, p93: {pattern: x}, p94: {pattern: x}, p95: {pattern: x}, p96: {pattern: x}, p97: {pattern: x}, p98: {pattern: x}, p99: {pattern: x}, p100: {pattern: x}, p101: {pattern: x}, p102: {pattern: x}, p103: {pattern: x}, p104: {pattern: x}, p105: {pattern: x}, p106: {pattern: x}, p107: {pattern: x}, p108: {pattern: x}, p109: {pattern: x}, p110: {pattern: x}, p111: {pattern: x}, p112: {pattern: x}, p113: {pattern: x}, p114: {pattern: x}, p115: {pattern: x}, p116: {pattern: x}, p117: {pattern: x}, p118: {pattern: x}, p119: {pattern: x}, p120: {pattern: x}, p121: {pattern: x}, p122: {pattern: x}, p123: {pattern: x}, p124: {pattern: x}, p125: {pattern: x}, p126: {pattern: x}, p127: {pattern: x}, p128: {pattern: x}, p129: {pattern: x}, p130: {pattern: x}, p131: {pattern: x}, p132: {pattern: x}, p133: {pattern: x}, p134: {pattern: x}, p135: {pattern: x}, p136: {pattern: x}, p137: {pattern: x}, p138: {pattern: x}, p139: {pattern: x}, p140: {pattern: x}, p141: {pattern: x}, p142: {pattern: x}, p143: {pattern: x}, p144: {pattern: x}, p145: {pattern: x}, p146: {pattern: x}, p147: {pattern: x}, p148: {pattern: x}, p149: {pattern: x}, p150: {pattern: x}, p151: {pattern: x}, p152: {pattern: x}, p153: {pattern: x}, p154: {pattern: x}, p155: {pattern: x}, p156: {pattern: x}, p157: {pattern: x}, p158: {pattern: x}, p159: {pattern: x}, p160: {pattern: x}, p161: {pattern: x}, p162: {pattern: x}, p163: {pattern: x}, p164: {pattern: x}, p165: {pattern: x}, p166: {pattern: x}, p167: {pattern: x}, p168: {pattern: x}, p169: {pattern: x}, p170: {pattern: x}, p171: {pattern: x}, p172: {pattern: x}, p173: {pattern: x}, p174: {pattern: x}, p175: {pattern: x}, p176: {pattern: x}, p177: {pattern: x}, p178: {pattern: x}, p179: {pattern: x}, p180: {pattern: x}, p181: {pattern: x}, p182: {pattern: x}, p183: {pattern: x}, p184: {pattern: x}, p185: {pattern: x}, p186: {pattern: x}, p187: {pattern: x}, p188: {pattern: x}, p189: {pattern: x}, p190: {pattern: x}, p191: {pattern: x}, p192: {pattern: x}, p193: {pattern: x}, p194: {pattern: x}, p195: {pattern: x}, p196: {pattern: x}, p197: {pattern: x}, p198: {pattern: x}, p199: {pattern: x}, p200: {pattern: x}}}\nnodes: {a: {type: agent_call, agent: x}}\n";
    an_input_that_is_a_list: "ghostlight: 1\nname: w\nnodes:\n  a: {type: agent_call, agent: x, input: [1, 2]}\n";
    an_effect_that_does_not_exist: "ghostlight: 1\nname: w\nnodes:\n  a: {type: tool_call, tool: x, effect: readonly}\n  b: {type: tool_call, tool: x, effect: writes}\n";
    a_boolean_of_old_yaml: "ghostlight: 1\nname: w\nnodes:\n  a: {type: agent_call, agent: yes, on_error: no}\n";
    an_infinite_number: "ghostlight: 1\nname: w\nnodes:\n  a: {type: agent_call, agent: x, input: {n: .inf}}\n";
    an_anchor_that_is_defined_later: "ghostlight: 1\nname: w\nnodes:\n  a: {type: agent_call, agent: x, retry: *patient}\n  b: {type: agent_call, agent: x, retry: &patient {max_attempts: 3}}\n";
    a_merge_key: "ghostlight: 1\nname: w\ncontext: {base: &base {agent: x}}\nnodes:\n  a: {<<: *base, type: agent_call}\n";
    labels_that_are_no_texts: "ghostlight: 1\nname: w\nlabels: [a, b]\nnodes:\n  a: {type: agent_call, agent: x, labels: {team: 3}}\n";
    an_agent_by_its_file_name: "ghostlight: 1\nname: w\nnodes:\n  a: {type: agent_call, agent: log-analyst.yaml}\n  b: {type: agent_call, agent: Log Analyst}\n";
}
