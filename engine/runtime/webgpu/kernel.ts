/** @file What a kernel is: data, before anything runs. It can be read, compared and counted without a GPU. */

/** How a kernel uses one of its buffers; they are `@group(0) @binding(i)` in the order of the list. */
export type Binding = 'read' | 'write' | 'both';

export interface Kernel {
  /** For profiles and errors: `matmul 4352x1024x6144 f16`. */
  readonly name: string;
  /** WGSL with the entry point `main`. */
  readonly source: string;
  readonly bindings: readonly Binding[];
  readonly workgroups: readonly [x: number, y: number, z: number];
  /** Floating-point operations, and bytes that must be read and written at least: what a profile compares with. */
  readonly flops: number;
  readonly bytes: number;
  /** Of a product: by what its speed is found in `Speeds`. */
  readonly speedKey?: string;
  /** Parts of the grid of workgroups, where the whole would be too long a dispatch. */
  readonly slices?: readonly Slice[];
}

/** Workgroups from `offset` on. The kernel reads the offset from `@group(1) @binding(0)`. */
export interface Slice {
  readonly offset: readonly [x: number, y: number, z: number];
  readonly workgroups: readonly [x: number, y: number, z: number];
}

/** What the GPU offers, as far as kernels differ by it. */
export interface Features {
  readonly half: boolean;
  /** Smallest and largest subgroup; 0 without subgroups. */
  readonly subgroups: readonly [smallest: number, largest: number];
  readonly matrices: readonly MatrixConfig[];
  readonly workgroupBytes: number;
  readonly workgroupThreads: number;
  /** Workgroups along one axis of a dispatch. */
  readonly workgroupCount: number;
  /** Largest buffer that one binding may show. */
  readonly bindingBytes: number;
  /** What the device was measured to do; plans work without it. */
  readonly speeds?: Speeds;
}

/** Measured speeds in operations and bytes per nanosecond: GFLOP/s and GB/s. */
export interface Speeds {
  /** Of large products, by the way they are computed (`speedKey`); 0 for a way that does not work here. */
  readonly products: Readonly<Record<string, number>>;
  /** Of memory: bytes that are read and bytes that are written. */
  readonly memory: number;
}

/** A matrix product that one subgroup does in hardware: [m, k] x [k, n]. */
export interface MatrixConfig {
  readonly m: number;
  readonly n: number;
  readonly k: number;
  readonly operands: 'f16' | 'f32';
  readonly result: 'f16' | 'f32';
}

/**
 * What happens to the results of a product before they are stored, written by whoever fuses ops. The product knows
 * only where it is; the epilogue reads what else it needs and stores.
 */
export interface Epilogue {
  /** Bindings after those of the product. */
  readonly bindings: readonly Binding[];
  /** Columns that one `store` gets: 4 where all rows allow it. */
  readonly width: 1 | 4;
  /** Module-level WGSL: the bindings, from number `first` on, and functions. */
  declarations(first: number): string;
  /** Statements that store `value`, an f32 or vec4<f32> of columns from `column` on. All arguments are WGSL. */
  store(value: string, at: { readonly batch: string; readonly row: string; readonly column: string }): string;
}
