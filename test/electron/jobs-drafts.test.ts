import { describe, expect, it, onTestFinished } from 'vitest';
import { PLACES } from '../../electron/contract.ts';
import { reduceDrawing } from '../../electron/host/jobs/drafts.ts';
import { HdmError } from '../../engine/errors.ts';
import { testFolder } from '../helpers/folder.ts';
import { DRAWING, TestHost } from './fakes.ts';

describe('reduceDrawing', () => {
  it.each([
    ['half of a large one', [1024, 1024], [512, 512]],
    ['half of each side', [1536, 640], [768, 320]],
    ['sides that are multiples of 16', [1040, 1024], [528, 512]],
    ['no side shorter than 256', [496, 1024], [496, 1024]],
    ['nothing larger than asked for', [64, 128], [64, 128]],
    ['a short side as it is', [2048, 96], [2048, 96]],
  ])('makes %s', (_what, [width, height], [smallWidth, smallHeight]) => {
    const small = reduceDrawing({ ...DRAWING, width: width!, height: height! });
    expect([small.width, small.height]).toEqual([smallWidth, smallHeight]);
  });

  it('takes few steps of the simplest sampler and keeps the rest', () => {
    const drawing = {
      ...DRAWING,
      width: 256,
      height: 256,
      steps: 32,
      sampler: 'heun',
      schedule: { name: 'shifted', shift: 2 },
      guidanceScale: 4,
      camera: { xShift: 0.5, yShift: 0, zoom: 2 },
    };
    expect(reduceDrawing(drawing)).toEqual({
      ...drawing,
      steps: 6,
      sampler: 'euler',
    });
    expect(reduceDrawing({ ...drawing, steps: 4 }).steps).toBe(4);
  });
});

describe('drafts', () => {
  it('are small pictures at an address, of which the last few are kept', async () => {
    const host = open();
    const drawing = { ...DRAWING, width: 1024, height: 512 };
    const drafts = [];
    for (let i = 0; i < 6; i++) drafts.push((await host.call['drafts.draw']({ drawing }))!);
    const ids = drafts.map(({ url }) => url.slice(PLACES.drafts.length, -'.webp'.length));
    expect(drafts[0]).toEqual({ url: `${PLACES.drafts}${ids[0]}.webp`, width: 512, height: 256 });
    expect(host.jobs.draft(ids.at(-1)!)).toEqual(Uint8Array.of(32, 16));
    expect(host.jobs.draft(ids[0]!)).toBeUndefined();
    expect(host.library.count).toBe(0);
  });

  it('refuse what cannot be drawn, in the words of what was asked', async () => {
    const host = open();
    const draw = host.call['drafts.draw']({ drawing: { ...DRAWING, width: 1000 } });
    await expect(draw).rejects.toThrow('the width must be a multiple of 16 from 64 to 2048, got 1000');
  });

  it('tell what the engine refuses', async () => {
    const host = open();
    host.engine.onDraft = () => {
      throw new HdmError('device', 'engine', 'out of memory');
    };
    await expect(host.call['drafts.draw']({ drawing: DRAWING })).rejects.toThrow('out of memory');
    host.engine.onDraft = () => {};
    expect(await host.call['drafts.draw']({ drawing: DRAWING })).not.toBeNull();
  });

  it('wait for the picture that is drawn, go before the next, and only the newest waits', async () => {
    const host = open();
    const begun = Promise.withResolvers<void>();
    const end = Promise.withResolvers<void>();
    const order: string[] = [];
    host.engine.onDraw = async ({ request }) => {
      order.push(`picture ${request.seed}`);
      begun.resolve();
      await end.promise;
    };
    host.engine.onDraft = ({ request }) => void order.push(`draft ${request.seed}`);
    await host.call['jobs.add']({ drawing: DRAWING, count: 2 });
    await begun.promise;
    const older = host.call['drafts.draw']({ drawing: { ...DRAWING, seed: 1 } });
    const newer = host.call['drafts.draw']({ drawing: { ...DRAWING, seed: 2 } });
    expect(await older).toBeNull();
    end.resolve();
    expect(await newer).not.toBeNull();
    await host.idle();
    expect(order).toEqual(['picture 7', 'draft 2', 'picture 8']);
  });

  it('end when a newer one comes', async () => {
    const host = open();
    const begun = Promise.withResolvers<AbortSignal>();
    host.engine.onDraft = async (_task, signal) => {
      begun.resolve(signal);
      await new Promise(() => {});
    };
    const older = host.call['drafts.draw']({ drawing: DRAWING });
    const signal = await begun.promise;
    host.engine.onDraft = () => {};
    const newer = host.call['drafts.draw']({ drawing: DRAWING });
    expect(signal.aborted).toBe(true);
    expect(await older).toBeNull();
    expect(await newer).not.toBeNull();
  });

  it('answer null when a newer one came, also when they were finished first', async () => {
    const host = open();
    const begun = Promise.withResolvers<void>();
    const end = Promise.withResolvers<void>();
    const { engine } = host;
    engine.draft = async () => {
      begun.resolve();
      await end.promise; // deaf to the signal
      return { bytes: Uint8Array.of(1), width: 64, height: 64 };
    };
    const older = host.call['drafts.draw']({ drawing: DRAWING });
    await begun.promise;
    const newer = host.call['drafts.draw']({ drawing: DRAWING });
    end.resolve();
    expect(await older).toBeNull();
    expect(await newer).toMatchObject({ width: 64 });
  });

  it('end when the studio closes', async () => {
    const host = open();
    const begun = Promise.withResolvers<void>();
    host.engine.onDraft = async () => {
      begun.resolve();
      await new Promise(() => {});
    };
    const draft = host.call['drafts.draw']({ drawing: DRAWING });
    await begun.promise;
    await host.jobs.close();
    expect(await draft).toBeNull();
  });

  it('begin from the picture that the window sent', async () => {
    const host = open();
    await host.uploads.receive('photo', Buffer.from('a photo'));
    const from = { image: { kind: 'upload' as const, id: 'photo' }, strength: 0.5 };
    await host.call['drafts.draw']({ drawing: { ...DRAWING, from } });
    expect(host.engine.draftTasks[0]!.from).toEqual({ path: host.uploads.fileOf('photo'), strength: 0.5 });
  });
});

function open(): TestHost {
  const host = new TestHost(testFolder());
  onTestFinished(() => host.close());
  return host;
}
