/**
 * @file Finds the Node that runs the engine. The engine is TypeScript without a build step, which Node runs
 * from version 24 on; npm can be older, so the packages of this project bring a Node 24 along.
 * This file runs on Node 20.
 */
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';

const NEEDED_MAJOR = 24;

/** Whether the Node running this is new enough for the engine. */
export function isNode24() {
  return Number(process.versions.node.split('.')[0]) >= NEEDED_MAJOR;
}

/** The path of a Node that can run the engine: this one, else the one npm installed, else undefined. */
export function findNode24() {
  if (isNode24()) return process.execPath;
  const isWindows = process.platform === 'win32';
  const name = `node-${isWindows ? 'win' : process.platform}-${process.arch}`;
  try {
    const folder = dirname(createRequire(import.meta.url).resolve(`${name}/package.json`));
    return join(folder, 'bin', isWindows ? 'node.exe' : 'node');
  } catch {
    return undefined;
  }
}

/** What to tell a person when findNode24 found none. */
export function missingNode24() {
  const here = `${process.platform}-${process.arch}`;
  return (
    `HDM Studio: expected Node ${NEEDED_MAJOR} or newer, got ${process.version}, and node_modules holds none for ${here}. ` +
    `Run \`npm ci\`; if that does not help, install Node ${NEEDED_MAJOR} from https://nodejs.org.`
  );
}
