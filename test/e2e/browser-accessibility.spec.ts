import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { AxeBuilder } from '@axe-core/playwright';
import type { Page } from '@playwright/test';
import { en } from '../../renderer/messages/en.ts';
import { TestHub } from '../electron/downloads-server.ts';
import { expect, test } from './app.ts';
import { readPictures } from './data.ts';
import { addMadeUpPictures } from './made-up.ts';
import { addMadeUpRuns } from './made-up-runs.ts';
import {
  cancelRunning,
  dropFile,
  fill,
  generate,
  goTo,
  picturesOf,
  promptOf,
  startLong,
  stepOf,
} from './steps.ts';

test.describe('the first start', () => {
  test.use({ appOptions: { isFirstStart: true } });

  test('the welcome and the tour have no serious fault', async ({ app }) => {
    const welcome = app.page.getByRole('dialog', { name: en.welcome.title });
    await expect(welcome).toBeVisible();
    await expectNoFaults(app.page);
    await welcome.getByRole('button', { name: en.tour.take }).click();
    for (const { title } of Object.values(en.tour.steps)) {
      const card = app.page.getByRole('dialog', { name: title });
      await expect(card).toBeVisible();
      await expectNoFaults(app.page, title);
      await card.getByRole('button').last().click();
    }
  });
});

test.describe('without anything', () => {
  test.use({ appOptions: { model: 'none' } });

  test('empty screens have no serious fault', async ({ app }) => {
    for (const screen of ['create', 'compare', 'library', 'models', 'train', 'settings'] as const) {
      await goTo(app.page, screen);
      await expectNoFaults(app.page, screen);
    }
  });
});

