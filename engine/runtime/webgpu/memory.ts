/** @file Buffers of the GPU: made, filled and read in bounded pieces, counted, and shared by programs. */
import { HdmError } from '../../errors.ts';
import { DTYPES, type DType, type TensorData, type TypedArray } from '../../graph/dtype.ts';
import { count } from '../../graph/shape.ts';
import { deviceError } from './dawn.ts';
import type { Gpu } from './device.ts';
import { FORMAT_BYTES, type Format } from './node.ts';

/** The flags of the WebGPU standard. */
const [MAP_READ, MAP_WRITE, COPY_SOURCE, COPY_TARGET, STORAGE] = [0x1, 0x2, 0x4, 0x8, 0x80];
const [READ_ONLY_MAP, WRITE_MAP] = [0x1, 0x2];

/** Largest piece that is copied at once. */
const PIECE = 64 * 2 ** 20;
/** Buffers for reading that are kept to be used again. */
const MOST_STAGING = 16;
/** From so many bytes on, what is written in every run goes through memory that stays mapped: no page is new then. */
const LARGE = 2 ** 20;
/** A vector of four f32, the widest that kernels read: buffers end on a whole one. */
const GRAIN = 16;

/** Memory of one device. */
export class Memory {
  readonly gpu: Gpu;
  /** Bytes that are held now, and the most that ever were. */
  held = 0;
  peak = 0;
  readonly #staging: GPUBuffer[] = [];
  /** Mapped, to be written to. */
  readonly #mapped: GPUBuffer[] = [];

  constructor(gpu: Gpu) {
    this.gpu = gpu;
  }

  /** A buffer that kernels can use. Throws `device` when the GPU cannot have one so large. */
  allocate(bytes: number, what: string): GPUBuffer {
    this.require(bytes, what);
    const size = wholeGrains(bytes);
    this.held += size;
    this.peak = Math.max(this.peak, this.held);
    return this.gpu.device.createBuffer({ size, usage: STORAGE | COPY_SOURCE | COPY_TARGET });
  }

  /** Throws `device` when the GPU cannot have a buffer so large. */
  require(bytes: number, what: string): void {
    const { bindingBytes } = this.gpu.features;
    if (wholeGrains(bytes) <= bindingBytes) return;
    const problem = `${gib(bytes)} for ${what} are more than one buffer of this GPU may have (${gib(bindingBytes)})`;
    throw new HdmError(
      'device',
      'device webgpu',
      problem,
      'Choose a smaller picture or batch, or --device cpu',
    );
  }

  free(buffer: GPUBuffer): void {
    this.held -= buffer.size;
    buffer.destroy();
  }

  /** Runs `allocate` and says so when the memory did not suffice. */
  async guarded<T>(allocate: () => T): Promise<T> {
    const { device } = this.gpu;
    device.pushErrorScope('out-of-memory');
    const scope = (): Promise<GPUError | null> => device.popErrorScope().catch(() => null); // lost: `check` says so
    let result: T;
    try {
      result = allocate();
    } catch (error) {
      await scope();
      throw error;
    }
    const full = await scope();
    if (full) throw deviceError(full);
    return result;
  }

