/**
 * @file The one list of what a window may ask of the host (`CALLS`) and what the host tells every window (`EVENTS`).
 * Transport, preload, handlers and client are derived from it. Values are JSON; pictures and other bytes are
 * addresses, which the window's own origin serves.
 */
import { z } from 'zod';
import { evaluationSummary } from '../engine/eval/summary.ts';
import { PHASES, trainingEvent, WARNINGS } from '../engine/training/run/events.ts';

export { SCORED } from '../engine/eval/summary.ts';

const MAX_TEXT_LENGTH = 100_000;
const MAX_IDS = 10_000;
const MAX_PAGE = 500;
const MAX_COUNT = 1_000;

const id = z.string().regex(/^[\w-]{1,64}$/, 'expected an id');
const ids = z.array(id).min(1).max(MAX_IDS);
const text = z.string().max(MAX_TEXT_LENGTH);
const path = z.string().min(1).max(4_096);
const name = z.string().trim().min(1).max(200);
const address = z.string().max(2_000);
const bytes = z.number().min(0);
const seconds = z.number().min(0);
/** Milliseconds since 1970. */
const moment = z.int();
const nothing = z.object({});

/** What went wrong, for a program (`code`, of the engine's error) and for a person (`message`). */
const failure = z.object({ code: z.string(), message: z.string() });

// ---- Drawing ----

/** A picture that is already here: sent to /uploads by this window, or of the library. */
const imageSource = z.object({ kind: z.enum(['upload', 'picture']), id });

/** Everything that decides a picture, as the person set it. The engine's rules for the numbers are in its request. */
export const drawing = z.object({
  modelId: id,
  /** May hold `{a|b}` and `__wildcards__`; what they became is in the job and the picture. */
  prompt: text,
  negativePrompt: text,
  width: z.int(),
  height: z.int(),
  steps: z.int(),
  guidanceScale: z.number(),
  guidanceInterval: z.tuple([z.number(), z.number()]),
  sampler: z.string(),
  schedule: z.object({ name: z.string(), shift: z.number().optional() }),
  seed: z.int().min(0),
  camera: z.object({ xShift: z.number(), yShift: z.number(), zoom: z.number() }),
  treadGuidance: z.number(),
  adapters: z.array(z.object({ modelId: id, strength: z.number() })).max(20),
  from: z.object({ image: imageSource, mask: imageSource.optional(), strength: z.number() }).optional(),
});

/**
 * queued → running → done, failed or cancelled. `interrupted`: it ran when the host ended; it is offered again
 * and does not start by itself.
 */
const jobState = z.enum(['queued', 'running', 'done', 'failed', 'cancelled', 'interrupted']);

const progress = z.object({
  /** What happens now; loading and decoding take their time as well. */
  phase: z.enum(['loading', 'reading', 'denoising', 'decoding', 'saving']),
  step: z.int(),
  steps: z.int(),
  /** Address of a small picture of what is coming. */
  preview: address.optional(),
  secondsLeft: seconds.optional(),
});

export const job = z.object({
  id,
  state: jobState,
  drawing,
  /** The prompt with its choices made. */
  prompt: text,
  createdAt: moment,
  startedAt: moment.optional(),
  finishedAt: moment.optional(),
  progress: progress.optional(),
  error: failure.optional(),
  pictureId: id.optional(),
  /** Pictures asked for in one go, or cells of one grid. */
  groupId: id,
});

const estimate = z.object({
  /** Of all `count` pictures; absent before anything was measured. */
  seconds: z.object({ low: seconds, high: seconds }).optional(),
  /** Highest memory of the engine while it draws. */
  memoryBytes: bytes.optional(),
  /** How many measured pictures of this model and device stand behind it. */
  measurements: z.int(),
});

const draft = z.object({ url: address, width: z.int(), height: z.int() });

// ---- Library ----

