/** @file What a user asks for: one picture, completely described. */
import { HdmError } from '../errors.ts';
import type { Pixels } from '../image/pixels.ts';
import type { Camera } from '../models/positions.ts';
import { SAMPLERS, type SamplerName } from '../sampling/samplers.ts';
import { SCHEDULES, type ScheduleName } from '../sampling/schedules.ts';

export interface PictureRequest {
  readonly prompt: string;
  readonly negativePrompt: string;
  /** Pixels, multiples of 16 from 64 to 2048. */
  readonly width: number;
  readonly height: number;
  readonly steps: number;
  /** 1 is the prompt alone; larger follows it more strictly. */
  readonly guidanceScale: number;
  /** Times t (1 noise, 0 picture) between which guidance is on. */
  readonly guidanceInterval: readonly [start: number, end: number];
  readonly sampler: SamplerName;
  readonly schedule: { readonly name: ScheduleName; readonly shift?: number };
  /** 0 to 2^53 - 1. */
  readonly seed: number;
  readonly camera: Camera;
  /** TREAD rate of the unconditional branch, 0 to less than 1; 0 is off. */
  readonly treadGuidance: number;
  /** Begin from a picture (img2img), of which `mask` tells what to paint anew (inpainting). */
  readonly from?: StartingPicture;
}

export interface StartingPicture {
  /** Of the size of the request. */
  readonly pixels: Pixels;
  /** How much of the picture is noise at the start, above 0 to 1. */
  readonly strength: number;
  /** One number per pixel: 255 paint anew, 0 keep. */
  readonly mask?: Uint8Array;
}

/** The public defaults of the released model (reference of the released model §5). */
export const DEFAULTS = {
  prompt: '',
  negativePrompt: '',
  width: 1024,
  height: 1024,
  steps: 32,
  guidanceScale: 3,
  guidanceInterval: [0, 1],
  sampler: 'euler',
  schedule: { name: 'uniform' },
  seed: 0,
  camera: { xShift: 0, yShift: 0, zoom: 1 },
  treadGuidance: 0,
} as const satisfies PictureRequest;

/** Pixels of a side. */
export const SIDE = { min: 64, max: 2048, step: 16 } as const;
export const MOST_STEPS = 1000;

const { min: SMALLEST, max: LARGEST, step: GRID } = SIDE;
const SIDE_RULE = `a multiple of ${GRID} from ${SMALLEST} to ${LARGEST}`;
const SIDE_ADVICE = '1024 is a good size for the released model';
const [SMALLEST_ZOOM, LARGEST_ZOOM] = [0.01, 100];
const LARGEST_SHIFT = 10;

interface Rule {
  readonly isMet: (request: PictureRequest) => boolean;
  readonly problem: (request: PictureRequest) => string;
  readonly advice?: string;
}

