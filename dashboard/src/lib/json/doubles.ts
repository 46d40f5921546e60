/** Numbers in JSON that a form would change: what it holds is a double. */

const NUMBER = /"(?:[^"\\]|\\.)*"|-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?/g;
/** Any number of so many digits is what it was after it has been a double. */
const SAFE_DIGITS = 15;

/** Whether all numbers of a text are the same once they have been read and written again. */
export function fitsDoubles(text: string): boolean {
  for (const [word] of text.matchAll(NUMBER)) if (!word.startsWith('"') && !isKept(word)) return false;
  return true;
}

function isKept(word: string): boolean {
  const number = Number(word);
  if (!Number.isFinite(number)) return false;
  const digits = word
    .replace(/[eE].*$/, '')
    .replaceAll(/[-.]/g, '')
    .replace(/^0+/, '');
  if (digits === '') return true;
  if (number === 0) return false;
  if (digits.length <= SAFE_DIGITS || String(number) === word) return true;
  return /^-?\d+$/.test(word) && BigInt(word) === BigInt(number);
}
