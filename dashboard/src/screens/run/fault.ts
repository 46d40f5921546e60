/** What a failed run asks for first: to be tried again, or that its workflow is written otherwise. */
import type { components } from '$lib/api/schema';

type Run = components['schemas']['Run'];
type Failed = Pick<Run, 'status' | 'version' | 'error'>;

/** The codes of what a workflow says that cannot be done, whoever is called. */
const WRITTEN = new Set([
  'agent_unknown',
  'capability_unknown',
  'child_not_started',
  'child_too_deep',
  'merge_failed',
  'strategy_ends_write',
]);
/** The same, where another input of the run may be the way out as well. */
const WRITTEN_OR_GIVEN = new Set([
  'binding_failed',
  'condition_failed',
  'expression_failed',
  'input_invalid',
  'input_schema_mismatch',
  'list_expected',
  'output_failed',
  'text_failed',
  'time_expected',
  'too_many_items',
]);

export interface Fault {
  /** What is offered first. */
  first: 'edit' | 'retry';
  /** What is said beside it. */
  text?: string;
}

/** Whether how the workflow is written made a run fail, as far as the daemon says it. Who is called may use these codes for its own. */
export function isWritten(error: Failed['error']): boolean {
  if (!error || !['data', 'configuration', 'capability'].includes(error.class)) return false;
  return WRITTEN.has(error.code) || WRITTEN_OR_GIVEN.has(error.code);
}

/** `latest`: the latest version of the workflow, once it has been read. */
export function faultOf({ status, version, error }: Failed, latest: number | null): Fault {
  if (status !== 'failed' || !isWritten(error)) return { first: 'retry' };
  if (version > 0 && latest !== null && latest > version) {
    return {
      first: 'retry',
      text: `It comes of how version ${version} of the workflow is written. Version ${latest} has been saved since: it can be tried again with that one.`,
    };
  }
  const given = WRITTEN_OR_GIVEN.has(error?.code ?? '') ? ', or with another input' : '';
  // What came with the run is kept nowhere else, and cannot be edited.
  if (version === 0) {
    return {
      first: 'retry',
      text: `It comes of how the definition is written that came with this run. Tried again as it is${given ? ' and with the same input' : ''}, it may fail in the same way.`,
    };
  }
  if (error?.class === 'capability') {
    return {
      first: 'edit',
      text: 'The workflow asks for an agent that is not there. Tried again as it is, it may fail in the same way: edit the workflow, or add the agent.',
    };
  }
  return {
    first: 'edit',
    text: `It comes of how the workflow is written. Tried again as it is, it may fail in the same way: edit the workflow, then try this run again with the new version${given}.`,
  };
}
