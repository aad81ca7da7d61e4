// Forgetting over streams that may break at any point.
//
// Purpose: what was asked for is forgotten, whatever becomes of a stream; and what is told of it was committed.
// Owner: one `cos memories forget`; it forgets one selection after the other.
//
//  E1  A stream that ends before `done` is followed by the same request: the server goes on where it stood, and forgets
//      nothing twice.
//  E2  Attempts wait longer and longer; a stream that forgot something makes the next loss a first one again. After
//      `ATTEMPTS_MAX` in a row that forgot nothing, the last failure is thrown.
//  E3  What the server refuses for good is thrown at once.
//  E4  The count never says more than was committed. A batch whose frame was lost is counted by what the next stream no
//      longer finds.
//
// Failure mode: what was forgotten before it gave up stays forgotten, and is in `onProgress`.
import { setTimeout as delay } from "node:timers/promises";
import { Code, ConnectError } from "@connectrpc/connect";
import type { ForgetMemoriesResponse } from "#gen/cos/conductor/v1/forgetting_pb.ts";
import { backoffMs, RECONNECT_BACKOFF } from "#shared/highway/client/backoff.ts";
import { passes, retryAfterMs } from "#shared/highway/client/stream-error.ts";

const ATTEMPTS_MAX = 8;

export interface ForgetSelectionOptions {
  readonly open: (options: { signal: AbortSignal }) => AsyncIterable<ForgetMemoriesResponse>;
  /** How many there were to forget when they were counted. */
  readonly found: number;
  readonly signal: AbortSignal;
  /** How many have been forgotten so far, by all streams. */
  readonly onProgress: (forgotten: number) => void;
  /** A stream was lost and will be asked for again. */
  readonly onLost: (cause: unknown) => void;
  readonly backoff?: typeof RECONNECT_BACKOFF;
}

export interface ForgotSelection {
  readonly forgotten: number;
  readonly highwayCleared: boolean;
}

/** Forgets one selection, however many streams it takes. */
export async function forgetSelection(options: ForgetSelectionOptions): Promise<ForgotSelection> {
  const { signal, onProgress, onLost, backoff = RECONNECT_BACKOFF } = options;
  const count = new ForgottenCount(options.found);
  for (let attempt = 1; ; attempt += 1) {
    const before = count.value;
    const { last, cause } = await readStream(options.open({ signal }), (frame) => {
      count.take(frame);
      onProgress(count.value);
    });
    if (last?.done === true) return { forgotten: count.value, highwayCleared: last.highwayCleared };
    if (count.value > before) attempt = 1;
    if (signal.aborted || !passes(cause) || attempt === ATTEMPTS_MAX) throw cause;
    onLost(cause);
    count.nextStream();
    await delay(retryAfterMs(cause) || backoffMs(backoff, attempt, Math.random), undefined, { signal });
  }
}

/** One stream to its end: its last frame, and what it was lost of if that is not the last of all. */
async function readStream(
  frames: AsyncIterable<ForgetMemoriesResponse>,
  onFrame: (frame: ForgetMemoriesResponse) => void,
): Promise<{ last: ForgetMemoriesResponse | undefined; cause: unknown }> {
  let last: ForgetMemoriesResponse | undefined;
  try {
    for await (const frame of frames) {
      onFrame(frame);
      last = frame;
    }
    return { last, cause: new ConnectError("the server ended the stream before it was done", Code.Unavailable) };
  } catch (cause) {
    return { last, cause };
  }
}

/** Adds up what several streams of one selection say (E4). */
class ForgottenCount {
  readonly #found: number;
  /** By streams before this one, as far as they told. */
  #told = 0;
  #frame = 0;
  #inferred = 0;

  constructor(found: number) {
    this.#found = found;
  }

  get value(): number {
    return Math.max(this.#told + this.#frame, this.#inferred);
  }

  take({ found, forgotten }: ForgetMemoriesResponse): void {
    this.#frame = Number(forgotten);
    // What was counted and this stream no longer found was forgotten in between.
    this.#inferred = Math.max(this.#inferred, this.#found - Number(found) + this.#frame);
  }

  nextStream(): void {
    this.#told += this.#frame;
    this.#frame = 0;
  }
}
