/**
 * @file Reverse-mode differentiation (Griewank & Walther 2008, chapter 3): the gradient of a graph is more graph.
 * The rules live with the ops.
 */
import { HdmError } from './errors.ts';
import { formatType, type Tensor } from './graph/graph.ts';
import { isComposite } from './graph/op.ts';
import { elements } from './graph/shape.ts';
import { add, like } from './ops/elementwise.ts';
import { broadcastTo, zeros } from './ops/movement.ts';

/**
 * Adds d(loss)/d(x) for each x of `of` to the graph of `loss`, a single f32 number; zeros where nothing flows, as
 * through whole numbers and bools.
 * A composite op without a rule of its own is written out once more and differentiated through its parts: the
 * forward pass stays in one piece, the backward pass computes again what it needs.
 * Throws when a path from x to the loss leads through an op that is not differentiable.
 */
export function gradients(loss: Tensor, of: readonly Tensor[]): Tensor[] {
  requireNumber(loss);
  const { graph } = loss;
  /** What can change when a tensor of `of` changes. */
  const dependent = new Set(of);
  /** d(loss)/d(tensor), as far as it is summed up. */
  const flow = new Map([[loss, broadcastTo(like(loss, 1), loss.shape)]]);

  walk(graph.nodes.slice(0, loss.id + 1));
  return of.map((x) => flow.get(x) ?? zeros(x, x.shape));

  /** `nodes` in order: all that lie between some operands, whose flow they add to, and a result with its flow. */
  function walk(nodes: readonly Tensor[]): void {
    for (const node of nodes) {
      if (node.inputs.some((input) => dependent.has(input))) dependent.add(node);
    }
    for (const node of nodes.toReversed()) {
      const upstream = flow.get(node);
      if (upstream && node.inputs.some((input) => dependent.has(input))) step(node, upstream);
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
    send(op.compose(inputs, attributes), upstream);
    walk(graph.nodes.slice(first));
  }

  function send(to: Tensor, part: Tensor | undefined): void {
    if (!part) return;
    const sum = flow.get(to);
    flow.set(to, sum ? add(sum, part) : part);
  }
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
