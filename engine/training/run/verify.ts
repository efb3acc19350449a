/** @file A checkpoint is good when it was read back: all tensors there, finite, and other than the one before. */
import { openCheckpoint } from '../../checkpoints/checkpoint.ts';
import { HdmError } from '../../errors.ts';
import { convert, toFloat32, type TensorData } from '../../graph/dtype.ts';
import { readWeight } from '../../weights/safetensors.ts';
import type { Shapes } from '../variables.ts';
import { checkpointSources } from './checkpoint.ts';

/** The numbers that a checkpoint is compared with. */
export type Before = (name: string) => TensorData | undefined;

export function valuesBefore(values: ReadonlyMap<string, TensorData>): Before {
  return (name) => values.get(name);
}

/** Those of an earlier checkpoint. */
export function checkpointBefore(folder: string): Before {
  const sources = checkpointSources(folder);
  return (name) => {
    const source = sources.get(name);
    return source && readWeight(source);
  };
}

/**
 * Reads the trained tensors of a checkpoint and returns the norm of their change. Throws `bad-file` when one is
 * missing, `bad-number` when one holds no number.
 */
export function readBack(folder: string, shapes: Shapes, before: Before): number {
  const sources = checkpointSources(folder);
  let squares = 0;
  for (const name of shapes.keys()) {
    const source = sources.get(name);
    if (!source) throw new HdmError('bad-file', folder, `"${name}" is missing from what was saved`);
    squares += squaredDifference(folder, name, readWeight(source), before(name));
  }
  return Math.sqrt(squares);
}

/** Throws what `openCheckpoint` throws when a whole model does not open by itself. */
export function requireOpens(folder: string): void {
  openCheckpoint(folder);
}

function squaredDifference(folder: string, name: string, after: TensorData, before?: TensorData): number {
  const a = toFloat32(after);
  // Rounded alike: what float16 cannot tell apart is no change.
  const b = before && toFloat32(convert(before, after.dtype));
  let sum = 0;
  for (let i = 0; i < a.length; i++) sum += (a[i]! - (b?.[i] ?? 0)) ** 2;
  if (Number.isFinite(sum)) return sum;
  const advice = 'Go on from an earlier state with a smaller learning rate, or in float32';
  throw new HdmError('bad-number', folder, `"${name}" holds NaN or infinity in float16`, advice);
}
