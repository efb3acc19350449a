/** @file A thread that makes samples, or inputs of a step, for the thread that trains. */
import { parentPort } from 'node:worker_threads';
import sharp from 'sharp';
import { toHdmError } from '../../errors.ts';
import { work, type Answer, type Request } from './workers.ts';

sharp.concurrency(1); // there is a thread for each core already

parentPort!.on('message', (request: Request) => void answer(request));

async function answer({ id, task }: Request): Promise<void> {
  try {
    const made = await work(task);
    const arrays = Object.values(made).flatMap((part: object) => {
      if (ArrayBuffer.isView(part)) return [part.buffer as ArrayBuffer];
      return 'data' in part && ArrayBuffer.isView(part.data) ? [part.data.buffer as ArrayBuffer] : [];
    });
    parentPort!.postMessage({ id, made } satisfies Answer, [...new Set(arrays)]);
  } catch (error) {
    const { code, message } = toHdmError(error, 'data loader');
    parentPort!.postMessage({ id, error: { code, message } } satisfies Answer);
  }
}
