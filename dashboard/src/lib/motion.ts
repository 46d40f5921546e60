/** Movement for whoever has not asked for less of it. */

export function isCalm(): boolean {
  return matchMedia('(prefers-reduced-motion: reduce)').matches;
}

/** Brings something into sight, as little as is needed for all of it. */
export function bringIntoSight(element: Element | null | undefined): void {
  element?.scrollIntoView({ block: 'nearest', behavior: isCalm() ? 'auto' : 'smooth' });
}
