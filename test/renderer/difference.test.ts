import { expect, it } from 'vitest';
import { writeDifference } from '../../renderer/features/compare/difference.ts';

const pixels = (...channels: number[]) => new Uint8ClampedArray(channels);

it('the same pictures give black, and nothing differs', () => {
  const picture = pixels(10, 20, 30, 255, 200, 100, 0, 255);
  const target = new Uint8ClampedArray(8);
  expect(writeDifference(target, picture, picture, 8)).toEqual({ part: 0, mean: 0 });
  expect([...target]).toEqual([0, 0, 0, 255, 0, 0, 0, 255]);
});

it('a difference is amplified, whichever picture is the brighter one, and ends at white', () => {
  const target = new Uint8ClampedArray(4);
  writeDifference(target, pixels(10, 90, 0, 255), pixels(30, 80, 255, 255), 4);
  expect([...target]).toEqual([80, 40, 255, 255]);
});

it('tells how many pixels differ and by how much on average', () => {
  const target = new Uint8ClampedArray(8);
  const facts = writeDifference(
    target,
    pixels(0, 0, 0, 255, 9, 9, 9, 255),
    pixels(3, 6, 9, 255, 9, 9, 9, 0),
    1,
  );
  expect(facts).toEqual({ part: 0.5, mean: 3 });
});
