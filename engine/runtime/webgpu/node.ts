/** @file The graph as the compiler sees it: plain sizes, formats as they lie in buffers, and few kinds of work. */
import type { Index } from './indexing.ts';

/** Formats in buffers. Whole numbers are i32, bools u32. */
export type Format = 'f32' | 'f16' | 'i32' | 'u32';

export const FORMAT_BYTES = { f32: 4, f16: 2, i32: 4, u32: 4 } as const satisfies Record<Format, number>;

/** What is in a buffer before the first kernel runs. */
export type Source =
  | { readonly kind: 'input' | 'weight' | 'variable'; readonly name: string }
  | { readonly kind: 'constant'; readonly data: Float64Array };

export interface Convolution {
  readonly stride: number;
  /** Zeros before the first row and column. */
  readonly before: number;
}

export type Work =
  | { readonly kind: 'given'; readonly source: Source }
  /** Memory for some kernels between themselves. */
  | { readonly kind: 'scratch' }
  | { readonly kind: 'literal'; readonly value: number }
  /** The coordinate itself. */
  | { readonly kind: 'range' }
  /** Elementwise, by a rule of `elementwise.ts`. Operands stretch. */
  | { readonly kind: 'map'; readonly rule: string }
  /**
   * The same numbers elsewhere: coordinates in the input of coordinates in the result. Views with the same key and shapes
   * do the same.
   */
  | {
      readonly kind: 'view';
      readonly key: string;
      readonly place: (coordinates: readonly Index[]) => readonly Index[];
    }
  | { readonly kind: 'pad'; readonly axis: number; readonly before: number }
  | { readonly kind: 'concat'; readonly axis: number }
  /** Rows of a table by their numbers. */
  | { readonly kind: 'gather' }
  /** Which row of `updates` replaces each row, plus one; 0 for none. */
  | { readonly kind: 'inverse'; readonly rows: number }
  /** x, inverse and updates: rows of x or those that replace them. */
  | { readonly kind: 'choose' }
  | { readonly kind: 'scatterAdd' }
  | { readonly kind: 'reduce'; readonly rule: Reduction; readonly axes: readonly number[] }
  /** The parts of a long reduction, on a leading axis: piece p is over reduced positions p·length and on. */
  | {
      readonly kind: 'partial';
      readonly rule: Reduction;
      readonly axes: readonly number[];
      readonly length: number;
    }
  | { readonly kind: 'matmul' }
  | { readonly kind: AttentionKind; readonly scale: number }
  | ({ readonly kind: ConvolutionKind } & Convolution);

export type Reduction = 'sum' | 'largest';

export const ATTENTION_KINDS = [
  'attention',
  /** The second result of its input, an attention. */
  'attentionSums',
  /** Sums of products of y and g, for both gradients. */
  'attentionRows',
  'attentionToQueries',
  'attentionToKeysAndValues',
] as const;
export type AttentionKind = (typeof ATTENTION_KINDS)[number];

export const CONVOLUTION_KINDS = ['conv2d', 'conv2dBack', 'conv2dWeights'] as const;
export type ConvolutionKind = (typeof CONVOLUTION_KINDS)[number];

export type Kind = Work['kind'];
export type WorkOf<K extends Kind> = Extract<Work, { kind: K }>;

export interface Node {
  readonly id: number;
  readonly work: Work;
  readonly inputs: readonly Node[];
  readonly shape: readonly number[];
  readonly format: Format;
}

/** What a kernel of its own computes, from operands in memory. The other kinds are written into the kernels that read them. */
export function isHeavy({ work: { kind } }: Node): boolean {
  return HEAVY.has(kind);
}

const HEAVY = new Set<Kind>(['matmul', 'inverse', 'scatterAdd', ...ATTENTION_KINDS, ...CONVOLUTION_KINDS]);

export function isReduction({ work: { kind } }: Node): boolean {
  return kind === 'reduce' || kind === 'partial';
}
