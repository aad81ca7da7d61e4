import { create, fromBinary } from "@bufbuild/protobuf";
import { describe, expect, test } from "@jest/globals";
import { type SubscribeResponse, SubscribeResponseSchema } from "#gen/cos/conductor/v1/conductor_service_pb.ts";
import { FilterSchema } from "#gen/cos/highway/v1/highway_pb.ts";
import { localAccess } from "#shared/auth/local-access.ts";
import { Ring } from "#shared/highway/ring.ts";
import { RingBudget } from "#shared/highway/ring-budget.ts";
import { STREAM_LIMITS } from "#shared/highway/stream-limits.ts";
import { Subscription } from "#shared/highway/subscription.ts";
import { MemoryLog } from "./memory-log.ts";
import { someTokenKey } from "./some-token-key.ts";

const HEAD = 20_000;
const HEARTBEAT_MS = 10_000;

/** A log that looks at so many positions for one answer, and finds nothing wanted. */
class LongLog extends MemoryLog {
  override async read(_scope: unknown, _module: string, after: number) {
    this.reads += 1;
    return { events: [], through: Math.min(HEAD, after + 1_000) };
  }
}

/** A stream of one module that nobody beats but the test. */
function open(port: MemoryLog, position: number) {
  const ring = new Ring("cc", "e1", HEAD, { entriesMax: 10, bytesMax: 1_000 }, new RingBudget(1_000));
  const stop = new AbortController();
  const subscription = new Subscription({
    id: "s1",
    host: {
      port,
      epoch: { generation: 1, identity: "e1", forks: new Map(), tokenKey: someTokenKey() },
      attach: () => ring,
      detach: () => {},
      headOf: () => HEAD,
      known: () => 1,
      degraded: () => false,
    },
    access: localAccess(),
    signal: stop.signal,
    filter: create(FilterSchema, { tags: ["never"] }),
    heartbeatMs: HEARTBEAT_MS,
    limits: STREAM_LIMITS,
    places: [{ module: "cc", number: 1, position }],
  });
  const frames = subscription.frames();
  const next = async (): Promise<SubscribeResponse["frame"]["case"]> => {
    const { value } = await frames.next();
    return value ? fromBinary(SubscribeResponseSchema, value.encoded).frame.case : undefined;
  };
  const close = async (): Promise<void> => {
    stop.abort();
    await frames.return();
  };
  return { subscription, next, close };
}

describe("a stream", () => {
  test("that wants nothing of what it catches up with goes on at once, not with the next beat", async () => {
    const port = new LongLog();
    const { subscription, next, close } = open(port, 0);
    expect([await next(), await next(), await next()]).toEqual(["started", "checkpoint", "caughtUp"]);
    expect(port.reads).toBe(20);
    expect(subscription.behind).toBe(0);
    await close();
  });

  test("U5: sends the heartbeat that falls due before the next beat, so that no silence is longer than promised", async () => {
    const { subscription, next, close } = open(new MemoryLog(), HEAD);
    subscription.beat(performance.now(), 200);
    expect([await next(), await next()]).toEqual(["started", "caughtUp"]);
    const heard: unknown[] = [];
    const checkpoint = next().then((kind) => heard.push(kind));
    subscription.beat(performance.now() + HEARTBEAT_MS - 2_000, 200);
    await new Promise((resolve) => setImmediate(resolve));
    expect(heard).toEqual([]);
    subscription.beat(performance.now() + HEARTBEAT_MS - 100, 200);
    await checkpoint;
    expect(heard).toEqual(["checkpoint"]);
    await close();
  });
});
