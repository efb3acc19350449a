/** @file A run that was killed goes on as if nothing had been, bit for bit. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { readLog } from '../../../engine/training/run/log.ts';
import { testFolder } from '../../helpers/folder.ts';
import { tinyModel, tinyRecipe, TOY, train, trainAndKill } from './tiny-run.ts';

const LAST_STATE = join('state', 'step-000020');

describe.each(['finetune', 'lokr'] as const)('%s', (method) => {
  it('20 steps in one go equal 10, kill -9, and 10 more', async () => {
    const folder = testFolder();
    const recipe = tinyRecipe(tinyModel(folder), method);
    const [whole, broken] = [join(folder, 'whole'), join(folder, 'broken')];
    const [signal] = await Promise.all([
      trainAndKill(
        { folder: broken, recipe, data: TOY },
        (event) => event.kind === 'step' && event.step === 10,
      ),
      train({ folder: whole, recipe, data: TOY }),
    ]);
    expect(signal).toBe('SIGKILL');
    const { events, end } = await train({ folder: broken, isResumed: true });

    expect(end).toEqual({ reason: 'done', step: 20 });
    const started = events.find((event) => event.kind === 'started');
    expect(started).toMatchObject({ isResumed: true });
    expect(started!.step).toBeGreaterThan(0);
    for (const kind of ['value', 'mean', 'square', 'average']) {
      const file = join(LAST_STATE, `${kind}.safetensors`);
      expect(readFileSync(join(broken, file)).equals(readFileSync(join(whole, file))), kind).toBe(true);
    }
    expect(losses(broken)).toEqual(losses(whole));
  });
});

/** Step and loss of every step, as the log has them. */
function losses(folder: string): [number, number][] {
  const events = readLog(join(folder, 'log.jsonl'));
  return events.flatMap((event) => (event.kind === 'step' ? [[event.step, event.loss]] : []));
}
