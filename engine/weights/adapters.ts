/**
 * @file Adapters: small changes to the weights of a model, kept in files of their own. LoRA (Hu et al. 2021),
 * LoHa (Hyeon-Woo et al. 2022) and LoKr (Edalati et al. 2022) in the formats of LyCORIS and ComfyUI. What an
 * adapter does to a weight is graph, so sampling and training cannot drift apart.
 */
import { HdmError } from '../errors.ts';
import { toFloat32, type TensorData } from '../graph/dtype.ts';
import { Graph, type Tensor } from '../graph/graph.ts';
import { formatShape } from '../graph/shape.ts';
import { add, cast, like, mul } from '../ops/elementwise.ts';
import { matmul } from '../ops/matmul.ts';
import { reshape } from '../ops/movement.ts';
import type { WeightSource } from '../runtime/runtime.ts';
import { openSafetensors, readTensors } from './safetensors.ts';

/** One adapter file and how strongly it acts; 0 is not at all, negative values turn it round. */
export interface AdapterChoice {
  readonly path: string;
  readonly strength: number;
}

export interface Adapter {
  readonly path: string;
  readonly algorithms: readonly string[];
  /** What changes each weight, by the weight's name. */
  readonly changes: ReadonlyMap<string, Change>;
  /** Layers in the file that the model does not have. */
  readonly unused: readonly string[];
}

/**
 * An adapter is trained, and applied by LyCORIS and ComfyUI, with its change times alpha / rank. When LyCORIS writes
 * merged weights it multiplies LoHa and LoKr by that twice; its merged files are reproduced with the second reading.
 */
export type Scaling = 'as-trained' | 'as-lycoris-merges';

/** Numbers that an algorithm turns into the change of one weight. */
interface Change {
  /** The layer, as the adapter writes it. */
  readonly layer: string;
  readonly algorithm: Algorithm;
  readonly tensors: ReadonlyMap<string, TensorData>;
  /** Applied before the user's strength. */
  readonly scale: number;
}

type Parts = (suffix: string) => Tensor;

interface Algorithm {
  readonly name: string;
  /** Suffixes of its tensors; the first tells it from the others. */
  readonly suffixes: readonly string[];
  /** The tensor whose size along `axis` is the rank; absent in full matrices, which are not scaled. */
  readonly rank?: { readonly suffix: string; readonly axis: number };
  /** Which weight of the layer it changes. */
  readonly target: 'weight' | 'bias';
  /** The change with as many elements as the weight. */
  readonly change: (parts: Parts) => Tensor;
}

const ALGORITHMS: readonly Algorithm[] = [
  {
    name: 'LoRA',
    suffixes: ['lora_up.weight', 'lora_down.weight'],
    rank: { suffix: 'lora_down.weight', axis: 0 },
    target: 'weight',
    change: (parts) => matmul(asMatrix(parts('lora_up.weight')), asMatrix(parts('lora_down.weight'))),
  },
  {
    name: 'LoHa',
    suffixes: ['hada_w1_a', 'hada_w1_b', 'hada_w2_a', 'hada_w2_b'],
    rank: { suffix: 'hada_w1_b', axis: 0 },
    target: 'weight',
    change: (parts) =>
      mul(matmul(parts('hada_w1_a'), parts('hada_w1_b')), matmul(parts('hada_w2_a'), parts('hada_w2_b'))),
  },
  ...lokrForms(),
  {
    name: 'norm',
    suffixes: ['w_norm'],
    target: 'weight',
    change: (parts) => parts('w_norm'),
  },
  {
    name: 'norm',
    suffixes: ['b_norm'],
    target: 'bias',
    change: (parts) => parts('b_norm'),
  },
];

