/** @file What a person may want to mend in a dataset, the worst first. */
import type { DatasetReport } from '../../../electron/contract.ts';

export type FindingName = 'refused' | 'missing' | 'duplicates' | 'enlarged' | 'same' | 'animated';

export interface Finding {
  readonly name: FindingName;
  /** What it is about, each in a line. */
  readonly items: readonly string[];
}

/** Only those that there are. */
export function findingsOf({ refused, captions, duplicates, enlarged, traits }: DatasetReport): Finding[] {
  const all: Finding[] = [
    { name: 'refused', items: refused.map(({ reason }) => reason) },
    { name: 'missing', items: captions.missing },
    { name: 'duplicates', items: duplicates.map((group) => group.join(' = ')) },
    { name: 'enlarged', items: enlarged },
    { name: 'same', items: captions.duplicates.map(({ name, count }) => `${count} × ${name}`) },
    { name: 'animated', items: traits['isAnimated'] ?? [] },
  ];
  return all.filter(({ items }) => items.length > 0);
}
