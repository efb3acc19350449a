import { en } from '../../renderer/messages/en.ts';
import { expect, test } from './app.ts';
import { filesOf, readJobs } from './data.ts';
import { HAS_PROCESSES } from './processes.ts';
import { draw, generate, picturesOf, startLong, stepOf } from './steps.ts';

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
  expect(filesOf(app.data)).toHaveLength(2);

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
  expect(filesOf(app.data)).toEqual(pictures.map(({ file }) => file).sort());

  await expect(page.getByText(en.create.interrupted)).toBeVisible();
  await page.getByRole('button', { name: en.create.runAgain }).click();
  await expect(page.getByText(stepOf(1000))).toBeVisible();
});
