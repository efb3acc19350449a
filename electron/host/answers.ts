/** @file Answers over HTTP: all of them say the same about security, whatever else they say. */
import type { ServerResponse } from 'node:http';
import type { Duplex } from 'node:stream';
import { SECURITY_HEADERS } from '../headers.ts';
import type { Refusal } from './gate.ts';

/** The head of an answer. */
export function writeHead(
  response: ServerResponse,
  status: number,
  headers: Readonly<Record<string, string | number>> = {},
): void {
  response.writeHead(status, { ...SECURITY_HEADERS, ...headers });
}

/** Ends a response with a line of text. */
export function sendText(response: ServerResponse, status: number, text: string): void {
  send(response, status, 'text/plain; charset=utf-8', `${text}\n`);
}

/** Ends a response with a value. */
export function sendJson(response: ServerResponse, status: number, value: unknown): void {
  send(response, status, 'application/json; charset=utf-8', JSON.stringify(value));
}

/** Says which methods there are instead. */
export function sendWrongMethod(response: ServerResponse, allowed: string): void {
  response.setHeader('allow', allowed);
  sendText(response, 405, 'Method not allowed');
}

/** Says why somebody is not let in; of a browser without a session, how it gets one. */
export function sendRefusal(response: ServerResponse, { status, text }: Refusal): void {
  response.setHeader('cache-control', 'no-store');
  if (status === 401) sendHtml(response, status, `<h1>HDM Studio</h1><p>${text}</p><p>${AGAIN}</p>`);
  else sendText(response, status, text);
}

const AGAIN =
  'A link works once and for ten minutes. A browser that is in makes new ones: Settings, “Open in another browser”.';

/** A page that goes to the window by itself. */
export function sendWayIn(response: ServerResponse): void {
  sendHtml(response, 200, '<meta http-equiv="refresh" content="0;url=/"><p><a href="/">HDM Studio</a></p>');
}

const HTML =
  '<!doctype html><html lang="en"><meta charset="utf-8"><meta name="color-scheme" content="dark light">' +
  '<meta name="viewport" content="width=device-width"><title>HDM Studio</title>';

function sendHtml(response: ServerResponse, status: number, content: string): void {
  send(response, status, 'text/html; charset=utf-8', `${HTML}${content}</html>`);
}

function send(response: ServerResponse, status: number, type: string, body: string): void {
  writeHead(response, status, { 'content-type': type });
  response.end(response.req.method === 'HEAD' ? undefined : body);
}

const REASONS: Readonly<Record<number, string>> = {
  401: 'Unauthorized',
  403: 'Forbidden',
  404: 'Not Found',
  421: 'Misdirected Request',
  503: 'Service Unavailable',
};

/** Refuses a WebSocket: the request has no ServerResponse. */
export function endUpgrade(socket: Duplex, status: number, text: string): void {
  const headers = { ...SECURITY_HEADERS, 'content-type': 'text/plain; charset=utf-8', connection: 'close' };
  const lines = Object.entries(headers).map(([name, value]) => `${name}: ${value}`);
  socket.end(`HTTP/1.1 ${status} ${REASONS[status]}\r\n${lines.join('\r\n')}\r\n\r\n${text}\n`);
}
