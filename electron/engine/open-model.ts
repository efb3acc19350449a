/** @file The one model in memory. */
import { statSync } from 'node:fs';
import { openCheckpoint } from '../../engine/checkpoints/checkpoint.ts';
import { openPipeline, type Pipeline } from '../../engine/pipeline/pipeline.ts';
import { openRuntime, type ChosenRuntime } from '../../engine/runtime/devices.ts';
import type { WeightSources } from '../../engine/runtime/runtime.ts';
import type { Loadable } from './protocol.ts';

interface Opened {
  readonly loadable: Loadable;
  readonly pipeline: Pipeline;
  /** Of the files it was read from, to see when one is written anew. */
  readonly stamp: string;
}

export class OpenModel {
  readonly #runtimes = new Map<string, ChosenRuntime>();
  #opened: Opened | undefined;
  #chosen: ChosenRuntime | undefined;

  /** Path of the model in memory. */
  get path(): string | undefined {
    return this.#opened?.loadable.path;
  }

  /** The device that was used last. */
  get chosen(): ChosenRuntime | undefined {
    return this.#chosen;
  }

  /** The pipeline of a model when that is in memory and its files are as they were. */
  find(loadable: Loadable): Pipeline | undefined {
    const opened = this.#opened;
    const isSame = opened && JSON.stringify(opened.loadable) === JSON.stringify(loadable);
    return isSame && opened.stamp === stampOf(opened.pipeline) ? opened.pipeline : undefined;
  }

  /** Opens a model in place of the one in memory. Errors as `openCheckpoint`, `openRuntime` and `openPipeline`. */
  async open(loadable: Loadable): Promise<Pipeline> {
    await this.close();
    const { path, precision, adapters, device } = loadable;
    const checkpoint = openCheckpoint(path, loadable);
    const { runtime } = await this.runtime(device);
    const options = { adapters, ...(precision !== 'auto' && { precision }) };
    const pipeline = await openPipeline(runtime, checkpoint, options);
    this.#opened = { loadable, pipeline, stamp: stampOf(pipeline) };
    return pipeline;
  }

  /** Each device is looked for once: `auto` tries all of them, which takes seconds. */
  async runtime(device: string): Promise<ChosenRuntime> {
    const chosen = this.#runtimes.get(device) ?? (await openRuntime(device));
    this.#runtimes.set(device, chosen);
    this.#chosen = chosen;
    return chosen;
  }

  async close(): Promise<void> {
    const opened = this.#opened;
    this.#opened = undefined;
    await opened?.pipeline.dispose();
  }
}

/** Size and time of every file of weights; a training run writes its adapters again and again. */
function stampOf({ checkpoint, adapters }: Pipeline): string {
  const { transformer, textEncoder, vae } = checkpoint;
  const sources = [transformer, textEncoder, vae].flatMap((part) => (part ? filesOf(part.weights) : []));
  const files = new Set([...sources, ...adapters.map(({ adapter }) => adapter.path)]);
  return JSON.stringify([...files].map((file) => [file, ...sizeAndTime(file)]));
}

function filesOf(weights: WeightSources): string[] {
  return [...weights.values()].flatMap(({ place }) => (place.kind === 'file' ? [place.path] : []));
}

function sizeAndTime(file: string): number[] {
  const stats = statSync(file, { throwIfNoEntry: false });
  return stats ? [stats.size, stats.mtimeMs] : [];
}
