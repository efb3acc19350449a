/** @file Addresses as they come in a request: whoever sends them may send anything. */

/** Path and query of a request's target; undefined when it has more or is none. Dots in the path are resolved. */
export function parseAddress(target = ''): URL | undefined {
  const isPath = /^\/(?![/\\])/.test(target); // two of them would begin a host's name
  return (isPath && URL.parse(target, 'http://studio/')) || undefined;
}

/** A part of a path with its %xx read; undefined when they are no text, or a character no file name has. */
export function decodePart(part: string): string | undefined {
  try {
    const text = decodeURIComponent(part);
    return /[\u0000-\u001f\\]/.test(text) ? undefined : text;
  } catch {
    return undefined;
  }
}
