/** @file How well a model follows prompts for toy scenes: pictures are drawn and judged, and what is right is counted. */
import { HdmError } from '../errors.ts';
import type { Pixels } from '../image/pixels.ts';
import type { Pipeline } from '../pipeline/pipeline.ts';
import { checkRequest, DEFAULTS, nearestSide, type PictureRequest } from '../pipeline/request.ts';
import type { SamplerName } from '../sampling/samplers.ts';
import { KIND_NAMES, sceneSize, type Kind } from '../training/data/toy-scenes/scene.ts';
import {
  CAMERA_MOVES,
  cameraMeasure,
  cameraPrompts,
  cameraScore,
  type CameraMeasure,
  type CameraMove,
  type CameraScore,
} from './camera.ts';
import { judge, type Verdict } from './judge.ts';
import {
  ANY_RATIO,
  CATEGORIES,
  checkScenes,
  evaluationPrompts,
  FIRST_SEED,
  type Category,
  type EvaluationPrompt,
  type RatioRange,
} from './prompts.ts';
import { categoryScore, type CategoryScore, type Judged } from './scores.ts';

export const EVALUATIONS = [...CATEGORIES, 'camera'] as const;
export type EvaluationName = (typeof EVALUATIONS)[number];

export interface EvaluationOptions {
  /** Of each category. Of the camera a twelfth, as each takes four pictures. */
  readonly prompts: number;
  /** Of prompts and pictures, 0..2^52-1. */
  readonly seed: number;
  readonly steps: number;
  readonly guidanceScale: number;
  /** TREAD rate of the unconditional branch, 0 to less than 1; 0 is off. */
  readonly treadGuidance: number;
  readonly sampler: SamplerName;
  /** Short side of pictures, in pixels: a multiple of 16. */
  readonly size: number;
  readonly categories: readonly EvaluationName[];
  /** Kinds of things to ask for. */
  readonly kinds: readonly Kind[];
  /** Long side over short side of the scenes to ask for, but of the camera's, which are square. */
  readonly ratios: RatioRange;
}

export const EVALUATION_DEFAULTS = {
  prompts: 384,
  seed: 0,
  steps: DEFAULTS.steps,
  guidanceScale: DEFAULTS.guidanceScale,
  treadGuidance: DEFAULTS.treadGuidance,
  sampler: DEFAULTS.sampler,
  size: 256,
  categories: EVALUATIONS,
  kinds: KIND_NAMES,
  ratios: ANY_RATIO,
} as const satisfies EvaluationOptions;

export interface Evaluation {
  readonly options: EvaluationOptions;
  readonly categories: Readonly<Partial<Record<Category, CategoryScore>>>;
  readonly camera?: Readonly<Record<CameraMove, CameraScore>>;
}

export interface EvaluationProgress {
  readonly name: EvaluationName;
  /** Pictures of this category. */
  readonly done: number;
  readonly total: number;
  readonly prompt: string;
  readonly pixels: Pixels;
  /** Not of pictures for the camera. */
  readonly verdict?: Verdict;
}

export interface EvaluationHooks {
  /** Called after each picture and awaited. */
  readonly onProgress?: (progress: EvaluationProgress) => void | Promise<void>;
  /** Ends the work within one step; `evaluate` then throws `cancelled`. */
  readonly signal?: AbortSignal;
  /** What was judged until an error or the signal ended the work, before `evaluate` throws; awaited. */
  readonly onPart?: (evaluation: Evaluation) => void | Promise<void>;
}

/** What draws. */
export type Painter = Pick<Pipeline, 'checkpoint' | 'generate'>;

const CAMERA_PART = 12;
const MOVES = Object.keys(CAMERA_MOVES) as CameraMove[];
const PICTURES_PER_CAMERA = MOVES.length + 1;

/**
 * Draws pictures one after the other and judges them. The same options give the same scores on the same device.
 * @throws HdmError `bad-usage` for options that cannot be, and whatever `pipeline.generate` throws
 */
