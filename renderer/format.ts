/** @file Numbers as people read them, in the language in use. */
import { currentLanguage } from './messages/messages.svelte.ts';

const BYTE_UNITS = ['byte', 'kilobyte', 'megabyte', 'gigabyte', 'terabyte'] as const;

/** Such as "1.5 GB"; powers of 1024. */
export function formatBytes(bytes: number): string {
  const power = bytes < 1 ? 0 : Math.min(BYTE_UNITS.length - 1, Math.floor(Math.log2(bytes) / 10));
  const value = bytes / 1024 ** power;
  return new Intl.NumberFormat(currentLanguage(), {
    style: 'unit',
    unit: BYTE_UNITS[power]!,
    unitDisplay: 'short',
    maximumFractionDigits: value < 10 && power > 0 ? 1 : 0,
  }).format(value);
}

/** Such as "40 sec", "3 min", "2.5 hr": as exact as a person needs it. */
export function formatDuration(seconds: number): string {
  const { format, scale } = durationFormat(seconds);
  return format.format(seconds / scale);
}

/** A range of seconds in the unit of its end, such as "10–14 sec"; one number when both look the same. */
export function formatRange({ low, high }: { readonly low: number; readonly high: number }): string {
  const { format, scale } = durationFormat(high);
  const [from, to] = [low / scale, high / scale];
  return format.format(from) === format.format(to) ? format.format(to) : format.formatRange(from, to);
}

function durationFormat(seconds: number): { format: Intl.NumberFormat; scale: number } {
  const make = (unit: 'second' | 'minute' | 'hour', digits: number, scale: number) => ({
    format: new Intl.NumberFormat(currentLanguage(), {
      style: 'unit',
      unit,
      unitDisplay: 'short',
      maximumFractionDigits: digits,
    }),
    scale,
  });
  if (seconds < 10) return make('second', 1, 1);
  if (seconds < 90) return make('second', 0, 1);
  if (seconds < 90 * 60) return make('minute', seconds < 10 * 60 ? 1 : 0, 60);
  return make('hour', 1, 3600);
}

export function formatNumber(value: number, digits = 2): string {
  return new Intl.NumberFormat(currentLanguage(), { maximumFractionDigits: digits }).format(value);
}

/** A part of 1, such as "96%". */
export function formatShare(share: number): string {
  return new Intl.NumberFormat(currentLanguage(), { style: 'percent', maximumFractionDigits: 0 }).format(
    share,
  );
}

export function formatDate(moment: number): string {
  return new Intl.DateTimeFormat(currentLanguage(), { dateStyle: 'medium', timeStyle: 'short' }).format(
    moment,
  );
}