export const picture = z.object({
  id,
  createdAt: moment,
  fileName: z.string(),
  width: z.int(),
  height: z.int(),
  prompt: text,
  negativePrompt: text,
  seed: z.int(),
  modelName: z.string(),
  isStarred: z.boolean(),
  tags: z.array(name),
  folder: name.optional(),
  url: address,
  thumbnail: address,
});

const pictureFilter = z.object({
  /** Words that the prompt or the negative prompt must hold. */
  search: text.optional(),
  isStarred: z.boolean().optional(),
  tag: name.optional(),
  folder: name.optional(),
  modelName: z.string().optional(),
  /** The trash instead of the library. */
  isDeleted: z.boolean().optional(),
});

/** Settings found in a picture; what another program did not say is absent. */
const foundSettings = z.object({
  source: z.enum(['hdm-studio', 'a1111', 'comfyui']),
  drawing: drawing.partial(),
  /** Name of the model in the picture, when it is none of those here. */
  missingModel: z.string().optional(),
  missingAdapters: z.array(z.string()),
  /** It began from another picture, which is not inside: the settings alone draw something else. */
  missingStart: z.boolean(),
});

// ---- Grids: one drawing, two settings varied ----

const axis = z.object({
  setting: z.enum([
    'prompt',
    'negativePrompt',
    'steps',
    'guidanceScale',
    'sampler',
    'schedule',
    'seed',
    'aspect',
    'treadGuidance',
    'zoom',
    'xShift',
    'yShift',
    'model',
    'adapterStrength',
  ]),
  /** As text; of `prompt`: what replaces the first value in it ("search and replace"). */
  values: z.array(text).min(1).max(20),
});

const grid = z.object({
  id,
  createdAt: moment,
  drawing,
  x: axis,
  y: axis.optional(),
  /** Row by row. */
  cells: z.array(z.object({ jobId: id, state: jobState, picture: picture.optional() })),
});

// ---- Models ----

const modelPart = z.object({
  part: z.enum(['transformer', 'text encoder', 'VAE', 'tokenizer']),
  /** The file or folder it lies in; absent: it is missing. */
  path: path.optional(),
  /** Such as "XUT, 340 M parameters, float16". */
  summary: z.string(),
});

export const model = z.object({
  id,
  kind: z.enum(['model', 'adapter']),
  name,
  path,
  sizeBytes: bytes,
  parts: z.array(modelPart),
  /** Why it cannot draw; absent when it can. */
  problem: z.string().optional(),
  /** Pixels of the side it was trained for. */
  usualSide: z.int().optional(),
  /** How it counts places, which a hand on the camera must know; absent: the bounding box. */
  positions: z.enum(['bounding_box', 'unit_area']).optional(),
  licence: z.string().optional(),
  /** Prompts that show what it can draw, each with a ratio of width to height. */
  examples: z.array(z.object({ prompt: text, ratio: z.number() })).optional(),
  /** Inside the studio's own folder, so removing it may delete the files. */
  isOwned: z.boolean(),
});

const download = z.object({
  id,
  name,
  address,
  state: z.enum(['running', 'paused', 'checking', 'done', 'failed']),
  receivedBytes: bytes,
  totalBytes: bytes,
  bytesPerSecond: bytes,
  error: failure.optional(),
  modelId: id.optional(),
});

/** What lies at an address, before anything is fetched. */
const offer = z.object({
  address,
  name,
  licence: z.string().optional(),
  licenceUrl: address.optional(),
  files: z.array(z.object({ name: z.string(), sizeBytes: bytes.optional(), sha256: z.string().optional() })),
  totalBytes: bytes,
  freeBytes: bytes,
});

const folderEntry = z.object({
  name: z.string(),
  path,
  kind: z.enum(['folder', 'file']),
  sizeBytes: bytes.optional(),
});

// ---- Training ----

