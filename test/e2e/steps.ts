/** @file What people do in the window, by the names that they read: the English words are those of the window. */
import { readFile } from 'node:fs/promises';
import { basename, dirname, relative, sep } from 'node:path';
import type { Locator, Page } from '@playwright/test';
import { en } from '../../renderer/messages/en.ts';
import { expect, type App } from './app.ts';
import { readPictures, type StoredPicture } from './data.ts';

export type ScreenName = Exclude<keyof typeof en.screens, 'all'>;

/** Words with their gaps filled, such as "3 pictures wait". */
export function fill(text: string, gaps: Readonly<Record<string, string | number>>): string {
  return text.replaceAll(/\{\{(\w+)\}\}/g, (_, name: string) => String(gaps[name]));
}

export async function goTo(page: Page, screen: ScreenName): Promise<void> {
  const rail = page.getByRole('navigation', { name: en.screens.all });
  await rail.getByRole('link', { name: en.screens[screen] }).click();
  await expect(page.getByRole('heading', { level: 1, name: en.screens[screen] })).toBeAttached();
}

export function promptOf(page: Page): Locator {
  return page.getByRole('textbox', { name: en.create.prompt, exact: true });
}

/** A number field of Create, by its label. */
export function numberOf(page: Page, label: string): Locator {
  return page.getByRole('spinbutton', { name: label, exact: true });
}

export async function setNumber(page: Page, label: string, value: number): Promise<void> {
  await numberOf(page, label).fill(String(value));
  await numberOf(page, label).press('Tab');
}

/** Writes the prompt and presses the keys that start a picture. */
export async function generate(page: Page, prompt: string): Promise<void> {
  await promptOf(page).fill(prompt);
  await page.keyboard.press('ControlOrMeta+Enter');
}

/** Draws one picture and waits until it is in the library. */
export async function draw(app: App, prompt: string): Promise<StoredPicture> {
  const before = readPictures(app.data).length;
  await generate(app.page, prompt);
  return (await picturesOf(app, before + 1))[before]!;
}

/**
 * Starts a picture with many steps and waits until it is being denoised; there it stays until `cancelRunning`, or
 * until the test releases the engine.
 */
export async function startLong(app: App, prompt: string): Promise<void> {
  const { page } = app;
  const steps = await numberOf(page, en.create.steps).inputValue();
  await setNumber(page, en.create.steps, 1000);
  await generate(page, prompt);
  await expect(page.getByText(stepOf(1000))).toBeVisible();
  app.holdEngine();
  await setNumber(page, en.create.steps, Number(steps)); // of the next one
}

/** Ends the picture that is drawn, and waits until it has ended. */
export async function cancelRunning(app: App, page = app.page): Promise<void> {
  await page.getByRole('button', { name: en.create.cancelRunning }).first().click();
  app.releaseEngine();
  await expect(page.getByText(stepOf(1000))).toBeHidden();
}

/** Such as "Step 3 of 8". */
export function stepOf(steps: number): RegExp {
  return new RegExp(`^${fill(en.create.stepOf, { step: '[1-9]\\d*', steps })}$`);
}

/** The bytes that a link downloads; the desktop app would ask where to put them. */
export async function downloadOf(app: App, link: Locator): Promise<Buffer> {
  if (app.mode === 'desktop') {
    const text = await link.evaluate(async (element: HTMLAnchorElement) => {
      const bytes = new Uint8Array(await (await fetch(element.href)).arrayBuffer());
      return Array.from(bytes, (byte) => String.fromCharCode(byte)).join('');
    });
    return Buffer.from(text, 'latin1');
  }
  const [download] = await Promise.all([app.page.waitForEvent('download'), link.click()]);
  return readFile(await download.path());
}

/** Waits until the library has so many pictures. */
export async function picturesOf(app: App, count: number): Promise<StoredPicture[]> {
  await expect.poll(() => readPictures(app.data).length, { timeout: 120_000 }).toBe(count);
  return readPictures(app.data);
}

/** Puts a file of this machine onto a part of the window, as from the system's file manager. */
export async function dropFile(
  target: Locator,
  file: { readonly name: string; readonly type: string; readonly bytes: Buffer },
): Promise<void> {
  const data = await target.page().evaluateHandle(
    ({ name, type, base64 }) => {
      const transfer = new DataTransfer();
      const bytes = Uint8Array.from(atob(base64), (letter) => letter.charCodeAt(0));
      transfer.items.add(new File([bytes], name, { type }));
      return transfer;
    },
    { name: file.name, type: file.type, base64: file.bytes.toString('base64') },
  );
  for (const event of ['dragenter', 'dragover', 'drop']) {
    await target.dispatchEvent(event, { dataTransfer: data });
  }
}

/** Opens a dialog for a path with `open` and chooses `path` in it, ours in a browser, the system's else. */
export async function choosePath(
  app: App,
  path: string,
  { isFolder, open }: { readonly isFolder: boolean; readonly open: () => Promise<void> },
): Promise<void> {
  if (app.desktop) {
    await app.desktop.evaluate(({ dialog }, chosen) => {
      dialog.showOpenDialog = () => Promise.resolve({ canceled: false, filePaths: [chosen] });
    }, path);
    return open();
  }
  await open();
  const chooser = app.page.getByRole('dialog', { name: en.common.choose });
  for (const folder of relative(app.home, isFolder ? path : dirname(path))
    .split(sep)
    .filter(Boolean)) {
    await chooser.getByRole('button', { name: folder, exact: true }).click();
  }
  if (isFolder) {
    await expect(chooser.getByText(path, { exact: true })).toBeVisible();
    await chooser.getByRole('button', { name: en.common.chooseFolder }).click();
  } else {
    await chooser.getByRole('button', { name: basename(path) }).click();
  }
}
