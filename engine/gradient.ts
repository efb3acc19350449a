/**
 * @file Reverse-mode differentiation (Griewank & Walther 2008, chapter 3): the gradient of a graph is more graph.
 * The rules live with the ops.
 */
import { HdmError } from './errors.ts';
import { addDims, sameDim, type Dim } from './graph/dim.ts';
import { isFloat } from './graph/dtype.ts';
import { CONSTANT, INPUT, VARIABLE, WEIGHT, formatType, type Segment, type Tensor } from './graph/graph.ts';
import { isComposite, type Op } from './graph/op.ts';
import { elements } from './graph/shape.ts';
import { add, like } from './ops/elementwise.ts';
import { broadcastTo, concat, PAD, zeros, type PadAttributes } from './ops/movement.ts';
import { after } from './ops/order.ts';

export interface GradientOptions {
  /** Whether segments (`Graph.checkpoint`) are computed again in the backward pass instead of kept. */
  readonly checkpointing?: boolean;
}

/**
 * Adds d(loss)/d(x) for each x of `of` to the graph of `loss`, a single f32 number; zeros where nothing flows, as
 * through whole numbers and bools.
 * A composite op without a rule of its own is written out once more and differentiated through its parts: the
 * forward pass stays in one piece, the backward pass computes again what it needs.
 * Throws when a path from x to the loss leads through an op that is not differentiable.
 */
export function gradients(
  loss: Tensor,
  of: readonly Tensor[],
  { checkpointing = false }: GradientOptions = {},
): Tensor[] {
  requireNumber(loss);
  const { graph } = loss;
  /** What can change when a tensor of `of` changes. */
  const dependent = new Set(of);
  /** The parts of d(loss)/d(tensor) that are known. */
  const flow = new Map([[loss, [broadcastTo(like(loss, 1), loss.shape)]]]);

  const forward = graph.nodes.slice(0, loss.id + 1);
  markDependent(forward);
  const segments = checkpointing ? graph.segments.filter(({ end }) => end <= forward.length) : [];
  for (const piece of backwards(forward, segments)) {
    walk(piece.isSegment ? computeAgain(piece.nodes) : piece.nodes);
  }
  return of.map((x) => upstreamOf(x) ?? zeros(x, x.shape));

  function markDependent(nodes: readonly Tensor[]): void {
    for (const node of nodes) {
      if (node.inputs.some((input) => dependent.has(input))) dependent.add(node);
    }
  }

  /** `nodes` in order: all that lie between some operands, whose flow they add to, and a result with its flow. */
  function walk(nodes: readonly Tensor[]): void {
    for (const node of nodes.toReversed()) {
      if (!flow.has(node) || !node.inputs.some((input) => dependent.has(input))) continue;
      step(node, upstreamOf(node)!);
    }
  }

  function step(node: Tensor, upstream: Tensor): void {
    const { op, inputs, attributes } = node;
    if (op.gradient) {
      op.gradient(upstream, node, attributes).forEach((part, index) => send(inputs[index]!, part));
      return;
    }
    if (!isComposite(op)) throw notDifferentiable(node);
    const first = graph.nodes.length;
    const result = op.compose(inputs, attributes);
    const parts = graph.nodes.slice(first);
    markDependent(parts);
    send(result, upstream);
    walk(parts);
  }

  function send(to: Tensor, part: Tensor | undefined): void {
    if (!part || !dependent.has(to)) return;
    const parts = flow.get(to);
    if (parts) parts.push(part);
    else flow.set(to, [part]);
  }

  function upstreamOf(node: Tensor): Tensor | undefined {
    const parts = flow.get(node);
    if (!parts) return undefined;
    const total = joined(parts) ?? parts.reduce(add);
    flow.set(node, [total]);
    return total;
  }

  /** The nodes of a segment once more, not before the flow has come back to it. The flow moves to the copies. */
  function computeAgain(nodes: readonly Tensor[]): Tensor[] {
    const last = nodes.findLast((node) => flow.has(node));
    if (!last) return [];
    const upstream = upstreamOf(last)!;
    const own = new Set(nodes);
    const copies = new Map<Tensor, Tensor>();
    const first = graph.nodes.length;
    const copyOf = (input: Tensor): Tensor => {
      const known = copies.get(input);
      if (known) return known;
      const waits = !own.has(input) && dependent.has(input) && !isGiven(input) && isFloat(input.dtype);
      if (!waits) return input;
      const late = after(input, upstream);
      dependent.add(late);
      copies.set(input, late);
      return late;
    };
    for (const node of nodes) {
      if (!isGiven(node)) copies.set(node, graph.add(node.op, node.inputs.map(copyOf), node.attributes));
    }
    const added = graph.nodes.slice(first);
    markDependent(added);
    for (const node of nodes) {
      const parts = flow.get(node);
      if (parts && !isGiven(node)) flow.set(copies.get(node)!, parts);
    }
    return added;
  }
}

interface Piece {
  readonly nodes: readonly Tensor[];
  readonly isSegment: boolean;
}

/** The nodes in pieces, segments and what lies between them, last piece first. */
function backwards(nodes: readonly Tensor[], segments: readonly Segment[]): Piece[] {
  const pieces: Piece[] = [];
  let done = 0;
  for (const { start, end } of segments) {
    pieces.push({ nodes: nodes.slice(done, start), isSegment: false });
    pieces.push({ nodes: nodes.slice(start, end), isSegment: true });
    done = end;
  }
  pieces.push({ nodes: nodes.slice(done), isSegment: false });
  return pieces.toReversed();
}

/** Slices of one tensor send back zeros around their parts. Where the parts make up the whole, it is put together. */
function joined(parts: readonly Tensor[]): Tensor | undefined {
  if (parts.length < 2 || !parts.every(({ op }) => op === (PAD as Op))) return undefined;
  const pads = parts.map((part) => ({ ...(part.attributes as PadAttributes), x: part.inputs[0]! }));
  const { axis } = pads[0]!;
  const inOrder: Tensor[] = [];
  let reached: Dim = 0;
  while (inOrder.length < pads.length) {
    const next = pads.find((pad) => pad.axis === axis && sameDim(pad.before, reached));
    if (!next || inOrder.includes(next.x)) return undefined;
    inOrder.push(next.x);
    reached = addDims(reached, next.x.shape[axis]!);
  }
  return sameDim(reached, parts[0]!.shape[axis]!) ? concat(inOrder, axis) : undefined;
}

/** Is it there before anything is computed? */
function isGiven({ op }: Tensor): boolean {
  return ([INPUT, WEIGHT, VARIABLE, CONSTANT] as readonly unknown[]).includes(op);
}

function requireNumber(loss: Tensor): void {
  if (loss.dtype === 'f32' && elements(loss.shape) === 1) return;
  const problem = `the loss must be a single f32 number, got ${formatType(loss)}`;
  throw new HdmError('bad-shape', 'gradients', problem, 'Take its mean in float32');
}

function notDifferentiable({ op }: Tensor): HdmError {
  const problem = 'the loss depends on it, yet it is not differentiable';
  return new HdmError('internal', op.name, problem, 'Give the op a gradient, or use it on constants only');
}
