/** @file Patches: what a variant changes of a recipe or of an evaluation. */

/** A JSON object. */
export type Patch = Readonly<Record<string, unknown>>;

/**
 * `base` with what `patch` says. Objects are merged key by key, lists of objects (such as stages) item by item; all
 * else, null too, takes the place of what was there. Neither is changed.
 */
export function merged(base: unknown, patch: unknown): unknown {
  if (isObject(base) && isObject(patch)) {
    const changed = Object.entries(patch).map(([key, value]) => [key, merged(base[key], value)]);
    return { ...base, ...Object.fromEntries(changed) };
  }
  if (isListOfObjects(base) && isListOfObjects(patch)) {
    const length = Math.max(base.length, patch.length);
    return Array.from({ length }, (_, i) => (i < patch.length ? merged(base[i], patch[i]) : base[i]));
  }
  return patch;
}

function isObject(value: unknown): value is Patch {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function isListOfObjects(value: unknown): value is readonly Patch[] {
  return Array.isArray(value) && value.length > 0 && value.every(isObject);
}