/** LoKr: the Kronecker product of two matrices, each whole or itself a product of two thin ones. */
function lokrForms(): Algorithm[] {
  const forms = [
    [false, false],
    [false, true],
    [true, false],
    [true, true],
  ] as const;
  return forms.map(([isThin1, isThin2]) => {
    const names = (factor: string, isThin: boolean): string[] =>
      isThin ? [`${factor}_a`, `${factor}_b`] : [factor];
    const read = (parts: Parts, factor: string, isThin: boolean): Tensor =>
      isThin ? matmul(parts(`${factor}_a`), parts(`${factor}_b`)) : asMatrix(parts(factor));
    const thin = isThin2 ? 'lokr_w2_b' : isThin1 ? 'lokr_w1_b' : undefined;
    return {
      name: 'LoKr',
      suffixes: [...names('lokr_w1', isThin1), ...names('lokr_w2', isThin2)],
      ...(thin && { rank: { suffix: thin, axis: 0 } }),
      target: 'weight',
      change: (parts) => kronecker(read(parts, 'lokr_w1', isThin1), read(parts, 'lokr_w2', isThin2)),
    };
  });
}

/** Of the tensors of a layer, what stands after its name. */
const SUFFIXES = ['alpha', ...new Set(ALGORITHMS.flatMap(({ suffixes }) => suffixes))];

/** What stands before a layer's name in adapter files of LyCORIS and ComfyUI. */
const PREFIXES = ['lycoris_model_', 'lycoris_', 'lora_unet_', 'lora_transformer_', 'diffusion_model_'];

/**
 * Opens an adapter for a model with the given weights. Throws `bad-model` when it fits no layer or is of a kind we
 * do not know, `bad-number` when it holds NaN or infinity.
 */
export function openAdapter(
  path: string,
  weights: ReadonlyMap<string, WeightSource>,
  scaling: Scaling = 'as-trained',
): Adapter {
  return adapterFrom(path, readTensors(openSafetensors(path)), weights, scaling);
}

/** An adapter whose tensors are in memory already; `path` is for messages. Errors as `openAdapter`. */
export function adapterFrom(
  path: string,
  tensors: ReadonlyMap<string, TensorData>,
  weights: ReadonlyMap<string, unknown>,
  scaling: Scaling = 'as-trained',
): Adapter {
  const { targets, unused } = targetsIn(path, tensors, weights);
  if (targets.length === 0) {
    const first = unused.length > 0 ? ` (the first is "${unused[0]!.slice(0, 100)}")` : '';
    const problem = `none of its ${unused.length} layers is in this model${first}`;
    throw new HdmError('bad-model', path, problem, 'Use an adapter that was trained for HDM');
  }
  const changes = new Map<string, Change>();
  for (const { name, layer, algorithm, tensors } of targets) {
    requireNumbers(path, layer, tensors);
    changes.set(name, { layer, algorithm, tensors, scale: scaleOf(algorithm, tensors, scaling) });
  }
  const algorithms = new Set(targets.map(({ algorithm }) => algorithm.name));
  return { path, algorithms: [...algorithms], changes, unused };
}

/** What an adapter file is, read off its header. */
export interface AdapterOutline {
  readonly algorithms: readonly string[];
  /** As the file writes them. */
  readonly layers: readonly string[];
}

/** Reads the header of an adapter, for whatever model it is. Throws `bad-model` when it is of no kind we know. */
export function outlineAdapter(path: string): AdapterOutline {
  const layers = byLayer(openSafetensors(path).tensors);
  const algorithms = [...layers].flatMap(([layer, tensors]) => algorithmsOf(path, layer, tensors));
  return { algorithms: [...new Set(algorithms.map(({ name }) => name))], layers: [...layers.keys()] };
}

/**
 * How many weights of a model an adapter changes, by its header alone; 0: it was made for something else. Throws
 * `bad-model` when it has the wrong shape for one.
 */
