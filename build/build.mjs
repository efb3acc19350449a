/**
 * @file `npm run build`: makes out/ from the sources. What has not changed since the last time is left as it is;
 * `--force` makes it anew. `npm run build -- programs` or `window` makes that part only.
 */
import { createHash } from 'node:crypto';
import { existsSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { isNode24, runInNode24 } from './node24.mjs';

const ROOT = fileURLToPath(new URL('..', import.meta.url));

/** What is built by itself: its folders in out/, the sources it depends on, and how it is made. */
const PARTS = {
  programs: {
    folders: ['main', 'host'],
    sources: ['electron', 'engine', 'package.json', 'build/bundle.mjs'],
    make: buildPrograms,
  },
  window: {
    folders: ['renderer'],
    sources: ['renderer', 'electron/contract.ts', 'build/vite.config.mjs'],
    make: buildWindow,
  },
};
/** Versions of packages change what any part becomes. */
const SOURCES_OF_ALL = ['package-lock.json', 'build/build.mjs'];

if (isNode24()) await main();
else runInNode24([fileURLToPath(import.meta.url), ...process.argv.slice(2)]);

async function main() {
  try {
    const { values, positionals } = parseArgs({
      options: { force: { type: 'boolean' } },
      allowPositionals: true,
    });
    const names = positionals.length > 0 ? positionals : Object.keys(PARTS);
    for (const name of names) await buildPart(name, values.force);
  } catch (error) {
    console.error(error.message); // of a mistake in the sources, with the place
    process.exitCode = 1;
  }
}

async function buildPart(name, isForced) {
  const part = PARTS[name];
  if (!part) throw new Error(`build: expected ${Object.keys(PARTS).join(' or ')}, got ${name}.`);
  const stamp = join(ROOT, `out/.${name}`);
  // Taken before: what changes during the build makes another one.
  const state = fingerprint([...part.sources, ...SOURCES_OF_ALL]);
  const isThere = part.folders.every((folder) => existsSync(join(ROOT, 'out', folder)));
  if (!isForced && isThere && readStamp(stamp) === state) return;
  console.log(`Build: ${name} ...`);
  rmSync(stamp, { force: true });
  await part.make();
  writeFileSync(stamp, state);
}

async function buildWindow() {
  const { build } = await import('vite');
  await build({ configFile: join(ROOT, 'build/vite.config.mjs'), logLevel: 'error' });
}

async function buildPrograms() {
  const { bundleHost, bundleShell } = await import('./bundle.mjs');
  await Promise.all([bundleShell(ROOT), bundleHost(ROOT)]);
}

/** Names, sizes and times of all files: quick to take, and different after any change. */
function fingerprint(sources) {
  const hash = createHash('sha256');
  for (const source of sources) addFile(hash, source);
  return hash.digest('hex');
}

function addFile(hash, path) {
  const stat = statSync(join(ROOT, path), { throwIfNoEntry: false });
  if (!stat) return;
  if (stat.isDirectory()) {
    for (const name of readdirSync(join(ROOT, path)).sort()) addFile(hash, `${path}/${name}`);
  } else {
    hash.update(`${path} ${stat.size} ${stat.mtimeMs}\n`);
  }
}

function readStamp(path) {
  return existsSync(path) ? readFileSync(path, 'utf8') : '';
}
