import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { en } from '../../renderer/messages/en.ts';
import { expect, test } from './app.ts';
import type { Prepared } from './data.ts';
import { picturesOf, promptOf } from './steps.ts';

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
