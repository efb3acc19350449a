/** @file The settings inside a picture file as a drawing of the studio. */
import type { PictureSettings } from '../../../engine/image/settings.ts';
import { nearestSide, DEFAULTS } from '../../../engine/pipeline/request.ts';
import { literalPrompt } from '../../../engine/text/prompt-syntax.ts';
import type { Drawing, FoundSettings } from '../../contract.ts';
import type { Models, ReadDrawing } from '../parts.ts';

/**
 * Reads the settings of a PNG, WebP or JPEG, with the names of model and adapters looked up among those here. The
 * function throws `bad-file` when there are none and `disk` when the file cannot be read.
 */
export function readDrawing(models: Models): ReadDrawing {
  return async (file) => {
    // Only when needed: the library for pictures takes memory and time to load.
    const { readSettings } = await import('../../../engine/image/restore.ts');
    const { source, settings } = await readSettings(file);
    const model = settings.model && models.findByName(settings.model.name, 'model');
    const adapters = (settings.adapters ?? []).map(({ file, strength }) => ({
      file,
      strength,
      found: models.findByName(file, 'adapter'),
    }));
    const isOurs = source === 'hdm-studio';
    return {
      source,
      drawing: {
        ...sameFields(settings),
        ...prompts(settings),
        ...size(settings, isOurs),
        ...camera(settings),
        ...(model && { modelId: model.id }),
        ...(settings.adapters && {
          adapters: adapters.flatMap(({ found, strength }) =>
            found ? [{ modelId: found.id, strength }] : [],
          ),
        }),
      },
      ...(settings.model && !model && { missingModel: settings.model.name }),
      missingAdapters: adapters.filter(({ found }) => !found).map(({ file }) => file),
      missingStart: settings.image2image !== undefined,
    } satisfies FoundSettings;
  };
}

const SAME = [
  'steps',
  'guidanceScale',
  'guidanceInterval',
  'sampler',
  'schedule',
  'seed',
  'treadGuidance',
] as const satisfies readonly (keyof PictureSettings & keyof Drawing)[];

/** What has the same name and form in both. */
function sameFields(settings: Partial<PictureSettings>): Partial<Drawing> {
  return Object.fromEntries(
    SAME.flatMap((key) => (settings[key] === undefined ? [] : [[key, settings[key]]])),
  );
}

/** The choices of a prompt are made: what looks like one is meant as it is written. */
function prompts({ prompt, negativePrompt }: Partial<PictureSettings>): Partial<Drawing> {
  return {
    ...(prompt !== undefined && { prompt: literalPrompt(prompt) }),
    ...(negativePrompt !== undefined && { negativePrompt: literalPrompt(negativePrompt) }),
  };
}

/** Other programs know sizes that are not drawn here; their pictures come out differently anyway. */
function size({ width, height }: Partial<PictureSettings>, isOurs: boolean): Partial<Drawing> {
  if (width === undefined || height === undefined) return {};
  return isOurs ? { width, height } : { width: nearestSide(width), height: nearestSide(height) };
}

function camera({ xShift, yShift, zoom }: Partial<PictureSettings>): Partial<Drawing> {
  if (xShift === undefined && yShift === undefined && zoom === undefined) return {};
  const { camera: usual } = DEFAULTS;
  return {
    camera: {
      xShift: xShift ?? usual.xShift,
      yShift: yShift ?? usual.yShift,
      zoom: zoom ?? usual.zoom,
    },
  };
}
