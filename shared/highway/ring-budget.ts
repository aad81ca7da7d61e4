/** What draws on a budget: knows how much it holds, and can give up its oldest. */
export interface Holder {
  readonly bytes: number;
  /** Gives up a piece; false if there is nothing left to give up. */
  shed(): boolean;
}

/**
 * One bound on the memory of all rings together. When it is passed, the largest of them sheds until an eighth of the
 * budget is free again, so the search for the largest is paid for by many events, and a busy module never starves a quiet one.
 */
export class RingBudget {
  bytes = 0;
  readonly bytesMax: number;
  #holders = new Set<Holder>();

  constructor(bytesMax: number) {
    this.bytesMax = bytesMax;
  }

  join(holder: Holder): void {
    this.#holders.add(holder);
  }

  leave(holder: Holder): void {
    this.#holders.delete(holder);
  }

  /** Brings the sum back under the bound, as far as holders can shed. */
  relieve(): void {
    if (this.bytes <= this.bytesMax) {
      return;
    }
    const low = (this.bytesMax / 8) * 7;
    const bySize = [...this.#holders].sort((left, right) => right.bytes - left.bytes);
    for (const holder of bySize) {
      // Down to an even share, then on to the next: nobody is emptied for the sake of one who holds more.
      const share = low / Math.max(1, this.#holders.size);
      while (this.bytes > low && holder.bytes > share && holder.shed());
    }
  }
}
