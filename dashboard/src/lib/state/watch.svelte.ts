/** Turns what happens into notices: which ones pop up is the person's choice, all are kept behind the bell. */
import { notices } from './notices.svelte';
import { pulse } from './pulse.svelte';
import { Families, settledBy, toldOf } from './told';
import { route } from '../../router';

export function watchForNotices(): () => void {
  const families = new Families();
  return pulse.listen((events) => {
    for (const event of events) {
      const settled = settledBy(event);
      if (settled) notices.settle(settled);
      families.hear(event);
      const { run } = event.subject;
      const told = toldOf(event, route.pathname === `/runs/${run}`, run && families.rootOf(run));
      if (told) notices.tell(told.kind, told.notice, event.time);
    }
  });
}
