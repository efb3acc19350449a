import { readFileSync } from 'node:fs';
import { en } from '../../renderer/messages/en.ts';
import { ja } from '../../renderer/messages/ja.ts';
import { zh } from '../../renderer/messages/zh.ts';
import { expect, test, type App } from './app.ts';
import { readJobs } from './data.ts';
import { unzipped } from '../helpers/zip.ts';
import { downloadOf, draw, fill, goTo, picturesOf, promptOf, startLong } from './steps.ts';

const { settings } = en;

test.beforeEach(async ({ app }) => goTo(app.page, 'settings'));

test('the language changes every word at once and stays', async ({ app }) => {
  const { page } = app;
  const language = page.getByLabel(settings.appearance.language);
  const rail = page.getByRole('navigation').first();
  await language.selectOption('zh');
  await expect(rail.getByRole('link', { name: zh.screens.library })).toBeVisible();
  await expect(page.getByRole('heading', { name: zh.settings.keys.title })).toBeVisible();
  await expect(page.locator('html')).toHaveAttribute('lang', /^zh/);
  await page.getByLabel(zh.settings.appearance.language).selectOption('ja');
  await expect(rail.getByRole('link', { name: ja.screens.library })).toBeVisible();
  await page.reload();
  await expect(page.getByLabel(ja.settings.appearance.language)).toHaveValue('ja');
  await expect(page).toHaveTitle(`${ja.screens.settings} – HDM Studio`);
});

test('the theme changes the colours at once and stays', async ({ app }) => {
  const { page } = app;
  const background = () => page.evaluate(() => getComputedStyle(document.body).backgroundColor);
  const theme = page.getByLabel(settings.appearance.theme);
  await theme.selectOption('dark');
  await expect.poll(background).toMatch(/^rgb\((\d|[1-4]\d), /);
  await theme.selectOption('light');
  await expect.poll(background).toMatch(/^rgb\(2[2-5]\d, /);
  await page.reload();
  await expect(theme).toHaveValue('light');
  expect(await background()).toMatch(/^rgb\(2[2-5]\d, /);
});

test('own keys do what they were set to, and those of another action are refused', async ({ app }) => {
  const { page } = app;
  const keysOf = (action: string) => page.getByRole('button', { name: `${action}: ` });
  await keysOf(en.actions.generate).click();
  await page.keyboard.press('ControlOrMeta+k');
  await expect(
    page.getByText(fill(settings.keys.taken, { keys: 'Ctrl+K', action: en.actions.focusPrompt })),
  ).toBeVisible();
  await page.keyboard.press('Alt+g');
  await expect(keysOf(en.actions.generate)).toContainText('Alt+G');

  await goTo(page, 'create');
  await promptOf(page).fill('a house');
  await page.keyboard.press('Alt+g');
  await picturesOf(app, 1);
  // The usual keys do nothing any more: the next press of the new ones makes the second picture, not the third.
  await page.keyboard.press('ControlOrMeta+Enter');
  await page.keyboard.press('Alt+g');
  await picturesOf(app, 2);
  expect(readJobs(app.data)).toHaveLength(2);

  await goTo(page, 'settings');
  await page.getByRole('button', { name: settings.keys.reset }).click();
  await expect(keysOf(en.actions.generate)).toContainText('Ctrl+Enter');
});

test('all keys are shown with one key', async ({ app }) => {
  await app.page.keyboard.press('ControlOrMeta+/');
  const dialog = app.page.getByRole('dialog', { name: settings.keys.title });
  await expect(dialog.getByText('Ctrl+Enter')).toBeVisible();
  await app.page.keyboard.press('Escape');
  await expect(dialog).toBeHidden();
});

test('a folder that cannot be is refused with the reason, another one is taken', async ({ app }) => {
  const { page } = app;
  const field = page.getByLabel(settings.folders.picturesFolder, { exact: true });
  await field.fill('not/a/whole/path');
  await field.press('Enter');
  await expect(page.getByRole('alert')).toContainText('expected a whole path');
  const folder = `${app.data}/elsewhere`;
  await field.fill(folder);
  await field.press('Enter');
  await expect(page.getByRole('alert')).toBeHidden();
  await goTo(page, 'create');
  const { file } = await draw(app, 'a boat');
  expect(file.startsWith(folder)).toBe(true);
});

test('pictures are kept in the format that was chosen', async ({ app }) => {
  await app.page.getByLabel(settings.appearance.format).selectOption('webp');
  await goTo(app.page, 'create');
  const { file } = await draw(app, 'a boat');
  expect(file).toMatch(/\.webp$/);
  expect(readFileSync(file).subarray(8, 12).toString()).toBe('WEBP');
});

test('the diagnostics hold no prompt unless it is asked for', async ({ app }) => {
  const { page } = app;
  await goTo(page, 'create');
  await startLong(app, 'a secret wish');
  app.killEngine();
  await expect(page.getByRole('alert')).toContainText(en.create.failedTitle);
  await goTo(page, 'settings');

  const without = await diagnosticsOf(app);
  expect([...without.keys()]).toContain('failed-jobs.json');
  expect([...without.values()].join()).not.toContain('secret');

  await page.getByRole('switch', { name: settings.help.withPrompts }).click();
  const withPrompts = await diagnosticsOf(app);
  expect(withPrompts.get('failed-jobs.json')).toContain('a secret wish');
});

test('the devices are listed, and the numbers of the one in use are checked', async ({ app }) => {
  const { page } = app;
  await page.getByRole('button', { name: settings.device.list }).click();
  await expect(page.getByRole('listitem').filter({ hasText: /^\W*cpu/ })).toBeVisible();
  await page.getByRole('button', { name: settings.device.check }).click();
  await expect(page.getByText(fill(settings.device.right, { device: 'cpu' }))).toBeVisible({
    timeout: 240_000,
  });
});

/** Makes the file and saves it as a person does. */
async function diagnosticsOf(app: App): Promise<Map<string, string>> {
  const { page } = app;
  const link = page.getByRole('link', { name: settings.help.download });
  const before = (await link.count()) > 0 ? await link.getAttribute('href') : null;
  await page.getByRole('button', { name: settings.help.make }).click();
  await expect(link).not.toHaveAttribute('href', before ?? '');
  return unzipped(await downloadOf(app, link));
}
