import type { Page } from '@playwright/test';
import sharp from 'sharp';
import { en } from '../../renderer/messages/en.ts';
import { expect, test } from './app.ts';
import { readForm, readJobs, readPictures } from './data.ts';
import { decode, meanColour } from './pixels.ts';
import { draw, fill, generate, goTo, picturesOf, promptOf, setNumber, startLong, stepOf } from './steps.ts';

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

  test('pictures have the size and number that were asked for', async ({ app }) => {
    const { page } = app;
    await setNumber(page, en.create.width, 96);
    await setNumber(page, en.create.height, 144);
    await setNumber(page, en.create.count, 3);
    await generate(page, 'a tree');
    const pictures = await picturesOf(app, 3);
    const [first] = pictures;
    expect(pictures.map(({ seed }) => seed)).toEqual([0, 1, 2].map((more) => first!.seed + more));
    for (const { file } of pictures) {
      expect(await sharp(file).metadata()).toMatchObject({ width: 96, height: 144, format: 'png' });
    }
    await page.getByRole('radio', { name: '2:3' }).click();
    await setNumber(page, en.create.count, 1);
    const { width, height } = await draw(app, 'a tree');
    expect(height / width).toBeCloseTo(1.5, 1);
  });

  test('a running picture is cancelled within a step and leaves nothing behind', async ({ app }) => {
    const { page } = app;
    await startLong(app, 'too long');
    await page.keyboard.press('ControlOrMeta+Backspace');
    app.releaseEngine();
    await expect(page.getByText(stepOf(1000))).toBeHidden();
    const { prompt } = await draw(app, 'a short one');
    expect(prompt).toBe('a short one');
    expect(readPictures(app.data)).toHaveLength(1);
    expect(readJobs(app.data).map(({ state }) => state)).toEqual(['cancelled', 'done']);
  });

  test('what was written is there again after a reload, and in the history', async ({ app }) => {
    const { page } = app;
    await draw(app, 'a boat on the lake');
    await promptOf(page).fill('something else');
    await setNumber(page, en.create.guidance, 2.5);
    await expect.poll(() => readForm(app.data).drawing.guidanceScale).toBe(2.5); // it has reached the host
    await page.reload();
    await expect(promptOf(page)).toHaveValue('something else');
    await expect(page.getByRole('spinbutton', { name: en.create.guidance })).toHaveValue('2.5');
    await page.getByRole('button', { name: en.create.history }).click();
    await page.getByRole('option', { name: 'a boat on the lake' }).click();
    await expect(promptOf(page)).toHaveValue('a boat on the lake');
  });

  test('tags are completed, and choices in a prompt become one of them', async ({ app }) => {
    const { page } = app;
    await promptOf(page).click();
    await page.keyboard.type('a {red|green} house, blue eye');
    const suggestions = page.getByRole('listbox', { name: en.create.suggestions });
    await expect(suggestions.getByRole('option', { name: /blue eyes/ })).toBeVisible();
    await page.keyboard.press('Tab');
    await expect(promptOf(page)).toHaveValue(/blue eyes/);
    await page.keyboard.press('ControlOrMeta+Enter');
    const [picture] = await picturesOf(app, 1);
    expect(picture!.prompt).toMatch(/^a (red|green) house, blue eyes/);
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