export function countChanges(path: string, weights: ReadonlyMap<string, WeightSource>): number {
  const graph = new Graph();
  const { targets } = targetsIn(path, openSafetensors(path).tensors, weights);
  for (const target of targets) {
    const { dtype, shape } = weights.get(target.name)!;
    const part: Parts = (suffix) =>
      graph.input(`${target.layer} ${target.name} ${suffix}`, 'f32', target.tensors.get(suffix)!.shape);
    changeOf(path, target, graph.weight(target.name, dtype, shape), part);
  }
  return targets.length;
}

/** One weight of a model that an adapter changes. */
interface Target<T> {
  readonly name: string;
  /** As the adapter writes it. */
  readonly layer: string;
  readonly algorithm: Algorithm;
  readonly tensors: ReadonlyMap<string, T>;
}

/** Which tensors of an adapter change which weights. Throws `bad-model` for tensors of an unknown kind. */
function targetsIn<T>(
  path: string,
  adapter: ReadonlyMap<string, T>,
  weights: ReadonlyMap<string, unknown>,
): { targets: Target<T>[]; unused: string[] } {
  const layers = new Map(
    [...weights.keys()].map((name) => [layerOf(name).replaceAll('.', '_'), layerOf(name)]),
  );
  const targets: Target<T>[] = [];
  const unused: string[] = [];
  for (const [written, tensors] of byLayer(adapter)) {
    const layer = layers.get(written) ?? layers.get(withoutPrefix(written));
    if (layer === undefined) {
      unused.push(written);
      continue;
    }
    for (const algorithm of algorithmsOf(path, written, tensors)) {
      const name = `${layer}.${algorithm.target}`;
      if (weights.has(name)) targets.push({ name, layer: written, algorithm, tensors });
      else unused.push(`${written} (${algorithm.target})`);
    }
  }
  return { targets, unused };
}

/** How a tensor of an adapter comes into a graph; `key` is its name in the file. */
export type ReadAdapter = (graph: Graph, key: string, tensor: TensorData) => Tensor;

const asConstant: ReadAdapter = (graph, _key, tensor) =>
  graph.constant({ dtype: 'f32', shape: tensor.shape, data: toFloat32(tensor) });

/**
 * The weight with all adapters added to it: W + strength · scale · change, computed in float32. An adapter in training
 * reads variables. Throws `bad-model` when an adapter was made for a layer of another shape.
 */
export function adaptWeight(
  name: string,
  weight: Tensor,
  adapters: readonly { readonly adapter: Adapter; readonly strength: number }[],
  read: ReadAdapter = asConstant,
): Tensor {
  let adapted: Tensor | undefined;
  for (const { adapter, strength } of adapters) {
    const change = adapter.changes.get(name);
    if (!change || strength === 0) continue;
    const base: Tensor = adapted ?? cast(weight, 'f32');
    const part: Parts = (suffix) =>
      read(weight.graph, `${change.layer}.${suffix}`, change.tensors.get(suffix)!);
    const made = changeOf(adapter.path, { ...change, name }, weight, part);
    adapted = add(base, mul(made, like(base, strength * change.scale)));
  }
  return adapted ? cast(adapted, weight.dtype) : weight;
}

/** The change of one weight, in its shape. Throws `bad-model` when it has another one. */
function changeOf<T extends { readonly shape: readonly number[] }>(
  path: string,
  { name, algorithm, tensors }: Omit<Target<T>, 'layer'>,
  { shape }: Tensor,
  part: Parts,
): Tensor {
  try {
    const made = algorithm.change(part);
    // As many numbers in other rows would pass for the weight, but mean nothing.
    if (made.shape[0] !== shape[0]) throw new HdmError('bad-shape', name, 'it has other rows');
    return reshape(made, shape);
  } catch (error) {
    const made = [...tensors].map(([suffix, tensor]) => `${suffix} ${formatShape(tensor.shape)}`).join(', ');
    const problem = `${algorithm.name} tensors ${made} do not fit weight "${name}" ${formatShape(shape)}`;
    throw new HdmError('bad-model', path, problem, 'It was made for a model of another size', error);
  }
}

