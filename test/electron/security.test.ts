/**
 * Each line of the list of what the desktop app must keep to: by calling its rules with stand-ins of Electron's
 * objects, and, in desktop-app.test.ts, by trying to break them in a window.
 */
import { EventEmitter, once } from 'node:events';
import { mkdirSync, writeFileSync } from 'node:fs';
import { createServer, type IncomingHttpHeaders } from 'node:http';
import { join } from 'node:path';
import { setImmediate } from 'node:timers/promises';
import type { App, IpcMain, Protocol, Session, WebContents, WebFrameMain } from 'electron';
import { beforeEach, describe, expect, it, onTestFinished, vi } from 'vitest';
import { appProtocol } from '../../electron/app-protocol.ts';
import { CHANNELS } from '../../electron/channels.ts';
import { SECURITY_HEADERS } from '../../electron/headers.ts';
import {
  hostEnvironment,
  isOurFrame,
  isSafeOutside,
  SAFE_PREFERENCES,
  secureApp,
  secureContents,
  secureSession,
} from '../../electron/security.ts';
import { testFolder } from '../helpers/folder.ts';

const OURS = 'app://studio/';

/** Electron as the shell's files see it; `calls` is what was asked of it, in order. */
const electron = vi.hoisted(() => {
  const calls: unknown[][] = [];
  const record =
    (name: string) =>
    (...args: unknown[]) =>
      void calls.push([name, ...args]);
  return { calls, record, hasLock: false, showOpenDialog: async () => ({ filePaths: ['/a.safetensors'] }) };
});

vi.mock('electron', () => ({
  app: {
    isPackaged: false,
    commandLine: { hasSwitch: () => false },
    ...Object.fromEntries(
      ['setName', 'setPath', 'enableSandbox', 'exit', 'quit', 'on'].map((name) => [
        name,
        electron.record(`app.${name}`),
      ]),
    ),
    requestSingleInstanceLock: () => electron.hasLock,
    getPath: () => '/nowhere',
    whenReady: () => (electron.record('app.whenReady')(), new Promise(() => {})),
  },
  protocol: { registerSchemesAsPrivileged: electron.record('protocol.registerSchemesAsPrivileged') },
  BrowserWindow: { fromWebContents: () => ({}) },
  dialog: { showOpenDialog: () => electron.showOpenDialog() },
  nativeImage: { createFromBuffer: () => 'icon' },
  ipcMain: {},
  Menu: {},
  nativeTheme: {},
  screen: {},
  session: {},
  shell: {},
}));

beforeEach(() => {
  electron.calls.length = 0;
});

describe('before Electron is ready', () => {
  it('the scheme gets what a page needs, and no more', () => {
    const { schemes } = secured();
    const privileges = { standard: true, secure: true, supportFetchAPI: true, stream: true };
    expect(schemes).toEqual([{ scheme: 'app', privileges }]);
  });

  it('every window is put into the sandbox', () => {
    expect(secured().isSandboxed).toBe(true);
  });

  it.each(['remote-debugging-port', 'remote-debugging-pipe', 'inspect', 'inspect-brk'])(
    '--%s is refused when packaged, and good for developing',
    (name) => {
      expect(secured({ isPackaged: true, switches: [name] }).problem).toMatch(`--${name} is refused`);
      expect(secured({ isPackaged: false, switches: [name] }).problem).toBeUndefined();
      expect(secured({ isPackaged: true, switches: [] }).problem).toBeUndefined();
    },
  );

  it('a second app ends, after the rules are set and before anything of the studio starts', async () => {
    vi.stubEnv('HDM_STUDIO_DATA', testFolder());
    onTestFinished(() => void vi.unstubAllEnvs());
    await import('../../electron/main.ts');
    const names = electron.calls.map(([name]) => name);
    expect(names.slice(-3)).toEqual([
      'protocol.registerSchemesAsPrivileged',
      'app.enableSandbox',
      'app.exit',
    ]);
    expect(names).not.toContain('app.whenReady');
  });
});

it('a window has no Node, a world of its own, a sandbox, and all checks of the web', () => {
  expect(SAFE_PREFERENCES).toMatchObject({
    contextIsolation: true,
    sandbox: true,
    webSecurity: true,
    nodeIntegration: false,
    nodeIntegrationInWorker: false,
    nodeIntegrationInSubFrames: false,
    webviewTag: false,
    spellcheck: false,
  });
});