test.describe('with pictures', () => {
  test.use({ appOptions: { prepare: (prepared) => addMadeUpPictures(prepared, 12) } });

  test('Create has no serious fault, whatever happens in it', async ({ app }) => {
    const { page } = app;
    const canvas = page.getByRole('region', { name: en.create.canvas });
    await expect(canvas.locator('img').first()).toBeVisible();
    await expectNoFaults(page, 'picture');

    for (const title of [en.camera.title, en.create.advanced]) {
      await page.getByRole('button', { name: title, exact: true }).click();
    }
    await page.getByRole('button', { name: en.create.negativePrompt }).click();
    await promptOf(page).click();
    await page.keyboard.type('blue ey');
    await expect(page.getByRole('listbox', { name: en.create.suggestions })).toBeVisible();
    await expectNoFaults(page, 'everything unfolded, suggestions');
    await page.keyboard.press('Escape');

    await startLong(app, 'fails');
    app.killEngine();
    await expect(page.getByText(en.create.failed)).toBeVisible();
    await expectNoFaults(page, 'failed');
    await startLong(app, 'runs');
    await generate(page, 'waits');
    await expect(page.getByText(stepOf(1000))).toBeVisible();
    await expectNoFaults(page, 'queue');
    await page.getByRole('button', { name: en.create.removeWaiting }).click();
    await cancelRunning(app);

    await page.getByRole('button', { name: en.create.history }).click();
    await expect(page.getByRole('option', { name: 'runs' })).toBeVisible();
    await expectNoFaults(page, 'history');
    await page.keyboard.press('Escape');
  });

  test('the viewfinder, the mask and a dropped picture have no serious fault', async ({ app }) => {
    const { page } = app;
    const tools = page.getByRole('toolbar', { name: en.create.canvasTools });
    await tools.getByRole('button', { name: en.camera.viewfinder }).click();
    await expect(page.getByRole('application', { name: en.camera.frame }).locator('img')).toBeVisible();
    await expectNoFaults(page, 'viewfinder');
    await page.keyboard.press('Escape');

    await tools.getByRole('button', { name: en.create.useAsStart }).click();
    await page.getByRole('button', { name: en.create.paintMask }).click();
    await expect(page.getByRole('toolbar', { name: en.create.mask.tools })).toBeVisible();
    await expectNoFaults(page, 'mask');
    await page.getByRole('button', { name: en.create.mask.done }).click();

    const { file } = readPictures(app.data)[0]!;
    const dropped = { name: 'dropped.png', type: 'image/png', bytes: readFileSync(file) };
    await dropFile(page.getByRole('region', { name: en.create.canvas }), dropped);
    await expect(page.getByRole('dialog', { name: en.create.dropTitle })).toBeVisible();
    await expectNoFaults(page, 'drop');
  });

  test('the library and its dialogs have no serious fault', async ({ app }) => {
    const { page } = app;
    await goTo(page, 'library');
    await expect(page.getByRole('gridcell')).toHaveCount(12);
    await expectNoFaults(page, 'grid');
    await page.getByRole('gridcell').first().click();
    await page
      .getByRole('gridcell')
      .nth(1)
      .click({ modifiers: ['ControlOrMeta'] });
    const tools = page.getByLabel(en.library.chosenTools);
    await expect(tools).toBeVisible();
    await expectNoFaults(page, 'chosen');
    for (const action of [en.library.toFolder, en.library.editTags]) {
      await tools.getByRole('button', { name: action }).click();
      await expect(page.getByRole('dialog')).toBeVisible();
      await expectNoFaults(page, action);
      await page.keyboard.press('Escape');
      await expect(page.getByRole('dialog')).toBeHidden();
    }
    await tools.getByRole('button', { name: en.common.delete }).click();
    await expect(page.getByRole('button', { name: en.common.undo })).toBeVisible();
    await expectNoFaults(page, 'message');
    await page.getByRole('button', { name: en.library.trash }).click();
    await page.getByRole('button', { name: en.library.emptyTrash }).click();
    await expect(page.getByRole('dialog')).toBeVisible();
    await expectNoFaults(page, 'trash');
    await page.keyboard.press('Escape');

    await page.getByRole('button', { name: new RegExp(`^${en.library.all}`) }).click();
    await page.getByRole('gridcell').first().dblclick();
    await expect(page.getByRole('region', { name: en.library.viewer }).locator('img').first()).toBeVisible();
    await expect(page.getByText(en.library.setting.guidanceScale)).toBeVisible();
    await expectNoFaults(page, 'one picture');
  });

  test('Compare has no serious fault', async ({ app }) => {
    const { page } = app;
    await goTo(page, 'library');
    await page.getByRole('gridcell').first().click();
    await page
      .getByRole('gridcell')
      .nth(2)
      .click({ modifiers: ['ControlOrMeta'] });
    await page.getByRole('button', { name: en.library.compareBoth }).click();
    await expect(page.getByRole('row').nth(1)).toBeVisible();
    await expectNoFaults(page, 'pair');
    await page.getByRole('radio', { name: en.compare.look.difference }).click();
    await expect(page.getByRole('status').getByText(/pixels differ/)).toBeVisible();
    await expectNoFaults(page, 'difference');

    await page.getByRole('tab', { name: en.compare.mode.grid }).click();
    const columns = page.getByRole('group', { name: en.compare.columns, exact: true });
    await columns.getByRole('combobox').selectOption('seed');
    await columns.getByRole('textbox').fill('1, 2');
    await page.getByRole('button', { name: en.compare.draw }).click();
    await picturesOf(app, 14);
    await expect(page.getByText(fill(en.compare.finished, { count: 2, total: 2 }))).toBeVisible();
    await expectNoFaults(page, 'grid');
    await page.getByRole('table').getByRole('button').first().click();
    await expect(page.getByRole('dialog').getByRole('img')).toBeVisible();
    await expectNoFaults(page, 'cell');
  });

  test('Models, Settings and their dialogs have no serious fault', async ({ app }) => {
    const { page } = app;
    const closing: (() => Promise<void>)[] = [];
    const hub = await TestHub.open((close) => closing.push(close));
    try {
      hub.files.set('/a.safetensors', {
        bytes: readFileSync(join(app.data, 'tiny-model/vae/diffusion_pytorch_model.safetensors')),
      });
      await goTo(page, 'models');
      await expectNoFaults(page, 'models');
      await page.getByRole('button', { name: fill(en.models.moreOf, { name: 'tiny model' }) }).click();
      await expect(page.getByRole('menu')).toBeVisible();
      await expectNoFaults(page, 'menu');
      await page.getByRole('menuitem', { name: en.common.remove }).click();
      await expectNoFaults(page, 'remove');
      await page.getByRole('button', { name: en.common.cancel }).click();
      await page.getByRole('button', { name: en.models.addFolder }).click();
      await expect(page.getByRole('dialog', { name: en.common.choose })).toBeVisible();
      await expectNoFaults(page, 'chooser');
      await page.getByRole('button', { name: en.common.cancel }).click();
      await page.getByRole('textbox', { name: en.models.address }).fill(`${hub.address}/a.safetensors`);
      await page.getByRole('button', { name: en.models.look }).click();
      await expect(page.getByRole('dialog').getByRole('checkbox')).toBeVisible();
      await expectNoFaults(page, 'offer');
      await page.getByRole('dialog').getByRole('button', { name: en.models.fetch }).click();
      await expect(page.getByRole('region', { name: en.models.download.title })).toBeVisible();
      await expectNoFaults(page, 'download');
    } finally {
      for (const close of closing) await close();
    }

    await goTo(page, 'settings');
    await page.getByRole('button', { name: en.settings.device.list }).click();
    // Why another device cannot be used may say "cpu", too.
    await expect(page.getByRole('listitem').filter({ hasText: /^\W*cpu/ })).toBeVisible();
    await page.getByLabel(en.settings.folders.picturesFolder, { exact: true }).fill('nowhere');
    await page.keyboard.press('Enter');
    await expect(page.getByRole('alert')).toBeVisible();
    await expectNoFaults(page, 'settings');
    await page.keyboard.press('ControlOrMeta+/');
    await expect(page.getByRole('dialog', { name: en.settings.keys.title })).toBeVisible();
    await expectNoFaults(page, 'keys');
  });

  test('Chinese and Japanese have no serious fault', async ({ app }) => {
    const { page } = app;
    for (const language of ['zh', 'ja'] as const) {
      await goToAddress(page, 'settings');
      await page.locator('select').first().selectOption(language);
      await expect(page.locator('html')).toHaveAttribute('lang', new RegExp(`^${language}`));
      for (const screen of ['settings', 'create', 'library', 'train']) {
        await goToAddress(page, screen);
        await expectNoFaults(page, `${screen} ${language}`);
      }
    }
  });
});

