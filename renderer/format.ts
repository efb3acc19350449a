/** @file Numbers as people read them, in the language in use. */
import { currentLanguage, t } from './messages/messages.svelte.ts';

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

/** Such as "40 s", "3 min", "2.5 h": as exact as a person needs it. */
export function formatDuration(seconds: number): string {
  const unit = (value: number, name: 'second' | 'minute' | 'hour', digits: number): string =>
    new Intl.NumberFormat(currentLanguage(), {
      style: 'unit',
      unit: name,
      unitDisplay: 'short',
      maximumFractionDigits: digits,
    }).format(value);
  if (seconds < 10) return unit(seconds, 'second', 1);
  if (seconds < 90) return unit(Math.round(seconds), 'second', 0);
  if (seconds < 90 * 60) return unit(seconds / 60, 'minute', 0);
  return unit(seconds / 3600, 'hour', 1);
}

export function formatNumber(value: number, digits = 2): string {
  return new Intl.NumberFormat(currentLanguage(), { maximumFractionDigits: digits }).format(value);
}

export function formatDate(moment: number): string {
  return new Intl.DateTimeFormat(currentLanguage(), { dateStyle: 'medium', timeStyle: 'short' }).format(
    moment,
  );
}

/** A range of seconds, such as "10 – 14 s"; one number when both look the same. */
export function formatRange({ low, high }: { readonly low: number; readonly high: number }): string {
  const [from, to] = [formatDuration(low), formatDuration(high)];
  return from === to ? from : t('common.range', { from, to });
}
