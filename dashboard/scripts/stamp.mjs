// Writes dist/sources.json: the hash of what the dashboard was built from, and the hash of every file that came of it.
//
// The built files are part of the repository, so that the daemon can be built without Node. `cargo xtask tidy` computes the same
// and refuses files that belong to other sources, or that somebody has changed by hand (xtask/src/tidy/dashboard.rs: what is
// changed here is changed there). The last step of `npm run build`: node scripts/stamp.mjs [FOLDER]
//
// Sources are the files below the folders and by the names that follow, without those whose names begin with a dot. In the order
// of the bytes of their paths, each goes into one SHA-256 as its path from here with `/`, a zero, its length as a decimal
// number, a zero, and its content.

import { createHash } from 'node:crypto';
import { existsSync, readFileSync, readdirSync, writeFileSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';

const FOLDERS = ['public', 'scripts', 'src'];
const FILES = ['index.html', 'package.json', 'package-lock.json'];
const PATTERNS = [/^tsconfig.*\.json$/, /^vite\.config\./, /^svelte\.config\./];
const STAMP = 'sources.json';

const root = resolve(process.argv[2] ?? join(dirname(fileURLToPath(import.meta.url)), '..'));

// All files below a folder, as paths from there. A link is no file: what it leads to may be another on the next machine.
function below(folder, takes, prefix = '') {
  if (!existsSync(folder)) return [];
  return readdirSync(folder, { withFileTypes: true })
    .filter((entry) => takes(entry.name))
    .flatMap((entry) => {
      const path = prefix + entry.name;
      if (entry.isDirectory()) return below(join(folder, entry.name), takes, `${path}/`);
      return entry.isFile() ? [path] : [];
    });
}

// The order of UTF-8, which JavaScript's own is not.
function inOrder(paths) {
  return paths.sort((one, other) => Buffer.compare(Buffer.from(one), Buffer.from(other)));
}

function sources() {
  const isOurs = (name) => !name.startsWith('.');
  const isSource = (name) => FILES.includes(name) || PATTERNS.some((pattern) => pattern.test(name));
  const top = readdirSync(root, { withFileTypes: true }).filter((entry) => entry.isFile() && isSource(entry.name));
  const deep = FOLDERS.flatMap((folder) => below(join(root, folder), isOurs, `${folder}/`));
  return inOrder([...top.map((entry) => entry.name), ...deep]);
}

function hashOfSources() {
  const hash = createHash('sha256');
  for (const path of sources()) {
    const content = readFileSync(join(root, path));
    hash.update(`${path}\0${content.length}\0`).update(content);
  }
  return hash.digest('hex');
}

const dist = join(root, 'dist');
const built = inOrder(below(dist, () => true).filter((path) => path !== STAMP));
const hashOf = (path) => createHash('sha256').update(readFileSync(join(dist, path))).digest('hex');
const stamp = {
  sources: hashOfSources(),
  files: Object.fromEntries(built.map((path) => [path, hashOf(path)])),
};
writeFileSync(join(dist, STAMP), `${JSON.stringify(stamp, null, 2)}\n`);
