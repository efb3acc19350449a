import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { drawing as drawingSchema, type Model } from '../../electron/contract.ts';
import { readDrawing } from '../../electron/host/library/found-settings.ts';
import type { Models } from '../../electron/host/parts.ts';
import { toParametersText } from '../../engine/image/a1111.ts';
import { toComfyWorkflow } from '../../engine/image/comfyui.ts';
import { fromPixels } from '../../engine/image/pixels.ts';
import { insertPngText } from '../../engine/image/png-text.ts';
import { saveImage } from '../../engine/image/save.ts';
import { expandPrompt } from '../../engine/text/prompt-syntax.ts';
import type { PictureSettings } from '../../engine/image/settings.ts';
import { writeFileSync } from 'node:fs';
import { errorOf, gradient, SETTINGS } from '../image/samples.ts';
import { testFolder } from '../helpers/folder.ts';

const PIXELS = gradient(24, 16);
const PNG = await fromPixels(PIXELS).png().toBuffer();
const { image2image: _, ...PLAIN } = SETTINGS;

describe('the settings of our own picture', () => {
  it('are the whole drawing, with model and adapters of the same names', async () => {
    const shelf = models({
      [SETTINGS.model.name]: 'm1',
      'style, one.safetensors': 'a1',
      'détail.safetensors': 'a2',
    });
    const found = await readDrawing(shelf)(await saved(PLAIN));
    expect(found).toEqual({
      source: 'hdm-studio',
      drawing: {
        modelId: 'm1',
        prompt: SETTINGS.prompt,
        negativePrompt: SETTINGS.negativePrompt,
        width: 256,
        height: 384,
        steps: 32,
        guidanceScale: 3.5,
        guidanceInterval: [0.1, 0.9],
        sampler: 'dpmpp-2m',
        schedule: { name: 'shifted', shift: 1.75 },
        seed: Number.MAX_SAFE_INTEGER,
        camera: { zoom: 1.1, xShift: -0.4, yShift: 0.25 },
        treadGuidance: 0.15,
        adapters: [
          { modelId: 'a1', strength: 0.8 },
          { modelId: 'a2', strength: -0.5 },
        ],
      },
      missingAdapters: [],
      missingStart: false,
    });
    expect(drawingSchema.safeParse(found.drawing).success).toBe(true);
  });

  it('name what is not here', async () => {
    const found = await readDrawing(models({ 'détail.safetensors': 'a2' }))(await saved(PLAIN));
    expect(found).toMatchObject({
      missingModel: SETTINGS.model.name,
      missingAdapters: ['style, one.safetensors'],
    });
    expect(found.drawing.modelId).toBeUndefined();
    expect(found.drawing.adapters).toEqual([{ modelId: 'a2', strength: -0.5 }]);
  });

  it('say that the picture it began from is not inside', async () => {
    const found = await readDrawing(models({}))(await saved(SETTINGS));
    expect(found.missingStart).toBe(true);
    expect(found.drawing.from).toBeUndefined();
  });

  it.each([
    'a {red|blue} house',
    '} {{nested}} {',
    'a __animal__ and __style/light__, ___x___',
    'escaped \\{a\\} \\__b__ \\\\{ \\',
    'a | b, (bracket:1.2) \\(fate\\)',
    '__a__b__c__ __ _',
  ])('draw the same words again, also %s', async (prompt) => {
    const path = await saved({ ...PLAIN, prompt, negativePrompt: prompt });
    const { drawing } = await readDrawing(models({}))(path);
    const options = { seed: 1, wildcards: () => ['something else'] };
    expect(expandPrompt(drawing.prompt!, options)).toBe(prompt);
    expect(expandPrompt(drawing.negativePrompt!, options)).toBe(prompt);
  });

  it('are read from WebP and JPEG as well', async () => {
    for (const name of ['a.webp', 'a.jpg']) {
      const { source, drawing } = await readDrawing(models({}))(await saved(PLAIN, name));
      expect({ source, seed: drawing.seed }).toEqual({ source: 'hdm-studio', seed: SETTINGS.seed });
    }
  });
});

describe('the settings of another program', () => {
  it('are what it said, in a size that can be drawn', async () => {
    const text =
      'a cat\nNegative prompt: dog\nSteps: 20, Sampler: Euler, CFG scale: 7, Seed: 5, Size: 1000x3000';
    const found = await readDrawing(models({}))(written({ parameters: text }));
    expect(found).toEqual({
      source: 'a1111',
      drawing: {
        prompt: 'a cat',
        negativePrompt: 'dog',
        steps: 20,
        sampler: 'euler',
        guidanceScale: 7,
        seed: 5,
        width: 1008,
        height: 2048,
      },
      missingAdapters: [],
      missingStart: false,
    });
  });

  it('have the whole camera when they have a part of it', async () => {
    const text = 'a cat\nSteps: 20, Seed: 5, HDM zoom: 1.5';
    const { drawing } = await readDrawing(models({}))(written({ parameters: text }));
    expect(drawing.camera).toEqual({ xShift: 0, yShift: 0, zoom: 1.5 });
  });

  it('are read from the graph of ComfyUI', async () => {
    const graph = JSON.stringify(toComfyWorkflow(SETTINGS).prompt);
    const found = await readDrawing(models({}))(written({ prompt: graph }));
    expect(found).toMatchObject({ source: 'comfyui', drawing: { seed: SETTINGS.seed } });
    expect(drawingSchema.partial().safeParse(found.drawing).success).toBe(true);
  });

  it('prefer ours where A1111 could read it, too', async () => {
    const texts = {
      parameters: toParametersText({ ...PLAIN, seed: 1 }),
      'hdm-studio': JSON.stringify(PLAIN),
    };
    const { drawing } = await readDrawing(models({}))(written(texts));
    expect(drawing.seed).toBe(SETTINGS.seed);
  });
});

it('a picture without settings, and none at all, are refused', async () => {
  expect((await errorOf(() => readDrawing(models({}))(written({})))).message).toContain('no settings');
  expect((await errorOf(() => readDrawing(models({}))('missing.png'))).code).toBe('disk');
});

async function saved(settings: PictureSettings, name = 'a.png'): Promise<string> {
  const path = join(testFolder(), name);
  await saveImage(path, PIXELS, settings);
  return path;
}

function written(texts: Record<string, string>): string {
  const path = join(testFolder(), 'a.png');
  writeFileSync(path, insertPngText(PNG, texts));
  return path;
}

/** Models and adapters by the names that pictures give them. */
function models(ids: Record<string, string>): Models {
  const absent = () => {
    throw new Error('not asked for here');
  };
  return {
    list: absent,
    get: absent,
    loadable: absent,
    findByName: (name, kind) => (ids[name] === undefined ? undefined : ({ id: ids[name], kind } as Model)),
  };
}
