import { describe, expect, it } from 'vitest';
import { asciiJson, checkSettings, keepValid, parseSettings } from '../../engine/image/settings.ts';
import { errorOf, SETTINGS } from './samples.ts';

describe('parseSettings', () => {
  it('gives back what was written, in ASCII', () => {
    const json = asciiJson(SETTINGS);
    expect(json).toMatch(/^[ -~]+$/);
    expect(parseSettings(json)).toEqual(SETTINGS);
  });

  it('keeps every UTF-16 text exact, even half a character', () => {
    const prompt = 'a\0b\r\n\ud83c\u2028\x7f\uffff';
    expect(parseSettings(asciiJson({ ...SETTINGS, prompt })).prompt).toBe(prompt);
  });

  it('leaves out unknown keys at any depth', () => {
    const model = { ...SETTINGS.model, path: 'secret' };
    expect(parseSettings(JSON.stringify({ ...SETTINGS, model, more: 1 }))).toEqual(SETTINGS);
  });

  it('keeps the prompt before its choices were made', () => {
    const settings = { ...SETTINGS, promptTemplate: '{1girl|2girls}, __hair__' };
    expect(parseSettings(asciiJson(settings))).toEqual(settings);
  });

  it('does without what may be absent', () => {
    const { image2image: _, ...rest } = SETTINGS;
    const plain = { ...rest, model: { name: 'm' }, schedule: { name: 'uniform' }, adapters: [] };
    expect(parseSettings(JSON.stringify(plain))).toEqual(plain);
  });

  it.each([
    ['version', 2],
    ['app', 'other'],
    ['width', 0],
    ['height', 16.5],
    ['steps', '32'],
    ['guidanceScale', null],
    ['guidanceInterval', [0.9, 0.1]],
    ['seed', 2 ** 53],
    ['seed', -1],
    ['zoom', 0],
    ['treadGuidance', 1.1],
    ['precision', 'f8'],
    ['prompt', 'x'.repeat(1_000_001)],
    ['model', { name: 'm', sha256: 'short' }],
  ])('names a wrong %s', async (key, value) => {
    const error = await errorOf(() => parseSettings(JSON.stringify({ ...SETTINGS, [key]: value })));
    expect(error.code).toBe('bad-file');
    expect(error.message).toContain(key);
  });

  it('refuses what is no JSON and what is no record', async () => {
    for (const json of ['', '{', 'null', '[]', '3', '['.repeat(100_000)]) {
      expect((await errorOf(() => parseSettings(json))).code).toBe('bad-file');
    }
  });
});

describe('checkSettings', () => {
  it('refuses numbers that JSON cannot write', async () => {
    const error = await errorOf(() => checkSettings({ ...SETTINGS, zoom: NaN }, 'bad-usage'));
    expect(error.code).toBe('bad-usage');
    expect(error.message).toContain('zoom');
  });
});

describe('keepValid', () => {
  it('keeps the valid and drops the rest', () => {
    expect(keepValid({ steps: 3, seed: -1, prompt: 5, zoom: undefined, width: 64 })).toEqual({
      steps: 3,
      width: 64,
    });
  });
});
