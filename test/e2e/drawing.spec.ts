import sharp from 'sharp';
import { en } from '../../renderer/messages/en.ts';
import { expect, test } from './app.ts';
import { readForm, readJobs, readPictures } from './data.ts';
import {
  cancelRunning,
  draw,
  generate,
  picturesOf,
  promptOf,
  setNumber,
  startLong,
  stepOf,
} from './steps.ts';

test('pictures have the size and number that were asked for', async ({ app }) => {
  const { page } = app;
  await setNumber(page, en.create.width, 96);
  await setNumber(page, en.create.height, 144);
  await setNumber(page, en.create.count, 3);
  await generate(page, 'a tree');
  const pictures = await picturesOf(app, 3);
  const [first] = pictures;
  expect(pictures.map(({ seed }) => seed)).toEqual([0, 1, 2].map((more) => first!.seed + more));
  for (const { file } of pictures) {
    expect(await sharp(file).metadata()).toMatchObject({ width: 96, height: 144, format: 'png' });
  }
  await page.getByRole('radio', { name: '2:3' }).click();
  await setNumber(page, en.create.count, 1);
  const { width, height } = await draw(app, 'a tree');
  expect(height / width).toBeCloseTo(1.5, 1);
});

test('a running picture is cancelled within a step and leaves nothing behind', async ({ app }) => {
  const { page } = app;
  await startLong(app, 'too long');
  await page.keyboard.press('ControlOrMeta+Backspace');
  app.releaseEngine();
  await expect(page.getByText(stepOf(1000))).toBeHidden();
  const { prompt } = await draw(app, 'a short one');
  expect(prompt).toBe('a short one');
  expect(readPictures(app.data)).toHaveLength(1);
  expect(readJobs(app.data).map(({ state }) => state)).toEqual(['cancelled', 'done']);
});

test('a window whose page is loaded again shows where things stand', async ({ app }) => {
  const { page } = app;
  await startLong(app, 'long');
  await generate(page, 'after');
  await page.reload();
  await expect(page.getByText(stepOf(1000))).toBeVisible();
  await expect(page.getByRole('list', { name: en.create.waiting }).getByText('after')).toBeVisible();
  await cancelRunning(app);
  expect((await picturesOf(app, 1))[0]!.prompt).toBe('after');
});

test('what was written is there again after a reload, and in the history', async ({ app }) => {
  const { page } = app;
  await draw(app, 'a boat on the lake');
  await promptOf(page).fill('something else');
  await setNumber(page, en.create.guidance, 2.5);
  await expect.poll(() => readForm(app.data).drawing.guidanceScale).toBe(2.5); // it has reached the host
  await page.reload();
  await expect(promptOf(page)).toHaveValue('something else');
  await expect(page.getByRole('spinbutton', { name: en.create.guidance })).toHaveValue('2.5');
  await page.getByRole('button', { name: en.create.history }).click();
  await page.getByRole('option', { name: 'a boat on the lake' }).click();
  await expect(promptOf(page)).toHaveValue('a boat on the lake');
});

test('tags are completed, and choices in a prompt become one of them', async ({ app }) => {
  const { page } = app;
  await promptOf(page).click();
  await page.keyboard.type('a {red|green} house, blue eye');
  const suggestions = page.getByRole('listbox', { name: en.create.suggestions });
  await expect(suggestions.getByRole('option', { name: /blue eyes/ })).toBeVisible();
  await page.keyboard.press('Tab');
  await expect(promptOf(page)).toHaveValue(/blue eyes/);
  await page.keyboard.press('ControlOrMeta+Enter');
  const [picture] = await picturesOf(app, 1);
  expect(picture!.prompt).toMatch(/^a (red|green) house, blue eyes/);
});
