import { afterAll, beforeAll, beforeEach, describe, expect } from "@jest/globals";
import fc from "fast-check";
import { Redis } from "ioredis";
import { type AppendAnswer, appendEvents, type RedisStreamLimits } from "#shared/highway/append-events.ts";
import { hintChannel, placeKey, streamKey } from "#shared/highway/redis-keys.ts";
import { eventBytes, type SharedEvent } from "#shared/highway/shared-event.ts";
import { redisUrl } from "#tests/support/engines.ts";
import { startRedis } from "#tests/support/private-servers.ts";
import { needs } from "#tests/support/tools.ts";
import { eventAt } from "#tests/unit/highway/event-at.ts";

const ROOMY: RedisStreamLimits = { entriesMax: 1_000, bytesMax: 10_000_000 };
const E1 = { generation: 1, identity: "e1" };
const E2 = { generation: 2, identity: "e2" };
const withRedis = needs("redis");

describe("the append script", () => {
  let redis: Redis;
  let url: string;

  beforeAll(async () => {
    if (process.env.COS_TEST_RUN_REDIS_URL === undefined) return;
    url = await redisUrl();
    redis = new Redis(url, { protocol: 2 });
  });
  beforeEach(() => redis?.flushdb());
  afterAll(() => redis?.disconnect());

  const eventsFrom = (after: number, count: number, bytes = 10): SharedEvent[] =>
    Array.from({ length: count }, (_, index) => eventAt(after + 1 + index, bytes));
  const append = (
    after: number,
    count: number,
    over: Partial<Parameters<typeof appendEvents>[1]> = {},
  ): Promise<AppendAnswer> =>
    appendEvents(redis, { module: "cc", epoch: E1, after, events: eventsFrom(after, count), limits: ROOMY, ...over });
  const ids = async (): Promise<string[]> => (await redis.xrange(streamKey("cc"), "-", "+")).map(([id]) => id);
  const storedBytes = async (): Promise<number> => {
    const entries = (await redis.xrangeBuffer(streamKey("cc"), "-", "+")) as unknown as [Buffer, Buffer[]][];
    return entries.reduce((sum, [, fields]) => sum + (fields[1]?.length ?? 0), 0);
  };

  withRedis("H2: an empty stream answers EMPTY, and begins where a rebuild says", async () => {
    expect(await append(4, 1)).toEqual({ status: "EMPTY", last: 0, bytes: 0, forgetting: 0 });
    expect(await ids()).toEqual([]);
    expect(await append(4, 2, { rebuild: true })).toMatchObject({ status: "OK", last: 6 });
    expect(await ids()).toEqual(["5-0", "6-0"]);
  });

  withRedis(
    "H2: the next position is appended, what is there is skipped, a gap is answered and never appended",
    async () => {
      await append(0, 2, { rebuild: true });
      expect(await append(2, 1)).toMatchObject({ status: "OK", last: 3 });
      expect(await append(0, 4)).toMatchObject({ status: "OK", last: 4 });
      expect(await append(0, 2)).toMatchObject({ status: "OK", last: 4 });
      expect(await append(5, 1)).toMatchObject({ status: "GAP", last: 4 });
      expect(await ids()).toEqual(["1-0", "2-0", "3-0", "4-0"]);
    },
  );

  withRedis("H2: a rebuild far above what is there begins anew, one within it is an append", async () => {
    await append(0, 3, { rebuild: true });
    expect(await append(1, 3, { rebuild: true })).toMatchObject({ status: "OK", last: 4 });
    expect(await append(90, 2, { rebuild: true })).toMatchObject({ status: "OK", last: 92 });
    expect(await ids()).toEqual(["91-0", "92-0"]);
  });

  withRedis(
    "H2, H3: a later epoch wipes, an earlier one is refused, another one of the same generation wipes too",
    async () => {
      await append(0, 5, { rebuild: true });
      expect(await append(5, 1, { epoch: E2 })).toMatchObject({ status: "EMPTY" });
      expect(await ids()).toEqual([]);
      expect(await append(2, 1, { epoch: E2, rebuild: true })).toMatchObject({ status: "OK", last: 3 });
      expect(await append(3, 1)).toMatchObject({ status: "STALE", last: 2 });
      expect(await append(3, 1, { epoch: { generation: 2, identity: "other" } })).toMatchObject({ status: "EMPTY" });
      expect(await ids()).toEqual([]);
    },
  );

  withRedis("H2: a key of another type is removed, and begun anew by a rebuild", async () => {
    await append(0, 3, { rebuild: true });
    await redis.set(streamKey("cc"), "x");
    expect(await append(3, 1, { epoch: { generation: 0, identity: "e0" } })).toMatchObject({ status: "STALE" });
    expect(await append(3, 1)).toMatchObject({ status: "EMPTY" });
    await redis.set(streamKey("cc"), "x");
    expect(await append(3, 1, { rebuild: true })).toMatchObject({ status: "OK", last: 4 });
    await redis.set(placeKey("cc"), "x");
    expect(await append(4, 1, { rebuild: true })).toMatchObject({ status: "OK", last: 5 });
    expect(await ids()).toEqual(["5-0"]);
  });

  withRedis("entries name their epoch, and large events stand as references", async () => {
    const small = eventAt(1);
    const large = eventAt(2, 70_000);
    await append(0, 2, { rebuild: true, events: [small, large] });
    const [first, second] = (await redis.xrangeBuffer(streamKey("cc"), "-", "+")) as unknown as [Buffer, Buffer[]][];
    expect(first?.[1]).toEqual([Buffer.from("e"), Buffer.from(eventBytes(small)), Buffer.from("i"), Buffer.from("e1")]);
    expect(second?.[1]?.[0]).toEqual(Buffer.from("r"));
    expect(second?.[1]?.[1]?.length).toBeLessThan(100);
  });

  withRedis("H6: each appended event is announced once, in its protobuf JSON; what is quiet is not", async () => {
    const heard: string[] = [];
    const channel = hintChannel(`hint_${process.pid}`);
    const listener = new Redis(url);
    await listener.subscribe(channel);
    listener.on("message", (_channel, message) => heard.push(message));
    const over = { module: `hint_${process.pid}`, rebuild: true };
    await append(0, 3, { ...over, quietUntil: 2 });
    await append(1, 3, over);
    while (heard.length < 2) await new Promise((resolve) => setTimeout(resolve, 2));
    listener.disconnect();
    expect(heard.map((message) => JSON.parse(message).memory.position)).toEqual(["3", "4"]);
  });

  withRedis("bytes are counted exactly, and what is emptied by others is counted no longer", async () => {
    await append(0, 20, { rebuild: true });
    expect((await append(20, 1)).bytes).toBe(await storedBytes());
    await redis.del(streamKey("cc"));
    expect((await append(21, 2)).bytes).toBe(await storedBytes());
    expect(await ids()).toEqual(["22-0", "23-0"]);
  });

  withRedis("a call without events only applies the limits", async () => {
    await append(0, 100, { rebuild: true });
    const answer = await append(100, 0, { limits: { entriesMax: 10, bytesMax: 1e6 } });
    expect(answer).toMatchObject({ status: "OK", last: 100 });
    expect(answer.bytes).toBe(await storedBytes());
    expect((await ids()).length).toBeLessThanOrEqual(10);
    expect((await append(100, 0, { module: "nothing" })).status).toBe("EMPTY");
  });

  withRedis("H2: a stream and a place that contradict each other are given up", async () => {
    await append(0, 9, { rebuild: true });
    await redis.hset(placeKey("cc"), "last", "3");
    expect(await append(3, 1)).toEqual({ status: "EMPTY", last: 0, bytes: 0, forgetting: 0 });
    expect(await redis.exists(streamKey("cc"), placeKey("cc"))).toBe(0);
  });

  withRedis("S5: a later forgetting removes all that stands there, and the stream goes on where it ended", async () => {
    await append(0, 5, { rebuild: true });
    expect(await append(6, 0, { forgetting: 6 })).toEqual({ status: "OK", last: 5, bytes: 0, forgetting: 6 });
    expect(await ids()).toEqual([]);
    // Read again after the forgetting was known: what is left of it, and the event itself.
    expect(await append(4, 2, { forgetting: 6 })).toMatchObject({ status: "OK", last: 6, forgetting: 6 });
    expect(await ids()).toEqual(["6-0"]);
    expect(await redis.hget(placeKey("cc"), "forgetting")).toBe("6");
  });

  withRedis("S5: what was read before the forgetting was known is refused below it, not above", async () => {
    await append(0, 3, { rebuild: true });
    await append(5, 0, { forgetting: 5 });
    expect(await append(3, 1)).toMatchObject({ status: "FORGOTTEN", last: 3, forgetting: 5 });
    expect(await append(3, 3, { forgetting: 4 })).toMatchObject({ status: "FORGOTTEN", last: 3 });
    expect(await append(3, 1, { rebuild: true })).toMatchObject({ status: "FORGOTTEN" });
    expect(await append(0, 2, { rebuild: true })).toMatchObject({ status: "OK", last: 3 });
    expect(await ids()).toEqual([]);
    expect(await append(3, 2, { forgetting: 5 })).toMatchObject({ status: "OK", last: 5 });
    expect(await append(5, 1)).toMatchObject({ status: "OK", last: 6, forgetting: 5 });
    expect(await ids()).toEqual(["4-0", "5-0", "6-0"]);
    expect(await append(90, 1, { rebuild: true })).toMatchObject({ status: "OK", last: 91, forgetting: 5 });
  });

  withRedis("S5: the entry of a forgetting removes all below it, is marked, and its bytes are counted", async () => {
    await append(0, 3, { rebuild: true });
    const forgetting = eventAt(5, 0, "cos.memory.forgotten");
    const answer = await append(3, 3, { events: [eventAt(4), forgetting, eventAt(6)] });
    expect(answer).toEqual({ status: "OK", last: 6, bytes: await storedBytes(), forgetting: 5 });
    expect(await ids()).toEqual(["5-0", "6-0"]);
    const [[, fields] = ["", []]] = await redis.xrange(streamKey("cc"), "-", "+");
    expect(fields[0]).toBe("f");
  });

  withRedis(
    "S5: an earlier forgetting that is filled in later does not set back the one that Redis knows",
    async () => {
      await append(0, 4, { rebuild: true });
      await append(8, 0, { forgetting: 8 });
      const earlier = eventAt(5, 0, "cos.memory.forgotten");
      expect(await append(4, 1, { events: [earlier], forgetting: 8 })).toMatchObject({ last: 5, forgetting: 8 });
      expect(await append(5, 1, { forgetting: 5 })).toMatchObject({ status: "FORGOTTEN", last: 5 });
    },
  );

  withRedis("S5: what was removed for a forgetting is in no dump, wherever it stood", async () => {
    const server = await startRedis({ rdbcompression: "no" });
    const own = new Redis(server.url, { protocol: 2 });
    const write = (after: number, events: SharedEvent[], over = {}): Promise<AppendAnswer> =>
      appendEvents(own, { module: "cc", epoch: E1, after, events, limits: ROOMY, ...over });
    // The texts of `eventAt` are all of x.
    const isDumped = async (): Promise<boolean> => {
      const dumps = await Promise.all((await own.keys("*")).map((key) => own.dumpBuffer(key)));
      return dumps.some((dump) => dump?.includes("x".repeat(50)));
    };
    const forgetting = (position: number) => eventAt(position, 0, "cos.memory.forgotten");
    await write(0, eventsFrom(0, 5, 50), { rebuild: true });
    expect(await isDumped()).toBe(true);
    // At the tail of what stands there; then in the middle of one call, whose entries share a node.
    await write(5, [forgetting(6)]);
    expect(await isDumped()).toBe(false);
    await write(6, [...eventsFrom(6, 3, 50), forgetting(10), ...eventsFrom(10, 2)]);
    expect(await isDumped()).toBe(false);
    // By the sweeper, which knows only the position.
    await write(12, eventsFrom(12, 5, 50));
    await write(18, [], { forgetting: 18 });
    expect(await isDumped()).toBe(false);
    // Trimmed for its size first, which leaves the text in the node until the forgetting.
    await write(17, eventsFrom(17, 5, 50), { forgetting: 18, limits: { entriesMax: 2, bytesMax: 10_000 } });
    await write(22, [forgetting(23)], { forgetting: 18 });
    expect(await isDumped()).toBe(false);
    expect((await own.xrange(streamKey("cc"), "-", "+")).map(([id]) => id)).toEqual(["23-0"]);
    own.disconnect();
    await server.stop();
  });

  withRedis("S5: a reader that waits hears of a forgetting whose stream was begun anew under it", async () => {
    await append(0, 3, { rebuild: true });
    const reader = new Redis(url, { protocol: 2 });
    const heard = reader.xread("BLOCK", 5_000, "STREAMS", streamKey("cc"), "3-0");
    while (!/cmd=xread/.test((await redis.client("LIST")) as string)) await new Promise((done) => setTimeout(done, 3));
    await append(3, 2, { events: [eventAt(4, 0, "cos.memory.forgotten"), eventAt(5)] });
    expect((await heard)?.[0]?.[1].map(([id]) => id)).toEqual(["4-0", "5-0"]);
    reader.disconnect();
  });

  withRedis("S5: another epoch brings its own forgetting", async () => {
    await append(0, 3, { rebuild: true, forgetting: 3 });
    expect(await append(0, 2, { epoch: E2, rebuild: true })).toMatchObject({ status: "OK", last: 2, forgetting: 0 });
    expect(await ids()).toEqual(["1-0", "2-0"]);
  });

  withRedis("a server that lost the script gets it again", async () => {
    await append(0, 1, { rebuild: true });
    await redis.script("FLUSH");
    expect(await append(1, 1)).toMatchObject({ status: "OK", last: 2 });
  });

  withRedis("a server that is full refuses with an error, and nothing is half written", async () => {
    const server = await startRedis();
    const full = new Redis(server.url, { protocol: 2 });
    const write = (after: number, rebuild: boolean): Promise<AppendAnswer> =>
      appendEvents(full, { module: "cc", epoch: E1, after, events: eventsFrom(after, 2), limits: ROOMY, rebuild });
    await write(0, true);
    await full.config("SET", "maxmemory", "1");
    await expect(write(2, false)).rejects.toThrow(/OOM/);
    expect(await full.hget(placeKey("cc"), "last")).toBe("2");
    expect(await full.xlen(streamKey("cc"))).toBe(2);
    full.disconnect();
    await server.stop();
  });

  withRedis(
    "H2: however calls race and faults strike, a stream is dense, ends at `last`, and never exceeds its limits",
    async () => {
      const call = fc.record({
        after: fc.nat({ max: 30 }),
        count: fc.nat({ max: 6 }),
        rebuild: fc.boolean(),
        generation: fc.integer({ min: 1, max: 3 }),
        textBytes: fc.constantFrom(0, 10, 300),
      });
      const fault = fc.constantFrom("flush" as const, "trim" as const, "lose stream" as const);
      const limits: RedisStreamLimits = { entriesMax: 8, bytesMax: 1_500 };
      await fc.assert(
        fc.asyncProperty(
          fc.array(fc.oneof({ weight: 8, arbitrary: call }, { weight: 1, arbitrary: fault }), { maxLength: 25 }),
          async (steps) => {
            await redis.flushdb();
            let known: { generation: number; last: number } | undefined;
            for (const step of steps) {
              if (step === "flush") {
                await redis.flushdb();
                known = undefined;
              } else if (step === "trim") {
                await redis.xtrim(streamKey("cc"), "MAXLEN", 1);
              } else if (step === "lose stream") {
                await redis.del(streamKey("cc"));
              } else {
                const { after, count, rebuild, generation, textBytes } = step;
                const epoch = { generation, identity: `e${generation}` };
                const answer = await append(after, count, {
                  epoch,
                  rebuild,
                  limits,
                  events: eventsFrom(after, count, textBytes),
                });
                const expected = model(known, step);
                expect({ status: answer.status, last: answer.last }).toEqual(expected.answer);
                known = expected.known;
              }
              const entries = (await ids()).map((id) => Number.parseInt(id, 10));
              expect(entries).toEqual(entries.map((_, index) => (entries[0] as number) + index));
              if (entries.length > 0) expect(entries.at(-1)).toBe(known?.last);
              expect(entries.length).toBeLessThanOrEqual(limits.entriesMax);
              expect(entries.length > 1 ? await storedBytes() : 0).toBeLessThanOrEqual(limits.bytesMax);
            }
          },
        ),
        { numRuns: 60 },
      );
    },
  );

  withRedis(
    "S5: however forgettings, readings from before them and losses race, nothing stale stands in Redis",
    async () => {
      const step = fc.oneof(
        {
          weight: 6,
          arbitrary: fc.record({ read: fc.nat({ max: 3 }), back: fc.nat({ max: 2 }), count: fc.nat({ max: 6 }) }),
        },
        { weight: 2, arbitrary: fc.constant("forget" as const) },
        { weight: 2, arbitrary: fc.constant("clear" as const) },
        { weight: 1, arbitrary: fc.constant("trim" as const) },
      );
      await fc.assert(
        fc.asyncProperty(fc.array(step, { maxLength: 25 }), async (steps) => {
          await redis.flushdb();
          await append(0, 2, { rebuild: true });
          // Each reading of the log that may still be on its way, with the forgetting that was known before it.
          const readings = [{ head: 4, forgetting: 0 }];
          let cleared = 0;
          for (const at of steps) {
            const latest = readings.at(-1) as (typeof readings)[number];
            if (at === "forget") {
              readings.push({ head: latest.head + 3, forgetting: latest.head + 1 });
            } else if (at === "clear") {
              await append(latest.forgetting, 0, { forgetting: latest.forgetting });
              cleared = latest.forgetting;
            } else if (at === "trim") {
              await redis.xtrim(streamKey("cc"), "MAXLEN", 1);
            } else {
              const { head, forgetting } = readings.at(-1 - at.read) ?? latest;
              const last = Number((await redis.hget(placeKey("cc"), "last")) ?? 0);
              const after = Math.max(0, last - at.back);
              const count = Math.max(0, Math.min(at.count, head - after));
              // Of an entry's bytes, the text's length says after which forgetting it was read.
              const events = Array.from({ length: count }, (_, n) => eventAt(after + 1 + n, 10 + forgetting));
              await append(after, count, { events, forgetting, rebuild: at.count % 2 === 0 });
            }
            const entries = (await redis.xrangeBuffer(streamKey("cc"), "-", "+")) as unknown as [Buffer, Buffer[]][];
            for (const [id, fields] of entries) {
              const position = Number.parseInt(id.toString(), 10);
              const readAfter = (fields[1]?.toString("latin1").split("x").length ?? 1) - 11;
              expect(position >= cleared || readAfter >= cleared).toBe(true);
            }
          }
        }),
        { numRuns: 100 },
      );
    },
  );
});

type Known = { generation: number; last: number } | undefined;

/** The law of H2, without any Redis. */
function model(
  known: Known,
  call: { after: number; count: number; rebuild: boolean; generation: number },
): { answer: { status: string; last: number }; known: Known } {
  const { after, count, rebuild, generation } = call;
  if (known !== undefined && known.generation > generation) {
    return { answer: { status: "STALE", last: known.generation }, known };
  }
  const ours = known !== undefined && known.generation === generation ? known.last : undefined;
  if (!rebuild && ours === undefined) {
    return { answer: { status: "EMPTY", last: 0 }, known: undefined };
  }
  const last = ours === undefined || (rebuild && after > ours) ? after : ours;
  if (count > 0 && after > last) {
    return { answer: { status: "GAP", last }, known: { generation, last } };
  }
  const end = count === 0 ? last : Math.max(last, after + count);
  return { answer: { status: "OK", last: end }, known: { generation, last: end } };
}
