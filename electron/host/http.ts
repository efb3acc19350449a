/**
 * @file Bytes of the host by their address: pictures, thumbnails, previews, files made for a window, and uploads.
 * The server for browsers and the socket of the desktop app both answer with it, after they have checked who asks.
 */
import { open, type FileHandle } from 'node:fs/promises';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { basename, extname } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { HdmError, toHdmError, type ErrorCode } from '../../engine/errors.ts';
import { decodePart, parseAddress } from '../address.ts';
import { PLACES } from '../contract.ts';
import { CONTENT_TYPES } from '../window-files.ts';
import { sendJson, sendText, sendWrongMethod, writeHead } from './answers.ts';

/** What the parts of the host have for the places of the contract. They throw `bad-usage` for an unknown name. */
export interface FileRoutes {
  /** Path of a picture's file. */
  picture(id: string): string;
  /** Path of its thumbnail, made now if need be. */
  thumbnail(id: string): Promise<string>;
  /** PNG. */
  preview(jobId: string): Uint8Array | undefined;
  /** WebP. */
  draft(id: string): Uint8Array | undefined;
  /** Path of the picture of a sample of a run. */
  sample(name: string): Promise<string>;
  /** WebP: one picture of a dataset that is looked at. */
  datasetThumbnail(name: string): Promise<Uint8Array>;
  /** Path of a file that was made for a window. */
  made(name: string): string;
  /** Keeps what comes, whole or not at all. Throws when it is more than `maxBytes` or breaks off. */
  receiveUpload(
    stream: AsyncIterable<Uint8Array>,
    options: { maxBytes: number; name?: string },
  ): Promise<{ id: string }>;
}

export interface FilesOfStudio {
  readonly files: FileRoutes;
  readonly log: (line: string) => void;
}

/** Models are the largest files that a browser sends. */
const MOST_UPLOAD_BYTES = 40 * 2 ** 30;
/** What is still read of an upload that was refused, so that its sender comes to read why. */
const MOST_DRAINED_BYTES = 16 * 2 ** 20;
/** An upload that brings nothing for so long is over. */
const UPLOAD_SILENCE_MS = 60_000;

const FOREVER = 'private, max-age=31536000, immutable';
const NEVER = 'no-store';

/** Bytes or a file, with how long a browser may keep them. */
type Content = { readonly caching: string } & (
  { readonly file: string } | { readonly bytes: Uint8Array | undefined; readonly type: string }
);

type Route = (files: FileRoutes, name: string) => Content | Promise<Content>;

/** What follows an id, such as a file's name for "save as", is for people. */
const ID = /^([\w-]{1,64})([./][^/]{1,255})?$/;
const FILE_NAME = /^([^/]{1,255})$/;

const ROUTES: Readonly<Record<string, { readonly names: RegExp; readonly find: Route }>> = {
  [PLACES.pictures]: { names: ID, find: (files, id) => ({ file: files.picture(id), caching: FOREVER }) },
  [PLACES.thumbnails]: {
    names: ID,
    find: async (files, id) => ({ file: await files.thumbnail(id), caching: FOREVER }),
  },
  [PLACES.previews]: {
    names: ID,
    find: (files, id) => ({ bytes: files.preview(id), type: 'image/png', caching: NEVER }),
  },
  [PLACES.drafts]: {
    names: ID,
    find: (files, id) => ({ bytes: files.draft(id), type: 'image/webp', caching: NEVER }),
  },
  [PLACES.samples]: {
    names: ID,
    find: async (files, name) => ({ file: await files.sample(name), caching: FOREVER }),
  },
  [PLACES.datasets]: {
    names: ID,
    find: async (files, name) => ({
      bytes: await files.datasetThumbnail(name),
      type: 'image/webp',
      caching: NEVER,
    }),
  },
  [PLACES.downloads]: {
    names: FILE_NAME,
    find: (files, name) => ({ file: files.made(name), caching: NEVER }),
  },
};

