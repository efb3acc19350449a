/** @file A hub of models on this computer, which can be as unkind as real ones. */
import { createHash } from 'node:crypto';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

export interface ServedFile {
  readonly bytes: Uint8Array;
  readonly etag?: string;
  /** What else the hub says of it than the truth. */
  readonly saidSize?: number;
  readonly saidSha256?: string;
}

export interface HubRequest {
  readonly method: string;
  readonly path: string;
  readonly range: string | undefined;
  readonly ifRange: string | undefined;
}

type Answer = (request: IncomingMessage, response: ServerResponse, file: ServedFile) => void;

export class TestHub {
  readonly address: string;
  /** By path, such as `/me/model/resolve/main/a.safetensors`. */
  readonly files = new Map<string, ServedFile>();
  /** Answers to other paths. */
  readonly pages = new Map<string, (request: IncomingMessage, response: ServerResponse) => void>();
  readonly requests: HubRequest[] = [];
  /** How files are answered: one for each coming request, then `sendFile`. */
  readonly next: Answer[] = [];

  private constructor(address: string) {
    this.address = address;
  }

  /** `atEnd` is given what closes it. */
  static async open(atEnd: (close: () => Promise<void>) => void): Promise<TestHub> {
    const server = createServer((request, response) => hub.#answer(request, response));
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    atEnd(async () => {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    });
    const hub = new TestHub(`http://127.0.0.1:${(server.address() as AddressInfo).port}`);
    return hub;
  }

  /** Puts a repository on the hub. */
  addRepository(name: string, files: Readonly<Record<string, ServedFile>>, card: object = {}): void {
    for (const [path, file] of Object.entries(files)) this.files.set(`/${name}/resolve/main/${path}`, file);
    const siblings = Object.entries(files).map(([rfilename, { bytes, saidSize, saidSha256 }]) => ({
      rfilename,
      size: saidSize ?? bytes.length,
      ...(rfilename.endsWith('.safetensors') && {
        lfs: { sha256: saidSha256 ?? sha256(bytes), size: saidSize ?? bytes.length },
      }),
    }));
    this.pages.set(`/api/models/${name}`, (_request, response) => {
      response.setHeader('content-type', 'application/json');
      response.end(JSON.stringify({ siblings, ...card }));
    });
  }

  /** Requests for the bytes of files. */
  get fetched(): HubRequest[] {
    return this.requests.filter(({ method, path }) => method === 'GET' && !path.startsWith('/api/'));
  }

  #answer(request: IncomingMessage, response: ServerResponse): void {
    const { pathname } = new URL(request.url!, this.address);
    const { range, 'if-range': ifRange } = request.headers;
    this.requests.push({
      method: request.method!,
      path: pathname,
      range,
      ifRange: ifRange as string | undefined,
    });
    const file = this.files.get(decodeURIComponent(pathname));
    const page = this.pages.get(pathname);
    if (file && request.method === 'GET') (this.next.shift() ?? sendFile)(request, response, file);
    else if (file) sendFile(request, response, file);
    else if (page) page(request, response);
    else response.writeHead(404).end();
  }
}

/** As a good server does: ranges, and If-Range. */
export function sendFile(request: IncomingMessage, response: ServerResponse, file: ServedFile): void {
  const { start, bytes } = rangeOf(request, file);
  setHeaders(response, file, start, bytes.length);
  if (request.method === 'HEAD') response.end();
  else response.end(bytes);
}

/** Sends some bytes of what was asked for, and breaks the connection when they have arrived. */
export function cutAfter(count: number, arrived: () => Promise<unknown>): Answer {
  return (request, response, file) => {
    const { start, bytes } = rangeOf(request, file);
    setHeaders(response, file, start, bytes.length);
    response.write(bytes.subarray(0, count));
    void arrived().then(() => response.destroy());
  };
}

/** Sends some bytes, and no more before `released`. */
export function holdAfter(count: number, released: Promise<void>): Answer {
  return (request, response, file) => {
    const { start, bytes } = rangeOf(request, file);
    setHeaders(response, file, start, bytes.length);
    response.write(bytes.subarray(0, count));
    void released.then(() => response.end(bytes.subarray(count)));
  };
}

/** Sends the file in so many pieces, which arrive one by one. */
export function inPieces(count: number): Answer {
  return (request, response, file) => {
    const { start, bytes } = rangeOf(request, file);
    setHeaders(response, file, start, bytes.length);
    response.socket?.setNoDelay(true);
    const size = Math.ceil(bytes.length / count);
    const send = async (): Promise<void> => {
      for (let sent = 0; sent < bytes.length; sent += size) {
        await new Promise((resolve) => response.write(bytes.subarray(sent, sent + size), resolve));
      }
      response.end();
    };
    void send();
  };
}

/** As a server that knows no ranges. */
export function wholeFile(_request: IncomingMessage, response: ServerResponse, { bytes }: ServedFile): void {
  response.setHeader('content-length', bytes.length);
  response.end(bytes);
}

export function status(code: number, headers: Readonly<Record<string, string>> = {}, body = ''): Answer {
  return (_request, response) => void response.writeHead(code, headers).end(body);
}

export function sha256(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex');
}

function rangeOf(
  { headers }: IncomingMessage,
  { bytes, etag }: ServedFile,
): { start: number; bytes: Uint8Array } {
  const isSame = headers['if-range'] === undefined || headers['if-range'] === etag;
  const start = isSame ? Number(/^bytes=(\d+)-/.exec(headers.range ?? '')?.[1] ?? 0) : 0;
  return { start, bytes: bytes.subarray(start) };
}

function setHeaders(response: ServerResponse, file: ServedFile, start: number, length: number): void {
  if (file.etag) response.setHeader('etag', file.etag);
  response.setHeader('content-type', 'application/octet-stream');
  response.setHeader('content-length', length);
  if (start === 0) return;
  response.statusCode = 206;
  response.setHeader('content-range', `bytes ${start}-${file.bytes.length - 1}/${file.bytes.length}`);
}
