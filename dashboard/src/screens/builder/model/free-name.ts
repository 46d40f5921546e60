/** Gives a document a name that no workflow has yet, when its own is taken. */
import { ifThere } from '../definitions';
import { read, set } from './text';

const TRIES = 30;

export async function freeName(text: string): Promise<string> {
  const name = read(text).get('name');
  if (typeof name !== 'string') return text;
  for (let n = 1; n <= TRIES; n += 1) {
    const free = n === 1 ? name : `${name.slice(0, 58)}-${n}`;
    if ((await ifThere(free)) === null) return free === name ? text : set(text, ['name'], free);
  }
  return text;
}
