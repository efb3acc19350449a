import { createBirpc } from 'birpc';
import { describe, expect, it } from 'vitest';
import { HdmError } from '../../engine/errors.ts';
import { CALLS, type HostFunctions, type WindowFunctions } from '../../electron/contract.ts';
import type { Handlers } from '../../electron/host/handlers.ts';
import { connect, type ConnectOptions } from '../../electron/host/wire.ts';
import { fakeStudio, type FakeStudio } from './fake-studio.ts';
import { waitFor } from '../helpers/wait.ts';

describe('a call', () => {
  it('is answered by its handler, with the argument as the contract reads it', async () => {
    const { call } = open({ 'prompts.expand': ({ text, seed }) => ({ text: `${text} ${seed}` }) });
    expect(await call('prompts.expand', { text: 'a cat', seed: 7, more: true })).toEqual({
      value: { text: 'a cat 7' },
    });
  });

  it.each(['no.such', 'constructor', '__proto__', 'toString', 7, null])(
    'of the name %j is refused',
    async (name) => {
      const { call } = open();
      const { error } = (await call(name as string, {})) as { error: { code: string; message: string } };
      expect(error.code).toBe('bad-usage');
      expect(error.message).toMatch(/the host knows no such call/);
    },
  );

  it('with a wrong argument is refused, naming the field, before any handler runs', async () => {
    let calls = 0;
    const { call } = open({ 'library.list': () => (calls++, { total: 0, revision: 0, pictures: [] }) });
    const wrong = { filter: { search: 5 }, order: 'newest', offset: 0, limit: 10 };
    expect(await call('library.list', wrong)).toEqual({
      error: {
        code: 'bad-usage',
        message: expect.stringMatching(/^library\.list: filter\.search: /) as string,
      },
    });
    expect(calls).toBe(0);
  });

  it.each([undefined, null, 'text', 3, []])('with %j instead of an object is refused', async (input) => {
    const { call } = open({ 'session.link': () => ({ url: '' }) });
    expect(await call('session.link', input)).toMatchObject({ error: { code: 'bad-usage' } });
  });

  it('gets the code and the words of an error of the studio', async () => {
    const { call } = open({
      'jobs.cancel': () => {
        throw new HdmError('device', 'engine', 'the GPU was lost', 'Try again');
      },
    });
    expect(await call('jobs.cancel', { ids: ['a'] })).toEqual({
      error: { code: 'device', message: 'engine: the GPU was lost. Try again.' },
    });
  });

  it('gets the words of a full disk', async () => {
    const { call } = open({
      'jobs.cancel': async () => {
        throw Object.assign(new Error('write'), { code: 'ENOSPC' });
      },
    });
    expect(await call('jobs.cancel', { ids: ['a'] })).toMatchObject({ error: { code: 'disk' } });
  });

  it('tells of our own mistakes nothing of our sources; the log has the trace', async () => {
    const { call, logged } = open({
      'jobs.cancel': () => {
        throw new TypeError(`cannot read ${import.meta.filename}`);
      },
    });
    const { error } = (await call('jobs.cancel', { ids: ['a'] })) as {
      error: { code: string; message: string };
    };
    expect(error.code).toBe('internal');
    expect(error.message).toMatch(/^jobs\.cancel: a mistake of HDM Studio \(TypeError\)\./);
    expect(error.message).not.toMatch(/wire\.test|cannot read/);
    expect(logged.join()).toMatch(/cannot read .*wire\.test/);
  });

  it('whose answer breaks the contract fails where answers are checked', async () => {
    const handlers = { 'session.link': () => ({ url: 5 }) } as unknown as Partial<Handlers>;
    expect(await open(handlers).call('session.link', {})).toEqual({ value: { url: 5 } });
    expect(await open(handlers, { checkResults: true }).call('session.link', {})).toMatchObject({
      error: { code: 'internal', message: expect.stringMatching(/^session\.link: url: /) as string },
    });
  });

  it('whose answer cannot be written as JSON does not end the host', async () => {
    const handlers = {
      'session.link': () => ({ url: 5n }),
      'prompts.wildcards': () => [],
    } as unknown as Handlers;
    const { call, logged } = open(handlers);
    await expect(call('session.link', {})).rejects.toBeDefined();
    expect(logged).not.toEqual([]);
    expect(await call('prompts.wildcards', {})).toEqual({ value: [] });
  });
});

