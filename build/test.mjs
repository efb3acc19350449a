/**
 * @file `npm test`: set-up, then all checks of the sources at once, then the tests; says at the end what failed.
 * Arguments go to vitest (`npm test -- test/graph`); the end-to-end tests are then left out. The last line counts the
 * tests, for a program to read.
 */
import { spawn, spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { findNode24, missingNode24 } from './node24.mjs';

const ROOT = fileURLToPath(new URL('..', import.meta.url));
/** Steps with tests that are counted. */
const COUNTED = ['set-up', 'tests', 'e2e'];

process.exitCode = (await runAll()) ? 0 : 1;

async function runAll() {
  const scratch = mkdtempSync(join(tmpdir(), 'hdm-studio-'));
  const results = { tests: join(scratch, 'tests.json'), e2e: join(scratch, 'e2e.json') };
  const failed = setUp() ? [...(await runChecks()), ...runTests(results)] : ['set-up'];
  const counts = addCounts(countTests(results.tests), countEndToEnd(results.e2e));
  rmSync(scratch, { recursive: true, force: true });

  // A crash of a test program or of the set-up leaves no failed test behind, yet it is one.
  if (counts.failed === 0 && failed.some((name) => COUNTED.includes(name))) counts.failed = 1;
  console.log(failed.length > 0 ? `\nFailed: ${failed.join(', ')}` : '');
  console.log(`${counts.passed} passed, ${counts.failed} failed, ${counts.skipped} skipped`);
  return failed.length === 0;
}

function setUp() {
  if (!runNode(process.execPath, ['build/setup.mjs', '--tests'])) return false;
  if (!findNode24()) console.error(missingNode24());
  return findNode24() !== undefined;
}

/** Types, style and format. None of them uses more than one core. Returns the names of those that failed. */
async function runChecks() {
  const tsc = ['node_modules/typescript/bin/tsc', '-p'];
  const checks = {
    types: [...tsc, '.'],
    'types of the window': [
      'node_modules/svelte-check/bin/svelte-check',
      '--tsconfig',
      'renderer/tsconfig.json',
    ],
    'types of its tests': [...tsc, 'test/renderer'],
    'types of the end-to-end tests': [...tsc, 'test/e2e'],
    lint: ['node_modules/eslint/bin/eslint.js', '.', '--max-warnings=0'],
    format: ['node_modules/prettier/bin/prettier.cjs', '.', '--check', '--log-level=warn'],
  };
  const names = Object.keys(checks);
  const passed = await Promise.all(names.map((name) => runCheck(name, checks[name])));
  return names.filter((_, index) => !passed[index]);
}

/** Says what a program said when it has ended, so that those that run at once do not talk at once. */
async function runCheck(name, args) {
  const child = spawn(findNode24(), args, { cwd: ROOT });
  let output = '';
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (text) => (output += text));
  const code = await new Promise((resolve) => child.on('close', resolve).on('error', resolve));
  console.log(`\n== ${name}\n${output.trimEnd()}`);
  return code === 0;
}

/** Runs all tests, whatever failed before. Returns the names of those that failed. */
function runTests(results) {
  const wanted = process.argv.slice(2);
  const reporters = ['--reporter=default', '--reporter=json', `--outputFile.json=${results.tests}`];
  const steps = {
    tests: ['node_modules/vitest/vitest.mjs', 'run', ...reporters, ...wanted],
    ...(wanted.length === 0 && { e2e: ['build/test-e2e.mjs'] }),
  };
  return Object.keys(steps).filter((name) => {
    console.log(`\n== ${name}`);
    return !runNode(findNode24(), steps[name], { E2E_RESULTS: results.e2e });
  });
}

/** Whether the program ended well. */
function runNode(node, args, environment = {}) {
  const env = { ...process.env, ...environment };
  return spawnSync(node, args, { cwd: ROOT, env, stdio: 'inherit' }).status === 0;
}

/** Counts from vitest's report; a file that failed outside its tests counts as one failure. */
function countTests(resultsFile) {
  const counts = { passed: 0, failed: 0, skipped: 0 };
  for (const file of readReport(resultsFile)?.testResults ?? []) {
    const results = file.assertionResults.map(({ status }) => status);
    if (file.status === 'failed' && !results.includes('failed')) counts.failed += 1;
    for (const result of results) counts[result in counts ? result : 'skipped'] += 1;
  }
  return counts;
}

/** Counts from Playwright's report; what it found wrong outside its tests counts as one failure. */
function countEndToEnd(resultsFile) {
  const { stats, errors = [] } = readReport(resultsFile) ?? {};
  const { expected = 0, flaky = 0, unexpected = 0, skipped = 0 } = stats ?? {};
  return { passed: expected + flaky, failed: unexpected || Math.min(errors.length, 1), skipped };
}

function addCounts(a, b) {
  return { passed: a.passed + b.passed, failed: a.failed + b.failed, skipped: a.skipped + b.skipped };
}

/** Undefined when the program did not come far enough to write one. */
function readReport(resultsFile) {
  return existsSync(resultsFile) ? JSON.parse(readFileSync(resultsFile, 'utf8')) : undefined;
}
