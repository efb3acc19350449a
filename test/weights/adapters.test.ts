import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { openCheckpoint } from '../../engine/checkpoints/checkpoint.ts';
import { f32, toFloat32, type TensorData } from '../../engine/graph/dtype.ts';
import { openAdapter, type Adapter } from '../../engine/weights/adapters.ts';
import { openSafetensors, readTensors } from '../../engine/weights/safetensors.ts';
import { writeSafetensors } from '../../engine/weights/write-safetensors.ts';
import { hdmStudio, refusal } from '../helpers/command-line.ts';
import { drawLatent } from '../helpers/draw.ts';
import { copyOf, testFolder } from '../helpers/folder.ts';
import { randomWeights, writeTinyModel, type TinyModel } from '../helpers/tiny-model.ts';

/** A matrix [96, 32] of the tiny model, a convolution [32, 4, 2, 2] and a norm [32]. */
const MATRIX = 'backbone.enc_blocks.1.0.attn.qkv';
const CONVOLUTION = 'in_patch.proj';
const NORM = 'backbone.enc_blocks.0.0.attn_pre_norm.norm';
const RANK = 4;
const ALPHA = 3;

type Numbers = readonly number[];

/** An adapter of one layer, and by hand the change it makes to the weight at strength 1. */
interface Case {
  readonly layer: string;
  readonly shapes: Readonly<Record<string, Numbers>>;
  readonly change: (tensors: Readonly<Record<string, Matrix>>) => Matrix;
}

const LORA: Case = {
  layer: MATRIX,
  shapes: { 'lora_up.weight': [96, RANK], 'lora_down.weight': [RANK, 32] },
  change: (t) => scaled(ALPHA / RANK, product(t['lora_up.weight']!, t['lora_down.weight']!)),
};

const CASES: Readonly<Record<string, Case>> = {
  LoRA: LORA,
  'LoRA of a convolution': {
    layer: CONVOLUTION,
    shapes: { 'lora_up.weight': [32, RANK, 1, 1], 'lora_down.weight': [RANK, 4, 2, 2] },
    change: LORA.change,
  },
  LoHa: {
    layer: MATRIX,
    shapes: {
      hada_w1_a: [96, RANK],
      hada_w1_b: [RANK, 32],
      hada_w2_a: [96, RANK],
      hada_w2_b: [RANK, 32],
    },
    change: (t) => {
      const [first, second] = [
        product(t['hada_w1_a']!, t['hada_w1_b']!),
        product(t['hada_w2_a']!, t['hada_w2_b']!),
      ];
      return scaled(
        ALPHA / RANK,
        first.map((row, i) => row.map((value, j) => value * second[i]![j]!)),
      );
    },
  },
  'LoKr of full matrices': {
    layer: MATRIX,
    shapes: { lokr_w1: [4, 4], lokr_w2: [24, 8] },
    change: (t) => kronecker(t['lokr_w1']!, t['lokr_w2']!), // alpha counts for thin ones only
  },
  'LoKr of thin matrices': {
    layer: MATRIX,
    shapes: { lokr_w1: [4, 4], lokr_w2_a: [24, RANK], lokr_w2_b: [RANK, 8] },
    change: (t) => scaled(ALPHA / RANK, kronecker(t['lokr_w1']!, product(t['lokr_w2_a']!, t['lokr_w2_b']!))),
  },
  'a norm': { layer: NORM, shapes: { w_norm: [32] }, change: (t) => t['w_norm']! },
};

let model: TinyModel;
let plain: Float32Array;
let folder = '';

beforeAll(async () => {
  model = writeTinyModel(mkdtempSync(join(tmpdir(), 'hdm-adapters-')));
  plain = await drawLatent(model.folder);
});
afterAll(() => rmSync(model.folder, { recursive: true }));
beforeEach(() => {
  folder = testFolder();
});

