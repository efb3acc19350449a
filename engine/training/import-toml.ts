/**
 * @file Recipes from the TOML files of other trainers: HDM's own (sections `lightning`, `trainer`, `dataset`, `model`)
 * and kohya's sd-scripts (one flat list, or in sections that mean nothing). What has no meaning here is listed.
 */
import { parse } from 'smol-toml';
import { HdmError } from '../errors.ts';
import { parseRecipe, type Recipe } from './recipe.ts';

export interface Imported {
  readonly recipe: Recipe;
  /** Folder of pictures, when it was said. */
  readonly data: string | undefined;
  /** Keys that mean nothing here. */
  readonly unused: readonly string[];
  /** What a person should look at. */
  readonly notes: readonly string[];
}

/** What is found on the way; `set` is a path in a recipe. */
interface Draft {
  readonly values: Record<string, unknown>;
  data?: string;
  epochs?: number;
  readonly notes: string[];
}

type Take = (draft: Draft, value: unknown) => void;

/** A place in the recipe, with another form of the value where it needs one. */
function to(path: string, convert: (value: unknown) => unknown = (value) => value): Take {
  return ({ values }, value) => setAt(values, path.split('.'), convert(value));
}

const STAGE = 'stages.0';
const OPTIMIZER = `${STAGE}.optimizer`;

const HDM_KEYS: Readonly<Record<string, Take>> = {
  'lightning.seed': to('seed'),
  'lightning.epochs': (draft, value) => (draft.epochs = Number(value)),
  'lightning.batch_size': to(`${STAGE}.batch`),
  'lightning.grad_acc': to(`${STAGE}.accumulation`),
  'lightning.grad_clip': to(`${OPTIMIZER}.clip`),
  'lightning.grad_ckpt': to(`${STAGE}.checkpointing`),
  'lightning.precision': to('precision', precisionOf),
  'lightning.imggencallback.size': to('samples.size'),
  'lightning.imggencallback.steps': to('samples.steps'),
  'lightning.imggencallback.period': to('samples.everySteps'),
  'lightning.logger.name': to('name'),
  'trainer.lr': to(`${OPTIMIZER}.learningRate`),
  'trainer.opt_configs.weight_decay': to(`${OPTIMIZER}.weightDecay`),
  'trainer.opt_configs.betas': to(`${OPTIMIZER}.betas`),
  'trainer.opt_configs.eps': to(`${OPTIMIZER}.epsilon`),
  'trainer.lr_sch_configs.warmup': to(`${OPTIMIZER}.warmUp`),
  'trainer.lr_sch_configs.min_value': to(`${OPTIMIZER}.final`),
  'dataset.base_kwargs.arb_mode': to(`${STAGE}.crop`, cropOf),
  'dataset.datasets.kwargs.size': to(`${STAGE}.size`),
  'dataset.datasets.kwargs.dataset_folder': (draft, value) => (draft.data = String(value)),
  'dataset.datasets.kwargs.tag_shuffle': to('captions.shuffleTags'),
  'dataset.datasets.kwargs.group_shuffle': to('captions.shuffleGroups'),
  'dataset.datasets.kwargs.tag_dropout_rate': to('captions.dropTags'),
  'dataset.datasets.kwargs.group_dropout_rate': to('captions.dropGroups'),
  'model.model_path': to('model.path'),
  'model.ckpt_path': to('model.path'),
  'model.lycoris.algo': to('method'),
  'model.lycoris.factor': to('adapter.factor'),
  'model.lycoris.full_matrix': to('adapter.fullMatrix'),
  'model.lycoris.train_norm': to('adapter.trainNorms'),
  'model.lycoris.linear_dim': to('adapter.rank'),
  'model.lycoris.linear_alpha': to('adapter.alpha'),
};

const KOHYA_KEYS: Readonly<Record<string, Take>> = {
  pretrained_model_name_or_path: to('model.path'),
  train_data_dir: (draft, value) => (draft.data = String(value)),
  output_name: to('name'),
  seed: to('seed'),
  resolution: to(`${STAGE}.size`, (value) => Number(String(value).split(',')[0])),
  train_batch_size: to(`${STAGE}.batch`),
  gradient_accumulation_steps: to(`${STAGE}.accumulation`),
  gradient_checkpointing: to(`${STAGE}.checkpointing`),
  max_train_steps: to(`${STAGE}.steps`),
  max_train_epochs: (draft, value) => (draft.epochs = Number(value)),
  max_token_length: to(`${STAGE}.context`),
  enable_bucket: to(`${STAGE}.crop`, cropOf),
  lr_warmup_steps: to(`${OPTIMIZER}.warmUp`),
  max_grad_norm: to(`${OPTIMIZER}.clip`),
  mixed_precision: to('precision', precisionOf),
  shuffle_caption: to('captions.shuffleTags'),
  caption_dropout_rate: to('captions.dropCaption'),
  caption_tag_dropout_rate: to('captions.dropTags'),
  save_every_n_steps: to('saving.everySteps'),
  sample_every_n_steps: to('samples.everySteps'),
  network_dim: to('adapter.rank'),
  network_alpha: to('adapter.alpha'),
  network_module: ({ values }, value) => {
    if (value === 'networks.lora') setAt(values, ['method'], 'lora');
  },
  network_args: (draft, value) => takeNetworkArguments(draft, value as string[]),
  learning_rate: noteRate,
  unet_lr: noteRate,
};

