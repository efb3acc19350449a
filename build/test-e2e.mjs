/**
 * @file `npm run test:e2e`: builds what has changed and runs the end-to-end tests in Node 24. Arguments go to
 * Playwright (`npm run test:e2e -- queue --project browser`).
 */
import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { findNode24, missingNode24, runProgram } from './node24.mjs';

const ROOT = fileURLToPath(new URL('..', import.meta.url));
const PLAYWRIGHT = ['node_modules/@playwright/test/cli.js', 'test', '-c', 'test/e2e'];

const node = findNode24();
if (!node) fail(missingNode24());
else if (spawnSync(node, ['build/build.mjs'], { cwd: ROOT, stdio: 'inherit' }).status !== 0) {
  fail('HDM Studio: the build failed; its message stands above.');
} else {
  runProgram(node, [...PLAYWRIGHT, ...process.argv.slice(2)], { cwd: ROOT });
}

function fail(message) {
  console.error(message);
  process.exitCode = 1;
}