describe('app://', () => {
  it.each([
    'app://other/',
    'app://studio.evil.example/',
    'app://studio:1/',
    'http://studio/',
    'app://user@studio.example/',
  ])('has one host: nothing lies at %s', async (address) => {
    expect((await ask(address)).status).toBe(404);
  });

  it.each([
    '/../secret.txt',
    '/%2e%2e/secret.txt',
    '/..%2fsecret.txt',
    '/assets/..%2f..%2fsecret.txt',
    '/..%5csecret.txt',
    '/%00',
    '/%',
    '//secret.txt',
  ])('reaches nothing outside its folder: %s', async (path) => {
    const answer = await ask(`app://studio${path}`);
    expect(answer.status).toBe(404);
    expect(await answer.text()).not.toContain('secret');
  });

  it.each([
    ['GET', '/', 200],
    ['HEAD', '/', 200],
    ['GET', '/app.js', 200],
    ['GET', '/none.js', 404],
    ['POST', '/', 405],
    ['GET', '/files/pictures/one', 502],
    ['POST', '/uploads', 502],
  ])('%s %s has the policy and all other headers of security', async (method, path, status) => {
    const answer = await ask(`app://studio${path}`, { method });
    expect(answer.status).toBe(status);
    expect(Object.fromEntries(answer.headers)).toMatchObject(SECURITY_HEADERS);
  });

  it('has a policy that allows its own files and nothing else', () => {
    expect(SECURITY_HEADERS['content-security-policy']).toBe(
      "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob: data:; connect-src 'self'; " +
        "font-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    );
    expect(SECURITY_HEADERS['x-content-type-options']).toBe('nosniff');
  });

  it('does not send the cookies and other headers of a page to the host', async () => {
    const { answer, heard } = await withHost();
    const headers = { 'if-none-match': '"a"', cookie: 'a=b', authorization: 'x', 'x-hdm-secret': 'guess' };
    await answer(new Request('app://studio/files/pictures/one', { headers }));
    expect(Object.keys(heard()).sort()).toEqual(['connection', 'host', 'if-none-match', 'x-hdm-secret']);
    expect(heard()['x-hdm-secret']).toBe('the secret');
  });
});

describe('a page', () => {
  const ELSEWHERE = [
    'https://example.com/',
    'http://localhost/',
    'file:///etc/passwd',
    'app://other/',
    'data:text/html,x',
    'javascript:1',
    'about:blank',
  ];

  it.each(ELSEWHERE)('cannot go to %s, nor send a frame there', (url) => {
    const { contents } = securedContents();
    expect(isPrevented(contents, 'will-navigate', url)).toBe(true);
    expect(isPrevented(contents, 'will-frame-navigate', url)).toBe(true);
  });

  it('can be loaded again', () => {
    expect(isPrevented(securedContents().contents, 'will-navigate', 'app://studio/#/library')).toBe(false);
  });

  it('follows no redirect, and holds no other page', () => {
    const { contents } = securedContents();
    expect(isPrevented(contents, 'will-redirect', 'app://studio/')).toBe(true);
    expect(isPrevented(contents, 'will-attach-webview', 'app://studio/')).toBe(true);
  });

  it('opens no window: https goes to the browser, everything else nowhere', () => {
    const { open, outside } = securedContents();
    const never = [
      'http://example.com/',
      'file:///etc/passwd',
      'smb://host/share',
      'javascript:1',
      'app://studio/',
      'mailto:a@example.com',
      'https://user:word@example.com/',
      '',
    ];
    for (const url of [...never, 'https://example.com/licence'])
      expect(open(url)).toEqual({ action: 'deny' });
    expect(outside).toEqual(['https://example.com/licence']);
    expect(never.filter(isSafeOutside)).toEqual([]);
  });
});

describe('permissions', () => {
  const ASKED = [
    'media',
    'geolocation',
    'notifications',
    'midi',
    'pointerLock',
    'openExternal',
    'clipboard-read',
    'display-capture',
    'hid',
    'serial',
    'usb',
    'window-management',
    'local-fonts',
    'unknown',
  ];

  it('are denied, asked and looked up', () => {
    const { request, check, device } = securedSession();
    for (const name of ASKED)
      expect([name, request(name, OURS), check(name, OURS)]).toEqual([name, false, false]);
    expect(device()).toBe(false);
  });

  it('to copy and to fill the screen are given, to our pages alone', () => {
    const { request, check } = securedSession();
    for (const name of ['clipboard-sanitized-write', 'fullscreen']) {
      expect([request(name, OURS), check(name, OURS)]).toEqual([true, true]);
      for (const other of ['https://example.com/', 'app://other/', '', 'null']) {
        expect([request(name, other), check(name, other)]).toEqual([false, false]);
      }
    }
  });

  it('do not hold for a spell checker, which would fetch dictionaries', () => {
    expect(securedSession().spellChecker()).toBe(false);
  });
});

describe('a message', () => {
  const FOREIGN: readonly (Pick<WebFrameMain, 'url' | 'parent'> | null)[] = [
    null,
    { url: 'https://example.com/', parent: null },
    { url: 'app://other/', parent: null },
    { url: 'about:blank', parent: null },
    { url: '', parent: null },
    { url: OURS, parent: {} as WebFrameMain }, // a frame in our page
  ];

  it('counts only when our page itself sends it', () => {
    expect(FOREIGN.map(isOurFrame)).toEqual(FOREIGN.map(() => false));
    expect(isOurFrame({ url: 'app://studio/#/create', parent: null })).toBe(true);
  });

  it.each([CHANNELS.open, CHANNELS.message, CHANNELS.dragOut])(
    'on %s of any other is refused',
    async (channel) => {
      const { send, asked, logged } = await bridge();
      for (const frame of FOREIGN) send(channel, frame, 'one');
      await setImmediate();
      expect(asked).toEqual([]);
      expect(logged).toHaveLength(FOREIGN.length);
      send(channel, { url: OURS, parent: null }, 'one');
      await setImmediate();
      expect(asked).toHaveLength(1);
    },
  );

  it('that asks for a dialog is refused, too; and only dialogs of the list open', async () => {
    const { choose } = await bridge();
    for (const frame of FOREIGN)
      await expect(choose(frame, 'folder')).rejects.toThrow('only the window itself may ask');
    const frame = { url: OURS, parent: null };
    expect(await choose(frame, 'model file')).toEqual(['/a.safetensors']);
    for (const what of ['password', 'constructor', 5, undefined]) {
      await expect(choose(frame, what)).rejects.toThrow('expected one of');
    }
  });

  it('that is no text, or too long, does not reach the host', async () => {
    const { send, asked } = await bridge();
    const frame = { url: OURS, parent: null };
    for (const value of [5, null, undefined, {}, ['x'], 'x'.repeat(2 ** 20 + 1)])
      send(CHANNELS.message, frame, value);
    expect(asked).toEqual([]);
  });
});

it('the host gets the environment that it needs, and nobody else’s secrets', () => {
  const given = {
    PATH: '/bin',
    Path: 'C:\\Windows',
    HOME: '/home/a',
    LANG: 'ja_JP.UTF-8',
    XDG_DATA_HOME: '/data',
    HDM_DEBUG: '1',
    VK_DRIVER_FILES: '/vk.json',
    HTTPS_PROXY: 'http://proxy:3128',
  };
  const withheld = {
    NODE_OPTIONS: '--require /evil.js',
    NODE_PATH: '/evil',
    ELECTRON_RUN_AS_NODE: '1',
    LD_PRELOAD: '/evil.so',
    DYLD_INSERT_LIBRARIES: '/evil.dylib',
    AWS_SECRET_ACCESS_KEY: 'x',
    GITHUB_TOKEN: 'x',
    MY_PATH: 'x',
    SSH_AUTH_SOCK: '/agent',
  };
  expect(hostEnvironment({ ...given, ...withheld })).toEqual(given);
});

it('the fuses leave no way to run other code with the program', async () => {
  const { FUSES } = (await import(new URL('../../build/package/fuses.mjs', import.meta.url).href)) as {
    FUSES: object;
  };
  expect(FUSES).toMatchObject({
    RunAsNode: false,
    EnableNodeOptionsEnvironmentVariable: false,
    EnableNodeCliInspectArguments: false,
    EnableEmbeddedAsarIntegrityValidation: true,
    OnlyLoadAppFromAsar: true,
  });
});

interface Secured {
  readonly problem: string | undefined;
  readonly schemes: unknown;
  readonly isSandboxed: boolean;
}

function secured({ isPackaged = false, switches = [] as string[] } = {}): Secured {
  const result = { schemes: undefined as unknown, isSandboxed: false };
  const app = {
    isPackaged,
    commandLine: { hasSwitch: (name: string) => switches.includes(name) },
    enableSandbox: () => (result.isSandboxed = true),
  };
  const protocol = { registerSchemesAsPrivileged: (schemes: unknown) => (result.schemes = schemes) };
  const problem = secureApp(app as unknown as App, protocol as unknown as Protocol);
  return { problem, ...result };
}

/** Answers of app:// with a small window and no host. */
function ask(address: string, init: RequestInit = {}): Promise<Response> {
  const folder = testFolder();
  mkdirSync(join(folder, 'window/assets'), { recursive: true });
  writeFileSync(join(folder, 'window/index.html'), '<!doctype html>');
  writeFileSync(join(folder, 'window/app.js'), 'start()');
  writeFileSync(join(folder, 'secret.txt'), 'secret');
  const bytesPlace = () => Promise.reject(new Error('no host'));
  const answer = appProtocol({ windowFolder: join(folder, 'window'), bytesPlace, log: () => {} });
  const request = new Request('http://studio/', init); // Request of Node takes no address with a name in it
  Object.defineProperty(request, 'url', { value: address });
  return answer(request);
}

/** app:// with a host that notes the headers of what it is asked. */
async function withHost() {
  const socket = join(testFolder(), 'socket');
  let heard: IncomingHttpHeaders = {};
  const server = createServer((request, response) => {
    heard = request.headers;
    response.end();
  }).listen(socket);
  await once(server, 'listening');
  onTestFinished(() => void server.close());
  const bytesPlace = async () => ({ socket, secret: 'the secret' });
  return { answer: appProtocol({ windowFolder: '/nowhere', bytesPlace, log: () => {} }), heard: () => heard };
}

function securedContents() {
  let open = (_details: { url: string }): unknown => undefined;
  const outside: string[] = [];
  const contents = Object.assign(new EventEmitter(), {
    setWindowOpenHandler: (handler: typeof open) => (open = handler),
  });
  secureContents(contents as unknown as WebContents, (address) => outside.push(address));
  return { contents, outside, open: (url: string) => open({ url }) };
}

function isPrevented(contents: EventEmitter, name: string, url: string): boolean {
  let isStopped = false;
  contents.emit(name, { url, preventDefault: () => (isStopped = true) });
  return isStopped;
}

function securedSession() {
  const rules = new Map<string, (...args: unknown[]) => unknown>();
  const keep = (name: string) => (rule: (...args: unknown[]) => unknown) => rules.set(name, rule);
  let spellChecker = true;
  const session = {
    setPermissionRequestHandler: keep('request'),
    setPermissionCheckHandler: keep('check'),
    setDevicePermissionHandler: keep('device'),
    setSpellCheckerEnabled: (isOn: boolean) => (spellChecker = isOn),
  };
  secureSession(session as unknown as Session, { handle: () => {} }, async () => new Response());
  return {
    request: (name: string, address: string) => {
      let answer: unknown;
      rules.get('request')!({ getURL: () => address }, name, (isAllowed: boolean) => (answer = isAllowed));
      return answer;
    },
    check: (name: string, origin: string) => rules.get('check')!(null, name, origin),
    device: () => rules.get('device')!(),
    spellChecker: () => spellChecker,
  };
}

type Frame = Pick<WebFrameMain, 'url' | 'parent'> | null;

/** The bridge with a host that notes what it is asked. */
async function bridge() {
  const { Bridge } = await import('../../electron/bridge.ts');
  const asked: unknown[][] = [];
  const logged: string[] = [];
  const note =
    (name: string) =>
    (...args: unknown[]): void =>
      void asked.push([name, ...args]);
  const host = {
    isUp: true,
    connect: note('connect'),
    message: note('message'),
    disconnect: note('disconnect'),
    drag: async (id: string) => (note('drag')(id), { file: '/one.png', icon: '' }),
  };
  const ipc = new EventEmitter();
  let choose = async (_event: unknown, _what: unknown): Promise<unknown> => undefined;
  Object.assign(ipc, { handle: (_channel: string, handler: typeof choose) => (choose = handler) });
  new Bridge(host, (line) => logged.push(line)).listen(ipc as unknown as IpcMain);
  const sender = Object.assign(new EventEmitter(), { id: 1, send: () => {}, startDrag: () => {} });
  return {
    asked,
    logged,
    send: (channel: string, senderFrame: Frame, value: unknown) =>
      ipc.emit(channel, { sender, senderFrame }, value),
    choose: (senderFrame: Frame, what: unknown) => choose({ sender, senderFrame }, what),
  };
}
