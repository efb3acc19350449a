/** @file The part of WebAssembly's binary format that a loop over numbers needs (specification 2.0, with vectors). */

/** What is used of the global, which the types of Node do not describe. */
declare const WebAssembly: {
  readonly Module: new (bytes: Uint8Array<ArrayBuffer>) => object;
  readonly Instance: new (
    module: object,
    imports: { readonly env: { readonly memory: LoopMemory } },
  ) => { readonly exports: { readonly run: (end: number) => void } };
  readonly Memory: new (size: { readonly initial: number }) => LoopMemory;
};

export interface LoopMemory {
  readonly buffer: ArrayBuffer;
}

const PAGE_BYTES = 2 ** 16;

const SECTION = { type: 1, import: 2, function: 3, export: 7, code: 10 } as const;
const TYPE = { i32: 0x7f, v128: 0x7b, function: 0x60, none: 0x40 } as const;
const VECTOR = 0xfd;

/** Instructions on four float32 at a time, by the names of our ops. */
export const VECTOR_OPS: Readonly<Record<string, number>> = {
  neg: 0xe1,
  sqrt: 0xe3,
  add: 0xe4,
  sub: 0xe5,
  mul: 0xe6,
  div: 0xe7,
};

/** Where a loop stands, as local 1: the bytes that it has done; local 0 says where it ends. */
const [END, DONE] = [0, 1];
/** Vectors follow. */
export const FIRST_VECTOR = 2;

export const code = {
  get: (local: number): number[] => [0x20, ...unsigned(local)],
  set: (local: number): number[] => [0x21, ...unsigned(local)],
  vectorOp: (op: string): number[] => [VECTOR, ...unsigned(VECTOR_OPS[op]!)],
  constant: (value: number): number[] => {
    const bytes = new Uint8Array(Float32Array.of(value, value, value, value).buffer);
    return [VECTOR, 0x0c, ...bytes];
  },
  /** The same number four times, from an address that stays. */
  splat: (address: number): number[] => [0x41, 0, VECTOR, 0x09, 2, ...unsigned(address)],
  /** Four numbers of the array that begins at `address`, where the loop stands. */
  load: (address: number): number[] => [...code.get(DONE), VECTOR, 0x00, 2, ...unsigned(address)],
  store: (address: number, local: number): number[] => [
    ...code.get(DONE),
    ...code.get(local),
    VECTOR,
    0x0b,
    2,
    ...unsigned(address),
  ],
};

/** Memory of at least so many bytes, all 0. */
export function loopMemory(bytes: number): LoopMemory {
  return new WebAssembly.Memory({ initial: Math.ceil(bytes / PAGE_BYTES) });
}

/** A function of `end` over `memory`: `before` once, then `body` for every 16 bytes up to `end`. */
export function compileLoop(
  memory: LoopMemory,
  vectors: number,
  before: readonly number[],
  body: readonly number[],
): (end: number) => void {
  const module = new WebAssembly.Module(loopModule(vectors, before, body));
  return new WebAssembly.Instance(module, { env: { memory } }).exports.run;
}

/** Its one function is called `run`; it imports its memory as `env.memory`. */
function loopModule(
  vectors: number,
  before: readonly number[],
  body: readonly number[],
): Uint8Array<ArrayBuffer> {
  const step = [...code.get(DONE), 0x41, 16, 0x6a, 0x22, ...unsigned(DONE)]; // done += 16
  const again = [...code.get(END), 0x49, 0x0d, 0]; // while done < end
  const loop = [0x03, TYPE.none, ...body, ...step, ...again, 0x0b];
  const locals = [2, 1, TYPE.i32, ...unsigned(vectors), TYPE.v128];
  const run = [...locals, ...before, ...loop, 0x0b];
  return new Uint8Array([
    ...[0x00, 0x61, 0x73, 0x6d, 1, 0, 0, 0],
    ...section(SECTION.type, [1, TYPE.function, 1, TYPE.i32, 0]),
    ...section(SECTION.import, [1, ...text('env'), ...text('memory'), 2, 0, 0]),
    ...section(SECTION.function, [1, 0]),
    ...section(SECTION.export, [1, ...text('run'), 0, 0]),
    ...section(SECTION.code, [1, ...unsigned(run.length), ...run]),
  ]);
}

function section(id: number, content: readonly number[]): number[] {
  return [id, ...unsigned(content.length), ...content];
}

function text(value: string): number[] {
  const bytes = new TextEncoder().encode(value);
  return [...unsigned(bytes.length), ...bytes];
}

/** A whole number in LEB128. */
function unsigned(value: number): number[] {
  return value < 128 ? [value] : [(value % 128) + 128, ...unsigned(Math.floor(value / 128))];
}
