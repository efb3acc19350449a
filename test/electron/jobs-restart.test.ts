import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync, readdirSync, statSync, truncateSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it, onTestFinished } from 'vitest';
import { decodeImage } from '../../engine/image/pixels.ts';
import { readSettings } from '../../engine/image/restore.ts';
import { testFolder } from '../helpers/folder.ts';
import { DRAWING, TestHost, writePicture } from './fakes.ts';
import type { KillPoint } from './jobs-child.ts';

const CHILD = fileURLToPath(new URL('./jobs-child.ts', import.meta.url));

describe('a host that was killed while it drew the second of four pictures', () => {
  it.each<KillPoint>(['denoising', 'half-written'])(
    'and it was %s: draws the others and offers that one again',
    async (point) => {
      const host = await killedAt(point);
      host.jobs.start();
      await host.idle();
      expect(host.states().sort()).toEqual(['10 done', '7 done', '8 interrupted', '9 done']);
      await expectPictures(host, [7, 9, 10]);
      const { id } = host.jobs.list().find(({ state }) => state === 'interrupted')!;
      await host.call['jobs.retry']({ ids: [id] });
      await host.idle();
      expect(host.states().sort()).toEqual(['10 done', '7 done', '8 done', '9 done']);
      await expectPictures(host, [7, 8, 9, 10]);
    },
  );

  it.each<KillPoint>(['written', 'told'])('and it was %s: keeps it and draws the others', async (point) => {
    const host = await killedAt(point);
    host.jobs.start();
    await host.idle();
    expect(host.engine.tasks.map(({ request }) => request.seed)).toEqual([9, 10]);
    expect(host.states().sort()).toEqual(['10 done', '7 done', '8 done', '9 done']);
    await expectPictures(host, [7, 8, 9, 10]);
  });
});

describe('starting again', () => {
  it('offers a job again whose file is damaged, and leaves that file alone', async () => {
    const folder = testFolder();
    const first = open(folder);
    first.settings.change({ format: 'jpg' }); // its settings come first: only the pixels are cut off
    const begun = Promise.withResolvers<void>();
    first.engine.onDraw = async (task) => {
      await writePicture(task);
      truncateSync(task.file, statSync(task.file).size - 50);
      await expect(readSettings(task.file)).resolves.toBeDefined();
      begun.resolve();
      await new Promise(() => {});
    };
    await first.call['jobs.add']({ drawing: DRAWING, count: 1 });
    await begun.promise;
    await first.close();

    const second = open(folder);
    second.database.exec(`UPDATE jobs SET state = 'running'`); // as if nobody had closed it
    second.jobs.start();
    await second.idle();
    expect(second.states()).toEqual(['7 interrupted']);
    await second.call['jobs.retry']({ ids: [second.jobs.list()[0]!.id] });
    await second.idle();
    expect(second.states()).toEqual(['7 done']);
    expect(second.library.files()).not.toContain(first.engine.tasks[0]!.file);
    expect(existsSync(first.engine.tasks[0]!.file)).toBe(true);
  });

  it('goes on with what was queued, in its order, after the studio was closed in the middle', async () => {
    const folder = testFolder();
    const first = open(folder);
    const begun = Promise.withResolvers<void>();
    first.engine.onDraw = async () => {
      begun.resolve();
      await new Promise(() => {});
    };
    const { jobIds } = await first.call['jobs.add']({ drawing: DRAWING, count: 3 });
    await begun.promise;
    await first.call['jobs.move']({ id: jobIds[2]!, before: jobIds[1]! });
    await first.close();

    const second = open(folder);
    expect(second.states()).toEqual(['9 queued', '8 queued', '7 interrupted']);
    second.jobs.start();
    await second.idle();
    expect(second.engine.tasks.map(({ request }) => request.seed)).toEqual([9, 8]);
  });

  it('has the pictures to begin from of jobs that wait, and drops those that nobody needs', async () => {
    const folder = testFolder();
    const first = open(folder);
    await first.uploads.receive('photo', Buffer.from('a photo'));
    const begun = Promise.withResolvers<void>();
    first.engine.onDraw = async () => {
      begun.resolve();
      await new Promise(() => {});
    };
    const from = { image: { kind: 'upload' as const, id: 'photo' }, strength: 0.5 };
    await first.call['jobs.add']({ drawing: { ...DRAWING, from }, count: 2 });
    await begun.promise;
    await first.close();
    const sources = join(first.places.data, 'sources');
    mkdirSync(join(sources, 'nobody'));
    writeFileSync(join(sources, 'nobody', 'photo'), '');

    const second = open(folder);
    second.jobs.start();
    await second.idle();
    expect(second.engine.tasks[0]!.from!.path.startsWith(sources)).toBe(true);
    expect(existsSync(second.engine.tasks[0]!.from!.path)).toBe(true);
    expect(readdirSync(sources)).toHaveLength(1);
  });
});

/** Jobs in the folder that a killed host left; not started. */
async function killedAt(point: KillPoint): Promise<TestHost> {
  const folder = testFolder();
  const child = spawn(process.execPath, [CHILD, folder, point], { stdio: ['ignore', 'ignore', 'inherit'] });
  const [code] = (await once(child, 'exit')) as [number | null];
  expect(code).not.toBe(0);
  return open(folder);
}

/** Nothing lost, nothing doubled: one whole file for each seed, all in the library, and no other file. */
async function expectPictures(host: TestHost, seeds: readonly number[]): Promise<void> {
  const files = host.library.files();
  const colours = await Promise.all(files.map(async (file) => (await decodeImage(file)).data[0]));
  expect(colours.sort((a, b) => a! - b!)).toEqual(seeds);
  const folder = dirname(files[0]!);
  const found = readdirSync(folder).map((name) => join(folder, name));
  expect(found.sort()).toEqual(files.toSorted());
}

function open(folder: string): TestHost {
  const host = new TestHost(folder);
  onTestFinished(() => host.close());
  return host;
}
