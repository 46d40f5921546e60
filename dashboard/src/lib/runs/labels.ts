/** Labels as people type them: `team=platform, reason=test`. */

export type Labels = { ok: true; labels: Record<string, string> } | { ok: false; message: string };

export function labelsOf(text: string): Labels {
  const labels: Record<string, string> = {};
  for (const part of text.split(/[,\n]/)) {
    const pair = part.trim();
    if (pair === '') continue;
    const at = pair.indexOf('=');
    if (at <= 0) return { ok: false, message: `“${pair}” is no key=value` };
    const name = pair.slice(0, at).trim();
    if (name.startsWith('ghostlight.'))
      return { ok: false, message: 'Labels that begin with ghostlight. are set by the daemon' };
    labels[name] = pair.slice(at + 1).trim();
  }
  return { ok: true, labels };
}

export function labelText(labels: Record<string, string>): string {
  return Object.entries(labels)
    .map(([name, value]) => `${name}=${value}`)
    .join(',');
}
