/** @file The studio for browsers: the window's files, the bytes of the host, and a WebSocket, behind one gate. */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { networkInterfaces } from 'node:os';
import type { AddressInfo } from 'node:net';
import type { Duplex } from 'node:stream';
import { WebSocketServer, type WebSocket } from 'ws';
import { HdmError } from '../../engine/errors.ts';
import { parseAddress } from '../address.ts';
import { PLACES } from '../contract.ts';
import { readWindowFile } from '../window-files.ts';
import { endUpgrade, sendRefusal, sendText, sendWayIn, sendWrongMethod, writeHead } from './answers.ts';
import { isKnown, isOurName, refusalOf, sessionCookie, type Gate } from './gate.ts';
import { answerFiles } from './http.ts';
import { Sessions } from './sessions.ts';
import { connect, type Studio } from './wire.ts';

export interface ServerOptions {
  readonly studio: Studio;
  /** Folder of the built window. */
  readonly windowFolder: string;
  /** File of the browsers that are known. */
  readonly sessionsFile: string;
  /** Address to listen on, such as 127.0.0.1 or 0.0.0.0. */
  readonly listen: string;
  /** 0: any free one. */
  readonly port: number;
  readonly allowedHosts: readonly string[];
}

const MOST_MESSAGE_BYTES = 2 ** 20;
const MOST_SOCKETS = 64;
const MOST_CONNECTIONS = 512;
/** A window that reads so slowly is cut off: it comes back and reads the state anew. */
const MOST_WAITING_BYTES = 16 * 2 ** 20;
const PING_MS = 30_000;
const HEADERS_TIMEOUT_MS = 20_000;
const CLOSE_GOING_AWAY = 1001;

/** A server that listens. */
export class StudioServer {
  readonly #http: Server;
  readonly #sockets = new WebSocketServer({ noServer: true, maxPayload: MOST_MESSAGE_BYTES });
  readonly #options: ServerOptions;
  readonly #gate: Gate;
  readonly #pings: NodeJS.Timeout;

  /** Throws `bad-usage` when the port is taken or the address is none of this machine. */
  static async open(options: ServerOptions): Promise<StudioServer> {
    const server = new StudioServer(options);
    await server.#listen();
    return server;
  }

