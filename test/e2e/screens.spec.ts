import type { Locator, Page } from '@playwright/test';
import { en } from '../../renderer/messages/en.ts';
import { expect, test, type App } from './app.ts';
import { layoutFaults } from './layout.ts';
import { addMadeUpPictures } from './made-up.ts';
import { addMadeUpRuns } from './made-up-runs.ts';
import { differenceFrom, obstacleToComparing, shoot } from './screens.ts';
import { goTo, promptOf } from './steps.ts';

const SIZES = [
  { width: 1024, height: 640 },
  { width: 1440, height: 900 },
  { width: 1920, height: 1080 },
] as const;
/** A theme changes colours, not sizes: the dark one is looked at in the size that most windows have. */
const DARK_SIZE = SIZES[1];

/** Screenshots that are compared: enough to see a change of any screen. */
const COMPARED = [
  'welcome-1440x900-light',
  'create-1440x900-dark',
  'create-1024x640-light',
  'mask-1440x900-light',
  'library-1440x900-dark',
  'chosen-1024x640-light',
  'picture-1440x900-light',
  'pair-1440x900-dark',
  'grid-1440x900-light',
  'models-1440x900-dark',
  'train-1440x900-light',
  'new-run-1440x900-dark',
  'settings-1440x900-light',
  'keys-1440x900-dark',
];
/** Of the pixels; the same machine shows the same. */
const TOLERANCE = 0.003;

test.describe('the first start', () => {
  test.use({ appOptions: { isFirstStart: true, form: { drawing: {} } } });

  test('looks as it should', async ({ app }) => {
    await expect(app.page.getByRole('dialog', { name: en.welcome.title })).toBeVisible();
    await answered(app.page, 1);
    await look(app, 'welcome', [app.page.getByLabel(en.create.seed, { exact: true })]);
  });
});

test.describe('every screen', () => {
  test.use({
    appOptions: {
      form: {
        drawing: {
          prompt: 'a house by the sea at sunset, soft light',
          negativePrompt: 'blurry',
          seed: 1234567,
        },
        isSeedLocked: true,
      },
      prepare: async (prepared) => {
        await addMadeUpPictures(prepared, 30);
        await addMadeUpRuns(prepared);
      },
    },
  });

  test('Create looks as it should', async ({ app }) => {
    const { page } = app;
    await shownPicture(page);
    await answered(page, 2);
    await look(app, 'create');
    await page.keyboard.press('ControlOrMeta+/');
    await expect(page.getByRole('dialog', { name: en.settings.keys.title })).toBeVisible();
    await look(app, 'keys');
    await page.keyboard.press('Escape');
    await page.getByRole('button', { name: en.create.useAsStart }).click();
    await page.getByRole('button', { name: en.create.paintMask }).click();
    await expect(page.getByRole('toolbar', { name: en.create.mask.tools })).toBeVisible();
    await look(app, 'mask');
  });

  test('the library looks as it should', async ({ app }) => {
    const { page } = app;
    await goTo(page, 'library');
    await loaded(page.getByRole('grid'));
    await expect(page.getByRole('button', { name: /^favourite/ })).toBeVisible();
    await look(app, 'library');
    for (const number of [1, 2, 6]) {
      await page
        .getByRole('gridcell')
        .nth(number)
        .click({ modifiers: ['ControlOrMeta'] });
    }
    await look(app, 'chosen');
    await page.keyboard.press('Escape');
    await page.getByRole('gridcell').nth(3).dblclick();
    await expect(page.getByText(en.library.setting.guidanceScale)).toBeVisible();
    await loaded(page.getByRole('region', { name: en.library.viewer }));
    await look(app, 'picture');
  });

  test('Compare looks as it should', async ({ app }) => {
    const { page } = app;
    await goTo(page, 'library');
    await page.getByRole('gridcell').nth(1).click();
    await page
      .getByRole('gridcell')
      .nth(5)
      .click({ modifiers: ['ControlOrMeta'] });
    await page.getByRole('button', { name: en.library.compareBoth }).click();
    await expect(page.getByRole('row').nth(1)).toBeVisible();
    await loaded(page.getByRole('main'));
    await look(app, 'pair');
    await page.getByRole('tab', { name: en.compare.mode.grid }).click();
    const columns = page.getByRole('group', { name: en.compare.columns, exact: true });
    await columns.getByRole('combobox').selectOption('guidanceScale');
    await columns.getByRole('textbox').fill('1-5');
    await expect(page.getByText(en.compare.notMeasured)).toBeVisible();
    await look(app, 'grid');
  });

  test('Models and Settings look as they should', async ({ app }) => {
    const { page } = app;
    await goTo(page, 'models');
    await expect(page.getByText(en.models.complete)).toBeVisible();
    await look(app, 'models', [page.getByTitle(app.data)]);
    await goTo(page, 'settings');
    const folders = ['picturesFolder', 'modelsFolder', 'wildcardFolder'] as const;
    const fields = folders.map((name) => page.getByLabel(en.settings.folders[name], { exact: true }));
    await look(app, 'settings', fields);
  });

  test('Train looks as it should', async ({ app }) => {
    const { page } = app;
    await goTo(page, 'train');
    await expect(page.getByRole('region', { name: en.train.samples }).locator('img').first()).toBeAttached();
    await look(app, 'train');
    await page.getByRole('heading', { name: en.train.samples }).scrollIntoViewIfNeeded();
    await look(app, 'train-samples');
    const score = page.getByRole('region', { name: en.train.score.title });
    await score.getByRole('button').first().click();
    await score.getByRole('cell').last().scrollIntoViewIfNeeded();
    await look(app, 'train-score');
    await page.getByRole('region', { name: en.train.samples }).getByRole('button').last().click();
    await page.getByLabel(en.train.compareStep).selectOption({ index: 1 });
    await look(app, 'train-sample');
    await page.keyboard.press('Escape');
    await page.getByRole('button', { name: en.train.new }).click();
    await expect(page.getByRole('button', { name: en.train.lookThrough })).toBeVisible();
    await look(app, 'new-run');
    await page.getByRole('heading', { name: en.train.section.cost }).scrollIntoViewIfNeeded();
    await look(app, 'new-run-end');
    await page.getByRole('button', { name: en.train.lookThrough }).click();
    await expect(page.getByRole('dialog').locator('img').first()).toBeVisible();
    await look(app, 'dataset');
  });

  test('nothing is cut in Chinese and Japanese', async ({ app }) => {
    const { page } = app;
    for (const language of ['zh', 'ja']) {
      await page.evaluate(() => (location.hash = '/settings'));
      await page.locator('select').first().selectOption(language);
      await expect(page.locator('html')).toHaveAttribute('lang', new RegExp(`^${language}`));
      for (const screen of ['settings', 'models', 'train', 'compare', 'library', 'create']) {
        await page.evaluate((name) => (location.hash = `/${name}`), screen);
        await expect(page.locator(`nav a[href="#/${screen}"]`)).toHaveAttribute('aria-current', 'page');
        for (const size of SIZES) await lookAt(app, `${screen}-${language}`, size, 'light', []);
      }
    }
  });
});

