/** What has been opened and must be closed: the last opened first, each once, whatever the others do. */
export class Closers {
  #open: { readonly name: string; readonly close: () => Promise<void> | void }[] = [];
  #onFault: (name: string, error: unknown) => void;

  /** `onFault` hears of a closer that throws; the rest are closed all the same. */
  constructor(onFault: (name: string, error: unknown) => void = () => {}) {
    this.#onFault = onFault;
  }

  add(name: string, close: () => Promise<void> | void): void {
    this.#open.push({ name, close });
  }

  async close(): Promise<void> {
    for (let last = this.#open.pop(); last !== undefined; last = this.#open.pop()) {
      try {
        await last.close();
      } catch (error) {
        this.#onFault(last.name, error);
      }
    }
  }
}
