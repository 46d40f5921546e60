/** What a class of failure means, for people. */
export const CLASSES: Record<string, string> = {
  transient: 'A passing problem: it may work when it is tried again.',
  rate_limit: 'The service asked to be called less often.',
  timeout: 'There was no answer, or no sign of life, within the time that it had.',
  data: 'What it was given, or gave, does not fit what was declared.',
  configuration: 'Something is not set up for this call. Trying again alone will not help.',
  credential: 'A secret or a permission was refused.',
  capability: 'No enabled agent can do what was asked.',
  agent_bug: 'The agent broke its protocol.',
  rejected: 'A person said no, or did not answer in time.',
  budget: 'A limit of money, tokens or size is reached.',
  cancelled: 'The work was cancelled.',
};

export const HAPPENED: Record<string, string> = {
  no: 'nothing was done',
  yes: 'its effect happened',
  unknown: 'nobody knows whether it happened',
};