describe('a message that is no call', () => {
  it.each([
    'no JSON',
    '',
    'null',
    '[]',
    '"q"',
    '{"t":"q","i":"1","m":"event","a":["jobs",[]]}',
    '{"t":"q","i":"1","m":"constructor","a":[]}',
    '{"t":"q","i":"1","m":"call","a":"session.link"}',
    '{"t":"q","i":1,"m":"call","a":["session.link",{}]}',
    '{"t":"q","i":"1","m":"call","a":["session.link",{},{}]}',
    '{"t":"s","i":"1","r":{}}',
    '{"__proto__":{"t":"q"}}',
  ])('is ignored and counted: %s', async (message) => {
    const { receive, posted, connection, call } = open({ 'prompts.wildcards': () => [] });
    receive(message);
    expect(await call('prompts.wildcards', {})).toEqual({ value: [] });
    expect({ ignored: connection.ignored, posted: posted.length }).toEqual({ ignored: 1, posted: 1 });
  });
});

describe('events', () => {
  it('reach the window, whole and in order', async () => {
    const { studio, heard } = open();
    studio.events.emit('models', []);
    studio.events.emit('library', { count: 3, revision: 4 });
    await waitFor(() => expect(heard).toHaveLength(2));
    expect(heard).toEqual([
      ['models', []],
      ['library', { count: 3, revision: 4 }],
    ]);
  });

  it('end with the connection, as do answers', async () => {
    let finish = (): void => {};
    const waiting = new Promise<void>((resolve) => (finish = resolve));
    const { studio, heard, posted, connection, receive } = open({
      'jobs.cancel': async () => {
        await waiting;
        return {};
      },
    });
    receive(JSON.stringify({ t: 'q', i: '1', m: 'call', a: ['jobs.cancel', { ids: ['a'] }] }));
    connection.close();
    finish();
    studio.events.emit('models', []);
    await new Promise((resolve) => setImmediate(resolve));
    expect({ heard, posted }).toEqual({ heard: [], posted: [] });
  });
});

it('every call of the contract has a name that the wire knows', async () => {
  const { call } = open();
  for (const name of Object.keys(CALLS)) {
    expect(JSON.stringify(await call(name, { unfit: true }))).not.toMatch(/no such call/);
  }
});

interface Opened {
  readonly studio: FakeStudio;
  readonly connection: ReturnType<typeof connect>;
  readonly call: (name: string, input: unknown) => Promise<unknown>;
  /** As if the window had sent it. */
  readonly receive: (message: string) => void;
  readonly posted: string[];
  readonly heard: unknown[][];
  readonly logged: string[];
}

/** A host and a window with nothing but strings between them. */
function open(handlers: Partial<Handlers> = {}, options: ConnectOptions = {}): Opened {
  const studio = fakeStudio({ handlers });
  const [posted, heard]: [string[], unknown[][]] = [[], []];
  let toHost = (_message: string): void => {};
  let toWindow = (_message: string): void => {};
  const connection = connect(
    studio,
    {
      post(message) {
        posted.push(message);
        toWindow(message);
      },
      onMessage: (listener) => (toHost = listener),
    },
    options,
  );
  const host = createBirpc<HostFunctions, WindowFunctions>(
    { event: (name, value) => void heard.push([name, value]) },
    {
      post: (message: string) => toHost(message),
      on: (listener) => (toWindow = listener),
      serialize: JSON.stringify,
      deserialize: (text: string): unknown => JSON.parse(text),
      timeout: -1,
    },
  );
  const call = (name: string, input: unknown): Promise<unknown> => host.call(name, input);
  const { logged } = studio;
  return { studio, connection, call, receive: (message) => toHost(message), posted, heard, logged };
}
