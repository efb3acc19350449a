import { mkdirSync, readFileSync } from 'node:fs';
import { homedir, tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { beforeEach, describe, expect, it, onTestFinished } from 'vitest';
import { PLACES, type Job, type Model } from '../../electron/contract.ts';
import { openDatabase } from '../../electron/host/database.ts';
import { diagnosticsHandlers } from '../../electron/host/diagnostics.ts';
import { Events } from '../../electron/host/events.ts';
import { openLog } from '../../electron/host/log.ts';
import type { Engine, Models } from '../../electron/host/parts.ts';
import { openPlaces, type Places } from '../../electron/host/places.ts';
import { PrivateWords, withoutPerson } from '../../electron/host/private-words.ts';
import { StoredSettings } from '../../electron/host/settings.ts';
import { saveImage } from '../../engine/image/save.ts';
import { testFolder } from '../helpers/folder.ts';
import { unzipped } from '../helpers/zip.ts';
import { DRAWING } from './fakes.ts';

/** Words of prompts, tags, folders: none of them may be in a file made without consent. */
const SECRETS = ['zebrafish', 'Quetzal', 'umbrella', 'rosewood', 'grandma', 'lighthouse', '狐', '雪'];
const PROMPT = 'a Quetzal under an umbrella, {rosewood|oak} frame, 雪の中の狐';
const NEGATIVE = 'zebrafish';
const FILE = '2026-01/2026-01-31-a-Quetzal-under-an-umbrella-7-0a1b2c.png';

let places: Places;
let studio: ReturnType<typeof open>;
beforeEach(async () => {
  places = openPlaces(testFolder());
  studio = open();
  await studio.addPicture();
});

describe('diagnostics without consent', () => {
  it('hold nothing of prompts, tags, folders and names of pictures, wherever they were written', async () => {
    const files = await studio.make({ withPrompts: false, withPictures: false });
    const names = [
      'studio.json',
      'settings.json',
      'engine.json',
      'models.json',
      'failed-jobs.json',
      'log.txt',
    ];
    expect([...files.keys()]).toEqual(names);
    const everything = [...files].flat().join('\n').toLowerCase();
    for (const secret of SECRETS) expect(everything).not.toContain(secret.toLowerCase());
    expect(everything).not.toContain(encodeURIComponent('狐').toLowerCase());
    expect(everything).not.toContain('\\u72d0');
    expect(everything).not.toContain(homedir() === '/' ? '\u0000' : `${homedir()}/`.toLowerCase());
  });

  it('still tell what happened', async () => {
    const files = await studio.make({ withPrompts: false, withPictures: false });
    const log = files.get('log.txt')!;
    expect(log).toContain('engine: process 4711 is ready');
    expect(log).toMatch(/▒▒▒\.png: the disk is full/);
    expect(log).toContain('device cpu: out of memory at step 12 of 32');
    const [job] = JSON.parse(files.get('failed-jobs.json')!) as [Record<string, unknown>];
    expect(job).toMatchObject({ code: 'disk', drawing: { width: 64, steps: 4, sampler: 'euler' } });
    expect(JSON.parse(files.get('models.json')!)).toMatchObject([
      { name: 'Tiny', problem: expect.stringMatching(/^~/) as string },
    ]);
    expect(JSON.parse(files.get('engine.json')!)).toMatchObject({ devices: [{ device: 'cpu' }] });
    expect(JSON.parse(files.get('settings.json')!)).toMatchObject({ device: 'auto' });
    expect(JSON.parse(files.get('studio.json')!)).toMatchObject({ node: process.version });
  });

  it('may hold pictures, whose settings are taken out', async () => {
    const files = await studio.make({ withPrompts: false, withPictures: true });
    const picture = files.get('pictures/picture-1.png')!;
    expect(picture.slice(0, 8)).toContain('PNG');
    expect(readFileSync(join(places.pictures, FILE), 'latin1')).toContain('umbrella');
    for (const secret of SECRETS) expect(picture).not.toContain(secret);
  });
});

describe('diagnostics with consent', () => {
  it('hold the prompts of what failed, the log as it is, and the pictures as they are', async () => {
    const files = await studio.make({ withPrompts: true, withPictures: true });
    expect(files.get('failed-jobs.json')).toContain('Quetzal');
    expect(files.get('log.txt')).toContain('umbrella');
    expect(files.get('pictures/picture-1.png')).toBe(readFileSync(join(places.pictures, FILE), 'latin1'));
  });

  it('are made also while the engine cannot be asked', async () => {
    studio.engine.devices = () => Promise.reject(new Error('it is gone'));
    const files = await studio.make({ withPrompts: true, withPictures: false });
    expect(JSON.parse(files.get('engine.json')!)).toMatchObject({
      devices: expect.stringMatching(/it is gone/) as string,
    });
  });
});

describe('private words', () => {
  const words = new PrivateWords();
  words.add('Red_Fox, the picture of Zoë, 1girl, 猫が好き, 12345678');

  it.each([
    ['a red fox', 'a ▒▒▒ ▒▒▒'],
    ['RED-FOX.', '▒▒▒-▒▒▒.'],
    ['foxes and redder', 'foxes and redder'],
    ['the picture of memory', 'the picture of memory'],
    ['zoe\u0308', '▒▒▒'],
    ['1girl 12345678 1234', '▒▒▒ ▒▒▒ 1234'],
    ['黒い猫が', '▒▒▒'],
    ['磁盘已满', '磁盘已满'],
    ['/x/2026-a-red.png is', '/x/▒▒▒.png is'],
    ['%E7%8C%AB%E3%81%8C %zz', '▒▒▒ %zz'],
    ['"\\u732b\\u304c"', '"▒▒▒"'],
  ])('%j becomes %j', (text, hidden) => {
    expect(words.hide(text)).toBe(hidden);
  });

  it('the folder of the person is left out', () => {
    expect(withoutPerson(`${homedir()}/x and ${JSON.stringify(join(homedir(), 'y'))}`)).toBe('~/x and "~/y"');
    expect(withoutPerson(tmpdir())).toBe(tmpdir());
  });
});

function open() {
  const database = openDatabase(places.database);
  onTestFinished(() => database.close());
  const settings = new StoredSettings({ database, events: new Events(), places });
  const log = openLog(places.logs);
  log('engine: process 4711 is ready');
  log(`job 1 failed: ${join(places.pictures, FILE)}: the disk is full`);
  log('device cpu: out of memory at step 12 of 32');
  log(
    `GET /files/pictures/x/${encodeURIComponent('雪の中の狐-7.png')} took long; asked for "${PROMPT}", not "${NEGATIVE}"`,
  );
  log(`{"text":"\\u96ea\\u306e\\u4e2d\\u306e\\u72d0", "tag":"grandma"} near the lighthouse`);
  const engine: Pick<Engine, 'state' | 'devices'> = {
    state: { state: 'restarting', error: { code: 'device', message: `it ended while drawing "${PROMPT}"` } },
    devices: async () => [{ device: 'cpu', isAvailable: true, reason: 'always works' }],
  };
  const model: Model = {
    ...{ id: 'model-1', kind: 'model', name: 'Tiny', path: join(homedir(), 'tiny'), sizeBytes: 1, parts: [] },
    ...{ problem: `${join(homedir(), 'tiny')} is gone`, isOwned: false },
  };
  const job: Job = {
    ...{ id: 'job-1', groupId: 'group', state: 'failed', prompt: 'a Quetzal in rosewood', createdAt: 0 },
    drawing: { ...DRAWING, prompt: PROMPT, negativePrompt: NEGATIVE },
    error: { code: 'disk', message: `${join(places.pictures, FILE)}: the disk is full. Free some space.` },
  };
  database
    .prepare(
      `INSERT INTO jobs (id, group_id, state, position, drawing, prompt, negative_prompt, file, created_at)
       VALUES ('job-1', 'group', 'failed', 1, ?, ?, ?, ?, 0)`,
    )
    .run(JSON.stringify(job.drawing), job.prompt, NEGATIVE, FILE);
  database.prepare(`INSERT INTO folders (name) VALUES ('grandma')`).run();
  const workspace = JSON.stringify({ form: { prompt: 'the lighthouse' } });
  database.prepare(`INSERT INTO settings (key, value) VALUES ('workspace', ?)`).run(workspace);

  const handlers = diagnosticsHandlers({
    ...{ database, places, settings, engine: engine as Engine, jobs: () => [job] },
    models: { list: () => [model] } as unknown as Models,
  });
  return {
    engine,
    async addPicture() {
      const file = join(places.pictures, FILE);
      mkdirSync(dirname(file), { recursive: true });
      const {
        camera,
        guidanceInterval,
        modelId: _id,
        adapters: _adapters,
        from: _from,
        ...rest
      } = job.drawing;
      await saveImage(
        file,
        { width: 64, height: 64, data: new Uint8Array(64 * 64 * 3) },
        {
          ...{ version: 1, app: 'hdm-studio', appVersion: '0', ...camera, guidanceInterval, adapters: [] },
          ...{
            ...rest,
            schedule: { name: 'uniform' },
            model: { name: 'Tiny' },
            precision: 'f32',
            device: 'cpu',
          },
        },
      );
      database
        .prepare(
          `INSERT INTO pictures (id, file, width, height, prompt, negative_prompt, seed, model_name, created_at)
           VALUES ('picture-1', ?, 64, 64, ?, ?, 7, 'Tiny', 0)`,
        )
        .run(FILE, PROMPT, NEGATIVE);
    },
    async make(consent: { withPrompts: boolean; withPictures: boolean }): Promise<Map<string, string>> {
      const { url } = await handlers['diagnostics.make'](consent);
      expect(url.startsWith(PLACES.downloads)).toBe(true);
      return unzipped(readFileSync(join(places.made, url.slice(PLACES.downloads.length))));
    },
  };
}
