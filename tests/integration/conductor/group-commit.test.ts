import { afterAll, beforeAll, describe, expect, test } from "@jest/globals";
import { Pool } from "pg";
import { ErrorReason } from "#gen/cos/api/v1/errors_pb.ts";
import { WriterConnection } from "#services/conductor/store/writer-connection.ts";
import { localScope } from "#shared/auth/scope.ts";
import { someMemory } from "#tests/unit/conductor/some-memory.ts";
import { openTestStore, type TestStore } from "./open-test-store.ts";

const everything = localScope();
const upTo = (count: number) => Array.from({ length: count }, (_, n) => n + 1);
let given: TestStore;

beforeAll(async () => {
  given = await openTestStore();
});
afterAll(() => given.close());

describe("sequences", () => {
  test("G5: memories of one sequence keep their order, although batches race", async () => {
    const [stream, other] = [{}, {}];
    const turn = () => new Promise((resolve) => setImmediate(resolve));
    const ofStream: Promise<{ position: number }>[] = [];
    const ofOthers: Promise<{ position: number }>[] = [];
    // A few at a time, so that a batch is on its way nearly always when the next ones come.
    for (let n = 0; n < 400; n += 1) {
      ofStream.push(given.store.record(everything, someMemory(), stream));
      if (n % 3 === 0) ofOthers.push(given.store.record(everything, someMemory(), other));
      if (n % 5 === 0) ofOthers.push(given.store.record(everything, someMemory()));
      if (n % 4 === 0) await turn();
    }
    const positions = (await Promise.all(ofStream)).map(({ position }) => position);
    expect(positions).toEqual(positions.toSorted((a, b) => a - b));
    await Promise.all(ofOthers);
  });
});

describe("durability", () => {
  test("G2: commits wait for the disk, even where role or database say otherwise", async () => {
    const first = await openTestStore();
    const { rows } = await first.client.query<{ name: string }>("select current_database() as name");
    await first.client.query(`alter database "${rows[0]?.name}" set synchronous_commit = off`);
    const pool = new Pool({ connectionString: first.url });
    const writer = new WriterConnection(pool, 250);
    const { rows: settings } = await (await writer.use(1000)).query("show synchronous_commit");
    expect(settings).toEqual([{ synchronous_commit: "on" }]);
    writer.drop();
    await pool.end();
    await first.close();
  });
});

describe("bounds", () => {
  test("G6: beyond what may wait, callers are refused at once, and nobody else is harmed", async () => {
    const bounded = await openTestStore({ commit: { waitingRowsMax: 10 } });
    const results = await Promise.allSettled(upTo(30).map(() => bounded.store.record(everything, someMemory())));
    const refused = results.filter(({ status }) => status === "rejected") as PromiseRejectedResult[];
    expect(refused).toHaveLength(20);
    expect(refused[0]?.reason).toMatchObject({ reason: ErrorReason.OVERLOADED, retryAfterMs: 250 });
    await expect(bounded.store.record(everything, someMemory())).resolves.toMatchObject({ position: 11 });
    await bounded.close();
  });

  test("closing answers who waits, and takes no more", async () => {
    const closing = await openTestStore();
    const waiting = upTo(20).map(() => closing.store.record(everything, someMemory()));
    const closed = closing.close();
    await expect(closing.store.record(everything, someMemory())).rejects.toMatchObject({
      reason: ErrorReason.DRAINING,
    });
    expect((await Promise.all(waiting)).map(({ position }) => position)).toEqual(upTo(20));
    await closed;
  });

  test("an announcement that fails harms nobody", async () => {
    const failing = await openTestStore({
      onCommitted: () => {
        throw new Error("no highway");
      },
    });
    await expect(failing.store.record(everything, someMemory())).resolves.toMatchObject({ position: 1 });
    await failing.close();
  });
});
