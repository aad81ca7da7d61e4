import { describe, expect, test } from "@jest/globals";
import { pino } from "pino";
import { READER_LIMITS, type ReaderConnection, ShardReader, type StreamEntry } from "#shared/highway/shard-reader.ts";

type Entry = [position: number, field: "e" | "f" | "r", epoch: string];

const reply = (module: string, entries: readonly Entry[]): unknown => [
  [
    Buffer.from(`hw:{${module}}:s`),
    entries.map(([position, field, epoch]) => [
      Buffer.from(`${position}-0`),
      [field, `bytes ${position}`, "i", epoch].map((text) => Buffer.from(text)),
    ]),
  ],
];

/** A reader over a connection that answers when the test says so. */
function open(status = "ready", roams = false) {
  const got: [string, readonly StreamEntry[]][] = [];
  const healths: boolean[] = [];
  const moved: string[] = [];
  const unblocked: number[] = [];
  const disconnects: (boolean | undefined)[] = [];
  let foreign = 0;
  let connections = 0;
  let answer: (read: string[]) => unknown = () => null;
  const waiting: PromiseWithResolvers<string[]>[] = [];
  const connection: ReaderConnection & { status: string } = {
    status,
    call: async () => {
      connections += 1;
      return 6 + connections;
    },
    callBuffer: async (_command, ...args) => {
      const read = args.slice(args.indexOf("STREAMS") + 1).map(String);
      waiting.shift()?.resolve(read);
      return await answer(read);
    },
    disconnect: (reconnect) => void disconnects.push(reconnect),
  };
  const reader = new ShardReader({
    connection,
    unblock: async (id) => unblocked.push(id),
    log: pino({ level: "silent" }),
    limits: { ...READER_LIMITS, blockMs: 5, graceMs: 10, retryMs: 1 },
    epoch: () => "e1",
    onEntries: (module, entries) => got.push([module, entries]),
    onForeignEpoch: () => {
      foreign += 1;
    },
    onHealth: () => healths.push(reader.healthy),
    roams,
    onMoved: (module) => {
      moved.push(module);
      reader.remove(module);
    },
  });
  const nextRead = async (): Promise<string[]> => {
    const next = Promise.withResolvers<string[]>();
    waiting.push(next);
    return await next.promise;
  };
  const answering = (next: (read: string[]) => unknown): void => {
    answer = next;
  };
  return {
    reader,
    connection,
    got,
    healths,
    moved,
    unblocked,
    disconnects,
    nextRead,
    answering,
    foreign: () => foreign,
  };
}

/** An answer that comes once, and then nothing new. */
function once(first: unknown): () => unknown {
  let given = false;
  return () => {
    if (given) return new Promise((resolve) => setTimeout(resolve, 3, null));
    given = true;
    return first;
  };
}

