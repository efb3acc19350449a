/**
 * @file One training step on a device. Values, gradients and what the optimizer remembers are variables that never
 * leave it; each step reads back a few numbers. Two programs share them: one computes and adds up gradients, the
 * other updates, so that a batch whose gradient is no number changes nothing.
 */
import { HdmError } from '../errors.ts';
import { gradients } from '../gradient.ts';
import { f32, toFloat32, type TensorData } from '../graph/dtype.ts';
import { Graph, type Tensor } from '../graph/graph.ts';
import { add, like, mul } from '../ops/elementwise.ts';
import { reshape } from '../ops/movement.ts';
import { sumOfSquares } from '../ops/reduce.ts';
import type { Program, Runtime, Values, Variables, WeightSources } from '../runtime/runtime.ts';
import type { Losses } from './objective.ts';
import { updateGraph, updateValues, type OptimizerSettings } from './optimizer.ts';
import { variableName, variableOf, type Kind, type Shapes } from './variables.ts';

export interface TrainerOptions {
  /** First values of what is trained. */
  readonly values: ReadonlyMap<string, TensorData>;
  /**
   * Adds the loss of a batch to a graph; what is trained is read through `variableOf(graph, kind, …)`: the values, or
   * their running mean where only the loss is asked for.
   */
  readonly objective: (graph: Graph, kind: 'value' | 'average') => Losses;
  /** Weights that the objective reads and that stay as they are. */
  readonly frozen: WeightSources;
  readonly optimizer: OptimizerSettings;
  /** Whether blocks are computed again in the backward pass instead of kept (report §4.2). */
  readonly checkpointing: boolean;
  /** Whether a running mean of the values is kept. */
  readonly hasAverages: boolean;
  /** Whether the loss is scaled up for the backward pass, as float16 needs it. */
  readonly scalesLoss: boolean;
}

export interface Gradient {
  readonly loss: number;
  readonly losses: Float32Array;
  /** Norm of what was added up so far, unclipped, as a mean over the batches. NaN or infinite when it overflowed. */
  readonly norm: number;
}

/** The few numbers that a resumed run needs besides the variables. */
export interface TrainerCounters {
  readonly updates: number;
  readonly lossScale: number;
  /** Updates since the loss scale last changed. */
  readonly calm: number;
  readonly skipped: number;
}

const FIRST_SCALE = 2 ** 16;
const LARGEST_SCALE = 2 ** 24;
/** After so many updates without overflow the loss scale doubles (Micikevicius et al. 2018). */
const CALM_UPDATES = 1000;
/** As PyTorch's clip_grad_norm_ has it. */
const CLIP_EPSILON = 1e-6;

/** What is saved of a trained tensor; gradients live for one step only. */
const REMEMBERED: readonly Kind[] = ['mean', 'square'];

export class Trainer {
  readonly shapes: Shapes;
  readonly variables: Variables;
  readonly #options: TrainerOptions;
  readonly #programs: Programs;
  #counters: TrainerCounters;
  #batches = 0;

  /** Compiles the step. Throws what the runtime throws: no memory, an op that cannot be differentiated. */
  static async open(runtime: Runtime, options: TrainerOptions): Promise<Trainer> {
    const shapes = new Map([...options.values].map(([name, { shape }]) => [name, shape]));
    const variables = runtime.createVariables();
    for (const [name, value] of options.values) await variables.write(variableName('value', name), value);
    const trainer = new Trainer(
      shapes,
      variables,
      options,
      new Programs(runtime, variables, shapes, options),
    );
    await trainer.forget();
    return trainer;
  }

  private constructor(shapes: Shapes, variables: Variables, options: TrainerOptions, programs: Programs) {
    this.shapes = shapes;
    this.variables = variables;
    this.#options = options;
    this.#programs = programs;
    this.#counters = { updates: 0, lossScale: options.scalesLoss ? FIRST_SCALE : 1, calm: 0, skipped: 0 };
  }

  get counters(): TrainerCounters {
    return this.#counters;
  }

  /** Forward and backward pass of a batch, added to those since the last update. */
  async accumulate(batch: Values): Promise<Gradient> {
    const { lossScale } = this.#counters;
    const program = await this.#programs.gradients(this.#batches === 0);
    const scale = f32([], [lossScale]);
    const { loss, losses, squares } = await program.run({ ...batch, lossScale: scale });
    this.#batches += 1;
    const norm = Math.sqrt(toFloat32(squares!)[0]!) / (lossScale * this.#batches);
    return { loss: toFloat32(loss!)[0]!, losses: toFloat32(losses!), norm };
  }

  /**
   * One AdamW update with the gradients that were added up, whose norm is `norm`. Returns false, and changes no value,
   * when the norm is no finite number: the loss scale halves then.
   */
  async update(norm: number, learningRate: number, averageRate = 1): Promise<boolean> {
    const batches = this.#batches;
    if (batches === 0) throw new HdmError('internal', 'trainer', 'an update needs a gradient first');
    this.#batches = 0;
    const { updates, lossScale, calm, skipped } = this.#counters;
    const { optimizer, hasAverages, scalesLoss } = this.#options;
    if (!Number.isFinite(norm)) {
      const next = scalesLoss ? Math.max(1, lossScale / 2) : 1;
      this.#counters = { updates, lossScale: next, calm: 0, skipped: skipped + 1 };
      return false;
    }
    const clip = Math.min(1, optimizer.clip / (norm + CLIP_EPSILON));
    const scalars = {
      learningRate,
      gradientScale: clip / (lossScale * batches),
      updates: updates + 1,
      averageRate,
    };
    const program = await this.#programs.update();
    const values = Object.entries(updateValues(optimizer, scalars, hasAverages));
    await program.run(Object.fromEntries(values.map(([name, value]) => [name, f32([], [value])])));
    const isCalm = scalesLoss && calm + 1 >= CALM_UPDATES && lossScale < LARGEST_SCALE;
    this.#counters = {
      updates: updates + 1,
      lossScale: isCalm ? lossScale * 2 : lossScale,
      calm: isCalm ? 0 : calm + 1,
      skipped,
    };
    return true;
  }

