import { create } from "@bufbuild/protobuf";
import type pg from "pg";
import { ErrorReason } from "#gen/cos/api/v1/errors_pb.ts";
import { SubscribeRequestSchema } from "#gen/cos/conductor/v1/conductor_service_pb.ts";
import type { Consumer } from "#gen/cos/highway/v1/consumers_pb.ts";
import type { CreateConsumerRequest } from "#gen/cos/highway/v1/highway_service_pb.ts";
import type { CallContext } from "#shared/auth/call-context.ts";
import { CosError } from "#shared/errors/cos-error.ts";
import { type StartPlace, startFromLog } from "#shared/highway/resolve-start.ts";
import { type AcceptedConsumer, isSameConsumer } from "../../domain/accept-consumer.ts";
import { inTransaction } from "../access/in-transaction.ts";
import {
  acceptedOf,
  type ConsumerRow,
  consumerColumns,
  consumerOf,
  settingColumns,
  settingValues,
} from "./consumer-rows.ts";
import type { ConsumerStore } from "./consumer-store.ts";

/** How many consumers there may be in all, and of one principal. */
const consumersMax = 10_000;
const consumersOfOneMax = 2000;

export interface CreatedConsumer {
  readonly consumer: Consumer;
  readonly existed: boolean;
}

/**
 * Creates a consumer at its places, all in one. Rejects as `resolveStart` does for its modules and cursors; with CONSUMER_EXISTS where another
 * one has its name, and with QUOTA_EXCEEDED where there are too many.
 */
export async function createConsumer(
  store: ConsumerStore,
  call: Pick<CallContext, "access" | "scope" | "signal">,
  accepted: AcceptedConsumer,
  { start, cursors }: Pick<CreateConsumerRequest, "start" | "cursors">,
): Promise<CreatedConsumer> {
  const { scope, signal } = call;
  const { modules, allModules } = accepted;
  const request = create(SubscribeRequestSchema, { modules: [...modules], allModules, start, cursors });
  const { places } = await startFromLog(request, { port: store.log, scope, signal });
  return inTransaction(store.postgres, { signal, timeoutMs: store.timeoutMs }, async (client) => {
    const created = await insertConsumer(client, accepted, call.access.principal.name);
    if (created === undefined) return existing(client, accepted);
    await insertPlaces(client, accepted.name, places);
    await refuseTooMany(client, call.access.principal.name);
    return { consumer: consumerOf(created), existed: false };
  });
}

/** Undefined: the name is taken. */
async function insertConsumer(client: pg.ClientBase, accepted: AcceptedConsumer, createdBy: string) {
  const values = [accepted.name, createdBy, ...settingValues(accepted)];
  const { rows } = await client.query<ConsumerRow>({
    text: `insert into mem0_cc.consumer as c (name, created_by, ${settingColumns.join(", ")})
           values (${values.map((_, n) => `$${n + 1}`).join(", ")})
           on conflict (name) do nothing
           returning ${consumerColumns}`,
    values,
  });
  return rows[0];
}

async function existing(client: pg.ClientBase, accepted: AcceptedConsumer): Promise<CreatedConsumer> {
  const { rows } = await client.query<ConsumerRow>({
    text: `select ${consumerColumns} from mem0_cc.consumer c where c.name = $1`,
    values: [accepted.name],
  });
  const row = rows[0];
  if (row === undefined || !isSameConsumer(acceptedOf(row), accepted)) throw consumerExists(accepted.name);
  return { consumer: consumerOf(row), existed: true };
}

async function insertPlaces(client: pg.ClientBase, consumer: string, places: readonly StartPlace[]): Promise<void> {
  await client.query({
    text: `insert into mem0_cc.consumer_place (consumer, module, read_through)
           select $1, p.module, p.position from unnest($2::text[], $3::bigint[]) p (module, position)`,
    values: [consumer, places.map(({ module }) => module), places.map(({ position }) => position)],
  });
}

async function refuseTooMany(client: pg.ClientBase, createdBy: string): Promise<void> {
  const { rows } = await client.query<{ all: number; own: number }>({
    text: `select count(*)::int as all, (count(*) filter (where created_by = $1))::int as own from mem0_cc.consumer`,
    values: [createdBy],
  });
  const { all, own } = rows[0]!;
  if (all > consumersMax || own > consumersOfOneMax)
    throw new CosError(
      ErrorReason.QUOTA_EXCEEDED,
      `there may be ${consumersOfOneMax} consumers of one principal, and ${consumersMax} in all: delete some`,
    );
}

function consumerExists(name: string): CosError {
  return new CosError(
    ErrorReason.CONSUMER_EXISTS,
    `there is another consumer "${name}" already: use it, update it, or choose another name`,
    { resource: { type: "consumer", name } },
  );
}
