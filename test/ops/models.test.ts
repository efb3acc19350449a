/** @file The gradients of whole models: XUT against PyTorch's, the text encoders against finite differences. */
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { gradients } from '../../engine/gradient.ts';
import {
  f32,
  i64,
  toFloat32,
  toFloat64,
  type FloatDType,
  type TensorData,
} from '../../engine/graph/dtype.ts';
import { Graph, type Tensor } from '../../engine/graph/graph.ts';
import { count } from '../../engine/graph/shape.ts';
import { verifyGraph } from '../../engine/graph/verify.ts';
import { textInputs } from '../../engine/models/causal-lm.ts';
import { gemma3, gemma3Config } from '../../engine/models/gemma3.ts';
import { toTokenGrid } from '../../engine/models/positions.ts';
import { qwen3, qwen3Config } from '../../engine/models/qwen3.ts';
import { xut, xutInputs } from '../../engine/models/xut.ts';
import { xutConfig } from '../../engine/models/xut-config.ts';
import { mul, sub } from '../../engine/ops/elementwise.ts';
import { mean } from '../../engine/ops/reduce.ts';
import { onnxRuntime } from '../../engine/runtime/onnx/runtime.ts';
import { evaluateGraph } from '../../engine/runtime/reference.ts';
import type { Values, WeightSource } from '../../engine/runtime/runtime.ts';
import { normals } from '../../engine/sampling/noise.ts';
import { openSafetensors, readTensors } from '../../engine/weights/safetensors.ts';
import { declaredWeights, graphWeights, type Weights } from '../../engine/weights/weights.ts';
import { relativeError } from '../helpers/allclose.ts';

const GOLDEN = fileURLToPath(new URL('../../../shared/golden/', import.meta.url));
const PATCH = 2;
const STEP = 1e-5;
/** Norm of the difference over norm; a tenth of what is asked for. */
const GRADIENT_ERROR = 1e-4;

describe.skipIf(!existsSync(GOLDEN))('the training step of XUT (skipped without ../shared/golden)', () => {
  it.each(['train-released', 'train-report'])('%s has the loss and gradients of PyTorch', async (name) => {
    const file = openSafetensors(`${GOLDEN}${name}.safetensors`);
    const tensors = readTensors(file);
    const config = xutConfig.parse(JSON.parse(file.metadata.config!));
    const weights = below(tensors, 'weight.');
    const sources = new Map([...weights].map(([key, tensor]) => [key, inMemory(tensor)]));

    const graph = new Graph();
    const inputs = xutInputs(graph, config, { context: true, kept: tensors.has('input.keep') });
    const target = graph.input('target', 'f32', inputs.x.shape);
    const velocity = xut(config, graphWeights(graph, sources, 'f32'), inputs);
    const loss = meanSquare(sub(velocity, target));
    graph.output('loss', loss);
    addGradients(graph, loss);
    verifyGraph(graph);

    const program = await onnxRuntime('cpu').compile(graph, sources);
    const results = await program.run(trainingValues(tensors));
    await program.dispose();
    expect(relativeError(results.loss!, tensors.get('output.loss')!)).toBeLessThan(1e-5);
    expect([...graph.weights.keys()].sort()).toEqual([...weights.keys()].sort());
    for (const [key, expected] of below(tensors, 'grad.')) {
      expect(relativeError(results[`to ${key}`]!, expected), key).toBeLessThan(GRADIENT_ERROR);
    }
  });
});

const XUT_VARIANTS = {
  'as released': {},
  'as in the report': { skip: 'mirrored', residual: 'stream', rope_fraction: 0.5 },
  'with text to attend to': { concat_ctx: false, dec_ctx: true },
  'with its own modulation in each block': { shared_adaln: false, use_dyt: true },
  'with classes and two times': { class_cond: 5, double_t: true },
} as const;

describe('the gradient of a tiny XUT', () => {
  it.each(Object.entries(XUT_VARIANTS))('%s is that of finite differences', (_name, variant) => {
    expectSlope(...tinyXut(variant));
  });

  it('that computes in float16 reaches its float32 weights', () => {
    expectSlope(...tinyXut({}), 'f16');
  });
});

describe('the gradient of a tiny text encoder', () => {
  const sizes = {
    vocab_size: 11,
    hidden_size: 12,
    intermediate_size: 10,
    num_hidden_layers: 2,
    num_attention_heads: 4,
    num_key_value_heads: 2,
    head_dim: 4,
  };
  const values = { ids: i64([2, 4], [3, 1, 3, 10, 7, 7, 0, 0]), mask: i64([2, 4], [1, 1, 1, 1, 1, 1, 1, 0]) };

  const qwen3Settings = qwen3Config.parse({ ...sizes, model_type: 'qwen3' });
  const build: Build = (graph, weights, precision) =>
    qwen3(qwen3Settings, weights, textInputs(graph), precision);

  it('Qwen3 is that of finite differences', () => {
    expectSlope(build, values);
  });

  it('Qwen3 that computes in float16 reaches its float32 weights', () => {
    expectSlope(build, values, 'f16');
  });

  it('Gemma3 is that of finite differences', () => {
    const windows = { sliding_window: 2, sliding_window_pattern: 2 };
    const config = gemma3Config.parse({ ...sizes, ...windows, model_type: 'gemma3_text' });
    expectSlope((graph, weights) => gemma3(config, weights, textInputs(graph)), values);
  });
});

// --- helpers ----------------------------------------------------------------------------------------------

type Build = (graph: Graph, weights: Weights, precision: FloatDType) => Tensor;

