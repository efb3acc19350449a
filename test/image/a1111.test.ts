import { describe, expect, it } from 'vitest';
import { fromParametersText, isParametersText, toParametersText } from '../../engine/image/a1111.ts';
import { SAMPLER_NAMES } from '../../engine/image/names.ts';
import { type PictureSettings, PictureSettingsSchema } from '../../engine/image/settings.ts';
import { randomNumbers, SETTINGS } from './samples.ts';

/** What A1111 text cannot say, and does not need to. */
const withoutApp = ({ version: _, app: __, appVersion: ___, ...rest }: PictureSettings) => rest;

const PIECES = [
  'a cat',
  ', ',
  '\n',
  'Steps: 20, Sampler: Euler a, CFG scale: 7, Seed: 1',
  '\nSteps: 3',
  'Negative prompt: ',
  '\nNegative prompt: ',
  'Negative prompt:',
  '"',
  '\\',
  ': ',
  ' ',
  '\r\n',
  '\t',
  '(tag:1.2)',
  '東京',
  '🎨',
  'HDM prompt lines: 9',
  '\u2028',
  '<lora:x:1>',
] as const;

function randomSettings(seed: number): PictureSettings {
  const random = randomNumbers(seed);
  const pick = <Item>(items: readonly Item[]): Item => items[Math.floor(random() * items.length)]!;
  const words = () => Array.from({ length: Math.floor(random() * 8) }, () => pick(PIECES)).join('');
  const integer = (limit: number) => 1 + Math.floor(random() * limit);
  const { shift: _, ...schedule } = SETTINGS.schedule;
  const { image2image: __, ...rest } = SETTINGS;
  return {
    ...rest,
    prompt: words(),
    negativePrompt: words(),
    width: integer(4096),
    height: integer(4096),
    steps: integer(100),
    guidanceScale: random() * 10 ** pick([-9, 0, 3]),
    guidanceInterval: [random() / 2, 0.5 + random() / 2],
    sampler: pick(Object.keys(SAMPLER_NAMES)),
    schedule: pick([SETTINGS.schedule, schedule, { name: 'uniform' }]),
    seed: integer(Number.MAX_SAFE_INTEGER) - 1,
    zoom: random() + 1e-7,
    xShift: random() - 0.5,
    yShift: random() * -1e-9,
    adapters: pick([[], SETTINGS.adapters, [{ file: words(), strength: random() }]]),
    model: pick([SETTINGS.model, { name: words().trim() || 'model' }]),
    device: words(),
    ...pick([{}, { image2image: { strength: random(), mask: random() < 0.5 } }]),
  };
}

describe('toParametersText', () => {
  it('reads as A1111 text does', () => {
    const { image2image: _, ...rest } = SETTINGS;
    const plain = { ...rest, prompt: 'a cat', negativePrompt: 'a dog', sampler: 'euler', seed: 1, zoom: 1.1 };
    const [prompt, negative, settings] = toParametersText(plain).split('\n');
    expect(prompt).toBe('a cat');
    expect(negative).toBe('Negative prompt: a dog');
    expect(settings).toMatch(
      /^Steps: 32, Sampler: Euler, Schedule type: Shifted, CFG scale: 3.5, Seed: 1, Size: 256x384, Model hash: 0123456789, Model: hdm-xut-340M-1024px-note, HDM /,
    );
    expect(settings).toContain(', HDM zoom: 1.1, HDM x shift: -0.4, ');
    expect(settings).toContain(', HDM device: "NVIDIA: a card, of some kind", ');
  });

  it('has no negative line without a negative prompt', () => {
    expect(toParametersText({ ...SETTINGS, negativePrompt: '' })).not.toContain('Negative prompt:');
  });

  it('says everything that fromParametersText reads', () => {
    expect(fromParametersText(toParametersText(SETTINGS))).toEqual(withoutApp(SETTINGS));
  });

  it('survives 500 random settings with nasty prompts', () => {
    for (let seed = 0; seed < 500; seed++) {
      const settings = PictureSettingsSchema.parse(randomSettings(seed));
      expect(fromParametersText(toParametersText(settings)), `seed ${seed}`).toEqual(withoutApp(settings));
    }
  });
});

describe('fromParametersText', () => {
  it('reads the text of another program', () => {
    const text = [
      'masterpiece, (cat:1.2), "Steps: 5"',
      'second line',
      'Negative prompt: dog, ugly',
      'more of it',
      'Steps: 20, Sampler: DPM++ 2M, Schedule type: Karras, CFG scale: 7, Seed: 965400086, Size: 512x768, ' +
        'Model hash: 45dee52b, Model: "some: model, v1", Denoising strength: 0.4, Lora hashes: "a: 1b, c: 2d", Version: v1.9.4',
      '',
    ].join('\n');
    expect(fromParametersText(text)).toEqual({
      prompt: 'masterpiece, (cat:1.2), "Steps: 5"\nsecond line',
      negativePrompt: 'dog, ugly\nmore of it',
      steps: 20,
      sampler: 'dpmpp-2m',
      guidanceScale: 7,
      seed: 965400086,
      width: 512,
      height: 768,
      model: { name: 'some: model, v1' },
      image2image: { strength: 0.4, mask: false },
    });
  });

  it('leaves out samplers we lack, odd numbers, and the strength of a second pass', () => {
    const text =
      'x\nSteps: 20, Sampler: Euler a, Seed: -1, CFG scale: NaN, Size: 0x9e9, Denoising strength: 0.4, Hires upscale: 2';
    expect(fromParametersText(text)).toEqual({ prompt: 'x', negativePrompt: '', steps: 20 });
  });

  it('takes a text without settings for a prompt', () => {
    expect(fromParametersText('just\nwords')).toEqual({ prompt: 'just\nwords', negativePrompt: '' });
    expect(isParametersText('just Steps: 3')).toBe(false);
    expect(isParametersText('\nSteps: 3')).toBe(true);
  });

  it('reads hostile lines to their end', () => {
    const lines = ['a:"\\",', '"', 'a b ', 'a: , ', ':', 'a:"', '\\"'].map((part) => part.repeat(200_000));
    for (const line of lines) expect(fromParametersText(`p\nSteps: 1, ${line}`).steps).toBe(1);
    expect(fromParametersText(`p\nSteps: 1, HDM prompt lines: -7`).steps).toBe(1);
  });
});
