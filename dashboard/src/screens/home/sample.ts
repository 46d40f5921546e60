/** A workflow for the first look: it needs nothing but what is built in, and shows what runs look like. */

export const SAMPLE = {
  ghostlight: 1,
  name: 'first-steps',
  description: 'A first look: steps side by side, a list, a question, and an end',
  nodes: {
    prepare: {
      type: 'transform',
      description: 'Makes a list',
      value: { words: ['ghost', 'light', 'stage'] },
    },
    short: { type: 'agent_call', agent: 'sleep', needs: ['prepare'], input: { for: '2s' }, estimate: '2s' },
    long: { type: 'agent_call', agent: 'sleep', needs: ['prepare'], input: { for: '5s' }, estimate: '5s' },
    each: {
      type: 'map',
      needs: ['prepare'],
      over: '$prepare.words',
      max_parallel: 2,
      node: { type: 'agent_call', agent: 'noop', input: { word: '$item' } },
    },
    together: { type: 'join', needs: ['short', 'long', 'each'], require: 'all' },
    ask: {
      type: 'human_gate',
      needs: ['together'],
      action: 'Say hello to the stage',
      impact: 'Nothing happens but the end of this run. What you change is in its output.',
      risk: 'low',
      timeout: '1h',
      on_timeout: 'approve',
      form: {
        type: 'object',
        properties: {
          greeting: { type: 'string', title: 'Greeting', maxLength: 80, examples: ['Good evening'] },
        },
        additionalProperties: false,
      },
    },
    hello: { type: 'transform', needs: ['ask'], value: { said: '$ask.changes', by: '$ask.by' } },
  },
  output: { hello: '$hello', words: '$each' },
};

/** What is to be seen, in the order in which it happens. */
export const SAMPLE_STEPS: [string, string][] = [
  ['Side by side', 'Two steps run at the same time; one takes longer.'],
  ['A list', 'Three items are worked on, two at a time.'],
  ['A question', 'You are asked, may change something, and approve.'],
  ['The end', 'The run completes, and everything of it can be looked at.'],
];
