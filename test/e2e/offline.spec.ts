import { expect, test } from './app.ts';
import { commandOf } from './processes.ts';
import { draw, goTo } from './steps.ts';
import { en } from '../../renderer/messages/en.ts';

test('draws, keeps and shows pictures without a request to another machine', async ({ app }) => {
  const { page } = app;
  await draw(app, 'a house');
  for (const screen of ['library', 'models', 'compare', 'settings'] as const) await goTo(page, screen);
  await expect(page.getByRole('heading', { name: en.settings.help.title })).toBeVisible();
  expect(app.networkRequests()).toEqual([]);
  // Nothing is written down by who is not watched.
  expect(commandOf(app.hostId())).toContain('watch-network');
  expect(commandOf(app.engineId()!)).toContain('watch-network');
});

test.describe('what the tests watch with', () => {
  test.use({
    appOptions: { mayAskNetwork: true, mayComplain: true, settings: { hubAddress: 'https://hub.invalid' } },
  });

  test('hears of a name that the host looks up', async ({ app }) => {
    await goTo(app.page, 'models');
    await app.page.getByRole('textbox', { name: en.models.address }).fill('somebody/model');
    await app.page.getByRole('button', { name: en.models.look }).click();
    await expect.poll(() => app.networkRequests()).toContainEqual(expect.stringContaining('hub.invalid'));
  });

  test('hears of a request that a window makes, were it let through', async ({ app }) => {
    const { page } = app;
    // The window itself may not: its page forbids what is not of its own origin.
    const refused = page.evaluate(() => fetch('https://elsewhere.invalid/'));
    await expect(refused).rejects.toThrow('Failed to fetch');
    const free = await page.context().newPage();
    await free.goto('https://elsewhere.invalid/').catch(() => undefined);
    expect(app.networkRequests()).toContainEqual('window https://elsewhere.invalid/');
  });
});
