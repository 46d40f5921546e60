/** Turns what happens into notices: which ones pop up is the person's choice, all are kept behind the bell. */
import { shortId } from '$lib/format';
import type { Recorded } from '$lib/feed/decode';
import { notices } from './notices.svelte';
import { pulse } from './pulse.svelte';
import { route } from '../../router';

export function watchForNotices(): () => void {
  return pulse.listen((events) => events.forEach(tell));
}

function tell(event: Recorded): void {
  const { run, step } = event.subject;
  if (!run) return;
  const href = `/runs/${run}${step ? `?step=${encodeURIComponent(step)}` : ''}`;
  const isOpen = route.pathname === `/runs/${run}`;
  const of = `run …${shortId(run)}`;
  switch (event.type) {
    case 'approval.requested':
      notices.tell(
        'needs_you',
        {
          tone: 'ask',
          title: 'Somebody is asked',
          text: `${String(event.data.action ?? step)} · ${of}`,
          href: '/needs-you',
        },
        event.time,
      );
      break;
    case 'run.failed':
      notices.tell(
        'run_failed',
        { tone: 'bad', title: 'A run failed', text: of, href: `/runs/${run}` },
        event.time,
      );
      break;
    case 'run.completed':
      notices.tell(
        'run_completed',
        { tone: 'good', title: 'A run completed', text: of, href: `/runs/${run}` },
        event.time,
      );
      break;
    case 'step.completed':
      if (isOpen)
        notices.tell(
          'step_completed',
          { tone: 'good', title: `${step} completed`, text: of, href },
          event.time,
        );
      break;
    case 'step.failed':
    case 'step.retrying':
      if (isOpen)
        notices.tell(
          'step_failed',
          {
            tone: 'bad',
            title: `${step} ${event.type === 'step.failed' ? 'failed' : 'is tried again'}`,
            text: of,
            href,
          },
          event.time,
        );
  }
}
