import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { WebSocket } from 'ws';
import { expect, test, type App } from './app.ts';
import { sendRaw, upgradeHeaders } from './raw-http.ts';
import { draw, goTo, promptOf } from './steps.ts';
import { en } from '../../renderer/messages/en.ts';

const WAYS_IN = [
  { path: '/' },
  { path: '/index.html' },
  { path: '/files/pictures/any' },
  { path: '/files/made/diagnostics.zip' },
  { path: '/uploads', method: 'POST' },
] as const;

test.describe('without a session', () => {
  test('nothing is given', async ({ app }) => {
    for (const way of WAYS_IN) {
      const { status, text } = await sendRaw(app.origin, { ...way, headers: { origin: app.origin } });
      expect(status, way.path).toBe(401);
      expect(text).not.toContain('<script');
    }
    const socket = { path: '/socket', headers: upgradeHeaders(app.origin) };
    expect((await sendRaw(app.origin, socket)).status).toBe(401);
  });

  test('a wrong token, one that was used, and a wrong cookie open nothing', async ({ app }) => {
    const used = new URL(app.link).searchParams.get('token')!;
    for (const token of ['', 'wrong', used, `${used.slice(0, -1)}x`]) {
      const { status, text } = await sendRaw(app.origin, { path: `/?token=${token}` });
      expect(status, token).toBe(401);
      expect(text.toLowerCase()).not.toContain('set-cookie');
    }
    const { name } = await cookieOf(app);
    const headers = { cookie: `${name}=${'a'.repeat(43)}` };
    expect((await sendRaw(app.origin, { path: '/', headers })).status).toBe(401);
    const page = await app.open(`${app.origin}/?token=wrong`);
    await expect(page.getByText('This browser may not use the studio yet')).toBeVisible();
  });
});

