import { renameSync } from 'node:fs';
import { join } from 'node:path';
import { beforeEach, expect, it } from 'vitest';
import { testFolder } from '../helpers/folder.ts';
import { writeTinyModel } from '../helpers/tiny-model.ts';
import { openShelf } from './models-fixture.ts';

/** Where the starter model lies: it moves when the studio is installed elsewhere. */
let starter = '';
let data = '';
beforeEach(() => {
  data = join(testFolder(), 'data');
  starter = writeTinyModel(join(testFolder(), 'starter')).folder;
});

it('the model that comes with the studio is there at the first start, and chosen', async () => {
  const { shelf, settings } = openShelf(data, starter);
  expect(await shelf.scan()).toEqual([]);
  expect(shelf.list()).toMatchObject([{ id: 'starter', name: 'HDM Starter', isOwned: false }]);
  expect(settings.get().modelId).toBe('starter');
});

it('it is the same one where the studio lies somewhere else', async () => {
  await openShelf(data, starter).shelf.scan();
  renameSync(starter, `${starter} moved`);
  starter += ' moved';
  const { shelf } = openShelf(data, starter);
  await shelf.scan();
  expect(shelf.list()).toMatchObject([{ id: 'starter', path: starter }]);
  expect(shelf.get('starter').problem).toBeUndefined();
});

it('it stays away when a person took it off the list', async () => {
  const first = openShelf(data, starter).shelf;
  await first.scan();
  await first.handlers['models.remove']({ id: 'starter', deleteFiles: false });
  const second = openShelf(data, starter).shelf;
  await second.scan();
  expect(second.list()).toEqual([]);
});

it('a studio without one starts as well', async () => {
  starter = join(testFolder(), 'none');
  const { shelf } = openShelf(data, starter);
  expect(await shelf.scan()).toEqual([]);
  expect(shelf.list()).toEqual([]);
});
