/** What is written on a box of the picture: as much of a name as can be read there, and nothing that is cut off in the middle. */

export interface Label {
  /** One line, or two short ones. */
  lines: string[];
  small: boolean;
}

/** How wide a character of the small size is, by and large. */
const WIDE = 6.3;
const NARROW = 4;
/** The usual size is so much larger. */
const LARGER = 1.15;
/** What the box needs at its sides, and for the sign before the name. */
const SIDES = 18;
const SMALL_SIDES = 3;
const SIGN = 15;
/** Below this the few that fit would look like chance. */
const LEAST = 18;

export function labelOf(name: string, pixels: number): Label | null {
  if (pixels < LEAST) return null;
  if (widthOf(name) * LARGER <= pixels - SIDES - SIGN) return { lines: [name], small: false };
  const fits = (text: string) => widthOf(text) <= pixels - SMALL_SIDES;
  const lines = [[name], inTwo(name, fits), [shorten(name)], hyphened(name, fits)].find((all) =>
    all?.every(fits),
  );
  return lines ? { lines, small: true } : null;
}

function widthOf(text: string): number {
  return [...text].reduce((sum, one) => sum + (/[1fijlrt.,:;|'\-]/.test(one) ? NARROW : WIDE), 0);
}

/** Broken where a word ends, the more even the better. */
function inTwo(name: string, fits: (text: string) => boolean): string[] | undefined {
  return [...name.matchAll(/[-_./ ]/g)]
    .map((end) => end.index + 1)
    .toSorted((a, b) => Math.abs(a - name.length / 2) - Math.abs(b - name.length / 2))
    .map((at) => [name.slice(0, at), name.slice(at)])
    .find((parts) => parts.every(fits));
}

/** A word that is too long for a line is broken as in a book, if enough of it stands on each. */
function hyphened(name: string, fits: (text: string) => boolean): string[] | undefined {
  if (!/^[a-z]+$/i.test(name)) return undefined;
  for (let at = name.length - 3; at >= 3; at -= 1) {
    const parts = [`${name.slice(0, at)}-`, name.slice(at)];
    if (parts.every(fits)) return parts;
  }
  return undefined;
}

/** The first letter of each word, and the number at the end: `partition-12` is `p12`. A word without a number has no shorter name, and an id its end. */
export function shorten(name: string): string {
  if (/^[0-9a-f]{8}$/.test(name)) return name.slice(-4);
  const words = name.split(/[-_./ ]+/).filter(Boolean);
  if (words.length === 1 && !/\d/.test(name)) return name;
  return words.map((word) => (/^\d+$/.test(word) ? word : word.replace(/^(\D)\D*/, '$1'))).join('');
}
