import { DatabaseSync } from 'node:sqlite';
import { join } from 'node:path';
import type { Page } from '@playwright/test';
import type { RunState } from '../../electron/contract.ts';
import { en } from '../../renderer/messages/en.ts';
import { expect, test, type App } from './app.ts';
import { HAS_PROCESSES } from './processes.ts';
import { fill, generate, goTo, numberOf, picturesOf } from './steps.ts';

const NAME = 'My first run';
/** Its steps are so short that one can see it move on a slow machine. */
const RECIPE = 'toy-smallest';
/** More than are ever reached: the test ends the run. */
const STEPS = 1_000_000;
/** Ends what hangs: a run is opened and rehearsed before its first step; on a busy machine that takes a while. */
const BEGINNING_MS = 150_000;

test('a toy run is watched, paused, resumed after a restart, and its checkpoint draws', async ({ app }) => {
  await start(app);
  await expect(app.page.getByText(en.train.rehearsed).first()).toBeVisible({
    timeout: BEGINNING_MS,
  });
  await reached(app, 2);
  await expect(app.page.getByRole('figure', { name: en.train.chart.loss, exact: true })).toContainText(
    /\d\.\d/,
  );

  await button(app.page, en.train.pause).click();
  await expect(app.page.getByText(en.train.standing.paused)).toBeVisible({ timeout: BEGINNING_MS });
  const before = await shownStep(app.page);
  const askedFor = historiesAskedFor(app.page);
  await app.quitAndStart();
  expect(stateOf(app)).toBe('paused');
  await goTo(app.page, 'train');
  await expect(app.page.getByText(en.train.standing.paused)).toBeVisible();
  expect(await shownStep(app.page)).toBe(before);
  await button(app.page, en.train.goOn).click();
  await reached(app, before + 2);
  if (app.mode === 'browser') expect(askedFor()).toBe(1); // what comes later is told to the window

  await button(app.page, en.train.saveNow).click();
  const checkpoints = app.page.getByRole('region', { name: en.train.checkpoints });
  const use = checkpoints.getByRole('button', { name: fill(en.train.useStep, { step: '' }) });
  await expect(use.first()).toBeVisible();
  await expect(app.page.getByRole('region', { name: en.train.samples }).locator('img').first()).toBeVisible();
  await use.first().click();

  // It draws while the training goes on.
  await expect(app.page).toHaveURL(/#\/create$/);
  await expect(app.page.getByRole('combobox', { name: en.create.model })).toContainText(NAME);
  const step = stepOf(app);
  await generate(app.page, 'a large red circle on a blue background');
  await picturesOf(app, 1);
  await expect.poll(() => stepOf(app)).toBeGreaterThan(step);
  await goTo(app.page, 'train');
  await button(app.page, en.train.stop).click();
  await expect.poll(() => stateOf(app)).toBe('stopped');
});

test('a killed engine marks the run with the reason, and it goes on', async ({ app }) => {
  test.skip(!HAS_PROCESSES, 'processes are found through /proc, which only Linux has');
  await start(app);
  await reached(app, 2);
  app.killEngine();
  const standing = app.page.getByText(en.train.standing.interrupted);
  await expect(standing).toBeVisible();
  const before = await shownStep(app.page);
  await expect(app.page.getByText(/SIGKILL/).first()).toBeVisible();
  await button(app.page, en.train.goOn).click();
  await expect(standing).toBeHidden();
  await reached(app, before + 2);
});

/** Fills the form for a run of toy scenes and starts it. */
async function start({ page }: App): Promise<void> {
  await goTo(page, 'train');
  await page.getByRole('radio', { name: RECIPE }).check();
  await page.getByLabel(en.train.name, { exact: true }).fill(NAME);
  await numberOf(page, en.train.setting.steps).fill(String(STEPS));
  await button(page, en.train.start).click();
  await expect(page.getByRole('region', { name: NAME })).toBeVisible();
}

async function reached(app: App, step: number): Promise<void> {
  await expect.poll(() => shownStep(app.page), { timeout: BEGINNING_MS }).toBeGreaterThanOrEqual(step);
}

/** As the head of the run says. */
async function shownStep(page: Page): Promise<number> {
  const [start = '', end = ''] = en.train.stepOf.split(/\{\{step\}\}|\{\{steps\}\}/);
  const text = await page
    .getByText(new RegExp(`^\\s*${start}[\\d,]+${end}`))
    .first()
    .textContent();
  return Number(/[\d,]+/.exec(text ?? '')?.[0].replaceAll(',', '') ?? 0);
}

/** How often a browser asks for all that a run told, from its next load on. */
function historiesAskedFor(page: Page): () => number {
  let count = 0;
  page.on('websocket', (socket) =>
    socket.on('framesent', ({ payload }) => (count += Number(String(payload).includes('runs.history')))),
  );
  return () => count;
}

function button(page: Page, name: string) {
  return page.getByRole('button', { name, exact: true });
}

function stateOf(app: App): RunState {
  return rowOf(app)['state'] as RunState;
}

function stepOf(app: App): number {
  return (JSON.parse(rowOf(app)['progress'] as string) as { step?: number }).step ?? 0;
}

function rowOf({ data }: App): Record<string, unknown> {
  const database = new DatabaseSync(join(data, 'studio.db'), { readOnly: true });
  try {
    return database.prepare('SELECT state, progress FROM runs').get()!;
  } finally {
    database.close();
  }
}
