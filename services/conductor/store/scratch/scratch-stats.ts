import { create } from "@bufbuild/protobuf";
import { durationFromMs } from "@bufbuild/protobuf/wkt";
import {
  type GetScratchStatsRequest,
  type GetScratchStatsResponse,
  GetScratchStatsResponseSchema,
} from "#gen/cos/conductor/v1/scratch_service_pb.ts";
import { moduleNotFound } from "#shared/auth/refusals.ts";
import type { Scope } from "#shared/auth/scope.ts";
import { queryAbortably } from "#shared/postgres/query-abortably.ts";
import { defaultModule } from "../../domain/accept-memory.ts";
import { effectiveSettings } from "../../domain/module-settings.ts";
import { timestampOf } from "../memory-rows.ts";
import { moduleColumns, type StoredModule, settingsOfRow } from "../module-rows.ts";
import { scopeParameter } from "../visibility.ts";
import { isAlive } from "./note-rows.ts";
import type { Database } from "./scratch-store.ts";

const text = `
  select ${moduleColumns}, c.notes, c.bytes, c.next_us
  from mem0_cc.module m
  cross join lateral (
    select count(*) as notes, coalesce(sum(n.size), 0) as bytes,
           (extract(epoch from min(n.expires_at)) * 1000000)::bigint as next_us
    from mem0_cc.note n where n.module = m.name and ${isAlive}) c
  where m.name = $1 and ($2::text[] is null or m.name = any($2))`;

type StatsRow = StoredModule & { readonly notes: string; readonly bytes: string; readonly next_us: string | null };

/** What a module holds of notes, and may hold. Rejects with MODULE_NOT_FOUND, or as `queryAbortably`. */
export async function scratchStats(
  postgres: Database,
  scope: Scope,
  request: GetScratchStatsRequest,
  signal?: AbortSignal,
): Promise<GetScratchStatsResponse> {
  const module = request.module === "" ? defaultModule : request.module;
  const [row] = await queryAbortably<StatsRow>(postgres, { text, values: [module, scopeParameter(scope)], signal });
  if (row === undefined) throw moduleNotFound(module);
  const { scratchNotesMax, scratchBytesMax, scratchTtlMs, scratchTtlMaxMs } = effectiveSettings(settingsOfRow(row));
  return create(GetScratchStatsResponseSchema, {
    notes: BigInt(row.notes),
    bytes: BigInt(row.bytes),
    ...(row.next_us !== null && { nextExpiresAt: timestampOf(row.next_us) }),
    notesMax: BigInt(scratchNotesMax),
    bytesMax: BigInt(scratchBytesMax),
    ttl: durationFromMs(scratchTtlMs),
    ttlMax: durationFromMs(scratchTtlMaxMs),
  });
}
