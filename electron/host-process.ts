/** @file The host as a child of the app: started with Node 24, started again when it ends by itself, ended with the app. */
import { spawn, type ChildProcess } from 'node:child_process';
import { rm } from 'node:fs/promises';
import { dirname } from 'node:path';
import { createInterface } from 'node:readline';
import { createBirpc, type BirpcReturn } from 'birpc';
import type {
  BytesPlace,
  DesktopHostFunctions,
  DesktopMainFunctions,
  DraggedPicture,
} from './desktop-protocol.ts';

export interface HostProcessOptions {
  /** Path of a Node 24. */
  readonly node: string;
  /** Path of the host's program. */
  readonly program: string;
  readonly environment: NodeJS.ProcessEnv;
  readonly data: string;
  readonly functions: DesktopMainFunctions;
  /** The host answers calls from now on, or not any more. */
  readonly onChange: (isUp: boolean) => void;
  /** It cannot be started; nothing more will happen. */
  readonly onFailure: (message: string) => void;
  readonly log: (line: string) => void;
}

/** A host that ends more often than that within a minute is not started again. */
const MOST_STARTS = 4;
const MINUTE_MS = 60_000;
/** Longer than the host gives itself. */
const ENDING_MS = 62_000;

type Host = BirpcReturn<DesktopHostFunctions, DesktopMainFunctions>;

/** One host at a time. */
export class HostProcess {
  readonly #options: HostProcessOptions;
  readonly #starts: number[] = [];
  #child: ChildProcess | undefined;
  #host: Host | undefined;
  #place = Promise.withResolvers<BytesPlace>();
  #isUp = false;
  #isEnding = false;

  constructor(options: HostProcessOptions) {
    this.#options = options;
  }

  /** Whether it answers calls. */
  get isUp(): boolean {
    return this.#isUp;
  }

  /** Where its bytes are; waits while it starts. */
  bytesPlace(): Promise<BytesPlace> {
    return this.#place.promise;
  }

  /** Begins to start it; `onChange` or `onFailure` tells how that went. */
  start(): void {
    const { node, program, environment, data, functions, log } = this.#options;
    this.#starts.push(Date.now());
    const stdio = ['ignore', 'pipe', 'pipe', 'ipc'] as const;
    const child = spawn(node, [program], { env: environment, stdio: [...stdio], windowsHide: true });
    this.#child = child;
    for (const input of [child.stdout!, child.stderr!]) createInterface({ input }).on('line', log);
    child.on('error', (error) => this.#fail(`${node}: ${error.message}.`));
    child.once('exit', (code, signal) => this.#ended(`ended with ${signal ?? code}`));
    const host = createBirpc<DesktopHostFunctions, DesktopMainFunctions>(functions, {
      // What cannot be sent has no receiver any more; its end is told above.
      post: (message: object) => void (child.connected && child.send(message, () => {})),
      on: (receive) => void child.on('message', receive),
      timeout: -1,
    });
    this.#host = host;
    void host.start({ data }).then((answer) => {
      if ('error' in answer) return this.#fail(answer.error.message);
      this.#place.resolve(answer.value);
      this.#setUp(true);
    }, ignoreClosed);
  }

  connect(windowId: number): void {
    void this.#host?.connect.asEvent(windowId);
  }

  message(windowId: number, text: string): void {
    void this.#host?.message.asEvent(windowId, text);
  }

  disconnect(windowId: number): void {
    void this.#host?.disconnect.asEvent(windowId);
  }

  /** What is needed to drag a picture out. Throws when there is none of that id, or no host. */
  async drag(pictureId: string): Promise<DraggedPicture> {
    if (!this.#host || !this.#isUp) throw new Error('the host does not run');
    const answer = await this.#host.drag(pictureId);
    if ('error' in answer) throw new Error(answer.error.message);
    return answer.value;
  }

  /** Lets it close what is open; resolves when the process is gone. */
  async stop(): Promise<void> {
    this.#isEnding = true;
    const child = this.#child;
    if (!child || child.exitCode !== null || child.signalCode !== null) return;
    const gone = new Promise((resolve) => child.once('exit', resolve));
    const impatience = setTimeout(() => child.kill('SIGKILL'), ENDING_MS);
    void this.#host?.close.asEvent();
    await gone;
    clearTimeout(impatience);
  }

  #ended(reason: string): void {
    this.#host?.$close(new Error('the host ended'));
    this.#host = undefined;
    if (this.#isEnding) return;
    this.#options.log(`The host ${reason}.`);
    this.#setUp(false);
    const now = Date.now();
    if (this.#starts.filter((start) => now - start < MINUTE_MS).length >= MOST_STARTS) {
      return this.#fail(`The studio's host ${reason}, ${MOST_STARTS} times within a minute.`);
    }
    this.start();
  }

  #setUp(isUp: boolean): void {
    if (isUp === this.#isUp) return;
    this.#isUp = isUp;
    if (!isUp) void this.#forgetPlace();
    this.#options.onChange(isUp);
  }

  /** A host that was killed leaves the folder of its socket behind. */
  async #forgetPlace(): Promise<void> {
    const { promise } = this.#place;
    this.#place = Promise.withResolvers();
    const { socket } = await promise;
    if (process.platform !== 'win32') await rm(dirname(socket), { recursive: true, force: true });
  }

  #fail(message: string): void {
    if (this.#isEnding) return;
    this.#isEnding = true;
    this.#child?.kill();
    this.#options.log(message);
    this.#options.onFailure(message);
  }
}

/** A call that the end of the process cut off: its exit tells more. */
function ignoreClosed(): void {}