/** One state of the window: light in every size, and dark. */
async function look(app: App, state: string, hidden: readonly Locator[] = []): Promise<void> {
  for (const size of SIZES) await lookAt(app, state, size, 'light', hidden);
  await lookAt(app, state, DARK_SIZE, 'dark', hidden);
}

async function lookAt(
  { page }: App,
  state: string,
  size: (typeof SIZES)[number],
  theme: 'dark' | 'light',
  hidden: readonly Locator[],
): Promise<void> {
  await page.setViewportSize(size);
  await page.emulateMedia({ colorScheme: theme });
  const name = `${state}-${size.width}x${size.height}-${theme}`;
  await resting(page);
  const file = await shoot(page, name, hidden);
  expect.soft(await layoutFaults(page), name).toEqual([]);
  if (COMPARED.includes(name)) await compareWithReference(page, name, file);
}

async function compareWithReference(page: Page, name: string, file: string): Promise<void> {
  const obstacle = await obstacleToComparing(page);
  if (obstacle) test.info().annotations.push({ type: 'not compared', description: `${name}: ${obstacle}` });
  else expect.soft(await differenceFrom(name, file), `${name} differs; see ${file}`).toBeLessThan(TOLERANCE);
}

/** After a change of size: nothing moves, and what came into view has loaded. */
async function resting(page: Page): Promise<void> {
  await page.mouse.move(0, 0);
  await page.evaluate(async () => {
    await new Promise((resolve) => requestAnimationFrame(() => requestAnimationFrame(resolve)));
    const changes = document.getAnimations().filter((animation) => animation instanceof CSSTransition);
    await Promise.allSettled(changes.map(({ finished }) => finished));
  });
  await loaded(page.locator('body'));
}

async function loaded(place: Locator): Promise<void> {
  const isLoaded = (): Promise<boolean> =>
    place.locator('img').evaluateAll((images: HTMLImageElement[]) => {
      const inView = images.filter((image) => image.checkVisibility());
      return inView.every(
        ({ complete, naturalWidth, loading }) => (complete && naturalWidth > 0) || loading === 'lazy',
      );
    });
  await expect.poll(isLoaded).toBe(true);
}

/** What the host has to work out has come: the tokens of so many prompts, and what the next picture takes. */
async function answered(page: Page, prompts: number): Promise<void> {
  await expect(page.getByText(/^\d+ \/ \d+$/)).toHaveCount(prompts);
  await expect(page.getByText(en.create.notMeasured)).toBeAttached();
}

async function shownPicture(page: Page): Promise<void> {
  await expect(promptOf(page)).toBeVisible();
  await expect(page.getByRole('region', { name: en.create.canvas }).locator('img').first()).toBeVisible();
}
