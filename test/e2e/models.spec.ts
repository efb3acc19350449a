import { cpSync, existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Locator, Page } from '@playwright/test';
import { en } from '../../renderer/messages/en.ts';
import { holdAfter, sha256, TestHub } from '../electron/downloads-server.ts';
import { writeTinyModel } from '../helpers/tiny-model.ts';
import { expect, test } from './app.ts';
import { choosePath, draw, dropFile, fill, goTo } from './steps.ts';

const { models } = en;

test.beforeEach(async ({ app }) => goTo(app.page, 'models'));

test('a folder is imported and says what is inside', async ({ app }) => {
  const { page } = app;
  const { folder } = writeTinyModel(join(app.home, 'my models', 'second'));
  const open = (): Promise<void> => page.getByRole('button', { name: models.addFolder }).click();
  await choosePath(app, folder, { isFolder: true, open });
  await expect(page.getByText(fill(models.added, { name: 'second' }))).toBeVisible();

  const card = cardOf(page, 'second');
  await expect(card.getByText(models.complete)).toBeVisible();
  for (const part of Object.values(models.parts))
    await expect(card.getByText(part, { exact: true })).toBeVisible();
  await card.getByRole('button', { name: models.draw }).click();
  await expect(page.getByLabel(en.create.model)).toHaveText(/second/);
  expect((await draw(app, 'a tree')).width).toBeGreaterThan(0);
});

test('what is no model is refused with the reason, and changes nothing', async ({ app }) => {
  const { page } = app;
  const file = join(app.home, 'page.safetensors');
  writeFileSync(file, '<!doctype html><title>Not found</title>');
  const open = (): Promise<void> => page.getByRole('button', { name: models.addFile }).click();
  await choosePath(app, file, { isFolder: false, open });
  await expect(page.getByRole('status').getByText(/page\.safetensors/)).toBeVisible();
  await expect(page.getByRole('heading', { level: 3 })).toHaveText(['tiny model']);
});

test('a model without its text encoder says so, and takes one from elsewhere', async ({ app }) => {
  const { page } = app;
  const { folder, textEncoder } = writeTinyModel(join(app.home, 'halves', 'first'));
  const spare = join(app.home, 'spare');
  cpSync(join(textEncoder, '..'), spare, { recursive: true });
  rmSync(join(textEncoder, '..'), { recursive: true });
  // Else it would be found in the model that is here.
  await removeModel(page, 'tiny model');

  const open = (): Promise<void> => page.getByRole('button', { name: models.addFolder }).click();
  await choosePath(app, folder, { isFolder: true, open });
  const card = cardOf(page, 'first');
  await expect(card.getByText(/Missing:/).first()).toBeVisible();
  await expect(card.getByRole('button', { name: models.draw })).toBeHidden();

  const choose = fill(models.choosePart, { part: models.parts['text encoder'] });
  const openPart = (): Promise<void> => card.getByRole('button', { name: choose }).click();
  await choosePath(app, spare, { isFolder: true, open: openPart });
  await expect(card.getByText(models.complete)).toBeVisible();
});

test('a model gets another name, and leaves the list but not the disk', async ({ app }) => {
  const { page } = app;
  await menuItem(page, 'tiny model', en.common.rename);
  const dialog = page.getByRole('dialog', { name: en.common.rename });
  await dialog.getByRole('textbox', { name: models.name }).fill('my favourite');
  await page.keyboard.press('Enter');
  await expect(page.getByRole('heading', { level: 3 })).toHaveText(['my favourite']);

  await removeModel(page, 'my favourite');
  await expect(page.getByText(models.none)).toBeVisible();
  expect(existsSync(join(app.data, 'tiny-model/model_index.json'))).toBe(true);
});

test('a dropped model file is sent to the host and kept', async ({ app }) => {
  test.skip(
    app.mode === 'desktop',
    'the desktop app takes the path of a dropped file, which a test cannot give',
  );
  const { page } = app;
  const { transformer } = writeTinyModel(join(app.home, 'other'));
  const file = { name: 'dropped.safetensors', type: '', bytes: readFileSync(transformer) };
  await dropFile(page.getByRole('region', { name: en.screens.models }).first(), file);
  await expect(page.getByText(fill(models.added, { name: 'dropped' }))).toBeVisible();
  await expect(cardOf(page, 'dropped')).toBeVisible();
});

