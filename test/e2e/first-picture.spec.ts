import type { Page } from '@playwright/test';
import { en } from '../../renderer/messages/en.ts';
import { expect, test } from './app.ts';
import { decode, meanColour } from './pixels.ts';
import { fill, generate, goTo, picturesOf, setNumber } from './steps.ts';

test.describe('from a cold start, with a model that draws', () => {
  test.use({ appOptions: { model: 'real', isFirstStart: true } });

  test('the first picture is the one that was asked for', async ({ app }) => {
    const { page } = app;
    const welcome = page.getByRole('dialog', { name: en.welcome.title });
    await expect(welcome.getByText(en.welcome.ready)).toBeVisible();
    await welcome.getByRole('button', { name: en.welcome.start }).click();
    await setNumber(page, en.create.seed, 7); // so that every run draws the same
    const previews = await seenPreviews(page);
    await generate(page, 'a large red circle on a blue background');
    const [picture] = await picturesOf(app, 1);
    expect(await previews()).not.toEqual([]); // it could be seen while it grew
    const canvas = page.getByRole('region', { name: en.create.canvas });
    const shown = canvas.locator(`img[src*="/files/pictures/${picture!.id}"]`);
    await expect(shown).toBeVisible();
    expect(await shown.evaluate((image: HTMLImageElement) => image.naturalWidth)).toBe(256);

    const pixels = await decode(picture!.file);
    expect([pixels.width, pixels.height]).toEqual([256, 256]);
    const [red, , blueOfMiddle] = meanColour(pixels, [0.45, 0.45, 0.55, 0.55]);
    expect(red).toBeGreaterThan(160);
    expect(blueOfMiddle).toBeLessThan(110);
    for (const corner of [0, 0.95]) {
      const [redOfCorner, , blue] = meanColour(pixels, [corner, corner, corner + 0.05, corner + 0.05]);
      expect(blue).toBeGreaterThan(140);
      expect(redOfCorner).toBeLessThan(110);
    }
  });
});

/** Notes previews as they appear: they may be gone before a test looks. */
async function seenPreviews(page: Page): Promise<() => Promise<string[]>> {
  const seen = await page.evaluateHandle(() => {
    const addresses: string[] = [];
    const note = ({ target }: Event): void => {
      const isPreview = target instanceof HTMLImageElement && target.src.includes('/files/previews/');
      if (isPreview && target.checkVisibility()) addresses.push(target.src);
    };
    document.addEventListener('load', note, { capture: true });
    return addresses;
  });
  return () => seen.jsonValue();
}

test.describe('with a tiny model', () => {
  test('the canvas shows the picture and the form what the next one takes', async ({ app }) => {
    const { page } = app;
    await generate(page, 'a house');
    await picturesOf(app, 1);
    await expect(page.getByRole('region', { name: en.create.canvas }).getByText('128 × 128')).toBeVisible();
    // What it takes is known from now on.
    await expect(page.getByText(fill(en.create.about, { time: '' }), { exact: false }).first()).toBeVisible();
  });
});

test.describe('without a model', () => {
  test.use({ appOptions: { model: 'none', isFirstStart: true } });

  test('the window says what is missing and leads to it', async ({ app }) => {
    const { page } = app;
    const welcome = page.getByRole('dialog', { name: en.welcome.title });
    await expect(welcome.getByText(en.welcome.needsModel)).toBeVisible();
    await welcome.getByRole('button', { name: en.welcome.later }).click();
    await expect(page.getByText(en.create.noModelTitle)).toBeVisible();
    await expect(page.getByRole('button', { name: /^Generate/ })).toBeDisabled();
    const canvas = page.getByRole('region', { name: en.create.canvas });
    await canvas.getByRole('button', { name: en.create.addModel }).click();
    await expect(page.getByRole('button', { name: en.models.addFile })).toBeVisible();
    await goTo(page, 'create');
  });
});
