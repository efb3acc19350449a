/** @file Requests exactly as they are written here: browsers and clients would tidy them up. */
import { connect } from 'node:net';

export interface RawRequest {
  readonly method?: string;
  readonly path: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string;
}

export interface RawAnswer {
  readonly status: number;
  /** Head and body as they came. */
  readonly text: string;
}

/** Sends one request to a studio and reads what it answers. */
export function sendRaw(origin: string, request: RawRequest): Promise<RawAnswer> {
  const { hostname, port, host } = new URL(origin);
  const { method = 'GET', path, headers = {}, body = '' } = request;
  const lines = Object.entries({ host, connection: 'close', ...headers }).map(
    ([name, value]) => `${name}: ${value}`,
  );
  return new Promise((resolve, reject) => {
    let text = '';
    const socket = connect(Number(port), hostname, () => {
      socket.write([`${method} ${path} HTTP/1.1`, ...lines, '', body].join('\r\n'));
    });
    const end = (): void => resolve({ status: Number(/^HTTP\/1\.1 (\d+)/.exec(text)?.[1]), text });
    socket.setEncoding('latin1').on('data', (part: string) => {
      text += part;
      // A socket that was let in stays open.
      if (text.startsWith('HTTP/1.1 101') && text.includes('\r\n\r\n')) socket.destroy();
    });
    socket.on('error', reject).on('close', end);
  });
}

/** Headers with which a browser asks for a WebSocket. */
export function upgradeHeaders(origin?: string): Record<string, string> {
  return {
    connection: 'Upgrade',
    upgrade: 'websocket',
    'sec-websocket-version': '13',
    'sec-websocket-key': Buffer.from('sixteen letters!').toString('base64'),
    ...(origin !== undefined && { origin }),
  };
}
