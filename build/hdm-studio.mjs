#!/usr/bin/env node
/** @file The command `hdm-studio`: runs the command line from its sources, here or in the Node 24 of npm. */
import { fileURLToPath } from 'node:url';
import { isNode24, runInNode24 } from './node24.mjs';

const args = process.argv.slice(2);

if (isNode24()) {
  process.on('SIGINT', endUnlessHeard);
  const { hdmStudio } = await import('../electron/cli.ts');
  process.exitCode = await hdmStudio(args);
} else {
  runInNode24([fileURLToPath(import.meta.url), ...args]);
}

/** Ctrl-C ends with 1 as everything that was not done, also before a command is there to end in its own way. */
function endUnlessHeard() {
  if (process.listenerCount('SIGINT') === 1) process.exit(1);
}
