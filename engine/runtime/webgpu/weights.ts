/** @file Weights on their way from files to the GPU: read and converted in bounded pieces, each once. */
import { open } from 'node:fs/promises';
import { HdmError, toHdmError } from '../../errors.ts';
import { DTYPES, type DType, type TypedArray } from '../../graph/dtype.ts';
import type { Graph, Tensor } from '../../graph/graph.ts';
import { count } from '../../graph/shape.ts';
import type { WeightSource, WeightSources } from '../runtime.ts';
import { toBytes, type Memory } from './memory.ts';
import { FORMAT_BYTES, type Format } from './node.ts';
import { VIEWS } from './prepare.ts';
import { formatOf, weightFormat } from './resolve.ts';

/** Numbers that are converted at once. A multiple of 4, so that every piece ends on a whole word. */
const PIECE = 2 ** 22;
/** Bytes on their way after which the GPU is waited for: Dawn keeps a copy until then. */
const IN_FLIGHT = 256 * 2 ** 20;

export class WeightBuffers {
  readonly #memory: Memory;
  readonly #sources: WeightSources;
  readonly #loaded = new Map<string, Promise<GPUBuffer>>();
  #inFlight = 0;

  constructor(memory: Memory, sources: WeightSources) {
    this.#memory = memory;
    this.#sources = sources;
  }

  /** The weight `name` in a buffer of this format. */
  get(name: string, format: Format): Promise<GPUBuffer> {
    const key = `${format} ${name}`;
    const known = this.#loaded.get(key);
    if (known) return known;
    const loaded = this.#load(name, format);
    this.#loaded.set(key, loaded);
    return loaded;
  }

  /** Loads everything that a graph reads: its file may be gone when it runs. */
  async load(graph: Graph): Promise<void> {
    const { half } = this.#memory.gpu.features;
    for (const [name, formats] of formatsOf(graph, half)) {
      for (const format of formats) await this.get(name, format);
    }
  }

  /** Gives a weight that was computed. */
  put(name: string, format: Format, buffer: GPUBuffer): void {
    this.#loaded.set(`${format} ${name}`, Promise.resolve(buffer));
  }

  async dispose(): Promise<void> {
    const all = await Promise.allSettled(this.#loaded.values());
    this.#loaded.clear();
    for (const result of all) if (result.status === 'fulfilled') this.#memory.free(result.value);
  }

  async #load(name: string, format: Format): Promise<GPUBuffer> {
    const source = this.#sources.get(name);
    if (!source) throw new HdmError('bad-model', `weight "${name}"`, 'it was not given');
    const total = count(source.shape);
    const buffer = await this.#memory.guarded(() =>
      this.#memory.allocate(total * FORMAT_BYTES[format], `the weight "${name}"`),
    );
    for await (const { data, start } of piecesOf(source, total)) {
      const bytes = toBytes({ dtype: source.dtype, shape: [data.length], data }, format);
      this.#memory.write(buffer, bytes, start * FORMAT_BYTES[format]);
      await this.#bounded(bytes.byteLength);
    }
    return buffer;
  }

  async #bounded(bytes: number): Promise<void> {
    this.#inFlight += bytes;
    if (this.#inFlight < IN_FLIGHT) return;
    this.#inFlight = 0;
    await this.#memory.gpu.device.queue.onSubmittedWorkDone();
    this.#memory.gpu.check();
  }
}

/** In which formats the weights of a graph are read; one that is converted at once is loaded as what it becomes. */
function formatsOf(graph: Graph, hasHalf: boolean): Map<string, Set<Format>> {
  const readers = new Map<Tensor, Tensor[]>();
  for (const node of graph.nodes) {
    for (const input of node.inputs) readers.set(input, [...(readers.get(input) ?? []), node]);
  }
  const collect = (node: Tensor, format: Format, found: Set<Format>): Set<Format> => {
    const own = readers.get(node) ?? [];
    for (const reader of own) {
      if (reader.op.name === 'cast') found.add(formatOf(reader.dtype, hasHalf));
      else if (VIEWS.has(reader.op.name)) collect(reader, format, found);
      else found.add(format);
    }
    return own.length === 0 ? found.add(format) : found;
  };
  const weights = [...graph.weights].map(
    ([name, node]) => [name, collect(node, weightFormat(node.dtype, hasHalf), new Set())] as const,
  );
  return new Map(weights);
}

interface Piece {
  readonly data: TypedArray;
  readonly start: number;
}

async function* piecesOf({ dtype, place }: WeightSource, total: number): AsyncGenerator<Piece> {
  if (place.kind === 'memory') {
    for (let start = 0; start < total; start += PIECE) {
      yield { data: place.data.subarray(start, start + PIECE), start };
    }
    return;
  }
  const { bytes } = DTYPES[dtype];
  const file = await open(place.path).catch((error: unknown) => {
    throw toHdmError(error, place.path);
  });
  try {
    for (let start = 0; start < total; start += PIECE) {
      const length = Math.min(PIECE, total - start);
      const raw = new Uint8Array(length * bytes);
      const { bytesRead } = await file.read(raw, 0, raw.byteLength, place.offset + start * bytes);
      if (bytesRead < raw.byteLength) {
        throw new HdmError('bad-file', place.path, 'it ends in the middle of a tensor', 'Get it again');
      }
      yield { data: asArray(raw, dtype, length), start };
    }
  } finally {
    await file.close();
  }
}

function asArray(raw: Uint8Array<ArrayBuffer>, dtype: DType, length: number): TypedArray {
  return new DTYPES[dtype].array(raw.buffer, 0, length);
}
