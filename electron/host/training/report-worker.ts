/** @file A thread that looks at every picture of a dataset: the host must answer its windows meanwhile. */
import { parentPort, workerData } from 'node:worker_threads';
import { toHdmError } from '../../../engine/errors.ts';
import { openDataset, type DatasetSource } from '../../../engine/training/data/dataset.ts';
import { datasetReport, type DatasetReport } from '../../../engine/training/data/report.ts';
import type { Failure } from '../../contract.ts';

export interface ReportWish {
  readonly source: DatasetSource;
  readonly size: number;
}

export type ReportNews =
  | { readonly done: number; readonly total: number }
  | { readonly report: DatasetReport }
  | { readonly error: Failure };

const TOLD_EVERY_MS = 200;
let toldAt = 0;

function tell(news: ReportNews): void {
  parentPort!.postMessage(news);
}

try {
  const { source, size } = workerData as ReportWish;
  const onProgress = (done: number, total: number): void => {
    if (performance.now() - toldAt < TOLD_EVERY_MS && done < total) return;
    toldAt = performance.now();
    tell({ done, total });
  };
  tell({ report: await datasetReport(await openDataset(source), { size, onProgress }) });
} catch (error) {
  const { code, message } = toHdmError(error, 'dataset');
  tell({ error: { code, message } });
}
