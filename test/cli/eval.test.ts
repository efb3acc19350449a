import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import sharp from 'sharp';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { hdmStudio, refusal } from '../helpers/command-line.ts';
import { testFolder } from '../helpers/folder.ts';
import { writeTinyModel } from '../helpers/tiny-model.ts';

let folder = '';
let model = '';

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'hdm-eval-'));
  ({ folder: model } = writeTinyModel(join(folder, 'model')));
});

afterAll(() => rmSync(folder, { recursive: true }));

/** One step of a model that knows nothing. */
function score(...args: string[]) {
  return hdmStudio('eval', model, '--device', 'cpu', '--steps', '1', '--prompts', '2', ...args);
}

describe('eval', () => {
  it('writes scores and a sheet of what went wrong', async () => {
    const out = join(testFolder(), 'new', 'folder');
    const { code, stdout } = await score('--out', out, '--categories', 'one,two');
    expect(code).toBe(0);
    expect(stdout).toMatch(/^one: 0\.0 % of 2 right in everything\n {2}background \d+\.\d %, count /);
    expect(stdout).toContain('two: 0.0 % of 2 right in everything');
    expect(stdout).not.toContain('camera');
    expect(stdout).toContain('failures.png: 4 of 4 failures');
    const scores = JSON.parse(readFileSync(join(out, 'scores.json'), 'utf8')) as object;
    expect(scores).toMatchObject({
      model,
      device: 'cpu',
      options: { prompts: 2, seed: 0, steps: 1, guidanceScale: 3, size: 64, categories: ['one', 'two'] },
      categories: { one: { pictures: 2, all: { right: 0, of: 2 } }, two: { pictures: 2 } },
    });
    const { width } = await sharp(join(out, 'failures.png')).metadata();
    expect(width).toBe(10 + 4 * 234);
  });

  it('is one JSON document, with the camera', async () => {
    const { code, stdout } = await score('--json', '--categories', 'camera', '--kinds', 'circle, star');
    expect(code).toBe(0);
    const { camera, options } = JSON.parse(stdout) as { camera: object; options: object };
    expect(options).toMatchObject({ kinds: ['circle', 'star'] });
    expect(Object.keys(camera)).toEqual(['x', 'y', 'zoom']);
  });

  it.each<[args: string, says: string]>([
    ['--prompts 0', 'expected a whole number of prompts from 1 up'],
    ['--categories one,three', 'expected some of one, tags, small, two, world, camera, got "three"'],
    ['--kinds dragon', 'got "dragon"'],
    ['--sampler magic', 'Allowed choices are'],
    ['--steps 0', 'the steps must be a whole number'],
    ['--ratios 3:4', 'no usual picture has a long side of 3 to 4 short ones'],
    ['--tread-negative 1', 'the TREAD rate must be 0 to less than 1'],
    ['--size 100', 'must be a multiple of 16'],
  ])('refuses %s', async (args, says) => {
    expect(refusal(await score(...args.split(' ')), 2)).toContain(says);
  });

  it('refuses a folder that cannot be, before it draws', async () => {
    const out = join(model, 'model_index.json', 'scores');
    expect(refusal(await score('--out', out), 1)).toContain('a file, not a folder');
    expect(existsSync(out)).toBe(false);
  });
});