/** Answers a request for one of the places of bytes. Returns false, and does nothing, when it is for none. */
export async function answerFiles(
  { files, log }: FilesOfStudio,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<boolean> {
  const address = parseAddress(request.url);
  const path = address?.pathname ?? '';
  const prefix = Object.keys(ROUTES).find((place) => path.startsWith(place));
  if (!address || (!prefix && path !== PLACES.uploads)) return false;
  try {
    const exchange = { files, log, address, request, response };
    await (prefix ? sendFile(exchange, prefix) : takeUpload(exchange));
  } catch (error) {
    refuse(response, error, log);
  }
  return true;
}

interface Exchange extends FilesOfStudio {
  readonly address: URL;
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
}

async function sendFile({ files, address, request, response }: Exchange, prefix: string): Promise<void> {
  if (request.method !== 'GET' && request.method !== 'HEAD') return sendWrongMethod(response, 'GET, HEAD');
  const { names, find } = ROUTES[prefix]!;
  const name = decodePart(address.pathname.slice(prefix.length));
  const found = name === undefined ? undefined : names.exec(name)?.[1];
  if (found === undefined) return sendText(response, 404, 'Not found');

  const content = await find(files, found);
  response.setHeader('cache-control', content.caching);
  if ('file' in content)
    return streamFile(content.file, address.searchParams.has('download'), request, response);
  if (!content.bytes) return sendText(response, 404, 'Not found');
  writeHead(response, 200, { 'content-type': content.type, 'content-length': content.bytes.byteLength });
  response.end(request.method === 'HEAD' ? undefined : content.bytes);
}

async function streamFile(
  path: string,
  asDownload: boolean,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const file = await open(path);
  try {
    const { size, mtimeMs } = await requireFile(file, path);
    const tag = `"${size.toString(36)}-${Math.round(mtimeMs).toString(36)}"`;
    response.setHeader('etag', tag);
    if (request.headers['if-none-match'] === tag) {
      writeHead(response, 304);
      return void response.end();
    }
    const type = CONTENT_TYPES[extname(path).toLowerCase()];
    if (asDownload || !type) response.setHeader('content-disposition', attachment(basename(path)));
    writeHead(response, 200, { 'content-type': type ?? 'application/octet-stream', 'content-length': size });
    if (request.method === 'HEAD') return void response.end();
    // The length was promised, so nothing more is sent should the file grow.
    await pipeline(file.createReadStream({ autoClose: false, end: Math.max(size - 1, 0) }), response);
  } finally {
    await file.close();
  }
}

async function requireFile(file: FileHandle, path: string): Promise<{ size: number; mtimeMs: number }> {
  const stat = await file.stat();
  if (stat.isFile()) return stat;
  throw new HdmError('bad-usage', basename(path), 'this is no file', 'Choose another picture');
}

/** RFC 6266: the name in plain letters for old readers, and whole in UTF-8. */
function attachment(name: string): string {
  const plain = name.replace(/[^\w.() -]/g, '_');
  const encoded = encodeURIComponent(name).replace(
    /['()*]/g,
    (c) => `%${c.charCodeAt(0).toString(16).toUpperCase()}`,
  );
  return `attachment; filename="${plain}"; filename*=UTF-8''${encoded}`;
}

async function takeUpload({ files, log, address, request, response }: Exchange): Promise<void> {
  if (request.method !== 'POST') return sendWrongMethod(response, 'POST');
  response.setHeader('cache-control', NEVER);
  try {
    if (Number(request.headers['content-length'] ?? 0) > MOST_UPLOAD_BYTES) throw tooLarge();
    request.setTimeout(UPLOAD_SILENCE_MS, () => request.destroy(new Error('nothing came for a minute')));
    request.once('end', () => request.setTimeout(0)); // what is done with it may take its time
    const name = address.searchParams.get('name');
    // Leaving the loop must not cut the connection: the answer goes over it as well.
    const stream = request.iterator({ destroyOnReturn: false }) as AsyncIterable<Uint8Array>;
    const { id } = await files.receiveUpload(stream, {
      maxBytes: MOST_UPLOAD_BYTES,
      ...(name ? { name } : {}),
    });
    sendJson(response, 201, { id });
  } catch (error) {
    response.setHeader('connection', 'close');
    refuse(response, error, log);
    drain(request);
  }
}

function tooLarge(): HdmError {
  const problem = `a file may have ${MOST_UPLOAD_BYTES / 2 ** 30} GiB`;
  return new HdmError('bad-usage', 'upload', problem, 'Import it by its path on the machine of the studio');
}

function drain(request: IncomingMessage): void {
  let drained = 0;
  request.on('error', () => {}); // it broke off: nothing more to do for it
  request.on('data', (chunk: Uint8Array) => {
    drained += chunk.byteLength;
    if (drained > MOST_DRAINED_BYTES) request.destroy();
  });
}

const STATUS: Readonly<Partial<Record<ErrorCode, number>>> = {
  'bad-usage': 400,
  'bad-file': 422,
  'bad-model': 422,
  disk: 507,
};

function refuse(response: ServerResponse, error: unknown, log: (line: string) => void): void {
  if (response.headersSent || response.destroyed) {
    response.destroy(); // half of it is gone already: it must not look whole
    return;
  }
  const isPost = response.req.method === 'POST';
  const { code } = error as { code?: string };
  if (!isPost && (code === 'ENOENT' || code === 'bad-usage')) return sendText(response, 404, 'Not found');
  const known = toHdmError(error, 'upload');
  if (known.code === 'internal') log(known.stack ?? known.message);
  response.setHeader('cache-control', NEVER);
  if (!isPost) return sendText(response, 500, 'The studio could not read this file');
  sendJson(response, STATUS[known.code] ?? 500, { code: known.code, message: known.message });
}
