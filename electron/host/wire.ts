/**
 * @file One window at the other end of a channel of strings: its calls are checked against the contract and answered,
 * and the host's events are sent to it. The transports differ in the channel only.
 */
import { createBirpc } from 'birpc';
import { z } from 'zod';
import { HdmError } from '../../engine/errors.ts';
import { quote } from '../../engine/weights/safetensors.ts';
import { CALLS, type CallName, type Failure, type HostFunctions, type WindowFunctions } from '../contract.ts';
import { toHostError } from './database-error.ts';
import type { Events } from './events.ts';
import type { Handlers } from './handlers.ts';
import type { FileRoutes } from './http.ts';

/** Everything that a transport needs of the host. */
export interface Studio {
  readonly handlers: Handlers;
  readonly events: Events;
  readonly files: FileRoutes;
  /** Writes a line into the log of the data folder. */
  readonly log: (line: string) => void;
  close(): Promise<void>;
}

export interface StudioOptions {
  /** The data folder; the system's usual one when absent. */
  readonly data?: string;
  readonly mode: 'desktop' | 'browser';
  /** Shows a file in the system's file manager. */
  readonly reveal?: (file: string) => void;
  /** A link with a new one-time token. */
  readonly link?: () => string;
}

/** What makes the host's parts: `openStudio`, or a stand-in for it in tests. */
export type OpenStudio = (options: StudioOptions) => Promise<Studio>;

/** Strings to one window and from it. */
export interface Channel {
  post(message: string): void;
  onMessage(listener: (message: string) => void): void;
}

export interface Connection {
  /** Messages that were no calls, and did nothing. */
  readonly ignored: number;
  /** Ends the events; answers that are still to come go nowhere. */
  close(): void;
}

export interface ConnectOptions {
  /** Answers that break the contract become errors: for tests, it takes time. */
  readonly checkResults?: boolean;
}

/** The only message a window sends, in birpc's form; everything else is ignored before birpc sees it. */
const callMessage = z.object({
  t: z.literal('q'),
  i: z.string().max(64).optional(),
  m: z.literal('call'),
  a: z.array(z.unknown()).max(2),
});

/** Answers the calls of one window and tells it what happens, until the connection is closed. */
export function connect(
  { handlers, events, log }: Pick<Studio, 'handlers' | 'events' | 'log'>,
  channel: Channel,
  { checkResults = false }: ConnectOptions = {},
): Connection {
  let isOpen = true;
  let ignored = 0;

  const functions: HostFunctions = {
    call: async (name, input) => {
      try {
        return { value: await answer(handlers, { name, input, checkResults }) };
      } catch (error) {
        return { error: toFailure(error, isCallName(name) ? name : 'call', log) };
      }
    },
  };
  const window = createBirpc<WindowFunctions, HostFunctions>(functions, {
    post: (message: unknown) => isOpen && channel.post(JSON.stringify(message)),
    on: (receive) => {
      channel.onMessage((text) => {
        const message = parseCall(text);
        if (!message) ignored += 1;
        else if (isOpen) receive(message);
      });
    },
    timeout: -1, // a picture takes as long as it takes
    onGeneralError: (error) => {
      log(error.stack ?? error.message);
      return true; // it ends here: one bad answer must not end the host
    },
  });
  const stopListening = events.listen((name, value) => {
    // What cannot be sent is made good by the next: it must not end the host.
    window.event.asEvent(name, value).catch((error: unknown) => log(`event ${name}: ${traceOf(error)}`));
  });

  return {
    get ignored() {
      return ignored;
    },
    close() {
      isOpen = false;
      stopListening();
      window.$close();
    },
  };
}

function parseCall(text: string): z.output<typeof callMessage> | undefined {
  try {
    return callMessage.safeParse(JSON.parse(text)).data;
  } catch {
    return undefined; // no JSON
  }
}

interface Call {
  readonly name: unknown;
  readonly input: unknown;
  readonly checkResults: boolean;
}

async function answer(handlers: Handlers, { name, input, checkResults }: Call): Promise<unknown> {
  if (!isCallName(name)) {
    const problem = 'the host knows no such call';
    throw new HdmError('bad-usage', quote(name), problem, DIFFERENT_VERSIONS);
  }
  const checked = CALLS[name].input.safeParse(input);
  if (!checked.success) {
    throw new HdmError('bad-usage', name, firstProblem(checked.error, 'argument'), DIFFERENT_VERSIONS);
  }
  const handler = handlers[name] as (input: unknown) => unknown; // the schema of this name has checked it
  const value = await handler(checked.data);
  const result = checkResults ? CALLS[name].output.safeParse(value) : undefined;
  if (result?.error) throw new HdmError('internal', name, firstProblem(result.error, 'result'));
  return value;
}

const DIFFERENT_VERSIONS = 'Reload the window: it may be of another version than the host';

function isCallName(name: unknown): name is CallName {
  return typeof name === 'string' && Object.hasOwn(CALLS, name);
}

function firstProblem({ issues }: z.ZodError, whole: string): string {
  const [issue] = issues;
  const field = issue?.path.join('.') || whole;
  return `${field}: ${issue?.message ?? 'not as the contract says'}`;
}

/** An error as it crosses the wire. Of our own mistakes the log has the trace, the window only that there was one. */
export function toFailure(error: unknown, where: string, log: (text: string) => void): Failure {
  const known = toHostError(error, where);
  if (known.code === 'internal') log(traceOf(error));
  if (known.code !== 'internal' || known === error) return { code: known.code, message: known.message };
  const kind = error instanceof Error ? error.name : typeof error;
  const problem = `a mistake of HDM Studio (${kind})`;
  const { code, message } = new HdmError(
    'internal',
    where,
    problem,
    'Please report it with the diagnostics of the settings',
  );
  return { code, message };
}

function traceOf(error: unknown): string {
  return error instanceof Error ? (error.stack ?? error.message) : String(error);
}
