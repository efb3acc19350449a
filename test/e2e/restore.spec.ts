import { readFileSync } from 'node:fs';
import type { Page } from '@playwright/test';
import { en } from '../../renderer/messages/en.ts';
import { expect, test } from './app.ts';
import { decode } from './pixels.ts';
import { draw, dropFile, goTo, picturesOf, promptOf, setNumber } from './steps.ts';

const FORM = { sampler: 'dpmpp-2m', guidanceScale: 2.5, camera: { xShift: 0.1, yShift: -0.2, zoom: 1.1 } };

test.describe('the settings inside a picture', () => {
  test.use({
    appOptions: { form: { drawing: { ...FORM, negativePrompt: 'blurry', width: 96, height: 144 } } },
  });

  test('that is dropped onto the window draw the identical picture again', async ({ app }) => {
    const { page } = app;
    const first = await draw(app, 'a {red|blue} house');
    await spoil(page);
    await dropFile(page.getByRole('region', { name: en.create.canvas }), {
      name: 'restore.png',
      type: 'image/png',
      bytes: readFileSync(first.file),
    });
    const dialog = page.getByRole('dialog', { name: en.create.dropTitle });
    await dialog.getByRole('button', { name: en.create.dropSettings }).click();
    await expect(promptOf(page)).toHaveValue(/house$/);
    await page.keyboard.press('ControlOrMeta+Enter');
    await expectSame(first.file, (await picturesOf(app, 2))[1]!.file);
  });

  test('of the library draw it again as well', async ({ app }) => {
    const { page } = app;
    const first = await draw(app, 'a tree');
    await spoil(page);
    await goTo(page, 'library');
    await page.getByRole('gridcell', { name: 'a tree' }).dblclick();
    await page.getByRole('button', { name: en.library.useSettings }).click();
    await expect(promptOf(page)).toHaveValue('a tree');
    await page.keyboard.press('ControlOrMeta+Enter');
    await expectSame(first.file, (await picturesOf(app, 2))[1]!.file);
  });

  test('are shown for a file that is dropped onto the library', async ({ app }) => {
    const { page } = app;
    const { file } = await draw(app, 'a boat');
    await goTo(page, 'library');
    await dropFile(page.getByRole('region', { name: en.screens.library }), {
      name: 'boat.png',
      type: 'image/png',
      bytes: readFileSync(file),
    });
    const dialog = page.getByRole('dialog', { name: en.library.foundTitle });
    await expect(dialog.getByText(en.library.source['hdm-studio'])).toBeVisible();
    await dialog.getByRole('button', { name: en.library.useSettings }).click();
    await expect(promptOf(page)).toHaveValue('a boat');
  });
});

test('a picture without settings, and a file that is none, are told apart', async ({ app }) => {
  const { page } = app;
  await goTo(page, 'library');
  const target = page.getByRole('region', { name: en.screens.library });
  await dropFile(target, { name: 'text.png', type: 'image/png', bytes: Buffer.from('no picture') });
  await expect(page.getByRole('dialog').getByRole('alert')).toBeVisible();
});

/** Another wish in the form, so that what comes back is not what was there. */
async function spoil(page: Page): Promise<void> {
  await promptOf(page).fill('something else');
  await setNumber(page, en.create.steps, 7);
  await setNumber(page, en.create.guidance, 1);
  await setNumber(page, en.create.width, 64);
  await setNumber(page, en.create.seed, 1);
}

async function expectSame(first: string, second: string): Promise<void> {
  expect(second).not.toBe(first);
  const [a, b] = await Promise.all([decode(first), decode(second)]);
  expect([b.width, b.height]).toEqual([a.width, a.height]);
  expect(b.bytes.equals(a.bytes)).toBe(true);
  // Not because everything is the same colour.
  expect(new Set(a.bytes).size).toBeGreaterThan(20);
}
