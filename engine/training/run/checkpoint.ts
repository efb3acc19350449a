/**
 * @file What a run gives: models that open by themselves. A whole model is a diffusers folder in float16 with the
 * names of the released one; an adapter is one file that ComfyUI finds its layers in.
 */
import {
  cpSync,
  existsSync,
  linkSync,
  mkdirSync,
  readdirSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { openTensors } from '../../checkpoints/tensors.ts';
import { toHdmError } from '../../errors.ts';
import { convert, type TensorData } from '../../graph/dtype.ts';
import type { WeightSource } from '../../runtime/runtime.ts';
import { writeSafetensors } from '../../weights/write-safetensors.ts';
import { alphasOf } from '../adapter.ts';
import { TEXT_PREFIX, TRANSFORMER_PREFIX } from '../denoiser-learner.ts';
import { VAE_PREFIX, type Learner } from '../learner.ts';
import type { StartingModel } from '../parts.ts';
import { isAdapterMethod, type Recipe, type Stage } from '../recipe.ts';
import { UNFINISHED } from './folder.ts';

export const ADAPTER_FILE = 'adapter.safetensors';
const NETWORK_FILE = 'diffusion_pytorch_model.safetensors';

interface PartPlace {
  readonly prefix: string;
  readonly folder: string;
  readonly file: string;
  /** What stands before the names in the file. */
  readonly written: string;
  readonly part: 'transformer' | 'textEncoder' | 'vae';
}

const PLACES: readonly PartPlace[] = [
  {
    prefix: TRANSFORMER_PREFIX,
    folder: 'transformer',
    file: NETWORK_FILE,
    written: 'model.',
    part: 'transformer',
  },
  {
    prefix: TEXT_PREFIX,
    folder: 'text_encoder',
    file: 'model.safetensors',
    written: '',
    part: 'textEncoder',
  },
  { prefix: VAE_PREFIX, folder: 'vae', file: NETWORK_FILE, written: '', part: 'vae' },
];

export interface CheckpointContent {
  readonly recipe: Recipe;
  readonly stage: Stage;
  readonly model: StartingModel;
  readonly learner: Learner;
  readonly step: number;
}

/** After the weights are there and before the checkpoint gets its name. */
export type Finish = (unfinished: string) => Promise<void>;

/** Writes a checkpoint, whole or not at all. Throws `disk`. */
export async function writeCheckpoint(
  folder: string,
  content: CheckpointContent,
  finish: Finish = () => Promise.resolve(),
): Promise<void> {
  const unfinished = `${folder}${UNFINISHED}`;
  try {
    rmSync(unfinished, { recursive: true, force: true });
    mkdirSync(unfinished, { recursive: true });
    const values = await learnedValues(content.learner);
    if (isAdapterMethod(content.recipe.method)) writeAdapter(unfinished, values, content);
    else writeParts(unfinished, values, content);
    await finish(unfinished);
    renameSync(unfinished, folder);
  } catch (error) {
    rmSync(unfinished, { recursive: true, force: true });
    throw toHdmError(error, folder, 'disk');
  }
}

/** What a checkpoint holds: the running mean where there is one, in float16. */
async function learnedValues({ trainer }: Learner): Promise<Map<string, TensorData>> {
  const kind = trainer.remembered.includes('average') ? 'average' : 'value';
  return new Map([...(await trainer.read(kind))].map(([name, tensor]) => [name, convert(tensor, 'f16')]));
}

function writeAdapter(
  folder: string,
  values: ReadonlyMap<string, TensorData>,
  { recipe, step }: CheckpointContent,
): void {
  const alphas = alphasOf(values.keys(), recipe.adapter.alpha);
  const metadata = { format: 'pt', 'hdm-studio': JSON.stringify({ method: recipe.method, step }) };
  writeSafetensors(join(folder, ADAPTER_FILE), new Map([...values, ...alphas]), metadata);
}

function writeParts(
  folder: string,
  values: ReadonlyMap<string, TensorData>,
  { recipe, stage, model }: CheckpointContent,
): void {
  for (const { prefix, folder: inside, file, written, part } of PLACES) {
    const own = [...values].filter(([name]) => name.startsWith(prefix));
    if (own.length === 0) continue;
    mkdirSync(join(folder, inside));
    writeFileSync(join(folder, inside, 'config.json'), JSON.stringify(model[part]!.config, null, 2));
    const tensors = own.map(([name, tensor]) => [written + name.slice(prefix.length), tensor] as const);
    writeSafetensors(join(folder, inside, file), new Map(tensors), { format: 'pt' });
  }
  const parts = otherParts(folder, model);
  const context = model.context ?? { padding: 'max_length', length: stage.context };
  const index = { _class_name: 'HDMPipeline', name: recipe.name, context, parts };
  writeFileSync(join(folder, 'model_index.json'), JSON.stringify(index, null, 2));
}

/** Frozen parts: those of the run itself come along as links, the others are named where they are. */
function otherParts(folder: string, model: StartingModel): Record<string, string> {
  const parts: Record<string, string> = {};
  const places = { textEncoder: 'text_encoder', vae: 'vae', tokenizer: 'tokenizer' } as const;
  for (const [part, inside] of Object.entries(places) as [keyof typeof places, string][]) {
    const from = part === 'tokenizer' ? model.tokenizer : model[part]?.weights && model[part].path;
    if (!from || existsSync(join(folder, inside))) continue;
    if (isOfRun(from, folder)) linkFolder(from, join(folder, inside));
    else parts[part] = resolve(from);
  }
  return parts;
}

/** run/checkpoints/step-1.unfinished and run/parts/vae have the same grandparent. */
function isOfRun(path: string, checkpoint: string): boolean {
  return dirname(dirname(resolve(path))) === dirname(dirname(resolve(checkpoint)));
}

/** The same files under another name: no disk space, and none is lost when the other is removed. */
export function linkFolder(from: string, to: string): void {
  mkdirSync(to, { recursive: true });
  for (const name of readdirSync(from)) {
    try {
      linkSync(join(from, name), join(to, name));
    } catch {
      cpSync(join(from, name), join(to, name)); // a disk without links
    }
  }
}

/** What training wrote into a checkpoint, by the names of the trainer; beside it what is only linked. */
export function checkpointSources(folder: string): Map<string, WeightSource> {
  const adapter = join(folder, ADAPTER_FILE);
  if (existsSync(adapter)) return new Map(openTensors(adapter).tensors);
  const sources = new Map<string, WeightSource>();
  for (const { prefix, folder: inside, file, written } of PLACES) {
    const path = join(folder, inside, file);
    if (!existsSync(path)) continue;
    for (const [name, source] of openTensors(path).tensors) {
      sources.set(prefix + name.slice(written.length), source);
    }
  }
  return sources;
}

/** Bytes of all files in a folder. */
export function folderBytes(folder: string): number {
  const files = readdirSync(folder, { recursive: true, withFileTypes: true }).filter((entry) =>
    entry.isFile(),
  );
  return files.reduce((sum, { parentPath, name }) => sum + statSync(join(parentPath, name)).size, 0);
}
