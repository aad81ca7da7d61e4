import type { Cursor } from "#gen/cos/highway/v1/highway_pb.ts";
import type { Followed, FollowedEvent } from "./followed.ts";

/** Something that may be reported once everything before it is done. */
interface Entry {
  readonly report: () => Promise<void> | void;
  /** The module whose order it stands in; undefined: that of all modules. */
  readonly module: string | undefined;
  done: boolean;
  reported: boolean;
}

interface Listeners {
  readonly onProgress?: ((cursor: Cursor) => Promise<void> | void) | undefined;
  readonly onResumeToken?: ((resumeToken: string) => Promise<void> | void) | undefined;
}

/**
 * Holds back what may not be reported yet: a cursor waits for all events of its module before it, a resume token for all
 * events before it. Reports run one at a time, in order.
 */
export class Reports {
  readonly #listeners: Listeners;
  readonly #onError: (error: unknown) => void;
  /** In the order of the stream. */
  #entries: Entry[] = [];
  #chain: Promise<void> = Promise.resolve();
  #failed = false;

  constructor(listeners: Listeners, onError: (error: unknown) => void) {
    this.#listeners = listeners;
    this.#onError = onError;
  }

  /** An event whose effect is yet to come; call what it returns when it has come. */
  expect(cursor: Cursor): () => void {
    const entry = this.#push(cursor.module, false, () => this.#listeners.onProgress?.(cursor));
    return () => {
      entry.done = true;
      this.#advance();
    };
  }

  /** A note that needs no effect of its own. */
  note(followed: Exclude<Followed, FollowedEvent>): void {
    if (followed.kind === "progress") {
      const { cursor } = followed;
      this.#push(cursor.module, true, () => this.#listeners.onProgress?.(cursor));
    } else if (followed.resumeToken !== "") {
      this.#push(undefined, true, () => this.#listeners.onResumeToken?.(followed.resumeToken));
    }
    this.#advance();
  }

  /** Resolves when everything that could be reported has been. */
  drained(): Promise<void> {
    return this.#chain;
  }

  #push(module: string | undefined, done: boolean, report: Entry["report"]): Entry {
    const entry: Entry = { module, done, report, reported: false };
    this.#entries.push(entry);
    return entry;
  }

  #advance(): void {
    const behind = new Set<string | undefined>();
    for (const entry of this.#entries) {
      const held = entry.module === undefined ? behind.size > 0 : behind.has(entry.module);
      if (!entry.done || held) behind.add(entry.module);
      else if (!entry.reported) this.#report(entry);
    }
    const first = this.#entries.findIndex((entry) => !entry.reported);
    this.#entries = first === -1 ? [] : this.#entries.slice(first);
  }

  #report(entry: Entry): void {
    entry.reported = true;
    this.#chain = this.#chain.then(async () => {
      if (this.#failed) return;
      try {
        await entry.report();
      } catch (error) {
        this.#failed = true;
        this.#onError(error);
      }
    });
  }
}
