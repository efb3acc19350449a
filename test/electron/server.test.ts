import { once } from 'node:events';
import { connect as connectTcp } from 'node:net';
import { readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { describe, expect, it, onTestFinished, vi } from 'vitest';
import { PLACES } from '../../electron/contract.ts';
import { SECURITY_HEADERS } from '../../electron/headers.ts';
import { testFolder } from '../helpers/folder.ts';
import { openServer as open, PAGE, pathOf, type OpenedServer } from './open-server.ts';

describe('a link', () => {
  it('opens one session: the token becomes a cookie and is gone from the address', async () => {
    const { server, ask } = await open();
    const { status, headers } = await ask(pathOf(server.link()), { cookie: '' });
    expect(status).toBe(303);
    expect(headers.location).toBe('/');
    const [cookie] = headers['set-cookie']!;
    expect(cookie).toMatch(
      new RegExp(
        `^hdm-studio-${server.port}=[\\w-]{43}; HttpOnly; SameSite=Strict; Path=/; Max-Age=2592000$`,
      ),
    );
    expect((await ask('/', { cookie: cookie!.split(';')[0]! })).body).toBe(PAGE);
  });

  it('works once', async () => {
    const { server, ask } = await open();
    const path = pathOf(server.link());
    expect((await ask(path, { cookie: '' })).status).toBe(303);
    const again = await ask(path, { cookie: '' });
    expect(again).toMatchObject({
      status: 401,
      headers: expect.not.objectContaining({ 'set-cookie': expect.anything() as unknown }) as unknown,
    });
  });

  it('leads a browser that is in already to the window, without using anything up', async () => {
    const { server, ask } = await open();
    const path = pathOf(server.link());
    expect(await ask(path)).toMatchObject({ status: 303, headers: { location: '/' } });
    expect((await ask(path, { cookie: '' })).headers['set-cookie']).toHaveLength(1);
  });

  it('is not used up by a HEAD request, nor under a wrong name', async () => {
    const { server, ask } = await open();
    const path = pathOf(server.link());
    expect((await ask(path, { cookie: '', method: 'HEAD' })).status).toBe(401);
    expect((await ask(path, { cookie: '', host: 'evil.example' })).status).toBe(421);
    expect((await ask(path, { cookie: '' })).status).toBe(303);
  });

  it('in a page of another site opens by a page, for a redirect would come without the cookie', async () => {
    const { server, ask } = await open();
    const headers = { 'sec-fetch-site': 'cross-site' };
    const answer = await ask(pathOf(server.link()), { cookie: '', headers });
    expect(answer.status).toBe(200);
    expect(answer.headers['set-cookie']).toHaveLength(1);
    expect(answer.body).toContain('<meta http-equiv="refresh" content="0;url=/">');
  });

  it('expires after ten minutes, a session after thirty days', async () => {
    const { server, ask, enter } = await open();
    vi.useFakeTimers({ toFake: ['Date'] });
    onTestFinished(() => void vi.useRealTimers());
    const path = pathOf(server.link());
    const cookie = await enter();
    vi.advanceTimersByTime(10 * 60_000 + 1);
    expect((await ask(path, { cookie: '' })).status).toBe(401);
    vi.advanceTimersByTime(29 * 24 * 60 * 60_000);
    expect((await ask('/', { cookie })).status).toBe(200);
    vi.advanceTimersByTime(24 * 60 * 60_000);
    expect((await ask('/', { cookie })).status).toBe(401);
  });

  it.each(['', 'x', 'A'.repeat(43), 'A'.repeat(100_000 - 90_000)])(
    'with a wrong token opens nothing',
    async (token) => {
      const { ask } = await open();
      const answer = await ask(`/?token=${token}`, { cookie: '' });
      expect(answer.status).toBe(401);
      expect(answer.headers['set-cookie']).toBeUndefined();
    },
  );
});

describe('a session', () => {
  it('outlives the server; only hashes are kept, in a file of this user', async () => {
    const first = await open();
    await first.server.close();
    const file = first.options.sessionsFile;
    expect(statSync(file).mode & 0o777).toBe(0o600);
    expect(readFileSync(file, 'utf8')).not.toContain(first.cookie.split('=')[1]);
    const second = await open({}, { ...first.options, port: first.port });
    expect((await second.ask('/', { cookie: first.cookie })).status).toBe(200);
  });

  it.each(['', 'no JSON', '[{"hash":"abc","expiresAt":1}]', '{}'])(
    'is unknown where the file of sessions holds %j, and new ones open',
    async (content) => {
      const complaint = vi.spyOn(console, 'error').mockImplementation(() => {});
      onTestFinished(() => complaint.mockRestore());
      const sessionsFile = join(testFolder(), 'sessions.json');
      writeFileSync(sessionsFile, content);
      const { ask } = await open({}, { sessionsFile });
      expect((await ask('/')).status).toBe(200);
      expect(complaint).toHaveBeenCalledOnce();
    },
  );
});

describe('without a session', () => {
  it.each(['/', '/assets/app-1234.js', `${PLACES.pictures}one`, `${PLACES.downloads}a.zip`, '/nowhere'])(
    'GET %s is refused with a page that says how to get in',
    async (path) => {
      const { ask } = await open();
      for (const cookie of ['', 'hdm-studio-1=abc', `hdm-studio-${'x'.repeat(43)}`]) {
        const { status, body, headers } = await ask(path, { cookie });
        expect(status).toBe(401);
        expect(headers['cache-control']).toBe('no-store');
        expect(body).toMatch(/Open the link that the studio printed when it started/);
      }
    },
  );

  it('an upload is refused', async () => {
    const { ask, origin, studio } = await open();
    const answer = await ask(PLACES.uploads, {
      cookie: '',
      method: 'POST',
      headers: { origin },
      body: 'abc',
    });
    expect({ status: answer.status, kept: studio.uploads.size }).toEqual({ status: 401, kept: 0 });
  });

  it('no socket opens', async () => {
    const { socket, origin } = await open();
    expect(await socket({ origin, cookie: '' })).toBe(401);
    expect(await socket({ origin, cookie: 'hdm-studio-1=abc' })).toBe(401);
  });
});

describe('Host', () => {
  it.each([
    'evil.example',
    'localhost.evil.example',
    '127.0.0.1.evil.example',
    '192.168.1.5',
    'user@localhost',
    'localhost/x',
    'a b',
  ])('%j is refused, with a session or without', async (host) => {
    const { ask, cookie, port } = await open();
    for (const sent of [cookie, '']) {
      expect((await ask('/', { host: `${host}:${port}`, cookie: sent })).status).toBe(421);
    }
  });

  it.each(['localhost', '127.0.0.1', '[::1]', 'LOCALHOST'])(
    '%s is this machine, on any port a tunnel may have',
    async (name) => {
      const { ask, server } = await open();
      const { status, headers } = await ask(pathOf(server.link()), { cookie: '', host: `${name}:9999` });
      expect(status).toBe(303);
      expect(headers['set-cookie']![0]).toMatch(/^hdm-studio-9999=/);
    },
  );

  it('of a name given with --allow-host is good, and stands in the link', async () => {
    const { ask, server } = await open({}, { allowedHosts: ['Studio.Example'] });
    expect(server.link()).toMatch(/^http:\/\/studio\.example:/);
    expect((await ask(pathOf(server.link()), { cookie: '', host: 'studio.example' })).status).toBe(303);
    expect((await ask('/', { host: 'other.example' })).status).toBe(421);
  });

  it('may be the address that was called, only when the network was opened', async () => {
    const { ask } = await open({}, { listen: '0.0.0.0' });
    expect((await ask('/', { host: '10.1.2.3' })).status).toBe(421);
    expect((await ask('/', { host: 'evil.example' })).status).toBe(421);
    expect((await ask('/', { host: '127.0.0.1' })).status).toBe(401); // another port: no cookie, but no wrong name
  });
});

it('a request without Host is refused', async () => {
  const { port, cookie } = await open();
  const socket = connectTcp(port, '127.0.0.1');
  socket.write(`GET / HTTP/1.0\r\ncookie: ${cookie}\r\n\r\n`);
  expect(await text(socket)).toMatch(/^HTTP\/1\.1 421 /);
});

describe('Origin', () => {
  const WRONG = ['http://evil.example', 'null', 'http://localhost:1', 'file://', 'app://studio', undefined];

  it.each(WRONG)('%s opens no socket', async (origin) => {
    const { socket, cookie } = await open();
    expect(await socket({ cookie, ...(origin && { origin }) })).toBe(403);
  });

  it.each(WRONG)('%s sends no file', async (origin) => {
    const { ask, studio } = await open();
    const { status } = await ask(PLACES.uploads, {
      method: 'POST',
      headers: { ...(origin && { origin }) },
      body: 'abc',
    });
    expect({ status, kept: studio.uploads.size }).toEqual({ status: 403, kept: 0 });
  });

  it('may be https where a proxy adds TLS', async () => {
    const { ask, port } = await open();
    const headers = { origin: `https://127.0.0.1:${port}` };
    expect((await ask(PLACES.uploads, { method: 'POST', headers, body: 'abc' })).status).toBe(201);
  });
});

describe('a path', () => {
  it.each([
    '/../secret.txt',
    '/assets/../../secret.txt',
    '/%2e%2e/secret.txt',
    '/..%2fsecret.txt',
    '/%2e%2e%2fsecret.txt',
    '/assets/..%2f..%2fsecret.txt',
    '/..%5csecret.txt',
    '/assets/%00.js',
    '/%',
    '/%ff',
    '//secret.txt',
    '/files/pictures/..%2f..%2fsecret.txt',
    '/files/pictures/../../secret.txt',
    '/files/thumbnails/%2e%2e',
    '/files/made/..%2fsecret.txt',
    '/files/made/%2Fetc%2Fpasswd',
    '/files/made/',
    `/files/pictures/${'a'.repeat(65)}`,
    'http://evil.example/secret.txt',
    '*',
  ])('%s leads nowhere', async (path) => {
    const { ask } = await open();
    const { status, body } = await ask(path);
    expect([400, 404]).toContain(status);
    expect(body).not.toContain('secret');
  });

  it('of the window gives its file with type and caching', async () => {
    const { ask } = await open();
    expect(await ask('/')).toMatchObject({
      status: 200,
      body: PAGE,
      headers: { 'content-type': 'text/html; charset=utf-8', 'cache-control': 'no-cache' },
    });
    expect(await ask('/assets/app-1234.js?x=1')).toMatchObject({
      status: 200,
      headers: {
        'content-type': 'text/javascript; charset=utf-8',
        'cache-control': expect.stringContaining('immutable') as string,
      },
    });
  });
});

it.each([
  ['GET', '/'],
  ['GET', '/nowhere'],
  ['HEAD', '/'],
  ['GET', `${PLACES.previews}job`],
  ['GET', `${PLACES.pictures}none`],
  ['DELETE', '/'],
  ['POST', '/'],
  ['POST', `${PLACES.pictures}one`],
  ['GET', PLACES.uploads],
  ['GET', PLACES.socket],
  ['OPTIONS', PLACES.uploads],
  ['GET', '/?token=wrong'],
])(
  '%s %s is answered with all headers of security, with a session, without, and under a wrong name',
  async (method, path) => {
    const { ask, cookie, origin } = await open();
    for (const options of [{ cookie }, { cookie: '' }, { cookie, host: 'evil.example' }]) {
      const { headers } = await ask(path, { method, headers: { origin }, ...options });
      expect(headers).toMatchObject(SECURITY_HEADERS);
      expect(headers['access-control-allow-origin']).toBeUndefined();
    }
  },
);

it.each([
  ['DELETE', '/', 'GET, HEAD'],
  ['PUT', `${PLACES.pictures}one`, 'GET, HEAD'],
  ['POST', `${PLACES.drafts}one`, 'GET, HEAD'],
  ['GET', PLACES.uploads, 'POST'],
])('%s %s is not allowed', async (method, path, allow) => {
  const { ask, origin } = await open();
  const answer = await ask(path, { method, headers: { origin } });
  expect(answer).toMatchObject({ status: 405, headers: { allow } });
});

describe('bytes', () => {
  it('of a picture come with type, tag and caching, and not again when the browser has them', async () => {
    const { ask } = await openWithPicture();
    const first = await ask(`${PLACES.pictures}one`);
    expect(first).toMatchObject({
      status: 200,
      body: 'the pixels',
      headers: {
        'content-type': 'image/png',
        'content-length': '10',
        'cache-control': 'private, max-age=31536000, immutable',
      },
    });
    expect(first.headers['content-disposition']).toBeUndefined();
    const again = await ask(`${PLACES.pictures}one`, { headers: { 'if-none-match': first.headers.etag! } });
    expect(again).toMatchObject({ status: 304, body: '' });
    expect(await ask(`${PLACES.pictures}one`, { method: 'HEAD' })).toMatchObject({ status: 200, body: '' });
  });

  it('of a thumbnail, a preview and a draft come, and previews are never kept', async () => {
    const file = join(testFolder(), 'small.webp');
    writeFileSync(file, 'small');
    const { ask } = await open({
      files: {
        thumbnail: async () => file,
        preview: (id) => (id === 'job-1' ? Buffer.from('png') : undefined),
        draft: () => Buffer.from('webp'),
      },
    });
    expect(await ask(`${PLACES.thumbnails}one`)).toMatchObject({
      body: 'small',
      headers: { 'content-type': 'image/webp' },
    });
    const preview = await ask(`${PLACES.previews}job-1?step=3`);
    expect(preview).toMatchObject({
      body: 'png',
      headers: { 'content-type': 'image/png', 'cache-control': 'no-store' },
    });
    expect(await ask(`${PLACES.drafts}one`)).toMatchObject({
      body: 'webp',
      headers: { 'content-type': 'image/webp' },
    });
    expect((await ask(`${PLACES.previews}job-2`)).status).toBe(404);
  });

  it('are to be saved under a name in any writing when that is asked for', async () => {
    const { ask } = await openWithPicture('猫 "a"\r\n(1)*.png');
    const { headers } = await ask(`${PLACES.pictures}one?download`);
    expect(headers['content-disposition']).toBe(
      `attachment; filename="_ _a___(1)_.png"; filename*=UTF-8''%E7%8C%AB%20%22a%22%0D%0A%281%29%2A.png`,
    );
  });

  it('of a file that is gone, or is none, are not found', async () => {
    const folder = testFolder();
    const gone = await open({ files: { picture: () => join(folder, 'gone.png') } });
    expect((await gone.ask(`${PLACES.pictures}one`)).status).toBe(404);
    const none = await open({ files: { picture: () => folder } });
    expect([404, 500]).toContain((await none.ask(`${PLACES.pictures}one`)).status);
  });
});

describe('an upload', () => {
  it('is taken whole, with its name', async () => {
    const { ask, origin, studio } = await open();
    const answer = await ask(`${PLACES.uploads}?name=${encodeURIComponent('猫.png')}`, {
      method: 'POST',
      headers: { origin },
      body: 'x'.repeat(3_000_000),
    });
    expect(answer.status).toBe(201);
    const { id } = JSON.parse(answer.body) as { id: string };
    expect(studio.uploads.get(id)).toMatchObject({ name: '猫.png', bytes: { length: 3_000_000 } });
  });

  it('that is cut off leaves nothing, and the server goes on', async () => {
    const failed = Promise.withResolvers<unknown>();
    const { port, cookie, origin, ask } = await open({
      files: {
        async receiveUpload(stream) {
          try {
            for await (const _chunk of stream) continue;
          } catch (error) {
            failed.resolve(error);
            throw error;
          }
          return { id: 'never' };
        },
      },
    });
    const socket = connectTcp(port, '127.0.0.1');
    socket.write(
      `POST ${PLACES.uploads} HTTP/1.1\r\nhost: 127.0.0.1:${port}\r\norigin: ${origin}\r\ncookie: ${cookie}\r\n` +
        'content-length: 1000\r\n\r\nonly this',
      () => socket.resetAndDestroy(),
    );
    expect(await failed.promise).toBeInstanceOf(Error);
    expect((await ask('/')).status).toBe(200);
  });

  it('that is refused midway is answered with the reason', async () => {
    const { ask, origin } = await open({
      files: {
        async receiveUpload(stream) {
          for await (const _chunk of stream) break;
          throw Object.assign(new Error('full'), { code: 'ENOSPC' });
        },
      },
    });
    const answer = await ask(PLACES.uploads, {
      method: 'POST',
      headers: { origin },
      body: 'x'.repeat(2_000_000),
    });
    expect(answer.status).toBe(507);
    expect(JSON.parse(answer.body)).toMatchObject({ code: 'disk' });
  });

  it('that says it has more than a model may have is refused before it comes', async () => {
    const { port, cookie, origin } = await open();
    const socket = connectTcp(port, '127.0.0.1');
    socket.write(
      `POST ${PLACES.uploads} HTTP/1.1\r\nhost: 127.0.0.1:${port}\r\norigin: ${origin}\r\ncookie: ${cookie}\r\n` +
        `content-length: ${2 ** 46}\r\n\r\n`,
    );
    const [answer] = (await once(socket, 'data')) as [Buffer];
    socket.destroy();
    expect(answer.toString()).toMatch(/^HTTP\/1\.1 400 /);
  });
});

describe('a socket', () => {
  it('carries calls and events', async () => {
    const { studio, openSocket } = await open({ handlers: { 'prompts.wildcards': () => ['animals'] } });
    const { send, next } = await openSocket();
    send(JSON.stringify({ t: 'q', i: '1', m: 'call', a: ['prompts.wildcards', {}] }));
    expect(JSON.parse(await next())).toEqual({ t: 's', i: '1', r: { value: ['animals'] } });
    studio.events.emit('library', { count: 1, revision: 2 });
    expect(JSON.parse(await next())).toMatchObject({ m: 'event', a: ['library', { count: 1, revision: 2 }] });
  });

  it('is closed with 1009 when a message is too large, and others stay open', async () => {
    const { openSocket } = await open({ handlers: { 'prompts.wildcards': () => [] } });
    const [first, second] = [await openSocket(), await openSocket()];
    first.send('x'.repeat(2 ** 20 + 1));
    expect(await first.closed).toBe(1009);
    second.send(JSON.stringify({ t: 'q', i: '1', m: 'call', a: ['prompts.wildcards', {}] }));
    expect(JSON.parse(await second.next())).toMatchObject({ r: { value: [] } });
  });

  it('takes no harm from nonsense', async () => {
    const { openSocket } = await open({ handlers: { 'prompts.wildcards': () => [] } });
    const { send, next } = await openSocket();
    for (const nonsense of ['', '{', 'null', Buffer.from([0xff, 0xfe, 0])]) send(nonsense);
    send(JSON.stringify({ t: 'q', i: '1', m: 'call', a: ['prompts.wildcards', {}] }));
    expect(JSON.parse(await next())).toMatchObject({ i: '1', r: { value: [] } });
  });

  it('opens at its own path only', async () => {
    const { socket, cookie, origin } = await open();
    expect(await socket({ cookie, origin, path: '/' })).toBe(404);
    expect(await socket({ cookie, origin, host: 'evil.example' })).toBe(421);
  });

  it('opens for 64 windows at once, not more', async () => {
    const { socket, openSocket, cookie, origin } = await open();
    for (let count = 0; count < 64; count++) await openSocket();
    expect(await socket({ cookie, origin })).toBe(503);
  });

  it('is told when the studio ends', async () => {
    const { server, openSocket } = await open();
    const { closed } = await openSocket();
    await server.close();
    expect(await closed).toBe(1001);
  });
});

it('a port that is taken is named in the error', async () => {
  const { port } = await open();
  await expect(open({}, { port })).rejects.toMatchObject({
    code: 'bad-usage',
    message: `127.0.0.1:${port}: this port is taken. Choose another with --port, or 0 for any free one.`,
  });
});

function openWithPicture(name = 'one.png'): Promise<OpenedServer> {
  const file = join(testFolder(), name);
  writeFileSync(file, 'the pixels');
  return open({ files: { picture: () => file } });
}
