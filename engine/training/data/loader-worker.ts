/** @file A thread that makes samples for the loader. */
import { parentPort } from 'node:worker_threads';
import sharp from 'sharp';
import { makeSamples } from './sample.ts';
import type { Answer, Request } from './workers.ts';

sharp.concurrency(1); // there is a thread for each core already

parentPort!.on('message', (request: Request) => void answer(request));

async function answer({ id, task }: Request): Promise<void> {
  const samples = await makeSamples(task);
  const { pixels, positions, addon } = samples;
  parentPort!.postMessage({ id, samples } satisfies Answer, [pixels.buffer, positions.buffer, addon.buffer]);
}
