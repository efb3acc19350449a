/**
 * @file End-to-end tests: the built studio in a real browser, and the desktop app with the same tests. `npm run
 * test:e2e` builds first. The desktop half runs in Electron where its binary is there, else in a stand-in for it
 * (`ELECTRON_OVERRIDE_DIST_PATH`, or ../shared/electron-stand-in beside the checkout), else it is skipped.
 */
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { defineConfig } from '@playwright/test';

/** Not in the system's temporary folder: another checkout's run would clear it. */
const OUT = fileURLToPath(new URL('../../out/e2e', import.meta.url));

/** What the server for browsers does, and what pages look like and do that no shell has a part in. */
const BROWSER_ONLY = [
  'browser-*',
  'screens',
  'camera',
  'compare',
  'crash-again',
  'drawing',
  'keyboard',
  'library',
  'models',
  'queue',
  'restore',
  'scroll',
  'settings',
  'start',
  'first-run',
].map((name) => `${name}.spec.ts`);

export default defineConfig({
  testDir: '.',
  outputDir: join(OUT, 'results'),
  // Both only end what hangs: how long something takes on a busy machine is nobody's failure.
  timeout: 300_000,
  expect: { timeout: 60_000 },
  workers: Math.min(2, availableParallelism()), // the engine of each takes every core while it draws
  forbidOnly: true,
  retries: process.env['CI'] ? 2 : 0, // other work on a shared machine must not fail a run
  reporter: [['list'], ['json', { outputFile: process.env['E2E_RESULTS'] ?? join(OUT, 'results.json') }]],
  use: { screenshot: 'only-on-failure' },
  projects: [
    { name: 'browser', metadata: { mode: 'browser' } },
    { name: 'desktop', metadata: { mode: 'desktop' }, testIgnore: BROWSER_ONLY },
  ],
});
