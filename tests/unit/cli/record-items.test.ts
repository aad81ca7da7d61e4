import { create } from "@bufbuild/protobuf";
import { Code, ConnectError, createClient } from "@connectrpc/connect";
import { describe, expect, test } from "@jest/globals";
import fc from "fast-check";
import {
  ConductorService,
  type RecordMemoriesRequest,
  RecordMemoriesResponseSchema,
  RecordMemoryRequestSchema,
} from "#gen/cos/conductor/v1/conductor_service_pb.ts";
import { Held } from "#services/cli/import/held.ts";
import { type Item, type RecordItemsOptions, recordItems } from "#services/cli/import/record-items.ts";
import { mostReactions } from "#tests/support/most-reactions.ts";
import { FakeConductor } from "./support/fake-conductor.ts";

function items(count: number, bytes = 10): Item[] {
  return Array.from({ length: count }, (_, index) => {
    const memory = { module: "cc", eventType: "note", source: "test", text: `text ${index}` };
    const request = create(RecordMemoryRequestSchema, { memory, idempotencyKey: `key ${index}` });
    return { name: `line ${index + 1}`, request, bytes };
  });
}

async function* inGroups(all: readonly Item[], size = 3): AsyncGenerator<Item[]> {
  for (let start = 0; start < all.length; start += size) yield all.slice(start, start + size);
}

interface Outcome {
  readonly recorded: string[];
  readonly again: string[];
  readonly faults: string[];
  readonly lost: string[];
  resumed: number;
}

function outcome(): Outcome {
  return { recorded: [], again: [], faults: [], lost: [], resumed: 0 };
}

function optionsFor(fake: FakeConductor, all: readonly Item[], result: Outcome): RecordItemsOptions {
  const client = createClient(ConductorService, fake.transport());
  return {
    items: inGroups(all),
    open: (requests, call) => client.recordMemories(requests, { ...call, headers: { "x-request-id": "run" } }),
    onRecorded: ({ name }, { deduplicated }) => (deduplicated ? result.again : result.recorded).push(name),
    onFault: ({ name }, { message }) => result.faults.push(`${name}: ${message}`),
    onLost: (_, next) => result.lost.push(next?.name ?? "nothing"),
    onResumed: () => {
      result.resumed += 1;
    },
    stop: new AbortController().signal,
    abandon: new AbortController().signal,
    batchItemsMax: 4,
    giveUpAfterMs: 60_000,
    backoff: { initialMs: 0, maxMs: 0 },
  };
}

const texts = (count: number): string[] => Array.from({ length: count }, (_, index) => `text ${index}`);

test("what has its answer is let go of, however many come", async () => {
  const result = outcome();
  const options = optionsFor(new FakeConductor(), items(300), result);
  expect(await mostReactions(() => recordItems(options))).toBeLessThan(10);
  expect(result.recorded).toHaveLength(300);
});

test("all items are recorded, in order", async () => {
  const [fake, result] = [new FakeConductor(), outcome()];
  await recordItems(optionsFor(fake, items(50), result));
  expect(fake.texts("cc")).toEqual(texts(50));
  expect(result.recorded).toHaveLength(50);
  expect(Math.max(...fake.bulkSizes)).toBeLessThanOrEqual(4);
});

test("nothing to record opens no stream", async () => {
  const fake = new FakeConductor();
  await recordItems(optionsFor(fake, [], outcome()));
  expect(fake.bulkSizes).toEqual([]);
});

test("R3: wherever the server dies, before or after recording, each item is recorded once, in order, and answered once", async () => {
  const deaths = fc.array(fc.record({ at: fc.nat(20), unanswered: fc.boolean() }), { maxLength: 8 });
  const property = fc.asyncProperty(
    fc.integer({ min: 1, max: 60 }),
    deaths,
    fc.integer({ min: 1, max: 9 }),
    async (count, plan, held) => {
      const [fake, result, left] = [new FakeConductor(), outcome(), [...plan]];
      const breaks =
        (unanswered: boolean) =>
        (index: number): boolean => {
          if (left[0]?.unanswered !== unanswered || left[0].at !== index) return false;
          left.shift();
          return true;
        };
      Object.assign(fake.mischief, { breaksBefore: breaks(false), breaksUnanswered: breaks(true) });
      await recordItems({ ...optionsFor(fake, items(count), result), heldItemsMax: held });
      expect(fake.texts("cc")).toEqual(texts(count));
      expect([...result.recorded, ...result.again].length).toBe(count);
      expect(new Set([...result.recorded, ...result.again]).size).toBe(count);
      expect(result.faults).toEqual([]);
    },
  );
  await fc.assert(property, { numRuns: 60 });
});

