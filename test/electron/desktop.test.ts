import { fork } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, statSync } from 'node:fs';
import { request as httpRequest } from 'node:http';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { createBirpc } from 'birpc';
import { describe, expect, it, onTestFinished } from 'vitest';
import { appProtocol } from '../../electron/app-protocol.ts';
import type {
  BytesPlace,
  DesktopHostFunctions,
  DesktopMainFunctions,
  Look,
} from '../../electron/desktop-protocol.ts';
import { HostProcess } from '../../electron/host-process.ts';
import { hostEnvironment } from '../../electron/security.ts';
import { testFolder } from '../helpers/folder.ts';
import { waitFor } from '../helpers/wait.ts';

const PROGRAM = fileURLToPath(new URL('desktop-child.ts', import.meta.url));

describe('the host of the desktop app', () => {
  it('answers each window, and tells all of them what happens', async () => {
    const { host, call, heardBy, looks } = await start();
    for (const windowId of [1, 2]) host.connect(windowId);
    expect(await call(2, 'prompts.wildcards')).toEqual({ value: ['animals'] });
    expect(heardBy(1)).toEqual([]);

    await call(1, 'settings.change', { theme: 'light' });
    await waitFor(() => expect([heardBy(1).length, heardBy(2).length]).toEqual([1, 1]));
    expect(looks).toEqual([
      { language: 'ja', theme: 'dark' },
      { language: 'ja', theme: 'light' },
    ]);
  });

  it('answers a page that was loaded again as a new one, and one that is gone not at all', async () => {
    const { host, call, heardBy } = await start();
    host.connect(1);
    host.connect(1);
    host.connect(2);
    host.disconnect(2);
    await call(1, 'settings.change', { theme: 'light' });
    await waitFor(() => expect(heardBy(1)).toHaveLength(1));
    host.message(2, JSON.stringify({ t: 'q', i: 'x', m: 'call', a: ['prompts.wildcards', {}] }));
    await call(1, 'prompts.wildcards');
    expect([heardBy(1).length, heardBy(2).length]).toEqual([1, 0]);
  });

  it('shows files by way of the app', async () => {
    const { host, call, revealed, data } = await start();
    host.connect(1);
    await call(1, 'library.reveal', { id: 'one' });
    await waitFor(() => expect(revealed).toEqual([join(data, 'one.png')]));
  });

  it('gives a picture that is dragged out, with a small icon', async () => {
    const { host, data } = await start();
    const { file, icon } = await host.drag('one');
    expect(file).toBe(join(data, 'one.png'));
    expect(Buffer.from(icon, 'base64').subarray(1, 4).toString()).toBe('PNG');
  });

  it('is started with a small environment, and without any secret in its arguments', async () => {
    const { host, call } = await start({
      NODE_OPTIONS: '--no-warnings',
      AWS_SECRET_ACCESS_KEY: 'x',
      ELECTRON_RUN_AS_NODE: '1',
    });
    host.connect(1);
    const { value } = (await call(1, 'prompts.history', { search: '', limit: 1 })) as { value: [string] };
    const { argv, env } = JSON.parse(value[0]) as { argv: string[]; env: Record<string, string> };
    const { secret, socket } = await host.bytesPlace();
    expect(argv.slice(1)).toEqual([PROGRAM]);
    expect(Object.keys(env)).not.toContain('NODE_OPTIONS');
    expect(Object.keys(env)).not.toContain('AWS_SECRET_ACCESS_KEY');
    expect(Object.keys(env)).not.toContain('ELECTRON_RUN_AS_NODE');
    expect(JSON.stringify({ argv, env })).not.toContain(secret);
    expect(JSON.stringify({ argv, env })).not.toContain(socket);
  });

  it('is started again when it was killed; windows are told, and connect anew', async () => {
    const { host, call, changes } = await start();
    host.connect(1);
    const place = await host.bytesPlace();
    const { value } = (await call(1, 'prompts.history', { search: '', limit: 1 })) as { value: [string] };
    process.kill((JSON.parse(value[0]) as { pid: number }).pid, 'SIGKILL');
    await waitFor(() => expect(changes).toEqual([true, false, true]));

    expect((await host.bytesPlace()).secret).not.toBe(place.secret);
    host.connect(1);
    expect(await call(1, 'prompts.wildcards')).toEqual({ value: ['animals'] });
    await waitFor(() => expect(existsSync(dirname(place.socket))).toBe(false));
  });

  it('is not started again for ever', async () => {
    const { failure, changes } = begin({ HDM_TEST: 'crash' });
    expect(await failure).toMatch(/^The studio's host ended with SIGKILL, 4 times within a minute\.$/);
    expect(changes).toEqual([]);
  });

  it('that cannot open the studio says why, once', async () => {
    const { failure } = begin({ HDM_TEST: 'refuse' });
    expect(await failure).toBe('studio.db: this database has version 9. Install the newest HDM Studio.');
  });

  it('that is missing is said to be', async () => {
    const { failure } = begin({}, { node: '/nowhere/node' });
    expect(await failure).toMatch(/^\/nowhere\/node: .*ENOENT/);
  });

  it('is one for a data folder', async () => {
    const { data } = await start();
    const { failure } = begin({}, { data });
    expect(await failure).toMatch(/another HDM Studio uses this folder/);
  });

  it('closes the studio when the app ends', async () => {
    const { host, data, changes } = await start();
    const { socket } = await host.bytesPlace();
    await host.stop();
    expect(existsSync(join(data, 'closed'))).toBe(true);
    expect(existsSync(dirname(socket))).toBe(false);
    expect(changes).toEqual([true]);
  });

  it('ends when the app is gone', async () => {
    const data = testFolder();
    const child = fork(PROGRAM, [], {
      execArgv: [],
      env: hostEnvironment(process.env),
      stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
    });
    onTestFinished(() => void child.kill('SIGKILL'));
    const host = createBirpc<DesktopHostFunctions, DesktopMainFunctions>(
      { message: () => {}, reveal: () => {}, look: () => {} },
      {
        post: (message: object) => child.send(message),
        on: (receive) => void child.on('message', receive),
        timeout: -1,
      },
    );
    const answer = await host.start({ data });
    const { socket } = (answer as { value: BytesPlace }).value;
    child.disconnect();
    expect(await once(child, 'exit')).toEqual([0, null]);
    expect(existsSync(join(data, 'closed'))).toBe(true);
    expect(existsSync(dirname(socket))).toBe(false);
  });
});

describe("the host's bytes", () => {
  it.skipIf(process.platform === 'win32')('lie in a folder of this user alone', async () => {
    const { host } = await start();
    const { socket } = await host.bytesPlace();
    expect(statSync(dirname(socket)).mode & 0o777).toBe(0o700);
  });

  it.each([{}, { 'x-hdm-secret': '' }, { 'x-hdm-secret': 'x'.repeat(43) }])(
    'are refused to %j',
    async (headers) => {
      const { host } = await start();
      const { socket: socketPath } = await host.bytesPlace();
      const request = httpRequest({ socketPath, path: '/files/pictures/one', headers, agent: false }).end();
      const [response] = (await once(request, 'response')) as [{ statusCode: number; resume(): void }];
      response.resume();
      expect(response.statusCode).toBe(403);
    },
  );

  it('come to a window by app://, and what it sends goes to the host', async () => {
    const { ask } = await start();
    const picture = await ask('/files/pictures/one?download');
    expect(picture.status).toBe(200);
    expect(picture.headers.get('content-type')).toBe('image/png');
    expect(picture.headers.get('content-disposition')).toMatch(/^attachment; filename="one\.png"/);
    expect(
      Buffer.from(await picture.arrayBuffer())
        .subarray(1, 4)
        .toString(),
    ).toBe('PNG');
    const etag = picture.headers.get('etag')!;
    expect((await ask('/files/pictures/one', { headers: { 'if-none-match': etag } })).status).toBe(304);
    expect((await ask('/files/previews/none')).status).toBe(404);

    const sent = await ask('/uploads?name=a.png', { method: 'POST', body: new Uint8Array(3_000_000) });
    expect(sent.status).toBe(201);
    expect(await sent.json()).toEqual({ id: expect.stringMatching(/^[\w-]{36}$/) as string });
  });

  it('may be left half read', async () => {
    const { ask } = await start();
    const answer = await ask('/files/pictures/one');
    await answer.body!.cancel();
    expect((await ask('/files/pictures/one')).status).toBe(200);
  });

  it('are said to be missing while the host is gone', async () => {
    const { host, ask } = await start();
    await host.bytesPlace();
    await host.stop();
    expect((await ask('/files/pictures/one')).status).toBe(502);
  });
});

interface Started {
  readonly host: HostProcess;
  readonly data: string;
  readonly changes: boolean[];
  readonly looks: Look[];
  readonly revealed: string[];
  readonly call: (windowId: number, name: string, input?: unknown) => Promise<unknown>;
  /** Events that came to a window. */
  readonly heardBy: (windowId: number) => unknown[];
  readonly ask: (path: string, init?: RequestInit) => Promise<Response>;
  /** Why it could not be started. */
  readonly failure: Promise<string>;
}

/** A host of its own, with a fake studio, as the app starts it; not waited for. */
function begin(environment: NodeJS.ProcessEnv = {}, options: { node?: string; data?: string } = {}): Started {
  const data = options.data ?? testFolder();
  const changes: boolean[] = [];
  const looks: Look[] = [];
  const revealed: string[] = [];
  const messages = new Map<number, string[]>();
  const arrived = new EventTarget();
  const failure = Promise.withResolvers<string>();
  const host = new HostProcess({
    node: options.node ?? process.execPath,
    program: PROGRAM,
    environment: hostEnvironment({ ...process.env, ...environment }),
    data,
    functions: {
      message(windowId, text) {
        messages.set(windowId, [...(messages.get(windowId) ?? []), text]);
        arrived.dispatchEvent(new Event('message'));
      },
      reveal: (file) => void revealed.push(file),
      look: (look) => void looks.push(look),
    },
    onChange: (isUp) => changes.push(isUp),
    onFailure: failure.resolve,
    log: () => {},
  });
  onTestFinished(() => host.stop());
  host.start();

  const parsed = (windowId: number) =>
    (messages.get(windowId) ?? []).map((text) => JSON.parse(text) as { t: string; i?: string; r?: unknown });
  let calls = 0;
  const call = async (windowId: number, name: string, input: unknown = {}): Promise<unknown> => {
    const id = String(++calls);
    host.message(windowId, JSON.stringify({ t: 'q', i: id, m: 'call', a: [name, input] }));
    for (;;) {
      const answer = parsed(windowId).find(({ t, i }) => t === 's' && i === id);
      if (answer) return answer.r;
      await once(arrived, 'message');
    }
  };
  const answer = appProtocol({
    windowFolder: '/nowhere',
    bytesPlace: () => host.bytesPlace(),
    log: () => {},
  });
  return {
    host,
    data,
    changes,
    looks,
    revealed,
    call,
    heardBy: (windowId) => parsed(windowId).filter(({ t }) => t === 'q'),
    ask: (path, init = {}) => answer(new Request(`app://studio${path}`, init)),
    failure: failure.promise,
  };
}

/** The same, answering calls. */
async function start(environment?: NodeJS.ProcessEnv): Promise<Started> {
  const started = begin(environment);
  await waitFor(() => expect(started.changes).toEqual([true]));
  return started;
}
