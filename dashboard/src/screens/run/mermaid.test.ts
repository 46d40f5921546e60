import { expect, test } from 'vitest';
import { mermaid } from './mermaid';

test('what authors wrote cannot leave its label', () => {
  const text = mermaid(
    {
      nodes: [{ id: 'a' }, { id: 'b' }],
      edges: [{ from: 'a', to: 'b', kind: 'soft', when: 'a.x == "<b>"' }],
    },
    new Map([['a', { status: 'failed' }]]),
  );
  expect(text).toBe(
    'flowchart LR\n  n0["a<br/>failed"]\n  n1["b"]\n  n0 -.->|"a.x == #34;#60;b#62;#34;"| n1\n',
  );
});
