/** @file An engine's process whose main thread never comes back from a computation. */
import { watchHost } from '../../../electron/engine/host-watch.ts';

watchHost();
process.send!({ t: 'q', m: 'ready', a: [] });
process.on('message', ({ a: [task] }: { a: [{ id: string }] }) => {
  const progress = { phase: 'denoising', step: 1, steps: 2 };
  process.send!({ t: 'q', m: 'progress', a: [task.id, progress] }, () => {
    for (;;); // a pass that takes hours
  });
});
