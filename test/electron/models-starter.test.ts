import { renameSync } from 'node:fs';
import { join } from 'node:path';
import { beforeEach, expect, it, vi } from 'vitest';
import { testFolder } from '../helpers/folder.ts';
import { writeTinyModel } from '../helpers/tiny-model.ts';
import { openShelf } from './models-fixture.ts';

/** Where the starter model lies: it moves when the studio is installed elsewhere. */
const place = vi.hoisted(() => ({ starter: '' }));
vi.mock('../../electron/host/resources.ts', () => ({ resourceFolder: () => place.starter }));

let data = '';
beforeEach(() => {
  data = join(testFolder(), 'data');
  place.starter = writeTinyModel(join(testFolder(), 'starter')).folder;
});

it('the model that comes with the studio is there at the first start, and chosen', async () => {
  const { shelf, settings } = openShelf(data);
  expect(await shelf.scan()).toEqual([]);
  expect(shelf.list()).toMatchObject([{ id: 'starter', name: 'HDM Starter', isOwned: false }]);
  expect(settings.get().modelId).toBe('starter');
});

it('it is the same one where the studio lies somewhere else', async () => {
  await openShelf(data).shelf.scan();
  renameSync(place.starter, `${place.starter} moved`);
  place.starter += ' moved';
  const { shelf } = openShelf(data);
  await shelf.scan();
  expect(shelf.list()).toMatchObject([{ id: 'starter', path: place.starter }]);
  expect(shelf.get('starter').problem).toBeUndefined();
});

it('it stays away when a person took it off the list', async () => {
  const first = openShelf(data).shelf;
  await first.scan();
  await first.handlers['models.remove']({ id: 'starter', deleteFiles: false });
  const second = openShelf(data).shelf;
  await second.scan();
  expect(second.list()).toEqual([]);
});

it('a studio without one starts as well', async () => {
  place.starter = join(testFolder(), 'none');
  const { shelf } = openShelf(data);
  expect(await shelf.scan()).toEqual([]);
  expect(shelf.list()).toEqual([]);
});
