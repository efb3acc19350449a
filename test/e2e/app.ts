/**
 * @file The studio under test: started from what was built, in a data folder of its own, with a window to drive. Tests
 * take it as the fixture `app`; it also kills what a test wants dead.
 */
import { spawn, type ChildProcess } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import {
  _electron,
  chromium,
  expect,
  test as base,
  type Browser,
  type ElectronApplication,
  type Page,
} from '@playwright/test';
import type { Settings } from '../../electron/contract.ts';
import { writeTinyModel } from '../helpers/tiny-model.ts';
import {
  addModel,
  forgetStarter,
  MODEL_ID,
  prepare,
  setForm,
  setSettings,
  type KeptForm,
  type Prepared,
} from './data.ts';
import { childrenOf, commandOf, gone, HAS_PROCESSES } from './processes.ts';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const STAND_IN = resolve(ROOT, '../shared/electron-stand-in/dist');
const WATCH_NETWORK = fileURLToPath(new URL('./watch-network.mjs', import.meta.url));

/** A small real model that draws what it is told; beside the checkout, where it is at all. */
export const BOOTSTRAP = resolve(ROOT, '../shared/bootstrap');

const CHROMIUM_FLAGS = [
  '--no-sandbox',
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
];

/** Debian's Chromium where it is; elsewhere the one that Playwright brought. */
const CHROMIUM = ['/usr/bin/chromium', '/usr/bin/chromium-browser'].find((path) => existsSync(path));

/** What forms begin with here: pictures that take a moment. */
const QUICK: Readonly<Record<'real' | 'tiny', KeptForm['drawing']>> = {
  real: { width: 256, height: 256, steps: 8 },
  tiny: { width: 128, height: 128, steps: 4 },
};

export interface AppOptions {
  /** The model to begin with; `none` for a studio without any. */
  readonly model?: 'real' | 'tiny' | 'none';
  /** Nothing is prepared: the person meets the welcome and the usual settings. */
  readonly isFirstStart?: boolean;
  readonly form?: KeptForm;
  readonly settings?: Partial<Settings>;
  /** Lays more into the data folder before the start. */
  readonly prepare?: (prepared: Prepared) => unknown;
  /** Otherwise a test fails when anything asked something of another machine. */
  readonly mayAskNetwork?: boolean;
  /** Otherwise a test fails when a window reported an error. */
  readonly mayComplain?: boolean;
  readonly viewport?: { readonly width: number; readonly height: number };
}

type Launch = () => Promise<Browser>;

/** A studio with its window. */
export class App {
  readonly mode: 'browser' | 'desktop';
  readonly data: string;
  readonly #options: AppOptions;
  readonly #model: string | undefined;
  readonly #launch: Launch;
  readonly #pages: Page[] = [];
  readonly #foreign: string[] = [];
  readonly #complaints: string[] = [];
  #host: ChildProcess | undefined;
  #link = '';
  #desktop: ElectronApplication | undefined;

  constructor(mode: 'browser' | 'desktop', options: AppOptions, launch: Launch) {
    this.mode = mode;
    this.#options = options;
    this.#launch = launch;
    this.data = mkdtempSync(join(tmpdir(), 'hdm-e2e-'));
    this.#model = modelFor(options.model ?? 'tiny', this.data);
  }

  /** The window. */
  get page(): Page {
    return this.#pages[0]!;
  }

  /** The desktop app; undefined in a browser. */
  get desktop(): ElectronApplication | undefined {
    return this.#desktop;
  }

