import type { Locator, Page } from '@playwright/test';
import { en } from '../../renderer/messages/en.ts';
import { expect, test } from './app.ts';
import { readJobs, readPictures } from './data.ts';
import { decode, middleOfRed } from './pixels.ts';
import { draw, numberOf, picturesOf, promptOf } from './steps.ts';

test.describe('with a model that draws', () => {
  test.use({ appOptions: { model: 'real', form: { drawing: { seed: 7 }, isSeedLocked: true } } });

  test('a drag moves the view, a draft follows, and the full picture comes on release', async ({ app }) => {
    const { page } = app;
    const first = await draw(app, 'a small red circle in the center, white background');
    const before = middleOfRed(await decode(first.file));
    expect(before.share).toBeGreaterThan(0.01);

    await openViewfinder(page);
    const frame = frameOf(page);
    const box = (await frame.boundingBox())!;
    const [x, y] = [box.x + box.width / 2, box.y + box.height / 2];
    await page.mouse.move(x, y);
    await page.mouse.down();
    await page.mouse.move(x + box.width / 8, y, { steps: 4 });
    await page.mouse.move(x + box.width / 4, y, { steps: 4 });
    // While the hand still holds it: the numbers, and a draft of what comes into view.
    await expect.poll(() => shiftOf(page)).not.toBe(0);
    await expect(frame.locator('img[src*="/files/drafts/"]')).toBeVisible();
    expect(readPictures(app.data)).toHaveLength(1);
    await page.mouse.up();

    const second = (await picturesOf(app, 2))[1]!;
    await expect(frame.locator(`img[src*="/files/pictures/${second.id}"]`)).toBeVisible();
    const after = middleOfRed(await decode(second.file));
    // What was in the middle has followed the hand to the right.
    expect(after.share).toBeGreaterThan(0.005);
    expect(after.x - before.x).toBeGreaterThan(0.1);
    expect(Math.abs(after.y - before.y)).toBeLessThan(0.1);
    const { camera } = readJobs(app.data).at(-1)!.drawing;
    expect(Math.abs(camera.xShift)).toBeGreaterThan(0.2);
    expect(camera.yShift).toBeCloseTo(0, 1);
  });
});

test('the wheel zooms, numbers stay editable, and one press sets all back', async ({ app }) => {
  const { page } = app;
  await promptOf(page).fill('a house');
  await openViewfinder(page);
  await frameOf(page).hover();
  await page.mouse.wheel(0, -300);
  await picturesOf(app, 1);
  expect(readJobs(app.data).at(-1)!.drawing.camera.zoom).toBeGreaterThan(1.2);

  await page.getByRole('button', { name: en.camera.title, exact: true }).click();
  await numberOf(page, en.camera.yShift).fill('0.25');
  await numberOf(page, en.camera.yShift).press('Enter');
  await picturesOf(app, 2);
  expect(readJobs(app.data).at(-1)!.drawing.camera.yShift).toBe(0.25);

  await page
    .getByRole('toolbar', { name: en.camera.viewfinder })
    .getByRole('button', { name: en.camera.reset })
    .click();
  await expect(numberOf(page, en.camera.zoom)).toHaveValue('1');
  await expect(numberOf(page, en.camera.yShift)).toHaveValue('0');
  await picturesOf(app, 3);
});

test('the keys move and zoom the view; without drawing on release only drafts come', async ({ app }) => {
  const { page } = app;
  await promptOf(page).fill('a tree');
  await openViewfinder(page);
  await page.getByRole('switch', { name: en.camera.drawOnRelease }).click();
  await frameOf(page).focus();
  for (const key of ['ArrowRight', 'ArrowRight', 'ArrowDown', '+']) await page.keyboard.press(key);
  await expect.poll(() => shiftOf(page)).not.toBe(0);
  await expect(frameOf(page).locator('img[src*="/files/drafts/"]')).toBeVisible();
  await page.keyboard.press('Home');
  await expect.poll(() => shiftOf(page)).toBe(0);
  await page.keyboard.press('Escape');
  await expect(frameOf(page)).toBeHidden();
  expect(readJobs(app.data)).toEqual([]);
});

async function openViewfinder(page: Page): Promise<void> {
  await page
    .getByRole('toolbar', { name: en.create.canvasTools })
    .getByRole('button', { name: en.camera.viewfinder })
    .click();
  await expect(frameOf(page)).toBeFocused();
}

function frameOf(page: Page): Locator {
  return page.getByRole('application', { name: en.camera.frame });
}

/** The x shift that the viewfinder shows. */
async function shiftOf(page: Page): Promise<number> {
  const text = await page.locator('#viewfinder-numbers').innerText();
  return Number(/x\s*([+-]?[\d.]+)/.exec(text)?.[1]);
}