test('a model is downloaded from a hub: looked at first, paused, resumed where it was', async ({ app }) => {
  const { page } = app;
  const closing: (() => Promise<void>)[] = [];
  const hub = await TestHub.open((close) => closing.push(close));
  try {
    const { folder } = writeTinyModel(join(app.home, 'to serve'));
    addTinyRepository(hub, 'somebody/tiny', folder);
    await setHub(page, hub.address);

    await page.getByRole('textbox', { name: models.address }).fill('somebody/tiny');
    await page.getByRole('button', { name: models.look }).click();
    const offer = page.getByRole('dialog', { name: 'tiny' });
    await expect(offer.getByText(fill(models.licence, { licence: 'apache-2.0' }))).toBeVisible();
    await expect(offer.getByRole('checkbox')).toHaveCount(FILES.length);
    expect(hub.fetched).toEqual([]); // nothing before the person says so

    const released = Promise.withResolvers<void>();
    hub.next.push(holdAfter(20_000, released.promise));
    await offer.getByRole('button', { name: models.fetch }).click();
    const downloads = page.getByRole('region', { name: models.download.title });
    const item = downloads.getByRole('listitem');
    await expect(item.getByRole('progressbar')).not.toHaveAttribute('aria-valuenow', '0');
    await item.getByRole('button', { name: models.download.pause }).click();
    await expect(item.getByText(models.download.paused)).toBeVisible();
    released.resolve();
    await item.getByRole('button', { name: models.download.resume }).click();
    await expect(item.getByText(models.download.done)).toBeVisible();
    expect(hub.fetched.filter(({ path }) => path.endsWith(FILES[0]!)).map(({ range }) => range)).toEqual([
      undefined,
      'bytes=20000-',
    ]);

    const card = page
      .getByRole('listitem')
      .filter({ has: page.getByRole('heading', { name: 'tiny', exact: true }) });
    await expect(card.getByText(models.complete)).toBeVisible();
    await card.getByRole('button', { name: models.draw }).click();
    await draw(app, 'a boat');
  } finally {
    for (const close of closing) await close();
  }
});

test('a download that is not what its hub said is thrown away', async ({ app }) => {
  const { page } = app;
  const closing: (() => Promise<void>)[] = [];
  const hub = await TestHub.open((close) => closing.push(close));
  try {
    const { folder } = writeTinyModel(join(app.home, 'to serve'));
    addTinyRepository(hub, 'somebody/tiny', folder, { saidSha256: sha256(Buffer.from('another file')) });
    await setHub(page, hub.address);
    await page.getByRole('textbox', { name: models.address }).fill('somebody/tiny');
    await page.getByRole('button', { name: models.look }).click();
    await page.getByRole('dialog').getByRole('button', { name: models.fetch }).click();
    await expect(page.getByRole('alert').getByText(/SHA-256/)).toBeVisible();
    await expect(page.getByRole('heading', { level: 3 })).toHaveText(['tiny model']);
  } finally {
    for (const close of closing) await close();
  }
});

/** The first one is the largest. */
const FILES = [
  'text_encoder/model.safetensors',
  'transformer/diffusion_pytorch_model.safetensors',
  'vae/diffusion_pytorch_model.safetensors',
  ...['text_encoder', 'transformer', 'vae'].map((part) => `${part}/config.json`),
  'tokenizer/tokenizer.json',
  'tokenizer/tokenizer_config.json',
  'model_index.json',
];

function addTinyRepository(
  hub: TestHub,
  name: string,
  folder: string,
  said: { saidSha256?: string } = {},
): void {
  const files = FILES.map((file) => [
    file,
    { bytes: readFileSync(join(folder, file)), etag: `"${file}"`, ...said },
  ]);
  hub.addRepository(name, Object.fromEntries(files) as Parameters<TestHub['addRepository']>[1], {
    cardData: { license: 'apache-2.0' },
  });
}

async function setHub(page: Page, address: string): Promise<void> {
  await goTo(page, 'settings');
  const field = page.getByLabel(en.settings.folders.hub);
  await field.fill(address);
  await field.press('Enter');
  await expect(field).toHaveAttribute('aria-invalid', 'false');
  await goTo(page, 'models');
}

function cardOf(page: Page, name: string): Locator {
  const heading = page.getByRole('heading', { level: 3, name, exact: true });
  return page.getByRole('listitem').filter({ has: heading });
}

async function menuItem(page: Page, model: string, item: string): Promise<void> {
  await page.getByRole('button', { name: fill(models.moreOf, { name: model }) }).click();
  await page.getByRole('menuitem', { name: item }).click();
}

async function removeModel(page: Page, name: string): Promise<void> {
  await menuItem(page, name, en.common.remove);
  await page.getByRole('dialog').getByRole('button', { name: en.common.remove }).click();
  await expect(cardOf(page, name)).toBeHidden();
}
