import { describe, expect, it } from 'vitest';
import { choices, filtered, healthOf, usesIn, type AgentSummary, type Statistics } from './agents';

function agent(name: string, more: Partial<AgentSummary> = {}): AgentSummary {
  return {
    name,
    kind: 'builtin',
    description: '',
    capabilities: [],
    enabled: true,
    managed_by: 'file',
    ...more,
  };
}

const statistics = (finished: number, failed: number): Statistics => ({
  in_flight: 0,
  finished,
  failed,
  success_rate: finished ? (finished - failed) / finished : null,
  since: '2026-11-20T12:00:00Z',
});

describe('looking for agents', () => {
  const all = [
    agent('http-probe', { description: 'Asks an address', capabilities: ['health-check'] }),
    agent('log-analyst', { kind: 'command', capabilities: ['log-analysis', 'health-check'], enabled: false }),
  ];
  const names = (filter: object) =>
    filtered(all, { q: '', kind: '', capability: '', state: '', ...filter }).map((found) => found.name);

  it('finds them by words, kind, capability and whether they may be called', () => {
    expect(names({})).toEqual(['http-probe', 'log-analyst']);
    expect(names({ q: 'asks PROBE' })).toEqual(['http-probe']);
    expect(names({ q: 'health' })).toEqual(['http-probe', 'log-analyst']);
    expect(names({ kind: 'command' })).toEqual(['log-analyst']);
    expect(names({ capability: 'log-analysis' })).toEqual(['log-analyst']);
    expect(names({ state: 'enabled' })).toEqual(['http-probe']);
    expect(names({ state: 'disabled', kind: 'builtin' })).toEqual([]);
  });

  it('offers what there is, the most frequent first', () => {
    expect(choices(all, (one) => one.capabilities)).toEqual([
      ['health-check', 2],
      ['log-analysis', 1],
    ]);
  });
});

describe('how an agent is', () => {
  it('is told from its calls, and only if there were any', () => {
    const label = (one: AgentSummary, of?: Statistics) => healthOf(one, of).label;
    expect(label(agent('a'))).toBe('Enabled');
    expect(label(agent('a'), statistics(0, 0))).toBe('Not called yet');
    expect(label(agent('a'), statistics(100, 5))).toBe('Well');
    expect(label(agent('a'), statistics(100, 6))).toBe('Fails at times');
    expect(label(agent('a'), statistics(4, 3))).toBe('Failing');
  });

  it('is disabled whatever its calls were like, with the reason', () => {
    const found = healthOf(agent('a', { enabled: false, disabled_reason: 'too dear' }), statistics(9, 0));
    expect(found).toMatchObject({ label: 'Disabled', why: 'too dear' });
  });
});

describe('where an agent is used', () => {
  const probe = { name: 'http-probe', capabilities: ['health-check'] };
  it('is found by its name, by what it can do, as a fallback, and inside of other nodes', () => {
    const definition = {
      nodes: {
        by_name: { type: 'agent_call', agent: 'http-probe' },
        by_capability: { type: 'agent_call', capability: 'health-check' },
        fallback: { type: 'agent_call', agent: 'x', fallbacks: ['http-probe'] },
        inside: { type: 'map', over: '$input.a', node: { type: 'tool_call', tool: 'http-probe' } },
        other: { type: 'agent_call', agent: 'x', input: { agent: 'http-probe' } },
      },
    };
    expect(usesIn(definition, probe)).toEqual(['by_name', 'by_capability', 'fallback', 'inside']);
  });

  it('is nowhere in what is no workflow', () => {
    expect([usesIn(null, probe), usesIn({}, probe), usesIn({ nodes: 'x' }, probe)]).toEqual([[], [], []]);
  });
});