  private constructor(options: ServerOptions) {
    this.#options = options;
    this.#gate = {
      sessions: new Sessions(options.sessionsFile),
      allowedHosts: options.allowedHosts.map((name) => name.toLowerCase()),
      isPublic: !isLoopback(options.listen),
    };
    this.#http = createServer((request, response) => void this.#answer(request, response));
    this.#http.on('upgrade', (request, socket, head) => this.#upgrade(request, socket, head));
    this.#http.maxConnections = MOST_CONNECTIONS;
    this.#http.headersTimeout = HEADERS_TIMEOUT_MS;
    this.#http.requestTimeout = 0; // an upload of some gigabytes takes its time; silence is watched instead
    this.#pings = setInterval(() => this.#sockets.clients.forEach(ping), PING_MS).unref();
  }

  get port(): number {
    return (this.#http.address() as AddressInfo).port;
  }

  /** An address with a new one-time token. */
  link(): string {
    const name = this.#gate.allowedHosts[0] ?? reachableName(this.#options.listen);
    return `http://${name}:${this.port}/?token=${this.#gate.sessions.mintToken()}`;
  }

  /** Tells the windows, which then wait for the next start. */
  async close(): Promise<void> {
    clearInterval(this.#pings);
    this.#sockets.clients.forEach((socket) => socket.close(CLOSE_GOING_AWAY, 'the studio ends'));
    const closed = new Promise((resolve) => this.#http.close(resolve));
    this.#http.closeIdleConnections();
    const impatience = setTimeout(() => {
      this.#sockets.clients.forEach((socket) => socket.terminate());
      this.#http.closeAllConnections();
    }, 1_000);
    await closed;
    clearTimeout(impatience);
  }

  #listen(): Promise<void> {
    const { listen: host, port } = this.#options;
    return new Promise((resolve, reject) => {
      this.#http.once('error', (error: NodeJS.ErrnoException) => reject(listenError(error, host, port)));
      this.#http.listen({ host, port }, resolve);
    });
  }

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    try {
      const address = parseAddress(request.url);
      if (!address) return sendText(response, 400, 'Bad address');
      if (this.#login(address, request, response)) return;
      const refusal = refusalOf(request, this.#gate);
      if (refusal) return sendRefusal(response, refusal);
      if (await answerFiles(this.#options.studio, request, response)) return;
      await this.#sendWindow(address, request, response);
    } catch (error) {
      this.#options.studio.log(error instanceof Error ? (error.stack ?? error.message) : String(error));
      if (response.headersSent) response.destroy();
      else sendText(response, 500, 'The studio could not answer');
    }
  }

  /** Takes the token of a link. Returns false when there is none, or none that counts. */
  #login(address: URL, request: IncomingMessage, response: ServerResponse): boolean {
    const token = address.searchParams.get('token');
    if (address.pathname !== '/' || request.method !== 'GET' || token === null) return false;
    if (!isOurName(request, this.#gate)) return false;
    if (!isKnown(request, this.#gate)) {
      const secret = this.#gate.sessions.redeem(token);
      if (secret === undefined) return false;
      response.setHeader('set-cookie', sessionCookie(request, secret));
    }
    response.setHeader('cache-control', 'no-store');
    // After a link in a page of another site, the browser would not send the new cookie to a redirect's target.
    if (request.headers['sec-fetch-site'] === 'cross-site') sendWayIn(response);
    else {
      writeHead(response, 303, { location: '/' });
      response.end();
    }
    return true;
  }

  async #sendWindow(address: URL, request: IncomingMessage, response: ServerResponse): Promise<void> {
    if (request.method !== 'GET' && request.method !== 'HEAD') {
      return sendWrongMethod(response, 'GET, HEAD');
    }
    const file = await readWindowFile(this.#options.windowFolder, address.pathname);
    if (!file) return sendText(response, 404, 'Not found');
    const { bytes, type, caching } = file;
    const headers = { 'content-type': type, 'content-length': bytes.byteLength, 'cache-control': caching };
    writeHead(response, 200, headers);
    response.end(request.method === 'HEAD' ? undefined : bytes);
  }

  #upgrade(request: IncomingMessage, socket: Duplex, head: Buffer): void {
    socket.on('error', () => socket.destroy());
    const refusal = refusalOf(request, this.#gate);
    if (refusal) return endUpgrade(socket, refusal.status, refusal.text);
    if (parseAddress(request.url)?.pathname !== PLACES.socket) return endUpgrade(socket, 404, 'Not found');
    if (this.#sockets.clients.size >= MOST_SOCKETS)
      return endUpgrade(socket, 503, 'Too many windows are open');
    this.#sockets.handleUpgrade(request, socket, head, (window) => serveWindow(this.#options.studio, window));
  }
}

function serveWindow(studio: Studio, socket: WebSocket): void {
  const connection = connect(studio, {
    post(message) {
      if (socket.bufferedAmount > MOST_WAITING_BYTES) socket.terminate();
      else socket.send(message, () => {}); // a socket that closes meanwhile says so below
    },
    onMessage: (listener) =>
      socket.on('message', (data, isBinary) => listener(isBinary ? '' : (data as Buffer).toString('utf8'))),
  });
  answersPings.add(socket);
  socket.on('pong', () => answersPings.add(socket));
  socket.on('error', () => {}); // such as a message that is too large: ws closes with the code that says so
  socket.on('close', () => connection.close());
}

/** Sockets that have answered since the last ping. */
const answersPings = new WeakSet<WebSocket>();

/** After sleep, or a cable that was pulled, a socket can look open for hours. */
function ping(socket: WebSocket): void {
  if (!answersPings.delete(socket)) return socket.terminate();
  socket.ping();
}

/** Whether only this machine reaches what listens there. */
export function isLoopback(listen: string): boolean {
  return listen === 'localhost' || listen === '::1' || /^127\.\d+\.\d+\.\d+$/.test(listen);
}

/** A name for `listen` that can be put into an address. */
function reachableName(listen: string): string {
  const isEverywhere = listen === '0.0.0.0' || listen === '::';
  const name = isEverywhere ? (firstOwnAddress() ?? '127.0.0.1') : listen;
  return name.includes(':') ? `[${name}]` : name;
}

function firstOwnAddress(): string | undefined {
  const all = Object.values(networkInterfaces()).flatMap((addresses) => addresses ?? []);
  return all.find(({ family, internal }) => family === 'IPv4' && !internal)?.address;
}

function listenError(error: NodeJS.ErrnoException, host: string, port: number): HdmError {
  const where = `${host}:${port}`;
  const problems: Record<string, [problem: string, advice: string]> = {
    EADDRINUSE: ['this port is taken', 'Choose another with --port, or 0 for any free one'],
    EADDRNOTAVAIL: ['this machine has no such address', 'Give --listen an address of this machine'],
    ENOTFOUND: ['no such address', 'Give --listen an address of this machine, such as 127.0.0.1'],
    EACCES: ['this port needs more rights', 'Choose a port from 1024 on with --port'],
  };
  const [problem, advice] = problems[error.code ?? ''] ?? [error.message, ''];
  return new HdmError('bad-usage', where, problem, advice, error);
}
