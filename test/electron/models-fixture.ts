/** @file A shelf of models with an empty data folder of its own. */
import { join } from 'node:path';
import type { DatabaseSync } from 'node:sqlite';
import { onTestFinished } from 'vitest';
import type { Model } from '../../electron/contract.ts';
import { openDatabase } from '../../electron/host/database.ts';
import { Events } from '../../electron/host/events.ts';
import { ModelShelf } from '../../electron/host/models/models.ts';
import { openPlaces, type Places } from '../../electron/host/places.ts';
import { StoredSettings } from '../../electron/host/settings.ts';
import { Uploads } from '../../electron/host/uploads.ts';
import { testFolder } from '../helpers/folder.ts';

export interface ShelfOfTest {
  readonly shelf: ModelShelf;
  readonly places: Places;
  readonly database: DatabaseSync;
  readonly events: Events;
  readonly settings: StoredSettings;
  readonly uploads: Uploads;
  /** What windows were told, each time. */
  readonly told: Model[][];
}

/** Opened again with the same folder it is the same studio after a restart. `starter`: the model that came with it. */
export function openShelf(data = join(testFolder(), 'data'), starter?: string): ShelfOfTest {
  const places = openPlaces(data);
  const database = openDatabase(places.database);
  onTestFinished(() => database.close());
  const events = new Events();
  const told: Model[][] = [];
  events.listen((name, value) => {
    if (name === 'models') told.push(value as Model[]);
  });
  const settings = new StoredSettings({ database, events, places });
  const uploads = new Uploads({ places });
  const shelf = new ModelShelf({
    ...{ database, events, places, settings, uploads },
    ...(starter !== undefined && { starter }),
  });
  return { shelf, places, database, events, settings, uploads, told };
}
