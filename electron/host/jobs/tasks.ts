/** @file From a drawing, as a person set it, to a task for the engine; what cannot be is refused here. */
import { basename } from 'node:path';
import type { Drawing } from '../../contract.ts';
import type { DraftTask, DrawTask, Loadable } from '../../engine/protocol.ts';
import { checkRequest, type PictureRequest } from '../../../engine/pipeline/request.ts';
import type { SamplerName } from '../../../engine/sampling/samplers.ts';
import type { ScheduleName } from '../../../engine/sampling/schedules.ts';
import type { Library, Models, SettingsStore } from '../parts.ts';
import type { Sources } from './sources.ts';
import type { StoredJob } from './store.ts';

/** Makes the choices of a prompt. Throws `bad-usage` when it cannot be read. */
export type Expand = (text: string, seed: number) => string;

export interface Prompts {
  readonly prompt: string;
  readonly negativePrompt: string;
}

export interface TasksOptions {
  readonly models: Models;
  readonly settings: SettingsStore;
  readonly library: Library;
  readonly sources: Sources;
  readonly expand: Expand;
}

export class Tasks {
  readonly #models: Models;
  readonly #settings: SettingsStore;
  readonly #library: Library;
  readonly #sources: Sources;
  readonly #expand: Expand;

  constructor({ models, settings, library, sources, expand }: TasksOptions) {
    this.#models = models;
    this.#settings = settings;
    this.#library = library;
    this.#sources = sources;
    this.#expand = expand;
  }

  /**
   * The prompts of drawings with their choices made. Throws the first reason why one of them cannot be drawn:
   * `bad-usage`, or `bad-model` of a model or adapter.
   */
  check(drawings: readonly Drawing[]): Prompts[] {
    const loadable = new Set<string>();
    return drawings.map((drawing) => {
      const prompts = this.#prompts(drawing);
      checkRequest(toRequest(drawing, prompts));
      const { modelId, adapters, from } = drawing;
      const model = JSON.stringify([modelId, adapters]);
      if (!loadable.has(model)) this.#models.loadable(modelId, adapters);
      loadable.add(model);
      if (from) this.#sources.find(from);
      return prompts;
    });
  }

  /** Throws as `check`, for what has changed since. */
  draw(job: StoredJob): DrawTask {
    const { id, groupId, drawing, file } = job;
    const model = this.#loadable(drawing);
    const template = drawing.prompt === job.prompt ? undefined : drawing.prompt;
    return {
      id,
      model,
      request: withoutPixels(toRequest(drawing, job)),
      ...(drawing.from && { from: this.#sources.kept(groupId, drawing.from) }),
      withPreviews: this.#settings.get().showPreviews,
      file,
      thumbnail: this.#library.thumbnailOf(id),
      label: {
        model: { name: this.#models.get(drawing.modelId).name },
        adapters: model.adapters.map(({ path, strength }) => ({ file: basename(path), strength })),
        ...(template !== undefined && { promptTemplate: template }),
      },
    };
  }

  /** `reduced` as a draft of `of`. Throws as `draw`. */
  draft(id: string, reduced: Drawing, { width, height }: Drawing): DraftTask {
    return {
      id,
      of: { width, height },
      model: this.#loadable(reduced),
      request: withoutPixels(toRequest(reduced, this.#prompts(reduced))),
      ...(reduced.from && { from: this.#sources.find(reduced.from) }),
    };
  }

  #prompts({ prompt, negativePrompt, seed }: Drawing): Prompts {
    return { prompt: this.#expand(prompt, seed), negativePrompt: this.#expand(negativePrompt, seed) };
  }

  #loadable({ modelId, adapters }: Drawing): Loadable {
    const { device, precision } = this.#settings.get();
    return { ...this.#models.loadable(modelId, adapters), device, precision };
  }
}

/** The engine's words for a drawing. Its names are only known to be right after `checkRequest`. */
export function toRequest(drawing: Drawing, { prompt, negativePrompt }: Prompts): PictureRequest {
  const { width, height, steps, guidanceScale, guidanceInterval, seed, camera, treadGuidance } = drawing;
  const { name, shift } = drawing.schedule;
  // The engine fits the picture to the size; for the rules an empty one of that size stands in.
  const pixels = { width, height, data: new Uint8Array() };
  return {
    prompt,
    negativePrompt,
    width,
    height,
    steps,
    guidanceScale,
    guidanceInterval,
    sampler: drawing.sampler as SamplerName,
    schedule: { name: name as ScheduleName, ...(shift !== undefined && { shift }) },
    seed,
    camera,
    treadGuidance,
    ...(drawing.from && { from: { pixels, strength: drawing.from.strength } }),
  };
}

function withoutPixels({ from: _standIn, ...request }: PictureRequest): Omit<PictureRequest, 'from'> {
  return request;
}
