/** @file Everything that made a picture, as data that travels inside its file. */
import { z } from 'zod';
import { HdmError } from '../errors.ts';

const MAX_SIDE = 16_384;
const MAX_TEXT_LENGTH = 1_000_000;
const MAX_NAME_LENGTH = 1_000;
const MAX_ADAPTERS = 100;

const number = z.number(); // zod refuses NaN and the infinities
const rate = number.min(0).max(1);
const side = z.int().min(1).max(MAX_SIDE);
const text = z.string().max(MAX_TEXT_LENGTH);
const name = z.string().max(MAX_NAME_LENGTH);
const sha256 = z.string().regex(/^[0-9a-f]{64}$/, 'expected 64 hexadecimal digits');
const adapter = z.object({ file: name, sha256: sha256.exactOptional(), strength: number });

/** Version 1 of the settings. Keys it does not know are left out. */
export const PictureSettingsSchema = z.object({
  version: z.literal(1),
  app: z.literal('hdm-studio'),
  appVersion: name,
  prompt: text,
  negativePrompt: text,
  /** The prompt before its choices and wildcards were expanded, where it had any. */
  promptTemplate: text.exactOptional(),
  /** Pixels. */
  width: side,
  height: side,
  steps: z.int().min(1).max(10_000),
  guidanceScale: number,
  /** Times t, 0 (picture) to 1 (noise), between which guidance is on. */
  guidanceInterval: z.tuple([rate, rate]).refine(([start, end]) => start <= end, 'expected start <= end'),
  sampler: name,
  schedule: z.object({ name, shift: number.positive().exactOptional() }),
  seed: z.int().min(0), // z.int() ends at 2^53 - 1
  /** The camera: above 1 zooms in; shifts in position units. */
  zoom: number.positive(),
  xShift: number,
  yShift: number,
  /** TREAD rate of the unconditional branch; 0 is off. */
  treadGuidance: rate,
  adapters: z.array(adapter).max(MAX_ADAPTERS),
  model: z.object({ name, sha256: sha256.exactOptional() }),
  image2image: z.object({ strength: rate, mask: z.boolean() }).exactOptional(),
  precision: z.enum(['f32', 'f16']),
  device: name,
});

export type PictureSettings = z.infer<typeof PictureSettingsSchema>;

/** Settings from our JSON. Throws 'bad-file' that names the first value that is wrong. */
export function parseSettings(json: string): PictureSettings {
  return checkSettings(parseJson(json), 'bad-file');
}

/** The settings without unknown keys. Throws an error with `code` that names the first value that is wrong. */
export function checkSettings(value: unknown, code: 'bad-file' | 'bad-usage'): PictureSettings {
  const result = PictureSettingsSchema.safeParse(value);
  if (result.success) return result.data;
  const issue = result.error.issues[0];
  const problem = `${issue?.path.join('.') || 'settings'}: ${issue?.message}`;
  const advice = code === 'bad-file' ? 'They may have been edited or come from a newer version' : '';
  throw new HdmError(code, 'picture settings', problem, advice, result.error);
}

/** Those of the candidates that are valid settings; the others are left out. */
export function keepValid(
  candidates: Readonly<Partial<Record<keyof PictureSettings, unknown>>>,
): Partial<PictureSettings> {
  const { shape } = PictureSettingsSchema;
  const valid = Object.entries(shape).flatMap(([key, schema]) => {
    const { success, data } = schema.safeParse(candidates[key as keyof PictureSettings]);
    return success && data !== undefined ? [[key, data]] : [];
  });
  return Object.fromEntries(valid) as Partial<PictureSettings>;
}

/** JSON in which every character is ASCII, so that no program can read it in a wrong encoding. */
export function asciiJson(value: unknown): string {
  const escape = (character: string) => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`;
  return JSON.stringify(value).replace(/[\x7f-\uffff]/g, escape);
}

function parseJson(json: string): unknown {
  try {
    return JSON.parse(json);
  } catch (error) {
    throw new HdmError('bad-file', 'picture settings', 'this is no JSON', 'They may have been edited', error);
  }
}
