/**
 * @file New adapters: which layers of a transformer they change, with the names, shapes and first values of LyCORIS.
 * The first change is zero, so training begins at the model itself.
 */
import { f32, type TensorData } from '../graph/dtype.ts';
import { count } from '../graph/shape.ts';
import { normals, uniforms } from '../sampling/noise.ts';
import { fanIn } from './optimizer.ts';
import type { AdapterKind, Recipe } from './recipe.ts';
import type { Shapes } from './variables.ts';

/** Before the names of layers, as ComfyUI finds them. */
export const LAYER_PREFIX = 'lora_unet_';

type Settings = Recipe['adapter'];
/** First numbers of one tensor, from its own row of random numbers. */
type Fill = (shape: readonly number[], seed: number, stream: number) => Float32Array;
type Part = readonly [suffix: string, shape: readonly number[], fill: Fill];

const zero: Fill = (shape) => new Float32Array(count(shape));
/** PyTorch's kaiming_uniform_ with a = sqrt(5). */
const uniform: Fill = (shape, seed, stream) => {
  const bound = fanIn(shape) ** -0.5;
  return uniforms(seed, stream, count(shape)).map((value) => (2 * value - 1) * bound);
};

function normal(spread: number): Fill {
  return (shape, seed, stream) => normals(seed, stream, count(shape)).map((value) => value * spread);
}

/** Parts of a linear layer or convolution with a weight of this shape. */
const KINDS: Record<AdapterKind, (shape: readonly number[], settings: Settings) => Part[]> = {
  lora: ([outputs, ...inputs], { rank }) => [
    ['lora_down.weight', [rank, ...inputs], uniform],
    ['lora_up.weight', [outputs!, rank, ...inputs.slice(1).map(() => 1)], zero],
  ],
  loha: (shape, { rank }) => [
    ['hada_w1_a', [shape[0]!, rank], normal(0.1)],
    ['hada_w1_b', [rank, fanIn(shape)], normal(1)],
    ['hada_w2_a', [shape[0]!, rank], zero],
    ['hada_w2_b', [rank, fanIn(shape)], normal(1)],
  ],
  lokr: ([outputs, inputs, ...kernel], { rank, factor, fullMatrix }) => {
    const [tall, low] = factorize(outputs!, factor);
    const [wide, narrow] = factorize(inputs!, factor);
    const small: Part = ['lokr_w1', [tall, wide], uniform];
    if (fullMatrix || rank >= Math.max(low, narrow) / 2) {
      return [small, ['lokr_w2', [low, narrow, ...kernel], zero]];
    }
    return [small, ['lokr_w2_a', [low, rank], uniform], ['lokr_w2_b', [rank, narrow * count(kernel)], zero]];
  },
};

const NORM: readonly (readonly [target: 'weight' | 'bias', suffix: string])[] = [
  ['weight', 'w_norm'],
  ['bias', 'b_norm'],
];

/** The tensors of a new adapter by their names in its file, alphas included. */
export function newAdapter(
  kind: AdapterKind,
  weights: Shapes,
  settings: Settings,
  seed: number,
): Map<string, TensorData> {
  const tensors = new Map<string, TensorData>();
  const add = (key: string, shape: readonly number[], fill: Fill): void => {
    tensors.set(key, f32(shape, fill(shape, seed, tensors.size)));
  };
  for (const layer of linearLayers(weights)) {
    const key = LAYER_PREFIX + layer.replaceAll('.', '_');
    const parts = KINDS[kind](weights.get(`${layer}.weight`)!, settings);
    for (const [suffix, shape, fill] of parts) add(`${key}.${suffix}`, shape, fill);
  }
  for (const [key, alpha] of alphasOf([...tensors.keys()], settings.alpha)) tensors.set(key, alpha);
  if (kind !== 'lokr' || !settings.trainNorms) return tensors;
  for (const layer of normLayers(weights)) {
    const key = LAYER_PREFIX + layer.replaceAll('.', '_');
    for (const [target, suffix] of NORM) add(`${key}.${suffix}`, weights.get(`${layer}.${target}`)!, zero);
  }
  return tensors;
}

/** What of an adapter's tensors is trained: all but the alphas. */
export function isTrained(key: string): boolean {
  return !key.endsWith('.alpha');
}

/** The alphas that belong to the tensors of an adapter: one for each layer that is no norm. */
export function alphasOf(keys: Iterable<string>, alpha: number): Map<string, TensorData> {
  const layers = Array.from(keys, (key) => key.split('.'))
    .filter(([, suffix]) => !NORM.some(([, norm]) => norm === suffix))
    .map(([layer]) => `${layer}.alpha`);
  return new Map(layers.map((key) => [key, f32([], [alpha])]));
}

/** Linear layers and convolutions; a table of classes is neither. */
function linearLayers(weights: Shapes): string[] {
  return layersWith(weights, (shape, layer) => shape.length > 1 && layer !== 'class_token');
}

/** Norms with weight and bias: those that LyCORIS knows. */
function normLayers(weights: Shapes): string[] {
  return layersWith(weights, (shape, layer) => shape.length === 1 && weights.has(`${layer}.bias`));
}

function layersWith(weights: Shapes, fits: (shape: readonly number[], layer: string) => boolean): string[] {
  return [...weights].flatMap(([name, shape]) => {
    const layer = name.endsWith('.weight') ? name.slice(0, -'.weight'.length) : '';
    return layer !== '' && fits(shape, layer) ? [layer] : [];
  });
}

/**
 * The two sides of a Kronecker product for a side of the weight, the smaller one first: `factor` and the rest where it
 * divides, else the divisors up to `factor` that are nearest to each other. As LyCORIS' `factorization`.
 */
export function factorize(side: number, factor: number): [small: number, large: number] {
  if (side % factor === 0) return ordered(factor, side / factor);
  let best: [number, number] = [1, side];
  for (let small = 2; small <= factor && small * small <= side; small++) {
    if (side % small === 0) best = [small, side / small];
  }
  return best;
}

function ordered(a: number, b: number): [number, number] {
  return a < b ? [a, b] : [b, a];
}
