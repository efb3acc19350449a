/**
 * @file Answers app://studio/…: the window's files from their folder, the host's bytes from its socket, which streams
 * them both ways.
 */
import { request as httpRequest, type IncomingMessage } from 'node:http';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { PLACES } from './contract.ts';
import { SECRET_HEADER, type BytesPlace } from './desktop-protocol.ts';
import { SECURITY_HEADERS } from './headers.ts';
import { isOurAddress } from './security.ts';
import { readWindowFile } from './window-files.ts';

export interface AppProtocolOptions {
  /** Folder of the built window. */
  readonly windowFolder: string;
  /** The host's place for bytes; waits while the host starts. */
  readonly bytesPlace: () => Promise<BytesPlace>;
  readonly log: (line: string) => void;
}

const HOST_PLACES = Object.values(PLACES).filter((place) => place !== PLACES.socket);
/** Of a request, and of an answer: what crosses between the window and the host. */
const REQUEST_HEADERS = ['content-type', 'content-length', 'if-none-match'];

/** Makes what answers every request of the windows. */
export function appProtocol(options: AppProtocolOptions): (request: Request) => Promise<Response> {
  const { windowFolder, bytesPlace, log } = options;
  return async (request) => {
    if (!isOurAddress(request.url)) return text(404, 'Not found');
    const { pathname, search } = new URL(request.url);
    try {
      if (HOST_PLACES.some((place) => pathname.startsWith(place))) {
        return await askHost(request, `${pathname}${search}`, await bytesPlace());
      }
      return await sendWindowFile(request, windowFolder, pathname);
    } catch (error) {
      if (!request.signal.aborted) log(`${request.method} ${pathname}: ${String(error)}`);
      return text(502, 'The studio does not answer right now');
    }
  };
}

async function sendWindowFile({ method }: Request, folder: string, path: string): Promise<Response> {
  if (method !== 'GET' && method !== 'HEAD') return text(405, 'Method not allowed');
  const file = await readWindowFile(folder, path);
  if (!file) return text(404, 'Not found');
  const headers = { ...SECURITY_HEADERS, 'content-type': file.type, 'cache-control': file.caching };
  return new Response(method === 'HEAD' ? null : file.bytes, { headers });
}

function askHost(request: Request, path: string, { socket, secret }: BytesPlace): Promise<Response> {
  const headers: Record<string, string> = { [SECRET_HEADER]: secret };
  for (const name of REQUEST_HEADERS) {
    const value = request.headers.get(name);
    if (value !== null) headers[name] = value;
  }
  return new Promise((resolve, reject) => {
    const { method, signal } = request;
    const asked = httpRequest({ socketPath: socket, path, method, headers, signal, agent: false });
    asked.on('response', (answer) => resolve(toResponse(answer)));
    asked.on('error', reject);
    if (!request.body) return void asked.end();
    // When the host refuses an upload, it answers before it has read all of it; then there is nothing to report.
    pipeline(Readable.fromWeb(request.body), asked).catch(reject);
  });
}

const EMPTY_STATUS = [204, 304];

function toResponse(answer: IncomingMessage): Response {
  const status = answer.statusCode ?? 502;
  const headers = new Headers();
  for (const [name, value] of Object.entries(answer.headers)) {
    if (value !== undefined && !CONNECTION_HEADERS.includes(name)) headers.set(name, String(value));
  }
  if (EMPTY_STATUS.includes(status)) {
    answer.resume();
    return new Response(null, { status, headers });
  }
  return new Response(Readable.toWeb(answer) as ConstructorParameters<typeof Response>[0], {
    status,
    headers,
  });
}

const CONNECTION_HEADERS = ['connection', 'keep-alive', 'transfer-encoding', 'date'];

function text(status: number, words: string): Response {
  const headers = { ...SECURITY_HEADERS, 'content-type': 'text/plain; charset=utf-8' };
  return new Response(`${words}\n`, { status, headers });
}
