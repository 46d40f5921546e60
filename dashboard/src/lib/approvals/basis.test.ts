import { describe, expect, it } from 'vitest';
import { groundsOf, partsOf } from './basis';

describe('what a question rests on', () => {
  it('is shown as lines, then as text to read, then as JSON', () => {
    const output = {
      diff: { added: ['x'] },
      article: '# Tea\n\nHot.',
      score: 91,
      keywords: ['tea', 'cup'],
      none: [],
    };
    expect(partsOf(output)).toEqual([
      { name: 'score', kind: 'line', text: '91' },
      { name: 'keywords', kind: 'line', text: 'tea, cup' },
      { name: 'none', kind: 'line', text: 'none' },
      { name: 'article', kind: 'text', text: '# Tea\n\nHot.' },
      { name: 'diff', kind: 'json', text: '{\n  "added": [\n    "x"\n  ]\n}' },
    ]);
  });

  it('is one part when it is no object', () => {
    expect(partsOf('fine')).toEqual([{ name: null, kind: 'line', text: 'fine' }]);
    expect(partsOf([{ a: 1 }])[0]?.kind).toBe('json');
    expect(partsOf('x'.repeat(30_000))[0]?.text).toContain('30000 characters in all');
  });

  it('is one part as well when it has thousands of members', () => {
    const many = Object.fromEntries(Array.from({ length: 50_000 }, (_, at) => [`k${at}`, at]));
    const [only, ...more] = partsOf(many);
    expect([only?.kind, more]).toEqual(['json', []]);
    expect(only?.text.length).toBeLessThan(21_000);
  });

  const all: Record<string, { path: string; type: string; needs: string[] }> = {
    geo: { path: 'geo', type: 'agent_call', needs: ['drafts'] },
    brand: { path: 'brand', type: 'agent_call', needs: ['drafts'] },
    good: { path: 'good', type: 'condition', needs: ['geo', 'meet'] },
    meet: { path: 'meet', type: 'join', needs: ['brand', 'geo', 'good'] },
  };
  const read = (path: string) => Promise.resolve(all[path] ?? { path, type: 'agent_call', needs: [] });
  const paths = (found: { steps: { path: string }[] }) => found.steps.map((step) => step.path);

  it('is what stands before conditions and joins, each once', async () => {
    expect(paths(await groundsOf(['good'], read, 6))).toEqual(['geo', 'brand']);
    expect(await groundsOf([], read, 6)).toEqual({ steps: [], more: 0 });
  });

  it('is bounded, and says how many there are beside', async () => {
    const found = await groundsOf(['a', 'b', 'c', 'd'], read, 3);
    expect([paths(found), found.more]).toEqual([['a', 'b', 'c'], 1]);
  });
});
