import { create } from "@bufbuild/protobuf";
import type pg from "pg";
import { ErrorReason } from "#gen/cos/api/v1/errors_pb.ts";
import { type SubscribeRequest, SubscribeRequestSchema } from "#gen/cos/conductor/v1/conductor_service_pb.ts";
import type { Consumer } from "#gen/cos/highway/v1/consumers_pb.ts";
import { type Cursor, CursorSchema } from "#gen/cos/highway/v1/highway_pb.ts";
import type { SeekConsumerRequest } from "#gen/cos/highway/v1/highway_service_pb.ts";
import { CosError } from "#shared/errors/cos-error.ts";
import { DEFAULT_MODULE, type StartPlace, startFromLog } from "#shared/highway/resolve-start.ts";
import type { AcceptedConsumer } from "../../domain/accept-consumer.ts";
import { type ConsumerRow, consumerColumns, consumerOf, settingColumns, settingValues } from "./consumer-rows.ts";
import type { ConsumerStore } from "./consumer-store.ts";
import { getConsumer } from "./read-consumers.ts";
import { type ChangeCall, withConsumer } from "./with-consumer.ts";

/** For what may be about very many rows. */
export const LONG_MS = 30_000;

export interface ConsumerChange {
  readonly name: string;
  /** The revision that the change is meant for; 0: whichever it is. */
  readonly revision: bigint;
  /** The consumer as it is to be, from what it is. */
  readonly change: (consumer: Consumer) => AcceptedConsumer;
}

/** Changes a consumer. Rejects with REVISION_STALE, and as `change` throws. */
export function updateConsumer(
  store: ConsumerStore,
  call: ChangeCall,
  { name, revision, change }: ConsumerChange,
): Promise<Consumer> {
  return withConsumer(store, call, name, async (client, row) => {
    if (revision !== 0n && BigInt(row.revision) !== revision) throw revisionStale(row);
    const values = settingValues(change(consumerOf(row)));
    const { rows } = await client.query<ConsumerRow>({
      text: `update mem0_cc.consumer c
             set updated_at = clock_timestamp(), revision = c.revision + 1, version = nextval('mem0_cc.consumer_generation'),
                 ${settingColumns.map((column, n) => `${column} = $${n + 2}`).join(", ")}
             where c.name = $1
             returning ${consumerColumns}`,
      values: [name, ...values],
    });
    return consumerOf(rows[0]!);
  });
}

/** Deletes a consumer and all that is kept of it; answers how many dead letters went with it. */
export function deleteConsumer(store: ConsumerStore, call: ChangeCall, name: string): Promise<number> {
  return withConsumer({ ...store, timeoutMs: LONG_MS }, call, name, async (client) => {
    await client.query(`set local statement_timeout = ${LONG_MS}`);
    const { rowCount } = await client.query({
      text: "delete from mem0_cc.dead_letter where consumer = $1",
      values: [name],
    });
    for (const table of ["delivery", "consumer_member", "consumer_place"])
      await client.query({ text: `delete from mem0_cc.${table} where consumer = $1`, values: [name] });
    await client.query({ text: "delete from mem0_cc.consumer where name = $1", values: [name] });
    return rowCount ?? 0;
  });
}

/**
 * Moves a consumer to other places of its modules. What was handed out or waits there is dropped: it comes again from the new place, or is passed
 * over. Rejects as `resolveStart` does for the cursors.
 */
export async function seekConsumer(
  store: ConsumerStore,
  call: ChangeCall,
  request: SeekConsumerRequest,
): Promise<Cursor[]> {
  const { name, to, cursors } = request;
  // Outside the transaction: it asks the log by connections of its own. A consumer's modules never change.
  const { consumer } = await getConsumer(store, call.scope, name, call.signal);
  call.judge(consumer!);
  const { places, epoch } = await startFromLog(startOf(consumer!, request), { port: store.log, ...call });
  const named = new Set(cursors.map(({ module }) => module || DEFAULT_MODULE));
  const moved = to.case === undefined ? places.filter(({ module }) => named.has(module)) : places;
  return withConsumer(store, call, name, async (client) => {
    await move(client, name, moved);
    // Other processes notice by it that their places are not the consumer's any more.
    await client.query({
      text: `update mem0_cc.consumer
             set revision = revision + 1, version = nextval('mem0_cc.consumer_generation'), updated_at = clock_timestamp()
             where name = $1`,
      values: [name],
    });
    return moved.map(({ module, position }) =>
      create(CursorSchema, { module, position: BigInt(position), epoch: epoch.identity }),
    );
  });
}

/** The place that is asked for, as a stream would begin there. */
function startOf({ modules, allModules }: Consumer, { to, cursors }: SeekConsumerRequest): SubscribeRequest {
  const request = create(SubscribeRequestSchema, { modules, allModules, cursors });
  if (to.case === "beginning") request.start = { case: "fromBeginning", value: true };
  if (to.case === "time") request.start = { case: "fromTime", value: to.value };
  return request;
}

async function move(client: pg.ClientBase, name: string, places: readonly StartPlace[]): Promise<void> {
  const modules = places.map(({ module }) => module);
  await client.query({
    text: "delete from mem0_cc.delivery where consumer = $1 and module = any($2::text[])",
    values: [name, modules],
  });
  await client.query({
    text: `insert into mem0_cc.consumer_place (consumer, module, read_through)
           select $1, p.module, p.position from unnest($2::text[], $3::bigint[]) p (module, position)
           on conflict (consumer, module) do update set read_through = excluded.read_through`,
    values: [name, modules, places.map(({ position }) => position)],
  });
}

function revisionStale({ name, revision }: ConsumerRow): CosError {
  return new CosError(
    ErrorReason.REVISION_STALE,
    `consumer "${name}" is at revision ${revision} by now: read it again, decide again`,
    { fields: [{ field: "revision", description: `is not the current one, ${revision}` }] },
  );
}
