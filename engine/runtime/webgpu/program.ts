/** @file A compiled graph: one plan for each combination of sizes, all on the same weights and variables. */
import type { Sizes } from '../../graph/dim.ts';
import { f32, type TensorData } from '../../graph/dtype.ts';
import type { Graph } from '../../graph/graph.ts';
import { count, evaluateShape } from '../../graph/shape.ts';
import { bindSizes } from '../bind.ts';
import type { Program, Values } from '../runtime.ts';
import { deviceError } from './dawn.ts';
import { fromBytes, numbersToBytes, toBytes, type Memory, type SharedBuffers } from './memory.ts';
import type { Profiler } from './profiler.ts';
import { FORMAT_BYTES, type Node } from './node.ts';
import { mergeProducts } from './merge.ts';
import type { KnownGroups } from './groups/known.ts';
import { prepareOperands } from './operands.ts';
import type { Compiled, Pipelines } from './pipelines.ts';
import { plan, type Location, type Plan } from './plan.ts';
import { formatOf, resolve, SCALARS, scalarsOf } from './resolve.ts';
import { encode, type Dispatch } from './slices.ts';
import type { WebgpuVariables } from './variables.ts';
import type { WeightBuffers } from './weights.ts';

/** What programs of one device share. */
export interface Machine {
  readonly memory: Memory;
  readonly pipelines: Pipelines;
  readonly shared: SharedBuffers;
  readonly known: KnownGroups;
  /** Times every kernel. */
  readonly profiler?: Profiler;
}

/** Plans kept for sizes that were used; the one that was not used for longest goes first. */
const KEPT_PLANS = 8;
/** Runs that may wait for the GPU before the next one waits for them. */
const RUNS_AHEAD = 2;

interface Specialized {
  readonly sizes: Sizes;
  readonly plan: Plan;
  readonly compiled: readonly Compiled[];
  readonly constants: ReadonlyMap<Node, GPUBuffer>;
  readonly weights: ReadonlyMap<Node, GPUBuffer>;
  /** Bind groups for the buffers of these generations. */
  bound?: { readonly generations: string; readonly groups: readonly GPUBindGroup[] };
  /** Commands of the next run, recorded while the GPU was at the last. */
  next?: Recorded;
}

/** The commands of one run, which can be submitted once. */
interface Recorded {
  readonly generations: string;
  /** Submitted one after the other. */
  readonly commands: readonly GPUCommandBuffer[];
  /** Where the outputs are when it has run. */
  readonly staging: ReadonlyMap<string, GPUBuffer>;
}

export class WebgpuProgram implements Program {
  readonly #machine: Machine;
  readonly #graph: Graph;
  readonly #weights: WeightBuffers;
  readonly #variables: WebgpuVariables | undefined;
  readonly #plans = new Map<string, Promise<Specialized>>();
  readonly #inputs = new Map<string, GPUBuffer>();
  #generation = 0;
  /** The end of each run that was submitted. */
  readonly #pending: Promise<unknown>[] = [];

  constructor(
    machine: Machine,
    graph: Graph,
    weights: WeightBuffers,
    variables: WebgpuVariables | undefined,
  ) {
    this.#machine = machine;
    this.#graph = graph;
    this.#weights = weights;
    this.#variables = variables;
  }

