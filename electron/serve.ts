/** @file `hdm-studio serve`: the studio without a desktop, for browsers here or elsewhere. */
import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { Command, InvalidArgumentError } from 'commander';
import { toPath } from '../engine/cli/options.ts';
import { openOutput, type Output } from '../engine/cli/output.ts';
import { HdmError } from '../engine/errors.ts';
import type { ServerOptions, StudioServer } from './host/server.ts';
import type { Studio } from './host/wire.ts';

interface ServeOptions {
  /** Absent: the usual port, or a free one when that is taken. */
  readonly port?: number;
  readonly listen: string;
  readonly allowHost: readonly string[];
  readonly data?: string;
  readonly model?: string;
  readonly open?: boolean;
}

const USUAL_PORT = 4360;
const MOST_PORT = 65_535;

/** The command `serve`. It ends with SIGINT or SIGTERM. */
export function serveCommand(): Command {
  return new Command('serve')
    .description('open the studio for a browser, here or on another machine')
    .option('--port <number>', `port to listen on; 0: any free one (usual: ${USUAL_PORT})`, parsePort)
    .option('--listen <address>', 'address to listen on; 0.0.0.0: every network of this machine', '127.0.0.1')
    .option('--allow-host <name...>', 'names besides localhost under which browsers may reach the studio', [])
    .option('--data <folder>', 'folder of pictures, models and settings', toPath)
    .option('--model <path>', 'model to draw with', toPath)
    .option('--open', 'open the browser')
    .action(serve);
}

async function serve(options: ServeOptions): Promise<void> {
  const output = openOutput(false);
  const { windowFolder } = await import('./host/window-folder.ts');
  requireWindow(windowFolder());
  const { openPlaces } = await import('./host/places.ts');
  const { lockFolder } = await import('./host/lock.ts');
  const { data } = openPlaces(options.data === undefined ? undefined : resolve(options.data));
  const unlock = lockFolder(data);
  try {
    await serveFolder(data, windowFolder(), options, output);
  } finally {
    unlock();
  }
}

async function serveFolder(
  data: string,
  window: string,
  options: ServeOptions,
  output: Output,
): Promise<void> {
  const { openStudio } = await import('./host/studio.ts');
  let server: StudioServer | undefined;
  const studio = await openStudio({ data, mode: 'browser', link: () => server!.link() });
  try {
    const places = { sessionsFile: join(data, 'sessions.json'), windowFolder: window };
    server = await listen({ studio, ...places, allowedHosts: options.allowHost }, options, output);
    if (options.model !== undefined) await chooseModel(studio, resolve(options.model));
    announce(server, options, output);
    await untilSignal();
  } finally {
    await server?.close();
    await studio.close();
  }
}

function requireWindow(folder: string): void {
  if (existsSync(join(folder, 'index.html'))) return;
  throw new HdmError(
    'bad-usage',
    folder,
    'the window is not built yet',
    'Run `npm run build`, or `npm start`, which does it by itself',
  );
}

async function listen(
  what: Pick<ServerOptions, 'studio' | 'windowFolder' | 'sessionsFile' | 'allowedHosts'>,
  { port, listen: address }: ServeOptions,
  output: Output,
): Promise<StudioServer> {
  const { isLoopback, StudioServer } = await import('./host/server.ts');
  if (!isLoopback(address)) warnOfNetwork(address, output);
  try {
    return await StudioServer.open({ ...what, listen: address, port: port ?? USUAL_PORT });
  } catch (error) {
    const { cause } = error as { cause?: NodeJS.ErrnoException };
    if (port !== undefined || cause?.code !== 'EADDRINUSE') throw error;
    output.note(`Port ${USUAL_PORT} is taken; taking a free one.`);
    return StudioServer.open({ ...what, listen: address, port: 0 });
  }
}

function warnOfNetwork(address: string, output: Output): void {
  output.note(
    `Warning: listening on ${address}, so that other machines reach the studio, over plain HTTP that anybody in ` +
      `between can read. Better: listen here only, and on the other machine \`ssh -L ${USUAL_PORT}:localhost:${USUAL_PORT} …\`, ` +
      'or a proxy with TLS in front, its name given with --allow-host.',
  );
}

async function chooseModel({ handlers }: Studio, path: string): Promise<void> {
  const { id } = await handlers['models.import']({ path });
  await handlers['settings.change']({ modelId: id });
}

function announce(server: StudioServer, { open }: ServeOptions, output: Output): void {
  const link = server.link();
  output.line(`HDM Studio: ${link} (opens one browser, within ten minutes; end with Ctrl-C)`);
  if (open) openBrowser(link, output);
}

const OPENERS: Readonly<Partial<Record<NodeJS.Platform, readonly string[]>>> = {
  darwin: ['open'],
  win32: ['rundll32', 'url.dll,FileProtocolHandler'],
};

function openBrowser(link: string, output: Output): void {
  const [program, ...args] = OPENERS[process.platform] ?? ['xdg-open'];
  const browser = spawn(program!, [...args, link], { stdio: 'ignore', detached: true });
  const give = (): void => output.note('No browser could be opened; open the link above in one.');
  browser.on('error', give);
  browser.on('exit', (code) => code && give());
  browser.unref();
}

/** A second signal ends the process at once, as usual. */
function untilSignal(): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>();
  const signals = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;
  const stop = (): void => {
    signals.forEach((signal) => process.off(signal, stop));
    resolve();
  };
  signals.forEach((signal) => process.on(signal, stop));
  return promise;
}

function parsePort(text: string): number {
  const port = Number(text);
  if (/^\d+$/.test(text) && port <= MOST_PORT) return port;
  throw new InvalidArgumentError(`expected a port from 0 to ${MOST_PORT}, got ${text}.`);
}
