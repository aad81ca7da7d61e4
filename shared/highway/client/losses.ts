import { ConnectError } from "@connectrpc/connect";
import { backoffMs, RECONNECT_BACKOFF } from "./backoff.ts";
import { ChainBroken } from "./chain.ts";
import { isUnexplained, passes, StreamRefused } from "./stream-error.ts";

/** Broken chains in a row, without a step forward between them, that make a server hopeless. */
const BROKEN_IN_A_ROW_MAX = 5;
/** The same for INTERNAL without a reason: what cuts a connection in the middle of a message does not do so each time. */
const UNEXPLAINED_IN_A_ROW_MAX = 5;

/** How one who lost a stream asks for it again. */
export interface ReconnectOptions {
  /** Whether to stop asking after this loss; its error is thrown. Unset: never. */
  readonly giveUp?: (loss: { cause: unknown; attempt: number; everConnected: boolean }) => boolean;
  /** Whether asking again mends this refusal, since each stream shows a new token. Unset: never. */
  readonly renews?: (cause: unknown) => boolean;
  readonly backoff?: typeof RECONNECT_BACKOFF;
  readonly random?: () => number;
}

/** What became of a stream. */
export interface Loss {
  /** Undefined: it ended without an error. */
  readonly cause: unknown;
  /** What the server asks to wait, in milliseconds; undefined: it did not say. */
  readonly stayAwayMs: number | undefined;
}

/** The losses of one who listens, in a row: how long to wait after each, and which is the last. */
export class Losses {
  readonly #options: ReconnectOptions;
  #attempt = 0;
  #unexplained = 0;

  constructor(options: ReconnectOptions) {
    this.#options = options;
  }

  /** The attempt that comes next, from 1 in each row. */
  get attempt(): number {
    return this.#attempt;
  }

  /**
   * How long to wait before asking again, in milliseconds; throws where that makes no sense. A stream that was fruitful makes its loss the
   * first of a row.
   */
  count({ cause, stayAwayMs }: Loss, fruitful: boolean, everConnected: boolean): number {
    const { giveUp, renews, backoff = RECONNECT_BACKOFF, random = Math.random } = this.#options;
    this.#attempt = fruitful ? 1 : this.#attempt + 1;
    this.#unexplained = isUnexplained(cause) ? (fruitful ? 1 : this.#unexplained + 1) : 0;
    if (this.#unexplained >= UNEXPLAINED_IN_A_ROW_MAX) throw new StreamRefused(cause as ConnectError);
    const isRenewal = cause !== undefined && renews?.(cause) === true;
    if (cause !== undefined && !isRenewal && !passes(cause)) {
      throw cause instanceof ConnectError ? new StreamRefused(cause) : cause;
    }
    if (cause instanceof ChainBroken && this.#attempt >= BROKEN_IN_A_ROW_MAX) throw cause;
    if (giveUp?.({ cause, attempt: this.#attempt, everConnected }) === true)
      throw cause ?? new Error("the stream ended");
    const askedMs = isRenewal ? (stayAwayMs ?? 0) : stayAwayMs;
    const backedOffMs = backoffMs(backoff, this.#attempt, random);
    if (askedMs === undefined) return backedOffMs;
    // The server's word is enough for a first loss; from the second on the backoff holds too.
    return this.#attempt === 1 ? askedMs : Math.max(askedMs, backedOffMs);
  }
}
