/** @file The host: every part of it made once and put together. A transport carries what it answers and tells. */
import { existsSync } from 'node:fs';
import { basename, join } from 'node:path';
import type { DatabaseSync } from 'node:sqlite';
import packageJson from '../../package.json' with { type: 'json' };
import { resourceFolder } from '../../engine/checkpoints/resources.ts';
import { starterModel } from '../../engine/checkpoints/starter.ts';
import { HdmError } from '../../engine/errors.ts';
import type { Snapshot } from '../contract.ts';
import { DeviceArbiter } from './arbiter.ts';
import { choices } from './choices.ts';
import { closeDatabase, openDatabase } from './database.ts';
import { toHostError } from './database-error.ts';
import { devicesHandlers } from './devices.ts';
import { diagnosticsHandlers } from './diagnostics.ts';
import { Downloads } from './downloads/downloads.ts';
import { EngineProcess } from './engine.ts';
import { Events } from './events.ts';
import { filesHandlers } from './files.ts';
import type { HandlersOf } from './handlers.ts';
import { Jobs } from './jobs/jobs.ts';
import { readDrawing } from './library/found-settings.ts';
import { PictureLibrary } from './library/library.ts';
import { openLog } from './log.ts';
import { ModelShelf } from './models/models.ts';
import { emptyFolder, openPlaces, type Places } from './places.ts';
import { Prompts } from './prompts/prompts.ts';
import { StoredSettings } from './settings.ts';
import { Datasets } from './training/datasets.ts';
import { Recipes } from './training/recipes.ts';
import { Training } from './training/training.ts';
import { Uploads } from './uploads.ts';
import type { Studio, StudioOptions } from './wire.ts';
import { Workspace } from './workspace.ts';

/** Opens the studio of a data folder: what was queued goes on, what was being downloaded as well. */
export async function openStudio(options: StudioOptions): Promise<Studio> {
  const places = openPlaces(options.data);
  emptyFolder(places.made);
  const database = openDatabase(places.database);
  try {
    return await putTogether(options, places, database);
  } catch (error) {
    database.close();
    throw toHostError(error, places.data, 'internal', places.database);
  }
}

async function putTogether(
  { mode, reveal, link }: StudioOptions,
  places: Places,
  database: DatabaseSync,
): Promise<Studio> {
  const log = openLog(places.logs);
  const events = new Events();

  const settings = new StoredSettings({ database, events, places });
  const workspace = new Workspace(database);
  const uploads = new Uploads({ places });
  const models = new ModelShelf({
    ...{ database, events, places, settings, uploads },
    starter: starterModel(),
  });
  const library = new PictureLibrary({
    database,
    events,
    places,
    readDrawing: readDrawing(models),
    ...(reveal && { reveal }),
  });
  const prompts = new Prompts({ database, models, settings });
  const arbiter = new DeviceArbiter();
  const engine = new EngineProcess({
    events,
    log,
    modelIdOf: (path) => models.list().find((model) => model.path === path)?.id,
  });
  const jobs = new Jobs({
    ...{ database, events, engine, arbiter, library, models, settings, uploads, places },
    expand: prompts.expand,
    remember: (prompt) => prompts.remember(prompt),
    log,
  });
  const datasets = new Datasets(events);
  const training = new Training({
    ...{ database, events, engine, arbiter, models, settings, places, log },
    recipes: new Recipes(resourceFolder('recipes')),
  });
  const downloads = new Downloads({ database, events, places, settings, models });

  const snapshot = (): Snapshot => ({
    version: packageJson.version,
    platform: process.platform,
    mode,
    choices: choices(),
    engine: engine.state,
    jobs: jobs.list(),
    models: models.list(),
    downloads: downloads.list(),
    runs: training.list(),
    settings: settings.get(),
    library: { count: library.count, revision: library.revision },
    workspace: workspace.get(),
  });
  const session: HandlersOf<'session' | 'uploads'> = {
    'session.open': snapshot,
    'session.link': () => ({ url: requireLink(link)() }),
    'session.keep': ({ workspace: value }) => {
      workspace.keep(value);
      return {};
    },
    'uploads.settings': ({ uploadId }) => readDrawing(models)(uploads.fileOf(uploadId)),
  };

  for (const { message } of await models.scan()) log(message);
  training.start();
  jobs.start();
  downloads.start();
  return {
    handlers: {
      ...session,
      ...jobs.handlers,
      ...prompts.handlers,
      ...library.handlers,
      ...models.handlers,
      ...downloads.handlers,
      ...datasets.handlers,
      ...training.handlers,
      ...settings.handlers,
      ...filesHandlers({ places, settings }),
      ...devicesHandlers({ engine, arbiter, settings }),
      ...diagnosticsHandlers({ database, places, settings, engine, models, jobs: () => jobs.list() }),
    },
    events,
    log,
    files: {
      picture: (id) => library.fileOf(id),
      thumbnail: (id) => library.ensureThumbnail(id),
      preview: (jobId) => jobs.preview(jobId),
      draft: (id) => jobs.draft(id),
      sample: (name) => training.sample(name),
      datasetThumbnail: (name) => datasets.thumbnail(name),
      made: (name) => madeFile(places, name),
      receiveUpload: (stream, options) => uploads.receive(stream, options),
    },
    async close() {
      prompts.close();
      datasets.close();
      await training.close(); // a run saves first, for which it needs the engine
      await Promise.all([jobs.close(), engine.close(), downloads.close()]);
      closeDatabase(database, places.database);
    },
  };
}

function madeFile({ made }: Places, name: string): string {
  const path = join(made, basename(name));
  if (existsSync(path)) return path;
  throw new HdmError('bad-usage', name, 'there is no such file any more', 'Make it again');
}

function requireLink(link: (() => string) | undefined): () => string {
  if (link) return link;
  const advice = 'Start `hdm-studio serve` to use the studio from a browser';
  throw new HdmError('bad-usage', 'link', 'the desktop app is not reachable from browsers', advice);
}
