import type pg from "pg";
import type { Memory } from "#gen/cos/memory/v1/memory_pb.ts";
import type { Log } from "#shared/log/open-log.ts";
import type { OnCommitted } from "./announce-committed.ts";

export interface GroupCommitOptions {
  readonly pool: pg.Pool;
  readonly log: Log;
  /** The epoch in which a connection records. */
  readonly epochOf: (client: pg.ClientBase) => string;
  /** Reads what stands at these places, in any order. */
  readonly readPlaces: (places: readonly Place[]) => Promise<Memory[]>;
  /** Hears of a batch before its callers do. */
  readonly onCommitted?: OnCommitted;
  /** Batches in flight at most. Default 2: one travels while the other is flushed to disk. */
  readonly lanes?: number;
  /** Memories in a batch at most. Default 256. */
  readonly batchRowsMax?: number;
  /** Bytes in a batch at most. Default 1 MiB. */
  readonly batchBytesMax?: number;
  /** Memories that may wait for their answer; beyond, OVERLOADED. Default 20,000. */
  readonly waitingRowsMax?: number;
  /** Their bytes; beyond, OVERLOADED. Default 64 MiB. */
  readonly waitingBytesMax?: number;
  /** When a caller is told that PostgreSQL does not answer. Default 1,800: callers hear within 2 s. */
  readonly answerTimeoutMs?: number;
  /** When an attempt's connection is given up. Default 1,000. */
  readonly attemptTimeoutMs?: number;
  /** How long a batch waits for a head that somebody else holds. Default 250. */
  readonly lockTimeoutMs?: number;
  /** Between two attempts. Default 50. */
  readonly retryDelayMs?: number;
}

export interface Place {
  readonly module: string;
  readonly position: number;
}

export type CompleteOptions = Required<Omit<GroupCommitOptions, "onCommitted">> &
  Pick<GroupCommitOptions, "onCommitted">;

/** The options with what they leave out. */
export function withDefaults(options: GroupCommitOptions): CompleteOptions {
  return {
    lanes: 2,
    batchRowsMax: 256,
    batchBytesMax: 1024 * 1024,
    waitingRowsMax: 20_000,
    waitingBytesMax: 64 * 1024 * 1024,
    answerTimeoutMs: 1800,
    attemptTimeoutMs: 1000,
    lockTimeoutMs: 250,
    retryDelayMs: 50,
    ...options,
  };
}