const NETWORK_ARGUMENTS: Readonly<Record<string, Take>> = {
  algo: to('method', (value) => (value === 'locon' ? 'lora' : value)),
  factor: to('adapter.factor', Number),
  full_matrix: to('adapter.fullMatrix', isTrue),
  train_norm: to('adapter.trainNorms', isTrue),
};

/** Of a fine-tuning that does not say them (reference of the released model §6). */
const USUAL_STAGE = { size: 1024, batch: 8, checkpointing: true, optimizer: { learningRate: 0.1, clip: 1 } };

/**
 * A recipe from the text of a TOML file. `pictures` counts the pictures of a folder, for files that say epochs.
 * Throws `bad-file` for what is no TOML, `bad-usage` for values that no recipe can have.
 */
export async function importToml(
  text: string,
  where: string,
  pictures: (folder: string) => Promise<number>,
): Promise<Imported> {
  const entries = [...flatten(parseToml(text, where))];
  const isHdm = entries.some(([key]) => key.startsWith('lightning.') || key.startsWith('trainer.'));
  const draft: Draft = { values: { method: 'finetune', stages: [structuredClone(USUAL_STAGE)] }, notes: [] };
  const unused: string[] = [];
  for (const [key, value] of entries) {
    const take = isHdm ? HDM_KEYS[key] : KOHYA_KEYS[key.split('.').at(-1)!];
    if (take) take(draft, value);
    else unused.push(key);
  }
  await setLength(draft, pictures);
  const { method } = draft.values as { method: string };
  if (method === 'full') draft.values['method'] = 'finetune';
  noteModel(draft);
  return { recipe: parseRecipe(draft.values, where), data: draft.data, unused, notes: draft.notes };
}

/** Steps as they were said, else samples from epochs. */
async function setLength(
  { values, epochs, data, notes }: Draft,
  count: (folder: string) => Promise<number>,
): Promise<void> {
  const stage = (values['stages'] as Record<string, unknown>[])[0]!;
  if (stage['steps'] !== undefined) return;
  const found = data === undefined ? undefined : await count(data).catch(() => undefined);
  if (epochs !== undefined && found !== undefined) {
    stage['samples'] = epochs * found;
    return;
  }
  stage['steps'] = 1000;
  notes.push('how long it trains is not known without its pictures: 1000 steps were put in');
}

function noteModel({ values, notes }: Draft): void {
  const { path } = (values['model'] ?? {}) as { path?: string };
  if (!path || !/\.(ckpt|pt|pth|bin)$/.test(path)) return;
  notes.push(
    `the model ${path} is a pickle, which is not opened here: give the same as .safetensors with --model`,
  );
}

function noteRate({ notes }: Draft, value: unknown): void {
  const own = USUAL_STAGE.optimizer.learningRate;
  notes.push(
    `the rate ${String(value)} is for every weight alike; here a rate is divided by the fan-in: ${own} was put in`,
  );
}

function takeNetworkArguments(draft: Draft, list: readonly string[]): void {
  for (const argument of list) {
    const [name, value] = argument.split('=', 2) as [string, string];
    const take = NETWORK_ARGUMENTS[name];
    if (take) take(draft, value);
    else draft.notes.push(`the network argument "${argument}" means nothing here`);
  }
}

function parseToml(text: string, where: string): Record<string, unknown> {
  try {
    return parse(text);
  } catch (error) {
    const [problem] = (error as Error).message.split('\n');
    throw new HdmError('bad-file', where, `this is no TOML: ${problem}`, 'Correct it', error);
  }
}

/** Keys with dots; the tables of a list have the keys of the list. */
function* flatten(value: Record<string, unknown>, prefix = ''): Generator<[string, unknown]> {
  for (const [key, inner] of Object.entries(value)) {
    const tables =
      Array.isArray(inner) && inner.every(isTable) ? inner : isTable(inner) ? [inner] : undefined;
    if (!tables) yield [prefix + key, inner];
    for (const table of tables ?? []) yield* flatten(table, `${prefix}${key}.`);
  }
}

function isTable(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value) && !(value instanceof Date);
}

function setAt(target: Record<string, unknown>, [key, ...rest]: readonly string[], value: unknown): void {
  if (rest.length === 0) target[key!] = value;
  else setAt((target[key!] ??= {}) as Record<string, unknown>, rest, value);
}

function precisionOf(value: unknown): string {
  const text = String(value);
  if (/16/.test(text)) return 'auto';
  return text.startsWith('32') || text === 'no' ? 'f32' : 'auto';
}

function cropOf(value: unknown): string {
  return value === true ? 'buckets' : 'shifted-square';
}

function isTrue(value: unknown): boolean {
  return /^(true|1|yes)$/i.test(String(value));
}
