import { spawn, spawnSync, type SpawnSyncReturns } from 'node:child_process';
import { once } from 'node:events';
import {
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { isBuiltin } from 'node:module';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import { testFolder } from '../helpers/folder.ts';

const ROOT = fileURLToPath(new URL('../../', import.meta.url));

interface Bundle {
  readonly bundleHost: (root: string, out: string) => Promise<void>;
  readonly bundleShell: (root: string, out: string) => Promise<void>;
}

describe('the bundles', () => {
  let folder = '';
  beforeAll(async () => {
    folder = await bundled();
  });
  afterAll(() => rmSync(folder, { recursive: true }));

  it('are the programs that start each other, and the two files of Electron', () => {
    const started = ['engine.mjs', 'probe.mjs', 'count-worker.mjs', 'loader-worker.mjs', 'report-worker.mjs'];
    const host = ['host.mjs', 'hdm-studio.mjs', ...started];
    expect(readdirSync(join(folder, 'out/host'))).toEqual(expect.arrayContaining(host));
    expect(readdirSync(join(folder, 'out/main')).sort()).toEqual(['main.cjs', 'preload.cjs']);
  });

  it('have a preload that needs nothing but electron: it is sandboxed', () => {
    const code = readFileSync(join(folder, 'out/main/preload.cjs'), 'utf8');
    expect(requiredBy(code)).toEqual(['electron']);
    expect(code).not.toMatch(/\bimport\b\s*\(|\bprocess\.\w|\b__dirname\b/);
  });

  it('have a main process that needs nothing but electron and Node', () => {
    const names = requiredBy(readFileSync(join(folder, 'out/main/main.cjs'), 'utf8'));
    expect(names.filter((name) => !isBuiltin(name))).toEqual(['electron']);
  });

  it('have a host that needs no packages but those that are staged, and no Electron', () => {
    const codes = readdirSync(join(folder, 'out/host')).map((name) =>
      readFileSync(join(folder, 'out/host', name), 'utf8'),
    );
    const names = codes.flatMap((code) =>
      [...code.matchAll(/^import .*?['"]([^'"]+)['"];$/gm)].map(([, name]) => name!),
    );
    const packages = new Set(names.filter((name) => !name.startsWith('.') && !isBuiltin(name)));
    expect([...packages].sort()).toEqual(['@huggingface/transformers', 'onnxruntime-node', 'sharp']);
  });

  it('have a host that says what it is for when it is started by itself', () => {
    const { status, stderr } = spawnSync(process.execPath, [join(folder, 'out/host/host.mjs')], {
      encoding: 'utf8',
    });
    expect({ status, stderr }).toEqual({
      status: 1,
      stderr: expect.stringMatching(/^HDM Studio: [^\n]+\n$/) as string,
    });
  });

  it('have a command line that answers as the sources do', () => {
    const help = (program: string) => spawnSync(process.execPath, [program, '--help'], { encoding: 'utf8' });
    const [bundle, sources] = [
      help(join(folder, 'out/host/hdm-studio.mjs')),
      help(join(ROOT, 'electron/cli.ts')),
    ];
    expect(bundle.stdout).toMatch(/^Usage: hdm-studio /);
    expect(bundle.stdout).toMatch(/^ {2}serve /m);
    expect([bundle.stdout, bundle.stderr, bundle.status]).toEqual([sources.stdout, '', 0]);
  });

  it('serve the studio: one line with a link that opens it, until a signal ends it', async () => {
    const { link, ended, child } = await serve(folder, ['--port', '0']);
    const login = await fetch(link, { redirect: 'manual' });
    const cookie = login.headers.get('set-cookie')!.split(';')[0]!;
    expect(await (await fetch(new URL('/', link), { headers: { cookie } })).text()).toContain(
      'a small window',
    );
    child.kill('SIGTERM');
    expect(await ended).toEqual([0, null]);
  });

  it('serve under another port, and say so, when the usual one is taken', async () => {
    const other = createServer().listen(4360, '127.0.0.1');
    await new Promise((resolve) => other.once('listening', resolve).once('error', resolve)); // taken by whomever
    onTestFinished(() => void other.close());
    const { link, notes, child, ended } = await serve(folder, []);
    expect(new URL(link).port).not.toBe('4360');
    child.kill('SIGINT');
    await ended;
    expect(notes()).toBe('Port 4360 is taken; taking a free one.\n');
  });

  it('warn when other machines may come', async () => {
    const { link, notes, child, ended } = await serve(folder, [
      '--port',
      '0',
      '--listen',
      '0.0.0.0',
      '--allow-host',
      'studio.example',
    ]);
    expect(link).toMatch(/^http:\/\/studio\.example:\d+\/\?token=/);
    child.kill('SIGINT');
    await ended;
    expect(notes()).toMatch(
      /^Warning: listening on 0\.0\.0\.0, [^\n]*ssh -L[^\n]*TLS[^\n]*--allow-host[^\n]*\n$/,
    );
  });

  it.each([
    [['--port', '99999'], /--port.* expected a port from 0 to 65535, got 99999/],
    [['--port', '1.5'], /--port/],
    [['--listen', '198.51.100.7', '--port', '0'], /198\.51\.100\.7:0: this machine has no such address/],
    [['--data', ''], /--data.* expected a path/],
    [['--unknown'], /unknown option '--unknown'/],
  ])('refuse serve %j in one line', (words, problem) => {
    const data = words.includes('--data') ? [] : ['--data', testFolder()];
    const { status, stdout, stderr } = run(folder, ['out/host/hdm-studio.mjs', 'serve', ...data, ...words]);
    expect({ status, stdout }).toEqual({ status: 2, stdout: '' });
    expect(stderr.trimEnd().split('\n').at(-1)).toMatch(problem);
  });

  it('refuse to serve a window that is not built', async () => {
    const bare = await bundled();
    onTestFinished(() => rmSync(bare, { recursive: true }));
    rmSync(join(bare, 'out/renderer'), { recursive: true });
    const { status, stderr } = run(bare, ['out/host/hdm-studio.mjs', 'serve', '--data', testFolder()]);
    expect(status).toBe(2);
    expect(stderr).toMatch(/the window is not built yet\. Run `npm run build`/);
  });
});

describe('npm run build', () => {
  it('builds what has changed, and nothing else', () => {
    const folder = smallProject();
    const build = () => run(folder, ['build/build.mjs', 'programs']).stdout;
    expect(build()).toBe('Build: programs ...\n');
    expect(existsSync(join(folder, 'out/host/engine.mjs'))).toBe(true);
    expect(build()).toBe('');

    writeFileSync(join(folder, 'electron/cli.ts'), 'console.log("changed");');
    expect(build()).toBe('Build: programs ...\n');
    expect(run(folder, ['out/host/hdm-studio.mjs']).stdout).toBe('changed\n');

    writeFileSync(join(folder, 'electron/more.ts'), '');
    expect(build()).toBe('Build: programs ...\n');
    rmSync(join(folder, 'electron/more.ts'));
    expect(build()).toBe('Build: programs ...\n');
    rmSync(join(folder, 'out/main'), { recursive: true });
    expect(build()).toBe('Build: programs ...\n');
  });

  it('fails with the place of a mistake, and tries again the next time', () => {
    const folder = smallProject();
    writeFileSync(join(folder, 'electron/cli.ts'), "import { none } from './nowhere.ts';\nnone();\n");
    for (let time = 0; time < 2; time++) {
      const { status, stderr } = run(folder, ['build/build.mjs', 'programs']);
      expect(status).toBe(1);
      expect(stderr).toMatch(/nowhere\.ts/);
      expect(stderr).toMatch(/electron[/\\]cli\.ts/);
    }
  });
});

describe('npm start', () => {
  it.skipIf(process.platform !== 'linux')('opens the studio in the browser where there is no display', () => {
    const folder = smallProject();
    const { stdout, status } = run(folder, ['build/start.mjs'], {
      DISPLAY: '',
      WAYLAND_DISPLAY: '',
      ELECTRON_OVERRIDE_DIST_PATH: '',
    });
    expect(stdout.split('\n').slice(-3)).toEqual([
      'HDM Studio opens in the browser: there is no display here.',
      '["serve","--open"]',
      '',
    ]);
    expect(status).toBe(3);
  });

  it.skipIf(process.platform === 'win32')('starts Electron where there is one, not as a plain Node', () => {
    const folder = smallProject();
    const program = join(folder, 'dist/electron');
    mkdirSync(join(folder, 'dist'));
    writeFileSync(program, '#!/bin/sh\necho "electron $* run-as-node:$ELECTRON_RUN_AS_NODE"\nexit 4\n', {
      mode: 0o755,
    });
    const { stdout, status } = run(folder, ['build/start.mjs'], {
      ELECTRON_OVERRIDE_DIST_PATH: dirname(program),
      ELECTRON_RUN_AS_NODE: '1',
    });
    expect(stdout).toMatch(/electron \. run-as-node:\n$/);
    expect(status).toBe(4);
  });

  it('with words is the command line', () => {
    const folder = smallProject();
    expect(run(folder, ['build/start.mjs', 'sample', '--prompt', 'a cat'])).toMatchObject({
      stdout: '["sample","--prompt","a cat"]\n',
      status: 3,
    });
  });
});

/** The programs of this project, with a small window, in a folder outside it. */
async function bundled(): Promise<string> {
  const folder = mkdtempSync(join(tmpdir(), 'hdm-bundle-'));
  const { bundleHost, bundleShell } = (await import(
    new URL('../../build/bundle.mjs', import.meta.url).href
  )) as Bundle;
  await Promise.all([bundleHost(ROOT, join(folder, 'out')), bundleShell(ROOT, join(folder, 'out'))]);
  mkdirSync(join(folder, 'out/renderer'));
  writeFileSync(join(folder, 'out/renderer/index.html'), '<!doctype html><title>a small window</title>');
  symlinkSync(join(ROOT, 'node_modules'), join(folder, 'node_modules'), 'junction');
  return folder;
}

/** A project with our build and sources of a line each; its command line prints its words. */
function smallProject(): string {
  const folder = testFolder();
  cpSync(join(ROOT, 'build'), join(folder, 'build'), { recursive: true });
  symlinkSync(join(ROOT, 'node_modules'), join(folder, 'node_modules'), 'junction');
  const sources = {
    'package.json': '{ "type": "module" }',
    'package-lock.json': '{}',
    'electron/main.ts': '',
    'electron/preload.ts': '',
    'electron/contract.ts': '',
    'electron/host/main.ts': '',
    'electron/engine/main.ts': '',
    'electron/host/prompts/count-worker.ts': '',
    'engine/runtime/probe.ts': '',
    'engine/training/data/loader-worker.ts': '',
    'electron/host/training/report-worker.ts': '',
    'electron/cli.ts':
      'export async function hdmStudio(words: string[]): Promise<number> {\n' +
      '  console.log(JSON.stringify(words));\n  return 3;\n}\n' +
      'if (import.meta.main) process.exitCode = await hdmStudio(process.argv.slice(2));\n',
    'renderer/index.html': '<!doctype html><title>a small window</title>',
  };
  for (const [path, content] of Object.entries(sources)) {
    mkdirSync(dirname(join(folder, path)), { recursive: true });
    writeFileSync(join(folder, path), content);
  }
  return folder;
}

function run(
  cwd: string,
  args: readonly string[],
  environment: NodeJS.ProcessEnv = {},
): SpawnSyncReturns<string> {
  return spawnSync(process.execPath, args, {
    cwd,
    encoding: 'utf8',
    env: { ...process.env, ...environment },
  });
}

async function serve(folder: string, words: readonly string[]) {
  const program = join(folder, 'out/host/hdm-studio.mjs');
  const child = spawn(process.execPath, [program, 'serve', '--data', testFolder(), ...words], {
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  onTestFinished(() => void child.kill('SIGKILL'));
  let notes = '';
  child.stderr.setEncoding('utf8').on('data', (text: string) => (notes += text));
  const ended = once(child, 'exit') as Promise<[number | null, string | null]>;
  const [line] = (await Promise.race([
    once(createInterface({ input: child.stdout }), 'line'),
    ended.then(() => Promise.reject(new Error(notes))),
  ])) as [string];
  expect(line).toMatch(
    /^HDM Studio: http:\S+\/\?token=[\w-]{43} \(opens one browser, within ten minutes; end with Ctrl-C\)$/,
  );
  return { link: /http:\S+/.exec(line)![0], notes: () => notes, ended, child };
}

function requiredBy(code: string): string[] {
  return [...new Set([...code.matchAll(/\brequire\(\s*["'`]([^"'`]+)["'`]\s*\)/g)].map(([, name]) => name!))];
}
