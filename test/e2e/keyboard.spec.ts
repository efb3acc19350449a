/** Everything with the keys alone: no test here touches the mouse. */
import { join } from 'node:path';
import type { Locator, Page } from '@playwright/test';
import { en } from '../../renderer/messages/en.ts';
import { writeTinyModel } from '../helpers/tiny-model.ts';
import { expect, test } from './app.ts';
import { readJobs, readPictures } from './data.ts';
import { addMadeUpPictures } from './made-up.ts';
import { fill, numberOf, picturesOf, promptOf, stepOf } from './steps.ts';

/** Screens by the digit that leads to them, in the order of the rail. */
const SCREEN_KEYS = {
  create: '1',
  compare: '2',
  library: '3',
  models: '4',
  train: '5',
  settings: '6',
} as const;

test.describe('Create', () => {
  test('is filled in, drawn from and cancelled', async ({ app }) => {
    const { page } = app;
    await focusPrompt(page);
    await page.keyboard.type('a house ');
    // Past the shapes, which are one stop, to the numbers and the main action.
    await tabTo(page, page.getByRole('radio', { name: '1:1' }));
    await page.keyboard.press('ArrowRight');
    await page.keyboard.press('Enter');
    await expect
      .poll(async () => Number(await numberOf(page, en.create.height).inputValue()))
      .toBeGreaterThan(128);
    await tabTo(page, page.getByRole('slider', { name: en.create.steps }));
    await page.keyboard.press('ArrowRight');
    await expect(numberOf(page, en.create.steps)).toHaveValue('5');
    await tabTo(page, page.getByLabel(en.create.sampler));
    await tabTo(page, numberOf(page, en.create.seed));
    await type(page, '11');
    await tabTo(page, page.getByRole('button', { name: en.create.lockSeed }));
    await page.keyboard.press('Enter');
    await tabTo(page, page.getByRole('button', { name: /^Generate/ }));
    await page.keyboard.press('Enter');
    const [picture] = await picturesOf(app, 1);
    expect(picture).toMatchObject({ seed: 11 });

    await tabTo(page, numberOf(page, en.create.steps), 'backwards');
    await type(page, '1000');
    await page.keyboard.press('ControlOrMeta+Enter');
    await expect(page.getByText(stepOf(1000))).toBeVisible();
    app.holdEngine();
    await tabTo(page, page.getByRole('button', { name: en.create.cancelRunning }).first());
    await page.keyboard.press('Enter');
    app.releaseEngine();
    await expect(page.getByText(stepOf(1000))).toBeHidden();
    expect(readJobs(app.data)[1]!.state).toBe('cancelled');
  });

  test('has a queue that is reordered', async ({ app }) => {
    const { page } = app;
    await focusPrompt(page);
    await tabTo(page, numberOf(page, en.create.steps));
    await type(page, '1000');
    for (const name of ['running', 'first', 'second', 'third']) {
      await focusPrompt(page);
      await type(page, `${name} `);
      await page.keyboard.press('ControlOrMeta+Enter');
      if (name !== 'running') continue;
      await expect(page.getByText(stepOf(1000))).toBeVisible();
      app.holdEngine();
    }
    const queue = page.getByRole('list', { name: en.create.waiting });
    await expect(queue.getByRole('listitem')).toHaveCount(3);
    await tabTo(page, queue.getByRole('button', { name: /^1\./ }), 'backwards');
    await page.keyboard.press('ArrowDown');
    await page.keyboard.press('Alt+ArrowUp');
    await expect(queue.getByRole('listitem').first()).toContainText('second');
    await expect(queue.getByRole('button', { name: /^1\. second/ })).toBeFocused();
    await page.keyboard.press('Delete');
    await expect(queue.getByRole('listitem')).toHaveCount(2);
    await expect(queue.getByRole('button', { name: /^1\. first/ })).toBeFocused();
  });

  test('has a viewfinder that the arrow keys move', async ({ app }) => {
    const { page } = app;
    await focusPrompt(page);
    await page.keyboard.type('a house ');
    await tabTo(page, page.getByRole('button', { name: en.camera.viewfinder, exact: true }).first());
    await page.keyboard.press('Enter');
    const frame = page.getByRole('application', { name: en.camera.frame });
    await expect(frame).toBeFocused();
    await page.keyboard.press('ArrowRight');
    await page.keyboard.press('+');
    await picturesOf(app, 1); // at rest
    expect(readJobs(app.data)[0]!.drawing.camera.xShift).not.toBe(0);
    await page.keyboard.press('Escape');
    await expect(frame).toBeHidden();
  });
});