function tinyXut(variant: object): [Build, Values] {
  const sizes = { dim: 16, dim_head: 8, mlp_dim: 12, depth: 2, enc_blocks: 1, dec_blocks: 2, ctx_dim: 6 };
  const tread_config = { prev_trns_depth: 1, post_trns_depth: 1 };
  const config = xutConfig.parse({ ...sizes, addon_info_embs_dim: 1, tread_config, ...variant });
  const hasClasses = (config.class_cond ?? 0) > 0;
  const given = { context: true, kept: true, r: config.double_t, classIds: hasClasses };
  const values: Values = {
    x: random([2, 4, 2 * PATCH, 2 * PATCH], 1),
    t: f32([2], [0.25, 0.75]),
    positions: random([2, 4, 2], 2),
    context: random([2, 3, 6], 3),
    addon: random([2, 1], 4),
    kept: i64([2, 2], [0, 3, 1, 2]),
    ...(config.double_t && { r: f32([2], [0.5, 0.125]) }),
    ...(hasClasses && { classIds: i64([2], [4, 1]) }),
  };
  return [(graph, weights) => xut(config, weights, xutInputs(graph, config, given)), values];
}

/** Checks how fast the loss changes when all weights move in a random direction. */
function expectSlope(build: Build, values: Values, precision: FloatDType = 'f32'): void {
  const declared = [...declaredWeights((graph, weights) => void build(graph, weights, 'f32'))];
  const weights = Object.fromEntries(
    declared.map(([name, shape], index) => [name, random(shape, 100 + index)]),
  );
  const directions = Object.fromEntries(
    declared.map(([name, shape], index) => [name, random(shape, 500 + index)]),
  );
  const sources = new Map(Object.entries(weights).map(([name, tensor]) => [name, inMemory(tensor)]));
  const graph = new Graph();
  const loss = meanSquare(build(graph, graphWeights(graph, sources, precision), precision));
  addGradients(graph, loss);

  const results = evaluateGraph(graph, values, weights);
  const parts = declared.map(([name]) => dot(results.get(`to ${name}`)!.data, toFloat64(directions[name]!)));
  const slope = parts.reduce((sum, part) => sum + part);
  const plain = new Graph();
  plain.output('loss', meanSquare(build(plain, graphWeights(plain, sources, precision), precision)));
  const lossAt = (distance: number): number =>
    evaluateGraph(plain, values, moved(weights, directions, distance)).get('loss')!.data[0]!;
  const measured = (lossAt(STEP) - lossAt(-STEP)) / (2 * STEP);
  expect(Math.abs(slope / measured - 1)).toBeLessThan(1e-6);
}

function dot(a: Float64Array, b: Float64Array): number {
  return a.reduce((sum, value, index) => sum + value * b[index]!, 0);
}

/** The weights, each some way along its direction. They stay float64. */
function moved(weights: Values, directions: Values, distance: number): Values {
  const entries = Object.entries(weights).map(([name, weight]) => {
    const direction = toFloat64(directions[name]!);
    const data = toFloat64(weight).map((value, index) => value + distance * direction[index]!);
    return [name, { ...weight, data }] as const;
  });
  return Object.fromEntries(entries);
}

/** Outputs `to <name>` for every weight. */
function addGradients(graph: Graph, loss: Tensor): void {
  const weights = [...graph.weights];
  gradients(
    loss,
    weights.map(([, tensor]) => tensor),
  ).forEach((gradient, index) => graph.output(`to ${weights[index]![0]}`, gradient));
}

function meanSquare(x: Tensor): Tensor {
  return mean(
    mul(x, x),
    x.shape.map((_, axis) => axis),
  );
}

/** x_t = t noise + (1 - t) latent, target noise - latent, on the token grid. */
function trainingValues(tensors: ReadonlyMap<string, TensorData>): Values {
  const numbers = (name: string): Float32Array => toFloat32(tensors.get(`input.${name}`)!);
  const { shape } = tensors.get('input.latent')!;
  const [batch, , height, width] = shape as [number, number, number, number];
  const [latent, noise, t] = [numbers('latent'), numbers('noise'), numbers('t')];
  const timeOf = (index: number): number => t[Math.floor(index / (latent.length / batch))]!;
  const mixed = noise.map((value, index) => timeOf(index) * value + (1 - timeOf(index)) * latent[index]!);
  const maps = Array.from({ length: batch }, (_, sample) => {
    const size = height * width * 2;
    return [...toTokenGrid(numbers('pos').slice(sample * size, (sample + 1) * size), height, width)];
  });
  const tokens = (height * width) / PATCH ** 2;
  return {
    x: f32(shape, mixed),
    target: f32(
      shape,
      noise.map((value, index) => value - latent[index]!),
    ),
    t: f32([batch], t),
    positions: f32([batch, tokens, 2], maps.flat()),
    context: tensors.get('input.ctx')!,
    addon: f32([batch, 1], numbers('addon')),
    ...keptOf(tensors.get('input.keep'), tokens),
  };
}

function keptOf(mask: TensorData | undefined, tokens: number): Values {
  if (!mask) return {};
  const batch = mask.shape[0]!;
  const kept = Array.from(mask.data, Number).flatMap((keep, index) => (keep ? [index % tokens] : []));
  return { kept: i64([batch, kept.length / batch], kept) };
}

function random(shape: readonly number[], stream: number): TensorData {
  return f32(
    shape,
    normals(3, stream, count(shape)).map((value) => 0.3 * value),
  );
}

/** The tensors whose names start with `prefix`, by the rest of their names. */
function below(tensors: ReadonlyMap<string, TensorData>, prefix: string): Map<string, TensorData> {
  const own = [...tensors].filter(([name]) => name.startsWith(prefix));
  return new Map(own.map(([name, tensor]) => [name.slice(prefix.length), tensor]));
}

function inMemory({ dtype, shape, data }: TensorData): WeightSource {
  return { dtype, shape, place: { kind: 'memory', data } };
}
