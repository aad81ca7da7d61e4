import { create } from "@bufbuild/protobuf";
import { EventSchema } from "#gen/cos/highway/v1/highway_pb.ts";
import { MemorySchema } from "#gen/cos/memory/v1/memory_pb.ts";
import { type AppendAnswer, appendEvents } from "#shared/highway/append-events.ts";
import { eventBytes, type SharedEvent, shareEvent } from "#shared/highway/shared-event.ts";
import { openRedis, type RedisClient, untilReady } from "#shared/redis/open-redis.ts";
import type { Bench } from "./bench.ts";
import { type Latency, latencyOf, medianOf } from "./quantiles.ts";
import { SAMPLE_TEXT } from "./sample-request.ts";

const MODULE = "publish_bench";
const RAW_STREAM = "publish_bench_raw";
const EPOCH = { generation: 1, identity: "01999999-0000-7000-8000-000000000000" };
const LIMITS = { entriesMax: 20_000, bytesMax: 16 * 1024 * 1024 };
const BATCH = 32;

/** What the publisher's one call to Redis takes, against a raw XADD of the same bytes; call for call, on one connection. */
export const publish: Bench = async (rig, { rounds, seconds }) => {
  const redis = openRedis({ url: rig.redisUrl, role: "publisher", log: rig.log });
  rig.closers.add("publisher", () => redis.disconnect());
  await untilReady(redis, 2_000);
  const single: Turn[] = [];
  const batched: Turn[] = [];
  await takeTurn(redis, 1, 1_000);
  for (let round = 0; round < rounds; round += 1) {
    single.push(await takeTurn(redis, 1, seconds * 1_000));
    batched.push(await takeTurn(redis, BATCH, seconds * 1_000));
  }
  const one = medianOf(single);
  const many = medianOf(batched);
  return {
    title: "the append script, hint and all, against a raw XADD of the same bytes; medians of the rounds",
    columns: ["", "p50 ms", "p99 ms", "x XADD"],
    rows: [
      ["XADD", one.rawP50Ms, one.rawP99Ms, 1],
      ["append", one.p50Ms, one.p99Ms, one.ratio],
      [`${BATCH} XADD in a pipeline`, many.rawP50Ms, many.rawP99Ms, 1],
      [`append of ${BATCH}`, many.p50Ms, many.p99Ms, many.ratio],
    ],
    goals: [
      { goal: "append p50, against XADD", measured: one.ratio, limit: 1.3, bound: "at most", unit: "x" },
      { goal: "append p99", measured: one.p99Ms, limit: 1, bound: "at most", unit: " ms" },
    ],
  };
};

interface Turn extends Latency {
  readonly rawP50Ms: number;
  readonly rawP99Ms: number;
  /** Of the medians. */
  readonly ratio: number;
}

async function takeTurn(redis: RedisClient, batch: number, turnMs: number): Promise<Turn> {
  await redis.del(RAW_STREAM, `hw:{${MODULE}}:s`, `hw:{${MODULE}}:h`);
  const rawMs: number[] = [];
  const appendMs: number[] = [];
  const endMs = performance.now() + turnMs;
  for (let after = 0; performance.now() < endMs; after += batch) {
    const events = Array.from({ length: batch }, (_, n) => eventAt(after + n + 1));
    rawMs.push(await timed(() => addRaw(redis, events)));
    appendMs.push(await timed(() => append(redis, after, events)));
  }
  const [raw, ours] = [latencyOf(rawMs), latencyOf(appendMs)];
  return { ...ours, rawP50Ms: raw.p50Ms, rawP99Ms: raw.p99Ms, ratio: ours.p50Ms / raw.p50Ms };
}

async function timed(call: () => Promise<unknown>): Promise<number> {
  const began = performance.now();
  await call();
  return performance.now() - began;
}

async function addRaw(redis: RedisClient, events: readonly SharedEvent[]): Promise<void> {
  await Promise.all(
    events.map((event) => {
      const bytes = eventBytes(event);
      const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
      return redis.xadd(RAW_STREAM, "MAXLEN", "~", LIMITS.entriesMax, `${event.position}-0`, "e", buffer);
    }),
  );
}

async function append(redis: RedisClient, after: number, events: readonly SharedEvent[]): Promise<AppendAnswer> {
  const call = { module: MODULE, epoch: EPOCH, after, events, limits: LIMITS, rebuild: after === 0 };
  const answer = await appendEvents(redis, call);
  if (answer.status !== "OK") throw new Error(`the append was answered ${answer.status}`);
  return answer;
}

function eventAt(position: number): SharedEvent {
  const value = {
    id: "01999999-0000-7000-8000-000000000001",
    module: MODULE,
    position: BigInt(position),
    eventType: "note",
    source: "bench",
    text: SAMPLE_TEXT,
    requestId: "01999999-0000-7000-8000-000000000002",
  };
  return shareEvent(create(EventSchema, { body: { case: "memory", value: create(MemorySchema, value) } }));
}
