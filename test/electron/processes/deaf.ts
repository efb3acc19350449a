/** @file An engine's process that takes every task and never ends one. */
process.send!({ t: 'q', m: 'ready', a: [] });
process.on('message', (message: { m: string; a: [{ id: string }] }) => {
  if (message.m !== 'draw') return;
  process.send!({ t: 'q', m: 'progress', a: [message.a[0].id, { phase: 'denoising', step: 1, steps: 2 }] });
});