/** Where pictures and captions come from; the engine's `DatasetSource`. */
const datasetSource = z.discriminatedUnion('kind', [
  z.object({ kind: z.literal('folder'), path }),
  /** A list: `.jsonl` or `.csv`. */
  z.object({ kind: z.literal('manifest'), path }),
  /** Scenes that the studio draws itself: of all kinds, or the simplest. */
  z.object({
    kind: z.literal('toy'),
    seed: z.int().min(0),
    count: z.int().min(1),
    isSimple: z.literal(true).optional(),
  }),
]);

const datasetInfo = z.object({
  source: datasetSource,
  length: z.int(),
  /** Captions can be changed here: they are text files beside the pictures. */
  isEditable: z.boolean(),
});

const datasetItem = z.object({
  index: z.int(),
  name: z.string(),
  /** As it is written, with the signs of the grammar; of several wordings the first. */
  caption: text,
  captionFrom: z.enum(['file', 'folder-name', 'none']),
  repeats: z.int(),
  thumbnail: address,
});

const named = z.object({ name: z.string(), count: z.int() });
const names = z.array(z.string());
const namedSize = z.object({ name: z.string(), width: z.int(), height: z.int() });

/** The engine's `DatasetReport`, without the number of tokens. */
const datasetReport = z.object({
  pictures: z.int(),
  samplesPerEpoch: z.int(),
  refused: z.array(z.object({ name: z.string(), reason: z.string() })),
  sizes: z.object({ smallest: namedSize, median: z.number(), largest: namedSize }).nullable(),
  enlarged: names,
  ratios: z.array(named),
  traits: z.record(z.string(), names),
  folders: z.array(z.object({ name: z.string(), pictures: z.int(), repeats: z.int() })),
  captions: z.object({
    missing: names,
    fromFolderName: z.int(),
    duplicates: z.array(named),
    tags: z.array(named),
  }),
  duplicates: z.array(names),
});

/** How a model is trained; the engine's words. */
const method = z.enum(['pretrain', 'continue', 'finetune', 'lora', 'loha', 'lokr', 'vae']);

const trainingStage = z.object({
  /** The model itself, or the VAE that it draws through. */
  trains: z.enum(['denoiser', 'vae']),
  steps: z.int().min(1).max(100_000_000),
  batch: z.int().min(1).max(4_096),
  /** Side of the squares, in pixels. */
  size: z.int().min(16).max(2_048),
  learningRate: z.number().min(0).max(100),
});

/** What a person decides of a run; everything else is the recipe's. */
const trainingSettings = z.object({
  /** One after the other. */
  stages: z.array(trainingStage).min(1).max(16),
  /** Of an adapter. */
  rank: z.int().min(1).max(1_024).optional(),
  /** Of a LoKr. */
  factor: z.int().min(1).max(1_024).optional(),
  /** Drawn again and again with the same seeds, to be watched. */
  prompts: z.array(z.string().max(2_000)).max(16),
  sampleEvery: z.int().min(1),
  saveEvery: z.int().min(1),
  seed: z.int().min(0),
});

const recipe = z.object({
  /** The name of its file. */
  id: name,
  method,
  /** What it is for, in its author's words. */
  about: z.string(),
  /** Size of the model that it makes from nothing, where that has a name. */
  preset: z.string().optional(),
  /** What it goes on from: a whole model, only the text encoder and VAE of one, or nothing. */
  needs: z.enum(['model', 'parts', 'nothing']),
  /** What it is made for; absent: pictures of the person. */
  source: datasetSource.optional(),
  settings: trainingSettings,
});

const trainingPlan = z.object({
  name,
  recipeId: name,
  source: datasetSource,
  /** What it goes on from, or whose parts it uses; absent: nothing. */
  modelId: id.optional(),
  settings: trainingSettings,
});

/** Measured by some real steps on the device, which are thrown away. */
const trainingCost = z.object({
  device: z.string(),
  /** Seconds of a step of each stage; `high` with its part of the validations. */
  stages: z.array(z.object({ low: seconds, high: seconds })),
  memoryBytes: bytes,
  /** Of the whole run at most: checkpoints, state, samples. */
  diskBytes: bytes,
  freeBytes: bytes,
});

