/** @file Weights that hold no numbers: what a broken download or a training gone wrong leaves behind. */
import { isFloat, toFloat32 } from '../graph/dtype.ts';
import type { WeightSources } from '../runtime/runtime.ts';
import { readWeight } from './safetensors.ts';

/** Names of the weights that hold NaN or infinity. Reads them all. */
export function damagedWeights(weights: WeightSources): string[] {
  return [...weights]
    .filter(([, source]) => isFloat(source.dtype) && !toFloat32(readWeight(source)).every(Number.isFinite))
    .map(([name]) => name);
}
