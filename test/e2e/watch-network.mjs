/**
 * @file Loaded into the host, and by it into every process of Node that it starts (`node --import`): writes down each
 * name that is looked up and each address that is connected to, but for this machine's own. A test then asserts that
 * nothing was.
 */
import childProcess from 'node:child_process';
import dgram from 'node:dgram';
import dns from 'node:dns';
import { appendFileSync } from 'node:fs';
import { syncBuiltinESMExports } from 'node:module';
import net from 'node:net';
import { basename } from 'node:path';
import { fileURLToPath } from 'node:url';

const SELF = fileURLToPath(import.meta.url);
const OWN = /^(127\.|::1$|::ffff:127\.|localhost$)/;
const log = process.env['HDM_NETWORK_LOG'];

if (log) watch();

function watch() {
  for (const names of [dns, dns.promises]) {
    for (const method of Object.keys(names).filter((key) => /^(lookup|resolve)/.test(key))) {
      before(names, method, (name) => note('lookup', name));
    }
  }
  before(net.Socket.prototype, 'connect', noteConnection);
  before(dgram.Socket.prototype, 'send', (...args) => {
    note('send', args.findLast((arg) => typeof arg === 'string') ?? 'localhost');
  });
  followChildren();
  syncBuiltinESMExports(); // modules that imported the functions by name get these
}

function note(what, host) {
  if (!OWN.test(host)) appendFileSync(log, `${basename(process.argv[1] ?? 'node')} ${what} ${host}\n`);
}

/** Sockets of the file system have a path and no host. */
function noteConnection(...args) {
  const [options] = Array.isArray(args[0]) ? args[0] : args;
  const [port, host] = typeof options === 'object' ? [options?.port, options?.host] : [options, args[1]];
  if (port !== undefined) note('connect', typeof host === 'string' ? host : 'localhost');
}

/** Options for Node do not go down to the engine, so it is told by its command line. */
function followChildren() {
  const { fork, spawn } = childProcess;
  childProcess.fork = (file, args, options) => {
    const execArgv = ['--import', SELF, ...(options?.execArgv ?? [])];
    return fork(file, args, { ...options, execArgv });
  };
  childProcess.spawn = (program, args, options) => {
    const isNode = /^node(\.exe)?$/.test(basename(program)) && Array.isArray(args);
    return spawn(program, isNode ? ['--import', SELF, ...args] : args, options);
  };
}

function before(object, method, hear) {
  const original = object[method];
  object[method] = function (...args) {
    hear(...args);
    return original.apply(this, args);
  };
}
