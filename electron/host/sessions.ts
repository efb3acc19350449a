/**
 * @file Who may use the studio from a browser: a token of a link opens a session once, the session's secret is in a
 * cookie. Only hashes are kept, in a file of the data folder, so that a browser is still known after a restart.
 */
import { createHash, randomBytes, timingSafeEqual } from 'node:crypto';
import { readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { z } from 'zod';
import { toHdmError } from '../../engine/errors.ts';

const TOKEN_MS = 10 * 60_000;
/** How long a browser stays known. */
export const SESSION_MS = 30 * 24 * 60 * 60_000;
const MOST_TOKENS = 100;
const MOST_SESSIONS = 200;
const SECRET_BYTES = 32;

const kept = z.object({ hash: z.string().regex(/^[0-9a-f]{64}$/), expiresAt: z.number() });
const sessionsFile = z.array(kept).max(MOST_SESSIONS);

type Kept = z.output<typeof kept>;

/** The tokens and sessions of one server. */
export class Sessions {
  readonly #path: string;
  #tokens: Kept[] = [];
  #sessions: Kept[];

  /** `path`: the file of known sessions, made when the first one opens. A damaged one counts as empty. */
  constructor(path: string) {
    this.#path = path;
    this.#sessions = readSessions(path);
  }

  /** A new token, good for one session within ten minutes. */
  mintToken(): string {
    const token = newSecret();
    this.#tokens = this.#add(this.#tokens, token, { lifeMs: TOKEN_MS, most: MOST_TOKENS });
    return token;
  }

  /**
   * Uses a token up. Returns the secret of a new session, or undefined. One that cannot be written, such as on a full
   * disk, lasts until the studio ends.
   */
  redeem(token: string): string | undefined {
    const found = this.#find(this.#tokens, token);
    if (!found) return undefined;
    this.#tokens = this.#tokens.filter((entry) => entry !== found);
    const secret = newSecret();
    this.#sessions = this.#add(this.#sessions, secret, { lifeMs: SESSION_MS, most: MOST_SESSIONS });
    writeSessions(this.#path, this.#sessions);
    return secret;
  }

  /** Whether this is the secret of a session. */
  isKnown(secret: string): boolean {
    return this.#find(this.#sessions, secret) !== undefined;
  }

  #add(list: Kept[], secret: string, { lifeMs, most }: { lifeMs: number; most: number }): Kept[] {
    const now = Date.now();
    const valid = list.filter(({ expiresAt }) => expiresAt > now);
    return [...valid, { hash: hashOf(secret).toString('hex'), expiresAt: now + lifeMs }].slice(-most);
  }

  /** Every entry is compared in the same time, so that a wrong guess tells nothing. */
  #find(list: readonly Kept[], secret: string): Kept | undefined {
    const hash = hashOf(secret);
    const now = Date.now();
    const same = list.filter((entry) => timingSafeEqual(Buffer.from(entry.hash, 'hex'), hash));
    return same.find(({ expiresAt }) => expiresAt > now);
  }
}

/** 256 random bits as text for addresses and headers. */
export function newSecret(): string {
  return randomBytes(SECRET_BYTES).toString('base64url');
}

/** Whether two secrets are the same, in a time that does not depend on them. */
export function isSameSecret(a: string, b: string): boolean {
  return timingSafeEqual(hashOf(a), hashOf(b));
}

function hashOf(secret: string): Buffer {
  return createHash('sha256').update(secret).digest();
}

function readSessions(path: string): Kept[] {
  try {
    return sessionsFile.parse(JSON.parse(readFileSync(path, 'utf8')));
  } catch (error) {
    const isNew = (error as NodeJS.ErrnoException).code === 'ENOENT';
    if (!isNew) console.error(`${path}: not readable, so every browser needs a new link.`);
    return [];
  }
}

function writeSessions(path: string, sessions: readonly Kept[]): void {
  const temporary = `${path}.tmp`;
  try {
    writeFileSync(temporary, JSON.stringify(sessions), { mode: 0o600 });
    renameSync(temporary, path);
  } catch (error) {
    rmSync(temporary, { force: true });
    const { message } = toHdmError(error, path, 'disk');
    console.error(`${message} So browsers need new links after the next start.`);
  }
}
