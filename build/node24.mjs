/**
 * @file Finds the Node that runs the engine, and runs programs in it. The sources are TypeScript, which Node runs
 * as it is from version 24 on; npm can be older, so the packages of this project bring a Node 24 along.
 * This file runs on Node 20.
 */
import { spawn } from 'node:child_process';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';

const NEEDED_MAJOR = 24;

/** Whether the Node running this is new enough for the engine. */
export function isNode24() {
  return Number(process.versions.node.split('.')[0]) >= NEEDED_MAJOR;
}

/** The path of a Node that can run the engine: this one, else the one npm installed, else undefined. */
export function findNode24() {
  return isNode24() ? process.execPath : installedNode24();
}

/** The path of the Node that npm installed with this project, or undefined where there is none for this system. */
export function installedNode24() {
  const isWindows = process.platform === 'win32';
  const name = `node-${isWindows ? 'win' : process.platform}-${process.arch}`;
  try {
    const folder = dirname(createRequire(import.meta.url).resolve(`${name}/package.json`));
    return join(folder, 'bin', isWindows ? 'node.exe' : 'node');
  } catch {
    return undefined;
  }
}

/**
 * Runs a program in Node 24: signals go down to it, its exit code or signal comes back up. Ends with a message
 * where there is no Node 24.
 */
export function runInNode24(args) {
  const node = findNode24();
  if (node) return runProgram(node, args);
  console.error(missingNode24());
  process.exitCode = 1;
}

/** Starts a program in this terminal and ends as it ends. */
export function runProgram(program, args, options = {}) {
  const child = spawn(program, args, { stdio: 'inherit', ...options });
  const stopPassing = passSignals(child);
  child.on('error', (error) => {
    console.error(`HDM Studio: cannot start ${program}: ${error.message}.`);
    process.exitCode = 1;
  });
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

/** What to tell a person when findNode24 found none. */
export function missingNode24() {
  const here = `${process.platform}-${process.arch}`;
  return (
    `HDM Studio: expected Node ${NEEDED_MAJOR} or newer, got ${process.version}, and node_modules holds none for ${here}. ` +
    `Run \`npm ci\`; if that does not help, install Node ${NEEDED_MAJOR} from https://nodejs.org.`
  );
}