test.describe('with a session', () => {
  test('its cookie is out of reach of scripts and other sites, and the token is not in the address', async ({
    app,
  }) => {
    expect(await cookieOf(app)).toMatchObject({ httpOnly: true, sameSite: 'Strict' });
    expect(await app.page.evaluate(() => document.cookie)).toBe('');
    expect(app.page.url()).not.toContain('token');
  });

  test('pages of other sites and other names are refused', async ({ app }) => {
    const cookie = await cookieHeader(app);
    const upgrade = async (origin: string | undefined, host?: string): Promise<number> => {
      const headers = { ...cookie, ...upgradeHeaders(origin), ...(host && { host }) };
      return (await sendRaw(app.origin, { path: '/socket', headers })).status;
    };
    expect(await upgrade(app.origin)).toBe(101);
    for (const origin of ['https://evil.example', 'null', `${app.origin}.evil.example`, undefined]) {
      expect(await upgrade(origin), origin).toBe(403);
    }
    // What a hostile name server would make of this address.
    expect(await upgrade('http://evil.example', 'evil.example')).toBe(421);
    const upload = {
      method: 'POST',
      path: '/uploads',
      headers: { ...cookie, origin: 'https://evil.example' },
    };
    expect((await sendRaw(app.origin, upload)).status).toBe(403);
  });

  test('no path leads out of the folders', async ({ app }) => {
    const { id } = await draw(app, 'a house');
    const { name, value } = await cookieOf(app);
    const places = [
      '/',
      '/assets/',
      '/files/pictures/',
      `/files/pictures/${id}/`,
      '/files/thumbnails/',
      '/files/made/',
    ];
    const ups = ['../', '..%2f', '%2e%2e/', '%2e%2e%2f', '..\\', '..%5c', '....//', '..%252f', '.%00./'];
    const targets = ['studio.db', 'sessions.json', 'etc/passwd'];
    const ways = places.flatMap((place) =>
      ups.flatMap((up) =>
        [1, 2, 6].flatMap((times) => targets.map((target) => place + up.repeat(times) + target)),
      ),
    );
    for (const path of [...ways, '/%', '/%ff', '//etc/passwd', 'http://evil.example/', '*']) {
      const { status, text } = await sendRaw(app.origin, { path, headers: { cookie: `${name}=${value}` } });
      // What follows the id of a picture is for people: the picture itself may come.
      const isPicture = path.includes(id) && text.includes('content-type: image/png');
      const isWindow = path === 'http://evil.example/'; // an absolute address of another host names our root
      if (!isPicture && !isWindow) expect(status, path).toBeGreaterThanOrEqual(400);
      expect(text, path).not.toMatch(/SQLite format|"hash"|root:x:0/);
      expect(status, path).not.toBe(500);
    }
  });

  test('a message or upload that is too large is refused, and the studio goes on', async ({ app }) => {
    const cookie = await cookieHeader(app);
    const socket = new WebSocket(`${app.origin.replace('http', 'ws')}/socket`, {
      headers: { ...cookie, origin: app.origin },
    });
    const closed = new Promise<number>((resolve) => socket.on('close', resolve));
    socket.on('error', () => {}); // the code of the closing tells it
    socket.on('open', () => socket.send('a'.repeat(2 ** 20 + 1)));
    expect(await closed).toBe(1009);

    const headers = { ...cookie, origin: app.origin, 'content-length': String(2 ** 41) };
    const { status, text } = await sendRaw(app.origin, { method: 'POST', path: '/uploads', headers });
    expect(status).toBe(400);
    expect(text).toContain('a file may have');

    await draw(app, 'a tree');
  });

  test('messages that are no calls do nothing', async ({ app }) => {
    const cookie = await cookieHeader(app);
    const socket = new WebSocket(`${app.origin.replace('http', 'ws')}/socket`, {
      headers: { ...cookie, origin: app.origin },
    });
    const answers: string[] = [];
    const ask = (message: unknown): void =>
      socket.send(typeof message === 'string' ? message : JSON.stringify(message));
    const answered = new Promise<void>((resolve) => {
      socket.on('message', (data: Buffer) => {
        answers.push(data.toString());
        if (data.toString().includes('"last"')) resolve();
      });
    });
    await new Promise((resolve) => socket.on('open', resolve));
    ask('no JSON');
    ask([1, 2, 3]);
    ask({ t: 'q', i: 'a', m: 'constructor', a: [] });
    ask({ t: 'q', i: 'b', m: 'call', a: ['__proto__', {}] });
    ask({ t: 'q', i: 'c', m: 'call', a: ['settings.change', { picturesFolder: 7 }] });
    ask({ t: 'q', i: 'last', m: 'call', a: ['session.open', {}] });
    await answered;
    socket.close();
    const byId = new Map(answers.map((text) => [(JSON.parse(text) as { i?: string }).i, text]));
    expect(byId.has('a')).toBe(false);
    expect(byId.get('b')).toContain('the host knows no such call');
    expect(byId.get('c')).toContain('picturesFolder');
    expect(byId.get('last')).toContain('"version"');
  });

  test('every answer forbids scripts and frames of others', async ({ app }) => {
    const cookie = await cookieHeader(app);
    for (const path of ['/', '/nothing-here', '/files/pictures/none']) {
      const { text } = await sendRaw(app.origin, { path, headers: cookie });
      expect(text.toLowerCase(), path).toContain(
        "content-security-policy: default-src 'none'; script-src 'self'",
      );
      expect(text.toLowerCase(), path).toContain('x-content-type-options: nosniff');
    }
  });

  test('a link lets one other browser in, which is known from then on', async ({ app }) => {
    await goTo(app.page, 'settings');
    await app.page.getByRole('button', { name: en.settings.browser.make }).click();
    const link = await app.page.getByText(/\?token=/).innerText();
    const second = await app.open(link);
    await expect(promptOf(second)).toBeVisible();
    expect((await sendRaw(app.origin, { path: new URL(link).search.replace('?', '/?') })).status).toBe(401);

    await app.restartHost();
    await second.reload();
    await expect(promptOf(second)).toBeVisible();
    expect(readFileSync(join(app.data, 'sessions.json'), 'utf8')).not.toContain((await cookieOf(app)).value);
  });
});

async function cookieOf(app: App): Promise<{ name: string; value: string }> {
  const [cookie] = await app.page.context().cookies();
  return cookie!;
}

async function cookieHeader(app: App): Promise<{ cookie: string }> {
  const { name, value } = await cookieOf(app);
  return { cookie: `${name}=${value}` };
}
