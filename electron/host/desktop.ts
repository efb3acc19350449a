/**
 * @file The host as Electron's child: windows speak over the process's pipe, bytes go over a socket that only this
 * user's programs reach and that wants a secret besides. No TCP port is open.
 */
import { randomBytes } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer, type IncomingMessage, type Server } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createBirpc, type BirpcReturn } from 'birpc';
import {
  SECRET_HEADER,
  type Answer,
  type BytesPlace,
  type DesktopHostFunctions,
  type DesktopMainFunctions,
  type DraggedPicture,
  type Look,
} from '../desktop-protocol.ts';
import { sendText } from './answers.ts';
import { answerFiles } from './http.ts';
import { lockFolder } from './lock.ts';
import { openPlaces } from './places.ts';
import { isSameSecret, newSecret } from './sessions.ts';
import { connect, toFailure, type Connection, type OpenStudio, type Studio } from './wire.ts';

/** The end of a child process's pipe that is in the child: `process` itself, or a fake of tests. */
export interface ParentPipe {
  send(message: unknown, onSent: () => void): void;
  on(event: 'message', listener: (message: unknown) => void): unknown;
  on(event: 'disconnect', listener: () => void): unknown;
}

const DRAG_ICON_SIDE = 128;
/** The engine is given some time to stop: a training run keeps its state first. */
const CLOSING_MS = 60_000;

/** Serves the studio to the parent process. `exit` is called when all is closed, or the parent is gone. */
export function serveDesktop(parent: ParentPipe, openStudio: OpenStudio, exit: () => void): void {
  const host = new DesktopHost(openStudio, exit);
  const main = createBirpc<DesktopMainFunctions, DesktopHostFunctions>(host.functions, {
    // What cannot be sent has no receiver any more; 'disconnect' tells that.
    post: (message: unknown) => parent.send(message, () => {}),
    on: (receive) => void parent.on('message', receive),
    timeout: -1,
  });
  host.main = main;
  parent.on('disconnect', () => void host.close());
}

class DesktopHost {
  main!: BirpcReturn<DesktopMainFunctions, DesktopHostFunctions>;

  readonly functions: DesktopHostFunctions = {
    start: (options) => answer('start', () => this.#start(options.data)),
    connect: (windowId) => this.#connect(windowId),
    message: (windowId, text) => this.#windows.get(windowId)?.receive(text),
    disconnect: (windowId) => this.#disconnect(windowId),
    drag: (pictureId) => answer('drag', () => this.#drag(pictureId)),
    close: () => void this.close(),
  };

  readonly #openStudio: OpenStudio;
  readonly #exit: () => void;
  readonly #windows = new Map<
    number,
    { readonly connection: Connection; readonly receive: (text: string) => void }
  >();
  #studio: Studio | undefined;
  #bytes: { readonly server: Server; readonly folder: string | undefined } | undefined;
  #unlock: (() => void) | undefined;
  #isClosing = false;

  constructor(openStudio: OpenStudio, exit: () => void) {
    this.#openStudio = openStudio;
    this.#exit = exit;
  }

  async close(): Promise<void> {
    if (this.#isClosing) return;
    this.#isClosing = true;
    setTimeout(this.#exit, CLOSING_MS).unref(); // whatever hangs: a host without its app must not stay
    for (const windowId of [...this.#windows.keys()]) this.#disconnect(windowId);
    this.#bytes?.server.close();
    this.#bytes?.server.closeAllConnections();
    if (this.#bytes?.folder) rmSync(this.#bytes.folder, { recursive: true, force: true });
    try {
      await this.#studio?.close();
    } catch (error) {
      console.error(error);
    }
    this.#unlock?.();
    this.#exit();
  }

  async #start(data: string): Promise<BytesPlace> {
    this.#unlock = lockFolder(openPlaces(data).data);
    const studio = await this.#openStudio({
      data,
      mode: 'desktop',
      reveal: (file) => void this.main.reveal.asEvent(file),
    });
    this.#studio = studio;
    studio.events.listen((name, value) => name === 'settings' && this.#tellLook(value as Look));
    void studio.handlers['settings.change']({});
    return this.#serveBytes(studio);
  }

  #tellLook({ language, theme }: Look): void {
    void this.main.look.asEvent({ language, theme });
  }

  async #serveBytes(studio: Studio): Promise<BytesPlace> {
    const secret = newSecret();
    const server = createServer((request, response) => {
      if (!isAllowed(request, secret)) return sendText(response, 403, 'Only the app itself may ask here');
      void answerFiles(studio, request, response).then((found) => {
        if (!found) sendText(response, 404, 'Not found');
      });
    });
    server.requestTimeout = 0; // an upload of some gigabytes takes its time; silence is watched instead
    const { socket, folder } = newSocketPlace();
    this.#bytes = { server, folder };
    await new Promise<void>((resolve, reject) => server.once('error', reject).listen(socket, resolve));
    return { socket, secret };
  }

  #connect(windowId: number): void {
    this.#disconnect(windowId);
    if (!this.#studio) return;
    let receive = (_text: string): void => {};
    const connection = connect(this.#studio, {
      post: (text) => void this.main.message.asEvent(windowId, text),
      onMessage: (listener) => (receive = listener),
    });
    this.#windows.set(windowId, { connection, receive });
  }

  #disconnect(windowId: number): void {
    this.#windows.get(windowId)?.connection.close();
    this.#windows.delete(windowId);
  }

  async #drag(pictureId: string): Promise<DraggedPicture> {
    const { files } = this.#studio!; // main asks after it has started the studio
    const { default: sharp } = await import('sharp');
    const thumbnail = sharp(await files.thumbnail(pictureId));
    const icon = await thumbnail.resize(DRAG_ICON_SIDE, DRAG_ICON_SIDE, { fit: 'inside' }).png().toBuffer();
    return { file: files.picture(pictureId), icon: icon.toString('base64') };
  }
}

async function answer<T>(where: string, work: () => Promise<T>): Promise<Answer<T>> {
  try {
    return { value: await work() };
  } catch (error) {
    return { error: toFailure(error, where, console.error) };
  }
}

function isAllowed({ headers }: IncomingMessage, secret: string): boolean {
  const given = headers[SECRET_HEADER];
  return typeof given === 'string' && isSameSecret(given, secret);
}

/** A name that nobody can guess or take before: in a folder of this user alone, or random where there are pipes. */
function newSocketPlace(): { readonly socket: string; readonly folder: string | undefined } {
  if (process.platform === 'win32') {
    return { socket: `\\\\.\\pipe\\hdm-studio-${randomBytes(16).toString('hex')}`, folder: undefined };
  }
  const folder = mkdtempSync(join(tmpdir(), 'hdm-studio-')); // with rights 0700
  return { socket: join(folder, 'bytes'), folder };
}
