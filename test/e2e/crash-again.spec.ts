import { en } from '../../renderer/messages/en.ts';
import { expect, test } from './app.ts';
import { filesOf, readJobs, readPictures } from './data.ts';
import { HAS_PROCESSES } from './processes.ts';
import { generate, picturesOf, setNumber } from './steps.ts';

test.skip(!HAS_PROCESSES, 'processes are found through /proc, which only Linux has');

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
  expect(filesOf(app.data)).toEqual(pictures.map(({ file }) => file).sort());
});
