import type { Page } from '@playwright/test';
import { en } from '../../renderer/messages/en.ts';
import { expect, test, type App } from './app.ts';
import { cancelRunning, generate, goTo, picturesOf, promptOf, startLong, stepOf } from './steps.ts';

test('two browsers see the same queue and steer it together', async ({ app }) => {
  const { page } = app;
  const other = await secondBrowser(app);
  await goTo(page, 'create');
  await startLong(app, 'from the first');
  await generate(page, 'second in line');
  await generate(other, 'from the other');
  for (const window of [page, other]) {
    await expect(waiting(window)).toHaveText(['second in line', 'from the other']);
    await expect(window.getByText(stepOf(1000))).toBeVisible();
  }

  await other.getByRole('button', { name: /^2\. from the other$/ }).press('Alt+ArrowUp');
  await expect(waiting(page)).toHaveText(['from the other', 'second in line']);
  await cancelRunning(app, other);
  const pictures = await picturesOf(app, 2);
  expect(pictures.map(({ prompt }) => prompt)).toEqual(['from the other', 'second in line']);
  for (const window of [page, other]) {
    await expect(window.getByRole('button', { name: 'second in line' })).toBeVisible();
    await expect(window.getByText(en.engine.ready)).toBeVisible();
  }
});

test('what one browser changes in library and settings the other one shows', async ({ app }) => {
  const { page } = app;
  const other = await secondBrowser(app);
  await goTo(page, 'create');
  await generate(page, 'a shared picture');
  await picturesOf(app, 1);
  await goTo(page, 'library');
  await goTo(other, 'library');
  await page.getByRole('gridcell', { name: 'a shared picture' }).click();
  await page.keyboard.press('ControlOrMeta+d');
  await expect(
    other.getByRole('gridcell', { name: `a shared picture, ${en.library.starred}` }),
  ).toBeVisible();
  await goTo(page, 'settings');
  await page.getByLabel(en.settings.appearance.language).selectOption('ja');
  await expect(other.locator('html')).toHaveAttribute('lang', 'ja');
});

async function secondBrowser(app: App): Promise<Page> {
  await goTo(app.page, 'settings');
  await app.page.getByRole('button', { name: en.settings.browser.make }).click();
  const other = await app.open(await app.page.getByText(/\?token=/).innerText());
  await expect(promptOf(other)).toBeVisible();
  return other;
}

function waiting(page: Page) {
  return page.getByRole('list', { name: en.create.waiting }).locator('.text');
}
