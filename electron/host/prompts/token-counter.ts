/** @file Counts tokens in a process of its own, which is there only while somebody types. */
import { fork, type ChildProcess } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { createBirpc, type BirpcReturn } from 'birpc';
import { HdmError, type ErrorCode } from '../../../engine/errors.ts';
import type { Failure } from '../../contract.ts';
import type { CountedModel, CountFunctions, TokenCount } from './count-worker.ts';

const IDLE_MS = 60_000;

/** Beside this file, in the sources as in the bundle. */
const ENDING = import.meta.url.endsWith('.ts') ? 'ts' : 'mjs';
const WORKER = fileURLToPath(new URL(`./count-worker.${ENDING}`, import.meta.url));

interface Counter {
  readonly process: ChildProcess;
  readonly functions: BirpcReturn<CountFunctions>;
}

export class TokenCounter {
  readonly #idleMs: number;
  #counter: Counter | undefined;
  #asked = 0;
  #idle: NodeJS.Timeout | undefined;

  /** After `idleMs` without a question the process ends and gives its memory back. */
  constructor(idleMs: number = IDLE_MS) {
    this.#idleMs = idleMs;
  }

  /** The process that counts, while there is one. */
  get processId(): number | undefined {
    return this.#counter?.process.pid;
  }

  /** Throws what is wrong with the model or its tokenizer, and `internal` when the process ends meanwhile. */
  async count(model: CountedModel, text: string): Promise<TokenCount> {
    clearTimeout(this.#idle);
    this.#asked++;
    try {
      this.#counter ??= this.#start();
      const answer = await this.#counter.functions.count(model, text);
      if ('error' in answer) throw toError(answer.error);
      return answer.value;
    } finally {
      this.#asked--;
      if (this.#asked === 0) this.#idle = setTimeout(() => this.close(), this.#idleMs).unref();
    }
  }

  /** Ends the process; the next question starts a new one. */
  close(): void {
    clearTimeout(this.#idle);
    this.#counter?.process.kill();
    this.#counter = undefined;
  }

  #start(): Counter {
    const child = fork(WORKER, { execArgv: [], stdio: ['ignore', 'ignore', 'inherit', 'ipc'] });
    const functions = createBirpc<CountFunctions>(
      {},
      {
        post: (message) => child.send(message as object),
        on: (listener) => child.on('message', listener),
        timeout: -1, // when the process ends, so do the questions to it
      },
    );
    const end = (reason: string): void => {
      if (this.#counter?.process === child) this.#counter = undefined;
      if (!functions.$closed) functions.$close(new HdmError('internal', 'token count', reason, 'Try again'));
    };
    child.once('error', (error) => end(error.message));
    child.once('exit', (code, signal) => end(`its process ended (${signal ?? code})`));
    return { process: child, functions };
  }
}

/** The worker's message says everything already, and ends in a full stop. */
function toError({ code, message }: Failure): HdmError {
  return new HdmError(code as ErrorCode, 'token count', message.replace(/\.$/, ''));
}
