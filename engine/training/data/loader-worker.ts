/** @file A thread that makes samples for the loader. */
import { parentPort } from 'node:worker_threads';
import sharp from 'sharp';
import { toHdmError } from '../../errors.ts';
import { makeSample } from './sample.ts';
import type { Answer, Request } from './workers.ts';

sharp.concurrency(1); // there is a thread for each core already

parentPort!.on('message', (request: Request) => void answer(request));

async function answer({ id, task }: Request): Promise<void> {
  try {
    const sample = await makeSample(task);
    parentPort!.postMessage({ id, sample } satisfies Answer, [sample.pixels.buffer, sample.positions.buffer]);
  } catch (error) {
    const { code, message } = toHdmError(error, task.name);
    parentPort!.postMessage({ id, error: { code, message } } satisfies Answer);
  }
}
