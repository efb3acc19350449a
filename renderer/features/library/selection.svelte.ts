/** @file Which pictures are chosen. By id: they stay chosen wherever they move in the list. */
export class Selection {
  #ids = $state.raw<ReadonlySet<string>>(new Set());

  get size(): number {
    return this.#ids.size;
  }

  get ids(): string[] {
    return [...this.#ids];
  }

  has(id: string): boolean {
    return this.#ids.has(id);
  }

  /** These and no others. */
  set(ids: Iterable<string>): void {
    this.#ids = new Set(ids);
  }

  toggle(id: string): void {
    const ids = new Set(this.#ids);
    if (!ids.delete(id)) ids.add(id);
    this.#ids = ids;
  }

  clear(): void {
    if (this.#ids.size > 0) this.#ids = new Set();
  }
}
