/** How people are called on the screen: everybody has one name, wherever it stands. */

/** `local` and `token:…`, as the daemon calls them, within a sentence. */
export function person(by: string | null | undefined): string {
  if (!by) return 'nobody in particular';
  if (by === 'local') return 'the local user';
  return by.startsWith('token:') ? `token …${by.slice('token:'.length).slice(-8)}` : by;
}

/** The same where it begins a sentence. */
export function personFirst(by: string | null | undefined): string {
  const name = person(by);
  return name === by ? name : name.charAt(0).toUpperCase() + name.slice(1);
}