/**
 * starting → running ⇄ paused → done, stopped or failed. `interrupted`: it ran when the host or the engine ended; it is
 * offered again and does not start by itself.
 */
const runState = z.enum(['starting', 'running', 'paused', 'done', 'stopped', 'failed', 'interrupted']);

const checkpoint = z.object({
  step: z.int(),
  sizeBytes: bytes,
  isBest: z.boolean(),
  savedAt: moment,
  /** Norm of what differs from the one before. */
  change: z.number(),
});

/** How well a checkpoint draws what prompts for toy scenes ask for. */
const score = evaluationSummary.extend({ step: z.int(), scoredAt: moment, device: z.string() });

export const run = z.object({
  id,
  plan: trainingPlan,
  method,
  folder: path,
  state: runState,
  createdAt: moment,
  step: z.int(),
  totalSteps: z.int(),
  /** What it does now; absent while nothing runs. */
  phase: z.enum(PHASES).optional(),
  /** From the steps that were measured; absent before that. */
  secondsLeft: z.object({ low: seconds, high: seconds }).optional(),
  device: z.string().optional(),
  precision: z.string().optional(),
  parameters: z.int().optional(),
  loss: z.number().optional(),
  validationLoss: z.number().optional(),
  imagesPerSecond: z.number().optional(),
  memoryBytes: bytes.optional(),
  /** One step was saved, read back and done again, bit for bit the same. */
  rehearsed: z.object({ tensors: z.int(), seconds }).optional(),
  /** Those that are there, the newest last. */
  checkpoints: z.array(checkpoint),
  /** Of checkpoints, which may be gone; the newest checkpoint last. */
  scores: z.array(score),
  /** A score can say how good checkpoints after this step are. */
  scoredAfter: z.int().optional(),
  /** The checkpoint that is being scored, and how many pictures of it were judged. */
  scoring: z.object({ step: z.int(), done: z.int(), total: z.int() }).optional(),
  /** The last of each kind. */
  warnings: z.array(z.object({ warning: z.enum(WARNINGS), step: z.int(), detail: z.string() })),
  error: failure.optional(),
});

const numbers = z.array(z.number());

/** Steps as columns. Where a run is long, each row stands for several steps: `low` and `high` of their loss. */
const stepColumns = z.object({
  step: numbers,
  loss: numbers,
  low: numbers,
  high: numbers,
  /** null: it was no number. */
  norm: z.array(z.number().nullable()),
  learningRate: numbers,
  imagesPerSecond: numbers,
  memoryBytes: numbers,
  /** Part of the time that was spent waiting for pictures, 0 to 1. */
  waited: numbers,
});

const validation = z.object({
  step: z.int(),
  loss: z.number(),
  bands: z.array(z.object({ from: z.number(), to: z.number(), loss: z.number() })),
});

const sample = z.object({ step: z.int(), prompt: z.string(), seed: z.int(), url: address });

/** What a run told: all of it, or what came since (`isWhole`: false). */
const runHistory = z.object({
  runId: id,
  isWhole: z.boolean(),
  steps: stepColumns,
  validations: z.array(validation),
  samples: z.array(sample),
  /** Everything but steps, validations and samples; the last of a long run. */
  log: z.array(trainingEvent),
});

// ---- Device, settings ----

const engineState = z.object({
  state: z.enum(['idle', 'starting', 'ready', 'restarting']),
  device: z.string().optional(),
  /** How the device was chosen. */
  reason: z.string().optional(),
  /** The model in memory. */
  modelId: id.optional(),
  memoryBytes: bytes.optional(),
  /** Why the engine ended last, while it restarts. */
  error: failure.optional(),
});

const device = z.object({
  name: z.string(),
  isAvailable: z.boolean(),
  reason: z.string(),
  /** Times as fast as the CPU. */
  speed: z.number().optional(),
});

