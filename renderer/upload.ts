/** @file Bytes to the host. */
import { PLACES } from '../electron/contract.ts';

/**
 * Sends a file; returns the id under which the host keeps it. `onProgress` gets 0 to 1. Throws with the host's
 * reason.
 */
export function uploadFile(file: Blob, onProgress?: (part: number) => void): Promise<string> {
  // XMLHttpRequest, as fetch does not tell how much was sent.
  const request = new XMLHttpRequest();
  const name = file instanceof File ? `?name=${encodeURIComponent(file.name)}` : '';
  request.open('POST', PLACES.uploads + name);
  request.responseType = 'text';
  request.upload.addEventListener('progress', ({ loaded, total }) => onProgress?.(loaded / total));
  return new Promise((resolve, reject) => {
    request.addEventListener('load', () => {
      if (request.status !== 200) return reject(new Error(request.responseText || String(request.status)));
      resolve((JSON.parse(request.responseText) as { id: string }).id);
    });
    request.addEventListener('error', () => reject(new Error('The file could not be sent.')));
    request.send(file);
  });
}