test("a loss is told once, with the item that it goes on from, and so is the return", async () => {
  const [fake, result] = [new FakeConductor(), outcome()];
  let deaths = 3;
  fake.mischief.breaksBefore = (index) => index === 0 && deaths-- > 0;
  await recordItems(optionsFor(fake, items(5), result));
  expect(result).toMatchObject({ lost: ["line 1"], resumed: 1 });
});

test("R4: an item that is refused for the moment is sent again before any later one is taken", async () => {
  const [fake, result] = [new FakeConductor(), outcome()];
  const refusals = [
    { code: Code.Unavailable, reason: "ENGINE_UNAVAILABLE", message: "later" },
    { code: Code.ResourceExhausted, reason: "OVERLOADED", message: "later" },
  ];
  fake.mischief.faultOf = ({ memory }) => (memory?.text === "text 2" ? refusals.shift() : undefined);
  await recordItems({ ...optionsFor(fake, items(9), result), batchItemsMax: 1, heldItemsMax: 1 });
  expect(fake.texts("cc")).toEqual(texts(9));
  expect(result.faults).toEqual([]);
});

test("an item that is refused for good is told, and the others are recorded", async () => {
  const [fake, result] = [new FakeConductor(), outcome()];
  fake.mischief.faultOf = ({ memory }) =>
    memory?.text === "text 2"
      ? { code: Code.InvalidArgument, reason: "INVALID_FIELD", message: "too long" }
      : undefined;
  await recordItems(optionsFor(fake, items(9), result));
  expect(result.faults).toEqual(["line 3: too long"]);
  expect(result.recorded).toHaveLength(8);
});

test("a stream that is lost while there is nothing to send is no trouble, however long ago the last answer was", async () => {
  const [fake, result] = [new FakeConductor(), outcome()];
  const all = items(2);
  let clock = 0;
  const lost = Promise.withResolvers<void>();
  async function* slow(): AsyncGenerator<Item[]> {
    yield all.slice(0, 1);
    await lost.promise;
    clock = 1_000_000;
    yield all.slice(1);
  }
  const onLost = (_: unknown, next: Item | undefined): void => {
    result.lost.push(next?.name ?? "nothing");
    lost.resolve();
  };
  const options = { ...optionsFor(fake, [], result), items: slow(), onLost, now: () => clock };
  const client = options.open;
  let streams = 0;
  const open: RecordItemsOptions["open"] = async function* (requests, call) {
    streams += 1;
    for await (const answer of client(requests, call)) {
      yield answer;
      if (streams < 2) throw new ConnectError("old enough", Code.Unavailable);
    }
  };
  await recordItems({ ...options, open, giveUpAfterMs: 1000 });
  expect(result).toMatchObject({ recorded: ["line 1", "line 2"], lost: ["nothing"], resumed: 1 });
});

