import { expect, it } from 'vitest';
import { Watch } from '../../../engine/training/run/watch.ts';

it('tells of latent channels that are noise alone, once', () => {
  const watch = new Watch();
  expect(watch.latents([0.01, 0.2, 0, 0.4])).toEqual([]);
  const [fact] = watch.latents([0.001, 1.03, 0, 0.97]);
  expect(fact).toMatchObject({ warning: 'latents' });
  expect(fact!.detail).toMatch(/^only noise in channel 2, 4 \(of 4\)/);
  expect(watch.latents([0.001, 1.03, 0, 0.97])).toEqual([]);
});
