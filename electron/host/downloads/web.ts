/** @file Requests to the outside, which happen only when the person asked: safe redirects, and words for refusals. */
import { extname } from 'node:path';
import { HdmError } from '../../../engine/errors.ts';
import { requireSafe } from './address.ts';

export type Fetch = typeof globalThis.fetch;

export interface Question {
  readonly method?: 'GET' | 'HEAD';
  readonly headers?: Readonly<Record<string, string>>;
  readonly signal?: AbortSignal;
}

export interface Answer {
  readonly response: Response;
  /** Headers of the file that a redirect on the way told of, as hubs do before they send on to their stores. */
  readonly linked: { readonly etag?: string; readonly size?: string };
}

/** A server that cannot be reached or refuses; `isPassing` when it may help to try again. */
export class NetworkError extends HdmError {
  readonly isPassing: boolean;
  /** How long the server asked to wait. */
  readonly waitMs: number;

  constructor(
    where: string,
    problem: string,
    advice: string,
    options: { readonly isPassing?: boolean; readonly waitMs?: number; readonly cause?: unknown } = {},
  ) {
    super('network', where, problem, advice, options.cause);
    this.isPassing = options.isPassing ?? false;
    this.waitMs = options.waitMs ?? 0;
  }
}

const MAX_REDIRECTS = 10;
const MAX_WAIT_MS = 120_000;
const TRY_AGAIN = 'Check the connection and try again';

/**
 * Asks a server and follows its redirects, each only to https, or on this computer. Throws `network` when it cannot be
 * reached, and the reason of the signal.
 */
export async function ask(fetch: Fetch, address: string, question: Question = {}): Promise<Answer> {
  const linked: { etag?: string; size?: string } = {};
  let url = requireSafe(address);
  for (let redirects = 0; redirects <= MAX_REDIRECTS; redirects++) {
    const response = await askOnce(fetch, url, question);
    const [etag, size] = [response.headers.get('x-linked-etag'), response.headers.get('x-linked-size')];
    if (etag) linked.etag = etag;
    if (size) linked.size = size;
    const next = response.status >= 300 && response.status < 400 && response.headers.get('location');
    if (!next) return { response, linked };
    await response.body?.cancel();
    url = requireSameSafety(url, requireSafe(new URL(next, url).href));
  }
  throw new NetworkError(address, 'it only leads on and on', 'Check the address');
}

/** Throws `network`, in words, unless what was asked for comes now. `name` is that of the file. */
export function requireGood({ status, headers }: Response, address: string, name: string): void {
  if (status === 401 || status === 403) {
    const advice =
      'Open its page in a browser, log in or accept the terms, download it there, then import the file';
    throw new NetworkError(address, 'the server wants a login, or its terms accepted', advice);
  }
  if (status === 404 || status === 410) {
    throw new NetworkError(address, 'there is nothing at this address', 'Check it for typing errors');
  }
  if (status === 408 || status === 429 || status >= 500) {
    const waitMs = Math.min(MAX_WAIT_MS, Number(headers.get('retry-after') ?? 0) * 1000) || 0;
    const problem = `the server has trouble (it answered ${status})`;
    throw new NetworkError(address, problem, 'Try again later', { isPassing: true, waitMs });
  }
  if (status !== 200 && status !== 206) {
    throw new NetworkError(address, `the server answered ${status}`, 'Check the address');
  }
  if (headers.get('content-type')?.startsWith('text/html') && extname(name) !== '.html') {
    const advice =
      'Give the address of the file itself; the site may want a login: then download it in a browser';
    throw new NetworkError(address, 'a web page came instead of the file', advice);
  }
}

/** The bytes of an answer as they come. */
export function bodyOf({ body }: Response): AsyncIterable<Uint8Array> | Iterable<Uint8Array> {
  return (body as AsyncIterable<Uint8Array> | null) ?? [];
}

/** The text of an answer. Throws `network` when it is longer than `maxBytes`. */
export async function readText(response: Response, address: string, maxBytes: number): Promise<string> {
  const chunks: Uint8Array[] = [];
  let size = 0;
  for await (const chunk of bodyOf(response)) {
    size += chunk.byteLength;
    if (size > maxBytes)
      throw new NetworkError(address, `it answers more than ${maxBytes} bytes`, 'Check the address');
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString('utf8');
}

/** An error of a broken connection, in words. */
export function brokenConnection(address: string, error: unknown): NetworkError {
  const { cause, message } = error as { cause?: { code?: string; message?: string }; message?: string };
  const reason = cause?.code ?? cause?.message ?? message ?? String(error);
  const where = URL.parse(address)?.host ?? address;
  return new NetworkError(where, `the connection failed (${reason})`, TRY_AGAIN, {
    isPassing: true,
    cause: error,
  });
}

/** Nobody outside may send us on to a server of this computer. */
function requireSameSafety(from: URL, to: URL): URL {
  if (to.protocol === 'https:' || from.protocol === to.protocol) return to;
  throw new NetworkError(from.host, 'it leads to an address that is not safe', 'Use another address');
}

async function askOnce(
  fetch: Fetch,
  url: URL,
  { method = 'GET', headers, signal }: Question,
): Promise<Response> {
  try {
    return await fetch(url, {
      method,
      // Sizes and ranges count the bytes of the file, so it must come as it is.
      headers: { 'accept-encoding': 'identity', ...headers },
      redirect: 'manual',
      ...(signal && { signal }),
    });
  } catch (error) {
    signal?.throwIfAborted();
    throw brokenConnection(url.href, error);
  }
}
