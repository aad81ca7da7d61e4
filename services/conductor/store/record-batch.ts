import type pg from "pg";
import type { AcceptedMemory } from "../domain/accepted-memory.ts";
import { recordRowOf } from "./memory-rows.ts";

/** What `mem0_cc.record_batch` says of one memory; migrations/record-batch.sql tells what each means. */
export type RecordOutcome =
  | { readonly outcome: "recorded" | "duplicate"; readonly position: number; readonly recordedUs: string }
  | { readonly outcome: "key_reused" | "module_unknown" | "module_retired" | "held_back" };

export interface RecordBatchOptions {
  /** All or nothing. */
  readonly atomic: boolean;
  /** An earlier attempt may have committed these. */
  readonly again: boolean;
  /** When to give the connection up. */
  readonly timeoutMs: number;
}

const statement = {
  name: "record_batch",
  text: "select n, outcome, position, recorded_us from mem0_cc.record_batch($1, $2, $3)",
};

type Answer = [n: number, outcome: RecordOutcome["outcome"], position: string, recordedUs: string];

/** Records a batch in one statement, which is its own transaction; the outcomes come in the order of the memories. */
export async function recordBatch(
  client: pg.ClientBase,
  memories: readonly AcceptedMemory[],
  options: RecordBatchOptions,
): Promise<RecordOutcome[]> {
  const query = {
    ...statement,
    values: [JSON.stringify(memories.map(recordRowOf)), options.atomic, options.again],
    rowMode: "array" as const,
    query_timeout: options.timeoutMs,
  };
  const { rows } = await client.query<Answer>(query);
  return rows.map(([, outcome, position, recordedUs]) =>
    outcome === "recorded" || outcome === "duplicate"
      ? { outcome, position: Number(position), recordedUs }
      : { outcome },
  );
}
