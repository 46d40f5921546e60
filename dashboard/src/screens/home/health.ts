/** What is not well with a daemon, in sentences. */
import type { Readiness } from '$lib/api/readiness';
import { bytes } from '$lib/format';

export function findings({ ready, draining, storage, journal, views }: Readiness): string[] {
  const found: string[] = [];
  if (draining) found.push('The daemon is shutting down: nothing new starts');
  if (!journal.available) found.push('The journal takes no writes: nothing can go on');
  const room = `${bytes(storage.free_bytes)} free`;
  if (storage.level === 'full') found.push(`The disk is full (${room})`);
  else if (storage.level === 'short') found.push(`The disk is short of room (${room}): nothing new starts`);
  else if (storage.level === 'low') found.push(`The disk is getting short of room (${room})`);
  for (const [name, view] of Object.entries(
    views as Record<string, { state: string; reason?: string | null }>,
  )) {
    if (view.state === 'set_aside')
      found.push(`The list of ${name} is being rebuilt${view.reason ? `: ${view.reason}` : ''}`);
    else if (view.state === 'catching_up' || view.state === 'opening')
      found.push(`The list of ${name} is catching up`);
    else if (view.state === 'stopped') found.push(`The list of ${name} has stopped`);
  }
  if (!ready && found.length === 0) found.push('The daemon is not ready');
  return found;
}
