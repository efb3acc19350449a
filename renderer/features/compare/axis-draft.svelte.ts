/** @file One axis of a grid that is being planned. Each setting keeps what was written for it. */
import { readAxis, splitList, usualValues, writeList } from './axis-values.ts';
import type { AxisContext, AxisSetting, AxisValues } from './axis-values.ts';

export class AxisDraft {
  readonly #context: () => AxisContext;
  #setting = $state<AxisSetting>();
  #texts = $state.raw<Partial<Record<AxisSetting, string>>>({});
  readonly #read = $derived.by<AxisValues>(() =>
    this.#setting ? readAxis(this.#setting, this.text, this.#context()) : { values: [] },
  );

  constructor(context: () => AxisContext, setting: AxisSetting | undefined) {
    this.#context = context;
    this.#setting = setting;
  }

  /** Undefined: this axis is not used. */
  get setting(): AxisSetting | undefined {
    return this.#setting;
  }

  set setting(setting: AxisSetting | undefined) {
    this.#setting = setting;
  }

  get text(): string {
    return (this.#setting && this.#texts[this.#setting]) ?? '';
  }

  set text(text: string) {
    if (this.#setting) this.#texts = { ...this.#texts, [this.#setting]: text };
  }

  get values(): readonly string[] {
    return this.#read.values;
  }

  get problem(): AxisValues['problem'] {
    return this.#read.problem;
  }

  /** Values to offer; undefined where only the person knows. */
  get usual(): string | undefined {
    return this.#setting && usualValues(this.#setting, this.#context());
  }

  /** Of a setting with a list: puts a value in or takes it out; the order is that of the list. */
  toggle(value: string, list: readonly string[]): void {
    const chosen = new Set(splitList(this.text));
    if (!chosen.delete(value)) chosen.add(value);
    this.text = writeList(list.filter((each) => chosen.has(each)));
  }

  set(setting: AxisSetting | undefined, values: readonly string[]): void {
    this.#setting = setting;
    this.text = writeList(values);
  }
}
