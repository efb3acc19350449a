import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { beforeEach, expect, it, vi } from 'vitest';
import { readSettings } from '../../engine/image/restore.ts';
import { hdmStudio, refusal } from '../helpers/command-line.ts';
import { testFolder } from '../helpers/folder.ts';
import { writeTinyModel } from '../helpers/tiny-model.ts';

/** Where the program finds what came with it. */
const place = vi.hoisted(() => ({ resources: '' }));
vi.mock('../../engine/checkpoints/resources.ts', () => ({
  resourceFolder: (name: string) => `${place.resources}/${name}`,
}));

beforeEach(() => {
  place.resources = testFolder();
});

function sample(): ReturnType<typeof hdmStudio> {
  const out = join(place.resources, 'drawn.png');
  return hdmStudio('sample', '--prompt', 'a cat', '--steps', '1', '--device', 'cpu', '--out', out);
}

it('draws and is judged where no model is named', async () => {
  writeTinyModel(join(place.resources, 'starter'));
  expect((await sample()).code).toBe(0);
  const settings = await readSettings(join(place.resources, 'drawn.png'));
  expect(settings).toMatchObject({ settings: { model: { name: 'starter' } } });
  const judged = await hdmStudio(
    ...['eval', '--prompts', '1', '--steps', '1', '--device', 'cpu', '--categories', 'one', '--json'],
  );
  expect(JSON.parse(judged.stdout)).toMatchObject({ model: `${place.resources}/starter` });
});

it('is missed in words that say what to do', async () => {
  for (const outcome of [await sample(), await hdmStudio('eval')]) {
    const words = refusal(outcome, 2);
    expect(words).toContain(`${place.resources}/starter: no model was named`);
    expect(words).toContain('Name the file or folder of an HDM model');
  }
  expect(existsSync(join(place.resources, 'drawn.png'))).toBe(false);
});
