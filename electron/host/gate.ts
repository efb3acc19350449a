/**
 * @file Who is let in over HTTP. The name in Host keeps pages out that a hostile name server points here, Origin keeps
 * other sites' pages out, the cookie everybody who has had no link.
 */
import type { IncomingMessage } from 'node:http';
import { isIP } from 'node:net';
import { SESSION_MS, type Sessions } from './sessions.ts';

export interface Gate {
  readonly sessions: Sessions;
  /** Names beside this machine's own under which the studio is reached, in small letters. */
  readonly allowedHosts: readonly string[];
  /** Reached from other machines by address, too. */
  readonly isPublic: boolean;
}

export interface Refusal {
  readonly status: 401 | 403 | 421;
  readonly text: string;
}

/** What stands against a request before it is looked at; undefined: nothing. */
export function refusalOf(request: IncomingMessage, gate: Gate): Refusal | undefined {
  if (!isOurName(request, gate)) return { status: 421, text: WRONG_HOST };
  const changes = request.method !== 'GET' && request.method !== 'HEAD';
  if ((changes || isUpgrade(request)) && !isOurPage(request)) return { status: 403, text: WRONG_ORIGIN };
  return isKnown(request, gate) ? undefined : { status: 401, text: NO_SESSION };
}

const WRONG_HOST =
  'The studio does not go by this name. Start it with --allow-host NAME to reach it under NAME.';
const WRONG_ORIGIN = 'Only pages of the studio itself may do this.';
const NO_SESSION =
  'This browser may not use the studio yet. Open the link that the studio printed when it started.';

const LOOPBACK_NAMES = ['localhost', '127.0.0.1', '[::1]'];

/** Whether Host names this studio. */
export function isOurName(request: IncomingMessage, { allowedHosts, isPublic }: Gate): boolean {
  const name = hostOf(request)?.hostname;
  if (name === undefined) return false;
  if (LOOPBACK_NAMES.includes(name) || allowedHosts.includes(name)) return true;
  // An address cannot be pointed elsewhere as a name can: the one that was called is good.
  return isPublic && isIP(unbracketed(name)) > 0 && unbracketed(name) === ownAddress(request);
}

/** Whether the request carries the cookie of a session. */
export function isKnown(request: IncomingMessage, { sessions }: Gate): boolean {
  const secret = cookieOf(request);
  return secret !== undefined && sessions.isKnown(secret);
}

/** Set-Cookie for a new session. Browsers share cookies between ports, so the port is in the name. */
export function sessionCookie(request: IncomingMessage, secret: string): string {
  const rest = `HttpOnly; SameSite=Strict; Path=/; Max-Age=${SESSION_MS / 1000}`;
  return `${cookieName(request)}=${secret}; ${rest}`;
}

function isUpgrade({ headers }: IncomingMessage): boolean {
  return headers.upgrade !== undefined;
}

/** Host and Origin are compared as they came: behind a proxy with TLS both bear its name. */
function isOurPage({ headers }: IncomingMessage): boolean {
  const origin = URL.parse(headers.origin ?? '');
  return origin !== null && /^https?:$/.test(origin.protocol) && origin.host === headers.host?.toLowerCase();
}

function hostOf({ headers: { host } }: IncomingMessage): URL | undefined {
  // Nothing but a name and a port: the parser would take a user or a path as well.
  if (!host || !/^[\w.:[\]-]+$/.test(host)) return undefined;
  return URL.parse(`http://${host}`) ?? undefined;
}

function unbracketed(name: string): string {
  return name.replace(/^\[|\]$/g, '');
}

function ownAddress({ socket }: IncomingMessage): string {
  return (socket.localAddress ?? '').replace(/^::ffff:/, '');
}

/** The port that the browser sees: two studios behind two tunnels stay apart. */
function cookieName(request: IncomingMessage): string {
  return `hdm-studio-${hostOf(request)?.port || '80'}`;
}

function cookieOf(request: IncomingMessage): string | undefined {
  const name = cookieName(request);
  for (const pair of (request.headers.cookie ?? '').split(';')) {
    const [key, value] = pair.trim().split('=', 2);
    if (key === name) return value;
  }
  return undefined;
}
