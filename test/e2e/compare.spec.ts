import type { Page } from '@playwright/test';
import { en } from '../../renderer/messages/en.ts';
import { expect, test } from './app.ts';
import { readJobs } from './data.ts';
import { addMadeUpPictures } from './made-up.ts';
import { draw, fill, goTo, picturesOf, promptOf } from './steps.ts';

const { compare } = en;

test.describe('two pictures', () => {
  test.use({ appOptions: { prepare: (prepared) => addMadeUpPictures(prepared, 6) } });

  test('are wiped over each other, and the difference of their prompts and settings is shown', async ({
    app,
  }) => {
    const { page } = app;
    await goTo(page, 'library');
    await page.getByRole('gridcell', { name: /number 5/ }).click();
    await page.getByRole('gridcell', { name: /number 4/ }).click({ modifiers: ['ControlOrMeta'] });
    await page.getByRole('button', { name: en.library.compareBoth }).click();

    const wipe = page.getByRole('slider', { name: compare.line });
    await expect(wipe).toHaveAttribute('aria-valuenow', '50');
    const { x, y, width } = (await wipe.boundingBox())!;
    await page.mouse.move(x + width / 2, y + 40);
    await page.mouse.down();
    await page.mouse.move(x + 150, y + 40, { steps: 4 });
    await page.mouse.up();
    await expect(wipe).not.toHaveAttribute('aria-valuenow', '50');
    await wipe.press('Home');
    await expect(wipe).toHaveAttribute('aria-valuenow', '0');
    await expect(page.getByRole('row', { name: /^Seed 100[45] 100[45]$/ })).toBeVisible();
    await expect(page.locator('ins').first()).toBeVisible();
    await expect(page.locator('del').first()).toBeVisible();

    await page.getByRole('radio', { name: compare.look.difference }).click();
    await expect(page.getByRole('status').getByText(/% of the pixels differ/)).toBeVisible();
  });
});

test('the same seed with one word changed makes the second picture', async ({ app }) => {
  const { page } = app;
  const first = await draw(app, 'a red house');
  await goTo(page, 'library');
  await page.getByRole('gridcell', { name: 'a red house' }).dblclick();
  await page.getByRole('button', { name: en.library.changeOne }).click();
  const panel = page.getByRole('main');
  const draft = panel.getByRole('textbox', { name: compare.prompt });
  await draft.fill('a blue house');
  await panel.getByRole('button', { name: compare.drawB }).click();
  const [, second] = await picturesOf(app, 2);
  expect(second).toMatchObject({ prompt: 'a blue house', seed: first.seed });
  await expect(page.getByRole('slider', { name: compare.line })).toBeVisible();
});

test('a grid of two by two settings fills, and its cells open', async ({ app }) => {
  const { page } = app;
  await promptOf(page).fill('a red house');
  await goTo(page, 'compare');
  await page.getByRole('tab', { name: compare.mode.grid }).click();
  await planAxis(page, compare.columns, 'steps', '2, 3');
  await planAxis(page, compare.rows, 'prompt', 'red, blue');
  await expect(page.getByText('4 pictures')).toBeVisible();
  await page.getByRole('button', { name: compare.draw }).click();

  const pictures = await picturesOf(app, 4);
  expect(pictures.map(({ prompt }) => prompt)).toEqual([
    'a red house',
    'a red house',
    'a blue house',
    'a blue house',
  ]);
  expect(readJobs(app.data).map(({ drawing }) => drawing.steps)).toEqual([2, 3, 2, 3]);
  expect(new Set(pictures.map(({ seed }) => seed)).size).toBe(1);
  await expect(page.getByText(fill(compare.finished, { count: 4, total: 4 }))).toBeVisible();

  await page.getByRole('button', { name: '3, blue', exact: true }).click();
  const dialog = page.getByRole('dialog');
  await expect(dialog.getByRole('img', { name: 'a blue house' })).toBeVisible();
  await page.keyboard.press('ArrowLeft');
  await expect(dialog.getByRole('heading')).toContainText('Steps: 2');
  await page.keyboard.press('ArrowUp');
  await expect(dialog.getByRole('img', { name: 'a red house' })).toBeVisible();
  await page.keyboard.press('Escape');

  // It is still there after a reload.
  await page.reload();
  await page.getByRole('tab', { name: compare.mode.grid }).click();
  await expect(page.getByRole('heading', { name: compare.history })).toBeVisible();
});

test('values that cannot be are refused before anything is drawn', async ({ app }) => {
  const { page } = app;
  await promptOf(page).fill('a red house');
  await goTo(page, 'compare');
  await page.getByRole('tab', { name: compare.mode.grid }).click();
  await planAxis(page, compare.columns, 'steps', '4, many');
  await expect(page.getByRole('alert')).toContainText('many');
  await expect(page.getByRole('button', { name: compare.draw })).toBeDisabled();
});

async function planAxis(
  page: Page,
  axis: string,
  setting: keyof typeof compare.axis,
  values: string,
): Promise<void> {
  const group = page.getByRole('group', { name: axis, exact: true });
  await group.getByRole('combobox').selectOption(setting);
  await group.getByRole('textbox', { name: compare.values }).fill(values);
}
