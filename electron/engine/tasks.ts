/** @file What the engine's process does for its host, one piece of work after the other. */
import packageJson from '../../package.json' with { type: 'json' };
import { openCheckpoint } from '../../engine/checkpoints/checkpoint.ts';
import { HdmError, toHdmError } from '../../engine/errors.ts';
import { evaluate, EVALUATION_DEFAULTS, pictureCount, type Painter } from '../../engine/eval/evaluate.ts';
import type { Pixels } from '../../engine/image/pixels.ts';
import { requireFormat, saveImage } from '../../engine/image/save.ts';
import { saveThumbnail, toPlainWebp } from '../../engine/image/thumbnail.ts';
import { pictureSettings } from '../../engine/pipeline/picture-settings.ts';
import type { Pipeline } from '../../engine/pipeline/pipeline.ts';
import { checkRequest, type PictureRequest } from '../../engine/pipeline/request.ts';
import { reducedNoise } from '../../engine/pipeline/reduced-noise.ts';
import { readStartingPicture } from '../../engine/pipeline/starting-picture.ts';
import { listDevices, type DeviceReport } from '../../engine/runtime/devices.ts';
import type { Runtime } from '../../engine/runtime/runtime.ts';
import type { RunRequest } from '../../engine/training/run/events.ts';
import { Gate } from '../../engine/training/run/gate.ts';
import type { CheckResult, Progress } from '../contract.ts';
import { watchHost } from './host-watch.ts';
import { PeakMemory } from './memory.ts';
import { measureCost } from './measure.ts';
import { OpenModel } from './open-model.ts';
import { Previews } from './previews.ts';
import {
  THUMBNAIL_SIDE,
  type Answer,
  type Draft,
  type DraftTask,
  type DrawResult,
  type DrawTask,
  type EngineFunctions,
  type HostOfEngineFunctions,
  type MeasuredCost,
  type ScoreResult,
  type ScoreTask,
  type TrainResult,
  type TrainTask,
} from './protocol.ts';
import { selfCheck } from './self-check.ts';
import { Training } from './training.ts';

/** What is told to the host without being asked. */
export type Tell = Pick<HostOfEngineFunctions, 'progress' | 'status' | 'trained'>;

export class Tasks implements EngineFunctions {
  readonly #tell: Tell;
  readonly #model = new OpenModel();
  readonly #stops = new Map<string, AbortController>();
  /** Of work that stands aside when the host lets others have the device. */
  readonly #gates = new Map<string, Gate>();
  /** Settled when the work before is done. */
  #last: Promise<unknown> = Promise.resolve();
  /** The run; it shares the device, as the host lets others draw only while it stands between two steps. */
  #training: Training | undefined;

  constructor(tell: Tell) {
    this.#tell = tell;
    watchHost();
  }

  draw(task: DrawTask): Promise<Answer<DrawResult>> {
    return this.#cancellable(task.id, (signal) => this.#draw(task, signal));
  }

  draft(task: DraftTask): Promise<Answer<Draft>> {
    return this.#cancellable(task.id, (signal) => this.#draft(task, signal));
  }

  cancel(taskId: string): void {
    this.#stops.get(taskId)?.abort();
  }

  async unload(): Promise<void> {
    await this.#training?.ended;
    await this.#inTurn(() => this.#model.close());
  }