test.describe('the library', () => {
  test.use({ appOptions: { prepare: (prepared) => addMadeUpPictures(prepared, 12) } });

  test('is walked through: star, delete, undo, look closely, use the settings', async ({ app }) => {
    const { page } = app;
    await goWithKeys(page, 'library');
    await tabTo(page, page.getByRole('gridcell').first());
    await page.keyboard.press('ArrowRight');
    await page.keyboard.press(' ');
    await page.keyboard.press('Shift+ArrowRight');
    await expect(page.getByText('2 chosen')).toBeVisible();
    await page.keyboard.press('ControlOrMeta+d');
    await expect.poll(() => readPictures(app.data).filter(({ isStarred }) => isStarred).length).toBe(4);

    await page.keyboard.press('Delete');
    await expect(page.getByRole('gridcell')).toHaveCount(10);
    // The message is reached with its own key, as everywhere in the studio.
    await page.keyboard.press('Alt+t');
    await tabTo(page, page.getByRole('button', { name: en.common.undo }));
    await page.keyboard.press('Enter');
    await expect(page.getByRole('gridcell')).toHaveCount(12);

    await page.keyboard.press('ControlOrMeta+f');
    await page.keyboard.type('number 3');
    await expect(page.getByRole('gridcell')).toHaveCount(1);
    await tabTo(page, page.getByRole('gridcell').first());
    await page.keyboard.press('Enter');
    const viewer = page.getByRole('region', { name: en.library.viewer });
    await tabTo(page, viewer.getByRole('button', { name: en.library.useSettings }));
    await page.keyboard.press('Enter');
    await expect(promptOf(page)).toHaveValue(/number 3$/);
  });

  test('gives two pictures to Compare, which are wiped with the arrow keys', async ({ app }) => {
    const { page } = app;
    await goWithKeys(page, 'library');
    await tabTo(page, page.getByRole('gridcell').first());
    await page.keyboard.press(' ');
    await page.keyboard.press('Shift+ArrowRight');
    await tabTo(page, page.getByRole('button', { name: en.library.compareBoth }));
    await page.keyboard.press('Enter');
    const line = page.getByRole('slider', { name: en.compare.line });
    await tabTo(page, line);
    await page.keyboard.press('ArrowLeft');
    await expect(line).not.toHaveAttribute('aria-valuenow', '50');
    await tabTo(page, page.getByRole('tab', { name: en.compare.mode.pair }), 'backwards');
    await page.keyboard.press('ArrowRight');
    await expect(page.getByRole('tab', { name: en.compare.mode.grid })).toHaveAttribute(
      'aria-selected',
      'true',
    );
    const columns = page.getByRole('group', { name: en.compare.columns, exact: true });
    await tabTo(page, columns.getByRole('combobox'));
    await page.keyboard.type('Seed');
    await tabTo(page, columns.getByRole('textbox'));
    await page.keyboard.type('1, 2');
    await page.keyboard.press('ControlOrMeta+Enter');
    await picturesOf(app, 14);
    await tabTo(page, page.getByRole('table').getByRole('button').first());
    await page.keyboard.press('ArrowRight');
    await page.keyboard.press('Enter');
    await expect(page.getByRole('dialog').getByRole('img')).toBeVisible();
    await page.keyboard.press('Escape');
    await expect(page.getByRole('table').getByRole('button').nth(1)).toBeFocused();
  });
});