/** One golden file of the self-check: our numbers beside those of independent code. */
const checkResult = z.object({
  name: z.string(),
  isPassed: z.boolean(),
  /** Largest difference and what it may be. */
  error: z.number().optional(),
  tolerance: z.number().optional(),
  message: z.string().optional(),
});

export const settings = z.object({
  language: z.enum(['system', 'en', 'zh', 'ja']),
  theme: z.enum(['system', 'dark', 'light']),
  device: z.string(),
  precision: z.enum(['auto', 'f32', 'f16']),
  modelId: id.optional(),
  picturesFolder: path,
  modelsFolder: path,
  format: z.enum(['png', 'webp', 'jpg']),
  showPreviews: z.boolean(),
  /** CSV of a person's own tags: tag, category, count, aliases. */
  tagFile: path.optional(),
  wildcardFolder: path,
  /** Where repositories of models are looked up. */
  hubAddress: address,
  /** Action → keys, where they differ from the usual ones. */
  shortcuts: z.record(z.string(), z.string()),
  /** The person has seen the first-run page. */
  isWelcomed: z.boolean(),
  /** The person has gone through the tour, or skipped it. */
  isToured: z.boolean(),
  /** What training costs here: watts of the machine, price of a kilowatt-hour, sign of the currency. */
  electricity: z
    .object({
      watts: z.number().min(0).max(100_000),
      price: z.number().min(0).max(1_000_000),
      currency: z.string().max(8),
    })
    .optional(),
});

/** Numbers of the engine that a form needs: one place for them, the engine. */
const choices = z.object({
  samplers: z.array(z.string()),
  schedules: z.array(z.string()),
  devices: z.array(z.string()),
  /** Sides in pixels. */
  side: z.object({ min: z.int(), max: z.int(), step: z.int() }),
  mostSteps: z.int(),
  defaults: drawing.omit({ modelId: true }),
});

const snapshot = z.object({
  version: z.string(),
  platform: z.string(),
  mode: z.enum(['desktop', 'browser']),
  choices,
  engine: engineState,
  jobs: z.array(job),
  models: z.array(model),
  downloads: z.array(download),
  runs: z.array(run),
  settings,
  library: z.object({ count: z.int(), revision: z.int() }),
  /** What the person had in the form last: any JSON of the window's own. */
  workspace: z.unknown(),
});

const tagSuggestion = z.object({
  /** As prompts write it: with spaces, and a backslash before brackets. */
  tag: z.string(),
  category: z.string(),
  count: z.int(),
  /** The other name that was typed. */
  alias: z.string().optional(),
});

function call<In extends z.ZodType, Out extends z.ZodType>(
  input: In,
  output: Out,
): { input: In; output: Out } {
  return { input, output };
}

