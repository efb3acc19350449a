/** @file Options as text made into values, and those that several commands share. */
import { InvalidArgumentError, Option } from 'commander';
import { DEVICE_CHOICES, parseDevice } from '../runtime/device-names.ts';

/** What a command uses that was given no model, in the words of its help. */
export const STARTER_WORDS = 'the starter model that comes with the studio';

/** A path, as it is: an empty one comes from a variable that is not set. */
export function toPath(text: string): string {
  if (text !== '') return text;
  throw new InvalidArgumentError('expected a path.');
}

/** A number, also a fraction. */
export function toNumber(text: string): number {
  if (isNumber(text)) return Number(text);
  throw new InvalidArgumentError('expected a number.');
}

/** A whole number from 0 up. */
export function toWhole(text: string): number {
  const value = toNumber(text);
  if (Number.isSafeInteger(value) && value >= 0) return value;
  throw new InvalidArgumentError('expected a whole number from 0 up.');
}

/** `3:2` → 1.5 */
export function toRatio(text: string): number {
  const [width, height] = pair(text, 'a ratio such as 3:2');
  if (width > 0 && height > 0) return width / height;
  throw new InvalidArgumentError('both sides of a ratio must be above 0.');
}

/** `0.2:0.9` */
export function toInterval(text: string): [number, number] {
  return pair(text, 'an interval such as 0.2:0.9');
}

/** `FILE` or `FILE:0.8`; collects one after the other. */
export function toAdapters(
  text: string,
  before: { path: string; strength: number }[] = [],
): { path: string; strength: number }[] {
  const colon = text.lastIndexOf(':');
  const [path, strength] = [text.slice(0, colon), text.slice(colon + 1)];
  // Not every colon is ours: C:\style.safetensors has one, too.
  const isStrength = colon > 0 && (path.endsWith('.safetensors') || isNumber(strength));
  return [
    ...before,
    isStrength ? { path, strength: toNumber(strength) } : { path: toPath(text), strength: 1 },
  ];
}

/** A device, as it is: which GPUs there are is found out when one is opened. */
export function toDevice(text: string): string {
  if (parseDevice(text)) return text;
  throw new InvalidArgumentError(`Allowed choices are ${DEVICE_CHOICES}.`);
}

export function deviceOption(): Option {
  return new Option('--device <name>', `where to compute: ${DEVICE_CHOICES}`)
    .argParser(toDevice)
    .default('auto');
}

/** Formats that programs are computed in. */
export function precisionOption(about: string): Option {
  return new Option('--precision <format>', about).choices(['f32', 'f16']);
}

export function jsonOption(): Option {
  return new Option('--json', 'print one JSON document on stdout, progress on stderr');
}

function isNumber(text: string): boolean {
  return text.trim() !== '' && Number.isFinite(Number(text));
}

function pair(text: string, example: string): [number, number] {
  const parts = text.split(':').map(Number);
  if (parts.length === 2 && parts.every(Number.isFinite) && !text.includes('::'))
    return parts as [number, number];
  throw new InvalidArgumentError(`expected ${example}.`);
}
