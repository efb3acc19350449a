/** @file The one interface between graphs and devices. */
import type { DType, FloatDType, TensorData, TypedArray } from '../graph/dtype.ts';
import type { Graph } from '../graph/graph.ts';

/** Where the numbers of a weight lie. Files are read by the runtime itself, straight to the device. */
export interface WeightSource {
  readonly dtype: DType;
  readonly shape: readonly number[];
  readonly place:
    | { readonly kind: 'file'; readonly path: string; readonly offset: number; readonly sizeBytes: number }
    | { readonly kind: 'memory'; readonly data: TypedArray };
}

export type WeightSources = ReadonlyMap<string, WeightSource>;

export type Values = Readonly<Record<string, TensorData>>;

/**
 * Named tensors that stay on the device from run to run. Programs that are compiled with the same variables share
 * them: one trains what another draws with.
 */
export interface Variables {
  /** Sets a value, new or instead of the one that was there. */
  write(name: string, value: TensorData): Promise<void>;
  /** Throws `internal` for a name that was never written. */
  read(name: string): Promise<TensorData>;
  /** The names that were written, in that order. */
  names(): string[];
  dispose(): Promise<void>;
}

/** A graph made ready for a device. Sizes may differ from run to run; weights stay where they are. */
export interface Program {
  /** Runs once. Throws `bad-shape` when an input does not fit, `device` when the device fails. */
  run(inputs: Values): Promise<Values>;
  /** Gives back the memory of the device. */
  dispose(): Promise<void>;
}

export interface Runtime {
  /** Name of the device, one of `devices.ts`. */
  readonly device: string;
  /** The format in which this device computes best. */
  readonly precision: FloatDType;
  /** Whether the device is a program that plays a GPU: right, but slower than the CPU itself. */
  readonly isSoftware?: boolean;
  /** `variables` must hold those of the graph, with its types, when the program runs; assignments change them. */
  compile(graph: Graph, weights: WeightSources, variables?: Variables): Promise<Program>;
  createVariables(): Variables;
  /** Bytes of buffers on the device: held now, and the most that ever were. Absent where nobody counts them. */
  memory?(): { readonly held: number; readonly peak: number };
}
