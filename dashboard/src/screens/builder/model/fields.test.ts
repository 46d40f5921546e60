import { readFileSync } from 'node:fs';
import { expect, it } from 'vitest';
import { fieldsOf, fieldsOfObject, starterOf, type Schema } from './fields';
import { INNER_TYPES, NODE_TYPES } from './graph';

// The schema that the daemon serves, so that what the language gets is seen here.
const schema = JSON.parse(readFileSync('../config/schemas/workflow.json', 'utf8')) as Schema;
const widgets = (type: string, inner = false) => {
  const { main, more } = fieldsOf(schema, type, inner);
  return Object.fromEntries([...main, ...more].map((field) => [field.key, field.widget]));
};

it('has a form for every type of node', () => {
  for (const type of NODE_TYPES) expect(fieldsOf(schema, type).main.length, type).toBeGreaterThan(0);
  for (const type of INNER_TYPES) expect(widgets(type, true), type).not.toHaveProperty('needs');
});

it('gives keys the controls that their values want', () => {
  expect(widgets('agent_call')).toMatchObject({
    agent: 'agent',
    capability: 'capability',
    needs: 'needs',
    input: 'arguments',
    when: 'expression',
    timeout: 'timeout',
    retry: 'retry',
    effect: 'choice',
    on_error: 'on_error',
    success: 'object',
    verify: 'object',
    labels: 'labels',
    estimate: 'duration',
    resources: 'yaml',
  });
  expect(widgets('condition')).toMatchObject({ cases: 'cases', when: 'expression' });
  expect(widgets('parallel')).toMatchObject({ branches: 'branches', max_parallel: 'number' });
  expect(widgets('human_gate')).toMatchObject({ action: 'template', risk: 'choice', form: 'yaml' });
  expect(widgets('join')).toMatchObject({ require: 'require', merge: 'yaml' });
  expect(widgets('wait')).toMatchObject({ for: 'duration', signal: 'object' });
  expect(widgets('workflow')).toMatchObject({ workflow: 'workflow', version: 'number' });
});

it('knows which keys stand for each other', () => {
  expect(fieldsOf(schema, 'agent_call').either).toEqual([['agent', 'capability']]);
  expect(fieldsOf(schema, 'wait').either).toEqual([['for', 'until', 'signal']]);
  expect(fieldsOf(schema, 'transform').either).toEqual([['value', 'expression']]);
  expect(fieldsOf(schema, 'condition').either).toEqual([['when', 'cases']]);
});

it('has something to begin every field with', () => {
  for (const type of NODE_TYPES) {
    const { main, more } = fieldsOf(schema, type);
    for (const field of [...main, ...more])
      expect(starterOf(field), `${type}.${field.key}`).not.toBeUndefined();
  }
});

it('describes the top of a file', () => {
  const { main, more } = fieldsOfObject(schema, schema, 'workflow file');
  expect([...main, ...more].map((field) => field.key)).toEqual(
    expect.arrayContaining(['name', 'input', 'output', 'retries']),
  );
});
