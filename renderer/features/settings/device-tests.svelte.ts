/** @file What was found out about the devices while the settings are open. */
import type { DeviceReport, Output } from '../../../electron/contract.ts';
import type { Studio } from '../../studio.svelte.ts';

export class DeviceTests {
  readonly #studio: Studio;
  #isBusy = $state(false);
  #error = $state('');
  #devices = $state.raw<readonly DeviceReport[]>([]);
  #checked = $state.raw<Output<'devices.check'>>();

  constructor(studio: Studio) {
    this.#studio = studio;
  }

  get isBusy(): boolean {
    return this.#isBusy;
  }

  get error(): string {
    return this.#error;
  }

  get devices(): readonly DeviceReport[] {
    return this.#devices;
  }

  get checked(): Output<'devices.check'> | undefined {
    return this.#checked;
  }

  get isCorrect(): boolean {
    return this.#checked?.results.every(({ isPassed }) => isPassed) ?? false;
  }

  async list(): Promise<void> {
    await this.#ask(async () => (this.#devices = await this.#studio.call('devices.list', {})));
  }

  async check(): Promise<void> {
    await this.#ask(async () => (this.#checked = await this.#studio.call('devices.check', {})));
  }

  async #ask(question: () => Promise<unknown>): Promise<void> {
    this.#isBusy = true;
    this.#error = '';
    this.#devices = [];
    this.#checked = undefined;
    try {
      await question();
    } catch (error) {
      this.#error = (error as Error).message;
    } finally {
      this.#isBusy = false;
    }
  }
}
