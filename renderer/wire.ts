/**
 * @file The wire to the host: Electron's bridge in the desktop app, a WebSocket in a browser. It opens itself again
 * for as long as the window lives; what was asked while it broke fails with `offline`.
 */
import { createBirpc, type BirpcReturn } from 'birpc';
import {
  PLACES,
  type CallName,
  type DesktopBridge,
  type EventName,
  type EventValue,
  type Failure,
  type HostFunctions,
  type Input,
  type Output,
  type WindowFunctions,
} from '../electron/contract.ts';

/** refused: this browser has no session; a link with a new token opens one. */
export type WireState = 'connecting' | 'open' | 'refused';

export interface WireListener {
  onState(state: WireState): void;
  onEvent<N extends EventName>(name: N, value: EventValue<N>): void;
}

export interface Wire {
  /** Throws `CallError`. */
  call<N extends CallName>(name: N, input: Input<N>): Promise<Output<N>>;
  /** Begins to connect. */
  start(listener: WireListener): void;
}

/** What the host refused or could not do; `message` is for people. */
export class CallError extends Error {
  readonly code: string;

  constructor({ code, message }: Failure) {
    super(message);
    this.name = 'CallError';
    this.code = code;
  }
}

declare global {
  interface Window {
    /** Only in the desktop app. */
    readonly studio?: DesktopBridge;
  }
}

const RETRY_MS = [200, 500, 1_000, 2_000, 5_000] as const;

/** The wire of this window. */
export function openWire(): Wire {
  let host: BirpcReturn<HostFunctions, WindowFunctions> | undefined;

  const opened = (listener: WireListener, channel: Channel): void => {
    const events: WindowFunctions = {
      // The host checks what it sends; the name tells the type.
      event: (name, value) => listener.onEvent(name, value as EventValue<typeof name>),
    };
    host = createBirpc<HostFunctions, WindowFunctions>(events, {
      post: (message: string) => channel.post(message),
      on: (receive) => channel.onMessage(receive),
      serialize: JSON.stringify,
      deserialize: (message: string): unknown => JSON.parse(message),
      timeout: -1, // a picture takes as long as it takes
    });
    listener.onState('open');
  };
  const closed = (listener: WireListener, state: WireState): void => {
    void host?.$rejectPendingCalls(({ reject }) => reject(offline()));
    host = undefined;
    listener.onState(state);
  };

  return {
    async call(name, input) {
      if (!host) throw offline();
      const answer = await host.call(name, input);
      if ('error' in answer) throw new CallError(answer.error);
      return answer.value as Output<typeof name>; // the host checked it
    },
    start(listener) {
      const connect = window.studio ? connectBridge(window.studio) : connectSocket;
      connect({
        onOpen: (channel) => opened(listener, channel),
        onClose: (state) => closed(listener, state),
      });
    },
  };
}

interface Channel {
  post(message: string): void;
  onMessage(receive: (message: string) => void): unknown;
}

interface Connection {
  onOpen(channel: Channel): void;
  onClose(state: WireState): void;
}

function offline(): CallError {
  return new CallError({ code: 'offline', message: 'The studio is not reachable right now.' });
}

function connectBridge(bridge: DesktopBridge): (connection: Connection) => void {
  return (connection) => {
    let stopListening = (): void => {};
    bridge.onHost((isUp) => {
      stopListening(); // what a host that is gone still had to say is for nobody
      if (!isUp) return connection.onClose('connecting');
      connection.onOpen({
        post: (message) => bridge.post(message),
        onMessage: (receive) => (stopListening = bridge.onMessage(receive)),
      });
    });
  };
}

function connectSocket(connection: Connection, attempt = 0): void {
  const address = new URL(PLACES.socket, location.href);
  address.protocol = address.protocol.replace('http', 'ws');
  const socket = new WebSocket(address);
  let wasOpen = false;
  socket.addEventListener('open', () => {
    wasOpen = true;
    connection.onOpen({
      post: (message) => socket.send(message),
      onMessage: (receive) =>
        socket.addEventListener('message', ({ data }: MessageEvent<string>) => receive(data)),
    });
  });
  socket.addEventListener('close', () => {
    void closeReason(wasOpen).then((state) => {
      connection.onClose(state);
      const tries = wasOpen ? 0 : attempt + 1;
      const pause = RETRY_MS[Math.min(tries, RETRY_MS.length - 1)];
      setTimeout(() => connectSocket(connection, tries), pause);
    });
  });
}

/** A socket does not tell why it was refused; the page that opens it does. */
async function closeReason(wasOpen: boolean): Promise<WireState> {
  if (wasOpen) return 'connecting';
  try {
    const { status } = await fetch('/', { method: 'HEAD' });
    return status === 401 ? 'refused' : 'connecting';
  } catch {
    return 'connecting';
  }
}