export async function evaluate(
  painter: Painter,
  options: EvaluationOptions,
  hooks: EvaluationHooks = {},
): Promise<Evaluation> {
  checkEvaluation(options);
  const categories: Partial<Record<Category, CategoryScore>> = {};
  try {
    for (const category of CATEGORIES.filter((name) => options.categories.includes(name))) {
      const judged: Judged[] = [];
      await judgeCategory(painter, category, options, hooks, judged).finally(() => {
        if (judged.length > 0) categories[category] = categoryScore(judged);
      });
    }
    if (!options.categories.includes('camera')) return { options, categories };
    return { options, categories, camera: await judgeCamera(painter, options, hooks) };
  } catch (error) {
    if (Object.keys(categories).length > 0) await hooks.onPart?.({ options, categories });
    throw error;
  }
}

/** How many pictures an evaluation draws. */
export function pictureCount({ prompts, categories }: EvaluationOptions): number {
  const judged = categories.filter((name) => name !== 'camera').length * prompts;
  return judged + (categories.includes('camera') ? cameraPromptCount(prompts) * PICTURES_PER_CAMERA : 0);
}

/** Throws `bad-usage` with the first option that cannot be. */
export function checkEvaluation(asked: EvaluationOptions): void {
  const { prompts, categories, size, kinds, ratios, ...options } = asked;
  checkRequest({ ...DEFAULTS, ...options, seed: FIRST_SEED + options.seed, width: size, height: size });
  checkScenes(kinds, ratios);
  if (Number.isSafeInteger(prompts) && prompts > 0 && categories.length > 0) return;
  const problem = `expected a whole number of prompts from 1 up, and categories, got ${prompts} of ${categories.length}`;
  throw new HdmError('bad-usage', 'evaluation', problem, 'Leave them out for the usual ones');
}

/** Adds every picture to `judged`. */
async function judgeCategory(
  painter: Painter,
  category: Category,
  options: EvaluationOptions,
  { onProgress, signal }: EvaluationHooks,
  judged: Judged[],
): Promise<void> {
  const { kinds, ratios } = options;
  const prompts = evaluationPrompts(category, options.prompts, options.seed, kinds, ratios);
  for (const [index, prompt] of prompts.entries()) {
    const { text, scene, said } = prompt;
    const request = requestFor(prompt, options, index);
    const { pixels } = await painter.generate(request, { ...(signal && { signal }) });
    const verdict = judge(pixels, scene, said);
    judged.push({ scene, verdict });
    const total = prompts.length;
    await onProgress?.({ name: category, done: index + 1, total, prompt: text, pixels, verdict });
  }
}

/** Every prompt is drawn without a camera, then once with each kind of move. */
async function judgeCamera(
  painter: Painter,
  options: EvaluationOptions,
  { onProgress, signal }: EvaluationHooks,
): Promise<Record<CameraMove, CameraScore>> {
  const prompts = cameraPrompts(cameraPromptCount(options.prompts), options.seed, options.kinds);
  const { positions } = painter.checkpoint.transformer.config;
  const measures: Record<CameraMove, (CameraMeasure | undefined)[]> = { x: [], y: [], zoom: [] };
  const total = prompts.length * PICTURES_PER_CAMERA;
  let done = 0;
  for (const [index, prompt] of prompts.entries()) {
    const still = requestFor(prompt, options, index);
    const draw = async (request: PictureRequest) => {
      const { pixels } = await painter.generate(request, { ...(signal && { signal }) });
      await onProgress?.({ name: 'camera', done: ++done, total, prompt: prompt.text, pixels });
      return pixels;
    };
    const before = await draw(still);
    for (const move of MOVES) {
      const cameras = CAMERA_MOVES[move];
      const camera = cameras[index % cameras.length]!;
      const after = await draw({ ...still, camera });
      measures[move].push(cameraMeasure(prompt, before, after, move, camera, positions));
    }
  }
  return { x: cameraScore(measures.x), y: cameraScore(measures.y), zoom: cameraScore(measures.zoom) };
}

function cameraPromptCount(prompts: number): number {
  return Math.ceil(prompts / CAMERA_PART);
}

function requestFor(
  { text, scene }: Pick<EvaluationPrompt, 'text' | 'scene'>,
  { steps, guidanceScale, treadGuidance, sampler, size, seed }: EvaluationOptions,
  index: number,
): PictureRequest {
  const { width, height } = sceneSize(scene, size);
  return {
    ...DEFAULTS,
    prompt: text,
    width: nearestSide(width),
    height: nearestSide(height),
    steps,
    guidanceScale,
    treadGuidance,
    sampler,
    seed: seed + index,
  };
}
