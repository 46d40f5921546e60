/** What is written on a box of the picture: as much of a name as can be read there, and nothing that is cut off. */

export interface Label {
  /** One line, or two short ones. */
  lines: string[];
  small: boolean;
}

/** How wide a character is, by and large, in the two sizes; a little more than it is. */
const CHARACTER = 7;
const SMALL = 6.2;
/** What the box needs at its sides, and for the sign before the name. */
const SIDES = 14;
const SMALL_SIDES = 6;
const SIGN = 15;

export function labelOf(name: string, pixels: number): Label | null {
  if (name.length * CHARACTER <= pixels - SIDES - SIGN) return { lines: [name], small: false };
  const fit = Math.floor((pixels - SMALL_SIDES) / SMALL);
  if (fit < 1) return null;
  if (name.length <= fit) return { lines: [name], small: true };
  const two = inTwo(name, fit);
  if (two) return { lines: two, small: true };
  const short = shorten(name);
  return short.length <= fit ? { lines: [short], small: true } : null;
}

/** Broken where a word ends, if both parts have room. */
function inTwo(name: string, fit: number): string[] | null {
  const ends = [...name.matchAll(/[-_./ ]/g)].map((end) => end.index + 1);
  // The more even the better.
  const at = ends
    .filter((end) => end <= fit && name.length - end <= fit)
    .toSorted((a, b) => Math.abs(a - name.length / 2) - Math.abs(b - name.length / 2))[0];
  return at === undefined ? null : [name.slice(0, at), name.slice(at)];
}

/** The first letter of each word, and the number at the end: `partition-12` is `p12`, `human-gates` is `hg`. */
export function shorten(name: string): string {
  const words = name.split(/[-_./ ]+/).filter(Boolean);
  return words
    .map((word) => (/^\d+$/.test(word) ? word : word.replace(/^(\D)\D*(\d*)$/, '$1$2').slice(0, 3)))
    .join('');
}