  /** The loss of a batch without a gradient, with the running mean of the values where there is one. */
  async losses(batch: Values): Promise<Float32Array> {
    const program = await this.#programs.loss();
    return toFloat32((await program.run(batch)).losses!);
  }

  /** All tensors of one kind, by the names of what is trained. */
  async read(kind: Kind): Promise<Map<string, TensorData>> {
    const tensors = new Map<string, TensorData>();
    for (const name of this.shapes.keys())
      tensors.set(name, await this.variables.read(variableName(kind, name)));
    return tensors;
  }

  async write(kind: Kind, tensors: ReadonlyMap<string, TensorData>): Promise<void> {
    for (const name of this.shapes.keys()) {
      const tensor = tensors.get(name);
      if (!tensor) throw new HdmError('bad-file', 'training state', `the ${kind} of "${name}" is missing`);
      await this.variables.write(variableName(kind, name), tensor);
    }
  }

  /** Makes the optimizer begin anew from the present values. */
  async forget(): Promise<void> {
    for (const [name, shape] of this.shapes) {
      for (const kind of REMEMBERED) await this.variables.write(variableName(kind, name), zerosOf(shape));
      if (!this.#options.hasAverages) continue;
      const value = await this.variables.read(variableName('value', name));
      await this.variables.write(variableName('average', name), value);
    }
    this.#counters = { ...this.#counters, updates: 0, calm: 0, skipped: 0 };
    this.#batches = 0;
  }

  /** The kinds of tensor that a resumed run needs. */
  get remembered(): readonly Kind[] {
    return ['value', ...REMEMBERED, ...(this.#options.hasAverages ? (['average'] as const) : [])];
  }

  restore(counters: TrainerCounters): void {
    this.#counters = counters;
    this.#batches = 0;
  }

  async dispose(): Promise<void> {
    await this.#programs.dispose();
    await this.variables.dispose();
  }
}

/** The programs of a step, compiled when they are first needed. */
class Programs {
  readonly #runtime: Runtime;
  readonly #variables: Variables;
  readonly #shapes: Shapes;
  readonly #options: TrainerOptions;
  readonly #compiled = new Map<string, Promise<Program>>();

  constructor(runtime: Runtime, variables: Variables, shapes: Shapes, options: TrainerOptions) {
    this.#runtime = runtime;
    this.#variables = variables;
    this.#shapes = shapes;
    this.#options = options;
  }

  gradients(isFirst: boolean): Promise<Program> {
    return this.#once(isFirst ? 'first' : 'next', () => gradientGraph(this.#shapes, this.#options, isFirst));
  }

  update(): Promise<Program> {
    const { optimizer, hasAverages } = this.#options;
    return this.#once('update', () => updateGraph(this.#shapes, optimizer, hasAverages));
  }

  loss(): Promise<Program> {
    return this.#once('loss', () => {
      const graph = new Graph();
      const kind = this.#options.hasAverages ? 'average' : 'value';
      graph.output('losses', this.#options.objective(graph, kind).losses);
      return graph;
    });
  }

  async dispose(): Promise<void> {
    const programs = await Promise.allSettled(this.#compiled.values());
    for (const program of programs) if (program.status === 'fulfilled') await program.value.dispose();
  }

  #once(name: string, build: () => Graph): Promise<Program> {
    const known = this.#compiled.get(name);
    if (known) return known;
    const program = this.#runtime.compile(build(), this.#options.frozen, this.#variables);
    this.#compiled.set(name, program);
    return program;
  }
}

/** Loss and gradients of a batch; the gradients are assigned, or added to those that are there. */
function gradientGraph(shapes: Shapes, options: TrainerOptions, isFirst: boolean): Graph {
  const graph = new Graph();
  const { loss, losses } = options.objective(graph, 'value');
  const scaled = mul(loss, reshape(graph.input('lossScale', 'f32', []), loss.shape));
  const names = [...shapes.keys()];
  const values = names.map((name) => variableOf(graph, 'value', name, shapes.get(name)!));
  const found = gradients(scaled, values, { checkpointing: options.checkpointing });

  // From the last layer to the first, as the backward pass goes: what a layer's gradient needs can be forgotten then.
  // All squares come before they are added up, since ONNX Runtime begins with what was added to a graph last.
  const squares: Tensor[] = [];
  for (let index = names.length - 1; index >= 0; index--) {
    const name = names[index]!;
    const fresh = found[index]!;
    const total = isFirst ? fresh : add(variableOf(graph, 'gradient', name, shapes.get(name)!), fresh);
    graph.assign(variableName('gradient', name), total);
    squares.push(sumOfSquares(total));
  }
  graph.output('loss', loss);
  graph.output('losses', losses);
  graph.output(
    'squares',
    squares.reduce((sum, square) => add(sum, square), like(loss, 0)),
  );
  return graph;
}

function zerosOf(shape: readonly number[]): TensorData {
  return f32(shape, new Float32Array(shape.reduce((product, dim) => product * dim, 1)));
}
