import { MemoryView } from "#gen/cos/memory/v1/memory_pb.ts";
import type { Postgres } from "#shared/postgres/open-postgres.ts";
import { queryAbortably } from "#shared/postgres/query-abortably.ts";
import type { AcceptedMemory } from "../domain/accepted-memory.ts";
import { type MemoryRow, memoryColumns, memoryOf } from "./memory-rows.ts";
import type { Recorded } from "./record-call.ts";
import { recordFault } from "./record-fault.ts";

/** As `record_batch` judges a key that is known. */
const text = `select ${memoryColumns(MemoryView.BASIC)},
    m.forgotten_at is not null or m.content_hash = decode($3, 'hex') as is_same
  from mem0_cc.memory m where m.module = $1 and m.idempotency_key = $2 limit 1`;

/**
 * What a call with the same key has recorded; undefined: none has, as of now. Rejects with IDEMPOTENCY_KEY_REUSED where it was other
 * content.
 */
export async function findRecorded(
  postgres: Postgres,
  accepted: AcceptedMemory,
  epoch: () => string,
  signal?: AbortSignal,
): Promise<Recorded | undefined> {
  const { module, idempotencyKey, contentHash } = accepted;
  const values = [module, idempotencyKey, contentHash];
  const [row] = await queryAbortably<MemoryRow & { is_same: boolean }>(postgres, { text, values, signal });
  if (row === undefined) return undefined;
  if (!row.is_same) throw recordFault("key_reused", accepted, "");
  return { memory: memoryOf(row), module, position: Number(row.position), epoch: epoch(), deduplicated: true };
}