/** Every question, its argument and its answer. */
export const CALLS = {
  /** The whole state; also after every reconnection. */
  'session.open': call(nothing, snapshot),
  /** A link with a new one-time token, for another browser. */
  'session.link': call(nothing, z.object({ url: address })),
  'session.keep': call(z.object({ workspace: z.unknown() }), nothing),

  /** `count` pictures with the seeds after the drawing's. */
  'jobs.add': call(z.object({ drawing, count: z.int().min(1).max(MAX_COUNT) }), z.object({ jobIds: ids })),
  'jobs.cancel': call(z.object({ ids }), nothing),
  /** Puts a queued job before another one, or at the end. */
  'jobs.move': call(z.object({ id, before: id.optional() }), nothing),
  /** Out of the list: queued jobs and those that ended. */
  'jobs.remove': call(z.object({ ids }), nothing),
  /** Queues an interrupted, failed or cancelled job again. */
  'jobs.retry': call(z.object({ ids }), nothing),
  'jobs.estimate': call(z.object({ drawing, count: z.int().min(1).max(MAX_COUNT) }), estimate),
  /** A quick small picture that is not kept. A newer one replaces one that waits; that one answers null. */
  'drafts.draw': call(z.object({ drawing }), draft.nullable()),

  'grids.add': call(z.object({ drawing, x: axis, y: axis.optional() }), grid),
  'grids.get': call(z.object({ id }), grid),
  'grids.list': call(nothing, z.array(grid)),

  /** Tokens beside what the model was trained with; null for a model without text. */
  'prompts.count': call(
    z.object({ modelId: id, text }),
    z.object({ tokens: z.int(), limit: z.int() }).nullable(),
  ),
  'prompts.history': call(z.object({ search: text, limit: z.int().min(1).max(MAX_PAGE) }), z.array(text)),
  'prompts.expand': call(z.object({ text, seed: z.int().min(0) }), z.object({ text })),
  'prompts.wildcards': call(nothing, z.array(name)),
  'tags.complete': call(z.object({ text, limit: z.int().min(1).max(100) }), z.array(tagSuggestion)),

  'library.list': call(
    z.object({
      filter: pictureFilter,
      order: z.enum(['newest', 'oldest']),
      offset: z.int().min(0),
      limit: z.int().min(1).max(MAX_PAGE),
    }),
    z.object({ total: z.int(), revision: z.int(), pictures: z.array(picture) }),
  ),
  'library.get': call(z.object({ id }), picture),
  /** The settings to draw it again. */
  'library.settings': call(z.object({ id }), foundSettings),
  'library.change': call(
    z.object({
      ids,
      isStarred: z.boolean().optional(),
      /** null: in no folder. */
      folder: name.nullable().optional(),
      addTags: z.array(name).optional(),
      removeTags: z.array(name).optional(),
    }),
    nothing,
  ),
  /** Into the trash, from which `library.restore` takes them back. */
  'library.delete': call(z.object({ ids }), nothing),
  'library.restore': call(z.object({ ids }), nothing),
  /** Deletes the files of what is in the trash. */
  'library.emptyTrash': call(nothing, z.object({ count: z.int() })),
  /** Names with how many pictures they have. */
  'library.groups': call(
    nothing,
    z.object({
      folders: z.array(z.object({ name, count: z.int() })),
      tags: z.array(z.object({ name, count: z.int() })),
      models: z.array(z.object({ name: z.string(), count: z.int() })),
    }),
  ),
  'library.addFolder': call(z.object({ name }), nothing),
  'library.renameFolder': call(z.object({ name, to: name }), nothing),
  /** Its pictures stay, in no folder. */
  'library.removeFolder': call(z.object({ name }), nothing),
  /** Shows the file in the system's file manager (desktop only). */
  'library.reveal': call(z.object({ id }), nothing),
  /** Copies of the files: into a folder (desktop), or as the address of a zip file. */
  'library.export': call(
    z.object({ ids, folder: path.optional() }),
    z.object({ count: z.int(), url: address.optional() }),
  ),
  /** The settings inside a picture that was sent to /uploads. */
  'uploads.settings': call(z.object({ uploadId: id }), foundSettings),

  'models.import': call(z.object({ path }), model),
  /** A model file that was sent to /uploads becomes one of the studio's own. */
  'models.keepUpload': call(z.object({ uploadId: id, name }), model),
  /** Where the parts lie that are not in the model itself; null: look for them again. */
  'models.setParts': call(
    z.object({
      id,
      textEncoder: path.nullable().optional(),
      vae: path.nullable().optional(),
      tokenizer: path.nullable().optional(),
    }),
    model,
  ),
  'models.rename': call(z.object({ id, name }), nothing),
  'models.remove': call(z.object({ id, deleteFiles: z.boolean() }), nothing),

  'downloads.look': call(z.object({ address }), offer),
  'downloads.start': call(z.object({ address, files: z.array(z.string()).min(1).max(1_000) }), download),
  'downloads.pause': call(z.object({ id }), nothing),
  'downloads.resume': call(z.object({ id }), nothing),
  /** Also deletes what has come so far. */
  'downloads.remove': call(z.object({ id }), nothing),

  'datasets.open': call(z.object({ source: datasetSource }), datasetInfo),
  'datasets.items': call(
    z.object({
      source: datasetSource,
      /** Words that name or caption must hold. */
      search: text.optional(),
      withoutCaption: z.boolean().optional(),
      offset: z.int().min(0),
      limit: z.int().min(1).max(MAX_PAGE),
    }),
    z.object({ total: z.int(), items: z.array(datasetItem) }),
  ),
  /** Writes the text file beside the picture. */
  'datasets.setCaption': call(
    z.object({ source: datasetSource, name: path, caption: text.trim() }),
    datasetItem,
  ),
  /** Looks at every picture; a second window that asks for the same hears of the same work. */
  'datasets.report': call(
    z.object({ source: datasetSource, size: z.int().min(16).max(2_048) }),
    datasetReport,
  ),
  'datasets.cancelReport': call(z.object({ source: datasetSource }), nothing),

  'runs.recipes': call(nothing, z.array(recipe)),
  /** Tries some steps on the device, without a run. Takes a while. */
  'runs.measure': call(z.object({ plan: trainingPlan }), trainingCost),
  'runs.cancelMeasure': call(nothing, nothing),
  'runs.start': call(z.object({ plan: trainingPlan }), run),
  /** Goes on with one that was paused, interrupted, stopped or failed. */
  'runs.resume': call(z.object({ id }), nothing),
  /** Done between two steps. */
  'runs.ask': call(z.object({ id, request: z.enum(['pause', 'sample', 'save', 'stop']) }), nothing),
  'runs.rename': call(z.object({ id, name }), nothing),
  /** Off the list; the folder stays unless it is to be deleted. */
  'runs.remove': call(z.object({ id, deleteFiles: z.boolean() }), nothing),
  'runs.history': call(z.object({ id }), runHistory),
  /** Makes a checkpoint, or an adapter, one of the models. `modelId`: what an adapter belongs to. */
  'runs.useCheckpoint': call(z.object({ id, step: z.int() }), z.object({ model, modelId: id.optional() })),

  /** Has a checkpoint draw toy scenes and judges them; one at a time. Answers when it is done, which takes minutes. */
  'runs.score': call(z.object({ id, step: z.int() }), nothing),
  'runs.cancelScore': call(nothing, nothing),

  /** Folders and model files on the host's machine, for choosing one from a browser. */
  'files.list': call(
    z.object({ folder: path.optional() }),
    z.object({ folder: path, parent: path.optional(), entries: z.array(folderEntry) }),
  ),

  'devices.list': call(nothing, z.array(device)),
  /** Our numbers beside independent ones, on the chosen device. Takes a while. */
  'devices.check': call(nothing, z.object({ device: z.string(), results: z.array(checkResult) })),

  /** null takes an optional setting away. */
  'settings.change': call(
    settings.partial().extend({ modelId: id.nullable().optional(), tagFile: path.nullable().optional() }),
    settings,
  ),
  /** Address of a zip file with versions, log and settings; prompts and pictures only when asked for. */
  'diagnostics.make': call(
    z.object({ withPrompts: z.boolean(), withPictures: z.boolean() }),
    z.object({ url: address }),
  ),
} as const;

