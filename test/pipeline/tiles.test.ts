import { describe, expect, it } from 'vitest';
import { inTiles, type Plane } from '../../engine/pipeline/tiles.ts';

/** Every number twice along both axes: what a tile gives does not depend on its neighbours. */
async function double({ channels, height, width, data }: Plane): Promise<Float32Array> {
  const result = new Float32Array(channels * height * width * 4);
  return result.map((_, index) => {
    const [line, column] = [Math.floor(index / (2 * width)), index % (2 * width)];
    const [channel, row] = [Math.floor(line / (2 * height)), line % (2 * height)];
    return data[(channel * height + Math.floor(row / 2)) * width + Math.floor(column / 2)]!;
  });
}

function plane(height: number, width: number): Plane {
  const channels = 2;
  const data = Float32Array.from({ length: channels * height * width }, (_, i) => Math.sin(i));
  return { channels, height, width, data };
}

describe('a plane in tiles', () => {
  it.each([
    [40, 40],
    [72, 100],
    [101, 33],
    [250, 256],
  ])('of %i x %i is covered everywhere and blended to what the whole gives', async (height, width) => {
    const whole = plane(height, width);
    let tiles = 0;
    const result = await inTiles(whole, { channels: 2, scale: 2, tile: 72 }, (tile) => {
      tiles++;
      expect(Math.max(tile.height, tile.width)).toBeLessThanOrEqual(72);
      return double(tile);
    });
    const expected = await double(whole);
    expect(result).toMatchObject({ height: 2 * height, width: 2 * width });
    expect(result.data.every((value, i) => Math.abs(value - expected[i]!) < 1e-6)).toBe(true);
    expect(tiles > 1).toBe(Math.max(height, width) > 72);
  });

  it('is cut along the latent, also where the result is smaller', async () => {
    const result = await inTiles(plane(800, 400), { channels: 2, scale: 1 / 8, tile: 72 }, async (tile) => {
      expect([tile.height % 8, tile.width % 8]).toEqual([0, 0]);
      return new Float32Array((tile.height / 8) * (tile.width / 8) * 2).fill(1);
    });
    expect(result).toMatchObject({ height: 100, width: 50 });
    expect(result.data.every((value) => Math.abs(value - 1) < 1e-6)).toBe(true);
  });
});
