import { existsSync, mkdirSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import type { DatabaseSync } from 'node:sqlite';
import { beforeEach, describe, expect, it, onTestFinished } from 'vitest';
import type { Download, Model } from '../../electron/contract.ts';
import { openDatabase } from '../../electron/host/database.ts';
import { Downloads, type DownloadsOptions } from '../../electron/host/downloads/downloads.ts';
import { Events } from '../../electron/host/events.ts';
import { openPlaces } from '../../electron/host/places.ts';
import { StoredSettings } from '../../electron/host/settings.ts';
import { HdmError } from '../../engine/errors.ts';
import { testFolder } from '../helpers/folder.ts';
import { waitFor } from '../helpers/wait.ts';
import { cutAfter, holdAfter, inPieces, sha256, status, TestHub, wholeFile } from './downloads-server.ts';

const WEIGHTS = Uint8Array.from({ length: 300_000 }, (_, index) => (index * 7919) >> 3);
const CONFIG = Buffer.from('{"dim": 32}');
const FILES = ['a.safetensors', 'config.json'];
const ETAG = '"one"';

let hub: TestHub;
let data = '';
/** What became models. */
let added: { path: string; options: object }[] = [];

beforeEach(async () => {
  hub = await TestHub.open(onTestFinished);
  hub.addRepository('me/tiny', {
    'a.safetensors': { bytes: WEIGHTS, etag: ETAG },
    'config.json': { bytes: CONFIG },
  });
  data = join(testFolder(), 'data');
  added = [];
});

describe('a download', () => {
  it('brings the files where models are, makes a model of them, and leaves nothing behind', async () => {
    const studio = open();
    const { id } = await begin(studio);
    const done = await studio.until(id, 'done');
    const folder = join(studio.places.models, 'tiny');
    expect(readFileSync(join(folder, 'a.safetensors')).equals(WEIGHTS)).toBe(true);
    expect(readFileSync(join(folder, 'config.json')).equals(CONFIG)).toBe(true);
    const totalBytes = WEIGHTS.length + CONFIG.length;
    expect(done).toMatchObject({ name: 'tiny', modelId: 'model-1', receivedBytes: totalBytes, totalBytes });
    expect(added).toEqual([{ path: folder, options: { name: 'tiny' } }]);
    expect(readdirSync(studio.places.downloads)).toEqual([]);
  });

  it('tells how far it is, and how fast', async () => {
    const studio = open();
    const released = Promise.withResolvers<void>();
    hub.next.push(holdAfter(100_000, released.promise));
    const { id } = await begin(studio);
    const half = await studio.untilTold((download) => download.receivedBytes === 100_000);
    expect(half.state).toBe('running');
    expect(half.bytesPerSecond).toBeGreaterThan(0);
    released.resolve();
    await studio.until(id, 'done');
  });

  it('tells windows of its bytes at most four times a second', async () => {
    const studio = open();
    hub.next.push(inPieces(300));
    const begun = performance.now();
    const { id } = await begin(studio, 'me/tiny', ['a.safetensors']);
    await studio.until(id, 'done');
    const states = 6; // began, ETag, checking, checked, where it goes, done
    expect(studio.told.length).toBeLessThanOrEqual(states + 2 + (4 * (performance.now() - begun)) / 1000);
    expect(studio.told.at(-1)![0]!.state).toBe('done');
  });

  it('of a folder that is there already goes beside it', async () => {
    const studio = open();
    mkdirSync(join(studio.places.models, 'tiny'));
    await studio.until((await begin(studio)).id, 'done');
    expect(added[0]!.path).toBe(join(studio.places.models, 'tiny (2)'));
  });

  it('of a plain address is one file', async () => {
    hub.files.set('/some/where/model.safetensors', { bytes: WEIGHTS, etag: `"${sha256(WEIGHTS)}"` });
    const studio = open();
    const address = `${hub.address}/some/where/model.safetensors`;
    await studio.until((await begin(studio, address, ['model.safetensors'])).id, 'done');
    expect(added).toEqual([{ path: join(studio.places.models, 'model.safetensors'), options: {} }]);
  });

  it('that is no model is done, with the reason, and its files stay', async () => {
    const studio = open({ refusal: new HdmError('bad-model', 'it', 'this is no model') });
    const done = await studio.until((await begin(studio)).id, 'done');
    expect(done.error).toEqual({ code: 'bad-model', message: 'it: this is no model.' });
    expect(existsSync(join(studio.places.models, 'tiny', 'a.safetensors'))).toBe(true);
  });

  it('is refused before anything is fetched when there is no room', async () => {
    hub.addRepository('me/huge', { 'a.safetensors': { bytes: WEIGHTS, saidSize: 10 ** 15 } });
    const studio = open();
    await expect(begin(studio, 'me/huge', ['a.safetensors'])).rejects.toThrow(
      /1000000 GB are needed, .* are free/,
    );
    expect(hub.fetched).toEqual([]);
    expect(studio.downloads.list()).toEqual([]);
  });

  it('fetches only the files that were chosen', async () => {
    const studio = open();
    await studio.until((await begin(studio, 'me/tiny', ['a.safetensors'])).id, 'done');
    expect(hub.fetched.map(({ path }) => path)).toEqual(['/me/tiny/resolve/main/a.safetensors']);
    await expect(begin(studio, 'me/tiny', ['../evil'])).rejects.toThrow(/no file "\.\.\/evil"/);
  });
});

describe('a connection that breaks', () => {
  it('is made again, and only what is missing comes, if it is the same file', async () => {
    const studio = open();
    hub.next.push(cutAfter(100_000, studio.has(100_000)), cutAfter(50_000, studio.has(150_000)));
    await studio.until((await begin(studio)).id, 'done');
    const [first, second, third] = hub.fetched;
    expect(first!.range).toBeUndefined();
    expect([second!.range, second!.ifRange]).toEqual(['bytes=100000-', ETAG]);
    expect([third!.range, third!.ifRange]).toEqual(['bytes=150000-', ETAG]);
    expect(modelFile(studio)).toEqual(sha256(WEIGHTS));
  });

  it('begins anew where the server knows no ranges', async () => {
    const studio = open();
    hub.next.push(cutAfter(100_000, studio.has(100_000)), wholeFile);
    await studio.until((await begin(studio)).id, 'done');
    expect(hub.fetched[1]!.range).toBe('bytes=100000-');
    expect(modelFile(studio)).toEqual(sha256(WEIGHTS));
  });

  it('begins anew where the file has changed', async () => {
    const changed = WEIGHTS.map((byte) => byte ^ 1);
    hub.addRepository('me/tiny', {
      'a.safetensors': { bytes: WEIGHTS, etag: ETAG, saidSha256: sha256(changed) },
    });
    const studio = open();
    hub.next.push((request, response, file) => {
      cutAfter(100_000, studio.has(100_000))(request, response, file);
      hub.files.set('/me/tiny/resolve/main/a.safetensors', { bytes: changed, etag: '"two"' });
    });
    await studio.until((await begin(studio, 'me/tiny', ['a.safetensors'])).id, 'done');
    expect(modelFile(studio)).toEqual(sha256(changed));
  });

  it('begins anew when the server says that there is nothing more', async () => {
    const studio = open();
    hub.next.push(cutAfter(100_000, studio.has(100_000)), status(416));
    await studio.until((await begin(studio)).id, 'done');
    expect(hub.fetched.slice(0, 3).map(({ range }) => range)).toEqual([
      undefined,
      'bytes=100000-',
      undefined,
    ]);
    expect(modelFile(studio)).toEqual(sha256(WEIGHTS));
  });

  it('is given up after some failures in a row; what has come is kept for another try', async () => {
    const studio = open();
    hub.next.push(cutAfter(100_000, studio.has(100_000)), status(503), status(503), status(503));
    const { id } = await begin(studio);
    const failed = await studio.until(id, 'failed');
    expect(failed.error).toEqual({ code: 'network', message: expect.stringMatching(/503/) as string });
    expect(failed.receivedBytes).toBe(100_000);
    await studio.downloads.handlers['downloads.resume']({ id });
    await studio.until(id, 'done');
    expect(hub.fetched.at(-2)!.range).toBe('bytes=100000-');
    expect(studio.downloads.list()[0]!.error).toBeUndefined();
  });

  it('to a server that is not there is told in words', async () => {
    const studio = open({
      fetch: () => Promise.reject(new TypeError('fetch failed', { cause: { code: 'ENOTFOUND' } })),
    });
    await expect(begin(studio)).rejects.toThrow(/the connection failed \(ENOTFOUND\).*Check the connection/);
  });
});

describe('a download that a person stops', () => {
  it('waits, also over a restart, until they go on', async () => {
    const first = open();
    hub.next.push(holdAfter(100_000, new Promise(() => {})));
    const { id } = await begin(first);
    await first.has(100_000)();
    await first.downloads.handlers['downloads.pause']({ id });
    expect(first.downloads.list()[0]!.state).toBe('paused');
    await first.downloads.close();

    const second = open();
    second.downloads.start();
    await second.has(100_000)();
    expect(second.downloads.list()[0]!.state).toBe('paused');
    expect(hub.fetched).toHaveLength(1);
    await second.downloads.handlers['downloads.resume']({ id });
    await second.until(id, 'done');
    expect(hub.fetched[1]!.range).toBe('bytes=100000-');
    expect(modelFile(second)).toEqual(sha256(WEIGHTS));
  });

  it('leaves nothing when they remove it', async () => {
    const studio = open();
    hub.next.push(holdAfter(100_000, new Promise(() => {})));
    const { id } = await begin(studio);
    await studio.has(100_000)();
    await studio.downloads.handlers['downloads.remove']({ id });
    expect(studio.downloads.list()).toEqual([]);
    expect(readdirSync(studio.places.downloads)).toEqual([]);
    expect(readdirSync(studio.places.models)).toEqual([]);
    expect(open().downloads.list()).toEqual([]);
  });

  it('is the same one when it is asked for again', async () => {
    const studio = open();
    hub.next.push(holdAfter(100_000, new Promise(() => {})));
    const { id } = await begin(studio);
    await studio.has(100_000)();
    await studio.downloads.handlers['downloads.pause']({ id });
    expect((await begin(studio)).id).toBe(id);
    await studio.until(id, 'done');
    expect(studio.downloads.list()).toHaveLength(1);
  });
});

it('a download that ran when the host ended goes on at the next start', async () => {
  const first = open();
  hub.next.push(holdAfter(100_000, new Promise(() => {})));
  const { id } = await begin(first);
  await first.has(100_000)();
  await first.downloads.close();

  const second = open();
  expect(hub.fetched).toHaveLength(1);
  second.downloads.start();
  await second.until(id, 'done');
  expect([hub.fetched[1]!.range, hub.fetched[1]!.ifRange]).toEqual(['bytes=100000-', ETAG]);
  expect(modelFile(second)).toEqual(sha256(WEIGHTS));
});

it('a download whose files were moved before the host was killed is not fetched again', async () => {
  const first = open();
  const { id } = await begin(first);
  await first.until(id, 'done');
  first.database.prepare(`UPDATE downloads SET state = 'checking', model_id = NULL`).run();
  const requests = hub.requests.length;
  const second = open();
  second.downloads.start();
  expect(await second.until(id, 'done')).toMatchObject({ modelId: 'model-1' });
  expect(hub.requests).toHaveLength(requests);
});

describe('a file that is not what it should be', () => {
  it('is deleted when its SHA-256 is another one, and both are told', async () => {
    const wrong = '0'.repeat(64);
    hub.addRepository('me/tiny', { 'a.safetensors': { bytes: WEIGHTS, saidSha256: wrong } });
    const studio = open();
    const { id } = await begin(studio, 'me/tiny', ['a.safetensors']);
    const failed = await studio.until(id, 'failed');
    expect(failed.error?.message).toContain(sha256(WEIGHTS));
    expect(failed.error?.message).toContain(wrong);
    expect(failed.error?.code).toBe('bad-file');
    expect(existsSync(join(studio.places.downloads, id, '0.part'))).toBe(false);
    expect(added).toEqual([]);
    expect(readdirSync(studio.places.models)).toEqual([]);
  });

  it('is refused when it has another size', async () => {
    hub.addRepository('me/tiny', { 'a.safetensors': { bytes: WEIGHTS, saidSize: 1_000 } });
    const studio = open();
    const failed = await studio.until((await begin(studio, 'me/tiny', ['a.safetensors'])).id, 'failed');
    expect(failed.error?.message).toMatch(/expected 1000 bytes of a\.safetensors, the server gives 300000/);
    expect(added).toEqual([]);
  });

  it('is refused when it never ends', async () => {
    hub.addRepository('me/tiny', { 'a.safetensors': { bytes: WEIGHTS, saidSize: 200_000 } });
    hub.next.push((_request, response, { bytes }) => {
      response.write(bytes); // without a length
      response.end();
    });
    const studio = open();
    const failed = await studio.until((await begin(studio, 'me/tiny', ['a.safetensors'])).id, 'failed');
    expect(failed.error?.message).toMatch(/expected 200000 bytes/);
    expect(statSync(join(studio.places.downloads, failed.id, '0.part')).size).toBeLessThanOrEqual(200_000);
  });

  it.each([
    [
      'a web page',
      status(200, { 'content-type': 'text/html; charset=utf-8' }, '<p>log in'),
      /a web page came/,
    ],
    ['a refusal', status(403), /wants a login/],
    ['nothing', status(404), /nothing at this address/],
    ['a redirect to an unsafe place', status(302, { location: 'http://example.com/x' }), /only https/],
  ])('is refused in words when %s comes', async (_what, answer, words) => {
    hub.next.push(answer);
    const studio = open();
    const failed = await studio.until((await begin(studio)).id, 'failed');
    expect(failed.error).toEqual({
      code: expect.any(String) as string,
      message: expect.stringMatching(words) as string,
    });
    expect(hub.fetched).toHaveLength(1);
  });
});

interface Opened {
  readonly downloads: Downloads;
  readonly places: ReturnType<typeof openPlaces>;
  readonly database: DatabaseSync;
  readonly told: Download[][];
  /** Waits for the state of a download; fails when it comes to another end. */
  until(id: string, state: Download['state']): Promise<Download>;
  untilTold(isIt: (download: Download) => boolean): Promise<Download>;
  /** What waits until so many bytes have come. */
  has(bytes: number): () => Promise<unknown>;
}

/** A host with the data folder of the test; opened again it is the host after a restart. */
function open({ refusal, fetch }: { refusal?: Error; fetch?: DownloadsOptions['fetch'] } = {}): Opened {
  const places = openPlaces(data);
  const database = openDatabase(places.database);
  const events = new Events();
  const settings = new StoredSettings({ database, events, places });
  settings.change({ hubAddress: hub.address });
  const models = {
    addAll(path: string, options: object) {
      if (refusal) throw refusal;
      added.push({ path, options });
      return [{ id: 'model-1' } as Model];
    },
  };
  const told: Download[][] = [];
  events.listen((name, value) => {
    if (name === 'downloads') told.push(value as Download[]);
  });
  const downloads = new Downloads({
    ...{ database, events, places, settings, models },
    ...(fetch && { fetch }),
    retryDelaysMs: [1, 1, 1],
  });
  onTestFinished(async () => {
    await downloads.close();
    database.close();
  });
  const untilTold = (isIt: (download: Download) => boolean): Promise<Download> =>
    waitFor(() => {
      const found = downloads.list().find(isIt);
      if (!found) throw new Error(`not yet: ${JSON.stringify(downloads.list())}`);
      return found;
    });
  const until = async (id: string, state: Download['state']): Promise<Download> => {
    const ended = await untilTold((each) => each.id === id && ['done', 'failed'].includes(each.state));
    expect(ended.error?.message ?? '').toEqual(state === 'failed' || refusal ? expect.anything() : '');
    expect(ended.state).toBe(state);
    return ended;
  };
  const has = (bytes: number) => () => untilTold(({ receivedBytes }) => receivedBytes === bytes);
  return { downloads, places, database, told, until, untilTold, has };
}

function begin({ downloads }: Opened, address = 'me/tiny', files = FILES): Promise<Download> {
  return downloads.handlers['downloads.start']({ address, files }) as Promise<Download>;
}

/** SHA-256 of what became the model. */
function modelFile({ places }: Opened): string {
  return sha256(readFileSync(join(places.models, 'tiny', 'a.safetensors')));
}
