/** @file What drawing took on this machine, in the database. */
import type { DatabaseSync } from 'node:sqlite';
import type { Drawing, Settings } from '../../contract.ts';
import type { DrawResult } from '../../engine/protocol.ts';
import type { Measurement } from './estimates.ts';
import { tokensOf } from './passes.ts';

/** What the settings asked for: 'auto' says nothing about what it gave. */
type Asked = Pick<Settings, 'device' | 'precision'>;

export interface NewMeasurement {
  readonly drawing: Drawing;
  readonly asked: Asked;
  readonly result: DrawResult;
  readonly now: number;
}

/** Older ones are of older drivers and older versions of the studio. */
const MOST_USED = 200;

export class Measurements {
  readonly #database: DatabaseSync;

  constructor(database: DatabaseSync) {
    this.#database = database;
  }

  add({ drawing, asked, result, now }: NewMeasurement): void {
    const { device, precision, passes, denoiseMs, decodeMs, loadMs, peakBytes } = result;
    if (!(passes > 0 && denoiseMs > 0)) return; // a clock that stood still measures nothing
    this.#database
      .prepare(
        `INSERT INTO measurements (model_id, asked, device, precision, tokens, passes, denoise_ms, decode_ms,
         load_ms, peak_bytes, measured_at) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
      )
      .run(
        drawing.modelId,
        key(asked),
        device,
        precision,
        tokensOf(drawing),
        passes,
        denoiseMs,
        decodeMs,
        loadMs,
        peakBytes,
        now,
      );
  }

  /** The last of a model on the device and in the precision that these settings gave last. */
  of(modelId: string, asked: Asked): Measurement[] {
    const rows = this.#database
      .prepare(
        `SELECT tokens, passes, denoise_ms, decode_ms, load_ms, peak_bytes FROM measurements
         WHERE model_id = ?1 AND (device, precision) = (
           SELECT device, precision FROM measurements WHERE asked = ?2 ORDER BY rowid DESC LIMIT 1
         ) ORDER BY measured_at DESC LIMIT ?3`,
      )
      .all(modelId, key(asked), MOST_USED);
    return (rows as unknown as MeasurementRow[]).map((row) => ({
      tokens: row.tokens,
      passes: row.passes,
      denoiseMs: row.denoise_ms,
      decodeMs: row.decode_ms,
      loadMs: row.load_ms,
      peakBytes: row.peak_bytes,
    }));
  }
}

interface MeasurementRow {
  readonly tokens: number;
  readonly passes: number;
  readonly denoise_ms: number;
  readonly decode_ms: number;
  readonly load_ms: number;
  readonly peak_bytes: number;
}

function key({ device, precision }: Asked): string {
  return `${device}/${precision}`;
}