describe.each(Object.keys(CASES))('%s', (name) => {
  const used = CASES[name]!;

  it('draws what a model with the change in its weights draws', async () => {
    const path = writeAdapter('a.safetensors', used);
    const adapted = await drawLatent(model.folder, { adapters: [{ path, strength: 0.7 }] });
    expect(distance(adapted, plain)).toBeGreaterThan(1e-2);
    expect(distance(adapted, await drawLatent(merged(used, path, 0.7)))).toBeLessThan(1e-4);
  });

  it('at strength 0 changes not one bit', async () => {
    const path = writeAdapter('a.safetensors', used);
    expect(await drawLatent(model.folder, { adapters: [{ path, strength: 0 }] })).toEqual(plain);
  });
});

describe('the names in an adapter', () => {
  it.each(['lycoris_model_', 'lora_unet_', ''])('may have "%s" before them', (prefix) => {
    const weights = openCheckpoint(model.folder).transformer.weights;
    for (const used of Object.values(CASES)) {
      const expected = changesIn(openAdapter(writeAdapter('a.safetensors', used), weights));
      expect(changesIn(openAdapter(writeAdapter('b.safetensors', used, prefix), weights))).toEqual(expected);
    }
  });

  it('may be written with dots', () => {
    const weights = openCheckpoint(model.folder).transformer.weights;
    const expected = changesIn(openAdapter(writeAdapter('a.safetensors', LORA), weights));
    const tensors = readTensors(openSafetensors(join(folder, 'a.safetensors')));
    const dotted = [...tensors].map(([name, tensor]) => {
      const suffix = name.slice(name.indexOf('.'));
      return [`diffusion_model.${LORA.layer}${suffix}`, tensor] as const;
    });
    writeSafetensors(join(folder, 'b.safetensors'), new Map(dotted));
    expect(changesIn(openAdapter(join(folder, 'b.safetensors'), weights))).toEqual(expected);
  });

  /** What is changed and how, whatever the file calls its layers. */
  function changesIn({ changes }: Adapter): [string, object][] {
    return [...changes].map(([name, { algorithm, scale, tensors }]) => [name, { algorithm, scale, tensors }]);
  }

  it('count as unused where the layer has no such weight', () => {
    const weights = openCheckpoint(model.folder).transformer.weights;
    const path = join(folder, 'a.safetensors');
    const before = `lycoris_${MATRIX.replaceAll('.', '_')}`; // q, k and v have no bias
    writeSafetensors(path, randomWeights(new Map([[`${before}.b_norm`, [96]]]), 5));
    expect(() => openAdapter(path, weights)).toThrow('none of its 1 layers is in this model');
  });

  it('decide which layer of a drawing changes', async () => {
    const usual = { path: writeAdapter('a.safetensors', LORA), strength: 1 };
    const comfy = { path: writeAdapter('b.safetensors', LORA, 'lora_unet_'), strength: 1 };
    const [first, second] = [usual, comfy].map((adapter) =>
      drawLatent(model.folder, { adapters: [adapter] }),
    );
    expect(await first).toEqual(await second);
  });
});

describe('several adapters', () => {
  it('on one layer add up', async () => {
    const path = writeAdapter('a.safetensors', LORA);
    const half = { path, strength: 0.5 };
    const twice = await drawLatent(model.folder, { adapters: [half, half] });
    const once = await drawLatent(model.folder, { adapters: [{ path, strength: 1 }] });
    expect(distance(twice, once)).toBeLessThan(1e-4);
  });

  it('of which one undoes the other leave the picture as it was', async () => {
    const path = writeAdapter('a.safetensors', CASES['LoHa']!);
    const both = [
      { path, strength: 1 },
      { path, strength: -1 },
    ];
    expect(distance(await drawLatent(model.folder, { adapters: both }), plain)).toBeLessThan(1e-4);
  });

  it('act each on its own layers, in any order', async () => {
    const first = { path: writeAdapter('a.safetensors', LORA), strength: 0.5 };
    const second = { path: writeAdapter('b.safetensors', CASES['a norm']!), strength: 0.8 };
    const both = await drawLatent(model.folder, { adapters: [first, second] });
    expect(await drawLatent(model.folder, { adapters: [second, first] })).toEqual(both);
    for (const alone of [first, second]) {
      expect(distance(both, await drawLatent(model.folder, { adapters: [alone] }))).toBeGreaterThan(1e-3);
    }
  });

  it('come from the command line, each with its strength', async () => {
    const [a, b] = [writeAdapter('a.safetensors', LORA), writeAdapter('b.safetensors', CASES['LoHa']!)];
    const { code } = await sample('--adapter', `${a}:0.5`, '--adapter', b);
    expect(code).toBe(0);
    const { stdout } = await hdmStudio('inspect', join(folder, 'drawn.png'), '--json');
    expect(JSON.parse(stdout)).toMatchObject({
      settings: {
        adapters: [
          { file: 'a.safetensors', strength: 0.5 },
          { file: 'b.safetensors', strength: 1 },
        ],
      },
    });
  });
});

