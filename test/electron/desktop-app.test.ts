/** The desktop app in one piece: Electron, or what stands in for it, with our shell, a small page and a fake studio. */
import {
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { _electron, type ElectronApplication, type Page } from '@playwright/test';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { BRIDGE_NAMES, PAGE } from './desktop-page.ts';
import { waitFor } from '../helpers/wait.ts';

const ROOT = fileURLToPath(new URL('../../', import.meta.url));
const ELECTRON = findElectron();

describe.skipIf(!ELECTRON)('the desktop app (skipped without Electron or a stand-in for it)', () => {
  let folder = '';
  let app: ElectronApplication;
  let page: Page;
  beforeAll(async () => {
    folder = await makeApp();
    app = await launch(folder);
    page = await app.firstWindow();
    await until('window.heard?.host.at(-1) === true');
  });
  afterAll(async () => {
    await app?.close();
    rmSync(folder, { recursive: true, force: true });
  });

  it('shows its page, which knows the bridge and nothing of Node or Electron', async () => {
    const known = { title: 'a small page', bridge: [...BRIDGE_NAMES].sort(), strange: [] };
    expect(await page.evaluate('lookAround()')).toEqual(known);
  });

  it('carries calls and answers between page and host', async () => {
    expect(await ask('prompts.wildcards')).toEqual({ value: ['animals'] });
    expect(await ask('no.such')).toMatchObject({ error: { code: 'bad-usage' } });
  });

  it('loads pictures of the host, and sends it files', async () => {
    expect(await page.evaluate('loadAndSend()')).toEqual({
      size: [300, 200],
      status: 201,
      answer: { id: expect.any(String) as string },
    });
  });

  it('runs no code that is not a file of its own, and reaches no other place', async () => {
    const refused = ['connect-src', 'form-action', 'frame-src', 'img-src', 'script-src-elem'];
    expect(await page.evaluate(`breakOut(${refused.length})`)).toEqual({
      refused,
      inline: false,
      hasEval: false,
    });
  });

  it('does not leave its page', async () => {
    await app.evaluate(({ BrowserWindow }) => {
      const [window] = BrowserWindow.getAllWindows();
      const tried: string[] = [];
      Object.assign(globalThis, { tried });
      window!.webContents.on('will-navigate', ({ url, defaultPrevented }) =>
        tried.push(`${url} ${defaultPrevented}`),
      );
    });
    await page.evaluate("location.href = 'https://example.com/'");
    await waitFor(async () => expect(await noted('tried')).toEqual(['https://example.com/ true']));
    expect(await ask('prompts.wildcards')).toEqual({ value: ['animals'] });
  });

  it('sends commands of its menu, in the language of the settings', async () => {
    await waitFor(async () => {
      const labels = await app.evaluate(({ Menu }) =>
        Menu.getApplicationMenu()!.items.map(({ label }) => label),
      );
      expect(labels).toContain('ファイル');
    });
    const chosen = ['generate', 'importModel', 'library'];
    for (const name of chosen) {
      await app.evaluate(({ Menu }, name) => {
        const click = Menu.getApplicationMenu()!.getMenuItemById(name)!.click as () => void;
        click();
      }, name);
    }
    await until(`heard.commands.length === ${chosen.length}`);
    expect(await page.evaluate('heard.commands')).toEqual(chosen);
  });

  it('asks for files with the dialogs of the system', async () => {
    await app.evaluate(({ dialog }) => {
      dialog.showOpenDialog = async (...args: unknown[]) => {
        const { properties } = args.at(-1) as { properties: string[] };
        return { canceled: false, filePaths: properties };
      };
    });
    expect(await page.evaluate("studio.choose('folder')")).toEqual(['openDirectory', 'createDirectory']);
    await expect(page.evaluate("studio.choose('anything')")).rejects.toThrow(/expected one of/);
  });

  it('shows a file where it lies', async () => {
    await app.evaluate(({ shell }) => {
      const shown: string[] = [];
      Object.assign(globalThis, { shown });
      shell.showItemInFolder = (file) => void shown.push(file);
    });
    await ask('library.reveal', { id: 'one' });
    await waitFor(async () => expect(await noted('shown')).toEqual([join(folder, 'data/one.png')]));
  });

  it('tells the page when the host was killed and is back', async () => {
    const before = await page.evaluate('heard.host.length');
    const { value } = (await ask('prompts.history', { search: '', limit: 1 })) as { value: [string] };
    process.kill((JSON.parse(value[0]) as { pid: number }).pid, 'SIGKILL');
    await until(`heard.host.length === ${String(before)} + 2`);
    expect(await page.evaluate('heard.host.slice(-2)')).toEqual([false, true]);
    expect(await ask('prompts.wildcards')).toEqual({ value: ['animals'] });
  });

  it('connects a page that is loaded again', async () => {
    await page.reload();
    await until('window.heard?.host.at(-1) === true');
    expect(await ask('prompts.wildcards')).toEqual({ value: ['animals'] });
  });

  // Last with this page: while Playwright looks on, a refused window can stop the page that asked for it for good.
  it('opens links in the browser and no window', async () => {
    await app.evaluate(({ shell }) => {
      const opened: string[] = [];
      Object.assign(globalThis, { opened });
      shell.openExternal = async (address) => void opened.push(address);
    });
    await page.evaluate("setTimeout(() => window.open('https://example.com/licence')), 0");
    await waitFor(async () => expect(await noted('opened')).toEqual(['https://example.com/licence']));
    expect(app.windows()).toHaveLength(1);
  });

  it('ends with its window, after the host has closed; it remembers where the window was', async () => {
    rmSync(join(folder, 'data/closed'), { force: true });
    await app.close();
    expect(existsSync(join(folder, 'data/closed'))).toBe(true);
    const state = JSON.parse(readFileSync(join(folder, 'data/desktop/state.json'), 'utf8')) as unknown;
    expect(state).toMatchObject({
      isMaximized: false,
      look: { language: 'ja' },
      bounds: { width: expect.any(Number) as number },
    });
  });

  function until(condition: string): Promise<void> {
    return waitFor(async () => expect(await page.evaluate(condition)).toBe(true));
  }

  function ask(name: string, input: unknown = {}): Promise<unknown> {
    return page.evaluate(`ask(${JSON.stringify(name)}, ${JSON.stringify(input)})`);
  }

  /** What a test has noted in the main process. */
  function noted(name: string): Promise<unknown> {
    return app.evaluate((_electron, name) => (globalThis as unknown as Record<string, unknown>)[name], name);
  }
});

/** The shell as it is built, with a small page and a fake studio. */
async function makeApp(): Promise<string> {
  const folder = mkdtempSync(join(tmpdir(), 'hdm-app-'));
  const { bundleShell } = (await import(pathToFileURL(join(ROOT, 'build/bundle.mjs')).href)) as {
    readonly bundleShell: (root: string, out: string) => Promise<void>;
  };
  await bundleShell(ROOT, join(folder, 'out'));
  for (const name of ['out/renderer', 'out/host', 'build', 'data']) mkdirSync(join(folder, name));
  cpSync(join(ROOT, 'build/node24.mjs'), join(folder, 'build/node24.mjs'));
  symlinkSync(join(ROOT, 'node_modules'), join(folder, 'node_modules'), 'junction');
  const child = pathToFileURL(join(ROOT, 'test/electron/desktop-child.ts')).href;
  writeFileSync(join(folder, 'out/host/host.mjs'), `import '${child}';\n`);
  for (const [name, content] of Object.entries(PAGE))
    writeFileSync(join(folder, 'out/renderer', name), content);
  const packageJson = { name: 'hdm-studio', version: '0.0.0', type: 'module', main: 'out/main/main.cjs' };
  writeFileSync(join(folder, 'package.json'), JSON.stringify(packageJson));
  return folder;
}

function launch(folder: string): Promise<ElectronApplication> {
  const { ELECTRON_RUN_AS_NODE: _, ...environment } = process.env as Record<string, string>;
  const env = { ...environment, HDM_STUDIO_DATA: join(folder, 'data'), STANDIN_NODE: process.execPath };
  return _electron.launch({ executablePath: ELECTRON!, args: [folder], env });
}

function findElectron(): string | undefined {
  const given = process.env['ELECTRON_OVERRIDE_DIST_PATH'];
  const folders = [...(given ? [given] : []), join(ROOT, '../shared/electron-stand-in/dist')];
  return folders.map((dist) => join(dist, 'electron')).find((program) => existsSync(program));
}
