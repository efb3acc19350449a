/** @file Small things that a window remembers by itself: what is open, how wide a pane is. */

/** A value that outlives the window; where the browser keeps nothing, it lives as long as the window. */
export class Remembered<T> {
  readonly #key: string;
  #value = $state.raw() as T;

  /** `isValid` looks at what was kept, maybe by an older version. */
  constructor(key: string, initial: T, isValid: (kept: unknown) => boolean) {
    this.#key = `hdm-studio.${key}`;
    const kept = read(this.#key);
    this.#value = isValid(kept) ? (kept as T) : initial;
  }

  get value(): T {
    return this.#value;
  }

  set value(value: T) {
    this.#value = value;
    try {
      localStorage.setItem(this.#key, JSON.stringify(value));
    } catch {
      // a browser that keeps nothing: the value is there until the window closes
    }
  }
}

export function rememberedFlag(key: string, initial: boolean): Remembered<boolean> {
  return new Remembered(key, initial, (kept) => typeof kept === 'boolean');
}

function read(key: string): unknown {
  try {
    return JSON.parse(localStorage.getItem(key) ?? 'null');
  } catch {
    return null;
  }
}
