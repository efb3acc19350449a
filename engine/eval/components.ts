/** @file Connected parts of a mask: what hangs together in a picture. */

/** Pixels that hang together, across corners too. */
export interface Component {
  /** Indices of its pixels, rising. */
  readonly pixels: readonly number[];
  /** In pixels; right and bottom are outside. */
  readonly left: number;
  readonly top: number;
  readonly right: number;
  readonly bottom: number;
}

/** The components of a row-major mask (not 0: inside) of at least `smallest` pixels. */
export function components(mask: Uint8Array, width: number, smallest: number): Component[] {
  const isFree = Uint8Array.from(mask);
  const found: Component[] = [];
  for (let start = 0; start < isFree.length; start++) {
    if (!isFree[start]) continue;
    const component = componentOf(flood(isFree, width, start), width);
    if (component.pixels.length >= smallest) found.push(component);
  }
  return found;
}

/** Takes everything that hangs together with `start` out of the mask. */
function flood(isFree: Uint8Array, width: number, start: number): number[] {
  const pixels = [start];
  isFree[start] = 0;
  const take = (at: number): void => {
    if (!isFree[at]) return; // outside is undefined
    isFree[at] = 0;
    pixels.push(at);
  };
  for (let next = 0; next < pixels.length; next++) {
    const at = pixels[next]!;
    const [first, last] = [at % width > 0 ? -1 : 0, at % width < width - 1 ? 1 : 0];
    for (let across = first; across <= last; across++) {
      for (const down of [-width, 0, width]) take(at + down + across);
    }
  }
  return pixels;
}

function componentOf(pixels: number[], width: number): Component {
  let [left, top, right, bottom] = [Infinity, Infinity, 0, 0];
  for (const at of pixels) {
    const [column, row] = [at % width, Math.floor(at / width)];
    left = Math.min(left, column);
    right = Math.max(right, column + 1);
    top = Math.min(top, row);
    bottom = Math.max(bottom, row + 1);
  }
  return { pixels: pixels.sort((a, b) => a - b), left, top, right, bottom };
}

/** Several as one. */
export function joined(parts: readonly Component[]): Component {
  return {
    pixels: parts.flatMap(({ pixels }) => pixels).sort((a, b) => a - b),
    left: Math.min(...parts.map(({ left }) => left)),
    top: Math.min(...parts.map(({ top }) => top)),
    right: Math.max(...parts.map(({ right }) => right)),
    bottom: Math.max(...parts.map(({ bottom }) => bottom)),
  };
}

/** How far two boxes are apart, in pixels; 0 where they overlap. */
export function gapBetween(a: Component, b: Component): number {
  const across = Math.max(a.left - b.right, b.left - a.right, 0);
  const down = Math.max(a.top - b.bottom, b.top - a.bottom, 0);
  return Math.max(across, down);
}

/** The longer side of its box, in pixels. */
export function lengthOf({ left, top, right, bottom }: Component): number {
  return Math.max(right - left, bottom - top);
}
