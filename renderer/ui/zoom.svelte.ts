/** @file How closely a picture is looked at: enlargement and place. Several stages may share one, and move in step. */

/** What fits the stage counts as 1. */
const MOST = 32;
const WHEEL_SPEED = 0.0015;

export class Zoom {
  #scale = $state(1);
  /** Of the picture's layer, pixels of the stage. */
  #x = $state(0);
  #y = $state(0);
  #width = $state(0);
  #height = $state(0);

  get scale(): number {
    return this.#scale;
  }

  /** The whole picture is shown. */
  get isFit(): boolean {
    return this.#scale === 1;
  }

  /** For a layer of the stage's size whose origin is its corner. */
  get transform(): string {
    return `translate(${this.#x}px, ${this.#y}px) scale(${this.#scale})`;
  }

  /** Stage pixels per picture pixel of a picture of this size. */
  density(width: number, height: number): number {
    return this.#fit(width, height) * this.#scale;
  }

  /** The stage has another size. */
  resize(width: number, height: number): void {
    this.#width = width;
    this.#height = height;
    this.#place(this.#x, this.#y);
  }

  /** Closer by `factor`; what lies at the point (pixels of the stage) stays there. Without one: the middle. */
  by(factor: number, x = this.#width / 2, y = this.#height / 2): void {
    const scale = Math.min(MOST, Math.max(1, this.#scale * factor));
    const change = scale / this.#scale;
    this.#scale = scale;
    this.#place(x - (x - this.#x) * change, y - (y - this.#y) * change);
  }

  byWheel(delta: number, x: number, y: number): void {
    this.by(Math.exp(-delta * WHEEL_SPEED), x, y);
  }

  move(byX: number, byY: number): void {
    this.#place(this.#x + byX, this.#y + byY);
  }

  fit(): void {
    this.#scale = 1;
    this.#place(0, 0);
  }

  /** One pixel of the picture on one of the stage, as far as it is larger than the stage. */
  actual(width: number, height: number): void {
    this.by(1 / this.density(width, height));
  }

  #fit(width: number, height: number): number {
    return Math.min(this.#width / width, this.#height / height) || 1;
  }

  /** The layer always covers the stage. */
  #place(x: number, y: number): void {
    this.#x = Math.min(0, Math.max(this.#width * (1 - this.#scale), x));
    this.#y = Math.min(0, Math.max(this.#height * (1 - this.#scale), y));
  }
}