  async train(task: TrainTask): Promise<Answer<TrainResult>> {
    const stop = this.#newStop(task.id);
    const training = new Training(task, stop.signal, (event) => this.#tell.trained(task.id, [event]));
    this.#training = training;
    this.#gates.set(task.id, training.requests.gate);
    try {
      return await answer(async () => training.run(await this.#roomFor(task)));
    } finally {
      this.#stops.delete(task.id);
      this.#gates.delete(task.id);
      this.#training = undefined;
      this.#tellStatus();
    }
  }

  ask(runId: string, request: RunRequest): void {
    if (this.#training?.id === runId) this.#training.requests.ask(request);
  }

  async giveWay(taskId: string): Promise<boolean> {
    return this.#gates.get(taskId)?.close() ?? false;
  }

  goOn(taskId: string): void {
    this.#gates.get(taskId)?.open();
  }

  measure(task: TrainTask): Promise<Answer<MeasuredCost>> {
    return this.#cancellable(task.id, async (signal) =>
      measureCost(task, await this.#runtimeOf(task), signal),
    );
  }

  async score(task: ScoreTask): Promise<Answer<ScoreResult>> {
    const { signal } = this.#newStop(task.id);
    const gate = new Gate();
    this.#gates.set(task.id, gate);
    signal.addEventListener('abort', () => gate.open(), { once: true });
    try {
      return await answer(() => this.#score(task, signal, gate));
    } finally {
      gate.open();
      this.#gates.delete(task.id);
      this.#stops.delete(task.id);
    }
  }

  /** The memory of the model that was drawn with is the run's now. */
  #roomFor(task: TrainTask): Promise<Runtime> {
    return this.#inTurn(async () => {
      await this.#model.close();
      return this.#runtimeOf(task);
    });
  }

  async #runtimeOf({ device }: TrainTask): Promise<Runtime> {
    return (await this.#model.runtime(device)).runtime;
  }

  /** Beside other work: devices are tried in processes of their own. */
  devices(): Promise<Answer<DeviceReport[]>> {
    return answer(listDevices);
  }

  check(device: string, folder: string): Promise<Answer<CheckResult[]>> {
    const check = async () => selfCheck((await this.#model.runtime(device)).runtime, folder);
    return answer(() => this.#inTurn(check));
  }

  async #draw(task: DrawTask, signal: AbortSignal): Promise<DrawResult> {
    const { steps } = task.request;
    const memory = new PeakMemory();
    const tell = (phase: Progress['phase'], step: number, preview?: Uint8Array): void => {
      memory.sample();
      this.#tell.progress(task.id, { phase, step, steps }, preview);
    };
    requireFormat(task.file);
    const { pipeline, request, loadMs } = await this.#prepare(task, signal, () => tell('loading', 0));
    const previews = task.withPreviews ? new Previews() : undefined;
    const { pixels, cost } = await pipeline.generate(request, {
      signal,
      onPhase: (phase) => tell(phase, phase === 'decoding' ? steps : 0),
      onProgress: async (progress) => tell('denoising', progress.step, await previews?.take(progress)),
    });
    tell('saving', steps);
    await save(task, pixels, request, pipeline);
    const { device, precision } = pipeline;
    return { device, precision, ...cost, loadMs, peakBytes: memory.read() };
  }

  async #draft(task: DraftTask, signal: AbortSignal): Promise<Draft> {
    const { pipeline, request } = await this.#prepare(task, signal);
    const { input_dim: channels } = pipeline.checkpoint.transformer.config;
    const noise = reducedNoise(request.seed, channels, task.of, request);
    const { pixels } = await pipeline.generate(request, { signal, ...(noise && { noise }) });
    return { bytes: await toPlainWebp(pixels), width: pixels.width, height: pixels.height };
  }

  /** Each picture is a piece of work of its own: whoever draws in between may need the memory for another model. */
  async #score(task: ScoreTask, signal: AbortSignal, gate: Gate): Promise<ScoreResult> {
    const [{ id, model }, tell] = [task, this.#tell];
    const options = { ...EVALUATION_DEFAULTS, ...task.options };
    const steps = pictureCount(options);
    let step = 0;
    tell.progress(id, { phase: 'loading', step, steps });
    const painter: Painter = {
      checkpoint: openCheckpoint(model.path, model),
      generate: async (request, hooks) => {
        await gate.pass();
        return this.#inTurn(async () => {
          throwIfCancelled(signal);
          const { pipeline } = await this.#prepare({ model, request }, signal);
          return pipeline.generate(request, hooks);
        });
      },
    };
    const evaluation = await evaluate(painter, options, {
      signal,
      onProgress: () => tell.progress(id, { phase: 'denoising', step: ++step, steps }),
    });
    return { device: this.#model.chosen!.runtime.device, evaluation };
  }

  /** The pipeline and the whole request of a task. What can be wrong with it is found before anything slow begins. */
  async #prepare(
    { model, request: asked, from }: Pick<DrawTask, 'model' | 'request' | 'from'>,
    signal: AbortSignal,
    onLoad?: () => void,
  ): Promise<{ pipeline: Pipeline; request: PictureRequest; loadMs: number }> {
    checkRequest(asked);
    const request = from ? { ...asked, from: await readStartingPicture(from, asked) } : asked;
    checkRequest(request);
    const known = this.#model.find(model);
    if (known) return { pipeline: known, request, loadMs: 0 };
    onLoad?.();
    await this.#model.runtime(model.device); // to choose one is not part of loading
    const start = performance.now();
    const pipeline = await this.#model.open(model);
    const loadMs = performance.now() - start;
    this.#tellStatus();
    throwIfCancelled(signal);
    return { pipeline, request, loadMs };
  }

  async #cancellable<T>(id: string, work: (signal: AbortSignal) => Promise<T>): Promise<Answer<T>> {
    const stop = this.#newStop(id);
    const unlessCancelled = (): Promise<T> => {
      throwIfCancelled(stop.signal);
      return work(stop.signal);
    };
    try {
      return await answer(() => this.#inTurn(unlessCancelled));
    } finally {
      this.#stops.delete(id);
    }
  }

  #newStop(id: string): AbortController {
    const stop = new AbortController();
    this.#stops.set(id, stop);
    return stop;
  }

  async #inTurn<T>(work: () => Promise<T>): Promise<T> {
    const turn = this.#last.then(work);
    this.#last = Promise.allSettled([turn]);
    try {
      return await turn;
    } finally {
      this.#tellStatus();
    }
  }

  #tellStatus(): void {
    const { path, chosen } = this.#model;
    this.#tell.status({
      ...(path !== undefined && { model: path }),
      ...(chosen && { device: chosen.runtime.device, reason: chosen.reason }),
      memoryBytes: process.memoryUsage.rss(),
    });
  }
}

/** The picture last: where it lies, everything is done. */
async function save(
  { file, thumbnail, label }: DrawTask,
  pixels: Pixels,
  request: PictureRequest,
  pipeline: Pipeline,
): Promise<void> {
  await saveThumbnail(thumbnail, pixels, THUMBNAIL_SIDE);
  const settings = pictureSettings(request, pipeline, { appVersion: packageJson.version, ...label });
  await saveImage(file, pixels, settings);
}

async function answer<T>(work: () => Promise<T>): Promise<Answer<T>> {
  try {
    return { value: await work() };
  } catch (error) {
    const { code, message } = toHdmError(error, 'engine');
    const trace = code === 'internal' && error instanceof Error ? error.stack : undefined;
    return { error: { code, message }, ...(trace !== undefined && { trace }) };
  }
}

function throwIfCancelled(signal: AbortSignal): void {
  if (signal.aborted) throw new HdmError('cancelled', 'picture', 'it was cancelled');
}
