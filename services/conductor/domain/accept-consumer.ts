import { equals } from "@bufbuild/protobuf";
import { type Consumer, Consumer_Key } from "#gen/cos/highway/v1/consumers_pb.ts";
import { type Filter, FilterSchema } from "#gen/cos/highway/v1/highway_pb.ts";
import { invalidField } from "#shared/errors/cos-error.ts";
import { textFault } from "#shared/fields/text-fault.ts";
import { defaultModule } from "./accept-memory.ts";
import { checkFilter } from "./check-filter.ts";
import { wholeMs } from "./whole-ms.ts";

/** A consumer with every default said. Durations in whole milliseconds. */
export interface AcceptedConsumer {
  readonly name: string;
  /** Empty: all. */
  readonly modules: readonly string[];
  readonly allModules: boolean;
  /** Undefined: everything. */
  readonly filter: Filter | undefined;
  readonly key: Consumer_Key;
  readonly leaseMs: number;
  readonly maxAttempts: number;
  readonly maxInFlight: number;
  /** Undefined: an event may be held for ever. */
  readonly ackDeadlineMs: number | undefined;
  readonly backoffInitialMs: number;
  readonly backoffMaxMs: number;
  readonly description: string;
  readonly paused: boolean;
}

const DEFAULTS = {
  leaseMs: 30_000,
  maxAttempts: 5,
  maxInFlight: 1000,
  backoffInitialMs: 1000,
  backoffMaxMs: 300_000,
} as const;

/** Decides whether there may be such a consumer, and says its defaults. Throws INVALID_FIELD. */
export function acceptConsumer(consumer: Consumer): AcceptedConsumer {
  const { name, modules, allModules, description, paused } = consumer;
  if (name === "") throw invalidField("consumer.name", "must be given");
  if (allModules && modules.length > 0)
    throw invalidField("consumer.modules", "give either modules or all_modules, not both");
  checkFilter(consumer.filter, "consumer.filter");
  const fault = textFault(description);
  if (fault !== undefined) throw invalidField("consumer.description", fault);
  return {
    name,
    modules: allModules ? [] : modules.length === 0 ? [defaultModule] : [...modules].sort(),
    allModules,
    filter: filterOf(consumer.filter),
    key: consumer.key === Consumer_Key.UNSPECIFIED ? Consumer_Key.MODULE : consumer.key,
    leaseMs: wholeMs(consumer.lease) ?? DEFAULTS.leaseMs,
    maxAttempts: consumer.maxAttempts || DEFAULTS.maxAttempts,
    maxInFlight: consumer.maxInFlight || DEFAULTS.maxInFlight,
    ackDeadlineMs: wholeMs(consumer.ackDeadline),
    backoffInitialMs: wholeMs(consumer.backoffInitial) ?? DEFAULTS.backoffInitialMs,
    backoffMaxMs: wholeMs(consumer.backoffMax) ?? DEFAULTS.backoffMaxMs,
    description,
    paused,
  };
}

/**
 * Whether the two are one and the same to whoever creates one again: a program does so at each start, and is not to be refused because
 * somebody has paused the consumer, or described it.
 */
export function isSameConsumer(left: AcceptedConsumer, right: AcceptedConsumer): boolean {
  return (
    JSON.stringify(identityOf(left)) === JSON.stringify(identityOf(right)) && isSameFilter(left.filter, right.filter)
  );
}

function identityOf(consumer: AcceptedConsumer): object {
  return { ...consumer, filter: undefined, description: undefined, paused: undefined };
}

function isSameFilter(left: Filter | undefined, right: Filter | undefined): boolean {
  if (left === undefined || right === undefined) return left === right;
  return equals(FilterSchema, left, right);
}

/** A filter that wants everything is none. */
function filterOf(filter: Filter | undefined): Filter | undefined {
  if (filter === undefined) return undefined;
  const { eventTypes, sources, sessionIds, tags, occurred, recorded } = filter;
  const isEmpty = [eventTypes, sources, sessionIds, tags].every((values) => values.length === 0);
  const ranges = [occurred, recorded].some((range) => range?.since !== undefined || range?.until !== undefined);
  return isEmpty && !ranges ? undefined : filter;
}