describe("the end", () => {
  test("a server that stays away is given up", async () => {
    const [fake, result] = [new FakeConductor(), outcome()];
    fake.mischief.breaksBefore = () => true;
    let clock = 0;
    const now = (): number => (clock += 1000);
    const done = recordItems({ ...optionsFor(fake, items(3), result), giveUpAfterMs: 10_000, now });
    await expect(done).rejects.toMatchObject({ code: Code.Unavailable });
  });

  test("a refusal of the whole stream is thrown at once", async () => {
    const fake = new FakeConductor();
    fake.mischief.refuses = () => new ConnectError("who are you", Code.Unauthenticated);
    await expect(recordItems(optionsFor(fake, items(3), outcome()))).rejects.toMatchObject({
      code: Code.Unauthenticated,
    });
  });

  test("streams that end too soon, one after the other, are given up", async () => {
    let clock = 0;
    const open = async function* () {};
    const options = { ...optionsFor(new FakeConductor(), items(3), outcome()), open, giveUpAfterMs: 10 };
    const done = recordItems({ ...options, now: () => (clock += 6) });
    await expect(done).rejects.toThrow("the server ends every stream before its answers");
  });

  test("a fault of the source is thrown after what came before it is recorded", async () => {
    const [fake, result] = [new FakeConductor(), outcome()];
    async function* failing(): AsyncGenerator<Item[]> {
      yield items(3);
      throw new Error("disk gone");
    }
    await expect(recordItems({ ...optionsFor(fake, [], result), items: failing() })).rejects.toThrow("disk gone");
    expect(result.recorded).toHaveLength(3);
  });

  test("R5: after stop nothing more is taken in, and what was is answered", async () => {
    const [fake, result, stop] = [new FakeConductor(), outcome(), new AbortController()];
    async function* endless(): AsyncGenerator<Item[]> {
      yield items(3);
      await new Promise(() => undefined);
    }
    const onRecorded = ({ name }: Item): void => {
      if (result.recorded.push(name) === 2) stop.abort();
    };
    await recordItems({ ...optionsFor(fake, [], result), items: endless(), onRecorded, stop: stop.signal });
    expect(result.recorded).toHaveLength(3);
    await recordItems({ ...optionsFor(fake, items(3), result), stop: stop.signal });
    expect(result.recorded).toHaveLength(3);
  });

  test("R5: after stop a lost stream is the end, and abandon loses it", async () => {
    const [result, stop, abandon] = [outcome(), new AbortController(), new AbortController()];
    const open: RecordItemsOptions["open"] = async function* (_, { signal }) {
      stop.abort();
      abandon.abort();
      if (signal.aborted) throw new ConnectError("canceled", Code.Canceled);
      yield create(RecordMemoriesResponseSchema);
    };
    const options = { ...optionsFor(new FakeConductor(), items(1), result), open };
    await recordItems({ ...options, stop: stop.signal, abandon: abandon.signal });
    expect(result).toEqual(outcome());
  });

  test("R5: a stop ends the wait for another attempt", async () => {
    const [fake, result, stop] = [new FakeConductor(), outcome(), new AbortController()];
    fake.mischief.breaksBefore = () => true;
    const onLost = (): void => stop.abort();
    const backoff = { initialMs: 60_000, maxMs: 60_000 };
    await recordItems({ ...optionsFor(fake, items(1), result), onLost, backoff, stop: stop.signal });
    expect(fake.texts("cc")).toEqual([]);
  });
});

describe("R2: answers that do not fit are refused", () => {
  type Answer = {
    firstIndex: bigint;
    results: { outcome: { case: undefined } | { case: "recorded"; value: object } }[];
  };
  const answering = (answer: Answer): RecordItemsOptions["open"] =>
    async function* (requests: AsyncIterable<RecordMemoriesRequest>) {
      for await (const _ of requests) yield create(RecordMemoriesResponseSchema, answer as never);
    };
  const recorded = { outcome: { case: "recorded" as const, value: {} } };

  test.each<[string, Answer, string]>([
    ["out of order", { firstIndex: 1n, results: [recorded] }, "an answer to item 1 came where 0 was due"],
    ["to what was not sent", { firstIndex: 0n, results: [recorded, recorded] }, "an answer came to what was not sent"],
    [
      "without an outcome",
      { firstIndex: 0n, results: [{ outcome: { case: undefined } }] },
      "an answer came without its outcome",
    ],
  ])("%s", async (_, answer, message) => {
    const options = { ...optionsFor(new FakeConductor(), items(1), outcome()), open: answering(answer) };
    await expect(recordItems(options)).rejects.toThrow(message);
  });
});

test("R1: no more is held than may be, by number and by weight", async () => {
  const held = new Held<{ bytes: number }>(2, 100);
  held.add({ bytes: 1 });
  await held.room();
  held.add({ bytes: 1 });
  let roomy = false;
  const room = held.room().then(() => {
    roomy = true;
  });
  const signal = new AbortController().signal;
  expect(await held.next(9, 1, signal)).toHaveLength(1);
  expect(roomy).toBe(false);
  held.answer();
  await room;
  held.add({ bytes: 100 });
  await Promise.race([held.room().then(() => expect("room").toBe("none")), Promise.resolve()]);
});
