/** A bucket that holds what may be taken in a second and fills evenly; full at first. */
export class Bucket {
  readonly #perSecondMax: number;
  #left: number;
  #leftAtMs = Date.now();

  constructor(perSecondMax: number) {
    this.#perSecondMax = perSecondMax;
    this.#left = perSecondMax;
  }

  /** Takes one; false: there is none. */
  take(): boolean {
    const nowMs = Date.now();
    const filled = this.#left + ((nowMs - this.#leftAtMs) * this.#perSecondMax) / 1000;
    this.#left = Math.min(this.#perSecondMax, filled);
    this.#leftAtMs = nowMs;
    if (this.#left < 1) return false;
    this.#left -= 1;
    return true;
  }
}