describe('an adapter', () => {
  const name = `lycoris_${MATRIX.replaceAll('.', '_')}`;
  const up = { [`${name}.lora_up.weight`]: [96, RANK] };
  const down = { [`${name}.lora_down.weight`]: [RANK, 32] };

  it.each<[string, Readonly<Record<string, Numbers>>, string]>([
    ['without a tensor', {}, 'none of its 0 layers is in this model'],
    ['of another model', { 'lora_te_x.lora_up.weight': [4, 4] }, '(the first is "lora_te_x")'],
    ['whose names are odd', { odd: [4] }, '(the first is "odd")'],
    ['with other rows', { ...down, [`${name}.lora_up.weight`]: [48, RANK] }, 'do not fit weight'],
    ['with other columns', { ...up, [`${name}.lora_down.weight`]: [RANK, 16] }, 'do not fit weight'],
    ['with two ranks', { ...up, [`${name}.lora_down.weight`]: [RANK + 1, 32] }, 'do not fit weight'],
    [
      'with rows and columns exchanged',
      { [`${name}.lora_up.weight`]: [32, RANK], [`${name}.lora_down.weight`]: [RANK, 96] },
      `do not fit weight "${MATRIX}.weight" [96, 32]`,
    ],
    ['with DoRA parts', { ...up, ...down, [`${name}.dora_scale`]: [96, 1] }, 'not known here: dora_scale'],
    ['with Tucker parts', { ...up, ...down, [`${name}.lora_mid.weight`]: [4, 4, 1, 1] }, 'lora_mid.weight'],
    ['with half of its parts', down, 'not known here: lora_down.weight'],
    ['with no numbers', { ...down, [`${name}.lora_up.weight`]: [96, 0] }, 'is empty or holds NaN'],
  ])('%s is refused', async (_case, shapes, says) => {
    const path = join(folder, 'a.safetensors');
    writeSafetensors(path, randomWeights(new Map(Object.entries(shapes)), 1));
    const line = refusal(await sample('--adapter', path), 1);
    expect(line).toContain(path);
    expect(line).toContain(says);
    expect(readdirSync(folder)).toEqual(['a.safetensors']);
  });

  it.each([NaN, Infinity])('with the number %d is refused', async (number) => {
    const path = writeAdapter('a.safetensors', LORA);
    const tensors = readTensors(openSafetensors(path));
    writeSafetensors(path, tensors.set(`${name}.alpha`, f32([], [number])));
    expect(refusal(await sample('--adapter', path), 1)).toContain(`"${name}.alpha" is empty or holds NaN`);
  });

  it('that is a pickle is refused', async () => {
    writeFileSync(join(folder, 'a.pt'), 'PK\x03\x04 archive/data.pkl');
    expect(refusal(await sample('--adapter', join(folder, 'a.pt')), 1)).toContain('pickles can run code');
  });

  it('that is not there is refused, also with a strength', async () => {
    const path = join(folder, 'a.safetensors');
    expect(refusal(await sample('--adapter', `${path}:0.5`), 1)).toContain(`${path}: no such file or folder`);
  });

  it('with a name that would take over a terminal is refused in one line', async () => {
    const path = join(folder, 'a.safetensors');
    writeSafetensors(path, new Map([['\x1b[2J\nroot.lora_up.weight', f32([1], [1])]]));
    expect(refusal(await sample('--adapter', path), 1)).not.toContain('\x1b');
  });

  it('of which some layers are not in the model is used and says so', async () => {
    const path = writeAdapter('a.safetensors', LORA);
    const tensors = readTensors(openSafetensors(path));
    writeSafetensors(path, tensors.set('lora_te_layer.lora_up.weight', f32([1], [1])));
    const { code, stderr } = await sample('--adapter', path);
    expect(code).toBe(0);
    expect(stderr).toContain('it changes 1 weights; 1 of its layers are not in this model.');
  });

  it('tells its algorithms and the weights it changes', () => {
    const weights = new Map([
      [`${MATRIX}.weight`, { dtype: 'f32', shape: [96, 32], place: NOWHERE } as const],
    ]);
    const { algorithms, changes, unused } = openAdapter(writeAdapter('a.safetensors', LORA), weights);
    expect({ algorithms, changes: [...changes.keys()], unused }).toEqual({
      algorithms: ['LoRA'],
      changes: [`${MATRIX}.weight`],
      unused: [],
    });
  });
});

