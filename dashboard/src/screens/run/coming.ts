/** What the API says of a run that is read alone, and its types do not yet: this goes when their snapshot has it. */
import type { components } from '$lib/api/schema';

export type Run = components['schemas']['Run'] & {
  /** Why somebody asked to cancel it, for people. */
  cancel_reason?: string | null;
  /** More about why it is paused, for people. */
  pause_message?: string | null;
};
