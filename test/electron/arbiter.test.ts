import { describe, expect, it } from 'vitest';
import { DeviceArbiter } from '../../electron/host/arbiter.ts';
import type { DeviceUser, Lease } from '../../electron/host/parts.ts';

/** Takes the device, writes the name down, and gives it back. */
function visit(arbiter: DeviceArbiter, user: DeviceUser, order: string[], name: string = user) {
  return arbiter.take(user).then((lease) => {
    order.push(name);
    lease.release();
  });
}

describe('the arbiter of the device', () => {
  it('lends it to one user at a time', async () => {
    const arbiter = new DeviceArbiter();
    let users = 0;
    const use = async (): Promise<void> => {
      const lease = await arbiter.take('picture');
      expect(++users).toBe(1);
      await new Promise(setImmediate);
      users--;
      lease.release();
    };
    await Promise.all([use(), use(), use()]);
  });

  it('goes by urgency, not by arrival: draft, picture, check, score, training', async () => {
    const arbiter = new DeviceArbiter();
    const first = await arbiter.take('picture');
    const order: string[] = [];
    const users: DeviceUser[] = ['training', 'score', 'check', 'picture', 'draft'];
    const visits = users.map((user) => visit(arbiter, user, order));
    expect(order).toEqual([]);
    first.release();
    await Promise.all(visits);
    expect(order).toEqual(['draft', 'picture', 'check', 'score', 'training']);
  });

  it('keeps the order of arrival among equals', async () => {
    const arbiter = new DeviceArbiter();
    const first = await arbiter.take('training');
    const order: string[] = [];
    const visits = ['a', 'b', 'c'].map((name) => visit(arbiter, 'picture', order, name));
    first.release();
    await Promise.all(visits);
    expect(order).toEqual(['a', 'b', 'c']);
  });

  it('tells the holder when somebody more urgent waits, and only then', async () => {
    const arbiter = new DeviceArbiter();
    const lease = await arbiter.take('picture');
    expect(lease.isWanted).toBe(false);
    const later = [arbiter.take('picture'), arbiter.take('training')];
    expect(lease.isWanted).toBe(false);
    const stop = new AbortController();
    const draft = arbiter.take('draft', stop.signal);
    expect(lease.isWanted).toBe(true);
    stop.abort();
    await expect(draft).rejects.toMatchObject({ code: 'cancelled' });
    expect(lease.isWanted).toBe(false);
    lease.release();
    (await later[0]!).release();
    (await later[1]!).release();
  });

  it('forgets a wait that was cancelled and throws `cancelled` there', async () => {
    const arbiter = new DeviceArbiter();
    const lease = await arbiter.take('picture');
    const stop = new AbortController();
    const waits = [arbiter.take('draft', stop.signal), arbiter.take('picture')] as const;
    stop.abort();
    await expect(waits[0]).rejects.toMatchObject({ code: 'cancelled' });
    lease.release();
    (await waits[1]).release();
    await expect(arbiter.take('draft', stop.signal)).rejects.toMatchObject({ code: 'cancelled' });
    (await arbiter.take('training')).release();
  });

  it('is not moved by a signal after the turn has come', async () => {
    const arbiter = new DeviceArbiter();
    const stop = new AbortController();
    const lease = await arbiter.take('picture', stop.signal);
    stop.abort();
    let next: Lease | undefined;
    const waiting = arbiter.take('draft').then((granted) => (next = granted));
    await new Promise(setImmediate);
    expect(next).toBeUndefined();
    lease.release();
    (await waiting).release();
  });

  it('takes a lease back once, however often it is released', async () => {
    const arbiter = new DeviceArbiter();
    const first = await arbiter.take('picture');
    const second = arbiter.take('picture');
    const third = arbiter.take('picture');
    first.release();
    first.release();
    const held = await second;
    let isThird = false;
    void third.then(() => (isThird = true));
    first.release();
    await new Promise(setImmediate);
    expect(isThird).toBe(false);
    held.release();
    (await third).release();
  });
});
