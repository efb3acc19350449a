import { DatabaseSync } from 'node:sqlite';
import { join } from 'node:path';
import type { Page } from '@playwright/test';
import type { RunState } from '../../electron/contract.ts';
import { en } from '../../renderer/messages/en.ts';
import { expect, test, type App } from './app.ts';
import { HAS_PROCESSES } from './processes.ts';
import { fill, generate, goTo, numberOf, picturesOf } from './steps.ts';

const NAME = 'My first run';
/** A run is opened and rehearsed before its first step; on a busy machine that takes a while. */
const BEGINNING_MS = 150_000;

test.describe.configure({ timeout: 400_000 });
test.skip(!process.env['E2E_TRAINING'], 'it trains for minutes; set E2E_TRAINING=1 to run it');

test('a toy run is watched, paused, resumed after a restart, and its checkpoint draws', async ({ app }) => {
  await start(app, 400);
  await expect(app.page.getByText(en.train.rehearsed).first()).toBeVisible({
    timeout: BEGINNING_MS,
  });
  await reached(app, 2);
  await expect(app.page.getByRole('figure', { name: en.train.chart.loss, exact: true })).toContainText(
    /\d\.\d/,
  );

  await button(app.page, en.train.pause).click();
  await expect(app.page.getByText(en.train.standing.paused)).toBeVisible({ timeout: BEGINNING_MS });
  const before = stepOf(app);
  await app.quitAndStart();
  expect(stateOf(app)).toBe('paused');
  await goTo(app.page, 'train');
  await expect(app.page.getByText(en.train.standing.paused)).toBeVisible({ timeout: BEGINNING_MS });
  await button(app.page, en.train.goOn).click();
  await reached(app, before + 2);

  await button(app.page, en.train.saveNow).click();
  const checkpoints = app.page.getByRole('region', { name: en.train.checkpoints });
  const use = checkpoints.getByRole('button', { name: fill(en.train.useStep, { step: '' }).slice(0, 20) });
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
  await start(app, 400);
  await reached(app, 2);
  app.killEngine();
  const standing = app.page.getByText(en.train.standing.interrupted);
  await expect(standing).toBeVisible();
  await expect(app.page.getByText(/SIGKILL/).first()).toBeVisible();
  await button(app.page, en.train.goOn).click();
  await expect(standing).toBeHidden();
  await reached(app, 3);
});

/** Fills the form for a short run of toy scenes and starts it. */
async function start({ page }: App, steps: number): Promise<void> {
  await goTo(page, 'train');
  await expect(button(page, en.train.start)).toBeEnabled();
  await page.getByLabel(en.train.name, { exact: true }).fill(NAME);
  const fields = numberOf(page, en.train.setting.steps);
  await fields.first().fill('2'); // the VAE
  await fields.last().fill(String(steps));
  for (const batch of await numberOf(page, en.train.setting.batch).all()) await batch.fill('1');
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
