import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import type { Locator, Page } from '@playwright/test';
import { en } from '../../renderer/messages/en.ts';
import { unzipped } from '../helpers/zip.ts';
import { expect, test } from './app.ts';
import { readPictures } from './data.ts';
import { addMadeUpPictures, madeUpPrompt } from './made-up.ts';
import { choosePath, fill, generate, goTo, picturesOf, promptOf } from './steps.ts';

const COUNT = 24;
const { library } = en;

test.use({ appOptions: { prepare: (prepared) => addMadeUpPictures(prepared, COUNT) } });

test.beforeEach(async ({ app }) => {
  await goTo(app.page, 'library');
  await expect(countOf(app.page, COUNT)).toBeVisible();
});

test('search, stars, tags and folders narrow what is shown', async ({ app }) => {
  const { page } = app;
  const search = page.getByRole('searchbox', { name: library.search });
  await search.fill('boat');
  await expect(countOf(page, COUNT / 6)).toBeVisible();
  await expect(cell(page, 1)).toBeVisible();
  await search.fill('nothing like this');
  await expect(page.getByText(library.nothingFound)).toBeVisible();
  await page.getByRole('button', { name: library.showAll }).click();
  await expect(countOf(page, COUNT)).toBeVisible();

  await page.getByRole('button', { name: library.onlyStarred }).click();
  await expect(countOf(page, 5)).toBeVisible();
  await page.getByRole('button', { name: library.onlyStarred }).click();
  const places = page.getByRole('navigation', { name: library.places });
  await places.getByRole('button', { name: /^favourite/ }).click();
  await expect(countOf(page, 6)).toBeVisible();
  await page.getByRole('button', { name: fill(library.noLonger, { name: 'favourite' }) }).click();
  await places.getByRole('button', { name: /^Prints/ }).click();
  await expect(countOf(page, 4)).toBeVisible();
  await page.getByLabel(library.order, { exact: true }).selectOption('oldest');
  await expect(page.getByRole('gridcell').first()).toHaveAccessibleName(new RegExp(`^${madeUpPrompt(0)}`));
});

test('many pictures are chosen, starred, tagged and put into a new folder at once', async ({ app }) => {
  const { page } = app;
  await cell(page, 23).click();
  await cell(page, 20).click({ modifiers: ['Shift'] });
  await cell(page, 18).click({ modifiers: ['ControlOrMeta'] });
  const tools = page.getByLabel(library.chosenTools);
  await expect(tools.getByText(fill('{{count}} chosen', { count: 5 }))).toBeVisible();
  await tools.getByRole('button', { name: library.star, exact: true }).click();
  await expect.poll(() => readPictures(app.data).filter(({ isStarred }) => isStarred)).toHaveLength(9);

  await tools.getByRole('button', { name: library.editTags }).click();
  await page.getByLabel(library.addTags).fill('new tag');
  await page.keyboard.press('Enter');
  await page.getByRole('dialog').getByRole('button', { name: en.common.save }).click();
  const places = page.getByRole('navigation', { name: library.places });
  await expect(places.getByRole('button', { name: /^new tag/ })).toContainText('5');

  await tools.getByRole('button', { name: library.toFolder }).click();
  await page.getByRole('dialog').getByRole('textbox', { name: library.folderName }).fill('Best ones');
  await page.getByRole('dialog').getByRole('button', { name: library.move }).click();
  await places.getByRole('button', { name: /^Best ones/ }).click();
  await expect(countOf(page, 5)).toBeVisible();
});

test('what was deleted comes back with one press, until the trash is emptied', async ({ app }) => {
  const { page } = app;
  await cell(page, 22).click();
  await page.keyboard.press('Delete');
  await expect(countOf(page, COUNT - 1)).toBeVisible();
  await expect(cell(page, 22)).toBeHidden();
  await page.getByRole('button', { name: en.common.undo }).click();
  await expect(cell(page, 22)).toBeVisible();

  const [picture] = readPictures(app.data).slice(22);
  await cell(page, 22).click();
  await page.keyboard.press('Delete');
  await page.getByRole('button', { name: library.trash }).click();
  await expect(countOf(page, 1)).toBeVisible();
  expect(existsSync(picture!.file)).toBe(true);
  await page.getByRole('button', { name: library.emptyTrash }).click();
  await page.getByRole('dialog').getByRole('button', { name: library.emptyTrash }).click();
  await expect(page.getByText(library.trashIsEmpty)).toBeVisible();
  expect(existsSync(picture!.file)).toBe(false);
});

test('one picture is looked at closely, its neighbours with the arrow keys', async ({ app }) => {
  const { page } = app;
  await cell(page, 23).dblclick();
  const viewer = page.getByRole('region', { name: library.viewer });
  await expect(viewer.getByRole('img', { name: madeUpPrompt(23) })).toBeVisible();
  await page.keyboard.press('ArrowRight');
  await expect(viewer.getByRole('img', { name: madeUpPrompt(22) })).toBeVisible();
  await expect(viewer.getByText(fill(library.place, { number: 2, total: COUNT }))).toBeVisible();
  await expect(viewer.getByText('1022')).toBeVisible(); // its seed
  await page.keyboard.press('Escape');
  await expect(viewer).toBeHidden();
  await expect(cell(page, 22)).toBeFocused();
});

test('pictures are exported: as copies in a folder, or as a zip file', async ({ app }) => {
  const { page } = app;
  await cell(page, 23).click();
  await cell(page, 21).click({ modifiers: ['Shift'] });
  const exporting = page.getByLabel(library.chosenTools).getByRole('button', { name: library.export });
  if (app.mode === 'desktop') {
    const folder = join(app.data, 'home');
    await choosePath(app, folder, { isFolder: true, open: () => exporting.click() });
    await expect(page.getByText(fill(library.exported_other, { count: 3 }))).toBeVisible();
    expect(readdirSync(folder).filter((name) => name.endsWith('.png'))).toHaveLength(3);
  } else {
    const [download] = await Promise.all([page.waitForEvent('download'), exporting.click()]);
    const chunks: Buffer[] = [];
    for await (const chunk of await download.createReadStream()) chunks.push(chunk as Buffer);
    expect(unzipped(Buffer.concat(chunks)).size).toBe(3);
  }
});

test('a new picture does not move what is being looked at', async ({ app }) => {
  const { page } = app;
  await cell(page, 20).click();
  await page.keyboard.press('ControlOrMeta+Alt+1');
  await generate(page, 'a new one');
  await picturesOf(app, COUNT + 1);
  await goTo(page, 'library');
  await expect(page.getByRole('gridcell', { name: 'a new one' })).toBeVisible();
  await page.getByRole('gridcell', { name: 'a new one' }).dblclick();
  await page.getByRole('button', { name: library.beginFrom }).click();
  await expect(promptOf(page)).toBeVisible();
  await expect(page.getByRole('img', { name: en.create.startPicture })).toBeVisible();
});

function cell(page: Page, number: number): Locator {
  return page.getByRole('gridcell', { name: new RegExp(`number ${number}(,|$)`) });
}

function countOf(page: Page, count: number): Locator {
  const words = count === 1 ? '1 picture' : `${count} pictures`;
  return page.getByLabel(library.tools).getByText(words, { exact: true });
}
