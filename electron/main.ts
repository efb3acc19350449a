/** @file The desktop app. It shows a window and starts the host; what the studio does, the host does. */
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import {
  app,
  ipcMain,
  Menu,
  nativeTheme,
  protocol,
  session,
  shell,
  dialog,
  type BrowserWindow,
} from 'electron';
import { appProtocol } from './app-protocol.ts';
import { Bridge } from './bridge.ts';
import { CHANNELS } from './channels.ts';
import type { Look } from './desktop-protocol.ts';
import { HostProcess } from './host-process.ts';
import { openLog } from './host/log.ts';
import { openPlaces } from './host/places.ts';
import { menuLanguage, menuTemplate } from './menu.ts';
import { hostEnvironment, secureApp, secureContents, secureSession } from './security.ts';
import { readShellState, writeShellState, type ShellState } from './shell-state.ts';
import { openWindow, showWindow } from './window.ts';

const NAME = 'HDM Studio';

function begin(): void {
  const places = openPlaces();
  const log = openLog(places.logs);
  process.on('uncaughtExceptionMonitor', (error) => log(error.stack ?? String(error)));
  app.setName(NAME);
  const userData = join(places.data, 'desktop'); // one folder for everything, and one app for each folder
  mkdirSync(userData, { recursive: true, mode: 0o700 });
  app.setPath('userData', userData);

  const problem = secureApp(app, protocol);
  if (problem) {
    console.error(problem);
    return app.exit(1);
  }
  if (!app.requestSingleInstanceLock()) return app.exit(0); // the other one shows its window
  new DesktopApp(places.data, log).start();
}

class DesktopApp {
  readonly #data: string;
  readonly #log: (line: string) => void;
  readonly #stateFile = join(app.getPath('userData'), 'state.json');
  #state: ShellState = readShellState(this.#stateFile);
  #window: BrowserWindow | undefined;
  #host: HostProcess | undefined;

  constructor(data: string, log: (line: string) => void) {
    this.#data = data;
    this.#log = log;
  }

  start(): void {
    app.on('web-contents-created', (_event, contents) => {
      secureContents(contents, (address) => void shell.openExternal(address));
    });
    app.on('second-instance', () => this.#show());
    app.on('activate', () => this.#show());
    app.on('window-all-closed', () => {
      if (process.platform !== 'darwin') app.quit();
    });
    app.on('will-quit', (event) => this.#stopHost(event));
    app
      .whenReady()
      .then(() => this.#open())
      .catch((error: unknown) => this.#fail(String(error)));
  }

  async #open(): Promise<void> {
    const host = await this.#makeHost();
    this.#host = host;
    const answer = appProtocol({
      windowFolder: join(app.getAppPath(), 'out/renderer'),
      bytesPlace: () => host.bytesPlace(),
      log: this.#log,
    });
    secureSession(session.defaultSession, protocol, answer);
    host.start();
    this.#applyLook(this.#state.look);
    this.#show();
  }

  async #makeHost(): Promise<HostProcess> {
    const host = new HostProcess({
      ...(await hostProgram()),
      environment: hostEnvironment(process.env),
      data: this.#data,
      functions: {
        message: (windowId, text) => bridge.deliver(windowId, text),
        reveal: (file) => shell.showItemInFolder(file),
        look: (look) => this.#applyLook(look),
      },
      onChange: (isUp) => bridge.hostChanged(isUp),
      onFailure: (message) => this.#fail(message),
      log: this.#log,
    });
    const bridge = new Bridge(host, this.#log);
    bridge.listen(ipcMain);
    return host;
  }

  #show(): void {
    if (this.#window) return showWindow(this.#window);
    if (!this.#host) return; // not ready yet: the window comes by itself
    const window = openWindow({
      preload: join(app.getAppPath(), 'out/main/preload.cjs'),
      state: this.#state,
      onPlace: (place) => this.#keep(place),
      log: this.#log,
    });
    window.on('closed', () => (this.#window = undefined));
    this.#window = window;
  }

  #applyLook(look: Look): void {
    this.#keep({ look });
    nativeTheme.themeSource = look.theme;
    const template = menuTemplate({
      language: menuLanguage(look.language, app.getLocale()),
      platform: process.platform,
      isPackaged: app.isPackaged,
      send: (command) => this.#window?.webContents.send(CHANNELS.command, command),
    });
    Menu.setApplicationMenu(Menu.buildFromTemplate(template));
  }

  #keep(change: Partial<ShellState>): void {
    this.#state = { ...this.#state, ...change };
    try {
      writeShellState(this.#stateFile, this.#state);
    } catch (error) {
      this.#log(`The window's place could not be kept: ${String(error)}`);
    }
  }

  #fail(message: string): void {
    this.#log(message);
    dialog.showErrorBox(NAME, message);
    app.quit();
  }

  /** The app waits for its host, which finishes what it writes. */
  #stopHost(event: { preventDefault(): void }): void {
    if (!this.#host) return;
    event.preventDefault();
    void this.#host.stop().then(() => {
      this.#host = undefined;
      app.quit();
    });
  }
}

/** Node and the host's program: in a package beside the app, else those of this checkout. */
async function hostProgram(): Promise<{ readonly node: string; readonly program: string }> {
  if (app.isPackaged) {
    const folder = join(process.resourcesPath, 'engine');
    const node = join(folder, process.platform === 'win32' ? 'node.exe' : 'node');
    return { node, program: join(folder, 'host.mjs') };
  }
  const root = app.getAppPath();
  const finder = (await import(pathToFileURL(join(root, 'build/node24.mjs')).href)) as {
    installedNode24(): string | undefined;
  };
  return { node: finder.installedNode24() ?? 'node', program: join(root, 'out/host/host.mjs') };
}

begin();
