/** @file A server for browsers with a fake studio, and what browsers and others ask of it. */
import { once } from 'node:events';
import { mkdirSync, writeFileSync } from 'node:fs';
import { request as httpRequest, type IncomingMessage } from 'node:http';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { expect, onTestFinished } from 'vitest';
import { WebSocket } from 'ws';
import { PLACES } from '../../electron/contract.ts';
import { SECURITY_HEADERS } from '../../electron/headers.ts';
import { StudioServer, type ServerOptions } from '../../electron/host/server.ts';
import { testFolder } from '../helpers/folder.ts';
import { fakeStudio, type FakeOptions, type FakeStudio } from './fake-studio.ts';

export const PAGE = '<!doctype html><title>the window</title>';

interface AskOptions {
  readonly method?: string;
  readonly host?: string;
  readonly cookie?: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string;
}

interface Reply {
  readonly status: number;
  readonly headers: IncomingMessage['headers'];
  readonly body: string;
}

interface SocketOptions {
  readonly path?: string;
  readonly origin?: string;
  readonly cookie?: string;
  readonly host?: string;
}

export interface OpenedServer {
  readonly studio: FakeStudio;
  readonly server: StudioServer;
  readonly options: ServerOptions;
  readonly port: number;
  readonly origin: string;
  /** Of a session that is open. */
  readonly cookie: string;
  readonly ask: (path: string, options?: AskOptions) => Promise<Reply>;
  readonly enter: () => Promise<string>;
  /** The status with which a socket is refused, 101 when it opens. */
  readonly socket: (options: SocketOptions) => Promise<number>;
  readonly openSocket: () => Promise<{
    readonly send: (message: string | Buffer) => void;
    readonly next: () => Promise<string>;
    readonly closed: Promise<number>;
  }>;
}

/** A server with a fake studio, a small window and an open session. */
export async function openServer(
  fake: FakeOptions = {},
  changes: Partial<ServerOptions> = {},
): Promise<OpenedServer> {
  const studio = fakeStudio(fake);
  const folder = testFolder();
  mkdirSync(join(folder, 'window/assets'), { recursive: true });
  writeFileSync(join(folder, 'window/index.html'), PAGE);
  writeFileSync(join(folder, 'window/assets/app-1234.js'), 'start()');
  writeFileSync(join(folder, 'secret.txt'), 'secret');
  const options: ServerOptions = {
    studio,
    windowFolder: join(folder, 'window'),
    sessionsFile: join(folder, 'sessions.json'),
    listen: '127.0.0.1',
    port: 0,
    allowedHosts: [],
    ...changes,
  };
  const server = await StudioServer.open(options);
  onTestFinished(() => server.close());
  const { port } = server;
  const origin = `http://127.0.0.1:${port}`;

  let cookie = '';
  const ask = (
    path: string,
    { method = 'GET', host, headers, body, ...rest }: AskOptions = {},
  ): Promise<Reply> => {
    const sent = { host: host ?? `127.0.0.1:${port}`, cookie: rest.cookie ?? cookie, ...headers };
    return new Promise((resolve, reject) => {
      const request = httpRequest({ host: '127.0.0.1', port, path, method, headers: sent, agent: false });
      request.on('error', reject);
      request.on('response', (response) => {
        text(response).then(
          (body) => resolve({ status: response.statusCode!, headers: response.headers, body }),
          reject,
        );
      });
      request.end(body);
    });
  };
  const enter = async (): Promise<string> => {
    const { headers } = await ask(pathOf(server.link()), { cookie: '' });
    return headers['set-cookie']![0]!.split(';')[0]!;
  };
  cookie = await enter();

  const dial = ({ path = PLACES.socket, host = `127.0.0.1:${port}`, ...headers }: SocketOptions): WebSocket =>
    new WebSocket(`ws://127.0.0.1:${port}${path}`, { headers: { host, ...headers } });
  const socket = (how: SocketOptions): Promise<number> =>
    new Promise((resolve, reject) => {
      const dialled = dial(how);
      dialled.on('error', reject);
      dialled.on('open', () => resolve(101));
      dialled.on('unexpected-response', (_request, response) => {
        expect(response.headers).toMatchObject(SECURITY_HEADERS);
        resolve(response.statusCode!);
        response.destroy();
      });
    });
  const openSocket: OpenedServer['openSocket'] = async () => {
    const dialled = dial({ origin, cookie });
    const messages: string[] = [];
    let wake = (): void => {};
    dialled.on('message', (data) => {
      messages.push((data as Buffer).toString());
      wake();
    });
    const closed = new Promise<number>((resolve) => dialled.on('close', resolve));
    await once(dialled, 'open');
    const next = async (): Promise<string> => {
      if (messages.length === 0) await new Promise<void>((resolve) => (wake = resolve));
      return messages.shift()!;
    };
    return { send: (message) => dialled.send(message), next, closed };
  };
  return { studio, server, options, port, origin, cookie, ask, enter, socket, openSocket };
}

/** Path and query of a link. */
export function pathOf(link: string): string {
  const { pathname, search } = new URL(link);
  return `${pathname}${search}`;
}
