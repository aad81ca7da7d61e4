import { create } from "@bufbuild/protobuf";
import { timestampFromMs } from "@bufbuild/protobuf/wkt";
import { describe, expect, test } from "@jest/globals";
import { Consumer_Key as Key } from "#gen/cos/highway/v1/consumers_pb.ts";
import { Settle_Outcome as Outcome } from "#gen/cos/highway/v1/consuming_pb.ts";
import { EventSchema } from "#gen/cos/highway/v1/highway_pb.ts";
import { MemorySchema } from "#gen/cos/memory/v1/memory_pb.ts";
import { eventBytes } from "#shared/highway/client/event-bytes.ts";
import { GivenBack } from "#shared/highway/client/given-back.ts";
import { keyOf } from "#shared/highway/client/key-of.ts";
import { Outbox } from "#shared/highway/client/outbox.ts";
import { settlesOf } from "#shared/highway/client/settles-of.ts";

test("the key of an event, by its consumer's", () => {
  const memory = create(MemorySchema, { module: "m", sessionId: "s", source: "w" });
  const keys = [Key.UNSPECIFIED, Key.MODULE, Key.SESSION, Key.SOURCE, Key.NONE].map((key) => keyOf(memory, key));
  expect(keys).toEqual(["m", "m", "m/s", "m/w", undefined]);
  const forgotten = create(MemorySchema, { module: "m", forgottenAt: timestampFromMs(1) });
  expect([Key.MODULE, Key.SESSION, Key.SOURCE].map((key) => keyOf(forgotten, key))).toEqual([
    "m",
    undefined,
    undefined,
  ]);
});

test("settlements that say the same go together, in the order in which they came about", () => {
  const settles = settlesOf(
    [
      { module: "a", position: 1, outcome: Outcome.ACK },
      { module: "a", position: 2, outcome: Outcome.RETRY, error: "x\0y" },
      { module: "b", position: 3, outcome: Outcome.ACK },
      { module: "a", position: 4, outcome: Outcome.ACK },
      { module: "a", position: 5, outcome: Outcome.RETRY, error: "x", delayMs: 8 * 86_400_000 },
      { module: "a", position: 6, outcome: Outcome.RETRY, error: "x", delayMs: -1 },
    ],
    7n,
  );
  expect(settles).toMatchObject([
    { module: "a", positions: [1n, 4n], outcome: Outcome.ACK, generation: 7n, error: "" },
    { module: "a", positions: [2n], error: "xy" },
    { module: "b", positions: [3n] },
    { module: "a", positions: [5n], delay: { seconds: 604_800n } },
    { module: "a", positions: [6n], delay: { seconds: 0n } },
  ]);
  const [long] = settlesOf([{ module: "a", position: 1, outcome: Outcome.PARK, error: `${"x".repeat(1999)}😀` }], 1n);
  expect(long?.error.isWellFormed()).toBe(true);
});

describe("what was on its way when an event was given back", () => {
  test("B1: is stale until the event comes again, or its release is refused", () => {
    const given = new GivenBack();
    expect(given.isStale("m/a", 2, 0)).toBe(false);
    given.note("m/a", 1, 0);
    expect([given.isStale("m/a", 2, 0), given.isStale("m/a", 3, 0), given.isStale("m/b", 2, 0)]).toEqual([
      true,
      true,
      false,
    ]);
    expect(given.isStale(undefined, 2, 0)).toBe(false);
    expect([given.isStale("m/a", 1, 0), given.isStale("m/a", 2, 0)]).toEqual([false, false]);
    given.note("m/a", 1, 0);
    given.note("m", 1, 0);
    given.refused("n", 1);
    given.refused("m", 2);
    expect(given.isStale("m/a", 2, 0)).toBe(true);
    given.refused("m", 1);
    expect([given.isStale("m/a", 2, 0), given.isStale("m", 2, 0)]).toEqual([false, false]);
  });

  test("B2: not for ever", () => {
    const given = new GivenBack();
    given.note("m/a", 1, 0);
    expect(given.isStale("m/a", 2, 4_999)).toBe(true);
    expect(given.isStale("m/a", 2, 5_000)).toBe(false);
  });
});

test("an outbox hands on what is put into it until it is ended, and nothing after", async () => {
  const outbox = new Outbox<number>();
  const taken = Array.fromAsync(outbox);
  outbox.push(1);
  await Promise.resolve();
  outbox.push(2);
  outbox.end();
  outbox.push(3);
  await expect(taken).resolves.toEqual([1, 2]);
});

test("an event weighs what its texts do, and a little more", () => {
  const memory = create(MemorySchema, { text: "abc", promptTrace: { prompt: "de", response: "f" } });
  expect(eventBytes(create(EventSchema, { body: { case: "memory", value: memory } }))).toBe(406);
  expect(eventBytes(create(EventSchema, {}))).toBe(400);
});
