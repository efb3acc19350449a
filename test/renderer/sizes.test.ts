import { describe, expect, it } from 'vitest';
import { sizeFor as engineSizeFor } from '../../engine/pipeline/request.ts';
import { PORTRAITS, presetOf, sidesFor, sizeFor } from '../../renderer/features/create/sizes.ts';

const RULE = { min: 64, max: 2048, step: 16 };
const SIDES = sidesFor(RULE, undefined);

describe('sizes', () => {
  it('are those of the engine, for every preset that fits', () => {
    for (const side of [256, 512, 768, 1024]) {
      for (const [width, height] of PORTRAITS) {
        for (const ratio of [width / height, height / width]) {
          expect(sizeFor(side, ratio, RULE)).toEqual(engineSizeFor(side, ratio));
        }
      }
    }
  });

  it('stay within the rule', () => {
    expect(sizeFor(2048, 16 / 9, RULE)).toEqual({ width: 2048, height: 1536 });
  });

  it('are known again as the preset and side they were made from, upright and lying', () => {
    for (const side of [512, 768, 1024]) {
      for (const portrait of PORTRAITS) {
        const size = sizeFor(side, portrait[0] / portrait[1], RULE);
        expect(presetOf(size, SIDES, RULE)).toEqual({ portrait, side });
        expect(presetOf({ width: size.height, height: size.width }, SIDES, RULE)).toEqual({ portrait, side });
      }
    }
  });

  it('are one of two presets where the grid makes both the same', () => {
    const size = { width: 224, height: 288 };
    expect([sizeFor(256, 4 / 5, RULE), sizeFor(256, 3 / 4, RULE)]).toEqual([size, size]);
    expect(presetOf(size, SIDES, RULE).portrait).toEqual([4, 5]);
  });

  it('are no preset when they were typed', () => {
    expect(presetOf({ width: 256, height: 1024 }, SIDES, RULE)).toEqual({ portrait: undefined, side: 512 });
    expect(presetOf({ width: 208, height: 1024 }, SIDES, RULE)).toEqual({
      portrait: undefined,
      side: undefined,
    });
  });

  it('offer the side of the model beside the usual ones', () => {
    expect(sidesFor({ ...RULE, max: 1024 }, 320)).toEqual([256, 320, 512, 768, 1024]);
  });
});
