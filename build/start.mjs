/**
 * @file `npm start`: builds what has changed and opens the studio, as a desktop app where Electron runs, else in the
 * browser. With arguments it is the command `hdm-studio`.
 */
import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { findElectron } from './electron.mjs';
import { findNode24, missingNode24, runProgram } from './node24.mjs';

const ROOT = fileURLToPath(new URL('..', import.meta.url));

if (process.argv.length > 2) await import('./hdm-studio.mjs');
else openStudio();

function openStudio() {
  const node = findNode24();
  if (!node) return fail(missingNode24());
  const { status } = spawnSync(node, ['build/build.mjs'], { cwd: ROOT, stdio: 'inherit' });
  if (status !== 0) return fail('HDM Studio: the build failed; its message stands above.');

  const { program, problem } = findElectron();
  if (!problem) return runProgram(program, ['.'], { cwd: ROOT, env: environmentOfElectron() });
  console.log(`HDM Studio opens in the browser: ${problem}.`);
  runProgram(node, ['out/host/hdm-studio.mjs', 'serve', '--open'], { cwd: ROOT });
}

/** Editors that are Electron themselves set what makes of it a plain Node. */
function environmentOfElectron() {
  const { ELECTRON_RUN_AS_NODE: _, ...environment } = process.env;
  return environment;
}

function fail(message) {
  console.error(message);
  process.exitCode = 1;
}