  /** Address of the studio in browser mode, without a token. */
  get origin(): string {
    return new URL(this.#link).origin;
  }

  /** What the host printed: the address with a one-time token, which the window has used. */
  get link(): string {
    return this.#link;
  }

  /** The person's own folder, where dialogs begin. */
  get home(): string {
    return join(this.data, 'home');
  }

  async start(): Promise<void> {
    await this.#prepare();
    if (this.mode === 'desktop') return this.#startDesktop();
    await this.startHost();
    await this.open(this.#link);
  }

  /** Another browser, with nothing of the first one. */
  async open(address: string): Promise<Page> {
    const browser = await this.#launch();
    const context = await browser.newContext({
      viewport: this.#viewport,
      reducedMotion: 'reduce',
      locale: 'en-US',
      timezoneId: 'UTC',
      permissions: ['clipboard-read', 'clipboard-write'],
    });
    const page = await context.newPage();
    this.#watch(page);
    await page.goto(address);
    return page;
  }

  /** Browser mode: starts the host, on the port that it had before. */
  async startHost(): Promise<void> {
    const port = this.#link ? new URL(this.#link).port : '0';
    const program = join(ROOT, 'out/host/hdm-studio.mjs');
    const args = ['--import', WATCH_NETWORK, program, 'serve', '--port', port, '--data', this.data];
    this.#host = spawn(process.execPath, args, {
      env: this.#environment(),
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    for await (const line of createInterface({ input: this.#host.stdout! })) {
      const link = /https?:\/\/\S+/.exec(line)?.[0];
      if (!link) continue;
      this.#link = link;
      return;
    }
    throw new Error('the host ended before it printed its link');
  }

  /** The host ends as if the power went; the engine notices by itself. */
  async killHost(): Promise<void> {
    const [host, engine] = [this.hostId(), this.engineId()];
    this.releaseEngine();
    process.kill(host, 'SIGKILL');
    await gone(host);
    if (engine !== undefined) await gone(engine);
  }

  /** Kills the host and has a new one: the desktop app starts it by itself. */
  async restartHost(): Promise<void> {
    await this.killHost();
    if (this.mode === 'browser') await this.startHost();
    else await expect.poll(() => this.#findHost()).toBeDefined();
  }

  /** The person closes the studio and opens it again: what is under way may finish what it writes. */
  async quitAndStart(): Promise<void> {
    if (this.mode === 'desktop') {
      const host = this.hostId();
      this.#pages.splice(0);
      await this.#desktop!.close();
      await gone(host);
      return this.#startDesktop();
    }
    const host = this.hostId();
    process.kill(host, 'SIGTERM');
    await gone(host);
    await this.startHost();
    await this.page.reload();
  }

  /** The engine ends as if the system had killed it. */
  killEngine(): void {
    const engine = this.engineId();
    if (engine === undefined) throw new Error('no engine runs');
    process.kill(engine, 'SIGKILL');
  }

  /** The engine stands still in the middle of its work, so that this lasts as long as a test needs. */
  holdEngine(): void {
    if (HAS_PROCESSES) process.kill(this.engineId()!, 'SIGSTOP');
  }

  releaseEngine(): void {
    const engine = HAS_PROCESSES ? this.engineId() : undefined;
    if (engine !== undefined) process.kill(engine, 'SIGCONT');
  }

  /** Process id of the host. */
  hostId(): number {
    const host = this.#findHost();
    if (host === undefined) throw new Error('there is no host');
    return host;
  }

  /** Process id of the engine, when it runs. */
  engineId(): number | undefined {
    const host = this.#findHost();
    return host === undefined ? undefined : childOf(host, 'engine.mjs');
  }

  /** What windows, main process, host and engine asked of other machines. */
  networkRequests(): string[] {
    const file = join(this.data, 'network.log');
    const ofPrograms = existsSync(file) ? readFileSync(file, 'utf8').split('\n').filter(Boolean) : [];
    return [...this.#foreign, ...ofPrograms];
  }

  /** Errors that windows did not catch, and what a browser complained of, such as the content security policy. */
  complaints(): readonly string[] {
    return this.#complaints;
  }

  /** What the host wrote into its log. */
  log(): string {
    const file = join(this.data, 'logs/studio.log');
    return existsSync(file) ? readFileSync(file, 'utf8') : '';
  }

  async stop(): Promise<void> {
    this.releaseEngine();
    await this.#desktop?.close();
    if (this.mode === 'browser') await Promise.all(this.#pages.map((page) => page.context().close()));
    this.#host?.kill('SIGTERM');
    if (this.#host?.pid !== undefined) await gone(this.#host.pid);
    rmSync(this.data, { recursive: true, force: true, maxRetries: 5 });
  }

  async #prepare(): Promise<void> {
    const { model = 'tiny', isFirstStart, form, settings, prepare: more } = this.#options;
    mkdirSync(this.home);
    await prepare(this.data, async (prepared) => {
      const { database } = prepared;
      forgetStarter(database);
      if (!isFirstStart) {
        const known = { isWelcomed: true, isToured: true, ...(this.#model && { modelId: MODEL_ID }) };
        setSettings(database, { ...known, ...settings });
        if (this.#model) addModel(database, this.#model, `${model} model`);
        const quick = model === 'none' ? {} : { ...QUICK[model], modelId: MODEL_ID };
        setForm(database, { ...form, drawing: { ...quick, ...form?.drawing } });
      }
      await more?.(prepared);
    });
  }

  async #startDesktop(): Promise<void> {
    const executablePath = electronProgram();
    this.#desktop = await _electron.launch({
      ...(executablePath && { executablePath }),
      timeout: 0, // as in a browser: the time of the test is the only limit
      args: ['-r', WATCH_NETWORK, ROOT],
      cwd: ROOT,
      env: {
        ...this.#environment(),
        HDM_STUDIO_DATA: this.data,
        STANDIN_HOME: join(this.data, 'desktop-home'),
        STANDIN_NODE: process.execPath,
      },
    });
    const page = await this.#desktop.firstWindow();
    page.setDefaultTimeout(0);
    this.#watch(page);
    await page.setViewportSize(this.#viewport);
    await page.emulateMedia({ reducedMotion: 'reduce' });
  }

  #watch(page: Page): void {
    this.#pages.push(page);
    page.on('pageerror', (error) => this.#complaints.push(error.stack ?? error.message));
    page.on('console', (message) => {
      // That a host cannot be reached, or has no such file, is what some tests are about; the window says so.
      const isOfNetwork = /^(Failed to load resource|WebSocket connection to)/.test(message.text());
      if (message.type() === 'error' && !isOfNetwork) this.#complaints.push(message.text());
    });
    page.context().on('request', (request) => {
      if (!isOwn(request.url())) this.#foreign.push(`window ${request.url()}`);
    });
  }

  #findHost(): number | undefined {
    return this.#host?.pid ?? (this.#desktop && childOf(this.#desktop.process().pid!, 'host.mjs'));
  }

  get #viewport(): { width: number; height: number } {
    return { width: 1280, height: 800, ...this.#options.viewport };
  }

  #environment(): Record<string, string> {
    const inherited = ['PATH', 'TMPDIR', 'DISPLAY', 'XDG_RUNTIME_DIR'].flatMap((name) => {
      const value = process.env[name];
      return value === undefined ? [] : [[name, value]];
    });
    return {
      ...(Object.fromEntries(inherited) as Record<string, string>),
      HOME: this.home,
      HDM_NETWORK_LOG: join(this.data, 'network.log'),
      ...(this.#model && { HDM_STUDIO_MODEL: this.#model }),
    };
  }
}

/** Tests with a studio: `test.use({ appOptions: { model: 'real' } })` chooses what it begins with. */
export const test = base.extend<{ appOptions: AppOptions; app: App }, { launch: Launch }>({
  appOptions: [{}, { option: true }],
  launch: [
    async ({}, use) => {
      let browser: Promise<Browser> | undefined;
      await use(() => (browser ??= launchChromium()));
      await (await browser)?.close();
    },
    { scope: 'worker' },
  ],
  app: async ({ appOptions, launch }, use, info) => {
    const { mode } = info.project.metadata as { mode: App['mode'] };
    const obstacle = obstacleFor(mode, appOptions);
    base.skip(obstacle !== undefined, obstacle ?? '');
    const app = new App(mode, appOptions, launch);
    try {
      await app.start();
      await use(app);
      // Whatever a test does:
      if (!appOptions.mayAskNetwork) expect(app.networkRequests()).toEqual([]);
      if (!appOptions.mayComplain) expect(app.complaints()).toEqual([]);
    } finally {
      if (info.errors.length > 0) await info.attach('studio.log', { body: app.log() });
      await app.stop();
    }
  },
});

export { expect };

/** The browser of the tests. */
export function launchChromium(): Promise<Browser> {
  return chromium.launch({ ...(CHROMIUM && { executablePath: CHROMIUM }), args: CHROMIUM_FLAGS });
}

/** Addresses of this machine, and of what never leaves a window. */
function isOwn(address: string): boolean {
  const { protocol, hostname } = new URL(address);
  if (['app:', 'blob:', 'data:', 'about:'].includes(protocol)) return true;
  return hostname === '127.0.0.1' || hostname === 'localhost' || hostname.endsWith('.localhost');
}

/** The process below one that runs this program. */
function childOf(id: number, program: string): number | undefined {
  return childrenOf(id).find((child) => commandOf(child).includes(program));
}

function obstacleFor(mode: App['mode'], { model }: AppOptions): string | undefined {
  if (model === 'real' && !existsSync(BOOTSTRAP)) return 'the bootstrap model is not beside the checkout';
  if (!existsSync(CHROMIUM ?? chromium.executablePath())) return 'there is no Chromium here';
  if (mode === 'browser' || hasElectron() || electronProgram()) return undefined;
  return "neither Electron's binary nor a stand-in is here";
}

/** Where Electron's binary is not, a stand-in for it runs the same main process and preload. */
function electronProgram(): string | undefined {
  const given = process.env['ELECTRON_OVERRIDE_DIST_PATH'];
  if (given) return join(resolve(given), 'electron');
  return !hasElectron() && existsSync(STAND_IN) ? join(STAND_IN, 'electron') : undefined;
}

/** Its install script writes where the program lies. */
function hasElectron(): boolean {
  const folder = dirname(createRequire(import.meta.url).resolve('electron/package.json'));
  return existsSync(join(folder, 'path.txt'));
}

function modelFor(kind: NonNullable<AppOptions['model']>, data: string): string | undefined {
  if (kind === 'none') return undefined;
  if (kind === 'real') return BOOTSTRAP;
  return writeTinyModel(join(data, 'tiny-model')).folder;
}
