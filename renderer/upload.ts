/** @file Bytes to the host. */
import { PLACES, type Failure } from '../electron/contract.ts';
import { CallError } from './wire.ts';

/** Sends a file and returns its id; `onProgress` gets 0 to 1. Throws `CallError` with the host's reason. */
export function upload(file: Blob, name: string, onProgress?: (part: number) => void): Promise<string> {
  const request = new XMLHttpRequest(); // fetch does not tell how much was sent
  request.open('POST', `${PLACES.uploads}?name=${encodeURIComponent(name)}`);
  request.upload.addEventListener('progress', ({ loaded, total }) => onProgress?.(loaded / total));
  return new Promise((resolve, reject) => {
    request.addEventListener('load', () => {
      const answer = parseAnswer(request.responseText);
      if (request.status < 300 && answer.id !== undefined) return resolve(answer.id);
      const message = answer.message ?? `The studio did not take the file (${request.status}).`;
      reject(new CallError({ code: answer.code ?? 'internal', message }));
    });
    request.addEventListener('error', () => {
      reject(new CallError({ code: 'offline', message: 'The studio is not reachable right now.' }));
    });
    request.send(file);
  });
}

function parseAnswer(text: string): Partial<Failure & { id: string }> {
  try {
    return JSON.parse(text) as Partial<Failure & { id: string }>;
  } catch {
    return {};
  }
}
