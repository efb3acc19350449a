import type { Locator, Page } from '@playwright/test';
import { en } from '../../renderer/messages/en.ts';
import { expect, test } from './app.ts';
import { readJobs } from './data.ts';
import { cancelRunning, fill, generate, picturesOf, startLong, stepOf } from './steps.ts';

const NAMES = Array.from({ length: 19 }, (_, index) => `picture ${index + 1}`);

test('a queue of 20 is drawn in the order that it was put into, without what was cancelled', async ({
  app,
}) => {
  const { page } = app;
  await startLong(app, 'the first');
  for (const name of NAMES) await generate(page, name);
  await expect(rows(page)).toHaveCount(19);
  await expect(page.getByText(fill(en.engine.waiting_other, { count: 19 }))).toBeVisible();

  // The third becomes the first with the mouse, the second comes after the fourth with the keys.
  await row(page, 'picture 3').dragTo(row(page, 'picture 1'), { targetPosition: { x: 30, y: 3 } });
  await expect(rows(page).first()).toHaveAccessibleName(/picture 3$/);
  await row(page, 'picture 2').focus();
  await page.keyboard.press('Alt+ArrowDown');
  await expect(rows(page).nth(3)).toHaveAccessibleName(/picture 2$/);
  await expect(row(page, 'picture 2')).toBeFocused();
  // Two that wait go, one with the keys and one with the mouse; then the one that runs.
  await row(page, 'picture 5').focus();
  await page.keyboard.press('Delete');
  await expect(row(page, 'picture 5')).toBeHidden();
  await page.getByRole('button', { name: fill(en.create.removeJob, { place: 10 }), exact: true }).click();
  await expect(rows(page)).toHaveCount(17);
  const order = await namesOf(rows(page));
  await cancelRunning(app);

  const pictures = await picturesOf(app, 17);
  expect(pictures.map(({ prompt }) => prompt)).toEqual(order);
  expect(order.slice(0, 4)).toEqual(['picture 3', 'picture 1', 'picture 4', 'picture 2']);
  expect(order).not.toContain('picture 5');
  const states = readJobs(app.data).map(({ state }) => state);
  expect(states.filter((state) => state === 'done')).toHaveLength(17);
  expect(states.filter((state) => state === 'cancelled')).toHaveLength(1);
  await expect(page.getByText(en.engine.ready)).toBeVisible();
});

test('all that wait are removed at once, and the running one goes on', async ({ app }) => {
  const { page } = app;
  await startLong(app, 'the first');
  for (const name of NAMES.slice(0, 4)) await generate(page, name);
  await expect(rows(page)).toHaveCount(4);
  await page.getByRole('button', { name: en.create.removeWaiting }).click();
  await expect(rows(page)).toHaveCount(0);
  await expect(page.getByText(stepOf(1000))).toBeVisible();
  await cancelRunning(app);
  expect(readJobs(app.data).map(({ state }) => state)).toEqual(['cancelled']);
});

function rows(page: Page): Locator {
  return page.getByRole('list', { name: en.create.waiting }).getByRole('button', { name: /^\d+\. / });
}

function row(page: Page, name: string): Locator {
  return rows(page).and(page.getByRole('button', { name: new RegExp(`^\\d+\\. ${name}$`) }));
}

async function namesOf(list: Locator): Promise<string[]> {
  const labels = await list.evaluateAll((buttons) => buttons.map((button) => button.ariaLabel ?? ''));
  return labels.map((label) => label.replace(/^\d+\. /, ''));
}