const RULES: readonly Rule[] = [
  sideRule('width'),
  sideRule('height'),
  {
    isMet: ({ steps }) => Number.isInteger(steps) && steps >= 1 && steps <= MOST_STEPS,
    problem: ({ steps }) => `the steps must be a whole number from 1 to ${MOST_STEPS}, got ${steps}`,
    advice: '16 to 32 are usual',
  },
  {
    isMet: ({ guidanceScale }) => Number.isFinite(guidanceScale) && Math.abs(guidanceScale) <= 100,
    problem: ({ guidanceScale }) =>
      `the guidance scale must be a number from -100 to 100, got ${guidanceScale}`,
    advice: '1 to 5 is usual',
  },
  {
    isMet: ({ guidanceInterval: [start, end] }) => start >= 0 && start <= end && end <= 1,
    problem: ({ guidanceInterval }) =>
      `the guidance interval must rise within 0..1, got ${guidanceInterval.join('..')}`,
    advice: '0..1 is always, 0.2..0.9 leaves out the ends',
  },
  {
    isMet: ({ sampler }) => Object.hasOwn(SAMPLERS, sampler),
    problem: ({ sampler }) => `there is no sampler "${sampler}"`,
    advice: `Choose one of: ${Object.keys(SAMPLERS).join(', ')}`,
  },
  {
    isMet: ({ schedule }) => Object.hasOwn(SCHEDULES, schedule.name),
    problem: ({ schedule }) => `there is no schedule "${schedule.name}"`,
    advice: `Choose one of: ${Object.keys(SCHEDULES).join(', ')}`,
  },
  {
    isMet: ({ schedule: { shift = 1 } }) => shift > 0 && Number.isFinite(shift),
    problem: ({ schedule }) => `the shift of the schedule must be above 0, got ${schedule.shift}`,
    advice: '1 is none, up to 4 is usual',
  },
  {
    isMet: ({ seed }) => Number.isSafeInteger(seed) && seed >= 0,
    problem: ({ seed }) =>
      `the seed must be a whole number from 0 to ${Number.MAX_SAFE_INTEGER}, got ${seed}`,
    advice: 'Several pictures count up from the first one',
  },
  {
    isMet: ({ camera: { xShift, yShift, zoom } }) =>
      zoom >= SMALLEST_ZOOM &&
      zoom <= LARGEST_ZOOM &&
      [xShift, yShift].every((shift) => Math.abs(shift) <= LARGEST_SHIFT),
    problem: ({ camera: { xShift, yShift, zoom } }) =>
      `zoom must be within ${SMALLEST_ZOOM}..${LARGEST_ZOOM} and shifts within -${LARGEST_SHIFT}..${LARGEST_SHIFT}, ` +
      `got zoom ${zoom}, shifts ${xShift} and ${yShift}`,
    advice: 'Zoom 0.5 to 2 and shifts within -1..1 are usual',
  },
  {
    isMet: ({ treadGuidance }) => treadGuidance >= 0 && treadGuidance < 1,
    problem: ({ treadGuidance }) => `the TREAD rate must be 0 to less than 1, got ${treadGuidance}`,
    advice: '0.25 to 0.5 is usual',
  },
  {
    isMet: ({ treadGuidance, guidanceScale }) => treadGuidance === 0 || guidanceScale !== 1,
    problem: () => 'TREAD guidance does nothing at a guidance scale of 1',
    advice: 'Choose a larger scale, or leave it out',
  },
  {
    isMet: ({ schedule }) => schedule.shift === undefined || schedule.name === 'shifted',
    problem: ({ schedule }) => `a shift does nothing in the ${schedule.name} schedule`,
    advice: 'Choose the shifted schedule, or leave the shift out',
  },
  {
    isMet: ({ from }) => !from || (from.strength > 0 && from.strength <= 1),
    problem: ({ from }) => `the strength must be above 0 and at most 1, got ${from?.strength}`,
    advice: '0.3 to 0.8 is usual',
  },
  {
    isMet: ({ from, width, height }) =>
      !from || (from.pixels.width === width && from.pixels.height === height),
    problem: ({ from, width, height }) =>
      `the starting picture is ${from?.pixels.width}x${from?.pixels.height}, the request ${width}x${height}`,
    advice: 'Resize it first',
  },
];

/** Throws `bad-usage` with the first thing that cannot be. */
export function checkRequest(request: PictureRequest): void {
  const broken = RULES.find((rule) => !rule.isMet(request));
  if (broken) throw new HdmError('bad-usage', 'picture', broken.problem(request), broken.advice);
}

/**
 * The size on the grid with about the area of `side` squared and the ratio of width to height. Throws `bad-usage`
 * when a side is too short or too long.
 */
export function sizeFor(side: number, ratio: number): { width: number; height: number } {
  const [width, height] = [onGrid(side * Math.sqrt(ratio)), onGrid(side / Math.sqrt(ratio))];
  if (isSide(side) && isSide(width) && isSide(height)) return { width, height };
  const problem = isSide(side)
    ? `with this ratio a side is shorter than ${SMALLEST} or longer than ${LARGEST} pixels`
    : `the size must be ${SIDE_RULE}, got ${side}`;
  throw new HdmError('bad-usage', 'picture', problem, isSide(side) ? 'Choose another ratio' : SIDE_ADVICE);
}

/** The side on the grid that is nearest to `length` pixels. */
export function nearestSide(length: number): number {
  return Math.min(LARGEST, Math.max(SMALLEST, onGrid(length)));
}

function onGrid(length: number): number {
  return Math.round(length / GRID) * GRID;
}

function isSide(length: number): boolean {
  return Number.isInteger(length) && length % GRID === 0 && length >= SMALLEST && length <= LARGEST;
}

function sideRule(side: 'width' | 'height'): Rule {
  return {
    isMet: (request) => isSide(request[side]),
    problem: (request) => `the ${side} must be ${SIDE_RULE}, got ${request[side]}`,
    advice: SIDE_ADVICE,
  };
}
