/**
 * @file Golden files: tensors made by independent code that say whether our numbers are right. One checker for
 * each kind; the file's metadata tells its kind and config, its tensors are named `weight.*`, `input.*`, `output.*`.
 */
import type { SafetensorsFile } from '../weights/safetensors.ts';
import { checkGeneration } from './generation.ts';
import type { Checker } from './golden-file.ts';
import { checkLycoris } from './lycoris.ts';
import { checkAutoencoder, checkTextEncoder } from './networks.ts';
import { checkPositions } from './positions.ts';
import { checkTrain } from './train.ts';
import { checkSample, checkXut } from './xut.ts';

export const GOLDEN_KINDS: Readonly<Record<string, Checker>> = {
  xut: checkXut,
  positions: checkPositions,
  sample: checkSample,
  qwen3: checkTextEncoder,
  gemma3: checkTextEncoder,
  'autoencoder-kl': checkAutoencoder,
  lycoris: checkLycoris,
  train: checkTrain,
  generation: checkGeneration,
};

/** The kind a file says it is; reference generations say it by their prompts. */
export function kindOf({ metadata, tensors }: SafetensorsFile): string {
  if (metadata['kind']) return metadata['kind'];
  return [...tensors.keys()].some((name) => name.endsWith('.first_velocity')) ? 'generation' : 'unknown';
}