describe("the blocking reader", () => {
  test("D1: reads above where a module was added, hands entries on in order, and goes on above them", async () => {
    const { reader, got, nextRead, answering } = open();
    answering(
      once(
        reply("cc", [
          [5, "e", "e1"],
          [6, "r", "e1"],
          [7, "f", "e1"],
        ]),
      ),
    );
    const first = nextRead();
    reader.add("cc", 4);
    expect(await first).toEqual(["hw:{cc}:s", "4-0"]);
    expect(await nextRead()).toEqual(["hw:{cc}:s", "7-0"]);
    expect(got).toEqual([
      [
        "cc",
        [
          { position: 5, bytes: Buffer.from("bytes 5"), forgets: false, epoch: "e1" },
          { position: 6, bytes: undefined, forgets: false, epoch: "e1" },
          { position: 7, bytes: Buffer.from("bytes 7"), forgets: true, epoch: "e1" },
        ],
      ],
    ]);
    await reader.close();
  });

  test("D1: what comes for a module that was removed, or added anew higher up, is not handed on", async () => {
    const { reader, got, nextRead, answering } = open();
    const gate = Promise.withResolvers<unknown>();
    answering(() => gate.promise);
    const first = nextRead();
    reader.add("cc", 4);
    reader.add("pepys", 0);
    await first;
    reader.remove("pepys");
    reader.add("cc", 9);
    answering(once(null));
    gate.resolve([...(reply("cc", [[5, "e", "e1"]]) as unknown[]), ...(reply("pepys", [[1, "e", "e1"]]) as unknown[])]);
    expect(await nextRead()).toEqual(["hw:{cc}:s", "9-0"]);
    expect(got).toEqual([]);
    await reader.close();
  });

  test("D2: a change in the set of modules wakes the blocked read", async () => {
    const { reader, unblocked, nextRead, answering } = open();
    answering(() => new Promise((resolve) => setTimeout(resolve, 5, null)));
    const first = nextRead();
    reader.add("cc", 0);
    await first;
    reader.add("pepys", 0);
    expect(unblocked).toEqual([7]);
    await reader.close();
  });

  test("D2: after a failure the wake goes to the connection that reads then", async () => {
    const { reader, unblocked, nextRead, answering } = open();
    answering(() => Promise.reject(new Error("Connection is closed.")));
    reader.add("cc", 0);
    await nextRead();
    answering(() => new Promise((resolve) => setTimeout(resolve, 5, null)));
    await nextRead();
    reader.add("pepys", 0);
    expect(unblocked).toEqual([8]);
    await reader.close();
  });

  test("D3: no answer in time gives the connection up, and it is healthy again when one has come", async () => {
    const { reader, disconnects, healths, nextRead, answering } = open();
    answering(() => new Promise(() => {}));
    reader.add("cc", 0);
    await nextRead();
    await nextRead();
    expect(disconnects).toEqual([true]);
    expect(healths).toEqual([false]);
    answering(once(null));
    await nextRead();
    await nextRead();
    expect(healths).toEqual([false, true]);
    await reader.close();
  });

  test("D3: without a connection it is not healthy, and tries again", async () => {
    const { reader, connection, healths, nextRead, answering } = open("reconnecting");
    answering(once(null));
    reader.add("cc", 0);
    await new Promise((resolve) => setTimeout(resolve, 5));
    expect(healths).toEqual([false]);
    connection.status = "ready";
    await nextRead();
    await nextRead();
    expect(reader.healthy).toBe(true);
    await reader.close();
  });

  test("D4: entries of another epoch are not handed on, those of the log's own are", async () => {
    const { reader, got, healths, foreign, nextRead, answering } = open();
    answering(
      once([...(reply("cc", [[5, "e", "other"]]) as unknown[]), ...(reply("pepys", [[2, "e", "e1"]]) as unknown[])]),
    );
    reader.add("cc", 4);
    reader.add("pepys", 1);
    await nextRead();
    expect(await nextRead()).toEqual(["hw:{cc}:s", "hw:{pepys}:s", "4-0", "2-0"]);
    expect(got.map(([module]) => module)).toEqual(["pepys"]);
    expect(foreign()).toBe(1);
    expect(healths[0]).toBe(false);
    await reader.close();
  });

  test("D4: an entry of another epoch that stays makes it unhealthy once, not at every read", async () => {
    const { reader, healths, nextRead, answering } = open();
    answering(() => reply("cc", [[5, "e", "other"]]));
    reader.add("cc", 4);
    for (let read = 0; read < 4; read += 1) await nextRead();
    expect(healths).toEqual([false]);
    answering(once(null));
    await nextRead();
    await nextRead();
    expect(healths).toEqual([false, true]);
    await reader.close();
  });

  test("D6: a server that cannot be reached sends its modules to be placed anew, where there are others", async () => {
    const { reader, moved } = open("reconnecting", true);
    reader.add("cc", 0);
    while (moved.length === 0) await new Promise((resolve) => setTimeout(resolve, 1));
    expect(moved).toEqual(["cc"]);
    await reader.close();
  });

  test("D7: in a Cluster each stream is read by a command of its own, without blocking", async () => {
    const { reader, got, answering } = open("ready", true);
    answering((read) => {
      const key = read[0] ?? "";
      return read[1] === "0-0" ? reply(key.slice(4, -3), [[1, "e", "e1"]]) : null;
    });
    reader.add("cc", 0);
    reader.add("pepys", 0);
    while (got.length < 2) await new Promise((resolve) => setTimeout(resolve, 1));
    expect(got.map(([module, entries]) => [module, entries.length])).toEqual([
      ["cc", 1],
      ["pepys", 1],
    ]);
    expect(reader.healthy).toBe(true);
    await reader.close();
  });

  test("D6: a slot that has moved sends its modules to be placed anew", async () => {
    const { reader, moved, answering } = open();
    answering(() => Promise.reject(new Error("MOVED 1234 127.0.0.1:7001")));
    reader.add("cc", 0);
    await new Promise((resolve) => setTimeout(resolve, 5));
    expect(moved).toEqual(["cc"]);
    expect(reader.modules).toBe(0);
    await reader.close();
  });

  test("D5: reads of very many streams keep a distance", async () => {
    const { reader, got, nextRead, answering } = open();
    answering(once(reply("m7", [[1, "e", "e1"]])));
    for (let index = 0; index < 1_000; index += 1) reader.add(`m${index}`, 0);
    const first = performance.now();
    await nextRead();
    await nextRead();
    expect(got.length).toBe(1);
    expect(performance.now()).toBeGreaterThan(first);
    await reader.close();
  });

  test("a failed wake costs nothing, and a read that fails while closing is no fault", async () => {
    const { reader, healths, nextRead, answering } = open();
    const gate = Promise.withResolvers<unknown>();
    answering(() => gate.promise);
    reader.add("cc", 0);
    await nextRead();
    const closed = reader.close();
    gate.reject(new Error("Connection is closed."));
    await closed;
    expect(healths).toEqual([]);
  });
});
