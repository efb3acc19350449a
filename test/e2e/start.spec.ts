import { join } from 'node:path';
import type { Page } from '@playwright/test';
import sharp from 'sharp';
import { en } from '../../renderer/messages/en.ts';
import { expect, test, type App } from './app.ts';
import { readJobs } from './data.ts';
import { decode, meanColour } from './pixels.ts';
import { draw, dropFile, generate, picturesOf, setNumber } from './steps.ts';

/** Blue on the left, yellow on the right. */
const HALVES = { left: '#2040e0', right: '#f0d020', width: 128, height: 128 };

test('a dropped picture is what the next one begins from', async ({ app }) => {
  const { page } = app;
  await dropHalves(app);
  await expect(page.getByRole('img', { name: en.create.startPicture })).toBeVisible();
  await setNumber(page, en.create.strength, 0.3);
  await generate(page, 'a house');
  const [picture] = await picturesOf(app, 1);
  expect(readJobs(app.data)[0]!.drawing.from).toMatchObject({ image: { kind: 'upload' }, strength: 0.3 });
  expect(await decode(picture!.file)).toMatchObject({ width: 128, height: 128 });

  await page.getByRole('button', { name: en.create.removeStart }).click();
  await draw(app, 'a house');
  expect(readJobs(app.data)[1]!.drawing.from).toBeUndefined();
});

test('a picture of the library is begun from with one press', async ({ app }) => {
  const { page } = app;
  const first = await draw(app, 'a tree');
  await page.getByRole('button', { name: en.create.useAsStart }).click();
  await draw(app, 'a tree in snow');
  expect(readJobs(app.data)[1]!.drawing.from?.image).toEqual({ kind: 'picture', id: first.id });
});

test.describe('with a model that draws', () => {
  test.use({ appOptions: { model: 'real', form: { drawing: { width: 128, height: 128, seed: 3 } } } });

  test('only what the mask covers is drawn anew', async ({ app }) => {
    const { page } = app;
    await dropHalves(app);
    await page.getByRole('button', { name: en.create.paintMask }).click();
    await setNumber(page, en.create.mask.brush, 40);
    await paintRightHalf(page);
    await page.getByRole('button', { name: en.create.mask.done }).click();
    await expect(page.getByRole('button', { name: en.create.changeMask })).toBeVisible();
    await setNumber(page, en.create.strength, 1);
    await generate(page, 'green background');

    const [picture] = await picturesOf(app, 1);
    expect(readJobs(app.data)[0]!.drawing.from?.mask).toMatchObject({ kind: 'upload' });
    const pixels = await decode(picture!.file);
    const [red, , blue] = meanColour(pixels, [0.05, 0.2, 0.3, 0.8]);
    expect(blue - red).toBeGreaterThan(100); // as it was
    const [redOfRight, ,] = meanColour(pixels, [0.75, 0.2, 0.95, 0.8]);
    expect(redOfRight).toBeLessThan(190); // not the yellow that was there
  });
});

test('the mask is undone, inverted and cleared', async ({ app }) => {
  const { page } = app;
  await dropHalves(app);
  await page.getByRole('button', { name: en.create.paintMask }).click();
  const tools = page.getByRole('toolbar', { name: en.create.mask.tools });
  await expect(tools.getByRole('button', { name: en.create.mask.clear })).toBeDisabled();
  await paintRightHalf(page);
  await tools.getByRole('button', { name: en.create.mask.clear }).click();
  await expect(tools.getByRole('button', { name: en.create.mask.clear })).toBeDisabled();
  await paintRightHalf(page);
  await tools.getByRole('button', { name: en.common.undo }).click();
  await expect(tools.getByRole('button', { name: en.common.undo })).toBeDisabled();
  await paintRightHalf(page);
  await tools.getByRole('button', { name: en.create.mask.invert }).click();
  await page.keyboard.press('Escape');
  await expect(tools).toBeHidden();
  await generate(page, 'a house');
  await picturesOf(app, 1);
  expect(readJobs(app.data)[0]!.drawing.from?.mask).toBeDefined();
});

/** Drops a picture without settings onto the canvas. */
async function dropHalves(app: App): Promise<void> {
  const { width, height, left, right } = HALVES;
  const half = { create: { width: width / 2, height, channels: 3 as const, background: right } };
  const overlay = await sharp(half).png().toBuffer();
  const base = sharp({ create: { width, height, channels: 3, background: left } });
  const file = join(app.data, 'halves.png');
  await base
    .composite([{ input: overlay, left: width / 2, top: 0 }])
    .png()
    .toFile(file);
  const bytes = await sharp(file).png().toBuffer();
  const canvas = app.page.getByRole('region', { name: en.create.canvas });
  await dropFile(canvas, { name: 'halves.png', type: 'image/png', bytes });
  await expect(app.page.getByRole('button', { name: en.create.paintMask })).toBeEnabled();
}

async function paintRightHalf(page: Page): Promise<void> {
  const canvas = page.getByLabel(en.create.mask.canvas);
  const { x, y, width, height } = (await canvas.boundingBox())!;
  await page.mouse.move(x + width * 0.8, y + 5);
  await page.mouse.down();
  for (const part of [0.25, 0.5, 0.75, 0.98])
    await page.mouse.move(x + width * 0.8, y + height * part, { steps: 3 });
  await page.mouse.up();
}
