import { expect, test } from 'vitest';
import { faultOf, isWritten } from './fault';

const failed = (code: string, kind = 'data', version = 1) => ({
  status: 'failed',
  version,
  error: { class: kind, code, message: 'it broke', happened: 'no' },
});

test('a run that fails by how its workflow is written asks for another workflow first', () => {
  const binding = faultOf(failed('binding_failed'), 1);
  expect(binding.first).toBe('edit');
  expect(binding.text).toContain('may fail in the same way');
  expect(binding.text).toContain('or with another input');
  const agent = faultOf(failed('agent_unknown', 'capability'), null);
  expect(agent.first).toBe('edit');
  expect(agent.text).toContain('or add the agent');
  // No input helps a workflow that starts itself without end.
  expect(faultOf(failed('child_too_deep', 'configuration'), 1).text).not.toContain('input');
});

test('what passes, what an agent did and what a person said is tried again', () => {
  for (const error of [
    failed('connect_failed', 'transient'),
    failed('output_schema_mismatch'),
    failed('agent_disabled', 'capability'),
    failed('approval_rejected', 'rejected'),
  ])
    expect(faultOf(error, 1)).toEqual({ first: 'retry' });
});

test('a code of an agent that reads like one of ours says nothing of the workflow', () => {
  expect(isWritten(failed('binding_failed', 'transient').error)).toBe(false);
  expect(isWritten(undefined)).toBe(false);
});

test('once a newer version is there the run is tried again with it', () => {
  const mended = faultOf(failed('condition_failed', 'data', 3), 4);
  expect(mended.first).toBe('retry');
  expect(mended.text).toContain('Version 4 has been saved since');
});

test('a definition that came with the run cannot be edited', () => {
  const own = faultOf(failed('merge_failed', 'data', 0), null);
  expect(own.first).toBe('retry');
  expect(own.text).toContain('came with this run');
});

test('only a run that has failed is advised', () => {
  expect(faultOf({ ...failed('binding_failed'), status: 'running' }, 1)).toEqual({ first: 'retry' });
});
