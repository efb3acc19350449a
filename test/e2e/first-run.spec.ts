import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { en } from '../../renderer/messages/en.ts';
import { expect, test } from './app.ts';
import type { Prepared } from './data.ts';
import { fill, goTo, numberOf, picturesOf, promptOf } from './steps.ts';

const EXAMPLES = [
  { prompt: 'a red circle' },
  { prompt: 'a yellow star above a green house on the grass at night', ratio: 1.5 },
];

/** The model of the test brings prompts along, as the starter model does. */
function withExamples({ places }: Prepared): void {
  const index = { context: { padding: 'max_length', length: 16 }, examples: EXAMPLES };
  writeFileSync(join(places.data, 'tiny-model/model_index.json'), JSON.stringify(index));
}

test.use({ appOptions: { isFirstStart: true, prepare: withExamples } });

test('an example becomes a picture with one press', async ({ app }) => {
  const { page } = app;
  await page.getByRole('dialog').getByRole('button', { name: en.welcome.start }).click();
  const canvas = page.getByRole('region', { name: en.create.canvas });
  const { prompt, ratio } = EXAMPLES[1]!;
  await expect(canvas.getByRole('list', { name: en.create.examples }).getByRole('button')).toHaveCount(2);
  await canvas.getByRole('button', { name: prompt }).click();
  const [picture] = await picturesOf(app, 1);
  expect(picture!.prompt).toBe(prompt);
  expect(picture!.width / picture!.height).toBeCloseTo(ratio!, 0);
  expect(picture!.width).toBeGreaterThan(picture!.height);
  await expect(promptOf(page)).toHaveValue(prompt);
  await expect(canvas.getByText(en.create.examples)).toBeHidden();
});

test('the tour is walked with keys, and ends in a training run that only has to be started', async ({
  app,
}) => {
  const { page } = app;
  await page.getByRole('dialog').getByRole('button', { name: en.tour.take }).click();
  const canvasTools = page.getByRole('toolbar', { name: en.create.canvasTools });
  const controls = {
    prompt: promptOf(page),
    shape: page.getByRole('radio', { name: '2:3' }),
    seed: numberOf(page, en.create.seed),
    camera: canvasTools.getByRole('button', { name: en.camera.viewfinder }),
    train: page.getByRole('button', { name: en.train.start }),
  };
  const steps = Object.entries(controls);
  for (const [index, [name, control]] of steps.entries()) {
    const card = page.getByRole('dialog', { name: en.tour.steps[name as keyof typeof controls].title });
    await expect(card.getByText(fill(en.tour.of, { number: index + 1, total: steps.length }))).toBeVisible();
    await expect(control.and(page.locator('[data-tour-now], [data-tour-now] *'))).toBeInViewport();
    await expect(card.getByRole('button').last()).toBeFocused();
    await page.keyboard.press('Enter');
  }
  await expect(page.getByRole('radio', { name: 'toy-simple' })).toBeChecked();
  await expect(page.getByRole('radio', { name: en.train.source.simple })).toBeChecked();
  await expect(page.getByLabel(en.train.name, { exact: true })).toHaveValue(en.tour.runName);
  await expect(controls.train).toBeEnabled();
  await expect(controls.train).toBeFocused();

  await page.reload();
  await goTo(page, 'create');
  const canvas = page.getByRole('region', { name: en.create.canvas });
  await expect(canvas.getByText(en.create.examples)).toBeVisible();
  await expect(canvas.getByRole('button', { name: en.tour.take })).toBeHidden(); // it is done
  await goTo(page, 'settings');
  await page.getByRole('button', { name: en.tour.take }).click();
  const first = page.getByRole('dialog', { name: en.tour.steps.prompt.title });
  await expect(first.getByRole('button', { name: en.tour.next })).toBeFocused();
  await page.keyboard.press('Escape');
  await expect(first).toBeHidden();
  await expect(promptOf(page)).toBeFocused();
});
