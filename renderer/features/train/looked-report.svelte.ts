/** @file The report on a dataset, asked for by a person. */
import type { DatasetReport, DatasetSource } from '../../../electron/contract.ts';
import type { Studio } from '../../studio.svelte.ts';

/** Made while a component is set up. */
export class LookedReport {
  readonly #studio: Studio;
  readonly #source: () => DatasetSource;
  #report = $state.raw<DatasetReport>();
  #error = $state('');
  #part = $state<number>();
  #isLooking = $state(false);

  constructor(studio: Studio, source: () => DatasetSource) {
    this.#studio = studio;
    this.#source = source;
    $effect(() =>
      studio.on('report', (news) => {
        const isMine = JSON.stringify(news.source) === JSON.stringify(source());
        if (isMine) this.#part = news.total > 0 ? news.done / news.total : undefined;
      }),
    );
  }

  get report(): DatasetReport | undefined {
    return this.#report;
  }

  get error(): string {
    return this.#error;
  }

  /** 0 to 1; undefined while nobody knows. */
  get part(): number | undefined {
    return this.#part;
  }

  get isLooking(): boolean {
    return this.#isLooking;
  }

  async look(size: number): Promise<void> {
    this.#isLooking = true;
    this.#part = undefined;
    this.#error = '';
    try {
      this.#report = await this.#studio.call('datasets.report', { source: this.#source(), size });
    } catch (error) {
      if ((error as { code?: string }).code !== 'cancelled') this.#error = (error as Error).message;
    } finally {
      this.#isLooking = false;
    }
  }

  stop(): void {
    void this.#studio.call('datasets.cancelReport', { source: this.#source() });
  }
}
