/** @file Between windows and host: strings both ways, and the few things that only Electron can do for a window. */
import {
  BrowserWindow,
  dialog,
  nativeImage,
  type IpcMain,
  type IpcMainEvent,
  type IpcMainInvokeEvent,
  type OpenDialogOptions,
  type WebContents,
} from 'electron';
import { CHANNELS } from './channels.ts';
import type { DesktopBridge } from './contract.ts';
import type { HostProcess } from './host-process.ts';
import { isOurFrame } from './security.ts';

/** As on the WebSocket. */
const MOST_MESSAGE_LENGTH = 2 ** 20;

type What = Parameters<DesktopBridge['choose']>[0];

const DIALOGS: Readonly<Record<What, OpenDialogOptions>> = {
  'model file': {
    properties: ['openFile', 'multiSelections'],
    filters: [{ name: 'safetensors', extensions: ['safetensors'] }],
  },
  folder: { properties: ['openDirectory', 'createDirectory'] },
  picture: {
    properties: ['openFile', 'multiSelections'],
    filters: [{ name: 'PNG, WebP, JPEG', extensions: ['png', 'webp', 'jpg', 'jpeg'] }],
  },
  'list of pictures': {
    properties: ['openFile'],
    filters: [{ name: 'JSONL, CSV', extensions: ['jsonl', 'csv'] }],
  },
  'CSV file': { properties: ['openFile'], filters: [{ name: 'CSV', extensions: ['csv'] }] },
};

type HostOfBridge = Pick<HostProcess, 'isUp' | 'connect' | 'message' | 'disconnect' | 'drag'>;

/** The pages that have greeted, each with a connection to the host for as long as host and page are there. */
export class Bridge {
  readonly #host: HostOfBridge;
  readonly #log: (line: string) => void;
  readonly #pages = new Map<number, WebContents>();

  constructor(host: HostOfBridge, log: (line: string) => void) {
    this.#host = host;
    this.#log = log;
  }

  /** Takes the messages of all windows. */
  listen(ipc: IpcMain): void {
    const on = (channel: string, listener: (event: IpcMainEvent, value: unknown) => void): void => {
      ipc.on(channel, (event, value: unknown) => {
        if (isOurFrame(event.senderFrame)) listener(event, value);
        else this.#log(`A message of ${event.senderFrame?.url ?? 'a page that is gone'} was refused.`);
      });
    };
    on(CHANNELS.open, ({ sender }) => this.#open(sender));
    on(CHANNELS.message, ({ sender }, text) => this.#message(sender.id, text));
    on(CHANNELS.dragOut, ({ sender }, pictureId) => void this.#dragOut(sender, pictureId));
    ipc.handle(CHANNELS.choose, (event, what: unknown) => choose(event, what));
  }

  /** From the host to one window. */
  deliver(windowId: number, text: string): void {
    this.#pages.get(windowId)?.send(CHANNELS.message, text);
  }

  /** Tells every window that the host went away or is back; then it connects anew. */
  hostChanged(isUp: boolean): void {
    for (const page of this.#pages.values()) this.#tellHost(page, isUp);
  }

  #open(page: WebContents): void {
    if (!this.#pages.has(page.id)) page.once('destroyed', () => this.#gone(page.id));
    this.#pages.set(page.id, page);
    this.#tellHost(page, this.#host.isUp);
  }

  #tellHost(page: WebContents, isUp: boolean): void {
    if (isUp) this.#host.connect(page.id);
    page.send(CHANNELS.host, isUp);
  }

  #gone(id: number): void {
    this.#pages.delete(id);
    this.#host.disconnect(id);
  }

  #message(id: number, text: unknown): void {
    if (typeof text === 'string' && text.length <= MOST_MESSAGE_LENGTH) this.#host.message(id, text);
    else this.#log('A message that is no text, or too long, was refused.');
  }

  async #dragOut(page: WebContents, pictureId: unknown): Promise<void> {
    try {
      const { file, icon } = await this.#host.drag(String(pictureId));
      page.startDrag({ file, icon: nativeImage.createFromBuffer(Buffer.from(icon, 'base64')) });
    } catch (error) {
      this.#log(`A picture could not be dragged: ${String(error)}`);
    }
  }
}

async function choose({ sender, senderFrame }: IpcMainInvokeEvent, what: unknown): Promise<string[]> {
  const window = BrowserWindow.fromWebContents(sender);
  if (!isOurFrame(senderFrame) || !window) throw new Error('only the window itself may ask');
  if (!isWhat(what))
    throw new Error(`expected one of ${Object.keys(DIALOGS).join(', ')}, got ${String(what)}`);
  const { filePaths } = await dialog.showOpenDialog(window, DIALOGS[what]);
  return filePaths;
}

function isWhat(what: unknown): what is What {
  return typeof what === 'string' && Object.hasOwn(DIALOGS, what);
}
