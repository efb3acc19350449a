/**
 * @file `npm test`: set-up, then every check, one after the other; says at the end which of them failed.
 * Arguments go to vitest (`npm test -- test/graph`). The last line counts the tests, for a program to read.
 */
import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { findNode24, missingNode24 } from './node24.mjs';

const ROOT = fileURLToPath(new URL('..', import.meta.url));

process.exitCode = runAll() ? 0 : 1;

function runAll() {
  const scratch = mkdtempSync(join(tmpdir(), 'hdm-studio-'));
  const resultsFile = join(scratch, 'results.json');
  const failed = setUp() ? runSteps(resultsFile) : ['set-up'];
  const counts = countTests(resultsFile);
  rmSync(scratch, { recursive: true, force: true });

  // A crash of vitest or of the set-up leaves no failed test behind, yet it is one.
  if (counts.failed === 0 && failed.some((name) => name === 'tests' || name === 'set-up')) counts.failed = 1;
  console.log(failed.length > 0 ? `\nFailed: ${failed.join(', ')}` : '');
  console.log(`${counts.passed} passed, ${counts.failed} failed, ${counts.skipped} skipped`);
  return failed.length === 0;
}

function setUp() {
  if (!runNode(process.execPath, 'build/setup.mjs', '--tests')) return false;
  if (!findNode24()) console.error(missingNode24());
  return findNode24() !== undefined;
}

/** Runs all steps, whatever the others did. Returns the names of those that failed. */
function runSteps(resultsFile) {
  const reporters = ['--reporter=default', '--reporter=json', `--outputFile.json=${resultsFile}`];
  const steps = {
    types: ['node_modules/typescript/bin/tsc', '-p', '.'],
    lint: ['node_modules/eslint/bin/eslint.js', '.', '--max-warnings=0'],
    format: ['node_modules/prettier/bin/prettier.cjs', '.', '--check', '--log-level=warn'],
    tests: ['node_modules/vitest/vitest.mjs', 'run', ...reporters, ...process.argv.slice(2)],
  };
  return Object.keys(steps).filter((name) => {
    console.log(`\n== ${name}`);
    return !runNode(findNode24(), ...steps[name]);
  });
}

/** Whether the program ended well. */
function runNode(node, ...args) {
  return spawnSync(node, args, { cwd: ROOT, stdio: 'inherit' }).status === 0;
}

/** Counts from vitest's report; a file that failed outside its tests counts as one failure. */
function countTests(resultsFile) {
  const counts = { passed: 0, failed: 0, skipped: 0 };
  for (const file of readReport(resultsFile)) {
    const results = file.assertionResults.map(({ status }) => status);
    if (file.status === 'failed' && !results.includes('failed')) counts.failed += 1;
    for (const result of results) counts[result in counts ? result : 'skipped'] += 1;
  }
  return counts;
}

function readReport(resultsFile) {
  if (!existsSync(resultsFile)) return []; // vitest did not come far enough to write one
  return JSON.parse(readFileSync(resultsFile, 'utf8')).testResults;
}