test.describe('with training runs', () => {
  test.use({ appOptions: { prepare: (prepared) => addMadeUpRuns(prepared) } });

  test('Train has no serious fault', async ({ app }) => {
    const { page } = app;
    await goTo(page, 'train');
    const samples = page.getByRole('region', { name: en.train.samples });
    await expect(samples.locator('img').first()).toBeVisible();
    await page.getByLabel(en.train.chart.beside).selectOption({ index: 1 });
    await expectNoFaults(page, 'monitor');
    await samples.getByRole('button').last().click();
    await page.getByLabel(en.train.compareStep).selectOption({ index: 1 });
    await expect(page.getByRole('slider', { name: en.compare.line })).toBeVisible();
    await expectNoFaults(page, 'sample');
    await page.keyboard.press('Escape');

    await page.getByRole('button', { name: en.train.new }).click();
    await page.getByRole('button', { name: en.train.lookThrough }).click();
    await expect(page.getByRole('dialog').locator('img').first()).toBeVisible();
    await expectNoFaults(page, 'dataset');
    await page.keyboard.press('Escape');
    await expectNoFaults(page, 'new run');
  });
});

async function goToAddress(page: Page, screen: string): Promise<void> {
  await page.evaluate((name) => (location.hash = `/${name}`), screen);
  await expect(page.locator(`nav a[href="#/${screen}"]`)).toHaveAttribute('aria-current', 'page');
}

/** What another theme can break; all else is the same in both. */
const RULES_OF_COLOUR = ['color-contrast', 'link-in-text-block'];

/** What still loads would change under axe: a button looks disabled and no longer is. */
async function waitUntilStill(quietMs: number): Promise<void> {
  await new Promise<void>((resolve) => {
    let timer = setTimeout(done, quietMs);
    const observer = new MutationObserver(() => {
      clearTimeout(timer);
      timer = setTimeout(done, quietMs);
    });
    observer.observe(document, { subtree: true, childList: true, attributes: true });
    function done() {
      observer.disconnect();
      resolve();
    }
  });
}

/** What axe finds in the window as it is, in both themes. */
async function expectNoFaults(page: Page, state = ''): Promise<void> {
  await page.evaluate(waitUntilStill, 200);
  const before = await page.evaluate(() => document.documentElement.dataset['theme']);
  for (const theme of ['dark', 'light'] as const) {
    await page.evaluate(async (name) => {
      document.documentElement.dataset['theme'] = name;
      const changes = document.getAnimations().filter((animation) => animation instanceof CSSTransition);
      await Promise.allSettled(changes.map(({ finished }) => finished));
    }, theme);
    // Faster: the other mode is for pages with frames, and what is right need not be told.
    const axe = new AxeBuilder({ page }).setLegacyMode().options({ resultTypes: ['violations'] });
    const { violations } = await (theme === 'light' ? axe.withRules(RULES_OF_COLOUR) : axe).analyze();
    const faults = violations
      .filter(({ impact }) => impact === 'serious' || impact === 'critical')
      .map(
        ({ id, nodes }) =>
          `${id}: ${nodes.map(({ html, failureSummary }) => `${html} ${failureSummary}`).join('\n')}`,
      );
    expect(faults, `${state} ${theme}`).toEqual([]);
  }
  await page.evaluate((name) => {
    if (name === undefined) delete document.documentElement.dataset['theme'];
    else document.documentElement.dataset['theme'] = name;
  }, before);
}