  /** As `write`, for what will be written again and again. */
  upload(buffer: GPUBuffer, bytes: Uint8Array<ArrayBuffer>): void {
    if (bytes.byteLength < LARGE || bytes.byteLength > PIECE) return this.write(buffer, bytes);
    const { device } = this.gpu;
    const size = Math.ceil(bytes.byteLength / GRAIN) * GRAIN;
    const known = this.#mapped.findIndex((mapped) => mapped.size === size);
    const usage = MAP_WRITE | COPY_SOURCE;
    const source =
      known >= 0
        ? this.#mapped.splice(known, 1)[0]!
        : device.createBuffer({ size, usage, mappedAtCreation: true });
    new Uint8Array(source.getMappedRange()).set(bytes);
    source.unmap();
    const encoder = device.createCommandEncoder();
    encoder.copyBufferToBuffer(source, 0, buffer, 0, Math.min(size, buffer.size));
    device.queue.submit([encoder.finish()]);
    void source.mapAsync(WRITE_MAP).then(
      () => {
        this.#mapped.push(source);
        if (this.#mapped.length > MOST_STAGING) this.#mapped.shift()!.destroy();
      },
      () => source.destroy(), // the device was lost: others will say so
    );
  }

  write(buffer: GPUBuffer, bytes: Uint8Array<ArrayBuffer>, at = 0): void {
    for (let start = 0; start < bytes.byteLength; start += PIECE) {
      const piece = bytes.subarray(start, start + PIECE);
      this.gpu.device.queue.writeBuffer(buffer, at + start, wholeWords(piece));
    }
  }

  /** The first `bytes` of a buffer, as they are when everything submitted so far is done. */
  async read(buffer: GPUBuffer, bytes: number): Promise<Uint8Array<ArrayBuffer>> {
    const { device } = this.gpu;
    const result = new Uint8Array(bytes);
    for (let start = 0; start < bytes; start += PIECE) {
      const size = Math.min(PIECE, bytes - start);
      const staging = this.takeStaging(size);
      const encoder = device.createCommandEncoder();
      encoder.copyBufferToBuffer(buffer, start, staging, 0, Math.ceil(size / 4) * 4);
      device.queue.submit([encoder.finish()]);
      result.set(await this.readStaging(staging, size), start);
    }
    return result;
  }

  /** A buffer that results are copied to, on their way out. */
  takeStaging(bytes: number): GPUBuffer {
    const size = wholeGrains(bytes);
    const known = this.#staging.findIndex((buffer) => buffer.size === size);
    if (known >= 0) return this.#staging.splice(known, 1)[0]!;
    return this.gpu.device.createBuffer({ size, usage: MAP_READ | COPY_TARGET });
  }

  giveStaging(buffer: GPUBuffer): void {
    this.#staging.push(buffer);
    if (this.#staging.length > MOST_STAGING) this.#staging.shift()!.destroy();
  }

  /** What such a buffer has when all that was submitted is done. It is given back then. */
  async readStaging(staging: GPUBuffer, bytes: number): Promise<Uint8Array<ArrayBuffer>> {
    try {
      await staging.mapAsync(READ_ONLY_MAP);
    } catch (error) {
      await new Promise(setImmediate); // a lost device fails this first, and says only then that it was lost
      this.gpu.check();
      throw deviceError(error);
    }
    const result = new Uint8Array(staging.getMappedRange().slice(0, bytes));
    staging.unmap();
    this.giveStaging(staging);
    return result;
  }
}

/**
 * Buffers for what lives during one run only. Programs run one after the other on a device, so they share them: buffer i
 * is as large as the largest i-th buffer that any of them needs.
 */
export class SharedBuffers {
  readonly #memory: Memory;
  readonly #users = new Map<object, readonly number[]>();
  #buffers: (GPUBuffer | undefined)[] = [];
  /** Changes when buffers were replaced. */
  generation = 0;

  constructor(memory: Memory) {
    this.#memory = memory;
  }

  /** Says how large the buffers of `user` must be, largest first. Throws, and forgets it, when that cannot be. */
  async reserve(user: object, sizes: readonly number[]): Promise<void> {
    this.#users.set(user, sizes);
    try {
      await this.#memory.guarded(() => this.#fit());
    } catch (error) {
      this.release(user);
      throw error;
    }
  }

  release(user: object): void {
    if (this.#users.delete(user)) this.#fit();
  }

  at(index: number): GPUBuffer {
    return this.#buffers[index]!;
  }

  /** What does not fit goes first, so that there is room for the new. If that fails, the places stay empty. */
  #fit(): void {
    const needed: number[] = [];
    for (const sizes of this.#users.values()) {
      sizes.forEach((size, index) => (needed[index] = Math.max(size, needed[index] ?? 0)));
    }
    const fits = (buffer: GPUBuffer | undefined, size: number | undefined): boolean =>
      size !== undefined && buffer !== undefined && buffer.size >= size && buffer.size <= size + GRAIN;
    const old = this.#buffers;
    const unfit = old.filter((buffer, index) => !fits(buffer, needed[index]));
    this.#buffers = needed.map((size, index) => (fits(old[index], size) ? old[index] : undefined));
    if (unfit.length > 0 || this.#buffers.includes(undefined)) this.generation++;
    for (const buffer of unfit) if (buffer) this.#memory.free(buffer);
    needed.forEach((size, index) => {
      this.#buffers[index] ??= this.#memory.allocate(size, 'intermediate results');
    });
  }
}

function wholeGrains(bytes: number): number {
  return Math.max(GRAIN, Math.ceil(bytes / GRAIN) * GRAIN);
}

/** The numbers of a tensor as they lie in a buffer of `format`. */
export function toBytes({ dtype, data }: TensorData, format: Format): Uint8Array<ArrayBuffer> {
  const isSame = (dtype as string) === format;
  const array = isSame ? data : convertNumbers(dtype, data, format);
  return new Uint8Array(array.buffer as ArrayBuffer, array.byteOffset, array.byteLength);
}

/** Numbers as they lie in a buffer of `format`. */
export function numbersToBytes(numbers: Float64Array, format: Format): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(numbers.length * FORMAT_BYTES[format]);
  arrayOf(bytes, format, numbers.length).set(numbers);
  return bytes;
}

/** A tensor of `dtype` from the bytes of a buffer. */
export function fromBytes(
  bytes: Uint8Array<ArrayBuffer>,
  format: Format,
  dtype: DType,
  shape: readonly number[],
): TensorData {
  const length = count(shape);
  const array = arrayOf(bytes, format, length);
  if ((dtype as string) === format) return { dtype, shape, data: array as TypedArray };
  if (dtype === 'i64') return { dtype, shape, data: BigInt64Array.from(array as Int32Array, BigInt) };
  if (dtype === 'bf16') return { dtype, shape, data: halves(Float32Array.from(array as Float32Array)) };
  const data = new DTYPES[dtype].array(new ArrayBuffer(length * DTYPES[dtype].bytes), 0, length);
  (data as Float32Array).set(array);
  return { dtype, shape, data };
}

type StoredArray = Float32Array | Float16Array | Int32Array | Uint32Array;

function arrayOf(bytes: Uint8Array<ArrayBuffer>, format: Format, length: number): StoredArray {
  const { buffer, byteOffset } = bytes;
  const arrays = { f32: Float32Array, f16: Float16Array, i32: Int32Array, u32: Uint32Array };
  return new arrays[format](buffer, byteOffset, length);
}

/** Whole numbers beyond 32 bits do not fit; nothing that we compute has them. */
function convertNumbers(dtype: DType, data: TypedArray, format: Format): StoredArray {
  const numbers = dtype === 'bf16' ? widened(data as Uint16Array) : data;
  const result = arrayOf(new Uint8Array(data.length * FORMAT_BYTES[format]), format, data.length);
  if (numbers instanceof BigInt64Array) {
    for (let i = 0; i < numbers.length; i++) result[i] = Number(numbers[i]);
  } else {
    result.set(numbers);
  }
  return result;
}

function widened(bits: Uint16Array): Float32Array {
  const wide = new Uint32Array(bits.length);
  for (let i = 0; i < bits.length; i++) wide[i] = bits[i]! << 16;
  return new Float32Array(wide.buffer);
}

function halves(values: Float32Array): Uint16Array {
  const wide = new Uint32Array(values.buffer);
  return Uint16Array.from(wide, (bits) => (bits + 0x7fff + ((bits >>> 16) & 1)) >>> 16);
}

/** Copies go by words of four bytes. */
function wholeWords(bytes: Uint8Array<ArrayBuffer>): Uint8Array<ArrayBuffer> {
  if (bytes.byteLength % 4 === 0) return bytes;
  const padded = new Uint8Array(Math.ceil(bytes.byteLength / 4) * 4);
  padded.set(bytes);
  return padded;
}

function gib(bytes: number): string {
  return `${(bytes / 2 ** 30).toPrecision(3)} GiB`;
}
