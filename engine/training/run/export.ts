/**
 * @file A run as a folder that the original PyTorch trainer goes on with, on several machines if need be: its TOML, the
 * weights under the names it expects, the transformer's config, and a list of the data.
 */
import { cpSync, existsSync, mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { stringify } from 'smol-toml';
import { openCheckpoint } from '../../checkpoints/checkpoint.ts';
import { HdmError, toHdmError } from '../../errors.ts';
import { readWeight } from '../../weights/safetensors.ts';
import { writeSafetensors } from '../../weights/write-safetensors.ts';
import { openDataset, type Dataset } from '../data/dataset.ts';
import { isAdapterMethod, type Recipe } from '../recipe.ts';
import { ADAPTER_FILE } from './checkpoint.ts';
import { openRunFolder, RUN_FILES, stepName, stepsIn, type RunInfo } from './folder.ts';

export interface Exported {
  readonly folder: string;
  readonly files: readonly string[];
  readonly step: number;
}

const FILES = {
  config: 'train.toml',
  model: 'model.safetensors',
  transformer: 'transformer.json',
  data: 'data.jsonl',
  readme: 'README.txt',
} as const;

/** Writes the export of the newest checkpoint. Throws `bad-usage` when there is none, or the folder is not empty. */
export async function exportRun(run: string, folder: string): Promise<Exported> {
  const { recipe, info } = openRunFolder(run);
  const home = join(run, RUN_FILES.checkpoints);
  const step = stepsIn(home).at(-1);
  if (step === undefined || recipe.method === 'vae') {
    const problem =
      recipe.method === 'vae' ? 'an autoencoder is not what that trainer trains' : 'it has no checkpoint yet';
    throw new HdmError(
      'bad-usage',
      run,
      problem,
      'Export a run of a transformer or an adapter that was saved',
    );
  }
  if (existsSync(folder) && readdirSync(folder).length > 0) {
    throw new HdmError(
      'bad-usage',
      folder,
      'the folder is not empty',
      'Choose another: nothing is overwritten',
    );
  }
  const checkpoint = join(home, stepName(step));
  try {
    mkdirSync(folder, { recursive: true });
    if (isAdapterMethod(recipe.method)) cpSync(join(checkpoint, ADAPTER_FILE), join(folder, ADAPTER_FILE));
    else writeModel(folder, checkpoint);
    const dataset = await openDataset(info.data);
    writeFileSync(join(folder, FILES.config), stringify(configOf(recipe, info)));
    writeFileSync(join(folder, FILES.data), Array.from(dataLines(dataset)).join(''));
    writeFileSync(join(folder, FILES.readme), readme(recipe, step));
  } catch (error) {
    throw toHdmError(error, folder, 'disk');
  }
  return { folder, files: readdirSync(folder), step };
}

/** One file with the released names: `unet.model.<name>`. */
function writeModel(folder: string, checkpoint: string): void {
  const { transformer } = openCheckpoint(checkpoint);
  const tensors = [...transformer.weights].map(
    ([name, source]) => [`unet.model.${name}`, readWeight(source)] as const,
  );
  writeSafetensors(join(folder, FILES.model), new Map(tensors), { format: 'pt' });
  writeFileSync(join(folder, FILES.transformer), JSON.stringify(transformer.config, null, 2));
}

/** The trainer's own format: sections, its names, its separators. */
function configOf(recipe: Recipe, { data }: RunInfo): Record<string, object> {
  const stage = recipe.stages.at(-1)!;
  const { optimizer, batch, accumulation, checkpointing, size } = stage;
  const { captions, adapter, method, seed, samples } = recipe;
  const isAdapter = isAdapterMethod(method);
  return {
    lightning: {
      seed,
      epochs: 1,
      batch_size: batch,
      grad_acc: accumulation,
      grad_clip: optimizer.clip,
      grad_ckpt: checkpointing,
      devices: 1,
      precision: recipe.precision === 'f32' ? '32' : '16-mixed',
      imggencallback: { id: recipe.name, size, steps: samples.steps, period: samples.everySteps },
      logger: { name: recipe.name, offline: true },
    },
    trainer: {
      name: recipe.name,
      lr: optimizer.learningRate,
      optimizer: 'torch.optim.AdamW',
      opt_configs: { weight_decay: optimizer.weightDecay, betas: optimizer.betas, eps: optimizer.epsilon },
      lr_sch_configs: { end: -1, mode: 'cosine', warmup: optimizer.warmUp, min_value: optimizer.final },
    },
    dataset: {
      base_kwargs: [{ arb_mode: stage.crop === 'buckets' }],
      datasets: [
        {
          class: 'hdm.data.kohya.KohyaDataset',
          kwargs: {
            size,
            dataset_folder: data.kind === 'folder' ? data.path : '.',
            keep_token_seperator: '|||',
            group_seperator: '%%',
            tag_seperator: ', ',
            seperator: ', ',
            tag_shuffle: captions.shuffleTags,
            group_shuffle: captions.shuffleGroups,
            tag_dropout_rate: captions.dropTags,
            group_dropout_rate: captions.dropGroups,
          },
        },
      ],
    },
    model: {
      model_path: isAdapter ? (recipe.model.path ?? '') : FILES.model,
      inference_dtype: 'torch.float16',
      ...(isAdapter && { lycoris: lycorisOf(method, adapter) }),
    },
  };
}

function lycorisOf(
  method: string,
  { rank, alpha, factor, fullMatrix, trainNorms }: Recipe['adapter'],
): object {
  const width = { linear_dim: rank, linear_alpha: alpha };
  if (method !== 'lokr') return { algo: method, ...width };
  return { algo: method, factor, full_matrix: fullMatrix, train_norm: trainNorms, ...(!fullMatrix && width) };
}

function* dataLines(dataset: Dataset): Generator<string> {
  for (let index = 0; index < dataset.length; index++) {
    const { name, repeats } = dataset.item(index);
    yield `${JSON.stringify({ file: name, captions: dataset.captions(index), repeats })}\n`;
  }
}

function readme(recipe: Recipe, step: number): string {
  return [
    `${recipe.name}, exported at step ${step} for the PyTorch trainer of HDM (github.com/KohakuBlueleaf/HDM).`,
    '',
    `${FILES.config}: settings of its last stage; set "epochs", "devices" and "dataset_folder" for your machines.`,
    `${isAdapterMethod(recipe.method) ? ADAPTER_FILE : FILES.model}: the weights, the running mean where one was kept.`,
    `${FILES.data}: the pictures and captions of the run.`,
    'The state of the optimizer is not part of it: the trainer begins its own.',
    '',
  ].join('\n');
}