/** What the host tells by itself. Each value is whole, so that a lost one is made good by the next. */
export const EVENTS = {
  jobs: z.array(job),
  progress: z.object({ jobId: id, progress }),
  engine: engineState,
  models: z.array(model),
  downloads: z.array(download),
  /** Every run, whole. */
  runs: z.array(run),
  /** What a run told since the last one. */
  training: runHistory,
  /** How far the look at a dataset is. */
  report: z.object({ source: datasetSource, done: z.int(), total: z.int() }),
  settings,
  /** `added` is what a new picture is, so that it can be shown at once. */
  library: z.object({ count: z.int(), revision: z.int(), added: picture.optional() }),
} as const;

/** Places for bytes under the window's own origin: GET, but for uploads, which are POSTed and answer `{ id }`. */
export const PLACES = {
  pictures: '/files/pictures/',
  thumbnails: '/files/thumbnails/',
  previews: '/files/previews/',
  drafts: '/files/drafts/',
  samples: '/files/samples/',
  datasets: '/files/datasets/',
  downloads: '/files/made/',
  uploads: '/uploads',
  socket: '/socket',
} as const;

export type CallName = keyof typeof CALLS;
export type Input<N extends CallName> = z.output<(typeof CALLS)[N]['input']>;
export type Output<N extends CallName> = z.output<(typeof CALLS)[N]['output']>;
export type EventName = keyof typeof EVENTS;
export type EventValue<N extends EventName> = z.output<(typeof EVENTS)[N]>;

