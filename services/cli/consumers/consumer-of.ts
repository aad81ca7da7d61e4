import { create } from "@bufbuild/protobuf";
import { durationFromMs, TimestampSchema } from "@bufbuild/protobuf/wkt";
import { type Consumer, Consumer_Key, ConsumerSchema } from "#gen/cos/highway/v1/consumers_pb.ts";
import { type Cursor, CursorSchema } from "#gen/cos/highway/v1/highway_pb.ts";
import { type CreateConsumerRequest, CreateConsumerRequestSchema } from "#gen/cos/highway/v1/highway_service_pb.ts";
import { CliFailure } from "../cli-failure.ts";
import { EXIT } from "../exit-codes.ts";
import { filterOf } from "../options/build-filter.ts";
import type { ConsumerSettings, NewConsumer } from "../options/consumer-options.ts";
import type { GivenStart } from "../options/parse-start.ts";

const KEYS: Readonly<Record<NonNullable<NewConsumer["key"]>, Consumer_Key>> = {
  module: Consumer_Key.MODULE,
  session: Consumer_Key.SESSION,
  source: Consumer_Key.SOURCE,
  none: Consumer_Key.NONE,
};

/** A key as people write it. */
export function formatKey(key: Consumer_Key): string {
  return Object.entries(KEYS).find(([, value]) => value === key)?.[0] ?? "module";
}

/** A consumer with what was given of its settings, and the names of those. */
export function settingsOf(name: string, given: ConsumerSettings): { consumer: Consumer; paths: string[] } {
  const consumer = create(ConsumerSchema, { name });
  const paths: string[] = [];
  const set = <K extends keyof Consumer>(path: string, field: K, value: Consumer[K] | undefined): void => {
    if (value === undefined) return;
    consumer[field] = value;
    paths.push(path);
  };
  const { type, source, session, tag } = given;
  const filters = [type, source, session, tag].some((each) => each !== undefined);
  const seconds = (value: number | undefined) => (value === undefined ? undefined : durationFromMs(value * 1000));
  const millis = (value: number | undefined) => (value === undefined ? undefined : durationFromMs(value));
  set("filter", "filter", filters ? filterOf(given) : undefined);
  set("lease", "lease", seconds(given.lease));
  set("max_attempts", "maxAttempts", given.maxAttempts);
  set("max_in_flight", "maxInFlight", given.maxInFlight);
  set("ack_deadline", "ackDeadline", seconds(given.ackDeadline));
  set("backoff_initial", "backoffInitial", millis(given.backoff?.initialMs));
  set("backoff_max", "backoffMax", millis(given.backoff?.maxMs));
  set("description", "description", given.description);
  return { consumer, paths };
}

/** What the options ask to be created. */
export function createRequestOf(name: string, given: NewConsumer): CreateConsumerRequest {
  const { consumer } = settingsOf(name, given);
  const modules = [...new Set(given.module ?? [])];
  consumer.modules = modules;
  consumer.allModules = given.all === true;
  consumer.key = KEYS[given.key ?? "module"];
  const request = create(CreateConsumerRequestSchema, { consumer });
  const { from } = given;
  if (from === "beginning") request.start = { case: "fromBeginning", value: true };
  else if (from !== undefined && from !== "end") {
    if ("seconds" in from) request.start = { case: "fromTime", value: create(TimestampSchema, from) };
    else request.cursors = [cursorAt(from, given.all === true ? [] : modules.length === 0 ? ["cc"] : modules)];
  }
  return request;
}

/** The cursor below a position, which is the first that is wanted. `modules` are those it may be of. */
export function cursorAt(
  { module, position }: Extract<GivenStart, { position: bigint }>,
  modules: readonly string[],
): Cursor {
  const [only, ...others] = modules;
  const named = module ?? (others.length === 0 ? only : undefined);
  if (named === undefined) {
    throw new CliFailure(EXIT.usage, `say of which module: each has positions of its own, such as pepys/${position}`);
  }
  return create(CursorSchema, { module: named, position: position - 1n });
}
