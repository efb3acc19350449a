import type { Locator, Page } from '@playwright/test';
import { en } from '../../renderer/messages/en.ts';
import { addManyPictures } from '../electron/many-pictures.ts';
import { expect, test } from './app.ts';
import { longTasks } from './long-tasks.ts';
import { goTo } from './steps.ts';

const COUNT = 50_000;
/** Every 100th is in the trash. */
const SHOWN = COUNT - COUNT / 100;

test.describe.configure({ retries: 1 }); // a machine that is busy with something else slows everything

test.use({
  appOptions: {
    prepare: ({ database, places }) => addManyPictures({ database, places, count: COUNT, withFiles: true }),
  },
});

test('50 000 pictures scroll without a long task, and are there when the hand rests', async ({ app }) => {
  const { page } = app;
  await goTo(page, 'library');
  await expect(page.getByText(`${SHOWN.toLocaleString('en')} pictures`)).toBeVisible();
  const grid = page.getByRole('grid', { name: en.library.pictures });
  await expect(page.getByRole('gridcell').first()).toHaveAccessibleName(/number 49998/);
  await grid.hover();

  const tasks = await longTasks(page, async () => {
    // As a hand does it: row by row, then through the whole list in leaps.
    for (let turn = 0; turn < 40; turn++) {
      await page.mouse.wheel(0, 240);
      await nextFrame(page);
    }
    for (let part = 0; part <= 50; part++) {
      await grid.evaluate((element, share) => (element.scrollTop = element.scrollHeight * share), part / 50);
      await nextFrame(page);
    }
  });
  expect(tasks).toEqual([]);

  // The oldest are at the end; nothing stays empty.
  await expect(page.getByRole('gridcell').last()).toHaveAccessibleName(/number 0(,|$)/);
  await expect.poll(() => emptyInView(grid)).toEqual([]);
  // Only what is in view, and a little more, is in the page.
  expect(await page.getByRole('gridcell').count()).toBeLessThan(120);
});

test('what measures long tasks finds one', async ({ app }) => {
  await goTo(app.page, 'library');
  const tasks = await longTasks(app.page, () =>
    app.page.evaluate(() => {
      let sum = 0;
      for (let number = 0; number < 5e8; number++) sum += number; // work, not waiting
      return sum;
    }),
  );
  expect(tasks).not.toEqual([]);
});

/** Names of the cells in view whose picture is not there. */
function emptyInView(grid: Locator): Promise<string[]> {
  return grid.evaluate((element) => {
    const { top, bottom } = element.getBoundingClientRect();
    const cells = [...element.querySelectorAll('[role="gridcell"]')].filter((cell) => {
      const box = cell.getBoundingClientRect();
      return box.bottom > top && box.top < bottom;
    });
    const isEmpty = (cell: Element): boolean => !cell.querySelector('img')?.naturalWidth;
    return cells.filter(isEmpty).map((cell) => cell.ariaLabel ?? '');
  });
}

async function nextFrame(page: Page): Promise<void> {
  await page.evaluate(() => new Promise((resolve) => requestAnimationFrame(() => setTimeout(resolve))));
}