/** [A·B] from a [A, ...] and b: kron(a, b)[i·c + k, j·d + l] = a[i, j] · b[k, l]. */
function kronecker(a: Tensor, b: Tensor): Tensor {
  const [rows, columns] = a.shape as [number, number];
  const [tall, wide] = b.shape as [number, number];
  const product = mul(reshape(a, [rows, 1, columns, 1]), reshape(b, [1, tall, 1, wide]));
  return reshape(product, [rows * tall, columns * wide]);
}

/** Convolution weights [O, I, h, w] as [O, I·h·w]. */
function asMatrix(x: Tensor): Tensor {
  const [rows, ...rest] = x.shape as number[];
  return reshape(x, [rows!, rest.reduce((product, size) => product * size, 1)]);
}

function byLayer<T>(tensors: ReadonlyMap<string, T>): Map<string, Map<string, T>> {
  const layers = new Map<string, Map<string, T>>();
  for (const [name, tensor] of tensors) {
    const [layer, suffix] = splitName(name);
    const known = layers.get(layer) ?? new Map<string, T>();
    layers.set(layer, known.set(suffix, tensor));
  }
  return layers;
}

/** Some programs write a layer's name with dots; where what follows it is not known, the first dot ends it. */
function splitName(name: string): [layer: string, suffix: string] {
  const known = SUFFIXES.find((suffix) => name.endsWith(`.${suffix}`));
  if (known) return [name.slice(0, -known.length - 1).replaceAll('.', '_'), known];
  const [layer, ...rest] = name.split('.') as [string, ...string[]];
  return [layer, rest.join('.')];
}

function algorithmsOf(path: string, layer: string, tensors: ReadonlyMap<string, unknown>): Algorithm[] {
  const suffixes = new Set([...tensors.keys()].filter((suffix) => suffix !== 'alpha'));
  const fitting = ALGORITHMS.filter((algorithm) =>
    algorithm.suffixes.every((suffix) => suffixes.has(suffix)),
  );
  for (const suffix of fitting.flatMap((algorithm) => algorithm.suffixes)) suffixes.delete(suffix);
  if (fitting.length > 0 && suffixes.size === 0) return fitting;
  const strangers = [...suffixes].slice(0, 5).join(', ') || 'none that changes a weight';
  const problem = `layer "${layer}" has tensors of a kind that is not known here: ${strangers}`;
  throw new HdmError(
    'bad-model',
    path,
    problem,
    'LoRA, LoHa and LoKr are known, without DoRA or Tucker parts',
  );
}

function requireNumbers(path: string, layer: string, tensors: ReadonlyMap<string, TensorData>): void {
  for (const [suffix, tensor] of tensors) {
    const numbers = toFloat32(tensor);
    if (numbers.length > 0 && numbers.every(Number.isFinite)) continue;
    const problem = `the tensor "${layer}.${suffix}" is empty or holds NaN or infinity`;
    throw new HdmError('bad-number', path, problem, 'The adapter is damaged: get it again, or another one');
  }
}

/** alpha / rank, or 1 for full matrices. */
function scaleOf(
  { rank, name }: Algorithm,
  tensors: ReadonlyMap<string, TensorData>,
  scaling: Scaling,
): number {
  const alpha = tensors.get('alpha');
  const size = rank && tensors.get(rank.suffix)?.shape[rank.axis];
  if (!alpha || !size) return 1;
  const scale = toFloat32(alpha)[0]! / size;
  return scaling === 'as-lycoris-merges' && name !== 'LoRA' ? scale * scale : scale;
}

function withoutPrefix(layer: string): string {
  const prefix = PREFIXES.find((known) => layer.startsWith(known));
  return prefix ? layer.slice(prefix.length) : layer;
}

/** `a.b.weight` → `a.b`. */
function layerOf(weight: string): string {
  return weight.slice(0, weight.lastIndexOf('.'));
}
