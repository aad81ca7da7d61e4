import { create, fromJson, type JsonValue, toJson } from "@bufbuild/protobuf";
import { durationFromMs } from "@bufbuild/protobuf/wkt";
import { type Consumer, type Consumer_Key, ConsumerSchema } from "#gen/cos/highway/v1/consumers_pb.ts";
import { FilterSchema } from "#gen/cos/highway/v1/highway_pb.ts";
import type { AcceptedConsumer } from "../../domain/accept-consumer.ts";
import { timestampOf } from "../memory-rows.ts";

/** A row of `mem0_cc.consumer`; times as microseconds of the Unix epoch. */
export interface ConsumerRow {
  readonly name: string;
  readonly modules: string[];
  readonly all_modules: boolean;
  readonly filter: JsonValue | null;
  readonly key: number;
  readonly lease_ms: number;
  readonly max_attempts: number;
  readonly max_in_flight: number;
  readonly ack_deadline_ms: number | null;
  readonly backoff_initial_ms: number;
  readonly backoff_max_ms: number;
  readonly description: string;
  readonly paused: boolean;
  readonly created_by: string;
  readonly created_us: string;
  readonly updated_us: string;
  readonly revision: string;
  /** Of what it does; another one after each change, and for another consumer of the name. */
  readonly version: string;
}

/** The select list for a consumer of the alias `c`. */
export const consumerColumns = [
  "c.name, c.modules, c.all_modules, c.filter, c.key, c.lease_ms, c.max_attempts, c.max_in_flight, c.ack_deadline_ms",
  "c.backoff_initial_ms, c.backoff_max_ms, c.description, c.paused, c.created_by, c.revision, c.version",
  "(extract(epoch from c.created_at) * 1000000)::bigint as created_us",
  "(extract(epoch from c.updated_at) * 1000000)::bigint as updated_us",
].join(", ");

/** The condition on a consumer of the alias `c` that the caller of the scope, given as a parameter, may see it: all of its modules. */
export function visibleConsumer(scope: string): string {
  return `(${scope}::text[] is null or (not c.all_modules and c.modules <@ ${scope}::text[]))`;
}

/** What a consumer is told as: everything but what the mesh adds. */
const settings = {
  modules: (accepted: AcceptedConsumer) => accepted.modules,
  all_modules: (accepted: AcceptedConsumer) => accepted.allModules,
  filter: ({ filter }: AcceptedConsumer) =>
    filter === undefined ? null : JSON.stringify(toJson(FilterSchema, filter)),
  key: (accepted: AcceptedConsumer) => accepted.key,
  lease_ms: (accepted: AcceptedConsumer) => accepted.leaseMs,
  max_attempts: (accepted: AcceptedConsumer) => accepted.maxAttempts,
  max_in_flight: (accepted: AcceptedConsumer) => accepted.maxInFlight,
  ack_deadline_ms: (accepted: AcceptedConsumer) => accepted.ackDeadlineMs ?? null,
  backoff_initial_ms: (accepted: AcceptedConsumer) => accepted.backoffInitialMs,
  backoff_max_ms: (accepted: AcceptedConsumer) => accepted.backoffMaxMs,
  description: (accepted: AcceptedConsumer) => accepted.description,
  paused: (accepted: AcceptedConsumer) => accepted.paused,
} as const;

/** The columns that a consumer's settings are in, in the order of `settingValues`. */
export const settingColumns: readonly string[] = Object.keys(settings);

export function settingValues(accepted: AcceptedConsumer): unknown[] {
  return Object.values(settings).map((read) => read(accepted));
}

/** The settings of a row, every default said. */
export function acceptedOf(row: ConsumerRow): AcceptedConsumer {
  return {
    name: row.name,
    modules: row.modules,
    allModules: row.all_modules,
    filter: row.filter === null ? undefined : fromJson(FilterSchema, row.filter),
    key: row.key as Consumer_Key,
    leaseMs: row.lease_ms,
    maxAttempts: row.max_attempts,
    maxInFlight: row.max_in_flight,
    ackDeadlineMs: row.ack_deadline_ms ?? undefined,
    backoffInitialMs: row.backoff_initial_ms,
    backoffMaxMs: row.backoff_max_ms,
    description: row.description,
    paused: row.paused,
  };
}

/** The consumer of a row, every default said. */
export function consumerOf(row: ConsumerRow): Consumer {
  const { leaseMs, ackDeadlineMs, backoffInitialMs, backoffMaxMs, filter, ...same } = acceptedOf(row);
  return create(ConsumerSchema, {
    ...same,
    modules: [...same.modules],
    lease: durationFromMs(leaseMs),
    backoffInitial: durationFromMs(backoffInitialMs),
    backoffMax: durationFromMs(backoffMaxMs),
    createdBy: row.created_by,
    createdAt: timestampOf(row.created_us),
    updatedAt: timestampOf(row.updated_us),
    revision: BigInt(row.revision),
    ...(filter && { filter }),
    ...(ackDeadlineMs !== undefined && { ackDeadline: durationFromMs(ackDeadlineMs) }),
  });
}
