/** @file New adapters have the layers, names and shapes of LyCORIS, and begin as the model itself. */
import { existsSync } from 'node:fs';
import { basename, join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { f32, toFloat32 } from '../../engine/graph/dtype.ts';
import { Graph } from '../../engine/graph/graph.ts';
import { onnxRuntime } from '../../engine/runtime/onnx/runtime.ts';
import type { WeightSource } from '../../engine/runtime/runtime.ts';
import { factorize, LAYER_PREFIX, newAdapter } from '../../engine/training/adapter.ts';
import { parseRecipe, type AdapterKind } from '../../engine/training/recipe.ts';
import { adapterFrom, adaptWeight } from '../../engine/weights/adapters.ts';
import { openSafetensors } from '../../engine/weights/safetensors.ts';

const GOLDEN = join(import.meta.dirname, '../../../shared/golden');
const hasGolden = existsSync(GOLDEN);

const CASES: [file: string, kind: AdapterKind, settings: object][] = [
  ['lycoris-lora.safetensors', 'lora', { rank: 4, alpha: 2 }],
  ['lycoris-loha.safetensors', 'loha', { rank: 2, alpha: 1 }],
  ['lycoris-lowrank.safetensors', 'lokr', { rank: 2, alpha: 1, fullMatrix: false, trainNorms: false }],
  ['lycoris-full.safetensors', 'lokr', { rank: 4, alpha: 4 }],
];

function settingsOf(adapter: object) {
  return parseRecipe({ method: 'lora', stages: [{ size: 64, steps: 1, batch: 1 }], adapter }).adapter;
}

describe.runIf(hasGolden)('a new adapter has the names and shapes of', () => {
  it.each(CASES)('%s', (file, kind, settings) => {
    const { tensors } = openSafetensors(join(GOLDEN, basename(file)));
    const below = (prefix: string): Map<string, readonly number[]> =>
      new Map(
        [...tensors].flatMap(([name, { shape }]) =>
          name.startsWith(prefix) ? [[name.slice(prefix.length), shape] as const] : [],
        ),
      );
    const made = newAdapter(kind, below('base.'), settingsOf(settings), 0);
    const expected = [...below('adapter.')].map(([name, shape]) => [
      name.replace('lycoris_model_', LAYER_PREFIX),
      shape,
    ]);
    const found = [...made].map(([name, { shape }]) => [name, shape]);
    expect(found.sort()).toEqual(expected.sort());
  });
});

describe('at first', () => {
  const shapes = new Map([
    ['block.qkv.weight', [12, 8]],
    ['patch.weight', [8, 4, 2, 2]],
    ['norm.weight', [8]],
    ['norm.bias', [8]],
    ['rms.weight', [8]],
  ]);

  it.each(['lora', 'loha', 'lokr'] as const)('a %s changes no weight', async (kind) => {
    const sources = new Map(
      [...shapes].map(([name, shape]): [string, WeightSource] => {
        const { dtype, data } = f32(
          shape,
          Float32Array.from({ length: shape.reduce((a, b) => a * b) }, Math.sin),
        );
        return [name, { dtype, shape, place: { kind: 'memory', data } }];
      }),
    );
    const adapter = adapterFrom('new', newAdapter(kind, shapes, settingsOf({ rank: 2 }), 7), sources);
    const graph = new Graph();
    for (const [name, { dtype, shape }] of sources) {
      graph.output(name, adaptWeight(name, graph.weight(name, dtype, shape), [{ adapter, strength: 1 }]));
    }
    const program = await onnxRuntime('cpu').compile(graph, sources);
    const adapted = await program.run({});
    for (const [name, { place }] of sources) {
      expect(toFloat32(adapted[name]!)).toEqual(place.kind === 'memory' && place.data);
    }
    expect([...adapter.changes.keys()].sort()).toEqual(
      kind === 'lokr'
        ? ['block.qkv.weight', 'norm.bias', 'norm.weight', 'patch.weight']
        : ['block.qkv.weight', 'patch.weight'],
    );
  });

  it('the sides of a Kronecker product are those of LyCORIS', () => {
    expect([1, 2, 4, 16, 32, 96, 1024, 7, 9].map((side) => factorize(side, 4))).toEqual([
      [1, 1],
      [1, 2],
      [1, 4],
      [4, 4],
      [4, 8],
      [4, 24],
      [4, 256],
      [1, 7],
      [3, 3],
    ]);
  });
});