export type Drawing = z.output<typeof drawing>;
export type Job = z.output<typeof job>;
export type JobState = z.output<typeof jobState>;
export type Progress = z.output<typeof progress>;
export type Estimate = z.output<typeof estimate>;
export type Axis = z.output<typeof axis>;
export type Grid = z.output<typeof grid>;
export type Picture = z.output<typeof picture>;
export type PictureFilter = z.output<typeof pictureFilter>;
export type FoundSettings = z.output<typeof foundSettings>;
export type Model = z.output<typeof model>;
export type Download = z.output<typeof download>;
export type Offer = z.output<typeof offer>;
export type EngineState = z.output<typeof engineState>;
export type DeviceReport = z.output<typeof device>;
export type CheckResult = z.output<typeof checkResult>;
export type Settings = z.output<typeof settings>;
export type Choices = z.output<typeof choices>;
export type Snapshot = z.output<typeof snapshot>;
export type TagSuggestion = z.output<typeof tagSuggestion>;
export type Failure = z.output<typeof failure>;
export type DatasetSource = z.output<typeof datasetSource>;
export type DatasetInfo = z.output<typeof datasetInfo>;
export type DatasetItem = z.output<typeof datasetItem>;
export type DatasetReport = z.output<typeof datasetReport>;
export type Recipe = z.output<typeof recipe>;
export type TrainingMethod = z.output<typeof method>;
export type TrainingSettings = z.output<typeof trainingSettings>;
export type TrainingPlan = z.output<typeof trainingPlan>;
export type TrainingCost = z.output<typeof trainingCost>;
export type Run = z.output<typeof run>;
export type RunState = z.output<typeof runState>;
export type Checkpoint = z.output<typeof checkpoint>;
export type Score = z.output<typeof score>;
export type StepColumns = z.output<typeof stepColumns>;
export type Validation = z.output<typeof validation>;
export type Sample = z.output<typeof sample>;
export type RunHistory = z.output<typeof runHistory>;

/** What crosses the wire in each direction: the two functions that birpc calls. */
export interface HostFunctions {
  call(name: string, input: unknown): Promise<{ value: unknown } | { error: Failure }>;
}
export interface WindowFunctions {
  event(name: EventName, value: unknown): void;
}

/** What Electron's preload gives to the window beside the wire; absent in a browser. */
export interface DesktopBridge {
  /** Sends one message to the host. */
  post(message: string): void;
  /** Returns what ends the listening. */
  onMessage(listener: (message: string) => void): () => void;
  /** Called at once and at each change: whether the host runs. After a restart the window connects anew. */
  onHost(listener: (isUp: boolean) => void): () => void;
  /** A native dialog; empty when it was closed. */
  choose(what: 'model file' | 'folder' | 'picture' | 'CSV file' | 'list of pictures'): Promise<string[]>;
  /** The path of a dropped file. */
  pathOf(file: File): string;
  /** Drags a picture of the library out of the window. */
  dragOut(pictureId: string): void;
  /** A command chosen in the menu, such as 'generate'. Returns what ends the listening. */
  onCommand(listener: (command: string) => void): () => void;
}