const NOWHERE = { kind: 'memory', data: new Float32Array() } as const;

function sample(...args: string[]) {
  const usual = ['--prompt', 'a cat', '--size', '64', '--steps', '1', '--seed', '1', '--device', 'cpu'];
  const places = ['--model', model.folder, '--out', join(folder, 'drawn.png')];
  return hdmStudio('sample', ...places, ...usual, ...args);
}

function writeAdapter(file: string, { layer, shapes }: Case, prefix = 'lycoris_'): string {
  const before = `${prefix}${layer.replaceAll('.', '_')}.`;
  const named = Object.entries(shapes).map(([suffix, shape]) => [before + suffix, shape] as const);
  const path = join(folder, file);
  writeSafetensors(path, randomWeights(new Map(named), 5).set(`${before}alpha`, f32([], [ALPHA])));
  return path;
}

/** A copy of the model with the adapter's change in its weights. */
function merged({ layer, change }: Case, adapter: string, strength: number): string {
  const copy = copyOf(model.folder);
  const path = join(copy, 'transformer/diffusion_pytorch_model.safetensors');
  const weights = readTensors(openSafetensors(path));
  const weight = weights.get(`model.${layer}.weight`)!;
  const parts = [...readTensors(openSafetensors(adapter))].map(
    ([name, tensor]) => [name.slice(name.indexOf('.') + 1), asMatrix(tensor)] as const,
  );
  const delta = change(Object.fromEntries(parts)).flat();
  const numbers = toFloat32(weight).map((value, i) => value + strength * delta[i]!);
  writeSafetensors(path, weights.set(`model.${layer}.weight`, f32(weight.shape, numbers)));
  return copy;
}

// --- matrices as lists of rows ----------------------------------------------------------------------------

type Matrix = readonly Numbers[];

function asMatrix({ shape: [rows = 1], data }: TensorData): Matrix {
  const width = data.length / rows;
  return Array.from({ length: rows }, (_, i) => Array.from(data.slice(i * width, (i + 1) * width), Number));
}

function product(a: Matrix, b: Matrix): Matrix {
  return a.map((row) => b[0]!.map((_, j) => row.reduce((sum, value, k) => sum + value * b[k]![j]!, 0)));
}

function kronecker(a: Matrix, b: Matrix): Matrix {
  return a.flatMap((rowA) => b.map((rowB) => rowA.flatMap((x) => rowB.map((y) => x * y))));
}

function scaled(factor: number, matrix: Matrix): Matrix {
  return matrix.map((row) => row.map((value) => factor * value));
}

/** The largest difference. */
function distance(a: Float32Array, b: Float32Array): number {
  expect(a.length).toBe(b.length);
  return a.reduce((largest, value, i) => Math.max(largest, Math.abs(value - b[i]!)), 0);
}
