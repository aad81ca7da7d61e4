import { randomUUIDv7 } from "node:crypto";
import { fromJson, type JsonObject } from "@bufbuild/protobuf";
import type pg from "pg";
import type { Event } from "#gen/cos/highway/v1/highway_pb.ts";
import { ForgottenSchema, MemoryView, UnlinkedSchema } from "#gen/cos/memory/v1/memory_pb.ts";
import type { CallContext } from "#shared/auth/call-context.ts";
import { writeAudit } from "./access/write-audit.ts";
import { eventOf, type MemoryRow, memoryColumns, memoryOf } from "./memory-rows.ts";

/** Who forgets, and in which call. */
export type ForgetCall = Pick<CallContext, "access" | "requestId" | "traceId" | "traceparent">;

export interface ForgetBatch {
  readonly module: string;
  readonly positions: readonly number[];
  /** What was asked for, for the audit: its kind alone. A session's name may be the very thing that is to be forgotten. */
  readonly selector: "ids" | "session" | "source" | "module";
  readonly reason: string;
}

/** What was forgotten together. */
export interface ForgottenBatch {
  readonly count: number;
  /** Where the event stands that tells of it. */
  readonly position: number;
  /** All that was recorded, in the order of positions within each module: the links that ended come before it. */
  readonly events: readonly ForgottenEvent[];
}

export interface ForgottenEvent {
  readonly module: string;
  readonly position: number;
  readonly event: Event;
}

/** What the log calls the source of its own acts. */
const ownSource = "cos";

/**
 * Forgets the memories at these positions, records the event that tells of it, and writes the audit; run it in a transaction.
 * Those that were forgotten before are left out; undefined: all of them were.
 */
export async function forgetBatch(
  client: pg.ClientBase,
  batch: ForgetBatch,
  call: ForgetCall,
): Promise<ForgottenBatch | undefined> {
  const { module, positions, selector, reason } = batch;
  const row = JSON.stringify(eventRowOf(call));
  const ended = await client.query<{ module: string; position: string }>({
    text: "select module, position from mem0_cc.end_links($1, $2, $3)",
    values: [module, positions, row],
  });
  const { rows } = await client.query<{ forgetting: string | null }>({
    text: "select mem0_cc.forget_batch($1, $2, $3) as forgetting",
    values: [module, positions, row],
  });
  const forgetting = rows[0]?.forgetting ?? null;
  if (forgetting === null) return undefined;
  const events: ForgottenEvent[] = [];
  for (const place of [...ended.rows, { module, position: forgetting }]) {
    events.push({ module: place.module, position: Number(place.position), event: await readEvent(client, place) });
  }
  await forgetErrors(client, module, positions);
  // They may quote a rationale, which is gone as well.
  for (const each of events.slice(0, -1)) await forgetErrors(client, each.module, positionsOfEnded(each.event));
  const count = countOf(events.at(-1)!.event);
  await writeAudit(client, call, {
    action: "memories.forgotten",
    target: module,
    details: { selector, reason, count: String(count), position: forgetting },
  });
  return { count, position: Number(forgetting), events };
}

/** What members said of these events when they failed of them: it may quote what is forgotten. */
async function forgetErrors(client: pg.ClientBase, module: string, positions: readonly number[]): Promise<void> {
  for (const table of ["delivery", "dead_letter"])
    await client.query({
      text: `update mem0_cc.${table} set error = null where module = $1 and position = any($2) and error is not null`,
      values: [module, positions],
    });
}

/** The event as `forget_batch` takes it, which adds what was forgotten. */
function eventRowOf({ access, requestId, traceId, traceparent }: ForgetCall) {
  return {
    id: randomUUIDv7(),
    event_type: "cos.memory.forgotten",
    source: ownSource,
    payload_type: ForgottenSchema.typeName,
    request_id: requestId,
    recorded_by: access.principal.name,
    ...(traceId === "" ? {} : { trace_id: traceId }),
    ...(traceparent === "" ? {} : { traceparent }),
  };
}

/** The event as it was recorded: what is announced is what the log has. */
async function readEvent(client: pg.ClientBase, { module, position }: { module: string; position: string }) {
  const { rows } = await client.query<MemoryRow>({
    text: `select ${memoryColumns(MemoryView.FULL)} from mem0_cc.memory m where m.module = $1 and m.position = $2`,
    values: [module, position],
  });
  const row = rows[0]!;
  return eventOf(memoryOf(row), row.traceparent ?? "");
}

function countOf(event: Event): number {
  return fromJson(ForgottenSchema, payloadOf(event)).ids.length;
}

/** Where the events stand that had made the links. */
function positionsOfEnded(event: Event): number[] {
  return fromJson(UnlinkedSchema, payloadOf(event)).links.map(({ position }) => Number(position));
}

function payloadOf({ body }: Event): JsonObject {
  return (body.case === "memory" ? body.value.payload : undefined) ?? {};
}
