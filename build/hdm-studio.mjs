#!/usr/bin/env node
/** @file The command `hdm-studio`: runs engine/cli.ts here when this Node can, else in the Node 24 of npm. */
import { spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { findNode24, isNode24, missingNode24 } from './node24.mjs';

if (isNode24()) {
  const { main } = await import('../engine/cli.ts');
  process.exitCode = await main(process.argv.slice(2));
} else {
  runInNode24();
}

/** Starts this file again in Node 24; signals go down to it, its exit code or signal comes back up. */
function runInNode24() {
  const node = findNode24();
  if (!node) return fail(missingNode24());

  const child = spawn(node, [fileURLToPath(import.meta.url), ...process.argv.slice(2)], { stdio: 'inherit' });
  const stopPassing = passSignals(child);
  child.on('error', (error) => fail(`HDM Studio: cannot start ${node}: ${error.message}.`));
  child.on('exit', (code, signal) => {
    stopPassing();
    if (signal) process.kill(process.pid, signal);
    else process.exitCode = code;
  });
}

function passSignals(child) {
  // A terminal sends Ctrl-C to both processes; passed on as well, it would count twice.
  const atTerminal = process.stdin.isTTY || process.stdout.isTTY || process.stderr.isTTY;
  const handlers = ['SIGINT', 'SIGTERM', 'SIGHUP'].map((signal) => {
    const pass = () => (signal === 'SIGINT' && atTerminal) || child.kill(signal);
    process.on(signal, pass);
    return () => process.off(signal, pass);
  });
  return () => handlers.forEach((remove) => remove());
}

function fail(message) {
  console.error(message);
  process.exitCode = 1;
}
