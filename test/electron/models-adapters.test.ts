import { join } from 'node:path';
import { beforeEach, expect, it } from 'vitest';
import { f32 } from '../../engine/graph/dtype.ts';
import { xutConfig } from '../../engine/models/xut-config.ts';
import { writeSafetensors } from '../../engine/weights/write-safetensors.ts';
import { testFolder } from '../helpers/folder.ts';
import { TINY_CONFIGS, writeTinyModel } from '../helpers/tiny-model.ts';
import { openShelf, type ShelfOfTest } from './models-fixture.ts';

const LAYER = 'backbone_enc_blocks_1_0_attn_qkv';
let studio: ShelfOfTest;
beforeEach(() => {
  studio = openShelf();
});

it('an adapter says of what kind and how large it is', () => {
  studio.shelf.addFound(writeTinyModel(join(testFolder(), 'Tiny')).folder);
  const path = write({
    [`lycoris_${LAYER}.lora_up.weight`]: [96, 2],
    [`lycoris_${LAYER}.lora_down.weight`]: [2, 32],
  });
  const adapter = studio.shelf.addFound(path, { licence: 'mit' });
  expect(adapter).toMatchObject({ kind: 'adapter', name: 'style', licence: 'mit', isOwned: false });
  expect(adapter.parts).toEqual([
    { part: 'transformer', path, summary: 'LoRA, 1 layer, 256 parameters, float32' },
  ]);
  expect(adapter.problem).toBeUndefined();
});

it('an adapter alone in its folder is the file', () => {
  const path = write({ [`lora_unet_${LAYER}.lokr_w1`]: [4, 4], [`lora_unet_${LAYER}.lokr_w2`]: [24, 8] });
  expect(studio.shelf.addFound(join(path, '..')).path).toBe(path);
});

it('several adapters in a folder are added one by one', () => {
  const path = write({ [`${LAYER}.w_norm`]: [96] });
  writeSafetensors(join(path, '..', 'more.safetensors'), new Map([[`${LAYER}.w_norm`, f32([1], [0])]]));
  expect(studio.shelf.addAll(join(path, '..')).map(({ name }) => name)).toEqual(['more', 'style']);
});

it('an adapter without a model says which it waits for, and fits when that comes', () => {
  const { id } = studio.shelf.addFound(
    write({ [`${LAYER}.lora_up.weight`]: [96, 2], [`${LAYER}.lora_down.weight`]: [2, 32] }),
  );
  expect(studio.shelf.get(id).problem).toMatch(/import the model it was made for/);
  studio.shelf.addFound(writeTinyModel(join(testFolder(), 'Tiny')).folder);
  expect(studio.shelf.get(id).problem).toBeUndefined();
});

it('an adapter for a model of another size names the first shape that does not fit', () => {
  const wide = xutConfig.parse({ ...TINY_CONFIGS.transformer, dim: 64 });
  studio.shelf.addFound(writeTinyModel(join(testFolder(), 'Wide'), { transformer: wide }).folder);
  const path = write({ [`${LAYER}.lora_up.weight`]: [96, 2], [`${LAYER}.lora_down.weight`]: [2, 32] });
  expect(studio.shelf.addFound(path).problem).toMatch(
    /^LoRA tensors lora_down\.weight \[2, 32\], lora_up\.weight \[96, 2\] do not fit weight "backbone\.enc_blocks\.1\.0\.attn\.qkv\.weight" \[192, 64\]/,
  );
});

it('an adapter of which no layer is in any model is refused by its first layer', () => {
  studio.shelf.addFound(writeTinyModel(join(testFolder(), 'Tiny')).folder);
  const path = write({
    'lora_unet_down_blocks_0.lora_up.weight': [4, 2],
    'lora_unet_down_blocks_0.lora_down.weight': [2, 4],
  });
  expect(() => studio.shelf.addFound(path)).toThrow(/none of its 1 layers.*"lora_unet_down_blocks_0"/);
  expect(studio.shelf.list()).toHaveLength(1);
});

it('an adapter of an unknown kind is refused by its first tensor', () => {
  const path = write({
    [`${LAYER}.lora_up.weight`]: [96, 2],
    [`${LAYER}.lora_down.weight`]: [2, 32],
    [`${LAYER}.dora_scale`]: [1],
  });
  expect(() => studio.shelf.addFound(path)).toThrow(
    /"backbone_enc_blocks_1_0_attn_qkv".*not known here: dora_scale/,
  );
});

function write(shapes: Record<string, number[]>): string {
  const path = join(testFolder(), 'style.safetensors');
  const tensors = Object.entries(shapes).map(([name, shape]) => {
    return [name, f32(shape, new Float32Array(shape.reduce((product, size) => product * size, 1)))] as const;
  });
  writeSafetensors(path, new Map(tensors));
  return path;
}
