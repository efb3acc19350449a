/**
 * @file The engine's process. The host forks it, asks over the pipe between them, and it ends with the host. What
 * draws is loaded with the first request, so that an engine nobody needs yet stays small.
 */
import { createBirpc } from 'birpc';
import { endNow } from './host-watch.ts';
import type { EngineFunctions, HostOfEngineFunctions } from './protocol.ts';
import type { Tasks } from './tasks.ts';

let loading: Promise<Tasks> | undefined;

function tasks(): Promise<Tasks> {
  loading ??= import('./tasks.ts').then(({ Tasks }) => {
    return new Tasks({
      progress: (...news) => void host.progress.asEvent(...news),
      status: (status) => void host.status.asEvent(status),
      trained: (...news) => void host.trained.asEvent(...news),
    });
  });
  return loading;
}

const functions: EngineFunctions = {
  draw: async (task) => (await tasks()).draw(task),
  draft: async (task) => (await tasks()).draft(task),
  cancel: async (taskId) => (await loading)?.cancel(taskId),
  unload: async () => (await loading)?.unload(),
  train: async (task) => (await tasks()).train(task),
  ask: async (runId, request) => (await loading)?.ask(runId, request),
  giveWay: async (runId) => (await loading)?.giveWay(runId) ?? false,
  goOn: async (runId) => (await loading)?.goOn(runId),
  measure: async (task) => (await tasks()).measure(task),
  score: async (task) => (await tasks()).score(task),
  devices: async () => (await tasks()).devices(),
  check: async (device, folder) => (await tasks()).check(device, folder),
};

const host = createBirpc<HostOfEngineFunctions, EngineFunctions>(functions, {
  // What cannot be sent has no receiver any more; 'disconnect' tells.
  post: (message) => void process.send!(message, undefined, undefined, () => {}),
  on: (listener) => void process.on('message', listener),
  timeout: -1,
});

process.on('disconnect', endNow);
// A terminal and the system tell a whole group of processes to end; when this one does is for the host to say.
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => {});

void host.ready.asEvent();