  async run(inputs: Values): Promise<Values> {
    const { memory, profiler } = this.#machine;
    const sizes = bindSizes(this.#graph, inputs, (name) => this.#variables?.typeOf(name));
    memory.gpu.check();
    const specialized = await this.#specialize(sizes);
    while (this.#pending.length >= RUNS_AHEAD) await this.#pending.shift();
    for (const [name, { dtype, shape }] of this.#graph.assignments) {
      await this.#variables!.prepare(name, { dtype, shape: evaluateShape(shape, sizes) });
    }
    for (const [name, value] of this.#packed(inputs)) this.#upload(name, value);
    const recorded = this.#take(specialized);
    this.#submit(recorded.commands);
    const results = this.#download(specialized, recorded);
    this.#pending.push(memory.gpu.device.queue.onSubmittedWorkDone());
    if (!profiler) specialized.next ??= this.#record(specialized);
    const values = await results;
    memory.gpu.check();
    await profiler?.report();
    return values;
  }

  /** Runs once without inputs and keeps the outputs on the GPU: as weights of `other`, by their names. */
  async runInto(other: WeightBuffers): Promise<void> {
    const { memory } = this.#machine;
    const specialized = await this.#specialize({});
    const results = await memory.guarded(() =>
      [...specialized.plan.outputs].map(([name, node]) => {
        return { name, node, buffer: memory.allocate(bytesOf(node), 'a computed weight') };
      }),
    );
    const encoders = this.#encodeSteps(specialized);
    for (const { node, buffer } of results) this.#encodeCopy(encoders.at(-1)!, specialized, node, buffer);
    this.#submit(encoders.map((encoder) => encoder.finish()));
    for (const { name, node, buffer } of results) other.put(name, node.format, buffer);
    this.#pending.push(memory.gpu.device.queue.onSubmittedWorkDone());
  }

  async dispose(): Promise<void> {
    await Promise.allSettled(this.#pending);
    for (const key of [...this.#plans.keys()]) await this.#forget(key);
    for (const buffer of this.#inputs.values()) this.#machine.memory.free(buffer);
    this.#inputs.clear();
    await this.#weights.dispose();
  }

  #specialize(sizes: Sizes): Promise<Specialized> {
    const key = JSON.stringify(sizes);
    const known = this.#plans.get(key);
    this.#plans.delete(key); // the last of the list is the one used last
    const specialized = known ?? this.#prepare(sizes);
    this.#plans.set(key, specialized);
    if (!known) void specialized.catch(() => this.#plans.delete(key));
    const [oldest] = this.#plans.keys();
    if (this.#plans.size > KEPT_PLANS && oldest) void this.#forget(oldest);
    return specialized;
  }

  async #prepare(sizes: Sizes): Promise<Specialized> {
    const { memory, pipelines, shared, known } = this.#machine;
    const resolved = mergeProducts(resolve(this.#graph, sizes, memory.gpu.features.half));
    const made = plan(prepareOperands(resolved), memory.gpu, known);
    for (const [node, location] of made.locations) memory.require(bytesOf(node), nameOf(location));
    const compiling = Promise.all(made.steps.map(({ kernel }) => pipelines.get(kernel)));
    compiling.catch(() => undefined); // what else fails meanwhile is told first
    const [constants, weights] = [new Map<Node, GPUBuffer>(), new Map<Node, GPUBuffer>()];
    for (const [node, location] of made.locations) {
      if (location.kind === 'weight') weights.set(node, await this.#weights.get(location.name, node.format));
      if (location.kind === 'constant') constants.set(node, this.#constant(node, location.data));
    }
    const compiled = await compiling;
    await shared.reserve(made, made.slots);
    return { sizes, plan: made, compiled, constants, weights };
  }

  async #forget(key: string): Promise<void> {
    const forgotten = this.#plans.get(key);
    this.#plans.delete(key); // at once, so that two runs that begin together do not both give it back
    const specialized = await forgotten?.catch(() => undefined);
    if (!specialized) return;
    this.#recycle(specialized.next);
    this.#machine.shared.release(specialized.plan);
    for (const buffer of specialized.constants.values()) this.#machine.memory.free(buffer);
  }

  #constant(node: Node, data: Float64Array): GPUBuffer {
    const buffer = this.#machine.memory.allocate(bytesOf(node), 'a constant');
    this.#machine.memory.write(buffer, numbersToBytes(data, node.format));
    return buffer;
  }

  /** The inputs as they are uploaded: single numbers together. */
  #packed(inputs: Values): [string, TensorData][] {
    const names = scalarsOf(this.#graph);
    const others = Object.entries(inputs).filter(([name]) => !names.includes(name));
    if (names.length === 0) return others;
    const numbers = names.map((name) => Number(inputs[name]!.data[0]));
    return [...others, [SCALARS, f32([names.length], numbers)]];
  }

  #upload(name: string, value: Values[string]): void {
    const { memory } = this.#machine;
    const bytes = toBytes(value, formatOf(value.dtype, memory.gpu.features.half));
    const known = this.#inputs.get(name);
    if (known && known.size >= bytes.byteLength) return memory.upload(known, bytes);
    if (known) memory.free(known);
    const buffer = memory.allocate(bytes.byteLength, `the input "${name}"`);
    this.#inputs.set(name, buffer);
    this.#generation++;
    memory.upload(buffer, bytes);
  }

  /** The commands that were recorded in advance, if the buffers are still those. */
  #take(specialized: Specialized): Recorded {
    const { next } = specialized;
    delete specialized.next;
    if (next?.generations === this.#generations()) return next;
    this.#recycle(next);
    return this.#record(specialized);
  }

  #record(specialized: Specialized): Recorded {
    const { memory, profiler } = this.#machine;
    const encoders = this.#encodeSteps(specialized, profiler);
    const encoder = encoders.at(-1)!;
    const { copies, outputs } = specialized.plan;
    for (const { name, from } of copies) {
      this.#encodeCopy(encoder, specialized, from, this.#variables!.bufferOf(name));
    }
    const staging = new Map<string, GPUBuffer>();
    for (const [name, node] of outputs) {
      const buffer = memory.takeStaging(bytesOf(node));
      this.#encodeCopy(encoder, specialized, node, buffer);
      staging.set(name, buffer);
    }
    return { generations: this.#generations(), commands: encoders.map((one) => one.finish()), staging };
  }

  /** All kernels, in as many encoders as there shall be submissions. */
  #encodeSteps(specialized: Specialized, profiler?: Profiler): GPUCommandEncoder[] {
    const { device } = this.#machine.memory.gpu;
    const groups = this.#bindGroups(specialized);
    const encodeOne = (pass: GPUComputePassEncoder, dispatch: Dispatch): void => {
      const { pipeline, offsets } = specialized.compiled[dispatch.step]!;
      pass.setPipeline(pipeline);
      pass.setBindGroup(0, groups[dispatch.step]);
      encode(pass, dispatch, offsets);
    };
    return specialized.plan.submissions.map((dispatches) => {
      const encoder = device.createCommandEncoder();
      if (profiler) {
        const kernels = dispatches.map(({ kernel }) => kernel);
        profiler.encode(encoder, kernels, (pass, index) => encodeOne(pass, dispatches[index]!));
        return encoder;
      }
      const pass = encoder.beginComputePass();
      dispatches.forEach((dispatch) => encodeOne(pass, dispatch));
      pass.end();
      return encoder;
    });
  }

  #encodeCopy(encoder: GPUCommandEncoder, specialized: Specialized, from: Node, to: GPUBuffer): void {
    const size = wholeWords(bytesOf(from));
    if (size > 0) encoder.copyBufferToBuffer(this.#bufferOf(from, specialized), 0, to, 0, size);
  }

  #submit(commands: readonly GPUCommandBuffer[]): void {
    try {
      for (const one of commands) this.#machine.memory.gpu.device.queue.submit([one]);
    } catch (error) {
      throw deviceError(error);
    }
  }

  #recycle(recorded: Recorded | undefined): void {
    recorded?.staging.forEach((buffer) => this.#machine.memory.giveStaging(buffer));
  }

  /** Changes when any buffer that commands name was replaced. */
  #generations(): string {
    return [this.#machine.shared.generation, this.#generation, this.#variables?.generation].join();
  }

  #bindGroups(specialized: Specialized): readonly GPUBindGroup[] {
    const { memory } = this.#machine;
    const generations = this.#generations();
    if (specialized.bound?.generations === generations) return specialized.bound.groups;
    const groups = specialized.plan.steps.map(({ buffers }, index) => {
      const entries = buffers.map((node, binding) => ({
        binding,
        resource: { buffer: this.#bufferOf(node, specialized) },
      }));
      return memory.gpu.device.createBindGroup({ layout: specialized.compiled[index]!.layout, entries });
    });
    specialized.bound = { generations, groups };
    return groups;
  }

  #bufferOf(node: Node, { plan: { locations }, constants, weights }: Specialized): GPUBuffer {
    const location = locations.get(node) as Location;
    switch (location.kind) {
      case 'slot':
        return this.#machine.shared.at(location.slot);
      case 'constant':
        return constants.get(node)!;
      case 'weight':
        return weights.get(node)!;
      case 'input':
        return this.#inputs.get(location.name)!;
      case 'variable':
        return this.#variables!.bufferOf(location.name);
    }
  }

  async #download({ plan, sizes }: Specialized, { staging }: Recorded): Promise<Values> {
    const { memory } = this.#machine;
    const values = await Promise.all(
      [...plan.outputs].map(async ([name, node]) => {
        const { dtype, shape } = this.#graph.outputs.get(name)!;
        const bytes = await memory.readStaging(staging.get(name)!, bytesOf(node));
        return [name, fromBytes(bytes, node.format, dtype, evaluateShape(shape, sizes))] as const;
      }),
    );
    return Object.fromEntries(values);
  }
}

/** For people. */
function nameOf(location: Location): string {
  return 'name' in location ? `the ${location.kind} "${location.name}"` : 'intermediate results';
}

function bytesOf({ shape, format }: Node): number {
  return count(shape) * FORMAT_BYTES[format];
}

/** Copies go by words of four bytes. */
function wholeWords(bytes: number): number {
  return Math.ceil(bytes / 4) * 4;
}