test('Models: one is added, renamed and removed', async ({ app }) => {
  test.skip(app.mode === 'desktop', "the system's own dialog chooses a folder there");
  const { page } = app;
  writeTinyModel(join(app.home, 'second'));
  await goWithKeys(page, 'models');
  await tabTo(page, page.getByRole('button', { name: en.models.addFolder }));
  await page.keyboard.press('Enter');
  const chooser = page.getByRole('dialog', { name: en.common.choose });
  await tabTo(page, chooser.getByRole('button', { name: 'second', exact: true }));
  await page.keyboard.press('Enter');
  await expect(chooser.getByText(join(app.home, 'second'), { exact: true })).toBeVisible();
  await tabTo(page, chooser.getByRole('button', { name: en.common.chooseFolder }));
  await page.keyboard.press('Enter');
  await expect(page.getByText(fill(en.models.added, { name: 'second' }))).toBeVisible();

  const more = (name: string): Locator =>
    page.getByRole('button', { name: fill(en.models.moreOf, { name }) });
  await tabTo(page, more('second'));
  await page.keyboard.press('Enter');
  await page.keyboard.press('Enter'); // the first of the menu: rename
  await expect(page.getByRole('dialog').getByRole('textbox')).toBeVisible();
  await tabTo(page, page.getByRole('dialog').getByRole('textbox'));
  await type(page, 'renamed');
  await page.keyboard.press('Enter');
  await tabTo(page, more('renamed'));
  await page.keyboard.press('Enter');
  await page.keyboard.press('End');
  await page.keyboard.press('Enter');
  await tabTo(page, page.getByRole('dialog').getByRole('button', { name: en.common.remove }));
  await page.keyboard.press('Enter');
  await expect(page.getByRole('heading', { level: 3 })).toHaveText(['tiny model']);
});

test('Settings: every field is reached and changed', async ({ app }) => {
  const { page } = app;
  const { settings } = en;
  await goWithKeys(page, 'settings');
  await tabTo(page, page.getByLabel(settings.appearance.language));
  await page.keyboard.type('Eng');
  await tabTo(page, page.getByLabel(settings.appearance.theme));
  await page.keyboard.type('Light');
  await expect(page.locator('html')).toHaveAttribute('data-theme', 'light');
  const previews = page.getByRole('switch', { name: settings.appearance.previews });
  await tabTo(page, previews);
  await page.keyboard.press(' ');
  await expect(previews).toHaveAttribute('aria-checked', 'false');
  await tabTo(page, page.getByLabel(settings.device.device));
  await tabTo(page, page.getByRole('button', { name: settings.device.check }));
  await tabTo(page, page.getByLabel(settings.folders.picturesFolder, { exact: true }));
  const star = page.getByRole('button', { name: new RegExp(`^${en.actions.star}: `) });
  await tabTo(page, star);
  await page.keyboard.press('Enter');
  await page.keyboard.press('Alt+s');
  await expect(star).toContainText('Alt+S');
  await tabTo(page, page.getByRole('button', { name: settings.help.make }));
});

async function goWithKeys(page: Page, screen: keyof typeof SCREEN_KEYS): Promise<void> {
  await expect(page.getByRole('navigation').first()).toBeVisible();
  await page.keyboard.press(`ControlOrMeta+Alt+${SCREEN_KEYS[screen]}`);
  await expect(page.getByRole('heading', { level: 1, name: en.screens[screen] })).toBeAttached();
}

async function focusPrompt(page: Page): Promise<void> {
  await promptOf(page).waitFor();
  await page.keyboard.press('ControlOrMeta+k');
  await expect(promptOf(page)).toBeFocused();
}

/** Presses Tab until the element has the focus: this is how people get there. */
async function tabTo(
  page: Page,
  element: Locator,
  way: 'forwards' | 'backwards' = 'forwards',
): Promise<void> {
  await element.waitFor();
  for (let presses = 0; presses < 150; presses++) {
    if (await element.evaluate((each) => each === document.activeElement)) return;
    await page.keyboard.press(way === 'forwards' ? 'Tab' : 'Shift+Tab');
  }
  await expect(element).toBeFocused({ timeout: 1 });
}

/** Over what stands in the field. */
async function type(page: Page, text: string): Promise<void> {
  await page.keyboard.press('ControlOrMeta+a');
  await page.keyboard.type(text);
}
