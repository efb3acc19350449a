import { chmodSync, existsSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { settings as schema, type Settings } from '../../electron/contract.ts';
import { openDatabase } from '../../electron/host/database.ts';
import { Events } from '../../electron/host/events.ts';
import { openPlaces } from '../../electron/host/places.ts';
import { StoredSettings, type SettingsPatch } from '../../electron/host/settings.ts';
import { Workspace } from '../../electron/host/workspace.ts';
import { errorOf } from '../image/samples.ts';
import { testFolder } from '../helpers/folder.ts';

const isRoot = process.getuid?.() === 0;

describe('settings', () => {
  it('are the usual ones at first, and fit the contract', () => {
    const { settings, places } = store();
    const usual = settings.get();
    expect(schema.parse(usual)).toEqual({
      language: 'system',
      theme: 'system',
      device: 'auto',
      precision: 'auto',
      picturesFolder: places.pictures,
      modelsFolder: places.models,
      format: 'png',
      showPreviews: true,
      wildcardFolder: places.wildcards,
      hubAddress: 'https://huggingface.co',
      shortcuts: {},
      isWelcomed: false,
      isToured: false,
    });
  });

  it('are kept for the next start, and told to every window', () => {
    const { settings, told, again } = store();
    const changed = settings.change({ theme: 'dark', shortcuts: { generate: 'Ctrl+G' }, modelId: 'm1' });
    expect(changed).toMatchObject({ theme: 'dark', shortcuts: { generate: 'Ctrl+G' }, modelId: 'm1' });
    expect(told).toEqual([changed]);
    expect(settings.get()).toEqual(changed);
    expect(again().get()).toEqual(changed);
  });

  it('that are optional are taken away by null, and left by undefined', () => {
    const { settings, again } = store();
    settings.change({ modelId: 'm1' });
    expect(settings.change({ modelId: undefined, theme: 'dark' }).modelId).toBe('m1');
    expect('modelId' in settings.change({ modelId: null })).toBe(false);
    expect('modelId' in again().get()).toBe(false);
  });

  it('that cannot be read any more are as usual, without spoiling the others', () => {
    const { settings, database, again } = store();
    settings.change({ theme: 'dark', format: 'webp', language: 'ja' });
    const spoil = database.prepare('UPDATE settings SET value = ? WHERE key = ?');
    spoil.run('"purple"', 'theme');
    spoil.run('{"half', 'format');
    database.prepare(`INSERT INTO settings VALUES ('ofANewerVersion', '1'), ('shortcuts', '[1]')`).run();
    expect(again().get()).toMatchObject({ theme: 'system', format: 'png', language: 'ja', shortcuts: {} });
    expect(again().get()).not.toHaveProperty('ofANewerVersion');
  });

  it('make a folder that is missing, and leave nothing in it', () => {
    const { settings } = store();
    const folder = join(testFolder(), 'new', 'pictures');
    settings.change({ picturesFolder: folder });
    expect(settings.get().picturesFolder).toBe(folder);
    expect(readdirSync(folder)).toEqual([]);
  });

  it.each(['picturesFolder', 'modelsFolder', 'wildcardFolder'] as const)(
    'refuse a %s that cannot be one, and say which',
    async (key) => {
      const { settings } = store();
      const file = join(testFolder(), 'a file');
      writeFileSync(file, '');
      for (const [path, code, culprit] of [
        [file, 'disk', file],
        [join(file, 'below'), 'disk', file],
        ['relative/folder', 'bad-usage', 'relative/folder'],
      ] as const) {
        const before = settings.get();
        const error = await errorOf(() => settings.change({ theme: 'dark', [key]: path }));
        expect(error).toMatchObject({ code, message: expect.stringContaining(`${culprit}: `) as string });
        expect(settings.get()).toEqual(before);
      }
    },
  );

  it.skipIf(isRoot)('refuse a folder that may not be written to (nothing is forbidden to root)', async () => {
    const { settings } = store();
    const folder = testFolder();
    chmodSync(folder, 0o500);
    const error = await errorOf(() => settings.change({ picturesFolder: folder }));
    expect(error).toMatchObject({ code: 'disk', message: expect.stringContaining(folder) as string });
  });

  it('refuse a tag file that is none and an address that is none', async () => {
    const { settings } = store();
    const wrong: SettingsPatch[] = [
      { tagFile: join(testFolder(), 'missing.csv') },
      { tagFile: testFolder() },
      { tagFile: 'tags.csv' },
      { hubAddress: 'huggingface.co' },
      { hubAddress: 'file:///etc/passwd' },
    ];
    for (const patch of wrong) expect(await errorOf(() => settings.change(patch))).toBeDefined();
    const file = join(testFolder(), 'tags.csv');
    writeFileSync(file, 'cat,0,1,');
    expect(settings.change({ tagFile: file, hubAddress: 'http://127.0.0.1:8080/hub' })).toMatchObject({
      tagFile: file,
      hubAddress: 'http://127.0.0.1:8080/hub',
    });
    expect('tagFile' in settings.change({ tagFile: null })).toBe(false);
  });

  it('do not make folders when another part of the change is wrong', async () => {
    const { settings } = store();
    const folder = join(testFolder(), 'new');
    await errorOf(() => settings.change({ picturesFolder: folder, hubAddress: 'nothing' }));
    expect(existsSync(folder)).toBe(false);
  });
});

describe('the workspace', () => {
  it('is null at first, and then what was kept last, also after a restart', () => {
    const { database } = store();
    expect(new Workspace(database).get()).toBeNull();
    new Workspace(database).keep({ prompt: 'a 猫', open: ['library'] });
    new Workspace(database).keep({ prompt: 'two' });
    expect(new Workspace(database).get()).toEqual({ prompt: 'two' });
    new Workspace(database).keep(undefined);
    expect(new Workspace(database).get()).toBeNull();
  });

  it('is refused above 256 KiB, and keeps what was there', async () => {
    const { database } = store();
    const workspace = new Workspace(database);
    workspace.keep('x'.repeat(256 * 1024 - 2));
    expect((await errorOf(() => workspace.keep('x'.repeat(256 * 1024)))).code).toBe('bad-usage');
    expect(workspace.get()).toHaveLength(256 * 1024 - 2);
  });

  it('that is damaged is empty', () => {
    const { database } = store();
    database.prepare(`INSERT INTO settings VALUES ('workspace', '{"half')`).run();
    expect(new Workspace(database).get()).toBeNull();
  });

  it('and the settings leave each other alone', () => {
    const { database, settings, again } = store();
    new Workspace(database).keep({ theme: 'purple' });
    settings.change({ theme: 'dark' });
    expect(new Workspace(database).get()).toEqual({ theme: 'purple' });
    expect(again().get()).not.toHaveProperty('workspace');
  });
});

function store() {
  const places = openPlaces(testFolder());
  const database = openDatabase(places.database);
  const events = new Events();
  const told: Settings[] = [];
  events.listen((name, value) => {
    if (name === 'settings') told.push(value as Settings);
  });
  const again = () => new StoredSettings({ database, events, places });
  return { places, database, told, settings: again(), again };
}
