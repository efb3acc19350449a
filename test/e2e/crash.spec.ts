import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { en } from '../../renderer/messages/en.ts';
import { expect, test, type App } from './app.ts';
import { readJobs, readPictures } from './data.ts';
import { HAS_PROCESSES } from './processes.ts';
import { cancelRunning, draw, generate, picturesOf, setNumber, startLong, stepOf } from './steps.ts';

test.skip(!HAS_PROCESSES, 'processes are found through /proc, which only Linux has');

test('a killed engine ends one picture with its reason, and the queue goes on', async ({ app }) => {
  const { page } = app;
  await startLong(app, 'the victim');
  await generate(page, 'the next');
  await generate(page, 'the one after');
  const before = app.engineId();
  app.killEngine();

  const pictures = await picturesOf(app, 2);
  expect(pictures.map(({ prompt }) => prompt)).toEqual(['the next', 'the one after']);
  const [victim] = readJobs(app.data);
  expect(victim).toMatchObject({ prompt: 'the victim', state: 'failed' });
  expect(victim!.error).toContain('SIGKILL');
  await expect(page.getByText(en.create.failed)).toContainText('SIGKILL');
  expect(app.engineId()).not.toBe(before);
  expect(filesOf(app)).toHaveLength(2);

  // It is offered again.
  await page.getByRole('button', { name: en.create.runAgain }).click();
  await expect(page.getByText(stepOf(1000))).toBeVisible();
  await expect(page.getByText(en.create.failed)).toBeHidden();
});

test('a killed host loses nothing and doubles nothing, and the window comes back by itself', async ({
  app,
}) => {
  const { page } = app;
  await draw(app, 'done before');
  await startLong(app, 'interrupted');
  const names = Array.from({ length: 5 }, (_, index) => `waiting ${index + 1}`);
  for (const name of names) await generate(page, name);
  await expect.poll(() => readJobs(app.data)).toHaveLength(7);

  await app.killHost();
  await expect(page.getByText(en.connection.lost)).toBeVisible();
  if (app.mode === 'browser') await app.startHost(); // the desktop app does so by itself

  const pictures = await picturesOf(app, 6);
  expect(pictures.map(({ prompt }) => prompt)).toEqual(['done before', ...names]);
  await expect(page.getByText(en.connection.lost)).toBeHidden();
  await expect(page.getByText(en.engine.ready)).toBeVisible();
  expect(readJobs(app.data).find(({ prompt }) => prompt === 'interrupted')?.state).toBe('interrupted');
  expect(filesOf(app)).toEqual(pictures.map(({ file }) => file).sort());

  await expect(page.getByText(en.create.interrupted)).toBeVisible();
  await page.getByRole('button', { name: en.create.runAgain }).click();
  await expect(page.getByText(stepOf(1000))).toBeVisible();
});

test('a host that is killed again and again between pictures draws each of them once', async ({ app }) => {
  const { page } = app;
  await setNumber(page, en.create.count, 16);
  await generate(page, 'one of many');
  await expect.poll(() => readJobs(app.data)).toHaveLength(16);
  for (const count of [2, 5, 9]) {
    await expect.poll(() => readPictures(app.data).length).toBeGreaterThanOrEqual(count);
    await app.restartHost();
  }
  // What it was just drawing waits for the person, as it may be what ends the host.
  const isOpen = (): boolean =>
    readJobs(app.data).some(({ state }) => state === 'queued' || state === 'running');
  await expect.poll(isOpen, { timeout: 60_000 }).toBe(false);
  await expect(page.getByText(en.engine.ready)).toBeVisible();
  const interrupted = readJobs(app.data).filter(({ state }) => state === 'interrupted').length;
  expect(interrupted).toBeLessThanOrEqual(3);
  if (interrupted > 0) await page.getByRole('button', { name: en.create.retryAll }).click();

  const pictures = await picturesOf(app, 16);
  expect(new Set(pictures.map(({ seed }) => seed)).size).toBe(16);
  expect(new Set(pictures.map(({ id }) => id))).toEqual(new Set(readJobs(app.data).map(({ id }) => id)));
  expect(filesOf(app)).toEqual(pictures.map(({ file }) => file).sort());
});

test('a window whose page is loaded again shows where things stand', async ({ app }) => {
  const { page } = app;
  await startLong(app, 'long');
  await generate(page, 'after');
  await page.reload();
  await expect(page.getByText(stepOf(1000))).toBeVisible();
  await expect(page.getByRole('list', { name: en.create.waiting }).getByText('after')).toBeVisible();
  await cancelRunning(app);
  expect((await picturesOf(app, 1))[0]!.prompt).toBe('after');
});

/** Everything in the folder of pictures, half-written files as well. */
function filesOf(app: App): string[] {
  const folder = join(app.data, 'pictures');
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map(({ parentPath, name }) => join(parentPath, name))
    .sort();
}
